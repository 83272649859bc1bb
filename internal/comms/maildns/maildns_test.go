package maildns

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"sekisho/internal/kernel/text"
)

// server is a DNS server on this computer; "!" as a record fails the question.
func server(t *testing.T, records map[string][]string) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			name := strings.TrimSuffix(strings.ToLower(q.Name.String()), ".")
			if q.Type == dnsmessage.TypeMX {
				name = "mx " + name
			}
			list := records[name]
			if len(list) == 0 {
				m.RCode = dnsmessage.RCodeNameError
			}
			for _, s := range list {
				var body dnsmessage.ResourceBody = &dnsmessage.TXTResource{TXT: pieces(s)}
				if q.Type == dnsmessage.TypeMX {
					body = &dnsmessage.MXResource{MX: dnsmessage.MustNewName(s)}
				}
				if s == "!" {
					m.RCode = dnsmessage.RCodeRefused
					break
				}
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: body})
			}
			out, err := m.Pack()
			if err == nil {
				c.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// pieces are the strings of a TXT record, none longer than 255 octets.
func pieces(s string) (out []string) {
	for c := range slices.Chunk([]byte(s), 255) {
		out = append(out, string(c))
	}
	return out
}

func TestSelfCheckOfTheSenderDomain(t *testing.T) {
	good := map[string][]string{
		"hokuto.co.jp":                      {"google-site-verification=x", "v=spf1 include:spf.protection.outlook.com -all"},
		"spf.protection.outlook.com":        {"v=spf1 ip4:192.0.2.0/24 -all"},
		"selector1._domainkey.hokuto.co.jp": {"v=DKIM1; k=rsa; p=MIIB"},
		"_dmarc.hokuto.co.jp":               {"v=DMARC1; p=quarantine; rua=mailto:d@hokuto.co.jp"},
		"bounce.hokuto.co.jp":               {"v=spf1 include:spf.protection.outlook.com -all"},
		"mx bounce.hokuto.co.jp":            {"mx.hokuto.co.jp."},
		"_mta-sts.hokuto.co.jp":             {"v=STSv1; id=1"},
		"_smtp._tls.hokuto.co.jp":           {"v=TLSRPTv1; rua=mailto:tls@hokuto.co.jp"},
		"mx hokuto.co.jp":                   {"mx.hokuto.co.jp."},
		"own._domainkey.hokuto.co.jp":       {ownRecord},
	}
	d := Domain{From: "hokuto.co.jp", Bounces: "bounce.hokuto.co.jp", Selectors: []string{"selector1"}, Relay: "smtp.office365.com", Signing: "hokuto.co.jp",
		HTTP: policyServer(t, "text/plain; charset=us-ascii", 200, "version: STSv1\r\nmode: enforce\r\nmx: mx.hokuto.co.jp\r\nmax_age: 1209600\r\n")}
	all := "spf_ok dkim_ok dmarc_ok spf_ok bounce_mx sts_ok tlsrpt_ok"
	own := func(r map[string][]string, d *Domain, signs bool, published ...string) {
		d.Keys, r["own._domainkey.hokuto.co.jp"] = []Key{{"own", ownRecord, signs}}, published
	}
	keyed := func(key string) string { return strings.Replace(all, "dkim_ok", "dkim_ok "+key, 1) }
	served := func(d *Domain, kind string, code int, body string) { d.HTTP = policyServer(t, kind, code, body) }
	sts := func(key string) string { return strings.Replace(all, "sts_ok", key, 1) }
	for name, c := range map[string]struct {
		change func(r map[string][]string, d *Domain)
		want   string
	}{
		"good":              {func(map[string][]string, *Domain) {}, all},
		"no SPF":            {func(r map[string][]string, _ *Domain) { delete(r, "hokuto.co.jp") }, "spf_none" + all[6:]},
		"two SPF":           {func(r map[string][]string, _ *Domain) { r["hokuto.co.jp"] = []string{"v=spf1 -all", "v=spf1 ~all"} }, "spf_many" + all[6:]},
		"open SPF":          {func(r map[string][]string, _ *Domain) { r["hokuto.co.jp"] = []string{"v=spf1 +all"} }, "spf_open" + all[6:]},
		"endless SPF":       {func(r map[string][]string, _ *Domain) { r["hokuto.co.jp"] = []string{"v=spf1 ip4:192.0.2.1"} }, "spf_end" + all[6:]},
		"without the relay": {func(r map[string][]string, _ *Domain) { r["hokuto.co.jp"] = []string{"v=spf1 mx -all"} }, "spf_relay" + all[6:]},
		"too many look-ups": {func(r map[string][]string, _ *Domain) {
			r["hokuto.co.jp"] = []string{"v=spf1 a mx a:x mx:x exists:x include:loop.example include:spf.protection.outlook.com -all"}
			r["loop.example"] = []string{"v=spf1 a mx a:x mx:x include:loop.example -all"}
		}, "spf_lookups" + all[6:]},
		"no DKIM": {func(r map[string][]string, _ *Domain) { delete(r, "selector1._domainkey.hokuto.co.jp") }, strings.Replace(all, "dkim_ok", "dkim_none", 1)},
		"void DKIM": {func(r map[string][]string, _ *Domain) {
			r["selector1._domainkey.hokuto.co.jp"] = []string{"v=DKIM1; p="}
		}, strings.Replace(all, "dkim_ok", "dkim_void", 1)},
		"DKIM not set":   {func(_ map[string][]string, d *Domain) { d.Selectors = nil }, strings.Replace(all, "dkim_ok", "dkim_unset", 1)},
		"no DMARC":       {func(r map[string][]string, _ *Domain) { delete(r, "_dmarc.hokuto.co.jp") }, strings.Replace(all, "dmarc_ok", "dmarc_none", 1)},
		"DMARC watches":  {func(r map[string][]string, _ *Domain) { r["_dmarc.hokuto.co.jp"] = []string{"v=DMARC1; p=none"} }, strings.Replace(all, "dmarc_ok", "dmarc_watch", 1)},
		"DMARC nonsense": {func(r map[string][]string, _ *Domain) { r["_dmarc.hokuto.co.jp"] = []string{"v=DMARC1; q=1"} }, strings.Replace(all, "dmarc_ok", "dmarc_policy", 1)},
		"no MX":          {func(r map[string][]string, _ *Domain) { delete(r, "mx bounce.hokuto.co.jp") }, strings.Replace(all, "bounce_mx", "bounce_no_mx", 1)},
		"elsewhere":      {func(_ map[string][]string, d *Domain) { d.Bounces = "other.example" }, "spf_ok dkim_ok dmarc_ok spf_none bounce_no_mx bounce_not_aligned sts_ok tlsrpt_ok"},
		"no STS":         {func(r map[string][]string, _ *Domain) { delete(r, "_mta-sts.hokuto.co.jp") }, strings.Replace(all, "sts_ok", "sts_none", 1)},
		"STS in pieces":  {func(r map[string][]string, _ *Domain) { r["_mta-sts.hokuto.co.jp"] = []string{"v=STSv1; id=a-b"} }, sts("sts_record")},
		"STS not served": {func(_ map[string][]string, d *Domain) { served(d, "text/plain", 404, "") }, sts("sts_policy")},
		"STS as a page":  {func(_ map[string][]string, d *Domain) { served(d, "text/html", 200, goodPolicy) }, sts("sts_policy")},
		"STS elsewhere":  {func(_ map[string][]string, d *Domain) { served(d, "text/plain", 302, goodPolicy) }, sts("sts_policy")},
		"STS endless": {func(_ map[string][]string, d *Domain) {
			served(d, "text/plain", 200, goodPolicy+strings.Repeat("x: y\n", 20000))
		}, sts("sts_policy")},
		"STS without MX": {func(_ map[string][]string, d *Domain) {
			served(d, "text/plain", 200, strings.Replace(goodPolicy, "mx.hokuto", "mx.other", 1))
		}, sts("sts_host")},
		"STS testing": {func(_ map[string][]string, d *Domain) {
			served(d, "text/plain", 200, strings.Replace(goodPolicy, "enforce", "testing", 1))
		}, sts("sts_watch")},
		"STS for a day": {func(_ map[string][]string, d *Domain) {
			served(d, "text/plain", 200, strings.Replace(goodPolicy, "1209600", "86400", 1))
		}, sts("sts_short")},
		"STS by a forger": {func(_ map[string][]string, d *Domain) {
			d.HTTP = Client(dialed(t, d.HTTP, &tls.Config{MinVersion: tls.VersionTLS12}))
		}, sts("sts_fetch")},
		"no TLS-RPT":      {func(r map[string][]string, _ *Domain) { delete(r, "_smtp._tls.hokuto.co.jp") }, strings.Replace(all, "tlsrpt_ok", "tlsrpt_none", 1)},
		"TLS-RPT nowhere": {func(r map[string][]string, _ *Domain) { r["_smtp._tls.hokuto.co.jp"] = []string{"v=TLSRPTv1; rua=tls"} }, strings.Replace(all, "tlsrpt_ok", "tlsrpt_record", 1)},
		"own key":         {func(r map[string][]string, d *Domain) { own(r, d, true, ownRecord) }, keyed("key_ok")},
		"own key spaced": {func(r map[string][]string, d *Domain) {
			own(r, d, true, "v=DKIM1;k=rsa; p="+strings.Repeat("A B", 150))
		}, keyed("key_ok")},
		"own key, no k":   {func(r map[string][]string, d *Domain) { own(r, d, true, "p="+strings.Repeat("AB", 150)) }, keyed("key_ok")},
		"own key tests":   {func(r map[string][]string, d *Domain) { own(r, d, true, ownRecord+"; t=s:y") }, keyed("key_testing")},
		"own key missing": {func(r map[string][]string, d *Domain) { own(r, d, true) }, keyed("key_none")},
		"another's key":   {func(r map[string][]string, d *Domain) { own(r, d, true, "v=DKIM1; k=rsa; p=AAAA") }, keyed("key_other")},
		"of another kind": {func(r map[string][]string, d *Domain) {
			own(r, d, true, strings.Replace(ownRecord, "rsa", "ed25519", 1))
		}, keyed("key_other")},
		"two keys":       {func(r map[string][]string, d *Domain) { own(r, d, true, ownRecord, "v=DKIM1; p=AAAA") }, keyed("key_other")},
		"a spare key":    {func(r map[string][]string, d *Domain) { own(r, d, false) }, keyed("key_spare")},
		"the next key":   {func(r map[string][]string, d *Domain) { own(r, d, false, ownRecord) }, keyed("key_ready_ok")},
		"only our own":   {func(r map[string][]string, d *Domain) { own(r, d, true, ownRecord); d.Selectors = nil }, strings.Replace(all, "dkim_ok", "key_ok", 1)},
		"nobody answers": {func(r map[string][]string, _ *Domain) { r["hokuto.co.jp"] = []string{"!"} }, "unreachable" + all[6:]},
	} {
		r, dd := map[string][]string{}, d
		for k, v := range good {
			r[k] = v
		}
		c.change(r, &dd)
		var got []string
		for _, f := range Check(t.Context(), server(t, r), dd) {
			got = append(got, strings.TrimPrefix(f.Key, "maildns."))
			if s := text.T(text.JA, f.Key, f.Args...); strings.Contains(s, "{") || s == f.Key {
				t.Errorf("%s: %s", f.Key, s)
			}
			if f.Level == OK != (strings.HasSuffix(f.Key, "_ok") || strings.HasSuffix(f.Key, "_mx") && f.Key != "maildns.bounce_no_mx") {
				t.Errorf("%s is %s", f.Key, f.Level)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, " "), c.want)
		}
	}
}
