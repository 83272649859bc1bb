// Package civil is the calendar of business in Japan: dates without a clock
// (暦日), holidays and bank days, closing terms (締め日・支払サイト), eras (和暦),
// fiscal years, statutory keeping periods, and tables whose rows hold from one
// date to another.
//
// Everything is a pure function; today is always an argument.
package civil

import (
	"strconv"
	"time"

	"sekisho/internal/kernel/fault"
)

// Date is a day of the calendar in Japan, without a time. It is comparable with
// ==. The zero Date means "none"; its text is empty.
//
// Years run from 1 to 9999. Arithmetic that would leave them stops at the first
// or last day, so that a computed date never wraps around.
type Date struct {
	year       int16
	month, day uint8
}

// JST is the zone of all civil dates, UTC+9 without summer time
// (明治二十八年勅令第百六十七号「標準時ニ関スル件」). It needs no zone files.
func JST() *time.Location { return time.FixedZone("JST", 9*60*60) }

func firstDate() Date { return Date{1, 1, 1} }
func lastDate() Date  { return Date{9999, 12, 31} }

// New makes a date; a day that the calendar does not have is fault.Invalid.
func New(year int, month time.Month, day int) (Date, error) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return Date{}, fault.Invalid("civil.no_such_day", "year", year, "month", int(month), "day", day)
	}
	return Date{int16(year), uint8(month), uint8(day)}, nil
}

// Of gives the day it is in Japan at the instant t; none for the zero time.
func Of(t time.Time) Date {
	if t.IsZero() {
		return Date{}
	}
	return fromTime(t.In(JST()))
}

func fromTime(t time.Time) Date {
	switch y, m, d := t.Date(); {
	case y < 1:
		return firstDate()
	case y > 9999:
		return lastDate()
	default:
		return Date{int16(y), uint8(m), uint8(d)}
	}
}

// Parse reads exactly the form 2026-11-22 (ISO 8601 extended); anything else,
// also an empty text, is fault.Invalid. People's notations: see ParseLoose.
func Parse(s string) (Date, error) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return Date{}, fault.Invalid("civil.bad_date")
	}
	y, okY := digits(s[:4])
	m, okM := digits(s[5:7])
	d, okD := digits(s[8:])
	if !okY || !okM || !okD {
		return Date{}, fault.Invalid("civil.bad_date")
	}
	return New(y, time.Month(m), d)
}

// MustParse is Parse for dates written in source, as in tables of law; it panics
// if the text is no date.
func MustParse(s string) Date {
	d, err := Parse(s)
	if err != nil {
		panic("civil: " + s + ": " + err.Error())
	}
	return d
}

// digits reads 1 to 9 ASCII digits and nothing else.
func digits(s string) (int, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// YearMonth is the month of the day as "2026-11", "" for none.
func (d Date) YearMonth() string {
	if d.IsZero() {
		return ""
	}
	return d.String()[:len("2026-11")]
}

// String is the ISO form, "" for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	b := make([]byte, 0, 10)
	b = pad(b, int(d.year), 4)
	b = pad(append(b, '-'), int(d.month), 2)
	return string(pad(append(b, '-'), int(d.day), 2))
}

func pad(b []byte, n, width int) []byte {
	s := strconv.Itoa(n)
	for range width - len(s) {
		b = append(b, '0')
	}
	return append(b, s...)
}

// MarshalText is String; so a date in JSON is a string.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is Parse, and the empty text is none.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// IsZero tells whether d is none.
func (d Date) IsZero() bool { return d == Date{} }

// Year is the year of the common era, 0 for none.
func (d Date) Year() int { return int(d.year) }

// Month is 1 to 12, 0 for none.
func (d Date) Month() time.Month { return time.Month(d.month) }

// Day is the day of the month, 0 for none.
func (d Date) Day() int { return int(d.day) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Start is the instant the day begins in Japan.
func (d Date) Start() time.Time {
	return time.Date(int(d.year), time.Month(d.month), int(d.day), 0, 0, 0, 0, JST())
}

func (d Date) utc() time.Time {
	return time.Date(int(d.year), time.Month(d.month), int(d.day), 0, 0, 0, 0, time.UTC)
}

// Compare is -1, 0 or +1; none comes before every day.
func (d Date) Compare(e Date) int {
	switch {
	case d == e:
		return 0
	case d.key() < e.key():
		return -1
	}
	return 1
}

func (d Date) key() int { return int(d.year)<<9 | int(d.month)<<5 | int(d.day) }

// Before tells whether d lies before e.
func (d Date) Before(e Date) bool { return d.key() < e.key() }

// After tells whether d lies after e.
func (d Date) After(e Date) bool { return d.key() > e.key() }

// Max gives the later of two dates.
func Max(d, e Date) Date {
	if d.Before(e) {
		return e
	}
	return d
}

// DaysUntil counts the days from d to e, negative if e lies before d.
func (d Date) DaysUntil(e Date) int {
	return int((e.utc().Unix() - d.utc().Unix()) / (24 * 60 * 60))
}

// AddDays moves by n days; none stays none.
func (d Date) AddDays(n int) Date {
	const all = 9999 * 366 // more would leave the calendar from anywhere
	if d.IsZero() {
		return d
	}
	return fromTime(d.utc().AddDate(0, 0, min(max(n, -all), all)))
}

// AddMonths moves by n months and keeps the day of the month, or takes the last
// day of a shorter month (01-31 + 1 = 02-28); none stays none.
func (d Date) AddMonths(n int) Date {
	const all = 9999 * 12
	if d.IsZero() {
		return d
	}
	i := int(d.year)*12 + int(d.month) - 1 + min(max(n, -all), all)
	switch {
	case i < 12:
		return firstDate()
	case i >= 10000*12:
		return lastDate()
	}
	return monthDay(i/12, time.Month(i%12+1), int(d.day))
}

// EndOfMonth is the last day of d's month (末日).
func (d Date) EndOfMonth() Date {
	if d.IsZero() {
		return d
	}
	return monthDay(int(d.year), d.Month(), 31)
}

// monthDay gives the day of that month, or its last day if it is shorter.
func monthDay(year int, month time.Month, day int) Date {
	return Date{int16(year), uint8(month), uint8(min(day, monthDays(year, month)))}
}

func monthDays(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
