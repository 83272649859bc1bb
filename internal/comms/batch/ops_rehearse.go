package batch

import (
	"context"
	"slices"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
)

// rehearseOp checks every package of a plan anew (送付前の予行), also those that
// were set aside for a reason that may be mended.
func (h *House) rehearseOp() *gate.UseCase[ByID, Batch] {
	return gate.New(gate.Op[ByID, Batch]{
		Name: "batch.rehearse", Mode: gate.Write,
		Alone:  func(in ByID) []string { return lock(in.ID) },
		Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
		Do: func(x *gate.Tx, in ByID) (Batch, error) {
			b, err := batches.Get(x, in.ID)
			if err == nil {
				err = b.State.needs(Rehearsed, Changed, Confirmed)
			}
			if err != nil {
				return b, err
			}
			return b, h.toRehearsal(x, &b)
		},
	})
}

// toRehearsal begins with the first package.
func (h *House) toRehearsal(x *gate.Tx, b *Batch) error {
	b.unconfirm()
	b.State, b.Looked, b.Digest, b.Reason = Rehearsing, 0, "", ""
	if err := batches.Update(x, b); err != nil {
		return err
	}
	_, err := jobs.Enqueue(x, h.slice, RehearseSliceIn{b.ID, 0})
	return err
}

// RehearseSliceIn names the slice to check by its first place.
type RehearseSliceIn struct {
	ID   string `json:"id" required:"true"`
	From int64  `json:"from"`
}

// rehearseSliceOp checks the next packages and calls for the next slice; after
// the last it reckons the plan's digest.
func (h *House) rehearseSliceOp() (self *gate.UseCase[RehearseSliceIn, Batch]) {
	self = gate.New(gate.Op[RehearseSliceIn, Batch]{
		Name: "batch.rehearse_slice", Mode: gate.Write,
		Alone:  func(in RehearseSliceIn) []string { return lock(in.ID) },
		Target: func(x *gate.Tx, in RehearseSliceIn) (gate.Target, error) { return about(x, in.ID) },
		Work:   h.readSlice,
		Do: func(x *gate.Tx, in RehearseSliceIn) (Batch, error) {
			b, err := batches.Get(x, in.ID)
			if err != nil || !b.wants(in.From) {
				return b, err
			}
			c := gate.Worked[dispatch.Contents](x)
			list, err := b.slice(x, in.From)
			if err != nil {
				return b, err
			}
			for n := range list {
				if err := list[n].check(x, c); err != nil {
					return b, err
				}
			}
			if err := items.UpdateMany(x, list); err != nil {
				return b, err
			}
			if b.Looked = min(in.From+rehearseAtOnce, b.Planned); b.Looked >= b.Planned {
				return b, b.finish(x)
			}
			if err := batches.Update(x, &b); err != nil {
				return b, err
			}
			_, err = jobs.Enqueue(x, self, RehearseSliceIn{b.ID, b.Looked})
			return b, err
		},
	})
	return self
}

func (b Batch) wants(from int64) bool { return b.State == Rehearsing && b.Looked == from }

// slice are the packages from a place on that a rehearsal looks at.
func (b Batch) slice(x *gate.Tx, from int64) ([]Item, error) {
	list, err := items.Find(x, gate.Eq("batch_id", b.ID), gate.Ge("place", from), gate.Le("place", from+rehearseAtOnce-1))
	return slices.DeleteFunc(list, func(i Item) bool { return i.Sending == "" || i.Said != "" }), err
}

func (h *House) readSlice(x *gate.Tx, in RehearseSliceIn) (func(context.Context) (any, error), error) {
	b, err := batches.Get(x, in.ID)
	if err != nil || !b.wants(in.From) {
		return nil, err
	}
	list, err := b.slice(x, in.From)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, i := range list {
		if ok, err := checkable(x, i.Sending); err != nil {
			return nil, err
		} else if ok {
			ids = append(ids, i.Sending)
		}
	}
	read, err := h.d.Contents(x, ids)
	return func(ctx context.Context) (any, error) { return read(ctx) }, err
}

// checkable tells whether a package still waits in its plan: one that somebody
// has sent or cancelled on its own does not.
func checkable(x *gate.Tx, id string) (bool, error) {
	s, err := sendingState.Rows(x, id)
	return len(s) > 0 && slices.Contains([]dispatch.State{dispatch.Prepared, dispatch.Stopped, dispatch.Checked}, dispatch.State(s[0].State)), err
}

// check asks the outer gate about the package and keeps what it said.
func (i *Item) check(x *gate.Tx, c dispatch.Contents) error {
	i.Digest, i.Check, i.Findings, i.Cautions, i.Reason = "", "", nil, 0, ""
	ok, err := checkable(x, i.Sending)
	if err != nil {
		return err
	}
	if !ok {
		i.State, i.Reason = Aside, "batch.taken"
		return nil
	}
	out, check, err := c.Check(x, i.Sending)
	if err != nil {
		return err
	}
	i.Digest, i.Check, i.State = out.Digest, check, Clean
	for _, f := range out.Findings {
		if f.Level == dispatch.Match {
			continue
		}
		f.Steps = nil
		i.Findings = append(i.Findings, f)
		switch {
		case f.Level == dispatch.Halt && i.State != Aside:
			i.State, i.Reason = Aside, f.Key
		case Asks(f):
			i.Cautions++
			if i.State == Clean {
				i.State = Amber
			}
		}
	}
	return nil
}

// finish ends a rehearsal: what goes, what does not, and what is otherwise than a
// month ago.
func (b *Batch) finish(x *gate.Tx) error {
	if err := b.recount(x); err != nil {
		return err
	}
	if err := b.missing(x); err != nil {
		return err
	}
	rows, err := live.Rows(x, b.ID)
	if err != nil {
		return err
	}
	b.State, b.RehearsedAt = Rehearsed, x.Now()
	b.sum(rows)
	return batches.Update(x, b)
}

// sum takes over the plan's digest and total.
func (b *Batch) sum(rows []liveRow) {
	b.Digest, b.Total = digest(b.ID, rows), 0
	for _, r := range rows {
		b.Total += money.Yen(r.Amount)
	}
}

const goneShown = 100

// missing are the partners that were billed a month before and are not now.
func (b *Batch) missing(x *gate.Tx) error {
	b.Gone, b.GoneCount = nil, 0
	if len(b.Only) > 0 { // a plan of some says nothing about the others
		return nil
	}
	last := b.To
	if last.IsZero() {
		last = civil.Of(x.Now())
	}
	from, to := monthBefore(last)
	rows, err := gone.Rows(x, b.ID, from.String(), to.String())
	if err != nil {
		return err
	}
	b.GoneCount = int64(len(rows))
	for _, r := range rows[:min(len(rows), goneShown)] {
		p, err := party.Get(x, r.Party)
		if err != nil {
			return err
		}
		b.Gone = append(b.Gone, Gone{p.ID, p.Name, money.Yen(r.Sum)})
	}
	return nil
}

// SetAsideIn takes packages out of a plan that could go.
type SetAsideIn struct {
	ID     string   `json:"id" required:"true"`
	Items  []string `json:"items" required:"true" max:"200"`
	Reason string   `json:"reason" required:"true" text:"multiline"`
}

// SetAside takes packages out of a plan (例外にする): what was confirmed about the
// plan is void, since it is another one.
var SetAside = gate.New(gate.Op[SetAsideIn, Batch]{
	Name: "batch.set_aside", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in SetAsideIn) []string { return lock(in.ID) },
	Target: func(x *gate.Tx, in SetAsideIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in SetAsideIn) (Batch, error) {
		b, err := batches.Get(x, in.ID)
		if err == nil {
			err = b.State.needs(Rehearsed, Confirmed)
		}
		if err != nil {
			return b, err
		}
		if _, err := b.standing(x); err != nil {
			return b, b.void(x, err)
		}
		for _, id := range in.Items {
			i, err := items.Get(x, id)
			if err == nil && i.Batch != b.ID {
				err = fault.NotFound()
			}
			if err != nil {
				return b, err
			}
			i.State, i.Reason, i.Said = Aside, "batch.set_aside", in.Reason
			if err := items.Update(x, &i); err != nil {
				return b, err
			}
		}
		b.unconfirm()
		b.State = Rehearsed
		if err := b.recount(x); err != nil {
			return b, err
		}
		rows, err := live.Rows(x, b.ID)
		if err != nil {
			return b, err
		}
		b.sum(rows)
		return b, batches.Update(x, &b)
	},
})
