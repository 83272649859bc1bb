package invoice

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

var today = civil.MustParse("2026-11-22")

func dec(s string) money.Decimal {
	d, err := money.ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d
}

// line reads "quantity × price category [date]".
func line(s string) Line {
	f := strings.Fields(s)
	l := Line{Description: "商品", Quantity: dec(f[0]), UnitPrice: dec(f[2]), Category: money.Category(f[3]), Date: today}
	if len(f) > 4 {
		l.Date = civil.MustParse(f[4])
	}
	return l
}

func lines(ss ...string) []Line {
	var ls []Line
	for _, s := range ss {
		ls = append(ls, line(s))
	}
	return ls
}

func whole() Draft {
	return Draft{Party: "p1", Subject: "11月分", Date: today, Due: civil.MustParse("2026-12-31"), Lines: lines("3 × 100 standard", "2 × 50 reduced")}
}

func hokuto() Issuer {
	return Issuer{Name: "北斗サプライ株式会社", RegistrationNumber: "T7000012050002", Rounding: money.Floor, Accounts: []string{"a1"}}
}

var partner = Partner{Name: "株式会社青葉商会", Active: true}

// groups writes "10%:35801+3580 8%:99+7 =39487".
func groups(t money.Totals) string {
	var parts []string
	for _, g := range t.Groups {
		name := g.Class.Percent.String()
		if g.Class.Percent == 0 {
			name = string(g.Class.Category)
		}
		parts = append(parts, fmt.Sprintf("%s:%d+%d", name, g.Base, g.Tax))
	}
	return strings.Join(append(parts, fmt.Sprintf("=%d", t.Total)), " ")
}

func TestC27_WholeInvoices(t *testing.T) {
	pending := money.BuiltinRates().WithPending()
	for _, c := range []struct {
		name     string
		lines    []string
		discount money.Yen
		pricing  money.Pricing
		rounding money.Rounding
		rates    money.Rates
		want     string
	}{
		{"once per rate, not per line", []string{"1 × 105 standard", "1 × 105 standard", "1 × 105 standard"}, 0, "", money.Floor, nil, "10%:315+31 =346"},
		{"mixed, floor", []string{"1 × 12345 standard", "1 × 23456 standard", "1 × 99 reduced"}, 0, "", money.Floor, nil, "10%:35801+3580 8%:99+7 =39487"},
		{"mixed, half up", []string{"1 × 12345 standard", "1 × 23456 standard", "1 × 99 reduced"}, 0, "", money.HalfUp, nil, "10%:35801+3580 8%:99+8 =39488"},
		{"mixed, ceil", []string{"1 × 12345 standard", "1 × 23456 standard", "1 × 99 reduced"}, 0, "", money.Ceil, nil, "10%:35801+3581 8%:99+8 =39489"},
		{"inclusive, floor", []string{"1 × 1000 standard"}, 0, money.TaxInclusive, money.Floor, nil, "10%:910+90 =1000"},
		{"inclusive, half up", []string{"1 × 1000 standard"}, 0, money.TaxInclusive, money.HalfUp, nil, "10%:909+91 =1000"},
		{"inclusive, two rates", []string{"1 × 1100 standard", "3 × 360 food"}, 0, money.TaxInclusive, money.Floor, nil, "10%:1000+100 8%:1000+80 =2180"},
		{"discount over rates (問69)", []string{"1 × 3300 standard", "1 × 2160 reduced"}, 1000, money.TaxInclusive, money.Floor, nil, "10%:2451+245 8%:1634+130 =4460"},
		{"discount line of its own", []string{"10 × 1280 standard", "1 × -800 standard"}, 0, "", money.Floor, nil, "10%:12000+1200 =13200"},
		{"return by quantity", []string{"10 × 1280 standard", "-2 × 1280 standard"}, 0, "", money.Floor, nil, "10%:10240+1024 =11264"},
		{"a rate that comes to nothing stays", []string{"5 × 100 standard", "1 × 100 reduced", "-1 × 100 reduced"}, 0, "", money.Floor, nil, "10%:500+50 8%:0+0 =550"},
		{"untaxed", []string{"1 × 1000 standard", "1 × 500 exempt", "1 × 300 outside", "1 × 200 export"}, 0, "", money.Floor, nil, "10%:1000+100 exempt:500+0 export:200+0 outside:300+0 =2100"},
		{"fractions of quantity and price", []string{"1.5 × 33.33 standard", "0.001 × 999 reduced"}, 0, "", money.HalfUp, nil, "10%:50+5 8%:1+0 =56"},
		{"rate of the day of supply", []string{"1 × 1000 standard 2019-09-30", "1 × 1000 standard 2019-10-01"}, 0, "", money.Floor, nil, "10%:1000+100 8%:1000+80 =2180"},
		{"four rates in one invoice", []string{"1 × 100 standard 2027-04-01", "1 × 100 reduced 2027-04-01", "1 × 100 food 2027-04-01", "1 × 100 food 2027-03-31"}, 0, "", money.HalfUp, pending, "10%:100+10 8%:200+16 1%:100+1 =427"},
		{"pending law does not count", []string{"1 × 100 food 2027-04-01"}, 0, "", money.Floor, nil, "8%:100+8 =108"},
		{"the largest there is", []string{"1 × 1000000000 standard", "8188 × 1000000000 standard"}, 0, money.TaxInclusive, money.Floor, nil, "10%:7444545454546+744454545454 =8189000000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Draft{Lines: lines(c.lines...), Pricing: c.pricing, Discount: Discount{Amount: c.discount}}
			if c.rates == nil {
				c.rates = money.BuiltinRates()
			}
			b, bad := Compute(d, c.rounding, c.rates)
			if len(bad) > 0 {
				t.Fatal(bad[0])
			}
			if got := groups(b.Totals); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestManyLinesAreRoundedOnce(t *testing.T) {
	d := Draft{}
	for range 500 {
		d.Lines = append(d.Lines, line("1 × 9 standard"), line("1 × 6 reduced"))
	}
	b, bad := Compute(d, money.Floor, money.BuiltinRates())
	if got := groups(b.Totals); len(bad) > 0 || got != "10%:4500+450 8%:3000+240 =8190" { // per line: no tax at all
		t.Fatal(got, bad)
	}
}

func TestSumsTooLargeAreFaults(t *testing.T) {
	for name, d := range map[string]Draft{
		"a line":    {Lines: lines("999999999999 × 999999999999 standard")},
		"the sum":   {Lines: lines("9007199254 × 1000000 standard", "9007199254 × 1000000 standard")},
		"its taxes": {Lines: lines("9007199254 × 1000000 standard")},
	} {
		b, bad := Compute(d, money.Floor, money.BuiltinRates())
		if len(bad) != 1 || bad[0].Key != "money.too_large" || !strings.HasPrefix(bad[0].Field, "lines") || b.Total != 0 {
			t.Errorf("%s: %v %+v", name, bad, b.Totals)
		}
	}
}

func TestComputeAddsUp(t *testing.T) {
	categories := []string{"standard", "reduced", "food", "exempt", "outside", "export"}
	rapid.Check(t, func(t *rapid.T) {
		d := Draft{Pricing: rapid.SampledFrom([]money.Pricing{"", money.TaxExclusive, money.TaxInclusive}).Draw(t, "pricing")}
		var sum money.Yen
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			q, p := rapid.IntRange(0, 500).Draw(t, "q"), rapid.IntRange(0, 9999).Draw(t, "p")
			d.Lines = append(d.Lines, line(fmt.Sprintf("%d × %d %s", q, p, rapid.SampledFrom(categories).Draw(t, "c"))))
			sum += money.Yen(q * p)
		}
		d.Discount.Amount = money.Yen(rapid.Int64Range(0, int64(sum)).Draw(t, "discount"))
		r := rapid.SampledFrom([]money.Rounding{money.Floor, money.HalfUp, money.Ceil}).Draw(t, "r")
		b, bad := Compute(d, r, money.BuiltinRates())
		if len(bad) > 0 {
			t.Fatal(bad[0])
		}
		var items, total money.Yen
		for _, i := range b.Items {
			items += i.Amount
		}
		for _, g := range b.Groups {
			total += g.Base + g.Tax
			if g.Total < 0 || g.Base < 0 {
				t.Fatalf("the discount exceeds its rate: %+v", g)
			}
		}
		net := b.Base
		if d.pricing() == money.TaxInclusive {
			net = b.Total
		}
		if total != b.Total || items != sum-d.Discount.Amount || net != items {
			t.Fatalf("%+v does not add up to %d", b, sum)
		}
	})
}

// spoil takes one thing away from an invoice that could be issued.
type spoil struct {
	name       string
	do         func(d *Draft, o *Issuer, p *Partner)
	key, field string
}

func lawfulItems() []spoil {
	return []spoil{
		{"1 issuer's name", func(_ *Draft, o *Issuer, _ *Partner) { o.Name = " " }, "missing.issuer", "issuer.name"},
		{"1 registration number", func(_ *Draft, o *Issuer, _ *Partner) { o.RegistrationNumber = "" }, "missing.registration", "issuer.registration_number"},
		{"1 of 12 digits", func(_ *Draft, o *Issuer, _ *Partner) { o.RegistrationNumber = "T700001205000" }, "bad_registration", "issuer.registration_number"},
		{"1 full width", func(_ *Draft, o *Issuer, _ *Partner) { o.RegistrationNumber = "Ｔ７０００012050002" }, "bad_registration", "issuer.registration_number"},
		{"1 check digit", func(_ *Draft, o *Issuer, _ *Partner) { o.RegistrationNumber = "T7000012050003" }, "bad_registration", "issuer.registration_number"},
		{"2 date of supply", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines[1].Date = civil.Date{} }, "missing.date", "lines[1].date"},
		{"2 half a period", func(d *Draft, _ *Issuer, _ *Partner) { d.PeriodFrom = today }, "half_period", "period_from"},
		{"3 description", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines[1].Description = "　" }, "missing.description", "lines[1].description"},
		{"3 category", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines[0].Category = "" }, "missing.category", "lines[0].category"},
		{"3 what the discount is", func(d *Draft, _ *Issuer, _ *Partner) { d.Discount.Amount = 10 }, "missing.discount", "discount.description"},
		{"4 lines", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines = nil }, "missing.lines", "lines"},
		{"4 rate on that day", func(d *Draft, _ *Issuer, _ *Partner) {
			d.Lines[1].Date = civil.MustParse("2019-09-30")
		}, "money.no_rate", "lines[1].date"},
		{"4 one rate in the period", func(d *Draft, _ *Issuer, _ *Partner) {
			d.PeriodFrom, d.PeriodTo, d.Lines[0].Date = civil.MustParse("2019-09-16"), civil.MustParse("2019-10-15"), civil.Date{}
			d.Lines = d.Lines[:1]
		}, "rate_changes", "lines[0].date"},
		{"5 below zero in one rate", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines[1].Quantity = dec("-1") }, "negative_rate", "lines"},
		{"5 nothing to pay", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines = lines("0 × 5 standard") }, "zero_total", "lines"},
		{"5 below zero", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines = lines("-1 × 5 standard") }, "negative_total", "lines"},
		{"5 doubly negative", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines = lines("-1 × -5 standard") }, "both_negative", "lines[0].quantity"},
		{"5 discount above all", func(d *Draft, _ *Issuer, _ *Partner) { d.Discount = Discount{10_000, "値引"} }, "money.bad_discount", "discount.amount"},
		{"5 negative discount", func(d *Draft, _ *Issuer, _ *Partner) { d.Discount = Discount{-1, "値引"} }, "discount_sign", "discount.amount"},
		{"6 recipient", func(_ *Draft, _ *Issuer, p *Partner) { p.Name = "" }, "missing.partner", "party"},
	}
}

func sensibleItems() []spoil {
	return []spoil{
		{"partner left", func(_ *Draft, _ *Issuer, p *Partner) { p.Active = false }, "partner_inactive", "party"},
		{"account gone", func(d *Draft, _ *Issuer, _ *Partner) { d.Account = "a2" }, "account_gone", "account"},
		{"no issue date", func(d *Draft, _ *Issuer, _ *Partner) { d.Date = civil.Date{} }, "missing.issued_on", "date"},
		{"issue date of next year", func(d *Draft, _ *Issuer, _ *Partner) {
			d.Date, d.Due = d.Date.AddMonths(12), civil.Date{}
		}, "far_date", "date"},
		{"due before issue", func(d *Draft, _ *Issuer, _ *Partner) { d.Due = today.AddDays(-1) }, "due_before_issue", "due"},
		{"due in 20226", func(d *Draft, _ *Issuer, _ *Partner) { d.Due = civil.MustParse("2062-12-31") }, "far_due", "due"},
		{"line of 2062", func(d *Draft, _ *Issuer, _ *Partner) { d.Lines[0].Date = civil.MustParse("2062-11-22") }, "far_line", "lines[0].date"},
		{"line outside of the period", func(d *Draft, _ *Issuer, _ *Partner) {
			d.PeriodFrom, d.PeriodTo = civil.MustParse("2026-10-01"), civil.MustParse("2026-10-31")
			d.Lines = d.Lines[:1]
		}, "outside_period", "lines[0].date"},
		{"period upside down", func(d *Draft, _ *Issuer, _ *Partner) {
			d.PeriodFrom, d.PeriodTo = today, today.AddDays(-1)
			d.Lines[0].Date, d.Lines[1].Date = civil.Date{}, civil.Date{}
		}, "period_order", "period_from"},
	}
}

// Every mandatory item taken away in turn stops the issue, with its name.
func TestSM08_EachMissingItemIsNamed(t *testing.T) {
	for _, c := range append(lawfulItems(), sensibleItems()...) {
		t.Run(c.name, func(t *testing.T) {
			d, o, p := whole(), hokuto(), partner
			c.do(&d, &o, &p)
			bad := Missing(d, o, p, money.BuiltinRates(), today)
			key := c.key
			if !strings.HasPrefix(key, "money.") {
				key = "invoice." + key
			}
			i := slices.IndexFunc(bad, func(f *fault.Error) bool { return f.Key == key && f.Field == c.field })
			if i < 0 || len(bad) > 2 {
				t.Fatalf("want %s at %s, got %v", key, c.field, bad)
			}
			for _, f := range bad {
				for _, l := range text.Langs {
					if s := text.Fault(l, f); s == f.Key || strings.ContainsAny(s, "{}") {
						t.Errorf("%s has no sentence in %s: %s", f.Key, l, s)
					}
				}
			}
		})
	}
}

func TestC27_WhatMayBeIssued(t *testing.T) {
	for name, spoil := range map[string]func(d *Draft, o *Issuer){
		"as it is":       func(*Draft, *Issuer) {},
		"without a due":  func(d *Draft, _ *Issuer) { d.Due = civil.Date{} },
		"account chosen": func(d *Draft, _ *Issuer) { d.Account = "a1" },
		"a period instead of dates": func(d *Draft, _ *Issuer) {
			d.PeriodFrom, d.PeriodTo = civil.MustParse("2026-11-01"), civil.MustParse("2026-11-20")
			d.Lines[0].Date, d.Lines[1].Date = civil.Date{}, civil.Date{}
		},
		"a sole proprietor, whose check digit proves nothing": func(_ *Draft, o *Issuer) {
			o.Name, o.RegistrationNumber = "山田製作所", "T1234567890123"
		},
		"a rate that came to nothing": func(d *Draft, _ *Issuer) { d.Lines = append(d.Lines, line("-2 × 50 reduced")) },
	} {
		d, o := whole(), hokuto()
		spoil(&d, &o)
		if bad := Missing(d, o, partner, money.BuiltinRates(), today); len(bad) > 0 {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

// Several things are missing: all are named at once.
func TestSM08_AllAreNamedAtOnce(t *testing.T) {
	bad := Missing(Draft{Lines: []Line{{}}}, Issuer{Rounding: money.Floor}, Partner{}, money.BuiltinRates(), today)
	var keys []string
	for _, f := range bad {
		keys = append(keys, strings.TrimPrefix(f.Key, "invoice."))
	}
	want := []string{"missing.issuer", "missing.registration", "missing.partner", "partner_inactive", "missing.issued_on", "missing.description", "missing.category"}
	if !slices.Equal(keys, want) {
		t.Fatal(keys)
	}
}
