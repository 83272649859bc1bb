package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func marks(r *rapid.T) []Mark {
	return rapid.SliceOfN(rapid.Custom(func(r *rapid.T) Mark {
		m := Mark{Table: rapid.String().Draw(r, "table"), ID: rapid.String().Draw(r, "id"), Version: rapid.Int64().Draw(r, "version")}
		if rapid.Bool().Draw(r, "has mac") {
			m.MAC = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "mac")
		}
		return m
	}), 0, 40).Draw(r, "marks")
}

func TestMarksComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ms := marks(r)
		back, err := DecodeMarks(EncodeMarks(ms))
		if err != nil || len(back) != len(ms) {
			r.Fatal(err, len(back))
		}
		for i := range ms {
			if ms[i].Table != back[i].Table || ms[i].ID != back[i].ID || ms[i].Version != back[i].Version || !bytes.Equal(ms[i].MAC, back[i].MAC) {
				r.Fatal(ms[i], back[i])
			}
		}
		if MarksRoot(back) != MarksRoot(ms) {
			r.Fatal("the root changed")
		}
	})
}

// The root over marks and the replayed root of a log are RFC 6962's, as an
// independent implementation computes it.
func TestRootsAreThoseOfRFC6962(t *testing.T) {
	var replay Replay
	stored := hashes{}
	var leaves []tlog.Hash
	for n := range int64(600) {
		leaf := []byte(strings.Repeat("x", int(n%7)) + "leaf")
		replay.Add(leaf)
		leaves = append(leaves, tlog.RecordHash(leaf))
		hs, err := tlog.StoredHashes(n, leaf, stored)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range hs {
			stored[tlog.StoredHashIndex(0, n)+int64(i)] = h
		}
		want, err := tlog.TreeHash(n+1, stored)
		if err != nil {
			t.Fatal(err)
		}
		if replay.Root() != want || replay.Size() != n+1 || Root(leaves) != want {
			t.Fatal("root differs at", n+1)
		}
	}
}

func TestOneMarkLessIsAnotherRoot(t *testing.T) {
	ms := []Mark{{"a", "1", 1, make([]byte, 32)}, {"a", "2", 1, make([]byte, 32)}, {"a", "3", -1, nil}}
	seen := map[string]bool{MarksRoot(ms): true}
	for i := range ms {
		other := append(append([]Mark(nil), ms[:i]...), ms[i+1:]...)
		if seen[MarksRoot(other)] {
			t.Fatal("a mark can be left out unseen")
		}
		seen[MarksRoot(other)] = true
	}
	if MarksRoot(nil) != "" {
		t.Fatal("no marks have a root")
	}
}

func TestCheckpointsAreSigned(t *testing.T) {
	skey, vkey, err := note.GenerateKey(nil, "sekisho.test")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := note.NewSigner(skey)
	v, _ := note.NewVerifier(vkey)
	_, vother, _ := note.GenerateKey(nil, "sekisho.test")
	other, _ := note.NewVerifier(vother)
	c := Checkpoint{Origin: "sekisho.test", Size: 42, Root: tlog.RecordHash([]byte("x"))}
	b, err := c.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseCheckpoint(b, "sekisho.test", v)
	if err != nil || got != c {
		t.Fatal(got, err)
	}
	if _, err := ParseCheckpoint(b, "another.test", v); err == nil {
		t.Fatal("another log's checkpoint passed")
	}
	if _, err := ParseCheckpoint(b, "sekisho.test", other); err == nil {
		t.Fatal("another key's signature passed")
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if got, err := ParseCheckpoint(bad, "sekisho.test", v); err == nil && got != c {
			t.Fatalf("byte %d altered and passed: %v", i, got)
		}
	}
}

func TestUnknownFieldsAndFormatsAreRefused(t *testing.T) {
	r := Record{Format: 1, ID: "a", Op: "x.y", Outcome: OK}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Parse(b); err != nil || back.ID != "a" {
		t.Fatal(back, err)
	}
	for _, bad := range []string{`{"v":2,"id":"a"}`, `{"v":1,"id":"a","extra":1}`, `{"v":1,"v":1}`, `[]`, ``} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Error(bad, "was read")
		}
	}
}

func FuzzDecodeMarks(f *testing.F) {
	f.Add(EncodeMarks([]Mark{{"party", "06h", 3, make([]byte, 32)}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, err := DecodeMarks(b)
		if err == nil {
			if again, err := DecodeMarks(EncodeMarks(ms)); err != nil || len(again) != len(ms) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"v":1,"id":"a","at":1,"via":"x","op":"y","outcome":"ok"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Parse(b); err == nil && r.Format != 1 {
			t.Fatal(r)
		}
	})
}

// hashes is where the tree's hashes lie, by tlog's storage index.
type hashes map[int64]tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h hashes) ReadHashes(ix []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ix))
	for i, x := range ix {
		v, ok := h[x]
		if !ok {
			return nil, fmt.Errorf("audit: tree hash %d is missing", x)
		}
		out[i] = v
	}
	return out, nil
}
