package dispatch

import (
	"fmt"
	"testing"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// A recipient that is added is compared like all others, and what was confirmed
// or approved without them is void.
func TestSM03_AnAddedRecipientIsCheckedAnew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-2026-0101")
		_, request := w.ask(s)
		got := must(w, AddRecipient, AddIn{s.ID, Cc, "keiri@tohoku-kikaii.co.jp"})
		if got.State != Prepared || got.Digest != "" || len(got.Recipients) != 3 || got.Recipients[2].Place != 2 || got.Recipients[2].Proposed != "keiri@tohoku-kikaii.co.jp" {
			t.Fatalf("%+v", got)
		}
		if err := w.approve(request, approver); err == nil {
			t.Fatal("approved although a recipient was added")
		}
		c := w.check(s)
		f := w.finds(c, "near_registered", Halt)
		must(w, w.d.RemoveRecipient, RemoveIn{s.ID, f.Item})
		again := must(w, AddRecipient, AddIn{s.ID, To, w.points[1].Address})
		if again.Recipients[2].Place != 2 {
			t.Fatalf("%+v", again.Recipients)
		}
		w.state(s, Prepared, Prepared, Prepared, Prepared)
		for _, bad := range []struct {
			in   AddIn
			kind fault.Kind
			key  string
		}{{AddIn{s.ID, "bcc", "a@example.jp"}, fault.KindInvalid, ""}, {AddIn{s.ID, To, ""}, fault.KindInvalid, ""}, {AddIn{"none", To, "a@example.jp"}, fault.KindNotFound, ""}} {
			_, err := gate.Run(bg, w.G, sender, AddRecipient, bad.in)
			wants(t, err, bad.kind, bad.key)
		}
		for n := len(again.Recipients); n < mostRecipients; n++ {
			must(w, AddRecipient, AddIn{s.ID, Cc, fmt.Sprintf("n%d@example.jp", n)})
		}
		_, err := gate.Run(bg, w.G, sender, AddRecipient, AddIn{s.ID, Cc, "more@example.jp"})
		wants(t, err, fault.KindRefused, "dispatch.recipients_most")
	})
}

// Whoever may see a document sees how far it got; what has left is not added to.
func TestC27_HowFarADocumentGot(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.good("INV-2026-0102")
		doc := first.Attachments[0].Document
		_, r := w.ask(first)
		second := w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
		w.good("INV-2026-0103")
		got := must(w, About, AboutIn{doc}).Rows
		if len(got) != 2 || got[0].ID != second.ID || got[0].State != Prepared || got[1].ID != first.ID || got[1].State != Awaiting {
			t.Fatalf("%+v", got)
		}
		if err := w.approve(r, approver); err != nil {
			t.Fatal(err)
		}
		w.send()
		if got = must(w, About, AboutIn{doc}).Rows; got[1].State != Handed {
			t.Fatalf("%+v", got)
		}
		_, err := gate.Run(bg, w.G, sender, AddRecipient, AddIn{first.ID, Cc, "a@example.jp"})
		wants(t, err, fault.KindRefused, "dispatch.left_already")
		_, err = gate.Run(bg, w.G, sender, About, AboutIn{"none"})
		wants(t, err, fault.KindNotFound, "")
	})
}
