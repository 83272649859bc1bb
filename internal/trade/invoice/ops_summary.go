package invoice

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// Month is what was billed in one month, without tax and without what no longer
// counts.
type Month struct {
	Month    string    `json:"month" class:"internal"` // 2026-11
	Base     money.Yen `json:"base" class:"confidential"`
	Invoices int64     `json:"invoices" class:"internal"`
}

// Age is a part of what is owed, by the days since it was due.
type Age struct {
	From     int       `json:"from" class:"internal"` // days overdue, from …
	To       int       `json:"to" class:"internal"`   // … to; 0: without end. Not due yet: From and To are 0
	Amount   money.Yen `json:"amount" class:"confidential"`
	Invoices int64     `json:"invoices" class:"internal"`
}

// Figures are a year of billing beside the year before, and what is owed.
type Figures struct {
	Months  []Month   `json:"months"`
	Ages    []Age     `json:"ages"`
	Overdue money.Yen `json:"overdue" class:"confidential"` // the sum of the overdue ages: the two cannot differ
	Late    int64     `json:"late" class:"internal"`        // how many invoices that is
	Longest int       `json:"longest" class:"internal"`     // days since the oldest of them was due
	Drafts  int64     `json:"drafts" class:"internal"`
}

type dueRow struct {
	Due    string
	Amount int64
	N      int64
}

// counting is what of the table counts: issued, in force, and not of an import
// that does not show.
const counting = ` i.state <> 'draft' AND i.standing NOT IN ('superseded', 'void') AND (i.run_id = '' OR i.run_id IN (SELECT r.id FROM {invoice_run r} WHERE r.state = 'visible')) `

var (
	billedMonths = gate.NewQuery[Month]("invoice.months", `SELECT SUBSTR(i.date, 1, 7), CAST(SUM(i.base) AS BIGINT), COUNT(*) FROM {invoice i}
		WHERE i.date >= $1 AND i.run_id = '' AND i.state <> 'draft' AND i.standing NOT IN ('superseded', 'void') GROUP BY SUBSTR(i.date, 1, 7) ORDER BY 1`)
	owedByDue = gate.NewQuery[dueRow]("invoice.owed", `SELECT i.due, CAST(SUM(i.amount) AS BIGINT), COUNT(*) FROM {invoice i}
		WHERE i.settled_on = '' AND`+counting+`GROUP BY i.due ORDER BY i.due`)
	draftCount = gate.NewQuery[struct{ N int64 }]("invoice.drafts", `SELECT COUNT(*) FROM {invoice i} WHERE i.state = 'draft' AND i.run_id = ''`)
)

// Summary sums up what the actor may see (請求のまとめ).
var Summary = gate.New(gate.Op[struct{}, Figures]{
	Name: "invoice.summary", Mode: gate.List,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) { return gate.Target{Kind: "invoice", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ struct{}) (Figures, error) {
		today := civil.Of(x.Now())
		first := today.AddDays(1 - today.Day()).AddMonths(-23)
		var out Figures
		var err error
		if out.Months, err = billedMonths.Rows(x, first.String()); err != nil {
			return out, err
		}
		rows, err := owedByDue.Rows(x)
		if err != nil {
			return out, err
		}
		drafts, err := draftCount.Rows(x)
		if err != nil {
			return out, err
		}
		out.Drafts = drafts[0].N
		return out, out.age(rows, today)
	},
})

// age sorts what is owed by how late it is (滞留状況).
func (f *Figures) age(rows []dueRow, today civil.Date) error {
	f.Ages = []Age{{}, {From: 1, To: 30}, {From: 31, To: 60}, {From: 61}}
	for _, r := range rows {
		due, err := civil.Parse(r.Due)
		if err != nil && r.Due != "" {
			return err
		}
		late := 0
		if !due.IsZero() {
			late = max(0, due.DaysUntil(today))
		}
		a := &f.Ages[0]
		for i := range f.Ages {
			if late >= f.Ages[i].From && late > 0 {
				a = &f.Ages[i]
			}
		}
		a.Amount += money.Yen(r.Amount)
		a.Invoices += r.N
		if late > 0 {
			f.Overdue += money.Yen(r.Amount)
			f.Late += r.N
			f.Longest = max(f.Longest, late)
		}
	}
	return nil
}
