package invoice

import (
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
)

var ten = money.Class{Category: money.Standard, Percent: 10}

// A sale is given back in parts until nothing is left: whatever the rounding, the
// parts never come to more than the sale, no part's tax differs by more than one
// yen from its own rounding, and one yen more is refused.
func TestC28_ReturnsNeverExceedTheSale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]money.Pricing{money.TaxExclusive, money.TaxInclusive}).Draw(t, "pricing")
		r := rapid.SampledFrom([]money.Rounding{money.Floor, money.HalfUp, money.Ceil}).Draw(t, "rounding")
		amount := func(y money.Yen) Bill {
			got, err := money.Tally([]money.Line{{Class: ten, Amount: y}}, p, r)
			if err != nil {
				t.Fatal(err)
			}
			return Bill{Totals: got}
		}
		sale := money.Yen(rapid.IntRange(1, 5000).Draw(t, "sale"))
		s := supply{invoice: amount(sale).Groups, found: true}
		var base, tax, total money.Yen
		for left := sale; left > 0; {
			part := money.Yen(rapid.IntRange(1, int(left)).Draw(t, "part"))
			b := amount(part)
			own := b.Tax
			if bad := s.limit(&b, p); len(bad) > 0 {
				if own <= s.invoice[0].Tax-tax {
					t.Fatalf("%d of %d refused: %v", part, sale, bad[0])
				}
				return // the taxes of the parts before, each rounded up, have used the sale's up
			}
			if own-b.Tax > 1 || own < b.Tax || b.Base+b.Tax != b.Total || b.Groups[0].Total != b.Total {
				t.Fatalf("%+v, tax rounded %d", b, own)
			}
			base, tax, total, left = base+b.Base, tax+b.Tax, total+b.Total, left-part
			s.credits = append(s.credits, b.Groups)
		}
		sold := s.invoice[0]
		if tax > sold.Tax || total > sold.Total || p == money.TaxExclusive && base != sold.Base {
			t.Fatalf("%d + %d = %d of %+v", base, tax, total, sold)
		}
		more := amount(1)
		if bad := s.limit(&more, p); len(bad) != 1 || bad[0].Key != "invoice.credit_exceeds" {
			t.Fatalf("one yen more: %v", bad)
		}
	})
}

func TestC28_AReturnIsAtTheRateOfTheSale(t *testing.T) {
	sold := []money.Group{{Class: ten, Base: 1000, Tax: 100, Total: 1100}}
	eight := money.Class{Category: money.Reduced, Percent: 8}
	for name, c := range map[string]struct {
		s    supply
		back money.Group
		key  string
	}{
		"another rate":       {supply{invoice: sold, found: true}, money.Group{Class: eight, Base: 10, Total: 10}, "invoice.credit_rate"},
		"the sale is gone":   {supply{}, money.Group{Class: ten, Base: 10, Tax: 1, Total: 11}, "invoice.supply_gone"},
		"more than is left":  {supply{invoice: sold, credits: [][]money.Group{{{Class: ten, Base: 991, Tax: 99, Total: 1090}}}, found: true}, money.Group{Class: ten, Base: 10, Tax: 1, Total: 11}, "invoice.credit_exceeds"},
		"a tax two too much": {supply{invoice: sold, credits: [][]money.Group{{{Class: ten, Base: 900, Tax: 99, Total: 999}}}, found: true}, money.Group{Class: ten, Base: 30, Tax: 3, Total: 33}, "invoice.credit_exceeds"},
	} {
		b := Bill{Totals: money.Totals{Groups: []money.Group{c.back}}}
		bad := c.s.limit(&b, money.TaxExclusive)
		if len(bad) != 1 || bad[0].Key != c.key {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

func TestDatesOfReturns(t *testing.T) {
	d := Draft{Date: today, Lines: lines("1 × 100 standard 2026-11-20")}
	for _, c := range []struct {
		kind Kind
		on   string
		key  string
	}{
		{Return, "", "invoice.missing.returned"}, {Return, "2026-11-19", "invoice.return_date"}, {Return, "2036-11-19", "invoice.return_date"},
		{Return, "2026-11-20", ""}, {Regular, "2026-11-20", "invoice.no_return"}, {Regular, "", ""}, {Cancel, "", ""},
	} {
		if err := d.Returned.UnmarshalText([]byte(c.on)); c.on != "" && err != nil {
			t.Fatal(err)
		} else if c.on == "" {
			d.Returned = Draft{}.Returned
		}
		var key string
		if bad := d.returned(c.kind); len(bad) > 0 {
			key = fault.Of(bad[0]).Key
		}
		if key != c.key {
			t.Errorf("%s on %q: %s, want %s", c.kind, c.on, key, c.key)
		}
	}
}
