package intake

import (
	"context"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/trade/invoice"
)

// SliceIn names the slice to write, from 0.
type SliceIn struct {
	Run  string `json:"run" required:"true"`
	From int64  `json:"from"`
}

// Slice writes one slice where nobody sees it, and calls for the next. A slice
// that is not the next one of a run in progress has been written, or is no
// longer wanted: then nothing happens, so a job may run twice.
var Slice = newSlice()

// newSlice exists because a slice calls for the next one: the op names itself,
// which a package variable cannot.
func newSlice() (self *gate.UseCase[SliceIn, Progress]) {
	self = gate.New(gate.Op[SliceIn, Progress]{
		Name: "intake.slice", Mode: gate.Write,
		Alone:  func(in SliceIn) []string { return []string{lock(in.Run)} },
		Target: func(x *gate.Tx, in SliceIn) (gate.Target, error) { return about(x, in.Run) },
		Work:   readSlice,
		Do: func(x *gate.Tx, in SliceIn) (Progress, error) {
			r, more, err := writeSlice(x, in)
			if err == nil && more {
				err = r.next(x, self)
			}
			return r.progress(), err
		},
	})
	return self
}

func readSlice(x *gate.Tx, in SliceIn) (func(context.Context) (any, error), error) {
	r, err := runs.Get(x, in.Run)
	if err != nil || !r.wants(in.From) {
		return nil, err
	}
	p, err := partOf(x, r.ID, in.From)
	if err != nil {
		return nil, err
	}
	digest, err := blob.ParseDigest(p.Content)
	store := x.Blobs()
	return func(ctx context.Context) (any, error) {
		b, err := store.Get(ctx, digest)
		if err != nil {
			return nil, err
		}
		var s slice
		err = json.Unmarshal(b, &s)
		return &s, err
	}, err
}

// writeSlice tells with the run whether it wrote, so that more is to be done.
func writeSlice(x *gate.Tx, in SliceIn) (Run, bool, error) {
	r, err := runs.Get(x, in.Run)
	s := gate.Worked[*slice](x)
	if err != nil || s == nil || !r.wants(in.From) {
		return r, false, err
	}
	p, err := partOf(x, r.ID, in.From)
	if err != nil {
		return r, false, err
	}
	if err := s.stage(x, r.ID); err != nil {
		return r, false, r.block(x, err, nil)
	}
	p.Refs = s.Refs
	if err := parts.UpdateMany(x, []part{p}); err != nil {
		return r, false, err
	}
	r.Done++
	rs := []Run{r}
	err = runs.UpdateMany(x, rs)
	return rs[0], true, err
}

func (r Run) wants(no int64) bool { return r.State == Staging && r.Done == no && no < r.Slices }

// stage writes the rows under the run. Invoices go first: they are refused
// before anything is written, while addresses were checked with the file.
func (s *slice) stage(x *gate.Tx, run string) error {
	var of []string
	for _, o := range s.Open {
		of = append(of, o.Party)
	}
	if err := party.Load(x, of); err != nil {
		return err
	}
	rows := make([]invoice.OpeningRow, len(s.Open))
	for i, o := range s.Open {
		p, err := party.Get(x, o.Party)
		if err != nil {
			return err
		}
		rows[i] = invoice.OpeningRow{Party: p, Number: o.Number, Date: o.Date, Due: o.Due, Amount: o.Amount}
	}
	if len(rows) > 0 {
		if err := invoice.StageInsert(x, run, rows); err != nil {
			return err
		}
	}
	return party.StageInsert(x, run, s.Parties, s.Contacts, s.Points)
}

// block stops a run at what the books refuse, which another try would not
// change, and keeps that; other errors are tried again.
func (r Run) block(x *gate.Tx, err error, at []Issue) error {
	f := fault.Of(err)
	switch f.Kind {
	case fault.KindInvalid, fault.KindRefused, fault.KindNotFound:
	default:
		return err
	}
	r.State, r.Reason, r.Blocks = Blocked, f.Key, at
	if err := runs.Update(x, &r); err != nil {
		return err
	}
	return gate.Refused(x, f)
}

// Publish makes a written run part of the books, by one small commit.
var Publish = gate.New(gate.Op[ByRun, Progress]{
	Name: "intake.publish", Mode: gate.Write,
	Alone:  func(in ByRun) []string { return publishLocks(in.Run) },
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ByRun) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil || r.State == Published {
			return r.progress(), err
		}
		if r.State != Staging || r.Done < r.Slices || r.Slices == 0 {
			return r.progress(), fault.Refused("intake.not_written")
		}
		if err := r.publish(x); err != nil {
			return r.progress(), err
		}
		r.State, r.PublishedAt = Published, x.Now()
		if err := runs.Update(x, &r); err != nil {
			return r.progress(), err
		}
		_, err = jobs.Enqueue(x, Tidy, ByRun{r.ID})
		return r.progress(), err
	},
})

// publishLocks are what publishing and undoing are alone on.
func publishLocks(run string) []string {
	return []string{lock(run), party.PublishLock, invoice.PublishLock}
}

// publish makes the rows visible in each module that has some. What refuses does
// so before it writes, so that only the block is kept. A run of invoices has
// rows of party too, the addresses it proposes, but no codes that may be taken.
func (r Run) publish(x *gate.Tx) error {
	if r.Kind == Partners {
		return r.blocked(x, party.Publish(x, r.ID))
	}
	if err := invoice.Publish(x, r.ID); err != nil {
		return r.blocked(x, err)
	}
	return party.Publish(x, r.ID)
}

// blocked names the lines because of which publishing was refused.
func (r Run) blocked(x *gate.Tx, err error) error {
	if !fault.Is(err, fault.KindRefused) {
		return err
	}
	at, e := collisions(x, r)
	if e != nil {
		return e
	}
	if len(at) > 0 {
		err = fault.Refused("intake.collisions", "count", len(at))
	}
	return r.block(x, err, at)
}

// collisions are the lines whose code or number came into the books since the
// file was checked, at most 200.
func collisions(x *gate.Tx, r Run) ([]Issue, error) {
	query, kind, key := takenCodes, "party", "intake.exists"
	if r.Kind == OpenInvoices {
		query, kind, key = takenNumbers, "invoice", "intake.number_exists"
	}
	taken, err := query.Rows(x, r.ID)
	if err != nil {
		return nil, err
	}
	out := []Issue{}
	for _, t := range taken {
		_, line, err := lineOf(x, r.ID, kind, t.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, Issue{Line: line, Value: t.Value, Key: key})
	}
	return out, nil
}

// Tidy deletes the slices of a run that has ended; its file and its list of
// issues stay. Whoever erases a partner would otherwise have to look there too.
var Tidy = gate.New(gate.Op[ByRun, Progress]{
	Name: "intake.tidy", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in ByRun) (func(context.Context) (any, error), error) {
		r, err := runs.Get(x, in.Run)
		if err != nil || r.State != Published && r.State != Undone {
			return nil, err
		}
		list, err := parts.Find(x, gate.Eq("run_id", r.ID))
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			for _, p := range list {
				d, err := blob.ParseDigest(p.Content)
				if err == nil {
					err = store.Delete(ctx, d)
				}
				if err != nil {
					return nil, err
				}
			}
			return nil, nil
		}, err
	},
	Do: func(x *gate.Tx, in ByRun) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		return r.progress(), err
	},
})
