package dispatch

import (
	"context"
	"errors"
	"time"

	"sekisho/internal/comms/dispatch/internal/mime"
	"sekisho/internal/comms/dispatch/internal/smtp"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

const noticeLook = 5 * time.Minute // for what another process queued

// notices sends machine mail until ctx ends, beside the sendings: one that hangs
// keeps no alarm back.
func (w *Worker) notices(ctx context.Context) {
	rung := w.Gate.Bell(noticeBell)
	for ctx.Err() == nil {
		_, next, err := w.Notices(ctx)
		wait := noticeLook
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(w.Gate.Now()), time.Second))
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Error("machine mail pauses", "err", err)
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

// Notices sends the machine mail that is due; it gives how many were tried and
// when the next falls due, zero if none waits.
func (w *Worker) Notices(ctx context.Context) (n int, next time.Time, err error) {
	for {
		due, err := gate.Run(ctx, w.Gate, w.As, NoticeDue, struct{}{})
		if err != nil || len(due.Jobs) == 0 {
			return n, due.Next, err
		}
		for _, j := range due.Jobs {
			if ctx.Err() != nil {
				return n, next, nil
			}
			n++
			if err := w.notice(ctx, j); err != nil {
				return n, next, err
			}
		}
	}
}

// notice builds one mail, hands it over and keeps the outcome.
func (w *Worker) notice(ctx context.Context, j NoticeJob) error {
	fence := j.Notice.Fence
	j.Notice.Secret = j.Secret
	m, err := j.Notice.mail(w.From, j.To)
	var raw []byte
	if err == nil {
		raw, err = mime.Build(m)
	}
	if err == nil {
		raw, err = w.Sign.Mail(raw, m.Date)
	}
	if err != nil {
		return w.noticed(ctx, j, fence, "", smtp.Outcome{Kind: smtp.Held, Key: fault.Of(err).Key, Cause: err})
	}
	relays := []Relay{w.Relay}
	if w.Second != nil {
		relays = append(relays, *w.Second)
	}
	name, marked := "", false
	var o smtp.Outcome
	for _, r := range relays { // the second only while it is certain that the first took nothing
		name = RelayName(r)
		mark := func(ctx context.Context) error {
			marked = true
			n, err := gate.Run(ctx, w.Gate, w.As, NoticeMark, NoticeMarkIn{j.Notice.ID, fence, blob.Sum(raw).String(), name})
			if err == nil {
				fence = n.Fence
			}
			return err
		}
		o = smtp.Send(ctx, r, smtp.Envelope{From: w.From.Address, To: j.To, Data: raw}, mark)
		if marked || !o.Elsewhere() {
			break
		}
	}
	return w.noticed(ctx, j, fence, name, o)
}

// noticed keeps what happened, also while the server is being stopped. What
// cannot be kept is found again when its lease is over.
func (w *Worker) noticed(ctx context.Context, j NoticeJob, fence int64, relay string, o smtp.Outcome) error {
	if o.Cause != nil {
		w.Log.Warn("machine mail not handed over", "notice", j.Notice.ID, "outcome", o.Kind, "step", o.Step, "code", o.Code)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer stop()
	in := NoticeOutcomeIn{ID: j.Notice.ID, Fence: fence, Kind: string(o.Kind), Reason: o.Key, Relay: relay, Reply: o.Reply, QueueID: o.QueueID}
	for {
		_, err := gate.Run(ctx, w.Gate, w.As, NoticeOutcome, in)
		if err == nil || fault.Is(err, fault.KindRefused) { // refused: another worker has it, or it was settled at the mark
			return nil
		}
		if fault.Is(err, fault.KindInvalid) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(time.Second):
		}
	}
}
