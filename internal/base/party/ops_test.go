package party_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

func TestC24_RegisterReadBack(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		made := do(w, "sato", party.Create, party.CreateIn{Code: "００４２", Name: "株式会社髙橋商店", Kana: "たかはしショウテン", RegistrationNumber: "T7000012050002",
			CorporateNumber: "7000012050002", PostalCode: "1000001", Address: "東京都千代田区千代田1-1", Phone: "03-1234-5678", Terms: monthEnd, Department: "east"})
		s := do(w, "sato", party.ShowOp, party.ByID{ID: made.ID})
		p := s.Party
		if p.Code != "0042" || p.Name != "株式会社髙橋商店" || p.Kana != "タカハシショウテン" || p.Honorific != "御中" || p.Terms != monthEnd ||
			p.Owner != "sato" || p.State != party.Active || p.PostalCode != "100-0001" || p.Version != 1 || len(s.Warnings)+len(s.Points)+len(s.Pending) != 0 {
			t.Fatalf("%+v", p)
		}
		j, err := w.G.JSON(bg, as("keiri"), "party.show", []byte(`{"id":"`+made.ID+`"}`))
		if err != nil || !strings.Contains(string(j), `"code":"0042"`) || !strings.Contains(string(j), "髙橋") {
			t.Fatal(string(j), err)
		}
		fails(w, "keiri", party.Create, party.CreateIn{Code: "0042", Name: "別の会社", Terms: monthEnd}, fault.KindRefused, "party.code_taken")
		do(w, "keiri", party.Create, party.CreateIn{Code: "42", Name: "別の会社", Terms: monthEnd})
	})
}

func TestC24_BadInputChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		before := toJSON(w.shown(p.ID))
		for body, op := range map[string]string{
			`{"code":"2","name":"x","Name":"y"}`:                                              "party.create",
			`{"code":"2","name":"x","terms":"月末"}`:                                            "party.create",
			`{"code":"2","name":"a` + "\\u202e" + `b","terms":{}}`:                            "party.create",
			`{"code":"2","name":"` + strings.Repeat("あ", 201) + `"}`:                          "party.create",
			`{"code":"2","name":"x","name":"y"}`:                                              "party.create",
			`{"code":"2","name":"x\r\nBcc: y"}`:                                               "party.create",
			`{"party":"` + p.ID + `","address":"a@b.co.jp\r\nBcc: x@y.jp"}`:                   "party.point_propose",
			`{"party":"` + p.ID + `","address":"a` + "\\u200b" + `@b.co.jp"}`:                 "party.point_propose",
			`{"party":"` + p.ID + `","address":"Yamada <a@b.co.jp>"}`:                         "party.point_propose",
			`{"party":"` + p.ID + `","address":"а@pаypal.com"}`:                               "party.point_propose",
			`{"party":"` + p.ID + `","address":"a@b.co.jp","max_class":"secret"}`:             "party.point_propose",
			`{"party":"` + p.ID + `","address":"a@b.co.jp","replaces":"nothing"}`:             "party.point_propose",
			`{"party":"` + p.ID + `","address":"a@b.co.jp","contact":"nobody"}`:               "party.point_propose",
			`{"party":"` + p.ID + `","name":"","mail":"x"}`:                                   "party.contact_add",
			`{"party":"` + p.ID + `","name":"山田","mail":"x@y"}`:                               "party.contact_add",
			`{"id":"` + p.ID + `","version":1,"clear":["name"],"reason":"消します"}`:              "party.update",
			`{"id":"` + p.ID + `","version":1}`:                                               "party.update",
			`{"id":"` + p.ID + `","version":1,"name":"` + p.Name + `"}`:                       "party.update",
			`{"id":"` + p.ID + `","state":"active","reason":"四文字以上"}`:                         "party.suspend",
			`{"id":"` + p.ID + `","state":"left","reason":"短"}`:                               "party.suspend",
			`{"party":"` + p.ID + `","kind":"maker","reason":"四文字以上"}`:                        "party.relation_add",
			`{"party":"` + p.ID + `","kind":"group","reason":"四文字以上"}`:                        "party.relation_add",
			`{"party":"` + p.ID + `","kind":"group","other":"` + p.ID + `","reason":"四文字以上"}`: "party.relation_add",
			`{"code_prefix":"%"}`: "party.list",
			`{"after":"@@"}`:      "party.list",
		} {
			_, err := w.G.JSON(bg, as("keiri"), op, []byte(body))
			f := fault.Of(err)
			if err == nil || f.Kind != fault.KindInvalid {
				t.Errorf("%s %s: %v", op, body, err)
				continue
			}
			for _, q := range append([]*fault.Error{f}, f.Parts...) {
				if s := text.Fault(text.JA, q); s == "" || strings.Contains(s, q.Key) {
					t.Errorf("%s: no sentence for %s: %q", op, q.Key, s)
				}
			}
		}
		if after := toJSON(w.shown(p.ID)); after != before {
			t.Fatal(before, after)
		}
	})
}

func TestSM43_ChangeOfAddressNeedsSecondPerson(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		in := party.UpdateIn{ID: p.ID, Version: 1, Address: "大阪府大阪市北区1-1", PostalCode: "530-0001", Reason: "移転の連絡があった"}
		req := ask(w, "sato", party.Update, in)
		s := w.shown(p.ID)
		if s.Party.Address != p.Address || s.Party.Version != 1 {
			t.Fatal("the old address stays in force", s.Party)
		}
		if len(s.Pending) != 1 || s.Pending[0].Request != req || s.Pending[0].Requester != "sato" || !slices.ContainsFunc(s.Pending[0].Changes, func(c approval.Change) bool {
			return c.Field == "address" && c.Before == p.Address && c.After == in.Address
		}) {
			t.Fatalf("%+v", s.Pending)
		}
		if _, err := gate.Run(bg, w.G, as("sato"), approval.Approve, approval.ApproveIn{ID: req, Digest: "x"}); err == nil {
			t.Fatal("its own requester approved")
		}
		w.approve("east", req)
		s = w.shown(p.ID)
		if s.Party.Address != in.Address || s.Party.PostalCode != "530-0001" || s.Party.Name != p.Name || len(s.Pending) != 0 {
			t.Fatalf("%+v", s)
		}
		fails(w, "sato", party.Update, in, fault.KindConflict, "gate.conflict")
		fails(w, "west", party.ShowOp, party.ByID{ID: p.ID}, fault.KindNotFound, "")
	})
}

func TestSM43_WhoeverMayAndMayNotApprove(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		req := ask(w, "sato", party.Update, party.UpdateIn{ID: p.ID, Version: 1, Phone: "03-9999-9999"})
		for _, who := range []string{"suzuki", "clara", "root", "west", "audit"} {
			if _, err := gate.Run(bg, w.G, as(who), approval.Show, approval.ByID{ID: req}); err == nil {
				s, _ := gate.Run(bg, w.G, as(who), approval.Show, approval.ByID{ID: req})
				if s.MayDecide || s.AfterIs != "" {
					t.Fatal(who, s)
				}
				if _, err := gate.Run(bg, w.G, as(who), approval.Approve, approval.ApproveIn{ID: req, Digest: s.Digest}); err == nil {
					t.Fatal(who, "approved")
				}
			}
		}
		w.approve("witness", req)
		if got := w.shown(p.ID).Party.Phone; got != "03-9999-9999" {
			t.Fatal(got)
		}
		// What is harmless changes at once, and says so in the record.
		q := do(w, "sato", party.Update, party.UpdateIn{ID: p.ID, Version: 2, Kana: "アオバ", Honorific: "様"})
		if q.Kana != "アオバ" || q.Honorific != "様" || q.Version != 3 {
			t.Fatal(q)
		}
		// A harmless change in between voids what was asked for.
		req = ask(w, "sato", party.Update, party.UpdateIn{ID: p.ID, Version: 3, Name: "青葉ホールディングス株式会社"})
		do(w, "sato", party.Update, party.UpdateIn{ID: p.ID, Version: 3, Clear: []string{"kana"}})
		w.refuses("east", req, "approval.void")
		if s := w.shown(p.ID).Party; s.Name != p.Name || s.Kana != "" {
			t.Fatal(s)
		}
	})
}

func TestSM01_HistoryTellsWhoChangedAndWhoAgreed(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		agreed(w, "sato", "east", party.Update, party.UpdateIn{ID: p.ID, Version: 1, Address: "大阪府大阪市北区1-1"})
		c := do(w, "sato", party.ContactAdd, party.ContactIn{Party: p.ID, Name: "山田花子", Phone: "090-1234-5678"})
		do(w, "east", party.Assign, party.AssignIn{ID: p.ID, Person: "suzuki"})
		do(w, "east", party.Unassign, party.AssignIn{ID: p.ID, Person: "suzuki"})
		w.shown(p.ID)
		if err := w.G.Seal(bg); err != nil {
			t.Fatal(err)
		}
		h := do(w, "keiri", party.History, party.HistoryIn{ID: p.ID})
		var ops []string
		for _, e := range h.Rows {
			ops = append(ops, e.Op+" "+string(e.Outcome)+" "+e.Person+" "+e.ApprovedBy)
		}
		want := []string{"party.unassign ok east ", "party.assign ok east ", "party.contact_add ok sato ", "party.update ok sato east", "party.update pending sato ", "party.create ok keiri "}
		if !slices.Equal(ops, want) || h.Next != 0 {
			t.Fatalf("%q", ops)
		}
		has := func(i int, c approval.Change) {
			t.Helper()
			if !slices.Contains(h.Rows[i].Changes, c) {
				t.Fatalf("%+v", h.Rows[i])
			}
		}
		has(0, approval.Change{Field: "gate_assignment.person", Before: "suzuki"})
		has(1, approval.Change{Field: "gate_assignment.person", After: "suzuki"})
		has(2, approval.Change{Field: "party_contact.name", After: c.Name})
		has(3, approval.Change{Field: "party.address", Before: p.Address, After: "大阪府大阪市北区1-1"})
		has(5, approval.Change{Field: "party.code", After: "1"})
		first := do(w, "keiri", party.History, party.HistoryIn{ID: p.ID, Limit: 2})
		rest := do(w, "keiri", party.History, party.HistoryIn{ID: p.ID, Before: first.Next})
		if first.Next == 0 || len(first.Rows)+len(rest.Rows) != len(h.Rows) {
			t.Fatal(len(first.Rows), len(rest.Rows))
		}
		fails(w, "root", party.History, party.HistoryIn{ID: p.ID}, fault.KindDenied, "")
	})
}

func TestSuspendAndResume(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		fails(w, "sato", party.Suspend, party.SuspendIn{ID: p.ID, State: party.Suspended, Reason: "支払いが遅れている"}, fault.KindDenied, "")
		fails(w, "keiri", party.Resume, party.ResumeIn{ID: p.ID, Reason: "入金を確認した"}, fault.KindRefused, "party.same_state")
		do(w, "clara", party.Suspend, party.SuspendIn{ID: p.ID, State: party.Suspended, Reason: "支払いが遅れている"})
		fails(w, "clara", party.Suspend, party.SuspendIn{ID: p.ID, State: party.Suspended, Reason: "支払いが遅れている"}, fault.KindRefused, "party.same_state")
		req := ask(w, "keiri", party.Resume, party.ResumeIn{ID: p.ID, Reason: "入金を確認した"})
		if s := w.shown(p.ID).Party.State; s != party.Suspended {
			t.Fatal(s)
		}
		w.approve("chief", req)
		if s := w.shown(p.ID).Party.State; s != party.Active {
			t.Fatal(s)
		}
	})
}

func TestRelations(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.partner("1", "株式会社青葉"), w.partner("2", "株式会社若葉")
		in := party.RelationIn{Party: a.ID, Kind: party.ShipTo, Other: b.ID, Reason: "納品先として使う"}
		fails(w, "sato", party.RelationAdd, party.RelationIn{Party: a.ID, Kind: party.ShipTo, Other: "x", Reason: "納品先として使う"}, fault.KindInvalid, "party.no_such_party")
		req := ask(w, "sato", party.RelationAdd, in)
		if r := w.shown(a.ID).Relations; len(r) != 0 {
			t.Fatal("a relation before anybody agreed", r)
		}
		w.approve("keiri", req)
		fails(w, "sato", party.RelationAdd, in, fault.KindRefused, "party.relation_exists")
		agreed(w, "sato", "keiri", party.RelationAdd, party.RelationIn{Party: a.ID, Kind: party.Maker, Name: "東都電機", Reason: "この会社の製品を納める"})
		rs := w.shown(a.ID).Relations
		if len(rs) != 2 || !slices.ContainsFunc(rs, func(r party.Related) bool {
			return r.Kind == party.ShipTo && r.OtherName == b.Name && r.OtherCode == "2"
		}) ||
			!slices.ContainsFunc(rs, func(r party.Related) bool { return r.Kind == party.Maker && r.Name == "東都電機" }) {
			t.Fatalf("%+v", rs)
		}
		back := w.shown(b.ID).Relations
		if len(back) != 1 || back[0].OtherName != a.Name {
			t.Fatalf("%+v", back)
		}
		fails(w, "sato", party.RelationEnd, party.RelationEndIn{ID: back[0].ID, Ended: back[0].From.AddDays(1)}, fault.KindInvalid, "party.future_day")
		do(w, "sato", party.RelationEnd, party.RelationEndIn{ID: back[0].ID})
		fails(w, "sato", party.RelationEnd, party.RelationEndIn{ID: back[0].ID}, fault.KindRefused, "party.relation_ended")
		agreed(w, "sato", "keiri", party.RelationAdd, in) // again, after it had ended
	})
}

func TestC24_BankAccountNeedsSecondPerson(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		in := party.AccountIn{Party: p.ID, BankCode: "0001", BankName: "ミズホ", BranchCode: "001", BranchName: "トウキョウ", Kind: "ordinary",
			Number: "1234567", Holder: "カブシキガイシャアオバ", How: "phone", Reason: "代表番号にかけ直して確認"}
		fails(w, "sato", party.AccountPropose, in, fault.KindDenied, "")
		fails(w, "tired", party.AccountPropose, in, fault.KindStepUp, "")
		kanji := in
		kanji.Holder = "株式会社青葉"
		if f := fails(w, "keiri", party.AccountPropose, kanji, fault.KindInvalid, "jp.bank_char"); f.Field != "holder" {
			t.Fatal(f.Field)
		}
		agreed(w, "keiri", "chief", party.AccountPropose, in)
		fails(w, "keiri", party.AccountPropose, in, fault.KindInvalid, "party.no_change")
		next := in
		next.Number = "7654321"
		req := ask(w, "keiri", party.AccountPropose, next)
		if a := w.shown(p.ID).Accounts; len(a) != 1 || a[0].Number != "1234567" || a[0].Holder != "ｶ)ｱｵﾊﾞ" || a[0].State != party.InForce {
			t.Fatalf("the old account stays in force: %+v", a)
		}
		s := do(w, "chief", approval.Show, approval.ByID{ID: req})
		if !slices.Contains(s.Changes, approval.Change{Field: "number", Before: "1234567", After: "7654321"}) {
			t.Fatalf("%+v", s.Changes)
		}
		w.approve("chief", req)
		a := w.shown(p.ID).Accounts
		slices.SortFunc(a, func(a, b party.BankAccount) int { return strings.Compare(a.Number, b.Number) })
		if len(a) != 2 || a[0].State != party.AccountRetired || a[1].State != party.InForce || a[1].ConfirmedBy != "keiri" {
			t.Fatalf("%+v", a)
		}
		if m := do(w, "audit", party.ShowOp, party.ByID{ID: p.ID}).Accounts; m[0].Number != "" || m[0].Holder != "" {
			t.Fatalf("an account number above the clearance left: %+v", m)
		}
	})
}

// C-24: what each role of the real matrix reaches, in lists and one by one.
func TestC24_Scopes(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		mine := w.partner("E1", "株式会社東一")
		other := do(w, "keiri", party.Create, party.CreateIn{Code: "E2", Name: "株式会社東二", Terms: monthEnd, Owner: "tanaka", Department: "east"})
		far := do(w, "keiri", party.Create, party.CreateIn{Code: "W1", Name: "株式会社西一", Terms: monthEnd, Owner: "suzuki", Department: "west"})
		reach := func(who string, want ...string) {
			t.Helper()
			var got []string
			for _, r := range do(w, who, party.List, party.ListIn{}).Rows {
				got = append(got, r.Code)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s lists %v, want %v", who, got, want)
			}
			var named []string
			for _, r := range do(w, who, party.Names, party.NamesIn{IDs: []string{mine.ID, other.ID, far.ID, "nobody"}}).Parties {
				named = append(named, r.Code)
			}
			if !slices.Equal(named, want) {
				t.Fatalf("%s reads the names of %v, want %v", who, named, want)
			}
			for _, p := range []party.Party{mine, other, far} {
				if slices.Contains(want, p.Code) {
					do(w, who, party.ShowOp, party.ByID{ID: p.ID})
				} else {
					fails(w, who, party.ShowOp, party.ByID{ID: p.ID}, fault.KindNotFound, "fault.not_found")
				}
			}
		}
		reach("sato", "E1")
		reach("suzuki", "W1")
		reach("clara", "E1", "E2")
		reach("east", "E1", "E2")
		reach("keiri", "E1", "E2", "W1")
		reach("audit", "E1", "E2", "W1")
		for _, who := range []string{"root", "hr", "witness"} {
			fails(w, who, party.List, party.ListIn{}, fault.KindDenied, "policy.role_never")
			fails(w, who, party.ShowOp, party.ByID{ID: mine.ID}, fault.KindDenied, "policy.role_never")
		}
		fails(w, "sato", party.Assign, party.AssignIn{ID: far.ID, Person: "sato"}, fault.KindDenied, "")
		fails(w, "east", party.Assign, party.AssignIn{ID: far.ID, Person: "sato"}, fault.KindNotFound, "")
		do(w, "west", party.Assign, party.AssignIn{ID: far.ID, Person: "sato"})
		reach("sato", "E1", "W1")
		do(w, "west", party.Unassign, party.AssignIn{ID: far.ID, Person: "sato"})
		do(w, "east", party.HandOver, party.HandOverIn{ID: mine.ID, Owner: "suzuki", Department: "west"})
		reach("sato")
		reach("suzuki", "E1", "W1")
		fails(w, "sato", party.Create, party.CreateIn{Code: "9", Name: "x", Terms: monthEnd, Owner: "suzuki"}, fault.KindNotFound, "")
		// filters
		for want, in := range map[string]party.ListIn{
			"E1 E2": {CodePrefix: "ｅ"}, "W1": {Code: "w1"}, "E2": {Owner: "tanaka"}, "E1 W1": {Department: "west"}, "E1 E2 W1": {State: "active"}, "": {State: "left"}} {
			var got []string
			for _, r := range do(w, "keiri", party.List, in).Rows {
				got = append(got, r.Code)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%+v: %v", in, got)
			}
		}
		p1 := do(w, "keiri", party.List, party.ListIn{Limit: 2})
		if p2 := do(w, "keiri", party.List, party.ListIn{Limit: 2, After: p1.Next}); len(p1.Rows) != 2 || len(p2.Rows) != 1 || p2.Next != "" {
			t.Fatal(p1, p2)
		}
	})
}

func TestRequestLapses(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		ask(w, "sato", party.Update, party.UpdateIn{ID: p.ID, Version: 1, Phone: "03-9999-9999"})
		w.Clock.Pass(approval.LapseAfter + time.Minute)
		if s := w.shown(p.ID); len(s.Pending) != 0 || s.Party.Phone != p.Phone {
			t.Fatal("a lapsed request is shown as pending", s.Pending)
		}
	})
}
