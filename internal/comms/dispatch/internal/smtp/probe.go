package smtp

import (
	"context"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/kernel/fault"
)

// Probe goes as far with a relay as a message would before it begins: connects,
// encrypts, greets, signs in, and leaves. Nothing is sent. The outcome's Key is
// "" when all went well, else it says what is wrong as Send would.
func Probe(ctx context.Context, r Relay) Outcome {
	r.Timeouts = r.Timeouts.orDefault()
	s := &sending{relay: r, step: AtSettings}
	if err := r.Check(); err != nil {
		return s.held(fault.Of(err).Key, err)
	}
	s.step = AtConnect
	w, err := s.connect(ctx)
	if err != nil {
		return s.outcome(ctx, err)
	}
	s.wire = w
	defer s.raw.Close()
	stop := context.AfterFunc(ctx, func() { s.raw.Close() })
	defer stop()
	c := gosmtp.NewClient(w)
	c.CommandTimeout = r.Timeouts.Command
	s.step = AtHello
	if err := c.Hello(r.Hello); err != nil {
		return s.outcome(ctx, err)
	}
	if err := s.auth(ctx, c); err != nil {
		return s.outcome(ctx, err)
	}
	w.SetDeadline(time.Now().Add(goodbye))
	_ = c.Quit()
	return Outcome{TLS: s.tls, Step: s.step}
}
