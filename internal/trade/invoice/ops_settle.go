package invoice

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// SettleIn says when an invoice was paid in full.
type SettleIn struct {
	ID      string     `json:"id" required:"true" max:"40"`
	Version int64      `json:"version" required:"true"`
	On      civil.Date `json:"on" required:"true"` // the day it arrived; not in the future
}

// Settle marks an issued invoice as paid in full (入金済み). It is what the list of
// overdue ones goes by.
var Settle = gate.New(gate.Op[SettleIn, Invoice]{
	Name: "invoice.settle", Mode: gate.Write,
	Target: func(x *gate.Tx, in SettleIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in SettleIn) (Invoice, error) {
		h, err := owed(x, in.ID, in.Version)
		switch {
		case err != nil:
			return h, err
		case civil.Of(x.Now()).Before(in.On):
			return h, fault.Invalid("invoice.settled_ahead").At("on")
		case !h.Settled.IsZero():
			return h, fault.Refused("invoice.settled_already", "number", h.Number, "on", h.Settled)
		}
		h.Settled = in.On
		return h, invoices.Update(x, &h)
	},
})

// UnsettleIn takes the mark back.
type UnsettleIn struct {
	ID      string `json:"id" required:"true" max:"40"`
	Version int64  `json:"version" required:"true"`
	Reason  string `json:"reason" required:"true" text:"multiline" max:"500"`
}

// Unsettle says that an invoice is owed after all (入金済みの取り消し).
var Unsettle = gate.New(gate.Op[UnsettleIn, Invoice]{
	Name: "invoice.unsettle", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in UnsettleIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in UnsettleIn) (Invoice, error) {
		h, err := owed(x, in.ID, in.Version)
		if err == nil && h.Settled.IsZero() {
			err = fault.Refused("invoice.not_settled", "number", h.Number)
		}
		if err != nil {
			return h, err
		}
		h.Settled = civil.Date{}
		return h, invoices.Update(x, &h)
	},
})

// owed loads an invoice that somebody owes, or did.
func owed(x *gate.Tx, id string, version int64) (Invoice, error) {
	h, err := Get(x, id)
	switch {
	case err != nil:
		return h, err
	case h.State == Drafted:
		return h, fault.Refused("invoice.draft_is_not_owed")
	case h.Standing != InForce:
		return h, fault.Refused("invoice.counts_no_more", "number", h.Number, "standing", h.Standing.word())
	case h.Version != version:
		return h, fault.Conflict("gate.conflict")
	}
	return h, nil
}
