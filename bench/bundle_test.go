//go:build bench

package bench

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/trade/bundle"
	"sekisho/internal/trade/invoice"
)

// bundleLimit is what a bundle of 300 pages may take from its upload until all
// of it is archived.
const bundleLimit = 20 * time.Second

func TestBundleOf300Pages(t *testing.T) {
	w := gatetest.Open(t, gatetest.Options{Request: approval.Keep,
		Modules: []gate.Module{jobs.Module, org.Module, party.Module, document.Module, approval.Module, invoice.Module, bundle.Module}}, "")
	boss, ctx := gatetest.Boss("boss"), context.Background()
	gatetest.Must[org.Shown](t)(gate.Run(ctx, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社",
		PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, KeepYears: 7, Rounding: money.Floor}}))
	d := pdf.New(pdf.Meta{Title: "10月"})
	var sum money.Yen
	for i := 1; i <= 300; i++ {
		name, amount := fmt.Sprintf("株式会社第%03d製作所", i), money.Yen(10_000+i)
		sum += amount
		if _, err := gate.Run(ctx, w.G, boss, party.Create, party.CreateIn{Code: fmt.Sprintf("C%03d", i), Name: name, Owner: "boss",
			Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}}); err != nil {
			t.Fatal(err)
		}
		p := d.AddPage()
		text := fmt.Sprintf("得意先コード C%03d\n請求番号 B-%04d\n%s 御中\n請求日 2026年10月31日\nご請求金額 ¥%s", i, i, name, amount)
		for n := range 30 {
			text += fmt.Sprintf("\n品目%d 数量 %d 単価 1,000 金額 %d,000", n, n+1, n+1)
		}
		for n, line := range strings.Split(text, "\n") {
			p.Text(20*pdf.MM, (15+7*pdf.Length(n))*pdf.MM, line, pdf.Style{Size: pdf.Pt(9)})
		}
	}
	raw, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	worker := &jobs.Worker{Gate: w.G, Parallel: 2, Log: slog.New(slog.DiscardHandler)}
	work := func() {
		for did := 1; did > 0; {
			if did, _, err = worker.Once(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	r := gatetest.Must[bundle.Run](t)(gate.Run(ctx, w.G, boss, bundle.Upload, bundle.UploadIn{Files: []bundle.File{{Name: "10月.pdf", Content: raw}}}))
	read := time.Since(began)
	work()
	ready := time.Since(began)
	gatetest.Must[bundle.Progress](t)(gate.Run(ctx, w.G, boss, bundle.Publish, bundle.PublishIn{Run: r.ID, Count: 300, Total: sum}))
	work()
	all := time.Since(began)
	if list := gatetest.Must[bundle.IssuedRows](t)(gate.Run(ctx, w.G, boss, bundle.Documents, bundle.ByRun{Run: r.ID})); len(list.Rows) != 300 {
		t.Fatal(len(list.Rows), "documents")
	}
	t.Logf("300 pages (%d KB): read %v, divided and compared %v, archived %v", len(raw)>>10, read, ready, all)
	if all > bundleLimit {
		t.Errorf("took %v, want at most %v", all, bundleLimit)
	}
}
