package intake_test

import (
	"slices"
	"testing"
	"time"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/trade/intake"
)

const size = 100_000

// BenchmarkImport100k takes 100,000 partners with a contact and an address each
// over on SQLite, slice by slice, and prints how long one commit held the writer.
func BenchmarkImport100k(b *testing.B) {
	for range b.N {
		w := world{gatetest.Open(b, options, ""), b}
		content := file(size)
		step := func(name string, f func()) time.Duration {
			began := time.Now()
			f()
			d := time.Since(began)
			b.ReportMetric(d.Seconds(), name+"-s")
			return d
		}
		var id string
		var took []time.Duration
		step("upload", func() { id = w.upload(intake.Partners, content).ID })
		step("preview", func() { run(w, intake.PreviewOp, intake.PreviewIn{Run: id}) })
		step("start", func() { run(w, intake.Start, intake.StartIn{Run: id, Expect: intake.Expect{Rows: size}}) })
		step("plan", func() { run(w, intake.Plan, intake.ByRun{Run: id}) })
		step("slices", func() {
			for p := (intake.Progress{Total: 1}); p.Done < p.Total; {
				began := time.Now()
				var err error
				if p, err = gate.Run(bg, w.G, alice, intake.Slice, intake.SliceIn{Run: id, From: p.Done}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
		})
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds()*1000, "slice-p50-ms")
		b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "slice-p99-ms")
		b.ReportMetric(took[len(took)-1].Seconds()*1000, "slice-max-ms")
		b.ReportMetric(float64(len(took)), "slices")
		step("publish", func() { run(w, intake.Publish, intake.ByRun{Run: id}) })
	}
}
