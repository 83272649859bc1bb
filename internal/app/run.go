package app

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/assure/drill"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/oauth"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/trade/invoice"
)

// Start lets the house work: jobs, sending, and the rounds of the hour. The
// function it returns waits until everything begun has ended.
func (a *App) Start(ctx context.Context) (stop func(), err error) {
	list, err := Relays(a.Config)
	if err == nil {
		a.signing, err = Signing(a.Config)
	}
	if err != nil && a.Sealed() { // on a new machine the relay's files may be missing; nothing is sent anyway
		a.Log.Warn("the relay cannot be used: start again once it can", "err", err)
		list, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	return a.start(ctx, list, a.followers())
}

// StartWith is Start with a relay of one's own: the demo's trap.
func (a *App) StartWith(ctx context.Context, relay *dispatch.Relay) (stop func(), err error) {
	if relay == nil {
		return a.start(ctx, nil, nil)
	}
	return a.start(ctx, []dispatch.Relay{*relay}, nil)
}

// sendAtOnce is how many mails may be on their way together: one that hangs
// must not keep the others.
const sendAtOnce = 4

func (a *App) start(ctx context.Context, list []dispatch.Relay, follow []*dispatch.Follower) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { a.keepAlarms(ctx) })
	wg.Go(func() {
		if !a.Sealed() || a.untilOpened(ctx) { // a restored house waits for two people
			a.work(ctx, &wg, list, follow)
		}
	})
	return func() { cancel(); wg.Wait() }, nil
}

// work begins everything the house does by itself.
func (a *App) work(ctx context.Context, wg *sync.WaitGroup, list []dispatch.Relay, follow []*dispatch.Follower) {
	worker := &jobs.Worker{Gate: a.Gate, Parallel: 2, Log: a.Log}
	wg.Go(func() { worker.Run(ctx) })
	if len(list) > 0 {
		w := &dispatch.Worker{Gate: a.Gate, As: gate.System("dispatch"), Blobs: a.Blobs, Relay: list[0], Holder: a.holder(), From: a.sender(), Bounces: a.bounceAddress(), Sign: a.signing, Log: a.Log,
			Parallel: sendAtOnce, Pace: dispatch.Pace{PerDomain: a.Config.Mail.PerMinuteDomain, Overall: a.Config.Mail.PerMinute}}
		if len(list) > 1 {
			w.Second = &list[1]
		}
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
	a.takeBounces(ctx, wg)
	for _, f := range follow {
		wg.Go(func() { f.Run(ctx) })
	}
	plans := &batch.Worker{Gate: a.Gate, As: gate.System("batch"), House: a.Batches, Log: a.Log}
	wg.Go(func() { plans.Run(ctx) })
	wg.Go(func() { a.Names.Run(ctx, a.Gate, gate.System("names"), a.Log) })
	wg.Go(func() { a.rounds(ctx) })
	wg.Go(func() { a.reviews(ctx) })
	for _, watch := range []func(context.Context){a.Keeper().Schedule, a.publish, a.watchWitnesses, a.sweeps, a.Watcher().Run} {
		wg.Go(func() { watch(ctx) })
	}
}

// followers read the relays' logs, each log once.
func (a *App) followers() []*dispatch.Follower {
	var out []*dispatch.Follower
	for _, r := range a.Config.Mail.Relays() {
		if r.RelayLog == "" {
			continue
		}
		name := dispatch.RelayName(dispatch.Relay{Host: r.Host, Port: r.Port})
		if i := slices.IndexFunc(out, func(f *dispatch.Follower) bool { return f.Path == r.RelayLog }); i >= 0 {
			out[i].Relays = append(out[i].Relays, name)
			continue
		}
		out = append(out, &dispatch.Follower{Gate: a.Gate, As: gate.System("dispatch"), Path: r.RelayLog, Relays: []string{name}, Holder: a.holder(), Log: a.Log})
	}
	return out
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

// Relays makes the relays of the configuration, in their order; none when
// there is none.
func Relays(cfg Config) ([]dispatch.Relay, error) {
	tokens, err := Tokens(cfg)
	if err != nil {
		return nil, err
	}
	var out []dispatch.Relay
	for _, c := range cfg.Mail.Relays() {
		r, err := c.relay(tokens)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (m MailRelay) relay(tokens *oauth.Source) (dispatch.Relay, error) {
	r := dispatch.Relay{Host: m.Host, Port: m.Port, Mode: dispatch.RelayMode(m.Mode), User: m.User, Hello: m.Hello}
	if bearer(m.Auth) && tokens != nil {
		r.Auth, r.Token = dispatch.RelayAuth(m.Auth), tokens.Token
	}
	var err error
	if r.Password, err = secretIn(m.PasswordFile); err != nil {
		return r, err
	}
	if r.ExtraRoots, err = rootsIn(m.CAFile); err != nil {
		return r, err
	}
	return r, r.Check()
}

// rounds are what the server does by itself: remember who is active, let
// unanswered requests lapse, look for lost renderings, plant what is due of a drill.
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
	a.system(ctx, drill.Tick.Name(), struct{}{})
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
