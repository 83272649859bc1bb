package api_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
)

// serve starts a server that ends with the test; stop ends it and gives what
// Serve returned.
func serve(t *testing.T, cfg api.ServeConfig) (at api.Listening, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan api.Listening, 1), make(chan error, 1)
	cfg.Ready = func(l api.Listening) { ready <- l }
	if cfg.Log == nil {
		cfg.Log = quiet()
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	go func() { ended <- api.Serve(ctx, cfg) }()
	var err error
	over := false
	stop = func() error {
		if cancel(); !over {
			err, over = <-ended, true
		}
		return err
	}
	t.Cleanup(func() { stop() })
	select {
	case at = <-ready:
		return at, stop
	case err = <-ended:
		over = true
		t.Fatal(err)
	}
	return at, stop
}

// trusting is a client that takes exactly the certificate in file.
func trusting(t *testing.T, file string) *tls.Config {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

func TestSM22_S03_TLS13Only(t *testing.T) {
	w, dir := open(t, nil), t.TempDir()
	at, stop := serve(t, api.ServeConfig{SelfSignedDir: dir, Handler: w})
	c := trusting(t, filepath.Join(dir, "self-signed.pem"))
	if !at.SelfSigned || !strings.HasPrefix(at.URL, "https://127.0.0.1:") || len(at.Fingerprint) != 95 || at.Until.Before(time.Now()) {
		t.Fatalf("%+v", at)
	}
	cl := &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}}
	res, err := cl.Get(at.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.TLS.Version != tls.VersionTLS13 || res.ProtoMajor != 2 {
		t.Fatal(res.StatusCode, res.TLS.Version, res.Proto)
	}
	headersOf(t, res.Header, true)
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
		old := c.Clone()
		old.MinVersion, old.MaxVersion = v, v
		if conn, err := tls.Dial("tcp", at.Addr.String(), old); err == nil {
			conn.Close()
			t.Fatal(tls.VersionName(v), "was taken")
		}
	}
	res, err = http.Get("http://" + at.Addr.String() + "/healthz")
	if err == nil {
		res.Body.Close()
		if res.StatusCode < 400 {
			t.Fatal("plain HTTP was answered")
		}
	}
	cl.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestSM22_S03_TLS12IsANamedSettingWithoutCBC(t *testing.T) {
	w, dir := open(t, nil), t.TempDir()
	at, _ := serve(t, api.ServeConfig{SelfSignedDir: dir, AllowTLS12: true, Handler: w})
	dial := func(suite ...uint16) error {
		c := trusting(t, filepath.Join(dir, "self-signed.pem"))
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, suite
		conn, err := tls.Dial("tcp", at.Addr.String(), c)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256); err != nil {
		t.Fatal(err)
	}
	if err := dial(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA); err == nil {
		t.Fatal("a CBC suite was taken")
	}
	c := trusting(t, filepath.Join(dir, "self-signed.pem"))
	c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	if conn, err := tls.Dial("tcp", at.Addr.String(), c); err == nil {
		conn.Close()
		t.Fatal("TLS 1.1 was taken")
	}
}

// flipping changes one bit of what is written, once told to.
type flipping struct {
	net.Conn
	on bool
}

func (c *flipping) Write(b []byte) (int, error) {
	if c.on {
		b = append([]byte(nil), b...)
		b[len(b)-1] ^= 1
	}
	return c.Conn.Write(b)
}

func TestIR23_AByteChangedOnTheWayEndsTheConnection(t *testing.T) {
	w, dir := open(t, nil), t.TempDir()
	at, _ := serve(t, api.ServeConfig{SelfSignedDir: dir, Handler: w})
	for _, flip := range []bool{false, true} {
		plain, err := net.Dial("tcp", at.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		way := &flipping{Conn: plain}
		c := tls.Client(way, trusting(t, filepath.Join(dir, "self-signed.pem")))
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		way.on = flip
		c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(c, "POST /api/v1/note.echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"text\":\"x\"}", boss)
		got, err := io.ReadAll(c)
		if ok := strings.HasPrefix(string(got), "HTTP/1.1 200 "); ok == flip || (err == nil) == flip || w.runs.Load() != 1 {
			t.Fatal(flip, string(got), err, w.runs.Load())
		}
		plain.Close()
	}
}

func TestReloadOnHangup(t *testing.T) {
	w, dir, other := open(t, nil), t.TempDir(), t.TempDir()
	a, stop := serve(t, api.ServeConfig{SelfSignedDir: dir, Handler: w})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	b, stop := serve(t, api.ServeConfig{SelfSignedDir: other, Handler: w})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if a.Fingerprint == b.Fingerprint {
		t.Fatal("two certificates are one")
	}
	file, next := filepath.Join(dir, "self-signed.pem"), filepath.Join(other, "self-signed.pem")
	at, _ := serve(t, api.ServeConfig{CertFile: file, KeyFile: file, Handler: w})
	if at.Fingerprint != a.Fingerprint || at.SelfSigned {
		t.Fatalf("%+v", at)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	c := trusting(t, file)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := tls.Dial("tcp", at.Addr.String(), c)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestPlainHTTPOnlyOnLoopback(t *testing.T) {
	w := open(t, nil)
	for _, listen := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "example.com:0", "127.0.0.1", "127.0.0.1.example.com:0", ""} {
		err := api.Serve(t.Context(), api.ServeConfig{Listen: listen, PlainLoopback: true, Handler: w, Log: quiet()})
		if f := fault.Of(err); f == nil || f.Key != "api.plain" {
			t.Errorf("%q: %v", listen, err)
		}
	}
	at, stop := serve(t, api.ServeConfig{Listen: "localhost:0", PlainLoopback: true, Handler: w})
	if !at.Addr.Addr().IsLoopback() || at.Fingerprint != "" || !strings.HasPrefix(at.URL, "http://") {
		t.Fatalf("%+v", at)
	}
	err := api.Serve(t.Context(), api.ServeConfig{Listen: at.Addr.String(), PlainLoopback: true, Handler: w, Log: quiet()})
	if f := fault.Of(err); f == nil || f.Key != "api.listen" {
		t.Error("the port is taken, and", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsInFlightEnds(t *testing.T) {
	began, go1 := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-go1
		if r.Context().Err() != nil {
			w.WriteHeader(500)
		}
	})
	at, stop := serve(t, api.ServeConfig{PlainLoopback: true, Handler: slow})
	status := make(chan int, 1)
	go func() {
		res, err := http.Get(at.URL)
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	<-began
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for refused := false; !refused; time.Sleep(time.Millisecond) { // until nothing new is taken
		c, err := net.Dial("tcp", at.Addr.String())
		if refused = err != nil; !refused {
			c.Close()
		}
	}
	close(go1)
	if s, err := <-status, <-ended; s != 200 || err != nil {
		t.Fatal(s, err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	began := make(chan struct{})
	stuck := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { close(began); <-r.Context().Done() })
	l := api.Standard()
	l.Drain = 50 * time.Millisecond
	at, stop := serve(t, api.ServeConfig{PlainLoopback: true, Handler: stuck, Limits: l})
	go func() {
		if res, err := http.Get(at.URL); err == nil {
			res.Body.Close()
		}
	}()
	<-began
	from := time.Now()
	if err := stop(); err != nil || time.Since(from) > 5*time.Second {
		t.Fatal(err, time.Since(from))
	}
}

// raw sends bytes and gives everything that comes back.
func raw(t *testing.T, at api.Listening, send string) string {
	t.Helper()
	c, err := net.Dial("tcp", at.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // a reset is an answer, too
	return string(b)
}

func TestS19_SlowHeadersAreCutOff(t *testing.T) {
	w := open(t, nil)
	l := api.Standard()
	l.ReadHeader = 150 * time.Millisecond
	at, _ := serve(t, api.ServeConfig{PlainLoopback: true, Handler: w, Limits: l})
	from := time.Now()
	got := raw(t, at, "POST /api/v1/note.echo HTTP/1.1\r\nHost: a\r\nX-Slow: ")
	if d := time.Since(from); d < 100*time.Millisecond || d > 10*time.Second || strings.Contains(got, "200") {
		t.Fatal(d, got)
	}
	l.Read, l.ReadHeader = 150*time.Millisecond, 100*time.Millisecond
	at, _ = serve(t, api.ServeConfig{PlainLoopback: true, Handler: w, Limits: l})
	got = raw(t, at, "POST /api/v1/note.echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+boss+"\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "api.body") {
		t.Fatal(got)
	}
	if w.runs.Load() != 0 {
		t.Fatal("the op was reached")
	}
}

// Requests that two servers could read differently: each is answered once,
// without 5xx, and no op runs that was hidden in another's body.
func TestS19_Smuggling(t *testing.T) {
	w := open(t, nil)
	l := api.Standard()
	l.Idle = 100 * time.Millisecond
	at, _ := serve(t, api.ServeConfig{PlainLoopback: true, Handler: w, Limits: l})
	head := "Host: a\r\nAuthorization: Bearer " + boss + "\r\nContent-Type: application/json\r\n"
	hidden := "POST /api/v1/note.echo HTTP/1.1\r\n" + head + "Content-Length: 12\r\n\r\n{\"text\":\"x\"}"
	post := "POST /api/v1/note.ask HTTP/1.1\r\n" + head
	for name, send := range map[string]string{
		"both lengths":       post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":        post + "Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}" + hidden,
		"signed length":      post + "Content-Length: +2\r\n\r\n{}",
		"chunked twice":      post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"odd encoding":       post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"space before colon": post + "Content-Length : 2\r\n\r\n{}" + hidden,
		"folded header":      post + "X-A: b\r\n Content-Length: 2\r\n\r\n",
		"bare CR":            post + "X-A: b\rContent-Length: 2\r\n\r\n{}" + hidden,
		"NUL in header":      post + "X-A: \x00\r\nContent-Length: 2\r\n\r\n{}",
		"bad chunk":          post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
		"no host":            "POST /api/v1/note.ask HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
		"two hosts":          "POST /api/v1/note.ask HTTP/1.1\r\nHost: b\r\n" + head + "Content-Length: 2\r\n\r\n{}",
		"HTTP/0.9":           "GET /healthz\r\n\r\n",
		"HTTP/2.0 in text":   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"TRACE":              "TRACE /api/v1/note.ask HTTP/1.1\r\n" + head + "\r\n",
		"OPTIONS *":          "OPTIONS * HTTP/1.1\r\n" + head + "\r\n",
		"CONNECT":            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nConnection: close\r\n\r\n",
		"huge header":        post + "X-A: " + strings.Repeat("a", 17<<10) + "\r\nContent-Length: 2\r\n\r\n{}",
		"many headers":       post + strings.Repeat("X-A: b\r\n", 4000) + "Content-Length: 2\r\n\r\n{}",
		"garbage":            "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			before := w.echoes.Load()
			got := raw(t, at, send)
			if w.echoes.Load() != before {
				t.Fatal("the hidden one ran: ", got)
			}
			five := strings.HasPrefix(got, "HTTP/1.1 5") && !strings.HasPrefix(got, "HTTP/1.1 501 Not Implemented") // net/http's word for a foreign encoding
			if strings.Count(got, "HTTP/1.1 ") > 1 || five {
				t.Fatal(got)
			}
			if strings.Contains(got, "X-A") {
				t.Fatal("the request came back: ", got)
			}
		})
	}
	if got := raw(t, at, post+"Content-Length: 2\r\n\r\n{}"+hidden); strings.Count(got, "HTTP/1.1 2") != 2 || w.echoes.Load() != 1 {
		t.Fatal("the hidden one would not run anyway: ", got)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	w := open(t, nil)
	l := api.Standard()
	l.Connections = 1
	at, _ := serve(t, api.ServeConfig{PlainLoopback: true, Handler: w, Limits: l})
	first, err := net.Dial("tcp", at.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c net.Conn, within time.Duration) error {
		c.SetDeadline(time.Now().Add(within))
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err := bufio.NewReader(c).ReadString('\n')
		return err
	}
	if err := ask(first, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", at.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if ask(second, 300*time.Millisecond) == nil {
		t.Fatal("a second connection was served")
	}
	first.Close()
	second.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := bufio.NewReader(second).ReadString('\n'); err != nil {
		t.Fatal("the place was not given on", err)
	}
}
