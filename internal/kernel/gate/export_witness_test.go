package gate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// With the signed hashes beside the leaves the very record that was altered is
// named; whoever alters both meets the signed roots again.
func TestC59_TheExportedHashesNameTheVeryRecord(t *testing.T) {
	s := buildSecond(t)
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 40)
		key := w.Ring.LogVerifier()
		s.wants(t, "honest", 0, "Nothing is wrong", export(t, w), "--key", key)
		gate.Tamper(t, w.G, `UPDATE audit_log SET body = $1 WHERE leaf = 17`,
			bytes.Replace(gatetest.Must[[]gate.Entry](t)(w.G.Entries(bg, 17, 1))[0].Body, []byte(`"via":"`), []byte(`"via":"x`), 1))
		dir := export(t, w)
		out := s.wants(t, "a body in the database", 1, "Record 17 was altered", dir, "--key", key)
		if bytes.Contains([]byte(out), []byte("The signed root does not fit")) {
			t.Error("the roots fit the signed hashes:", out)
		}
		h := filepath.Join(dir, "hashes")
		b, err := os.ReadFile(h)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			b    []byte
			says string
		}{
			"a hash altered": {append(append(bytes.Clone(b[:32*9]), b[0]^1), b[32*9+1:]...), "The signed root does not fit"},
			"more":           {append(bytes.Clone(b), make([]byte, 32)...), "The file hashes is longer"},
			"an odd end":     {append(bytes.Clone(b), 1), "The file hashes is longer"},
			"cut":            {b[:32*12], "The signed root does not fit"},
		} {
			if err := os.WriteFile(h, c.b, 0o600); err != nil {
				t.Fatal(err)
			}
			s.wants(t, name, 1, c.says, dir, "--key", key)
		}
	})
}

// A mirror names, to the second implementation too, what a new signature hides.
func TestC60_TheSecondImplementationComparesWithAWitness(t *testing.T) {
	s := buildSecond(t)
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		busy(t, w, 20)
		keepState(t, w, "old")
		busy(t, w, 20)
		dir := t.TempDir()
		m := mirror(t, w, dir)
		busy(t, w, 5)
		key := w.Ring.LogVerifier()
		honest := export(t, w)
		s.wants(t, "honest", 0, "All "+strconv.FormatInt(m.Size(), 10)+" records that the witness has mirrored", honest, "--key", key, "--witness", dir)

		x := takeApart(t, honest)
		x.leaves[17][0] = bytes.Replace(x.leaves[17][0], []byte(`"via":"`), []byte(`"via":"x`), 1)
		x.resign(t, w.Ring.LogSigner())
		s.wants(t, "signed anew", 1, "Record 17 is not what the witness has mirrored", x.write(t), "--key", key, "--witness", dir)

		putBack(t, w, "old")
		n := gatetest.Must[int64](t)(w.G.LogSize(bg))
		s.wants(t, "put back", 1, "Record "+strconv.FormatInt(n, 10)+" to "+strconv.FormatInt(m.Size()-1, 10)+", which the witness has mirrored, is missing", export(t, w), "--key", key, "--witness", dir)
		s.wants(t, "another key", 1, "The witness's checkpoint has no signature", honest, "--key", otherKey(t), "--witness", dir)
		b, err := os.ReadFile(filepath.Join(dir, "hashes"))
		if err != nil {
			t.Fatal(err)
		}
		b[40] ^= 1
		if err := os.WriteFile(filepath.Join(dir, "hashes"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s.wants(t, "harmed", 1, "the mirror is harmed", honest, "--key", key, "--witness", dir)
		s.wants(t, "no mirror", 2, "checkpoint", honest, "--key", key, "--witness", t.TempDir())
	})
}
