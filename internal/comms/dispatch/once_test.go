package dispatch

import (
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

const stranger = "yamada@visitor.example.jp"

// toStranger is a package to an address that nobody has registered.
func (w *world) toStranger(number, address string) (Shown, CheckOut) {
	w.t.Helper()
	doc := w.goodInvoice(number)
	s := w.prepare(func(in *PrepareIn) {
		in.Documents, in.Recipients = []string{doc}, []Proposal{{To, address}}
	})
	return s, w.check(s)
}

// asksOnce asks for the one time and gives the request.
func (w *world) asksOnce(s Shown) string {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, sender, OnceAsk, OnceIn{s.ID, s.Recipients[0].ID, "展示会の来場者に見積を一度だけ送る"})
	wants(w.t, err, fault.KindPending, "gate.pending")
	return request(err)
}

// two people let one sending go to an unregistered address, once; the
// register does not change, and the address has no second time.
func TestA31_AOneOffRecipientIsGoodOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, c := w.toStranger("INV-2026-0301", stranger)
		f := w.finds(c, "not_registered", Halt)
		if len(f.Steps) == 0 || f.Steps[len(f.Steps)-1].Op != WayOnce {
			t.Fatalf("%+v", f.Steps)
		}
		id := w.asksOnce(s)
		if err := w.approve(id, sender); err == nil {
			t.Fatal("who asked agreed")
		}
		shown, err := gate.Run(bg, w.G, approver, approval.Show, approval.ByID{ID: id})
		if err != nil || shown.Op != OnceAsk.Name() {
			t.Fatal(shown.Op, err)
		}
		if err := w.approve(id, approver); err != nil {
			t.Fatal(err)
		}
		w.state(s, Prepared)
		again := w.check(s)
		w.finds(again, "first_time", Caution)
		if f := w.finds(again, "once", Caution); !f.Second || again.Friction != Second || f.Shown != stranger {
			t.Fatalf("%s %+v", again.Friction, f)
		}
		w.hold(s)
		if n := w.send(); n != 1 {
			t.Fatal(n)
		}
		got := w.state(s, Handed, Handed)
		if got.Recipients[0].Address != stranger || len(w.trap.List()) != 1 {
			t.Fatalf("%+v", got.Recipients)
		}
		points := must(w, party.ShowOp, party.ByID{ID: w.tohoku.ID}).Points
		if len(points) != 2 {
			t.Fatalf("the register has grown: %+v", points)
		}
		list := must(w, OnceList, OnceListIn{}).Rows
		if len(list) != 1 || list[0].UsedAt.IsZero() || list[0].Approver == "" || list[0].Approver == list[0].Person || list[0].Address != stranger {
			t.Fatalf("%+v", list)
		}
		other, c := w.toStranger("INV-2026-0302", stranger)
		if f := w.finds(c, "once_again", Halt); len(f.Ways) == 0 || f.Ways[len(f.Ways)-1] == WayOnce {
			t.Fatalf("%+v", f)
		}
		_, err = gate.Run(bg, w.G, sender, OnceAsk, OnceIn{other.ID, other.Recipients[0].ID, "もう一度送りたい"})
		wants(t, err, fault.KindRefused, "dispatch.once_not_for")
	})
}

// The one time is of exactly this package, and ends.
func TestA31_AOneOffRecipientIsBoundAndEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, _ := w.toStranger("INV-2026-0311", stranger)
		id := w.asksOnce(s)
		edited := must(w, w.d.Edit, EditIn{ID: s.ID, Version: w.show(s).Version, Subject: "別の件名", Body: s.Body, Documents: []string{s.Attachments[0].Document}})
		if err := w.approve(id, approver); err == nil {
			t.Fatal("agreed to what was changed since")
		}
		w.finds(w.check(s), "not_registered", Halt)
		if err := w.approve(w.asksOnce(s), approver); err != nil {
			t.Fatal(err)
		}
		w.finds(w.check(s), "once", Caution)
		must(w, w.d.Edit, EditIn{ID: s.ID, Version: w.show(s).Version, Subject: edited.Subject, Body: s.Body + "\n追記", Documents: []string{s.Attachments[0].Document}})
		w.finds(w.check(s), "not_registered", Halt)
		must(w, w.d.Edit, EditIn{ID: s.ID, Version: w.show(s).Version, Subject: edited.Subject, Body: s.Body, Documents: []string{s.Attachments[0].Document}})
		w.finds(w.check(s), "once", Caution)
		c := w.confirm(s)
		w.Clock.Pass(25 * time.Hour)
		_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest})
		wants(t, err, fault.KindRefused, "dispatch.changed")
		w.finds(w.check(s), "not_registered", Halt)
	})
}

// What ends while it is held does not leave.
func TestA31_WhatEndedInTheCountdownDoesNotLeave(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(w, w.d.RuleSet, RuleIn{Rule: RuleOnce, Value: "1", Reason: "短くする"})
		s, _ := w.toStranger("INV-2026-0321", stranger)
		if err := w.approve(w.asksOnce(s), approver); err != nil {
			t.Fatal(err)
		}
		w.hold(s)
		w.Clock.Pass(2 * time.Hour)
		if n := w.send(); n != 0 || len(w.trap.List()) != 0 {
			t.Fatal("it left: ", n)
		}
		w.state(s, Prepared)
	})
}

// Addresses that resemble others, belong to others, wait to be verified or cannot
// be read have no one time; no program asks for one, and nobody without a reason.
func TestA31_WhatIsNoOneOffRecipient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for n, address := range []string{"keiri@tohoku-kikaii.co.jp", "info@akatsuki-unyu.co.jp", "no address", "keiri@tohoku-kikai.co.jp"} {
			s, _ := w.toStranger("INV-2026-033"+string(rune('0'+n)), address)
			_, err := gate.Run(bg, w.G, sender, OnceAsk, OnceIn{s.ID, s.Recipients[0].ID, "一度だけ送りたい"})
			if f := fault.Of(err); f == nil || f.Kind != fault.KindRefused || f.Key != "dispatch.once_not_for" && f.Key != "dispatch.not_stopped_for" {
				t.Errorf("%s: %v", address, err)
			}
		}
		s, _ := w.toStranger("INV-2026-0339", stranger)
		_, err := gate.Run(bg, w.G, sender, OnceAsk, OnceIn{s.ID, s.Recipients[0].ID, ""})
		wants(t, err, fault.KindInvalid, "gate.reason")
		_, err = gate.Run(bg, w.G, sender, OnceAsk, OnceIn{s.ID, "none", "一度だけ送りたい"})
		wants(t, err, fault.KindNotFound, "")
		_, err = gate.Run(bg, w.G, sender, OnceAsk, OnceIn{"none", s.Recipients[0].ID, "一度だけ送りたい"})
		wants(t, err, fault.KindNotFound, "")
	})
}

// The one time is of one recipient: another proposal of the same address, in the
// same package or by its id, does not use it.
func TestA31_AOneOffRecipientIsNobodyElses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, _ := w.toStranger("INV-2026-0341", stranger)
		if err := w.approve(w.asksOnce(s), approver); err != nil {
			t.Fatal(err)
		}
		w.check(s)
		grant := w.show(s).Recipients[0].Point
		other, _ := w.toStranger("INV-2026-0342", stranger)
		w.finds(w.check(other), "not_registered", Halt)
		if _, err := gate.Run(bg, w.G, sender, w.d.TakeRegistered, TakeIn{other.ID, other.Recipients[0].ID, grant}); err == nil {
			w.finds(w.check(other), "not_registered", Halt)
		}
		o := Once{Content: "a", Until: w.Clock.Now()}
		if o.holds("a", w.Clock.Now()) || o.holds("b", w.Clock.Now().Add(-time.Hour)) || !o.holds("a", w.Clock.Now().Add(-time.Second)) {
			t.Error("in force out of its bounds")
		}
		if p := o.point(); p.MaxClass != policy.Confidential || !p.Verified() {
			t.Errorf("%+v", p)
		}
	})
}
