package drill

import (
	"encoding/binary"
	"slices"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Module has the drills.
var Module = gate.Module{Name: "drill", Schema: schema,
	Ops:     []gate.Any{Start, Stop, List, Tick, Rates, Lessons, LessonOf},
	Tables:  []gate.AnyTable{drills, decoys},
	Queries: []gate.AnyQuery{deciders, since, rates}}

func target[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "drill", ID: "*"}, nil
}

// StartIn says when decoys may be planted.
type StartIn struct {
	From     civil.Date `json:"from" required:"true"`
	Until    civil.Date `json:"until" required:"true"`                   // last day
	Closings string     `json:"closings" max:"40"`                       // closing days, "20,31"; 31 is the last of the month
	Before   int64      `json:"before"`                                  // days before a closing day without decoys
	After    int64      `json:"after"`                                   // and after it
	Reason   string     `json:"reason" required:"true" text:"multiline"` // what it is for
}

// Start begins a drill (訓練の開始). It takes two people, ends by itself, and keeps
// clear of the days around closing.
var Start = gate.New(gate.Op[StartIn, Drill]{
	Name: "drill.start", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone: func(StartIn) []string { return []string{"drill"} }, Target: target[StartIn],
	FourEyes: func(x *gate.Tx, in StartIn) (gate.Second, error) {
		d, err := begun(x, in)
		sum := blob.Sum([]byte(in.From.String() + in.Until.String() + d.Closings))
		digest := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(sum[:], uint64(in.Before)), uint64(in.After))
		return gate.Second{Needed: true, Digest: digest, Class: policy.Internal, After: map[string]any{"from_date": in.From, "until_date": in.Until,
			"closings": d.Closings, "days_before": in.Before, "days_after": in.After}}, err
	},
	Do: func(x *gate.Tx, in StartIn) (Drill, error) {
		d, err := begun(x, in)
		if err != nil {
			return d, err
		}
		old, err := drills.Find(x, gate.Eq("slot", running))
		if err != nil {
			return d, err
		}
		for i := range old { // over by its last day
			old[i].Slot = old[i].ID
			if err := drills.Update(x, &old[i]); err != nil {
				return d, err
			}
		}
		d.StartedBy, d.Approver = x.Actor().Person, x.ApprovedBy()
		return d, drills.Insert(x, &d)
	},
})

// begun is the drill to be, unless one is on or this one cannot be.
func begun(x *gate.Tx, in StartIn) (Drill, error) {
	d := Drill{From: in.From, Until: in.Until, Closings: in.Closings, Before: in.Before, After: in.After, Reason: in.Reason, Slot: running}
	c, err := d.calendar()
	today := civil.Of(x.Now())
	if err == nil {
		err = c.check(in.From, in.Until, today)
	}
	if err != nil {
		return d, err
	}
	on, err := drills.Find(x, gate.Eq("slot", running))
	if err == nil && slices.ContainsFunc(on, func(o Drill) bool { return !o.over(today) }) {
		err = fault.Refused("drill.running")
	}
	return d, err
}

// StopIn ends a drill.
type StopIn struct {
	ID     string `json:"id" required:"true" max:"40"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// Stop ends a drill before its last day. Decoys that lie before somebody stay
// there and can still do nothing.
var Stop = gate.New(gate.Op[StopIn, Drill]{
	Name: "drill.stop", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone: func(StopIn) []string { return []string{"drill"} }, Target: target[StopIn],
	Do: func(x *gate.Tx, in StopIn) (Drill, error) {
		d, err := drills.Get(x, in.ID)
		if err != nil {
			return d, err
		}
		today := civil.Of(x.Now())
		if d.over(today) {
			return d, fault.Refused("drill.over")
		}
		d.Stopped, d.StoppedOn, d.StoppedBy, d.StoppedReason, d.Slot = true, today, x.Actor().Person, in.Reason, d.ID
		return d, drills.Update(x, &d)
	},
})

// Shown is a drill with whether it plants today.
type Shown struct {
	Drill
	Over  bool `json:"over" class:"internal"`
	Quiet bool `json:"quiet" class:"internal"` // today lies around a closing day
}

// ListOut are all drills, the last first.
type ListOut struct {
	Rows []Shown `json:"rows"`
}

// List shows the drills there were and are.
var List = gate.New(gate.Op[struct{}, ListOut]{
	Name: "drill.list", Mode: gate.Read, Target: target[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (ListOut, error) {
		list, err := drills.Find(x)
		slices.SortFunc(list, func(a, b Drill) int { return b.CreatedAt.Compare(a.CreatedAt) })
		out, today := ListOut{[]Shown{}}, civil.Of(x.Now())
		for _, d := range list {
			c, bad := d.calendar()
			out.Rows = append(out.Rows, Shown{d, d.over(today), bad != nil || c.busy(today)})
		}
		return out, err
	},
})
