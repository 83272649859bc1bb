package app

import (
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/kernel/mailaddr"
)

// ACME is how the portal gets its certificate by itself (証明書の自動取得), in the
// house's settings and in those of the host outside. Without a challenge it does not.
type ACME struct {
	Challenge string `toml:"challenge"` // how the name is proved: "http-01" or "dns-01"
	Directory string `toml:"directory"` // of the certificate authority
	Email     string `toml:"email"`     // the authority's account
	Agree     bool   `toml:"agree_terms"`
	CAFile    string `toml:"ca_file"` // further certificate authorities for the directory, PEM

	Listen string `toml:"http_listen"` // http-01: where the authority comes

	// dns-01: the server that takes dynamic updates (RFC 2136), signed with a key (TSIG).
	Server    string `toml:"dns_server"`
	Zone      string `toml:"dns_zone"`
	KeyName   string `toml:"dns_key_name"`
	Algorithm string `toml:"dns_key_algorithm"`
	KeyFile   string `toml:"dns_key_file"` // the key in base64, mode 0600
	Resolver  string `toml:"dns_resolver"` // where the record is looked for; empty: the system's, then the zone's own servers
}

// The ways to prove a name.
const (
	HTTP01 = "http-01"
	DNS01  = "dns-01"
)

// keyName is the name of a TSIG key: as a name server writes it, often one word.
var keyName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,63}(\.[0-9A-Za-z_-]{1,63}){0,3}\.?$`)

// DefaultACME is what applies without settings.
func DefaultACME() ACME {
	return ACME{Directory: "https://acme-v02.api.letsencrypt.org/directory", Listen: "0.0.0.0:80", Algorithm: "hmac-sha256"}
}

// On tells whether certificates are got by it.
func (a ACME) On() bool { return a.Challenge != "" }

// Check refuses what is not right, with the setting's name after prefix. The name
// proved is that of origin, an https address.
func (a ACME) Check(prefix, origin string, bad func(name, want string) error) error {
	if !a.On() {
		if a != DefaultACME() { // what is set is not silently unused
			return bad(prefix+"challenge", HTTP01+" / "+DNS01)
		}
		return nil
	}
	name := HostOf(origin)
	dir, err := url.Parse(a.Directory)
	_, mail := mailaddr.Parse(a.Email)
	switch {
	case !isDomain(name) || !strings.Contains(name, "."):
		return bad(strings.TrimSuffix(prefix, "acme.")+"origin", "https://uketori.example.co.jp")
	case a.Challenge != HTTP01 && a.Challenge != DNS01:
		return bad(prefix+"challenge", HTTP01+" / "+DNS01)
	case err != nil || dir.Scheme != "https" || dir.Host == "" || dir.User != nil:
		return bad(prefix+"directory", DefaultACME().Directory)
	case mail != nil:
		return bad(prefix+"email", "system@example.co.jp")
	case !a.Agree:
		return bad(prefix+"agree_terms", "true")
	case a.CAFile != "" && !filepath.IsAbs(a.CAFile):
		return bad(prefix+"ca_file", "/etc/sekisho/acme-root.pem")
	case a.Challenge == HTTP01:
		return a.checkHTTP(prefix, bad)
	}
	return a.checkDNS(prefix, name, bad)
}

func (a ACME) checkHTTP(prefix string, bad func(name, want string) error) error {
	if _, port, err := net.SplitHostPort(a.Listen); err != nil || port == "" {
		return bad(prefix+"http_listen", DefaultACME().Listen)
	}
	if a.Server+a.Zone+a.KeyName+a.KeyFile+a.Resolver != "" {
		return bad(prefix+"challenge", DNS01)
	}
	return nil
}

func (a ACME) checkDNS(prefix, name string, bad func(name, want string) error) error {
	address := func(s string) bool {
		host, port, err := net.SplitHostPort(s)
		return err == nil && host != "" && port != ""
	}
	switch {
	case a.Listen != DefaultACME().Listen:
		return bad(prefix+"challenge", HTTP01)
	case !address(a.Server):
		return bad(prefix+"dns_server", "ns1.example.co.jp:53")
	case !isDomain(a.Zone) || name != a.Zone && !strings.HasSuffix(name, "."+a.Zone):
		return bad(prefix+"dns_zone", parent(name))
	case !keyName.MatchString(a.KeyName):
		return bad(prefix+"dns_key_name", "sekisho-acme")
	case !slices.Contains([]string{"hmac-sha256", "hmac-sha384", "hmac-sha512"}, a.Algorithm):
		return bad(prefix+"dns_key_algorithm", "hmac-sha256 / hmac-sha384 / hmac-sha512")
	case !filepath.IsAbs(a.KeyFile):
		return bad(prefix+"dns_key_file", "/etc/sekisho/acme-key")
	case a.Resolver != "" && !address(a.Resolver):
		return bad(prefix+"dns_resolver", "127.0.0.1:53")
	}
	return nil
}

// parent is the zone a name most likely lies in.
func parent(name string) string {
	if _, rest, ok := strings.Cut(name, "."); ok && strings.Contains(rest, ".") {
		return rest
	}
	return name
}

// HostOf is the name in an address such as "https://uketori.example.co.jp:8443".
func HostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return u.Hostname()
}

const sampleACME = `
# 受け取りページの証明書を自動で取り、更新します（ACME）。challenge が空なら使いません。
# Gets and renews the portal's certificate by itself (ACME). Not used while challenge is empty.
# [portal.acme]
# challenge = "http-01"        # 80番ポートで名前を証明 / the name is proved on port 80。"dns-01": DNS で / in the DNS
# email = "system@example.co.jp"
# agree_terms = true           # 認証局の利用規約に同意する / the authority's terms are agreed to
# directory = "https://acme-v02.api.letsencrypt.org/directory"
# http_listen = "0.0.0.0:80"
# dns-01：動的更新（RFC 2136）を受ける DNS サーバーと、その鍵（TSIG）。 / A DNS server that takes signed dynamic updates.
# dns_server = "ns1.example.co.jp:53"
# dns_zone = "example.co.jp"
# dns_key_name = "sekisho-acme"
# dns_key_algorithm = "hmac-sha256"
# dns_key_file = "/etc/sekisho/acme-key"
`
