package backup

import (
	"testing"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// Having no copy elsewhere can be put off, for a while, with a name under it.
func TestPostponing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := gatetest.Boss("admin1")
		today := civil.Of(w.now())
		for _, days := range []int{-1, laterMost + 1} {
			_, err := gate.Run(bg, w.G, boss, Postpone, PostponeIn{Until: today.AddDays(days), Reason: "機器の到着を待つため"})
			if f := fault.Of(err); err == nil || f.Key != "backup.postpone_days" {
				t.Fatal(days, err)
			}
		}
		if _, err := gate.Run(bg, w.G, boss, Postpone, PostponeIn{Until: today}); err == nil {
			t.Fatal("put off without a reason")
		}
		for _, days := range []int{20, 10} {
			if _, err := gate.Run(bg, w.G, boss, Postpone, PostponeIn{Until: today.AddDays(days), Reason: "機器の到着を待つため"}); err != nil {
				t.Fatal(err)
			}
		}
		o, err := gate.Run(bg, w.G, boss, w.h.Status, struct{}{})
		if err != nil || !o.Postponed.Until.Equal(today.AddDays(21).Start()) || o.Postponed.By == "" || o.Postponed.Reason != "機器の到着を待つため" {
			t.Fatal(err, o.Postponed)
		}
	})
}
