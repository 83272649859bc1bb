package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

const origin = "sekisho.example.co.jp/log"

// madeAt is 2026 in UTC and 2027 in Japan.
var madeAt = time.Date(2026, 12, 31, 20, 0, 0, 0, time.UTC)

// seeded is a generator that gives the same keys each time, for golden values.
func seeded() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{1, 2, 3}) }

func newDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := Create(dir, origin, madeAt, seeded()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func newTestRing(t testing.TB) *Ring {
	t.Helper()
	return mustOpen(t, newDir(t))
}

func mustOpen(t testing.TB, dir string) *Ring {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantFault checks kind and key, and that the sentence exists and is complete.
func wantFault(t *testing.T, err error, kind fault.Kind, key string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Key != key {
		t.Fatalf("got %v, want %s %s", err, kind, key)
	}
	for _, l := range text.Langs {
		s := text.Fault(l, e)
		if s == key || strings.ContainsAny(s, "{}") {
			t.Errorf("%s sentence of %s is %q", l, key, s)
		}
	}
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, keyFileMode); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCreateThenOpen(t *testing.T) {
	dir := newDir(t)
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("key directory is %v (%v), want 0700", st.Mode(), err)
	}
	for _, n := range keyFiles() {
		if st, err := os.Stat(filepath.Join(dir, n)); err != nil || st.Mode().Perm() != 0o400 {
			t.Errorf("%s is %v (%v), want 0400", n, st.Mode(), err)
		}
	}
	a, b := mustOpen(t, dir), mustOpen(t, dir)
	sealed, err := a.Seal(KindPersonal, AAD("x"), []byte("山田太郎"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Open(KindPersonal, AAD("x"), sealed)
	if err != nil || string(got) != "山田太郎" {
		t.Fatalf("a second opening reads %q, %v", got, err)
	}
	if a.classes.Load().of[KindAudit].newest.year() != 2027 {
		t.Error("the first class keys are not of the JST year")
	}
}

func TestCreateTouchesNoExistingKey(t *testing.T) {
	for _, n := range keyFiles() {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, n), []byte("old"))
		wantFault(t, Create(dir, origin, madeAt, seeded()), fault.KindRefused, "vault.keys_exist")
		all, err := os.ReadDir(dir)
		if err != nil || len(all) != 1 || string(get(t, filepath.Join(dir, n))) != "old" {
			t.Errorf("with %s there, Create changed the place: %v %v", n, all, err)
		}
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o750); err != nil {
		t.Fatal(err)
	}
	wantFault(t, Create(open, origin, madeAt, seeded()), fault.KindUnavailable, "vault.dir_open")
	wantFault(t, Create(filepath.Join(t.TempDir(), "k"), "two words", madeAt, seeded()), fault.KindInvalid, "vault.origin")
	blocked := filepath.Join(t.TempDir(), "file")
	put(t, blocked, nil)
	wantFault(t, Create(filepath.Join(blocked, "keys"), origin, madeAt, seeded()), fault.KindUnavailable, "vault.cannot_write")
}

func TestCreateWithoutRandomness(t *testing.T) {
	for n := range int64(8) { // root, ring, five classes, log
		dir := filepath.Join(t.TempDir(), "keys")
		err := Create(dir, origin, madeAt, io.LimitReader(seeded(), n*keySize+1))
		wantFault(t, err, fault.KindFailed, "fault.failed")
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("after %d keys something was made", n)
		}
	}
}

func TestOpenNamesWhatItCannotRead(t *testing.T) {
	_, err := Open(filepath.Join(newDir(t), rootFile, "keys"))
	wantFault(t, err, fault.KindUnavailable, "vault.unreadable")
}

func TestOpenRefuses(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	if err := Create(other, origin, madeAt, rand.NewChaCha8([32]byte{9})); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, key, about string
		spoil            func(t *testing.T, dir string)
	}{
		{"no directory", "vault.no_keys", "", func(t *testing.T, d string) { check(t, os.RemoveAll(d)) }},
		{"empty directory", "vault.no_keys", "", func(t *testing.T, d string) { removeAll(t, d, keyFiles()...) }},
		{"a file instead", "vault.no_keys", "", func(t *testing.T, d string) { check(t, os.RemoveAll(d)); put(t, d, nil) }},
		{"no root", "vault.key_missing", rootFile, func(t *testing.T, d string) { removeAll(t, d, rootFile) }},
		{"no class", "vault.key_missing", classFile, func(t *testing.T, d string) { removeAll(t, d, classFile) }},
		{"no log", "vault.key_missing", logFile, func(t *testing.T, d string) { removeAll(t, d, logFile) }},
		{"open directory", "vault.dir_open", "", func(t *testing.T, d string) { check(t, os.Chmod(d, 0o710)) }},
		{"group reads", "vault.file_open", rootFile, func(t *testing.T, d string) { check(t, os.Chmod(filepath.Join(d, rootFile), 0o440)) }},
		{"others read", "vault.file_open", logFile, func(t *testing.T, d string) { check(t, os.Chmod(filepath.Join(d, logFile), 0o404)) }},
		{"foreign root", "vault.key_mixed", classFile, func(t *testing.T, d string) { swap(t, other, d, rootFile) }},
		{"foreign class", "vault.key_mixed", classFile, func(t *testing.T, d string) { swap(t, other, d, classFile) }},
		{"foreign log", "vault.key_mixed", logFile, func(t *testing.T, d string) { swap(t, other, d, logFile) }},
		{"a directory as key", "vault.key_altered", logFile, func(t *testing.T, d string) {
			removeAll(t, d, logFile)
			check(t, os.Mkdir(filepath.Join(d, logFile), 0o700))
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := newDir(t)
			c.spoil(t, dir)
			before := listing(dir)
			_, err := Open(dir)
			wantFault(t, err, fault.KindUnavailable, c.key)
			if s := text.Fault(text.JA, fault.Of(err)); !strings.Contains(s, filepath.Join(dir, c.about)) {
				t.Errorf("the sentence does not name %s: %s", c.about, s)
			}
			if after := listing(dir); after != before {
				t.Errorf("Open changed the place from %s to %s", before, after)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func removeAll(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		check(t, os.Remove(filepath.Join(dir, n)))
	}
}

func swap(t *testing.T, from, to, name string) {
	t.Helper()
	put(t, filepath.Join(to, name), get(t, filepath.Join(from, name)))
}

func listing(dir string) string {
	all, err := os.ReadDir(dir)
	return fmt.Sprint(all, err)
}

// TestKeyFileTamper changes, removes and doubles each byte of each file.
func TestKeyFileTamper(t *testing.T) {
	dir := newDir(t)
	keys := keysIn(t, dir)
	for _, n := range keyFiles() {
		path := filepath.Join(dir, n)
		whole := get(t, path)
		try := func(what string, b []byte) {
			t.Helper()
			put(t, path, b)
			_, err := Open(dir)
			if !fault.Is(err, fault.KindUnavailable) || fault.Of(err).Key != "vault.key_altered" ||
				fmt.Sprint(fault.Of(err).Args) != fmt.Sprint([]any{"file", path}) {
				t.Errorf("%s, %s: %v", n, what, err)
			}
			for _, k := range keys {
				if strings.Contains(fmt.Sprintf("%+v %#v", err, err), k) {
					t.Errorf("%s, %s: a key stands in the error", n, what)
				}
			}
		}
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 1 << (i % 8)
			try(fmt.Sprintf("byte %d changed", i), b)
			try(fmt.Sprintf("cut to %d", i), whole[:i])
			try(fmt.Sprintf("byte %d gone", i), append(bytes.Clone(whole[:i]), whole[i+1:]...))
		}
		try("a byte more", append(bytes.Clone(whole), '\n'))
		put(t, path, whole)
	}
	mustOpen(t, dir)
}

// TestKeyFileForgedSum shows that a writer who mends the sum gains nothing.
func TestKeyFileForgedSum(t *testing.T) {
	dir := newDir(t)
	f, err := readKeyFile(dir, classFile)
	check(t, err)
	forge := func(what, key string, change func(f *keyFile)) {
		t.Helper()
		g := f
		g.keys = append([]keyLine{}, f.keys...)
		change(&g)
		put(t, filepath.Join(dir, classFile), g.encode())
		_, err := Open(dir)
		if fault.Of(err) == nil || fault.Of(err).Key != key {
			t.Errorf("%s: got %v, want %s", what, err, key)
		}
	}
	forge("two keys change places", "vault.key_mixed", func(f *keyFile) {
		f.keys[1].value, f.keys[2].value = f.keys[2].value, f.keys[1].value
	})
	forge("a kind without keys", "vault.key_altered", func(f *keyFile) { f.keys = f.keys[:len(f.keys)-1] })
	forge("no ring key", "vault.key_altered", func(f *keyFile) { f.keys = f.keys[1:] })
	forge("a key twice", "vault.key_altered", func(f *keyFile) { f.keys = append(f.keys, f.keys[1]) })
	forge("a later year's name", "vault.key_mixed", func(f *keyFile) { f.keys[1].name = "personal/2031-1" })
	forge("another ring's id", "vault.key_mixed", func(f *keyFile) { f.ring = "0123456789abcdef" })
	forge("not base64", "vault.key_altered", func(f *keyFile) { f.keys[1].value = "!" })
}

// keysIn are the spellings under which a key of the ring could be seen.
func keysIn(t *testing.T, dir string) []string {
	r := mustOpen(t, dir)
	root, err := readKeyFile(dir, rootFile)
	check(t, err)
	b, err := root.bytes("root", keySize)
	check(t, err)
	logs, err := readKeyFile(dir, logFile)
	check(t, err)
	var out []string
	for _, k := range [][]byte{b, r.key, r.DBKey(), derive(r.key, "row")} {
		out = append(out, encodeKey(k), hex.EncodeToString(k), string(k), fmt.Sprint(k))
	}
	return append(out, logs.value(logPrivate))
}

func TestRingShowsNoKey(t *testing.T) {
	dir := newDir(t)
	r := mustOpen(t, dir)
	k, wrapped, err := r.NewDataKey(KindPersonal, "party:1")
	check(t, err)
	_, foreign := r.DataKey(KindPersonal, "party:2", wrapped)
	_, unknown := r.Seal("nobody", nil, nil)
	_, short := r.Open(KindPersonal, nil, []byte("x"))
	holder := struct {
		Ring *Ring
		Key  *Key
		p    Provider
		err  error
	}{r, k, r.provider, errors.Join(foreign, unknown, short)}
	shown := fmt.Sprintf("%v %+v %#v %s %x %v %x", r, r, r, r, r, r.provider, k) + fmt.Sprintf("%v %+v %#v", holder, holder, holder)
	for _, key := range keysIn(t, dir) {
		if strings.Contains(shown, key) {
			t.Fatalf("a key is printed in %s", shown)
		}
	}
	if !strings.Contains(shown, r.KeyID()) {
		t.Errorf("the ring prints without its id: %s", shown)
	}
}

func TestEnsureYear(t *testing.T) {
	dir := newDir(t)
	r, beside := mustOpen(t, dir), mustOpen(t, dir)
	old, err := r.Seal(KindAudit, nil, []byte("before"))
	check(t, err)
	for _, year := range []int{1970, 2026, 2027} {
		if added, err := r.EnsureYear(year); added || err != nil {
			t.Errorf("year %d: added %v, %v", year, added, err)
		}
	}
	_, err = r.EnsureYear(70_000)
	wantFault(t, err, fault.KindUnavailable, "vault.year")

	if added, err := r.EnsureYear(2028); !added || err != nil {
		t.Fatalf("added %v, %v", added, err)
	}
	sealed, err := r.Seal(KindAudit, nil, []byte("after"))
	check(t, err)
	_, err = beside.Open(KindAudit, nil, sealed)
	wantFault(t, err, fault.KindUnavailable, "vault.class_key_missing")
	if added, err := beside.EnsureYear(2028); added || err != nil {
		t.Fatalf("the second process added %v, %v", added, err)
	}
	for _, ring := range []*Ring{r, beside, mustOpen(t, dir)} {
		for want, s := range map[string][]byte{"before": old, "after": sealed} {
			if got, err := ring.Open(KindAudit, nil, s); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", want, got, err)
			}
		}
	}
	if st, err := os.Stat(filepath.Join(dir, classFile)); err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("class.keys is %v, %v", st.Mode(), err)
	}
	if got := listing(dir); strings.Contains(got, ".new") {
		t.Errorf("a temporary file stays: %s", got)
	}
}

// TestEnsureYearTogether: eight processes at once make one set of keys.
func TestEnsureYearTogether(t *testing.T) {
	dir := newDir(t)
	rings := make([]*Ring, 8)
	for i := range rings {
		rings[i] = mustOpen(t, dir)
	}
	made := make(chan bool)
	for _, r := range rings {
		go func() {
			added, err := r.EnsureYear(2028)
			if err != nil {
				t.Error(err)
			}
			made <- added
		}()
	}
	n := 0
	for range rings {
		if <-made {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d processes made keys, want 1", n)
	}
	for _, r := range rings {
		s, err := r.Seal(KindBlob, nil, []byte("x"))
		check(t, err)
		if _, err := rings[0].Open(KindBlob, nil, s); err != nil {
			t.Error(err)
		}
	}
}

// TestGoldenDerivations holds every stored derivation: whoever changes a label
// or a format makes old data unreadable, and must see it here first.
func TestGoldenDerivations(t *testing.T) {
	r := newTestRing(t)
	row := r.RowMAC(1, []byte("party"), []byte("7"))
	db := sha256.Sum256(r.DBKey())
	data, err := hex.DecodeString(goldenWrapped)
	check(t, err)
	got := map[string]string{
		"id":       r.KeyID(),
		"db":       hex.EncodeToString(db[:8]),
		"row":      hex.EncodeToString(row[:]),
		"index":    hex.EncodeToString(r.Index("party_contact.email", []byte("a@example.jp"))),
		"mac":      hex.EncodeToString(r.MAC("tick", []byte("a"), []byte("b"))),
		"verifier": r.LogVerifier(),
		"sealed":   opened(t, r, goldenSealed),
	}
	k, err := r.DataKey(KindBlob, "unit", data)
	check(t, err)
	sealed, err := hex.DecodeString(goldenUnderData)
	check(t, err)
	b, err := k.Open(AAD("t"), sealed)
	check(t, err)
	got["data"] = string(b)
	for k, want := range golden {
		if got[k] != want {
			t.Errorf("%s: got %q, want %q", k, got[k], want)
		}
	}
	const stored = "$argon2id$v=19$m=64,t=1,p=1$" + goldenPHC
	ok, rehash, err := r.Passwords(cheap, 1).Verify(t.Context(), stored, NewSecret("正しい馬の電池"))
	if !ok || rehash || err != nil {
		t.Errorf("golden password: %v %v %v", ok, rehash, err)
	}
}

func opened(t *testing.T, r *Ring, sealedHex string) string {
	t.Helper()
	s, err := hex.DecodeString(sealedHex)
	check(t, err)
	b, err := r.Open(KindConfidential, AAD("party", "name", "7"), s)
	check(t, err)
	return string(b)
}

func TestAADIsInjective(t *testing.T) {
	seen := map[string]bool{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"\x00\x00\x00\x01a"}} {
		s := string(AAD(parts...))
		if seen[s] {
			t.Errorf("%q is spelled like another list", parts)
		}
		seen[s] = true
	}
}

func TestLogSigner(t *testing.T) {
	r := newTestRing(t)
	v, err := note.NewVerifier(r.LogVerifier())
	check(t, err)
	msg, err := note.Sign(&note.Note{Text: origin + "\n1\nAAAA\n"}, r.LogSigner())
	check(t, err)
	if n, err := note.Open(msg, note.VerifierList(v)); err != nil || len(n.Sigs) != 1 || n.Sigs[0].Name != origin {
		t.Fatalf("checkpoint does not verify: %v %v", n, err)
	}
	msg[0] ^= 1
	if _, err := note.Open(msg, note.VerifierList(v)); err == nil {
		t.Error("an altered checkpoint verifies")
	}
}

func FuzzKeyFile(f *testing.F) {
	dir := newDir(f)
	for _, n := range keyFiles() {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(n, b)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		k, err := parseKeyFile(name, b)
		if err == nil && !bytes.Equal(k.encode(), b) {
			t.Fatalf("two spellings of one key file: %q", b)
		}
	})
}
