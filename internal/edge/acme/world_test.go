package acme_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"sekisho/internal/app"
	"sekisho/internal/edge/acme"
)

const (
	keyName = "sekisho-acme."
	zone    = "example.co.jp."
)

// names is a name server on loopback: every name is 127.0.0.1, and whoever signs
// with its key may change TXT records of the zone.
type names struct {
	mu      sync.Mutex
	txt     map[string][]string
	written int
	refuse  bool // signed updates, too
	mute    bool // answers without a signature
	at      string
}

func secret() string {
	return base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
}

func nameServer(t *testing.T) *names {
	t.Helper()
	n := &names{txt: map[string][]string{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.at = ln.Addr().String()
	pc, err := net.ListenPacket("udp", n.at)
	if err != nil {
		t.Fatal(err)
	}
	key := map[string]string{keyName: secret()}
	for _, s := range []*dns.Server{{Listener: ln, Handler: n, TsigSecret: key, MsgAcceptFunc: all}, {PacketConn: pc, Handler: n, TsigSecret: key, MsgAcceptFunc: all}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { _ = s.ActivateAndServe() }() // ends with the test
		<-up
		t.Cleanup(func() { _ = s.Shutdown() }) // as above
	}
	return n
}

func all(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }

// ServeDNS answers.
func (n *names) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := new(dns.Msg).SetReply(q)
	a.Authoritative = true
	if q.Opcode == dns.OpcodeUpdate {
		n.update(w, q, a)
	} else {
		n.answer(q.Question[0], a)
	}
	_ = w.WriteMsg(a) // the asker may have gone
}

func (n *names) update(w dns.ResponseWriter, q, a *dns.Msg) {
	sig := q.IsTsig()
	if sig == nil || w.TsigStatus() != nil {
		a.Rcode = dns.RcodeNotAuth
		return
	}
	if !n.mute {
		a.SetTsig(keyName, sig.Algorithm, 300, int64(sig.TimeSigned))
	}
	if n.refuse || q.Question[0].Name != zone {
		a.Rcode = dns.RcodeRefused
		return
	}
	for _, rr := range q.Ns {
		name := rr.Header().Name
		if t, ok := rr.(*dns.TXT); ok && rr.Header().Class == dns.ClassINET {
			n.txt[name] = append(n.txt[name], t.Txt[0])
			n.written++
		} else {
			delete(n.txt, name)
		}
	}
}

func (n *names) answer(q dns.Question, a *dns.Msg) {
	h := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET}
	switch q.Qtype {
	case dns.TypeA:
		a.Answer = append(a.Answer, &dns.A{Hdr: h, A: net.IPv4(127, 0, 0, 1)})
	case dns.TypeSOA:
		if q.Name == zone {
			a.Answer = append(a.Answer, &dns.SOA{Hdr: h, Ns: "ns." + zone, Mbox: "a." + zone, Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 60})
		}
	case dns.TypeTXT:
		for _, t := range n.txt[q.Name] {
			a.Answer = append(a.Answer, &dns.TXT{Hdr: h, Txt: []string{t}})
		}
	}
}

// authority is a certificate authority on loopback that asks n for names.
type authority struct {
	directory, root string // root: PEM file of the directory's own
	issuing         []byte // PEM of the root of what it issues
	http            string // where it comes for HTTP-01
}

func newAuthority(t *testing.T, n *names) authority {
	t.Helper()
	for k, v := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_NONCEREJECT": "0"} {
		t.Setenv(k, v)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	if err := store.AddBlockedDomain("blocked.example.co.jp"); err != nil {
		t.Fatal(err)
	}
	c := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 90 * 24 * 3600}})
	v := va.New(quiet, port, port, true, n.at, store)
	w := wfe.New(quiet, store, v, c, []string{"ca.example"}, true, false, 1, 1)
	srv := httptest.NewTLSServer(w.Handler())
	t.Cleanup(srv.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return authority{srv.URL + wfe.DirectoryPath, root, c.GetRootCert(0).PEM(), ln.Addr().String()}
}

// settings are those of a portal of this name, by one of the two ways.
func (a authority) settings(t *testing.T, n *names, challenge, name string) acme.Settings {
	t.Helper()
	s := acme.Settings{ACME: app.DefaultACME(), Origin: "https://" + name, Dir: filepath.Join(t.TempDir(), "acme"), Log: slog.New(slog.DiscardHandler)}
	s.Challenge, s.Directory, s.CAFile, s.Email, s.Agree = challenge, a.directory, a.root, "system@example.com", true
	if challenge == app.HTTP01 {
		s.Listen = a.http
		return s
	}
	s.Server, s.Resolver, s.Zone, s.KeyName = n.at, n.at, strings.TrimSuffix(zone, "."), strings.TrimSuffix(keyName, ".")
	s.KeyFile = keyFile(t, secret(), 0o600)
	return s
}

func keyFile(t *testing.T, key string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, s acme.Settings) *acme.Manager {
	t.Helper()
	m, err := acme.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func pairOf(t *testing.T, m *acme.Manager) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(m.Files())
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
