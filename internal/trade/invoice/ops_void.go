package invoice

import (
	"strings"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// VoidIn names an issued invoice nobody has got yet. The new one says the same,
// or what an open correction of it says.
type VoidIn struct {
	ID     string `json:"id" required:"true" max:"40"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"500"`
	Draft  string `json:"draft" max:"40"` // id of the open correction; "": the same content anew
}

// VoidReissue voids an invoice none of whose bytes were ever given out, and issues
// it anew with the next number, in one press (無効・再発行). The former number goes
// into the 欠番台帳; both are archived and linked. Links to it that were sent and
// that nobody has opened are dead from then on. Where anything was given out only
// a correction is left.
var VoidReissue = gate.New(gate.Op[VoidIn, Shown]{
	Name: "invoice.void_reissue", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(VoidIn) []string { return []string{org.SeriesLock(series)} },
	Target: func(x *gate.Tx, in VoidIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in VoidIn) (Shown, error) {
		old, err := correctable(x, in.ID)
		if err == nil {
			err = ungiven(x, old)
		}
		if err == nil {
			err = share.Revoke(x, old.Document, in.Reason)
		}
		if err != nil {
			return Shown{}, err
		}
		l, h, c, err := successor(x, old, in)
		if err != nil {
			return Shown{}, err
		}
		if err := org.Void(x, series, old.Number, in.Reason); err != nil {
			return Shown{}, err
		}
		return issue(x, h, c, l)
	},
})

// ungiven is the refusal to void what somebody may have.
func ungiven(x *gate.Tx, h Invoice) error {
	d, err := document.Get(x, h.Document)
	switch {
	case err != nil || d.GivenHow == document.Never:
		return err
	case d.GivenHow == document.Unknown:
		return fault.Refused("invoice.given_unknown", "number", h.Number)
	case strings.HasPrefix(d.GivenHow, "share."): // to whom the link was sent, who is nobody here
		return fault.Refused("invoice.given_by_link", "number", h.Number, "at", d.GivenAt.In(civil.JST()).Format("2006-01-02 15:04"))
	}
	return fault.Refused("invoice.given_out", "number", h.Number, "by", d.GivenBy, "at", d.GivenAt.In(civil.JST()).Format("2006-01-02 15:04"), "how", fault.Word("op."+d.GivenHow))
}

// successor is the draft that takes a void invoice's place: its open correction,
// or a copy.
func successor(x *gate.Tx, old Invoice, in VoidIn) (*linked, *Invoice, *content, error) {
	open, err := links.Find(x, gate.Eq("slot", old.ID))
	if err != nil {
		return nil, nil, nil, err
	}
	switch {
	case in.Draft == "" && len(open) > 0:
		return nil, nil, nil, fault.Refused("invoice.open_correction", "number", old.Number)
	case in.Draft == "":
		return copied(x, old, in.Reason)
	case len(open) == 0 || open[0].ID != in.Draft || open[0].Relation != Corrects:
		return nil, nil, nil, fault.Invalid("invoice.not_its_correction", "number", old.Number).At("draft")
	}
	open[0].Relation, open[0].Reason = Reissues, in.Reason
	l, err := about(x, open[0])
	if err != nil {
		return nil, nil, nil, err
	}
	h, err := Get(x, in.Draft)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := contents.Get(x, in.Draft)
	return l, &h, &c, err
}

func copied(x *gate.Tx, old Invoice, reason string) (*linked, *Invoice, *content, error) {
	l, err := newLink(x, old.ID, Reissues, reason)
	if err != nil {
		return nil, nil, nil, err
	}
	h := &Invoice{State: Drafted, Kind: l.kind()}
	h.ID = l.ID
	d := l.content.Draft
	b, err := reckon(x, d, l)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := links.Insert(x, &l.Link); err != nil {
		return nil, nil, nil, err
	}
	c, err := keep(x, h, d, b)
	return l, h, c, err
}
