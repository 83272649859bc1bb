package app

import (
	"net"
	"net/url"
)

// Portal is the page where recipients open links (受け取りページ): a listener and an
// origin of its own. Without it nothing goes by link.
type Portal struct {
	Listen string `toml:"listen"` // empty: there is none
	Origin string `toml:"origin"` // "https://uketori.example.co.jp": stands in every link
	Cert   string `toml:"cert"`   // PEM; empty: that of the server
	Key    string `toml:"key"`
}

func (p Portal) check(own string, bad func(name, want string) error) error {
	if p.Listen == "" && p.Origin == "" && p.Cert == "" && p.Key == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(p.Listen); err != nil || p.Listen == own {
		return bad("portal.listen", "0.0.0.0:9443")
	}
	u, err := url.Parse(p.Origin)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != p.Origin {
		return bad("portal.origin", "https://uketori.example.co.jp")
	}
	if (p.Cert == "") != (p.Key == "") {
		return bad("portal.cert", "portal.cert + portal.key")
	}
	return nil
}

const samplePortal = `
# 受け取りページ（ポータル）。受取人がリンクを開く、社外に見せるただ一つの入口。listen が空なら使いません。
# The portal, where recipients open links: the one door shown to the outside. Without listen there is none.
[portal]
# listen = "0.0.0.0:9443"
listen = ""
# リンクに書かれる住所。 / The address that stands in every link.
# origin = "https://uketori.example.co.jp"
origin = ""
cert = ""
key = ""
`
