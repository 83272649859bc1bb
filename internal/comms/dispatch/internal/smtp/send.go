// Package smtp hands one message for one recipient to the relay: the only way
// mail leaves the house. It is internal to comms/dispatch, so nothing else can
// send.
//
// SMTP cannot promise "exactly once": between the final dot and its reply
// nobody knows. So Send makes that stretch visible. All data is written, then
// mark records durably that the dot is next, then the dot goes out. Whatever
// fails before the mark is safe to repeat (Deferred) or must wait for a person
// (Held, Refused); whatever fails between mark and reply is Unknown and is
// repeated by nobody. A process found dead with a mark and no outcome is in the
// same state. BDAT and pipelining are never used: the dot is the one point of
// no return.
//
// Nothing is sent in the clear. The connection is TLS 1.2 or later with a
// verified certificate, or the outcome is Held; the one exception is a relay on
// this same computer that the settings name explicitly.
package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/comms/dispatch/internal/mime"
	"sekisho/internal/kernel/fault"
)

// Envelope is one message for exactly one recipient.
type Envelope struct {
	From string // address that bounces go to, local@domain, domain in A-labels
	To   string
	Data []byte // as mime.Build makes it
}

// Send hands e to the relay r, once; it never tries again.
//
// mark is called at most once, with all of e.Data written and the final dot not
// yet written. When it returns nil it must have recorded durably that the dot
// follows. When it returns an error, the connection is dropped without the dot.
//
// When ctx ends before the mark, Send stops at once (Deferred). After the mark
// it still waits Timeouts.Grace for the reply, since giving up then makes an
// Unknown.
func Send(ctx context.Context, r Relay, e Envelope, mark func(context.Context) error) Outcome {
	r.Timeouts = r.Timeouts.orDefault()
	s := &sending{relay: r, step: AtSettings}
	if err := r.Check(); err != nil {
		return s.held(fault.Of(err).Key, err)
	}
	from, to, err := e.check()
	if err != nil {
		return s.held("smtp.message", err)
	}
	s.step = AtConnect
	w, err := s.connect(ctx)
	if err != nil {
		return s.outcome(ctx, err)
	}
	s.wire = w
	raw := s.raw
	defer raw.Close()
	defer w.bye()
	stop := context.AfterFunc(ctx, func() {
		if w.committed.Load() {
			time.AfterFunc(r.Timeouts.Grace, func() { raw.Close() })
			return
		}
		raw.Close()
	})
	defer stop()
	reply, err := s.talk(ctx, from, to, e.Data, mark)
	if err != nil {
		return s.outcome(ctx, err)
	}
	return s.handedOver(replyLine(250, [3]int{}, reply), 250)
}

// check gives the addresses as the envelope writes them.
func (e Envelope) check() (from, to string, err error) {
	if from, err = mime.AddrSpec(e.From); err != nil {
		return
	}
	if to, err = mime.AddrSpec(e.To); err != nil {
		return
	}
	return from, to, mime.Canonical(e.Data)
}

type sending struct {
	relay Relay
	step  Step
	raw   net.Conn // below TLS
	wire  *wire
	tls   string
}

// talk goes through the dialogue and gives the relay's words to the final dot.
func (s *sending) talk(ctx context.Context, from, to string, data []byte, mark func(context.Context) error) (string, error) {
	c := gosmtp.NewClient(s.wire)
	c.CommandTimeout, c.SubmissionTimeout = s.relay.Timeouts.Command, s.relay.Timeouts.Submission
	s.step = AtHello
	if err := c.Hello(s.relay.Hello); err != nil {
		return "", err
	}
	if err := s.auth(ctx, c); err != nil {
		return "", err
	}
	s.step = AtMail
	opts := &gosmtp.MailOptions{Size: int64(len(data)), UTF8: !ascii(from) || !ascii(to) || !ascii(data)}
	if ok, _ := c.Extension("SMTPUTF8"); opts.UTF8 && !ok {
		return "", &hold{key: "smtp.no_smtputf8"}
	}
	if err := c.Mail(from, opts); err != nil {
		return "", err
	}
	s.step = AtRcpt
	if err := c.Rcpt(to, nil); err != nil {
		return "", err
	}
	s.step = AtData
	d, err := c.Data()
	if err != nil {
		return "", err
	}
	s.step = AtBody
	s.wire.SetDeadline(time.Now().Add(s.relay.Timeouts.Data))
	s.wire.begin(func() error { return s.mark(ctx, mark) })
	if _, err := d.Write(data); err != nil {
		return "", err
	}
	resp, err := d.CloseWithResponse()
	if err != nil {
		return "", err
	}
	return resp.StatusText, nil
}

// mark runs between the last octet of the data and the dot.
func (s *sending) mark(ctx context.Context, mark func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := mark(ctx); err != nil {
		return &unmarked{err}
	}
	// The dot is not out yet: this is still surely not sent.
	if err := ctx.Err(); err != nil {
		return err
	}
	s.step = AtDot
	return s.wire.SetDeadline(time.Now().Add(s.relay.Timeouts.Command))
}

func ascii[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// hold is a reason not to send that a retry does not mend.
type hold struct {
	key   string
	cause error
}

func (h *hold) Error() string { return fmt.Sprintf("held: %s: %v", h.key, h.cause) }
func (h *hold) Unwrap() error { return h.cause }

type unmarked struct{ cause error }

func (u *unmarked) Error() string { return "smtp: mark: " + u.cause.Error() }
func (u *unmarked) Unwrap() error { return u.cause }

func (s *sending) end(k Kind, key string, cause error) Outcome {
	return Outcome{Kind: k, Key: key, Args: []any{"relay", s.relay.Host}, Step: s.step, TLS: s.tls, Cause: cause}
}

func (s *sending) held(key string, cause error) Outcome { return s.end(Held, key, cause) }

func (s *sending) replied(k Kind, key, reply string, code int, cause error) Outcome {
	o := s.end(k, key, cause)
	o.Args = append(o.Args, "reply", reply)
	o.Reply, o.Code = reply, code
	return o
}

func (s *sending) handedOver(reply string, code int) Outcome {
	key := "smtp.handed_over"
	if s.tls == "" {
		key = "smtp.handed_over_loopback"
	}
	o := s.replied(HandedOver, key, reply, code, nil)
	o.QueueID = queueID(reply)
	return o
}

// outcome says what an error means at this point of the dialogue.
func (s *sending) outcome(ctx context.Context, err error) Outcome {
	committed := s.wire != nil && s.wire.committed.Load()
	var re *gosmtp.SMTPError
	var h *hold
	var u *unmarked
	switch {
	case errors.As(err, &h) && !committed:
		return s.held(h.key, err)
	case errors.As(err, &re) && (re.Code/100 == 4 || re.Code/100 == 5 || committed && re.Code/100 == 2):
		return s.byReply(re)
	case committed:
		return s.end(Unknown, "smtp.unknown_"+how(err), err)
	case errors.As(err, &u):
		return s.end(Deferred, "smtp.mark_failed", err)
	case ctx.Err() != nil:
		return s.end(Deferred, "smtp.cancelled", err)
	case s.step == AtConnect:
		return s.end(Deferred, "smtp.unreachable", err)
	}
	return s.end(Deferred, "smtp."+how(err), err)
}

func how(err error) string {
	var ne net.Error
	var pe textproto.ProtocolError
	var re *gosmtp.SMTPError
	var b64 base64.CorruptInputError
	switch {
	case errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	case errors.As(err, &pe), errors.As(err, &re), errors.As(err, &b64), errors.Is(err, gosmtp.ErrTooLongLine), errors.Is(err, errTooMuch):
		return "garbage"
	}
	return "dropped"
}

// byReply goes by the first digit of the code (RFC 5321, 4.2.1). Before MAIL a
// 5xx is about us and not about this message, and so is a demand for sign-in or
// encryption at any time: those are held, since another address would not help.
func (s *sending) byReply(re *gosmtp.SMTPError) Outcome {
	reply := replyLine(re.Code, re.EnhancedCode, re.Message)
	switch {
	case re.Code/100 == 2:
		return s.handedOver(reply, re.Code)
	case re.Code/100 == 4:
		return s.replied(Deferred, "smtp.later", reply, re.Code, re)
	case s.step == AtAuth || re.Code == 530 || re.Code == 534 || re.Code == 535 || re.Code == 538:
		return s.replied(Held, "smtp.auth_refused", reply, re.Code, re)
	case s.step == AtTLS || s.step == AtHello:
		return s.replied(Held, "smtp.relay_refused", reply, re.Code, re)
	}
	return s.replied(Refused, "smtp.refused", reply, re.Code, re)
}
