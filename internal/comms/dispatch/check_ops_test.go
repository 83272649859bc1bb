package dispatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

// bill is an invoice to the partner of the tests, sent unless that is not wanted.
func (w *world) bill(number string, amount money.Yen, lines ...string) string {
	w.t.Helper()
	all := append([]string{"請求書 " + number, "株式会社東北機械製作所 御中", "ご請求金額 ¥" + amount.String(), "北斗サプライ株式会社 登録番号 T1234567890123"}, lines...)
	return w.invoice(w.tohoku, number, amount, page(w.t, all...))
}

func (w *world) sent(doc string) {
	w.t.Helper()
	w.hold(w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} }))
	if w.send() != 2 {
		w.t.Fatal("not sent")
	}
}

// TestAnOrdinaryMonthIsQuiet: once an address is in use, a monthly sending finds
// nothing to look at.
func TestAnOrdinaryMonthIsQuiet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sent(w.bill("INV-0001", 118_800))
		c := w.check(w.prepare(func(in *PrepareIn) { in.Documents = []string{w.bill("INV-0002", 121_000)} }))
		if s := found(c.Findings); s != "" || c.State != Checked {
			t.Fatalf("not quiet: %s", s)
		}
	})
}

// TestTwinsThatAreBothHeldBothLeave: whoever confirmed the later of two like
// invoices was shown the earlier one, so that one is not sent back for it.
func TestTwinsThatAreBothHeldBothLeave(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sent(w.bill("INV-0001", 90_000))
		first := w.prepare(func(in *PrepareIn) { in.Documents = []string{w.bill("INV-0002", 118_800)} })
		second := w.prepare(func(in *PrepareIn) { in.Documents = []string{w.bill("INV-0003", 118_800)} })
		w.hold(first)
		w.finds(w.hold(second), "same_amount", Caution)
		must(w, party.ContactAdd, party.ContactIn{Party: w.tohoku.ID, Name: "加藤 次郎", Mail: "kato@tohoku-kikai.co.jp"}) // both are checked again before they leave
		must(w, party.Create, party.CreateIn{Code: "9901", Name: "株式会社あとから登録", Terms: w.tohoku.Terms})
		if n := w.send(); n != 4 {
			t.Fatalf("%d of 4 mails left: %+v", n, must(w, Show, ByID{first.ID}).Sending)
		}
	})
}

func TestM1_NewDomainSharedAndReturned(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		to := func(address string) CheckOut {
			return w.check(w.prepare(func(in *PrepareIn) { in.Recipients, in.Body = []Proposal{{To, address}}, "お知らせです。" }))
		}
		w.point(w.tohoku, "jimu@kaikei-office.jp")
		if s := found(to("jimu@kaikei-office.jp").Findings); s != "caution first_time" {
			t.Fatalf("before anything was sent: %s", s)
		}
		w.sent(w.bill("INV-0001", 118_800))
		f := w.finds(to("jimu@kaikei-office.jp"), "new_domain", Caution)
		if !f.Second || !strings.Contains(f.Registered, "tohoku-kikai.co.jp") {
			t.Fatalf("%+v", f)
		}
		w.point(w.tohoku, "eigyo@tohoku-kikai.co.jp")
		if s := found(to("eigyo@tohoku-kikai.co.jp").Findings); s != "caution first_time, caution changed_point" {
			t.Fatalf("a known domain: %s", s)
		}
		w.point(w.akat, "jimu@kaikei-office.jp")
		w.finds(to("jimu@kaikei-office.jp"), "shared", Caution)
		agreed(w, party.RelationAdd, party.RelationIn{Party: w.akat.ID, Other: w.tohoku.ID, Kind: party.Group, Reason: "同じ会計事務所を使う子会社"})
		if s := found(to("jimu@kaikei-office.jp").Findings); s != "caution first_time, caution new_domain" {
			t.Fatalf("with a relation: %s", s)
		}
		must(w, party.ContactAdd, party.ContactIn{Party: w.akat.ID, Name: "赤月 花子", Mail: "eigyo@tohoku-kikai.co.jp"})
		minato := must(w, party.Create, party.CreateIn{Code: "MN-3003", Name: "株式会社みなと製紙", Terms: w.tohoku.Terms})
		must(w, party.ContactAdd, party.ContactIn{Party: minato.ID, Name: "港 一郎", Mail: "eigyo@tohoku-kikai.co.jp"})
		w.finds(to("eigyo@tohoku-kikai.co.jp"), "shared", Caution)
		must(w, plant, plantIn{What: "bounce", ID: w.points[0].ID})
		f = w.finds(to("keiri@tohoku-kikai.co.jp"), "bounced_before", Halt)
		if f.Shown != "keiri@tohoku-kikai.co.jp" {
			t.Fatalf("%+v", f)
		}
	})
}

func TestM1_TheContactWhoLeft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := must(w, party.ContactAdd, party.ContactIn{Party: w.tohoku.ID, Name: "山田 太郎", Mail: "keiri@tohoku-kikai.co.jp"})
		s := w.prepare(func(in *PrepareIn) { in.Body = "お知らせです。" })
		if w.check(s).State != Checked {
			t.Fatal("stopped although nobody has left")
		}
		must(w, party.ContactLeave, party.ContactLeaveIn{ID: c.ID})
		w.finds(w.check(s), "contact_left", Halt)
	})
}

// TestC31_DuplicatesHabitOrderAndVersions are what only the archive knows.
func TestC31_DuplicatesHabitOrderAndVersions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		check := func(docs ...string) CheckOut {
			return w.check(w.prepare(func(in *PrepareIn) { in.Documents = docs }))
		}
		first := w.bill("INV-0001", 118_800)
		twin := w.bill("INV-0002", 118_800)
		if s := found(check(twin).Findings); s != "caution first_time, caution first_time" {
			t.Fatalf("nothing was sent yet: %s", s)
		}
		w.sent(first)
		f := w.finds(check(twin), "same_amount", Caution)
		if f.Shown != "INV-0002" || f.Registered != "INV-0001" || !f.Second {
			t.Fatalf("%+v", f)
		}
		w.bill("INV-0003", 119_000)
		w.bill("INV-0004", 120_500)
		f = w.finds(check(w.bill("INV-0005", 240_000)), "amount_high", Caution)
		if f.Shown != "240,000" || !strings.Contains(f.Registered, "118,800") {
			t.Fatalf("%+v", f)
		}
		upload := func(name, kind, number string, amount money.Yen, content []byte) string {
			return must(w, document.Upload, document.UploadIn{Name: name, Content: content, Kind: kind, Direction: "internal", Party: w.tohoku.ID, Number: number, Amount: amount}).ID
		}
		upload("注文書.txt", document.Order, "PO-7788", 100_000, []byte("注文書 PO-7788"))
		f = w.finds(check(w.bill("INV-0006", 125_000, "ご注文番号 PO-7788")), "field_order", Halt)
		if f.Shown != "125,000" || !strings.Contains(f.Registered, "100,000") {
			t.Fatalf("%+v", f)
		}
		w.finds(check(w.bill("INV-0007", 122_000), upload("請求書控え.pdf", document.Attachment, "", 0, pageTitled(t, "請求書 INV-0006", "書き換えたもの"))), "not_original", Halt)
		if s := found(check(w.bill("INV-0008", 123_000), upload("督促状.txt", document.Attachment, "", 0, []byte("請求書 INV-0006 の件"))).Findings); s != "" {
			t.Fatalf("a letter about an invoice is no copy of it: %s", s)
		}
		twice := check(first, first)
		w.finds(twice, "file_twice", Halt)
		old := upload("納品明細.txt", document.Delivery, "D-1", 0, []byte("納品 1"))
		must(w, document.Upload, document.UploadIn{Name: "納品明細.txt", Content: []byte("納品 2"), Kind: document.Delivery, Direction: "internal", Party: w.tohoku.ID,
			Number: "D-1-2", Former: old, Reason: "数量の訂正"})
		w.finds(check(w.bill("INV-0009", 124_000), old), "superseded", Halt)
		c := w.check(w.prepare(func(in *PrepareIn) {
			in.Documents, in.Subject = []string{w.bill("INV-0010", 119_500)}, "ご請求書（INV-0009）の送付"
		}))
		f = w.finds(c, "number_said", Caution)
		if f.Shown != "INV-0009" || f.Registered != "INV-0010" {
			t.Fatalf("%+v", f)
		}
	})
}

// TestM8_AccountsInTheDocument: our own accounts and the partner's are known,
// any other stops.
func TestM8_AccountsInTheDocument(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		account := org.BankAccount{BankCode: "0001", BankName: "みずほ銀行", BranchCode: "004", BranchName: "丸の内支店", Kind: "ordinary", Number: "1234567", Holder: "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"}
		issuer := must(w, org.IssuerShow, org.Nothing{})
		issuer.BankAccounts = []org.BankAccount{account}
		agreed(w, org.IssuerUpdate, org.IssuerIn{Profile: issuer.Profile, Version: issuer.Version})
		agreed(w, party.AccountPropose, party.AccountIn{Party: w.tohoku.ID, BankCode: "0001", BankName: "ﾐｽﾞﾎ", BranchCode: "001", BranchName: "ﾄｳｷﾖｳ",
			Kind: "ordinary", Number: "0765432", Holder: "ｶ)ﾄｳﾎｸｷｶｲ", How: "phone", Reason: "代表電話で確認"})
		n := 0
		check := func(line string) string {
			n++
			doc := w.bill(fmt.Sprintf("INV-%04d", n), 118_800, line)
			return found(w.check(w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })).Findings)
		}
		for line, want := range map[string]string{
			"振込先 みずほ銀行 丸の内支店 普通 1234567": "", "ご返金先 みずほ銀行 東京支店 普通 0765432": "", "振込先 みずほ銀行 丸の内支店 普通 7777777": ", stop account_unknown",
		} {
			if got := check(line); got != "caution first_time, caution first_time"+want {
				t.Errorf("%s: %s", line, got)
			}
		}
		c := w.check(w.prepare(func(in *PrepareIn) {
			in.Body = "振込先が変わりました。\nみずほ銀行 新宿支店 普通 7777777"
		}))
		w.finds(c, "account_unknown", Halt)
	})
}

// TestSM42_TheRegisterChangesAfterTheCheck: what the content was compared with
// holds when it leaves, or it does not leave.
func TestSM42_TheRegisterChangesAfterTheCheck(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		agreed(w, party.RelationAdd, party.RelationIn{Party: w.tohoku.ID, Other: w.akat.ID, Kind: party.Group, Reason: "子会社の登録"})
		relation := must(w, party.ShowOp, party.ByID{ID: w.tohoku.ID}).Relations[0]
		doc := w.bill("INV-0001", 118_800, "備考 有限会社あかつき運輸の分を含みます")
		s := w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
		w.finds(w.hold(s), "related", Caution)
		must(w, party.RelationEnd, party.RelationEndIn{ID: relation.ID, Ended: relation.From})
		w.Clock.Pass(24 * time.Hour)
		if w.send() != 0 || len(w.trap.List()) != 0 {
			t.Fatal("sent although the relation has ended")
		}
		w.state(s, Prepared)
		w.finds(w.check(s), "foreign_name", Halt)
	})
}

// TestTheHourIsJudgedOnce: a package checked in the evening is not void because
// night has fallen when it is approved.
func TestTheHourIsJudgedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Clock.Pass(7*time.Hour + 45*time.Minute) // 19:45
		s := w.good("INV-0001")
		c := w.confirm(s)
		w.Clock.Pass(30 * time.Minute) // 20:15
		_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest})
		wants(t, err, fault.KindPending, "")
		if err := w.approve(request(err), approver); err != nil {
			t.Fatal(err)
		}
		must(w, party.Create, party.CreateIn{Code: "MN-3003", Name: "株式会社みなと製紙", Terms: w.tohoku.Terms}) // so that it is compared again
		if w.send() != 2 {
			t.Fatal("held back because it is night")
		}
		w.finds(w.check(w.good("INV-0002")), "unusual_hour", Caution)
	})
}

func TestJ32_TheRightTradeAsksForARelation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.prepare(func(in *PrepareIn) { in.Body = "有限会社あかつき運輸の分も含みます。" })
		ask := func(item, other string, kind party.RelationKind) error {
			_, err := gate.Run(bg, w.G, sender, RelationAsk, RelationAskIn{ID: s.ID, Item: item, Other: other, Kind: kind, Reason: "あかつき運輸は子会社"})
			return err
		}
		wants(t, ask(ItemBody, w.akat.ID, party.Group), fault.KindRefused, "dispatch.not_stopped_for")
		c := w.check(s)
		f := w.finds(c, "foreign_name", Halt)
		if f.Other != w.akat.ID {
			t.Fatalf("%+v", f)
		}
		wants(t, ask(ItemSubject, w.akat.ID, party.Group), fault.KindRefused, "dispatch.no_such_finding")
		wants(t, ask(ItemBody, w.tohoku.ID, party.Group), fault.KindRefused, "dispatch.no_such_finding")
		wants(t, ask(ItemBody, w.akat.ID, "friend"), fault.KindInvalid, "")
		err := ask(ItemBody, w.akat.ID, party.Group)
		wants(t, err, fault.KindPending, "")
		w.state(s, Stopped)
		if w.check(s).State != Stopped { // nothing is released by asking
			t.Fatal("asking took it past the stop")
		}
		wants(t, w.approve(request(err), sender), fault.KindRefused, "approval.own")
		if err := w.approve(request(err), approver); err != nil {
			t.Fatal(err)
		}
		if got := w.state(s, Prepared); got.Reason != "dispatch.relation_recorded" {
			t.Fatal(got.Reason)
		}
		c = w.check(s)
		w.finds(c, "related", Caution)
		if c.State != Checked {
			t.Fatal(c.State)
		}
		shown := must(w, party.ShowOp, party.ByID{ID: w.tohoku.ID})
		if len(shown.Relations) != 1 || shown.Relations[0].Kind != party.Group || shown.Relations[0].From.IsZero() {
			t.Fatalf("%+v", shown.Relations)
		}
		w.Clock.Pass(24 * time.Hour)
		must(w, party.RelationEnd, party.RelationEndIn{ID: shown.Relations[0].ID})
		w.Clock.Pass(24 * time.Hour)
		w.finds(w.check(s), "foreign_name", Halt) // it held only as long as the relation
	})
}

func TestJ32_AnIdentifierIsNeverExplained(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		agreed(w, party.RelationAdd, party.RelationIn{Party: w.tohoku.ID, Other: w.akat.ID, Kind: party.Group, Reason: "子会社の登録"})
		s := w.prepare(func(in *PrepareIn) { in.Body = "登録番号 T9000012050003" })
		f := w.finds(w.check(s), "foreign_registration", Halt)
		_, err := gate.Run(bg, w.G, sender, RelationAsk, RelationAskIn{ID: s.ID, Item: f.Item, Other: f.Other, Kind: party.Branch, Reason: "支店なので"})
		wants(t, err, fault.KindRefused, "dispatch.not_explainable")
	})
}

func TestARelationWithoutASecondPersonFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := gate.Run(bg, w.G, sender, plant, plantIn{What: "relate", ID: w.akat.ID, Doc: plantDoc{Party: w.tohoku.ID}})
		if err == nil {
			t.Fatal("recorded by one person alone")
		}
	})
}

func TestShipToOfTheDocument(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.bill("INV-0001", 118_800, "納品先 有限会社あかつき運輸 様 TEL 011-222-3333")
		c := w.check(w.prepare(func(in *PrepareIn) {
			in.Documents, in.Body = []string{doc}, "株式会社東北機械製作所 御中\nあかつき運輸への直送分の請求書を添付します。"
		}))
		if s := found(c.Findings); strings.Contains(s, "stop") || strings.Count(s, "foreign_ship") != 3 { // name and phone in the file, name in the body
			t.Fatal(s)
		}
		if f := w.finds(c, "foreign_ship", Caution); !f.Second {
			t.Fatalf("%+v", f)
		}
	})
}

// TestPreviewKeepsNothing: a draft is judged as the package would be, and nothing
// is written but the record of the reading.
func TestPreviewKeepsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.goodInvoice("INV-0001")
		in := PreviewIn{Party: w.tohoku.ID, Recipients: []Proposal{{To, "keiri@tohoku-kikal.co.jp"}, {Cc, "soumu@tohoku-kikai.co.jp"}}, Subject: "ご請求書の送付",
			Body: "有限会社あかつき運輸 御中\n請求書を添付します。", Documents: []string{doc}, Purpose: ForInvoice}
		out := must(w, w.d.Preview, in)
		c := CheckOut{Findings: out.Findings}
		near := w.finds(c, "near_registered", Halt)
		w.finds(c, "foreign_name", Halt)
		w.finds(c, "claims_inside", Match)
		if !out.Stops || near.Item != "recipients[0]" || len(must(w, List, ListIn{}).Rows) != 0 {
			t.Fatalf("%+v", out)
		}
		in.Recipients[0].Address, in.Body = "keiri@tohoku-kikai.co.jp", "株式会社東北機械製作所 御中\n請求書を添付します。"
		if out = must(w, w.d.Preview, in); out.Stops || !out.Second || found(out.Findings) != "caution first_time, caution first_time" {
			t.Fatal(found(out.Findings))
		}
		s := w.prepare(func(p *PrepareIn) {
			p.Body, p.Recipients[0].Address = "{{会社名}} 御中", "keiri@tohoku-kikal.co.jp"
		})
		out = must(w, w.d.Preview, PreviewIn{ID: s.ID})
		w.finds(CheckOut{Findings: out.Findings}, "leftover", Halt)
		if got := w.show(s); got.State != Prepared || got.Version != s.Version {
			t.Fatalf("the preview changed it: %+v", got)
		}
		_, err := gate.Run(bg, w.G, sender, w.d.Preview, PreviewIn{Subject: "件名"})
		wants(t, err, fault.KindInvalid, "gate.required")
		_, err = gate.Run(bg, w.G, sender, w.d.Preview, PreviewIn{Party: w.tohoku.ID, Documents: []string{"nothing"}})
		wants(t, err, fault.KindNotFound, "")
		_, err = gate.Run(bg, w.G, sender, w.d.Preview, PreviewIn{ID: "nothing"})
		wants(t, err, fault.KindNotFound, "")
	})
}

// TestEveryStepCanBeTaken runs the ways out of a stop exactly as they are given.
func TestEveryStepCanBeTaken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.goodInvoice("INV-0001")
		theirs := w.invoice(w.akat, "INV-9001", 5500, page(t, "請求書 INV-9001", "有限会社あかつき運輸 御中", "5,500"))
		s := w.prepare(func(in *PrepareIn) {
			in.Documents = []string{doc, theirs}
			in.Recipients = []Proposal{{To, "keiri@tohoku-kikal.co.jp"}, {Cc, "info@akatsuki-unyu.co.jp"}, {Cc, "new@tohoku-kikai.co.jp"}}
		})
		take := func(key, op string) {
			t.Helper()
			for _, x := range w.check(s).Findings {
				for _, step := range x.Steps {
					if x.Key != "dispatch.found."+key || step.Op != op || step.Label != "op."+op {
						continue
					}
					if !json.Valid([]byte(step.Input)) {
						t.Fatalf("no JSON: %s", step.Input)
					}
					if _, err := w.G.JSON(bg, sender, step.Op, []byte(step.Input)); err != nil {
						t.Fatalf("%s %s: %v", step.Op, step.Input, err)
					}
					return
				}
			}
			t.Fatalf("%s has no step %s", key, op)
		}
		take("near_registered", WayRegistered)
		take("two_partners", WayRemove)
		take("not_registered", WayPropose)
		take("not_verified", WayRemove)
		take("file_of_other", WayEdit)
		if c := w.check(s); c.State != Checked || len(w.show(s).Attachments) != 1 {
			t.Fatalf("still %s", found(c.Findings))
		}
		notice := must(w, w.d.Prepare, PrepareIn{Party: w.tohoku.ID, Recipients: []Proposal{{To, "keiri@tohoku-kikai.co.jp"}}, Subject: "お知らせ", Body: "お知らせです。",
			Documents: []string{doc}, Purpose: ForNotice})
		f := w.finds(w.check(notice), "purpose_notice_invoice", Halt)
		var split Shown
		for _, step := range f.Steps {
			if step.Op == WaySplit {
				raw, err := w.G.JSON(bg, sender, step.Op, []byte(step.Input))
				if err != nil || json.Unmarshal(raw, &split) != nil {
					t.Fatal(err)
				}
			}
		}
		if split.Purpose != ForInvoice {
			t.Fatalf("%+v", f.Steps)
		}
	})
}

func TestPreviewIsForThoseWhoMayCheck(t *testing.T) {
	d, err := New(Settings{From: Sender{"北斗", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := options(d)
	o.Matrix = "role sales clearance=personal\ndispatch.preview: boss=all sales=own\ndispatch.relation_ask: boss=all\ndocument.show: boss=all\n"
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := populate(t, d, g)
		s := w.prepare(func(*PrepareIn) {})
		other := gatetest.Person{ID: "other", Roles: []string{"sales"}}.As()
		_, err := gate.Run(bg, g.G, other, d.Preview, PreviewIn{ID: s.ID})
		wants(t, err, fault.KindNotFound, "")
		_, err = gate.Run(bg, g.G, other, d.Preview, PreviewIn{Party: w.tohoku.ID})
		wants(t, err, fault.KindNotFound, "")
		_, err = gate.Run(bg, g.G, other, RelationAsk, RelationAskIn{ID: s.ID, Item: "body", Other: w.akat.ID, Kind: party.Group, Reason: "子会社"})
		wants(t, err, fault.KindDenied, "")
	})
}
