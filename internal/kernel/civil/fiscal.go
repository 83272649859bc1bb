package civil

import (
	"time"

	"sekisho/internal/kernel/fault"
)

// FiscalYear is a company's business year (事業年度).
type FiscalYear struct {
	First Date
	Last  Date
}

// FiscalYearOf gives the business year d lies in, for years that end with the
// last day of the given month (決算月). A month outside 1–12 or no date is
// fault.Invalid.
func FiscalYearOf(d Date, endMonth time.Month) (FiscalYear, error) {
	if d.IsZero() || endMonth < 1 || endMonth > 12 {
		return FiscalYear{}, fault.Invalid("civil.bad_fiscal_year")
	}
	last := monthDay(d.Year(), endMonth, 31)
	if d.After(last) {
		last = last.AddMonths(12).EndOfMonth()
	}
	return FiscalYear{monthDay(last.Year(), endMonth, 1).AddMonths(-11), last}, nil
}

// Name is the common year in which the business year begins, as in 2026年度.
func (f FiscalYear) Name() int { return f.First.Year() }

// Keeping is how many years documents must be kept (保存期間).
type Keeping int

const (
	// KeepTax is the rule of the tax laws (法人税法施行規則59条2項,
	// 消費税法施行令70条の13第1項; for data 電子帳簿保存法施行規則4条1項).
	KeepTax Keeping = 7
	// KeepLoss is for years with a carried loss (法人税法施行規則26条の3第1項), and
	// covers the ledgers of company law (会社法432条2項).
	KeepLoss Keeping = 10
)

// safetyMonths covers extensions of the filing deadline (法人税法75条, 75条の2).
const safetyMonths = 3

// Kept is a keeping period with the dates it was reckoned from.
type Kept struct {
	Deadline    Date // filing deadline of the year's return (申告期限)
	From        Date // the day after it, from which the years count
	Through     Date // last day the documents must be kept
	Provisional bool // the deadline lies beyond the official list of holidays
}

// Through reckons how long documents of a business year must be kept: the given
// years from the day after the deadline of its return, which is two months after
// the year's end (法人税法74条1項), or the next day on which offices are open
// (国税通則法10条2項, 国税通則法施行令2条2項). Shifting makes it later, never earlier.
func (k Keeping) Through(yearEnd Date) (Kept, error) {
	if yearEnd.IsZero() || k < 1 || k > 100 {
		return Kept{}, fault.Invalid("civil.bad_fiscal_year")
	}
	deadline, err := nextOfficeDay(lastOfPeriod(yearEnd.AddDays(1), 2))
	if err != nil {
		return Kept{}, err
	}
	from := deadline.AddDays(1)
	return Kept{deadline, from, lastOfPeriod(from, 12*int(k)), deadline.After(OfficialUntil())}, nil
}

// KeepSafely is the default where neither losses nor extensions are known: ten
// years and three months.
func KeepSafely(yearEnd Date) (Kept, error) {
	kept, err := KeepLoss.Through(yearEnd)
	if err != nil {
		return Kept{}, err
	}
	kept.Through = lastOfPeriod(kept.From, 12*int(KeepLoss)+safetyMonths)
	return kept, nil
}

// lastOfPeriod is the last day of a period of months that begins with first
// (民法143条2項): the day before the corresponding one, or the last day of a month
// that has none.
func lastOfPeriod(first Date, months int) Date {
	end := first.AddMonths(months)
	if end.Day() < first.Day() {
		return end
	}
	return end.AddDays(-1)
}

// nextOfficeDay moves a deadline off weekends, holidays and 12-29 to 01-03.
func nextOfficeDay(d Date) (Date, error) {
	for {
		open, err := IsBankDay(d)
		if err != nil {
			return Date{}, err
		}
		if open && (d.month != 12 || d.day < 29) {
			return d, nil
		}
		d = d.AddDays(1)
	}
}
