package dispatch

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// TestC34_StrongerAndWeakerPerRule states for each rule a value weaker and one
// stronger than its default.
func TestC34_StrongerAndWeakerPerRule(t *testing.T) {
	pairs := map[string]struct{ weaker, stronger string }{
		RuleAmount: {"1000001", "999999"}, RuleClass: {"secret", "confidential"},
		RuleFirstTime: {"ticks", ""}, RuleFreeMail: {"ticks", ""}, RuleNewDomain: {"ticks", ""}, RuleChanged: {"ticks", ""},
		RuleUnreadable: {"ticks", ""}, RuleDuplicate: {"ticks", ""}, RuleRegister: {"second", ""}, RuleCorrection: {"ticks", ""}, RuleUploaded: {"", "second"}, RuleUntold: {"quiet", "second"}, RuleOnce: {"25", "23"}, RuleChangedDays: {"29", "31"},
		RuleHold: {"4", "6"}, RuleTicks: {"31", "29"}, RuleCheck: {"61", "59"}, RuleRecipients: {"11", "9"},
		RuleFrom: {"6", "8"}, RuleUntil: {"21", "19"}, RuleHabit: {"51", "49"}, RuleHoldQuick: {"29", "31"}, RuleReview: {"25", "23"},
		RuleClassLink: {"", "confidential"}, RuleClassMail: {"personal", "internal"}, RuleClassZip: {"", "internal"}, RuleClassPost: {"", "public"}, RuleClassFax: {"personal", "internal"},
	}
	day := civil.MustParse("2026-11-22")
	for _, d := range definitions(DefaultHold) {
		p, ok := pairs[d.name]
		if !ok {
			t.Errorf("nobody says which way %s is stronger", d.name)
			continue
		}
		delete(pairs, d.name)
		for s, want := range map[string]bool{p.weaker: true, p.stronger: false} {
			if s == "" {
				continue
			}
			v, err := d.parse(s)
			if err != nil {
				t.Fatal(d.name, s, err)
			}
			if weakens, same := d.effect(nil, day, v); weakens != want || same || d.stronger(v, d.value) == want {
				t.Errorf("%s from %s to %s: weakens %v, same %v", d.name, d.text(d.value), s, weakens, same)
			}
		}
		if _, same := d.effect(nil, day, d.value); !same {
			t.Errorf("%s: its default changes something", d.name)
		}
	}
	if len(pairs) > 0 {
		t.Errorf("no such rules: %v", pairs)
	}
}

func TestRuleValuesAndSentences(t *testing.T) {
	f, _ := reflect.TypeFor[RuleIn]().FieldByName("Rule")
	var names []string
	for _, d := range definitions(DefaultHold) {
		names = append(names, d.name)
		for _, v := range []int64{d.least, d.value, d.most} {
			got, err := d.parse(d.text(v))
			if err != nil || got != v {
				t.Errorf("%s: %s reads as %d, %v", d.name, d.text(v), got, err)
			}
			for _, l := range text.Langs {
				if s := d.sentence(l, v); s == "dispatch.rule."+d.name || strings.Contains(s, "{") || strings.Contains(s, "dispatch.") {
					t.Errorf("%s: no sentence in %s: %s", d.name, l, s)
				}
			}
		}
		if d.judges && !text.Has("dispatch.rule_name."+d.name) {
			t.Errorf("%s has no name", d.name)
		}
		for _, s := range []string{"", " ", "+10", "010", "1e3", "10.5", "-1", "99999999999999999999", "third", "Second", "Quiet", "極秘"} {
			if v, err := d.parse(s); !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%s takes %q as %d", d.name, s, v)
			}
		}
		if d.unit != inClass && d.unit != inAsk {
			for _, s := range []string{fmt.Sprint(d.least - 1), fmt.Sprint(d.most + 1)} {
				if _, err := d.parse(s); !fault.Is(err, fault.KindInvalid) {
					t.Errorf("%s takes %s", d.name, s)
				}
			}
		}
	}
	if got := f.Tag.Get("enum"); got != strings.Join(names, ",") {
		t.Errorf("rule_set takes %s, the rules are %v", got, names)
	}
	if r := (Rules{}); r.Amount() != 1_000_000 || r.Class() != policy.Personal || r.TickLife() != 30*time.Minute || r.CheckLife() != time.Hour || r.Hold(time.Second) != time.Second {
		t.Error("the rules nobody has set are not the defaults")
	}
}

// history makes settings at random, some for days to come, as the op would.
func history(t *rapid.T) ([]Setting, civil.Date) {
	day := civil.MustParse("2026-11-01")
	var rows []Setting
	for i := range rapid.IntRange(0, 8).Draw(t, "settings") {
		day = day.AddDays(rapid.IntRange(0, 3).Draw(t, "days"))
		s := Setting{Rule: rapid.SampledFrom([]string{RuleAmount, RuleHold}).Draw(t, "rule"), Value: rapid.Int64Range(1, 4).Draw(t, "value"),
			From: day.AddDays(rapid.IntRange(0, 4).Draw(t, "ahead"))}
		s.Row = gate.Row{ID: fmt.Sprint(i), CreatedAt: day.Start().Add(time.Duration(i+1) * time.Minute)}
		rows = append(rows, s)
	}
	return rows, day
}

// TestC34_WhatDoesNotWeakenWeakensOnNoDay compares every day before and after a
// setting is added.
func TestC34_WhatDoesNotWeakenWeakensOnNoDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, today := history(t)
		d, _ := definition(rapid.SampledFrom([]string{RuleAmount, RuleHold}).Draw(t, "of"), DefaultHold)
		s := Setting{Rule: d.name, Value: rapid.Int64Range(1, 4).Draw(t, "new"), From: today.AddDays(rapid.IntRange(0, 5).Draw(t, "from"))}
		s.Row = gate.Row{ID: "z", CreatedAt: today.Start().Add(time.Hour)}
		weakens, same := d.effect(rows, s.From, s.Value)
		var weaker, differs bool
		for n := range 30 {
			day := today.AddDays(n)
			was, now := rulesOn(rows, day).of(d.name), rulesOn(append(slices.Clone(rows), s), day).of(d.name)
			weaker, differs = weaker || d.stronger(was, now), differs || was != now
		}
		if weakens != weaker || same == differs {
			t.Fatalf("weakens %v, same %v; on some day weaker %v, other %v", weakens, same, weaker, differs)
		}
	})
}

// TestSM33_AVersionNamesTheRules: what a version stood for can be told at any
// later day, and no two days of the same version differ.
func TestSM33_AVersionNamesTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, today := history(t)
		before := rulesOn(rows, today)
		for n := range 10 {
			day := today.AddDays(n)
			now := rulesOn(rows, day)
			if now.Version < before.Version || now.Version == before.Version && !reflect.DeepEqual(now, before) {
				t.Fatalf("%v after %v", now, before)
			}
			if again := rulesAt(rows, day, before.Version); !reflect.DeepEqual(again, before) {
				t.Fatalf("version %d was %v, and reads as %v", before.Version, before, again)
			}
			before = now
		}
	})
}

// TestC34_FrictionFollowsTheRules judges every caution there is under a rule that
// asks for a second person and under one that does not.
func TestC34_FrictionFollowsTheRules(t *testing.T) {
	all := map[string]string{"first_time": RuleFirstTime, "free_mail": RuleFreeMail, "new_domain": RuleNewDomain, "changed_point": RuleChanged,
		"changed_account": RuleChanged, "unreadable": RuleUnreadable, "pictures": RuleUnreadable, "sent_before": RuleDuplicate, "field_address": RuleRegister, "field_terms": RuleRegister, "field_order": RuleRegister}
	for key, name := range all {
		for _, second := range []bool{true, false} { // what the check says gives way to the rule
			fs := []Finding{match("i", "registered", "a"), caution("i", key, second)}
			for v, want := range map[int64]Friction{asksTicks: Ticks, asksSecond: Second} {
				got, ask := judge(Rules{values: map[string]int64{name: v}}, fs)
				if ask != want || got[1].Second != (want == Second) || fs[1].Second != second {
					t.Errorf("%s under %s=%d: %s %+v", key, name, v, ask, got)
				}
			}
		}
	}
	for _, key := range []string{"field_address", "field_terms", "field_order"} { // SM-30: by default they stop
		if got, _ := judge(Rules{}, []Finding{caution("i", key, true)}); got[0].Level != Halt || got[0].Second {
			t.Errorf("%s: %+v", key, got)
		}
	}
	for _, c := range []struct {
		fs   []Finding
		want Friction
	}{
		{nil, Quiet}, {[]Finding{match("i", "registered", "a")}, Quiet}, {[]Finding{caution("i", "foreign_weak", false)}, Ticks},
		{[]Finding{{Level: Match, Key: "dispatch.found.big_usual", Second: true}, caution("i", "foreign_weak", false)}, Second},
		{[]Finding{caution("i", "big_amount", true)}, Second}, {[]Finding{caution("i", "claims_name", true), caution("i", "related", false)}, Second},
	} {
		if _, ask := judge(Rules{}, c.fs); ask != c.want {
			t.Errorf("%+v: %s", c.fs, ask)
		}
	}
}

func (w *world) set(name, value string) error {
	_, err := gate.Run(bg, w.G, sender, w.d.RuleSet, RuleIn{Rule: name, Value: value, Reason: "社内ルールの見直し"})
	return err
}

func (w *world) rule(name string) (RuleShown, string) {
	w.t.Helper()
	out := must(w, w.d.RuleList, struct{}{})
	i := slices.IndexFunc(out.Rules, func(r RuleShown) bool { return r.Rule == name })
	return out.Rules[i], out.Version
}

func TestC34_WeakeningARuleTakesASecondPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if r, v := w.rule(RuleAmount); r.Value != "1000000" || v != "v1" || r.Weakened || len(r.History) != 0 || !strings.Contains(r.Ja, "1,000,000円") || !strings.Contains(r.En, "1,000,000 yen") {
			t.Fatalf("%+v %s", r, v)
		}
		if err := w.set(RuleAmount, "500000"); err != nil { // at once, by one person
			t.Fatal(err)
		}
		r, v := w.rule(RuleAmount)
		if r.Value != "500000" || v != "v2" || len(r.History) != 1 || r.History[0].Person != "sender" || r.History[0].Approver != "" || r.History[0].Weakens {
			t.Fatalf("%+v %s", r, v)
		}
		err := w.set(RuleAmount, "2000000")
		wants(t, err, fault.KindPending, "")
		if r, _ := w.rule(RuleAmount); r.Value != "500000" {
			t.Fatal("it took effect before anybody agreed")
		}
		wants(t, w.approve(request(err), sender), fault.KindRefused, "approval.own")
		if err := w.approve(request(err), approver); err != nil {
			t.Fatal(err)
		}
		r, v = w.rule(RuleAmount)
		if r.Value != "2000000" || v != "v3" || !r.Weakened || r.History[0].Approver != "second" || r.History[0].Person != "sender" || !r.History[0].Weakens || r.History[0].Reason == "" {
			t.Fatalf("%+v %s", r, v)
		}
		// What was set meanwhile voids a request to weaken.
		err = w.set(RuleAmount, "3000000")
		wants(t, err, fault.KindPending, "")
		if err := w.set(RuleAmount, "100"); err != nil {
			t.Fatal(err)
		}
		wants(t, w.approve(request(err), approver), fault.KindRefused, "approval.void")
		if r, _ := w.rule(RuleAmount); r.Value != "100" || r.Weakened {
			t.Fatalf("%+v", r)
		}
	})
}

func TestC34_RulesToCome(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		later := civil.Of(w.Clock.Now()).AddDays(7)
		in := RuleIn{Rule: RuleClass, Value: "confidential", From: later, Reason: "年末から厳しくするため"}
		must(w, w.d.RuleSet, in)
		if r, v := w.rule(RuleClass); r.Value != "personal" || v != "v1" || len(r.History) != 1 || r.History[0].From != later {
			t.Fatalf("%+v %s", r, v)
		}
		// To take back what was planned asks less of people than was planned.
		wants(t, w.set(RuleClass, "personal"), fault.KindPending, "")
		_, err := gate.Run(bg, w.G, sender, w.d.RuleSet, in)
		wants(t, err, fault.KindInvalid, "dispatch.rule_same")
		w.Clock.Pass(7 * 24 * time.Hour)
		if r, v := w.rule(RuleClass); r.Value != "confidential" || v != "v2" {
			t.Fatalf("%+v %s", r, v)
		}
	})
}

func TestC34_RuleSetRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ in, key string }{
			{`{"rule":"second_amount","value":"-1","reason":"見直しのため"}`, "dispatch.rule_value"},
			{`{"rule":"second_amount","value":"999999999999999999","reason":"見直しのため"}`, "dispatch.rule_value"},
			{`{"rule":"ask_first_time","value":"quiet","reason":"見直しのため"}`, "dispatch.rule_value"},
			{`{"rule":"hold_minutes","value":"0","reason":"見直しのため"}`, "dispatch.rule_value"},
			{`{"rule":"hold_minutes","value":"5","reason":"見直しのため"}`, "dispatch.rule_same"},
			{`{"rule":"hold_minutes","value":"11","from":"2026-11-21","reason":"見直しのため"}`, "dispatch.rule_past"},
			{`{"rule":"none","value":"1","reason":"見直しのため"}`, ""},
			{`{"rule":"hold_minutes","value":"11","reason":" "}`, "gate.reason"},
		} {
			_, err := w.G.JSON(bg, sender, "dispatch.rule_set", []byte(c.in))
			wants(t, err, fault.KindInvalid, c.key)
		}
		weak := gatetest.Person{ID: "sender", Roles: []string{"boss"}}.As()
		_, err := gate.Run(bg, w.G, weak, w.d.RuleSet, RuleIn{Rule: RuleHold, Value: "11", Reason: "見直しのため"})
		wants(t, err, fault.KindStepUp, "")
		if r, v := w.rule(RuleHold); v != "v1" || r.Value != "5" {
			t.Fatal("a refusal changed something", r, v)
		}
	})
}
