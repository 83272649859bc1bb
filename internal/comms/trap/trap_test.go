package trap

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

func start(t *testing.T, cfg Config) *Trap {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Now = func() time.Time { return time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC) }
	tr, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func dial(t *testing.T, tr *Trap) *gosmtp.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(tr.PEM())
	cfg := &tls.Config{RootCAs: pool}
	var c *gosmtp.Client
	var err error
	if tr.cfg.ImplicitTLS {
		c, err = gosmtp.DialTLS(tr.Addr(), cfg)
	} else {
		cfg.ServerName = "localhost"
		c, err = gosmtp.DialStartTLS(tr.Addr(), cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const letter = "Subject: x\r\n\r\n.one dot\r\n"

func TestTrapKeepsTheWholeMessage(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		tr := start(t, Config{ImplicitTLS: implicit})
		if err := dial(t, tr).SendMail("a@x.example", []string{"b@y.example", "c@y.example"}, strings.NewReader(letter)); err != nil {
			t.Fatal(err)
		}
		list := tr.List()
		if len(list) != 1 {
			t.Fatalf("%d messages", len(list))
		}
		m, data, err := tr.Get(list[0].ID)
		if err != nil || string(data) != letter {
			t.Fatalf("%q, %v", data, err)
		}
		if m.From != "a@x.example" || strings.Join(m.To, ",") != "b@y.example,c@y.example" || m.TLS != "TLS 1.3" ||
			m.Size != len(letter) || !m.At.Equal(time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v", m)
		}
		file, err := os.ReadFile(m.File)
		if err != nil || !strings.HasSuffix(m.File, ".eml") {
			t.Fatal(m.File, err)
		}
		for _, want := range []string{"Return-Path: <a@x.example>\r\n", "Delivered-To: b@y.example\r\nDelivered-To: c@y.example\r\n", "30 Nov 2026 09:00:00 +0000\r\n" + letter} {
			if !bytes.Contains(file, []byte(want)) {
				t.Errorf("%q is not in %q", want, file)
			}
		}
		if _, _, err := tr.Get(99); !fault.Is(err, fault.KindNotFound) {
			t.Error(err)
		}
		if err := os.WriteFile(m.File, append(file, 'x'), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tr.Get(m.ID); !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("changed file: %v", err)
		}
	}
}

func TestTrapListensOnThisComputerOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "mail.example:25", "127.0.0.1", "127.0.0.1.example:0"} {
		tr, err := Start(Config{Listen: addr, Dir: t.TempDir(), Now: time.Now})
		if !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%s: %v", addr, err)
		}
		if tr != nil {
			tr.Close()
		}
	}
	tr := start(t, Config{Listen: "localhost:0"})
	if ip := net.ParseIP(tr.Host()); ip == nil || !ip.IsLoopback() {
		t.Error(tr.Host())
	}
	if _, err := Start(Config{Listen: tr.Addr(), Dir: t.TempDir(), Now: time.Now}); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("taken port: %v", err)
	}
	for _, key := range []string{"trap.not_loopback", "trap.cannot_start", "trap.lost"} {
		if !text.Has(key) {
			t.Errorf("%s has no sentence", key)
		}
	}
}

func TestTrapLimits(t *testing.T) {
	tr := start(t, Config{MaxBytes: 1000, MaxMessages: 2})
	c := dial(t, tr)
	var e *gosmtp.SMTPError
	err := c.SendMail("a@x.example", []string{"b@y.example"}, strings.NewReader(strings.Repeat("x", 1001)+"\r\n"))
	if !errors.As(err, &e) || e.Code != 552 {
		t.Errorf("too large: %v", err)
	}
	for range 2 {
		if err := c.SendMail("a@x.example", []string{"b@y.example"}, strings.NewReader(letter)); err != nil {
			t.Fatal(err)
		}
	}
	err = c.SendMail("a@x.example", []string{"b@y.example"}, strings.NewReader(letter))
	if !errors.As(err, &e) || e.Code != 452 {
		t.Errorf("full: %v", err)
	}
	if n := len(tr.List()); n != 2 {
		t.Errorf("%d kept", n)
	}
	again := start(t, Config{Dir: tr.cfg.Dir})
	if err := dial(t, again).SendMail("a@x.example", []string{"b@y.example"}, strings.NewReader(letter)); err != nil {
		t.Fatal(err)
	}
	if l := again.List(); len(l) != 1 || l[0].ID != 3 {
		t.Errorf("numbers after a restart: %+v", l)
	}
}

func TestTrapDemandsSignIn(t *testing.T) {
	tr := start(t, Config{User: "u", Password: "p"})
	var e *gosmtp.SMTPError
	if err := dial(t, tr).Mail("a@x.example", nil); !errors.As(err, &e) || e.Code != 530 {
		t.Errorf("without: %v", err)
	}
	if err := dial(t, tr).Auth(sasl.NewPlainClient("", "u", "wrong")); !errors.As(err, &e) || e.Code != 535 {
		t.Errorf("wrong: %v", err)
	}
	for _, auth := range []sasl.Client{sasl.NewPlainClient("", "u", "p"), sasl.NewLoginClient("u", "p")} {
		c := dial(t, tr)
		if err := c.Auth(auth); err != nil {
			t.Fatal(err)
		}
		if err := c.Mail("a@x.example", nil); err != nil {
			t.Error(err)
		}
	}
}
