package dispatch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/assure/record"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

// retire and thaw stand for the modules above that call them.
type retireIn struct {
	ID string            `json:"id"`
	As document.Standing `json:"as"`
}

var retire = gate.New(gate.Op[retireIn, plantOut]{Name: "above.retire", Mode: gate.Write,
	Target: func(*gate.Tx, retireIn) (gate.Target, error) { return gate.Target{Kind: "above", ID: "x"}, nil },
	Do: func(x *gate.Tx, in retireIn) (plantOut, error) {
		return plantOut{in.ID}, document.Retire(x, in.ID, in.As)
	}})

var thaw = gate.New(gate.Op[ByID, plantOut]{Name: "above.thaw", Mode: gate.Write,
	Alone:  func(in ByID) []string { return []string{SendingLock(in.ID)} },
	Target: func(*gate.Tx, ByID) (gate.Target, error) { return gate.Target{Kind: "above", ID: "x"}, nil },
	Do:     func(x *gate.Tx, in ByID) (plantOut, error) { return plantOut{in.ID}, Thaw(x, in.ID) }})

// eachAbove is each with the modules above.
func eachAbove(t *testing.T, f func(t *testing.T, w *world)) {
	d, err := New(Settings{From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := options(d)
	o.Modules = append(o.Modules, record.Module, gate.Module{Name: "above", Ops: []gate.Any{retire, thaw}})
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) { f(t, populate(t, d, g)) })
}

func (w *world) recall(s Shown) (Shown, error) {
	return gate.Run(bg, w.G, sender, RecallOp, RecallIn{ID: s.ID, Cause: "wrong_recipient", Reason: "宛先を取り違えました"})
}

func (w *world) near() NearOut {
	w.t.Helper()
	return must(w, NearMisses, NearIn{From: civil.MustParse("2026-01-01"), To: civil.MustParse("2027-12-31")})
}

func (w *world) counts() map[string]int64 {
	w.t.Helper()
	m := map[string]int64{}
	for _, c := range w.near().Counts {
		m[c.Cause] += c.Count
	}
	return m
}

// What counts no more is not sent as an invoice, whenever it came to count no
// more: at the check, after the confirmation, or with the mail already held.
func TestC28_WhatIsOutOfForceIsNotSent(t *testing.T) {
	eachAbove(t, func(t *testing.T, w *world) {
		for as, key := range map[document.Standing]string{document.Superseded: "superseded", document.Cancelled: "cancelled", document.Void: "void"} {
			doc := w.goodInvoice("INV-" + string(as))
			must(w, retire, retireIn{doc, as})
			_, err := gate.Run(bg, w.G, sender, retire, retireIn{doc, document.Void})
			wants(t, err, fault.KindRefused, "document.retired")
			s := w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
			if f := w.finds(w.check(s), key, Halt); !slices.Contains(f.Ways, WayEdit) {
				t.Fatalf("%+v", f)
			}
			s = w.prepare(func(in *PrepareIn) { in.Documents, in.Purpose = []string{doc}, ForNotice })
			if as == document.Void {
				w.finds(w.check(s), "void", Halt)
			} else if f := w.finds(w.check(s), key+"_copy", Caution); !f.Second {
				t.Fatalf("%+v", f)
			}
		}
		held, confirmed, asked := w.single("INV-1"), w.single("INV-2"), w.single("INV-3")
		w.hold(held)
		c := w.confirm(confirmed)
		_, request := w.ask(asked)
		for _, s := range []Shown{held, confirmed, asked} {
			must(w, retire, retireIn{s.Attachments[0].Document, document.Superseded})
		}
		_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: confirmed.ID, Digest: c.Digest})
		wants(t, err, fault.KindRefused, "dispatch.changed")
		wants(t, w.approve(request, approver), fault.KindRefused, "approval.void")
		w.send()
		if got := w.state(held, Prepared); len(w.trap.List()) != 0 || got.Reason != "dispatch.voided" {
			t.Fatalf("%+v", got)
		}
		w.finds(w.check(held), "superseded", Halt)
		if r := must(w, approval.Show, approval.ByID{ID: request}); r.State == approval.Approved {
			t.Fatal("approved")
		}
	})
}

// The mail server gets the bytes only after the mark that they were given out.
func TestSM09_SendingMarksWhatItGivesOut(t *testing.T) {
	eachAbove(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		given := func() document.Document {
			return must(w, document.Show, document.ByID{ID: s.Attachments[0].Document})
		}
		w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451})
		w.send()
		if d := given(); d.GivenHow != document.Never {
			t.Fatalf("nothing left: %+v", d)
		}
		w.trap.Break(trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: true})
		w.Clock.Pass(time.Hour)
		w.send()
		w.state(s, Unknown)
		if d := given(); d.GivenHow != "dispatch.mark" || d.GivenAt.IsZero() {
			t.Fatalf("%+v", d)
		}
	})
}

func TestSM36_RecallAfterTheHold(t *testing.T) {
	eachAbove(t, func(t *testing.T, w *world) {
		s := w.good("INV-1") // to one, cc another
		if _, err := w.recall(s); err == nil {
			t.Fatal("nothing has left")
		} else {
			wants(t, err, fault.KindRefused, "dispatch.not_left")
		}
		w.hold(s)
		w.Clock.Pass(DefaultHold + time.Second)
		due, err := gate.Run(bg, w.G, server, Due, DueIn{})
		if err != nil {
			t.Fatal(err)
		}
		j, err := gate.Run(bg, w.G, server, ClaimOp, ClaimIn{due.Items[0].Item, s.ID, "node1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := newShift(w.worker).send(bg, j); err != nil {
			t.Fatal(err)
		}
		got, err := w.recall(s)
		if err != nil {
			t.Fatal(err)
		}
		states := []State{got.Recipients[0].State, got.Recipients[1].State}
		if slices.Sort(states); !slices.Equal(states, []State{Cancelled, Recalled}) || got.State != Recalled || len(w.trap.List()) != 1 {
			t.Fatalf("%+v", got)
		}
		w.Clock.Pass(100 * time.Hour)
		if w.send() != 0 || len(w.trap.List()) != 1 {
			t.Fatal("the rest was sent after the recall")
		}
		// Neither the document nor its bytes under another name go out again.
		doc := s.Attachments[0].Document
		again := w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
		w.finds(w.check(again), "frozen_file", Halt)
		raw := page(t, "請求書 INV-1", "株式会社東北機械製作所 御中", "ご請求金額 ¥118,800", "北斗サプライ株式会社 登録番号 T1234567890123")
		copied := w.invoice(w.tohoku, "INV-1b", 118_800, raw)
		again = w.prepare(func(in *PrepareIn) { in.Documents = []string{copied} })
		w.finds(w.check(again), "frozen_file", Halt)
		// Pressed again it is the same event; decided, the document is free again.
		if _, err := w.recall(s); err != nil {
			t.Fatal(err)
		}
		if n := w.counts()["dispatch.near.recall_wrong_recipient"]; n != 1 {
			t.Fatal(n)
		}
		must(w, thaw, ByID{s.ID})
		for _, f := range w.check(again).Findings {
			if strings.Contains(f.Key, "frozen") {
				t.Fatalf("%+v", f)
			}
		}
		if _, err := w.recall(s); err != nil { // a second report freezes it anew
			t.Fatal(err)
		}
		w.finds(w.check(again), "frozen_file", Halt)
	})
}

// Whatever a recipient's state is at the press, nothing of the package leaves
// after it, and what nobody knows stays to be resolved.
func TestSM36_RecallInEveryState(t *testing.T) {
	eachAbove(t, func(t *testing.T, w *world) {
		held := w.single("INV-1")
		w.hold(held)
		if got, err := w.recall(held); err != nil || got.State != Cancelled {
			t.Fatal(got.State, err)
		}
		claimed := w.single("INV-2")
		w.hold(claimed)
		j := w.claim()
		if got, err := w.recall(claimed); err != nil || got.Recipients[0].State != Claimed {
			t.Fatal(got.Recipients, err)
		}
		wants(t, w.mark(j), fault.KindRefused, "dispatch.changed") // the dot never goes out
		_, err := gate.Run(bg, w.G, sender, thaw, ByID{claimed.ID})
		wants(t, err, fault.KindRefused, "dispatch.undecided")
		if err := newShift(w.worker).send(bg, j); err != nil {
			t.Fatal(err)
		}
		w.Clock.Pass(time.Hour)
		w.send()
		if len(w.trap.List()) != 0 {
			t.Fatal("sent after the recall")
		}
		must(w, thaw, ByID{claimed.ID})
		w.state(claimed, Cancelled, Cancelled)

		lost := w.single("INV-3")
		w.hold(lost)
		w.trap.Break(trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: true})
		w.send()
		w.trap.Break(trap.Fault{})
		if got, err := w.recall(lost); err != nil || got.State != Unknown {
			t.Fatal(got.State, err)
		}
		_, err = gate.Run(bg, w.G, sender, thaw, ByID{lost.ID})
		wants(t, err, fault.KindRefused, "dispatch.undecided")
		must(w, Resolve, ResolveIn{Package: lost.ID, Item: lost.Recipients[0].ID, As: Handed, Evidence: "先方の受信を電話で確認", Reason: "電話で確認したため"})
		w.state(lost, Handed)
		must(w, thaw, ByID{lost.ID})
		w.state(lost, Recalled, Recalled)

		cancelled := w.single("INV-4")
		w.hold(cancelled)
		must(w, CancelOp, CancelIn{cancelled.ID, "宛先の誤り"})
		_, err = w.recall(cancelled)
		wants(t, err, fault.KindRefused, "dispatch.not_left")
		_, err = gate.Run(bg, w.G, sender, RecallOp, RecallIn{ID: lost.ID, Cause: "weather", Reason: "宛先の誤り"})
		wants(t, err, fault.KindInvalid, "gate.enum")
		_, err = gate.Run(bg, w.G, sender, RecallOp, RecallIn{ID: lost.ID, Cause: "other", Reason: " "})
		wants(t, err, fault.KindInvalid, "")
	})
}

// Five stops of three kinds are five in three kinds, as often as one looks again,
// and the log tells the same.
func TestSM40_NearMissesEqualTheRecords(t *testing.T) {
	eachAbove(t, func(t *testing.T, w *world) {
		to := func(address string) func(*PrepareIn) {
			return func(in *PrepareIn) {
				in.Body, in.Recipients = "お知らせします。", []Proposal{{To, address}}
			}
		}
		other := w.invoice(w.akat, "INV-9", 1000, page(t, "請求書 INV-9", "有限会社あかつき運輸 御中", "¥1,000"))
		blocked := []Shown{
			w.prepare(to("keiri@tohoku-kikal.co.jp")), w.prepare(to("keiri@tohoku-kikai.co.jq")),
			w.prepare(to("info@akatsuki-unyu.co.jp")), w.prepare(to("info@akatsuki-unyu.co.jp")),
			w.prepare(func(in *PrepareIn) {
				in.Documents, in.Body, in.Recipients = []string{other}, "お知らせします。", in.Recipients[:1]
			}),
		}
		want := map[string]int64{"dispatch.found.near_registered": 2, "dispatch.found.two_partners": 2, "dispatch.found.file_of_other": 1}
		for range 5 {
			for _, s := range blocked {
				if c := w.check(s); c.State != Stopped {
					t.Fatalf("%+v", c)
				}
			}
		}
		got := w.counts()
		for _, extra := range []string{"dispatch.found.foreign_name", "dispatch.found.foreign_number"} { // of the same file
			delete(got, extra)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v, want %v", got, want)
		}
		// Five sendings were stopped, however many reasons each had; only the last has
		// a document with an amount.
		if all := must(w, NearMisses, NearIn{From: civil.MustParse("2026-01-01"), To: civil.MustParse("2027-12-31")}); all.Packages != 5 || all.Companies != 1 || all.Amount != w.claims(blocked) || all.Own {
			t.Fatalf("%d packages, %d companies, %d yen", all.Packages, all.Companies, all.Amount)
		}
		// Mended and stopped for the same reason again, it is another event.
		must(w, w.d.Edit, EditIn{ID: blocked[0].ID, Version: w.show(blocked[0]).Version, Subject: "お知らせ", Body: "お知らせいたします。"})
		w.check(blocked[0])
		held, asked := w.single("INV-1"), w.single("INV-2")
		w.hold(held)
		must(w, CancelOp, CancelIn{held.ID, "宛先の誤り"})
		_, request := w.ask(asked)
		if _, err := gate.Run(bg, w.G, approver, approval.Reject, approval.RejectIn{ID: request, Reason: "金額が違います"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{}); err != nil {
				t.Fatal(err)
			}
		}
		unheld := w.single("INV-3")
		must(w, CancelOp, CancelIn{unheld.ID, "やめました"}) // nothing was about to leave
		got = w.counts()
		if got["dispatch.found.near_registered"] != 3 || got["dispatch.near.cancelled"] != 1 || got["dispatch.near.rejected"] != 1 {
			t.Fatalf("%v", got)
		}
		w.equalsTheLog(w.near())
	})
}

// equalsTheLog reads the log as an auditor does: the rows its records say were
// written are the events, one for one.
func (w *world) equalsTheLog(n NearOut) {
	w.t.Helper()
	if err := w.G.Seal(bg); err != nil {
		w.t.Fatal(err)
	}
	logged := map[string]string{} // event → record
	for _, op := range []string{"dispatch.check", "dispatch.cancel", "dispatch.recover", "dispatch.recall"} {
		lines := must(w, record.Search, record.Query{Op: op, Outcome: "ok", Limit: 200})
		for _, l := range lines.Records {
			var facts struct {
				Changes []struct {
					Table, ID string
				} `json:"changes"`
			}
			d := must(w, record.Show, record.Leaf{Leaf: l.Leaf})
			if d.Facts == "" {
				continue
			}
			if err := json.Unmarshal([]byte(d.Facts), &facts); err != nil {
				w.t.Fatal(err)
			}
			for _, c := range facts.Changes {
				if c.Table == "dispatch_near" {
					logged[c.ID] = l.ID
				}
			}
		}
	}
	if int64(len(logged)) != n.Total || len(n.Events) != len(logged) || n.Total == 0 {
		w.t.Fatalf("%d events, %d in the log", n.Total, len(logged))
	}
	for _, e := range n.Events {
		if logged[e.ID] != e.RecordID {
			w.t.Fatalf("%s: record %s, the log says %s", e.ID, e.RecordID, logged[e.ID])
		}
	}
}

// claims is what the documents of some sendings claim together.
func (w *world) claims(list []Shown) (sum money.Yen) {
	for _, s := range list {
		for _, f := range s.Attachments {
			sum += f.Amount
		}
	}
	return sum
}

func TestNearMissesOfSomeDays(t *testing.T) {
	eachAbove(t, func(t *testing.T, w *world) {
		w.check(w.prepare(func(in *PrepareIn) {
			in.Body, in.Recipients = "お知らせします。", []Proposal{{To, "x@example.com"}}
		}))
		w.Clock.Pass(38 * 24 * time.Hour)
		w.check(w.prepare(func(in *PrepareIn) {
			in.Body, in.Recipients = "お知らせします。", []Proposal{{To, "x@example.com"}}
		}))
		all := w.near()
		if len(all.Counts) != 2 || all.Counts[0].Month != "2026-11" || all.Counts[1].Month != "2027-01" || all.Total != 2 || all.Events[0].Day != civil.MustParse("2027-01-01") {
			t.Fatalf("%+v", all)
		}
		one := must(w, NearMisses, NearIn{From: civil.MustParse("2026-11-24"), To: civil.MustParse("2026-11-24")})
		if one.Total != 1 || len(one.Events) != 1 || one.Events[0].Kind != NearStop {
			t.Fatalf("%+v", one)
		}
		_, err := gate.Run(bg, w.G, sender, NearMisses, NearIn{From: civil.MustParse("2026-11-24"), To: civil.MustParse("2026-11-23")})
		wants(t, err, fault.KindInvalid, "dispatch.near.range")
	})
}
