// Package acme gets the portal's certificate from a certificate authority and
// renews it (証明書の自動取得, RFC 8555), proving the name by HTTP-01 or DNS-01.
//
// It only leaves files behind; the listener takes them up. It speaks to the
// authority's directory, and for DNS-01 to the name server in the settings.
package acme

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	problem "github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"sekisho/internal/app"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

const (
	lookEvery  = 6 * time.Hour   // whether it is time to renew
	retryFirst = 5 * time.Minute // after a failure, doubled up to lookEvery: authorities limit failures
	oneRound   = 10 * time.Minute

	knockers = 64 // connections to the HTTP-01 listener at once
	patience = 10 * time.Second
)

// Settings say what is got and where it is kept.
type Settings struct {
	app.ACME
	Origin string // its host is the certificate's name
	Dir    string // for account, certificates and keys
	Log    *slog.Logger
}

// Manager gets one certificate and keeps it fresh.
type Manager struct {
	Got <-chan struct{} // a new certificate lies in Files

	got    chan struct{}
	name   string
	dir    string
	log    *slog.Logger
	magic  *certmagic.Config
	cache  *certmagic.Cache
	issuer *certmagic.ACMEIssuer
	srv    *http.Server // of HTTP-01; nil with DNS-01
}

// Open reads what the settings name, and for HTTP-01 begins to listen.
func Open(s Settings) (*Manager, error) {
	got := make(chan struct{}, 1)
	m := &Manager{Got: got, got: got, name: app.HostOf(s.Origin), dir: s.Dir, log: s.Log}
	quiet := zap.NewNop() // what matters comes as an error, and is told by us
	issuer := certmagic.ACMEIssuer{CA: s.Directory, TestCA: s.Directory, Email: s.Email, Agreed: s.Agree, DisableTLSALPNChallenge: true, Logger: quiet}
	if s.CAFile != "" {
		b, err := os.ReadFile(s.CAFile)
		issuer.TrustedRoots = x509.NewCertPool()
		if err != nil || !issuer.TrustedRoots.AppendCertsFromPEM(b) {
			return nil, fault.Unavailable("acme.ca_file", "file", s.CAFile).Because(err)
		}
	}
	var ln net.Listener
	var err error
	if s.Challenge == app.DNS01 {
		err = s.byDNS(&issuer, quiet)
	} else {
		ln, err = s.byHTTP(&issuer)
	}
	if err != nil {
		return nil, err
	}
	store := &certmagic.FileStorage{Path: s.Dir} // folders 0700, files 0600
	m.cache = certmagic.NewCache(certmagic.CacheOptions{Logger: quiet,
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.magic, nil }})
	// What must hold for the config must be there before the issuer is: it keeps a pointer.
	m.magic = certmagic.New(m.cache, certmagic.Config{Storage: store, Logger: quiet, OCSP: certmagic.OCSPConfig{DisableStapling: true}, Issuers: []certmagic.Issuer{}})
	m.issuer = certmagic.NewACMEIssuer(m.magic, issuer)
	m.magic.Issuers = []certmagic.Issuer{m.issuer}
	if ln != nil {
		m.answer(ln, s.Origin)
	}
	return m, nil
}

func (s Settings) byHTTP(issuer *certmagic.ACMEIssuer) (net.Listener, error) {
	ln, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, fault.Unavailable("acme.listen", "address", s.Listen).Because(err)
	}
	at := ln.Addr().(*net.TCPAddr)
	issuer.ListenHost, issuer.AltHTTPPort = at.IP.String(), at.Port // found taken, by us: nobody else listens
	if at.IP.IsUnspecified() {
		issuer.ListenHost = ""
	}
	return netutil.LimitListener(ln, knockers), nil
}

func (s Settings) byDNS(issuer *certmagic.ACMEIssuer, quiet *zap.Logger) error {
	secret, err := keyIn(s.KeyFile)
	if err != nil {
		return err
	}
	issuer.DisableHTTPChallenge = true
	d := &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{TTL: dnsTTL, Logger: quiet,
		DNSProvider: updates{server: s.Server, zone: s.Zone, key: s.KeyName, algorithm: s.Algorithm, secret: secret, now: time.Now}}}
	if s.Resolver != "" {
		d.Resolvers = []string{s.Resolver}
	}
	issuer.DNS01Solver = d
	return nil
}

// keyIn reads a TSIG key that only its owner may read.
func keyIn(file string) (vault.Secret, error) {
	bad := fault.Unavailable("acme.key_file", "file", file)
	b, err := machine.ReadSecret(file, 4<<10)
	if errors.Is(err, machine.ErrOthers) {
		return vault.Secret{}, fault.Refused("acme.key_open", "file", file)
	}
	if err != nil {
		return vault.Secret{}, bad.Because(err)
	}
	b = bytes.TrimSpace(b)
	if raw, err := base64.StdEncoding.DecodeString(string(b)); err != nil || len(raw) < 16 {
		return vault.Secret{}, bad.Because(err)
	}
	return vault.NewSecret(string(b)), nil
}

// answer serves the authority's visits; whoever else comes is led to the portal.
func (m *Manager) answer(ln net.Listener, origin string) {
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		to := url.URL{Path: r.URL.Path}
		http.Redirect(w, r, origin+"/"+strings.TrimLeft(to.EscapedPath(), "/"), http.StatusFound)
	})
	m.srv = &http.Server{Handler: m.issuer.HTTPChallengeHandler(elsewhere), ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience,
		MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelInfo)}
	go func() {
		if err := m.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("certificate authorities are not answered any more", "err", err)
		}
	}()
}

// Close stops listening.
func (m *Manager) Close() error {
	m.cache.Stop()
	if m.srv == nil {
		return nil
	}
	return m.srv.Close()
}

// Files are certificate and key, once they were got.
func (m *Manager) Files() (cert, key string) { return FilesIn(m.dir, m.issuer.CA, m.name) }

// FilesIn is where certificate and key of a name from an authority lie.
func FilesIn(dir, directory, name string) (cert, key string) {
	issuer := (&certmagic.ACMEIssuer{CA: directory}).IssuerKey()
	return filepath.Join(dir, filepath.FromSlash(certmagic.StorageKeys.SiteCert(issuer, name))),
		filepath.Join(dir, filepath.FromSlash(certmagic.StorageKeys.SitePrivateKey(issuer, name)))
}

// Round gets the certificate if there is none, and renews one of whose time a
// third is left, or that is due by what the authority said when it gave it.
func (m *Manager) Round(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, oneRound)
	defer stop()
	cert, _ := m.Files()
	before, _ := os.ReadFile(cert) // none: the first is got
	err := m.magic.RenewCertSync(ctx, m.name, false)
	if err != nil {
		err = m.told(err)
	}
	m.note(err)
	if err != nil {
		return err
	}
	if after, err := os.ReadFile(cert); err != nil || bytes.Equal(before, after) {
		return err
	}
	m.log.Info("a certificate was got", "name", m.name, "file", cert)
	select {
	case m.got <- struct{}{}:
	default: // told already, not yet heard
	}
	return nil
}

// told makes a fault of what went wrong: a name server's word comes as it is.
func (m *Manager) told(err error) error {
	var own *fault.Error
	if errors.As(err, &own) {
		return own
	}
	var p problem.Problem
	if errors.As(err, &p) && p.Type != "" {
		return fault.Refused("acme.refused", "name", m.name, "directory", m.issuer.CA, "why", strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:"),
			"detail", cmp.Or(p.Detail, strconv.Itoa(p.Status))).Because(err)
	}
	return fault.Unavailable("acme.failed", "name", m.name, "directory", m.issuer.CA).Because(err)
}

// Run makes rounds until ctx ends; failed hears of each that failed.
func (m *Manager) Run(ctx context.Context, failed func(error)) {
	wait := retryFirst
	for {
		err := m.Round(ctx)
		next := time.Duration(lookEvery)
		if err != nil && ctx.Err() == nil {
			next = wait
			wait = min(2*wait, lookEvery)
			m.log.Error("no certificate was got", "name", m.name, "again_in", next, "err", err)
			failed(err)
		} else {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}
