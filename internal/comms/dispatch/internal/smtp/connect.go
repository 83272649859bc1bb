package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/comms/oauth"
)

// connect dials and encrypts. For STARTTLS it speaks the few lines before TLS
// itself: go-smtp upgrades inside its own connection, where the wire could not
// see the dot, and greets as "localhost" there.
func (s *sending) connect(ctx context.Context) (*wire, error) {
	t := s.relay.Timeouts
	d := net.Dialer{Timeout: t.Connect}
	raw, err := d.DialContext(ctx, "tcp", net.JoinHostPort(s.relay.Host, strconv.Itoa(s.relay.Port)))
	if err != nil {
		return nil, err
	}
	s.raw = raw
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	w, err := s.encrypt(ctx, raw)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return w, nil
}

func (s *sending) encrypt(ctx context.Context, raw net.Conn) (*wire, error) {
	switch s.relay.Mode {
	case Plain:
		if !loopback(raw) {
			return nil, &hold{key: "smtp.set_mode"}
		}
		return newWire(raw, nil), nil
	case StartTLS:
		s.step = AtTLS
		if err := s.startTLS(raw); err != nil {
			return nil, err
		}
	}
	s.step = AtTLS
	c, err := s.handshake(ctx, raw)
	if err != nil {
		return nil, err
	}
	if s.relay.Mode == StartTLS {
		// The one greeting of the session came before TLS; the client gets a
		// blank one in its place, never the relay's unprotected words.
		return newWire(c, []byte("220 -\r\n")), nil
	}
	return newWire(c, nil), nil
}

// startTLS asks for TLS on the open connection (RFC 3207).
func (s *sending) startTLS(raw net.Conn) error {
	w := newWire(raw, nil)
	r := textproto.NewReader(bufio.NewReader(w))
	ask := func(line string, want int) (string, error) {
		raw.SetDeadline(time.Now().Add(s.relay.Timeouts.Command))
		if line != "" {
			if _, err := io.WriteString(raw, line+"\r\n"); err != nil {
				return "", err
			}
		}
		code, msg, err := r.ReadResponse(0)
		if err == nil && code != want {
			err = &gosmtp.SMTPError{Code: code, Message: msg}
		}
		return msg, err
	}
	if _, err := ask("", 220); err != nil {
		return err
	}
	msg, err := ask("EHLO "+s.relay.Hello, 250)
	var re *gosmtp.SMTPError
	if errors.As(err, &re) && (re.Code == 500 || re.Code == 502) {
		return &hold{"smtp.no_starttls", err}
	}
	if err != nil {
		return err
	}
	if !offers(msg, "STARTTLS") {
		return &hold{key: "smtp.no_starttls"}
	}
	_, err = ask("STARTTLS", 220)
	if errors.As(err, &re) && re.Code/100 == 5 {
		return &hold{"smtp.no_starttls", err}
	}
	if err != nil {
		return err
	}
	// What was sent along with the 220 lies before TLS and is nobody's word.
	if w.in.Buffered() > 0 {
		return &hold{key: "smtp.injected"}
	}
	return nil
}

func offers(ehlo, extension string) bool {
	for _, line := range strings.Split(ehlo, "\n")[1:] {
		if name, _, _ := strings.Cut(line, " "); strings.EqualFold(name, extension) {
			return true
		}
	}
	return false
}

func (s *sending) handshake(ctx context.Context, raw net.Conn) (net.Conn, error) {
	roots, err := s.relay.roots()
	if err != nil {
		return nil, &hold{"smtp.set_roots", err}
	}
	c := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: s.relay.serverName()})
	raw.SetDeadline(time.Now().Add(s.relay.Timeouts.Connect))
	if err := c.HandshakeContext(ctx); err != nil {
		var cert *tls.CertificateVerificationError
		switch {
		case errors.As(err, &cert):
			return nil, &hold{"smtp.certificate", err}
		case networkTrouble(err):
			return nil, err
		}
		return nil, &hold{"smtp.tls", err}
	}
	raw.SetDeadline(time.Time{})
	st := c.ConnectionState()
	s.tls = tls.VersionName(st.Version) + " " + tls.CipherSuiteName(st.CipherSuite)
	return c, nil
}

// networkTrouble tells a connection that broke from one that cannot agree on
// TLS: crypto/tls reports alerts as an OpError of its own, too.
func networkTrouble(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op != "remote error" && op.Op != "local error"
	}
	var ne net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.As(err, &ne) && ne.Timeout()
}

// auth signs in if the settings hold a user. Check has made sure that there is
// none without TLS.
func (s *sending) auth(ctx context.Context, c *gosmtp.Client) error {
	if s.relay.User == "" {
		return nil
	}
	s.step = AtAuth
	if s.relay.Auth != Password {
		return s.bearer(ctx, c)
	}
	user, pw := s.relay.User, s.relay.Password.Reveal()
	err := error(sasl.ErrUnexpectedServerChallenge)
	switch {
	case c.SupportsAuth(sasl.Plain):
		err = c.Auth(sasl.NewPlainClient("", user, pw))
	case c.SupportsAuth(sasl.Login):
		err = c.Auth(&login{answers: []string{user, pw}})
	}
	if errors.Is(err, sasl.ErrUnexpectedServerChallenge) {
		return &hold{"smtp.no_auth", err}
	}
	return err
}

// bearer signs in with a token, and once more with a fresh one if it is refused:
// it may have been called back before its time. No other way is tried.
func (s *sending) bearer(ctx context.Context, c *gosmtp.Client) error {
	r := s.relay
	mechanism := strings.ToUpper(string(r.Auth))
	if !c.SupportsAuth(mechanism) {
		return &hold{"smtp.no_oauth", nil}
	}
	for again := range 2 {
		token, err := r.Token(ctx, again > 0)
		if err != nil {
			return &hold{"smtp.no_token", err}
		}
		err = c.Auth(oauth.Client(mechanism, r.User, token, r.Host, r.Port))
		var refused *gosmtp.SMTPError
		if again > 0 || !errors.As(err, &refused) || refused.Code/100 != 5 {
			return err
		}
	}
	return nil
}

// login is AUTH LOGIN without an initial response: the form every server that
// offers LOGIN takes, unlike go-sasl's, which insists on one prompt's spelling.
type login struct{ answers []string }

func (l *login) Start() (string, []byte, error) { return sasl.Login, nil, nil }

func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	a := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(a), nil
}
