package demo

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
)

// House is the demo's company: an open house whose only relay is a trap.
type House struct {
	App   *app.App
	Clock *Time
	Trap  *trap.Trap
	Card  Card
	Fresh bool // made just now: its story was not played yet

	home   string
	cast   []*Person
	jobs   jobs.Worker
	sender dispatch.Worker
	works  sync.Mutex

	acting sync.Mutex // one page at a time lets the people act
	tour   map[string]Attempt
	erase  sync.Once
	erased chan struct{}
}

// Options of opening a demo.
type Options struct {
	Home string
	Seed int64 // of passwords and amounts
	Log  *slog.Logger
	// Portal is where links lead; empty: the usual place.
	Portal string
	Now    func() time.Time // the machine's clock
	// Story keeps a reserve of time for Play, which ends with it.
	Story bool
}

const (
	past    = 430 * 24 * time.Hour // how long the company has been using Sekisho
	reserve = 15 * time.Minute     // what the story may pass without waiting
	origin  = "demo.sekisho.localhost"
)

// Open opens the demo of a home, and makes it if there is none. It refuses a
// home that is no demo ("app.not_demo") and one whose making was interrupted
// ("demo.unfinished").
func Open(ctx context.Context, o Options) (*House, error) {
	h := &House{home: o.Home, Clock: &Time{machine: o.Now}, tour: map[string]Attempt{}, erased: make(chan struct{})}
	if !app.IsDemo(o.Home) {
		began := o.Now().Add(-past)
		err := app.Init(o.Home, origin, true, began)
		if h.Fresh = err == nil; err != nil && fault.Of(err).Key != "app.home_taken" {
			return nil, err
		}
		if h.Fresh {
			h.Clock.still, h.Clock.at = true, began
		}
	}
	if !h.Fresh {
		card, err := LoadCard(o.Home)
		if err != nil && app.IsDemo(o.Home) {
			return nil, err
		}
		h.Card = card
		h.cast = card.cast()
		h.Clock.Skip(time.Duration(card.Ahead) * time.Second)
	}
	var err error
	if h.App, err = app.Open(ctx, app.Options{Home: o.Home, Demo: true, Clock: h.Clock.Now, Log: o.Log, Portal: o.Portal}); err != nil {
		return nil, err
	}
	if err := h.furnish(ctx, o); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// furnish starts the trap, and fills a fresh house or reads the card of another.
func (h *House) furnish(ctx context.Context, o Options) (err error) {
	mail := filepath.Join(o.Home, "mail")
	if h.Trap, err = trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: mail, Now: h.Clock.Now}); err != nil {
		return err
	}
	h.jobs = jobs.Worker{Gate: h.App.Gate, Parallel: 2, Log: h.App.Log}
	h.sender = dispatch.Worker{Gate: h.App.Gate, As: gate.System("dispatch"), Blobs: h.App.Blobs, Relay: h.relay(), Holder: "demo", Log: h.App.Log,
		From: dispatch.Sender{Name: h.App.Config.Mail.FromName, Address: h.App.Config.Mail.From}}
	if !h.Fresh {
		h.Card.Mail = mail // the folder may have been moved
		return nil
	}
	h.Card = Card{Note: note, Mail: mail, Origin: origin, Seed: o.Seed}
	if err := h.fill(ctx, o); err != nil {
		return err
	}
	if o.Story {
		h.Clock.until(o.Now().Add(-2 * reserve))
		h.Clock.run(reserve)
	} else {
		h.Clock.run(0)
	}
	return h.Card.save(h.home)
}

// relay is the trap, over TLS with the certificate it has made for itself.
func (h *House) relay() dispatch.Relay {
	return dispatch.Relay{Host: "localhost", Port: h.Trap.Port(), Mode: dispatch.StartTLS, ExtraRoots: h.Trap.PEM(), Hello: "localhost"}
}

// Start lets the house work by itself, with the trap as its only relay.
func (h *House) Start(ctx context.Context) (stop func(), err error) {
	r := h.relay()
	return h.App.StartWith(ctx, &r)
}

// Listens notes on the card where the house is served.
func (h *House) Listens(url string) error {
	h.Card.URL = url
	return h.Card.save(h.home)
}

// Work runs the jobs and the sendings that are due by the demo's clock, and
// gives when the next job is, zero if none waits. The house's own workers wait
// by the machine's clock and do not see the demo's move.
func (h *House) Work(ctx context.Context) (next time.Time, err error) {
	h.works.Lock()
	defer h.works.Unlock()
	for {
		n, next, err := h.jobs.Once(ctx)
		if err != nil {
			return next, err
		}
		if n == 0 {
			_, _, err := h.sender.Once(ctx)
			return next, err
		}
	}
}

// Close closes the house, and removes it if it was to be erased.
func (h *House) Close() error {
	if h.Trap != nil {
		if err := h.Trap.Close(); err != nil {
			return err
		}
	}
	return errors.Join(h.App.Close(), h.remove())
}

// Now is the demo's time.
func (h *House) Now() time.Time { return h.Clock.Now() }

// Code is the current one-time code of a person of the demo, "" for others.
func (h *House) Code(login string) string {
	code, err := h.Card.Code(login, h.Clock.Now())
	if err != nil {
		return ""
	}
	return code
}
