package dispatch

import (
	"fmt"
	"strings"
	"testing"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/trade/invoice/sheet"
)

// BenchmarkCheck is one dispatch.check of a mail without attachment against
// 10,000 partners: with the register in memory, and after a change of it.
func BenchmarkCheck(b *testing.B) {
	d, err := New(Settings{From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		b.Fatal(err)
	}
	w := gatetest.Open(b, options(d), "")
	run := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err = gate.Run(bg, w.G, sender, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, Rounding: "floor"}})
	run(err)
	var p party.Party
	create := func(n int) {
		p, err = gate.Run(bg, w.G, sender, party.Create, party.CreateIn{Code: fmt.Sprintf("C%06d", n), Name: fmt.Sprintf("株式会社%c%c商事%d", rune('東'+n%97), rune('山'+n%89), n),
			Phone: fmt.Sprintf("03-%04d-%04d", 1000+n/10000, n%10000), Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNext}})
		run(err)
	}
	for n := range 10_000 {
		create(n)
	}
	s, err := gate.Run(bg, w.G, sender, d.Prepare, PrepareIn{Party: p.ID, Recipients: []Proposal{{To, "a@example.com"}}, Subject: "ご連絡", Body: "いつもお世話になっております。", Purpose: ForNotice})
	run(err)
	_, err = gate.Run(bg, w.G, sender, d.Check, ByID{s.ID})
	run(err)
	b.Run("in memory", func(b *testing.B) {
		for b.Loop() {
			_, err := gate.Run(bg, w.G, sender, d.Check, ByID{s.ID})
			run(err)
		}
	})
	b.Run("after a change", func(b *testing.B) {
		for n := 20_000; b.Loop(); n++ {
			create(n)
			_, err := gate.Run(bg, w.G, sender, d.Check, ByID{s.ID})
			run(err)
		}
	})
}

// BenchmarkThreeFiles is what a check costs with an invoice of 40 lines, a
// delivery note and a list of 200 rows, against 3,000 partners: reading and
// scanning, and then the judgement with all that is looked up for it.
func BenchmarkThreeFiles(b *testing.B) {
	d, err := New(Settings{From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		b.Fatal(err)
	}
	w := gatetest.Open(b, options(d), "")
	run := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err = gate.Run(bg, w.G, sender, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, Rounding: "floor"}})
	run(err)
	var p party.Party
	for n := range 3_000 {
		p, err = gate.Run(bg, w.G, sender, party.Create, party.CreateIn{Code: fmt.Sprintf("C%06d", n), Name: fmt.Sprintf("株式会社%c%c商事%d", rune('東'+n%97), rune('山'+n%89), n),
			Phone: fmt.Sprintf("03-%04d-%04d", 1000+n/10000, n%10000), Address: fmt.Sprintf("東京都港区芝浦%d-1", n), Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNext}})
		run(err)
	}
	last := p
	p, err = gate.Run(bg, w.G, sender, party.Create, party.CreateIn{Code: "D000001", Name: "株式会社東北機械製作所", Address: "東京都港区芝浦9-1", Terms: last.Terms})
	run(err)
	s := sheet.Snapshot{Layout: sheet.Layout, DocumentID: "x", Number: "INV-2026-0001", IssuedOn: "2026-11-20", DueOn: "2026-12-31", Partner: sheet.Partner{Name: p.Name, Honorific: "御中", Address: []string{p.Address}},
		Issuer: sheet.Issuer{Name: "北斗サプライ株式会社", Address: []string{"札幌市"}}, Total: 11000}
	var list strings.Builder
	for i := range 40 {
		s.Lines = append(s.Lines, sheet.Line{Date: "2026-11-20", Slip: fmt.Sprintf("D-%07d", i), Description: "業務用洗剤（大）詰替え用", Quantity: "3", Unit: "箱", UnitPrice: "1,280", Rate: "10%", Amount: 3840})
	}
	for i := range 200 {
		fmt.Fprintf(&list, "%d,2026/11/%02d,業務用洗剤,%d,D-%07d\n", i, 1+i%28, i, i)
	}
	pdf, err := sheet.Render(s)
	run(err)
	var docs []string
	for i, f := range []struct {
		name string
		raw  []byte
	}{{"請求書INV-2026-0001.pdf", pdf}, {"納品書.pdf", page(b, strings.Split(strings.Repeat("品名 ボルト M8×20 数量 12\n", 30), "\n")...)}, {"納品明細.csv", []byte(list.String())}} {
		digest, err := w.Blobs.Put(bg, f.raw)
		run(err)
		doc, err := gate.Run(bg, w.G, sender, plant, plantIn{What: "invoice", Doc: plantDoc{p.ID, fmt.Sprintf("INV-2026-%04d", i+1), 11000, f.name, "application/pdf", digest.String(), int64(len(f.raw))}})
		run(err)
		docs = append(docs, doc.ID)
	}
	sent, err := gate.Run(bg, w.G, sender, d.Prepare, PrepareIn{Party: p.ID, Recipients: []Proposal{{To, "a@example.com"}}, Subject: "ご請求書の送付", Body: p.Name + " 御中\nいつもお世話になっております。\n請求書を添付します。", Documents: docs, Purpose: ForInvoice})
	run(err)
	_, err = gate.Run(bg, w.G, sender, d.Check, ByID{sent.ID})
	run(err)
	b.Run("the whole op", func(b *testing.B) {
		for b.Loop() {
			_, err := gate.Run(bg, w.G, sender, d.Check, ByID{sent.ID})
			run(err)
		}
	})
	b.Run("preview, which writes nothing", func(b *testing.B) {
		for b.Loop() {
			_, err := gate.Run(bg, w.G, sender, d.Preview, PreviewIn{ID: sent.ID})
			run(err)
		}
	})
	out, err := gate.Run(bg, w.G, sender, Show, ByID{sent.ID})
	run(err)
	var texts []string
	b.Run("reading the files", func(b *testing.B) {
		for b.Loop() {
			texts = nil
			for _, f := range out.Attachments {
				c, err := readFile(bg, w.Blobs, f)
				run(err)
				texts = append(texts, c.text)
			}
		}
	})
	b.Run("scanning them", func(b *testing.B) {
		for b.Loop() {
			for _, t := range texts {
				d.snapshots.last.ScanFile(t, p.ID)
			}
		}
	})
}
