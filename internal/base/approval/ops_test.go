package approval_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

func TestC35_FromRequestToEffect(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		if limit(t, w, r.ID) != 100 {
			t.Fatal("it took effect before anybody agreed")
		}
		if s.State != approval.Open || s.Reason != "繁忙期のため" || s.Requester != "clerk" || s.Department != "east" || s.Target != r.ID || s.Op != "rule.weaken" || !s.MayDecide {
			t.Fatalf("%+v", s)
		}
		if len(s.Changes) != 1 || s.Changes[0] != (approval.Change{Field: "limit", Before: "100", After: "500"}) {
			t.Fatal(s.Changes)
		}
		list := func(c gate.Credential, own bool) []approval.Request {
			t.Helper()
			return gatetest.Must[approval.ListOut](t)(gate.Run(bg, w.G, c, approval.List, approval.ListIn{Own: own})).Rows
		}
		if len(list(clerk, true)) != 1 || len(list(clerk, false)) != 0 || len(list(manager, false)) != 1 || len(list(manager, true)) != 0 || len(list(far, false)) != 0 {
			t.Fatal("one decides about others' requests in one's reach, and sees one's own")
		}
		if err := approve(w, manager, s); err != nil {
			t.Fatal(err)
		}
		got := gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, show, approval.ByID{ID: r.ID}))
		if got.Limit != 500 || got.By != "clerk" {
			t.Fatal("the op runs for its requester", got)
		}
		done := state(t, w, s.ID)
		if done.State != approval.Approved || done.DecidedBy != "manager" || done.Comment != "確認しました" || done.DecidedAt.IsZero() {
			t.Fatalf("%+v", done.Request)
		}
		wants(t, approve(w, manager, s), fault.KindRefused, "approval.not_open")
		if len(list(manager, false)) != 0 || len(list(clerk, true)) != 1 {
			t.Fatal("a settled request waits for nobody, and its requester still sees it")
		}
	})
}

func TestSM41_NobodyApprovesTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, manager, 500)
		wants(t, approve(w, manager, s), fault.KindRefused, "approval.own")
		_, err := gate.Run(bg, w.G, manager, approval.Reject, approval.RejectIn{ID: s.ID, Reason: "やめます"})
		wants(t, err, fault.KindRefused, "approval.own")
		// The same living person with another account: the person counts.
		second := gatetest.Person{ID: "manager", Roles: []string{"boss"}, StepUp: true}.As()
		wants(t, approve(w, second, s), fault.KindRefused, "approval.own")
		if limit(t, w, r.ID) != 100 {
			t.Fatal("took effect")
		}
	})
}

func TestSM41_DeputiesAreNoSecondPerson(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		amgr, amgr2 := hire(t, w, "amgr", "east", "manager"), hire(t, w, "amgr2", "west", "manager")
		aclerk := hire(t, w, "aclerk", "east", "clerk")
		delegate(t, w, amgr, aclerk)
		r, own := request(t, w, aclerk, 500)
		wants(t, approve(w, aclerk, own), fault.KindRefused, "approval.own")
		wants(t, approve(w, amgr, own), fault.KindRefused, "approval.tied") // delegated to the requester

		// The clerk decides for amgr about what amgr2 asks for, but not once amgr2
		// has delegated to amgr.
		theirs := again(t, w, amgr2, r.ID, 600)
		if rows := gatetest.Must[approval.ListOut](t)(gate.Run(bg, w.G, aclerk, approval.List, approval.ListIn{})).Rows; len(rows) != 1 || rows[0].ID != theirs.ID {
			t.Fatal("a deputy's list is the delegator's", rows)
		}
		end := delegate(t, w, amgr2, amgr)
		wants(t, approve(w, aclerk, theirs), fault.KindRefused, "approval.tied") // amgr2 → amgr → aclerk
		gatetest.Must[approval.Delegation](t)(gate.Run(bg, w.G, amgr2, approval.EndDelegation, approval.ByID{ID: end}))
		wants(t, approve(w, aclerk, theirs), fault.KindRefused, "approval.tied") // ended, but it held when it was asked
		w.Clock.Pass(time.Minute)
		fresh := again(t, w, amgr2, r.ID, 700)
		if err := approve(w, aclerk, fresh); err != nil {
			t.Fatal("a deputy decides", err)
		}
		if limit(t, w, r.ID) != 700 {
			t.Fatal("no effect")
		}
		w.Clock.Pass(7 * 24 * time.Hour)
		dead := again(t, w, amgr2, r.ID, 800)
		wants(t, approve(w, aclerk, dead), fault.KindDenied, "policy.role_never") // it ended by itself
		_, err := gate.Run(bg, w.G, amgr2, approval.EndDelegation, approval.ByID{ID: end})
		wants(t, err, fault.KindRefused, "approval.ended")
	})
}

// A deputy decides in the delegator's place and does nothing else there, and
// only while the delegator's own account is open.
func TestSM41_DeputiesOnlyDecide(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		amgr, aclerk := hire(t, w, "amgr", "east", "manager"), hire(t, w, "aclerk", "west", "clerk")
		r, s := request(t, w, far, 500)
		wants(t, approve(w, aclerk, s), fault.KindDenied, "policy.role_never")
		delegate(t, w, amgr, aclerk)
		_, err := gate.Run(bg, w.G, aclerk, approval.Withdraw, approval.ByID{ID: s.ID})
		wants(t, err, fault.KindNotFound, "fault.not_found")
		names := func(c gate.Credential) (out []string) {
			for _, p := range gatetest.Must[identity.NamesOut](t)(gate.Run(bg, w.G, c, approval.Deputies, struct{}{})).People {
				out = append(out, p.ID)
			}
			return out
		}
		if got := names(aclerk); !slices.Contains(got, who(t, amgr)) || slices.Contains(got, who(t, aclerk)) {
			t.Fatal("who could stand in:", got)
		}
		gatetest.Must[identity.Done](t)(gate.Run(bg, w.G, boss, identity.DisablePerson, identity.ReasonIn{ID: who(t, amgr), Reason: "退職のため"}))
		wants(t, approve(w, aclerk, s), fault.KindDenied, "policy.role_never")
		if limit(t, w, r.ID) != 100 {
			t.Fatal("took effect")
		}
		_, err = gate.Run(bg, w.G, aclerk, approval.Delegate, approval.DelegateIn{To: who(t, amgr), FromDate: day(w, 0), UntilDate: day(w, 6), Reason: "出張のため"})
		wants(t, err, fault.KindInvalid, "approval.no_person")
		if got := names(aclerk); slices.Contains(got, who(t, amgr)) {
			t.Fatal("who has left could stand in:", got)
		}
		_, err = gate.Run(bg, w.G, person("aud", "", "auditor"), approval.Deputies, struct{}{})
		wants(t, err, fault.KindDenied, "policy.role_never")
	})
}

func TestSM42_WhatChangedSinceIsVoid(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		other := again(t, w, far, r.ID, 900)
		gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, put, Put{ID: r.ID, Limit: 101}))
		f := wants(t, approve(w, manager, s), fault.KindRefused, "approval.void")
		if len(f.Parts) != 1 || f.Parts[0].Key != "approval.changed" {
			t.Fatal(f)
		}
		if got := state(t, w, s.ID); got.State != approval.Void || got.Error != "approval.changed" || limit(t, w, r.ID) != 101 {
			t.Fatalf("the refusal is kept and nothing else: %+v", got.Request)
		}
		wants(t, approve(w, manager, s), fault.KindRefused, "approval.not_open")
		// What is asked for cannot be done any more: void with the reason.
		gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, put, Put{ID: r.ID, Limit: -1}))
		wants(t, approve(w, manager, other), fault.KindRefused, "approval.void")
		if got := state(t, w, other.ID); got.State != approval.Void || got.Error != "gate.taken" {
			t.Fatalf("%+v", got.Request)
		}
	})
}

func TestC35_OnlyTheDigestShownIsApproved(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		_, other := request(t, w, clerk, 400)
		for _, d := range []string{other.Digest, strings.ToUpper(s.Digest), "00", s.Digest + "00"} {
			_, err := gate.Run(bg, w.G, manager, approval.Approve, approval.ApproveIn{ID: s.ID, Digest: d})
			wants(t, err, fault.KindConflict, "approval.digest")
		}
		if state(t, w, s.ID).State != approval.Open || limit(t, w, r.ID) != 100 {
			t.Fatal("a wrong digest settles nothing")
		}
	})
}

func TestC35_AFailingOpLeavesTheRequestOpen(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, fixed)
		f := wants(t, approve(w, manager, s), fault.KindRefused, "approval.not_done")
		if len(f.Parts) != 1 || f.Parts[0].Key != "gate.taken" {
			t.Fatal("the approver is told why", f)
		}
		got := state(t, w, s.ID)
		if got.State != approval.Open || got.Version != s.Version || got.DecidedBy != "" || limit(t, w, r.ID) != 100 {
			t.Fatalf("nothing is kept: %+v", got.Request)
		}
	})
}

func TestSM45_UnansweredRequestsLapse(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		_, late := request(t, w, clerk, 400)
		w.Clock.Pass(approval.LapseAfter - time.Minute)
		lapse := func() approval.LapseOut {
			t.Helper()
			return gatetest.Must[approval.LapseOut](t)(gate.Run(bg, w.G, gate.System("ticker"), approval.Lapse, struct{}{}))
		}
		if n := lapse(); n.Lapsed != 0 {
			t.Fatal("too early", n)
		}
		w.Clock.Pass(2 * time.Minute)
		// Before the ticker comes by, the door is shut already.
		wants(t, approve(w, manager, s), fault.KindRefused, "approval.lapsed")
		if got := state(t, w, s.ID); got.State != approval.Lapsed || got.MayDecide || limit(t, w, r.ID) != 100 {
			t.Fatalf("%+v", got.Request)
		}
		if n := lapse(); n.Lapsed != 1 || n.More || state(t, w, late.ID).State != approval.Lapsed {
			t.Fatal(n)
		}
		// The same ask may be made again.
		if fresh := again(t, w, clerk, r.ID, 500); fresh.ID == s.ID || fresh.State != approval.Open {
			t.Fatal(fresh)
		}
	})
}

func TestC35_RejectAndWithdraw(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		if same := again(t, w, clerk, r.ID, 500); same.ID != s.ID {
			t.Fatal("the same ask stands twice")
		}
		_, err := gate.Run(bg, w.G, manager, approval.Reject, approval.RejectIn{ID: s.ID, Reason: "不"})
		wants(t, err, fault.KindInvalid, "gate.reason")
		_, err = gate.Run(bg, w.G, far, approval.Reject, approval.RejectIn{ID: s.ID, Reason: "不要です"})
		wants(t, err, fault.KindNotFound, "fault.not_found") // another department's
		got := gatetest.Must[approval.Request](t)(gate.Run(bg, w.G, manager, approval.Reject, approval.RejectIn{ID: s.ID, Reason: "不要です"}))
		if got.State != approval.Rejected || got.DecidedBy != "manager" || got.Comment != "不要です" {
			t.Fatalf("%+v", got)
		}
		second := again(t, w, clerk, r.ID, 500)
		if second.ID == s.ID {
			t.Fatal("what was rejected does not come to life again")
		}
		_, err = gate.Run(bg, w.G, boss, approval.Withdraw, approval.ByID{ID: second.ID})
		wants(t, err, fault.KindRefused, "approval.not_own")
		_, err = gate.Run(bg, w.G, manager, approval.Withdraw, approval.ByID{ID: second.ID})
		wants(t, err, fault.KindNotFound, "fault.not_found")
		if got := gatetest.Must[approval.Request](t)(gate.Run(bg, w.G, clerk, approval.Withdraw, approval.ByID{ID: second.ID})); got.State != approval.Withdrawn {
			t.Fatal(got.State)
		}
		wants(t, approve(w, manager, second), fault.KindRefused, "approval.not_open")
		if limit(t, w, r.ID) != 100 {
			t.Fatal("took effect")
		}
	})
}

func TestC12_WhoMayNotApprove(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		weak := gatetest.Person{ID: "manager", Roles: []string{"manager"}, Departments: []string{"east"}}.As()
		wants(t, approve(w, weak, s), fault.KindStepUp, "gate.step_up")
		client := person("client-1", "east", "manager")
		wants(t, approve(w, client, s), fault.KindDenied, "approval.person_only")
		_, err := gate.Run(bg, w.G, client, approval.Reject, approval.RejectIn{ID: s.ID, Reason: "自動処理"})
		wants(t, err, fault.KindDenied, "approval.person_only")
		_, err = gate.Run(bg, w.G, client, approval.Delegate, approval.DelegateIn{To: "x", FromDate: day(w, 0), UntilDate: day(w, 1), Reason: "自動処理"})
		wants(t, err, fault.KindDenied, "approval.person_only")
		wants(t, approve(w, person("other", "east", "clerk"), s), fault.KindDenied, "policy.role_never")
		wants(t, approve(w, far, s), fault.KindNotFound, "fault.not_found")
		wants(t, approve(w, manager, approval.Shown{Request: approval.Request{Digest: s.Digest, Row: gate.Row{ID: "nothing"}}}), fault.KindNotFound, "fault.not_found")
		if limit(t, w, r.ID) != 100 || state(t, w, s.ID).State != approval.Open {
			t.Fatal("took effect")
		}
	})
}

func TestC12_TheDifferenceIsForThoseItConcerns(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		_, s := request(t, w, clerk, 500)
		for _, c := range []struct {
			who  gate.Credential
			sees bool
		}{{clerk, true}, {manager, true}, {far, false}, {person("aud", "", "auditor"), false}} {
			j, err := w.G.JSON(bg, c.who, "approval.show", asJSON(approval.ByID{ID: s.ID}))
			if err != nil || strings.Contains(string(j), `\"limit\":500`) != c.sees {
				t.Fatal(string(j), err)
			}
			if strings.Contains(string(j), "planted-memo") {
				t.Fatal("the input left", string(j))
			}
		}
		_, err := gate.Run(bg, w.G, person("other", "east", "clerk"), approval.Show, approval.ByID{ID: s.ID})
		wants(t, err, fault.KindNotFound, "fault.not_found")
	})
}

func TestC35_BadInput(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		for _, c := range []struct{ op, in, key string }{
			{"approval.approve", `{}`, "fault.several"},
			{"approval.approve", `{"id":"x"}`, "gate.required"},
			{"approval.approve", `{"id":"x","digest":"y","Digest":"z"}`, "gate.json_unknown"},
			{"approval.approve", `{"id":"x","digest":"y","digest":"z"}`, "gate.json_doubled"},
			{"approval.reject", `{"id":"x","reason":"  "}`, "gate.reason"},
			{"approval.delegate", `{"to":"x","from_date":"2026-11-31","until_date":"2026-12-01","reason":"休暇のため"}`, "gate.json_type"},
			{"approval.delegate", `{"to":"x","from_date":"2026-11-20","until_date":"2026-12-01","reason":"休暇のため"}`, "approval.period_past"},
			{"approval.delegate", `{"to":"x","from_date":"2026-11-25","until_date":"2026-11-24","reason":"休暇のため"}`, "approval.period_order"},
			{"approval.delegate", `{"to":"x","from_date":"2026-11-25","until_date":"2026-12-26","reason":"休暇のため"}`, "approval.period_long"},
			{"approval.delegate", `{"to":"boss","from_date":"2026-11-25","until_date":"2026-11-26","reason":"休暇のため"}`, "approval.to_self"},
			{"approval.delegate", "{\"to\":\"x\\u202e\",\"from_date\":\"2026-11-25\",\"until_date\":\"2026-11-26\",\"reason\":\"休暇のため\"}", ""},
			{"approval.list", `{"after":"###"}`, "gate.cursor"},
		} {
			_, err := w.G.JSON(bg, boss, c.op, []byte(c.in))
			if f := fault.Of(err); f == nil || f.Kind != fault.KindInvalid || c.key != "" && f.Key != c.key {
				t.Errorf("%s %s: %v", c.op, c.in, err)
			}
		}
		d := gatetest.Must[approval.DelegationsOut](t)(gate.Run(bg, w.G, boss, approval.Delegations, approval.DelegationsIn{}))
		if len(d.Rows) != 0 {
			t.Fatal("bad input left something", d)
		}
	})
}

func TestC35_TwoApproversOneEffect(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		r, s := request(t, w, clerk, 500)
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for range 8 {
			wg.Go(func() { errs <- approve(w, manager, s) })
		}
		wg.Wait()
		close(errs)
		ok := 0
		for err := range errs {
			if err == nil {
				ok++
			} else {
				wants(t, err, fault.KindRefused, "approval.not_open")
			}
		}
		if got := gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, show, approval.ByID{ID: r.ID})); ok != 1 || got.Version != 2 {
			t.Fatal(ok, got)
		}
	})
}

func TestSM41_DelegationsAreVisible(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		amgr, amgr2 := hire(t, w, "amgr", "east", "manager"), hire(t, w, "amgr2", "west", "manager")
		id := delegate(t, w, amgr, amgr2)
		current := func() []approval.Delegation {
			t.Helper()
			return gatetest.Must[approval.DelegationsOut](t)(gate.Run(bg, w.G, boss, approval.Delegations, approval.DelegationsIn{Current: true})).Rows
		}
		if rows := current(); len(rows) != 1 || rows[0].From != who(t, amgr) || rows[0].To != who(t, amgr2) || rows[0].Reason != "出張のため" {
			t.Fatal(rows)
		}
		_, err := gate.Run(bg, w.G, amgr2, approval.EndDelegation, approval.ByID{ID: id})
		wants(t, err, fault.KindNotFound, "fault.not_found")
		gatetest.Must[approval.Delegation](t)(gate.Run(bg, w.G, amgr, approval.EndDelegation, approval.ByID{ID: id}))
		if rows := current(); len(rows) != 0 {
			t.Fatal(rows)
		}
	})
}

// The 立会人 looks at requests, agrees or refuses, and does nothing else here;
// who reads everything decides nothing.
func TestA35_AttendantsOnlyDecide(t *testing.T) {
	var body string
	for _, name := range []string{"00_roles", "approval"} {
		b, err := os.ReadFile("../../app/matrix/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		body += string(b) + "\n"
	}
	m, err := policy.ParseMatrix(body)
	if err != nil {
		t.Fatal(err)
	}
	for role, want := range map[string]string{
		"attendant": "approval.list approval.show approval.approve approval.reject approval.delegations approval.haste",
		"auditor":   "approval.list approval.show approval.delegations approval.haste approval.reviews",
		"sales":     "approval.list approval.show approval.withdraw approval.urgent approval.urgent_show approval.emergency approval.reviews",
		"system":    "approval.lapse",
		"nobody":    "",
	} {
		var has []string
		for _, op := range gate.Names([]gate.Module{approval.Module}) {
			if m.Cell(op, false, role) != 0 {
				has = append(has, op)
			}
		}
		if got := strings.Join(has, " "); got != want {
			t.Errorf("%s: %s", role, got)
		}
	}
}
