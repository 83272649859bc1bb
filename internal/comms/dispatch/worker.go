package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sekisho/internal/comms/dispatch/internal/mime"
	"sekisho/internal/comms/dispatch/internal/smtp"
	"sekisho/internal/comms/mailsign"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Worker sends what is due. Several may run, on one node or on many: a claim is
// one worker's.
type Worker struct {
	Gate     *gate.Gate
	As       gate.Credential // the server itself
	Blobs    *blob.Store
	Relay    Relay
	Second   *Relay           // takes over while the first rests; nil if there is none
	Holder   string           // name of this node; no two nodes share one
	From     Sender           // of machine mail
	Bounces  BounceAddress    // where what comes back goes; if not set, to who sends
	Sign     *mailsign.Signer // of all that leaves; nil: the relay signs, or nobody
	Parallel int              // mails on their way at once; 1 if 0
	Pace     Pace
	Log      *slog.Logger
}

// bell is rung when something begins its countdown.
const bell = "dispatch"

const (
	idleLook = time.Minute     // for what another node held and then died
	sweepAt  = 5 * time.Minute // how often lost leases and refused requests are looked for
	pause    = 5 * time.Second // after an error
)

// Run settles what this node left when it last ended, and then sends until ctx
// ends. What is being handed over at that moment is finished.
func (w *Worker) Run(ctx context.Context) error {
	if _, err := gate.Run(ctx, w.Gate, w.As, Recover, RecoverIn{Holder: w.Holder}); err != nil {
		return err
	}
	rung := w.Gate.Bell(bell)
	s := newShift(w)
	defer s.end()
	beside, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { w.notices(beside) })
	defer func() { end(); wg.Wait() }()
	sweep := time.NewTicker(sweepAt)
	defer sweep.Stop()
	for ctx.Err() == nil {
		next, err := s.begin(ctx)
		wait := idleLook
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(w.Gate.Now()), 100*time.Millisecond))
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Error("sending pauses", "err", err)
			wait = pause
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-rung:
		case <-timer.C:
		case err := <-s.done:
			s.ended()
			if err != nil && ctx.Err() == nil {
				w.Log.Error("an outcome could not be kept", "err", err)
			}
		case <-sweep.C:
			if _, err := gate.Run(ctx, w.Gate, w.As, Recover, RecoverIn{}); err != nil && ctx.Err() == nil {
				w.Log.Error("nothing could be recovered", "err", err)
			}
		}
		timer.Stop()
	}
	return nil
}

// Once sends what is due now; it gives how many were tried and when to look
// again, zero if nothing waits. One that fails keeps no other from going.
func (w *Worker) Once(ctx context.Context) (n int, next time.Time, err error) {
	s := newShift(w)
	defer s.end()
	for {
		var e error
		next, e = s.begin(ctx)
		if err = errors.Join(err, e); s.running == 0 {
			return s.begun, next, err
		}
		err = errors.Join(err, <-s.done)
		s.ended()
	}
}

// send builds the mail, archives it, hands it over and keeps the outcome. The
// second relay is asked only while it is certain that the first took nothing:
// the mark was not made, so no dot has left.
func (s *shift) send(ctx context.Context, j Job) error {
	w := s.w
	raw, err := w.build(ctx, j)
	if err == nil {
		raw, err = w.signed(j, raw)
	}
	if err != nil {
		return w.outcome(ctx, j, "", smtp.Outcome{Kind: smtp.Held, Key: fault.Of(err).Key, Cause: err})
	}
	digest, err := w.Blobs.Put(ctx, raw)
	if err != nil {
		return w.outcome(ctx, j, "", smtp.Outcome{Kind: smtp.Deferred, Key: fault.Of(err).Key, Cause: err})
	}
	name, o := "", smtp.Outcome{Kind: smtp.Deferred, Key: relayRests}
	marked := false
	for _, r := range s.relays() {
		name = RelayName(r)
		mark := func(ctx context.Context) error {
			marked = true
			_, err := gate.Run(ctx, w.Gate, w.As, Mark, MarkIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Bytes: digest.String(), Relay: name})
			return err
		}
		o = smtp.Send(ctx, r, smtp.Envelope{From: w.returnTo(j), To: j.Address, Data: raw}, mark)
		s.judge(ctx, name, o)
		if marked || !o.Elsewhere() {
			break
		}
	}
	return w.outcome(ctx, j, name, o)
}

// returnTo is the envelope's sender: what comes back comes back there.
func (w *Worker) returnTo(j Job) string {
	if w.Bounces.Set() {
		return w.Bounces.sender(j.Bounce)
	}
	return j.From.Address
}

// judge keeps what an outcome says about the relay. One that is about the mail
// alone says that the relay works.
func (s *shift) judge(ctx context.Context, relay string, o smtp.Outcome) {
	switch {
	case o.OfRelay():
		s.w.Log.Warn("the relay rests", "relay", relay, "outcome", o.Kind, "step", o.Step, "key", o.Key)
		s.tell(ctx, relay, false, o.Key)
	case o.Code != 0:
		s.tell(ctx, relay, true, "")
	}
}

// signed is what leaves: the mail as it was built, with the signatures of this
// try before and around it. A new try is a new mail with a date of its own.
func (w *Worker) signed(j Job, raw []byte) ([]byte, error) {
	if j.Fax {
		return w.Sign.Transport(raw, j.At)
	}
	return w.Sign.Mail(raw, j.At)
}

func (w *Worker) build(ctx context.Context, j Job) ([]byte, error) {
	m := mime.Mail{From: mime.Mailbox{Name: j.From.Name, Addr: j.From.Address}, To: boxes(j.To), Cc: boxes(j.Cc), Subject: j.Subject,
		Text: j.letter(), MessageID: j.MessageID, Date: j.At, Package: j.Digest}
	if j.Link.URL != "" {
		return mime.Build(m)
	}
	for _, f := range j.Files {
		d, err := blob.ParseDigest(f.Digest)
		if err != nil {
			return nil, err
		}
		b, err := w.Blobs.Get(ctx, d)
		if err != nil {
			return nil, err
		}
		m.Attachments = append(m.Attachments, mime.Attachment{Name: f.Name, MediaType: f.Media, Bytes: b})
	}
	var err error
	if m.Attachments, err = j.Protect.seal(m.Attachments, j.At); err != nil {
		return nil, err
	}
	return mime.Build(m)
}

func boxes(list []Mailbox) []mime.Mailbox {
	var out []mime.Mailbox
	for _, b := range list {
		out = append(out, mime.Mailbox{Name: b.Name, Addr: b.Address})
	}
	return out
}

// keepFor is how long an outcome is tried to be written: after that it is found
// as unknown by Recover, which is true.
const keepFor = 30 * time.Second

// outcome keeps what happened, also while the server is being stopped: what the
// relay said must not get lost.
func (w *Worker) outcome(ctx context.Context, j Job, relay string, o smtp.Outcome) error {
	switch {
	case o.Cause != nil && o.Code == 0:
		w.Log.Warn("not handed over", "item", j.Item, "outcome", o.Kind, "step", o.Step, "err", o.Cause)
	case o.Cause != nil: // a reply may name the recipient, so it is kept sealed and not logged
		w.Log.Warn("not handed over", "item", j.Item, "outcome", o.Kind, "step", o.Step, "code", o.Code)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer stop()
	in := OutcomeIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Kind: string(o.Kind), Reason: o.Key, Relay: relay,
		Reply: o.Reply, QueueID: o.QueueID, TLS: o.TLS}
	for {
		_, err := gate.Run(ctx, w.Gate, w.As, OutcomeOp, in)
		if err == nil || fault.Is(err, fault.KindRefused) || fault.Is(err, fault.KindInvalid) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(time.Second):
		}
	}
}
