package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"

	"sekisho/internal/app"
	"sekisho/internal/edge/acme"
	"sekisho/internal/edge/api"
	"sekisho/internal/edge/portal"
	"sekisho/internal/edge/tunnel"
	"sekisho/internal/kernel/fault"
)

type portalCmd struct {
	Run  portalRunCmd  `cmd:"" default:"withargs" help:"外のサーバーで中継する / Carry recipients' requests to the house, on the host outside."`
	Init portalInitCmd `cmd:"" help:"社内と外のサーバーが互いを見分ける証明書を作る / Make the certificates by which the house and the host outside know each other."`
}

// outsideFile is the configuration of the host outside.
const outsideFile = "portal.toml"

// outsideConfig is all of it.
type outsideConfig struct {
	Listen         string   `toml:"listen"` // for recipients
	Tunnel         string   `toml:"tunnel"` // for the house
	Cert           string   `toml:"cert"`   // PEM; empty: self-signed
	Key            string   `toml:"key"`
	TrustedProxies []string `toml:"trusted_proxies"`
	Origin         string   `toml:"origin"` // what stands in the links: its host is the certificate's name
	ACME           app.ACME `toml:"acme"`   // instead of files, or before them
}

const outsideSample = `# 受け取りページを中継するサーバーの設定。このフォルダのほかに要るものはありません。
# Settings of the host that carries recipients' requests to the house. Nothing but this folder is needed.

# 受取人のための待ち受け。 / Where recipients come.
listen = "0.0.0.0:443"
# 社内からの接続の待ち受け。 / Where the house comes.
tunnel = %q
# 受取人に見せる証明書（PEM）。 / The certificate that recipients see (PEM).
cert = ""
key = ""
# 前に置いた中継（CIDR）。 / Proxies before it whose X-Forwarded-For counts (CIDR).
trusted_proxies = []
# リンクに書かれる住所。証明書を自動で取るときに要ります。 / The address that stands in every link; needed for ACME.
origin = %q

# 証明書を自動で取り、更新します（ACME）。 / Gets and renews the certificate by itself.
# [acme]
# challenge = "http-01"        # または / or "dns-01"（dns_server、dns_zone、dns_key_name、dns_key_file）
# email = "system@example.co.jp"
# agree_terms = true           # 認証局の利用規約に同意する / the authority's terms are agreed to
`

type portalInitCmd struct {
	home
	Out string `help:"外のサーバーへ移すフォルダ / Folder to move to the host outside." required:"" type:"path" placeholder:"DIR"`
	At  string `help:"外のサーバーの、社内からの接続を受ける住所 / Where the host outside takes the house's connection." required:"" placeholder:"HOST:PORT"`
}

// Run makes both ends anew; those of before stop working.
func (c portalInitCmd) Run(e *env) error {
	cfg, err := app.LoadConfig(c.Home)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(c.At)
	if err != nil {
		return fault.Invalid("portal.tunnel_address", "address", c.At)
	}
	if _, err := os.Stat(cfg.Keys.Dir); err != nil {
		return fault.Unavailable("app.home_none", "dir", c.Home)
	}
	if err := api.MakePair(tunnel.HouseEnd(cfg.Keys.Dir), tunnel.OutsideEnd(c.Out), e.now()); err != nil {
		return err
	}
	file := filepath.Join(c.Out, outsideFile)
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, outsideSample, net.JoinHostPort("0.0.0.0", port), cfg.Portal.Origin)
		err = errors.Join(err, f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // settings that are there stay
		return err
	}
	e.say("cli.portal_made", "dir", c.Out, "at", c.At)
	return nil
}

type portalRunCmd struct {
	Dir    string `help:"sekisho portal init が作ったフォルダ / The folder that sekisho portal init made." default:"." type:"path" placeholder:"DIR"`
	Listen string `help:"受取人のための待ち受け（設定より優先） / Where recipients come, over the configuration." placeholder:"HOST:PORT"`
	Tunnel string `help:"社内からの接続の待ち受け（設定より優先） / Where the house comes, over the configuration." placeholder:"HOST:PORT"`
}

func (c portalRunCmd) config() (outsideConfig, []netip.Prefix, error) {
	cfg := outsideConfig{ACME: app.DefaultACME()}
	file := filepath.Join(c.Dir, outsideFile)
	meta, err := toml.DecodeFile(file, &cfg)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cfg, nil, fault.Invalid("app.config_syntax", "file", file, "why", err.Error())
	}
	if odd := meta.Undecoded(); len(odd) > 0 {
		return cfg, nil, fault.Invalid("app.config_unknown", "file", file, "name", odd[0].String())
	}
	cfg.Listen, cfg.Tunnel = cmp.Or(c.Listen, cfg.Listen), cmp.Or(c.Tunnel, cfg.Tunnel)
	bad := func(name, want string) error {
		return fault.Invalid("app.config_value", "file", file, "name", name, "want", want)
	}
	if err := cfg.ACME.Check("acme.", cfg.Origin, bad); err != nil {
		return cfg, nil, err
	}
	for _, a := range [][2]string{{"listen", cfg.Listen}, {"tunnel", cfg.Tunnel}} {
		if _, _, err := net.SplitHostPort(a[1]); err != nil {
			return cfg, nil, bad(a[0], "0.0.0.0:443")
		}
	}
	var proxies []netip.Prefix
	for _, s := range cfg.TrustedProxies {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return cfg, nil, bad("trusted_proxies", "10.0.0.0/8")
		}
		proxies = append(proxies, p)
	}
	return cfg, proxies, nil
}

// Run carries requests until it is told to stop.
func (c portalRunCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cfg, proxies, err := c.config()
	if err != nil {
		return err
	}
	log := e.log()
	o, h, err := tunnel.NewOutside(tunnel.OutsideEnd(c.Dir), proxies, log)
	if err != nil {
		return err
	}
	public := api.ServeConfig{Listen: cfg.Listen, CertFile: cfg.Cert, KeyFile: cfg.Key, SelfSignedDir: filepath.Join(c.Dir, "tls"),
		Handler: h, Log: log, Limits: portal.Limits(), Ready: func(l api.Listening) { e.say("cli.portal_serving", "url", l.URL) }}
	end, err := byItself(ctx, acme.Settings{ACME: cfg.ACME, Origin: cfg.Origin, Dir: filepath.Join(c.Dir, "acme"), Log: log}, &public, func(error) {})
	if err != nil {
		return err
	}
	defer end()
	defer stop()
	ln, err := net.Listen("tcp", cfg.Tunnel)
	if err != nil {
		return fault.Unavailable("api.listen", "address", cfg.Tunnel).Because(err)
	}
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- o.Take(ctx, ln)
	}()
	e.say("cli.portal_tunnel", "address", ln.Addr())
	err = api.Serve(ctx, public)
	stop()
	return errors.Join(err, <-ended)
}

// tunnel looks whether the host outside is there and a house serves it.
func (d *doctor) tunnel(cfg app.Config) {
	if cfg.Portal.Mode != app.PortalTunnel {
		return
	}
	end := tunnel.HouseEnd(cfg.Keys.Dir)
	if !end.Made() {
		d.fault(fault.Refused("portal.tunnel_unmade", "dir", end.Dir))
		return
	}
	if until, err := end.Until(); err == nil && until.Sub(d.e.now()) < 60*24*time.Hour {
		d.add("warn", "cli.doctor_tunnel_until", "until", until.Format(time.DateOnly))
	}
	ctx, stop := context.WithTimeout(context.Background(), 15*time.Second)
	defer stop()
	served, err := tunnel.Look(ctx, cfg.Portal.Tunnel, end)
	switch {
	case err != nil:
		d.fault(err)
	case !served:
		d.add("bad", "cli.doctor_tunnel_away", "address", cfg.Portal.Tunnel)
	default:
		d.add("ok", "cli.doctor_tunnel_ok", "address", cfg.Portal.Tunnel)
	}
}
