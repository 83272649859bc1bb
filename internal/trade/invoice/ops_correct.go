package invoice

import (
	"sekisho/internal/base/document"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// CorrectIn names an issued invoice and why it is corrected. Without lines the
// draft has the invoice's own; everything else is changed as in any draft.
type CorrectIn struct {
	ID     string `json:"id" required:"true" max:"40"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"500"`
	Lines  []Line `json:"lines" max:"500"`
}

// CancelIn names an issued invoice and why it is cancelled.
type CancelIn struct {
	ID     string `json:"id" required:"true" max:"40"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"500"`
}

// Correct begins the corrected invoice (修正した適格請求書, 消費税法57条の4第4項) as a
// draft. Once issued it names the former one and takes its place; the former
// stays as it is, archived, and cannot be sent as an invoice any more.
var Correct = gate.New(gate.Op[CorrectIn, Shown]{
	Name: "invoice.correct", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in CorrectIn) (gate.Target, error) { return one(x, in.ID) },
	Do:     func(x *gate.Tx, in CorrectIn) (Shown, error) { return begin(x, in, Corrects) },
})

// Credit begins a return (適格返還請求書, 消費税法57条の4第3項): what is given back of
// an invoice, at its rates, together never more than it was.
var Credit = gate.New(gate.Op[CorrectIn, Shown]{
	Name: "invoice.credit", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in CorrectIn) (gate.Target, error) { return one(x, in.ID) },
	Do:     func(x *gate.Tx, in CorrectIn) (Shown, error) { return begin(x, in, Returns) },
})

// CancelOp begins the document that cancels an invoice or a return as a whole
// (取消, 赤伝). Nothing of its content can be changed.
var CancelOp = gate.New(gate.Op[CancelIn, Shown]{
	Name: "invoice.cancel", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in CancelIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in CancelIn) (Shown, error) {
		return begin(x, CorrectIn{ID: in.ID, Reason: in.Reason}, Cancels)
	},
})

// correctable loads an issued document that still counts and whose PDF exists.
func correctable(x *gate.Tx, id string) (Invoice, error) {
	h, err := Get(x, id)
	switch {
	case err != nil:
		return h, err
	case h.State == Opening:
		return h, fault.Refused("invoice.opening.correct", "number", h.Number)
	case h.State == Issued:
		return h, fault.Refused("invoice.rendering", "number", h.Number)
	case h.State != Ready:
		return h, fault.Refused("invoice.still_draft")
	case h.Kind == Cancel:
		return h, fault.Refused("invoice.is_cancellation", "number", h.Number)
	}
	return h, h.standing()
}

// begin writes the draft that is linked with an issued document. There is one at
// a time.
func begin(x *gate.Tx, in CorrectIn, r Relation) (Shown, error) {
	old, err := correctable(x, in.ID)
	if err != nil {
		return Shown{}, err
	}
	if r == Returns && old.Kind != Regular {
		return Shown{}, fault.Refused("invoice.return_of_return", "number", old.Number)
	}
	open, err := links.Has(x, gate.Eq("slot", old.ID))
	if err == nil && open {
		err = fault.Refused("invoice.open_correction", "number", old.Number)
	}
	if err != nil {
		return Shown{}, err
	}
	l, err := newLink(x, old.ID, r, in.Reason)
	if err != nil {
		return Shown{}, err
	}
	d := taking(l.content.Draft, r, in.Lines, civil.Of(x.Now()))
	h := Invoice{State: Drafted, Kind: l.kind()}
	h.ID = l.ID
	b, err := reckon(x, d, l)
	if err != nil {
		return Shown{}, err
	}
	if err := links.Insert(x, &l.Link); err != nil {
		return Shown{}, err
	}
	if _, err := keep(x, &h, d, b); err != nil {
		return Shown{}, err
	}
	return withLinks(x, b.shown(h, d))
}

// newLink links a document to be with an earlier one.
func newLink(x *gate.Tx, of string, r Relation, reason string) (*linked, error) {
	l := Link{Of: of, Relation: r, Reason: reason, Slot: of}
	l.ID = x.NewID()
	var err error
	if l.Root, err = rootOf(x, of); err != nil {
		return nil, err
	}
	return about(x, l)
}

// settle ends the draft's part of a link once the later document is issued: the
// earlier one counts as the relation says, in the archive too.
func (l *linked) settle(x *gate.Tx) error {
	l.Slot = "issued/" + l.ID
	if err := links.Update(x, &l.Link); err != nil {
		return err
	}
	s := l.Relation.after()
	if s == InForce {
		return nil
	}
	l.old.Standing = s
	if err := invoices.Update(x, &l.old); err != nil {
		return err
	}
	return document.Retire(x, l.old.Document, document.Standing(s))
}
