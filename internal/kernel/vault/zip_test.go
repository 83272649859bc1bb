package vault_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/kernel/vault"
)

// Another program lists AES-256, opens the archive with the password and with no
// other, and finds the very bytes.
func TestOS50_AnotherProgramOpensTheZipWithThePasswordOnly(t *testing.T) {
	password := vault.Password(bytes.Repeat([]byte{7, 200, 33}, 11))
	if !regexp.MustCompile(`^([2-9A-Z]{5}-){3}[2-9A-Z]{5}$`).MatchString(password) {
		t.Fatal(password)
	}
	files := []vault.ZipFile{{"請求書 2026-11.pdf", bytes.Repeat([]byte("請求"), 5000)}, {"空.csv", nil}, {"b.bin", vault.Random(70001)}}
	at := time.Date(2026, 11, 22, 3, 4, 6, 0, time.UTC)
	b, err := vault.ZipAES(files, password, at)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := vault.ZipAES(files, password, at); !bytes.Equal(b, again) {
		t.Error("a second try has other bytes")
	}
	if bytes.Contains(b, files[2].Bytes[:64]) {
		t.Error("it lies there in the clear")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "x.zip")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	z := func(args ...string) (string, error) {
		out, err := exec.Command("7z", append(args, name)...).CombinedOutput()
		return string(out), err
	}
	list, err := z("l", "-slt", "-p"+password)
	if err != nil || strings.Count(list, "AES-256 Deflate") != 3 || !strings.Contains(list, "請求書 2026-11.pdf") || !strings.Contains(list, "2026-11-22") {
		t.Fatalf("%v\n%s", err, list)
	}
	if out, err := z("x", "-y", "-p"+password, "-o"+filepath.Join(dir, "out")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(dir, "out", f.Name))
		if err != nil || !bytes.Equal(got, f.Bytes) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	for _, wrong := range []string{"x", strings.ToLower(password), password[:22]} {
		if out, err := z("t", "-p"+wrong); err == nil {
			t.Errorf("opens with %q:\n%s", wrong, out)
		}
	}
}
