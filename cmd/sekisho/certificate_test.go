package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/assure/watch"
	"sekisho/internal/edge/acme/acmetest"
	"sekisho/internal/edge/api"
)

// settingsOfACME is the table for a settings file.
func settingsOfACME(table string, a acmetest.Authority, more string) string {
	return fmt.Sprintf("[%s]\nchallenge = \"http-01\"\nemail = \"system@example.com\"\nagree_terms = true\ndirectory = %q\nca_file = %q\nhttp_listen = %q\n%s", table, a.Directory, a.Root, a.HTTP, more)
}

// SM-38: the process alone on the host outside gets its certificate from a real
// authority, recipients see it without a restart, and the house's doctor tells.
func TestSM38_CertificateOnTheHostOutside(t *testing.T) {
	n := acmetest.NewNames(t)
	a := acmetest.NewAuthority(t, n, 90*24*time.Hour)
	dir, public, door := t.TempDir(), port(t), port(t)
	home, out := filepath.Join(dir, "house"), filepath.Join(dir, "out")
	command(t, true, "init", "--home", home)
	_, at, err := net.SplitHostPort(public)
	if err != nil {
		t.Fatal(err)
	}
	const name = "uketori.example.co.jp"
	config := fmt.Sprintf("[server]\nlisten = \"127.0.0.1:0\"\n[portal]\nmode = \"tunnel\"\norigin = \"https://%s:%s\"\ntunnel = \"%s\"\n", "localhost", at, door)
	if err := os.WriteFile(filepath.Join(home, "sekisho.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, true, "portal", "init", "--home", home, "--out", out, "--at", door)
	file := filepath.Join(out, "portal.toml")
	made, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(made), "https://localhost:") {
		t.Fatal(string(made), err)
	}
	made = []byte(strings.Replace(string(made), "localhost:"+at, name, 1))
	for spoil, want := range map[string]string{"agree_terms = true": "acme.agree_terms", `"http-01"`: "acme.challenge"} {
		bad := strings.Replace(string(made)+settingsOfACME("acme", a, ""), spoil, map[bool]string{true: "", false: `"x"`}[spoil[0] == 'a'], -1)
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := command(t, false, "portal", "--dir", out, "--listen", public, "--tunnel", door); !strings.Contains(said, want) {
			t.Error(want, said)
		}
	}
	if err := os.WriteFile(file, append(made, settingsOfACME("acme", a, "")...), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, "portal", "--dir", out, "--listen", public, "--tunnel", door)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.Issuing)
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}}}
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		res, err := c.Get("https://" + public + "/v")
		if err == nil {
			if err := res.Body.Close(); err != nil {
				t.Error(err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal(err, p.out.text())
		}
	}
	// Doctor goes where the links lead, and finds what recipients would find there.
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "is not for localhost") {
		t.Error(said)
	}
	p.kill()
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "could not be seen from here") {
		t.Error(said)
	}
}

// SM-38: what cannot be got is an alarm and a finding with its remedy, and what
// stands in for it goes on being shown.
func TestSM38_CertificateThatIsNotGot(t *testing.T) {
	n := acmetest.NewNames(t)
	a := acmetest.NewAuthority(t, n, 90*24*time.Hour)
	home := filepath.Join(t.TempDir(), "house")
	command(t, true, "init", "--home", home)
	public := port(t)
	config := fmt.Sprintf("[server]\nlisten = \"127.0.0.1:0\"\n[portal]\nlisten = %q\norigin = \"https://blocked.example.co.jp\"\n", public) + settingsOfACME("portal.acme", a, "")
	if err := os.WriteFile(filepath.Join(home, "sekisho.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := command(t, true, "doctor", "--home", home); !strings.Contains(said, "No certificate was got yet") {
		t.Error(said)
	}
	house := begin(t, "serve", "--home", home)
	for end := time.Now().Add(40 * time.Second); !strings.Contains(house.out.text(), "no certificate was got"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(house.out.text())
		}
	}
	conn, err := tls.Dial("tcp", public, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal("nothing stands in for it", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	house.kill()
	if got := alarms(t, home, time.Now()); got != watch.CertNone+" blocked.example.co.jp" {
		t.Error(got)
	}
	said := command(t, false, "doctor", "--home", home)
	for _, want := range []string{"The last try to get a certificate failed", "rejectedIdentifier", "self-signed"} {
		if !strings.Contains(said, want) {
			t.Error(want, said)
		}
	}
}

// A certificate for another name, or soon over, is told with what to do.
func TestSM38_CertificateWatched(t *testing.T) {
	home := filepath.Join(t.TempDir(), "house")
	command(t, true, "init", "--home", home)
	command(t, true, "ca", "--home", home, "sekisho.internal")
	cert, key := filepath.Join(home, "keys", "ca", "server.pem"), filepath.Join(home, "keys", "ca", "server.key")
	write := func(name string) {
		config := fmt.Sprintf("[portal]\nlisten = \"127.0.0.1:1\"\norigin = \"https://%s\"\ncert = %q\nkey = %q\n", name, cert, key)
		if err := os.WriteFile(filepath.Join(home, "sekisho.toml"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("other.internal")
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "is not for other.internal") {
		t.Error(said)
	}
	write("sekisho.internal")
	if said := command(t, true, "doctor", "--home", home); !strings.Contains(said, "(sekisho.internal) is good until") {
		t.Error(said)
	}
	until, err := api.Expires(cert)
	if err != nil {
		t.Fatal(err)
	}
	if got := alarms(t, home, until.Add(-22*24*time.Hour)); got != "" {
		t.Error("too early", got)
	}
	if got := alarms(t, home, until.Add(-20*24*time.Hour)); got != watch.CertLate+" sekisho.internal "+until.Format(time.DateOnly) {
		t.Error(got)
	}
}

// alarms is what one look at that time raises.
func alarms(t *testing.T, home string, at time.Time) (said string) {
	t.Helper()
	cfg, err := app.LoadConfig(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop() // one look
	watchCertificate(ctx, watched{home: home, cfg: cfg, now: func() time.Time { return at }, log: slog.New(slog.DiscardHandler),
		alarm: func(what, _, subject string, _ int64) { said += what + " " + subject }}, nil)
	return said
}
