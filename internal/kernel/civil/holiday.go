package civil

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"sekisho/internal/kernel/fault"
)

// holidaysCSV is the Cabinet Office's list of national holidays
// (内閣府「国民の祝日」), UTF-8, with the last day it is complete for.
//
//go:embed holidays-jp.csv
var holidaysCSV string

// lastRuleYear is the last year the equinox formula holds for (1980–2099).
const lastRuleYear = 2099

// holidayList is what the list says, and beyond its end what the law gives.
type holidayList struct {
	first, horizon, last Date
	names                map[Date]string
}

var holidays = sync.OnceValues(func() (*holidayList, error) {
	l, err := readHolidays(holidaysCSV)
	if err != nil {
		return nil, err
	}
	for y := l.horizon.Year() + 1; y <= lastRuleYear; y++ {
		for d, name := range lawfulHolidays(y) {
			l.names[d] = name
		}
	}
	l.last = Date{lastRuleYear, 12, 31}
	return l, nil
})

func readHolidays(csv string) (*holidayList, error) {
	l := &holidayList{names: map[Date]string{}}
	for line := range strings.Lines(csv) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if s, ok := strings.CutPrefix(line, "horizon="); ok {
			d, err := Parse(s)
			if err != nil {
				return nil, fmt.Errorf("civil: holidays: %q: %w", line, err)
			}
			l.horizon = d
			continue
		}
		s, name, ok := strings.Cut(line, ",")
		d, err := Parse(s)
		if err != nil || !ok || name == "" {
			return nil, fmt.Errorf("civil: holidays: %q is no date and name", line)
		}
		if l.first.IsZero() || d.Before(l.first) {
			l.first = d
		}
		l.names[d] = name
	}
	if l.horizon.IsZero() || len(l.names) == 0 {
		return nil, fmt.Errorf("civil: holidays: no horizon or no days")
	}
	return l, nil
}

// Holiday gives the name of the national holiday or day off by law on d
// (国民の祝日に関する法律3条), "" on any other day. Before the list of 1955 and
// after 2099 it is fault.Invalid.
func Holiday(d Date) (string, error) {
	l, err := holidays()
	if err != nil {
		return "", fault.Failed(err)
	}
	if d.Before(l.first) || d.After(l.last) {
		return "", fault.Invalid("civil.no_calendar", "date", d, "first", l.first, "last", l.last)
	}
	return l.names[d], nil
}

// OfficialUntil is the last day the official list of holidays covers. What is
// computed with later days is provisional (仮) and to be shown as such.
func OfficialUntil() Date {
	l, err := holidays()
	if err != nil {
		return Date{}
	}
	return l.horizon
}

// lawfulHolidays computes the holidays of a year by the law as it stands
// (国民の祝日に関する法律2条, 3条).
func lawfulHolidays(year int) map[Date]string {
	day := func(m time.Month, d int) Date { return Date{int16(year), uint8(m), uint8(d)} }
	spring, autumn := equinoxes(year)
	named := map[Date]string{
		day(1, 1):              "元日",
		nthMonday(year, 1, 2):  "成人の日",
		day(2, 11):             "建国記念の日",
		day(2, 23):             "天皇誕生日",
		day(3, spring):         "春分の日",
		day(4, 29):             "昭和の日",
		day(5, 3):              "憲法記念日",
		day(5, 4):              "みどりの日",
		day(5, 5):              "こどもの日",
		nthMonday(year, 7, 3):  "海の日",
		day(8, 11):             "山の日",
		nthMonday(year, 9, 3):  "敬老の日",
		day(9, autumn):         "秋分の日",
		nthMonday(year, 10, 2): "スポーツの日",
		day(11, 3):             "文化の日",
		day(time.November, 23): "勤労感謝の日",
	}
	all := map[Date]string{}
	for d, name := range named {
		all[d] = name
		next := d.AddDays(1)
		if d.Weekday() == time.Sunday { // 3条2項, 振替休日
			for named[next] != "" {
				next = next.AddDays(1)
			}
			all[next] = "休日"
		} else if named[next] == "" && named[next.AddDays(1)] != "" { // 3条3項, 国民の休日
			all[next] = "休日"
		}
	}
	return all
}

// equinoxes gives the days of 春分 in March and 秋分 in September, 1980–2099,
// by the usual approximation of the almanac, in millionths of a day. The almanac
// itself is published in February of the year before (暦要項).
func equinoxes(year int) (spring, autumn int) {
	n := year - 1980
	return (20_843_100+242_194*n)/1_000_000 - n/4, (23_248_800+242_194*n)/1_000_000 - n/4
}

func nthMonday(year int, month time.Month, n int) Date {
	first := Date{int16(year), uint8(month), 1}
	toMonday := (int(time.Monday) - int(first.Weekday()) + 7) % 7
	return first.AddDays(toMonday + 7*(n-1))
}
