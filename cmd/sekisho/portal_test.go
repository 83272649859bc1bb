package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a sekisho of its own.
type process struct {
	*exec.Cmd
	out *said
}

type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps what was said.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{exec.Command("sekisho", args...), &said{}}
	p.Stdout, p.Stderr = p.out, p.out
	p.Env = append(os.Environ(), "LANG=en_US.UTF-8", "LC_ALL=")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// kill ends it as a power cut does.
func (p *process) kill() {
	_ = p.Process.Kill() // it may have ended
	_ = p.Wait()
}

func command(t *testing.T, ok bool, args ...string) string {
	t.Helper()
	c := exec.Command("sekisho", args...)
	c.Env = append(os.Environ(), "LANG=en_US.UTF-8", "LC_ALL=")
	out, err := c.CombinedOutput()
	if (err == nil) != ok {
		t.Fatalf("sekisho %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// outsideWorld is a recipient's browser before the host outside.
type outsideWorld struct {
	t  *testing.T
	at string
	c  *http.Client
}

func (o outsideWorld) get(path string) (int, string) {
	r, err := http.NewRequest(http.MethodGet, "https://"+o.at+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "ja")
	res, err := o.c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

func (o outsideWorld) becomes(status int, words, when string) {
	o.t.Helper()
	var code int
	var page string
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if code, page = o.get("/s/" + strings.Repeat("a", 16)); code == status && strings.Contains(page, words) {
			return
		}
	}
	o.t.Fatalf("%s: %d, want %d with %q\n%s", when, code, status, words, page)
}

// SM-38, C-37: the portal stands outside, and the house only dials out.
func TestSM38_PortalOutsideInTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	home, out, public, door := filepath.Join(dir, "house"), filepath.Join(dir, "out"), port(t), port(t)
	command(t, true, "init", "--home", home)
	config := fmt.Sprintf("[company]\norigin = \"sekisho.localhost\"\n[server]\nlisten = \"127.0.0.1:0\"\n[portal]\nmode = \"tunnel\"\norigin = \"https://%s\"\ntunnel = \"%s\"\n", public, door)
	if err := os.WriteFile(filepath.Join(home, "sekisho.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "portal init") {
		t.Fatal(said)
	}
	command(t, true, "portal", "init", "--home", home, "--out", out, "--at", door)
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "cannot be reached") {
		t.Fatal(said)
	}
	outside := func() *process { return begin(t, "portal", "--dir", out, "--listen", public, "--tunnel", door) }
	o := outsideWorld{t, public, &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}

	p := outside()
	o.becomes(http.StatusServiceUnavailable, "ただいま利用できません", "before the house came")
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "no house is connected") {
		t.Fatal(said)
	}
	house := begin(t, "serve", "--home", home)
	o.becomes(http.StatusOK, "書類が届いています", "with the house")
	if said := command(t, true, "doctor", "--home", home); !strings.Contains(said, "is connected with the house") {
		t.Fatal(said)
	}
	if code, page := o.get("/api/v1/openapi.json"); code != http.StatusNotFound || strings.Contains(page, "openapi") {
		t.Error("the house's API is outside", code, page)
	}
	house.kill()
	o.becomes(http.StatusServiceUnavailable, "ただいま利用できません", "after the house died")
	house = begin(t, "serve", "--home", home)
	o.becomes(http.StatusOK, "書類が届いています", "after the house came back")
	p.kill()
	p = outside()
	o.becomes(http.StatusOK, "書類が届いています", "after the host outside came back")

	// A host with other pins gets nobody: neither is the house fooled, nor is it.
	p.kill()
	command(t, true, "init", "--home", filepath.Join(dir, "other"))
	command(t, true, "portal", "init", "--home", filepath.Join(dir, "other"), "--out", filepath.Join(dir, "forged"), "--at", door)
	p = begin(t, "portal", "--dir", filepath.Join(dir, "forged"), "--listen", public, "--tunnel", door)
	o.becomes(http.StatusServiceUnavailable, "ただいま利用できません", "with a forged host")
	if said := command(t, false, "doctor", "--home", home); !strings.Contains(said, "is not the one agreed on") {
		t.Fatal(said)
	}
	time.Sleep(5 * time.Second) // the house tries again and again meanwhile
	o.becomes(http.StatusServiceUnavailable, "ただいま利用できません", "with a forged host, later")
	if said := house.out.text(); !strings.Contains(said, "is not connected") {
		t.Error("the house says nothing about it", said)
	}
	p.kill()
	nothingOfTheHouse(t, home, out)
}

// nothingOfTheHouse looks at all that lies on the host outside.
func nothingOfTheHouse(t *testing.T, home, out string) {
	t.Helper()
	own, err := os.ReadFile(filepath.Join(home, "keys", "tunnel", "house.key"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = filepath.WalkDir(out, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if bytes.Contains(b, own) {
			t.Error("a key of the house lies outside", p)
		}
		names = append(names, e.Name())
		return err
	})
	if got := strings.Join(names, " "); err != nil || got != "house.pem outside.key outside.pem portal.toml self-signed.pem" {
		t.Error(got, err)
	}
}

// What is wrong in the settings stops the start, with the setting's name.
func TestPortalSettings(t *testing.T) {
	dir := t.TempDir()
	for name, line := range map[string]string{
		"portal.mode":   `mode = "elsewhere"`,
		"portal.tunnel": "mode = \"tunnel\"\ntunnel = \":9444\"\norigin = \"https://a.example.jp\"",
		"portal.listen": "origin = \"https://a.example.jp\"",
	} {
		if err := os.WriteFile(filepath.Join(dir, "sekisho.toml"), []byte("[portal]\n"+line), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := command(t, false, "serve", "--home", dir); !strings.Contains(said, name) {
			t.Error(name, said)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "portal.toml"), []byte("listen = \"127.0.0.1:0\"\nkeys = \"x\""), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := command(t, false, "portal", "--dir", dir); !strings.Contains(said, "keys") {
		t.Error(said)
	}
	if said := command(t, false, "portal", "--dir", filepath.Join(dir, "none"), "--listen", "127.0.0.1:0", "--tunnel", "127.0.0.1:0"); !strings.Contains(said, "outside.pem") {
		t.Error(said)
	}
}
