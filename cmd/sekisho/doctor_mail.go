package main

import (
	"context"
	"net"
	"strings"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/imap"
	"sekisho/internal/comms/maildns"
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
	look := maildns.Domain{From: domain, Selectors: m.DKIMSelectors, Relay: m.Host}
	if b, err := dispatch.ParseBounceAddress(m.Bounces.Address); err == nil {
		look.Bounces = b.Domain()
	}
	for _, f := range maildns.Check(ctx, net.DefaultResolver, look) {
		d.add(string(f.Level), f.Key, f.Args...)
	}
}
