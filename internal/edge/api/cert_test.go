package api

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func keeperIn(t *testing.T, dir string, c *clock) *keeper {
	t.Helper()
	k, err := newKeeper(ServeConfig{SelfSignedDir: dir, Clock: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSelfSignedIsMadeKeptAndRenewed(t *testing.T) {
	dir, c := filepath.Join(t.TempDir(), "tls"), &clock{time.Now()}
	k := keeperIn(t, dir, c)
	leaf := k.live.Load().Leaf
	info, err := os.Stat(filepath.Join(dir, selfSignedFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if d, err := os.Stat(dir); err != nil || d.Mode().Perm() != 0o700 {
		t.Fatal(d.Mode(), err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", host} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if leaf.PublicKeyAlgorithm != x509.ECDSA || leaf.NotAfter.Sub(leaf.NotBefore) != 397*24*time.Hour || leaf.IsCA {
		t.Fatal(leaf.PublicKeyAlgorithm, leaf.NotBefore, leaf.NotAfter, leaf.IsCA)
	}
	first := fingerprint(k.live.Load())
	if len(first) != 32*3-1 {
		t.Fatal(first)
	}
	if again := fingerprint(keeperIn(t, dir, c).live.Load()); again != first {
		t.Fatal("a restart made another certificate")
	}
	c.t = leaf.NotAfter.Add(-31 * 24 * time.Hour)
	if err := k.refresh(false); err != nil || fingerprint(k.live.Load()) != first {
		t.Fatal("renewed too early", err)
	}
	c.t = leaf.NotAfter.Add(-29 * 24 * time.Hour)
	if err := k.refresh(false); err != nil || fingerprint(k.live.Load()) == first || !k.live.Load().Leaf.NotAfter.After(leaf.NotAfter) {
		t.Fatal("not renewed", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); left != nil {
		t.Fatal(left)
	}
}

func TestSelfSignedRefusesWhatIsNotItsOwn(t *testing.T) {
	c := &clock{time.Now()}
	dir := t.TempDir()
	file := filepath.Join(dir, selfSignedFile)
	open := func() error {
		_, err := newKeeper(ServeConfig{SelfSignedDir: dir, Clock: c.now, Log: slog.New(slog.DiscardHandler)})
		return err
	}
	keeperIn(t, dir, c)
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if f := fault.Of(open()); f == nil || f.Key != "api.cert_mode" {
		t.Fatal(f)
	}
	write(t, file, []byte("garbage"))
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := fault.Of(open()); f == nil || f.Key != "api.cert" {
		t.Fatal(f)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "garbage" {
		t.Fatal("a file that is not understood was overwritten")
	}
}

// pair writes a fresh certificate and key as two files, as an operator would.
func pair(t *testing.T, dir string) (cert, key string, print string) {
	t.Helper()
	k := keeperIn(t, t.TempDir(), &clock{time.Now()})
	b, err := os.ReadFile(filepath.Join(k.dir, selfSignedFile))
	if err != nil {
		t.Fatal(err)
	}
	cut := bytes.Index(b, []byte("-----BEGIN PRIVATE"))
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, b[:cut])
	write(t, key, b[cut:])
	return cert, key, fingerprint(k.live.Load())
}

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir, c := t.TempDir(), &clock{time.Now()}
	cert, key, first := pair(t, dir)
	k, err := newKeeper(ServeConfig{CertFile: cert, KeyFile: key, Clock: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil || fingerprint(k.live.Load()) != first {
		t.Fatal(err)
	}
	tick, stop := make(chan time.Time), make(chan struct{})
	defer close(stop)
	go k.watch(tick, nil, nil, stop)
	twice := func() { tick <- c.t; tick <- c.t } // the second is taken only when the first is done
	twice()
	if fingerprint(k.live.Load()) != first {
		t.Fatal("changed by itself")
	}
	write(t, key, []byte("half a key")) // as while somebody copies
	twice()
	if fingerprint(k.live.Load()) != first {
		t.Fatal("a broken pair replaced a good one")
	}
	_, _, second := pair(t, dir)
	twice()
	if got := fingerprint(k.live.Load()); got != second {
		t.Fatal(got, "want", second)
	}
}

func TestBadCertificatesStopTheStart(t *testing.T) {
	dir := t.TempDir()
	cert, key, _ := pair(t, dir)
	other := t.TempDir()
	_, otherKey, _ := pair(t, other)
	for name, c := range map[string]struct {
		cfg ServeConfig
		key string
	}{
		"nothing":      {ServeConfig{}, "api.cert_none"},
		"no key":       {ServeConfig{CertFile: cert}, "api.cert_none"},
		"no cert":      {ServeConfig{KeyFile: key, SelfSignedDir: dir}, "api.cert_none"},
		"not there":    {ServeConfig{CertFile: cert + "x", KeyFile: key}, "api.cert"},
		"not a pair":   {ServeConfig{CertFile: cert, KeyFile: otherKey}, "api.cert"},
		"out of date":  {ServeConfig{CertFile: cert, KeyFile: key, Clock: (&clock{time.Now().Add(500 * 24 * time.Hour)}).now}, "api.cert"},
		"no such disk": {ServeConfig{SelfSignedDir: filepath.Join(cert, "below-a-file")}, "api.cert"},
	} {
		if c.cfg.Clock == nil {
			c.cfg.Clock = time.Now
		}
		_, err := newKeeper(c.cfg)
		if f := fault.Of(err); f == nil || f.Key != c.key {
			t.Error(name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, selfSignedFile)); !os.IsNotExist(err) && err != fs.ErrNotExist {
		t.Error("half a configuration made a certificate")
	}
}

func TestS03_NoCBC(t *testing.T) {
	c := keeperIn(t, t.TempDir(), &clock{time.Now()}).config(true)
	insecure := map[uint16]bool{}
	for _, s := range tls.InsecureCipherSuites() {
		insecure[s.ID] = true
	}
	for _, id := range c.CipherSuites {
		if name := tls.CipherSuiteName(id); insecure[id] || bytes.Contains([]byte(name), []byte("CBC")) || !bytes.HasPrefix([]byte(name), []byte("TLS_ECDHE")) {
			t.Error(name)
		}
	}
	if len(c.CipherSuites) == 0 || c.MinVersion != tls.VersionTLS12 {
		t.Error("the named setting sets nothing")
	}
}

// SM-38: what was got counts while it is good; what stands in for it is there
// before and after, and takes nothing away from it when it is bad itself.
func TestSM38_WhatWasGotGoesFirst(t *testing.T) {
	c := &clock{time.Now()}
	got, given := t.TempDir(), t.TempDir()
	cert, key, _ := pair(t, given)
	k, err := newKeeper(ServeConfig{CertFile: cert, KeyFile: key, FirstCert: filepath.Join(got, "first.crt"), FirstKey: filepath.Join(got, "first.key"), Clock: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	fallback := fingerprint(k.current())
	one, two, _ := pair(t, t.TempDir())
	move(t, one, k.first.cert)
	if err := k.refresh(false); err != nil || fingerprint(k.current()) != fallback {
		t.Fatal("half a pair counts", err)
	}
	move(t, two, k.first.key)
	if err := k.refresh(false); err != nil || fingerprint(k.current()) == fallback {
		t.Fatal("what was got does not count", err)
	}
	first := fingerprint(k.current())
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := newKeeper(ServeConfig{CertFile: cert, KeyFile: key, FirstCert: k.first.cert, FirstKey: k.first.key, Clock: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil || fingerprint(again.current()) != first {
		t.Error("broken files that only stand in stop the start", err)
	}
	c.t = k.current().Leaf.NotAfter.Add(time.Second)
	if got := fingerprint(k.current()); got != fallback {
		t.Error("one that is over is shown")
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
