package party

import (
	"cmp"
	"errors"
	"slices"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// UndoDays is how long a merge can be undone.
const UndoDays = 30

// Merge is two entries of one partner that became one (二重登録の統合). What was
// issued or sent keeps the name it had; accounts and what the partner chose stay
// where they are, because money and trust are not moved by tidying.
type Merge struct {
	gate.Row
	Keep        string     `json:"keep" col:"keep_id" class:"internal,plain"`
	Gone        string     `json:"gone" col:"gone_id" class:"internal,plain"`
	Slot        string     `json:"-" col:"slot" class:"internal,plain"`              // "" in force, own id once undone
	Was         State      `json:"was_state" col:"was_state" class:"internal,plain"` // of the one that went
	GoneVersion int64      `json:"-" col:"gone_version" class:"internal,plain"`      // after it
	Moved       []Moved    `json:"moved" col:"moved" class:"confidential"`
	Reason      string     `json:"reason" col:"reason" class:"confidential"`
	On          civil.Date `json:"merged_on" col:"merged_on" class:"internal,plain"`
	Person      string     `json:"person" col:"person" class:"internal,plain"`
	Approver    string     `json:"approver" col:"approver" class:"internal,plain"`
	UndoneOn    civil.Date `json:"undone_on" col:"undone_on" class:"internal,plain"`
	UndoneBy    string     `json:"undone_by" col:"undone_by" class:"internal,plain"`
}

// Moved is a row that went from one entry to the other.
type Moved struct {
	Kind    string `json:"kind"` // contact, point or relation
	ID      string `json:"id"`
	Version int64  `json:"version"` // after the move
	Other   bool   `json:"other"`   // of a relation: it was its other side
}

var merges = gate.NewTable[Merge]("party_merge", gate.Scoped("", "", "keep_id"), gate.Unit(vault.KindPersonal, "party", "keep_id"))

// MergeIn names the entry that stays and the one that goes.
type MergeIn struct {
	Keep   string `json:"keep" required:"true"`
	Gone   string `json:"gone" required:"true"`
	Reason string `json:"reason" text:"multiline" max:"500"`
}

// mergeView is what a second person sees of each of the two.
type mergeView struct {
	ID                 string   `json:"id"`
	Version            int64    `json:"version"`
	Code               string   `json:"code"`
	Name               string   `json:"name"`
	RegistrationNumber string   `json:"registration_number"`
	Phone              string   `json:"phone"`
	State              State    `json:"state"`
	Moving             []string `json:"moving"` // what goes over, in words
}

func (p Party) merging(moving []string) mergeView {
	return mergeView{p.ID, p.Version, p.Code, p.Name, string(p.RegistrationNumber), p.Phone, p.State, moving}
}

// belongs are the rows of an entry that another takes over.
type belongs struct {
	contacts  []Contact
	points    []DeliveryPoint
	relations []Relation
}

// moving are the rows of gone that keep has not yet: an address or a relation
// that stands at both stays where it is.
func moving(x *gate.Tx, keep, gone string) (b belongs, err error) {
	if b.contacts, err = Contacts(x, gone); err != nil {
		return b, err
	}
	all, err := DeliveryPoints(x, gone)
	if err != nil {
		return b, err
	}
	has, err := DeliveryPoints(x, keep)
	if err != nil {
		return b, err
	}
	for _, p := range all {
		there := slices.ContainsFunc(has, func(o DeliveryPoint) bool {
			return o.State != Retired && o.Channel == p.Channel && o.Address == p.Address
		})
		if p.State != Retired && !there {
			b.points = append(b.points, p)
		}
	}
	rel, err := Relations(x, gone)
	if err != nil {
		return b, err
	}
	mine, err := Relations(x, keep)
	for _, r := range rel {
		to := moveRelation(r, keep, gone)
		if r.Ended.IsZero() && to.Party != to.Other && !slices.ContainsFunc(mine, func(o Relation) bool {
			return o.Ended.IsZero() && o.Party == to.Party && o.Other == to.Other && o.Kind == to.Kind && o.Name == to.Name
		}) {
			b.relations = append(b.relations, r)
		}
	}
	return b, err
}

func moveRelation(r Relation, to, from string) Relation {
	if r.Party == from {
		r.Party = to
	} else if r.Other == from {
		r.Other = to
	}
	return r
}

func (b belongs) words() []string {
	out := []string{}
	for _, c := range b.contacts {
		out = append(out, c.Name)
	}
	for _, p := range b.points {
		out = append(out, p.Address)
	}
	for _, r := range b.relations {
		out = append(out, string(r.Kind)+" "+cmp.Or(r.Name, r.Other))
	}
	return out
}

func (in MergeIn) check(x *gate.Tx) (keep, gone Party, b belongs, err error) {
	if in.Keep == in.Gone {
		return keep, gone, b, fault.Invalid("party.merge_self").At("gone")
	}
	if keep, err = Get(x, in.Keep); err != nil {
		return keep, gone, b, err
	}
	gone, err = Get(x, in.Gone)
	if fault.Is(err, fault.KindNotFound) {
		err = fault.Invalid("party.no_such_party").At("gone")
	}
	if err != nil {
		return keep, gone, b, err
	}
	for _, p := range []Party{keep, gone} {
		m, err := MergedInto(x, p.ID)
		if err == nil && m.ID != "" {
			err = fault.Refused("party.merged_already", "code", p.Code)
		}
		if err != nil {
			return keep, gone, b, err
		}
	}
	if keep.State == Left {
		return keep, gone, b, fault.Refused("party.is_left")
	}
	b, err = moving(x, in.Keep, in.Gone)
	return keep, gone, b, err
}

// MergedInto is the merge by which an entry went into another; the zero Merge if
// it is one of its own.
func MergedInto(x *gate.Tx, id string) (Merge, error) {
	m, err := merges.One(x, gate.Eq("gone_id", id), gate.Eq("slot", ""))
	if fault.Is(err, fault.KindNotFound) {
		return Merge{}, nil
	}
	return m, err
}

// MergeOp makes one partner of two entries (二重登録の統合), by two persons. It can be
// undone for UndoDays days.
var MergeOp = gate.New(gate.Op[MergeIn, Merge]{
	Name: "party.merge", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone:  func(in MergeIn) []string { return append(lock(in.Keep), lock(in.Gone)...) },
	Target: func(x *gate.Tx, in MergeIn) (gate.Target, error) { return about(x, in.Keep) },
	FourEyes: func(x *gate.Tx, in MergeIn) (gate.Second, error) {
		keep, gone, b, err := in.check(x)
		if err != nil {
			return gate.Second{}, err
		}
		return second(keep, gone.merging(b.words()), keep.merging(nil))
	},
	Do: func(x *gate.Tx, in MergeIn) (Merge, error) {
		keep, gone, b, err := in.check(x)
		if err != nil {
			return Merge{}, err
		}
		x.Note("reason", in.Reason)
		m := Merge{Keep: keep.ID, Gone: gone.ID, Was: gone.State, Reason: in.Reason, On: today(x), Person: x.Actor().Person, Approver: x.ApprovedBy()}
		if m.Moved, err = b.move(x, keep.ID, gone.ID); err != nil {
			return m, err
		}
		gone.State = Left
		if err := update(x, &gone); err != nil {
			return m, err
		}
		m.GoneVersion = gone.Version
		if err := hold(x, keep.Run); err != nil {
			return m, err
		}
		return m, merges.Insert(x, &m)
	},
})

// move writes the rows under their new entry.
func (b belongs) move(x *gate.Tx, keep, gone string) ([]Moved, error) {
	out := []Moved{}
	for _, c := range b.contacts {
		c.Party = keep
		if err := contacts.Update(x, &c); err != nil {
			return nil, err
		}
		out = append(out, Moved{"contact", c.ID, c.Version, false})
	}
	for _, p := range b.points {
		p.Party = keep
		if err := points.Update(x, &p); err != nil {
			return nil, err
		}
		out = append(out, Moved{"point", p.ID, p.Version, false})
	}
	for _, r := range b.relations {
		other := r.Party != gone
		r = moveRelation(r, keep, gone)
		if err := relations.Update(x, &r); err != nil {
			return nil, err
		}
		out = append(out, Moved{"relation", r.ID, r.Version, other})
	}
	return out, nil
}

// UnmergeIn names a merge.
type UnmergeIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" text:"multiline" max:"500"`
}

// Unmerge takes a merge back (統合の取消し): every row that went over returns as it
// was. If one was changed since, or the days are over, it is refused.
var Unmerge = gate.New(gate.Op[UnmergeIn, Merge]{
	Name: "party.unmerge", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in UnmergeIn) (gate.Target, error) {
		m, err := merges.Get(x, in.ID)
		if err != nil {
			return gate.Target{}, err
		}
		return about(x, m.Keep)
	},
	FourEyes: func(x *gate.Tx, in UnmergeIn) (gate.Second, error) {
		u, err := in.check(x)
		if err != nil {
			return gate.Second{}, err
		}
		return second(u.keep, u.keep.merging(u.rows.words()), u.gone.merging(nil))
	},
	Do: func(x *gate.Tx, in UnmergeIn) (Merge, error) {
		u, err := in.check(x)
		if err != nil {
			return u.Merge, err
		}
		x.Note("reason", in.Reason)
		if err := u.back(x); err != nil {
			return u.Merge, err
		}
		u.gone.State = u.Was
		if err := update(x, &u.gone); err != nil {
			return u.Merge, err
		}
		u.Slot, u.UndoneOn, u.UndoneBy = u.ID, today(x), x.Actor().Person
		return u.Merge, merges.Update(x, &u.Merge)
	},
})

// undoing is a merge with all that it moved, as it was left.
type undoing struct {
	Merge
	keep, gone Party
	rows       belongs
}

func (in UnmergeIn) check(x *gate.Tx) (u undoing, err error) {
	if u.Merge, err = merges.Get(x, in.ID); err != nil {
		return u, err
	}
	switch {
	case u.Slot != "":
		return u, fault.Refused("party.unmerged_already")
	case today(x).After(u.On.AddDays(UndoDays)):
		return u, fault.Refused("party.unmerge_late", "days", UndoDays)
	}
	if u.keep, err = Get(x, u.Keep); err != nil {
		return u, err
	}
	if u.gone, err = Get(x, u.Gone); err != nil {
		return u, err
	}
	changed := fault.Refused("party.unmerge_changed")
	if u.gone.Version != u.GoneVersion {
		return u, changed
	}
	for _, m := range u.Moved {
		version, party := int64(0), ""
		switch m.Kind {
		case "contact":
			c, e := contact(x, m.ID)
			u.rows.contacts, version, party, err = append(u.rows.contacts, c), c.Version, c.Party, e
		case "point":
			p, e := DeliveryPointByID(x, m.ID)
			u.rows.points, version, party, err = append(u.rows.points, p), p.Version, p.Party, e
		case "relation":
			r, e := relations.Get(x, m.ID)
			u.rows.relations, version, party, err = append(u.rows.relations, r), r.Version, r.Party, e
			if m.Other {
				party = r.Other
			}
		default:
			err = errors.New("party: a merge moved a " + m.Kind)
		}
		if err != nil {
			return u, err
		}
		if version != m.Version || party != u.Keep {
			return u, changed
		}
	}
	return u, nil
}

// back returns what was moved. Where both entries had become sides of one
// relation, the side that moved is known.
func (u *undoing) back(x *gate.Tx) error {
	for _, c := range u.rows.contacts {
		c.Party = u.Gone
		if err := contacts.Update(x, &c); err != nil {
			return err
		}
	}
	for _, p := range u.rows.points {
		p.Party = u.Gone
		if err := points.Update(x, &p); err != nil {
			return err
		}
	}
	for _, r := range u.rows.relations {
		i := slices.IndexFunc(u.Moved, func(m Moved) bool { return m.ID == r.ID })
		if u.Moved[i].Other {
			r.Other = u.Gone
		} else {
			r.Party = u.Gone
		}
		if err := relations.Update(x, &r); err != nil {
			return err
		}
	}
	return nil
}

// MergesIn names a partner, on either side; all if empty.
type MergesIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// MergesOut are merges that stand, newest first.
type MergesOut struct {
	Rows []Merged `json:"rows"`
	Next string   `json:"next" class:"internal"`
}

// Merged is a merge with the names of both.
type Merged struct {
	Merge
	KeepCode string     `json:"keep_code" class:"internal"`
	KeepName string     `json:"keep_name" class:"confidential"`
	GoneCode string     `json:"gone_code" class:"internal"`
	GoneName string     `json:"gone_name" class:"confidential"`
	Until    civil.Date `json:"undo_until" class:"internal"`
}

// Merges lists the merges that stand (統合した取引先).
var Merges = gate.New(gate.Op[MergesIn, MergesOut]{
	Name: "party.merges", Mode: gate.List,
	Target: func(*gate.Tx, MergesIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, in MergesIn) (MergesOut, error) {
		out := MergesOut{Rows: []Merged{}}
		p, err := merges.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("slot", "")}, By: "merged_on", Desc: true, After: in.After, Limit: in.Limit})
		if err != nil {
			return out, err
		}
		out.Next = p.Next
		for _, m := range p.Rows {
			keep, err := Get(x, m.Keep)
			if err != nil {
				return out, err
			}
			gone, err := Get(x, m.Gone)
			if err != nil {
				return out, err
			}
			out.Rows = append(out.Rows, Merged{m, keep.Code, keep.Name, gone.Code, gone.Name, m.On.AddDays(UndoDays)})
		}
		return out, nil
	},
})
