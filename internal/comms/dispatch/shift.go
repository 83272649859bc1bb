package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// shift is one worker at work: what is on its way, what it could not claim, and
// which relays rest. A mail that hangs takes one place of Parallel and stops
// nobody else.
type shift struct {
	w       *Worker
	done    chan error // one for each that was begun
	running int        // begun and not yet taken from done
	begun   int
	list    []DueItem          // to be claimed next
	failed  map[string]failure // by recipient
	mu      sync.Mutex
	rests   map[string]time.Time // by relay
}

// failure is how often a recipient could not be claimed, and until when it is
// left alone by this worker.
type failure struct {
	n     int64
	until time.Time
}

// keepFailures bounds the memory of what could not be claimed: beyond it, the
// database is broken as a whole.
const keepFailures = 1000

func newShift(w *Worker) *shift {
	return &shift{w: w, done: make(chan error, max(w.Parallel, 1)), failed: map[string]failure{}, rests: map[string]time.Time{}}
}

// ended counts one that came in on done.
func (s *shift) ended() { s.running-- }

// end waits for all that is on its way.
func (s *shift) end() {
	for ; s.running > 0; s.running-- {
		if err := <-s.done; err != nil {
			s.w.Log.Error("an outcome could not be kept", "err", err)
		}
	}
}

// begin claims what is due and sends it beside, as much as may be on its way at
// once. It gives when to look again, zero if nothing waits.
func (s *shift) begin(ctx context.Context) (next time.Time, err error) {
	for s.running < cap(s.done) && ctx.Err() == nil {
		if until := s.resting(); !until.IsZero() {
			return until, err
		}
		if len(s.list) == 0 {
			due, e := gate.Run(ctx, s.w.Gate, s.w.As, Due, DueIn{s.skip(), s.w.Pace.PerDomain, s.w.Pace.Overall})
			if e != nil || len(due.Items) == 0 {
				return due.Next, errors.Join(err, e)
			}
			s.list = due.Items
			s.learn(due.Relays)
			continue
		}
		d := s.list[0]
		s.list = s.list[1:]
		e := s.claim(ctx, d)
		if fault.Is(e, fault.KindUnavailable) {
			s.list = nil
			return next, e
		}
		err = errors.Join(err, e)
	}
	return next, err
}

// claim takes one recipient and sends to it beside. What cannot be claimed is
// left alone for a growing while.
func (s *shift) claim(ctx context.Context, d DueItem) error {
	job, err := s.w.claim(ctx, d)
	if err == nil {
		delete(s.failed, d.Item)
		s.running++
		s.begun++
		go func() { s.done <- s.send(ctx, job) }()
		return nil
	}
	if ctx.Err() != nil || fault.Is(err, fault.KindUnavailable) {
		return err
	}
	f := s.failed[d.Item]
	f.n++
	f.until = s.w.Gate.Now().Add(retryAfter(f.n))
	s.failed[d.Item] = f
	refused := fault.Is(err, fault.KindRefused) || fault.Is(err, fault.KindConflict)
	switch {
	case refused && (fault.Of(err).Key == "dispatch.stopped_all" || fault.Of(err).Key == "dispatch.stopped_batch"):
		s.list = nil
		delete(s.failed, d.Item)
		return nil
	case refused && f.n == 1:
		return nil // cancelled, changed, or another worker's
	}
	if _, e := gate.Run(ctx, s.w.Gate, s.w.As, Setback, SetbackIn(d)); e != nil && !fault.Is(e, fault.KindRefused) {
		s.w.Log.Error("a failed claim could not be put off", "item", d.Item, "err", e)
	}
	if refused {
		return nil
	}
	return fmt.Errorf("item %s: %w", d.Item, err)
}

// skip are the recipients this worker leaves alone for now.
func (s *shift) skip() []string {
	var out []string
	now := s.w.Gate.Now()
	for id, f := range s.failed {
		switch {
		case now.Before(f.until) && len(out) < keepFailures:
			out = append(out, id)
		case now.Sub(f.until) > retryAfter(f.n): // settled by somebody else meanwhile
			delete(s.failed, id)
		}
	}
	return out
}

// learn takes over what all workers know about the relays.
func (s *shift) learn(list []RelayHealth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range list {
		s.rests[h.ID] = h.RestsUntil
	}
}

// relays are those to be tried now, in their order.
func (s *shift) relays() []Relay {
	all := []Relay{s.w.Relay}
	if s.w.Second != nil {
		all = append(all, *s.w.Second)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Relay
	for _, r := range all {
		if !s.w.Gate.Now().Before(s.rests[RelayName(r)]) {
			out = append(out, r)
		}
	}
	return out
}

// resting gives when the first relay is tried again, zero if one can be tried now.
func (s *shift) resting() time.Time {
	if len(s.relays()) > 0 {
		return time.Time{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.rests[RelayName(s.w.Relay)]
	if s.w.Second != nil {
		if t := s.rests[RelayName(*s.w.Second)]; t.Before(first) {
			first = t
		}
	}
	return first
}

// tell keeps how a relay did, where that changes anything.
func (s *shift) tell(ctx context.Context, name string, ok bool, reason string) {
	s.mu.Lock()
	known, was := s.rests[name]
	s.mu.Unlock()
	if ok && was && known.IsZero() {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer stop()
	h, err := gate.Run(ctx, s.w.Gate, s.w.As, RelayOp, RelayIn{name, ok, reason})
	if err != nil {
		s.w.Log.Error("the relay's health could not be kept", "relay", name, "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rests[name] = h.RestsUntil
}
