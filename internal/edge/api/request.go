package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

const (
	maxToken = 200 // characters
	maxIdem  = 200 // characters
	maxAgent = 200 // bytes

	sessionPrefix = "sks_"
	clientPrefix  = "skc_"
)

// form refuses what no op's request looks like, before anything of it is used.
func form(r *http.Request) *fault.Error {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return fault.Invalid("api.query")
	}
	types := r.Header.Values("Content-Type")
	if len(types) != 1 || r.Header.Get("Content-Encoding") != "" {
		return fault.Invalid("api.content_type")
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return fault.Invalid("api.content_type")
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return fault.Invalid("api.content_type")
		}
	}
	return nil
}

// credential reads who is asking: a bearer token, or the cookie of a page of
// this very origin, or nobody.
func (s *server) credential(r *http.Request, ip netip.Addr) (gate.Credential, *fault.Error) {
	c, f := s.token(r, ip)
	if f != nil {
		return c, f
	}
	if c.Idem, f = idem(r); f != nil {
		return c, f
	}
	c.Agent = agent(r.UserAgent())
	return c, nil
}

func (s *server) token(r *http.Request, ip netip.Addr) (gate.Credential, *fault.Error) {
	if given := r.Header.Values("Authorization"); len(given) > 0 {
		scheme, token, ok := strings.Cut(given[0], " ")
		if len(given) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || !visible(token, maxToken) {
			return gate.Nobody(ip), fault.Denied("api.token")
		}
		switch {
		case strings.HasPrefix(token, sessionPrefix):
			return gate.Session(token, ip), nil
		case strings.HasPrefix(token, clientPrefix):
			return gate.Client(token, ip), nil
		}
		return gate.Nobody(ip), fault.Denied("api.token")
	}
	switch cookies := r.CookiesNamed(s.cfg.Cookie); {
	case len(cookies) == 0:
		return gate.Nobody(ip), nil
	case !s.ownPage(r): // first, so that another site learns nothing about the cookie
		return gate.Nobody(ip), fault.Denied("api.cookie_site")
	case len(cookies) > 1 || !strings.HasPrefix(cookies[0].Value, sessionPrefix) || !visible(cookies[0].Value, maxToken):
		return gate.Nobody(ip), fault.Denied("api.token")
	default:
		return gate.Session(cookies[0].Value, ip), nil
	}
}

// ownPage tells whether the browser vouches that a page of this origin asks.
// A browser that sends no Sec-Fetch-Site cannot use the cookie here: a request
// without it may come from anywhere.
func (s *server) ownPage(r *http.Request) bool {
	site := r.Header.Values("Sec-Fetch-Site")
	if len(site) != 1 || site[0] != "same-origin" {
		return false
	}
	origin := r.Header.Values("Origin")
	if len(origin) == 0 {
		return true
	}
	if len(origin) > 1 {
		return false
	}
	if s.cfg.Origin != "" {
		return origin[0] == s.cfg.Origin
	}
	u, err := url.Parse(origin[0])
	return err == nil && u.Host != "" && u.Host == r.Host
}

func idem(r *http.Request) (string, *fault.Error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	if len(keys) > 1 || !visible(keys[0], maxIdem) {
		return "", fault.Invalid("api.idem", "max", maxIdem)
	}
	return keys[0], nil
}

// visible tells whether s is 1 to n visible ASCII characters.
func visible(s string, n int) bool {
	if s == "" || len(s) > n {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return true
}

// agent is a User-Agent fit for a record: printable, at most 200 bytes.
func agent(s string) string {
	s = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, s[:min(len(s), 4*maxAgent)])
	if len(s) <= maxAgent {
		return s
	}
	n := maxAgent
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// body reads the whole body. Large ones wait for one of a few places, so that
// memory stays bounded whatever is sent; done gives the place back.
func (s *server) body(w http.ResponseWriter, r *http.Request, most int64) (raw []byte, done func(), f *fault.Error) {
	done = func() {}
	if r.ContentLength > most {
		return nil, done, fault.Invalid("api.body_size", "max", most)
	}
	small := s.lim.SmallBody
	if most > small && (r.ContentLength < 0 || r.ContentLength > small) {
		if done, f = s.lim.place(r.Context(), s.lim.large); f != nil {
			return nil, func() {}, f
		}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, done, fault.Invalid("api.body_size", "max", most)
	case err != nil:
		return nil, done, fault.Invalid("api.body").Because(err)
	}
	return raw, done, nil
}
