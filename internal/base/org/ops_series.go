package org

import (
	"regexp"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// SeriesIn is a new number series.
type SeriesIn struct {
	Name    string `json:"name" required:"true" max:"20"`
	Pattern string `json:"pattern" required:"true" max:"40"` // e.g. INV-{yyyy}-{000000}
	First   int64  `json:"first"`                            // where an older system has ended; 1 if 0
}

var seriesName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// maxFirst leaves room to count on.
const maxFirst = 999_999_999_999

// SeriesCreate adds a number series; it cannot be changed afterwards, since its
// numbers are out.
var SeriesCreate = gate.New(gate.Op[SeriesIn, Series]{
	Name: "org.series_create", Mode: gate.Write,
	Alone: func(in SeriesIn) []string { return []string{SeriesLock(in.Name)} },
	Target: func(*gate.Tx, SeriesIn) (gate.Target, error) {
		return gate.Target{Kind: "org_series", ID: "new"}, nil
	},
	Do: func(x *gate.Tx, in SeriesIn) (Series, error) {
		s := Series{Name: in.Name, Pattern: in.Pattern, First: max(in.First, 1)}
		if !seriesName.MatchString(in.Name) {
			return s, fault.Invalid("org.series_name").At("name")
		}
		if err := checkPattern(in.Pattern); err != nil {
			return s, err
		}
		if in.First < 0 || in.First > maxFirst {
			return s, fault.Invalid("org.series_first", "max", maxFirst).At("first")
		}
		taken, err := series.Has(x, gate.Eq("name", in.Name))
		if err != nil {
			return s, err
		}
		if taken {
			return s, fault.Conflict("org.series_taken", "series", in.Name).At("name")
		}
		return s, series.Insert(x, &s)
	},
})

// SeriesOut are all series with their runs.
type SeriesOut struct {
	Rows []Series `json:"rows"`
	Runs []Run    `json:"runs"`
}

// SeriesList gives all number series and how far their runs have come.
var SeriesList = gate.New(gate.Op[Nothing, SeriesOut]{
	Name: "org.series_list", Mode: gate.List,
	Target: func(*gate.Tx, Nothing) (gate.Target, error) {
		return gate.Target{Kind: "org_series", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, _ Nothing) (SeriesOut, error) {
		all, err := series.Find(x)
		if err != nil {
			return SeriesOut{}, err
		}
		rs, err := runs.Find(x)
		return SeriesOut{all, rs}, err
	},
})

// GapsIn asks for the ledger of one series, the newest entries first.
type GapsIn struct {
	Series string `json:"series" required:"true" max:"20"`
	After  string `json:"after"`
	Limit  int    `json:"limit"`
}

// Proof says of one run that every number from its first to its last is in use
// or in the ledger: Taken = Last − First + 1, Voided = Entered, Missing is empty.
type Proof struct {
	Period  string  `json:"period" class:"internal"`
	First   int64   `json:"first" class:"internal"`
	Last    int64   `json:"last" class:"internal"` // First − 1 if none is taken
	Taken   int64   `json:"taken" class:"internal"`
	Voided  int64   `json:"voided" class:"internal"`  // of them, given up
	Entered int64   `json:"entered" class:"internal"` // of those, in the ledger
	Dense   bool    `json:"dense" class:"internal"`
	Missing []int64 `json:"missing" class:"internal"` // serials in neither, at most 100
}

// GapsOut is a page of the ledger and the proof for all runs.
type GapsOut struct {
	Dense bool    `json:"dense" class:"internal"`
	Runs  []Proof `json:"runs"`
	Rows  []Gap   `json:"rows"`
	Next  string  `json:"next" class:"internal"`
}

// runCount and missingAfter are rows of the queries below.
type (
	runCount struct {
		Period                              string
		First, Next, Taken, Voided, Entered int64
	}
	missingAfter struct {
		Period       string
		Serial, Next int64
	}
)

var runQuery = gate.NewQuery[runCount]("org.run", `SELECT r.period, r.first_serial, r.next_serial,
	COUNT(n.id), COUNT(CASE WHEN n.state = 'void' THEN 1 END), COUNT(v.id)
	FROM {org_run r}
	LEFT JOIN {org_number n} ON n.series = r.series AND n.period = r.period AND n.serial >= r.first_serial AND n.serial < r.next_serial
	LEFT JOIN {org_void v} ON v.series = n.series AND v.number = n.number
	WHERE r.series = $1 GROUP BY r.period, r.first_serial, r.next_serial ORDER BY r.period`)

// The number of each row that has a hole after it, and the one behind the hole.
var missingQuery = gate.NewQuery[missingAfter]("org.missing", `SELECT h.period, h.serial, h.behind FROM (
	SELECT a.period, a.serial, LEAD(a.serial) OVER (PARTITION BY a.period ORDER BY a.serial) AS behind FROM (
		SELECT n.period, n.serial FROM {org_number n} WHERE n.series = $1
		UNION ALL SELECT r.period, r.first_serial - 1 FROM {org_run r} WHERE r.series = $1
		UNION ALL SELECT r.period, r.next_serial FROM {org_run r} WHERE r.series = $1
	) AS a) AS h WHERE h.behind > h.serial + 1 ORDER BY h.period, h.serial LIMIT 100`)

// Gaps gives the ledger of numbers given up (欠番台帳), and proves that there are
// no other gaps.
var Gaps = gate.New(gate.Op[GapsIn, GapsOut]{
	Name: "org.gaps", Mode: gate.List,
	Target: func(_ *gate.Tx, in GapsIn) (gate.Target, error) {
		return gate.Target{Kind: "org_series", ID: in.Series}, nil
	},
	Do: func(x *gate.Tx, in GapsIn) (GapsOut, error) {
		if _, err := seriesByName(x, in.Series); err != nil {
			return GapsOut{}, err
		}
		counts, err := runQuery.Rows(x, in.Series)
		if err != nil {
			return GapsOut{}, err
		}
		holes, err := missingQuery.Rows(x, in.Series)
		if err != nil {
			return GapsOut{}, err
		}
		out := GapsOut{Dense: true, Runs: []Proof{}}
		for _, c := range counts {
			p := prove(c, holes)
			out.Runs, out.Dense = append(out.Runs, p), out.Dense && p.Dense
		}
		page, err := voids.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("series", in.Series)}, By: "voided_on", Desc: true, Limit: in.Limit, After: in.After})
		out.Rows, out.Next = page.Rows, page.Next
		return out, err
	},
})

func prove(c runCount, holes []missingAfter) Proof {
	p := Proof{Period: c.Period, First: c.First, Last: c.Next - 1, Taken: c.Taken, Voided: c.Voided, Entered: c.Entered}
	for _, h := range holes {
		for s := h.Serial + 1; h.Period == c.Period && s < h.Next && len(p.Missing) < 100; s++ {
			p.Missing = append(p.Missing, s)
		}
	}
	p.Dense = c.Taken == c.Next-c.First && c.Voided == c.Entered && len(p.Missing) == 0
	return p
}
