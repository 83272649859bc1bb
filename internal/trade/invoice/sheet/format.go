package sheet

import (
	"strconv"
	"strings"
	"time"
)

// yen writes an amount with thousands separators: "-1,234,567".
func yen(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// longDate writes 2026年11月22日, or instead where that is given.
func longDate(date, instead string) string {
	if instead != "" {
		return instead
	}
	return dateAs(date, "2006年1月2日")
}

// slashDate writes 2026/11/22, the same width for every date.
func slashDate(date string) string { return dateAs(date, "2006/01/02") }

// dateAs gives "" for no date; check has refused what is neither.
func dateAs(date, layout string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return ""
	}
	return t.Format(layout)
}
