package approval_test

import (
	"testing"
	"testing/quick"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

func agree(w *gatetest.World, who gate.Credential, s approval.Shown) (approval.Exception, error) {
	return gate.Run(bg, w.G, who, approval.Emergency, approval.EmergencyIn{ID: s.ID, Digest: s.Digest, Reason: "承認者が全員不在のため"})
}

func TestA08_AnEmergencyTakesTwoOthersAndAReview(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		first, second, third := person("sales1", "east", "clerk"), person("sales2", "east", "clerk"), person("sales3", "east", "clerk")
		r, s := request(t, w, clerk, 500)
		urgent := func(c gate.Credential) int {
			t.Helper()
			return len(gatetest.Must[approval.ListOut](t)(gate.Run(bg, w.G, c, approval.Urgent, approval.ListIn{})).Rows)
		}
		_, err := agree(w, first, s)
		wants(t, err, fault.KindRefused, "approval.emergency_early")
		if urgent(first) != 0 {
			t.Fatal("offered at once")
		}
		w.Clock.Pass(approval.EmergencyAfter)
		if urgent(first) != 1 || urgent(clerk) != 0 || urgent(manager) != 0 || urgent(person("other", "west", "clerk")) != 0 {
			t.Fatal("offered to the wrong people")
		}
		out := gatetest.Must[approval.UrgentOut](t)(gate.Run(bg, w.G, first, approval.UrgentShow, approval.ByID{ID: s.ID}))
		if len(out.Changes) != 1 || out.Exception.State != "" {
			t.Fatalf("%+v", out)
		}
		// Refused: the requester, a usual approver, a program, somebody of another
		// department, another digest, no fresh code, no reason.
		_, err = agree(w, clerk, s)
		wants(t, err, fault.KindRefused, "approval.own")
		_, err = agree(w, manager, s)
		wants(t, err, fault.KindRefused, "approval.emergency_usual")
		_, err = agree(w, person("client-1", "east", "clerk"), s)
		wants(t, err, fault.KindDenied, "approval.person_only")
		_, err = agree(w, person("other", "west", "clerk"), s)
		wants(t, err, fault.KindNotFound, fault.NotFound().Key)
		forged := s
		forged.Digest = "00"
		_, err = agree(w, first, forged)
		wants(t, err, fault.KindConflict, "approval.digest")
		_, err = agree(w, gatetest.Person{ID: "sales1", Roles: []string{"clerk"}, Departments: []string{"east"}}.As(), s)
		wants(t, err, fault.KindStepUp, "gate.step_up")
		_, err = gate.Run(bg, w.G, first, approval.Emergency, approval.EmergencyIn{ID: s.ID, Digest: s.Digest})
		if fault.Of(err).Kind != fault.KindInvalid {
			t.Fatal(err)
		}

		if e := gatetest.Must[approval.Exception](t)(agree(w, first, s)); e.State != approval.Half || limit(t, w, r.ID) != 100 {
			t.Fatalf("one is not two: %+v", e)
		}
		_, err = agree(w, first, s)
		wants(t, err, fault.KindRefused, "approval.emergency_same")
		if limit(t, w, r.ID) != 100 {
			t.Fatal("the same person twice")
		}
		e := gatetest.Must[approval.Exception](t)(agree(w, second, s))
		if e.State != approval.Released || limit(t, w, r.ID) != 500 {
			t.Fatalf("%+v", e)
		}
		if got := state(t, w, s.ID); got.State != approval.Approved || !got.Emergency {
			t.Fatalf("%+v", got.Request)
		}
		_, err = agree(w, third, s)
		wants(t, err, fault.KindRefused, "approval.not_open")
		reviewed(t, w, e, first)
	})
}

// reviewed: it stays until a usual approver who took no part has looked at it.
func reviewed(t *testing.T, w *gatetest.World, e approval.Exception, first gate.Credential) {
	t.Helper()
	open := func() int {
		t.Helper()
		return len(gatetest.Must[approval.ReviewsOut](t)(gate.Run(bg, w.G, manager, approval.Reviews, approval.ReviewsIn{Open: true})).Rows)
	}
	review := func(c gate.Credential, v approval.EmergencyState) error {
		_, err := gate.Run(bg, w.G, c, approval.Review, approval.ReviewIn{ID: e.ID, Verdict: v, Reason: "宛先の確認が足りませんでした"})
		return err
	}
	w.Clock.Pass(30 * 24 * time.Hour)
	if open() != 1 {
		t.Fatal("it went away by itself")
	}
	if err := review(manager, approval.Half); fault.Of(err).Kind != fault.KindInvalid {
		t.Fatal(err)
	}
	wants(t, review(gatetest.Boss("clerk"), approval.Fine), fault.KindRefused, "approval.review_part")
	wants(t, review(gatetest.Boss("sales1"), approval.Fine), fault.KindRefused, "approval.review_part")
	wants(t, review(first, approval.Fine), fault.KindDenied, "policy.role_never")
	wants(t, review(far, approval.Fine), fault.KindNotFound, fault.NotFound().Key)
	if err := review(manager, approval.Flagged); err != nil {
		t.Fatal(err)
	}
	wants(t, review(manager, approval.Fine), fault.KindRefused, "approval.review_closed")
	if open() != 0 {
		t.Fatal("still open")
	}
}

func TestSM41_NoDeputyOfTheRequesterStandsIn(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		asker, deputy, third := hire(t, w, "asker", "east", "clerk"), hire(t, w, "deputy", "east", "clerk"), hire(t, w, "third", "east", "clerk")
		delegate(t, w, asker, deputy)
		delegate(t, w, deputy, third)
		r, s := request(t, w, asker, 500)
		w.Clock.Pass(approval.EmergencyAfter)
		for _, c := range []gate.Credential{deputy, third} { // also through another
			_, err := agree(w, c, s)
			wants(t, err, fault.KindRefused, "approval.tied")
		}
		// What has changed since is void, with the first one's agreement.
		gatetest.Must[approval.Exception](t)(agree(w, person("free", "east", "clerk"), s))
		gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, put, Put{ID: r.ID, Limit: 120}))
		_, err := agree(w, person("free2", "east", "clerk"), s)
		wants(t, err, fault.KindRefused, "approval.void")
	})
}

func TestC34_TooFastToReadIsMarked(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		open := func(id string) {
			t.Helper()
			gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, manager, approval.Show, approval.ByID{ID: id}))
			if err := w.G.Seal(bg); err != nil {
				t.Fatal(err)
			}
		}
		settled := func(wait time.Duration, opened bool) approval.Shown {
			t.Helper()
			_, s := request(t, w, clerk, 500)
			if opened {
				open(s.ID)
			}
			w.Clock.Pass(wait)
			if err := approve(w, manager, s); err != nil {
				t.Fatal(err)
			}
			return state(t, w, s.ID)
		}
		if s := settled(approval.HastyUnder-500*time.Millisecond, true); !s.Hasty || s.Took < 1500 || s.Took >= 2000 {
			t.Fatalf("%+v", s.Request)
		}
		if s := settled(approval.HastyUnder, true); s.Hasty || s.Took < 2000 {
			t.Fatalf("%+v", s.Request)
		}
		if s := settled(time.Hour, false); !s.Hasty || s.Took != approval.NeverOpened {
			t.Fatalf("agreed to unseen: %+v", s.Request)
		}
		haste := func(c gate.Credential, from, to string) approval.HasteOut {
			t.Helper()
			return gatetest.Must[approval.HasteOut](t)(gate.Run(bg, w.G, c, approval.Haste, civil.Months{From: from, To: to}))
		}
		want := approval.Hastes{Month: "2026-11", Person: "manager", Approved: 3, Hasty: 2, Unopened: 1}
		if out := haste(boss, "2026-11", "2026-11"); len(out.Rows) != 1 || out.Rows[0] != want || out.Own {
			t.Fatalf("%+v", out)
		}
		if out := haste(manager, "2026-10", "2026-12"); len(out.Rows) != 1 || !out.Own {
			t.Fatalf("one's own: %+v", out)
		}
		if out := haste(far, "2026-10", "2026-12"); len(out.Rows) != 0 {
			t.Fatalf("a colleague's: %+v", out)
		}
		for _, bad := range []civil.Months{{From: "2026-13", To: "2026-13"}, {From: "2026-11", To: "2026-10"}, {From: "26-1", To: "x"}} {
			_, err := gate.Run(bg, w.G, boss, approval.Haste, bad)
			wants(t, err, fault.KindInvalid, "civil.bad_month")
		}
	})
}

// plant puts a decoy before somebody.
type plantIn struct {
	To string `json:"to"`
}

var plant = gate.New(gate.Op[plantIn, Rule]{Name: "rule.plant", Mode: gate.Write,
	Target: func(*gate.Tx, plantIn) (gate.Target, error) { return gate.Target{Kind: "rule", ID: "new"}, nil },
	Do: func(x *gate.Tx, in plantIn) (Rule, error) {
		id, err := approval.Plant(x, approval.Decoy{Looks: "rule.weaken", Kind: "rule", Requester: "clerk", Department: "east", To: in.To,
			Reason: "繁忙期のため", Before: []byte(`{"limit":100}`), After: []byte(`{"limit":900}`)})
		return Rule{Dept: id}, err
	}})

func TestC34_ADecoyIsForOnePersonAndDoesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		show := func(c gate.Credential, id string) (approval.Shown, error) {
			return gate.Run(bg, w.G, c, approval.Show, approval.ByID{ID: id})
		}
		for _, caught := range []bool{false, true} {
			id := gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, plant, plantIn{To: "manager"})).Dept
			list := gatetest.Must[approval.ListOut](t)(gate.Run(bg, w.G, manager, approval.List, approval.ListIn{})).Rows
			if len(list) != 1 || list[0].Op != "rule.weaken" || list[0].ID != id {
				t.Fatalf("it does not look like a request: %+v", list)
			}
			s := gatetest.Must[approval.Shown](t)(show(manager, id))
			if !s.MayDecide || s.IsDrill || s.Op != "rule.weaken" || len(s.Changes) != 1 {
				t.Fatalf("%+v", s)
			}
			for _, c := range []gate.Credential{boss, clerk, far} { // nobody else sees it, nor who seems to have asked
				_, err := show(c, id)
				wants(t, err, fault.KindNotFound, fault.NotFound().Key)
				_, err = gate.Run(bg, w.G, c, approval.Withdraw, approval.ByID{ID: id})
				if !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindDenied) {
					t.Fatal(err)
				}
			}
			if own := gatetest.Must[approval.ListOut](t)(gate.Run(bg, w.G, clerk, approval.List, approval.ListIn{Own: true})).Rows; len(own) != 0 {
				t.Fatal(own)
			}
			wants(t, approve(w, boss, s), fault.KindNotFound, fault.NotFound().Key)
			w.Clock.Pass(approval.EmergencyAfter)
			_, err := agree(w, person("sales1", "east", "clerk"), s)
			wants(t, err, fault.KindNotFound, fault.NotFound().Key)
			if caught {
				_, err = gate.Run(bg, w.G, manager, approval.Reject, approval.RejectIn{ID: id, Reason: "金額が違います"})
			} else {
				err = approve(w, manager, s)
			}
			if err != nil {
				t.Fatal(err)
			}
			if s = gatetest.Must[approval.Shown](t)(show(manager, id)); !s.IsDrill || s.Op != approval.DrillOp {
				t.Fatalf("%+v", s)
			}
		}
		if out := gatetest.Must[approval.HasteOut](t)(gate.Run(bg, w.G, boss, approval.Haste, civil.Months{From: "2026-11", To: "2026-11"})); len(out.Rows) != 0 {
			t.Fatal("drills are counted as decisions", out.Rows)
		}
		_, err := gate.Run(bg, w.G, boss, plant, plantIn{To: "clerk"}) // before who seems to have asked
		wants(t, err, fault.KindInvalid, "approval.decoy")
	})
}

func TestC34_StandingInIsARowOfItsOwn(t *testing.T) {
	f := func(approve, emergency bool) bool {
		m, err := policy.ParseMatrix("role a clearance=internal\nx.do: a=all\nx.do emergency: a=own")
		if err != nil {
			t.Fatal(err)
		}
		d := policy.New(m, nil).Reach(policy.Actor{Person: "p", Roles: []string{"a"}}, policy.Request{Op: "x.do", Approve: approve, Emergency: emergency})
		switch {
		case emergency:
			return d.Scope.Own == "p" && !d.Scope.All
		case approve:
			return d.Never
		}
		return d.Scope.All
	}
	if err := quick.Check(f, nil); err != nil {
		t.Fatal(err)
	}
}
