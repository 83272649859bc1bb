package dispatch

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"sekisho/internal/comms/dispatch/internal/postlog"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Follower reads the log of a Postfix relay on this computer and moves what it
// proves: unknown to handed over or back into the queue, handed over to
// delivered or bounced.
type Follower struct {
	Gate   *gate.Gate
	As     gate.Credential // the server itself
	Path   string          // "/var/log/mail.log"; rotated files beside it are found
	Relays []string        // names of the relays that write it
	Holder string          // as the Worker's
	Log    *slog.Logger

	tail    postlog.Tail
	tracker postlog.Tracker
	kept    LogPosition
	ready   bool            // the position was loaded
	pending []postlog.Event // not settled yet
	askAt   time.Time       // when that is looked at again
	gap     bool
	ours    bool
	dirty   bool // something was learnt since the position was kept
}

const (
	lookEvery   = 2 * time.Second  // at the end of the log
	keepEvery   = 15 * time.Minute // the position, when nothing of ours was in it
	askEvery    = 10 * time.Second // about what it was too early to say
	pendingMost = 5000
)

// ourIDs are what MessageID makes.
var ourIDs = regexp.MustCompile(`^[0-9a-f]{40}@[a-z0-9.-]+$`)

// Run follows the log until ctx ends.
func (f *Follower) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := lookEvery
		if err := f.Once(ctx); err != nil && ctx.Err() == nil {
			f.Log.Error("the relay's log is not followed", "path", f.Path, "err", err)
			f.ready, wait = false, time.Minute // read on from what was kept
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// Once reads to the end of the log as it is now and acts on what it says.
func (f *Follower) Once(ctx context.Context) error {
	if err := f.load(ctx); err != nil {
		return err
	}
	for more := true; more && ctx.Err() == nil; {
		lines, gap, again, err := f.tail.Read()
		if err != nil {
			return fault.Unavailable("dispatch.log_unreadable", "file", f.Path).Because(err)
		}
		more, f.gap = again, f.gap || gap
		before := len(f.pending)
		for _, l := range lines {
			f.pending = append(f.pending, f.tracker.Feed(l)...)
		}
		if len(f.pending) > before || len(f.pending) > 0 && !f.Gate.Now().Before(f.askAt) {
			if err := f.settle(ctx); err != nil {
				return err
			}
			f.askAt = f.Gate.Now().Add(askEvery)
		}
	}
	f.gap = f.gap || f.tracker.Gap
	f.tracker.Gap = false
	return f.keep(ctx)
}

func (f *Follower) load(ctx context.Context) error {
	if f.ready {
		return nil
	}
	p, err := gate.Run(ctx, f.Gate, f.As, LogAt, LogAtIn{f.Holder, f.Path})
	if err != nil {
		return err
	}
	f.kept = p
	f.tail = postlog.Tail{Path: f.Path, Pos: postlog.Position{Head: p.Head, HeadSize: p.HeadSize, At: p.At}}
	f.tracker = postlog.Tracker{Ours: ourIDs.MatchString, Now: func() time.Time { return f.Gate.Now().In(time.Local) }, Traces: slices.Clone(p.Traces)}
	f.pending, f.gap, f.ours, f.dirty, f.ready = nil, false, false, false, true
	return nil
}

// settle acts on what is pending; what is too early to say stays there.
func (f *Follower) settle(ctx context.Context) error {
	events := f.pending
	f.pending = nil
	for len(events) > 0 {
		n := min(len(events), 200)
		if err := f.some(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (f *Follower) some(ctx context.Context, events []postlog.Event) error {
	var ids []string
	taken := map[string]bool{} // a mail that was taken by any try was not refused
	for _, e := range events {
		if !slices.Contains(ids, e.MessageID) {
			ids = append(ids, e.MessageID)
		}
		taken[e.MessageID] = taken[e.MessageID] || !e.Negative()
	}
	found, err := gate.Run(ctx, f.Gate, f.As, LogFind, LogFindIn{ids})
	if err != nil {
		return err
	}
	for _, e := range events {
		at := slices.IndexFunc(found.Rows, func(r LogFound) bool { return r.MessageID == e.MessageID })
		if at < 0 || e.Negative() && (taken[e.MessageID] || f.tracker.Open(e.MessageID)) {
			continue
		}
		f.ours, f.dirty = true, true
		out, err := gate.Run(ctx, f.Gate, f.As, LogSeen, LogSeenIn{Item: found.Rows[at].Item, Package: found.Rows[at].Package, Kind: string(e.Kind),
			MessageID: e.MessageID, Queue: e.Queue, From: e.From, To: e.To, At: e.At.UTC(), Line: e.Line})
		switch {
		case fault.Is(err, fault.KindRefused) || fault.Is(err, fault.KindInvalid):
			f.Log.Warn("a line of the relay's log was not believed", "item", found.Rows[at].Item, "kind", e.Kind, "err", err)
		case err != nil:
			return err
		case out.Later && len(f.pending) < pendingMost:
			f.pending = append(f.pending, e)
		}
	}
	return nil
}

// keep writes down how far the log was read, once nothing of it is pending, and
// ends the unknowns it has been silent about.
func (f *Follower) keep(ctx context.Context) error {
	due := f.dirty || f.gap || f.kept.Version == 0 || !f.Gate.Now().Before(f.kept.ReadAt.Add(keepEvery))
	if len(f.pending) > 0 || !due || f.tail.Pos.HeadSize == 0 {
		return nil
	}
	out, err := gate.Run(ctx, f.Gate, f.As, LogKeep, LogKeepIn{Holder: f.Holder, Path: f.Path, Relays: f.Relays, Version: f.kept.Version,
		Head: f.tail.Pos.Head, HeadSize: f.tail.Pos.HeadSize, At: f.tail.Pos.At, Gap: f.gap, Alive: f.tracker.Alive, Ours: f.ours, Traces: f.tracker.Traces})
	if err != nil {
		return err
	}
	f.kept, f.gap, f.ours, f.dirty, f.tracker.Alive = out.LogPosition, false, false, false, false
	for _, s := range out.Silent {
		_, err := gate.Run(ctx, f.Gate, f.As, LogSeen, LogSeenIn{Item: s.Item, Package: s.Package, Kind: "absent", Log: f.kept.ID, MessageID: s.MessageID})
		if err != nil && !fault.Is(err, fault.KindRefused) {
			return err
		}
	}
	return nil
}
