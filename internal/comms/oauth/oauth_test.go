package oauth

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

// provider is an authorization server: tokens that count up, and a device flow
// that a person agrees to after some polls.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	n       int
	refresh string // the one that is good now
	pending int    // polls before somebody agrees
	says    string // error of the token endpoint, "" if it works
	forms   []map[string]string
}

func startProvider(t *testing.T) *provider {
	p := &provider{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"device_code":"dev-1","user_code":"ABCD-EFGH","verification_uri":"https://provider.example/device","interval":1,"expires_in":60}`)
	})
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	f := map[string]string{}
	for _, k := range []string{"grant_type", "client_id", "client_secret", "scope", "refresh_token", "device_code"} {
		f[k] = r.PostFormValue(k)
	}
	p.forms = append(p.forms, f)
	no := func(why string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q,"error_description":"the secret is s3cret"}`, why)
	}
	switch {
	case p.says != "":
		no(p.says)
	case f["grant_type"] == "refresh_token" && f["refresh_token"] != p.refresh:
		no("invalid_grant")
	case f["device_code"] != "" && p.pending > 0:
		p.pending--
		no("authorization_pending")
	default:
		p.n++
		if f["grant_type"] != "client_credentials" {
			p.refresh = fmt.Sprint("refresh-", p.n)
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600,"refresh_token":%q}`, p.n, p.refresh)
	}
}

type clock struct{ now time.Time }

func (p *provider) source(t *testing.T, c *clock, flow Flow) *Source {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := vault.Create(dir, "test", c.now, rand.Reader); err != nil {
		t.Fatal(err)
	}
	ring, err := vault.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Flow: flow, TokenURL: p.URL + "/token", DeviceURL: p.URL + "/device", ClientID: "app", Secret: vault.NewSecret("s3cret"), Scopes: []string{"mail"},
		Roots: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), File: filepath.Join(dir, RefreshFile), Ring: ring, Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func want(t *testing.T, s *Source, fresh bool, token string) {
	t.Helper()
	if got, err := s.Token(t.Context(), fresh); err != nil || got != token {
		t.Fatalf("%q %v, want %q", got, err, token)
	}
}

// A token is asked for once, again before it expires, and anew when it was refused.
func TestClientCredentials(t *testing.T) {
	p, c := startProvider(t), &clock{time.Now()}
	s := p.source(t, c, ClientCredentials)
	want(t, s, false, "token-1")
	want(t, s, false, "token-1")
	c.now = c.now.Add(time.Hour - early + time.Second)
	want(t, s, false, "token-2")
	want(t, s, true, "token-3")
	if f := p.forms[0]; f["grant_type"] != "client_credentials" || f["client_id"] != "app" || f["client_secret"] != "s3cret" || f["scope"] != "mail" {
		t.Fatal(f)
	}
	if err := s.Authorize(t.Context(), nil); !fault.Is(err, fault.KindRefused) {
		t.Fatal(err)
	}
}

// What the server says never comes out but for its error's name.
func TestRefusedTokenIsASentenceWithoutSecrets(t *testing.T) {
	p, c := startProvider(t), &clock{time.Now()}
	s := p.source(t, c, ClientCredentials)
	want(t, s, false, "token-1")
	p.says = "invalid_client"
	_, err := s.Token(t.Context(), true)
	f := fault.Of(err)
	if f.Key != "oauth.refused" || strings.Contains(fmt.Sprintf("%v %+v", err, f), "s3cret") || !strings.Contains(text.Fault(text.JA, f), "invalid_client") {
		t.Fatalf("%+v", f)
	}
	p.says = "x><script>"
	if _, err := s.Token(t.Context(), false); fault.Of(err).Key != "oauth.answer" {
		t.Fatal("the old token lives on, or a stranger's words came out", err)
	}
	p.Close()
	if _, err := s.Token(t.Context(), false); fault.Of(err).Key != "oauth.unreachable" || strings.Contains(fmt.Sprint(err), "s3cret") {
		t.Fatal(err)
	}
}

// A person agrees once; what is kept of it opens with this ring only.
func TestDeviceFlow(t *testing.T) {
	p, c := startProvider(t), &clock{time.Now()}
	s := p.source(t, c, Device)
	if _, err := s.Token(t.Context(), false); fault.Of(err).Key != "oauth.not_authorized" {
		t.Fatal(err)
	}
	p.pending = 1
	shown := ""
	if err := s.Authorize(t.Context(), func(at, code string) { shown = at + " " + code }); err != nil {
		t.Fatal(err)
	}
	if shown != "https://provider.example/device ABCD-EFGH" {
		t.Fatal(shown)
	}
	b, err := os.ReadFile(s.cfg.File)
	st, _ := os.Stat(s.cfg.File)
	if err != nil || strings.Contains(string(b), "refresh-") || st.Mode().Perm() != 0o600 {
		t.Fatal(err, st.Mode())
	}
	want(t, s, false, "token-2")
	c.now = c.now.Add(2 * time.Hour)
	want(t, s, false, "token-3") // with the refresh token that came with the second
	again, _ := New(s.cfg)
	want(t, again, false, "token-4") // after a restart
	p.refresh = "called back"
	if _, err := again.Token(t.Context(), true); fault.Of(err).Key != "oauth.refused" {
		t.Fatal(err)
	}
	other := p.source(t, c, Device)
	if err := os.WriteFile(other.cfg.File, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Token(t.Context(), false); fault.Of(err).Key != "oauth.not_authorized" {
		t.Fatal("another ring opens it", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	p.pending = 100
	if err := s.Authorize(ctx, func(string, string) {}); fault.Of(err).Key != "oauth.too_late" {
		t.Fatal(err)
	}
	p.pending, p.says = 0, "access_denied"
	if err := s.Authorize(t.Context(), func(string, string) {}); fault.Of(err).Key != "oauth.refused" {
		t.Fatal(err)
	}
}

func TestSettingsOfOAuth(t *testing.T) {
	good := Config{Flow: ClientCredentials, TokenURL: "https://x/token", ClientID: "a", Secret: vault.NewSecret("b"), Scopes: []string{"c"}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*Config){
		"flow":               func(c *Config) { c.Flow = "password" },
		"token_url":          func(c *Config) { c.TokenURL = "http://x/token" },
		"client_id":          func(c *Config) { c.ClientID = "" },
		"client_secret_file": func(c *Config) { c.Secret = vault.NewSecret("") },
		"device_url":         func(c *Config) { c.Flow = Device },
		"scope":              func(c *Config) { c.Scopes = nil },
	} {
		c := good
		change(&c)
		if err := c.Check(); err == nil || fault.Of(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
