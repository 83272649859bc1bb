package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Worker runs jobs until its context ends. Several may run, on several nodes:
// a job is under one lease at a time.
type Worker struct {
	Gate     *gate.Gate
	Parallel int
	Log      *slog.Logger
}

const (
	batch    = 16
	renewAt  = lease / 3
	idleLook = 5 * time.Minute // for jobs another node wrote and whose bell was lost
)

// Run works. It returns when ctx is done and what was begun has ended.
func (w *Worker) Run(ctx context.Context) {
	bell := w.Gate.Bell("jobs")
	for ctx.Err() == nil {
		n, next, err := w.Once(ctx)
		if n > 0 && err == nil {
			continue
		}
		wait := idleLook
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(w.Gate.Now()), 100*time.Millisecond))
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Error("jobs wait", "err", err)
			wait = 5 * time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-bell:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Once runs what is due now and says how many that were and when the next is.
func (w *Worker) Once(ctx context.Context) (n int, next time.Time, err error) {
	got, err := gate.Run(ctx, w.Gate, gate.System("jobs"), claim, claimIn{Limit: batch})
	if err != nil || len(got.Jobs) == 0 {
		return 0, got.Next, err
	}
	stopRenewing := w.keep(ctx, got.Jobs)
	results := make([]result, len(got.Jobs))
	slots := make(chan struct{}, max(w.Parallel, 1))
	var wg sync.WaitGroup
	for i, j := range got.Jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = w.one(ctx, j)
		})
	}
	wg.Wait()
	stopRenewing()
	// The outcome is written even when the server is stopping.
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	_, err = gate.Run(end, w.Gate, gate.System("jobs"), finish, finishIn{Results: results})
	return len(got.Jobs), got.Next, err
}

// keep renews the leases of jobs until it is stopped.
func (w *Worker) keep(ctx context.Context, jobs []Claimed) (stop func()) {
	in := renewIn{}
	for _, j := range jobs {
		in.IDs = append(in.IDs, j.ID)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(renewAt)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := gate.Run(ctx, w.Gate, gate.System("jobs"), renew, in); err != nil && ctx.Err() == nil {
					w.Log.Error("leases of jobs could not be renewed", "err", err)
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (w *Worker) one(ctx context.Context, j Claimed) result {
	cred := gate.OnBehalf(j.Person)
	if j.Person == "system" {
		cred = gate.System("jobs")
	}
	_, err := w.Gate.JSON(ctx, cred, j.Op, j.Input)
	var f *fault.Error
	if errors.As(err, &f) {
		return result{ID: j.ID, Kind: f.Kind, Key: f.Key}
	}
	return result{ID: j.ID}
}
