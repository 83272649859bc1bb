package tunnel_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/api"
	"sekisho/internal/edge/tunnel"
)

type world struct {
	t      *testing.T
	end    api.Pair // the house's
	door   string
	public *httptest.Server
	out    *tunnel.Outside
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, end: tunnel.HouseEnd(t.TempDir())}
	outside := tunnel.OutsideEnd(t.TempDir())
	if err := api.MakePair(w.end, outside, time.Now()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	o, h, err := tunnel.NewOutside(outside, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, log)
	if err != nil {
		t.Fatal(err)
	}
	w.out, w.public = o, httptest.NewServer(h)
	t.Cleanup(w.public.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.door = ln.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Take(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// house serves h, until the test ends or stop is called.
func (w *world) house(h http.HandlerFunc) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	up, done := make(chan bool, 1), make(chan bool)
	go func() {
		defer close(done)
		tunnel.House{Addr: w.door, End: w.end, Handler: h, Log: slog.New(slog.DiscardHandler), Up: func() { up <- true }}.Run(ctx)
	}()
	select {
	case <-up:
	case <-time.After(10 * time.Second):
		w.t.Fatal("the house does not come")
	}
	for end := time.Now().Add(5 * time.Second); !w.out.Served(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("the house is not seen")
		}
	}
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}

func (w *world) do(method, path, body string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.public.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(b)
}

const link = "/s/abcdefghabcdefgh"

func TestSM38_TheHouseSeesTheRecipientAndNothingElse(t *testing.T) {
	w := open(t)
	if res, page := w.do("GET", link, ""); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(page, "利用できません") && !strings.Contains(page, "Not available") {
		t.Fatal(res.StatusCode, page)
	}
	var got *http.Request
	var body string
	w.house(func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, body = r, string(b)
		rw.Header().Set("Content-Security-Policy", "of the house")
		rw.Header().Add("Set-Cookie", "u=1")
	})
	res, _ := w.do("POST", link+"/verify", "code=123456", "X-Forwarded-For", "203.0.113.9", "X-Sekisho-Client", "198.51.100.1", "Authorization", "Bearer x",
		"Cookie", "u=2", "Origin", "https://uketori.example.jp", "Content-Type", "application/x-www-form-urlencoded", "X-Odd", "1")
	if got == nil || got.RemoteAddr != "203.0.113.9:0" || body != "code=123456" || got.Host == "" || got.ProtoMajor != 2 {
		t.Fatal(got, body)
	}
	for _, k := range []string{"X-Sekisho-Client", "X-Forwarded-For", "Authorization", "X-Odd"} {
		if got.Header.Get(k) != "" {
			t.Errorf("the house gets %s", k)
		}
	}
	if got.Header.Get("Cookie") != "u=2" || got.Header.Get("Origin") != "https://uketori.example.jp" {
		t.Error(got.Header)
	}
	if v := res.Header.Values("Content-Security-Policy"); len(v) != 1 || v[0] != "of the house" || res.Header.Get("Set-Cookie") != "u=1" {
		t.Error("the house's headers do not come through once", res.Header)
	}
	if res, _ := w.do("GET", "/static/portal.css", ""); res.StatusCode != 200 {
		t.Error("no style", res.Status)
	}
}

func TestSM38_OnlyThePortalsRoutesAreCarried(t *testing.T) {
	w := open(t)
	asked := ""
	w.house(func(_ http.ResponseWriter, r *http.Request) { asked = r.Method + " " + r.URL.Path })
	for _, c := range [][2]string{{"GET", "/"}, {"GET", "/api/v1/openapi.json"}, {"POST", "/api/v1/identity.signin"}, {"GET", "/healthz"}, {"GET", "/metrics"}, {"GET", "/s/short"},
		{"GET", "/s/ABCDEFGHABCDEFGH"}, {"GET", link + "/file"}, {"DELETE", link}, {"PUT", link}, {"GET", link + "?x=1"}, {"POST", "/v/abc"}, {"POST", link + "/other"}, {"GET", "/static/none"}} {
		if res, _ := w.do(c[0], c[1], ""); res.StatusCode != 404 || asked != "" {
			t.Errorf("%v: %d, carried %q", c, res.StatusCode, asked)
		}
	}
	if res, _ := w.do("POST", link, strings.Repeat("a", 17<<10)); res.StatusCode != 404 || asked != "" {
		t.Error("a large body is carried", res.Status)
	}
	if _, _ = w.do("HEAD", link, ""); asked != "HEAD "+link {
		t.Error("a scanner does not reach the landing page", asked)
	}
}

// Many at once get their own answers, and one address is limited.
func TestSM38_TheOutsideHostLimits(t *testing.T) {
	w := open(t)
	w.house(func(http.ResponseWriter, *http.Request) {})
	limited := 0
	for range 400 {
		if res, _ := w.do("GET", link, "", "X-Forwarded-For", "203.0.113.77"); res.StatusCode == 429 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("nobody is limited")
	}
	if res, _ := w.do("GET", link, "", "X-Forwarded-For", "198.51.100.7"); res.StatusCode != 200 {
		t.Error("another address is limited too", res.Status)
	}
}

// The last house counts, and a stopped one leaves the neutral page.
func TestSM38_HousesComeAndGo(t *testing.T) {
	w := open(t)
	say := func(s string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, s) }
	}
	stop := w.house(say("first"))
	if _, page := w.do("GET", link, ""); page != "first" {
		t.Fatal(page)
	}
	stop()
	if res, _ := w.do("GET", link, ""); res.StatusCode != 503 {
		t.Error(res.Status)
	}
	if served, err := tunnel.Look(t.Context(), w.door, w.end); err != nil || served {
		t.Error(served, err)
	}
	w.house(say("second"))
	if _, page := w.do("GET", link, ""); page != "second" {
		t.Error(page)
	}
	if served, err := tunnel.Look(t.Context(), w.door, w.end); err != nil || !served {
		t.Error(served, err)
	}
}

func TestSM38_WrongPinsAreTurnedAway(t *testing.T) {
	w := open(t)
	// Another house, with pins of its own.
	other := tunnel.HouseEnd(t.TempDir())
	if err := api.MakePair(other, tunnel.OutsideEnd(t.TempDir()), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Look(t.Context(), w.door, other); err == nil || !strings.Contains(err.Error(), "portal.tunnel_pin") {
		t.Error(err)
	}
	// One that would take any host outside, but is not the pinned house.
	cfg, err := other.TLS("sekisho-tunnel/1")
	if err != nil {
		t.Fatal(err)
	}
	cfg.InsecureSkipVerify = true
	c, err := tls.Dial("tcp", w.door, cfg)
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("a stranger is greeted")
	}
	// Nobody without a certificate, and no old TLS.
	for _, cfg := range []*tls.Config{{InsecureSkipVerify: true, NextProtos: []string{"sekisho-tunnel/1"}}, {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}} {
		c, err := tls.Dial("tcp", w.door, cfg)
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		if err == nil {
			t.Error("a stranger is greeted")
		}
	}
	if w.out.Served() {
		t.Error("a stranger serves")
	}
}
