package dispatch

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

func TestC27_TheWholeWay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-2026-0001")
		c, r := w.ask(s)
		w.finds(c, "registered", Match)
		w.finds(c, "claims_inside", Match)
		w.finds(c, "first_time", Caution)
		if len(c.Ticks) != 2+1+2 { // recipients, attachment, first time twice
			t.Fatalf("%+v", c.Ticks)
		}
		w.state(s, Awaiting, Awaiting, Awaiting)
		wants(t, w.approve(r, sender), fault.KindRefused, "approval.own")
		if n := w.send(); n != 0 {
			t.Fatal("sent before it was approved")
		}
		if err := w.approve(r, approver); err != nil {
			t.Fatal(err)
		}
		held := w.state(s, Held, Held, Held)
		if got := held.HeldUntil.Sub(w.G.Now()); got < DefaultHold-time.Minute || got > DefaultHold {
			t.Fatalf("held for %v", got)
		}
		if n, next, err := w.worker.Once(bg); n != 0 || err != nil || !next.Equal(held.HeldUntil) {
			t.Fatal("sent during the countdown", n, next, err)
		}
		if n := w.send(); n != 2 {
			t.Fatal("sent to", n)
		}
		done := w.state(s, Handed, Handed, Handed)
		list := w.trap.List()
		if len(list) != 2 {
			t.Fatal(list)
		}
		for i, m := range list {
			_, raw, err := w.trap.Get(m.ID)
			if err != nil {
				t.Fatal(err)
			}
			item := done.Recipients[i]
			if m.TLS == "" || len(m.To) != 1 || m.To[0] != item.Address || item.Bytes != blob.Sum(raw).String() || item.QueueID == "" || item.TLS == "" {
				t.Fatalf("%+v %+v", m, item)
			}
			kept, err := w.Blobs.Get(bg, blob.Sum(raw))
			if err != nil || !bytes.Equal(kept, raw) {
				t.Fatal("the bytes sent were not archived", err)
			}
			if !bytes.Contains(raw, []byte("<"+item.MessageID+">")) || !bytes.Contains(raw, []byte(c.Digest)) {
				t.Fatal("the mail does not name its package")
			}
		}
		if w.send() != 0 || len(w.trap.List()) != 2 {
			t.Fatal("sent again")
		}
	})
}

func TestH04_OneLetterIsStoppedWithBothShown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.goodInvoice("INV-1001")
		s := w.prepare(func(in *PrepareIn) {
			in.Documents = []string{doc}
			in.Recipients = []Proposal{{To, "keiri@tohoku-kikal.co.jp"}}
		})
		c := w.check(s)
		f := w.finds(c, "near_registered", Halt)
		if f.Shown != "keiri@tohoku-kikal.co.jp" || f.Registered != "keiri@tohoku-kikai.co.jp" || f.Reason == "" || f.Point != w.points[0].ID ||
			!slices.Equal(f.Ways, []string{WayRegistered, WayRemove, WayPropose}) || c.State != Stopped || c.Ticks != nil || c.Digest != "" {
			t.Fatalf("%+v", c)
		}
		_, err := gate.Run(bg, w.G, sender, ConfirmOp, ConfirmIn{s.ID, strings.Repeat("0", 64), []string{"x"}})
		wants(t, err, fault.KindRefused, "dispatch.state")
		_, err = gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: strings.Repeat("0", 64)})
		wants(t, err, fault.KindRefused, "dispatch.state")
		must(w, w.d.TakeRegistered, TakeIn{s.ID, f.Item, f.Point})
		w.hold(s)
		if w.send() != 1 {
			t.Fatal("not sent after it was mended")
		}
		w.state(s, Handed)
	})
}

func TestC27_ProposalsThatAreNotRegistered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(w, party.PointPropose, party.ProposeIn{Party: w.tohoku.ID, Address: "new@tohoku-kikai.co.jp"})
		for _, c := range []struct{ address, key string }{
			{"someone@example.com", "not_registered"}, {"new@tohoku-kikai.co.jp", "not_verified"}, {"info@akatsuki-unyu.co.jp", "two_partners"},
			{"info@akatsuki-unyu.jp", "near_other"}, {"keiri", "no_address"}, {"keiri@tоhoku-kikai.co.jp", "no_address"},
			{"経理 <keiri@tohoku-kikai.co.jp>", "no_address"}, {"soumo@tohoku-kikai.co.jp", "near_registered"},
		} {
			s := w.prepare(func(in *PrepareIn) {
				in.Recipients = []Proposal{{To, "keiri@tohoku-kikai.co.jp"}, {Cc, c.address}}
				in.Body = "ご連絡です。"
			})
			out := w.check(s)
			f := w.finds(out, c.key, Halt)
			if f.Registered == "" || f.Point == "" {
				t.Errorf("%s: nothing registered beside it: %+v", c.address, f)
			}
			must(w, w.d.RemoveRecipient, RemoveIn{s.ID, f.Item})
			if out = w.check(s); out.State != Checked {
				t.Errorf("%s: still %+v", c.address, out.Findings)
			}
		}
	})
}

func TestH03_ForeignContentIsStopped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		theirs := w.invoice(w.akat, "INV-9001", 5500, page(t, "請求書 INV-9001", "有限会社あかつき運輸 御中", "5,500"))
		must(w, party.ContactAdd, party.ContactIn{Party: w.akat.ID, Name: "赤月 花子", Mail: "hanako@gmail.com"})
		agreed(w, party.AccountPropose, party.AccountIn{Party: w.akat.ID, BankCode: "0001", BankName: "ﾐｽﾞﾎ", BranchCode: "001", BranchName: "ﾄｳｷﾖｳ",
			Kind: "ordinary", Number: "0765432", Holder: "ﾕ)ｱｶﾂｷｳﾝﾕ", How: "phone", Reason: "代表電話で確認"})
		upload := func(name string, content []byte) string {
			return must(w, document.Upload, document.UploadIn{Name: name, Content: content, Kind: "attachment", Direction: "internal"}).ID
		}
		for name, c := range map[string]struct{ doc, subject, key string }{
			"archive":   {theirs, "", "file_of_other"},
			"pdf":       {upload("a.pdf", page(t, "御見積", "有限会社あかつき運輸 御中")), "", "foreign_name"},
			"pdf T":     {upload("t.pdf", page(t, "登録番号 T9000012050003")), "", "foreign_registration"},
			"pdf no":    {upload("n.pdf", page(t, "請求書番号 INV-9001 の件")), "", "foreign_number"},
			"csv":       {upload("a.csv", []byte("社名,金額\n有限会社あかつき運輸,5500\n")), "", "foreign_name"},
			"csv phone": {upload("p.csv", []byte("社名,電話\nある会社,011-222-3333\n")), "", "foreign_phone"},
			"text mail": {upload("a.txt", []byte("> info@akatsuki-unyu.co.jp さんの発言")), "", "foreign_mail"},
			"name":      {upload("あかつき運輸.txt", []byte("メモ")), "", "foreign_name"},
			"contact":   {upload("c.txt", []byte("連絡先 hanako@gmail.com")), "", "foreign_mail"},
			"account":   {upload("k.txt", []byte("振込先 みずほ銀行 東京支店 普通預金 0765432")), "", "foreign_account"},
			"code":      {upload("d.csv", []byte("コード,数量\nAK-2002,12\n")), "", "foreign_code"},
			"subject":   {upload("b.txt", []byte("メモ")), "あかつき運輸様の件", "foreign_name"},
		} {
			s := w.prepare(func(in *PrepareIn) {
				in.Documents = []string{c.doc}
				if c.subject != "" {
					in.Subject = c.subject
				}
			})
			out := w.check(s)
			if out.State != Stopped {
				t.Errorf("%s: %s", name, out.State)
			}
			w.finds(out, c.key, Halt)
		}
		picture := pdfWithoutText(t)
		s := w.prepare(func(in *PrepareIn) { in.Documents = []string{upload("scan.pdf", picture)} })
		f := w.finds(w.check(s), "unreadable", Caution)
		if !f.Second || f.Reason == "" {
			t.Fatalf("%+v", f)
		}
	})
}

func TestC27_RelationExplainsAForeignName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		in := func(p *PrepareIn) { p.Body = "有限会社あかつき運輸へ直送しました。" }
		w.finds(w.check(w.prepare(in)), "foreign_name", Halt)
		agreed(w, party.RelationAdd, party.RelationIn{Party: w.tohoku.ID, Other: w.akat.ID, Kind: party.DropShip, Reason: "直送先の登録"})
		c := w.check(w.prepare(in))
		w.finds(c, "related", Caution)
		if c.State != Checked {
			t.Fatal(c.State)
		}
	})
}

func TestTicks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-2001")
		old := w.check(s)
		c := w.check(s)
		confirm := func(as gate.Credential, digest string, ticks []string) error {
			_, err := gate.Run(bg, w.G, as, ConfirmOp, ConfirmIn{s.ID, digest, ticks})
			return err
		}
		twice := slices.Clone(all(c))
		twice[1] = twice[0]
		for name, ticks := range map[string][]string{"of an older check": all(old), "one missing": all(c)[1:], "one too many": append(all(c), all(c)[0]),
			"one twice": twice, "none": {"x"}} {
			t.Log(name)
			wants(t, confirm(sender, c.Digest, ticks), fault.KindRefused, "dispatch.ticks")
		}
		wants(t, confirm(approver, c.Digest, all(c)), fault.KindRefused, "dispatch.ticks")
		wants(t, confirm(sender, strings.Repeat("0", 64), all(c)), fault.KindRefused, "dispatch.ticks")
		other := w.check(w.good("INV-2002"))
		wants(t, confirm(sender, c.Digest, all(other)), fault.KindRefused, "dispatch.ticks")
		if err := confirm(sender, c.Digest, all(c)); err != nil {
			t.Fatal(err)
		}
		wants(t, confirm(sender, c.Digest, all(c)), fault.KindRefused, "dispatch.state") // replayed
		got := w.show(s)
		must(w, w.d.Edit, EditIn{s.ID, got.Version, got.Subject, got.Body, []string{got.Attachments[0].Document}, ""})
		again := w.check(s)
		if again.Digest != c.Digest {
			t.Fatal("the same package has another digest")
		}
		wants(t, confirm(sender, c.Digest, all(c)), fault.KindRefused, "dispatch.ticks") // good once, also for the same package
		w.Clock.Pass(Rules{}.TickLife())
		wants(t, confirm(sender, again.Digest, all(again)), fault.KindRefused, "dispatch.ticks_expired")
		w.state(s, Checked)
	})
}

func TestAClientNeverConfirms(t *testing.T) {
	d, err := New(Settings{From: Sender{"北斗", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := options(d)
	p, err := gatetest.Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Resolve = func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		a, err := gatetest.Resolve(p)(x, op)
		if a.Person == "machine" {
			a.Via = policy.ViaClient
		}
		return a, err
	}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := populate(t, d, g)
		s := w.good("INV-2101")
		c := w.check(s)
		_, err := gate.Run(bg, g.G, gatetest.Boss("machine"), ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)})
		wants(t, err, fault.KindDenied, "dispatch.person_only")
	})
}

func TestOnlyTheConfirmerReleases(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-2201")
		c := w.confirm(s)
		_, err := gate.Run(bg, w.G, gatetest.Boss("third"), w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest})
		wants(t, err, fault.KindRefused, "dispatch.not_confirmer")
		w.state(s, Confirmed)
	})
}

func TestCancelDuringHold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-3001")
		w.hold(s)
		must(w, CancelOp, CancelIn{s.ID, "宛先を確認し直すため"})
		if w.send() != 0 || len(w.trap.List()) != 0 {
			t.Fatal("sent after it was cancelled")
		}
		w.state(s, Cancelled, Cancelled, Cancelled)
		again := w.good("INV-3002")
		w.hold(again)
		w.send()
		_, err := gate.Run(bg, w.G, sender, CancelOp, CancelIn{again.ID, ""})
		wants(t, err, fault.KindRefused, "dispatch.too_late")
	})
}

func TestDuplicates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.goodInvoice("INV-4001")
		in := func(p *PrepareIn) { p.Documents = []string{doc} }
		first, second := w.prepare(in), w.prepare(in)
		c := w.check(second)
		w.hold(first)
		_, err := gate.Run(bg, w.G, sender, ConfirmOp, ConfirmIn{second.ID, c.Digest, all(c)})
		wants(t, err, fault.KindRefused, "dispatch.changed") // what was checked before is no longer so
		w.state(second, Prepared)
		w.finds(w.check(second), "underway", Halt)
		if w.send() != 2 {
			t.Fatal("not sent")
		}
		c = w.check(second)
		f := w.finds(c, "sent_before", Caution)
		if !f.Second || c.State != Checked || !strings.Contains(f.Registered, "keiri@") {
			t.Fatalf("%+v", c)
		}
	})
}

func TestRejectedAndWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-5001")
		_, r := w.ask(s)
		if _, err := gate.Run(bg, w.G, approver, approval.Reject, approval.RejectIn{ID: r, Reason: "金額の確認が必要"}); err != nil {
			t.Fatal(err)
		}
		out, err := gate.Run(bg, w.G, server, Recover, RecoverIn{})
		if err != nil || out.Rejected != 1 {
			t.Fatal(out, err)
		}
		w.state(s, Rejected, Rejected, Rejected)
		if w.send() != 0 {
			t.Fatal("sent although it was rejected")
		}
		w.hold(s) // mended and asked for again
		if w.send() != 2 {
			t.Fatal("not sent")
		}
	})
}

func TestEmergencyStop(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-6001")
		w.hold(s)
		must(w, StopAll, StopIn{"誤送信の疑いがあるため"})
		if w.send() != 0 || len(w.trap.List()) != 0 {
			t.Fatal("sent while stopped")
		}
		other := w.good("INV-6002")
		c := w.confirm(other)
		_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: other.ID, Digest: c.Digest})
		wants(t, err, fault.KindRefused, "dispatch.stopped_all")
		agreed(w, StartAll, StopIn{"原因を確認したため"})
		_, err = gate.Run(bg, w.G, sender, StartAll, StopIn{"もう一度"})
		wants(t, err, fault.KindRefused, "dispatch.not_stopped")
		if w.send() != 2 {
			t.Fatal("not resumed")
		}
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, raw := range map[string]string{
			"dispatch.prepare": `{"party":"` + w.tohoku.ID + `","recipients":[{"kind":"bcc","address":"a@x.jp"}],"subject":"s","body":"b","purpose":"notice"}`,
			"dispatch.check":   `{"id":"x","ID":"y"}`,
			"dispatch.confirm": `{"id":"x","digest":"y","ticks":["a\u202eb"]}`,
			"dispatch.edit":    `{"id":"x","version":1,"subject":"a\r\nBcc: b","body":"b"}`,
		} {
			_, err := w.G.JSON(bg, sender, name, []byte(raw))
			wants(t, err, fault.KindInvalid, "")
		}
		_, err := gate.Run(bg, w.G, sender, w.d.Check, ByID{"nothing"})
		wants(t, err, fault.KindNotFound, "")
		s := w.good("INV-7001")
		_, err = gate.Run(bg, w.G, sender, w.d.TakeRegistered, TakeIn{s.ID, s.Recipients[0].ID, w.other.ID})
		wants(t, err, fault.KindNotFound, "") // another partner's point
		got := w.show(s)
		_, err = gate.Run(bg, w.G, sender, w.d.Edit, EditIn{s.ID, got.Version + 1, "s", "b", nil, ""})
		wants(t, err, fault.KindConflict, "")
		l := must(w, List, ListIn{Party: w.tohoku.ID})
		if len(l.Rows) != 1 || l.Rows[0].ID != s.ID {
			t.Fatal(l)
		}
	})
}

// TestTheRegisterIsNeverOlderThanTheCheck changes the register between checks:
// what the outer gate keeps in memory must follow at once.
func TestTheRegisterIsNeverOlderThanTheCheck(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.prepare(func(in *PrepareIn) {
			in.Body = "株式会社みなと製紙の件です。"
			in.Recipients = append(in.Recipients, Proposal{Cc, "info@akatsuki-unyu.co.jp"})
		})
		first := w.check(s)
		if f := w.finds(first, "two_partners", Halt); len(first.Findings) != 5 {
			t.Fatalf("%+v %+v", f, first.Findings)
		}
		minato := must(w, party.Create, party.CreateIn{Code: "MN-3003", Name: "株式会社みなと製紙", Terms: w.tohoku.Terms})
		w.finds(w.check(s), "foreign_name", Halt)
		must(w, party.PointRetire, party.RetireIn{ID: w.other.ID, Reason: "担当者の交代"})
		w.finds(w.check(s), "not_registered", Halt)
		now := must(w, party.PointPropose, party.ProposeIn{Party: minato.ID, Address: "info@akatsuki-unyu.co.jp"})
		w.finds(w.check(s), "two_partners", Halt)
		must(w, party.PointRetire, party.RetireIn{ID: now.ID, Reason: "担当者の交代"})
		w.finds(w.check(s), "not_registered", Halt)
	})
}
