package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/assure/watch"
	"sekisho/internal/edge/acme"
	"sekisho/internal/edge/api"
)

// certificateEvery is how often somebody looks at the certificate recipients see.
const certificateEvery = 12 * time.Hour

// shown is the certificate recipients see.
type shown struct {
	leaf *x509.Certificate
	file string // where it lies; empty: seen from outside
	self bool   // nobody's but our own: browsers warn
	got  bool   // got by ACME
}

// acmeDir is where accounts, certificates and keys lie in a home.
func acmeDir(home string) string { return filepath.Join(home, "data", "acme") }

// byItself lets the portal get its certificate by ACME; what it got before goes
// first at once.
func byItself(ctx context.Context, s acme.Settings, cfg *api.ServeConfig, failed func(error)) (end func(), err error) {
	if !s.On() {
		return func() {}, nil
	}
	m, err := acme.Open(s)
	if err != nil {
		return nil, err
	}
	cfg.FirstCert, cfg.FirstKey = m.Files()
	cfg.Got = m.Got
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx, failed) }()
	return func() {
		<-ended
		if err := m.Close(); err != nil {
			s.Log.Error("the listener for certificate authorities did not close", "err", err)
		}
	}, nil
}

// portalCertificate finds what recipients see: in the house's files, or, when the
// portal stands outside, by going there as they do.
func portalCertificate(ctx context.Context, home string, cfg app.Config, office string, now time.Time) (shown, error) {
	p := cfg.Portal
	if p.Mode == app.PortalTunnel {
		return seenFrom(ctx, p.Origin)
	}
	if p.ACME.On() {
		file, _ := acme.FilesIn(acmeDir(home), p.ACME.Directory, app.HostOf(p.Origin))
		if leaf, err := api.Leaf(file); err == nil && now.Before(leaf.NotAfter) {
			return shown{leaf: leaf, file: file, got: true}, nil
		}
	}
	file := cmp.Or(p.Cert, cfg.Server.Cert, office)
	if file == "" {
		return shown{self: true}, nil
	}
	leaf, err := api.Leaf(file)
	return shown{leaf: leaf, file: file}, err
}

// seenFrom reads the certificate at an address. Nothing is sent there and nothing
// believed, so that one that is over or wrong can be told.
func seenFrom(ctx context.Context, origin string) (shown, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return shown{}, err
	}
	ctx, stop := context.WithTimeout(ctx, 15*time.Second)
	defer stop()
	d := tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
	if err != nil {
		return shown{}, err
	}
	leaf := c.(*tls.Conn).ConnectionState().PeerCertificates[0]
	return shown{leaf: leaf, self: leaf.CheckSignatureFrom(leaf) == nil || leaf.Issuer.String() == leaf.Subject.String()}, c.Close()
}

// watched is what watchCertificate needs of a house.
type watched struct {
	home   string
	cfg    app.Config
	office string // certificate of the office's own authority, if there is one
	now    func() time.Time
	log    *slog.Logger
	alarm  func(what, kind, subject string, leaf int64)
}

// watchCertificate raises an alarm well before the portal's certificate is over,
// and when none could be got, until ctx ends.
func watchCertificate(ctx context.Context, w watched, again <-chan struct{}) {
	origin := w.cfg.Portal.Origin
	for {
		s, err := portalCertificate(ctx, w.home, w.cfg, w.office, w.now())
		switch {
		case err != nil:
			w.log.Warn("the certificate recipients see cannot be read", "origin", origin, "err", err)
		case s.leaf != nil && api.Late(s.leaf, w.now()):
			w.alarm(watch.CertLate, "certificate", app.HostOf(origin)+" "+s.leaf.NotAfter.Format(time.DateOnly), -1)
		case w.cfg.Portal.ACME.On() && !s.got && acme.Failure(acmeDir(w.home)) != nil:
			w.alarm(watch.CertNone, "certificate", app.HostOf(origin), -1)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-time.After(certificateEvery):
		}
	}
}

// portalCertificate says until when recipients can come, and what to do.
func (d *doctor) portalCertificate(home string, cfg app.Config) {
	p := cfg.Portal
	if p.Listen == "" && p.Mode != app.PortalTunnel {
		return
	}
	office, _ := officeCA(d.e, cfg).Files()
	s, err := portalCertificate(context.Background(), home, cfg, office, d.e.now())
	if p.ACME.On() {
		d.acme(home, s)
	}
	name := app.HostOf(p.Origin)
	switch {
	case err != nil && p.Mode == app.PortalTunnel:
		d.add("warn", "cli.doctor_portal_unseen", "origin", p.Origin)
		return
	case err != nil:
		d.fault(err)
		return
	case s.self:
		d.add("warn", "cli.doctor_portal_self", "name", name)
		return
	}
	until := s.leaf.NotAfter.Format(time.DateOnly)
	switch {
	case s.leaf.VerifyHostname(name) != nil:
		d.add("bad", "cli.doctor_portal_name", "name", name)
	case d.e.now().After(s.leaf.NotAfter):
		d.add("bad", "cli.doctor_portal_over", "name", name, "until", until)
	case api.Late(s.leaf, d.e.now()):
		d.add("bad", "cli.doctor_portal_late", "name", name, "until", until)
	default:
		d.add("ok", "cli.doctor_portal_ok", "name", name, "until", until)
	}
}

// acme says why nothing was got the last time.
func (d *doctor) acme(home string, s shown) {
	f := acme.Failure(acmeDir(home))
	switch {
	case f != nil:
		level := "warn"
		if !s.got {
			level = "bad"
		}
		d.add(level, "cli.doctor_acme_failed", "at", f.At.In(time.Local).Format("2006-01-02 15:04"), "why", f.Sentence(d.e.lang))
	case !s.got:
		d.add("warn", "cli.doctor_acme_none")
	}
}
