package app

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/vault"
	"sekisho/internal/trade/invoice"
)

// Start lets the house work: jobs, sending, and the rounds of the hour. The
// function it returns waits until everything begun has ended.
func (a *App) Start(ctx context.Context) (stop func(), err error) {
	relay, err := Relay(a.Config.Mail)
	if err != nil {
		return nil, err
	}
	return a.StartWith(ctx, relay)
}

// StartWith is Start with a relay of one's own: the demo's trap.
func (a *App) StartWith(ctx context.Context, relay *dispatch.Relay) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	worker := &jobs.Worker{Gate: a.Gate, Parallel: 2, Log: a.Log}
	wg.Go(func() { worker.Run(ctx) })
	if relay != nil {
		w := &dispatch.Worker{Gate: a.Gate, As: gate.System("dispatch"), Blobs: a.Blobs, Relay: *relay, Holder: a.holder(), Log: a.Log}
		wg.Go(func() {
			for ctx.Err() == nil { // it gives up when the database is away at the start: again
				if err := w.Run(ctx); err != nil && ctx.Err() == nil {
					a.Log.Error("sending pauses", "err", err)
					select {
					case <-ctx.Done():
					case <-time.After(5 * time.Second):
					}
				}
			}
		})
	}
	wg.Go(func() { a.rounds(ctx) })
	return func() { cancel(); wg.Wait() }, nil
}

// holder names this house's place on this host, so that a restart settles at
// once what its predecessor had begun.
func (a *App) holder() string {
	name, err := os.Hostname()
	if err != nil {
		name = "node"
	}
	return name + ":" + a.Home
}

// Relay makes the relay of the configuration; nil when there is none.
func Relay(m Mail) (*dispatch.Relay, error) {
	if m.Host == "" {
		return nil, nil
	}
	r := &dispatch.Relay{Host: m.Host, Port: m.Port, Mode: dispatch.RelayMode(m.Mode), User: m.User, Hello: m.Hello}
	if m.PasswordFile != "" {
		b, err := os.ReadFile(m.PasswordFile)
		if err != nil {
			return nil, fault.Unavailable("app.relay_password", "file", m.PasswordFile).Because(err)
		}
		r.Password = vault.NewSecret(strings.TrimSpace(string(b)))
	}
	if m.CAFile != "" {
		b, err := os.ReadFile(m.CAFile)
		if err != nil {
			return nil, fault.Unavailable("app.relay_ca", "file", m.CAFile).Because(err)
		}
		r.ExtraRoots = b
	}
	return r, r.Check()
}

// rounds are what the server does by itself: remember who is active, let
// unanswered requests lapse, look for lost renderings.
func (a *App) rounds(ctx context.Context) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	a.sinceLog(ctx)
	a.lookAtClock(ctx)
	a.hourly(ctx)
	for {
		select {
		case <-ctx.Done():
			a.touch(context.WithoutCancel(ctx))
			return
		case <-minute.C:
			a.Minute(ctx)
		case <-hour.C:
			a.hourly(ctx)
		}
	}
}

func (a *App) touch(ctx context.Context) {
	for {
		ids := a.Seen.Take()
		if len(ids) == 0 {
			return
		}
		a.system(ctx, identity.Touch.Name(), identity.TouchIn{Sessions: ids})
	}
}

func (a *App) hourly(ctx context.Context) {
	a.system(ctx, approval.Lapse.Name(), struct{}{})
	a.system(ctx, invoice.StaleRenders.Name(), struct{}{})
	a.system(ctx, identity.Sweep.Name(), struct{}{})
}

func (a *App) system(ctx context.Context, op string, in any) {
	raw, err := json.Marshal(in)
	if err == nil {
		_, err = a.Gate.JSON(ctx, gate.System("rounds"), op, raw)
	}
	if err != nil && ctx.Err() == nil {
		a.Log.Error("a round failed", "op", op, "err", err)
	}
}

// HasPeople tells whether anybody can sign in at all.
func (a *App) HasPeople(ctx context.Context) (bool, error) {
	out, err := gate.Run(ctx, a.Gate, gate.System("console"), identity.People, identity.PeopleIn{Limit: 1})
	return len(out.Rows) > 0, err
}

// SetupCode makes the one-time code of a house without people; "" when there are some.
func (a *App) SetupCode(ctx context.Context) (string, error) {
	out, err := gate.Run(ctx, a.Gate, gate.System("console"), identity.MakeSetupCode, identity.None{})
	return out.Code, err
}
