package smtp

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"sekisho/internal/kernel/vault"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// SM-23: what cannot be sent encrypted to the right server stays, and nothing
// readable has crossed the wire.
func TestSM23_NeverInTheClear(t *testing.T) {
	cases := []struct {
		name string
		cfg  trap.Config
		mode Mode
		set  func(*Relay)
		key  string
	}{
		{"STARTTLS stripped", trap.Config{NoTLS: true}, StartTLS, nil, "smtp.no_starttls"},
		{"STARTTLS stripped, sign-in wanted", trap.Config{NoTLS: true, User: "u", Password: "p"}, StartTLS,
			func(r *Relay) { r.User, r.Password = "u", vault.NewSecret("p") }, "smtp.no_starttls"},
		{"plain server on the TLS port", trap.Config{NoTLS: true}, TLS, nil, "smtp.tls"},
		{"unknown issuer, STARTTLS", trap.Config{}, StartTLS, func(r *Relay) { r.ExtraRoots = nil }, "smtp.certificate"},
		{"unknown issuer, TLS", trap.Config{ImplicitTLS: true}, TLS, func(r *Relay) { r.ExtraRoots = nil }, "smtp.certificate"},
		{"wrong name, STARTTLS", trap.Config{Names: []string{"elsewhere.example"}}, StartTLS, nil, "smtp.certificate"},
		{"wrong name, TLS", trap.Config{ImplicitTLS: true, Names: []string{"elsewhere.example"}}, TLS, nil, "smtp.certificate"},
		{"other name demanded", trap.Config{}, StartTLS, func(r *Relay) { r.ServerName = "relay.example" }, "smtp.certificate"},
		{"TLS 1.1, STARTTLS", trap.Config{MaxTLS: tls.VersionTLS11}, StartTLS, nil, "smtp.tls"},
		{"TLS 1.1, TLS", trap.Config{ImplicitTLS: true, MaxTLS: tls.VersionTLS11}, TLS, nil, "smtp.tls"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Record = true
			tr := startTrap(t, c.cfg)
			r := relayTo(tr, c.mode)
			if c.set != nil {
				c.set(&r)
			}
			var n marks
			want(t, Send(t.Context(), r, envelope(letter), n.mark), Held, c.key, AtTLS)
			if n.n.Load() != 0 || len(tr.List()) != 0 || tr.Sessions() != 1 {
				t.Errorf("%d marks, %d kept, %d sessions", n.n.Load(), len(tr.List()), tr.Sessions())
			}
			tr.Close()
			for _, secret := range []string{"MAIL FROM", "RCPT TO", "AUTH ", "hokuto.example>", "Subject"} {
				if strings.Contains(tr.Transcript(), secret) {
					t.Errorf("%q crossed the wire:\n%s", secret, tr.Transcript())
				}
			}
		})
	}
}

func TestSM23_TLS12AndNamedServer(t *testing.T) {
	tr := startTrap(t, trap.Config{MaxTLS: tls.VersionTLS12, Names: []string{"relay.example"}})
	r := relayTo(tr, StartTLS)
	r.ServerName = "relay.example"
	o := Send(t.Context(), r, envelope(letter), new(marks).mark)
	want(t, o, HandedOver, "smtp.handed_over", AtDot)
	if !strings.HasPrefix(o.TLS, "TLS 1.2 ") {
		t.Error(o.TLS)
	}
}

func TestPlainOnlyOnThisComputer(t *testing.T) {
	tr := startTrap(t, trap.Config{NoTLS: true})
	r := relayTo(tr, Plain)
	want(t, Send(t.Context(), r, envelope(letter), new(marks).mark), Held, "smtp.set_mode", AtSettings)
	r.TrustLoopback = true
	o := Send(t.Context(), r, envelope(letter), new(marks).mark)
	want(t, o, HandedOver, "smtp.handed_over_loopback", AtDot)
	if o.TLS != "" {
		t.Error(o.TLS)
	}
	r.User, r.Password = "u", vault.NewSecret("p")
	want(t, Send(t.Context(), r, envelope(letter), new(marks).mark), Held, "smtp.set_credentials", AtSettings)
	r.User, r.Password, r.Host = "", vault.NewSecret(""), "192.0.2.1"
	want(t, Send(t.Context(), r, envelope(letter), new(marks).mark), Held, "smtp.set_mode", AtSettings)
	if loopback(fakeRemote{}) {
		t.Error("a name that resolved elsewhere counts as this computer")
	}
}

type fakeRemote struct{ net.Conn }

func (fakeRemote) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

// script is a server that says each line after one line of the client.
func script(t *testing.T, greeting string, lines ...string) Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, greeting)
		in := bufio.NewReader(c)
		for _, line := range lines {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			io.WriteString(c, line)
		}
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		io.Copy(io.Discard, in)
	}()
	a := l.Addr().(*net.TCPAddr)
	return Relay{Host: "127.0.0.1", Port: a.Port, Mode: StartTLS, Hello: "x.example"}
}

func TestBeforeTLS(t *testing.T) {
	const ehlo = "250-x\r\n250-starttls\r\n250 SIZE\r\n"
	for _, c := range []struct {
		name, key string
		kind      Kind
		relay     Relay
	}{
		{"words slipped in behind the 220", "smtp.injected", Held, script(t, "220 x\r\n", ehlo, "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n")},
		{"only HELO", "smtp.no_starttls", Held, script(t, "220 x\r\n", "502 what\r\n")},
		{"offered and refused", "smtp.no_starttls", Held, script(t, "220 x\r\n", ehlo, "502 no\r\n")},
		{"not available for now", "smtp.later", Deferred, script(t, "220 x\r\n", ehlo, "454 later\r\n")},
		{"no TLS follows", "smtp.tls", Held, script(t, "220 x\r\n", ehlo, "220 go\r\n", "hello\r\n")},
		{"the host name mentions it", "smtp.no_starttls", Held, script(t, "220 x\r\n", "250-STARTTLS x\r\n250 SIZE\r\n")},
		{"endless greeting", "smtp.garbage", Deferred, script(t, strings.Repeat("220-x\r\n", 60_000))},
		{"endless line", "smtp.garbage", Deferred, script(t, strings.Repeat("2", maxReplies+1))},
	} {
		t.Run(c.name, func(t *testing.T) {
			want(t, Send(t.Context(), c.relay, envelope(letter), new(marks).mark), c.kind, c.key, AtTLS)
		})
	}
}

func TestUnreachable(t *testing.T) {
	tr := startTrap(t, trap.Config{})
	r := relayTo(tr, StartTLS)
	tr.Close()
	want(t, Send(t.Context(), r, envelope(letter), new(marks).mark), Deferred, "smtp.unreachable", AtConnect)
}

func TestRelayCheck(t *testing.T) {
	good := Relay{Host: "relay.example", Port: 587, Mode: StartTLS, Hello: "x.example"}
	cases := []struct {
		key, field string
		set        func(*Relay)
	}{
		{"", "", func(*Relay) {}},
		{"", "", func(r *Relay) { r.Host, r.Hello = "2001:db8::1", "[IPv6:2001:db8::2]" }},
		{"", "", func(r *Relay) { r.Host, r.Mode, r.TrustLoopback = "::1", Plain, true }},
		{"", "", func(r *Relay) { r.User, r.Password = "u", vault.NewSecret("p") }},
		{"smtp.set_host", "host", func(r *Relay) { r.Host = "" }},
		{"smtp.set_host", "host", func(r *Relay) { r.Host = "a b" }},
		{"smtp.set_host", "host", func(r *Relay) { r.Port = 70000 }},
		{"smtp.set_host", "server_name", func(r *Relay) { r.ServerName = "*.example" }},
		{"smtp.set_mode", "mode", func(r *Relay) { r.Mode = "" }},
		{"smtp.set_mode", "mode", func(r *Relay) { r.Mode, r.TrustLoopback = Plain, true }},
		{"smtp.set_mode", "mode", func(r *Relay) { r.Host, r.Mode, r.TrustLoopback = "localhost.example", Plain, true }},
		{"smtp.set_credentials", "password", func(r *Relay) { r.User = "u" }},
		{"smtp.set_credentials", "password", func(r *Relay) { r.Password = vault.NewSecret("p") }},
		{"smtp.set_credentials", "password", func(r *Relay) { r.User, r.Password = "u\x00", vault.NewSecret("p") }},
		{"smtp.set_hello", "hello", func(r *Relay) { r.Hello = "" }},
		{"smtp.set_hello", "hello", func(r *Relay) { r.Hello = "x\r\nMAIL" }},
		{"smtp.set_hello", "hello", func(r *Relay) { r.Hello = "[300.0.0.1]" }},
		{"smtp.set_roots", "extra_roots", func(r *Relay) { r.ExtraRoots = []byte("nonsense") }},
	}
	for _, c := range cases {
		r := good
		c.set(&r)
		err := r.Check()
		if c.key == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if e := fault.Of(err); err == nil || e.Key != c.key || e.Field != c.field || e.Kind != fault.KindInvalid || !text.Has(c.key) {
			t.Errorf("%s %s: %v", c.key, c.field, err)
		}
	}
}
