package intake

import (
	"slices"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/trade/invoice"
)

// ByRun names a run.
type ByRun struct {
	Run string `json:"run" required:"true"`
}

// Progress is how far a run is.
type Progress struct {
	Run   string `json:"run" class:"internal"`
	State State  `json:"state" class:"internal"`
	Done  int64  `json:"done" class:"internal"`  // slices written
	Total int64  `json:"total" class:"internal"` // slices there are
}

func (r Run) progress() Progress { return Progress{r.ID, r.State, r.Done, r.Slices} }

// ShowOut is a run with the first verification of its addresses.
type ShowOut struct {
	Run
	Verification Verification `json:"verification"`
}

// Show gives a run and how far it is.
var Show = gate.New(gate.Op[ByRun, ShowOut]{
	Name: "intake.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ByRun) (ShowOut, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil || r.State != Published {
			return ShowOut{Run: r}, err
		}
		v, err := verification.Rows(x, r.ID)
		if err != nil {
			return ShowOut{}, err
		}
		return ShowOut{r, v[0]}, nil
	},
})

// ListIn asks for one page of runs, the newest first.
type ListIn struct {
	State State  `json:"state" enum:"uploaded,staging,blocked,stopped,published,undone"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Listed is that page.
type Listed struct {
	Rows []Run  `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// List gives the runs.
var List = gate.New(gate.Op[ListIn, Listed]{
	Name: "intake.list", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) { return gate.Target{Kind: "intake", ID: "*"}, nil },
	Do: func(x *gate.Tx, in ListIn) (Listed, error) {
		q := gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		p, err := runs.Page(x, q)
		return Listed{p.Rows, p.Next}, err
	},
})

// Stop ends the writing of a run after the slice under way.
var Stop = gate.New(gate.Op[ByRun, Progress]{
	Name: "intake.stop", Mode: gate.Write,
	Alone:  func(in ByRun) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ByRun) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return Progress{}, err
		}
		if r.State != Staging && r.State != Blocked {
			return r.progress(), fault.Refused("intake.not_running")
		}
		r.State = Stopped
		return r.progress(), runs.Update(x, &r)
	},
})

// Resume goes on with a run where it stands: after a stop, after what blocked it
// was mended, or when its job was given up.
var Resume = gate.New(gate.Op[ByRun, Progress]{
	Name: "intake.resume", Mode: gate.Write,
	Alone:  func(in ByRun) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ByRun) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return Progress{}, err
		}
		if r.State != Staging && r.State != Blocked && r.State != Stopped {
			return r.progress(), fault.Refused("intake.not_running")
		}
		r.State, r.Reason, r.Blocks = Staging, "", nil
		if err := runs.Update(x, &r); err != nil {
			return r.progress(), err
		}
		if r.unplanned() {
			_, err := jobs.Enqueue(x, Plan, ByRun{r.ID})
			return r.progress(), err
		}
		return r.progress(), r.next(x, Slice)
	},
})

// UndoIn takes a run back.
type UndoIn struct {
	Run    string `json:"run" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// Undo hides all rows of a run for good, if nothing was built on them.
var Undo = gate.New(gate.Op[UndoIn, Progress]{
	Name: "intake.undo", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in UndoIn) []string { return publishLocks(in.Run) },
	Target: func(x *gate.Tx, in UndoIn) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in UndoIn) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return Progress{}, err
		}
		if r.State == Undone {
			return r.progress(), fault.Refused("intake.undone")
		}
		if err := unused(x, r.ID); err != nil {
			return r.progress(), err
		}
		if err := r.hide(x); err != nil {
			return r.progress(), err
		}
		r.State = Undone
		if err := runs.Update(x, &r); err != nil {
			return r.progress(), err
		}
		_, err = jobs.Enqueue(x, Tidy, ByRun{r.ID})
		return r.progress(), err
	},
})

// hide takes back what was written, if anything was.
func (r Run) hide(x *gate.Tx) error {
	if r.Done == 0 {
		return nil
	}
	if r.Kind == OpenInvoices {
		if err := invoice.UndoRun(x, r.ID); err != nil {
			return err
		}
	}
	return party.UndoRun(x, r.ID)
}

// unused refuses to take partners back whose open invoices were imported.
func unused(x *gate.Tx, id string) error {
	list, err := runs.Find(x, gate.Eq("kind", OpenInvoices), gate.In("state", []State{Staging, Blocked, Stopped, Published}))
	if err != nil {
		return err
	}
	for _, r := range list {
		if slices.Contains(r.Uses, id) {
			return fault.Refused("intake.used", "name", r.Name)
		}
	}
	return nil
}

// TraceIn names an imported row.
type TraceIn struct {
	Kind string `json:"kind" required:"true" enum:"party,contact,point,invoice"`
	ID   string `json:"id" required:"true"`
}

// Traced is where it came from.
type Traced struct {
	Run    string `json:"run" class:"internal"`
	Name   string `json:"name" class:"confidential"` // of the file
	Digest string `json:"digest" class:"internal"`   // SHA-256 of the file
	Line   int    `json:"line" class:"internal"`     // of the file
	State  State  `json:"state" class:"internal"`    // of the run
}

// Trace leads from an imported row to the file and line it came from.
var Trace = gate.New(gate.Op[TraceIn, Traced]{
	Name: "intake.trace", Mode: gate.Read,
	Target: func(x *gate.Tx, in TraceIn) (gate.Target, error) {
		r, _, err := origin(x, in)
		return r.target(), err
	},
	Do: func(x *gate.Tx, in TraceIn) (Traced, error) {
		r, line, err := origin(x, in)
		return Traced{r.ID, r.Name, r.Digest, line, r.State}, err
	},
})

func origin(x *gate.Tx, in TraceIn) (Run, int, error) {
	run, id := "", in.ID
	if in.Kind == "invoice" {
		h, err := invoice.Get(x, in.ID)
		if err != nil {
			return Run{}, 0, err
		}
		if h.Run == "" {
			return Run{}, 0, fault.NotFound()
		}
		run, id = h.Run, h.Number
	}
	p, line, err := lineOf(x, run, in.Kind, id)
	if err != nil {
		return Run{}, 0, err
	}
	r, err := runs.Get(x, p.Run)
	return r, line, err
}
