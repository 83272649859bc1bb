// Package acmetest is a real certificate authority and a name server on loopback,
// for tests.
package acmetest

import (
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

const (
	// KeyName is of the key that may change Zone.
	KeyName = "sekisho-acme."
	// Zone is what the name server has.
	Zone = "example.co.jp."
)

// Names is a name server on loopback: every name is 127.0.0.1, and whoever signs
// with its key may change TXT records of the Zone.
type Names struct {
	At string // host:port, TCP and UDP

	mu      sync.Mutex
	TXT     map[string][]string
	Written int
	Refuse  bool // signed updates, too
	Mute    bool // answers without a signature
	Dead    bool // no name is known
}

// Secret is the key in base64.
func Secret() string {
	return base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
}

// NewNames starts a name server.
func NewNames(t *testing.T) *Names {
	t.Helper()
	n := &Names{TXT: map[string][]string{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.At = ln.Addr().String()
	pc, err := net.ListenPacket("udp", n.At)
	if err != nil {
		t.Fatal(err)
	}
	key := map[string]string{KeyName: Secret()}
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
func (n *Names) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
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

func (n *Names) update(w dns.ResponseWriter, q, a *dns.Msg) {
	sig := q.IsTsig()
	if sig == nil || w.TsigStatus() != nil {
		a.Rcode = dns.RcodeNotAuth
		return
	}
	if !n.Mute {
		a.SetTsig(KeyName, sig.Algorithm, 300, int64(sig.TimeSigned))
	}
	if n.Refuse || q.Question[0].Name != Zone {
		a.Rcode = dns.RcodeRefused
		return
	}
	for _, rr := range q.Ns {
		name := rr.Header().Name
		if t, ok := rr.(*dns.TXT); ok && rr.Header().Class == dns.ClassINET {
			n.TXT[name] = append(n.TXT[name], t.Txt[0])
			n.Written++
		} else {
			delete(n.TXT, name)
		}
	}
}

func (n *Names) answer(q dns.Question, a *dns.Msg) {
	h := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET}
	switch q.Qtype {
	case dns.TypeA:
		if n.Dead {
			return
		}
		a.Answer = append(a.Answer, &dns.A{Hdr: h, A: net.IPv4(127, 0, 0, 1)})
	case dns.TypeSOA:
		if q.Name == Zone {
			a.Answer = append(a.Answer, &dns.SOA{Hdr: h, Ns: "ns." + Zone, Mbox: "a." + Zone, Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 60})
		}
	case dns.TypeTXT:
		for _, t := range n.TXT[q.Name] {
			a.Answer = append(a.Answer, &dns.TXT{Hdr: h, Txt: []string{t}})
		}
	}
}

// Authority is a certificate authority on loopback that asks n for names.
type Authority struct {
	Directory, Root string // Root: PEM file of the directory's own
	Issuing         []byte // PEM of the root of what it issues
	HTTP            string // where it comes for HTTP-01
}

// NewAuthority starts one; what it issues lasts for life.
func NewAuthority(t *testing.T, n *Names, life time.Duration) Authority {
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
	c := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: uint64(life.Seconds())}})
	v := va.New(quiet, port, port, true, n.At, store)
	w := wfe.New(quiet, store, v, c, []string{"ca.example"}, true, false, 1, 1)
	srv := httptest.NewTLSServer(w.Handler())
	t.Cleanup(srv.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return Authority{srv.URL + wfe.DirectoryPath, root, c.GetRootCert(0).PEM(), ln.Addr().String()}
}

// Set changes or reads the server between two questions.
func (n *Names) Set(f func(*Names)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n)
}
