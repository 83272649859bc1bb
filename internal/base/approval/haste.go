package approval

import (
	"context"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

// HastyUnder is how long nobody can have read a request in (形だけの承認). Set in
// November 2026 by the product's own caution: no law names a figure.
const HastyUnder = 2 * time.Second

// NeverOpened is the time of one who approved what they had not opened.
const NeverOpened = -1

// hasty tells whether a request was agreed to without being read, and how long it
// was open, in milliseconds. A zero opening is none.
func hasty(opened, now time.Time) (took int64, marked bool) {
	if opened.IsZero() {
		return NeverOpened, true
	}
	d := max(now.Sub(opened), 0)
	return d.Milliseconds(), d < HastyUnder
}

// Verdict is how a decision went.
type Verdict string

// The verdicts.
const (
	Agreed  Verdict = "approved"
	Refused Verdict = "rejected"
)

// Decision is one decision of a second person. Drills are none.
type Decision struct {
	gate.Row
	Request    string  `json:"request" col:"request_id" class:"internal,plain"`
	Op         string  `json:"op" col:"op" class:"internal,plain"`
	Person     string  `json:"person" col:"person" class:"internal,plain"`
	Department string  `json:"department" col:"department_id" class:"internal,plain"`
	Verdict    Verdict `json:"verdict" col:"verdict" class:"internal,plain"`
	Took       int64   `json:"took_ms" col:"took_ms" class:"internal,plain"` // from opening to approving, NeverOpened if it was not
	Hasty      bool    `json:"hasty" col:"hasty" class:"internal,plain"`
	Month      string  `json:"month" col:"month" class:"internal,plain"` // "2026-11"
}

var decisions = gate.NewTable[Decision]("approval_decision", gate.Scoped("person", "department_id", ""))

// opened is when a person first opened a request. The log has it, since Show is
// recorded; what it does not have sealed yet was opened a moment ago.
type opened struct{ at time.Time }

// lookUp finds that out before the transaction of the decision begins: the log
// grows with every act, and reading it inside would collide with all of them.
func lookUp(x *gate.Tx, id string) (func(context.Context) (any, error), error) {
	q := gate.LogQuery{Op: Show.Name(), Kind: "approval", Target: id, Person: x.Actor().Person, Outcome: "ok", Limit: 200}
	list, err := gate.LogSearch(x, q)
	var o opened
	if n := len(list); n > 0 { // the newest come first
		o.at = time.UnixMicro(list[n-1].Record.At)
	}
	return func(context.Context) (any, error) { return o, nil }, err
}

// decided counts a decision; approving is measured.
func (r *Request) decided(x *gate.Tx, v Verdict) error {
	d := Decision{Request: r.ID, Op: r.Op, Person: x.Actor().Person, Department: r.Department, Verdict: v, Month: civil.Of(x.Now()).YearMonth()}
	if v == Agreed {
		d.Took, d.Hasty = hasty(gate.Worked[opened](x).at, x.Now())
		r.Took, r.Hasty = d.Took, d.Hasty
		x.Note("open_ms", d.Took)
	}
	if d.Hasty {
		x.Note("hasty", true)
	}
	return decisions.Insert(x, &d)
}

// Hastes is how often one person approved in a month, and how often too fast.
type Hastes struct {
	Month    string `json:"month" class:"internal"`
	Person   string `json:"person" class:"internal"`
	Approved int64  `json:"approved" class:"internal"`
	Hasty    int64  `json:"hasty" class:"internal"`
	Unopened int64  `json:"unopened" class:"internal"` // of these, without having opened it
}

// HasteOut are the figures.
type HasteOut struct {
	Rows []Hastes `json:"rows"`
	Own  bool     `json:"own" class:"internal"` // only of whoever asks
}

var hastes = gate.NewQuery[Hastes]("approval.hastes", `SELECT d.month, d.person, COUNT(*), CAST(SUM(CASE WHEN d.hasty THEN 1 ELSE 0 END) AS BIGINT),
	CAST(SUM(CASE WHEN d.took_ms < 0 THEN 1 ELSE 0 END) AS BIGINT) FROM {approval_decision d}
	WHERE d.month >= $1 AND d.month <= $2 AND d.verdict = 'approved' GROUP BY d.month, d.person ORDER BY d.month DESC, d.person`)

// Haste counts who approved how often, and how often faster than anybody reads
// (形だけの承認). It blocks nothing: it is there to be talked about.
var Haste = gate.New(gate.Op[civil.Months, HasteOut]{
	Name: "approval.haste", Mode: gate.List,
	Target: func(*gate.Tx, civil.Months) (gate.Target, error) {
		return gate.Target{Kind: "approval_decision", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in civil.Months) (HasteOut, error) {
		out := HasteOut{Rows: []Hastes{}, Own: x.Scope().OneOwn()}
		rows, err := hastes.Rows(x, in.From, in.To)
		out.Rows = append(out.Rows, rows...)
		return out, err
	},
})
