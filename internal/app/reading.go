package app

import (
	"context"
	"sync"
	"time"

	"sekisho/internal/assure/backup"
	"sekisho/internal/kernel/gate"
)

// Reading is the state of a house at one moment, for whoever watches it.
type Reading struct {
	LogSize    int64     // records signed
	SignedAt   time.Time // of the newest signature
	LastBackup time.Time // arrival of the newest good copy; zero if there is none
	Sessions   int       // seen since the last Touch
}

// backupFresh is how long the state of the backups is taken from memory: to look
// reads folders, maybe on another machine, and leaves a record.
const backupFresh = 10 * time.Minute

// reader keeps the last look at the backups.
type reader struct {
	mu   sync.Mutex
	at   time.Time // by the machine's clock
	last time.Time
}

// Reading reads it. It leaves no record but that of looking at the backups, now
// and then.
func (a *App) Reading(ctx context.Context) (Reading, error) {
	r := Reading{Sessions: a.Seen.Len()}
	var err error
	if r.LogSize, r.SignedAt, err = a.Gate.LogHead(ctx); err != nil {
		return r, err
	}
	a.reader.mu.Lock()
	defer a.reader.mu.Unlock()
	if now := time.Now(); a.reader.at.IsZero() || now.Sub(a.reader.at) > backupFresh {
		o, err := gate.Run(ctx, a.Gate, gate.System("metrics"), a.backups.Status, struct{}{})
		if err != nil {
			return r, err
		}
		a.reader.at, a.reader.last = now, newest(o.Places)
	}
	r.LastBackup = a.reader.last
	return r, nil
}

func newest(places []backup.Place) time.Time {
	var out time.Time
	for _, p := range places {
		if p.LastGood.After(out) {
			out = p.LastGood
		}
	}
	return out
}
