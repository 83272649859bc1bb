package batch

import (
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

type returnedRow struct{ ID, State, Reason string }

// returned are packages that were let go and came back before they left: the
// last comparison found something, or a person took them out.
var returned = gate.NewQuery[returnedRow]("batch.returned", `SELECT i.id, d.state, d.reason FROM {batch_item i} JOIN {dispatch d} ON d.id = i.sending_id
	WHERE i.batch_id = $1 AND i.state = 'released' AND d.state IN ('prepared', 'stopped', 'checked', 'cancelled') ORDER BY i.place, i.id LIMIT 200`)

// Shown is a plan with how far it is.
type Shown struct {
	Batch
	Tally    Tally `json:"tally"`
	Released int64 `json:"released" class:"internal"` // packages
}

// Show gives a plan and how far it is (一括送付の状況).
var Show = gate.New(gate.Op[ByID, Shown]{
	Name: "batch.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Shown, error) {
		b, err := batches.Get(x, in.ID)
		if err != nil {
			return Shown{}, err
		}
		out := Shown{Batch: b}
		if out.Tally, err = tally(x, b.ID); err != nil {
			return out, err
		}
		rows, err := itemStates.Rows(x, b.ID)
		for _, r := range rows {
			if ItemState(r.State) == Released {
				out.Released = r.N
			}
		}
		return out, err
	},
})

// ItemsIn asks for packages of a plan in their order.
type ItemsIn struct {
	ID    string `json:"id" required:"true"`
	Which string `json:"which" enum:"aside,amber,change,returned"` // all if empty
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// ItemsOut is one page of them.
type ItemsOut struct {
	Rows []Item `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// Items lists who gets what, or what is otherwise than usual (例外の一覧).
var Items = gate.New(gate.Op[ItemsIn, ItemsOut]{
	Name: "batch.items", Mode: gate.Read,
	Target: func(x *gate.Tx, in ItemsIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in ItemsIn) (ItemsOut, error) {
		if in.Which == "returned" {
			return cameBack(x, in.ID)
		}
		q := gate.PageQuery{Where: []gate.Cond{gate.Eq("batch_id", in.ID)}, By: "place", After: in.After, Limit: in.Limit}
		switch in.Which {
		case "aside", "amber":
			q.Where = append(q.Where, gate.Eq("state", in.Which))
		case "change":
			q.Where = append(q.Where, gate.Ne("change", Same))
		}
		p, err := items.Page(x, q)
		return ItemsOut{p.Rows, p.Next}, err
	},
})

func cameBack(x *gate.Tx, id string) (ItemsOut, error) {
	var out ItemsOut
	rows, err := returned.Rows(x, id)
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		i, err := items.Get(x, r.ID)
		if err != nil {
			return out, err
		}
		if i.Reason = r.Reason; i.Reason == "" {
			i.Reason = "batch.taken"
		}
		out.Rows = append(out.Rows, i)
	}
	return out, nil
}

// ListIn asks for one page of plans, the newest first.
type ListIn struct {
	State State  `json:"state"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Listed is that page.
type Listed struct {
	Rows []Batch `json:"rows"`
	Next string  `json:"next" class:"internal"`
}

// List gives the plans.
var List = gate.New(gate.Op[ListIn, Listed]{
	Name: "batch.list", Mode: gate.List, Target: every[ListIn],
	Do: func(x *gate.Tx, in ListIn) (Listed, error) {
		q := gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			if !in.State.In(States()...) {
				return Listed{}, fault.Invalid("batch.no_state").At("state")
			}
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		p, err := batches.Page(x, q)
		return Listed{p.Rows, p.Next}, err
	},
})
