package acme_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/app"
	"sekisho/internal/edge/acme"
	"sekisho/internal/edge/acme/acmetest"
)

// settings are those of a portal of this name, by one of the two ways.
func settings(t *testing.T, a acmetest.Authority, n *acmetest.Names, challenge, name string) acme.Settings {
	t.Helper()
	s := acme.Settings{ACME: app.DefaultACME(), Origin: "https://" + name, Dir: filepath.Join(t.TempDir(), "acme"), Log: slog.New(slog.DiscardHandler)}
	s.Challenge, s.Directory, s.CAFile, s.Email, s.Agree = challenge, a.Directory, a.Root, "system@example.com", true
	if challenge == app.HTTP01 {
		s.Listen = a.HTTP
		return s
	}
	s.Server, s.Resolver, s.Zone, s.KeyName = n.At, n.At, strings.TrimSuffix(acmetest.Zone, "."), strings.TrimSuffix(acmetest.KeyName, ".")
	s.KeyFile = keyFile(t, acmetest.Secret(), 0o600)
	return s
}

func keyFile(t *testing.T, key string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, s acme.Settings) *acme.Manager {
	t.Helper()
	m, err := acme.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func pairOf(t *testing.T, m *acme.Manager) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(m.Files())
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
