package app

import (
	"context"
	"time"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/gate"
)

// Minute is what the server does by itself every minute.
func (a *App) Minute(ctx context.Context) {
	a.lookAtClock(ctx)
	a.touch(ctx)
}

const lookBack = 100 // records whose time is looked at when the server starts

// sinceLog takes the time of the newest sealed records for one that has been, so
// that a clock that went back while the server was down is noticed, too.
func (a *App) sinceLog(ctx context.Context) {
	size, err := a.Gate.LogSize(ctx)
	if err != nil {
		return // the sealer and /readyz tell about that
	}
	entries, err := a.Gate.Entries(ctx, max(0, size-lookBack), lookBack)
	if err != nil {
		return
	}
	for _, e := range entries {
		a.Seen.Late(time.UnixMicro(e.Record.At))
	}
}

// lookAtClock ends every session when the clock has gone back: nobody can say
// any more which of them are over.
func (a *App) lookAtClock(ctx context.Context) {
	by, back := a.Seen.WentBack(a.Gate.Now())
	if !back {
		return
	}
	a.Log.Error("the clock went back; everybody has to sign in again", "by", by.Round(time.Second))
	for {
		out, err := gate.Run(ctx, a.Gate, gate.System("rounds"), identity.EndAll, identity.None{})
		if err != nil {
			a.Log.Error("sessions could not be ended", "err", err)
			return
		}
		if out.N == 0 {
			return
		}
	}
}
