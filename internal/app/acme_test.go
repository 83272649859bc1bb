package app

import (
	"slices"
	"strings"
	"testing"

	"sekisho/internal/kernel/fault"
)

const acmeHTTP = `[portal]
listen = "0.0.0.0:9443"
origin = "https://uketori.example.co.jp"
[portal.acme]
challenge = "http-01"
email = "system@example.co.jp"
agree_terms = true
`

const acmeDNS = `dns_server = "ns1.example.co.jp:53"
dns_zone = "example.co.jp"
dns_key_name = "sekisho-acme"
dns_key_file = "/etc/sekisho/acme-key"
`

// SM-38: what is wrong in the settings of ACME stops the start with its name.
func TestSM38_ACMESettings(t *testing.T) {
	dns := strings.Replace(acmeHTTP, "http-01", "dns-01", 1) + acmeDNS
	for _, good := range []string{acmeHTTP, dns, strings.Replace(dns, `"example.co.jp"`, `"uketori.example.co.jp"`, 1)} {
		if c, err := configured(t, good); err != nil || !c.Portal.ACME.On() || HostOf(c.Portal.Origin) != "uketori.example.co.jp" {
			t.Error(err)
		}
	}
	if c, err := configured(t, Sample("sekisho.example.co.jp")); err != nil || c.Portal.ACME.On() {
		t.Error("the sample gets certificates", err)
	}
	for what, c := range map[string]struct{ text, from, to, name string }{
		"no terms":            {acmeHTTP, "agree_terms = true", "", "portal.acme.agree_terms"},
		"terms refused":       {acmeHTTP, "= true", "= false", "portal.acme.agree_terms"},
		"no mail":             {acmeHTTP, "system@example.co.jp", "system", "portal.acme.email"},
		"unknown challenge":   {acmeHTTP, "http-01", "tls-alpn-01", "portal.acme.challenge"},
		"no challenge":        {acmeHTTP, "http-01", "", "portal.acme.challenge"},
		"plain directory":     {acmeHTTP, "agree", "directory = \"http://ca.example/dir\"\nagree", "portal.acme.directory"},
		"address, no name":    {acmeHTTP, "uketori.example.co.jp", "192.168.1.10", "portal.origin"},
		"listen":              {acmeHTTP, "agree", "http_listen = \"80\"\nagree", "portal.acme.http_listen"},
		"DNS unused":          {acmeHTTP, "agree", "dns_zone = \"example.co.jp\"\nagree", "portal.acme.challenge"},
		"HTTP unused":         {dns, "agree", "http_listen = \"0.0.0.0:8080\"\nagree", "portal.acme.challenge"},
		"another's zone":      {dns, `dns_zone = "example.co.jp"`, `dns_zone = "xample.co.jp"`, "portal.acme.dns_zone"},
		"server without port": {dns, ":53", "", "portal.acme.dns_server"},
		"old algorithm":       {dns, "dns_key_name", "dns_key_algorithm = \"hmac-md5\"\ndns_key_name", "portal.acme.dns_key_algorithm"},
		"key's name":          {dns, "sekisho-acme", "sekisho acme", "portal.acme.dns_key_name"},
		"no key":              {dns, "/etc/sekisho/acme-key", "", "portal.acme.dns_key_file"},
		"outside":             {acmeHTTP, `listen = "0.0.0.0:9443"`, "mode = \"tunnel\"\ntunnel = \"uketori.example.co.jp:9444\"", "portal.mode"},
		"typo":                {acmeHTTP, "email", "e_mail", "portal.acme.e_mail"},
	} {
		if !strings.Contains(c.text, c.from) {
			t.Fatal(what)
		}
		_, err := configured(t, strings.Replace(c.text, c.from, c.to, 1))
		if f := fault.Of(err); f == nil || !slices.Contains(f.Args, any(c.name)) {
			t.Error(what, err)
		}
	}
}
