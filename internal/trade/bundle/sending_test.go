package bundle_test

import (
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/bundle"
	"sekisho/internal/trade/invoice"
)

// A published document is attached as any other, and to its own partner only.
func TestSM38_APublishedDocumentGoesThroughTheGate(t *testing.T) {
	d, err := dispatch.New(dispatch.Settings{Hold: time.Minute, From: dispatch.Sender{Address: "billing@hokuto.example", Name: "北斗サプライ"}})
	if err != nil {
		t.Fatal(err)
	}
	gatetest.Each(t, gatetest.Options{Request: approval.Keep, Modules: []gate.Module{jobs.Module, org.Module, party.Module, document.Module, approval.Module,
		d.Module, invoice.Module, bundle.Module}}, func(t *testing.T, g *gatetest.World) {
		w := world{g, t}
		run(w, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: jp.RegistrationNumber(ownNumber),
			PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, KeepYears: 7, Rounding: money.Floor}})
		for i := 1; i <= 2; i++ {
			run(w, party.Create, party.CreateIn{Code: code(i), Name: company(i), Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}, Owner: "alice"})
		}
		r := w.take(bundle.UploadIn{Files: []bundle.File{file("10月.pdf", paper(t, sheet(1, 1, 1), sheet(2, 1, 1)))}})
		run(w, bundle.Publish, bundle.PublishIn{Run: r.ID, Count: 2, Total: money.Yen(amount(1) + amount(2))})
		w.work()
		docs := run(w, bundle.Documents, bundle.ByRun{Run: r.ID}).Rows
		check := func(document string) string {
			p := run(w, d.Prepare, dispatch.PrepareIn{Party: docs[0].Party, Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: "keiri@one.example"}},
				Subject: "請求書", Body: company(1) + " 御中\n請求書をお送りします。", Documents: []string{document}, Purpose: dispatch.ForInvoice})
			var keys []string
			for _, f := range run(w, d.Check, dispatch.ByID{ID: p.ID}).Findings {
				keys = append(keys, string(f.Level)+" "+strings.TrimPrefix(f.Key, "dispatch.found."))
			}
			return strings.Join(keys, ", ")
		}
		if got := check(docs[0].ID); !strings.Contains(got, "claims_inside") || strings.Contains(got, "foreign") || strings.Contains(got, "file_of_other") {
			t.Error("its own document:", got)
		}
		if got := check(docs[1].ID); !strings.Contains(got, "file_of_other") || !strings.Contains(got, "foreign_name") {
			t.Error("another's document passes:", got)
		}
	})
}
