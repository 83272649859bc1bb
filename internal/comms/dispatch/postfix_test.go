package dispatch

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/dispatch/internal/smtp"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// postfix is a private instance of the real one: its own folders, ports, log
// and certificate, and everything it takes goes to the sink.
type postfix struct {
	t    *testing.T
	dir  string
	port int
	ca   []byte // PEM
}

// What master.cf must run; nothing else listens, and no mail is kept here.
const masterCF = `127.0.0.1:%d inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
`

const mainCF = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %[1]s/log/mail.log
maillog_file_prefixes = %[1]s
syslog_name = postfix-sekisho-test
myhostname = relay.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = %[1]s/etc/cert.pem
smtpd_tls_key_file = %[1]s/etc/key.pem
tls_random_source = dev:/dev/urandom
disable_dns_lookups = yes
relayhost = [127.0.0.1]:%[2]d
smtp_tls_security_level = none
enable_long_queue_ids = %[3]s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
transport_retry_time = 2s
`

// startPostfix starts one. Postfix changes users, so root starts it, or sudo does.
func startPostfix(t *testing.T, sink int, longIDs string) *postfix {
	t.Helper()
	if _, err := exec.LookPath("/usr/sbin/postfix"); err != nil {
		t.Fatal("Postfix is not installed; scripts/install-deps installs it on Debian and Ubuntu")
	}
	// Not t.TempDir: others must get in, and the path of a socket has little room.
	dir, err := os.MkdirTemp("/var/tmp", "sekisho-pf.")
	if err != nil {
		t.Fatal(err)
	}
	p := &postfix{t: t, dir: dir, port: freePort(t)}
	p.root("chmod", "755", dir)
	p.root("mkdir", "-p", dir+"/etc", dir+"/queue", dir+"/data", dir+"/log")
	p.root("chown", "postfix", dir+"/data")
	p.certify()
	p.file("etc/main.cf", fmt.Sprintf(mainCF, dir, sink, longIDs))
	p.file("etc/master.cf", fmt.Sprintf(masterCF, p.port))
	p.start()
	t.Cleanup(func() {
		p.run("stop")
		for end := time.Now().Add(20 * time.Second); p.run("status") == nil && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
		if t.Failed() {
			t.Log(p.log())
		}
		p.root("rm", "-rf", dir)
	})
	return p
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func asRoot(args ...string) *exec.Cmd {
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	return exec.Command(args[0], args[1:]...)
}

func (p *postfix) root(args ...string) {
	p.t.Helper()
	if out, err := asRoot(args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %v: %s (Postfix needs root: run the tests as root, or with sudo that asks nothing)", args, err, out)
	}
}

func (p *postfix) file(name, text string) {
	p.t.Helper()
	c := asRoot("tee", filepath.Join(p.dir, name))
	c.Stdin, c.Stdout = strings.NewReader(text), io.Discard
	if err := c.Run(); err != nil {
		p.t.Fatal(name, err)
	}
}

func (p *postfix) run(what string) error {
	return asRoot("/usr/sbin/postfix", "-c", p.dir+"/etc", what).Run()
}

func (p *postfix) start() {
	p.t.Helper()
	if out, err := asRoot("/usr/sbin/postfix", "-c", p.dir+"/etc", "start").CombinedOutput(); err != nil {
		p.t.Fatalf("Postfix does not start: %v: %s %s", err, out, p.log())
	}
	p.wait("an answer", func() bool {
		c, err := net.Dial("tcp", p.addr())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (p *postfix) stop() {
	p.t.Helper()
	if err := p.run("stop"); err != nil {
		p.t.Fatal(err)
	}
	p.wait("the end", func() bool { return p.run("status") != nil })
}

func (p *postfix) addr() string { return fmt.Sprint("127.0.0.1:", p.port) }

func (p *postfix) log() string {
	b, err := asRoot("cat", p.dir+"/log/mail.log").Output()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (p *postfix) wait(what string, done func() bool) {
	p.t.Helper()
	for end := time.Now().Add(40 * time.Second); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain for %s\n%s", what, p.log())
		}
	}
}

// certify makes a certificate authority and the relay's certificate.
func (p *postfix) certify() {
	p.t.Helper()
	now := time.Now()
	make := func(c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		c.NotBefore, c.NotAfter, c.SerialNumber = now.Add(-time.Hour), now.Add(24*time.Hour), big.NewInt(now.UnixNano())
		if by == nil {
			parent, by = c, key
		}
		der, err2 := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
		if err := errors.Join(err, err2); err != nil {
			p.t.Fatal(err)
		}
		return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caKey, caPEM := make(ca, nil, nil)
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "relay.test"}, DNSNames: []string{"relay.test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	key, cert := make(leaf, ca, caKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.ca = caPEM
	p.file("etc/cert.pem", string(cert))
	p.file("etc/key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func (p *postfix) relay() Relay {
	return Relay{Host: "127.0.0.1", ServerName: "relay.test", Port: p.port, Mode: StartTLS, ExtraRoots: p.ca, Hello: "sekisho.hokuto-supply.co.jp"}
}

// real is a world on the machine's clock, which can be moved forward only, with
// a Postfix as its relay; its trap is where that one delivers to.
func real(t *testing.T, f func(t *testing.T, w *world, p *postfix, l *relayLog)) {
	d, err := New(Settings{Hold: time.Millisecond, From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, longIDs := range map[string]string{"sqlite": "no", "postgres": "yes"} { // both forms of queue ids, too
		t.Run(name, func(t *testing.T) {
			dsn := ""
			if name == "postgres" {
				dsn = pgtest.DSN(t)
			}
			o, moved := options(d), gatetest.NewClock()
			// The machine's clock plus what the test lets pass, in whole minutes: that clock moves a little
			// whenever it is asked, and the log's does not.
			o.Clock = func() time.Time {
				return time.Now().Add(moved.Now().Sub(gatetest.Start.Add(toWorkday)).Truncate(time.Minute))
			}
			g := gatetest.Open(t, o, dsn)
			g.Clock = moved
			w := populate(t, d, g)
			p := startPostfix(t, w.trap.Port(), longIDs)
			w.worker.Relay = p.relay()
			l := &relayLog{w: w, path: p.dir + "/log/mail.log"}
			l.restart()
			if os.Geteuid() != 0 {
				p.root("chmod", "644", l.path)
			}
			f(t, w, p, l)
		})
	}
}

// until reads the log until s is as wanted.
func (l *relayLog) until(p *postfix, s Shown, want State) Item {
	l.w.t.Helper()
	p.wait(string(want), func() bool { l.read(); return l.w.show(s).State == want })
	return l.w.state(s, want, want).Recipients[0]
}

// TestR03_RealPostfix: over verified TLS to a real Postfix, whose log then says
// what became of it.
func TestR03_RealPostfix(t *testing.T) { real(t, testPostfix) }

func testPostfix(t *testing.T, w *world, p *postfix, l *relayLog) {
	total := 0
	exactly := func(i Item) {
		t.Helper()
		got := arrived(t, w.trap)
		maps.DeleteFunc(got, func(id string, _ int) bool { return strings.HasSuffix(id, "@relay.test") }) // what Postfix itself has to say
		if total++; got[i.MessageID] != 1 || len(got) != total {
			t.Fatalf("%s: %v", i.MessageID, got)
		}
	}

	s := w.single("INV-1")
	w.hold(s)
	w.sendNow()
	i := w.state(s, Handed, Handed).Recipients[0]
	if !strings.HasPrefix(i.TLS, "TLS 1.") || i.QueueID == "" || i.Relay != RelayName(p.relay()) || i.Reason != "smtp.handed_over" {
		t.Fatalf("%+v", i)
	}
	i = l.until(p, s, Delivered)
	if !strings.Contains(i.Evidence, "status=sent") || i.Reason != "dispatch.log_sent" {
		t.Fatalf("%+v", i)
	}
	exactly(i)

	// The next server refuses: the relay has it, and cannot get rid of it. That address is stopped from now on.
	doc := w.goodInvoice("INV-2")
	s = w.prepare(func(in *PrepareIn) {
		in.Documents, in.Recipients = []string{doc}, []Proposal{{To, "soumu@tohoku-kikai.co.jp"}}
	})
	w.hold(s)
	w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550, Text: "no such user"})
	w.sendNow()
	i = l.until(p, s, Bounced)
	if !strings.Contains(i.Evidence, "no such user") || i.Attention != NeedsCheck {
		t.Fatalf("%+v", i)
	}
	w.trap.Break(trap.Fault{})

	s = w.single("INV-3") // it is put off, and goes through later
	w.hold(s)
	w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451, Text: "later"})
	w.sendNow()
	p.wait("the relay to put it off", func() bool { l.read(); return w.show(s).Recipients[0].Attention == NeedsPatience })
	w.state(s, Handed)
	w.trap.Break(trap.Fault{})
	exactly(l.until(p, s, Delivered))

	// The answer to the dot is lost on the way back: nobody knows, until the log says.
	cut := &sluice{t: t, to: p.addr()}
	cut.listen()
	cut.swallow.Store(6000)
	w.worker.Relay.Port = cut.port()
	s = w.single("INV-4")
	w.hold(s)
	w.sendNow()
	i = w.state(s, Unknown, Unknown).Recipients[0]
	if i.QueueID != "" || i.Reason != "smtp.unknown_dropped" {
		t.Fatalf("%+v", i)
	}
	i = l.until(p, s, Delivered)
	if !strings.Contains(i.Evidence, "queue active") || i.QueueID == "" {
		t.Fatalf("%+v", i)
	}
	exactly(i)

	// Killed with all data written and no dot: the log says that nothing was taken.
	w.worker.Relay.Port = p.port
	s = w.single("INV-5")
	w.hold(s)
	w.dieAtTheMark()
	w.state(s, Unknown, Unknown)
	p.wait("the relay to notice", func() bool { return strings.Contains(p.log(), "lost connection after DATA") })
	l.read()
	w.state(s, Unknown)
	w.Clock.Pass(hearsay + askEvery)
	i = l.until(p, s, Held)
	if i.Reason != "dispatch.log_broken" {
		t.Fatalf("%+v", i)
	}
	w.Clock.Pass(retryAfter(1))
	w.sendNow()
	exactly(l.until(p, s, Delivered))

	testPostfixStopped(t, w, p, l, exactly)
}

// testPostfixStopped: while the first relay is down the second takes over, once;
// with none, the mail waits.
func testPostfixStopped(t *testing.T, w *world, p *postfix, l *relayLog, exactly func(Item)) {
	p.stop()
	s := w.single("INV-6")
	w.hold(s)
	w.sendNow()
	i := w.state(s, Held, Held).Recipients[0]
	if i.Reason != "smtp.unreachable" || !i.MarkedAt.IsZero() {
		t.Fatalf("%+v", i)
	}
	second := w.secondRelay()
	w.Clock.Pass(retryAfter(1))
	w.sendNow()
	i = w.state(s, Handed, Handed).Recipients[0]
	if n := arrived(t, second); i.Relay != RelayName(*w.worker.Second) || n[i.MessageID] != 1 || len(n) != 1 {
		t.Fatalf("%+v %v", i, n)
	}
	p.start()
	w.Clock.Pass(restAfter(9))
	s = w.single("INV-7")
	w.hold(s)
	w.sendNow()
	i = w.state(s, Handed, Handed).Recipients[0]
	if i.Relay != RelayName(w.worker.Relay) || len(second.List()) != 1 {
		t.Fatalf("the first did not come back: %+v", i)
	}
	exactly(l.until(p, s, Delivered))
}

// sendNow sends what is due without moving the clock far: the relay's log has
// the machine's time.
func (w *world) sendNow() {
	w.t.Helper()
	time.Sleep(10 * time.Millisecond) // the countdown of this world
	if n, _, err := w.worker.Once(bg); n != 1 || err != nil {
		w.t.Fatal(n, err)
	}
}

// dieAtTheMark lets a worker write all of the mail and its mark, and then end
// without a dot or an outcome, as one that is killed there does; the next one
// finds the mark.
func (w *world) dieAtTheMark() {
	w.t.Helper()
	time.Sleep(10 * time.Millisecond)
	due, err := gate.Run(bg, w.G, server, Due, DueIn{})
	if err != nil || len(due.Items) != 1 {
		w.t.Fatal(due, err)
	}
	j, err := gate.Run(bg, w.G, server, ClaimOp, ClaimIn{due.Items[0].Item, due.Items[0].Package, "node1"})
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := w.worker.build(bg, j)
	if err != nil {
		w.t.Fatal(err)
	}
	o := smtp.Send(bg, w.worker.Relay, smtp.Envelope{From: j.From.Address, To: j.Address, Data: raw}, func(context.Context) error {
		return errors.Join(w.mark(j), errors.New("killed"))
	})
	if o.Key != "smtp.mark_failed" {
		w.t.Fatalf("%+v", o)
	}
	if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{Holder: "node1"}); err != nil {
		w.t.Fatal(err)
	}
}
