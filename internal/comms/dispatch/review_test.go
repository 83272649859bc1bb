package dispatch

import (
	"context"
	"testing"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

func TestC34_HoldByRisk(t *testing.T) {
	r := rulesOn(nil, civil.MustParse("2026-11-22"))
	for _, c := range []struct {
		purpose Purpose
		asks    Friction
		hold    time.Duration
		want    time.Duration
	}{
		{ForInvoice, Quiet, DefaultHold, DefaultHold}, {ForQuote, Quiet, DefaultHold, 30 * time.Second}, {ForNotice, Quiet, DefaultHold, 30 * time.Second},
		{ForQuote, Ticks, DefaultHold, DefaultHold}, {ForNotice, Second, DefaultHold, DefaultHold}, {"", Quiet, DefaultHold, DefaultHold},
		{ForQuote, Quiet, time.Second, time.Second}, // never longer than the other
	} {
		if got := r.HoldOf(c.purpose, c.asks, c.hold); got != c.want {
			t.Errorf("%s %s: %v, want %v", c.purpose, c.asks, got, c.want)
		}
	}
}

func TestM1_ReviewFindings(t *testing.T) {
	for why, want := range map[string]struct {
		level  Level
		second bool
	}{party.ReviewAge: {Caution, false}, party.ReviewLeft: {Caution, true},
		party.ReviewDomain: {Halt, false}, party.ReviewDenied: {Halt, false}} {
		got := reviewDue(Facts{Recipients: []RecipientFact{{Item: "i", Point: "p", Proposed: "a@b.example.jp", Review: why}}})
		if len(got) != 1 || got[0].Level != want.level || got[0].Second != want.second || got[0].Key != "dispatch.found.review_"+why {
			t.Errorf("%s: %+v", why, got)
		}
	}
	for _, none := range []RecipientFact{{Point: "p"}, {Review: party.ReviewDomain}, {Point: "p", Review: party.ReviewBounce}} {
		if got := reviewDue(Facts{Recipients: []RecipientFact{none}}); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	}
	day, used := civil.MustParse("2024-11-21"), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	now := civil.MustParse("2026-11-22")
	if !aged(day, time.Time{}, now, 24) || aged(day.AddDays(1), time.Time{}, now, 24) || aged(day, used, now, 24) || !aged(day, used, now, 22) {
		t.Error("age is counted wrongly")
	}
}

// The daily look marks an address whose domain is gone; what is bound to it is
// stopped with the way out.
func TestM1_ScanMarksLostDomain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		asked := 0
		g, err := New(Settings{From: Sender{Address: "a@hokuto-supply.example.jp"}, Resolve: func(_ context.Context, domain string) (bool, error) {
			asked++
			return domain != "tohoku-kikai.co.jp", nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := g.missing(t.Context(), []string{"tohoku-kikai.co.jp", "a.example.jp", "other.co.jp", "x.test"}); len(got) != 1 || got[0] != "tohoku-kikai.co.jp" || asked != 2 {
			t.Fatal(got, asked)
		}
		out := gatetest.Must[ScanOut](t)(gate.Run(bg, w.G, server, w.d.ReviewScan, ScanIn{}))
		if out.Marked != 0 || out.Next != "" {
			t.Fatalf("%+v", out)
		}
		w.Clock.Pass(3 * 366 * 24 * time.Hour)
		if out = gatetest.Must[ScanOut](t)(gate.Run(bg, w.G, server, w.d.ReviewScan, ScanIn{})); out.Marked == 0 {
			t.Fatal("nothing has come of age")
		}
		if out = gatetest.Must[ScanOut](t)(gate.Run(bg, w.G, server, w.d.ReviewScan, ScanIn{})); out.Marked != 0 {
			t.Fatalf("marked twice: %+v", out)
		}
	})
}
