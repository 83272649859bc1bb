package dispatch

import (
	"slices"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
)

// From when on a partner has a habit, and a well-known one: the product's own, set
// in November 2026 by the reasoning of docs/decisions/019.
const (
	habitMonths = 13 // of history: twelve, and the same month of last year
	habitLeast  = 3  // invoices
	habitFirm   = 6
)

// habit: an amount far off what this partner is usually billed (SM-37): above the
// middle one by more than the rules let it be (half, if nobody has set it) and a fifth above the highest (half, while few are
// known), or below a quarter of the lowest. It is quiet when it ties an earlier
// one, or what the same month of last year had.
func habit(f Facts) []Finding {
	var out []Finding
	for _, a := range f.Files {
		if !a.Invoice || a.Kind == document.Credit || a.Amount <= 0 {
			continue
		}
		past := usually(f.History, a)
		if len(past) < habitLeast {
			continue
		}
		low, usual, high := past[0], past[len(past)/2], past[len(past)-1]
		over := a.Amount*5 > high*6
		if len(past) < habitFirm {
			over = a.Amount*2 > high*3
		}
		c := caution(a.Item, "amount_high", true)
		switch {
		case over && a.Amount*100 > usual*money.Yen(100+f.Rules.Habit()):
		case a.Amount*4 < low:
			c = caution(a.Item, "amount_low", false)
		default:
			continue
		}
		c.Shown, c.Registered = a.Amount.String(), low.String()+"〜"+high.String()
		out = append(out, c)
	}
	return out
}

// bigUsually tells whether each paper over an amount is an invoice of ours over
// what this partner is usually billed, where half of its invoices and more ask for
// a second person, or what it was billed in the same month of last year.
func bigUsually(f Facts) bool {
	rest := f.Total
	for _, a := range f.Files {
		rest -= a.Amount
	}
	return rest == 0 && !slices.ContainsFunc(f.Files, func(a FileFact) bool {
		if a.Amount == 0 {
			return false
		}
		if !a.Invoice || !a.Issued || a.Kind == document.Credit || a.Amount < 0 {
			return true
		}
		if slices.ContainsFunc(f.History, func(b Billed) bool { return b.lastYear(a) && within(a.Amount, b.Amount, 100) }) {
			return false
		}
		past := recently(f.History, a)
		return len(past) < habitLeast || past[len(past)/2] < f.BigFrom || len(habit(Facts{Files: []FileFact{a}, History: f.History, Rules: f.Rules})) > 0
	})
}

// lastYear tells whether an invoice is of a's month of last year.
func (b Billed) lastYear(a FileFact) bool {
	d := a.Date.AddMonths(-12)
	return b.Date.Year() == d.Year() && b.Date.Month() == d.Month()
}

// recently gives what was billed in the twelve months before a, in order.
func recently(history []Billed, a FileFact) []money.Yen {
	var amounts []money.Yen
	for _, b := range history {
		if b.Amount > 0 && !b.Date.After(a.Date) && !b.Date.Before(a.Date.AddMonths(-12)) {
			amounts = append(amounts, b.Amount)
		}
	}
	slices.Sort(amounts)
	return amounts
}

// usually gives what was billed in the twelve months before a, in order; nothing
// where a fits one of them or its month of last year.
func usually(history []Billed, a FileFact) []money.Yen {
	for _, b := range history {
		switch {
		case b.Amount <= 0 || b.Date.After(a.Date):
			continue
		case within(a.Amount, b.Amount, 100): // it ties, but for a yen of tax
			return nil
		case b.lastYear(a) && within(a.Amount, b.Amount, 7):
			return nil
		}
	}
	return recently(history, a)
}

// within tells whether a and b differ by at most an nth of b.
func within(a, b money.Yen, n int64) bool {
	return max(a-b, b-a)*money.Yen(n) <= b
}

// sameAmount: another document over the same amount in the same month went to
// this partner, or is about to (C-31): two numbers for one thing.
func sameAmount(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool { return a.Twin != "" }, func(a FileFact) Finding {
		c := caution(a.Item, "same_amount", true)
		c.Shown, c.Registered = a.Number, a.Twin
		return c
	})
}

// late is when it is, if that is no usual time for sending: outside the hours of
// the rules, or on a day off. "" if it is.
func late(at time.Time, open bool, r Rules) string {
	at = at.In(civil.JST())
	from, until := r.Hours()
	switch {
	case !open:
		return at.Format("2006/01/02 15:04")
	case at.Hour() < from || at.Hour() >= until:
		return at.Format("15:04")
	}
	return ""
}

// unusualHour: who works at night or on a day off is in a hurry, or is not who
// they seem.
func unusualHour(f Facts) []Finding {
	if f.Late == "" {
		return nil
	}
	c := caution(ItemPackage, "unusual_hour", false)
	c.Shown = f.Late
	return []Finding{c}
}
