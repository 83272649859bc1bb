//go:build torture

package torture

import (
	"testing"
	"time"
)

// TestRelayDown takes the relay away for an hour: all that fell due meanwhile is
// sent when it is back, each once.
func TestRelayDown(t *testing.T) {
	inside(t, func(h *house) {
		k := newBook()
		w := h.worker()
		h.sink.close()
		n := setting("RELAY", 20)
		began := h.clock.Now()
		for range n / 2 {
			h.held(k, h.rendered(k))
		}
		for minute := 0; h.clock.Now().Sub(began) < time.Hour; minute++ {
			if minute%6 == 0 && len(k.parcels) < n {
				h.held(k, h.rendered(k))
			}
			h.pass(w)
			h.clock.Pass(time.Minute)
		}
		h.sink.open()
		back := h.clock.Now()
		left := func() (n int) {
			for _, p := range k.parcels {
				if h.parcel(p.id).State != "handed_over" {
					n++
				}
			}
			return n
		}
		for left() > 0 && h.clock.Now().Sub(back) < 3*time.Hour {
			h.pass(w)
			h.clock.Pass(time.Minute)
		}
		want(t, left() == 0, "relay", h.engine, "down for an hour: sent after its return", "all", "%d of %d, the last %v after",
			len(k.parcels)-left(), len(k.parcels), h.clock.Now().Sub(back).Round(time.Minute))
		h.sightOf(k, "relay")
	})
}
