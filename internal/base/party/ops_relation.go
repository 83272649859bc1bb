package party

import (
	"errors"
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// RelationIn is a relation to another partner, or to a maker that is none.
type RelationIn struct {
	Party  string       `json:"party" required:"true"`
	Kind   RelationKind `json:"kind" required:"true" enum:"ship_to,drop_ship,branch,group,maker"`
	Other  string       `json:"other"` // required but for a maker
	Name   string       `json:"name"`  // of a maker
	From   civil.Date   `json:"from_on"`
	Reason string       `json:"reason" text:"multiline"`
}

// relationView is what a second person sees of a relation.
type relationView struct {
	Code      string       `json:"code"`
	PartyName string       `json:"party_name"`
	Kind      RelationKind `json:"kind"`
	OtherID   string       `json:"other"`
	OtherCode string       `json:"other_code"`
	OtherName string       `json:"other_name"`
	Maker     string       `json:"maker"`
	From      civil.Date   `json:"from_on"`
}

// RelationAdd records that another company may rightly stand in a partner's
// documents. It opens a way past the content check, so two persons agree.
var RelationAdd = gate.New(gate.Op[RelationIn, Relation]{
	Name: "party.relation_add", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:    func(in RelationIn) []string { return lock(in.Party) },
	Target:   func(x *gate.Tx, in RelationIn) (gate.Target, error) { return about(x, in.Party) },
	FourEyes: RelationSecond,
	Do:       Relate,
})

// Relate writes a relation, for ops to whose very act a second person has
// agreed; for any other it fails.
func Relate(x *gate.Tx, in RelationIn) (Relation, error) {
	if !x.Approved() {
		return Relation{}, errors.New("party: a relation needs a second person")
	}
	p, other, r, err := in.check(x)
	if err != nil {
		return r, err
	}
	x.Note("reason", in.Reason)
	if r.From.IsZero() {
		r.From = today(x)
	}
	if err := relations.Insert(x, &r); err != nil {
		return r, err
	}
	if err := hold(x, p.Run); err != nil {
		return r, err
	}
	return r, hold(x, other.Run)
}

// RelationSecond is what a second person is asked about a relation.
func RelationSecond(x *gate.Tx, in RelationIn) (gate.Second, error) {
	p, other, r, err := in.check(x)
	if err != nil {
		return gate.Second{}, err
	}
	return second(p, relationView{Code: p.Code, PartyName: p.Name},
		relationView{p.Code, p.Name, r.Kind, r.Other, other.Code, other.Name, r.Name, r.From})
}

func (in RelationIn) check(x *gate.Tx) (p, other Party, r Relation, err error) {
	r = Relation{Party: in.Party, Other: in.Other, Kind: in.Kind, Name: strings.TrimSpace(in.Name), From: in.From}
	if p, err = Get(x, in.Party); err != nil {
		return p, other, r, err
	}
	switch {
	case r.Kind == Maker && r.Name == "":
		return p, other, r, fault.Invalid("gate.required", "field", "name").At("name")
	case r.Kind != Maker && r.Other == "":
		return p, other, r, fault.Invalid("gate.required", "field", "other").At("other")
	case r.Kind != Maker && r.Name != "":
		return p, other, r, fault.Invalid("party.maker_only").At("name")
	case r.Other == r.Party:
		return p, other, r, fault.Invalid("party.relation_self").At("other")
	}
	if r.Other != "" {
		other, err = Get(x, r.Other)
		if fault.Is(err, fault.KindNotFound) {
			return p, other, r, fault.Invalid("party.no_such_party").At("other")
		}
		if err != nil {
			return p, other, r, err
		}
	}
	has, err := relations.Find(x, gate.Eq("party_id", r.Party))
	if err != nil {
		return p, other, r, err
	}
	if slices.ContainsFunc(has, func(h Relation) bool {
		return h.Ended.IsZero() && h.Kind == r.Kind && h.Other == r.Other && h.Name == r.Name
	}) {
		return p, other, r, fault.Refused("party.relation_exists")
	}
	return p, other, r, nil
}

// RelationEndIn ends a relation.
type RelationEndIn struct {
	ID    string     `json:"id" required:"true"`
	Ended civil.Date `json:"ended_on"` // last day; today if empty, never a day to come
}

// RelationEnd ends a relation. It makes nothing weaker, so one person suffices.
var RelationEnd = gate.New(gate.Op[RelationEndIn, Relation]{
	Name: "party.relation_end", Mode: gate.Write,
	Target: func(x *gate.Tx, in RelationEndIn) (gate.Target, error) {
		r, err := relations.Get(x, in.ID)
		if err != nil {
			return gate.Target{}, err
		}
		return about(x, r.Party)
	},
	Do: func(x *gate.Tx, in RelationEndIn) (Relation, error) {
		r, err := relations.Get(x, in.ID)
		if err != nil {
			return r, err
		}
		if in.Ended.IsZero() {
			in.Ended = today(x)
		}
		switch {
		case !r.Ended.IsZero():
			return r, fault.Refused("party.relation_ended")
		case in.Ended.After(today(x)):
			return r, fault.Invalid("party.future_day").At("ended_on")
		}
		r.Ended = in.Ended
		return r, relations.Update(x, &r)
	},
})
