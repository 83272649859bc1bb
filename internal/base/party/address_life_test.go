package party_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// A new address that resembles one in force marks both, whose ever they are.
func TestM11_BothLookAlikesAreMarked(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.partner("000101", "株式会社あおば商事"), w.partner("000102", "株式会社みどり工業")
		old := w.point(a, "keiri@aoba-shoji.example.jp")
		calm := w.point(b, "keiri@midori.example.jp")
		d := do(w, "keiri", party.PointPropose, party.ProposeIn{Party: b.ID, Address: "keiri@aoba-sh0ji.example.jp"})
		if !slices.ContainsFunc(d.Findings, func(f party.Finding) bool { return f.Near == old.Address }) {
			t.Fatalf("%+v", d.Findings)
		}
		out := do(w, "keiri", party.Reviews, party.ReviewsIn{})
		if len(out.Rows) != 1 || out.Rows[0].Point != old.ID || out.Rows[0].Why != party.ReviewAlike || out.Rows[0].Code != "000101" {
			t.Fatalf("%+v", out.Rows)
		}
		f := out.Rows[0].Findings
		if len(f) != 1 || f[0].Kind != party.FindLater || f[0].Near != d.Address || f[0].Party != b.ID {
			t.Fatalf("%+v", f)
		}
		if at := w.at(a.ID, old.ID); at.Version == old.Version || !at.Verified() {
			t.Fatalf("%+v", at)
		}
		if w.at(b.ID, calm.ID).Review != "" {
			t.Fatal("another address was marked")
		}
		if n := do(w, "keiri", party.Reviews, party.ReviewsIn{Why: party.ReviewAge}); len(n.Rows) != 0 {
			t.Fatalf("%+v", n.Rows)
		}
		// Two persons look at it again; then it is off the list.
		in := party.VerifyIn{ID: old.ID, Version: out.Rows[0].Version, How: "phone", Reason: "代表番号で確認"}
		fails(w, "audit", party.PointRenew, in, fault.KindDenied, "")
		fails(w, "keiri", party.PointRenew, party.VerifyIn{ID: old.ID, Version: 1, How: "phone", Reason: "試しに行う操作"}, fault.KindConflict, "gate.conflict")
		fails(w, "keiri", party.PointRenew, party.VerifyIn{ID: d.ID, Version: 1, How: "phone", Reason: "試しに行う操作"}, fault.KindRefused, "party.point_not_in_force")
		agreed(w, "sato", "keiri", party.PointRenew, in)
		if out := do(w, "keiri", party.Reviews, party.ReviewsIn{}); len(out.Rows) != 0 {
			t.Fatalf("%+v", out.Rows)
		}
	})
}

func TestM1_SharedAddresses(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.partner("000101", "株式会社あおば商事"), w.partner("000102", "株式会社みどり工業")
		w.point(a, "office@kaikei.example.jp")
		w.point(a, "keiri@aoba.example.jp")
		do(w, "keiri", party.PointPropose, party.ProposeIn{Party: b.ID, Address: "office@kaikei.example.jp"})
		out := do(w, "keiri", party.Shared, struct{}{})
		if len(out.Rows) != 2 || out.More || out.Rows[0].Address != "office@kaikei.example.jp" || out.Rows[0].Party == out.Rows[1].Party {
			t.Fatalf("%+v", out)
		}
		fails(w, "sato", party.Shared, struct{}{}, fault.KindDenied, "")
	})
}

// merged enters a pair of one partner, each with what can go over.
func merged(w world) (keep, gone party.Party) {
	keep, gone = w.partner("000201", "株式会社さくら電機"), w.partner("000202", "（株）さくら電機")
	w.point(keep, "keiri@sakura-denki.example.jp")
	w.point(gone, "kaikei@sakura-denki.example.jp")
	w.point(gone, "keiri@sakura-denki.example.jp") // at both: stays
	do(w, "keiri", party.ContactAdd, party.ContactIn{Party: gone.ID, Name: "桜井花子", Mail: "kaikei@sakura-denki.example.jp"})
	other := w.partner("000203", "株式会社もみじ運輸")
	agreed(w, "sato", "keiri", party.RelationAdd, party.RelationIn{Party: gone.ID, Kind: party.ShipTo, Other: other.ID, Reason: "納品先として使う"})
	agreed(w, "sato", "keiri", party.RelationAdd, party.RelationIn{Party: other.ID, Kind: party.Group, Other: gone.ID, Reason: "親会社として使う"})
	return keep, gone
}

// What goes over comes back as it was: the same rows, states and proofs.
func TestSM43_MergeAndUndo(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		keep, gone := merged(w)
		if g := do(w, "keiri", party.Twins, struct{}{}); len(g.Rows) != 1 || g.Rows[0].Why != "name" || len(g.Rows[0].Rows) != 2 {
			t.Fatalf("%+v", g.Rows)
		}
		before, was := w.shown(gone.ID), w.shown(keep.ID)
		in := party.MergeIn{Keep: keep.ID, Gone: gone.ID, Reason: "同じ会社の二重登録"}
		fails(w, "sato", party.MergeOp, in, fault.KindDenied, "")
		fails(w, "keiri", party.MergeOp, party.MergeIn{Keep: keep.ID, Gone: keep.ID, Reason: "試しに行う操作"}, fault.KindInvalid, "party.merge_self")
		fails(w, "keiri", party.MergeOp, party.MergeIn{Keep: keep.ID, Gone: "nobody", Reason: "試しに行う操作"}, fault.KindInvalid, "party.no_such_party")
		fails(w, "keiri", party.MergeOp, party.MergeIn{Keep: keep.ID, Gone: gone.ID}, fault.KindInvalid, "")
		agreed(w, "keiri", "chief", party.MergeOp, in)

		now := w.shown(keep.ID)
		if len(now.Points) != 2 || len(now.Contacts) != 1 || len(now.Relations) != 2 || now.Contacts[0].Name != "桜井花子" {
			t.Fatalf("%+v", now)
		}
		for _, p := range now.Points {
			if !p.Verified() || p.How != "phone" {
				t.Fatalf("not verified as it was: %+v", p)
			}
		}
		if g := w.shown(gone.ID); g.Party.State != party.Left || len(g.Points) != 1 || len(g.Contacts) != 0 {
			t.Fatalf("%+v", g)
		}
		fails(w, "chief", party.Resume, party.ResumeIn{ID: gone.ID, Reason: "試しに行う操作"}, fault.KindRefused, "party.is_merged")
		fails(w, "keiri", party.MergeOp, in, fault.KindRefused, "party.merged_already")
		m := do(w, "keiri", party.Merges, party.MergesIn{})
		if len(m.Rows) != 1 || m.Rows[0].KeepCode != "000201" || m.Rows[0].GoneName != "（株）さくら電機" {
			t.Fatalf("%+v", m.Rows)
		}

		undo := party.UnmergeIn{ID: m.Rows[0].ID, Reason: "別の会社だったため"}
		agreed(w, "keiri", "chief", party.Unmerge, undo)
		same(t, before, w.shown(gone.ID))
		same(t, was, w.shown(keep.ID))
		if n := do(w, "keiri", party.Merges, party.MergesIn{}); len(n.Rows) != 0 {
			t.Fatalf("%+v", n.Rows)
		}
		fails(w, "keiri", party.Unmerge, undo, fault.KindRefused, "party.unmerged_already")
		agreed(w, "keiri", "chief", party.MergeOp, in) // and again
	})
}

// same compares everything but versions and times.
func same(t *testing.T, a, b party.Shown) {
	t.Helper()
	for _, s := range []*party.Shown{&a, &b} {
		s.Party.Row, s.Pending = gate.Row{ID: s.Party.ID}, nil
		for i := range s.Points {
			s.Points[i].Row = gate.Row{ID: s.Points[i].ID}
		}
		for i := range s.Contacts {
			s.Contacts[i].Row = gate.Row{ID: s.Contacts[i].ID}
		}
		for i := range s.Relations {
			s.Relations[i].Row = gate.Row{ID: s.Relations[i].ID}
		}
	}
	if x, y := toJSON(a), toJSON(b); x != y {
		t.Fatalf("not as it was:\n%s\n%s", x, y)
	}
}

func TestSM43_UnmergeIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		keep, gone := merged(w)
		agreed(w, "keiri", "chief", party.MergeOp, party.MergeIn{Keep: keep.ID, Gone: gone.ID, Reason: "二重登録のため"})
		id := do(w, "keiri", party.Merges, party.MergesIn{}).Rows[0].ID
		w.Clock.Pass(31 * 24 * time.Hour)
		fails(w, "keiri", party.Unmerge, party.UnmergeIn{ID: id, Reason: "試しに行う操作"}, fault.KindRefused, "party.unmerge_late")
	})
	each(t, func(t *testing.T, w world) {
		keep, gone := merged(w)
		agreed(w, "keiri", "chief", party.MergeOp, party.MergeIn{Keep: keep.ID, Gone: gone.ID, Reason: "二重登録のため"})
		id := do(w, "keiri", party.Merges, party.MergesIn{}).Rows[0].ID
		asked := ask(w, "keiri", party.Unmerge, party.UnmergeIn{ID: id, Reason: "元に戻すため"})
		for _, p := range w.shown(keep.ID).Points {
			if p.Address == "kaikei@sakura-denki.example.jp" {
				do(w, "sato", party.PointRetire, party.RetireIn{ID: p.ID, Reason: "使わなくなった"})
			}
		}
		fails(w, "keiri", party.Unmerge, party.UnmergeIn{ID: id, Reason: "試しに行う操作"}, fault.KindRefused, "party.unmerge_changed")
		s := do(w, "chief", approval.Show, approval.ByID{ID: asked})
		if _, err := gate.Run(context.Background(), w.G, as("chief"), approval.Approve, approval.ApproveIn{ID: asked, Digest: s.Digest}); err == nil {
			t.Fatal("approved although something had changed")
		}
	})
}

func TestFindTwins(t *testing.T) {
	p := func(code, name, number, phone string) party.Party {
		q := party.Party{Code: code, Name: name, Phone: phone}
		q.ID = code
		if number != "" {
			q.RegistrationNumber = "T1234567890123"
		}
		return q
	}
	got := party.FindTwins([]party.Party{
		p("3", "株式会社あ", "x", "03-1111-2222"), p("1", "あ株式会社", "x", "0311112222"),
		p("4", "カブ商店", "", "03-1111-3333"), p("5", "ｶﾌﾞ商店", "", "０３（１１１１）３３３３"), p("6", "カブ商店", "", "03-9999-0000"), p("7", "カブ商店", "", ""),
	})
	if len(got) != 2 || got[0].Why != "registration" || got[0].Of[0].ID != "1" || got[1].Why != "name" || len(got[1].Of) != 2 || got[1].Of[1].ID != "5" {
		t.Fatalf("%+v", got)
	}
}
