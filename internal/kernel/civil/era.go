package civil

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// Era is a Japanese era (元号).
type Era struct {
	Name   string // 令和
	Letter string // R
	first  int    // common year of its year 1
}

// eras begins where Japan took the present calendar (明治五年太政官布告第三百三十七号);
// earlier dates have another month and day.
var eras = Table[Era]{
	{From: Date{1873, 1, 1}, To: Date{1912, 7, 29}, Value: Era{"明治", "M", 1868}, Source: "明治五年太政官布告337号", Status: Enacted},
	{From: Date{1912, 7, 30}, To: Date{1926, 12, 24}, Value: Era{"大正", "T", 1912}, Source: "明治45年7月30日詔書", Status: Enacted},
	{From: Date{1926, 12, 25}, To: Date{1989, 1, 7}, Value: Era{"昭和", "S", 1926}, Source: "大正15年12月25日詔書", Status: Enacted},
	{From: Date{1989, 1, 8}, To: Date{2019, 4, 30}, Value: Era{"平成", "H", 1989}, Source: "昭和64年政令1号", Status: Enacted},
	{From: Date{2019, 5, 1}, Value: Era{"令和", "R", 2019}, Source: "平成31年政令143号", Status: Enacted},
}

// Wareki is a date in the Japanese calendar (和暦).
type Wareki struct {
	Era  Era
	Year int // of the era, 1 = 元年
	Date Date
}

// Wareki gives d in the Japanese calendar; before 1873 it is fault.Invalid.
func (d Date) Wareki() (Wareki, error) {
	r, err := eras.At(d)
	if err != nil {
		return Wareki{}, fault.Invalid("civil.no_era", "date", d)
	}
	return Wareki{r.Value, d.Year() - r.Value.first + 1, d}, nil
}

// String is the form of documents: 令和8年11月22日, in the first year 令和元年5月1日.
func (w Wareki) String() string {
	year := strconv.Itoa(w.Year)
	if w.Year == 1 {
		year = "元"
	}
	return fmt.Sprintf("%s%s年%d月%d日", w.Era.Name, year, w.Date.Month(), w.Date.Day())
}

// Short is the form of forms: R8.11.22.
func (w Wareki) Short() string {
	return fmt.Sprintf("%s%d.%d.%d", w.Era.Letter, w.Year, w.Date.Month(), w.Date.Day())
}

// YYMMDD is the form of bank files (全銀): 081122. It does not name the era.
func (w Wareki) YYMMDD() string {
	return fmt.Sprintf("%02d%02d%02d", w.Year, w.Date.Month(), w.Date.Day())
}

var (
	commonPattern = regexp.MustCompile(`^(\d{4})(?:[-/.](\d{1,2})[-/.](\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))$`)
	eraPattern    = regexp.MustCompile(`^(明治|大正|昭和|平成|令和|[MTSHRmtshr])(元|\d{1,2})(?:年(\d{1,2})月(\d{1,2})日|[-/.](\d{1,2})[-/.](\d{1,2}))$`)
)

// ParseLoose reads a date as people and other programs write it, full or half
// width: 2026-11-22, 2026/1/5, 20261122, 2026年11月22日, 令和8年11月22日,
// R8.11.22. Two-digit years without an era are refused, for they are ambiguous,
// and so are days an era does not have (平成31年5月1日).
func ParseLoose(s string) (Date, error) {
	s = strings.Join(strings.Fields(norm.NFKC.String(s)), "")
	if m := commonPattern.FindStringSubmatch(s); m != nil {
		y, _ := digits(m[1])
		return newFrom(y, m[2]+m[4]+m[6], m[3]+m[5]+m[7])
	}
	m := eraPattern.FindStringSubmatch(s)
	if m == nil {
		return Date{}, fault.Invalid("civil.unread_date")
	}
	n, ok := digits(m[2])
	if !ok {
		n = 1 // 元年
	}
	for _, r := range eras {
		if r.Value.Name != m[1] && r.Value.Letter != strings.ToUpper(m[1]) {
			continue
		}
		d, err := newFrom(r.Value.first+n-1, m[3]+m[5], m[4]+m[6])
		if err == nil && (n == 0 || !r.holds(d)) {
			return Date{}, fault.Invalid("civil.outside_era", "era", r.Value.Name)
		}
		return d, err
	}
	return Date{}, fault.Invalid("civil.unread_date")
}

func newFrom(year int, month, day string) (Date, error) {
	m, _ := digits(month)
	d, _ := digits(day)
	return New(year, time.Month(m), d)
}
