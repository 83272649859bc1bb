package drill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/assure/drill"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

var bg = context.Background()

// world is a company in which one person asks and another approves.
type world struct {
	*gatetest.World
	t        *testing.T
	d        *dispatch.Gate
	mods     []gate.Module
	asker    gate.Credential
	approver gate.Credential
	id       string // of the approver
	party    party.Party
	n        int
}

var (
	boss   = gatetest.Boss("boss")
	second = gatetest.Boss("second")
	system = gate.System("rounds")
)

func must[In, Out any](w *world, as gate.Credential, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := gate.Run(bg, w.G, as, u, in)
	if err != nil {
		w.t.Fatalf("%s: %v", u.Name(), err)
	}
	return out
}

func wants(t *testing.T, err error, k fault.Kind, key string) *fault.Error {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || key != "" && f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
	return f
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	mods := []gate.Module{identity.Module, approval.Module, org.Module, party.Module, document.Module, d.Module, drill.Module}
	gatetest.Each(t, gatetest.Options{Request: dispatch.Keep, Modules: mods}, func(t *testing.T, g *gatetest.World) {
		w := &world{World: g, t: t, d: d, mods: mods, asker: gatetest.Boss("asker")}
		for civil.Of(g.Clock.Now()).Day() != 10 { // far from closing
			g.Clock.Pass(24 * time.Hour)
		}
		must(w, boss, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001",
			Address: "札幌市中央区北一条西1-1", Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}})
		w.party = must(w, boss, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所", Department: "east",
			Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}})
		p := must(w, boss, party.PointPropose, party.ProposeIn{Party: w.party.ID, Address: "keiri@tohoku-kikai.co.jp", Label: "経理"})
		agreed(w, party.PointVerify, party.VerifyIn{ID: p.ID, Version: p.Version, How: "phone", Reason: "代表電話で確認"})
		w.id = must(w, boss, identity.CreatePerson, identity.CreateIn{HiredOn: civil.MustParse("2020-04-01"),
			Particulars: identity.Particulars{Login: "mori", Number: "7", Name: "森 直人", Kana: "モリ", Mail: "mori@hokuto-supply.example"}}).ID
		w.approver = gatetest.Boss(w.id)
		f(t, w)
	})
}

// agreed runs an op to which a second person agrees.
func agreed[In, Out any](w *world, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, boss, u, in)
	f := wants(w.t, err, fault.KindPending, "")
	w.approve(second, f.Args[1].(string))
}

func (w *world) approve(as gate.Credential, id string) {
	w.t.Helper()
	r := must(w, as, approval.Show, approval.ByID{ID: id})
	must(w, as, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
}

// decide lets the approver agree to n real sendings.
func (w *world) decide(n int) {
	w.t.Helper()
	for range n {
		w.n++
		s := must(w, w.asker, w.d.Prepare, dispatch.PrepareIn{Party: w.party.ID, Subject: fmt.Sprintf("お知らせ %d 号", w.n), Purpose: dispatch.ForNotice,
			Body: "株式会社東北機械製作所 御中\nいつもお世話になっております。", Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: "keiri@tohoku-kikai.co.jp"}}})
		c := must(w, w.asker, w.d.Check, dispatch.ByID{ID: s.ID})
		var ticks []string
		for _, k := range c.Ticks {
			ticks = append(ticks, k.Tick)
		}
		must(w, w.asker, dispatch.ConfirmOp, dispatch.ConfirmIn{ID: s.ID, Digest: c.Digest, Ticks: ticks})
		_, err := gate.Run(bg, w.G, w.asker, w.d.Release, dispatch.ReleaseIn{ID: s.ID, Digest: c.Digest})
		w.approve(w.approver, wants(w.t, err, fault.KindPending, "").Args[1].(string))
	}
}

func (w *world) start() {
	w.t.Helper()
	today := civil.Of(w.Clock.Now())
	agreed(w, drill.Start, drill.StartIn{From: today, Until: today.AddDays(60), Closings: "31", Before: 2, After: 8, Reason: "承認が形だけになっていないか確かめる"})
}

func (w *world) tick() drill.TickOut { return must(w, system, drill.Tick, struct{}{}) }

// decoy is the decoy that lies before the approver.
func (w *world) decoy() approval.Request {
	w.t.Helper()
	list := must(w, w.approver, approval.List, approval.ListIn{}).Rows
	if len(list) != 1 {
		w.t.Fatal("not one request:", len(list))
	}
	return list[0]
}

func (w *world) held() int {
	return len(must(w, boss, dispatch.List, dispatch.ListIn{State: dispatch.Held, Limit: 200}).Rows)
}

// most is after how many requests a decoy is surely due.
const most = drill.Every + 25

func TestC34_ADecoyIsNeverSent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.decide(3)
		w.start()
		w.decide(drill.Every - 1)
		if out := w.tick(); out.Planted != 0 {
			t.Fatal("before the fiftieth since the start")
		}
		w.decide(most - drill.Every)
		if out := w.tick(); out.Planted != 1 {
			t.Fatalf("%+v", out)
		}
		if out := w.tick(); out.Planted != 0 {
			t.Fatal("a second one beside it")
		}
		r := w.decoy()
		if r.Op != "dispatch.release" || r.Requester != "asker" || slices.Contains(gate.Names(w.mods), approval.DrillOp) {
			t.Fatalf("%+v", r)
		}
		held := w.held()
		w.attack(r.ID)
		w.attack(r.Target)
		if w.held() != held {
			t.Fatal("something is about to leave")
		}
		shown := must(w, w.approver, approval.Show, approval.ByID{ID: r.ID})
		if !shown.MayDecide || !strings.Contains(shown.AfterIs, "お知らせ") || strings.Contains(shown.AfterIs, "keiri@tohoku-kikai.co.jp") {
			t.Fatalf("%+v", shown)
		}
		_, err := gate.Run(bg, w.G, w.approver, drill.LessonOf, drill.LessonIn{Request: r.ID})
		wants(t, err, fault.KindNotFound, "")
		w.approve(w.approver, r.ID)
		if w.held() != held {
			t.Fatal("approving it sends something")
		}
		l := must(w, w.approver, drill.LessonOf, drill.LessonIn{Request: r.ID})
		if l.Outcome != drill.Missed || l.Kind != drill.OneLetter || l.Right != "keiri@tohoku-kikai.co.jp" || l.Wrong == l.Right {
			t.Fatalf("%+v", l)
		}
		w.counted(r.ID)
	})
}

// attack tries every op of the outer gate on a decoy, as whoever may do most and as
// the server itself.
func (w *world) attack(id string) {
	w.t.Helper()
	for _, op := range gate.Infos([]gate.Module{w.d.Module}) {
		in := map[string]any{}
		props, _ := op.In["properties"].(map[string]any)
		for name, p := range props {
			in[name] = attackWith(name, p, id)
		}
		if slices.Contains([]string{"dispatch.stop_all", "dispatch.restored", "dispatch.relay_health"}, op.Name) {
			continue // about the house: the first two would make the rest easy, the others keep any name they are given
		}
		raw, err := json.Marshal(in)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, as := range []gate.Credential{boss, w.approver, w.asker, system} {
			out, err := w.G.JSON(bg, as, op.Name, raw)
			if err == nil && strings.Contains(string(out), id) {
				w.t.Errorf("%s knows the decoy: %s", op.Name, out)
			}
		}
	}
	now := w.Clock.Now()
	for _, as := range []gate.Credential{system} {
		due := must(w, as, dispatch.Due, dispatch.DueIn{})
		for _, i := range due.Items {
			if i.Package == id || i.Item == id {
				w.t.Fatal("it is due at", now)
			}
		}
	}
}

func attackWith(name string, schema any, id string) any {
	p, _ := schema.(map[string]any)
	if e, ok := p["enum"].([]any); ok && len(e) > 0 {
		return e[0]
	}
	if e, ok := p["enum"].([]string); ok && len(e) > 0 {
		return e[0]
	}
	switch p["type"] {
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	}
	if name == "reason" {
		return "訓練の申請を送ってみる"
	}
	return id
}

// counted: a drill is counted as a drill and as nothing else, and is in the log as one.
func (w *world) counted(request string) {
	w.t.Helper()
	if out := w.tick(); out.Settled != 1 {
		w.t.Fatalf("%+v", out)
	}
	month := civil.Of(w.Clock.Now()).String()[:7]
	got := must(w, boss, drill.Rates, civil.Months{From: month, To: month})
	if len(got.Rows) != 1 || got.Rows[0] != (drill.Rate{Month: month, Missed: 1}) {
		w.t.Fatalf("%+v", got)
	}
	if h := must(w, boss, approval.Haste, civil.Months{From: month, To: month}); len(h.Rows) == 0 {
		w.t.Fatal("no decisions at all")
	} else if h.Rows[0].Person == w.id && h.Rows[0].Approved != int64(w.n) {
		w.t.Fatal("the drill is counted as a decision", h.Rows[0], w.n)
	}
	today := civil.Of(w.Clock.Now())
	if n := must(w, boss, dispatch.NearMisses, dispatch.NearIn{From: today.AddDays(-90), To: today}); n.Total != 0 {
		w.t.Fatal("near misses", n.Total)
	}
	if l := must(w, w.approver, drill.Lessons, drill.LessonsIn{}); len(l.Rows) != 1 || l.Rows[0].Request != request {
		w.t.Fatalf("%+v", l)
	}
	if l := must(w, boss, drill.Lessons, drill.LessonsIn{}); len(l.Rows) != 0 {
		w.t.Fatal("another's lessons")
	}
}

func TestC34_CaughtAndTheNextOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.start()
		w.decide(most)
		w.tick()
		r := w.decoy()
		must(w, w.approver, approval.Reject, approval.RejectIn{ID: r.ID, Reason: "宛先が1文字違います"})
		if l := must(w, w.approver, drill.LessonOf, drill.LessonIn{Request: r.ID}); l.Outcome != drill.Caught {
			t.Fatalf("%+v", l)
		}
		w.decide(drill.Every - 1)
		if out := w.tick(); out.Planted != 0 || out.Settled != 1 {
			t.Fatalf("%+v", out)
		}
		w.counts(t)
		// Around closing nothing is planted, whatever is due; nor after the stop.
		w.decide(most - drill.Every + 1)
		for civil.Of(w.Clock.Now()).Day() != 29 {
			w.Clock.Pass(24 * time.Hour)
		}
		for range 9 {
			if out := w.tick(); out.Planted != 0 {
				t.Fatal("around closing:", civil.Of(w.Clock.Now()))
			}
			w.Clock.Pass(24 * time.Hour)
		}
		on := must(w, boss, drill.List, struct{}{}).Rows
		if len(on) != 1 || on[0].Over || on[0].Approver != "second" {
			t.Fatalf("%+v", on)
		}
		must(w, boss, drill.Stop, drill.StopIn{ID: on[0].ID, Reason: "繁忙のため中断"})
		_, err := gate.Run(bg, w.G, boss, drill.Stop, drill.StopIn{ID: on[0].ID, Reason: "もう一度止める"})
		wants(t, err, fault.KindRefused, "drill.over")
		w.Clock.Pass(72 * time.Hour)
		if out := w.tick(); out.Planted != 0 {
			t.Fatal("after the stop")
		}
		w.start() // and another may begin, from nothing
		if out := w.tick(); out.Planted != 0 {
			t.Fatal("what was decided before the start counts")
		}
	})
}

func (w *world) counts(t *testing.T) {
	t.Helper()
	month := civil.Of(w.Clock.Now()).String()[:7]
	if got := must(w, boss, drill.Rates, civil.Months{From: month, To: month}); len(got.Rows) != 1 || got.Rows[0].Caught != 1 || got.Rows[0].Missed != 0 {
		t.Fatalf("%+v", got)
	}
	_, err := gate.Run(bg, w.G, boss, drill.Rates, civil.Months{From: "2026-12", To: "2026-11"})
	wants(t, err, fault.KindInvalid, "civil.bad_month")
}

func TestC34_TwoStartADrill(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if out := w.tick(); out != (drill.TickOut{}) {
			t.Fatal("off until somebody starts it")
		}
		today := civil.Of(w.Clock.Now())
		in := drill.StartIn{From: today, Until: today.AddDays(30), Closings: "31", Before: 2, After: 8, Reason: "年末の前に確かめる"}
		_, err := gate.Run(bg, w.G, boss, drill.Start, in)
		f := wants(t, err, fault.KindPending, "gate.pending")
		r := must(w, second, approval.Show, approval.ByID{ID: f.Args[1].(string)})
		_, err = gate.Run(bg, w.G, boss, approval.Approve, approval.ApproveIn{ID: r.ID, Digest: r.Digest})
		wants(t, err, fault.KindRefused, "approval.own")
		w.approve(second, r.ID)
		_, err = gate.Run(bg, w.G, boss, drill.Start, in)
		wants(t, err, fault.KindRefused, "drill.running")
		bad := in
		bad.Closings = "31,31"
		_, err = gate.Run(bg, w.G, boss, drill.Start, bad)
		wants(t, err, fault.KindInvalid, "drill.closings")
		bad = in
		bad.Until = today.AddDays(-1)
		_, err = gate.Run(bg, w.G, boss, drill.Start, bad)
		wants(t, err, fault.KindInvalid, "drill.order")
		_, err = gate.Run(bg, w.G, boss, drill.Stop, drill.StopIn{ID: "nothing", Reason: "止めてみる"})
		wants(t, err, fault.KindNotFound, "")
	})
}
