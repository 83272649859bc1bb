package dispatch

import (
	"slices"
	"testing"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// What a check found can be looked at again; the ticks only by whoever checked,
// and only while they are good.
func TestSM28_TheLastCheckIsShownAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		s := w.good("INV-0002")
		if got := must(w, CheckedOp, ByID{s.ID}); got.State != Prepared || got.Person != "" || len(got.Findings) != 0 || len(got.Ticks) != 0 {
			t.Fatalf("not checked yet: %+v", got)
		}
		c := w.check(s)
		got := must(w, CheckedOp, ByID{s.ID})
		if got.Digest != c.Digest || got.Friction != Quiet || got.Rules != "v1" || len(got.Findings) != len(c.Findings) || !slices.Equal(got.Ticks, c.Ticks) ||
			!slices.Contains(got.Applied, RuleHold) || got.Person == "" {
			t.Fatalf("%+v", got)
		}
		other, err := gate.Run(bg, w.G, gatetest.Boss("third"), CheckedOp, ByID{s.ID})
		if err != nil || len(other.Ticks) != 0 || len(other.Findings) != len(c.Findings) {
			t.Fatalf("another person: %v %+v", err, other)
		}
		if err := w.release(sender, s, c, all(got.CheckOut)...); err != nil {
			t.Fatal("ticks shown again do not count: ", err)
		}
		if got := must(w, CheckedOp, ByID{s.ID}); len(got.Ticks) != 0 || got.State != Held {
			t.Fatalf("used ticks: %+v", got)
		}
		late := w.good("INV-0003")
		w.check(late)
		w.Clock.Pass(Rules{}.TickLife())
		if got := must(w, CheckedOp, ByID{late.ID}); len(got.Ticks) != 0 {
			t.Fatal("ticks that are over")
		}
		bad := w.prepare(func(in *PrepareIn) { in.Recipients[0].Address = "keiri@tohoku-kikei.co.jp" })
		w.check(bad)
		stopped := must(w, CheckedOp, ByID{bad.ID})
		if i := slices.IndexFunc(stopped.Findings, func(f Finding) bool { return f.Level == Halt && len(f.Steps) > 0 }); stopped.State != Stopped || i < 0 {
			t.Fatalf("%+v", stopped)
		}
	})
}

// Whoever works with sendings sees whether all of it is stopped, and why.
func TestTheEmergencyStopIsSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if got := must(w, RunningOp, struct{}{}); got.Stopped || !got.At.IsZero() {
			t.Fatalf("%+v", got)
		}
		must(w, StopAll, StopIn{"誤送信の疑いがあるため"})
		if got := must(w, RunningOp, struct{}{}); !got.Stopped || got.Reason == "" || got.Person == "" {
			t.Fatalf("%+v", got)
		}
	})
}
