package gate_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/witness"
)

// mirror makes a witness's folder and lets it look once.
func mirror(t *testing.T, w *gatetest.World, dir string) *witness.Mirror {
	t.Helper()
	m, err := witness.Open(dir, w.Ring.LogVerifier())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Grow(bg, w.G.Feed()); err != nil {
		t.Fatal(err)
	}
	if err := m.Look(w.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m
}

func against(t *testing.T, w *gatetest.World, dir string) gate.Report {
	t.Helper()
	m, err := witness.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.G.VerifyAgainst(bg, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The feed, a mirror of it, and a mirror of the mirror are the same files, and
// an honest house passes against each of them, also when it has grown since.
func TestC60_MirrorsAreAlikeAndHonestHousesPass(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 30)
		feed, first, second := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "new")
		mirror(t, w, feed)
		for _, hop := range [][2]string{{feed, first}, {first, second}} {
			p, err := witness.At(hop[0], "")
			if err != nil {
				t.Fatal(err)
			}
			m, err := witness.Open(hop[1], w.Ring.LogVerifier())
			if err != nil {
				t.Fatal(err)
			}
			if n, err := m.Grow(bg, p.From()); err != nil || n != m.Size() || n < 30 {
				t.Fatal(n, err)
			}
			m.Close()
		}
		for _, name := range []string{"hashes", "names", "checkpoint"} {
			var all [][]byte
			for _, d := range []string{feed, first, second} {
				b, err := os.ReadFile(filepath.Join(d, name))
				if err != nil || len(b) == 0 {
					t.Fatal(name, err)
				}
				all = append(all, b)
			}
			if !slices.Equal(all[0], all[1]) || !slices.Equal(all[1], all[2]) {
				t.Errorf("%s differs between mirrors", name)
			}
		}
		busy(t, w, 7)
		n := size(t, w)
		r := against(t, w, second)
		if len(r.Damages) != 0 || r.Witnessed == 0 || r.Witnessed >= n {
			t.Fatalf("%+v", r)
		}
	})
}

// What a house sees of its witnesses: late, alarmed, and ahead of a database
// that was put back.
func TestC60_TheHouseWatchesItsWitness(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		busy(t, w, 12)
		dir := t.TempDir()
		p, err := witness.At(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		want := func(key string) gate.Witness {
			t.Helper()
			got := w.G.Look(bg, p)
			if got.Key != key {
				t.Fatalf("%q, not %q: %+v", got.Key, key, got)
			}
			return got
		}
		want("witness.empty")
		m := mirror(t, w, dir)
		if got := want(""); got.Size != m.Size() || got.Waiting != 0 || got.SeenAt.IsZero() {
			t.Fatalf("%+v", got)
		}
		keepState(t, w, "old")
		w.Clock.Pass(5 * time.Minute)
		busy(t, w, 2)
		want("")
		w.Clock.Pass(6 * time.Minute)
		if got := want("witness.late"); got.Waiting < 6*time.Minute {
			t.Fatal(got.Waiting)
		}
		mirror(t, w, dir)
		want("")
		putBack(t, w, "old")
		want("witness.other_log")
		size(t, w)
		es := gatetest.Must[[]gate.Entry](t)(w.G.Entries(bg, 0, 1000))
		if last := es[len(es)-1].Record; last.Op != "audit.alarm" || last.Reason != "witness.other_log" {
			t.Fatalf("%+v", last)
		}
		if _, err := (mirrorOf(t, w, dir)).Grow(bg, w.G.Feed()); err == nil || err.Error() != "witness.shorter" {
			t.Fatal(err)
		}
	})
}

func mirrorOf(t *testing.T, w *gatetest.World, dir string) *witness.Mirror {
	t.Helper()
	m, err := witness.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// A month is closed by the first leaf of the next, under a checkpoint of its
// own; contents of a month that a record let go may be missing, and no others.
func TestC59_SegmentsCloseAndExpire(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		months := []string{"2026-11", "2026-12", "2027-02"}
		for i, pass := range []time.Duration{0, 20 * 24 * time.Hour, 60 * 24 * time.Hour, 31 * 24 * time.Hour} {
			w.Clock.Pass(pass)
			busy(t, w, 11+i)
		}
		r := verify(t, w)
		if len(r.Damages) != 0 || r.Segments != 3 {
			t.Fatalf("%+v", r)
		}
		segs := gatetest.Must[Segments](t)(gate.Run(bg, w.G, gatetest.Boss("b"), segments, Ask{}))
		next := int64(0)
		for i, s := range segs.List {
			if s.Month != months[i] || s.First != next || s.Size <= s.First || s.Expired {
				t.Fatalf("%d: %+v", i, s)
			}
			next = s.Size
		}
		if n := gatetest.Must[int64](t)(w.G.Expire(bg)); n != 0 {
			t.Fatal("nobody let anything go, but contents went:", n)
		}
		// Without a record, missing contents are damage.
		keepState(t, w, "whole")
		gate.Tamper(t, w.G, `UPDATE audit_log SET payload = $2 WHERE leaf = (SELECT MIN(leaf) FROM audit_log WHERE payload <> $2 AND leaf >= $1)`, segs.List[1].First, []byte{})
		if d := verify(t, w).Damages; len(d) != 1 || d[0].Key != "verify.payload" {
			t.Fatal(d)
		}
		putBack(t, w, "whole")

		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), expire, ByID{"2026-12"}))
		size(t, w)
		n := gatetest.Must[int64](t)(w.G.Expire(bg))
		if r := verify(t, w); n == 0 || len(r.Damages) != 0 {
			t.Fatalf("%d %+v", n, r)
		}
		es := gatetest.Must[[]gate.Entry](t)(w.G.Entries(bg, 0, 1000))
		for _, e := range es {
			in := e.Leaf >= segs.List[1].First && e.Leaf < segs.List[1].Size
			if e.Record.PayloadSHA != "" && (len(e.Payload) == 0) != in {
				t.Errorf("leaf %d of %+v: contents %d bytes", e.Leaf, segs.List[1], len(e.Payload))
			}
		}
		if code, out := buildSecond(t).run(t, "--key", w.Ring.LogVerifier(), export(t, w)); code != 0 {
			t.Error("the second implementation:", out)
		}
		gate.Tamper(t, w.G, `UPDATE audit_log SET payload = $2 WHERE leaf = (SELECT MIN(leaf) FROM audit_log WHERE payload <> $2 AND leaf >= $1)`, segs.List[2].First, []byte{})
		if d := verify(t, w).Damages; len(d) != 1 || d[0].Key != "verify.payload" {
			t.Fatal(d)
		}
		if code, out := buildSecond(t).run(t, "--key", w.Ring.LogVerifier(), export(t, w)); code != 1 {
			t.Error("the second implementation:", out)
		}
	})
}

// The table of months and the checkpoints that close them cannot be touched unseen.
func TestC59_SegmentsCannotBeForged(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		for range 4 {
			busy(t, w, 6)
			w.Clock.Pass(31 * 24 * time.Hour)
		}
		busy(t, w, 3)
		keepState(t, w, "whole")
		for name, a := range map[string]struct{ sql, want string }{
			"moved":        {`UPDATE audit_segment SET size = size + 1 WHERE month = '2026-12'`, "verify.segment"},
			"renamed":      {`UPDATE audit_segment SET month = '2020-01' WHERE month = '2026-12'`, "verify.segment"},
			"removed":      {`DELETE FROM audit_segment WHERE month = '2026-12'`, "verify.segment"},
			"the first":    {`DELETE FROM audit_segment WHERE month = '2026-11'`, "verify.segment"},
			"all":          {`DELETE FROM audit_segment`, "verify.segment"},
			"one more":     {`INSERT INTO audit_segment(month, first, size, at) VALUES ('2026-10', 0, 3, 0)`, "verify.segment"},
			"no signature": {`DELETE FROM audit_checkpoint WHERE size = (SELECT size FROM audit_segment WHERE month = '2026-12')`, "verify.segment_unsigned"},
			"other origin": {`UPDATE gate_meta SET value = $1 WHERE name = 'origin'`, "verify.meta"},
			"no ring":      {`DELETE FROM gate_meta WHERE name = 'ring'`, "verify.meta"},
		} {
			var args []any
			if name == "other origin" {
				args = append(args, []byte("other.example"))
			}
			gate.Tamper(t, w.G, a.sql, args...)
			if d := verify(t, w).Damages; len(d) == 0 || !slices.ContainsFunc(d, func(d gate.Damage) bool { return d.Key == a.want }) {
				t.Errorf("%s: %+v", name, d)
			}
			putBack(t, w, "whole")
		}
		if d := verify(t, w).Damages; len(d) != 0 {
			t.Fatal(d)
		}
	})
}

// Names are not signed: those that were altered on their way to the witness are told.
func TestC60_AlteredNamesAreTold(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 20)
		dir := t.TempDir()
		honest := w.G.Feed()
		lying := honest
		lying.Leaves = func(ctx context.Context, from, to, at int64, add func(witness.Leaf) error) error {
			n := from
			return honest.Leaves(ctx, from, to, at, func(l witness.Leaf) error {
				if n++; n == 12 {
					l.Marks = []byte("x")
				}
				return add(l)
			})
		}
		m, err := witness.Open(dir, w.Ring.LogVerifier())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Grow(bg, lying); err != nil {
			t.Fatal(err)
		}
		m.Close()
		if d := against(t, w, dir).Damages; len(d) != 1 || d[0].Key != "verify.witness_names" || d[0].Leaf != 11 {
			t.Fatal(d)
		}
	})
}
