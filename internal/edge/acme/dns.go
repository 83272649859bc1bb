package acme

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/libdns/libdns"
	"github.com/miekg/dns"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

const (
	dnsPatience = 10 * time.Second
	dnsFudge    = 300 // seconds that the two clocks may differ (RFC 8945)
	dnsTTL      = time.Minute
)

// updates writes the authority's words into a zone (RFC 2136, signed: RFC 8945).
type updates struct {
	server, zone, key, algorithm string
	secret                       vault.Secret // base64
	now                          func() time.Time
}

// AppendRecords puts records into the zone.
func (u updates) AppendRecords(ctx context.Context, zone string, list []libdns.Record) ([]libdns.Record, error) {
	return list, u.send(ctx, zone, list, (*dns.Msg).Insert)
}

// DeleteRecords takes exactly these out of it.
func (u updates) DeleteRecords(ctx context.Context, zone string, list []libdns.Record) ([]libdns.Record, error) {
	return list, u.send(ctx, zone, list, (*dns.Msg).Remove)
}

func (u updates) send(ctx context.Context, zone string, list []libdns.Record, put func(*dns.Msg, []dns.RR)) error {
	m := new(dns.Msg).SetUpdate(dns.Fqdn(u.zone))
	var rrs []dns.RR
	for _, r := range list {
		rr := r.RR()
		name := dns.Fqdn(libdns.AbsoluteName(rr.Name, zone))
		if rr.Type != "TXT" || !dns.IsSubDomain(dns.Fqdn(u.zone), name) {
			return fault.Refused("acme.dns_zone", "name", name, "zone", u.zone)
		}
		rrs = append(rrs, &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: uint32(rr.TTL.Seconds())}, Txt: []string{rr.Data}})
	}
	put(m, rrs)
	m.SetTsig(dns.Fqdn(u.key), dns.Fqdn(u.algorithm), dnsFudge, u.now().Unix())
	c := dns.Client{Net: "tcp", Timeout: dnsPatience, TsigSecret: map[string]string{dns.Fqdn(u.key): u.secret.Reveal()}}
	answer, _, err := c.ExchangeContext(ctx, m, u.server)
	return u.heard(answer, err)
}

// heard judges the server's answer. One that is not signed is nobody's word, good
// or bad: except that a server which does not know the key cannot sign.
func (u updates) heard(answer *dns.Msg, err error) error {
	key := fault.Refused("acme.dns_key", "server", u.server, "key", u.key)
	if errors.Is(err, dns.ErrSig) || errors.Is(err, dns.ErrTime) || errors.Is(err, dns.ErrKeyAlg) || errors.Is(err, dns.ErrSecret) || errors.Is(err, dns.ErrAuth) {
		return key.Because(err)
	}
	if answer == nil {
		return fault.Unavailable("acme.dns_down", "server", u.server).Because(err)
	}
	sig := answer.IsTsig()
	switch {
	case answer.Rcode == dns.RcodeNotAuth, sig != nil && sig.Error != dns.RcodeSuccess:
		return key
	case err != nil:
		return fault.Unavailable("acme.dns_down", "server", u.server).Because(err)
	case answer.Rcode != dns.RcodeSuccess:
		return fault.Refused("acme.dns_refused", "server", u.server, "zone", u.zone, "why", strings.ToUpper(dns.RcodeToString[answer.Rcode]))
	case sig == nil:
		return key
	}
	return nil
}
