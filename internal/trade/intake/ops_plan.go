package intake

import (
	"context"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
)

// planned is what Work hands to Do.
type planned struct {
	totals Totals
	parts  []part
}

// Plan cuts a confirmed file into slices. It compares every address with the
// whole register, which may take a minute, so it is a job.
var Plan = gate.New(gate.Op[ByRun, Progress]{
	Name: "intake.plan", Mode: gate.Write,
	Alone:  func(in ByRun) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in ByRun) (func(context.Context) (any, error), error) {
		r, err := runs.Get(x, in.Run)
		if err != nil || !r.unplanned() {
			return nil, err
		}
		_, check, err := r.checker(x, nil)
		if err != nil {
			return nil, err
		}
		register, err := party.KnownAddresses(x)
		p := planner{run: r.ID, owner: r.InCharge, department: r.Department, newID: x.NewID}
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			_, c, err := check(ctx)
			if err != nil {
				return nil, err
			}
			list, err := keep(ctx, store, p.plan(c, register))
			return &planned{c.Totals, list}, err
		}, err
	},
	Do: func(x *gate.Tx, in ByRun) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		w := gate.Worked[*planned](x)
		if err != nil || w == nil || !r.unplanned() {
			return r.progress(), err
		}
		if !w.totals.equal(r.Totals) {
			return r.progress(), r.block(x, fault.Refused("intake.changed"), nil)
		}
		for i := range w.parts {
			w.parts[i].Run = r.ID
		}
		if err := parts.InsertMany(x, w.parts); err != nil {
			return r.progress(), err
		}
		r.Slices = int64(len(w.parts))
		if err := runs.Update(x, &r); err != nil {
			return r.progress(), err
		}
		return r.progress(), r.next(x, Slice)
	},
})

func (r Run) unplanned() bool { return r.State == Staging && r.Slices == 0 }

// keep puts the slices into the store.
func keep(ctx context.Context, store *blob.Store, plan []slice) ([]part, error) {
	out := make([]part, len(plan))
	files := make([][]byte, len(plan))
	for i, s := range plan {
		var err error
		if files[i], err = json.Marshal(s); err != nil {
			return nil, err
		}
		out[i].No = int64(i)
		for _, r := range s.Refs {
			if out[i].First == "" || r.ID < out[i].First {
				out[i].First = r.ID
			}
			out[i].Last = max(out[i].Last, r.ID)
		}
	}
	digests, err := store.PutAll(ctx, files)
	for i := range digests {
		out[i].Content = digests[i].String()
	}
	return out, err
}

// next lets a job do what comes next for a planned run.
func (r Run) next(x *gate.Tx, slice *gate.UseCase[SliceIn, Progress]) error {
	var err error
	if r.Done < r.Slices {
		_, err = jobs.Enqueue(x, slice, SliceIn{r.ID, r.Done})
	} else {
		_, err = jobs.Enqueue(x, Publish, ByRun{r.ID})
	}
	return err
}
