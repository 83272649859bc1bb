package dispatch

import (
	"slices"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// RelationAskIn says that a stop is about a company that belongs with the
// partner.
type RelationAskIn struct {
	ID     string             `json:"id" required:"true"`
	Item   string             `json:"item" required:"true"`  // of the finding
	Other  string             `json:"other" required:"true"` // of the finding: the partner whose name was found
	Kind   party.RelationKind `json:"kind" required:"true" enum:"ship_to,drop_ship,branch,group,maker"`
	From   civil.Date         `json:"from_on"` // today if empty
	Reason string             `json:"reason" text:"multiline"`
}

// RelationAsk answers a stop with 「正しい取引です」. It releases nothing: a second
// person is asked to record the relation, and when it stands the package is
// checked anew, as is every later one. Nobody takes one sending past a stop.
var RelationAsk = gate.New(gate.Op[RelationAskIn, Shown]{
	Name: "dispatch.relation_ask", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in RelationAskIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in RelationAskIn) (gate.Target, error) { return target(x, in.ID) },
	FourEyes: func(x *gate.Tx, in RelationAskIn) (gate.Second, error) {
		_, r, err := in.relation(x)
		if err != nil {
			return gate.Second{}, err
		}
		return party.RelationSecond(x, r)
	},
	Do: func(x *gate.Tx, in RelationAskIn) (Shown, error) {
		b, r, err := in.relation(x)
		if err != nil {
			return Shown{}, err
		}
		if _, err := party.Relate(x, r); err != nil {
			return Shown{}, err
		}
		return b.after(b.change(x, "dispatch.relation_recorded"))
	},
})

// relation is what is to be recorded, once it is known that the last check
// stopped for a name that a relation can explain.
func (in RelationAskIn) relation(x *gate.Tx) (*bundle, party.RelationIn, error) {
	r := party.RelationIn{Kind: in.Kind, Other: in.Other, From: in.From, Reason: in.Reason}
	b, err := load(x, in.ID)
	if err != nil {
		return nil, r, err
	}
	r.Party = b.Party
	if b.State != Stopped {
		return nil, r, fault.Refused("dispatch.not_stopped_for", "state", b.State.word())
	}
	c, err := checked.Get(x, b.Check)
	if err != nil {
		return nil, r, err
	}
	at := slices.IndexFunc(c.Findings, func(f Finding) bool { return f.Level == Halt && f.Item == in.Item && f.Other == in.Other })
	if at < 0 {
		return nil, r, fault.Refused("dispatch.no_such_finding")
	}
	if !slices.ContainsFunc(c.Findings, func(f Finding) bool {
		return f.Item == in.Item && f.Other == in.Other && slices.Contains(f.Ways, WayRelation)
	}) {
		return nil, r, fault.Refused("dispatch.not_explainable", "value", c.Findings[at].Shown)
	}
	if in.Kind == party.Maker {
		p, err := party.Get(x, in.Other)
		if err != nil {
			return nil, r, err
		}
		r.Name = p.Name
	}
	return &b, r, nil
}
