package acme_test

import (
	"context"
	"crypto/x509"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/edge/acme"
	"sekisho/internal/edge/acme/acmetest"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
)

const quarter = 90 * 24 * time.Hour

func round(t *testing.T, m *acme.Manager) error {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	return m.Round(ctx)
}

// proven checks the pair that was got: by that authority, for that name, and
// readable for nobody else.
func proven(t *testing.T, a acmetest.Authority, m *acme.Manager, dir, name string) {
	t.Helper()
	pair, pool := pairOf(t, m), x509.NewCertPool()
	pool.AppendCertsFromPEM(a.Issuing)
	more := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		more.AddCert(c)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, Intermediates: more}); err != nil {
		t.Fatal(err)
	}
	if api.Late(pair.Leaf, time.Now()) || !api.Late(pair.Leaf, pair.Leaf.NotAfter.Add(-20*24*time.Hour)) {
		t.Error("late at the wrong time")
	}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := e.Info()
		if err == nil && i.Mode().Perm()&0o077 != 0 {
			t.Error("others may use", p, i.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// SM-38: the portal's certificate is got over HTTP, from a real authority.
func TestSM38_CertificateByHTTP(t *testing.T) {
	n := acmetest.NewNames(t)
	a := acmetest.NewAuthority(t, n, quarter)
	s := settings(t, a, n, app.HTTP01, "uketori.example.co.jp")
	m := open(t, s)
	if err := round(t, m); err != nil {
		t.Fatal(err)
	}
	proven(t, a, m, s.Dir, "uketori.example.co.jp")
	select {
	case <-m.Got:
	default:
		t.Error("nobody was told of the certificate")
	}
	first := pairOf(t, m).Leaf.SerialNumber
	if err := round(t, m); err != nil || pairOf(t, m).Leaf.SerialNumber.Cmp(first) != 0 {
		t.Error("a fresh certificate was got again", err)
	}
	// Whoever else comes is led to the portal, by nothing he says himself.
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]string{"/s/abc": s.Origin + "/s/abc", "//evil.example/x": s.Origin + "/evil.example/x", "/.well-known/acme-challenge/guess": s.Origin + "/.well-known/acme-challenge/guess"} {
		res, err := c.Get("http://" + a.HTTP + path)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != want {
			t.Error(path, res.StatusCode, got)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := acme.Open(s); fault.Of(err).Key != "acme.listen" {
		t.Error("the port was taken twice", err)
	}
}

// SM-38: … and over a name server that takes signed updates, which is left as it was.
func TestSM38_CertificateByDNS(t *testing.T) {
	n := acmetest.NewNames(t)
	a := acmetest.NewAuthority(t, n, quarter)
	s := settings(t, a, n, app.DNS01, "inside.example.co.jp")
	m := open(t, s)
	if err := round(t, m); err != nil {
		t.Fatal(err)
	}
	proven(t, a, m, s.Dir, "inside.example.co.jp")
	n.Set(func(n *acmetest.Names) {
		if n.Written != 1 || len(n.TXT) != 0 {
			t.Error("records written and left", n.Written, n.TXT)
		}
	})
}

// What goes wrong says what it was, gets nothing, leaves the words for doctor, and
// the next round that goes well takes them away.
func TestSM38_CertificateRefusals(t *testing.T) {
	n := acmetest.NewNames(t)
	a := acmetest.NewAuthority(t, n, quarter)
	wrong := strings.Replace(acmetest.Secret(), "M", "N", 1)
	for name, c := range map[string]struct {
		challenge, host, key string
		spoil                func(s *acme.Settings)
		server               func(n *acmetest.Names, on bool)
	}{
		"wrong key":        {app.DNS01, "a1.example.co.jp", "acme.dns_key", func(s *acme.Settings) { s.KeyFile = keyFile(t, wrong, 0o600) }, nil},
		"unknown key":      {app.DNS01, "a2.example.co.jp", "acme.dns_key", func(s *acme.Settings) { s.KeyName = "another" }, nil},
		"server down":      {app.DNS01, "a3.example.co.jp", "acme.dns_down", func(s *acme.Settings) { s.Server = "127.0.0.1:1" }, nil},
		"may not write":    {app.DNS01, "a4.example.co.jp", "acme.dns_refused", nil, func(n *acmetest.Names, on bool) { n.Refuse = on }},
		"unsigned answer":  {app.DNS01, "a5.example.co.jp", "acme.dns_key", nil, func(n *acmetest.Names, on bool) { n.Mute = on }},
		"authority down":   {app.HTTP01, "a6.example.co.jp", "acme.failed", func(s *acme.Settings) { s.Directory = "https://127.0.0.1:1/dir" }, nil},
		"stranger's roots": {app.HTTP01, "a7.example.co.jp", "acme.failed", func(s *acme.Settings) { s.CAFile = "" }, nil},
		"name not allowed": {app.HTTP01, "blocked.example.co.jp", "acme.refused", nil, nil},
		"nobody answers":   {app.HTTP01, "a8.example.co.jp", "acme.refused", func(s *acme.Settings) { s.Listen = "127.0.0.1:0" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(t, a, n, c.challenge, c.host)
			if c.spoil != nil {
				c.spoil(&s)
			}
			if c.server != nil {
				n.Set(func(n *acmetest.Names) { c.server(n, true) })
			}
			m := open(t, s)
			err := round(t, m)
			if c.server != nil {
				n.Set(func(n *acmetest.Names) { c.server(n, false) })
			}
			if fault.Of(err).Key != c.key {
				t.Errorf("%v (%v)", err, fault.Of(err).Cause)
			}
			cert, key := m.Files()
			for _, f := range []string{cert, key} {
				if _, err := os.Stat(f); !os.IsNotExist(err) {
					t.Error("left", f, err)
				}
			}
			if f := acme.Failure(s.Dir); f == nil || f.Ja == "" || strings.Contains(f.Ja, "{") || strings.Contains(f.En, acmetest.Secret()) {
				t.Error("doctor hears", f)
			}
		})
	}
	n.Set(func(n *acmetest.Names) {
		if n.TXT["_acme-challenge.a1.example.co.jp."] != nil || n.TXT["_acme-challenge.a4.example.co.jp."] != nil {
			t.Error("written without a right", n.TXT)
		}
	})

	s := settings(t, a, n, app.DNS01, "again.example.co.jp")
	good := s.Server
	s.Server = "127.0.0.1:1"
	if err := round(t, open(t, s)); err == nil || acme.Failure(s.Dir) == nil {
		t.Fatal(err)
	}
	s.Server = good
	if err := round(t, open(t, s)); err != nil || acme.Failure(s.Dir) != nil {
		t.Error("the failure stays", err)
	}
}

// SM-38: of whose life a third is left is renewed; while that fails, the old one
// stays and is late before it is over.
func TestSM38_CertificateIsRenewed(t *testing.T) {
	n := acmetest.NewNames(t)
	a := acmetest.NewAuthority(t, n, 20*time.Second)
	s := settings(t, a, n, app.HTTP01, "short.example.co.jp")
	m := open(t, s)
	if err := round(t, m); err != nil {
		t.Fatal(err)
	}
	first := pairOf(t, m).Leaf
	time.Sleep(time.Until(first.NotAfter.Add(-4 * time.Second)))
	n.Set(func(n *acmetest.Names) { n.Dead = true })
	if err := round(t, m); err == nil || acme.Failure(s.Dir) == nil || !pairOf(t, m).Leaf.Equal(first) || !api.Late(first, time.Now()) {
		t.Error("a renewal that failed", err)
	}
	n.Set(func(n *acmetest.Names) { n.Dead = false })
	if err := round(t, m); err != nil || pairOf(t, m).Leaf.Equal(first) || acme.Failure(s.Dir) != nil {
		t.Error("not renewed", err)
	}
}

func TestKeysThatCannotBeTaken(t *testing.T) {
	s := acme.Settings{ACME: app.DefaultACME(), Origin: "https://a.example.co.jp", Dir: t.TempDir()}
	s.Challenge = app.DNS01
	for file, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"):   "acme.key_file",
		keyFile(t, "not base64", 0o600):      "acme.key_file",
		keyFile(t, "c2hvcnQ=", 0o600):        "acme.key_file",
		keyFile(t, acmetest.Secret(), 0o644): "acme.key_open",
	} {
		s.KeyFile = file
		if _, err := acme.Open(s); fault.Of(err).Key != want {
			t.Error(want, err)
		}
	}
	s.CAFile = keyFile(t, "no PEM", 0o600)
	if _, err := acme.Open(s); fault.Of(err).Key != "acme.ca_file" {
		t.Error(err)
	}
}
