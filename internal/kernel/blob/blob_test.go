package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

func now() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func newRing(t testing.TB) *vault.Ring {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := vault.Create(dir, "test/log", now(), bytes.NewReader(vault.Random(1024))); err != nil {
		t.Fatal(err)
	}
	r, err := vault.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return mustOpen(t, filepath.Join(t.TempDir(), "blobs"), newRing(t), now())
}

func mustOpen(t testing.TB, dir string, r *vault.Ring, at time.Time) *Store {
	t.Helper()
	s, err := Open(dir, r, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPut(t testing.TB, s *Store, b []byte) (Digest, string) {
	t.Helper()
	d, err := s.Put(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return d, s.path(s.name(d))
}

func wantFault(t *testing.T, err error, kind fault.Kind, key string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Key != key {
		t.Fatalf("got %v, want %s %s", err, kind, key)
	}
	for _, l := range text.Langs {
		if s := text.Fault(l, e); s == key || strings.ContainsAny(s, "{}") {
			t.Errorf("%s sentence of %s is %q", l, key, s)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filesIn are all regular files below the store, and their bytes.
func filesIn(t testing.TB, s *Store) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	check(t, filepath.WalkDir(s.dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		all[p], err = os.ReadFile(p)
		return err
	}))
	return all
}

func TestPutThenGet(t *testing.T) {
	s := newStore(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(rt, "b")
		d, err := s.Put(t.Context(), b)
		if err != nil || d != Sum(b) {
			rt.Fatalf("%v %v", d, err)
		}
		if got, err := s.Get(t.Context(), d); err != nil || !bytes.Equal(got, b) {
			rt.Fatalf("%x %v", got, err)
		}
	})
	again := mustOpen(t, s.dir, s.ring, now())
	d, _ := mustPut(t, s, []byte("x"))
	if got, err := again.Get(t.Context(), d); err != nil || string(got) != "x" {
		t.Errorf("a second opening reads %q %v", got, err)
	}
}

func TestFolderTellsNothing(t *testing.T) {
	s := newStore(t)
	plain := []byte("請求書 INV-2026-0001 株式会社北斗サプライ 御中")
	d, path := mustPut(t, s, plain)
	for p, b := range filesIn(t, s) {
		if strings.Contains(p, d.String()[:8]) || bytes.Contains(b, d[:]) || bytes.Contains(b, plain[:12]) {
			t.Errorf("%s shows the digest or the text", p)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	for _, p := range []string{s.dir, filepath.Dir(path), filepath.Join(s.dir, tmpDir)} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s is %v %v", p, st.Mode(), err)
		}
	}
	other := mustOpen(t, filepath.Join(t.TempDir(), "b"), newRing(t), now())
	if _, p := mustPut(t, other, plain); filepath.Base(p) == filepath.Base(path) {
		t.Error("two rings give a file the same name")
	}
	short, _ := os.Stat(path)
	_, p := mustPut(t, s, append(plain, '!'))
	if long, _ := os.Stat(p); long.Size() != short.Size() {
		t.Error("a byte more shows in the length")
	}
}

func TestPutTwice(t *testing.T) {
	s := newStore(t)
	_, path := mustPut(t, s, []byte("same"))
	first, err := os.ReadFile(path)
	check(t, err)
	d, _ := mustPut(t, s, []byte("same"))
	if all := filesIn(t, s); len(all) != 1 || !bytes.Equal(all[path], first) {
		t.Errorf("the second Put changed the store: %d files", len(all))
	}
	check(t, os.WriteFile(path, []byte("damage"), 0o600))
	mustPut(t, s, []byte("same"))
	if got, err := s.Get(t.Context(), d); err != nil || string(got) != "same" {
		t.Errorf("an altered file is not healed: %q %v", got, err)
	}
}

// TestTamper alters, cuts and lengthens a file at every byte: a fault each
// time, never bytes.
func TestTamper(t *testing.T) {
	s := newStore(t)
	d, path := mustPut(t, s, []byte("請求書"))
	whole, err := os.ReadFile(path)
	check(t, err)
	try := func(what string, b []byte) {
		t.Helper()
		check(t, os.WriteFile(path, b, 0o600))
		got, err := s.Get(t.Context(), d)
		if got != nil || err == nil {
			t.Fatalf("%s: it reads %q", what, got)
		}
		if e := fault.Of(err); e.Key != "blob.altered" && e.Key != "vault.class_key_missing" {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d", i), b)
		try(fmt.Sprintf("cut at %d", i), whole[:i])
	}
	try("a byte more", append(bytes.Clone(whole), 0))
	check(t, os.WriteFile(path, whole, 0o600))
	if _, err := s.Get(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	check(t, os.Remove(path))
	check(t, os.Mkdir(path, 0o700))
	_, err = s.Get(t.Context(), d)
	wantFault(t, err, fault.KindFailed, "blob.altered")
}

func TestSwap(t *testing.T) {
	s := newStore(t)
	da, pa := mustPut(t, s, []byte("to A"))
	db, pb := mustPut(t, s, []byte("to B"))
	a, err := os.ReadFile(pa)
	check(t, err)
	b, err := os.ReadFile(pb)
	check(t, err)
	check(t, os.WriteFile(pa, b, 0o600))
	check(t, os.WriteFile(pb, a, 0o600))
	for _, d := range []Digest{da, db} {
		_, err := s.Get(t.Context(), d)
		wantFault(t, err, fault.KindFailed, "blob.altered")
	}
	// The key of one file with the bytes of the other.
	check(t, os.WriteFile(pa, append(bytes.Clone(a[:headerSize]), b[headerSize:]...), 0o600))
	_, err = s.Get(t.Context(), da)
	wantFault(t, err, fault.KindFailed, "blob.altered")
}

// TestWrongContentUnderAName forges, with the right keys, a file whose content
// is not what its name says.
func TestWrongContentUnderAName(t *testing.T) {
	s := newStore(t)
	d, path := mustPut(t, s, []byte("real"))
	name := s.name(d)
	key, wrapped, err := s.ring.NewDataKey(vault.KindBlob, name)
	check(t, err)
	check(t, os.WriteFile(path, append(append([]byte(magic), wrapped...), key.Seal(aad(name), []byte("forged"))...), 0o600))
	_, err = s.Get(t.Context(), d)
	wantFault(t, err, fault.KindFailed, "blob.altered")
	check(t, s.Walk(t.Context(), func(e Entry) error {
		wantFault(t, e.Err, fault.KindFailed, "blob.altered")
		return nil
	}))
}

func TestDeleteErases(t *testing.T) {
	s := newStore(t)
	d, _ := mustPut(t, s, []byte("山田太郎"))
	if ok, err := s.Has(d); !ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
	check(t, s.Delete(t.Context(), d))
	check(t, s.Delete(t.Context(), d))
	if ok, err := s.Has(d); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	if all := filesIn(t, s); len(all) != 0 {
		t.Errorf("%d files stay, and with them a key", len(all))
	}
	_, err := s.Get(t.Context(), d)
	wantFault(t, err, fault.KindNotFound, "blob.missing")
}

func TestOpenSweepsOldTemporaryFiles(t *testing.T) {
	s := newStore(t)
	d, _ := mustPut(t, s, []byte("kept"))
	for name, age := range map[string]time.Duration{"put-old": 61 * time.Minute, "put-young": 59 * time.Minute} {
		p := filepath.Join(s.dir, tmpDir, name)
		check(t, os.WriteFile(p, []byte("half"), 0o600))
		check(t, os.Chtimes(p, now(), now().Add(-age)))
	}
	mustOpen(t, s.dir, s.ring, now())
	left, err := os.ReadDir(filepath.Join(s.dir, tmpDir))
	if err != nil || len(left) != 1 || left[0].Name() != "put-young" {
		t.Errorf("left: %v %v", left, err)
	}
	if _, err := s.Get(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestPutAll(t *testing.T) {
	s := newStore(t)
	var files [][]byte
	for i := range 300 {
		files = append(files, []byte(fmt.Sprint("render ", i%290))) // ten stand twice
	}
	ds, err := s.PutAll(t.Context(), files)
	check(t, err)
	for i, d := range ds {
		if got, err := s.Get(t.Context(), d); err != nil || !bytes.Equal(got, files[i]) {
			t.Fatalf("%d: %q %v", i, got, err)
		}
	}
	if n := len(filesIn(t, s)); n != 290 {
		t.Errorf("%d files, want 290 and none temporary", n)
	}
	if ds, err := s.PutAll(t.Context(), nil); len(ds) != 0 || err != nil {
		t.Errorf("nothing: %v %v", ds, err)
	}
	_, err = s.PutAll(t.Context(), [][]byte{[]byte("small"), make([]byte, Limit+1)})
	wantFault(t, err, fault.KindInvalid, "blob.too_large")
	if ok, _ := s.Has(Sum([]byte("small"))); ok {
		t.Error("a batch with a file too large was begun")
	}
}

func TestLargest(t *testing.T) {
	s := newStore(t)
	b := bytes.Repeat([]byte{7}, Limit)
	d, _ := mustPut(t, s, b)
	if got, err := s.Get(t.Context(), d); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestWalk(t *testing.T) {
	s := newStore(t)
	want := map[Digest]int{}
	var paths []string
	for i := range 40 {
		b := bytes.Repeat([]byte("x"), i)
		d, p := mustPut(t, s, b)
		want[d] = i
		paths = append(paths, p)
	}
	check(t, os.WriteFile(paths[3], []byte("damage"), 0o600))
	check(t, os.WriteFile(filepath.Join(s.dir, "0", "0", "stranger"), nil, 0o600))
	check(t, os.Rename(paths[5], filepath.Join(s.leaf(filepath.Base(paths[6])), filepath.Base(paths[5]))))
	delete(want, Sum(bytes.Repeat([]byte("x"), 3)))
	delete(want, Sum(bytes.Repeat([]byte("x"), 5)))
	bad := map[string]bool{}
	check(t, s.Walk(t.Context(), func(e Entry) error {
		if e.Err != nil {
			wantFault(t, e.Err, fault.KindFailed, "blob.altered")
			bad[e.Name] = true
		} else if n, ok := want[e.Digest]; !ok || n != e.Size {
			t.Errorf("found %v of %d bytes", e.Digest, e.Size)
		}
		delete(want, e.Digest)
		return nil
	}))
	if len(want) != 0 || len(bad) != 3 || !bad["stranger"] || !bad[filepath.Base(paths[3])] || !bad[filepath.Base(paths[5])] {
		t.Errorf("not found: %d; bad: %v", len(want), bad)
	}
	enough := errors.New("enough")
	if err := s.Walk(t.Context(), func(Entry) error { return enough }); err != enough {
		t.Errorf("Walk goes on: %v", err)
	}
}

// TestDiskFull writes to the system's always-full device.
func TestDiskFull(t *testing.T) {
	s := newStore(t)
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	check(t, err)
	wantFault(t, s.cannotWrite(write(f, []byte("x"))), fault.KindUnavailable, "blob.full")
}

func TestFolderGone(t *testing.T) {
	s := newStore(t)
	d, _ := mustPut(t, s, []byte("x"))
	check(t, os.RemoveAll(s.dir))
	_, err := s.Put(t.Context(), []byte("y"))
	wantFault(t, err, fault.KindUnavailable, "blob.cannot_write")
	wantFault(t, s.Delete(t.Context(), d), fault.KindUnavailable, "blob.cannot_write")
	check(t, os.WriteFile(s.dir, nil, 0o600)) // a file in the folder's place
	_, err = s.Get(t.Context(), d)
	wantFault(t, err, fault.KindUnavailable, "blob.cannot_read")
	_, err = s.Has(d)
	wantFault(t, err, fault.KindUnavailable, "blob.cannot_read")
	_, err = Open(s.dir, s.ring, now())
	wantFault(t, err, fault.KindUnavailable, "blob.cannot_write")
}

func TestGivenUp(t *testing.T) {
	s := newStore(t)
	d, _ := mustPut(t, s, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, d)
	wantFault(t, err, fault.KindUnavailable, "blob.stopped")
	_, err = s.Put(ctx, []byte("y"))
	wantFault(t, err, fault.KindUnavailable, "blob.stopped")
	wantFault(t, s.Delete(ctx, d), fault.KindUnavailable, "blob.stopped")
	wantFault(t, s.Walk(ctx, func(Entry) error { return nil }), fault.KindUnavailable, "blob.stopped")
	if ok, _ := s.Has(d); !ok || len(filesIn(t, s)) != 1 {
		t.Error("something changed")
	}
}

func TestConcurrentPuts(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for i := range 20 {
				b := []byte(fmt.Sprint(i))
				d, err := s.Put(t.Context(), b)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Get(t.Context(), d); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%q %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(filesIn(t, s)); n != 20 {
		t.Errorf("%d files, want 20", n)
	}
}

func TestDigestText(t *testing.T) {
	d := Sum([]byte("x"))
	js, err := json.Marshal(map[string]Digest{"d": d})
	check(t, err)
	var back map[string]Digest
	check(t, json.Unmarshal(js, &back))
	if back["d"] != d {
		t.Errorf("%s", js)
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add(Sum(nil).String())
	f.Add(strings.ToUpper(Sum(nil).String()))
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDigest(s)
		if err == nil && d.String() != s {
			t.Fatalf("%q is read as %s", s, d)
		}
		if err != nil {
			wantFault(t, err, fault.KindInvalid, "blob.digest")
		}
	})
}

func BenchmarkPutAll100(b *testing.B) {
	s, n := newStore(b), 0
	for b.Loop() {
		files := make([][]byte, 100)
		for i := range files {
			n++
			files[i] = append(make([]byte, 30_000), fmt.Sprint(n)...)
		}
		if _, err := s.PutAll(context.Background(), files); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s, n := newStore(b), 0
	for b.Loop() {
		n++
		if _, err := s.Put(context.Background(), append(make([]byte, 30_000), fmt.Sprint(n)...)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenFirst(b *testing.B) {
	r := newRing(b)
	for b.Loop() {
		mustOpen(b, filepath.Join(b.TempDir(), "x"), r, now())
	}
}
