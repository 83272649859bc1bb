// Package maildns looks at what a domain says in DNS about its mail (送信ドメイン認証の
// 確認): SPF, DKIM, DMARC, MTA-STS, and TLS-RPT. It says what is missing and what to write.
package maildns

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"sekisho/internal/kernel/mailaddr"
)

// Level is how bad it is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Bad  Level = "bad"
)

// Finding is one sentence; its arguments fill it.
type Finding struct {
	Level Level
	Key   string
	Args  []any
}

// Domain is what is looked at.
type Domain struct {
	From      string       // of the mails
	Bounces   string       // of their envelopes, "" if the same
	Signing   string       // of our own DKIM keys
	Selectors []string     // of DKIM, the relay's
	Keys      []Key        // of DKIM, our own
	Relay     string       // host name of the relay
	HTTP      *http.Client // fetches the policy of MTA-STS; nil: nobody does
}

// Key is one of our own DKIM keys and what must stand in DNS.
type Key struct {
	Selector, Record string
	Signs            bool // at present
}

// maxLookups is RFC 7208, section 4.6.4.
const maxLookups = 10

type looker struct {
	r     *net.Resolver
	found []Finding
}

func (l *looker) say(level Level, key string, args ...any) {
	l.found = append(l.found, Finding{level, "maildns." + key, args})
}

// Check looks everything up.
func Check(ctx context.Context, r *net.Resolver, d Domain) []Finding {
	l := &looker{r: r}
	l.spf(ctx, d.From, d.Relay)
	l.dkim(ctx, d.From, d.Selectors, len(d.Keys) > 0)
	l.keys(ctx, d.Signing, d.Keys)
	l.dmarc(ctx, d.From)
	if d.Bounces != "" && d.Bounces != d.From {
		l.spf(ctx, d.Bounces, d.Relay)
		l.receives(ctx, d.Bounces)
		a, err := mailaddr.Registrable(d.From)
		b, err2 := mailaddr.Registrable(d.Bounces)
		if err != nil || err2 != nil || a != b {
			l.say(Warn, "bounce_not_aligned", "domain", d.Bounces, "from", d.From)
		}
	}
	l.sts(ctx, d.From, d.HTTP)
	l.reports(ctx, d.From)
	return l.found
}

// txt gives the records of a name that begin with a tag; ok is false if nobody
// could be asked.
func (l *looker) txt(ctx context.Context, name, tag string) (out []string, ok bool) {
	list, err := l.r.LookupTXT(ctx, name+".")
	var dns *net.DNSError
	if err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		l.say(Warn, "unreachable", "name", name)
		return nil, false
	}
	for _, s := range list {
		if len(s) >= len(tag) && strings.EqualFold(s[:len(tag)], tag) {
			out = append(out, s)
		}
	}
	return out, true
}

// provider is what must stand in SPF for a relay of a known provider.
func provider(relay string) string {
	switch relay = strings.ToLower(relay); {
	case strings.HasSuffix(relay, ".office365.com"), strings.HasSuffix(relay, ".outlook.com"):
		return "include:spf.protection.outlook.com"
	case strings.HasSuffix(relay, ".gmail.com"), strings.HasSuffix(relay, ".google.com"):
		return "include:_spf.google.com"
	}
	return ""
}

func (l *looker) spf(ctx context.Context, domain, relay string) {
	list, ok := l.txt(ctx, domain, "v=spf1")
	want := provider(relay)
	example := strings.Join(strings.Fields("v=spf1 "+want+" -all"), " ")
	switch {
	case !ok:
		return
	case len(list) == 0:
		l.say(Bad, "spf_none", "domain", domain, "record", example)
		return
	case len(list) > 1:
		l.say(Bad, "spf_many", "domain", domain, "count", len(list))
		return
	}
	terms := strings.Fields(strings.ToLower(list[0]))
	last := terms[len(terms)-1]
	if n := l.lookups(ctx, terms, map[string]bool{domain: true}); n > maxLookups {
		l.say(Bad, "spf_lookups", "domain", domain, "count", n)
		return
	}
	switch {
	case last == "+all" || last == "all" || last == "?all":
		l.say(Bad, "spf_open", "domain", domain, "term", last)
	case last != "-all" && last != "~all" && !strings.HasPrefix(last, "redirect="):
		l.say(Warn, "spf_end", "domain", domain)
	case want != "" && !strings.Contains(list[0], want):
		l.say(Bad, "spf_relay", "domain", domain, "term", want)
	default:
		l.say(OK, "spf_ok", "domain", domain)
	}
}

// lookups counts what a receiver has to look up, and stops a little beyond the limit.
func (l *looker) lookups(ctx context.Context, terms []string, seen map[string]bool) int {
	n := 0
	for _, t := range terms[1:] {
		t = strings.TrimLeft(t, "+-~?")
		name, to, _ := strings.Cut(strings.Replace(t, "redirect=", "include:", 1), ":")
		switch base, _, _ := strings.Cut(name, "/"); base {
		case "a", "mx", "ptr", "exists":
			n++
		case "include":
			n++
			if n > maxLookups || seen[to] || len(seen) > 2*maxLookups {
				continue
			}
			seen[to] = true
			if list, _ := l.txt(ctx, to, "v=spf1"); len(list) == 1 {
				n += l.lookups(ctx, strings.Fields(strings.ToLower(list[0])), seen)
			}
		}
	}
	return n
}

func (l *looker) dkim(ctx context.Context, domain string, selectors []string, own bool) {
	if len(selectors) == 0 && !own {
		l.say(Warn, "dkim_unset", "domain", domain)
	}
	for _, s := range selectors {
		name := s + "._domainkey." + domain
		list, ok := l.txt(ctx, name, "")
		key := tag(strings.Join(list, ""), "p")
		switch {
		case !ok:
		case len(list) == 0:
			l.say(Bad, "dkim_none", "name", name)
		case key == "":
			l.say(Bad, "dkim_void", "name", name)
		default:
			l.say(OK, "dkim_ok", "name", name)
		}
	}
}

// keys compares our own keys with what is published. One that signs and is not
// published, or another, lets every receiver see a forgery.
func (l *looker) keys(ctx context.Context, domain string, keys []Key) {
	for _, k := range keys {
		name := k.Selector + "._domainkey." + domain
		list, ok := l.txt(ctx, name, "")
		published := strings.Join(list, "")
		same := len(list) == 1 && squeezed(tag(published, "p")) == tag(k.Record, "p") && strings.EqualFold(orRSA(tag(published, "k")), tag(k.Record, "k"))
		switch {
		case !ok:
		case same && strings.Contains(":"+squeezed(tag(published, "t"))+":", ":y:"):
			l.say(Warn, "key_testing", "name", name)
		case same && k.Signs:
			l.say(OK, "key_ok", "name", name)
		case same:
			l.say(OK, "key_ready_ok", "name", name, "selector", k.Selector)
		case !k.Signs:
			l.say(Warn, "key_spare", "name", name, "selector", k.Selector, "record", k.Record)
		case len(list) == 0:
			l.say(Bad, "key_none", "name", name, "record", k.Record)
		default:
			l.say(Bad, "key_other", "name", name, "record", k.Record)
		}
	}
}

// squeezed is a value without the blanks that may stand in it.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

// orRSA is what a key without a kind is (RFC 6376, section 3.6.1).
func orRSA(kind string) string {
	if kind == "" {
		return "rsa"
	}
	return kind
}

// tag finds one of a record's tags ("v=DMARC1; p=none").
func tag(record, name string) string {
	for part := range strings.SplitSeq(record, ";") {
		if k, v, ok := strings.Cut(part, "="); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (l *looker) dmarc(ctx context.Context, domain string) {
	list, ok := l.txt(ctx, "_dmarc."+domain, "v=DMARC1")
	if org, err := mailaddr.Registrable(domain); ok && len(list) == 0 && err == nil && org != domain {
		list, ok = l.txt(ctx, "_dmarc."+org, "v=DMARC1")
	}
	switch {
	case !ok:
	case len(list) == 0:
		l.say(Bad, "dmarc_none", "domain", domain)
	case len(list) > 1:
		l.say(Bad, "dmarc_many", "domain", domain, "count", len(list))
	default:
		switch p := strings.ToLower(tag(list[0], "p")); p {
		case "quarantine", "reject":
			l.say(OK, "dmarc_ok", "domain", domain, "policy", p)
		case "none":
			l.say(Warn, "dmarc_watch", "domain", domain)
		default:
			l.say(Bad, "dmarc_policy", "domain", domain)
		}
	}
}

// receives tells whether bounces can arrive at all.
func (l *looker) receives(ctx context.Context, domain string) {
	list, err := l.r.LookupMX(ctx, domain+".")
	var dns *net.DNSError
	switch {
	case err != nil && !(errors.As(err, &dns) && dns.IsNotFound):
		l.say(Warn, "unreachable", "name", domain)
	case len(list) == 0:
		l.say(Bad, "bounce_no_mx", "domain", domain)
	default:
		l.say(OK, "bounce_mx", "domain", domain, "host", strings.TrimSuffix(list[0].Host, "."))
	}
}
