package share_test

import (
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// OS-51: one's own invoices stand by what they say themselves, the latest of
// several; what the archive does not know by the partner's terms; with anything
// else beside them, for 14 days and three times.
func TestOS51_LinksStandByTheInvoicesOwnDueDate(t *testing.T) {
	day := civil.MustParse
	each(t, func(t *testing.T, w *world) {
		today := civil.Of(w.Clock.Now())
		for _, c := range []struct {
			what string
			docs []string
			ends civil.Date
			most int64
		}{
			{"its own day", []string{w.paperDue(document.Invoice, "INV-1", day("2027-03-31"))}, day("2027-05-30"), 0},
			{"an early day", []string{w.paperDue(document.Invoice, "INV-2", day("2026-11-30"))}, today.AddDays(90), 0},
			{"the latest of two", []string{w.paperDue(document.Invoice, "INV-3", day("2027-02-28")), w.paperDue(document.Invoice, "INV-4", day("2027-01-31"))}, day("2027-04-29"), 0},
			{"none is known: by the terms", []string{w.paper(document.Invoice, "INV-5")}, day("2027-03-05"), 0},
			{"a quote beside it", []string{w.paperDue(document.Invoice, "INV-6", day("2027-03-31")), w.paper(document.Quote, "Q-1")}, today.AddDays(14), 3},
		} {
			s := w.sendsAll(dispatch.ForInvoice, "ご請求書", c.docs...)
			l := must(w, boss, share.Of, share.OfIn{Package: s.ID}).Links
			if len(l) != 1 || l[0].Ends != c.ends || l[0].Most != c.most {
				t.Errorf("%s: %+v", c.what, l)
			}
		}
	})
}

// The last day counts to its end, and not an hour longer.
func TestOS51_ALinkWorksOnItsLastDay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sendsAll(dispatch.ForInvoice, "ご請求書", w.paperDue(document.Invoice, "INV-1", civil.MustParse("2026-12-31")))
		locator, secret := w.link()
		end := civil.MustParse("2027-03-02").Start() // due + 60 is the day before
		w.Clock.Pass(end.Add(-time.Minute).Sub(w.Clock.Now()))
		device := w.enters(locator, secret)
		p := must(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: device})
		for range 4 {
			must(w, nobody, share.FileOp, share.FileIn{Locator: locator, Device: device, Document: p.Papers[0].ID})
		}
		w.Clock.Pass(time.Minute)
		_, err := run(w, nobody, share.FileOp, share.FileIn{Locator: locator, Device: device, Document: p.Papers[0].ID})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")
	})
}
