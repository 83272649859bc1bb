package share_test

import (
	"testing"

	"sekisho/internal/base/document"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

type revokeIn struct {
	Document string `json:"document"`
}

// revoke gives up a document as an op of another module does.
var revoke = gate.New(gate.Op[revokeIn, share.None]{Name: "paper.revoke", Mode: gate.Write,
	Target: func(*gate.Tx, revokeIn) (gate.Target, error) { return gate.Target{Kind: "paper", ID: "x"}, nil },
	Do: func(x *gate.Tx, in revokeIn) (share.None, error) {
		return share.None{}, share.Revoke(x, in.Document, "金額の誤り")
	}})

func (w *world) given(s dispatch.Shown, n int) string {
	w.t.Helper()
	return must(w, boss, document.Show, document.ByID{ID: s.Attachments[n].Document}).GivenHow
}

// A mail with a link holds no byte of the document: what gives it out is the right
// code, or a ZIP that is fetched through another link.
func TestSM09_ALinkGivesOutWhenItIsOpened(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.sends(document.Invoice, "INV-1")
		two := w.sends(document.Invoice, "INV-2")
		locator, secret := w.link()
		o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		if w.given(one, 0) != document.Never || w.given(two, 0) != document.Never {
			t.Fatal("given out before the code: ", w.given(one, 0), w.given(two, 0))
		}
		device := must(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: o.Ticket, Code: w.code()}).Device
		if w.given(one, 0) != document.Never || w.given(two, 0) != "share.verify" {
			t.Fatal(w.given(one, 0), w.given(two, 0))
		}
		must(w, nobody, share.Month, share.MonthIn{Locator: locator, Device: device, Month: "2026-11"})
		if w.given(one, 0) != "share.month" || w.given(two, 0) != "share.verify" {
			t.Fatal(w.given(one, 0), w.given(two, 0))
		}
	})
}

// The links of a document that is given up die with it; one that leads to others
// too is not taken from under them.
func TestSM09_LinksDieWithTheirDocument(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.sends(document.Invoice, "INV-1")
		locator, secret := w.link()
		must(w, boss, revoke, revokeIn{s.Attachments[0].Document})
		got := must(w, boss, share.Of, share.OfIn{Package: s.ID})
		if l := got.Links[0]; l.WithdrawnAt.IsZero() || l.WithdrawnBy != "sender" || l.Reason != "金額の誤り" || got.Events[0].Kind != share.DidWithdraw {
			t.Fatalf("%+v", got)
		}
		_, err := run(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")
		must(w, nobody, share.Renew, share.RenewIn{Locator: locator})
		if n, _, err := w.worker.Notices(bg); err != nil || n != 0 {
			t.Fatal("a dead link was renewed", n, err)
		}
		must(w, boss, revoke, revokeIn{s.Attachments[0].Document}) // nothing is left to do

		both := w.sendsAll(dispatch.ForInvoice, "ご請求書", w.paper(document.Invoice, "INV-2"), w.paper(document.Invoice, "INV-3"))
		_, err = run(w, boss, revoke, revokeIn{both.Attachments[0].Document})
		wants(t, err, fault.KindRefused, "share.holds_others")
		l := must(w, boss, share.Of, share.OfIn{Package: both.ID}).Links[0]
		must(w, boss, share.Withdraw, share.WithdrawIn{ID: l.ID, Reason: "出し直します"})
		must(w, boss, revoke, revokeIn{both.Attachments[0].Document})
	})
}
