//go:build torture

package torture

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stage is how far the dialogue of one mail has come, as the sink sees it.
type stage int32

const (
	nowhere stage = iota
	connected
	hello    // EHLO inside TLS came, its answer is next
	envelope // MAIL came, its answer is next
	receiver // RCPT came
	asked    // DATA came, 354 is next
	begun    // 354 was written: from here to replied is the window
	body     // the first octets of the message are there
	full     // all of the message is there but the dot: the sender makes its mark
	dot      // the dot is there, the reply is not yet written
	replied  // the final reply was written
	stages
)

func (s stage) String() string {
	return [stages]string{"before the connection", "connected", "EHLO", "MAIL", "RCPT", "DATA", "354 written", "in the message",
		"message there, dot not (the mark)", "dot there, no reply", "reply written"}[s]
}

// window tells whether s lies between DATA and the final reply.
func (s stage) window() bool { return s >= begun && s < replied }

// got is one message whose dot arrived: whatever was replied, the sink has it.
type got struct {
	id, packageDigest, to string
	raw                   []byte
	at                    time.Time
}

// sink is a mail server that counts. It takes TLS with a certificate of the
// tests' own authority, and lets a test do something at each stage.
type sink struct {
	t    testing.TB
	port int
	ca   string // file
	tls  *tls.Config

	mu  sync.Mutex
	ln  net.Listener
	all []got

	// at is called at each stage; true hangs up without a further word.
	at atomic.Pointer[func(*talk, stage) bool]
	// turns, when set, lets one session speak at a time: a kill then uses up one
	// package, not as many as are sent together.
	turns atomic.Bool
	turn  chan struct{}
}

func newSink(t testing.TB, dir string) *sink {
	s := &sink{t: t, ca: filepath.Join(dir, "ca.pem"), turn: make(chan struct{}, 1)}
	s.certify()
	s.open()
	t.Cleanup(s.close)
	return s
}

// certify makes an authority and a certificate for localhost.
func (s *sink) certify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "torture CA"}, NotBefore: now.AddDate(-20, 0, 0),
		NotAfter: now.AddDate(20, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// open listens, again on the same port after a close: the relay is back.
func (s *sink) open() {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.ln, s.port = ln, ln.Addr().(*net.TCPAddr).Port
	s.mu.Unlock()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
}

func (s *sink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln.Close()
}

// on lets f see every stage from now on; nil ends that.
func (s *sink) on(f func(*talk, stage) bool) {
	if f == nil {
		s.at.Store(nil)
		return
	}
	s.at.Store(&f)
}

// reach notes a stage and says whether to hang up.
func (w *talk) reach(g stage) bool {
	w.at.Store(int32(g))
	f := w.s.at.Load()
	return f != nil && (*f)(w, g)
}

// taken are all messages so far.
func (s *sink) taken() []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]got(nil), s.all...)
}

// serve speaks one session.
func (s *sink) serve(c net.Conn) {
	defer c.Close()
	w := &talk{s: s, c: c, r: bufio.NewReader(c)}
	if w.reach(connected) {
		return
	}
	if s.turns.Load() {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
	}
	w.say("220 sink ESMTP")
	for {
		line, err := w.r.ReadString('\n')
		if err != nil || !w.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

type talk struct {
	s      *sink
	c      net.Conn
	r      *bufio.Reader
	secure bool
	size   int
	to     string
	at     atomic.Int32 // the stage it has reached
}

func (w *talk) say(line string) bool {
	_, err := io.WriteString(w.c, line+"\r\n")
	return err == nil
}

// command answers one line; false ends the session.
func (w *talk) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		if !w.secure {
			return w.say("250-sink") && w.say("250 STARTTLS")
		}
		return !w.reach(hello) && w.say("250-sink") && w.say("250-8BITMIME") && w.say("250-SIZE 50000000") && w.say("250 SMTPUTF8")
	case "STARTTLS":
		w.say("220 go on")
		c := tls.Server(w.c, w.s.tls)
		if err := c.Handshake(); err != nil {
			return false
		}
		w.c, w.r, w.secure = c, bufio.NewReader(c), true
		return true
	case "MAIL":
		w.size = 0
		for _, p := range strings.Fields(rest) {
			fmt.Sscanf(strings.ToUpper(p), "SIZE=%d", &w.size)
		}
		return !w.reach(envelope) && w.say("250 2.1.0 Ok")
	case "RCPT":
		w.to = strings.Trim(strings.TrimPrefix(strings.Fields(rest)[0], "TO:"), "<>")
		return !w.reach(receiver) && w.say("250 2.1.5 Ok")
	case "DATA":
		return !w.reach(asked) && w.say("354 go on") && w.data()
	case "QUIT":
		w.say("221 bye")
		return false
	}
	return w.say("250 2.0.0 Ok")
}

// data reads the message to its dot. It goes on reading when the sender is
// killed: what lies in the socket may still hold the dot.
func (w *talk) data() bool {
	if w.reach(begun) {
		return false
	}
	var raw []byte
	buf := make([]byte, 32<<10)
	end := []byte("\r\n.\r\n")
	for !bytes.HasSuffix(raw, end) {
		n, err := w.r.Read(buf)
		first := len(raw) == 0
		raw = append(raw, buf[:n]...)
		if n > 0 && first && w.reach(body) {
			return false
		}
		if n > 0 && len(raw) == w.size && w.reach(full) {
			return false
		}
		if err != nil {
			return false
		}
	}
	w.keep(bytes.TrimSuffix(raw, []byte(".\r\n")))
	if w.reach(dot) {
		return false
	}
	if !w.say("250 2.0.0 Ok: queued as " + fmt.Sprintf("S%06d", len(w.s.taken()))) {
		return false
	}
	return !w.reach(replied)
}

func (w *talk) keep(raw []byte) {
	g := got{raw: unstuff(raw), to: w.to, at: time.Now()}
	if msg, err := mail.ReadMessage(bytes.NewReader(g.raw)); err == nil {
		g.id, g.packageDigest = strings.Trim(msg.Header.Get("Message-Id"), "<> "), msg.Header.Get("X-Sekisho-Package")
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.all = append(w.s.all, g)
}

// unstuff takes the added dots away (RFC 5321, 4.5.2).
func unstuff(raw []byte) []byte {
	if bytes.HasPrefix(raw, []byte("..")) {
		raw = raw[1:]
	}
	return bytes.ReplaceAll(raw, []byte("\r\n.."), []byte("\r\n."))
}
