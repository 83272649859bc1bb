package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

// known makes the two addresses of the partner ones that were sent to before.
func (w *world) known() {
	w.t.Helper()
	w.hold(w.good("INV-0001"))
	if w.send() != 2 {
		w.t.Fatal("the first was not sent")
	}
	w.Clock.Pass(48 * time.Hour) // a working day, at noon
}

// of is an invoice of an amount that names it.
func (w *world) of(number string, amount money.Yen) Shown {
	w.t.Helper()
	doc := w.invoice(w.tohoku, number, amount, page(w.t, "請求書 "+number, "株式会社東北機械製作所 御中", "ご請求金額 ¥"+amount.String()))
	return w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
}

func (w *world) release(as gate.Credential, s Shown, c CheckOut, ticks ...string) error {
	_, err := gate.Run(bg, w.G, as, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest, Ticks: ticks})
	return err
}

func TestSM28_C30_AQuietSendingTakesOneAct(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		s, other := w.good("INV-0002"), w.good("INV-0003")
		old := w.check(s)
		c, theirs := w.check(s), w.check(other)
		if c.Friction != Quiet || len(c.Ticks) != 1 || c.Rules != "v1" {
			t.Fatalf("%+v", c)
		}
		for name, err := range map[string]error{
			"an older check's":  w.release(sender, s, c, all(old)...),
			"another package's": w.release(sender, s, c, all(theirs)...),
			"made up":           w.release(sender, s, c, strings.Repeat("A", 43)),
			"another person's":  w.release(gatetest.Boss("third"), s, c, all(c)...),
		} {
			t.Log(name)
			wants(t, err, fault.KindRefused, "dispatch.ticks")
		}
		wants(t, w.release(sender, s, c), fault.KindRefused, "dispatch.state") // a direct call without the token
		w.state(s, Checked)
		if err := w.release(sender, s, c, all(c)...); err != nil {
			t.Fatal(err)
		}
		w.state(s, Held, Held, Held)
		wants(t, w.release(sender, s, c, all(c)...), fault.KindRefused, "dispatch.state") // replayed
		got := w.show(s)
		must(w, w.d.Edit, EditIn{s.ID, got.Version, got.Subject, got.Body, []string{got.Attachments[0].Document}, ""})
		if again := w.check(s); again.Digest != c.Digest {
			t.Fatal("another digest")
		}
		wants(t, w.release(sender, s, c, all(c)...), fault.KindRefused, "dispatch.ticks") // good once
		fresh := w.check(s)
		w.Clock.Pass(Rules{}.TickLife())
		wants(t, w.release(sender, s, fresh, all(fresh)...), fault.KindRefused, "dispatch.ticks_expired")
		w.hold(s) // confirm and release one after the other do as well
		if n := w.send(); n != 2 {
			t.Fatal(n)
		}
		w.state(s, Handed)
	})
}

func TestSM28_C30_AnUnusualSendingTakesATickEach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		agreed(w, party.RelationAdd, party.RelationIn{Party: w.tohoku.ID, Other: w.akat.ID, Kind: party.DropShip, Reason: "直送先の登録"})
		doc := w.goodInvoice("INV-0002")
		s := w.prepare(func(in *PrepareIn) {
			in.Documents, in.Body = []string{doc}, "有限会社あかつき運輸へ直送した分の請求書を添付します。"
		})
		c := w.check(s)
		w.finds(c, "related", Caution)
		if c.Friction != Ticks || len(c.Ticks) != 2+1+1 {
			t.Fatalf("%s %+v", c.Friction, c.Ticks)
		}
		wants(t, w.release(sender, s, c, all(c)[0]), fault.KindRefused, "dispatch.not_quiet")
		_, err := gate.Run(bg, w.G, sender, ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)[:3]})
		wants(t, err, fault.KindRefused, "dispatch.ticks")
		must(w, ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)})
		if err := w.release(sender, s, c); err != nil { // and no second person
			t.Fatal(err)
		}
		w.state(s, Held)
	})
}

func TestOS53_ManyFilesWantAReasonForTheApprover(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bill := w.goodInvoice("INV-0002")
		s := w.prepare(func(in *PrepareIn) {
			in.Documents = []string{bill}
			for _, month := range []string{"4月", "5月", "6月", "7月", "8月"} {
				in.Documents = append(in.Documents, must(w, document.Upload, document.UploadIn{Name: "納品明細" + month + ".txt", Content: []byte("納品 " + month),
					Kind: document.Attachment, Direction: "internal", Party: w.tohoku.ID}).ID)
			}
		})
		c := w.check(s)
		w.finds(c, "many_files", Caution)
		must(w, ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)})
		for reason, key := range map[string]string{"": "dispatch.reason_wanted", " \n ": "dispatch.reason_wanted"} {
			_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest, Reason: reason})
			wants(t, err, fault.KindInvalid, key)
		}
		_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest, Reason: "月ごとの明細を求められたため"})
		wants(t, err, fault.KindPending, "gate.pending")
		if r := gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, approver, approval.Show, approval.ByID{ID: request(err)})); r.Reason != "月ごとの明細を求められたため" {
			t.Errorf("the approver is told %q", r.Reason)
		}
	})
}

func TestSM29_FromAMillionASecondPersonApproves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		less, big := w.of("INV-0999", 999_999), w.of("INV-1000", 1_000_000)
		c := w.check(less)
		if c.Friction == Second {
			t.Fatalf("%+v", c.Findings)
		}
		c = w.check(big)
		if f := w.finds(c, "big_amount", Caution); !f.Second || c.Friction != Second {
			t.Fatalf("%+v", c)
		}
		wants(t, w.release(sender, big, c, all(c)[0]), fault.KindRefused, "dispatch.not_quiet")
		must(w, ConfirmOp, ConfirmIn{big.ID, c.Digest, all(c)})
		err := w.release(sender, big, c)
		wants(t, err, fault.KindPending, "gate.pending")
		if n := w.send(); n != 0 {
			t.Fatal("sent without the second person")
		}
		if err := w.approve(request(err), approver); err != nil {
			t.Fatal(err)
		}
		if n := w.send(); n != 2 {
			t.Fatal(n)
		}
	})
}

// TestC34_ARuleSaysWhoMustLook: what used to be fixed is a rule, each way.
func TestC34_ARuleSaysWhoMustLook(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-1")
		if c := w.check(s); c.Friction != Second {
			t.Fatal(c.Friction)
		}
		err := w.set(RuleFirstTime, "ticks")
		wants(t, err, fault.KindPending, "")
		if err := w.approve(request(err), approver); err != nil {
			t.Fatal(err)
		}
		c := w.check(s)
		if f := w.finds(c, "first_time", Caution); f.Second || c.Friction != Ticks || c.Rules != "v2" {
			t.Fatalf("%+v", c)
		}
		if err := w.set(RuleClass, "confidential"); err != nil { // as it was for every package before
			t.Fatal(err)
		}
		if c = w.check(s); c.Friction != Second || !w.finds(c, "class_second", Caution).Second {
			t.Fatalf("%+v", c)
		}
		if err := w.set(RuleHold, "15"); err != nil {
			t.Fatal(err)
		}
		w.hold(s)
		if left := w.show(s).HeldUntil.Sub(w.Clock.Now()); left < 14*time.Minute || left > 15*time.Minute {
			t.Fatal("held for", left)
		}
		if err := w.set(RuleRecipients, "1"); err != nil {
			t.Fatal(err)
		}
		w.finds(w.check(w.good("INV-2")), "many_recipients", Halt)
	})
}

func TestC34_StrongerRulesMeanANewCheck(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		n := 0
		habit := 50
		stronger := func() { // concerns none of what is sent here, and counts all the same
			habit--
			if err := w.set(RuleHabit, fmt.Sprint(habit)); err != nil {
				t.Fatal(err)
			}
		}
		next := func() Shown { n++; return w.good(fmt.Sprint("STR-", n)) }

		s := next()
		c := w.check(s)
		stronger()
		wants(t, w.release(sender, s, c, all(c)...), fault.KindRefused, "dispatch.rules_changed")
		w.state(s, Prepared)

		s = next()
		c = w.confirm(s)
		stronger()
		wants(t, w.release(sender, s, c), fault.KindRefused, "dispatch.rules_changed")
		if c = w.check(s); c.State != Checked {
			t.Fatal("it cannot be checked anew")
		}

		s = w.of("BIG-1", 2_000_000)
		_, r := w.ask(s)
		stronger()
		wants(t, w.approve(r, approver), fault.KindRefused, "approval.void")

		s = next()
		w.hold(s)
		stronger()
		if w.send() != 0 {
			t.Fatal("sent by rules that hold no more")
		}
		w.state(s, Prepared)

		// A rule that judges nothing changes nothing about what was checked.
		s = next()
		c = w.confirm(s)
		if err := w.set(RuleHold, "12"); err != nil {
			t.Fatal(err)
		}
		if err := w.release(sender, s, c); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSM43_AfterAChangeTheNextOneNeedsASecondPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		if c := w.check(w.good("INV-2")); c.Friction != Quiet {
			t.Fatal(c.Friction, c.Findings)
		}
		account := func(number string) {
			agreed(w, party.AccountPropose, party.AccountIn{Party: w.tohoku.ID, BankCode: "0001", BankName: "ﾐｽﾞﾎ", BranchCode: "001", BranchName: "ﾄｳｷﾖｳ",
				Kind: "ordinary", Number: number, Holder: "ｶ)ﾄｳﾎｸ", How: "phone", Reason: "代表電話で確認"})
		}
		account("0765432")
		s := w.good("INV-3")
		c := w.check(s)
		if f := w.finds(c, "changed_account", Caution); !f.Second || c.Friction != Second {
			t.Fatalf("%+v", c)
		}
		w.hold(s)
		w.send()
		w.state(s, Handed)
		w.Clock.Pass(time.Second)
		if c := w.check(w.good("INV-4")); c.Friction != Second { // for 30 days
			t.Fatal("the one after the next", c.Findings)
		}
		w.Clock.Pass(32 * 24 * time.Hour)
		if c := w.check(w.good("INV-4-2")); c.Friction != Quiet {
			t.Fatal("a month later", c.Findings)
		}
		// An address that is no part of the package says nothing about it.
		must(w, party.PointRetire, party.RetireIn{ID: w.points[1].ID, Reason: "担当者の交代"})
		if c := w.check(w.single("INV-5-1")); c.Friction != Quiet {
			t.Fatal("another address was retired", c.Findings)
		}
		added := w.point(w.tohoku, "shiharai@tohoku-kikai.co.jp")
		if c := w.check(w.single("INV-5-2")); c.Friction != Quiet {
			t.Fatal("another address was added", c.Findings)
		}
		doc := w.goodInvoice("INV-5")
		s = w.prepare(func(in *PrepareIn) {
			in.Documents, in.Recipients = []string{doc}, []Proposal{in.Recipients[0], {Cc, added.Address}}
		})
		c = w.check(s)
		if f := w.finds(c, "changed_point", Caution); f.Shown != added.Address || c.Friction != Second {
			t.Fatalf("%+v", c)
		}
		// What is changed while a quiet one is held brings it back.
		w.hold(s)
		w.send()
		w.Clock.Pass(time.Second)
		s = w.single("INV-6")
		w.hold(s)
		account("0765433")
		if w.send() != 0 {
			t.Fatal("sent although the account was changed")
		}
		w.state(s, Prepared)
	})
}

func TestSM42_C35_OneCharacterAfterTheApproval(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-1")
		c := w.hold(s)
		edit := func() {
			got := w.show(s)
			must(w, w.d.Edit, EditIn{s.ID, got.Version, got.Subject, got.Body + "。", []string{got.Attachments[0].Document}, ""})
		}
		edit()
		w.state(s, Prepared, Prepared, Prepared)
		wants(t, w.release(sender, s, c), fault.KindRefused, "dispatch.state")
		if w.send() != 0 {
			t.Fatal("sent")
		}
		_, r := w.ask(s)
		edit()
		wants(t, w.approve(r, approver), fault.KindRefused, "approval.void")
		w.state(s, Prepared)
		if w.send() != 0 || len(w.trap.List()) != 0 {
			t.Fatal("sent")
		}
	})
}

func TestC35_AnOldCheckIsRunAgainBeforeItIsApproved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-1")
		_, r := w.ask(s)
		w.Clock.Pass(Rules{}.CheckLife() + time.Minute)
		stale := func() {
			t.Helper()
			err := w.approve(r, approver)
			wants(t, err, fault.KindRefused, "approval.not_done")
			if f := fault.Of(err); len(f.Parts) != 1 || f.Parts[0].Key != "dispatch.check_stale" {
				t.Fatal(f)
			}
		}
		again := func(as gate.Credential) RecheckOut {
			t.Helper()
			return gatetest.Must[RecheckOut](t)(gate.Run(bg, w.G, as, w.d.Recheck, ByID{s.ID}))
		}
		stale()
		if out := again(approver); !out.Same || out.State != Awaiting {
			t.Fatalf("%+v", out)
		}
		// Something elsewhere in the register: the contents are compared again.
		must(w, party.Create, party.CreateIn{Code: "MN-3003", Name: "株式会社みなと製紙", Terms: w.tohoku.Terms})
		stale()
		if out := again(approver); !out.Same {
			t.Fatalf("%+v", out)
		}
		if err := w.approve(r, approver); err != nil {
			t.Fatal(err)
		}
		if w.send() != 2 {
			t.Fatal("not sent")
		}
		// A new partner whose name stands in the text: nothing of it was known to whoever confirmed.
		doc := w.goodInvoice("INV-2")
		s = w.prepare(func(in *PrepareIn) {
			in.Documents, in.Body = []string{doc}, "青葉台精機の件の請求書を添付します。"
		})
		c := w.confirm(s)
		if err := w.set(RuleCheck, "10"); err != nil {
			t.Fatal(err)
		}
		w.Clock.Pass(11 * time.Minute)
		wants(t, w.release(sender, s, c), fault.KindRefused, "dispatch.check_stale")
		w.state(s, Confirmed)
		if out := again(sender); !out.Same || out.State != Confirmed {
			t.Fatalf("%+v", out)
		}
		must(w, party.Create, party.CreateIn{Code: "AO-4004", Name: "株式会社青葉台精機", Terms: w.tohoku.Terms})
		if out := again(sender); out.Same || out.State != Prepared {
			t.Fatalf("%+v", out)
		}
		w.finds(w.check(s), "foreign_name", Halt)
		_, err := gate.Run(bg, w.G, sender, w.d.Recheck, ByID{s.ID})
		wants(t, err, fault.KindRefused, "dispatch.state")
		_, err = gate.Run(bg, w.G, sender, w.d.Recheck, ByID{"nothing"})
		wants(t, err, fault.KindNotFound, "")
	})
}

func TestC32_WhatIsHeldIsComparedOnceMoreBeforeItLeaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.goodInvoice("INV-1")
		named := w.prepare(func(in *PrepareIn) {
			in.Documents, in.Body = []string{doc}, "青葉台精機の件の請求書を添付します。"
		})
		quiet := w.good("INV-2")
		w.hold(named)
		w.hold(quiet)
		must(w, party.Create, party.CreateIn{Code: "AO-4004", Name: "株式会社青葉台精機", Terms: w.tohoku.Terms})
		if n := w.send(); n != 2 {
			t.Fatal("sent", n)
		}
		w.state(quiet, Handed, Handed, Handed)
		w.state(named, Prepared, Prepared, Prepared)
		for _, m := range w.trap.List() {
			if _, raw, _ := w.trap.Get(m.ID); strings.Contains(string(raw), named.ID) {
				t.Fatal("the one that names another partner was sent")
			}
		}
	})
}

// What the approver is shown is words, not keys.
func TestC35_TheApproverReadsSentences(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-1")
		_, r := w.ask(s)
		got := gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, approver, approval.Show, approval.ByID{ID: r}))
		for _, want := range []string{"に送るのは初めてです", "Nothing was sent to keiri@tohoku-kikai.co.jp before", `"rules":"v1"`} {
			if !strings.Contains(got.AfterIs, want) {
				t.Errorf("no %s in %s", want, got.AfterIs)
			}
		}
		if strings.Contains(got.AfterIs, "dispatch.found.") || slices.ContainsFunc(got.Changes, func(c approval.Change) bool { return strings.Contains(c.After, "dispatch.found.") }) {
			t.Error("raw words:", got.AfterIs)
		}
	})
}

// plantLog reads which rules the records of one op name.
var plantLog = gate.New(gate.Op[ByID, plantOut]{Name: "plant.log", Mode: gate.Read,
	Target: func(*gate.Tx, ByID) (gate.Target, error) { return gate.Target{Kind: "plant", ID: "x"}, nil },
	Do: func(x *gate.Tx, in ByID) (plantOut, error) {
		var out plantOut
		list, err := gate.LogSearch(x, gate.LogQuery{Op: in.ID, Outcome: "ok", Limit: 10})
		for _, e := range list {
			facts, err := x.Facts(e)
			if err != nil {
				return out, err
			}
			out.ID += fmt.Sprint(facts["rules"], " ")
		}
		return out, err
	}})

func TestSM33_TheRecordOfTheSendNamesTheRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, v := range []string{"900000", "800000"} {
			if err := w.set(RuleAmount, v); err != nil {
				t.Fatal(err)
			}
		}
		s := w.single("INV-1")
		if c := w.hold(s); c.Rules != "v3" {
			t.Fatal(c.Rules)
		}
		if w.send() != 1 {
			t.Fatal("not sent")
		}
		if err := w.G.Seal(bg); err != nil {
			t.Fatal(err)
		}
		for _, op := range []string{"dispatch.check", "dispatch.confirm", "dispatch.release", "dispatch.claim", "dispatch.mark"} {
			if got := must(w, plantLog, ByID{op}).ID; got != "v3 " {
				t.Errorf("%s: %q", op, got)
			}
		}
	})
}
