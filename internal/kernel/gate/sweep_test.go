package gate_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// A round beside people at work finds nothing, whole or in parts.
func TestC83_ASweepBesidePeopleAtWorkIsQuiet(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		var ids []string
		for i := range 700 { // more than a page
			ids = append(ids, gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "o", Name: "n", Yen: int64(100 + i)})).ID)
		}
		size(t, w)
		var wg sync.WaitGroup
		var stop atomic.Bool
		for n := range 3 {
			wg.Go(func() {
				for i := n; !stop.Load(); i += 3 {
					_, _ = gate.Run(bg, w.G, boss, raise, Raise{ID: ids[i%len(ids)], By: 1, Reason: "値上げのため"})
					_, _ = gate.Run(bg, w.G, boss, put, Put{Owner: "o", Name: "n", Yen: 5})
					time.Sleep(10 * time.Millisecond) // people, not a flood that no round of 200 rows a part catches up with
				}
			})
		}
		for range 4 {
			if s := gatetest.Must[gate.Sweep](t)(w.G.Sweep(bg, 0.9)); len(s.Damages) != 0 || s.Rows < 700 || s.Leaves < 700 || s.Ended.Before(s.Began) {
				t.Errorf("%+v", s)
			}
		}
		s := gatetest.Must[gate.Sweep](t)(gate.SweepInParts(w.G, 200))
		stop.Store(true)
		wg.Wait()
		if len(s.Damages) != 0 || s.Rows < 700 || gate.PartsNeeded(w.G) < 4 {
			t.Errorf("%d parts: %+v", gate.PartsNeeded(w.G), s)
		}
	})
}

// Every damage of rows and log is found by a round, once, in parts too, and is
// an alarm with a record.
func TestC83_ASweepFindsDamageAndRaisesAnAlarm(t *testing.T) {
	eachLog(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		busy(t, w, 60)
		keepState(t, w, "whole")
		ids := gate.Peek(t, w.G, `SELECT id FROM card ORDER BY id`)
		var told []string
		for i, a := range []struct{ sql, want string }{
			{`UPDATE card SET yen = yen + 1 WHERE id = $1`, "verify.row_altered"},
			{`DELETE FROM card WHERE id = $1`, "verify.row_removed"},
			{`UPDATE audit_log SET person = 'x' WHERE id = (SELECT record FROM card WHERE id = $1)`, "verify.leaf_altered"},
			{`DELETE FROM audit_log WHERE id = (SELECT record FROM card WHERE id = $1)`, "verify.leaf_missing"},
			{`DELETE FROM audit_tile WHERE level = 0 AND $1 <> ''`, "verify.tile"},
			{`DELETE FROM audit_checkpoint WHERE size > 20 AND $1 <> ''`, "verify.log_cut"},
		} {
			if gate.Tamper(t, w.G, a.sql, ids[7*i]) == 0 {
				t.Fatal(a.sql)
			}
			for name, most := range map[string]int{"whole": 1000, "parts": 30} {
				s := gatetest.Must[gate.Sweep](t)(gate.SweepInParts(w.G, most))
				n := 0
				for at, d := range s.Damages {
					if slices.Index(s.Damages, d) != at {
						t.Errorf("told twice: %+v", d)
					}
					if d.Key == a.want && (d.Table == "" || d.ID == ids[7*i]) {
						n++
					}
				}
				if n == 0 {
					t.Errorf("%s, %s: not found: %+v", a.want, name, s.Damages)
				}
			}
			told = append(told, pendingAlarms(t, w)...)
			putBack(t, w, "whole")
		}
		if s := gatetest.Must[gate.Sweep](t)(w.G.Sweep(bg, 1)); len(s.Damages) != 0 {
			t.Fatalf("%+v", s)
		}
		for _, want := range []string{"verify.row_altered card " + ids[0], "verify.row_removed card " + ids[7], "verify.log_cut log "} {
			if n := len(slices.DeleteFunc(slices.Clone(told), func(s string) bool { return s != want })); n != 1 {
				t.Errorf("%q was told %d times: %q", want, n, told)
			}
		}
	})
}

// A round takes no more than its share of the processor, and ends when told to.
func TestC83_ASweepIsGentle(t *testing.T) {
	w := gatetest.Open(t, gatetest.Options{Modules: []gate.Module{module, recordModule}, Matrix: matrix}, "")
	for i := range 1200 {
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: fmt.Sprint("n", i), Yen: int64(100 + i)}))
	}
	size(t, w)
	w.G.PauseSealing()
	began, used := time.Now(), cpu(t)
	if s := gatetest.Must[gate.Sweep](t)(w.G.Sweep(bg, 0.05)); len(s.Damages) != 0 || s.Rows != 1200 {
		t.Fatalf("%+v", s)
	}
	share := float64(cpu(t)-used) / float64(time.Since(began))
	t.Logf("1,200 rows and as many records: %v, %.1f %% of a processor", time.Since(began).Round(time.Millisecond), 100*share)
	if share > 0.15 { // three times what it may, for what else this process does
		t.Errorf("%.1f %% of a processor", 100*share)
	}
	ctx, stop := context.WithTimeout(bg, 50*time.Millisecond)
	defer stop()
	began = time.Now()
	if _, err := w.G.Sweep(ctx, 0.0001); err == nil || time.Since(began) > 2*time.Second {
		t.Error("it did not end", time.Since(began), err)
	}
}

// pendingAlarms are alarms recorded and not sealed yet.
func pendingAlarms(t *testing.T, w *gatetest.World) (out []string) {
	t.Helper()
	for _, b := range gate.Waiting(t, w.G) {
		r := gatetest.Must[audit.Record](t)(audit.Parse(b))
		if r.Op == "audit.alarm" {
			out = append(out, r.Reason+" "+r.Kind+" "+r.Target)
		}
	}
	return out
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
