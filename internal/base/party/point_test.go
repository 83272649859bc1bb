package party_test

import (
	"strings"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

func verify(d party.DeliveryPoint) party.VerifyIn {
	return party.VerifyIn{ID: d.ID, Version: d.Version, How: "phone", Reason: "代表番号で経理の山田様に確認"}
}

func TestSM01_PointIsVerifiedByTwo(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		c := do(w, "sato", party.ContactAdd, party.ContactIn{Party: p.ID, Name: "山田花子", Mail: "Yamada@Aoba.co.jp"})
		d := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Contact: c.ID, Address: "Keiri@AOBA.co.jp", Label: "経理部", MaxClass: "personal"})
		if c.Mail != "yamada@aoba.co.jp" || d.Address != "keiri@aoba.co.jp" || d.Verified() || d.State != party.Proposed || d.MaxClass != policy.Personal || d.Origin != party.Manual {
			t.Fatalf("%+v", d)
		}
		fails(w, "keiri", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "keiri@aoba.co.jp"}, fault.KindRefused, "party.point_exists")
		fails(w, "tired", party.PointVerify, verify(d), fault.KindStepUp, "")
		req := ask(w, "keiri", party.PointVerify, verify(d))
		if w.at(p.ID, d.ID).Verified() {
			t.Fatal("verified by one person")
		}
		w.refuses("keiri", req, "approval.own")
		w.approve("chief", req)
		got := w.at(p.ID, d.ID)
		if !got.Verified() || got.VerifiedBy != "keiri" || got.VerifiedOn.String() != "2026-11-22" || got.How != "phone" || got.Version != 2 || got.Label != "経理部" {
			t.Fatalf("%+v", got)
		}
		fails(w, "sato", party.PointVerify, verify(got), fault.KindRefused, "party.point_decided")
		fails(w, "root", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "x@aoba.co.jp"}, fault.KindDenied, "")
		fails(w, "suzuki", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "x@aoba.co.jp"}, fault.KindNotFound, "")
	})
}

func TestSM43_OldAddressStaysInForceUntilApproved(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		old := w.point(p, "keiri@aoba.co.jp")
		next := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "seikyu@aoba.co.jp", Replaces: old.ID})
		req := ask(w, "sato", party.PointVerify, verify(next))
		if !w.at(p.ID, old.ID).Verified() || w.at(p.ID, next.ID).Verified() {
			t.Fatal("the old address stays in force until the second person agrees")
		}
		s := do(w, "keiri", approval.Show, approval.ByID{ID: req})
		if !strings.Contains(s.BeforeIs, "keiri@aoba.co.jp") || !strings.Contains(s.AfterIs, "seikyu@aoba.co.jp") {
			t.Fatal("the approver is not shown both", s.BeforeIs, s.AfterIs)
		}
		w.approve("keiri", req)
		if a, b := w.at(p.ID, old.ID), w.at(p.ID, next.ID); a.State != party.Retired || a.RetiredOn.IsZero() || !b.Verified() {
			t.Fatalf("%+v %+v", a, b)
		}
		// A retired address may come back, as a new proposal.
		do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "keiri@aoba.co.jp"})
	})
}

func TestSM43_WhatTheApproverSawIsWhatIsAgreed(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p, q := w.partner("1", "株式会社青葉"), w.partner("2", "株式会社若葉")
		d := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "keiri@aoba.co.jp"})
		req := ask(w, "sato", party.PointVerify, verify(d))
		// Meanwhile the same address turns up at another partner.
		do(w, "keiri", party.PointPropose, party.ProposeIn{Party: q.ID, Address: "keiri@aoba.co.jp"})
		w.refuses("keiri", req, "approval.void")
		if w.at(p.ID, d.ID).Verified() {
			t.Fatal("a request that had changed was carried out")
		}
		// Or the address it asks about is retired.
		req = ask(w, "sato", party.PointVerify, verify(d))
		do(w, "sato", party.PointRetire, party.RetireIn{ID: d.ID, Reason: "入力の誤り"})
		w.refuses("keiri", req, "party.point_decided")
		fails(w, "sato", party.PointRetire, party.RetireIn{ID: d.ID, Reason: "入力の誤り"}, fault.KindRefused, "party.point_decided")
	})
}

func TestM1_LeavingContactTakesItsPointsAlong(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		c := do(w, "sato", party.ContactAdd, party.ContactIn{Party: p.ID, Name: "山田花子"})
		d := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Contact: c.ID, Address: "yamada@aoba.co.jp"})
		agreed(w, "sato", "keiri", party.PointVerify, verify(d))
		waiting := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Contact: c.ID, Address: "hanako@aoba.co.jp"})
		other := w.point(p, "keiri@aoba.co.jp")
		fails(w, "sato", party.ContactLeave, party.ContactLeaveIn{ID: c.ID, LeftOn: other.VerifiedOn.AddDays(1)}, fault.KindInvalid, "party.future_day")
		out := do(w, "sato", party.ContactLeave, party.ContactLeaveIn{ID: c.ID})
		if len(out.Retired) != 2 || w.at(p.ID, d.ID).State != party.Retired || w.at(p.ID, waiting.ID).State != party.Retired || !w.at(p.ID, other.ID).Verified() {
			t.Fatalf("%+v", out)
		}
		fails(w, "sato", party.ContactLeave, party.ContactLeaveIn{ID: c.ID}, fault.KindRefused, "party.contact_left")
		fails(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Contact: c.ID, Address: "x@aoba.co.jp"}, fault.KindRefused, "party.contact_left")
		q := w.partner("2", "株式会社若葉")
		fails(w, "sato", party.PointPropose, party.ProposeIn{Party: q.ID, Contact: c.ID, Address: "x@wakaba.co.jp"}, fault.KindInvalid, "party.no_such_contact")
		u := do(w, "sato", party.ContactUpdate, party.ContactUpdateIn{ID: c.ID, Version: 2, Section: "経理部", Clear: []string{"mail"}})
		if u.Section != "経理部" || u.Left.IsZero() {
			t.Fatalf("%+v", u)
		}
		fails(w, "sato", party.ContactUpdate, party.ContactUpdateIn{ID: c.ID, Version: 2, Section: "総務部"}, fault.KindConflict, "gate.conflict")
	})
}

// M2, M10, M11: the approver sees what is strange about an address.
func TestM11_FindingsAreShownToTheApprover(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		w.point(p, "keiri@aoba-kensetsu.co.jp")
		far := do(w, "keiri", party.Create, party.CreateIn{Code: "9", Name: "株式会社遠方", Terms: monthEnd, Owner: "suzuki", Department: "west"})
		for address, want := range map[string]string{
			"keiri@aoba-kensetus.co.jp":  "mailaddr.near.typo",
			"keiri@aobakensetsu.co.jp":   "mailaddr.near.hyphen",
			"keiri@aoba-kensetsu.com":    "mailaddr.near.suffix",
			"other@aoba-kensetsu.co.jp":  party.FindOtherDomain,
			"keiri@aoba-kensetsu.co.jp":  party.FindShared,
			"aoba@gmail.com":             party.FindFreeMail,
			"info@xn--p8j9a0d9c9a.co.jp": party.FindForeign,
		} {
			d := do(w, "suzuki", party.PointPropose, party.ProposeIn{Party: far.ID, Address: address})
			for _, f := range d.Findings {
				if f.Near != "" || f.Party != "" {
					t.Errorf("%s: who sells elsewhere is told of another partner: %+v", address, f)
				}
			}
			req := ask(w, "suzuki", party.PointVerify, verify(d))
			s := do(w, "keiri", approval.Show, approval.ByID{ID: req})
			if !strings.Contains(s.AfterIs, want) {
				t.Errorf("%s: %s is not shown: %s", address, want, s.AfterIs)
			}
			if strings.HasPrefix(want, "mailaddr") && (!strings.Contains(s.AfterIs, "keiri@aoba-kensetsu.co.jp") || !strings.Contains(s.AfterIs, p.ID)) {
				t.Errorf("%s: what it resembles is not shown: %s", address, s.AfterIs)
			}
		}
		own := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "keiri@quite-other.co.jp"})
		if s := toJSON(own.Findings); !strings.Contains(s, party.FindNewDomain) {
			t.Error(s)
		}
		quiet := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "seikyu@aoba-kensetsu.co.jp"})
		if s := toJSON(quiet.Findings); !strings.Contains(s, party.FindOtherDomain) {
			t.Error("the domain is now used by two partners", s)
		}
	})
}

func TestLeftPartnerGetsNoNewAddress(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.partner("1", "株式会社青葉")
		d := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: "keiri@aoba.co.jp"})
		do(w, "east", party.Suspend, party.SuspendIn{ID: p.ID, State: party.Left, Reason: "取引を終了した"})
		fails(w, "sato", party.PointVerify, verify(d), fault.KindRefused, "party.is_left")
		if _, err := gate.Run(bg, w.G, as("sato"), party.PointRetire, party.RetireIn{ID: d.ID, Reason: "使わない"}); err != nil {
			t.Fatal("what stops must always work", err)
		}
	})
}
