package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"syscall"

	"sekisho/internal/app"
	"sekisho/internal/edge/acme"
	"sekisho/internal/edge/api"
	"sekisho/internal/edge/portal"
	"sekisho/internal/edge/tunnel"
	"sekisho/internal/edge/web"
	"sekisho/internal/kernel/fault"
)

func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, 64<<20)) }

type serveCmd struct {
	home
	Listen string `help:"待ち受ける住所（設定より優先） / Address to listen on, over the configuration." placeholder:"HOST:PORT"`
}

// Run serves until it is told to stop.
func (c serveCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a, err := app.Open(ctx, app.Options{Home: c.Home, Log: e.log()})
	if err != nil {
		return err
	}
	defer a.Close()
	if err := e.setupCode(ctx, a); err != nil {
		return err
	}
	if a.Sealed() {
		e.say("cli.sealed")
	}
	done, err := a.Start(ctx)
	if err != nil {
		return err
	}
	defer done()
	pages, err := web.Handler(a, nil)
	if err != nil {
		return err
	}
	listen := a.Config.Server.Listen
	if c.Listen != "" {
		listen = c.Listen
	}
	cert, key := a.Config.Server.Cert, a.Config.Server.Key
	if cert == "" && key == "" {
		cert, key = officeCA(e, a.Config).Files()
	}
	outside, err := e.beside(ctx, stop, a, api.ServeConfig{Listen: a.Config.Portal.Listen, CertFile: cmp.Or(a.Config.Portal.Cert, cert), KeyFile: cmp.Or(a.Config.Portal.Key, key),
		SelfSignedDir: filepath.Join(c.Home, "data", "tls"), AllowTLS12: a.Config.Server.AllowTLS12, Log: a.Log, Limits: portal.Limits(),
		Ready: func(l api.Listening) { e.say("cli.portal", "url", l.URL, "origin", a.Config.Portal.Origin) }})
	if err != nil {
		return err
	}
	err = api.Serve(ctx, api.ServeConfig{
		Listen: listen, CertFile: cert, KeyFile: key, SelfSignedDir: filepath.Join(c.Home, "data", "tls"),
		AllowTLS12: a.Config.Server.AllowTLS12, Handler: pages, Log: a.Log,
		Ready: func(l api.Listening) {
			e.say("cli.serving", "url", l.URL)
			if l.SelfSigned {
				e.say("cli.fingerprint", "sha256", l.Fingerprint)
			}
		},
	})
	stop()
	return errors.Join(err, outside())
}

// beside serves the portal, if there is one, until ctx ends; wait gives how that
// ended. One that cannot listen ends the house: links that were mailed would lead
// nowhere and nobody would know.
func (e *env) beside(ctx context.Context, stop func(), a *app.App, cfg api.ServeConfig) (wait func() error, err error) {
	if cfg.Listen == "" && a.Config.Portal.Tunnel == "" {
		return func() error { return nil }, nil
	}
	if cfg.Handler, err = web.Portal(a); err != nil {
		return nil, err
	}
	again := make(chan struct{}, 1)
	office, _ := officeCA(e, a.Config).Files()
	go watchCertificate(ctx, watched{home: a.Home, cfg: a.Config, office: office, now: a.Gate.Now, log: a.Log, alarm: a.Alarm}, again)
	if cfg.Listen == "" {
		return through(ctx, a, cfg)
	}
	end, err := byItself(ctx, acme.Settings{ACME: a.Config.Portal.ACME, Origin: a.Config.Portal.Origin, Dir: acmeDir(a.Home), Log: a.Log}, &cfg, func(error) {
		select {
		case again <- struct{}{}:
		default: // told already
		}
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		err := api.Serve(ctx, cfg)
		if err != nil {
			stop()
		}
		end()
		ended <- err
	}()
	return func() error { return <-ended }, nil
}

// through serves it over a connection to the host outside. One that is away does
// not end the house: it is tried again, and doctor tells.
func through(ctx context.Context, a *app.App, cfg api.ServeConfig) (wait func() error, err error) {
	end := tunnel.HouseEnd(a.Config.Keys.Dir)
	if _, err := end.TLS(); err != nil {
		return nil, fault.Refused("portal.tunnel_unmade", "dir", end.Dir).Because(err)
	}
	h := tunnel.House{Addr: a.Config.Portal.Tunnel, End: end, Handler: cfg.Handler, Log: a.Log,
		Up: func() { cfg.Ready(api.Listening{URL: a.Config.Portal.Tunnel}) }}
	ended := make(chan error, 1)
	go func() { h.Run(ctx); ended <- nil }()
	return func() error { return <-ended }, nil
}

// setupCode prints the one-time code of a house without people. Without it
// nothing shows.
func (e *env) setupCode(ctx context.Context, a *app.App) error {
	code, err := a.SetupCode(ctx)
	if err != nil || code == "" {
		return err
	}
	e.say("cli.setup_code", "code", code)
	fmt.Fprintln(e.out)
	return nil
}
