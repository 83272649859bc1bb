package money

import (
	"cmp"
	"slices"

	"sekisho/internal/kernel/fault"
)

// Line is what a line of a document adds to its totals.
type Line struct {
	Class  Class
	Amount Yen // with or without tax, as the document's pricing says
}

// Group is the part of a document under one class (税率ごとの区分).
type Group struct {
	Class Class
	Base  Yen // without tax (税抜対価)
	Tax   Yen // 消費税額等, rounded once
	Total Yen // Base + Tax (税込対価)
}

// Totals are the sums of a document.
type Totals struct {
	Groups []Group // by falling rate, then category; those that came to 0 stay
	Base   Yen
	Tax    Yen
	Total  Yen
}

// Tally adds up the lines of one document and taxes each class once
// (消費税法57条の4第1項4号・5号, 施行令70条の10, 基本通達1-8-15): adding up tax
// rounded per line is not allowed. Unknown classes, pricing or rounding, and
// sums beyond ±MaxYen, are fault.Invalid.
func Tally(lines []Line, pricing Pricing, r Rounding) (Totals, error) {
	sums := map[Class]Yen{}
	for _, l := range lines {
		if err := l.Class.Check(); err != nil {
			return Totals{}, err
		}
		s, err := sums[l.Class].Add(l.Amount)
		if err != nil {
			return Totals{}, err
		}
		sums[l.Class] = s
	}
	var t Totals
	for class, amount := range sums {
		g, err := taxed(class, amount, pricing, r)
		if err != nil {
			return Totals{}, err
		}
		t.Groups = append(t.Groups, g)
	}
	slices.SortFunc(t.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Class.Percent, a.Class.Percent), cmp.Compare(a.Class.Category, b.Class.Category))
	})
	return t, t.addUp()
}

func taxed(class Class, amount Yen, pricing Pricing, r Rounding) (Group, error) {
	tax, err := Tax(amount, class.Percent, pricing, r)
	if err != nil {
		return Group{}, err
	}
	if pricing == TaxInclusive {
		return Group{class, amount - tax, tax, amount}, nil // tax lies between 0 and amount
	}
	total, err := amount.Add(tax)
	return Group{class, amount, tax, total}, err
}

func (t *Totals) addUp() (err error) {
	for _, g := range t.Groups {
		if t.Base, err = t.Base.Add(g.Base); err != nil {
			return err
		}
		if t.Tax, err = t.Tax.Add(g.Tax); err != nil {
			return err
		}
		if t.Total, err = t.Total.Add(g.Total); err != nil {
			return err
		}
	}
	return nil
}

// Apportion splits one discount over the amounts of several groups or lines in
// proportion to them (インボイスQ&A 問69). The yen left over go to the largest
// remainders, then to the larger amount, then to the one standing first; the law
// leaves this open. The parts add up to the discount and none exceeds its amount.
// A discount below 0 or above the sum, or a negative amount, is fault.Invalid.
func Apportion(discount Yen, amounts []Yen) ([]Yen, error) {
	sum, err := Sum(amounts...)
	if err != nil {
		return nil, err
	}
	if discount < 0 || discount > sum || slices.ContainsFunc(amounts, func(y Yen) bool { return y < 0 }) {
		return nil, fault.Invalid("money.bad_discount", "discount", discount, "sum", sum)
	}
	parts := make([]Yen, len(amounts))
	if sum == 0 {
		return parts, nil
	}
	remainders := make([]uint64, len(amounts))
	left := discount
	for i, a := range amounts {
		quo, rem := divProduct(discount, a, sum)
		parts[i], remainders[i] = quo, rem
		left -= quo
	}
	order := make([]int, len(amounts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(remainders[j], remainders[i]), cmp.Compare(amounts[j], amounts[i]))
	})
	for _, i := range order[:left] { // fewer yen are left than there are remainders
		parts[i]++
	}
	return parts, nil
}
