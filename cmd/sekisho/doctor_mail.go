package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/imap"
	"sekisho/internal/comms/maildns"
	"sekisho/internal/comms/mailsign"
)

// returns looks at tokens, at where bounces come in, and at what DNS says about
// the sender's domain.
func (d *doctor) returns(cfg app.Config) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	m := cfg.Mail
	tokens, err := app.Tokens(cfg)
	if err == nil && tokens != nil {
		_, err = tokens.Token(ctx, false)
	}
	switch {
	case err != nil:
		d.fault(err)
	case tokens != nil:
		d.add("ok", "cli.doctor_token")
	}
	keys := d.signing(cfg)
	if m.Host == "" {
		return
	}
	if m.Bounces.Address == "" {
		d.add("warn", "cli.doctor_no_bounces")
	}
	if box, ok, err := app.BounceBox(m, tokens); err != nil {
		d.fault(err)
	} else if ok {
		if err := imap.Probe(ctx, box); err != nil {
			d.fault(err)
		} else {
			d.add("ok", "cli.doctor_bounce_box", "host", box.Host, "folder", box.Folder)
		}
	}
	_, domain, _ := strings.Cut(m.From, "@")
	look := maildns.Domain{From: domain, Selectors: m.DKIMSelectors, Relay: m.Host, Signing: m.SigningDomain(), Keys: keys,
		HTTP: maildns.Client(&http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}})}
	if b, err := dispatch.ParseBounceAddress(m.Bounces.Address); err == nil {
		look.Bounces = b.Domain()
	}
	for _, f := range maildns.Check(ctx, net.DefaultResolver, look) {
		d.add(string(f.Level), f.Key, f.Args...)
	}
}

// signing looks at what signs our mail, and gives the DKIM keys there are.
func (d *doctor) signing(cfg app.Config) []maildns.Key {
	s, err := app.Signing(cfg)
	if err != nil {
		d.fault(err)
	} else if s.Company != nil {
		d.company(cfg.Mail.SMIME.File(), s.Company)
	}
	list, err := mailsign.Selectors(cfg.Keys.Dir)
	if err != nil {
		d.fault(err)
	}
	var out []maildns.Key
	for _, name := range list {
		signs := slices.Contains(cfg.Mail.DKIM.Sign, name)
		k, err := mailsign.LoadKey(cfg.Keys.Dir, name)
		record := ""
		if err == nil {
			record, err = k.Record()
		}
		switch {
		case err == nil:
			out = append(out, maildns.Key{Selector: name, Record: record, Signs: signs})
		case !signs: // one that signs was told of above
			d.fault(err)
		}
	}
	return out
}

// company tells how long the certificate lasts.
func (d *doctor) company(file string, c *mailsign.Certificate) {
	level, key := "ok", "cli.doctor_smime"
	switch left := c.Until().Sub(d.e.now()); {
	case left < 0:
		level, key = "bad", "cli.doctor_smime_over"
	case left < mailsign.WarnBefore:
		level, key = "warn", "cli.doctor_smime_soon"
	}
	d.add(level, key, "file", file, "until", c.Until().Format(time.DateOnly))
}
