package batch

import (
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
)

// SayIn names a plan and says why.
type SayIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// Stop stops a plan where it stands (送信停止): nothing more is let go, and what
// counts down does not leave.
var Stop = gate.New(gate.Op[SayIn, Batch]{
	Name: "batch.stop", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in SayIn) []string { return lock(in.ID) },
	Target: func(x *gate.Tx, in SayIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in SayIn) (Batch, error) {
		b, err := batches.Get(x, in.ID)
		if err == nil {
			err = b.State.needs(Preparing, Rehearsing, Scheduled, Sending)
		}
		if err != nil {
			return b, err
		}
		return b, b.stop(x, "batch.stopped", in.Reason)
	},
})

func (b *Batch) stop(x *gate.Tx, why, said string) error {
	_, err := gate.Call(x, dispatch.BatchStop, dispatch.BatchSwitchIn{Batch: b.ID, Reason: said})
	if err != nil && !fault.Is(err, fault.KindNotFound) { // nothing of it is prepared yet
		return err
	}
	b.Was, b.State, b.Restart, b.Reason, b.Said = b.State, Stopped, false, why, said
	return batches.Update(x, b)
}

// resumeOp lets a plan go on exactly where it stood (再開). After the breaker a
// second person agrees: whatever tripped it counts as looked at from then on.
func (h *House) resumeOp() *gate.UseCase[SayIn, Batch] {
	return gate.New(gate.Op[SayIn, Batch]{
		Name: "batch.resume", Mode: gate.Write, Needs: gate.Needs{Reason: true},
		Alone:  func(in SayIn) []string { return lock(in.ID) },
		Target: func(x *gate.Tx, in SayIn) (gate.Target, error) { return about(x, in.ID) },
		FourEyes: func(x *gate.Tx, in SayIn) (gate.Second, error) {
			b, err := batches.Get(x, in.ID)
			if err != nil {
				return gate.Second{}, err
			}
			t, err := tally(x, b.ID)
			return gate.Second{Needed: b.State == Stopped && b.Tripped, Silent: "not_tripped", Digest: []byte(b.Record),
				Before: map[string]any{"state": b.State, "reason": sentence(b.Reason), "tally": t}, After: map[string]any{"state": b.Was}}, err
		},
		Do: h.resume,
	})
}

func (h *House) resume(x *gate.Tx, in SayIn) (Batch, error) {
	b, err := batches.Get(x, in.ID)
	if err == nil {
		err = b.State.needs(Stopped, Preparing, Rehearsing)
	}
	if err != nil {
		return b, err
	}
	if b.State == Stopped {
		b.State, b.Was = b.Was, ""
	}
	t, err := tally(x, b.ID)
	if err != nil {
		return b, err
	}
	b.Known, b.Tripped, b.Restart, b.Reason, b.Said = t.Bad, false, true, "", in.Reason
	if err := batches.Update(x, &b); err != nil {
		return b, err
	}
	x.AfterCommit(func() { gate.Ring(x, bell) })
	switch b.State {
	case Preparing:
		_, err = jobs.Enqueue(x, h.prepare, PrepareSliceIn{b.ID, b.Cursor})
	case Rehearsing:
		_, err = jobs.Enqueue(x, h.slice, RehearseSliceIn{b.ID, b.Looked})
	}
	return b, err
}

// Cancel ends a plan (一括送付の取消し): whatever of it has not left is cancelled.
var Cancel = gate.New(gate.Op[SayIn, Batch]{
	Name: "batch.cancel", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in SayIn) []string { return lock(in.ID) },
	Target: func(x *gate.Tx, in SayIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in SayIn) (Batch, error) {
		b, err := batches.Get(x, in.ID)
		if err != nil {
			return b, err
		}
		if b.State.In(Done, Cancelled) {
			return b, b.State.needs(Stopped)
		}
		if err := b.stop(x, "batch.cancelled", in.Reason); err != nil {
			return b, err
		}
		b.State = Cancelled
		if err := batches.Update(x, &b); err != nil {
			return b, err
		}
		_, err = jobs.Enqueue(x, sweep, ByID{b.ID})
		return b, err
	},
})

// sweep cancels the packages of a cancelled plan, some at a time.
var sweep = newSweep()

// newSweep exists because a slice calls for the next one, and a package variable
// cannot name itself.
func newSweep() (self *gate.UseCase[ByID, Batch]) {
	self = gate.New(gate.Op[ByID, Batch]{
		Name: "batch.sweep", Mode: gate.Write,
		Alone:  func(in ByID) []string { return lock(in.ID) },
		Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
		Do: func(x *gate.Tx, in ByID) (Batch, error) {
			b, err := batches.Get(x, in.ID)
			if err != nil || b.State != Cancelled {
				return b, err
			}
			rows, err := cancellable.Rows(x, b.ID)
			if err != nil || len(rows) == 0 {
				return b, err
			}
			for _, r := range rows {
				if _, err := gate.Call(x, dispatch.CancelOp, dispatch.CancelIn{ID: r.ID, Reason: b.Said}); err != nil {
					return b, err
				}
			}
			_, err = jobs.Enqueue(x, self, ByID{b.ID})
			return b, err
		},
	})
	return self
}

// ActiveOut are the plans the server has to look after.
type ActiveOut struct {
	IDs []string `json:"ids" class:"internal"`
}

// Active lists them, for the worker.
var Active = gate.New(gate.Op[struct{}, ActiveOut]{
	Name: "batch.active", Mode: gate.List, Target: every[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (ActiveOut, error) {
		var out ActiveOut
		rows, err := active.Rows(x)
		for _, r := range rows {
			out.IDs = append(out.IDs, r.ID)
		}
		return out, err
	},
})

// AdvanceOut says when to look at a plan again.
type AdvanceOut struct {
	State State     `json:"state" class:"internal"`
	More  bool      `json:"more" class:"internal"` // at once
	Next  time.Time `json:"next" class:"internal"` // zero: when something happens
}

// releaseAtOnce is how many packages one commit lets go.
const releaseAtOnce = 10

// advanceOp moves a plan one step on (一括送付を進める): it begins when its time has
// come, lets the packages of a stage go, looks at how they fared, and stops the
// rest at the first thing that went wrong. A step that was lost with its server
// was never made; one that was made is not made again.
func (h *House) advanceOp() *gate.UseCase[ByID, AdvanceOut] {
	return gate.New(gate.Op[ByID, AdvanceOut]{
		Name: "batch.advance", Mode: gate.Write,
		Alone:  func(in ByID) []string { return lock(in.ID) },
		Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
		Do: func(x *gate.Tx, in ByID) (AdvanceOut, error) {
			b, err := batches.Get(x, in.ID)
			if err != nil {
				return AdvanceOut{}, err
			}
			out := AdvanceOut{}
			switch b.State {
			case Awaiting:
				err = b.await(x)
			case Scheduled:
				out, err = b.begin(x)
			case Sending:
				out, err = h.step(x, &b)
			}
			out.State = b.State
			return out, err
		},
	})
}

// await takes a plan back whose request was refused or has lapsed.
func (b *Batch) await(x *gate.Tx) error {
	ended, err := b.refused(x)
	if err != nil || !ended {
		return err
	}
	b.unconfirm()
	b.State, b.Reason = Rehearsed, "batch.rejected"
	return batches.Update(x, b)
}

// begin starts the sending when its time has come, if everything still is as it
// was agreed to.
func (b *Batch) begin(x *gate.Tx) (AdvanceOut, error) {
	if x.Now().Before(b.SendAt) {
		return AdvanceOut{Next: b.SendAt}, nil
	}
	if _, err := b.standing(x); err != nil {
		if !fault.Is(err, fault.KindRefused) {
			return AdvanceOut{}, err
		}
		b.unconfirm()
		b.State, b.Digest, b.Reason = Changed, "", fault.Of(err).Key
		return AdvanceOut{}, batches.Update(x, b)
	}
	b.State, b.Stage, b.StageAt = Sending, 1, x.Now()
	return AdvanceOut{More: true}, batches.Update(x, b)
}

// step is one commit of a sending.
func (h *House) step(x *gate.Tx, b *Batch) (AdvanceOut, error) {
	if b.Restart {
		if _, err := gate.Call(x, dispatch.BatchStart, dispatch.BatchSwitchIn{Batch: b.ID, Reason: b.Said}); err != nil {
			return AdvanceOut{}, err
		}
		b.Restart = false
		return AdvanceOut{More: true}, batches.Update(x, b)
	}
	t, err := tally(x, b.ID)
	if err != nil {
		return AdvanceOut{}, err
	}
	if t.trips(b.Known) {
		b.Tripped = true
		return AdvanceOut{}, b.stop(x, "batch.tripped", sentence("batch.tripped").Ja)
	}
	if x.Now().Before(b.StageAt) {
		return AdvanceOut{Next: b.StageAt}, nil
	}
	n, err := b.letGo(x)
	if err != nil || n > 0 {
		return AdvanceOut{More: true}, err
	}
	switch {
	case b.Stage < lastStage && t.proved():
		b.Stage, b.StageAt = b.Stage+1, x.Now().Add(h.settings.Pause)
		return AdvanceOut{Next: b.StageAt}, batches.Update(x, b)
	case b.Stage == lastStage && t.over():
		b.State = Done
		return AdvanceOut{}, batches.Update(x, b)
	}
	return AdvanceOut{Next: x.Now().Add(lookAgain)}, nil
}

// letGo lets the next packages of the stage go, and sets those aside that must not.
func (b *Batch) letGo(x *gate.Tx) (int, error) {
	rows, err := live.Rows(x, b.ID)
	if err != nil {
		return 0, err
	}
	all, err := items.Count(x, unlimited, gate.Eq("batch_id", b.ID), gate.Eq("state", Released))
	if err != nil {
		return 0, err
	}
	room := max(0, upTo(b.Stage, int64(all+len(rows)))-int64(all))
	rows = rows[:min(len(rows), int(room), releaseAtOnce)]
	for _, r := range rows {
		i, err := items.Get(x, r.ID)
		if err != nil {
			return 0, err
		}
		got, err := gate.Call(x, dispatch.BatchHold, dispatch.BatchHoldIn{ID: i.Sending, Batch: b.ID, Digest: i.Digest, Check: i.Check, Request: b.Request,
			Confirmer: b.ConfirmedBy, ConfirmedAt: b.ConfirmedAt})
		if err != nil {
			return 0, err
		}
		if i.State = Released; !got.Held {
			i.State, i.Reason = Aside, got.Reason
		}
		if err := items.Update(x, &i); err != nil {
			return 0, err
		}
	}
	if len(rows) > 0 {
		err = b.recount(x)
	}
	if err == nil && len(rows) > 0 {
		err = batches.Update(x, b)
	}
	return len(rows), err
}

const (
	unlimited = 1 << 20
	lookAgain = time.Second
)
