package trap

import (
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

var errGone = errors.New("trap: the connection was taken")

type session struct {
	t      *Trap
	conn   *gosmtp.Conn
	signed bool
	msg    Message
}

func (t *Trap) newSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	s := &session{t: t, conn: c}
	if err := s.misbehave(AtHello, "250 trap.localhost"); err != nil {
		return nil, err
	}
	return s, nil
}

// misbehave plays the fault of this step, if there is one. A plain reply goes
// through the server, so that the session lives on as it would elsewhere.
func (s *session) misbehave(at Step, regular string) error {
	f := s.t.faultAt(at)
	if f == nil {
		return nil
	}
	if f.Act == Reply && at != AtBody {
		return f.smtpError()
	}
	s.t.play(s.conn.Conn(), f, regular)
	return errGone
}

func (s *session) Mail(from string, opts *gosmtp.MailOptions) error {
	if s.t.cfg.User != "" && !s.signed {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if err := s.misbehave(AtMail, "250 2.1.0 Ok"); err != nil {
		return err
	}
	s.msg = Message{From: from, Hello: s.conn.Hostname(), UTF8: opts.UTF8}
	if st, ok := s.conn.TLSConnectionState(); ok {
		s.msg.TLS = tls.VersionName(st.Version)
	}
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if f := s.t.faultAt(AtRcpt); f == nil || f.To == "" || f.To == to {
		if err := s.misbehave(AtRcpt, "250 2.1.5 Ok"); err != nil {
			return err
		}
	}
	s.msg.To = append(s.msg.To, to)
	if f := s.t.faultAt(AtData); f != nil {
		s.t.playAfterRcpt(s.conn.Conn(), f)
		return errGone
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	if err := s.misbehave(AtBody, "451 4.3.0 early"); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	kept := "Ok"
	if f := s.t.faultAt(AtDot); f == nil || f.Keep || f.Act == ReplyThenDrop || f.Act == Drip {
		id, err := s.t.keep(s.msg, data)
		if err != nil {
			return err
		}
		kept = fmt.Sprintf("Ok: queued as %06d", id)
	}
	if err := s.misbehave(AtDot, "250 2.0.0 "+kept); err != nil {
		return err
	}
	return &gosmtp.SMTPError{Code: 250, EnhancedCode: gosmtp.EnhancedCode{2, 0, 0}, Message: kept}
}

func (s *session) Reset()        { s.msg = Message{} }
func (s *session) Logout() error { return nil }

// AuthMechanisms are what EHLO offers, over TLS only.
func (s *session) AuthMechanisms() []string {
	switch {
	case s.t.cfg.User == "":
		return nil
	case s.t.cfg.LoginOnly:
		return []string{sasl.Login}
	}
	if s.t.cfg.Bearer != nil {
		return []string{sasl.Plain, sasl.Login, "XOAUTH2", sasl.OAuthBearer}
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth checks the one user there is.
func (s *session) Auth(mech string) (sasl.Server, error) {
	if f := s.t.faultAt(AtAuth); f != nil {
		return nil, f.smtpError()
	}
	check := func(user, pw string) error {
		if subtle.ConstantTimeCompare([]byte(user+"\x00"+pw), []byte(s.t.cfg.User+"\x00"+s.t.cfg.Password)) != 1 {
			return gosmtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}
	if mech == sasl.OAuthBearer || mech == "XOAUTH2" {
		return &bearer{func(user, token string) bool {
			s.signed = s.t.cfg.Bearer != nil && user == s.t.cfg.User && s.t.cfg.Bearer(token)
			return s.signed
		}, false}, nil
	}
	if mech == sasl.Login {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, pw string) error { return check(user, pw) }), nil
}

// login is AUTH LOGIN from the server's side.
type login struct {
	check func(user, pw string) error
	user  *string
}

func (l *login) Next(answer []byte) ([]byte, bool, error) {
	switch {
	case answer == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		user := string(answer)
		l.user = &user
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(*l.user, string(answer))
}
