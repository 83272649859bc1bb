package dispatch

import (
	"strings"
	"testing"
	"testing/quick"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

// A-07, rule by rule, as the table it is: what is in the package, which caution
// asks, and whether a second person must.
func TestA07_EachRuleAsks(t *testing.T) {
	quiet := Facts{Recipients: []RecipientFact{{Item: "r", Point: "p", Max: 3}}}
	file := func(f FileFact) Facts {
		x := quiet
		f.Item, f.Name = "f", "請求書.pdf"
		x.Files = []FileFact{f}
		return x
	}
	with := func(change func(*Facts)) Facts {
		x := quiet
		change(&x)
		return x
	}
	for key, f := range map[string]Facts{
		"big_amount":      with(func(f *Facts) { f.Total, f.BigFrom = 1_000_000, 1_000_000 }),
		"first_time":      with(func(f *Facts) { f.Recipients = []RecipientFact{{Item: "r", Point: "p", Max: 3, FirstTime: true}} }),
		"changed_point":   with(func(f *Facts) { f.Changed.Point = "a@example.jp" }),
		"changed_account": with(func(f *Facts) { f.Changed.Account = true }),
		"correction":      file(FileFact{Correction: true}),
		"uploaded":        file(FileFact{Uploaded: true}),
		"watched":         with(func(f *Facts) { f.Watched = true }),
		"class_second":    with(func(f *Facts) { f.Class = policy.Personal }),
	} {
		if f.BigFrom == 0 {
			f.BigFrom = 1_000_000
		}
		if key == "uploaded" { // asks nothing until a company wants it
			f.Rules = Rules{values: map[string]int64{RuleUploaded: asksSecond}}
		}
		fs, ask := judge(f.Rules, run(standingChecks(), f))
		if ask != Second || !strings.Contains(found(fs), "caution "+key) {
			t.Errorf("%s: %s %s", key, ask, found(fs))
		}
		if said := (Rules{}).Because(fs); len(said) == 0 || strings.Contains(said[0].Ja, "dispatch.") {
			t.Errorf("%s: no rule is named: %v", key, said)
		}
	}
	quiet.BigFrom = 1_000_000
	if fs, ask := judge(Rules{}, run(standingChecks(), quiet)); ask != Quiet || len(Rules{}.Because(fs)) != 0 {
		t.Error("a quiet one: ", ask, found(fs))
	}
}

// A change asks until both its days are over and something was sent after it, and
// what was entered before the first sending is none.
func TestA07_AChangeAsksForDaysAndUntilTheNext(t *testing.T) {
	at := func(d int) time.Time { return gatetest.Start.AddDate(0, 0, d) }
	f := func(first, more, since, change, days uint8) bool {
		one, last := at(int(first)), at(int(first)+int(more))
		now, changedAt := at(int(first)+int(more)+int(since)), at(int(change))
		got := changedAt.After(asksSince(one, last, now, int(days)))
		want := changedAt.After(one) && (changedAt.After(last) || changedAt.After(now.AddDate(0, 0, -int(days))))
		return got == want
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 5000}); err != nil {
		t.Fatal(err)
	}
}

func TestA07_DaysAreARule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if err := w.set(RuleChangedDays, "60"); err != nil { // more is stronger: one person does
			t.Fatal(err)
		}
		wants(t, w.set(RuleChangedDays, "10"), fault.KindPending, "")
		for _, bad := range []string{"-1", "366", "ten", "", "030"} {
			if err := w.set(RuleChangedDays, bad); fault.Of(err).Kind != fault.KindInvalid {
				t.Fatal(bad, err)
			}
		}
	})
}

func TestC34_UploadsAndCorrectionsAsk(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		letter := must(w, document.Upload, document.UploadIn{Name: "ご案内.txt", Content: []byte("年末年始のご案内"), Kind: document.Attachment, Direction: "internal", Party: w.tohoku.ID}).ID
		s := w.prepare(func(in *PrepareIn) {
			in.Documents, in.Purpose, in.Body = []string{letter}, ForNotice, "株式会社東北機械製作所 御中\nご案内を添付します。"
		})
		c := w.check(s)
		if strings.Contains(found(c.Findings), "uploaded") || c.Friction == Second { // nothing is asked until a company wants it
			t.Fatalf("%+v", c)
		}
		if err := w.set(RuleUploaded, "second"); err != nil {
			t.Fatal(err)
		}
		if c = w.check(s); c.Friction != Second {
			t.Fatal(c.Friction)
		}
		err := w.set(RuleUploaded, "ticks")
		wants(t, err, fault.KindPending, "")
		if err := w.approve(request(err), approver); err != nil {
			t.Fatal(err)
		}
		if c = w.check(s); c.Friction != Ticks {
			t.Fatal(c.Friction)
		}
	})
}

// hire makes a person of the register, since only such can be named.
func (w *world) hire(login string) string {
	w.t.Helper()
	return must(w, identity.CreatePerson, identity.CreateIn{HiredOn: civil.MustParse("2020-04-01"),
		Particulars: identity.Particulars{Login: login, Number: login, Name: "山田 " + login, Kana: "ヤマダ", Mail: login + "@hokuto-supply.example"}}).ID
}

func TestC34_ANewcomerSendsNothingAlone(t *testing.T) {
	d, err := New(Settings{From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := options(d)
	o.Modules = append(o.Modules, identity.Module)
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := populate(t, d, g)
		w.known()
		id := w.hire("newcomer")
		newcomer := gatetest.Boss(id)
		first, late := w.good("INV-2"), w.good("INV-3")
		check := func(s Shown) CheckOut {
			t.Helper()
			return gatetest.Must[CheckOut](t)(gate.Run(bg, w.G, newcomer, d.Check, ByID{s.ID}))
		}
		if c := check(first); c.Friction != Quiet {
			t.Fatal(c.Friction, found(c.Findings))
		}
		// A package that was let go before the person was named is brought back.
		c := check(late)
		if err := w.release(newcomer, late, c, all(c)...); err != nil {
			t.Fatal(err)
		}
		on := must(w, WatchedAdd, WatchedAddIn{id, "入社1か月目のため"})
		_, err := gate.Run(bg, w.G, sender, WatchedAdd, WatchedAddIn{id, "もう一度"})
		wants(t, err, fault.KindRefused, "dispatch.watched_twice")
		_, err = gate.Run(bg, w.G, sender, WatchedAdd, WatchedAddIn{"nobody", "登録のない人のため"})
		wants(t, err, fault.KindInvalid, "dispatch.watched_nobody")
		if w.send() != 0 {
			t.Fatal("sent alone")
		}
		w.state(late, Prepared)
		if c = check(first); c.Friction != Second || !w.finds(c, "watched", Caution).Second {
			t.Fatalf("%+v", c)
		}
		if c := w.check(w.good("INV-4")); c.Friction != Quiet {
			t.Fatal("a colleague", found(c.Findings))
		}
		gatetest.Must[Shown](t)(gate.Run(bg, w.G, newcomer, ConfirmOp, ConfirmIn{first.ID, c.Digest, all(c)}))
		err = w.release(newcomer, first, c)
		wants(t, err, fault.KindPending, "")
		shown := gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, approver, approval.Show, approval.ByID{ID: request(err)}))
		if !strings.Contains(shown.AfterIs, "必ず別の人の承認を受ける人です") {
			t.Fatal("the rule is not shown", shown.AfterIs)
		}
		// Two take the name off, and never the person themselves.
		_, err = gate.Run(bg, w.G, newcomer, WatchedEnd, WatchedEndIn{on.ID, "慣れました"})
		wants(t, err, fault.KindRefused, "dispatch.watched_own")
		agreed(w, WatchedEnd, WatchedEndIn{on.ID, "研修が終わったため"})
		_, err = gate.Run(bg, w.G, sender, WatchedEnd, WatchedEndIn{on.ID, "もう一度"})
		wants(t, err, fault.KindRefused, "dispatch.watched_ended")
		if c := check(w.good("INV-5")); c.Friction != Quiet {
			t.Fatal(found(c.Findings))
		}
		list := must(w, WatchedList, struct{}{})
		if len(list.Rows) != 1 || !list.Rows[0].Ended || list.Rows[0].Approver != "second" {
			t.Fatalf("%+v", list)
		}
	})
}
