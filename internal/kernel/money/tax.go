package money

import (
	"maps"
	"strconv"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// Percent is a whole percentage. All rates of consumption tax were whole.
type Percent int

// String is 10%.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

// Of gives p percent of y, rounded once; p outside 0–100 is fault.Invalid.
func (p Percent) Of(y Yen, r Rounding) (Yen, error) {
	if p < 0 || p > 100 {
		return 0, fault.Invalid("money.bad_percent")
	}
	if err := y.Check(); err != nil {
		return 0, err
	}
	return mulDiv(int64(y), int64(p), 100, r)
}

// Category is how consumption tax treats a supply (税区分).
type Category string

const (
	Standard Category = "standard" // 標準税率
	Reduced  Category = "reduced"  // 軽減税率: food, subscribed newspapers (消費税法別表第一)
	// Food is food and drink as such (飲食料品). It falls under Reduced, except
	// where a row of its own is in force.
	Food    Category = "food"
	Exempt  Category = "exempt"  // 非課税 (消費税法6条1項, 別表第二)
	Outside Category = "outside" // 不課税, outside the tax (消費税法4条1項の対象外)
	Export  Category = "export"  // 輸出免税 (消費税法7条1項)
)

// Class is a category with its rate: what totals are grouped by. The 8 % of
// Reduced and of an older Standard are different classes.
type Class struct {
	Category Category `json:"category"`
	Percent  Percent  `json:"percent"`
}

// Check is fault.Invalid for a class that cannot stand in totals.
func (c Class) Check() error {
	if c.Category == "" || c.Percent < 0 || c.Percent > 100 {
		return fault.Invalid("money.bad_class")
	}
	return nil
}

// Rates holds the dated rates of each category. A category of a later law is
// added with With; nothing else needs to know it.
type Rates map[Category]civil.Table[Percent]

// BuiltinRates is the law as known when this version was made. Which rate a
// supply has is decided by the day it is made (delivery, completion), not by the
// day of order, invoice or payment.
func BuiltinRates() Rates {
	always := civil.MustParse("1989-04-01")
	untaxed := func(source string) civil.Table[Percent] {
		return civil.Table[Percent]{{From: always, Source: source, Status: civil.Enacted}}
	}
	return Rates{
		Standard: {
			{From: always, To: civil.MustParse("1997-03-31"), Value: 3, Source: "昭和63年法律108号", Status: civil.Enacted},
			{From: civil.MustParse("1997-04-01"), To: civil.MustParse("2014-03-31"), Value: 5, Source: "平成6年法律109号, 地方税法72条の83", Status: civil.Enacted},
			{From: civil.MustParse("2014-04-01"), To: civil.MustParse("2019-09-30"), Value: 8, Source: "平成24年法律68号2条", Status: civil.Enacted},
			{From: civil.MustParse("2019-10-01"), Value: 10, Source: "消費税法29条1号, 地方税法72条の83", Status: civil.Enacted},
		},
		Reduced: {
			{From: civil.MustParse("2019-10-01"), Value: 8, Source: "消費税法29条2号, 地方税法72条の83", Status: civil.Enacted},
		},
		Food: {
			{From: civil.MustParse("2027-04-01"), To: civil.MustParse("2029-03-31"), Value: 1, Source: "閣議決定 2026-08-05, 大綱 2026-09-15", Status: civil.Pending},
		},
		Exempt:  untaxed("消費税法6条1項"),
		Outside: untaxed("消費税法4条1項"),
		Export:  untaxed("消費税法7条1項"),
	}
}

// With gives a copy in which rows are added to a category and win over those
// there. A bad row, or a percentage outside 0–100, is fault.Invalid.
func (t Rates) With(c Category, rows ...civil.Row[Percent]) (Rates, error) {
	for _, r := range rows {
		if err := (Class{c, r.Value}).Check(); err != nil {
			return nil, err
		}
	}
	table, err := t[c].With(rows...)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(t)
	all[c] = table
	return all, nil
}

// WithPending gives a copy in which bills count as law.
func (t Rates) WithPending() Rates {
	all := make(Rates, len(t))
	for c, table := range t {
		all[c] = table.WithPending()
	}
	return all
}

// At gives the class of a supply made on day d: Food without a rate of its own is
// Reduced. An unknown category, or a day the category has no rate for, is
// fault.Invalid.
func (t Rates) At(c Category, d civil.Date) (Class, error) {
	row, err := t[c].At(d)
	if err != nil && c == Food {
		return t.At(Reduced, d)
	}
	if err != nil {
		return Class{}, fault.Invalid("money.no_rate", "date", d)
	}
	return Class{c, row.Value}, nil
}

// Pricing says whether the amounts of a document's lines contain the tax. One
// document has one pricing.
type Pricing string

const (
	TaxExclusive Pricing = "exclusive" // 税抜 (外税)
	TaxInclusive Pricing = "inclusive" // 税込 (内税)
)

// Tax gives the consumption tax on, or in, the amount of one rate of one
// document (消費税法施行令70条の10): amount × p ÷ 100 on an exclusive amount,
// amount × p ÷ (100 + p) in an inclusive one.
func Tax(amount Yen, p Percent, pricing Pricing, r Rounding) (Yen, error) {
	if p < 0 || p > 100 {
		return 0, fault.Invalid("money.bad_percent")
	}
	if err := amount.Check(); err != nil {
		return 0, err
	}
	switch pricing {
	case TaxExclusive:
		return mulDiv(int64(amount), int64(p), 100, r)
	case TaxInclusive:
		return mulDiv(int64(amount), int64(p), 100+int64(p), r)
	}
	return 0, fault.Invalid("money.bad_pricing")
}
