package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/trade/intake"
)

func TestCastHasThreeOfEveryRole(t *testing.T) {
	cast := Cast()
	seen := map[string]bool{}
	for _, r := range Roles {
		if len(Of(cast, r.Name)) < 3 {
			t.Error("too few of", r.Name)
		}
	}
	for _, p := range cast {
		if seen[p.Login] || seen[p.Name] {
			t.Error("twice:", p.Login, p.Name)
		}
		seen[p.Login], seen[p.Name] = true, true
	}
}

func TestOneSeedOneDemo(t *testing.T) {
	a, b, c := Secrets(1), Secrets(1), Secrets(2)
	seen := map[string]bool{}
	for n := range 200 {
		if a(n) != b(n) {
			t.Fatal("the same seed gives another password", n)
		}
		if seen[a(n)] || seen[c(n)] || a(n) == c(n) {
			t.Fatal("two passwords are alike", n)
		}
		seen[a(n)], seen[c(n)] = true, true
	}
	drafts := func(seed uint64) (out []Draft) {
		s := &seeder{rand: rand.New(rand.NewPCG(seed, 0)), ids: map[string]string{}}
		for range 20 {
			out = append(out, s.draft("000101", civil.MustParse("2026-11-20")))
		}
		return out
	}
	same := func(a, b []Draft) bool {
		return slices.EqualFunc(a, b, func(x, y Draft) bool { return slices.Equal(x.Lines, y.Lines) })
	}
	if !same(drafts(1), drafts(1)) || same(drafts(1), drafts(2)) {
		t.Fatal("amounts do not follow the seed")
	}
}

// The files are what another program would have written: CP932 with the
// characters that only it has, every row good, every number with its check digit.
func TestFilesAreGood(t *testing.T) {
	for _, f := range []struct {
		content []byte
		rows    int
	}{{partnersFile, 24}, {storyPartners, 3}} {
		table, err := intake.Read(f.content, intake.Auto)
		if err != nil || table.Encoding != intake.CP932 {
			t.Fatal(err, table.Encoding)
		}
		c, err := intake.Check(table, intake.Partners, intake.Guess(intake.Partners, table.Headings), intake.Known{})
		if err != nil || len(c.Issues) != 0 || len(c.Partners) != f.rows {
			t.Fatalf("%v, %d partners, %+v", err, len(c.Partners), c.Issues)
		}
		for _, p := range c.Partners {
			for _, w := range p.People {
				if !strings.HasSuffix(w.Mail.Domain(), ".example") {
					t.Error("somebody could get mail at", w.Mail)
				}
			}
		}
	}
	if !bytes.Contains(partnersFile, []byte{0xfb, 0xfc}) || !bytes.Contains(partnersFile, []byte{0xfa, 0xb1}) {
		t.Error("髙 and 﨑 are missing")
	}
	if !jp.RegistrationNumber(Registration).CheckOK() {
		t.Error(Registration)
	}
}

func TestClockIsNeverAheadAndNeverGoesBack(t *testing.T) {
	machine := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := &Time{machine: func() time.Time { return machine }, still: true, at: machine.Add(-past)}
	last := c.Now()
	for _, do := range []func(){
		func() { c.Pass(time.Hour) }, func() { c.until(machine.Add(-time.Hour)) }, func() { c.until(machine.Add(-2 * time.Hour)) },
		func() { c.run(3 * time.Minute) }, func() { c.Pass(time.Minute) }, func() { c.Pass(2 * time.Minute) },
		func() { c.Pass(time.Millisecond) }, func() { machine = machine.Add(time.Second) }, c.CatchUp,
	} {
		do()
		now := c.Now()
		if now.Before(last) || now.After(machine) {
			t.Fatal(last, now, machine)
		}
		last = now
	}
	if !last.Equal(machine) {
		t.Fatal(last, machine)
	}
}

// A demo made in January has its past in the year before, and is opened again
// without being made anew.
func TestPastOverTheTurnOfTheYear(t *testing.T) {
	ctx, home := context.Background(), filepath.Join(t.TempDir(), "d")
	o := Options{Home: home, Seed: 3, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2027, 1, 9, 1, 0, 0, 0, time.UTC) }}
	h, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	mails, err := h.Mails()
	if err != nil || !h.Fresh || len(mails) < 20 || len(mails) != len(h.Trap.List()) || len(mails[0].Files) != 1 {
		t.Fatal(err, h.Fresh, len(mails))
	}
	alive(t, h)
	if err := h.Forward(ctx); err != nil {
		t.Fatal(err)
	}
	if more, _ := h.Mails(); len(more) != len(mails)+1 {
		t.Error("what was counting down did not leave: ", len(more), len(mails))
	}
	ahead := h.Clock.Now()
	rep, err := h.App.Gate.Verify(ctx, nil)
	if err != nil || len(rep.Damages) != 0 || rep.Rows < 300 {
		t.Fatalf("%v %+v", err, rep)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	relay := "[mail]\nhost = \"relay.example.com\"\nfrom = \"a@example.com\"\n"
	if err := os.WriteFile(filepath.Join(home, app.ConfigFile), []byte(relay), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if relays := again.App.Config.Mail.Relays(); len(relays) != 0 {
		t.Error("a relay was set in a demo: ", relays)
	}
	if now := again.Clock.Now(); now.Before(ahead.Add(-time.Second)) {
		t.Error("the clock went back by ", ahead.Sub(now))
	}
	if again.Fresh || !slices.Equal(again.Card.People, h.Card.People) || again.Card.Client.Key != h.Card.Client.Key {
		t.Fatal("another demo was opened")
	}
	again.Erase()
	again.Erase()
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Error("the demo was not erased: ", err)
	}
}

// alive looks for what a living company has: a sending in every state, requests
// that wait, a year to compare with.
func alive(t *testing.T, h *House) {
	t.Helper()
	ctx, v := context.Background(), h.troupe()
	who := h.of("controller", 1)
	for _, state := range []string{"stopped", "awaiting_approval", "held", "cancelled", "handed_over", "unknown", "refused"} {
		var page struct {
			Rows []byID `json:"rows"`
		}
		if err := v.Act(ctx, who, "dispatch.list", map[string]any{"state": state}, &page); err != nil || len(page.Rows) == 0 {
			t.Error(state, err, len(page.Rows))
		}
	}
	for op, in := range map[string]any{"approval.list": map[string]any{}, "incident.list": map[string]any{},
		"dispatch.near_misses": map[string]any{"from": civil.Of(h.Clock.Now()).AddDays(-40), "to": civil.Of(h.Clock.Now())}} {
		var page map[string]json.RawMessage
		if err := v.Act(ctx, who, op, in, &page); err != nil || !bytes.Contains(page["rows"], []byte(`"id"`)) && !bytes.Contains(page["events"], []byte(`"id"`)) {
			t.Error(op, err, page)
		}
	}
	documents := 0
	for after := ""; ; {
		var page struct {
			Rows []struct {
				Date civil.Date `json:"date"`
			} `json:"rows"`
			Next string `json:"next"`
		}
		if err := v.Act(ctx, who, "document.search", map[string]any{"from": "2020-01-01", "after": after, "limit": 200}, &page); err != nil {
			t.Fatal(err)
		}
		documents += len(page.Rows)
		if after = page.Next; after == "" {
			break
		}
	}
	if documents < 150 || documents > 300 {
		t.Error("documents:", documents)
	}
}

// Nothing but a demo is ever removed.
func TestOnlyADemoIsErased(t *testing.T) {
	home := t.TempDir()
	h := &House{home: home, erased: make(chan struct{})}
	h.Erase()
	if err := h.remove(); err == nil {
		t.Error("a folder without the mark was removed")
	}
	if _, err := os.Stat(home); err != nil {
		t.Error(err)
	}
}

func TestRefusesARealHouse(t *testing.T) {
	home := t.TempDir()
	if err := app.Init(home, "sekisho.test", false, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), Options{Home: home, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if f := fault.Of(err); f == nil || f.Key != "app.not_demo" {
		t.Fatal(err)
	}
}
