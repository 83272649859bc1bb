package intake

import (
	"context"

	"github.com/go-json-experiment/json"

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
	issues  blob.Digest
	uses    []string
}

// Start checks the whole file against the register and the confirmed totals;
// jobs then plan and write it.
var Start = gate.New(gate.Op[StartIn, Run]{
	Name: "intake.start", Mode: gate.Write,
	Alone:  func(in StartIn) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in StartIn) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in StartIn) (func(context.Context) (any, error), error) {
		r, err := fresh(x, in.Run)
		if err != nil {
			return nil, err
		}
		there, check, err := r.checker(x, in.Mapping)
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			_, c, err := check(ctx)
			if err != nil {
				return nil, err
			}
			s := started{checked: c, why: in.refuses(c), uses: uses(c, there)}
			if in.DryRun || s.why != nil {
				return s, nil
			}
			list, err := json.Marshal(c.Issues)
			if err == nil {
				s.issues, err = store.Put(ctx, list)
			}
			return s, err
		}, err
	},
	Do: func(x *gate.Tx, in StartIn) (Run, error) {
		w := gate.Worked[started](x)
		r, err := fresh(x, in.Run)
		if err != nil {
			return r, err
		}
		x.Note("totals", w.checked.Totals)
		if w.why != nil {
			return r, w.why
		}
		r.Mapping, r.Totals, r.IssueCount = pick(in.Mapping, r.Mapping), w.checked.Totals, int64(len(w.checked.Issues)+w.checked.More)
		if in.DryRun {
			return r, nil
		}
		r.State, r.Issues, r.Uses, r.InCharge, r.Department = Staging, w.issues.String(), w.uses, in.Owner, in.Department
		if r.InCharge == "" {
			r.InCharge = x.Actor().Person
		}
		if err := runs.Update(x, &r); err != nil {
			return r, err
		}
		_, err = jobs.Enqueue(x, Plan, ByRun{r.ID})
		return r, err
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

// lock is what everything that moves a run on is alone on.
func lock(run string) string { return "intake/" + run }
