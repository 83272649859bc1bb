package intake

import (
	"context"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
)

// StartIn begins a run. Expect are the totals the person read in the other
// program, or confirms from the preview.
type StartIn struct {
	Run        string   `json:"run" required:"true"`
	Mapping    []Column `json:"mapping" max:"200"` // the guessed one if empty
	SkipBad    bool     `json:"skip_bad"`          // leave the refused rows out; else any of them stops the run
	Expect     Expect   `json:"expect"`
	DryRun     bool     `json:"dry_run"`    // check everything, write nothing
	Owner      string   `json:"owner"`      // person in charge of new partners; the actor if empty
	Department string   `json:"department"` // of new partners
}

// Expect are control totals: rows taken and, of open invoices, their sum.
type Expect struct {
	Rows  int       `json:"rows"`
	Total money.Yen `json:"total"`
}

// started is what Work hands to Do.
type started struct {
	why     *fault.Error
	checked Checked
	issues  string
	parts   []part
	uses    []string
}

// Start checks the whole file against the register and the confirmed totals,
// cuts it into slices and lets jobs write them.
var Start = gate.New(gate.Op[StartIn, Run]{
	Name: "intake.start", Mode: gate.Write,
	Alone:  func(in StartIn) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in StartIn) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in StartIn) (func(context.Context) (any, error), error) {
		r, check, err := fresh(x, in.Run, in.Mapping)
		if err != nil {
			return nil, err
		}
		register, err := party.KnownAddresses(x)
		if err != nil {
			return nil, err
		}
		there, err := known(x, Partners)
		if err != nil {
			return nil, err
		}
		p := planner{run: r.ID, owner: in.Owner, department: in.Department, newID: x.NewID}
		if p.owner == "" {
			p.owner = x.Actor().Person
		}
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			_, c, err := check(ctx)
			if err != nil {
				return nil, err
			}
			s := started{checked: c, why: in.refuses(c)}
			if in.DryRun || s.why != nil {
				return s, nil
			}
			s.uses = uses(c, there)
			s.issues, s.parts, err = keep(ctx, store, c, p.plan(c, register))
			return s, err
		}, nil
	},
	Do: func(x *gate.Tx, in StartIn) (Run, error) {
		w := gate.Worked[started](x)
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return r, err
		}
		if r.State != Uploaded {
			return r, fault.Refused("intake.begun")
		}
		x.Note("totals", w.checked.Totals)
		if w.why != nil {
			return r, w.why
		}
		r.Mapping, r.Totals, r.IssueCount = pick(in.Mapping, r.Mapping), w.checked.Totals, int64(len(w.checked.Issues))
		if in.DryRun {
			return r, nil
		}
		for i := range w.parts {
			w.parts[i].Run = r.ID
		}
		if err := parts.InsertMany(x, w.parts); err != nil {
			return r, err
		}
		r.State, r.Issues, r.Slices, r.Uses = Staging, w.issues, int64(len(w.parts)), w.uses
		if err := runs.Update(x, &r); err != nil {
			return r, err
		}
		return r, r.next(x, Slice)
	},
})

// refuses tells why a checked file must not be written as it is.
func (in StartIn) refuses(c Checked) *fault.Error {
	t := c.Totals
	switch {
	case t.Refused > 0 && !in.SkipBad:
		return fault.Refused("intake.bad_rows", "count", t.Refused).At("skip_bad")
	case t.Accepted == 0:
		return fault.Refused("intake.nothing")
	case in.Expect.Rows != t.Accepted || in.Expect.Total != t.Total:
		return fault.Refused("intake.totals", "rows", t.Accepted, "total", t.Total, "expected_rows", in.Expect.Rows, "expected_total", in.Expect.Total).At("expect")
	}
	return nil
}

// uses are the runs that brought the partners of a file of invoices.
func uses(c Checked, there Known) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, o := range c.Open {
		if run := there.Partners[o.Code].Run; run != "" && !seen[run] {
			seen[run] = true
			out = append(out, run)
		}
	}
	return out
}

// keep puts the slices and the list of issues into the store.
func keep(ctx context.Context, store *blob.Store, c Checked, plan []slice) (issues string, out []part, err error) {
	files := make([][]byte, len(plan), len(plan)+1)
	for i, s := range plan {
		if files[i], err = json.Marshal(s); err != nil {
			return "", nil, err
		}
		p := part{No: int64(i)}
		for _, r := range s.Refs {
			if p.First == "" || r.ID < p.First {
				p.First = r.ID
			}
			p.Last = max(p.Last, r.ID)
		}
		out = append(out, p)
	}
	list, err := json.Marshal(c.Issues)
	if err != nil {
		return "", nil, err
	}
	digests, err := store.PutAll(ctx, append(files, list))
	if err != nil {
		return "", nil, err
	}
	for i := range out {
		out[i].Content = digests[i].String()
	}
	return digests[len(plan)].String(), out, nil
}

// lock is what everything that moves a run on is alone on.
func lock(run string) string { return "intake/" + run }

// next lets a job do what comes next for a run.
func (r Run) next(x *gate.Tx, slice *gate.UseCase[SliceIn, Progress]) error {
	var err error
	if r.Done < r.Slices {
		_, err = jobs.Enqueue(x, slice, SliceIn{r.ID, r.Done})
	} else {
		_, err = jobs.Enqueue(x, Publish, ByRun{r.ID})
	}
	return err
}
