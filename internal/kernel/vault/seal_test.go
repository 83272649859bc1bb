package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
)

func TestSealRoundTrip(t *testing.T) {
	r := newTestRing(t)
	k, _, err := r.NewDataKey(KindConfidential, "u")
	check(t, err)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "plain")
		aad := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "aad")
		kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
		s, err := r.Seal(kind, aad, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Open(kind, aad, s); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%q, %v", got, err)
		}
		if got, err := k.Open(aad, k.Seal(aad, plain)); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("data key: %q, %v", got, err)
		}
		if s2, _ := r.Seal(kind, aad, plain); bytes.Equal(s, s2) {
			t.Fatal("two seals of one text are equal")
		}
		if len(plain) > 8 && bytes.Contains(s, plain) {
			t.Fatal("the text stands in its seal")
		}
	})
}

// TestSealIsBound: sealed bytes open nowhere but where they were sealed.
func TestSealIsBound(t *testing.T) {
	r := newTestRing(t)
	here := AAD("party", "name", "row-1")
	s, err := r.Seal(KindPersonal, here, []byte("北斗サプライ"))
	check(t, err)
	for what, aad := range map[string][]byte{
		"another row":    AAD("party", "name", "row-2"),
		"another column": AAD("party", "kana", "row-1"),
		"another table":  AAD("order", "name", "row-1"),
		"parts joined":   AAD("party", "namerow-1"),
		"nothing":        nil,
	} {
		if got, err := r.Open(KindPersonal, aad, s); err == nil {
			t.Errorf("%s opens it: %q", what, got)
		} else {
			wantFault(t, err, fault.KindFailed, "vault.broken")
		}
	}
	for _, k := range kinds()[1:] {
		_, err := r.Open(k, here, s)
		wantFault(t, err, fault.KindFailed, "vault.broken")
	}
	_, err = r.Open("no such kind", here, s)
	wantFault(t, err, fault.KindFailed, "fault.failed")
	for i := range s {
		for _, b := range [][]byte{flip(s, i), s[:i]} {
			if got, err := r.Open(KindPersonal, here, b); err == nil {
				t.Fatalf("altered or cut at %d it opens: %q", i, got)
			}
		}
	}
}

func flip(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 0x40
	return c
}

func TestPaddingHidesLengths(t *testing.T) {
	r := newTestRing(t)
	sizes := map[int]bool{}
	for n := 0; n <= 63; n++ {
		s, err := r.Seal(KindPersonal, nil, bytes.Repeat([]byte{0}, n))
		check(t, err)
		sizes[len(s)-headerSize-aeadSize] = true
		if want := (n + 16) / 16 * 16; len(s)-headerSize-aeadSize != want {
			t.Errorf("%d bytes take %d, want %d", n, len(s)-headerSize-aeadSize, want)
		}
	}
	if len(sizes) != 4 {
		t.Errorf("up to 63 bytes show %d lengths, want 4", len(sizes))
	}
	for _, c := range []struct{ n, want int }{
		{64, 96}, {95, 96}, {96, 128}, {255, 256}, {256, 288}, {1023, 1024}, {1024, 1088},
		{100_000, 102_400}, {64 << 20, 68 << 20},
	} {
		if got := padded(c.n); got != c.want {
			t.Errorf("padded(%d) = %d, want %d", c.n, got, c.want)
		}
	}
	for n := 64; n < 1<<20; n += 37 {
		if p := padded(n); p <= n || p > n+max(32, n/15) {
			t.Fatalf("padded(%d) = %d", n, p)
		}
	}
}

func TestDataKeys(t *testing.T) {
	r := newTestRing(t)
	k, wrapped, err := r.NewDataKey(KindPersonal, "party:1")
	check(t, err)
	other, otherWrapped, err := r.NewDataKey(KindPersonal, "party:1")
	check(t, err)
	if len(wrapped) != 65 {
		t.Errorf("a wrapped key has %d bytes, want 65", len(wrapped))
	}
	s := k.Seal(AAD("name"), []byte("山田"))
	for i := 0; i < 2; i++ { // the second time from memory
		again, err := r.DataKey(KindPersonal, "party:1", wrapped)
		check(t, err)
		if got, err := again.Open(AAD("name"), s); err != nil || string(got) != "山田" {
			t.Fatalf("%q %v", got, err)
		}
	}
	_, err = other.Open(AAD("name"), s)
	wantFault(t, err, fault.KindFailed, "vault.broken")
	_, err = k.Open(AAD("kana"), s)
	wantFault(t, err, fault.KindFailed, "vault.broken")
	if _, err := r.Open(KindPersonal, AAD("name"), s); err == nil {
		t.Error("the class key opens what a data key sealed")
	}
	for i := range s {
		if _, err := k.Open(AAD("name"), flip(s, i)); err == nil {
			t.Fatalf("altered at %d it opens", i)
		}
	}
	for i := range wrapped {
		if _, err := r.DataKey(KindPersonal, "party:1", flip(wrapped, i)); err == nil {
			t.Fatalf("wrapped key altered at %d opens", i)
		}
	}
	for _, c := range []struct {
		kind Kind
		unit string
		w    []byte
	}{
		{KindPersonal, "party:2", wrapped}, {KindAudit, "party:1", wrapped},
		{KindPersonal, "party:1", wrapped[:64]}, {KindPersonal, "party:1", nil},
	} {
		_, err := r.DataKey(c.kind, c.unit, c.w)
		wantFault(t, err, fault.KindFailed, "vault.broken")
	}
	r.Forget(KindPersonal, "party:1", wrapped)
	r.Forget(KindPersonal, "party:1", otherWrapped) // was never held
	if got := r.dataKeys.get(cacheKey{KindPersonal, "party:1", [65]byte(wrapped)}); got != nil {
		t.Error("a forgotten key is still in memory")
	}
}

func TestDataKeysHeldAreTheLastUsed(t *testing.T) {
	c := newLRU(3)
	at := func(i int) cacheKey { return cacheKey{unit: fmt.Sprint(i)} }
	for i := 1; i <= 3; i++ {
		c.put(at(i), &Key{id: uint32(i)})
	}
	if c.get(at(1)) == nil {
		t.Fatal("1 is gone too early")
	}
	c.put(at(4), &Key{id: 4})
	c.put(at(4), &Key{id: 5})
	for i, want := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		if got := c.get(at(i)) != nil; got != want {
			t.Errorf("%d held: %v, want %v", i, got, want)
		}
	}
	if c.order.Len() != 3 || len(c.at) != 3 || c.get(at(4)).id != 4 {
		t.Errorf("%d in order, %d in map", c.order.Len(), len(c.at))
	}
}

func TestMACs(t *testing.T) {
	r := newTestRing(t)
	seen := map[string]string{}
	add := func(what string, b []byte) {
		if was, ok := seen[string(b[:16])]; ok {
			t.Errorf("%s equals %s", what, was)
		}
		seen[string(b[:16])] = what
	}
	a, b, ab, none := []byte("a"), []byte("b"), []byte("ab"), []byte{}
	for i, parts := range [][][]byte{{}, {none}, {a}, {b}, {a, b}, {b, a}, {ab}, {a, b, none}} {
		for f := byte(1); f <= 2; f++ {
			m := r.RowMAC(f, parts...)
			add(fmt.Sprintf("row %d format %d", i, f), m[:])
		}
		add(fmt.Sprintf("tick %d", i), r.MAC("tick", parts...))
		add(fmt.Sprintf("code %d", i), r.MAC("code", parts...))
	}
	add("index of a", r.Index("t.x", a))
	add("index of a elsewhere", r.Index("t.y", a))
	if len(r.Index("t.x", a)) != 16 || !Equal(r.Index("t.x", a), r.Index("t.x", a)) {
		t.Error("the index is not stable or not 16 bytes")
	}
	if bytes.Equal(r.DBKey(), r.key) || len(r.DBKey()) != 32 {
		t.Error("the database key is the ring key")
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newTestRing(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			unit := fmt.Sprint("u", g%3)
			for i := range 200 {
				plain := []byte(strings.Repeat("x", i))
				s, err := r.Seal(KindPersonal, plain, plain)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := r.Open(KindPersonal, plain, s); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%v", err)
				}
				m, n := r.RowMAC(1, plain), r.RowMAC(1, plain)
				if m != n {
					t.Error("row MACs differ")
				}
				k, w, err := r.NewDataKey(KindBlob, unit)
				if err != nil {
					t.Error(err)
					return
				}
				k2, err := r.DataKey(KindBlob, unit, w)
				if err != nil || k2.id != k.id {
					t.Errorf("%v", err)
				}
			}
			if _, err := r.EnsureYear(2028); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
}

// FuzzOpen starts from the golden values: each fuzzing process makes its own
// ring, and random nonces would differ.
func FuzzOpen(f *testing.F) {
	r := newTestRing(f)
	good, err1 := hex.DecodeString(goldenSealed)
	wrapped, err2 := hex.DecodeString(goldenWrapped)
	if err1 != nil || err2 != nil {
		f.Fatal(err1, err2)
	}
	f.Add(good)
	f.Add(wrapped)
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := r.Open(KindConfidential, AAD("party", "name", "7"), b); (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("%x opens as %q, %v", b, got, err)
		}
		if _, err := r.OpenDataKey(KindBlob, "unit", b); (err == nil) != bytes.Equal(b, wrapped) {
			t.Fatalf("%x as a key: %v", b, err)
		}
	})
}

func BenchmarkSeal32(b *testing.B) {
	r, plain, aad := newTestRing(b), make([]byte, 32), AAD("party_contact", "name", "0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Seal(KindPersonal, aad, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen32(b *testing.B) {
	r, aad := newTestRing(b), AAD("party_contact", "name", "0123456789abcdef")
	s, err := r.Seal(KindPersonal, aad, make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(KindPersonal, aad, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRowMAC(b *testing.B) {
	r, msg := newTestRing(b), make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		r.RowMAC(1, msg)
	}
}

func BenchmarkIndex(b *testing.B) {
	r, v := newTestRing(b), []byte("keiri@hokuto.example.jp")
	for b.Loop() {
		r.Index("party_contact.email", v)
	}
}

func BenchmarkDataKeyHeld(b *testing.B) {
	r := newTestRing(b)
	_, w, err := r.NewDataKey(KindPersonal, "party:1")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.DataKey(KindPersonal, "party:1", w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPasswordFloor(b *testing.B) {
	p := newTestRing(b).Passwords(PasswordFloor(), 1)
	for b.Loop() {
		if _, err := p.Hash(context.Background(), NewSecret("x")); err != nil {
			b.Fatal(err)
		}
	}
}
