package paper

import (
	"context"
	"strings"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/policy"
)

// oneEnvelope is the target of an op about an envelope: as that of its package.
func oneEnvelope(x *gate.Tx, id string) (gate.Target, error) {
	e, err := envelopes.Get(x, id)
	return gate.Target{Kind: "paper", ID: e.ID, Owner: e.Owner, Department: e.Department, Subject: e.Party, Class: policy.Personal}, err
}

func envelopeLock(id string) []string { return []string{"paper/" + id} }

// open loads an envelope that people have at work, with its run.
func open(x *gate.Tx, id string, want State) (Envelope, Run, error) {
	e, err := envelopes.Get(x, id)
	if err != nil {
		return e, Run{}, err
	}
	r, err := runs.Get(x, e.Run)
	switch {
	case err != nil:
		return e, r, err
	case r.State == Making:
		return e, r, fault.Refused("paper.making")
	case e.State != want:
		return e, r, fault.Refused("paper.envelope_state", "state", fault.Word("paper.state."+string(e.State)))
	}
	return e, r, nil
}

// EncloseIn are the codes of the sheets in hand, in any order, as typed or scanned.
type EncloseIn struct {
	ID    string   `json:"id" required:"true"`
	Codes []string `json:"codes" required:"true" max:"500"`
}

// Enclose closes an envelope (封入の確認): only with exactly its own sheets. A sheet
// of another envelope stops it, and that is kept.
var Enclose = gate.New(gate.Op[EncloseIn, Envelope]{
	Name: "paper.enclose", Mode: gate.Write,
	Alone:  func(in EncloseIn) []string { return envelopeLock(in.ID) },
	Target: func(x *gate.Tx, in EncloseIn) (gate.Target, error) { return oneEnvelope(x, in.ID) },
	Do: func(x *gate.Tx, in EncloseIn) (Envelope, error) {
		e, r, err := open(x, in.ID, Printed)
		if err == nil && r.Channel != party.Post {
			err = fault.Refused("paper.not_enclosed")
		}
		if err != nil {
			return e, err
		}
		own, err := sheetsOf(x, e.ID)
		if err != nil {
			return e, err
		}
		var failed error
		v := Compare(own, in.Codes, func(code string) (known, foreign bool) {
			known, foreign, err := elsewhere(x, e, code)
			if err != nil {
				failed = err
			}
			return known, foreign
		})
		if failed != nil {
			return e, failed
		}
		if v.Key != "" {
			return e, stopped(x, e, v)
		}
		return e, e.closed(x, r)
	},
})

// elsewhere tells whether a code is another envelope's, and another partner's.
func elsewhere(x *gate.Tx, e Envelope, code string) (known, foreign bool, err error) {
	s, err := sheets.One(x, gate.Eq("code", code))
	if fault.Is(err, fault.KindNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	o, err := envelopes.Get(x, s.Envelope)
	return true, o.Party != e.Party, err
}

// stopped keeps that wrong sheets were in hand, and says which.
func stopped(x *gate.Tx, e Envelope, v Verdict) error {
	x.Note("sheet", v.Key)
	if v.Stop {
		if err := dispatch.PaperStopped(x, e.Package, "dispatch.near.sheet"); err != nil {
			return err
		}
	}
	return gate.Refused(x, fault.Refused(v.Key, "sheet", v.Sheet, "of", e.Sheets, "code", v.Code, "place", e.Place))
}

// closed marks an envelope as closed by who is acting.
func (e *Envelope) closed(x *gate.Tx, r Run) error {
	if err := dispatch.PaperClosed(x, e.Package, e.Item, e.Run, e.Fence, r.PDF); err != nil {
		return err
	}
	e.State, e.ClosedBy, e.ClosedAt = Closed, x.Actor().Person, x.Now()
	return envelopes.Update(x, e)
}

// DialIn is the FAX number as it stands on the machine's display.
type DialIn struct {
	ID     string `json:"id" required:"true"`
	Number string `json:"number" required:"true" max:"40"`
}

// Dial keeps that a FAX number was dialled (番号の確認): typed again, it must be the
// verified one.
var Dial = gate.New(gate.Op[DialIn, Envelope]{
	Name: "paper.dial", Mode: gate.Write,
	Alone:  func(in DialIn) []string { return envelopeLock(in.ID) },
	Target: func(x *gate.Tx, in DialIn) (gate.Target, error) { return oneEnvelope(x, in.ID) },
	Do: func(x *gate.Tx, in DialIn) (Envelope, error) {
		e, r, err := open(x, in.ID, Printed)
		if err == nil && r.Channel != party.Fax {
			err = fault.Refused("paper.not_dialled")
		}
		if err != nil {
			return e, err
		}
		want, err := jp.PhoneKey(e.Number)
		if err != nil {
			return e, err
		}
		if got, err := jp.PhoneKey(in.Number); err != nil || got != want {
			return e, stopped(x, e, Verdict{Key: "paper.number_other", Stop: true})
		}
		return e, e.closed(x, r)
	},
})

// PostOp keeps that a closed envelope was posted, or a FAX sent (投函済みにする). It
// takes somebody else than who closed it.
var PostOp = gate.New(gate.Op[ByID, Envelope]{
	Name: "paper.post", Mode: gate.Write,
	Alone:  func(in ByID) []string { return envelopeLock(in.ID) },
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return oneEnvelope(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Envelope, error) {
		e, _, err := open(x, in.ID, Closed)
		if err != nil {
			return e, err
		}
		if e.ClosedBy == x.Actor().Person {
			return e, gate.Refused(x, fault.Refused("paper.same_person"))
		}
		e.State, e.PostedBy, e.PostedAt = Posted, x.Actor().Person, x.Now()
		evidence := strings.Join([]string{"run " + e.Run, "envelope " + e.ID, "closed " + e.ClosedBy, "posted " + e.PostedBy}, ", ")
		if err := dispatch.PaperHanded(x, e.Package, e.Item, e.Run, e.Fence, evidence); err != nil {
			return e, err
		}
		if err := envelopes.Update(x, &e); err != nil {
			return e, err
		}
		return e, finish(x, e.Run)
	},
})

// TakeOutIn takes an envelope out of its run.
type TakeOutIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" text:"multiline" max:"500"`
}

// TakeOut takes an envelope out before it is posted (束から外す): its sheets are void
// and go to the shredder; the sending waits again and can be cancelled.
var TakeOut = gate.New(gate.Op[TakeOutIn, Envelope]{
	Name: "paper.take_out", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in TakeOutIn) []string { return envelopeLock(in.ID) },
	Target: func(x *gate.Tx, in TakeOutIn) (gate.Target, error) { return oneEnvelope(x, in.ID) },
	Do: func(x *gate.Tx, in TakeOutIn) (Envelope, error) {
		e, err := envelopes.Get(x, in.ID)
		if err != nil {
			return e, err
		}
		if e.State != Printed && e.State != Closed {
			return e, fault.Refused("paper.envelope_state", "state", fault.Word("paper.state."+string(e.State)))
		}
		if err := dispatch.PaperBack(x, e.Package, e.Item, e.Run, e.Fence); err != nil {
			return e, err
		}
		e.State, e.Reason = Out, in.Reason
		if err := envelopes.Update(x, &e); err != nil {
			return e, err
		}
		return e, finish(x, e.Run)
	},
})

// finish ends a run whose envelopes are all posted or out.
func finish(x *gate.Tx, id string) error {
	list, err := inOrder(x, id)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.State != Posted && e.State != Out {
			return nil
		}
	}
	r, err := runs.Get(x, id)
	if err != nil {
		return err
	}
	r.State = Done
	return runs.Update(x, &r)
}

// layoutID is the id of its one row.
const layoutID = "layout"

func layout(x *gate.Tx) (Layout, error) {
	l, err := layouts.Get(x, layoutID)
	if fault.Is(err, fault.KindNotFound) {
		return Layout{Left: usualLeft, Top: usualTop}, nil
	}
	return l, err
}

// Window is where the address of a letter stands, for letters of others.
func Window(x *gate.Tx) (left, top pdf.Length, err error) {
	l, err := layout(x)
	return pdf.Length(l.Left) * pdf.MM, pdf.Length(l.Top) * pdf.MM, err
}

// LayoutShow gives where the address stands.
var LayoutShow = gate.New(gate.Op[struct{}, Layout]{
	Name: "paper.layout", Mode: gate.Read, Target: all[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (Layout, error) { return layout(x) },
})

// LayoutIn moves it, in millimetres from the upper left corner.
type LayoutIn struct {
	Left int64 `json:"left_mm"`
	Top  int64 `json:"top_mm"`
}

// LayoutSet moves the address into the window of the envelopes in use (宛名の位置).
var LayoutSet = gate.New(gate.Op[LayoutIn, Layout]{
	Name: "paper.layout_set", Mode: gate.Write, Target: all[LayoutIn],
	Alone: func(LayoutIn) []string { return []string{"paper/" + layoutID} },
	Do: func(x *gate.Tx, in LayoutIn) (Layout, error) {
		if in.Left < 5 || in.Left > mostLeft {
			return Layout{}, fault.Invalid("paper.layout_range", "most", mostLeft).At("left_mm")
		}
		if in.Top < 5 || in.Top > mostTop {
			return Layout{}, fault.Invalid("paper.layout_range", "most", mostTop).At("top_mm")
		}
		l, err := layouts.Get(x, layoutID)
		if fault.Is(err, fault.KindNotFound) {
			l = Layout{Left: in.Left, Top: in.Top}
			l.ID = layoutID
			return l, layouts.Insert(x, &l)
		}
		if err != nil {
			return l, err
		}
		l.Left, l.Top = in.Left, in.Top
		return l, layouts.Update(x, &l)
	},
})

// TestPage gives a page that shows where the address will stand (試し印刷).
var TestPage = gate.New(gate.Op[struct{}, File]{
	Name: "paper.test_page", Mode: gate.Read, Target: all[struct{}],
	Work: func(x *gate.Tx, _ struct{}) (func(context.Context) (any, error), error) {
		l, err := layout(x)
		if err != nil {
			return nil, err
		}
		issuer, err := org.Issuer(x)
		if fault.Is(err, fault.KindRefused) {
			err = nil
		}
		return func(context.Context) (any, error) { return testPage(l, issuer.Name) }, err
	},
	Do: func(x *gate.Tx, _ struct{}) (File, error) {
		return File{Name: "window-test.pdf", Content: gate.Worked[[]byte](x)}, nil
	},
})
