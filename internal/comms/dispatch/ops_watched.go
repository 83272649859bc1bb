package dispatch

import (
	"slices"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Watched is a person whose sendings always need a second person (必ず承認を受ける人),
// such as a newcomer. It is never changed but to end it, and never deleted.
type Watched struct {
	gate.Row
	Person      string     `json:"person" col:"person" class:"internal,plain"`
	From        civil.Date `json:"from" col:"from_on" class:"internal,plain"`
	Reason      string     `json:"reason" col:"reason" class:"internal,seal"`
	NamedBy     string     `json:"named_by" col:"named_by" class:"internal,plain"`
	Ended       bool       `json:"ended" col:"ended" class:"internal,plain"`
	EndedOn     civil.Date `json:"ended_on" col:"ended_on" class:"internal,plain"`
	EndedBy     string     `json:"ended_by" col:"ended_by" class:"internal,plain"`
	EndedReason string     `json:"ended_reason" col:"ended_reason" class:"internal,seal"`
	Approver    string     `json:"approver" col:"approver" class:"internal,plain"` // second person of the end
	Slot        string     `json:"-" col:"slot" class:"internal,plain"`            // unique: a person stands on the list once
}

var watched = gate.NewTable[Watched]("dispatch_watched", gate.Unscoped())

// watches tells whether any of these people is on the list. Who has never been on
// it costs one look at a short table.
func watches(x *gate.Tx, people ...string) (bool, error) {
	for _, p := range people {
		if on, err := watched.Has(x, gate.Eq("slot", p)); on || err != nil {
			return on, err
		}
	}
	return false, nil
}

// senders are who prepared a package and who confirms it.
func (b bundle) senders(x *gate.Tx) []string {
	who := []string{b.Owner, b.ConfirmedBy}
	if b.ConfirmedBy == "" {
		who[1] = x.Actor().Person
	}
	return slices.Compact(who)
}

func aboutWatched[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "dispatch_watched", ID: "*"}, nil
}

// WatchedOut are all who are or were on the list, the last named first.
type WatchedOut struct {
	Rows []Watched `json:"rows"`
}

// WatchedList shows whose sendings always need a second person.
var WatchedList = gate.New(gate.Op[struct{}, WatchedOut]{
	Name: "dispatch.watched_list", Mode: gate.Read, Target: aboutWatched[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (WatchedOut, error) {
		list, err := watched.Find(x)
		slices.SortStableFunc(list, func(a, b Watched) int { return b.CreatedAt.Compare(a.CreatedAt) })
		return WatchedOut{append([]Watched{}, list...)}, err
	},
})

// WatchedAddIn names a person.
type WatchedAddIn struct {
	Person string `json:"person" required:"true" max:"40"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// WatchedAdd puts a person on the list: from now on, also for what is under way.
var WatchedAdd = gate.New(gate.Op[WatchedAddIn, Watched]{
	Name: "dispatch.watched_add", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone: func(in WatchedAddIn) []string { return []string{"dispatch_watched/" + in.Person} }, Target: aboutWatched[WatchedAddIn],
	Do: func(x *gate.Tx, in WatchedAddIn) (Watched, error) {
		w := Watched{Person: in.Person, From: civil.Of(x.Now()), Reason: in.Reason, NamedBy: x.Actor().Person, Slot: in.Person}
		_, err := identity.Get(x, in.Person)
		if fault.Is(err, fault.KindNotFound) {
			return w, fault.Invalid("dispatch.watched_nobody").At("person")
		}
		if err != nil {
			return w, err
		}
		on, err := watches(x, in.Person)
		if on {
			return w, fault.Refused("dispatch.watched_twice").At("person")
		}
		if err != nil {
			return w, err
		}
		return w, watched.Insert(x, &w)
	},
})

// WatchedEndIn takes a person off the list.
type WatchedEndIn struct {
	ID     string `json:"id" required:"true" max:"40"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// WatchedEnd takes a person off the list: two people do.
var WatchedEnd = gate.New(gate.Op[WatchedEndIn, Watched]{
	Name: "dispatch.watched_end", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone: func(in WatchedEndIn) []string { return []string{"dispatch_watched/" + in.ID} }, Target: aboutWatched[WatchedEndIn],
	FourEyes: func(x *gate.Tx, in WatchedEndIn) (gate.Second, error) {
		w, err := endable(x, in)
		var d canon
		d.text(w.ID, w.Person)
		d.number(w.Version)
		return gate.Second{Needed: true, Digest: d.b, Class: policy.Internal, Before: watchedView{w.Person, true}, After: watchedView{w.Person, false}}, err
	},
	Do: func(x *gate.Tx, in WatchedEndIn) (Watched, error) {
		w, err := endable(x, in)
		if err != nil {
			return w, err
		}
		w.Ended, w.EndedOn, w.EndedBy, w.EndedReason, w.Approver, w.Slot = true, civil.Of(x.Now()), x.Actor().Person, in.Reason, x.ApprovedBy(), w.ID
		return w, watched.Update(x, &w)
	},
})

// watchedView is what a second person sees of the end.
type watchedView struct {
	Person  string `json:"person"`
	Watched bool   `json:"watched"`
}

func endable(x *gate.Tx, in WatchedEndIn) (Watched, error) {
	w, err := watched.Get(x, in.ID)
	switch {
	case err == nil && w.Ended:
		err = fault.Refused("dispatch.watched_ended")
	case err == nil && w.Person == x.Actor().Person && !x.Approved():
		err = fault.Refused("dispatch.watched_own")
	}
	return w, err
}
