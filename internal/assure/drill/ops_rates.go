package drill

import (
	"sekisho/internal/base/approval"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Rate is how the decoys of one month went. It names nobody: what is one's own is
// one's own, and else it is a sum.
type Rate struct {
	Month  string `json:"month" class:"internal"`
	Caught int64  `json:"caught" class:"internal"`
	Missed int64  `json:"missed" class:"internal"`
	Unseen int64  `json:"unseen" class:"internal"`
}

// RatesOut are the months in which there were any.
type RatesOut struct {
	Rows []Rate `json:"rows"`
	Own  bool   `json:"own" class:"internal"` // only of whoever asks
}

// Decoys that lie before somebody count nowhere: a count that grows by one would
// say that there is one.
var rates = gate.NewQuery[Rate]("drill.by_month", `SELECT d.month, CAST(SUM(CASE WHEN d.outcome = 'caught' THEN 1 ELSE 0 END) AS BIGINT),
	CAST(SUM(CASE WHEN d.outcome = 'missed' THEN 1 ELSE 0 END) AS BIGINT), CAST(SUM(CASE WHEN d.outcome = 'unseen' THEN 1 ELSE 0 END) AS BIGINT)
	FROM {drill_decoy d} WHERE d.outcome <> 'open' AND d.month >= $1 AND d.month <= $2 GROUP BY d.month ORDER BY d.month`)

// Rates counts by month how many planted errors were caught (発見率).
var Rates = gate.New(gate.Op[civil.Months, RatesOut]{
	Name: "drill.rates", Mode: gate.List, Target: target[civil.Months],
	Do: func(x *gate.Tx, in civil.Months) (RatesOut, error) {
		out := RatesOut{Rows: []Rate{}, Own: x.Scope().OneOwn()}
		rows, err := rates.Rows(x, in.From, in.To)
		out.Rows = append(out.Rows, rows...)
		return out, err
	},
})

// Told is a lesson as it is read.
type Told struct {
	Request string  `json:"request" class:"internal"`
	Outcome Outcome `json:"outcome" class:"internal"`
	Kind    Kind    `json:"kind" class:"internal"`
	Month   string  `json:"month" class:"internal"`
	Party   string  `json:"party" class:"confidential"`
	Wrong   string  `json:"wrong" class:"personal"`
	Right   string  `json:"right" class:"personal"`
}

func (p Planted) told(o Outcome) Told {
	return Told{p.Request, o, p.Kind, p.Month, p.Lesson.Party, p.Lesson.Wrong, p.Lesson.Right}
}

// LessonsIn asks for one page of one's own lessons.
type LessonsIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// LessonsOut is that page.
type LessonsOut struct {
	Rows []Told `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// Lessons are one's own decoys that are over, the last first.
var Lessons = gate.New(gate.Op[LessonsIn, LessonsOut]{
	Name: "drill.lessons", Mode: gate.List, Target: target[LessonsIn],
	Do: func(x *gate.Tx, in LessonsIn) (LessonsOut, error) {
		p, err := decoys.Page(x, gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit,
			Where: []gate.Cond{gate.Eq("person", x.Actor().Person), gate.Ne("outcome", Open)}})
		out := LessonsOut{Rows: []Told{}, Next: p.Next}
		for _, d := range p.Rows {
			out.Rows = append(out.Rows, d.told(d.Outcome))
		}
		return out, err
	},
})

// LessonIn names a decoy by its request.
type LessonIn struct {
	Request string `json:"request" required:"true" max:"40"`
}

// LessonOf shows what was wrong with a decoy and where to look, to whoever it was
// for, once they have decided about it.
var LessonOf = gate.New(gate.Op[LessonIn, Told]{
	Name: "drill.lesson", Mode: gate.Read,
	Target: func(x *gate.Tx, in LessonIn) (gate.Target, error) {
		d, err := decoys.One(x, gate.Eq("request_id", in.Request))
		return gate.Target{Kind: "drill_decoy", ID: d.ID, Owner: d.Person, Class: policy.Personal}, err
	},
	Do: func(x *gate.Tx, in LessonIn) (Told, error) {
		d, err := decoys.One(x, gate.Eq("request_id", in.Request))
		if err != nil {
			return Told{}, err
		}
		r, err := approval.Get(x, d.Request)
		if err != nil {
			return Told{}, err
		}
		o := outcomeOf(r.State)
		if o == Open {
			return Told{}, fault.NotFound()
		}
		return d.told(o), nil
	},
})
