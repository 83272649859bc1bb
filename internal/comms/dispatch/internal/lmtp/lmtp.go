// Package lmtp is the port that mail servers hand bounces to. It takes messages
// to the addresses it is told to know and to no other, keeps their beginning,
// and never sends anything but replies.
package lmtp

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"
)

// Config says what is taken.
type Config struct {
	SMTP  bool        // SMTP instead of LMTP
	TLS   *tls.Config // offers STARTTLS; nil does not
	Name  string      // in the greeting
	Keep  int         // octets of a message that are looked at: a report stands before what it returns
	Knows func(address string) bool
	Take  func(ctx context.Context, address string, raw []byte) error // an error: later
}

// The limits of a session.
const (
	maxBytes    = 40 << 20 // of a message: some servers return all of what was sent
	maxRcpts    = 10
	maxSessions = 20
	maxBad      = 20 // wrong addresses in one session
	readTimeout = time.Minute
)

// Serve takes messages from l until ctx ends.
func Serve(ctx context.Context, l net.Listener, c Config) error {
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(conn *gosmtp.Conn) (gosmtp.Session, error) { return &session{ctx: ctx, c: c, conn: conn}, nil }))
	s.LMTP, s.Domain, s.TLSConfig = !c.SMTP, c.Name, c.TLS
	s.MaxMessageBytes, s.MaxRecipients, s.ReadTimeout, s.WriteTimeout = maxBytes, maxRcpts, readTimeout, readTimeout
	s.ErrorLog = log.New(io.Discard, "", 0)
	stop := context.AfterFunc(ctx, func() { s.Close(); l.Close() })
	defer stop()
	err := s.Serve(netutil.LimitListener(l, maxSessions))
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type session struct {
	ctx  context.Context
	c    Config
	conn *gosmtp.Conn
	to   []string
	bad  int
}

func (s *session) Reset() { s.to = nil }

func (s *session) Logout() error { return nil }

// Mail takes any sender: a bounce has none, but not every server knows that.
func (s *session) Mail(string, *gosmtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if s.c.Knows(to) {
		s.to = append(s.to, to)
		return nil
	}
	if s.bad++; s.bad > maxBad {
		s.conn.Close()
	}
	return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "No such address"}
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, int64(s.c.Keep)))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return err
	}
	for _, to := range s.to {
		if err := s.c.Take(s.ctx, to, raw); err != nil {
			return &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 3, 0}, Message: "Later, please"}
		}
	}
	return nil
}
