package civil

import (
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// Shift says what happens to a due date on which the banks are closed.
type Shift string

const (
	ShiftNone     Shift = "none"     // stays
	ShiftPrevious Shift = "previous" // the banking day before (前営業日)
	ShiftNext     Shift = "next"     // the banking day after (翌営業日)
)

func (s Shift) step() (int, error) {
	switch s {
	case ShiftNone:
		return 0, nil
	case ShiftPrevious:
		return -1, nil
	case ShiftNext:
		return 1, nil
	}
	return 0, fault.Invalid("civil.bad_shift")
}

// LastDay as a closing or pay day means the last day of the month (末).
const LastDay = 31

// MaxTermMonths bounds the months between closing and payment.
const MaxTermMonths = 12

// Term is a partner's closing and payment term (締め日・支払サイト): deliveries up
// to the closing day are billed together and paid Months later on PayDay. A day
// beyond a month's length is that month's last day.
type Term struct {
	Close  int   `json:"close"`   // closing day 1–31, 31 = last day
	Months int   `json:"months"`  // 0 same month, 1 next month (翌月), 2 翌々月 … 12
	PayDay int   `json:"pay_day"` // 1–31, 31 = last day
	Shift  Shift `json:"shift"`
}

// Due is when a delivery is to be paid.
type Due struct {
	Closing     Date // closing date the delivery falls under (締め日)
	Nominal     Date // by the term alone
	Date        Date // after the shift to a banking day
	Provisional bool // a date beyond the official list of holidays is involved (仮)
}

// Check is fault.Invalid for a term outside its bounds, or one that would be
// due before it closes.
func (t Term) Check() error {
	if t.Close < 1 || t.Close > 31 || t.PayDay < 1 || t.PayDay > 31 || t.Months < 0 || t.Months > MaxTermMonths {
		return fault.Invalid("civil.bad_term", "months", MaxTermMonths)
	}
	if t.Months == 0 && t.PayDay < t.Close {
		return fault.Invalid("civil.term_before_closing")
	}
	_, err := t.Shift.step()
	return err
}

// Closing gives the closing date a delivery on that day falls under; none for none.
func (t Term) Closing(deliver Date) Date {
	if deliver.IsZero() {
		return deliver
	}
	c := monthDay(deliver.Year(), deliver.Month(), t.Close)
	if deliver.After(c) {
		first := monthDay(deliver.Year(), deliver.Month(), 1).AddMonths(1)
		c = monthDay(first.Year(), first.Month(), t.Close)
	}
	return c
}

// Due computes when a delivery is to be paid. Errors are those of Check and
// Holiday, and fault.Invalid if there is no delivery date.
func (t Term) Due(deliver Date) (Due, error) {
	if err := t.Check(); err != nil {
		return Due{}, err
	}
	if deliver.IsZero() {
		return Due{}, fault.Invalid("civil.bad_date")
	}
	closing := t.Closing(deliver)
	// Months are counted on the first, so that 01-31 + 1 is February.
	m := monthDay(closing.Year(), closing.Month(), 1).AddMonths(t.Months)
	nominal := monthDay(m.Year(), m.Month(), t.PayDay)
	day, err := Calendar{}.Shift(nominal, t.Shift)
	if err != nil {
		return Due{}, err
	}
	return Due{closing, nominal, day, Max(nominal, day).After(OfficialUntil())}, nil
}

// String is the customary Japanese wording without the shift: 末締め翌月末払い.
func (t Term) String() string {
	months := map[int]string{0: "当月", 1: "翌月", 2: "翌々月"}[t.Months]
	if months == "" {
		months = strconv.Itoa(t.Months) + "か月後"
	}
	return dayLabel(t.Close) + "締め" + months + dayLabel(t.PayDay) + "払い"
}

func dayLabel(day int) string {
	if day == LastDay {
		return "末"
	}
	return strconv.Itoa(day) + "日"
}

var termPattern = regexp.MustCompile(
	`^(?:毎月|当月|月)?(末|\d{1,2})日?(?:締め?)?/?(当|翌々|翌|(\d{1,2})(?:か|ヶ|ケ|カ|ヵ|箇)月後)(?:月の?)?(末|\d{1,2})日?(?:払い?)?$`)

// ParseTerm reads a term as people write it, full or half width: 末/翌末,
// 20日締め翌々月10日払い, 末締3か月後末払. The shift is the caller's.
func ParseTerm(s string, shift Shift) (Term, error) {
	s = strings.Join(strings.Fields(norm.NFKC.String(s)), "")
	m := termPattern.FindStringSubmatch(s)
	if m == nil {
		return Term{}, fault.Invalid("civil.unread_term")
	}
	months := map[string]int{"当": 0, "翌": 1, "翌々": 2}[m[2]]
	if m[3] != "" {
		months, _ = digits(m[3])
	}
	t := Term{termDay(m[1]), months, termDay(m[4]), shift}
	return t, t.Check()
}

func termDay(s string) int {
	if s == "末" {
		return LastDay
	}
	n, _ := digits(s)
	return n
}
