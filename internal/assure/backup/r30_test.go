package backup

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/vault"
)

// flips is how many bits are flipped: 1,000 under torture.
func flips() int {
	if os.Getenv("SEKISHO_TORTURE") != "" {
		return 1000
	}
	return 220
}

// copyOf is a generation's file in a folder of its own, changed.
func copyOf(t *testing.T, s Source, name string, change func([]byte) []byte) Source {
	t.Helper()
	b, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	out := Source{filepath.Join(t.TempDir(), name), s.Blobs}
	if err := os.WriteFile(out.Path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// one bit, wherever it is; the end, wherever it was cut; another
// generation under the name; another's key, another ring: all are found by
// reading alone, before there is anything to write to.
func TestR30_DamageIsFoundBeforeAnythingIsWritten(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.business(20)
		first := w.run()
		w.business(1)
		w.pass(time.Hour)
		second := w.run()
		s := w.source(first)
		name := first.Run.Generation
		if _, err := s.Check(w.ids, w.Ring); err != nil {
			t.Fatal("the sound one is refused", err)
		}
		whole, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		try := func(b []byte) error {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Source{path, s.Blobs}.Check(w.ids, w.Ring)
			return err
		}
		found := 0
		for range flips() {
			b := bytes.Clone(whole)
			i := rand.IntN(len(b))
			b[i] ^= 1 << rand.IntN(8)
			err := try(b)
			wants(t, err, fault.KindRefused, "backup.damaged", "backup.truncated", "backup.wrong_identity")
			found++
		}
		cuts := 0
		for range 60 {
			wants(t, try(whole[:rand.IntN(len(whole))]), fault.KindRefused, "backup.damaged", "backup.truncated")
			cuts++
		}
		wants(t, try(append(bytes.Clone(whole), 0)), fault.KindRefused, "backup.damaged")
		t.Logf("R-30: %d of %d flipped bits and %d of 60 cuts found in %d bytes", found, flips(), cuts, len(whole))

		other := copyOf(t, w.source(second), name, func(b []byte) []byte { return b })
		_, err = other.Check(w.ids, w.Ring)
		wants(t, err, fault.KindRefused, "backup.swapped")

		p := gatetest.Must[Pair](t)(NewPair())
		key := filepath.Join(t.TempDir(), "stranger.key")
		if err := p.Save(key); err != nil {
			t.Fatal(err)
		}
		_, err = s.Check(gatetest.Must[Identities](t)(LoadIdentities([]string{key})), w.Ring)
		wants(t, err, fault.KindRefused, "backup.wrong_identity")
		_, err = s.Check(w.ids, newRing(t, w.now()))
		wants(t, err, fault.KindRefused, "backup.wrong_ring")
	})
}

func newRing(t *testing.T, now time.Time) *vault.Ring {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := vault.Create(dir, "sekisho.test", now, randomBytes{}); err != nil {
		t.Fatal(err)
	}
	return gatetest.Must[*vault.Ring](t)(vault.Open(dir))
}

type randomBytes struct{}

func (randomBytes) Read(b []byte) (int, error) { return copy(b, vault.Random(len(b))), nil }

// the archive's files too, each found by name.
func TestR30_DamagedFilesAreNamed(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.business(5)
	o := w.run()
	s := w.source(o)
	m, err := s.Check(w.ids, w.Ring)
	if err != nil {
		t.Fatal(err)
	}
	list := gatetest.Must[[]blob.File](t)(blob.List(bg, s.Blobs))
	for range 100 {
		f := list[rand.IntN(len(list))]
		path := filepath.Join(s.Blobs, blob.Path(f.Name))
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := bytes.Clone(was)
		b[rand.IntN(len(b))] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		bad, err := s.CheckFiles(bg, m, w.Ring)
		if err != nil || len(bad) != 1 || bad[0] != f.Name {
			t.Fatal(bad, err)
		}
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Swapped with each other, and gone.
	a, b := filepath.Join(s.Blobs, blob.Path(list[0].Name)), filepath.Join(s.Blobs, blob.Path(list[1].Name))
	if err := os.Rename(a, a+".x"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b, a); err != nil {
		t.Fatal(err)
	}
	if bad, _ := s.CheckFiles(bg, m, w.Ring); len(bad) != 2 {
		t.Fatal(bad)
	}
}

// A copy of the key folder from before the new year lacks keys in use: that is
// said, instead of failing half-way.
func TestAnOldCopyOfTheRingIsRefused(t *testing.T) {
	w := newWorld(t, "sqlite")
	old := filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(old, os.DirFS(filepath.Join(w.Dir, "keys"))); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{old, filepath.Join(old, "root.key"), filepath.Join(old, "class.keys"), filepath.Join(old, "log.key")} {
		mode := os.FileMode(0o400)
		if p == old {
			mode = 0o700
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	if added, err := w.Ring.EnsureYear(w.now().Year() + 3); err != nil || !added {
		t.Fatal(added, err)
	}
	o := w.run()
	_, err := w.source(o).Check(w.ids, gatetest.Must[*vault.Ring](t)(vault.Open(old)))
	wants(t, err, fault.KindRefused, "backup.old_ring")
}

// Whoever knows the public keys can write a file that age opens. Without the
// ring it is no generation, whatever its manifest says.
func TestAForgedGenerationIsRefused(t *testing.T) {
	w := newWorld(t, "sqlite")
	o := w.run()
	m, err := w.source(o).Check(w.ids, w.Ring)
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadRecipients(w.k.Recipients)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(ring *vault.Ring, change func(*Manifest)) error {
		path := filepath.Join(t.TempDir(), o.Run.Generation)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := newWriter(f, r)
		if err != nil {
			t.Fatal(err)
		}
		said, err := w.G.Dump(bg, b.zip, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := m
		c.Dump = said
		change(&c)
		for _, err := range []error{b.endDump(), b.close(c, ring), f.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err = Source{path, ""}.Check(w.ids, w.Ring)
		return err
	}
	if err := forge(w.Ring, func(*Manifest) {}); err != nil {
		t.Fatal("the house's own is refused", err)
	}
	wants(t, forge(newRing(t, w.now()), func(*Manifest) {}), fault.KindRefused, "backup.forged")
	// Nor does a manifest fit another dump.
	wants(t, forge(w.Ring, func(c *Manifest) { c.Dump.LogRoot = "" }), fault.KindRefused, "backup.damaged")
	wants(t, forge(w.Ring, func(c *Manifest) { c.Generation = Name(w.now().Add(time.Hour), o.Run.ID) }), fault.KindRefused, "backup.old_ring", "backup.swapped")
}

func FuzzGeneration(f *testing.F) {
	f.Add([]byte(formatMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &reader{in: bytes.NewReader(b), chunk: make([]byte, chunkSize)}
		if _, err := io.Copy(io.Discard, r); err != nil {
			wants(t, err, fault.KindRefused)
		}
	})
}
