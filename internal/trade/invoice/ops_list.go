package invoice

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// Filter narrows a list; all of it must hold. Amounts are whole yen as people
// write them, so that none can be told from 0.
type Filter struct {
	Party      string     `json:"party" max:"40"`
	Owner      string     `json:"owner" max:"40"`
	Department string     `json:"department" max:"40"`
	Number     string     `json:"number" max:"60"`
	State      State      `json:"state" enum:"draft,issued,ready,opening"`
	From       civil.Date `json:"from"` // of the date, both included
	To         civil.Date `json:"to"`
	DueTo      civil.Date `json:"due_to"` // due on that day or before
	Owed       bool       `json:"owed"`   // issued and not paid
	Amount     string     `json:"amount" max:"30"`
	AmountFrom string     `json:"amount_from" max:"30"` // both included
	AmountTo   string     `json:"amount_to" max:"30"`
	After      string     `json:"after" max:"500"` // cursor of the page before
	Limit      int        `json:"limit"`           // 1 to 200, 50 if 0
}

// Listed is a page of invoices.
type Listed struct {
	Invoices []Invoice `json:"invoices"`
	Next     string    `json:"next" class:"internal"`
}

// List gives invoices, the latest date first. With a range of amounts and
// neither date nor partner the largest amount comes first instead: that order
// lies in an index, so the page comes at once whatever the range is.
var List = gate.New(gate.Op[Filter, Listed]{
	Name: "invoice.list", Mode: gate.List,
	Target: func(*gate.Tx, Filter) (gate.Target, error) { return gate.Target{Kind: "invoice", ID: "*"}, nil },
	Do: func(x *gate.Tx, in Filter) (Listed, error) {
		q := gate.PageQuery{By: "date", Desc: true, After: in.After, Limit: in.Limit}
		where, err := in.conditions()
		if err != nil {
			return Listed{}, err
		}
		count, err := visibleRuns(x)
		if err != nil {
			return Listed{}, err
		}
		q.Where = append(where, gate.In("run_id", count))
		switch {
		case in.Number != "": // one, or none
			q.By = "number"
		case in.AmountFrom+in.AmountTo != "" && in.Party == "" && in.From.IsZero() && in.To.IsZero():
			q.By = "amount"
		}
		p, err := invoices.Page(x, q)
		return Listed{p.Rows, p.Next}, err
	},
})

func (f Filter) conditions() ([]gate.Cond, error) {
	var where []gate.Cond
	for _, c := range []struct{ col, val string }{
		{"party_id", f.Party}, {"owner_id", f.Owner}, {"department_id", f.Department}, {"number", f.Number}, {"state", string(f.State)},
	} {
		if c.val != "" {
			where = append(where, gate.Eq(c.col, c.val))
		}
	}
	if !f.From.IsZero() {
		where = append(where, gate.Ge("date", f.From))
	}
	if !f.To.IsZero() {
		where = append(where, gate.Le("date", f.To))
	}
	if !f.DueTo.IsZero() { // what has no due date is none of these
		where = append(where, gate.Ne("due", civil.Date{}), gate.Le("due", f.DueTo))
	}
	if f.Owed { // as in the ages of what is owed: see counting
		where = append(where, gate.Eq("settled_on", civil.Date{}), gate.Ne("state", Drafted), gate.In("standing", []string{string(InForce), string(Cancelled)}))
	}
	for _, c := range []struct {
		field, val string
		cond       func(string, any) gate.Cond
	}{{"amount", f.Amount, gate.Eq}, {"amount_from", f.AmountFrom, gate.Ge}, {"amount_to", f.AmountTo, gate.Le}} {
		if c.val == "" {
			continue
		}
		y, err := money.ParseYen(c.val)
		if err != nil {
			return nil, fault.Of(err).At(c.field)
		}
		where = append(where, c.cond("amount", y))
	}
	return where, nil
}
