package dispatch

import (
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/gate"
)

// What was put off while the clock was ten years ahead leaves when it is right
// again: what was tried in vain at once, what was held after its countdown, and
// the relay does not rest for ten years either.
func TestR14_TheClockWasTenYearsAhead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const wrong = 10 * 365 * 24 * time.Hour
		tried := w.good("T-1")
		w.hold(tried)
		w.trap.Break(trap.Fault{At: trap.AtMail, Act: trap.Reply, Code: 421})
		w.Clock.Pass(wrong)
		w.send()
		held := w.good("T-2")
		w.hold(held)
		w.trap.Break(trap.Fault{})
		w.Clock.Pass(-wrong)
		w.send()
		w.state(tried, Held)
		w.state(held, Held)
		out, err := gate.Run(bg, w.G, server, Recover, RecoverIn{})
		if err != nil || out.Returned < 2 {
			t.Fatal(out, err)
		}
		if _, _, err := w.worker.Once(bg); err != nil {
			t.Fatal(err)
		}
		w.state(tried, Handed)
		if left := w.show(held).HeldUntil.Sub(w.Clock.Now()); left <= 0 || left > DefaultHold {
			t.Fatal("the countdown did not begin anew", left)
		}
		w.send()
		w.state(held, Handed)
	})
}
