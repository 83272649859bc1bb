package app

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"sekisho/internal/assure/watch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

const (
	watchEvery  = 10 * time.Second
	lookEvery   = 5 * time.Minute
	diskEvery   = time.Minute
	tellEvery   = time.Hour // of what stays as it is
	mailRetry   = 10 * time.Minute
	backupFirst = 10 * time.Minute // after the start: the first copy may be on its way
	alarmsRoom  = 1000             // alarms that wait for the database
	alarmsClose = 5 * time.Second  // for those left at the end
)

// Alarm takes an alarm from anywhere in the process. It never blocks and never
// fails: who raises one may hold locks, and the database may be away.
func (a *App) Alarm(what, kind, subject string, leaf int64) {
	select {
	case a.alarms <- watch.RaiseIn{What: what, Kind: watch.Clean(kind), Subject: watch.Clean(subject), Leaf: leaf}:
	default:
		a.Log.Error("too many alarms wait; this one is in the log of records only", "what", what, "kind", kind, "subject", subject)
	}
}

// damagedMost bounds the alarms of one command.
const damagedMost = 100

// Damaged makes alarms of what a command found, so that those are told who did
// not run it.
func (a *App) Damaged(list []gate.Damage) {
	for _, d := range list[:min(len(list), damagedMost)] {
		a.Alarm(d.Key, cmp.Or(d.Table, "log"), d.ID, d.Leaf)
	}
}

// keepAlarms writes alarms down, which mails them, until ctx ends.
func (a *App) keepAlarms(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case in := <-a.alarms:
			for a.keepAlarm(ctx, in) != nil && ctx.Err() == nil {
				select {
				case <-ctx.Done():
					a.Alarm(in.What, in.Kind, in.Subject, in.Leaf) // for flushAlarms
				case <-time.After(watchEvery):
				}
			}
		}
	}
}

// keepAlarm is nil when there is nothing to try again.
func (a *App) keepAlarm(ctx context.Context, in watch.RaiseIn) error {
	_, err := gate.Run(ctx, a.Gate, gate.System("watch"), watch.Raise, in)
	if err == nil {
		return nil
	}
	a.Log.Error("an alarm could not be kept", "what", in.What, "kind", in.Kind, "subject", in.Subject, "err", err)
	if fault.Is(err, fault.KindInvalid) {
		return nil
	}
	return err
}

// flushAlarms keeps what a command, or the server at its end, has left.
func (a *App) flushAlarms() {
	ctx, stop := context.WithTimeout(context.Background(), alarmsClose)
	defer stop()
	for {
		select {
		case in := <-a.alarms:
			_ = a.keepAlarm(ctx, in) // logged
		default:
			return
		}
	}
}

// sender is who machine mail comes from.
func (a *App) sender() dispatch.Sender {
	return dispatch.Sender{Address: a.Config.Mail.From, Name: a.Config.Mail.FromName}
}

// Watcher makes the rounds of the watch: the clock, the disk, what lies
// unsettled in the database, and the daily mail.
type Watcher struct {
	Free func() (int64, error) // bytes free on the data's disk

	app                  *App
	clock                watch.Clock
	disk, told, look, at time.Time // of the next round, by the machine's clock
	backup, signed       time.Time
	mailed               civil.Date
}

// Watcher makes the house's.
func (a *App) Watcher() *Watcher {
	dir := filepath.Join(a.Home, "data")
	return &Watcher{app: a, Free: func() (int64, error) { return gate.FreeBytes(dir) }, backup: time.Now().Add(backupFirst)}
}

// Run makes rounds until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.Round(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Round is one round, now by the machine's clock.
func (w *Watcher) Round(ctx context.Context, now time.Time) {
	if by, stepped := w.clock.Tick(now); stepped {
		w.app.Log.Error("the clock stepped", "by", by)
		w.app.Alarm(watch.ClockStep, "clock", "server", -1)
	}
	if due(&w.disk, now, diskEvery) {
		free, err := w.Free()
		low := err == nil && watch.Low(free, reserve(w.app.Demo).Bytes)
		if !low {
			w.told = time.Time{}
		} else if due(&w.told, now, tellEvery) {
			w.app.Alarm(watch.DiskLow, "disk", "data", -1)
		}
	}
	if due(&w.look, now, lookEvery) {
		w.app.system(ctx, watch.Look.Name(), struct{}{})
	}
	if due(&w.backup, now, tellEvery) {
		w.backups(ctx)
	}
	w.certificate(ctx, now)
	w.mail(ctx, now)
}

// backups tells of what is not as the rule says: a copy too old or gone. That
// nobody has set up backups at all is for doctor.
func (w *Watcher) backups(ctx context.Context) {
	out, err := gate.Run(ctx, w.app.Gate, gate.System("watch"), w.app.backups.Status, struct{}{})
	if err != nil {
		if ctx.Err() == nil {
			w.app.Log.Error("nobody knows how the backups are", "err", err)
		}
		return
	}
	if out.Problem == "" || out.Problem == "backup.no_recipients" {
		return
	}
	told := false
	for _, p := range out.Places {
		if p.Problem != "" {
			w.app.Alarm(p.Problem, "backup", p.Target, -1)
			told = true
		}
	}
	if !told {
		w.app.Alarm(out.Problem, "backup", "server", -1)
	}
}

// due tells whether it is time, and sets the next.
func due(next *time.Time, now time.Time, every time.Duration) bool {
	if now.Before(*next) && next.Sub(now) <= every { // further off: the clock was set back
		return false
	}
	*next = now.Add(every)
	return true
}

// mail sends the checkpoint of the day, once.
func (w *Watcher) mail(ctx context.Context, now time.Time) {
	day := watch.DueDay(w.app.Gate.Now(), w.app.Config.Watch.At())
	if day == w.mailed || !due(&w.at, now, mailRetry) {
		return
	}
	out, err := gate.Run(ctx, w.app.Gate, gate.System("watch"), watch.Mail, watch.MailIn{Day: day})
	switch {
	case err == nil && out.Done:
		w.mailed, w.at = day, time.Time{}
	case err != nil && fault.Of(err).Key == "gate.no_checkpoint":
		w.at = time.Time{} // in a new house, in a moment
	case err != nil && fault.Of(err).Key == "gate.bad_checkpoint":
		w.app.Alarm(watch.NoSignature, "log", "checkpoint", -1)
	case err != nil && ctx.Err() == nil:
		w.app.Log.Error("the daily checkpoint was not mailed", "err", err)
	}
}
