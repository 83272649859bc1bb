package imap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

// certificate is one for localhost, signed by itself.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "imap.test"}, DNSNames: []string{"imap.test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err2 := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	kd, err3 := x509.MarshalPKCS8PrivateKey(k)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kd})
}

const dovecotConf = `base_dir = %[1]s/run
log_path = %[1]s/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <%[1]s/cert.pem
ssl_key = <%[1]s/key.pem
ssl_min_protocol = TLSv1.2
mail_location = maildir:%[1]s/mail
auth_mechanisms = plain
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = %[3]s
default_internal_group = %[5]s
default_login_user = %[4]s
passdb {
  driver = static
  args = password=geheim
}
userdb {
  driver = static
  args = uid=%[6]s gid=%[7]s home=%[1]s/home
}
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = %[2]d
    ssl = yes
  }
}
service anvil {
  chroot =
}
`

// dovecot is a private instance of the real one, with one mailbox.
type dovecot struct {
	dir  string
	port int
	cert []byte
}

func startDovecot(t *testing.T) *dovecot {
	t.Helper()
	if _, err := exec.LookPath("/usr/sbin/dovecot"); err != nil {
		t.Fatal("Dovecot is not installed; scripts/install-deps installs it on Debian and Ubuntu")
	}
	dir, err := os.MkdirTemp("/var/tmp", "sekisho-dc.") // the mail user must get in
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dovecot{dir: dir, port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	cert, key := certificate(t)
	d.cert = cert
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	internal, login, group, uid, gid := me.Username, me.Username, me.Username, me.Uid, me.Gid
	if os.Geteuid() == 0 {
		internal, login, group, uid, gid = "dovecot", "dovenull", "dovecot", "65534", "65534"
	}
	for _, m := range []string{"", "/mail", "/mail/new", "/mail/cur", "/mail/tmp", "/home", "/run"} {
		err = errors.Join(err, os.MkdirAll(dir+m, 0o755), os.Chmod(dir+m, 0o755))
		if os.Geteuid() == 0 && (strings.HasPrefix(m, "/mail") || m == "/home") {
			err = errors.Join(err, os.Chown(dir+m, 65534, 65534))
		}
	}
	err = errors.Join(err, os.WriteFile(dir+"/cert.pem", cert, 0o644), os.WriteFile(dir+"/key.pem", key, 0o600),
		os.WriteFile(dir+"/dovecot.conf", fmt.Appendf(nil, dovecotConf, dir, d.port, internal, login, group, uid, gid), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/dovecot", "-F", "-c", dir+"/dovecot.conf")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(dir + "/dovecot.log")
			t.Log(string(b))
		}
		os.RemoveAll(dir)
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", d.port)); err == nil {
			c.Close()
			return d
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(dir + "/dovecot.log")
			t.Fatalf("Dovecot does not start: %s", b)
		}
	}
}

// put delivers a message into the mailbox.
func (d *dovecot) put(t *testing.T, name, raw string) {
	t.Helper()
	tmp := filepath.Join(d.dir, "mail/tmp", name)
	err := os.WriteFile(tmp, []byte(raw), 0o644)
	if os.Geteuid() == 0 {
		err = errors.Join(err, os.Chown(tmp, 65534, 65534))
	}
	if err := errors.Join(err, os.Rename(tmp, filepath.Join(d.dir, "mail/new", name))); err != nil {
		t.Fatal(err)
	}
}

func (d *dovecot) box() Box {
	return Box{Host: "127.0.0.1", Port: d.port, ServerName: "imap.test", Roots: d.cert, User: "bounce", Password: vault.NewSecret("geheim"), Folder: "INBOX"}
}

// A real Dovecot over TLS: what is settled is marked as read, all else stays, and
// new mail is told of while we wait.
func TestRealDovecot(t *testing.T) {
	d := startDovecot(t)
	for k := range 3 {
		d.put(t, fmt.Sprint(k, ".x"), fmt.Sprintf("From: a@b.example\r\nSubject: %d\r\n\r\n%s\r\n", k, strings.Repeat("x", 200)))
	}
	early := true
	var got []string
	take := func(_ context.Context, raw []byte) (Verdict, error) {
		if len(raw) > 100 {
			t.Errorf("%d octets although 100 were wanted", len(raw))
		}
		subject := strings.SplitN(strings.SplitN(string(raw), "Subject: ", 2)[1], "\r\n", 2)[0]
		got = append(got, subject)
		switch {
		case subject == "1":
			return Leave, nil
		case subject == "2" && early:
			return Again, nil
		}
		return Done, nil
	}
	for _, want := range []string{"0 1 2", "0 1 2 1 2", "0 1 2 1 2 1"} {
		if err := Once(t.Context(), d.box(), 100, take); err != nil {
			t.Fatal(err)
		}
		if s := strings.Join(got, " "); s != want {
			t.Fatalf("%s, want %s", s, want)
		}
		if want != "0 1 2" {
			continue
		}
		early = false
	}
	if err := Probe(t.Context(), d.box()); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	told := make(chan string, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		Follow(ctx, d.box(), 100, slog.New(slog.DiscardHandler), func(_ context.Context, raw []byte) (Verdict, error) {
			told <- string(raw)
			return Done, nil
		})
	}()
	<-told // the one that was left
	time.Sleep(300 * time.Millisecond)
	d.put(t, "9.x", "From: a@b.example\r\nSubject: late\r\n\r\nx\r\n")
	select {
	case raw := <-told:
		if !strings.Contains(raw, "late") {
			t.Error(raw)
		}
	case <-time.After(20 * time.Second):
		t.Error("new mail was not noticed while waiting")
	}
	stop()
	<-done

	for key, change := range map[string]func(*Box){
		"imap.auth_refused":    func(b *Box) { b.Password = vault.NewSecret("wrong") },
		"imap.no_folder":       func(b *Box) { b.Folder = "Nowhere" },
		"imap.tls":             func(b *Box) { b.ServerName = "other.test" },
		"imap.unreachable":     func(b *Box) { b.Port = 1 },
		"imap.set_credentials": func(b *Box) { b.User = "" },
		"imap.set_folder":      func(b *Box) { b.Folder = "" },
		"imap.set_host":        func(b *Box) { b.Host = "" },
		"imap.no_oauth": func(b *Box) {
			b.Password, b.Auth, b.Token = vault.NewSecret(""), "xoauth2", func(context.Context, bool) (string, error) { return "geheim", nil }
		},
	} {
		b := d.box()
		change(&b)
		if err := Probe(t.Context(), b); fault.Of(err).Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// bearerSession takes one token.
type bearerSession struct {
	imapserver.Session
	user *imapmemserver.User
	good *string
}

func (s *bearerSession) AuthenticateMechanisms() []string { return []string{"XOAUTH2", "OAUTHBEARER"} }

func (s *bearerSession) Authenticate(string) (sasl.Server, error) {
	return &bearerServer{s, false}, nil
}

type bearerServer struct {
	s       *bearerSession
	refused bool
}

func (b *bearerServer) Next(answer []byte) ([]byte, bool, error) {
	if b.refused {
		return nil, false, &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: goimap.ResponseCodeAuthenticationFailed, Text: "no"}
	}
	if strings.Contains(string(answer), "auth=Bearer "+*b.s.good+"\x01\x01") && strings.Contains(string(answer), "bounce@x.example") {
		b.s.Session = imapmemserver.NewUserSession(b.s.user)
		return nil, true, nil
	}
	b.refused = true
	return []byte(`{"status":"401"}`), false, nil
}

// Tokens sign in by both mechanisms; one that is refused is replaced once.
func TestTokensSignIn(t *testing.T) {
	cert, key := certificate(t)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	good := "fresh"
	u := imapmemserver.NewUser("bounce@x.example", "password")
	if err := u.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	srv := imapserver.New(&imapserver.Options{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, Caps: goimap.CapSet{goimap.CapIMAP4rev1: {}},
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &bearerSession{Session: mem.NewSession(), user: u, good: &good}, nil, nil
		}})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	for _, auth := range []string{"xoauth2", "oauthbearer"} {
		asked := 0
		b := Box{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, ServerName: "imap.test", Roots: cert, User: "bounce@x.example", Auth: auth, Folder: "INBOX",
			Token: func(_ context.Context, again bool) (string, error) {
				asked++
				return map[bool]string{false: "old", true: "fresh"}[again], nil
			}}
		if err := Probe(t.Context(), b); err != nil || asked != 2 {
			t.Errorf("%s: %v, asked %d times", auth, err, asked)
		}
		good = "another"
		if err := Probe(t.Context(), b); fault.Of(err).Key != "imap.auth_refused" || asked != 4 {
			t.Errorf("%s: %v, asked %d times", auth, err, asked)
		}
		b.Token = func(context.Context, bool) (string, error) {
			return "", fault.Refused("oauth.refused", "why", "invalid_grant")
		}
		if err := Probe(t.Context(), b); fault.Of(err).Key != "oauth.refused" {
			t.Error(err)
		}
		good = "fresh"
	}
}
