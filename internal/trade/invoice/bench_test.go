package invoice_test

import (
	"fmt"
	"testing"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/trade/invoice"
)

// BenchmarkIssueRender issues invoices of ten lines, renders and archives them
// on SQLite; bare/op is the rendering alone. Writing the drafts is not counted.
//
//	go test -run '^$' -bench IssueRender -benchtime 200x ./internal/trade/invoice/
func BenchmarkIssueRender(b *testing.B) {
	w := open(b, "")
	d := w.draft("p1")
	for i := range 7 {
		l := d.Lines[i%3]
		l.Slip = fmt.Sprintf("D-%07d", 40_300+i)
		d.Lines = append(d.Lines, l)
	}
	drafts := make([]invoice.Shown, b.N)
	for i := range drafts {
		drafts[i] = run(w, boss, invoice.Create, d)
	}
	b.ResetTimer()
	for _, s := range drafts {
		run(w, boss, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: s.Version})
	}
	issued := b.Elapsed()
	k := jobs.Worker{Gate: w.G, Parallel: 2}
	for n := 1; n > 0; {
		var err error
		if n, _, err = k.Once(bg); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	for _, s := range drafts {
		got, err := gate.Run(bg, w.G, boss, invoice.Show, invoice.ByID{ID: s.ID})
		if err != nil || got.State != invoice.Ready {
			b.Fatal(got.State, err)
		}
	}
	const renders = 20
	bare := run(w, boss, invoice.BareRender, invoice.Repeat{ID: drafts[0].ID, Times: renders})
	b.ReportMetric(float64(issued.Microseconds())/1000/float64(b.N), "issue-ms/op")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "whole-ms/op")
	b.ReportMetric(float64(bare.Micros)/1000/renders, "bare-ms/op")
}
