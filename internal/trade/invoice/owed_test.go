package invoice_test

import (
	"testing"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

// The list of what is overdue holds exactly what the ages count.
func TestTheListOfWhatIsOwedAgreesWithTheAges(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		first := w.issued("p1")
		w.issued("p2")
		run(w, boss, invoice.Create, w.draft("p1"))
		list := func(f invoice.Filter) (sum money.Yen, n int) {
			rows := run(w, boss, invoice.List, f).Invoices
			for _, r := range rows {
				sum += r.Amount
			}
			return sum, len(rows)
		}
		late := invoice.Filter{Owed: true, DueTo: civil.Of(w.Clock.Now()).AddDays(-1)}
		if _, n := list(late); n != 0 {
			t.Error("overdue already: ", n)
		}
		w.Clock.Pass(day("2027-02-05").Start().Sub(w.Clock.Now()))
		late.DueTo = civil.Of(w.Clock.Now()).AddDays(-1)
		sum, n := list(late)
		if f := run(w, boss, invoice.Summary, struct{}{}); sum != f.Overdue || int64(n) != f.Late || n != 2 {
			t.Errorf("%d of %d, the ages say %+v", sum, n, f)
		}
		run(w, boss, invoice.Settle, invoice.SettleIn{ID: first.ID, Version: first.Version, On: day("2027-01-29")})
		if _, n := list(late); n != 1 {
			t.Error("what is paid is in the list: ", n)
		}
		if _, n := list(invoice.Filter{Owed: true, DueTo: day("2026-12-30")}); n != 0 {
			t.Error("what was due later is in the list: ", n)
		}
	})
}

// A preview proposes the day that Create would write.
func TestAPreviewProposesTheDueDate(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		d := w.draft("p1")
		d.Due = civil.Date{}
		p, kept := run(w, boss, invoice.Preview, d), run(w, boss, invoice.Create, d)
		if p.Due.IsZero() || p.Due != kept.Due {
			t.Error(p.Due, kept.Due)
		}
	})
}
