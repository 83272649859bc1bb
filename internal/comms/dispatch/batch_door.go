package dispatch

import (
	"context"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// What follows is the door of comms/batch (一括送付) into this package, and all of
// it. A batch makes its packages with dispatch.prepare, has them checked like any
// other, and lets them go when two people have agreed to the digest of the whole
// plan: docs/decisions/039 says why nobody else comes in here.

// BatchReleaseName is the op of comms/batch whose approved requests let packages go.
const BatchReleaseName = "batch.release"

// Contents are what was read of several packages outside of the transaction.
type Contents struct{ of map[string]content }

// Contents gives what reads and scans packages, for an op that checks many.
func (g *Gate) Contents(x *gate.Tx, ids []string) (func(context.Context) (Contents, error), error) {
	read := map[string]func(context.Context) (any, error){}
	for _, id := range ids {
		b, err := load(x, id)
		if err != nil {
			return nil, err
		}
		if read[id], err = g.reader(x, b); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (Contents, error) {
		out := Contents{map[string]content{}}
		for id, f := range read {
			c, err := f(ctx)
			if err != nil {
				return out, err
			}
			out.of[id] = c.(content)
		}
		return out, nil
	}, nil
}

// Check does with one of them what dispatch.check does, for who runs the batch.
func (c Contents) Check(x *gate.Tx, id string) (CheckOut, string, error) {
	out, err := checkRead(x, id, c.of[id])
	if err != nil {
		return out, "", err
	}
	s, err := sendings.Get(x, id)
	return out, s.Check, err
}

// BatchHoldIn is one package of an approved plan, exactly as it was rehearsed.
type BatchHoldIn struct {
	ID          string    `json:"id" required:"true"`
	Batch       string    `json:"batch" required:"true"`
	Digest      string    `json:"digest" required:"true"`
	Check       string    `json:"check" required:"true"`
	Request     string    `json:"request" required:"true"` // approved, of the whole plan
	Confirmer   string    `json:"confirmer" required:"true"`
	ConfirmedAt time.Time `json:"confirmed_at"`
}

// BatchHoldOut says whether it may leave now. What it may not is no error: the
// rest of the plan goes on.
type BatchHoldOut struct {
	Held   bool   `json:"held" class:"internal"`
	Reason string `json:"reason" class:"internal"` // key of the sentence, "" if held
}

// BatchHold lets one package of an approved plan go (一括送付の一通を送る). It moves
// by the edges of the one state machine; what stands for the ticks and the second
// person is the approved request, which it looks up itself. Only the server runs it.
var BatchHold = gate.New(gate.Op[BatchHoldIn, BatchHoldOut]{
	Name: "dispatch.batch_hold", Mode: gate.Write,
	Alone:  func(in BatchHoldIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in BatchHoldIn) (gate.Target, error) { return target(x, in.ID) },
	Do:     batchHold,
})

func batchHold(x *gate.Tx, in BatchHoldIn) (BatchHoldOut, error) {
	b, err := load(x, in.ID)
	if err == nil {
		err = agreedTo(x, b, in)
	}
	if err != nil {
		return BatchHoldOut{}, err
	}
	if b.State != Checked || b.Digest != in.Digest || b.Check != in.Check {
		return BatchHoldOut{Reason: "dispatch.changed"}, nil
	}
	c, err := unchanged(x, b)
	if fault.Is(err, fault.KindRefused) {
		return BatchHoldOut{Reason: fault.Of(err).Key}, b.void(x)
	}
	if err != nil {
		return BatchHoldOut{}, err
	}
	c.Used = true
	if err := checked.Update(x, &c); err != nil {
		return BatchHoldOut{}, err
	}
	if err := party.Hold(x, b.Party); err != nil {
		return BatchHoldOut{}, err
	}
	b.ConfirmedBy, b.ConfirmedAt, b.Request = in.Confirmer, in.ConfirmedAt, in.Request
	if err := b.queue(x, x.Now()); err != nil { // the plan as a whole has counted down
		return BatchHoldOut{}, err
	}
	x.AfterCommit(func() { gate.Ring(x, bell) })
	return BatchHoldOut{Held: true}, b.advance(x, Confirm, Ask, Approve, Hold)
}

// agreedTo is an error unless two people agreed to the plan that b belongs to.
func agreedTo(x *gate.Tx, b bundle, in BatchHoldIn) error {
	r, err := approval.Get(x, in.Request)
	if err != nil {
		return err
	}
	if in.Batch == "" || b.Batch != in.Batch || r.Op != BatchReleaseName || r.Target != in.Batch || r.State != approval.Approved ||
		r.Requester != in.Confirmer || r.DecidedBy == "" || r.DecidedBy == r.Requester {
		return fault.Denied("dispatch.not_agreed")
	}
	return nil
}

// HoldFor is the countdown of a plan as of any sending, by the rules of now.
func (g *Gate) HoldFor(x *gate.Tx) (time.Duration, error) {
	_, rules, err := rulesNow(x)
	return rules.Hold(g.settings.Hold), err
}

// RulesNow gives the rules of sending of now: what a batch asks follows them too.
func RulesNow(x *gate.Tx) (Rules, error) {
	_, r, err := rulesNow(x)
	return r, err
}

// BatchSwitchIn says which plan, and why.
type BatchSwitchIn struct {
	Batch  string `json:"batch" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// switchBatch is fault.NotFound for a plan that has prepared nothing: there is
// nothing of it to stop, and the switches name nothing else.
func switchBatch(x *gate.Tx, in BatchSwitchIn, stopped bool) (Switch, error) {
	of, err := sendings.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("batch_id", in.Batch)}, By: "id", Limit: 1})
	if err == nil && len(of.Rows) == 0 {
		err = fault.NotFound()
	}
	if err != nil {
		return Switch{}, err
	}
	s, err := switches.Get(x, in.Batch)
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return s, err
	}
	there := err == nil
	s.Stopped, s.Person, s.Reason = stopped, x.Actor().Person, in.Reason
	if there {
		return s, switches.Update(x, &s)
	}
	s.ID = in.Batch
	return s, switches.Insert(x, &s)
}

// BatchStop keeps what has not left of one plan from leaving, up to its last dot,
// as dispatch.stop_all does for all. BatchStart ends that; only the server runs
// it, for a plan that comms/batch lets go on.
var (
	BatchStop = gate.New(gate.Op[BatchSwitchIn, Switch]{
		Name: "dispatch.batch_stop", Mode: gate.Write, Needs: gate.Needs{Reason: true}, Target: system[BatchSwitchIn],
		Do: func(x *gate.Tx, in BatchSwitchIn) (Switch, error) { return switchBatch(x, in, true) },
	})
	BatchStart = gate.New(gate.Op[BatchSwitchIn, Switch]{
		Name: "dispatch.batch_start", Mode: gate.Write, Needs: gate.Needs{Reason: true}, Target: system[BatchSwitchIn],
		Do: func(x *gate.Tx, in BatchSwitchIn) (Switch, error) {
			x.AfterCommit(func() { gate.Ring(x, bell) })
			return switchBatch(x, in, false)
		},
	})
)

// goes is fault.Refused while all sending, or that of the package's plan, is stopped.
func (s Sending) goes(x *gate.Tx) error {
	err := running(x)
	if err != nil || s.Batch == "" {
		return err
	}
	w, err := switches.Get(x, s.Batch)
	if fault.Is(err, fault.KindNotFound) {
		return nil
	}
	if err == nil && w.Stopped {
		err = fault.Refused("dispatch.stopped_batch")
	}
	return err
}
