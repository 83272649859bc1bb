package paper_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/paper"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// Two partners' invoices go by post: one run, each sheet with its code, another's
// sheet stops, a missing or doubled one is named, and posting takes a second person.
func TestA37_C42_APrintRunFromApprovalToPost(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		doc := w.bill(w.tohoku, "INV-1", 2, "application/pdf")
		one := w.prepare(w.tohoku, "post", w.post[0].Line, doc)
		two := w.prepare(w.akat, "post", "〒060-0042　北海道札幌市中央区大通西５－６ 有限会社あかつき運輸 赤月一郎様", w.bill(w.akat, "INV-2", 1, "application/pdf"))
		refused(w, boss, "paper.nothing_due", paper.RunMake, paper.WaitingIn{Channel: "post"})
		w.release(one)
		w.release(two)
		if n, _, err := w.worker.Once(bg); err != nil || n != 0 {
			t.Fatal("a worker took a letter: ", n, err)
		}
		r := w.made("post")
		if r.State != paper.Ready || r.Envelopes != 2 || r.Sheets != 5 || r.List[0].Party != w.akat.ID || r.List[0].Sheets != 2 || r.List[1].Sheets != 3 {
			t.Fatalf("%+v", r)
		}
		if w.state(one) != dispatch.Claimed {
			t.Fatal(w.state(one))
		}
		refused(w, boss, "paper.nothing_due", paper.RunMake, paper.WaitingIn{Channel: "post"})
		texts, codes := w.printed(r.ID)
		if len(texts) != 5 || !strings.Contains(texts[0], "060-0042") || !strings.Contains(texts[0], "赤月 一郎 様") || !strings.Contains(texts[0], "送付状") ||
			!strings.Contains(texts[1], "INV-2") || !strings.Contains(texts[2], "経理部 御中") || !strings.Contains(texts[4], "INV-1") || !strings.Contains(texts[4], "3/3") {
			t.Fatalf("%q", texts)
		}
		if _, err := run(w, boss, dispatch.CancelOp, dispatch.CancelIn{ID: one.ID}); err == nil {
			t.Error("cancelled in the print run")
		}
		e := r.List[1]
		own := codes[2:]
		try := func(key string, list ...string) {
			t.Helper()
			refused(w, boss, key, paper.Enclose, paper.EncloseIn{ID: e.ID, Codes: list})
		}
		try("paper.sheet_missing", own[:2]...)
		try("paper.sheet_doubled", own[0], own[1], own[1])
		try("paper.sheet_foreign", own[0], own[1], own[2], codes[0])
		try("paper.sheet_unknown", own[0], own[1], own[2], "AAAA-AAAA")
		try("paper.no_code", own[0], own[1], own[2], "scan")
		refused(w, second, "paper.envelope_state", paper.PostOp, paper.ByID{ID: e.ID})
		near := must(w, boss, dispatch.NearMisses, dispatch.NearIn{From: civil.MustParse("2020-01-01"), To: civil.MustParse("2030-12-31")})
		if !bytes.Contains([]byte(strings.Join(causes(near), " ")), []byte("dispatch.near.sheet")) {
			t.Errorf("%+v", near)
		}
		got := must(w, boss, paper.Enclose, paper.EncloseIn{ID: e.ID, Codes: []string{strings.ToLower(own[2]), strings.ReplaceAll(own[0], "-", ""), " " + own[1] + " "}})
		if got.State != paper.Closed || got.ClosedBy == "" {
			t.Fatalf("%+v", got)
		}
		refused(w, boss, "paper.same_person", paper.PostOp, paper.ByID{ID: e.ID})
		if got = must(w, second, paper.PostOp, paper.ByID{ID: e.ID}); got.State != paper.Posted || got.PostedBy == got.ClosedBy {
			t.Fatalf("%+v", got)
		}
		i := must(w, boss, dispatch.Show, dispatch.ByID{ID: one.ID}).Recipients[0]
		if i.State != dispatch.Handed || i.Bytes != r.PDF || !strings.Contains(i.Evidence, got.ClosedBy) || !strings.Contains(i.Evidence, got.PostedBy) || i.Relay != "post" {
			t.Fatalf("%+v", i)
		}
		refused(w, second, "paper.envelope_state", paper.PostOp, paper.ByID{ID: e.ID})
		if w.state(two) != dispatch.Claimed {
			t.Error(w.state(two))
		}
	})
}

func causes(n dispatch.NearOut) (out []string) {
	for _, c := range n.Events {
		out = append(out, c.Cause)
	}
	return out
}

// What changes between printing and posting keeps the envelope here; taken out, it
// waits again, its old sheets are void, and it can be cancelled.
func TestA37_SM42_WhatChangesAfterPrintingStaysHere(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		s := w.prepare(w.tohoku, "post", w.post[0].Line, w.bill(w.tohoku, "INV-1", 1, "application/pdf"))
		w.release(s)
		r := w.made("post")
		_, codes := w.printed(r.ID)
		e := r.List[0]
		must(w, boss, dispatch.StopAll, dispatch.StopIn{Reason: "確認のため"})
		refused(w, boss, "dispatch.stopped_all", paper.Enclose, paper.EncloseIn{ID: e.ID, Codes: codes})
		agreed(w, dispatch.StartAll, dispatch.StopIn{Reason: "確認できた"})
		must(w, boss, dispatch.Recover, dispatch.RecoverIn{Holder: "node1"})
		if w.state(s) != dispatch.Claimed {
			t.Fatal("a starting node took the envelope back: ", w.state(s))
		}
		must(w, boss, paper.Enclose, paper.EncloseIn{ID: e.ID, Codes: codes})
		must(w, boss, party.PaperRetire, party.RetireIn{ID: w.post[0].ID, Reason: "移転した"})
		refused(w, second, "dispatch.changed", paper.PostOp, paper.ByID{ID: e.ID})
		refused(w, boss, "gate.reason", paper.TakeOut, paper.TakeOutIn{ID: e.ID})
		must(w, boss, paper.TakeOut, paper.TakeOutIn{ID: e.ID, Reason: "住所が変わった"})
		if w.state(s) != dispatch.Held || must(w, boss, paper.Show, paper.ByID{ID: r.ID}).State != paper.Done {
			t.Fatal(w.state(s))
		}
		refused(w, boss, "paper.envelope_state", paper.Enclose, paper.EncloseIn{ID: e.ID, Codes: codes})
		refused(w, boss, "paper.all_changed", paper.RunMake, paper.WaitingIn{Channel: "post"})
		if w.state(s) != dispatch.Prepared {
			t.Fatal(w.state(s))
		}
		must(w, boss, dispatch.CancelOp, dispatch.CancelIn{ID: s.ID})
	})
}

// Sheets of an earlier run are no sheets of the next.
func TestA37_SheetsOfAnEarlierRunAreVoid(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		s := w.prepare(w.tohoku, "post", w.post[0].Line, w.bill(w.tohoku, "INV-1", 1, "application/pdf"))
		w.release(s)
		r := w.made("post")
		_, old := w.printed(r.ID)
		must(w, boss, paper.TakeOut, paper.TakeOutIn{ID: r.List[0].ID, Reason: "紙詰まり"})
		r = w.made("post")
		_, codes := w.printed(r.ID)
		refused(w, boss, "paper.sheet_other", paper.Enclose, paper.EncloseIn{ID: r.List[0].ID, Codes: []string{codes[0], old[1]}})
		must(w, boss, paper.Enclose, paper.EncloseIn{ID: r.List[0].ID, Codes: codes})
	})
}

// The same gate: only verified addresses of this partner, only what can be printed.
func TestSM31_SM32_M22_PaperIsCheckedLikeAMail(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		doc := w.bill(w.tohoku, "INV-1", 1, "application/pdf")
		w.stops(w.prepare(w.tohoku, "post", "〒980-0811 宮城県仙台市青葉区一番町1-2-4 株式会社東北機械製作所 経理部 御中", doc), "dispatch.found.not_registered")
		w.stops(w.prepare(w.tohoku, "post", w.post[1].Line, doc), "dispatch.found.two_partners")
		w.stops(w.prepare(w.tohoku, "fax", "022-111-9999", doc), "dispatch.found.not_registered")
		w.stops(w.prepare(w.tohoku, "fax", "なし", doc), "dispatch.found.no_address")
		w.stops(w.prepare(w.tohoku, "post", w.post[0].Line, w.bill(w.akat, "INV-2", 1, "application/pdf")), "dispatch.found.file_of_other")
		w.stops(w.prepare(w.tohoku, "post", w.post[0].Line, w.bill(w.tohoku, "INV-3", 1, "text/csv")), "dispatch.found.not_printable")
		pending := must(w, boss, party.PaperPropose, party.PaperIn{Party: w.tohoku.ID, Channel: "post", PostalCode: "980-0812", Address: "宮城県仙台市青葉区片平2-1"})
		w.stops(w.prepare(w.tohoku, "post", pending.Line, doc), "dispatch.found.not_verified")
		refused(w, boss, "dispatch.paper_of_nothing", w.d.Prepare, dispatch.PrepareIn{Party: w.tohoku.ID, Channel: "post", Subject: "件名", Body: "本文",
			Purpose: dispatch.ForNotice, Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.post[0].Line}}})
		wrong := w.prepare(w.tohoku, "post", "仙台市", doc)
		taken := must(w, boss, w.d.TakeRegistered, dispatch.TakeIn{ID: wrong.ID, Item: wrong.Recipients[0].ID, Point: w.post[0].ID})
		if taken.Recipients[0].Proposed != w.post[0].Line {
			t.Errorf("%+v", taken.Recipients)
		}
		refused(w, boss, "fault.not_found", w.d.TakeRegistered, dispatch.TakeIn{ID: wrong.ID, Item: wrong.Recipients[0].ID, Point: w.post[1].ID})
	})
}

// A FAX number is what somebody said who was called under a number that was known.
func TestA37_FAXIsCalledBackAndDialledTwice(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		p := must(w, boss, party.PaperPropose, party.PaperIn{Party: w.tohoku.ID, Channel: "fax", Number: "022-111-9999"})
		in := party.PaperVerifyIn{ID: p.ID, Version: p.Version, How: "phone", Called: "022-111-2222", Number: "0221119999", Reason: "経理の方に確認"}
		for _, c := range []struct {
			key    string
			change func(*party.PaperVerifyIn)
		}{
			{"party.fax_how", func(i *party.PaperVerifyIn) { i.How = "letter" }},
			{"party.fax_heard", func(i *party.PaperVerifyIn) { i.Number = "022-111-9998" }},
			{"party.fax_called", func(i *party.PaperVerifyIn) { i.Called = "022-111-9999" }},
			{"party.fax_called", func(i *party.PaperVerifyIn) { i.Called = "090-1234-5678" }},
			{"jp.bad_phone", func(i *party.PaperVerifyIn) { i.Called = "電話" }},
			{"gate.reason", func(i *party.PaperVerifyIn) { i.Reason = "" }},
		} {
			bad := in
			c.change(&bad)
			refused(w, boss, c.key, party.PaperVerify, bad)
		}
		agreed(w, party.PaperVerify, in)
		s := w.prepare(w.tohoku, "fax", "022 111 9999", w.bill(w.tohoku, "INV-1", 1, "application/pdf"))
		w.release(s)
		r := w.made("fax")
		if texts, _ := w.printed(r.ID); !strings.Contains(texts[0], "FAX 022-111-9999") {
			t.Errorf("%q", texts[0])
		}
		e := r.List[0]
		refused(w, boss, "paper.not_enclosed", paper.Enclose, paper.EncloseIn{ID: e.ID, Codes: []string{"x"}})
		refused(w, boss, "paper.number_other", paper.Dial, paper.DialIn{ID: e.ID, Number: "022-111-9998"})
		must(w, boss, paper.Dial, paper.DialIn{ID: e.ID, Number: "0221119999"})
		refused(w, boss, "paper.same_person", paper.PostOp, paper.ByID{ID: e.ID})
		must(w, second, paper.PostOp, paper.ByID{ID: e.ID})
		if w.state(s) != dispatch.Handed {
			t.Error(w.state(s))
		}
	})
}

// Where a mail-to-FAX relay is set, a FAX is a mail to number@relay, and the relay
// is part of what was approved.
func TestA37_FAXByARelayGoesAsAMail(t *testing.T) {
	each(t, dispatch.Settings{FaxRelay: "fax.example.net"}, func(t *testing.T, w *world) {
		p := must(w, boss, party.PaperPropose, party.PaperIn{Party: w.tohoku.ID, Channel: "fax", Number: "022-111-9999"})
		agreed(w, party.PaperVerify, party.PaperVerifyIn{ID: p.ID, Version: p.Version, How: "phone", Called: "022-111-2222", Number: "0221119999", Reason: "経理の方に電話で確認"})
		s := w.prepare(w.tohoku, "fax", "022-111-9999", w.bill(w.tohoku, "INV-1", 1, "application/pdf"))
		w.release(s)
		if n, _, err := w.worker.Once(bg); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if got := w.state(s); got != dispatch.Handed {
			t.Fatal(got)
		}
		to, err := exec.Command("grep", "-rhiE", "^(To|X-.*To|Rcpt).*0221119999@fax.example.net", w.mails).Output()
		if err != nil || len(to) == 0 {
			t.Errorf("not to the relay: %q %v", to, err)
		}
		if list := must(w, boss, paper.Waiting, paper.WaitingIn{Channel: "fax"}); len(list.Rows) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

func TestA37_AddressesAreRead(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		for _, c := range []struct {
			key string
			in  party.PaperIn
		}{
			{"jp.bad_postal_code", party.PaperIn{Channel: "post", PostalCode: "980", Address: "仙台市"}},
			{"party.postal_address", party.PaperIn{Channel: "post", PostalCode: "980-0811"}},
			{"party.postal_number", party.PaperIn{Channel: "post", PostalCode: "980-0811", Address: "仙台市", Number: "022-111-2222"}},
			{"party.postal_long", party.PaperIn{Channel: "post", PostalCode: "980-0811", Address: strings.Repeat("町", 70), Building: strings.Repeat("棟", 30)}},
			{"party.fax_address", party.PaperIn{Channel: "fax", Number: "022-111-9999", Address: "仙台市"}},
			{"jp.bad_phone", party.PaperIn{Channel: "fax", Number: "999"}},
			{"party.point_exists", party.PaperIn{Channel: "post", PostalCode: "980-0811", Address: "宮城県仙台市青葉区一番町1-2-3", Building: "東北ビル4階", Section: "経理部"}},
		} {
			c.in.Party = w.tohoku.ID
			refused(w, boss, c.key, party.PaperPropose, c.in)
		}
		refused(w, boss, "paper.layout_range", paper.LayoutSet, paper.LayoutIn{Left: 3, Top: 20})
		must(w, boss, paper.LayoutSet, paper.LayoutIn{Left: 25, Top: 18})
		if l := must(w, boss, paper.LayoutShow, struct{}{}); l.Left != 25 || l.Top != 18 {
			t.Errorf("%+v", l)
		}
		if f := must(w, boss, paper.TestPage, struct{}{}); !bytes.HasPrefix(f.Content, []byte("%PDF")) {
			t.Error("no PDF")
		}
		if _, err := run(w, boss, paper.Show, paper.ByID{ID: "none"}); !fault.Is(err, fault.KindNotFound) {
			t.Error(err)
		}
	})
}
