package incident

import (
	"encoding/binary"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Module has the incidents.
var Module = gate.Module{Name: "incident", Schema: schema,
	Ops:    []gate.Any{Report, NotOurs, List, Show, AddNote, Close},
	Tables: []gate.AnyTable{incidents, events}}

// ReportIn is a mis-send as somebody has noticed it.
type ReportIn struct {
	Package  string     `json:"package" required:"true" max:"40"`
	Cause    string     `json:"cause" required:"true" enum:"wrong_recipient,wrong_document,wrong_content,wrong_amount,duplicate,other"`
	Reason   string     `json:"reason" required:"true" text:"multiline" max:"2000"` // what happened
	ShouldBe string     `json:"should_be" text:"multiline" max:"2000"`              // what was meant
	Known    civil.Date `json:"known_on"`                                           // when anybody in the company knew; today if none
}

// Shown is an incident with its timeline, and where its recipients stand now.
type Shown struct {
	Incident
	Timeline []Event    `json:"timeline"`
	Now      []Standing `json:"now"`
}

// Standing is where a recipient stands now.
type Standing struct {
	Item  string         `json:"item" class:"internal"`
	State dispatch.State `json:"state" class:"internal"`
}

// Report reports a mis-send by one press (誤送信の報告): it calls the package back,
// freezes it with its documents, and keeps the facts. Pressed again for the same
// package it adds to the same incident.
var Report = gate.New(gate.Op[ReportIn, Shown]{
	Name: "incident.report", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone: func(in ReportIn) []string { return []string{dispatch.SendingLock(in.Package)} },
	Target: func(x *gate.Tx, in ReportIn) (gate.Target, error) {
		s, err := dispatch.Get(x, in.Package)
		return gate.Target{Kind: "dispatch", ID: s.ID, Owner: s.Owner, Department: s.Department, Subject: s.Party, Class: policy.Personal}, err
	},
	Do: func(x *gate.Tx, in ReportIn) (Shown, error) {
		today := civil.Of(x.Now())
		if in.Known.IsZero() {
			in.Known = today
		}
		if in.Known.After(today) {
			return Shown{}, fault.Invalid("incident.future", "date", in.Known).At("known_on")
		}
		before, err := dispatch.Items(x, in.Package)
		if err != nil {
			return Shown{}, err
		}
		s, err := gate.Call(x, dispatch.RecallOp, dispatch.RecallIn{ID: in.Package, Cause: in.Cause, Reason: in.Reason})
		if err != nil {
			return Shown{}, err
		}
		return keep(x, in, before, s)
	},
})

// keep begins an incident, or adds to the one that is open.
func keep(x *gate.Tx, in ReportIn, before []dispatch.Item, s dispatch.Shown) (Shown, error) {
	open, err := incidents.Find(x, gate.Eq("slot", in.Package))
	if err != nil {
		return Shown{}, err
	}
	if len(open) > 0 {
		return again(x, open[0], in, before)
	}
	i, err := begin(x, in, before, s)
	if err != nil {
		return Shown{}, err
	}
	return i.shown(x)
}

func begin(x *gate.Tx, in ReportIn, before []dispatch.Item, s dispatch.Shown) (Incident, error) {
	i := Incident{Package: s.ID, Party: s.Party, Owner: s.Owner, Department: s.Department, State: Open, Level: levelOf(before), Cause: in.Cause,
		Reporter: x.Actor().Person, Reason: in.Reason, ShouldBe: in.ShouldBe, Slot: s.ID}
	i.start(in.Known)
	if err := i.gather(x, before, s); err != nil {
		return i, err
	}
	if err := incidents.Insert(x, &i); err != nil {
		return i, err
	}
	return i, i.log(x, Reported, in.Reason)
}

func (i *Incident) start(known civil.Date) {
	c := ClockOf(known)
	i.Known, i.PromptFrom, i.PromptBy, i.FinalBy, i.FinalByMalicious = c.Known, c.PromptFrom, c.PromptBy, c.FinalBy, c.FinalByMalicious
}

// again adds a second report. Whoever knew first starts the clock, and what was
// lower than it is now known to be is raised; nothing is taken back.
func again(x *gate.Tx, i Incident, in ReportIn, now []dispatch.Item) (Shown, error) {
	if in.Known.Before(i.Known) {
		i.start(in.Known)
	}
	if l := levelOf(now); i.Level == Near || l == Actual {
		i.Level = l
	}
	if err := incidents.Update(x, &i); err != nil {
		return Shown{}, err
	}
	if err := i.log(x, Again, in.Reason); err != nil {
		return Shown{}, err
	}
	return i.shown(x)
}

func (i Incident) shown(x *gate.Tx) (Shown, error) {
	s := Shown{Incident: i, Now: []Standing{}}
	var err error
	if s.Timeline, err = events.Find(x, gate.Eq("incident_id", i.ID)); err != nil {
		return s, err
	}
	items, err := dispatch.Items(x, i.Package)
	for _, r := range items {
		s.Now = append(s.Now, Standing{r.ID, r.State})
	}
	return s, err
}

// ByID names an incident.
type ByID struct {
	ID string `json:"id" required:"true" max:"40"`
}

// Show gives an incident with its timeline.
var Show = gate.New(gate.Op[ByID, Shown]{
	Name: "incident.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Shown, error) {
		i, err := incidents.Get(x, in.ID)
		if err != nil {
			return Shown{}, err
		}
		return i.shown(x)
	},
})

// ListIn narrows a list of incidents.
type ListIn struct {
	State State  `json:"state" enum:"open,closed"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Listed is a page of incidents.
type Listed struct {
	Rows []Incident `json:"rows"`
	Next string     `json:"next" class:"internal"`
}

// List gives incidents, the latest first.
var List = gate.New(gate.Op[ListIn, Listed]{
	Name: "incident.list", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) { return gate.Target{Kind: "incident", ID: "*"}, nil },
	Do: func(x *gate.Tx, in ListIn) (Listed, error) {
		q := gate.PageQuery{By: "known_on", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = []gate.Cond{gate.Eq("state", in.State)}
		}
		p, err := incidents.Page(x, q)
		return Listed{p.Rows, p.Next}, err
	},
})

// NoteIn is what somebody found out or did.
type NoteIn struct {
	ID    string `json:"id" required:"true" max:"40"`
	Words string `json:"words" required:"true" text:"multiline" max:"4000"`
}

// AddNote adds to the timeline, also of one that is closed; nothing in it is
// changed or removed.
var AddNote = gate.New(gate.Op[NoteIn, Shown]{
	Name: "incident.note", Mode: gate.Write,
	Target: func(x *gate.Tx, in NoteIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in NoteIn) (Shown, error) {
		i, err := incidents.Get(x, in.ID)
		if err == nil {
			err = i.log(x, Noted, in.Words)
		}
		if err != nil {
			return Shown{}, err
		}
		return i.shown(x)
	},
})

// CloseIn is a decision about an incident as it was last seen.
type CloseIn struct {
	ID      string  `json:"id" required:"true" max:"40"`
	Version int64   `json:"version" required:"true"`
	Outcome Outcome `json:"outcome" required:"true" enum:"leaked,recovered,no_leak"`
	Reason  string  `json:"reason" required:"true" text:"multiline" max:"4000"`
}

// Close decides what an incident was (判断). Two people decide; from then on its
// documents can be sent again, through all checks.
var Close = gate.New(gate.Op[CloseIn, Shown]{
	Name: "incident.close", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in CloseIn) (gate.Target, error) { return one(x, in.ID) },
	FourEyes: func(x *gate.Tx, in CloseIn) (gate.Second, error) {
		i, err := decidable(x, in)
		if err != nil {
			return gate.Second{}, err
		}
		return gate.Second{Needed: true, Digest: append([]byte(i.ID+"/"), binary.BigEndian.AppendUint64(nil, uint64(i.Version))...), Department: i.Department,
			Class:  policy.Internal, // of the two below; the facts are read by those who may, with incident.show
			Before: map[string]any{"state": i.State, "level": i.Level, "cause": i.Cause, "persons": i.Persons, "package": i.Package},
			After:  map[string]any{"state": Closed, "outcome": in.Outcome}}, nil
	},
	Do: func(x *gate.Tx, in CloseIn) (Shown, error) {
		i, err := decidable(x, in)
		if err != nil {
			return Shown{}, err
		}
		if err := dispatch.Thaw(x, i.Package); err != nil {
			return Shown{}, err
		}
		i.State, i.Outcome, i.Slot = Closed, in.Outcome, i.ID
		if err := incidents.Update(x, &i); err != nil {
			return Shown{}, err
		}
		if err := i.log(x, Decided, in.Reason); err != nil {
			return Shown{}, err
		}
		return i.shown(x)
	},
})

// decidable loads an open incident as it was seen, all of whose recipients' fates
// are known.
func decidable(x *gate.Tx, in CloseIn) (Incident, error) {
	i, err := incidents.Get(x, in.ID)
	switch {
	case err != nil:
		return i, err
	case i.State != Open:
		return i, fault.Refused("incident.closed")
	case i.Version != in.Version:
		return i, fault.Conflict("gate.conflict")
	}
	return i, dispatch.Settled(x, i.Package)
}
