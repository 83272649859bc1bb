package maildns

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var ownRecord = "v=DKIM1; k=rsa; p=" + strings.Repeat("AB", 150)

const goodPolicy = "version: STSv1\nmode: enforce\nmx: mx.hokuto.co.jp\nmax_age: 1209600\n"

// policyServer serves one policy over TLS; whatever name is asked for leads there.
func policyServer(t *testing.T, kind string, code int, body string) *http.Client {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "mta-sts.hokuto.co.jp" || r.URL.Path != "/.well-known/mta-sts.txt" {
			code = http.StatusGone
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Location", "/.well-known/mta-sts.txt")
		w.WriteHeader(code)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	tr := s.Client().Transport.(*http.Transport).Clone()
	tr.TLSClientConfig.ServerName = "example.com" // what the test's certificate names
	tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.Listener.Addr().String())
	}
	return Client(tr)
}

// dialed goes to the same server with other settings of TLS.
func dialed(t *testing.T, c *http.Client, how *tls.Config) *http.Transport {
	t.Helper()
	tr := c.Transport.(*http.Transport).Clone()
	tr.TLSClientConfig = how
	return tr
}

func TestPoliciesOfMTASTS(t *testing.T) {
	for _, good := range []string{goodPolicy, strings.ReplaceAll(goodPolicy, "\n", "\r\n"), "mode: none\nversion: STSv1\nmax_age: 0\nnew_key: x\n",
		"version: STSv1\nmode: testing\nmx: a.example\nmx: *.b.example\nmax_age: 31557600"} {
		if _, err := parsePolicy(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "version: STSv2\nmode: enforce\nmx: a\nmax_age: 1", strings.Replace(goodPolicy, "enforce", "hope", 1), strings.Replace(goodPolicy, "mx: ", "my: ", 1),
		strings.Replace(goodPolicy, "1209600", "-1", 1), strings.Replace(goodPolicy, "1209600", "31557601", 1), strings.Replace(goodPolicy, "1209600", "soon", 1),
		goodPolicy + "mode: none\n", goodPolicy + "a line\n", strings.Replace(goodPolicy, "max_age", "maxage", 1)} {
		if _, err := parsePolicy(bad); err == nil {
			t.Errorf("taken: %q", bad)
		}
	}
	p := policy{mx: []string{"a.example", "*.b.example"}}
	for host, want := range map[string]bool{"a.example.": true, "A.example": true, "x.a.example": false, "x.b.example": true, "b.example": false, "x.y.b.example": false, "": false} {
		if p.covers(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

// One that never answers keeps nobody.
func TestASilentPolicyServerIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}}
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := fetch(ctx, Client(tr), "https://mta-sts.hokuto.co.jp/.well-known/mta-sts.txt"); err == nil {
		t.Error("it answered")
	}
}
