package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

func dsn(t *testing.T, engine string) string {
	if engine == "postgres" {
		return pgtest.DSN(t)
	}
	return ""
}

func (w *world) status() Overview {
	w.t.Helper()
	return gatetest.Must[Overview](w.t)(gate.Run(bg, w.G, gatetest.Boss("auditor"), w.h.Status, struct{}{}))
}

// files are all files below a folder with their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		out[strings.TrimPrefix(p, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// IR-29, CM-05: each run adds a generation at both places, read back; nothing
// that was there is changed; the archive's files go once.
func TestIR29_RunsAddAndNeverOverwrite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.run()
		before := files(t, w.k.Remote)
		if first.Copies[0].NewBlobs != 3 || first.Run.Blobs != 3 || first.Run.Recipients == "" || first.Run.Digest == "" || first.Run.LogSize == 0 {
			t.Fatalf("%+v", first)
		}
		w.business(2)
		w.pass(24 * time.Hour)
		second := w.run()
		if second.Copies[1].NewBlobs != 2 || second.Run.Blobs != 5 || second.Run.Generation <= first.Run.Generation {
			t.Fatalf("%+v", second)
		}
		after := files(t, w.k.Remote)
		for name, was := range before {
			if after[name] != was {
				t.Errorf("%s was changed", name)
			}
		}
		for _, o := range []Outcome{first, second} {
			m, err := w.source(o).Check(w.ids, w.Ring)
			if err != nil || m.Generation != o.Run.Generation || m.Dump.Rows != o.Run.Rows || !strings.Contains(string(m.Config), "sekisho.test") {
				t.Fatalf("%+v %v", m, err)
			}
			if bad, err := w.source(o).CheckFiles(bg, m, w.Ring); err != nil || len(bad) > 0 {
				t.Fatal(bad, err)
			}
		}
		s, err := Find(w.k.Remote)
		if err != nil || filepath.Base(s.Path) != second.Run.Generation {
			t.Fatal("not the newest", s, err)
		}
		st := w.status()
		if st.Problem != "" || len(st.Places) != 2 || st.Places[1].Generations != 2 || st.Rule.Recipients != 2 || st.Last.ID != second.Run.ID {
			t.Fatalf("%+v", st)
		}
		l := gatetest.Must[Runs](t)(gate.Run(bg, w.G, gatetest.Boss("auditor"), List, Page{}))
		if len(l.Runs) != 2 || len(l.Copies) != 4 || l.Runs[0].ID != second.Run.ID {
			t.Fatalf("%+v", l)
		}
	})
}

// CM-14: what lies at a target tells nothing: no text of the house, no key.
func TestCM14_ACopyAloneIsUnreadable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.run()
		for name, b := range files(t, w.k.Remote) {
			for _, plain := range []string{"営業部", "archived file", "sekisho.test", "origin", "audit_log", string(w.Ring.DBKey())} {
				if strings.Contains(b, plain) {
					t.Errorf("%s holds %q", name, plain)
				}
			}
		}
	})
}

// CM-05: a target that is away is seen at once, the other has its copy, and age
// and alarm tell.
func TestCM05_ABrokenTargetIsSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.run()
		aside := w.k.Remote + ".aside"
		if err := os.Rename(w.k.Remote, aside); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		o, err := w.k.Run(bg, "schedule")
		if err != nil || o.Run.State != Partial || o.Run.Reason != "backup.target_missing" || !o.Copies[0].Good || o.Copies[1].Good {
			t.Fatalf("%+v %v", o, err)
		}
		if _, err := os.Stat(w.k.Remote); err == nil {
			t.Fatal("the folder of a share was made")
		}
		if !slices.Contains(w.alarms, "backup.target_missing") {
			t.Fatal("no alarm", w.alarms)
		}
		if st := w.status(); st.Problem != "backup.target_missing" || st.Places[0].Problem != "" || st.Places[1].Problem != "backup.target_missing" {
			t.Fatalf("%+v", st)
		}
		if err := os.Rename(aside, w.k.Remote); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		w.run()
		w.ahead.Store(0)
		if st := w.status(); st.Problem != "" {
			t.Fatalf("%+v", st)
		}
		w.pass(47 * time.Hour)
		if st := w.status(); st.Problem != "" || st.Places[1].AgeSeconds < 46*3600 {
			t.Fatalf("%+v", st)
		}
		w.pass(2 * time.Hour)
		if st := w.status(); st.Problem != "backup.late" || st.Places[0].Problem != "backup.late" {
			t.Fatalf("%+v", st)
		}
	})
}

// IR-32, R-32: a copy that somebody deleted is missed.
func TestR32_ADeletedCopyIsMissed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.run()
		if err := os.Remove(filepath.Join(w.k.Remote, folder, o.Run.Generation)); err != nil {
			t.Fatal(err)
		}
		st := w.status()
		if st.Problem != "backup.copy_missing" || !slices.Equal(st.Places[1].Missing, []string{o.Run.Generation}) || st.Places[0].Problem != "" {
			t.Fatalf("%+v", st)
		}
	})
}

// A run that ends anywhere leaves no half generation, and the next one works.
func TestAHalfGenerationIsNone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		whole := w.run()
		size := whole.Run.Size
		for i := range 12 {
			w.business(1)
			ctx, cancel := context.WithCancel(bg)
			// Stopped after so many bytes, as by a signal.
			stop := size * int64(i) / 12
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ctx.Err() == nil {
					list, _ := filepath.Glob(filepath.Join(w.k.Local, folder, "*"+partial))
					for _, p := range list {
						if st, err := os.Stat(p); err == nil && st.Size() >= stop {
							cancel()
						}
					}
				}
			}()
			o, err := w.k.Run(ctx, "schedule")
			cancel()
			<-done
			list, e := Target{Dir: w.k.Local}.Generations()
			if e != nil {
				t.Fatal(e)
			}
			for _, g := range list {
				s := Source{filepath.Join(w.k.Local, folder, g.Name), filepath.Join(w.k.Local, blobFolder)}
				if _, err := s.Check(w.ids, w.Ring); err != nil {
					t.Fatal("a half generation has a name", g.Name, err)
				}
			}
			if err == nil && o.Run.State == Failed {
				if left, _ := filepath.Glob(filepath.Join(w.k.Local, folder, o.Run.Generation+"*")); len(left) > 0 {
					t.Fatal("left behind", left)
				}
			}
			w.pass(time.Hour)
		}
		w.run()
		// What a killed one left is no generation, and goes after a day.
		dead := filepath.Join(w.k.Local, folder, Name(w.now(), strings.Repeat("z", 26)))
		for _, f := range []string{dead + partial, dead, dead + suffixNames} {
			if err := os.WriteFile(f, []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			old := time.Now().Add(-400 * 24 * time.Hour)
			if err := os.Chtimes(f, old, old); err != nil {
				t.Fatal(err)
			}
		}
		if list, _ := (Target{Dir: w.k.Local}).Generations(); slices.ContainsFunc(list, func(g Generation) bool { return g.Name == filepath.Base(dead) }) {
			t.Fatal("a file without its sum counts")
		}
		w.pass(time.Hour)
		w.run()
		if left, _ := filepath.Glob(dead + "*"); len(left) > 0 {
			t.Fatal("left for ever", left)
		}
	})
}

// A run that was left open is seen as failed by the next.
func TestAnInterruptedRunIsSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		begun := gatetest.Must[RunOut](t)(gate.Run(bg, w.G, server, RunOp, RunIn{By: "schedule", Recipients: "x"}))
		w.run()
		l := gatetest.Must[Runs](t)(gate.Run(bg, w.G, server, List, Page{}))
		if len(l.Runs) != 2 || l.Runs[1].ID != begun.ID || l.Runs[1].State != Failed || l.Runs[1].Reason != "backup.interrupted" {
			t.Fatalf("%+v", l.Runs)
		}
		_, err := gate.Run(bg, w.G, server, FinishOp, FinishIn{ID: begun.ID})
		wants(t, err, fault.KindRefused, "backup.not_running")
		unlock, err := w.k.lock()
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		_, err = w.k.Run(bg, "command")
		wants(t, err, fault.KindRefused, "backup.busy")
	})
}

// The rule prunes here and not there; the archive's files go with the last
// generation that needs them.
func TestPruning(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.k.Keep = Keep{1, 1, 1}
	digest := gatetest.Must[blob.Digest](t)(w.Blobs.Put(bg, []byte("to be erased")))
	first := w.run()
	// It arrived two months ago, by the targets' clock.
	for _, dir := range []string{w.k.Local, w.k.Remote} {
		list, _ := filepath.Glob(filepath.Join(dir, folder, first.Run.Generation+"*"))
		for _, p := range list {
			old := time.Now().AddDate(0, -2, 0)
			if err := os.Chtimes(p, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Blobs.Delete(bg, digest); err != nil {
		t.Fatal(err)
	}
	w.pass(24 * time.Hour)
	second := w.run()
	if !slices.Equal(second.Copies[0].Pruned, []string{first.Run.Generation}) || len(second.Copies[1].Pruned) != 0 {
		t.Fatalf("%+v", second.Copies)
	}
	local, remote := gatetest.Must[[]blob.File](t)(blob.List(bg, filepath.Join(w.k.Local, blobFolder))), gatetest.Must[[]blob.File](t)(blob.List(bg, filepath.Join(w.k.Remote, blobFolder)))
	if len(local) != 3 || len(remote) != 4 {
		t.Fatal("files", len(local), len(remote))
	}
	if m, err := w.source(second).Check(w.ids, w.Ring); err != nil {
		t.Fatal(err)
	} else if bad, _ := w.source(second).CheckFiles(bg, m, w.Ring); len(bad) > 0 {
		t.Fatal("pruning took what is needed", bad)
	}
	if st := w.status(); st.Problem != "" || st.Places[0].Generations != 1 || st.Places[1].Generations != 2 {
		t.Fatalf("%+v", st)
	}
}

// Where nothing can be renamed or removed, nothing is: files appear under their
// own names, and a half one has no sum.
func TestAppendOnlyTarget(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.k.AppendOnly = true
	o := w.run()
	s := Source{filepath.Join(w.k.Remote, folder, o.Run.Generation), filepath.Join(w.k.Remote, blobFolder)}
	m, err := s.Check(w.ids, w.Ring)
	if err != nil {
		t.Fatal(err)
	}
	if bad, _ := s.CheckFiles(bg, m, w.Ring); len(bad) > 0 {
		t.Fatal(bad)
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := w.k.Run(ctx, "command"); err == nil {
		t.Fatal("ran without time")
	}
	// A file cut by a crash cannot be mended there, and is told.
	list := gatetest.Must[[]blob.File](t)(blob.List(bg, s.Blobs))
	cut := filepath.Join(s.Blobs, blob.Path(list[0].Name))
	if err := os.Truncate(cut, 10); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	o, err = w.k.Run(bg, "command")
	if err != nil || o.Run.State != Partial || o.Run.Reason != "backup.copy_damaged" {
		t.Fatalf("%+v %v", o, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.k.Remote, folder, "*"+partial)); len(left) > 0 {
		t.Fatal(left)
	}
	if n := len(gatetest.Must[[]Generation](t)(Target{Dir: w.k.Remote}.Generations())); n != 1 {
		t.Fatal("a half generation counts", n)
	}
}

// A full disk is said as such, and before anything is written where it can be seen
// coming.
func TestAFullDiskIsSaid(t *testing.T) {
	w := newWorld(t, "sqlite")
	p := &place{Target: w.k.Targets()[1]}
	wants(t, p.room(1<<60), fault.KindUnavailable, "backup.full")
	wants(t, (&place{Target: Target{Dir: w.k.Remote}}).fail(&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), fault.KindUnavailable, "backup.full")
	wants(t, (&place{Target: Target{Dir: w.k.Remote}}).fail(&fs.PathError{Op: "write", Path: "x", Err: syscall.EROFS}), fault.KindUnavailable, "backup.cannot_write")
	if err := (&place{Target: w.k.Targets()[1]}).room(1000); err != nil {
		t.Fatal(err)
	}
}

// Files of the archive that were damaged already are told, and copied as they are.
func TestDamagedFilesAreTold(t *testing.T) {
	w := newWorld(t, "sqlite")
	list := gatetest.Must[[]blob.File](t)(w.Blobs.Files(bg))
	path := filepath.Join(w.Dir, "blobs", blob.Path(list[0].Name))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := w.k.Run(bg, "command")
	if err != nil || o.Run.State != Good || o.Run.Damaged != 1 || o.Run.Reason != "backup.blobs_damaged" || !slices.Contains(w.alarms, "backup.blobs_damaged") {
		t.Fatalf("%+v %v", o, err)
	}
	m, err := w.source(o).Check(w.ids, w.Ring)
	if err != nil {
		t.Fatal(err)
	}
	if bad, _ := w.source(o).CheckFiles(bg, m, w.Ring); len(bad) != 1 || bad[0] != list[0].Name {
		t.Fatal(bad)
	}
}

func TestRecipients(t *testing.T) {
	w := newWorld(t, "sqlite")
	for text, key := range map[string]string{
		"":                          "backup.no_recipients",
		"# nobody\n":                "backup.no_recipients",
		"age1nonsense\n":            "backup.recipients",
		"AGE-SECRET-KEY-PQ-1QQQQ\n": "backup.private_key",
		"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n" + firstLine(t, w.k.Recipients): "backup.recipients", // old and new kinds
	} {
		k := *w.k
		k.Recipients = filepath.Join(t.TempDir(), "r.txt")
		if err := os.WriteFile(k.Recipients, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := k.Run(bg, "command")
		if fault.Of(err) == nil || fault.Of(err).Key != key {
			t.Errorf("%q: %v, want %s", text, err, key)
		}
	}
	if _, err := LoadIdentities([]string{w.k.Recipients}); fault.Of(err).Key != "backup.identity" || errors.Unwrap(err) != nil {
		t.Error(err)
	}
	if n := len(w.status().Places); n != 2 {
		t.Error(n)
	}
}

func firstLine(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")[1]
}
