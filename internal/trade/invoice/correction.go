package invoice

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
)

// Kind is what an invoice is as a document. The amounts of a return, and of what
// cancels an invoice, count below zero.
type Kind string

// The kinds.
const (
	Regular Kind = ""       // 請求書, 適格請求書
	Return  Kind = "return" // 適格返還請求書 (消費税法57条の4第3項), 赤伝
	Cancel  Kind = "cancel" // 請求取消書
)

// Standing is whether an issued invoice still counts.
type Standing string

// The standings. What is superseded or void counts for nothing; what is cancelled
// counts together with the document that cancels it.
const (
	InForce    Standing = ""
	Superseded Standing = "superseded" // 修正: the corrected one counts instead
	Cancelled  Standing = "cancelled"  // 取消
	Void       Standing = "void"       // 無効: nobody had got its bytes; its number stands in the 欠番台帳
)

func (s Standing) word() fault.Word { return fault.Word("invoice.standing." + string(s)) }

// Relation is how a later document stands to an earlier one.
type Relation string

// The relations.
const (
	Corrects Relation = "correct" // 修正 (消費税法57条の4第4項): takes its place
	Returns  Relation = "return"  // 返還: gives back a part of it
	Cancels  Relation = "cancel"  // 取消: takes all of it back
	Reissues Relation = "reissue" // 再発行: takes the place of one that was voided
)

// after is where a document stands once another of that relation was issued.
func (r Relation) after() Standing {
	switch r {
	case Corrects:
		return Superseded
	case Cancels:
		return Cancelled
	case Reissues:
		return Void
	}
	return InForce
}

// supply is what is still in force of one sale: the invoice and what was given
// back of it, as amounts by class.
type supply struct {
	invoice []money.Group
	credits [][]money.Group
	found   bool // false: the invoice counts no more
}

func byClass(lists ...[]money.Group) map[money.Class]money.Group {
	sums := map[money.Class]money.Group{}
	for _, l := range lists {
		for _, g := range l {
			s := sums[g.Class]
			sums[g.Class] = money.Group{Class: g.Class, Base: s.Base + g.Base, Tax: s.Tax + g.Tax, Total: s.Total + g.Total}
		}
	}
	return sums
}

// limit holds a return to what is left of the sale, rate by rate: it is given back
// at the rate it was sold at. The taxes of several returns, each rounded for
// itself, may come to one yen more than the sale's; that yen is taken off the last.
func (s supply) limit(b *Bill, p money.Pricing) []*fault.Error {
	if !s.found {
		return []*fault.Error{fault.Refused("invoice.supply_gone")}
	}
	var bad []*fault.Error
	sold, back := byClass(s.invoice), byClass(s.credits...)
	for i := range b.Groups {
		g := &b.Groups[i]
		was, ok := sold[g.Class]
		left := money.Group{Base: was.Base - back[g.Class].Base, Tax: was.Tax - back[g.Class].Tax, Total: was.Total - back[g.Class].Total}
		if !ok {
			bad = append(bad, fault.Invalid("invoice.credit_rate", "percent", g.Class.Percent).At("lines"))
			continue
		}
		if g.Tax == left.Tax+1 {
			g.Tax--
			if p == money.TaxInclusive {
				g.Base++
			} else {
				g.Total--
			}
		}
		if p == money.TaxExclusive && g.Base > left.Base || g.Total > left.Total || g.Tax > left.Tax {
			bad = append(bad, fault.Invalid("invoice.credit_exceeds", "percent", g.Class.Percent, "amount", g.Total, "left", left.Total, "tax", left.Tax).At("lines"))
		}
	}
	b.Base, b.Tax, b.Total = 0, 0, 0
	for _, g := range b.Groups { // each lies below a sum that was added up before
		b.Base, b.Tax, b.Total = b.Base+g.Base, b.Tax+g.Tax, b.Total+g.Total
	}
	return bad
}

// covers holds a corrected invoice to what was given back of it already.
func (s supply) covers(b Bill) []*fault.Error {
	var bad []*fault.Error
	now := byClass(b.Groups)
	for class, back := range byClass(s.credits...) {
		if now[class].Total < back.Total {
			bad = append(bad, fault.Invalid("invoice.below_credits", "percent", class.Percent, "credits", back.Total, "amount", now[class].Total).At("lines"))
		}
	}
	return bad
}

// returned checks the day of a return (適格返還請求書の記載事項2号), which an
// invoice does not have.
func (d Draft) returned(k Kind) []*fault.Error {
	switch {
	case k != Return && !d.Returned.IsZero():
		return []*fault.Error{fault.Invalid("invoice.no_return").At("returned")}
	case k != Return:
		return nil
	case d.Returned.IsZero():
		return []*fault.Error{fault.Invalid("invoice.missing.returned").At("returned")}
	}
	first := civil.Date{}
	for _, l := range d.Lines {
		if !l.Date.IsZero() && (first.IsZero() || l.Date.Before(first)) {
			first = l.Date
		}
	}
	if first.IsZero() {
		first = d.PeriodFrom
	}
	if d.Returned.Before(first) || far(d.Date, d.Returned) {
		return []*fault.Error{fault.Invalid("invoice.return_date", "date", d.Returned).At("returned")}
	}
	return nil
}

// taking is the draft by which a document is corrected, given back or cancelled:
// what it says itself, dated today.
func taking(d Draft, r Relation, lines []Line, today civil.Date) Draft {
	d.Date = today
	if len(lines) > 0 {
		d.Lines, d.Discount = lines, Discount{}
	}
	if d.Due.Before(today) || r != Corrects {
		d.Due = civil.Date{}
	}
	if r != Corrects {
		d.Message, d.Account = "", ""
	}
	switch r {
	case Returns:
		d.Returned = today
	case Cancels:
		d.Returned = civil.Date{}
	}
	return d
}
