//go:build torture

package torture

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is one life of `sekisho serve`.
type server struct {
	cmd  *exec.Cmd
	dead chan struct{} // closed when the process is gone
}

// idemKey is the Idempotency-Key of a request, in its context.
type idemKey struct{}

func withKey(key string) context.Context { return context.WithValue(bg, idemKey{}, key) }

// patience is until when a request is tried again that is refused because
// something is away.
type patience struct{}

func patient() context.Context {
	return context.WithValue(bg, patience{}, time.Now().Add(20*time.Second))
}

// keyed puts the key of the context on a request; signing in takes none. It
// waits, as clients are told to, when it asks too often.
type keyed struct{ next http.RoundTripper }

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		again := r.Clone(r.Context())
		if key, ok := r.Context().Value(idemKey{}).(string); ok && !strings.Contains(r.URL.Path, "/identity.") {
			again.Header.Set("Idempotency-Key", key)
		}
		if r.GetBody != nil {
			var err error
			if again.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		res, err := k.next.RoundTrip(again)
		if err != nil {
			return res, err
		}
		patient, _ := r.Context().Value(patience{}).(time.Time)
		switch {
		case res.StatusCode == http.StatusTooManyRequests:
			time.Sleep(time.Second)
		case res.StatusCode == http.StatusServiceUnavailable && time.Now().Before(patient):
			time.Sleep(100 * time.Millisecond)
		default:
			return res, nil
		}
		res.Body.Close()
	}
}

// client trusts the certificate that the server made for itself, once it has.
func (h *house) client() *http.Client {
	verify := func(cs tls.ConnectionState) error {
		raw, err := os.ReadFile(filepath.Join(h.home, "data", "tls", "self-signed.pem"))
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(raw)
		_, err = cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err
	}
	return &http.Client{Timeout: time.Minute, Transport: keyed{&http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, VerifyConnection: verify}, MaxIdleConnsPerHost: 64}}}
}

// up starts the server, if it is not running, and waits until it answers.
func (h *house) up() {
	h.t.Helper()
	if h.app != nil {
		return // it is open in this process
	}
	h.spawn(sekisho, "serve", "--home", h.home)
	h.ready()
}

// spawn starts the server, without waiting for it.
func (h *house) spawn(name string, args ...string) {
	h.t.Helper()
	if h.running() {
		return
	}
	log, err := os.OpenFile(h.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	h.must(err)
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "LANG=en_US.UTF-8")
	cmd.Env = append(cmd.Env, h.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	h.must(cmd.Start())
	h.srv = &server{cmd: cmd, dead: make(chan struct{})}
	go func(s *server) {
		_ = s.cmd.Wait()
		close(s.dead)
	}(h.srv)
}

func (h *house) logFile() string { return filepath.Join(filepath.Dir(h.home), "server.log") }

func (h *house) running() bool {
	if h.srv == nil {
		return false
	}
	select {
	case <-h.srv.dead:
		return false
	default:
		return true
	}
}

// ready waits until the server answers that it is.
func (h *house) ready() {
	h.t.Helper()
	h.wire.CloseIdleConnections()
	for end := time.Now().Add(time.Minute); ; time.Sleep(3 * time.Millisecond) {
		res, err := h.wire.Get("https://" + h.listen + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if !h.running() {
			h.t.Fatalf("%s: the server ended by itself: %v%s", h.engine, h.srv.cmd.ProcessState, h.tail())
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s: the server is not ready: %v%s", h.engine, err, h.tail())
		}
	}
}

// kill is kill -9; it returns when the process is gone.
func (h *house) kill() {
	if !h.running() {
		return
	}
	h.shoot()
	<-h.srv.dead
}

// shoot is kill -9 without waiting for the end.
func (h *house) shoot() { _ = h.srv.cmd.Process.Signal(syscall.SIGKILL) }

// down stops the server as a person does.
func (h *house) down() {
	h.t.Helper()
	if !h.running() {
		return
	}
	h.must(h.srv.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-h.srv.dead:
	case <-time.After(time.Minute):
		h.kill()
		h.t.Fatalf("%s: the server did not stop within a minute%s", h.engine, h.tail())
	}
	if s := h.srv.cmd.ProcessState; s.ExitCode() != 0 {
		h.t.Fatalf("%s: the server ended with %v%s", h.engine, s, h.tail())
	}
}

// died waits for the end of the process, which somebody else has caused.
func (h *house) died(within time.Duration) bool {
	select {
	case <-h.srv.dead:
		return true
	case <-time.After(within):
		return false
	}
}

// procState is the letter the kernel gives for the server's process.
func (h *house) procState() byte {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.srv.cmd.Process.Pid))
	if _, after, ok := strings.Cut(string(b), ") "); err == nil && ok {
		return after[0]
	}
	return 0
}

// tail are the last lines the server has written.
func (h *house) tail() string {
	b, err := os.ReadFile(h.logFile())
	if err != nil {
		return ""
	}
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if !strings.HasPrefix(l, "Sekisho is running") && !strings.HasPrefix(l, "The certificate is self-signed") {
			lines = append(lines, l)
		}
	}
	return "\n  " + strings.Join(lines[max(0, len(lines)-12):], "\n  ")
}

// command runs a program beside or after the server and gives what it printed.
func (h *house) command(name string, args ...string) (stdout, stderr string, err error) {
	var out, bad strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LANG=en_US.UTF-8")
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%w: %s", err, &bad)
	}
	return out.String(), bad.String(), err
}

// post runs an op with an open session, for many goroutines at once: a Troupe
// is one person after the other.
func (h *house) post(token, op string, in any) ([]byte, error) { return h.postKey(token, "", op, in) }

func (h *house) postKey(token, key, op string, in any) ([]byte, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx := bg
	if key != "" {
		ctx = withKey(key)
	}
	return h.troupe.Door.Do(ctx, token, op, b)
}

func (h *house) show(token, id string) (s parcelState, err error) {
	out, err := h.post(token, "dispatch.show", m{"id": id})
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	return s, err
}
