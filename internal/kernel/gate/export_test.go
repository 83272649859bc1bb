package gate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// second is the second implementation, built as it is shipped.
type second string

func buildSecond(t *testing.T) second {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "sekisho-verify")
	if out, err := exec.Command("go", "build", "-o", bin, "sekisho/cmd/sekisho-verify").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return second(bin)
}

// run gives the exit code and what was printed.
func (s second) run(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out, err := exec.Command(string(s), append(args, "--lang", "en")...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return exit.ExitCode(), string(out)
	}
	return 0, string(out)
}

// wants runs it and compares exit code and a part of what it says.
func (s second) wants(t *testing.T, what string, code int, says string, args ...string) string {
	t.Helper()
	got, out := s.run(t, args...)
	if got != code || !strings.Contains(out, says) {
		t.Errorf("%s: exit %d, not %d with %q:\n%s", what, got, code, says, out)
	}
	return out
}

func export(t *testing.T, w *gatetest.World) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	if err := w.G.Export(bg, dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// busy makes records of every kind that hangs something on its leaf: writes,
// deletions, reads short and long, refusals; in several sealed batches.
func busy(t *testing.T, w *gatetest.World, cardsWanted int) {
	t.Helper()
	boss := gatetest.Boss("b")
	for i := range cardsWanted {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "o", Dept: "d", Name: "n", Yen: int64(100 + i)}))
		if i%5 == 0 {
			gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"}))
			gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, show, ByID{c.ID}))
			_, _ = gate.Run(bg, w.G, boss, show, ByID{"nothing"})
		}
		if i%10 == 0 {
			size(t, w)
		}
	}
	gatetest.Must[Cards](t)(gate.Run(bg, w.G, boss, list, Ask{}))
	size(t, w)
}

// taken is an export taken apart: each leaf its three fields.
type taken struct {
	vkey        string
	leaves      [][3][]byte
	checkpoints [][]byte
}

func takeApart(t *testing.T, dir string) *taken {
	t.Helper()
	fields := func(name string) (out [][]byte) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for len(b) > 0 {
			n, k := binary.Uvarint(b)
			out = append(out, bytes.Clone(b[k:k+int(n)]))
			b = b[k+int(n):]
		}
		return out
	}
	v, err := os.ReadFile(filepath.Join(dir, "vkey"))
	if err != nil {
		t.Fatal(err)
	}
	x := &taken{vkey: string(v), checkpoints: fields("checkpoints")}
	for l := range slices.Chunk(fields("leaves"), 3) {
		x.leaves = append(x.leaves, [3][]byte(l))
	}
	return x
}

func (x *taken) write(t *testing.T) string {
	t.Helper()
	pack := func(list [][]byte) (b []byte) {
		for _, f := range list {
			b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
		}
		return b
	}
	var leaves [][]byte
	for _, l := range x.leaves {
		leaves = append(leaves, l[:]...)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"vkey": []byte(x.vkey), "leaves": pack(leaves), "checkpoints": pack(x.checkpoints)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// resign does what the holder of the log's key can: new roots, signed anew.
func (x *taken) resign(t *testing.T, s note.Signer) {
	t.Helper()
	var tree audit.Replay
	at := map[int64]tlog.Hash{}
	for _, l := range x.leaves {
		tree.Add(l[0])
		at[tree.Size()] = tree.Root()
	}
	for i, b := range x.checkpoints {
		n := sizeOf(t, b)
		var err error
		if x.checkpoints[i], err = (audit.Checkpoint{Origin: s.Name(), Size: n, Root: at[n]}).Sign(s); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(t *testing.T, checkpoint []byte) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.Split(string(checkpoint), "\n")[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pick is the first leaf from that on whose field i has bytes.
func (x *taken) pick(t *testing.T, from, i int) int {
	t.Helper()
	for n := from; n < len(x.leaves); n++ {
		if len(x.leaves[n][i]) > 0 {
			return n
		}
	}
	t.Fatal("no such leaf", i)
	return 0
}

// The honest export passes, and the second implementation finds the root,
// the number of leaves and the number of checkpoints that the gate finds.
func TestC59_TheSecondImplementationAgrees(t *testing.T) {
	s := buildSecond(t)
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 60)
		for i := 0; i < 520; i++ { // more than one page, and a read that names its rows by digest
			gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		}
		size(t, w)
		w.G.PauseSealing()
		r := verify(t, w)
		dir := export(t, w)
		out := s.wants(t, "honest", 0, "✓ Nothing is wrong", dir, "--key", w.Ring.LogVerifier())
		root := regexp.MustCompile(`root (\S+)`).FindStringSubmatch(out)
		counts := regexp.MustCompile(`Verified (\d+) records, (\d+) signed`).FindStringSubmatch(out)
		if root[1] != r.Root || counts[1] != strconv.FormatInt(r.Leaves, 10) || counts[2] != strconv.FormatInt(r.Checkpoints, 10) {
			t.Errorf("the gate says %s %d %d, the second implementation:\n%s", r.Root, r.Leaves, r.Checkpoints, out)
		}
		keyFile := filepath.Join(t.TempDir(), "pinned")
		if err := os.WriteFile(keyFile, []byte(w.Ring.LogVerifier()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.wants(t, "pinned in a file", 0, "✓", "--key-file", keyFile, dir)
	})
}

// An export leaves a record, is written whole or not at all, and never over another.
func TestExportIsWholeAndRecorded(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 20)
		n := size(t, w)
		dir := export(t, w)
		if got := size(t, w); got != n+1 {
			t.Fatal("an export leaves one record", got-n)
		}
		es, err := w.G.Entries(bg, n, 1)
		if err != nil || es[0].Record.Op != "audit.export" || es[0].Record.Target != strconv.FormatInt(n, 10) {
			t.Fatal(es, err)
		}
		before := takeApart(t, dir)
		if int64(len(before.leaves)) != n {
			t.Fatal(len(before.leaves))
		}
		wants(t, w.G.Export(bg, dir, nil), fault.KindRefused, "export.exists")
		above := t.TempDir()
		wants(t, w.G.Export(bg, filepath.Join(above, "no", "such"), nil), fault.KindUnavailable, "export.write")
		ctx, stop := context.WithCancel(bg)
		err = w.G.Export(ctx, filepath.Join(above, "x"), func(string, int64) { stop() })
		if err == nil {
			t.Fatal("it went on after it was told to stop")
		}
		if left, _ := os.ReadDir(above); len(left) != 0 {
			t.Fatal("something half done was left", left)
		}
		if after := takeApart(t, dir); len(after.leaves) != len(before.leaves) {
			t.Fatal("the first export was touched")
		}
		for _, f := range []string{"vkey", "leaves", "checkpoints"} {
			if st, err := os.Stat(filepath.Join(dir, f)); err != nil || st.Mode().Perm() != 0o600 {
				t.Error(f, st, err)
			}
		}
	})
}

// What a database administrator did to the log stands in the export, at its number.
func TestExportOfADamagedLogIsAsItIs(t *testing.T) {
	s := buildSecond(t)
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 30)
		gate.Tamper(t, w.G, `DELETE FROM audit_log WHERE leaf = 12`)
		gate.Tamper(t, w.G, `UPDATE audit_log SET body = marks WHERE leaf = 15`)
		out := s.wants(t, "hole", 1, "Record 12 was gone already", export(t, w), "--key", w.Ring.LogVerifier())
		if !strings.Contains(out, "Record 15 is not in the form of a record") {
			t.Error(out)
		}
		gate.Tamper(t, w.G, `UPDATE audit_log SET leaf = 1000000000000 WHERE leaf = 20`)
		wants(t, w.G.Export(bg, filepath.Join(t.TempDir(), "x"), nil), fault.KindRefused, "export.hole")
	})
}

// Every kind of damage to an export is named, with the record it is about.
func TestC59_DamageToAnExportIsNamed(t *testing.T) {
	s := buildSecond(t)
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 60)
		honest := export(t, w)
		key := w.Ring.LogVerifier()
		x := takeApart(t, honest)
		pay, marks := x.pick(t, 20, 1), x.pick(t, 20, 2)
		last := len(x.leaves) - 1
		for _, a := range []struct {
			name, says string
			harm       func(x *taken)
		}{
			{"a leaf altered", around(t, x, 30), func(x *taken) {
				x.leaves[30][0] = bytes.Replace(x.leaves[30][0], []byte(`"via":"`), []byte(`"via":"x`), 1)
			}},
			{"a leaf that is no JSON", "Record 30 is not in the form", func(x *taken) { x.leaves[30][0][0] ^= 1 }},
			{"a payload altered", "The sealed contents of record " + strconv.Itoa(pay) + " were altered", func(x *taken) { x.leaves[pay][1][5] ^= 1 }},
			{"a payload emptied", "The sealed contents of record " + strconv.Itoa(pay) + " were emptied", func(x *taken) { x.leaves[pay][1] = nil }},
			{"a mark altered", "does not fit record " + strconv.Itoa(marks), func(x *taken) { m := x.leaves[marks][2]; m[len(m)-1] ^= 1 }},
			{"marks cut", "list of rows of record " + strconv.Itoa(marks) + " cannot be read", func(x *taken) { m := &x.leaves[marks][2]; *m = (*m)[:len(*m)-1] }},
			{"marks removed", "does not fit record " + strconv.Itoa(marks), func(x *taken) { x.leaves[marks][2] = nil }},
			{"a leaf removed", around(t, x, 30), func(x *taken) { x.leaves = slices.Delete(x.leaves, 30, 31) }},
			{"a leaf doubled", around(t, x, 31), func(x *taken) { x.leaves = slices.Insert(x.leaves, 31, x.leaves[30]) }},
			{"the last leaf removed", "Record " + strconv.Itoa(last) + " is missing", func(x *taken) { x.leaves = x.leaves[:last] }},
			{"a leaf added", "Record " + strconv.Itoa(last+1) + " stands after the last signature", func(x *taken) { x.leaves = append(x.leaves, x.leaves[0]) }},
			{"leaves swapped", around(t, x, 30), func(x *taken) { x.leaves[30], x.leaves[31] = x.leaves[31], x.leaves[30] }},
			{"a root altered", "Checkpoint 2: its signature does not fit", func(x *taken) {
				l := bytes.SplitN(x.checkpoints[1], []byte("\n"), 4)
				l[2][0] = another(l[2][0])
				x.checkpoints[1] = bytes.Join(l, []byte("\n"))
			}},
			{"a signature altered", "Checkpoint 1: its signature does not fit", func(x *taken) { b := x.checkpoints[0]; b[len(b)-20] = another(b[len(b)-20]) }},
			{"a checkpoint that is none", "Checkpoint 1: it is no signed note", func(x *taken) { x.checkpoints[0] = []byte("x") }},
			{"checkpoints swapped", "Checkpoint 2: it is out of order", func(x *taken) { x.checkpoints[0], x.checkpoints[1] = x.checkpoints[1], x.checkpoints[0] }},
			{"the last checkpoint removed", "stands after the last signature", func(x *taken) { x.checkpoints = x.checkpoints[:len(x.checkpoints)-1] }},
			{"no checkpoint", "There is not one valid signature", func(x *taken) { x.checkpoints = nil }},
			{"all emptied", "There is not one valid signature", func(x *taken) { x.checkpoints, x.leaves = nil, nil }},
			{"another key in the folder", "The vkey in the folder is not the key given", func(x *taken) { x.vkey = otherKey(t) }},
			{"rubbish for a key", "The vkey in the folder is no verifier key", func(x *taken) { x.vkey += "\n" }},
		} {
			x := takeApart(t, honest)
			a.harm(x)
			s.wants(t, a.name, 1, a.says, x.write(t), "--key", key)
		}
		cutFiles(t, s, honest, key)
		s.wants(t, "the wrong key", 1, "it has no signature of the key given", honest, "--key", otherKey(t))
		s.wants(t, "no key", 2, "There is no verifier key", honest)
	})
}

// cutFiles cuts each file anywhere, and takes it away.
func cutFiles(t *testing.T, s second, honest, key string) {
	t.Helper()
	for _, f := range []string{"vkey", "leaves", "checkpoints"} {
		dir := takeApart(t, honest).write(t)
		p := filepath.Join(dir, f)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, len(b) / 3, len(b) / 2, len(b) - 2} {
			if err := os.WriteFile(p, b[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			s.wants(t, f+" cut at "+strconv.Itoa(n), 1, "✗", dir, "--key", key)
		}
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		s.wants(t, f+" gone", 1, "the export is incomplete", dir, "--key", key)
	}
}

// around is what is said of an altered leaf: between which roots it lies.
func around(t *testing.T, x *taken, leaf int64) string {
	t.Helper()
	low := int64(0)
	for _, b := range x.checkpoints {
		n := sizeOf(t, b)
		if n > leaf {
			at := strconv.FormatInt(low, 10)
			if n-1 > low {
				at += " to " + strconv.FormatInt(n-1, 10)
			}
			return "at record " + at + " something was altered, added, removed or moved"
		}
		low = n
	}
	t.Fatal("no checkpoint above", leaf)
	return ""
}

// another is a letter of base64 that is not c.
func another(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

func otherKey(t *testing.T) string {
	t.Helper()
	_, v, err := note.GenerateKey(nil, "sekisho.test")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// An older export is what a rebuilt log cannot get round, even in the hands of
// who holds the key: the first record that differs is named.
func TestC59_AnOlderExportShowsRewrittenHistory(t *testing.T) {
	s := buildSecond(t)
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 30)
		older := export(t, w)
		busy(t, w, 30)
		newer := export(t, w)
		key := w.Ring.LogVerifier()
		n := len(takeApart(t, older).leaves)
		s.wants(t, "a prefix", 0, "All "+strconv.Itoa(n)+" records of the earlier export are there unchanged", newer, "--key", key, "--against", older)
		s.wants(t, "the same", 0, "are there unchanged", "--against", older, older, "--key", key)
		s.wants(t, "put back", 1, "Record "+strconv.Itoa(n)+" to ", older, "--key", key, "--against", newer)

		rebuilt := takeApart(t, newer)
		rebuilt.leaves[17][0] = bytes.Replace(rebuilt.leaves[17][0], []byte(`"via":"`), []byte(`"via":"x`), 1)
		rebuilt.resign(t, w.Ring.LogSigner())
		dir := rebuilt.write(t)
		s.wants(t, "signed anew: alone it cannot be seen", 0, "✓", dir, "--key", key)
		s.wants(t, "signed anew", 1, "Record 17 is not what the earlier export has", dir, "--key", key, "--against", older)

		without := takeApart(t, newer)
		without.leaves = append(slices.Delete(without.leaves, 9, 10), without.leaves[0])
		without.resign(t, w.Ring.LogSigner())
		s.wants(t, "a record less", 1, "Record 9 is not what the earlier export has", without.write(t), "--key", key, "--against", older)

		foreign := takeApart(t, newer)
		private, v, err := note.GenerateKey(nil, "sekisho.test")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(private)
		if err != nil {
			t.Fatal(err)
		}
		foreign.vkey = v
		foreign.resign(t, signer)
		s.wants(t, "with another key", 1, "one rebuilt with another key", foreign.write(t), "--key", key)

		harmed := takeApart(t, older)
		harmed.leaves[3][0][0] ^= 1
		s.wants(t, "the older one harmed", 1, "Record 3 is not what the earlier export has", newer, "--key", key, "--against", harmed.write(t))
	})
}
