package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/imap"
	"sekisho/internal/comms/oauth"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// Tokens gives the source of tokens for mail servers, nil if none is set.
func Tokens(c Config) (*oauth.Source, error) {
	o := c.Mail.OAuth
	if o.Flow == "" {
		return nil, nil
	}
	cfg := oauth.Config{Flow: oauth.Flow(o.Flow), TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, ClientID: o.ClientID, Scopes: o.Scope,
		File: filepath.Join(c.Keys.Dir, oauth.RefreshFile), Now: time.Now}
	var err error
	if cfg.Secret, err = secretIn(o.ClientSecretFile); err != nil {
		return nil, err
	}
	if cfg.Roots, err = rootsIn(o.CAFile); err != nil {
		return nil, err
	}
	if cfg.Flow == oauth.Device {
		if cfg.Ring, err = vault.Open(c.Keys.Dir); err != nil {
			return nil, err
		}
	}
	return oauth.New(cfg)
}

func secretIn(path string) (vault.Secret, error) {
	if path == "" {
		return vault.Secret{}, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return vault.Secret{}, fault.Unavailable("app.relay_password", "file", path).Because(err)
	}
	return vault.NewSecret(strings.TrimSpace(string(b))), nil
}

func rootsIn(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Unavailable("app.relay_ca", "file", path).Because(err)
	}
	return b, nil
}

// BounceBox is the mailbox that bounces are read from; ok is false if none is set.
func BounceBox(m Mail, tokens *oauth.Source) (b imap.Box, ok bool, err error) {
	i := m.Bounces.IMAP
	if i.Host == "" {
		return b, false, nil
	}
	b = imap.Box{Host: i.Host, Port: i.Port, StartTLS: i.Mode == "starttls", User: i.User, Auth: i.Auth, Folder: i.Folder}
	if b.Password, err = secretIn(i.PasswordFile); err != nil {
		return b, false, err
	}
	if b.Roots, err = rootsIn(i.CAFile); err != nil {
		return b, false, err
	}
	if bearer(i.Auth) && tokens != nil {
		b.Token = tokens.Token
	}
	return b, true, b.Check()
}

// bounceAddress is where what comes back goes; not set without one.
func (a *App) bounceAddress() dispatch.BounceAddress {
	b, err := dispatch.ParseBounceAddress(a.Config.Mail.Bounces.Address)
	if err != nil { // the configuration was checked when it was read: it is empty
		return dispatch.BounceAddress{}
	}
	return b
}

// takeBounces opens the ways in by which mail servers send back, until ctx ends.
func (a *App) takeBounces(ctx context.Context, wg *sync.WaitGroup) {
	m := a.Config.Mail
	if m.Bounces.Address == "" {
		return
	}
	in := &dispatch.Intake{Gate: a.Gate, As: gate.System("dispatch"), Ring: a.Ring, Address: a.bounceAddress(), Log: a.Log}
	wg.Go(func() { in.Count(ctx) })
	if m.Bounces.Listen != "" {
		wg.Go(func() { a.listenForBounces(ctx, in) })
	}
	tokens, err := Tokens(a.Config)
	box, ok, err2 := BounceBox(m, tokens)
	if err := errors.Join(err, err2); err != nil {
		a.Log.Error("the bounces' mailbox cannot be read: start again once it can", "err", err)
		return
	}
	if ok {
		wg.Go(func() { imap.Follow(ctx, box, dispatch.BounceKeep, a.Log, verdict(in)) })
	}
}

// verdict tells a mailbox what became of a message.
func verdict(in *dispatch.Intake) func(ctx context.Context, raw []byte) (imap.Verdict, error) {
	return func(ctx context.Context, raw []byte) (imap.Verdict, error) {
		ours, err := in.Mailbox(ctx, raw)
		switch {
		case errors.Is(err, dispatch.ErrLater):
			return imap.Again, nil
		case err != nil:
			return imap.Leave, err
		case ours:
			return imap.Done, nil
		}
		return imap.Leave, nil
	}
}

// listenForBounces keeps the port open; one that is taken is tried for again.
func (a *App) listenForBounces(ctx context.Context, in *dispatch.Intake) {
	b := a.Config.Mail.Bounces
	how := dispatch.Listen{SMTP: b.Protocol == "smtp"}
	for ctx.Err() == nil {
		err := func() error {
			if b.Cert != "" {
				pair, err := tls.LoadX509KeyPair(b.Cert, b.Key)
				if err != nil {
					return err
				}
				how.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
			}
			l, err := net.Listen("tcp", b.Listen)
			if err != nil {
				return err
			}
			return in.Serve(ctx, l, how)
		}()
		if ctx.Err() != nil {
			return
		}
		a.Log.Error("the port for bounces is closed", "listen", b.Listen, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
	}
}
