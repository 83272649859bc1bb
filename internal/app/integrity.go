package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"sekisho/internal/assure/record"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/witness"
)

const (
	feedEvery    = 5 * time.Second
	witnessEvery = time.Minute
	sweepEvery   = time.Hour
	sweepShare   = 0.05 // of one processor, at most
)

// FeedDir is where the house gives out what witnesses read.
func (a *App) FeedDir() string {
	if a.Config.Witness.Feed != "" {
		return a.Config.Witness.Feed
	}
	return filepath.Join(a.Home, "data", "feed")
}

// Published is the feed that the listener serves, "" if it serves none.
func (a *App) Published() string {
	if !a.Config.Witness.Serve {
		return ""
	}
	return a.FeedDir()
}

// publish keeps the feed up to date until ctx ends. A feed that does not fit the
// log any more is an alarm: nothing is added to it until a person has looked.
func (a *App) publish(ctx context.Context) {
	var m *witness.Mirror
	defer func() {
		if m != nil {
			_ = m.Close()
		}
	}()
	a.every(ctx, feedEvery, func() error {
		var err error
		if m == nil {
			if m, err = witness.Open(a.FeedDir(), a.Ring.LogVerifier()); err != nil {
				m = nil
				return err
			}
		}
		_, err = m.Grow(ctx, a.Gate.Feed())
		var f *witness.Fork
		if errors.As(err, &f) {
			a.Gate.Raise(gate.Alarm{Key: "witness.feed_other", Kind: "feed", Subject: a.FeedDir(), Leaf: f.Leaf})
			return nil
		}
		return err
	})
}

// every runs f now and every so often; a fault is logged when it is another one
// than last time.
func (a *App) every(ctx context.Context, d time.Duration, f func() error) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	last := ""
	for {
		now := ""
		if err := f(); err != nil && ctx.Err() == nil {
			now = err.Error()
			if now != last {
				a.Log.Error("a watch over the log failed", "err", err, "cause", fault.Of(err).Cause)
			}
		}
		last = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Witnesses looks at all witnesses of the configuration.
func (a *App) Witnesses(ctx context.Context) []gate.Witness {
	var list []gate.Witness
	for _, where := range a.Config.Witness.Mirrors {
		p, err := witness.At(where, "")
		if err != nil {
			list = append(list, gate.Witness{Place: where, Key: fault.Of(err).Key})
			continue
		}
		ctx, stop := context.WithTimeout(ctx, 20*time.Second)
		list = append(list, a.Gate.Look(ctx, p))
		stop()
	}
	return list
}

func (a *App) watchWitnesses(ctx context.Context) {
	a.every(ctx, witnessEvery, func() error {
		list := a.Witnesses(ctx)
		a.Gate.SetWitnesses(list)
		for _, w := range list {
			if w.Key == "witness.late" || w.Key == "witness.unread" {
				a.Gate.Raise(gate.Alarm{Key: w.Key, Kind: "witness", Subject: w.Place, Leaf: w.Size})
			}
		}
		return nil
	})
}

// sweeps are the rounds over log and rows, and the emptying of what was let go.
func (a *App) sweeps(ctx context.Context) {
	a.every(ctx, sweepEvery, func() error {
		if _, err := a.Gate.Expire(ctx); err != nil {
			return err
		}
		return a.Sweep(ctx, sweepShare)
	})
}

// Sweep is one round, kept as record.integrity shows it.
func (a *App) Sweep(ctx context.Context, share float64) error {
	s, err := a.Gate.Sweep(ctx, share)
	if err != nil {
		return err
	}
	_, err = gate.Run(ctx, a.Gate, gate.System("rounds"), record.Swept, record.SweptIn{Began: s.Began, Ended: s.Ended, Leaves: s.Leaves,
		Rows: s.Rows, Damaged: int64(len(s.Damages) + s.More), Found: s.Damages})
	return err
}

// Integrity is record.integrity, for doctor.
func (a *App) Integrity(ctx context.Context) (record.Integrity, error) {
	a.Gate.SetWitnesses(a.Witnesses(ctx))
	return gate.Run(ctx, a.Gate, gate.System("doctor"), record.ShowIntegrity, record.None{})
}
