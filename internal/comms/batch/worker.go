package batch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Worker looks after the plans that wait or are being sent. Several may run, on
// several nodes: each step is one commit, alone on its plan.
type Worker struct {
	Gate  *gate.Gate
	As    gate.Credential // the server itself
	House *House
	Log   *slog.Logger
}

const (
	idleLook = time.Minute     // for what another node agreed to
	pause    = 5 * time.Second // after an error
)

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	rung := w.Gate.Bell(bell)
	for ctx.Err() == nil {
		next, err := w.Once(ctx)
		wait := idleLook
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(w.Gate.Now()), 100*time.Millisecond))
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Error("batches wait", "err", err)
			wait = pause
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-rung:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Once moves every plan as far as it goes now, and says when the next has
// something to do, zero if none has. One that fails keeps no other from going.
func (w *Worker) Once(ctx context.Context) (next time.Time, err error) {
	list, err := gate.Run(ctx, w.Gate, w.As, Active, struct{}{})
	if err != nil {
		return next, err
	}
	for _, id := range list.IDs {
		for more := true; more && ctx.Err() == nil; {
			out, e := gate.Run(ctx, w.Gate, w.As, w.House.Advance, ByID{id})
			if err = errors.Join(err, e); fault.Is(e, fault.KindUnavailable) {
				return next, err
			}
			more = e == nil && out.More
			if !out.Next.IsZero() && (next.IsZero() || out.Next.Before(next)) {
				next = out.Next
			}
		}
	}
	return next, err
}
