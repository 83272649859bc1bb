package org

import (
	"embed"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

//go:embed schema/*.sql
var schema embed.FS

// Company is the issuer (発行者), the only row of its table. No query is put on
// it, so it lies in one sealed column.
type Company struct {
	gate.Row
	Profile `col:"profile" class:"confidential"`
}

// issuerID is the id of that row.
const issuerID = "issuer"

// Department is a part of the company (部署).
type Department struct {
	gate.Row
	Code     string     `json:"code" col:"code" class:"internal"`
	Name     string     `json:"name" col:"name" class:"internal"`
	Parent   string     `json:"parent" col:"parent_id" class:"internal"` // id, empty at the top
	ClosedOn civil.Date `json:"closed_on" col:"closed_on" class:"internal"`
}

// Holiday is a day off of the company beside the national ones (会社休日).
type Holiday struct {
	gate.Row
	Date civil.Date `json:"date" col:"day" class:"internal"`
	Name string     `json:"name" col:"name" class:"internal"`
}

// Series is a number series (採番).
type Series struct {
	gate.Row
	Name    string `json:"name" col:"name" class:"internal"`
	Pattern string `json:"pattern" col:"pattern" class:"internal"`
	First   int64  `json:"first" col:"first_serial" class:"internal"` // serial of its first run; later runs begin with 1
}

// Run is the serials of one series under one spelling of the date.
type Run struct {
	gate.Row
	Series string `json:"series" col:"series" class:"internal"`
	Period string `json:"period" col:"period" class:"internal"`
	First  int64  `json:"first" col:"first_serial" class:"internal"`
	Next   int64  `json:"next" col:"next_serial" class:"internal"`
}

// State of a number.
type State string

const (
	Used   State = "used"
	Voided State = "void"
)

// Number is a number that was taken.
type Number struct {
	gate.Row
	Series string `json:"series" col:"series" class:"internal"`
	Period string `json:"period" col:"period" class:"internal"`
	Serial int64  `json:"serial" col:"serial" class:"internal"`
	Number string `json:"number" col:"number" class:"internal"`
	Kind   string `json:"used_by_kind" col:"used_by_kind" class:"internal"` // what bears it
	UsedBy string `json:"used_by" col:"used_by_id" class:"internal"`
	State  State  `json:"state" col:"state" class:"internal"`
}

// Gap is an entry of the ledger of numbers given up (欠番台帳).
type Gap struct {
	gate.Row
	Series string     `json:"series" col:"series" class:"internal"`
	Number string     `json:"number" col:"number" class:"internal"`
	Reason string     `json:"reason" col:"reason" class:"confidential"`
	On     civil.Date `json:"voided_on" col:"voided_on" class:"internal"`
	By     string     `json:"voided_by" col:"voided_by" class:"internal"`
}

var (
	issuers     = gate.NewTable[Company]("org_issuer", gate.Unscoped(), gate.Cached())
	departments = gate.NewTable[Department]("org_department", gate.Unscoped())
	holidays    = gate.NewTable[Holiday]("org_holiday", gate.Unscoped())
	series      = gate.NewTable[Series]("org_series", gate.Unscoped())
	runs        = gate.NewTable[Run]("org_run", gate.Unscoped())
	numbers     = gate.NewTable[Number]("org_number", gate.Unscoped())
	voids       = gate.NewTable[Gap]("org_void", gate.Unscoped())
)

// Issuer is the own company; a refusal says to enter it first.
func Issuer(x *gate.Tx) (Company, error) {
	c, err := issuers.Get(x, issuerID)
	if fault.Is(err, fault.KindNotFound) {
		return c, fault.Refused("org.no_issuer")
	}
	return c, err
}

// KeepThrough is the last day on which a document of d must be kept. Before the
// company is entered its business year is unknown, and the latest end it can
// have is taken.
func KeepThrough(x *gate.Tx, d civil.Date) (civil.Date, error) {
	c, err := issuers.Get(x, issuerID)
	if fault.Is(err, fault.KindNotFound) {
		return Profile{FiscalStart: int(d.Month())}.KeepThrough(d)
	}
	if err != nil {
		return civil.Date{}, err
	}
	return c.KeepThrough(d)
}

// Departments are all departments, closed ones too, in the order of their ids.
func Departments(x *gate.Tx) ([]Department, error) { return departments.Find(x) }

// Calendar is the calendar of the banks with the company's own days off.
func Calendar(x *gate.Tx) (civil.Calendar, error) {
	all, err := holidays.Find(x)
	if err != nil {
		return civil.Calendar{}, err
	}
	days := make([]civil.Date, len(all))
	for i, h := range all {
		days[i] = h.Date
	}
	return civil.Calendar{}.Closed(days...), nil
}

// SeriesLock is what an op must be Alone on that takes or gives up numbers.
func SeriesLock(series string) string { return "org.series/" + series }

// TakeNumber takes the next number of a series for a document of date, named by
// kind and id, in the caller's transaction: if that is rolled back, the number
// was never taken. An unknown series is a refusal.
func TakeNumber(x *gate.Tx, name string, date civil.Date, kind, id string) (string, error) {
	s, err := seriesByName(x, name)
	if err != nil {
		return "", err
	}
	fiscal := 0
	if strings.Contains(s.Pattern, "{fy}") {
		c, err := Issuer(x)
		if err != nil {
			return "", err
		}
		year, err := c.FiscalYear(date)
		if err != nil {
			return "", err
		}
		fiscal = year.Name()
	}
	if date.IsZero() {
		return "", fault.Invalid("civil.bad_date")
	}
	run, err := runOf(x, s, period(s.Pattern, date, fiscal))
	if err != nil {
		return "", err
	}
	n := Number{Series: s.Name, Period: run.Period, Serial: run.Next, Number: number(run.Period, run.Next), Kind: kind, UsedBy: id, State: Used}
	run.Next++
	if run.ID == "" {
		err = runs.Insert(x, &run)
	} else {
		err = runs.Update(x, &run)
	}
	if err != nil {
		return "", err
	}
	return n.Number, numbers.Insert(x, &n)
}

func seriesByName(x *gate.Tx, name string) (Series, error) {
	s, err := series.One(x, gate.Eq("name", name))
	if fault.Is(err, fault.KindNotFound) {
		return s, fault.Refused("org.no_series", "series", name)
	}
	return s, err
}

// runOf is the run of a series for a period, with no id yet if it is new. Only
// the first run of a series begins where an older system has ended.
func runOf(x *gate.Tx, s Series, period string) (Run, error) {
	all, err := runs.Find(x, gate.Eq("series", s.Name), gate.Eq("period", period))
	if err != nil || len(all) == 1 {
		return append(all, Run{})[0], err
	}
	older, err := runs.Has(x, gate.Eq("series", s.Name))
	first := int64(1)
	if !older {
		first = s.First
	}
	return Run{Series: s.Name, Period: period, First: first, Next: first}, err
}

// Void gives up a number that was taken: it is written into the ledger of
// numbers given up (欠番台帳) and never taken again.
func Void(x *gate.Tx, series, number, reason string) error {
	n, err := numbers.One(x, gate.Eq("series", series), gate.Eq("number", number))
	switch {
	case fault.Is(err, fault.KindNotFound):
		return fault.Refused("org.no_number", "number", number)
	case err != nil:
		return err
	case n.State == Voided:
		return fault.Refused("org.void_already", "number", number)
	}
	n.State = Voided
	if err := numbers.Update(x, &n); err != nil {
		return err
	}
	return voids.Insert(x, &Gap{Series: series, Number: number, Reason: reason, On: civil.Of(x.Now()), By: x.Actor().Person})
}
