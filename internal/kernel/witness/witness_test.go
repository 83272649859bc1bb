package witness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"crypto/sha256"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
)

var bg = context.Background()

// book is a log in memory, with its key.
type book struct {
	signer note.Signer
	vkey   string
	leaves []Leaf
}

func newBook(t testing.TB) *book {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &book{signer: s, vkey: vkey}
}

func (b *book) write(n int) {
	for range n {
		id := fmt.Sprintf("record-%d", len(b.leaves))
		b.leaves = append(b.leaves, Leaf{tlog.RecordHash([]byte(id)), id, audit.EncodeMarks([]audit.Mark{{Table: "card", ID: id, Version: 1, MAC: make([]byte, 32)}})})
	}
}

func (b *book) log() Log { return b.until(len(b.leaves)) }

func (b *book) until(n int) Log {
	var tr audit.Replay
	for _, l := range b.leaves[:n] {
		tr.AddHash(l.Hash)
	}
	return Log{
		Checkpoint: func(context.Context) ([]byte, error) {
			return audit.Checkpoint{Origin: "log.example", Size: tr.Size(), Root: tr.Root()}.Sign(b.signer)
		},
		Leaves: func(_ context.Context, from, to, _ int64, add func(Leaf) error) error {
			for _, l := range b.leaves[from:to] {
				if err := add(l); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func open(t testing.TB, dir, vkey string) *Mirror {
	t.Helper()
	m, err := Open(dir, vkey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func grow(t testing.TB, m *Mirror, l Log, want int64) {
	t.Helper()
	if n, err := m.Grow(bg, l); n != want || err != nil {
		t.Fatal(n, err)
	}
}

func forked(t *testing.T, err error, key string, leaf int64) {
	t.Helper()
	var f *Fork
	if !errors.As(err, &f) || f.Key != key || f.Leaf != leaf || len(f.Note) == 0 {
		t.Fatalf("%v %+v, not %s at %d", err, f, key, leaf)
	}
}

func key(t *testing.T, err error, want string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Key != want {
		t.Fatalf("%v, not %s", err, want)
	}
}

func TestAMirrorGrowsAndContinues(t *testing.T) {
	b, dir := newBook(t), t.TempDir()
	m := open(t, dir, b.vkey+"\n")
	b.write(1)
	grow(t, m, b.log(), 1)
	grow(t, m, b.log(), 0)
	b.write(600)
	grow(t, m, b.log(), 600)
	m.Close()
	m = open(t, dir, "") // the key is pinned
	if m.Size() != 601 {
		t.Fatal(m.Size())
	}
	b.write(3)
	grow(t, m, b.log(), 3)
	n := int64(0)
	if err := m.Names(7, 604, func(i int64, id string, marks []byte) error {
		if l := b.leaves[i]; l.ID != id || !bytes.Equal(l.Marks, marks) {
			t.Error(i, id)
		}
		n++
		return nil
	}); err != nil || n != 597 {
		t.Fatal(n, err)
	}
	if err := m.Hashes(600, 604, func(i int64, h tlog.Hash) error {
		if b.leaves[i].Hash != h {
			t.Error(i)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestC60_ForksAreRefusedAndKept(t *testing.T) {
	b, dir := newBook(t), t.TempDir()
	m := open(t, dir, b.vkey)
	b.write(40)
	grow(t, m, b.log(), 40)
	_, err := m.Grow(bg, b.until(39))
	forked(t, err, "witness.shorter", 39)

	other := &book{signer: b.signer, vkey: b.vkey, leaves: append([]Leaf(nil), b.leaves...)}
	other.leaves[17].Hash[3] ^= 1
	_, err = m.Grow(bg, other.log())
	forked(t, err, "witness.rewritten", 17)
	other.write(5)
	_, err = m.Grow(bg, other.log())
	forked(t, err, "witness.rewritten", 17)

	lying := other.log() // signs one tree and serves another
	lying.Leaves = func(_ context.Context, from, to, _ int64, add func(Leaf) error) error {
		b.write(max(0, int(to)-len(b.leaves)))
		for _, l := range b.leaves[from:to] {
			if err := add(l); err != nil {
				return err
			}
		}
		return nil
	}
	_, err = m.Grow(bg, lying)
	forked(t, err, "witness.unproven", -1)

	stranger := newBook(t)
	stranger.write(50)
	_, err = m.Grow(bg, stranger.log())
	forked(t, err, "witness.forged", -1)

	if m.Size() != 40 {
		t.Fatal("something was taken over", m.Size())
	}
	for file, size := range map[string]int64{HashesFile: 40 * 32, NamesFile: m.names} {
		if st, err := os.Stat(filepath.Join(dir, file)); err != nil || st.Size() != size {
			t.Fatal(file, st.Size(), err)
		}
	}
	var f *Fork
	errors.As(err, &f)
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	if err := m.Raise(now, &Fork{Key: "witness.shorter", Size: 39, Note: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if err := m.Raise(now.Add(time.Hour), f); err != nil {
		t.Fatal(err)
	}
	p, _ := At(dir, "")
	s, err := p.State(bg)
	if err != nil || s.Alarm == nil || s.Alarm.Key != "witness.shorter" || !s.Alarm.At.Equal(now) || s.Alarm.New != "first" || s.Alarm.Ours != string(m.note) {
		t.Fatalf("%+v %v", s, err)
	}
	grow(t, m, b.log(), 5) // the honest log still fits
}

// What a crash leaves behind what was signed does not count; what is missing
// from it is damage.
func TestACrashLosesNothingThatCounts(t *testing.T) {
	b, dir := newBook(t), t.TempDir()
	m := open(t, dir, b.vkey)
	b.write(20)
	grow(t, m, b.log(), 20)
	names := m.names
	b.write(10)
	broken := b.log()
	whole := broken.Leaves
	broken.Leaves = func(ctx context.Context, from, to, at int64, add func(Leaf) error) error {
		if err := whole(ctx, from, to-4, at, add); err != nil {
			return err
		}
		return errors.New("the line broke")
	}
	_, err := m.Grow(bg, broken)
	key(t, err, "witness.unread")
	short := b.log()
	short.Leaves = func(ctx context.Context, from, to, at int64, add func(Leaf) error) error {
		return whole(ctx, from, to-1, at, add)
	}
	_, err = m.Grow(bg, short)
	key(t, err, "witness.unread")
	m.Close()
	for _, f := range []string{HashesFile, NamesFile} {
		p := filepath.Join(dir, f)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, append(b, "torn"...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m = open(t, dir, "")
	if m.Size() != 20 || m.names != names {
		t.Fatal(m.Size(), m.names, names)
	}
	grow(t, m, b.log(), 10)
	m.Close()
	for _, f := range []string{HashesFile, NamesFile, CheckpointFile, keyFile} {
		p := filepath.Join(dir, f)
		was, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for what, harm := range map[string][]byte{"cut": was[:len(was)-1], "none": nil} {
			if harm == nil {
				err = os.Remove(p)
			} else {
				err = os.WriteFile(p, harm, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if f == keyFile && what == "cut" { // only its line end
				continue
			}
			if f == CheckpointFile && what == "none" { // it begins again, and Grow finds the same leaves
				continue
			}
			if again, err := Open(dir, b2key(f, b)); err == nil {
				t.Errorf("%s %s: %d leaves", f, what, again.Size())
				again.Close()
			}
		}
		if err := os.WriteFile(p, was, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m = open(t, dir, "")
	if err := m.Look(time.Unix(1_800_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if err := os.Rename(filepath.Join(dir, CheckpointFile), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, "")
	key(t, err, "witness.harmed")
	if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, CheckpointFile)); err != nil {
		t.Fatal(err)
	}
	harmed := filepath.Join(dir, HashesFile)
	was, _ := os.ReadFile(harmed)
	was[100] ^= 1
	if err := os.WriteFile(harmed, was, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, "")
	key(t, err, "witness.harmed")
	_, err = Read(dir)
	key(t, err, "witness.harmed")
}

// b2key gives the key only where the pinned one was taken away.
func b2key(file string, b *book) string {
	if file == keyFile {
		return b.vkey
	}
	return ""
}

func TestKeysArePinnedAndFoldersAreAlone(t *testing.T) {
	b, dir := newBook(t), t.TempDir()
	_, err := Open(dir, "")
	key(t, err, "witness.no_key")
	_, err = Read(dir)
	key(t, err, "witness.no_mirror")
	_, err = Open(dir, "no key")
	key(t, err, "witness.key_form")
	m := open(t, dir, b.vkey)
	_, err = Open(dir, "")
	key(t, err, "witness.busy")
	m.Close()
	_, err = Open(dir, newBook(t).vkey)
	key(t, err, "witness.other_key")
	_, err = Open(filepath.Join(dir, keyFile, "x"), b.vkey)
	key(t, err, "witness.write")
}

// Over HTTP a mirror comes in parts, from a server that knows no parts whole,
// and a fingerprint stands for a certificate nobody else vouches for.
func TestMirrorsGrowOverHTTP(t *testing.T) {
	b, dir := newBook(t), t.TempDir()
	b.write(300)
	feed := open(t, dir, b.vkey)
	grow(t, feed, b.log(), 300)
	if err := feed.Look(time.Unix(1_800_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(dir))
	asked := 0
	parts := httptest.NewTLSServer(http.StripPrefix("/witness", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/"+HashesFile && r.Header.Get("Range") == "" {
			t.Error("asked for the whole")
		}
		files.ServeHTTP(w, r)
	})))
	defer parts.Close()
	whole := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		files.ServeHTTP(w, r)
	}))
	defer whole.Close()
	sum := sha256.Sum256(parts.Certificate().Raw)
	for name, p := range map[string]*Place{"parts": at(t, parts.URL+"/witness/", fmt.Sprintf("%X", sum)), "whole": at(t, whole.URL, "")} {
		m := open(t, t.TempDir(), b.vkey)
		grow(t, m, p.From(), 300)
		if s, err := p.State(bg); err != nil || s.Seen.Size != 300 || s.Alarm != nil || len(s.Checkpoint) == 0 {
			t.Errorf("%s: %+v %v", name, s, err)
		}
		b.write(10)
		grow(t, feed, b.log(), 10)
		grow(t, m, p.From(), 10)
		b.leaves = b.leaves[:300]
		for _, f := range []string{CheckpointFile, seenFile} {
			if err := os.Remove(filepath.Join(dir, f)); err != nil {
				t.Fatal(err)
			}
		}
		feed.Close()
		feed = open(t, dir, "")
		grow(t, feed, b.log(), 300)
		if err := feed.Look(time.Unix(1_800_000_000, 0)); err != nil {
			t.Fatal(err)
		}
		_, err := m.Grow(bg, p.From())
		forked(t, err, "witness.shorter", 300)
	}
	if asked < 5 {
		t.Error("only", asked)
	}
	m := open(t, t.TempDir(), b.vkey)
	for name, p := range map[string]*Place{
		"unknown certificate": at(t, parts.URL+"/witness", ""), "another": at(t, parts.URL+"/witness", fmt.Sprintf("%x", sha256.Sum256(nil))),
		"nothing there": at(t, whole.URL+"/no", ""), "nobody": at(t, "http://127.0.0.1:1", ""), "no folder": at(t, filepath.Join(dir, "no"), ""),
	} {
		_, err := m.Grow(bg, p.From())
		if err == nil {
			t.Error(name)
			continue
		}
		key(t, err, "witness.unread")
	}
	for _, bad := range [][2]string{{"http://", ""}, {"https://a/b?c=d", ""}, {"https://a", "12"}, {"https://a", "zz"}} {
		if _, err := At(bad[0], bad[1]); err == nil {
			t.Error(bad)
		}
	}
}

func at(t *testing.T, where, fingerprint string) *Place {
	t.Helper()
	p, err := At(where, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzNames(f *testing.F) {
	f.Add(name("a", []byte("b")))
	f.Add([]byte("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		id, marks, err := readName(r)
		if err == nil && len(id)+len(marks) > len(b) {
			t.Fatal("more than there is")
		}
	})
}
