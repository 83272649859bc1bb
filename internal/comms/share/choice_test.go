package share_test

import (
	"path/filepath"
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
)

// C-37: what was approved for a mail with files does not go when the addressee has
// chosen a link meanwhile; after it was changed on the edit, it goes by link.
func TestC37_AChoiceChangedAfterApprovalVoidsIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		choice := party.ChoiceIn{Party: w.party.ID, Way: party.ByAttachment, SaidBy: "経理課 三好様", Proof: "2026-11-20 の書面"}
		agreed(w, party.ChoiceSet, choice)
		s := must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.party.ID, Subject: "ご請求書 INV-2026-0100", Body: "株式会社東北機械製作所 御中\n請求書を添付いたします。", Purpose: dispatch.ForInvoice,
			Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.point.Address}}, Documents: []string{w.paper(document.Invoice, "INV-2026-0100")}})
		if s.Channel != dispatch.Mail {
			t.Fatal(s.Channel)
		}
		w.approved(s)
		choice.Way = party.ByLink
		must(w, boss, party.ChoiceSet, choice)
		w.Clock.Pass(dispatch.DefaultHold + time.Second)
		if _, _, err := w.worker.Once(bg); err != nil {
			t.Log(err)
		}
		if names, err := filepath.Glob(filepath.Join(w.mails, "*.eml")); err != nil || len(names) > 0 {
			t.Fatal("the files went inside a mail after all: ", names, err)
		}
		now := must(w, boss, dispatch.Show, dispatch.ByID{ID: s.ID})
		if now.State == dispatch.Held || now.State == dispatch.Handed {
			t.Fatal("it still counts as approved: ", now.State)
		}
		c := must(w, boss, w.d.Check, dispatch.ByID{ID: s.ID})
		if c.State != dispatch.Stopped {
			t.Fatalf("%s: %+v", c.State, c.Findings)
		}
		now = must(w, boss, dispatch.Show, dispatch.ByID{ID: s.ID})
		docs := []string{now.Attachments[0].Document}
		e := must(w, boss, w.d.Edit, dispatch.EditIn{ID: s.ID, Version: now.Version, Subject: now.Subject, Body: "株式会社東北機械製作所 御中\nリンクからお受け取りください。", Documents: docs, Channel: dispatch.Link})
		if got := w.released(e); got.Channel != dispatch.Link {
			t.Fatal(got.Channel, got.State)
		}
		w.link()
	})
}
