package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/assure/backup"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/vault"
)

// self is this command, run by the test binary.
func self(args ...string) *exec.Cmd {
	return &exec.Cmd{Path: os.Args[0], Args: append([]string{"sekisho"}, args...), Env: append(os.Environ(), "LANG=en_US.UTF-8")}
}

// A backup that is killed, whenever it is, leaves no half generation at either
// target, and the next one is made as if nothing had been.
func TestR30_KilledBackupsLeaveNoHalf(t *testing.T) {
	home := filepath.Join(t.TempDir(), "house")
	now := time.Now()
	if err := app.Init(home, "sekisho.test", false, now); err != nil {
		t.Fatal(err)
	}
	remote := filepath.Join(t.TempDir(), "remote")
	pair, err := backup.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "person.key")
	for _, err := range []error{os.Mkdir(remote, 0o700), pair.Save(key), os.WriteFile(filepath.Join(home, "backup-recipients.txt"), []byte(pair.Recipient), 0o600),
		os.WriteFile(filepath.Join(home, app.ConfigFile), []byte("[company]\norigin = \"sekisho.test\"\n[backup]\nremote = \""+remote+"\"\n"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ring, err := vault.Open(filepath.Join(home, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := blob.Open(filepath.Join(home, "data", "blobs"), ring, now)
	if err != nil {
		t.Fatal(err)
	}
	more := func() {
		var list [][]byte
		for range 150 {
			list = append(list, bytes.Repeat(vault.Random(64), 100))
		}
		if _, err := store.PutAll(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	var whole time.Duration
	for range 2 { // the first also compiles SQLite's engine
		more()
		began := time.Now()
		if out, err := self("backup", "now", "--home", home).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		whole = time.Since(began)
	}
	ids, err := backup.LoadIdentities([]string{key})
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for n := 0; killed < 8; n++ {
		if n == 40 {
			t.Fatal("too few were killed in time", killed)
		}
		more()
		c := self("backup", "now", "--home", home)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(whole))))
		if c.Process.Kill() == nil && c.Wait() != nil {
			killed++
		}
		for _, dir := range []string{filepath.Join(home, "backup"), remote} {
			list, err := backup.Target{Name: backup.Local, Dir: dir}.Generations()
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			for _, g := range list {
				s := backup.Source{Path: filepath.Join(dir, "generations", g.Name), Blobs: filepath.Join(dir, "blobs")}
				m, err := s.Check(ids, ring)
				if err != nil {
					t.Fatal("half a generation", g, err)
				}
				if bad, err := s.CheckFiles(t.Context(), m, ring); err != nil || len(bad) > 0 {
					t.Fatal("a generation without its files", bad, err)
				}
			}
		}
	}
	out, err := self("backup", "now", "--home", home).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err = self("backup", "check", "--from", remote, "--identity", key, "--keys", filepath.Join(home, "keys")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "can be restored") {
		t.Fatal(err, string(out))
	}
	t.Logf("%d runs of %v killed", killed, whole.Round(time.Millisecond))
}
