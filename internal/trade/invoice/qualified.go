package invoice

import (
	"fmt"
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
)

// Dates further away than this are taken for typing errors.
const (
	maxPast   = 366     // days from the issue date back from today
	maxFuture = 62      // days from today to the issue date
	maxTerm   = 731     // days from issue to due date
	maxSupply = 3 * 366 // days between issue date and day of supply
)

// Missing names everything that keeps a draft from being a qualified invoice
// (適格請求書の記載事項, 消費税法57条の4第1項1号–6号) or from being a sensible one:
// no fault, and it may be issued. today is the day of issuing.
func Missing(d Draft, o Issuer, p Partner, rates money.Rates, today civil.Date) []*fault.Error {
	var bad []*fault.Error
	miss := func(field, key string, args ...any) {
		bad = append(bad, fault.Invalid("invoice."+key, args...).At(field))
	}
	issuer(o, miss)
	if strings.TrimSpace(p.Name) == "" {
		miss("party", "missing.partner")
	}
	if !p.Active {
		miss("party", "partner_inactive")
	}
	if d.Account != "" && !slices.Contains(o.Accounts, d.Account) {
		miss("account", "account_gone")
	}
	d.dates(today, miss)
	d.texts(miss)
	b, faults := Compute(d, d.rounding(o), rates)
	bad = append(bad, faults...)
	if len(faults) == 0 {
		b.sums(d, miss)
	}
	return bad
}

// rounding is the draft's, else the company's.
func (d Draft) rounding(o Issuer) money.Rounding {
	if d.Rounding == "" {
		return o.Rounding
	}
	return d.Rounding
}

// issuer checks item 1: name and registration number. A check digit that does
// not fit is refused for a company, whose T番号 is its 法人番号; the numbers of
// sole proprietors are not known to follow that rule.
func issuer(o Issuer, miss func(field, key string, args ...any)) {
	if strings.TrimSpace(o.Name) == "" {
		miss("issuer.name", "missing.issuer")
	}
	if o.RegistrationNumber == "" {
		miss("issuer.registration_number", "missing.registration")
		return
	}
	n, err := jp.ParseRegistrationNumber(o.RegistrationNumber)
	company := jp.LegalForm(o.Name) != ""
	if err != nil || string(n) != o.RegistrationNumber || company && !n.CheckOK() {
		miss("issuer.registration_number", "bad_registration")
	}
}

// dates checks item 2 as far as it is not a line's, and that no date is one
// that nobody can have meant.
func (d Draft) dates(today civil.Date, miss func(field, key string, args ...any)) {
	switch days := today.DaysUntil(d.Date); {
	case d.Date.IsZero():
		miss("date", "missing.issued_on")
	case days > maxFuture || days < -maxPast:
		miss("date", "far_date", "date", d.Date, "today", today)
	}
	switch {
	case d.PeriodFrom.IsZero() != d.PeriodTo.IsZero():
		miss("period_from", "half_period")
	case d.PeriodTo.Before(d.PeriodFrom):
		miss("period_from", "period_order")
	case !d.PeriodTo.IsZero() && !d.Date.IsZero() && far(d.Date, d.PeriodFrom, d.PeriodTo):
		miss("period_from", "far_period", "from", d.PeriodFrom, "to", d.PeriodTo)
	}
	if !d.Due.IsZero() && !d.Date.IsZero() {
		switch days := d.Date.DaysUntil(d.Due); {
		case days < 0:
			miss("due", "due_before_issue", "due", d.Due, "date", d.Date)
		case days > maxTerm:
			miss("due", "far_due", "due", d.Due)
		}
	}
	for i, l := range d.Lines {
		field := fmt.Sprintf("lines[%d].date", i)
		switch {
		case l.Date.IsZero():
		case !d.PeriodTo.IsZero() && (l.Date.Before(d.PeriodFrom) || l.Date.After(d.PeriodTo)):
			miss(field, "outside_period", "line", i+1, "date", l.Date)
		case !d.Date.IsZero() && far(d.Date, l.Date):
			miss(field, "far_line", "line", i+1, "date", l.Date)
		}
	}
}

// far tells whether a day of supply lies years away from the issue date.
func far(issued civil.Date, days ...civil.Date) bool {
	return slices.ContainsFunc(days, func(d civil.Date) bool {
		n := issued.DaysUntil(d)
		return n > maxSupply || n < -maxSupply
	})
}

// texts checks item 3: what was supplied, line by line. That a line falls under
// the reduced rate is printed from its category.
func (d Draft) texts(miss func(field, key string, args ...any)) {
	if len(d.Lines) == 0 {
		miss("lines", "missing.lines")
	}
	for i, l := range d.Lines {
		if strings.TrimSpace(l.Description) == "" {
			miss(fmt.Sprintf("lines[%d].description", i), "missing.description", "line", i+1)
		}
	}
	if d.Discount.Amount != 0 && strings.TrimSpace(d.Discount.Description) == "" {
		miss("discount.description", "missing.discount")
	}
}

// sums checks items 4 and 5, which are computed. A rate whose total falls below
// zero would be a return (対価の返還), which has a document of its own kind.
func (b Bill) sums(d Draft, miss func(field, key string, args ...any)) {
	for _, g := range b.Groups {
		if g.Total < 0 {
			miss("lines", "negative_rate", "percent", g.Class.Percent, "amount", g.Total)
		}
	}
	switch {
	case len(d.Lines) == 0:
	case b.Total == 0:
		miss("lines", "zero_total")
	case b.Total < 0:
		miss("lines", "negative_total", "amount", b.Total)
	}
}
