package bundle_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/trade/bundle"
	"sekisho/internal/trade/invoice"
)

var (
	bg    = context.Background()
	alice = gatetest.Boss("alice")
)

const ownNumber = "T7000012050002"

type world struct {
	*gatetest.World
	t testing.TB
}

// each runs f on both engines, with partners of the codes C001 to n.
func each(t *testing.T, n int, f func(t *testing.T, w world)) {
	o := gatetest.Options{Request: approval.Keep,
		Modules: []gate.Module{jobs.Module, org.Module, party.Module, document.Module, approval.Module, invoice.Module, bundle.Module}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := world{g, t}
		run(w, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: jp.RegistrationNumber(ownNumber),
			PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, KeepYears: 7, Rounding: money.Floor}})
		for i := 1; i <= n; i++ {
			run(w, party.Create, party.CreateIn{Code: code(i), Name: company(i), Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}, Owner: "alice"})
		}
		f(t, w)
	})
}

func code(i int) string    { return fmt.Sprintf("C%03d", i) }
func company(i int) string { return fmt.Sprintf("株式会社第%03d製作所", i) }
func number(i int) string  { return fmt.Sprintf("INV-2026-%04d", i) }
func amount(i int) int     { return 10_000 + 11*i }

func run[In, Out any](w world, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	return gatetest.Must[Out](w.t)(gate.Run(bg, w.G, alice, u, in))
}

// wants runs an op that must end in a fault with that key.
func wants[In, Out any](w world, key string, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, alice, u, in)
	if f := fault.Of(err); f == nil || f.Key != key {
		w.t.Fatalf("want %s, got %v", key, err)
	}
}

// work runs jobs until none is due.
func (w world) work() {
	w.t.Helper()
	worker := &jobs.Worker{Gate: w.G, Parallel: 2, Log: slog.New(slog.DiscardHandler)}
	for range 100 {
		did, _, err := worker.Once(bg)
		if err != nil {
			w.t.Fatal(err)
		}
		if did == 0 {
			return
		}
	}
	w.t.Fatal("jobs do not end")
}

// sheet is the text of a page of invoice i as another program prints it.
func sheet(i, no, of int) string {
	lines := []string{fmt.Sprintf("得意先コード %s", code(i)), "請求番号　" + number(i)}
	if no == 1 {
		lines = append(lines, "請求書", company(i)+"　御中", "請求日：2026年10月31日", "登録番号 "+ownNumber,
			fmt.Sprintf("ご請求金額 ¥%s", money.Yen(amount(i))), "前回請求額 99,999円")
	} else {
		lines = append(lines, "明細の続き", fmt.Sprintf("商品%d-%d 3個", i, no))
	}
	if of > 1 {
		lines = append(lines, fmt.Sprintf("%d/%d", no, of))
	}
	return strings.Join(lines, "\n")
}

// paper makes a PDF of one text per page.
func paper(t testing.TB, texts ...string) []byte {
	t.Helper()
	d := pdf.New(pdf.Meta{Title: "請求書"})
	for _, s := range texts {
		p := d.AddPage()
		for i, line := range strings.Split(s, "\n") {
			p.Text(20*pdf.MM, (20+8*pdf.Length(i))*pdf.MM, line, pdf.Style{Size: pdf.Pt(10)})
		}
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(name string, b []byte) bundle.File { return bundle.File{Name: name, Content: b} }

// take uploads files and lets the jobs write them.
func (w world) take(in bundle.UploadIn) bundle.Shown {
	w.t.Helper()
	r := run(w, bundle.Upload, in)
	w.work()
	return run(w, bundle.Show, bundle.ByRun{Run: r.ID})
}

func (w world) items(id string, s bundle.ItemState) []bundle.Item {
	w.t.Helper()
	var out []bundle.Item
	for after := ""; ; {
		p := run(w, bundle.Items, bundle.ItemsIn{Run: id, State: s, After: after, Limit: 200})
		out = append(out, p.Rows...)
		if after = p.Next; after == "" {
			return out
		}
	}
}

func (w world) rest(id string) []bundle.RestRow {
	w.t.Helper()
	return run(w, bundle.Leftovers, bundle.LeftoversIn{Run: id, Limit: 200}).Rows
}
