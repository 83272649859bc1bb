package drill

import (
	"github.com/go-json-experiment/json"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// looksLike is the op whose requests are imitated.
const looksLike = "dispatch.release"

type decider struct{ Person string }

type count struct{ N, Last int64 }

var (
	deciders = gate.NewQuery[decider]("drill.deciders", `SELECT DISTINCT d.person FROM {approval_decision d} WHERE d.op = $1 AND d.created_at >= $2 ORDER BY d.person`)
	since    = gate.NewQuery[count]("drill.since", `SELECT COUNT(*), CAST(COALESCE(MAX(d.created_at), 0) AS BIGINT) FROM {approval_decision d} WHERE d.op = $1 AND d.person = $2 AND d.created_at >= $3`)
)

// TickOut says what a round did.
type TickOut struct {
	Planted int `json:"planted" class:"internal"`
	Settled int `json:"settled" class:"internal"`
}

// Tick settles decoys that were answered and plants those that are due; the server
// runs it every hour. One person gets at most one a round.
var Tick = gate.New(gate.Op[struct{}, TickOut]{
	Name: "drill.tick", Mode: gate.Write,
	Alone: func(struct{}) []string { return []string{"drill"} }, Target: target[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (out TickOut, err error) {
		if out.Settled, err = settle(x); err != nil {
			return out, err
		}
		on, err := drills.Find(x, gate.Eq("slot", running))
		today := civil.Of(x.Now())
		if err != nil || len(on) == 0 || on[0].over(today) || today.Before(on[0].From) {
			return out, err
		}
		c, err := on[0].calendar()
		if err != nil || c.busy(today) {
			return out, err
		}
		people, err := deciders.Rows(x, looksLike, on[0].CreatedAt.UnixMicro())
		for _, p := range people {
			done, e := plant(x, on[0], p.Person)
			if e != nil {
				return out, e
			}
			if done {
				out.Planted++
			}
		}
		return out, err
	},
})

// outcomeOf is what the state of its request makes of a decoy.
func outcomeOf(s approval.State) Outcome {
	switch s {
	case approval.Approved:
		return Missed
	case approval.Rejected:
		return Caught
	case approval.Open:
		return Open
	}
	return Unseen
}

// settle writes down what became of decoys.
func settle(x *gate.Tx) (n int, err error) {
	list, err := decoys.Find(x, gate.Eq("outcome", Open))
	for _, d := range list {
		r, e := approval.Get(x, d.Request)
		if e != nil {
			return n, e
		}
		if d.Outcome = outcomeOf(r.State); d.Outcome == Open {
			continue
		}
		if e := decoys.Update(x, &d); e != nil {
			return n, e
		}
		n++
	}
	return n, err
}

// templates is how many of somebody's last requests a decoy is made out of.
const templates = 20

// plant puts a decoy before somebody, if one is due: false if not.
func plant(x *gate.Tx, d Drill, person string) (bool, error) {
	who, err := identity.Get(x, person)
	if fault.Is(err, fault.KindNotFound) || err == nil && who.Refuses(x.Now()) != "" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	last, err := decoys.Page(x, gate.PageQuery{By: "created_at", Desc: true, Limit: 1, Where: []gate.Cond{gate.Eq("person", person)}})
	if err != nil {
		return false, err
	}
	from, seed, open := d.CreatedAt, d.ID+person, false
	if len(last.Rows) > 0 {
		seed, open = last.Rows[0].ID+person, last.Rows[0].Outcome == Open
		if last.Rows[0].CreatedAt.After(from) {
			from = last.Rows[0].CreatedAt
		}
	}
	n, err := since.Rows(x, looksLike, person, from.UnixMicro())
	if err != nil || !due(n[0].N, open, seed) {
		return false, err
	}
	return put(x, d, person, seed)
}

// put makes the decoy and plants it. What it is made of, its approver has seen.
func put(x *gate.Tx, d Drill, person, seed string) (bool, error) {
	list, err := approval.Decided(x, person, looksLike, templates)
	if err != nil {
		return false, err
	}
	var real []look
	for _, r := range list {
		var k look
		if err := json.Unmarshal(r.After, &k); err != nil {
			return false, err
		}
		real = append(real, k)
	}
	decoy, of, lesson, ok := forge(real, seed)
	if !ok {
		return false, nil
	}
	after, err := json.Marshal(decoy, json.Deterministic(true))
	if err != nil {
		return false, err
	}
	t := list[of]
	id, err := approval.Plant(x, approval.Decoy{Looks: looksLike, Kind: t.Kind, Requester: t.Requester, Department: t.Department, To: person,
		Reason: t.Reason, Before: t.After, After: after})
	if err != nil {
		return false, err
	}
	p := Planted{Drill: d.ID, Request: id, Person: person, Department: t.Department, Kind: lesson.Kind,
		Month: civil.Of(x.Now()).YearMonth(), Outcome: Open, Lesson: lesson}
	return true, decoys.Insert(x, &p)
}
