package maildns

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a policy of MTA-STS may cost us (RFC 8461, section 3.3).
const (
	policyBytes    = 64 << 10
	policyPatience = 10 * time.Second
	policyWeeks    = 14 * 24 * 60 * 60 // seconds; below that it protects little
	policyMost     = 31557600
)

// Client is how a policy is fetched: over verified TLS, and without following
// anybody elsewhere, as RFC 8461 wants.
func Client(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, Timeout: policyPatience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

var policyID = regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`)

// policy is what a domain asks of those who send to it (MTA-STS ポリシー).
type policy struct {
	mode   string
	mx     []string
	maxAge int64
}

var errPolicy = errors.New("maildns: not a policy of MTA-STS")

// parsePolicy reads the file (section 3.2). Keys nobody knows are passed over.
func parsePolicy(b string) (policy, error) {
	p, version, seen := policy{maxAge: -1}, "", map[string]bool{}
	for l := range strings.SplitSeq(strings.ReplaceAll(b, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(l) == "" {
			continue
		}
		k, v, ok := strings.Cut(l, ":")
		if v = strings.TrimSpace(v); !ok || k != "mx" && seen[k] {
			return p, errPolicy
		}
		seen[k] = true
		switch k {
		case "version":
			version = v
		case "mode":
			p.mode = v
		case "mx":
			p.mx = append(p.mx, strings.ToLower(v))
		case "max_age":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 || n > policyMost {
				return p, errPolicy
			}
			p.maxAge = n
		}
	}
	if version != "STSv1" || p.maxAge < 0 || !slices.Contains([]string{"enforce", "testing", "none"}, p.mode) || p.mode != "none" && len(p.mx) == 0 {
		return p, errPolicy
	}
	return p, nil
}

// covers tells whether a mail server is one of the policy's (section 4.1): a
// star stands for exactly one label.
func (p policy) covers(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(p.mx, func(m string) bool {
		if rest, star := strings.CutPrefix(m, "*."); star {
			_, above, ok := strings.Cut(host, ".")
			return ok && above == rest
		}
		return m == host
	})
}

// sts says whether our own domain asks others for TLS, and whether what it asks
// can be met. Sekisho itself sends to its relay only, always over verified TLS;
// the policies of the partners' domains are the relay's to respect.
func (l *looker) sts(ctx context.Context, domain string, client *http.Client) {
	list, ok := l.txt(ctx, "_mta-sts."+domain, "v=STSv1")
	switch {
	case !ok:
		return
	case len(list) == 0:
		l.say(Warn, "sts_none", "domain", domain)
		return
	case len(list) > 1 || !policyID.MatchString(tag(list[0], "id")):
		l.say(Bad, "sts_record", "domain", domain)
		return
	case client == nil:
		return
	}
	where := "https://mta-sts." + domain + "/.well-known/mta-sts.txt"
	p, err := fetch(ctx, client, where)
	switch {
	case errors.Is(err, errPolicy):
		l.say(Bad, "sts_policy", "where", where)
		return
	case err != nil:
		l.say(Bad, "sts_fetch", "where", where)
		return
	}
	mx, err := l.r.LookupMX(ctx, domain+".")
	if dns := (*net.DNSError)(nil); err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		l.say(Warn, "unreachable", "name", domain)
		return
	}
	for _, m := range mx {
		if p.mode != "none" && !p.covers(m.Host) {
			l.say(Bad, "sts_host", "domain", domain, "host", strings.TrimSuffix(m.Host, "."))
			return
		}
	}
	switch {
	case p.mode != "enforce":
		l.say(Warn, "sts_watch", "domain", domain, "mode", p.mode)
	case p.maxAge < policyWeeks:
		l.say(Warn, "sts_short", "domain", domain, "seconds", p.maxAge)
	default:
		l.say(OK, "sts_ok", "domain", domain)
	}
}

// fetch gets a policy. What is no text, too long, or elsewhere is none.
func fetch(ctx context.Context, client *http.Client, where string) (policy, error) {
	ctx, stop := context.WithTimeout(ctx, policyPatience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return policy{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return policy{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, policyBytes+1))
	if err != nil {
		return policy{}, err
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" || res.StatusCode != http.StatusOK || len(b) > policyBytes {
		return policy{}, errPolicy
	}
	return parsePolicy(string(b))
}

// reports says whether somebody hears of mail that could not come over TLS (RFC 8460).
func (l *looker) reports(ctx context.Context, domain string) {
	list, ok := l.txt(ctx, "_smtp._tls."+domain, "v=TLSRPTv1")
	switch {
	case !ok:
	case len(list) == 0:
		l.say(Warn, "tlsrpt_none", "domain", domain)
	case len(list) > 1 || !strings.HasPrefix(tag(list[0], "rua"), "mailto:") && !strings.HasPrefix(tag(list[0], "rua"), "https:"):
		l.say(Bad, "tlsrpt_record", "domain", domain)
	default:
		l.say(OK, "tlsrpt_ok", "domain", domain)
	}
}
