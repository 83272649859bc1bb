package approval

import (
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// DrillOp stands in the place of the op of a decoy. There is no op of that name,
// so nothing can ever run when one is approved: it cannot send, change or give
// anything, whatever becomes of it.
const DrillOp = "drill.decoy"

// Decoy is a request that is an exercise (訓練用の誤り): it looks to one person like
// a request they may decide about, and is none.
type Decoy struct {
	Looks      string // the op it looks like
	Kind       string
	Requester  string // who seems to ask
	Department string
	To         string // the only person who sees it
	Reason     string
	Before     []byte // JSON
	After      []byte
}

// Plant puts a decoy before somebody, and gives its id.
func Plant(x *gate.Tx, d Decoy) (string, error) {
	r := Request{Op: DrillOp, Guise: d.Looks, ShownTo: d.To, Kind: d.Kind, Target: x.NewID(), Department: d.Department, Class: int64(policy.Personal),
		Requester: d.Requester, Reason: d.Reason, State: Open, LapsesAt: x.Now().Add(LapseAfter), Before: d.Before, After: d.After}
	if d.Looks == "" || d.To == "" || d.To == d.Requester {
		return "", fault.Invalid("approval.decoy")
	}
	r.Digest = blob.Sum(append([]byte(r.Target), d.After...)).String()
	r.Slot = r.Target
	x.Note("drill", true)
	return r.ID, requests.Insert(x, &r)
}

// Drill tells whether it is an exercise.
func (r Request) Drill() bool { return r.Guise != "" }

// looks is the op it seems to be about.
func (r Request) looks() string {
	if r.Drill() {
		return r.Guise
	}
	return r.Op
}

// disguised is the request as it is shown: an exercise says what it is once it is
// decided about.
func (r Request) disguised() Request {
	if r.Drill() && r.State == Open {
		r.Op = r.Guise
	}
	return r
}

// aimed tells whether a decoy is meant for the actor, who could decide about what
// it looks like.
func (r Request) aimed(x *gate.Tx) bool {
	return r.ShownTo == x.Actor().Person && !x.Policy().Reach(x.Actor(), policy.Request{Op: r.Guise, Approve: true, Now: x.Now()}).Never
}

// hidden tells whether a decoy is none of the actor's business.
func (r Request) hidden(x *gate.Tx) bool { return r.Drill() && r.ShownTo != x.Actor().Person }

// answer settles a decoy, in whose place nothing else happens.
func (r *Request) answer(x *gate.Tx, s State, comment string) error {
	r.DecidedBy, r.Comment = x.Actor().Person, comment
	x.Note("drill", map[State]string{Approved: "missed", Rejected: "caught"}[s])
	return settle(x, r, s)
}

// Decided gives the last requests of one op that a person agreed to, the newest first.
func Decided(x *gate.Tx, person, op string, limit int) ([]Request, error) {
	p, err := decisions.Page(x, gate.PageQuery{By: "created_at", Desc: true, Limit: limit,
		Where: []gate.Cond{gate.Eq("person", person), gate.Eq("op", op), gate.Eq("verdict", Agreed)}})
	var out []Request
	for _, d := range p.Rows {
		r, e := requests.Get(x, d.Request)
		if e != nil {
			return out, e
		}
		out = append(out, r)
	}
	return out, err
}
