// Package invoice bills (請求書): a draft is checked against the law of the
// qualified invoice (適格請求書, 消費税法57条の4第1項), frozen as a snapshot with
// the next number, rendered by a job and archived. An issued invoice is never
// changed again.
package invoice

import (
	"fmt"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
)

// State is how far an invoice has come.
type State string

// The states: draft → issued → ready. An opening invoice was taken over from
// another system and stays what it is.
const (
	Drafted State = "draft"
	Issued  State = "issued"  // numbered and frozen; the PDF is being made
	Ready   State = "ready"   // the PDF lies in the archive; now it may be sent
	Opening State = "opening" // 売掛残: another system's invoice, still unpaid
)

// Draft is what a person writes: everything of an invoice that is not looked
// up or computed. All of it may be incomplete until it is issued.
type Draft struct {
	Party   string `json:"party" required:"true" max:"40" class:"internal"` // partner's id; fixed from the first saving on
	Contact string `json:"contact" max:"40" class:"internal"`               // id of the partner's contact printed below the name
	Subject string `json:"subject" max:"100" class:"confidential"`          // 件名

	Date       civil.Date `json:"date" class:"internal"`        // 発行日
	PeriodFrom civil.Date `json:"period_from" class:"internal"` // 取引期間
	PeriodTo   civil.Date `json:"period_to" class:"internal"`
	Due        civil.Date `json:"due" class:"internal"`      // お支払期限
	Returned   civil.Date `json:"returned" class:"internal"` // 返還年月日, of a return only
	Delivery   bool       `json:"delivery" class:"internal"` // line dates are 納品日, else 取引年月日

	Pricing  money.Pricing  `json:"pricing" enum:"exclusive,inclusive" class:"internal"` // 税抜 or 税込; "" is 税抜
	Rounding money.Rounding `json:"rounding" enum:"floor,half_up,ceil" class:"internal"` // "" is the company's
	Account  string         `json:"account" max:"40" class:"confidential"`               // own bank account, as AccountKey; "" prints all
	Lines    []Line         `json:"lines" max:"500"`
	Discount Discount       `json:"discount"`

	Message    string   `json:"message" text:"multiline" max:"500" class:"confidential"`
	Notes      string   `json:"notes" text:"multiline" max:"1000" class:"confidential"` // 備考, printed
	Recipients []string `json:"recipients" max:"20" class:"personal"`                   // proposals only: where the register has no such address, nothing is sent
}

// Line is one line of a draft (明細). Its amount is quantity × unit price; a
// discount or a return has a quantity below zero, or a price below zero.
type Line struct {
	Date        civil.Date     `json:"date" class:"internal"`              // 取引年月日 or 納品日; none: within the period
	Slip        string         `json:"slip" max:"40" class:"confidential"` // 伝票番号
	Description string         `json:"description" max:"200" class:"confidential"`
	Quantity    money.Decimal  `json:"quantity" class:"confidential"`
	Unit        string         `json:"unit" max:"20" class:"confidential"`
	UnitPrice   money.Decimal  `json:"unit_price" class:"confidential"`
	Category    money.Category `json:"category" enum:"standard,reduced,food,exempt,outside,export" class:"internal"`
	Note        string         `json:"note" max:"200" class:"confidential"` // printed below the description
}

// Discount is taken off the whole invoice and apportioned over its rates
// (一括値引き, インボイスQ&A 問69). Amount is in yen, above zero, taxed as the
// lines are.
type Discount struct {
	Amount      money.Yen `json:"amount" class:"confidential"`
	Description string    `json:"description" max:"100" class:"confidential"`
}

// Issuer and Partner are what the rules ask of the two sides.
type (
	Issuer struct {
		Name               string
		RegistrationNumber string // T番号
		Rounding           money.Rounding
		Accounts           []string // keys of the own bank accounts
	}
	Partner struct {
		Name   string
		Active bool
	}
)

// Bill is a draft computed. Items are the draft's lines in order, then one for
// each class the discount was apportioned to.
type Bill struct {
	Items []money.Line
	money.Totals
}

// Compute bills a draft with the rates of the days of supply and rounds once
// per class (消費税法施行令70条の10). Each fault names its line; a line at fault
// counts as nothing, so that an unfinished draft has totals too.
func Compute(d Draft, r money.Rounding, rates money.Rates) (Bill, []*fault.Error) {
	b := Bill{Items: make([]money.Line, len(d.Lines))}
	var bad []*fault.Error
	var sums []money.Line
	for i, l := range d.Lines {
		item, err := d.item(l, r, rates)
		if err != nil {
			bad = append(bad, within(err, fmt.Sprintf("lines[%d]", i)))
			continue
		}
		b.Items[i] = item
		sums = append(sums, item)
	}
	parts, err := d.apportion(sums)
	if err != nil {
		bad = append(bad, fault.Of(err).At("discount.amount"))
	}
	b.Items = append(b.Items, parts...)
	if b.Totals, err = money.Tally(append(sums, parts...), d.pricing(), r); err != nil {
		b.Totals = money.Totals{}
		bad = append(bad, fault.Of(err).At("lines"))
	}
	return b, bad
}

func (d Draft) pricing() money.Pricing {
	if d.Pricing == "" {
		return money.TaxExclusive
	}
	return d.Pricing
}

// item computes one line.
func (d Draft) item(l Line, r money.Rounding, rates money.Rates) (money.Line, error) {
	amount, err := money.LineAmount(l.Quantity, l.UnitPrice, r)
	if err != nil {
		return money.Line{}, err
	}
	if l.Quantity.Sign() < 0 && l.UnitPrice.Sign() < 0 {
		return money.Line{}, fault.Invalid("invoice.both_negative").At("quantity")
	}
	class, err := d.class(l, rates)
	return money.Line{Class: class, Amount: amount}, err
}

// class is decided by the day of supply, not by the day of issue (消費税法29条).
func (d Draft) class(l Line, rates money.Rates) (money.Class, error) {
	switch {
	case l.Category == "":
		return money.Class{}, fault.Invalid("invoice.missing.category").At("category")
	case !l.Date.IsZero():
		c, err := rates.At(l.Category, l.Date)
		return c, at(err, "date")
	case d.PeriodFrom.IsZero() || d.PeriodTo.IsZero():
		return money.Class{}, fault.Invalid("invoice.missing.date").At("date")
	}
	first, err := rates.At(l.Category, d.PeriodFrom)
	if err != nil {
		return first, at(err, "category")
	}
	last, err := rates.At(l.Category, d.PeriodTo)
	if err == nil && first != last {
		err = fault.Invalid("invoice.rate_changes", "from", first.Percent, "to", last.Percent)
	}
	return last, at(err, "date")
}

// apportion splits the discount over the classes in proportion to their sums.
func (d Draft) apportion(lines []money.Line) ([]money.Line, error) {
	if d.Discount.Amount == 0 {
		return nil, nil
	}
	if d.Discount.Amount < 0 {
		return nil, fault.Invalid("invoice.discount_sign")
	}
	var parts []money.Line
	var sums []money.Yen
	place := map[money.Class]int{}
	for _, l := range lines {
		i, ok := place[l.Class]
		if !ok {
			i = len(parts)
			place[l.Class] = i
			parts, sums = append(parts, money.Line{Class: l.Class}), append(sums, 0)
		}
		var err error
		if sums[i], err = sums[i].Add(l.Amount); err != nil {
			return nil, err
		}
	}
	shares, err := money.Apportion(d.Discount.Amount, sums)
	if err != nil {
		return nil, err
	}
	some := parts[:0]
	for i, p := range parts {
		if shares[i] > 0 {
			p.Amount = -shares[i]
			some = append(some, p)
		}
	}
	return some, nil
}

// at says which field a fault is about, unless it says so already.
func at(err error, field string) error {
	if err == nil {
		return nil
	}
	if f := fault.Of(err); f.Field == "" {
		return f.At(field)
	}
	return err
}

// within puts a path before the field of a fault.
func within(err error, path string) *fault.Error {
	f := fault.Of(err)
	if f.Field == "" {
		return f.At(path)
	}
	return f.At(path + "." + f.Field)
}
