package share_test

import (
	"testing"

	"sekisho/internal/base/document"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
)

// a link to a one-off recipient opens by a code to the very address, as any
// other; it is for now, even to an invoice, and is not sent anew.
func TestA31_ALinkToAOneOffRecipient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.party.ID, Subject: "ご請求書 INV-9", Body: "株式会社東北機械製作所 御中\nお送りします。", Purpose: dispatch.ForInvoice,
			Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: "yamada@visitor.example.jp"}}, Documents: []string{w.paper(document.Invoice, "INV-9")}})
		must(w, boss, w.d.Check, dispatch.ByID{ID: s.ID})
		agreed(w, dispatch.OnceAsk, dispatch.OnceIn{ID: s.ID, Item: s.Recipients[0].ID, Reason: "担当者の出張先へ一度だけ送る"})
		if got := w.released(s); got.State != dispatch.Handed {
			t.Fatal(got.State, got.Reason)
		}
		locator, secret := w.link()
		w.enters(locator, secret)
		of := must(w, boss, share.Of, share.OfIn{Package: s.ID})
		if len(of.Links) != 1 || of.Links[0].Own || of.Links[0].Most != 3 {
			t.Fatalf("%+v", of.Links)
		}
		must(w, nobody, share.Renew, share.RenewIn{Locator: locator})
		if n, _, err := w.worker.Notices(bg); err != nil || n != 0 {
			t.Fatal("sent anew: ", n, err)
		}
	})
}
