package invoice_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

// ready is an invoice of 39,487 yen whose PDF is archived.
func (w world) ready(code string) invoice.Shown {
	w.t.Helper()
	s := w.issued(code)
	w.work()
	return w.show(s.ID)
}

func (w world) show(id string) invoice.Shown {
	w.t.Helper()
	return run(w, boss, invoice.Show, invoice.ByID{ID: id})
}

func (w world) issue(s invoice.Shown) invoice.Shown {
	w.t.Helper()
	run(w, boss, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: s.Version})
	w.work()
	return w.show(s.ID)
}

func (w world) document(id string) document.Document {
	w.t.Helper()
	return run(w, boss, document.Show, document.ByID{ID: id})
}

func (w world) text(id string) string {
	w.t.Helper()
	return words(w.t, run(w, boss, invoice.PDF, invoice.ByID{ID: id}).Content)
}

func (w world) wants(err error, k fault.Kind, key string) {
	w.t.Helper()
	wants(w.t, err, k, key)
}

// back is a line that gives some of the first line's goods back, at 10 %.
func (w world) back(price string) []invoice.Line {
	return []invoice.Line{{Date: day("2026-11-20"), Description: "業務用洗剤（返品）", Quantity: dec(w.t, "1"), Unit: "式", UnitPrice: dec(w.t, price), Category: money.Standard}}
}

func has(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(got, s) {
			t.Errorf("the PDF lacks %s: %s", s, got)
		}
	}
}

func TestC28_CorrectedByALinkedDocument(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		old := w.ready("p1")
		before := run(w, boss, invoice.PDF, invoice.ByID{ID: old.ID})
		c := run(w, boss, invoice.Correct, invoice.CorrectIn{ID: old.ID, Reason: "単価の誤り"})
		if c.State != invoice.Drafted || c.Kind != invoice.Regular || c.Number != "" || len(c.Content.Lines) != 3 || len(c.Problems) != 1 ||
			c.Problems[0].Key != "invoice.nothing_corrected" || len(c.Links) != 1 || c.Links[0].ID != old.ID || c.Links[0].Later || c.Links[0].Reason != "単価の誤り" {
			t.Fatalf("%+v", c)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: c.ID, Version: c.Version})
		w.wants(err, fault.KindRefused, "invoice.nothing_corrected")
		_, err = gate.Run(bg, w.G, boss, invoice.Credit, invoice.CorrectIn{ID: old.ID, Reason: "返品のため"})
		w.wants(err, fault.KindRefused, "invoice.open_correction")
		d := c.Content
		d.Lines[0].UnitPrice = dec(t, "12300")
		c = run(w, boss, invoice.Update, invoice.UpdateIn{ByVersion: invoice.ByVersion{ID: c.ID, Version: c.Version}, Draft: d})
		if len(c.Problems) != 0 || c.Amount != 39_437 {
			t.Fatalf("%+v", c)
		}
		if got := w.show(old.ID); got.Standing != invoice.InForce {
			t.Fatal("a draft supersedes nothing")
		}
		c = w.issue(c)
		if c.State != invoice.Ready || c.Number != "INV-2026-000002" || len(c.Links) != 1 || c.Links[0].Number != old.Number {
			t.Fatalf("%+v", c)
		}
		got := w.show(old.ID)
		if got.Standing != invoice.Superseded || got.State != invoice.Ready || got.Amount != old.Amount || got.Snapshot != old.Snapshot || got.Number != old.Number ||
			len(got.Links) != 1 || !got.Links[0].Later || got.Links[0].ID != c.ID || got.Links[0].Relation != invoice.Corrects || got.Links[0].Amount != 39_437 {
			t.Fatalf("%+v", got)
		}
		after := run(w, boss, invoice.PDF, invoice.ByID{ID: old.ID})
		if after.Digest != before.Digest || string(after.Content) != string(before.Content) {
			t.Fatal("the corrected invoice's bytes changed")
		}
		one, two := w.document(old.Document), w.document(c.Document)
		if one.Standing != document.Superseded || one.Latter != two.ID || two.Former != one.ID || two.Standing != document.InForce || two.Due != day("2026-12-31") || two.Name != "修正請求書_INV-2026-000002.pdf" {
			t.Fatalf("%+v\n%+v", one, two)
		}
		has(t, w.text(c.ID), "修正請求書", "修正前番号INV-2026-000001", "2026年11月22日付の書類「INV-2026-000001」（税込39,487円）を修正", "¥39,437", "T7000012050002")
		// What is superseded is not corrected again; its successor is.
		for _, err := range []error{second(gate.Run(bg, w.G, boss, invoice.Correct, invoice.CorrectIn{ID: old.ID, Reason: "もう一度"})),
			second(gate.Run(bg, w.G, boss, invoice.CancelOp, invoice.CancelIn{ID: old.ID, Reason: "もう一度"})),
			second(gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: old.ID, Reason: "もう一度"}))} {
			w.wants(err, fault.KindRefused, "invoice.not_in_force")
		}
		again := run(w, boss, invoice.Correct, invoice.CorrectIn{ID: c.ID, Reason: "宛名の誤り", Lines: w.back("5000")})
		if again.Amount != 5500 || len(again.Content.Lines) != 1 {
			t.Fatalf("%+v", again.Invoice)
		}
		run(w, boss, invoice.Discard, invoice.ByVersion{ID: again.ID, Version: again.Version})
		if got := w.show(c.ID); len(got.Links) != 1 {
			t.Fatalf("a discarded draft is linked: %+v", got.Links)
		}
		run(w, boss, invoice.Correct, invoice.CorrectIn{ID: c.ID, Reason: "宛名の誤り"})
	})
}

func second[T any](_ T, err error) error { return err }

func TestC28_ReturnsAreQualifiedAndLimited(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		old := w.ready("p1") // 10 %: 35,801 + 3,580; 8 %: 99 + 7
		give := func(price string) invoice.Shown {
			return run(w, boss, invoice.Credit, invoice.CorrectIn{ID: old.ID, Reason: "返品のため", Lines: w.back(price)})
		}
		c := give("9000")
		if c.Kind != invoice.Return || c.Amount != -9900 || c.Tax != -900 || !c.Small || c.Content.Returned != day("2026-11-22") || len(c.Problems) != 0 || c.Sums.Total != 9900 {
			t.Fatalf("%+v", c)
		}
		c = w.issue(c)
		if c.Number != "INV-2026-000002" || c.Amount != -9900 || !c.Small || w.show(old.ID).Standing != invoice.InForce {
			t.Fatalf("%+v", c.Invoice)
		}
		doc := w.document(c.Document)
		if doc.Kind != document.Credit || !doc.Due.IsZero() || doc.Amount != 9900 || doc.Former != "" || doc.Name != "適格返還請求書_INV-2026-000002.pdf" {
			t.Fatalf("%+v", doc)
		}
		got := w.text(c.ID)
		has(t, got, "適格返還請求書", "T7000012050002", "返還年月日2026年11月22日", "対象書類番号INV-2026-000001", "元納品日", "2026/11/20", "10%対象9,000900", "ご返還金額（税込）", "¥9,900", "交付義務は免除")
		if strings.Contains(got, "みずほ銀行") || strings.Contains(got, "お支払期限") {
			t.Error("a return asks for no money", got)
		}
		// What is left at 10 % is 26,801 and 2,680; one yen more is refused.
		over := give("26802")
		if len(over.Problems) != 1 || over.Problems[0].Key != "invoice.credit_exceeds" {
			t.Fatalf("%+v", over.Problems)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: over.ID, Version: over.Version})
		w.wants(err, fault.KindRefused, "invoice.credit_exceeds")
		d := over.Content
		for _, c := range []struct {
			spoil func(*invoice.Draft)
			key   string
		}{
			{func(d *invoice.Draft) { d.Lines = w.back("10"); d.Lines[0].Category = money.Exempt }, "invoice.credit_rate"},
			{func(d *invoice.Draft) { d.Lines = w.back("10"); d.Pricing = money.TaxInclusive }, "invoice.credit_terms"},
			{func(d *invoice.Draft) { d.Lines = w.back("10"); d.Returned = day("2026-11-01") }, "invoice.return_date"},
			{func(d *invoice.Draft) { d.Lines = w.back("26801") }, ""},
		} {
			d := d
			c.spoil(&d)
			over = run(w, boss, invoice.Update, invoice.UpdateIn{ByVersion: invoice.ByVersion{ID: over.ID, Version: over.Version}, Draft: d})
			keys := []string{}
			for _, p := range over.Problems {
				keys = append(keys, p.Key)
			}
			if c.key == "" && len(keys) != 0 || c.key != "" && !slices.Contains(keys, c.key) {
				t.Fatalf("%v, want %s", keys, c.key)
			}
		}
		if over = w.issue(over); over.Amount != -29_481 || over.Small { // 26,801 + 2,680
			t.Fatalf("%+v", over.Invoice)
		}
		if got := give("1"); got.Problems[0].Key != "invoice.credit_exceeds" {
			t.Fatalf("%+v", got.Problems)
		}
		var links []string
		for _, l := range w.show(old.ID).Links {
			links = append(links, string(l.Relation)+" "+l.Number)
		}
		if want := []string{"return INV-2026-000002", "return INV-2026-000003", "return "}; !slices.Equal(links, want) {
			t.Fatal(links)
		}
		_, err = gate.Run(bg, w.G, boss, invoice.Credit, invoice.CorrectIn{ID: c.ID, Reason: "返品の返品"})
		w.wants(err, fault.KindRefused, "invoice.return_of_return")
	})
}

// A corrected invoice covers what was given back of the former one, and a
// corrected return what is left of the sale.
func TestC28_CorrectionsKnowTheReturns(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		old := w.ready("p1")
		r := w.issue(run(w, boss, invoice.Credit, invoice.CorrectIn{ID: old.ID, Reason: "返品のため", Lines: w.back("30000")}))
		c := run(w, boss, invoice.Correct, invoice.CorrectIn{ID: old.ID, Reason: "数量の誤り", Lines: w.back("29999")})
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: c.ID, Version: c.Version})
		w.wants(err, fault.KindRefused, "invoice.below_credits")
		d := c.Content
		d.Lines = w.back("32000")
		c = w.issue(run(w, boss, invoice.Update, invoice.UpdateIn{ByVersion: invoice.ByVersion{ID: c.ID, Version: c.Version}, Draft: d}))
		// 2,000 are left of the corrected sale, whichever of its documents is named.
		more := run(w, boss, invoice.Credit, invoice.CorrectIn{ID: c.ID, Reason: "返品のため", Lines: w.back("2001")})
		if more.Problems[0].Key != "invoice.credit_exceeds" {
			t.Fatalf("%+v", more.Problems)
		}
		run(w, boss, invoice.Discard, invoice.ByVersion{ID: more.ID, Version: more.Version})
		_, err = gate.Run(bg, w.G, boss, invoice.CancelOp, invoice.CancelIn{ID: c.ID, Reason: "取りやめ"})
		if err != nil {
			t.Fatal(err)
		}
		open := w.show(c.ID).Links[1]
		_, err = gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: open.ID, Version: 1})
		w.wants(err, fault.KindRefused, "invoice.has_credits")
		run(w, boss, invoice.Discard, invoice.ByVersion{ID: open.ID, Version: 1})
		// The return itself was wrong: 31,000 instead of 30,000 fit, since it takes the former's place.
		fixed := run(w, boss, invoice.Correct, invoice.CorrectIn{ID: r.ID, Reason: "返品の単価誤り", Lines: w.back("31000")})
		fixed = w.issue(fixed)
		if fixed.Kind != invoice.Return || fixed.Amount != -34_100 || w.show(r.ID).Standing != invoice.Superseded {
			t.Fatalf("%+v", fixed.Invoice)
		}
		has(t, w.text(fixed.ID), "修正適格返還請求書", "修正前番号"+r.Number, "対象書類番号"+old.Number)
		// Cancelled, it counts for nothing, and the whole sale can be cancelled.
		undo := w.issue(run(w, boss, invoice.CancelOp, invoice.CancelIn{ID: fixed.ID, Reason: "返品がなかった"}))
		if undo.Kind != invoice.Cancel || undo.Amount != 34_100 {
			t.Fatalf("%+v", undo.Invoice)
		}
		all := w.issue(run(w, boss, invoice.CancelOp, invoice.CancelIn{ID: c.ID, Reason: "取りやめ"}))
		if all.Amount != -35_200 || w.show(c.ID).Standing != invoice.Cancelled {
			t.Fatalf("%+v", all.Invoice)
		}
	})
}

func TestC28_CancelledAsAWhole(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		old := w.ready("p1")
		c := run(w, boss, invoice.CancelOp, invoice.CancelIn{ID: old.ID, Reason: "二重に請求したため"})
		if c.Kind != invoice.Cancel || c.Amount != -39_487 || c.Tax != -3587 || len(c.Problems) != 0 {
			t.Fatalf("%+v", c)
		}
		d := c.Content
		d.Lines = d.Lines[:1]
		c = run(w, boss, invoice.Update, invoice.UpdateIn{ByVersion: invoice.ByVersion{ID: c.ID, Version: c.Version}, Draft: d})
		if c.Problems[0].Key != "invoice.cancel_content" {
			t.Fatalf("%+v", c.Problems)
		}
		d.Lines, d.Notes = old.Content.Lines, "ご迷惑をおかけしました。"
		c = w.issue(run(w, boss, invoice.Update, invoice.UpdateIn{ByVersion: invoice.ByVersion{ID: c.ID, Version: c.Version}, Draft: d}))
		if got := w.show(old.ID); got.Standing != invoice.Cancelled || got.Amount != 39_487 || got.Amount+c.Amount != 0 {
			t.Fatalf("%+v", got.Invoice)
		}
		if got := w.document(old.Document); got.Standing != document.Cancelled || got.Latter != "" {
			t.Fatalf("%+v", got)
		}
		has(t, w.text(c.ID), "請求取消書", "対象書類番号INV-2026-000001", "全部を取り消す", "取消金額（税込）", "¥39,487", "10%対象35,8013,580")
		for _, id := range []string{old.ID, c.ID} {
			_, err := gate.Run(bg, w.G, boss, invoice.Correct, invoice.CorrectIn{ID: id, Reason: "取消の訂正"})
			if !fault.Is(err, fault.KindRefused) {
				t.Fatal(err)
			}
		}
	})
}

// Business with a partner may have ended; what was wrong is mended all the same.
func TestC28_OnlyIssuedDocumentsAreCorrected(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		draft := run(w, boss, invoice.Create, w.draft("p1"))
		fresh := w.issued("p2")
		run(w, boss, stage, openIn{Run: "r1", Party: w.ids["p1"], Number: []string{"S-1"}, Date: day("2026-09-30"), Amount: 1000})
		run(w, boss, turn, turnIn{Run: "r1"})
		opening := run(w, boss, invoice.List, invoice.Filter{Number: "S-1"}).Invoices[0]
		if opening.Kind != invoice.Regular {
			t.Fatalf("%+v", opening)
		}
		for id, key := range map[string]string{draft.ID: "invoice.still_draft", fresh.ID: "invoice.rendering", opening.ID: "invoice.opening.correct"} {
			in := invoice.CorrectIn{ID: id, Reason: "誤りのため"}
			for _, err := range []error{second(gate.Run(bg, w.G, boss, invoice.Correct, in)), second(gate.Run(bg, w.G, boss, invoice.Credit, in)),
				second(gate.Run(bg, w.G, boss, invoice.CancelOp, invoice.CancelIn{ID: id, Reason: "誤りのため"})),
				second(gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: id, Reason: "誤りのため"}))} {
				w.wants(err, fault.KindRefused, key)
			}
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Correct, invoice.CorrectIn{ID: "none", Reason: "誤りのため"})
		w.wants(err, fault.KindNotFound, "")
		_, err = gate.Run(bg, w.G, boss, invoice.Correct, invoice.CorrectIn{ID: fresh.ID, Reason: " "})
		w.wants(err, fault.KindInvalid, "")
		for role, k := range map[string]fault.Kind{"admin": fault.KindDenied, "auditor": fault.KindDenied, "security": fault.KindDenied, "sales": fault.KindNotFound} {
			_, err := gate.Run(bg, w.G, as("x", "east", role), invoice.Correct, invoice.CorrectIn{ID: fresh.ID, Reason: "誤りのため"})
			w.wants(err, k, "")
		}
		_, err = gate.Run(bg, w.G, as("kato", "west", "sales"), invoice.Credit, invoice.CorrectIn{ID: fresh.ID, Reason: "誤りのため"})
		w.wants(err, fault.KindDenied, "")
		w.work()
		run(w, boss, party.Suspend, party.SuspendIn{ID: w.ids["p2"], State: party.Suspended, Reason: "取引終了のため"})
		if s := w.issue(run(w, boss, invoice.CancelOp, invoice.CancelIn{ID: fresh.ID, Reason: "誤りのため"})); s.State != invoice.Ready {
			t.Fatalf("%+v", s.Invoice)
		}
	})
}

func TestSM09_VoidAndReissueInOnePress(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		old := w.ready("p1")
		in := invoice.VoidIn{ID: old.ID, Reason: "部署名の誤り"}
		s := run(w, boss, invoice.VoidReissue, in)
		w.work()
		if s.Number != "INV-2026-000002" || s.State != invoice.Issued || s.Amount != old.Amount || s.Date != old.Date || s.Links[0].Relation != invoice.Reissues {
			t.Fatalf("%+v", s)
		}
		s = w.show(s.ID)
		was := w.show(old.ID)
		if was.Standing != invoice.Void || was.State != invoice.Ready || was.Snapshot != old.Snapshot || was.Links[0].ID != s.ID {
			t.Fatalf("%+v", was)
		}
		one, two := w.document(old.Document), w.document(s.Document)
		if one.Standing != document.Void || one.Latter != two.ID || two.Former != one.ID || one.Digest == two.Digest {
			t.Fatalf("%+v\n%+v", one, two)
		}
		gaps := run(w, boss, org.Gaps, org.GapsIn{Series: "invoice"})
		if !gaps.Dense || len(gaps.Rows) != 1 || gaps.Rows[0].Number != old.Number || gaps.Rows[0].Reason != in.Reason || gaps.Rows[0].By != "b" {
			t.Fatalf("%+v", gaps)
		}
		if got := w.text(s.ID); strings.Contains(got, old.Number) || !strings.Contains(got, "INV-2026-000002") {
			t.Fatal("who gets the new one need not know of one nobody got", got)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.VoidReissue, in)
		w.wants(err, fault.KindRefused, "invoice.not_in_force")
		// That one was given out just now.
		_, err = gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: s.ID, Reason: "部署名の誤り"})
		w.wants(err, fault.KindRefused, "invoice.given_out")
		if f := fault.Of(err); !slices.Contains(f.Args, any("b")) || !slices.Contains(f.Args, any(fault.Word("op.invoice.pdf"))) {
			t.Fatalf("%+v", f.Args)
		}
	})
}

// The open correction may be what the new invoice says, so that nothing is written twice.
func TestSM09_ReissuedWithChanges(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		old, other := w.ready("p1"), w.ready("p1")
		c := run(w, boss, invoice.Correct, invoice.CorrectIn{ID: old.ID, Reason: "単価の誤り", Lines: w.back("5000")})
		_, err := gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: old.ID, Reason: "単価の誤り"})
		w.wants(err, fault.KindRefused, "invoice.open_correction")
		_, err = gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: other.ID, Reason: "単価の誤り", Draft: c.ID})
		w.wants(err, fault.KindInvalid, "invoice.not_its_correction")
		s := run(w, boss, invoice.VoidReissue, invoice.VoidIn{ID: old.ID, Reason: "単価の誤り", Draft: c.ID})
		w.work()
		if s.ID != c.ID || s.Amount != 5500 || s.Number != "INV-2026-000003" || w.show(old.ID).Standing != invoice.Void {
			t.Fatalf("%+v", s.Invoice)
		}
		has(t, w.text(s.ID), "ご請求金額", "¥5,500")
		if strings.Contains(w.text(s.ID), "修正") {
			t.Fatal("a reissue is no correction")
		}
		// Nothing is voided when the new one cannot be issued.
		run(w, boss, party.Suspend, party.SuspendIn{ID: w.ids["p1"], State: party.Suspended, Reason: "取引終了のため"})
		bad := run(w, boss, invoice.Correct, invoice.CorrectIn{ID: other.ID, Reason: "数量の誤り", Lines: []invoice.Line{{Description: "なし"}}})
		_, err = gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: other.ID, Reason: "数量の誤り", Draft: bad.ID})
		w.wants(err, fault.KindRefused, "")
		if got := w.show(other.ID); got.Standing != invoice.InForce {
			t.Fatalf("%+v", got.Invoice)
		}
		if gaps := run(w, boss, org.Gaps, org.GapsIn{Series: "invoice"}); len(gaps.Rows) != 1 || !gaps.Dense {
			t.Fatalf("%+v", gaps)
		}
	})
}

// However its bytes left, it is not voided: as a file, from the archive, or by
// mail (which marks them before the last dot).
func TestSM09_GivenOutIsNotVoided(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		for op, give := range map[string]func(invoice.Shown){
			"invoice.pdf":      func(s invoice.Shown) { run(w, as("sato", "east", "sales"), invoice.PDF, invoice.ByID{ID: s.ID}) },
			"document.content": func(s invoice.Shown) { run(w, boss, document.Contents, document.ByID{ID: s.Document}) },
		} {
			s := w.ready("p1")
			give(s)
			_, err := gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: s.ID, Reason: "誤りのため"})
			w.wants(err, fault.KindRefused, "invoice.given_out")
			if f := fault.Of(err); !slices.Contains(f.Args, any(fault.Word("op."+op))) {
				t.Fatalf("%+v", f.Args)
			}
		}
		if gaps := run(w, boss, org.Gaps, org.GapsIn{Series: "invoice"}); len(gaps.Rows) != 0 {
			t.Fatalf("%+v", gaps)
		}
	})
}

// Of a press to void and a press to look at the file at the same moment, one is
// first: never both that the file left before and that it was voided as unseen.
func TestSM09_VoidAndDownloadAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		for range 8 {
			s := w.ready("p1")
			var wg sync.WaitGroup
			var voided, given error
			wg.Go(func() {
				_, voided = gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: s.ID, Reason: "誤りのため"})
			})
			wg.Go(func() { _, given = gate.Run(bg, w.G, boss, document.Contents, document.ByID{ID: s.Document}) })
			wg.Wait()
			if given != nil {
				t.Fatal(given)
			}
			d := w.document(s.Document)
			if voided == nil != (d.Standing == document.Void) {
				t.Fatalf("%v %+v", voided, d)
			}
			if voided != nil {
				w.wants(voided, fault.KindRefused, "invoice.given_out")
			}
		}
	})
}

// Two who begin a correction at once get one draft.
func TestC28_OneOpenCorrectionAtATime(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		s := w.ready("p1")
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = gate.Run(bg, w.G, boss, invoice.Correct, invoice.CorrectIn{ID: s.ID, Reason: "誤りのため"})
			})
		}
		wg.Wait()
		ok := 0
		for _, err := range errs {
			if err == nil {
				ok++
			} else if !fault.Is(err, fault.KindRefused) && !fault.Is(err, fault.KindConflict) {
				t.Error(err)
			}
		}
		if got := w.show(s.ID); ok != 1 || len(got.Links) != 1 {
			t.Fatal(ok, got.Links)
		}
	})
}
