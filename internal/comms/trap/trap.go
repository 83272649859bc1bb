// Package trap is a mail server that delivers nothing: it keeps what it gets in
// a folder (メールの受け皿). The demo sends to it, and the tests let it fail in
// every way a relay can.
//
// It listens on this computer only, so a demo cannot become a relay, and it
// speaks TLS with a certificate made at start, so the client's own rule (no
// mail in the clear) need not be bent for it.
package trap

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"strconv"
	"sync"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/kernel/fault"
)

// Config says what kind of server it is. Listen, Dir and Now are required.
type Config struct {
	Listen      string // a loopback address with port, "127.0.0.1:0" for a free one
	Dir         string // folder for the .eml files; made if missing
	Now         func() time.Time
	ImplicitTLS bool     // TLS from the first octet instead of STARTTLS
	NoTLS       bool     // offers no STARTTLS, as if it were stripped on the way
	MaxTLS      uint16   // highest TLS version, 0 for the newest
	Names       []string // names on the certificate; default localhost, 127.0.0.1, ::1
	User        string   // with Password: AUTH is demanded before MAIL
	Password    string
	Bearer      func(token string) bool // with User: offers XOAUTH2 and OAUTHBEARER beside, and takes the tokens it says yes to
	LoginOnly   bool                    // offers AUTH LOGIN but not PLAIN
	UTF8        bool                    // offers SMTPUTF8
	MaxBytes    int64                   // of one message; default 40 MiB
	MaxMessages int                     // kept; default 10,000, then 452
	Record      bool                    // keeps a transcript of all sessions, for tests
}

// Trap is a running server.
type Trap struct {
	cfg      Config
	server   *gosmtp.Server
	listener net.Listener
	tls      *tls.Config
	pem      []byte
	done     chan struct{}
	close    sync.Once

	mu         sync.Mutex
	fault      Fault
	index      []Message
	next       int
	sessions   int
	transcript bytes.Buffer
}

// Start makes the certificate, listens and serves until Close. It fails with
// fault.Invalid if Listen is not on this computer, and with fault.Unavailable
// if the port or the folder cannot be had.
func Start(cfg Config) (*Trap, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 40 << 20
	}
	if cfg.MaxMessages <= 0 {
		cfg.MaxMessages = 10_000
	}
	if len(cfg.Names) == 0 {
		cfg.Names = []string{"localhost", "127.0.0.1", "::1"}
	}
	t := &Trap{cfg: cfg, done: make(chan struct{})}
	if err := t.openFolder(); err != nil {
		return nil, fault.Unavailable("trap.cannot_start").Because(err)
	}
	cert, pem, err := certificate(cfg.Names)
	if err != nil {
		return nil, fault.Failed(err)
	}
	t.pem = pem
	t.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: cfg.MaxTLS}
	if cfg.MaxTLS != 0 {
		t.tls.MinVersion = tls.VersionTLS10
	}
	if t.listener, err = listen(cfg.Listen); err != nil {
		return nil, err
	}
	t.server = t.newServer()
	go t.server.Serve(&door{t.listener, t})
	return t, nil
}

func listen(addr string) (net.Listener, error) {
	refused := fault.Invalid("trap.not_loopback")
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, refused
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, refused
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fault.Unavailable("trap.cannot_start").Because(err)
	}
	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		l.Close()
		return nil, refused
	}
	return l, nil
}

func (t *Trap) newServer() *gosmtp.Server {
	s := gosmtp.NewServer(gosmtp.BackendFunc(t.newSession))
	s.Domain = "trap.localhost"
	s.MaxMessageBytes = t.cfg.MaxBytes
	s.MaxRecipients = 100
	s.EnableSMTPUTF8 = t.cfg.UTF8
	s.ReadTimeout, s.WriteTimeout = 5*time.Minute, time.Minute
	s.ErrorLog = log.New(io.Discard, "", 0)
	if !t.cfg.NoTLS && !t.cfg.ImplicitTLS {
		s.TLSConfig = t.tls
	}
	if t.cfg.Record {
		s.Debug = recorder{t}
	}
	return s
}

// Host is the address it listens on.
func (t *Trap) Host() string { return t.listener.Addr().(*net.TCPAddr).IP.String() }

// Port is the port it listens on.
func (t *Trap) Port() int { return t.listener.Addr().(*net.TCPAddr).Port }

// Addr is Host and Port in one.
func (t *Trap) Addr() string { return net.JoinHostPort(t.Host(), strconv.Itoa(t.Port())) }

// PEM is its certificate, for the client's list of trusted ones.
func (t *Trap) PEM() []byte { return bytes.Clone(t.pem) }

// Close drops every session and stops. The files stay.
func (t *Trap) Close() error {
	t.close.Do(func() {
		close(t.done)
		t.server.Close()
		t.listener.Close() // again, in case Serve had not begun
	})
	return nil
}

// Sessions is how many connections were accepted so far.
func (t *Trap) Sessions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions
}

// Transcript is what was said on all sessions so far, decrypted, both sides;
// empty without Config.Record. Replies of a Fault are not in it.
func (t *Trap) Transcript() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.transcript.String()
}

type recorder struct{ t *Trap }

func (r recorder) Write(b []byte) (int, error) {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	return r.t.transcript.Write(b)
}

// door counts sessions, plays the faults of the greeting and begins TLS.
type door struct {
	net.Listener
	t *Trap
}

func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.t.mu.Lock()
		d.t.sessions++
		d.t.mu.Unlock()
		if d.t.cfg.ImplicitTLS {
			c = tls.Server(c, d.t.tls)
		}
		f := d.t.faultAt(AtGreeting)
		if f == nil {
			return c, nil
		}
		go func() {
			if tc, ok := c.(*tls.Conn); ok && tc.Handshake() != nil {
				c.Close()
				return
			}
			d.t.play(c, f, "220 trap.localhost ESMTP")
		}()
	}
}
