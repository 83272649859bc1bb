package invoice_test

import (
	"testing"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

// What is overdue is the sum of the overdue ages, whatever was paid, corrected or
// cannot be seen.
func TestOverdueAgreesWithTheAges(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		first, second := w.issued("p1"), w.issued("p1")
		w.issued("p2") // due on 2026-12-31, 39,487 yen each
		run(w, boss, invoice.Create, w.draft("p1"))
		see := func(c gate.Credential) invoice.Figures { return run(w, c, invoice.Summary, struct{}{}) }
		f := see(boss)
		if f.Ages[0].Amount != 3*39_487 || f.Overdue != 0 || f.Drafts != 1 || len(f.Months) != 1 || f.Months[0] != (invoice.Month{Month: "2026-11", Base: 3 * 35_900, Invoices: 3}) {
			t.Fatalf("%+v", f)
		}
		w.Clock.Pass(day("2027-02-05").Start().Sub(w.Clock.Now())) // 36 days later
		f = see(boss)
		if f.Ages[2].Amount != 3*39_487 || f.Overdue != 3*39_487 || f.Late != 3 || f.Longest != 36 {
			t.Fatalf("%+v", f)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Settle, invoice.SettleIn{ID: first.ID, Version: first.Version, On: civil.Of(w.Clock.Now()).AddDays(1)})
		wants(t, err, fault.KindInvalid, "invoice.settled_ahead")
		paid := run(w, boss, invoice.Settle, invoice.SettleIn{ID: first.ID, Version: first.Version, On: day("2027-01-29")})
		_, err = gate.Run(bg, w.G, boss, invoice.Settle, invoice.SettleIn{ID: first.ID, Version: paid.Version, On: day("2027-01-29")})
		wants(t, err, fault.KindRefused, "invoice.settled_already")
		_, err = gate.Run(bg, w.G, boss, invoice.Settle, invoice.SettleIn{ID: second.ID, Version: second.Version + 7, On: day("2027-01-29")})
		wants(t, err, fault.KindConflict, "")
		if f = see(boss); f.Overdue != 2*39_487 || sum(f) != f.Overdue {
			t.Fatalf("%+v", f)
		}
		if f = see(as("kato", "west", "clerk")); f.Overdue != 39_487 || f.Months[0].Invoices != 1 {
			t.Fatalf("another department's invoices are in the sums: %+v", f)
		}
		run(w, boss, invoice.Unsettle, invoice.UnsettleIn{ID: first.ID, Version: paid.Version, Reason: "別の請求書への入金でした"})
		if f = see(boss); f.Overdue != 3*39_487 || sum(f) != f.Overdue {
			t.Fatalf("%+v", f)
		}
	})
}

func sum(f invoice.Figures) (late money.Yen) {
	for _, a := range f.Ages[1:] {
		late += a.Amount
	}
	return late
}
