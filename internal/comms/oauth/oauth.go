// Package oauth gets the short-lived tokens that mail servers of Microsoft and
// Google want instead of a password (OAuth 2.0 のトークン): by the application's
// own secret (client credentials), or by a person who agreed once on another
// device (device flow, RFC 8628).
//
// A token lives in memory only. The refresh token of the device flow is sealed
// with the key ring and lies beside the keys. Nothing a server answers but its
// error's name is ever shown: an answer may hold the token.
package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

// Flow is how a token is got.
type Flow string

// The flows.
const (
	ClientCredentials Flow = "client_credentials"
	Device            Flow = "device"
)

// Config is one application at one provider.
type Config struct {
	Flow      Flow
	TokenURL  string
	DeviceURL string // of the device flow
	ClientID  string
	Secret    vault.Secret
	Scopes    []string
	Roots     []byte // PEM certificates trusted beside the system's
	File      string // where the refresh token lies
	Ring      *vault.Ring
	Now       func() time.Time
}

const (
	patience = 20 * time.Second // for one answer
	early    = 2 * time.Minute  // before its end a token is replaced
	fileMode = 0o600
)

// RefreshFile is the refresh token's name in the folder of the keys.
const RefreshFile = "mail-oauth.sealed"

// Check tells what is wrong with the settings, as fault.Invalid.
func (c Config) Check() error {
	bad := func(field string) error { return fault.Invalid("oauth.settings", "name", field).At(field) }
	secure := func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
	}
	switch {
	case c.Flow != ClientCredentials && c.Flow != Device:
		return bad("flow")
	case !secure(c.TokenURL):
		return bad("token_url")
	case c.ClientID == "":
		return bad("client_id")
	case c.Flow == ClientCredentials && c.Secret.Empty():
		return bad("client_secret_file")
	case c.Flow == Device && !secure(c.DeviceURL):
		return bad("device_url")
	case len(c.Scopes) == 0:
		return bad("scope")
	}
	return nil
}

// Source gives tokens; one may be asked by many at once.
type Source struct {
	cfg    Config
	client *http.Client

	mu    sync.Mutex
	token *oauth2.Token
}

// New makes a source. It asks nothing yet.
func New(c Config) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(c.Roots) > 0 && !pool.AppendCertsFromPEM(c.Roots) {
		return nil, fault.Invalid("oauth.settings", "name", "ca_file").At("ca_file")
	}
	return &Source{cfg: c, client: &http.Client{Timeout: patience,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil // a secret goes nowhere else
}

// Token gives a token that is good for a while. fresh wants another than the
// last one: a server has refused that.
func (s *Source) Token(ctx context.Context, fresh bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !fresh && s.token != nil && (s.token.Expiry.IsZero() || s.cfg.Now().Before(s.token.Expiry.Add(-early))) {
		return s.token.AccessToken, nil
	}
	t, err := s.ask(context.WithValue(ctx, oauth2.HTTPClient, s.client))
	if err != nil {
		s.token = nil
		return "", err
	}
	if t.ExpiresIn > 0 { // by our clock, which tests move
		t.Expiry = s.cfg.Now().Add(time.Duration(t.ExpiresIn) * time.Second)
	}
	s.token = t
	return t.AccessToken, nil
}

func (s *Source) ask(ctx context.Context) (*oauth2.Token, error) {
	c := s.cfg
	if c.Flow == ClientCredentials {
		cc := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.Secret.Reveal(), TokenURL: c.TokenURL, Scopes: c.Scopes, AuthStyle: oauth2.AuthStyleInParams}
		t, err := cc.Token(ctx)
		return t, failed(err)
	}
	refresh, err := s.load()
	if err != nil {
		return nil, err
	}
	t, err := s.oauth().TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return nil, failed(err)
	}
	if t.RefreshToken != "" && t.RefreshToken != refresh { // some give a new one each time, and the old is void
		err = s.save(t.RefreshToken)
	}
	return t, err
}

func (s *Source) oauth() *oauth2.Config {
	c := s.cfg
	return &oauth2.Config{ClientID: c.ClientID, ClientSecret: c.Secret.Reveal(), Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: c.TokenURL, DeviceAuthURL: c.DeviceURL, AuthStyle: oauth2.AuthStyleInParams}}
}

// Authorize lets a person agree on another device: show is told where to go and
// what to type there. It returns when they have agreed, or refused, or not in time.
func (s *Source) Authorize(ctx context.Context, show func(address, code string)) error {
	if s.cfg.Flow != Device {
		return fault.Refused("oauth.no_device_flow")
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.client)
	o := s.oauth()
	d, err := o.DeviceAuth(ctx)
	if err != nil {
		return failed(err)
	}
	show(d.VerificationURI, d.UserCode)
	t, err := o.DeviceAccessToken(ctx, d)
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.Refused("oauth.too_late")
	}
	if err != nil {
		return failed(err)
	}
	if t.RefreshToken == "" {
		return fault.Refused("oauth.no_refresh")
	}
	return s.save(t.RefreshToken)
}

var code = regexp.MustCompile(`^[a-z_]{1,40}$`)

// failed says what went wrong without a word of the server's but its error code.
func failed(err error) error {
	var r *oauth2.RetrieveError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r) && code.MatchString(r.ErrorCode):
		return fault.Refused("oauth.refused", "why", r.ErrorCode)
	case errors.As(err, &r):
		return fault.Unavailable("oauth.answer")
	}
	var u *url.Error
	if errors.As(err, &u) {
		return fault.Unavailable("oauth.unreachable").Because(u.Err)
	}
	return fault.Unavailable("oauth.answer")
}

func (s *Source) aad() []byte {
	return vault.AAD("mail oauth refresh token", s.cfg.TokenURL, s.cfg.ClientID)
}

func (s *Source) load() (string, error) {
	b, err := os.ReadFile(s.cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fault.Refused("oauth.not_authorized")
	}
	if err != nil {
		return "", fault.Unavailable("oauth.file", "file", s.cfg.File).Because(err)
	}
	plain, err := s.cfg.Ring.Open(vault.KindConfidential, s.aad(), b)
	if err != nil {
		return "", fault.Refused("oauth.not_authorized").Because(err)
	}
	return string(plain), nil
}

func (s *Source) save(refresh string) error {
	b, err := s.cfg.Ring.Seal(vault.KindConfidential, s.aad(), []byte(refresh))
	if err == nil {
		err = replace(s.cfg.File, b)
	}
	if err != nil {
		return fault.Unavailable("oauth.file", "file", s.cfg.File).Because(err)
	}
	return nil
}

// replace writes a file for the owner's eyes only, whole or not at all.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".oauth-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = f.Chmod(fileMode)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return machine.Replace(f.Name(), path)
}
