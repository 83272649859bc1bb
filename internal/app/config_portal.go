package app

import (
	"net"
	"net/url"
	"strings"
)

// Portal is the page where recipients open links (受け取りページ): a listener and an
// origin of its own. Without it nothing goes by link.
type Portal struct {
	Mode   string `toml:"mode"`   // "here", or "tunnel": on a host outside, which the house connects to
	Listen string `toml:"listen"` // here: empty, there is none
	Tunnel string `toml:"tunnel"` // where the host outside takes the house's connection
	Origin string `toml:"origin"` // "https://uketori.example.co.jp": stands in every link
	Cert   string `toml:"cert"`   // PEM; empty: that of the server
	Key    string `toml:"key"`
	ACME   ACME   `toml:"acme"` // here: instead of files, or before them
}

// The places a portal may stand at.
const (
	PortalHere   = "here"
	PortalTunnel = "tunnel"
)

// place checks where it stands: what belongs to the other place is not silently unused.
func (p Portal) place(own string, bad func(name, want string) error) error {
	listen, tunnel := p.Listen, p.Tunnel
	if p.Mode == PortalTunnel {
		listen, tunnel = tunnel, listen
	}
	_, port, err := net.SplitHostPort(listen)
	switch {
	case p.Mode == PortalHere && (err != nil || p.Listen == own):
		return bad("portal.listen", "0.0.0.0:9443")
	case p.Mode == PortalHere && tunnel != "":
		return bad("portal.mode", PortalTunnel)
	case p.Mode == PortalTunnel && (err != nil || port == "" || strings.HasPrefix(p.Tunnel, ":")):
		return bad("portal.tunnel", "uketori.example.co.jp:9444")
	case p.Mode == PortalTunnel && (tunnel != "" || p.Cert != "" || p.ACME.On()):
		return bad("portal.mode", PortalHere)
	}
	return nil
}

func (p Portal) check(own string, bad func(name, want string) error) error {
	if p.Mode != PortalHere && p.Mode != PortalTunnel {
		return bad("portal.mode", PortalHere+" / "+PortalTunnel)
	}
	if p == defaultPortal() {
		return nil
	}
	if err := p.place(own, bad); err != nil {
		return err
	}
	u, err := url.Parse(p.Origin)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != p.Origin {
		return bad("portal.origin", "https://uketori.example.co.jp")
	}
	if (p.Cert == "") != (p.Key == "") {
		return bad("portal.cert", "portal.cert + portal.key")
	}
	return p.ACME.Check("portal.acme.", p.Origin, bad)
}

func defaultPortal() Portal { return Portal{Mode: PortalHere, ACME: DefaultACME()} }

const samplePortal = `
# 受け取りページ（ポータル）。受取人がリンクを開く、社外に見せるただ一つの入口。listen が空なら使いません。
# The portal, where recipients open links: the one door shown to the outside. Without listen there is none.
[portal]
# "here"（このサーバー）か "tunnel"（外に置いた小さなサーバー。社内から外へつなぐだけで、社内への穴は開けません。sekisho portal init）。
# "here", or "tunnel": on a small host outside, which the house connects to; no door of the house is opened.
mode = "here"
# tunnel = "uketori.example.co.jp:9444"
tunnel = ""
# listen = "0.0.0.0:9443"
listen = ""
# リンクに書かれる住所。 / The address that stands in every link.
# origin = "https://uketori.example.co.jp"
origin = ""
cert = ""
key = ""
`
