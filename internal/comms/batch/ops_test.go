package batch_test

import (
	"testing"
	"time"

	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

func TestSM38_HundredWithThreeMismatches(t *testing.T) {
	each(t, 97, func(t *testing.T, w *world) {
		for n := 97; n < 100; n++ { // the paper inside names another partner
			p := w.partner(n)
			w.parts[n] = p
		}
		b := w.rehearsed()
		if b.Planned != 100 || b.Ready != 100 {
			items := must(w, batch.Items, batch.ItemsIn{ID: b.ID, Which: "aside"})
			t.Fatalf("%+v %+v", b.Batch, items.Rows)
		}
	})
}

var _ = time.Now
var _ = dispatch.To
var _ = fault.KindRefused
var _ = gate.Read
