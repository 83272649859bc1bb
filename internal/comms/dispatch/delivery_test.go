package dispatch

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// secondRelay starts another trap and makes it the worker's second relay.
func (w *world) secondRelay() *trap.Trap {
	w.t.Helper()
	tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: w.t.TempDir(), Now: w.Clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { tr.Close() })
	w.worker.Second = &Relay{Host: "localhost", Port: tr.Port(), Mode: StartTLS, ExtraRoots: tr.PEM(), Hello: "mail.hokuto-supply.co.jp"}
	return tr
}

// impatient makes the relays' timeouts short, for those that stall.
func (w *world) impatient() {
	t := &w.worker.Relay.Timeouts
	t.Command, t.Data, t.Submission = time.Second, time.Second, time.Second
}

// arrived counts the mails in traps by Message-ID.
func arrived(t *testing.T, traps ...*trap.Trap) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, tr := range traps {
		for _, m := range tr.List() {
			_, raw, err := tr.Get(m.ID)
			if err != nil {
				t.Fatal(err)
			}
			head, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			n[strings.Trim(head.Header.Get("Message-Id"), "<>")]++
		}
	}
	return n
}

// TestR04_EveryFaultAtEveryStep breaks the relay in every way at every step of
// the dialogue: none lost, none doubled, and what nobody can know is shown.
func TestR04_EveryFaultAtEveryStep(t *testing.T) {
	steps := []trap.Step{trap.AtGreeting, trap.AtHello, trap.AtMail, trap.AtRcpt, trap.AtData, trap.AtBody, trap.AtDot}
	acts := []trap.Fault{
		{Act: trap.Reply, Code: 421}, {Act: trap.Reply, Code: 451}, {Act: trap.Reply, Code: 554}, {Act: trap.Stall}, {Act: trap.Drop},
		{Act: trap.ReplyThenDrop}, {Act: trap.Drip, Pause: time.Millisecond}, {Act: trap.Garbage, Text: "\x00\xff what?\r\n"},
	}
	each(t, func(t *testing.T, w *world) {
		patient := w.worker.Relay.Timeouts
		count := map[State]int{}
		ids := map[string]State{}
		for _, step := range steps {
			for _, f := range acts {
				f.At, f.Keep = step, f.Act != trap.Reply
				name := fmt.Sprint(step, " ", f.Act, " ", f.Code)
				s := w.single(fmt.Sprint("INV-", len(ids)))
				w.hold(s)
				w.trap.Break(f)
				if w.worker.Relay.Timeouts = patient; f.Act == trap.Stall || f.Act == trap.Drip && step == trap.AtData {
					w.impatient()
				}
				w.Clock.Pass(restAfter(9))
				w.send()
				w.worker.Relay.Timeouts = patient
				first := w.show(s).Recipients[0]
				if want := expected(step, f); first.State != want {
					t.Errorf("%s: %s (%s), want %s", name, first.State, first.Reason, want)
				}
				w.trap.Break(trap.Fault{})
				w.Clock.Pass(restAfter(9))
				w.send()
				last := w.show(s).Recipients[0]
				if first.State != Held && last.State != first.State {
					t.Errorf("%s: %s became %s by itself", name, first.State, last.State)
				}
				if first.State == Held && (last.State != Handed || last.Attempts != 2) {
					t.Errorf("%s: %s (%s) after %d tries", name, last.State, last.Reason, last.Attempts)
				}
				ids[last.MessageID] = last.State
				count[last.State]++
			}
		}
		got := arrived(t, w.trap)
		for id, st := range ids {
			switch n := got[id]; {
			case n > 1, st == Handed && n != 1, st == Refused && n != 0:
				t.Errorf("%s is %s and arrived %d times", id, st, n)
			}
		}
		if len(ids) != len(steps)*len(acts) || count[Unknown] == 0 || count[Refused] == 0 {
			t.Error(count)
		}
		t.Logf("%d mails: %v; lost 0, doubled 0", len(ids), count)
	})
}

// TestR04_OneRecipientRefused: each recipient is a transaction of its own, so
// the others go through, and its own word stays with each.
func TestR04_OneRecipientRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-1")
		w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550, To: keiri})
		w.send()
		got := w.state(s, Refused, Refused, Handed)
		if r := got.Recipients; r[0].Reason != "smtp.refused" || r[0].Attention != NeedsNewTry || r[1].Reason != "smtp.handed_over" || r[1].Attention != "" {
			t.Fatalf("%+v", r)
		}
		s = w.good("INV-2")
		w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451, To: "soumu@tohoku-kikai.co.jp"})
		w.send()
		w.state(s, Held, Handed, Held)
		w.trap.Break(trap.Fault{})
		w.send()
		w.state(s, Handed, Handed, Handed)
		for id, n := range arrived(t, w.trap) {
			if n != 1 {
				t.Error(id, n)
			}
		}
		if n := len(w.trap.List()); n != 3 {
			t.Error(n)
		}
	})
}

// TestR04_StrippedTLSIsHeld: a relay that suddenly offers no encryption gets
// nothing, and one beside it does.
func TestR04_StrippedTLSIsHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bare, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: w.Clock.Now, NoTLS: true, Record: true})
		if err != nil {
			t.Fatal(err)
		}
		defer bare.Close()
		good := w.worker.Relay
		w.worker.Relay.Port = bare.Port()
		s := w.single("INV-1")
		w.hold(s)
		w.send()
		i := w.state(s, Held, Held).Recipients[0]
		if i.Reason != "smtp.no_starttls" || i.Attention != NeedsMend || strings.Contains(bare.Transcript(), "MAIL FROM") || strings.Contains(bare.Transcript(), "keiri") {
			t.Fatalf("%+v %s", i, bare.Transcript())
		}
		w.worker.Second = &good
		w.Clock.Pass(restAfter(9))
		w.send()
		if i = w.state(s, Handed, Handed).Recipients[0]; i.Relay != RelayName(good) || i.Attention != "" {
			t.Fatalf("%+v", i)
		}
	})
}

// expected is what one try under a fault must end in.
func expected(step trap.Step, f trap.Fault) State {
	switch {
	case f.Act == trap.Reply && f.Code == 554 && (step == trap.AtGreeting || step == trap.AtHello):
		return Held // about us, not about this mail
	case f.Act == trap.Reply && f.Code == 554:
		return Refused
	case f.Act == trap.Reply:
		return Held
	case step == trap.AtDot && (f.Act == trap.Drip || f.Act == trap.ReplyThenDrop):
		return Handed // the answer was whole
	case step == trap.AtDot, step == trap.AtData && f.Act == trap.Drip, step == trap.AtBody && f.Act == trap.Stall:
		return Unknown // the dot was written and nothing came back
	}
	return Held
}

// TestR04_SchedulesAreExact: the tries of one mail, and the rests of a relay.
func TestR04_SchedulesAreExact(t *testing.T) {
	var tries, rests []time.Duration
	for n := int64(0); n <= 7; n++ {
		tries, rests = append(tries, retryAfter(n)), append(rests, restAfter(n))
	}
	m := time.Minute
	if fmt.Sprint(tries) != fmt.Sprint([]time.Duration{m, m, 5 * m, 15 * m, 30 * m, 60 * m, 60 * m, 60 * m}) ||
		fmt.Sprint(rests) != fmt.Sprint([]time.Duration{m, m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, 15 * m}) {
		t.Error(tries, rests)
	}
	each(t, func(t *testing.T, w *world) {
		w.hold(w.single("INV-1"))
		w.trap.Break(trap.Fault{At: trap.AtGreeting, Act: trap.Drop})
		w.Clock.Pass(DefaultHold)
		for n := int64(1); n <= 6; n++ {
			sessions := w.trap.Sessions()
			if _, _, err := w.worker.Once(bg); err != nil || w.trap.Sessions() != sessions+1 {
				t.Fatal(n, err, w.trap.Sessions())
			}
			h := w.health(w.worker.Relay)
			if h.Failures != n || h.RestsUntil.Sub(h.ChangedAt).Round(time.Second) != restAfter(n) || h.Reason != "smtp.dropped" {
				t.Fatalf("%+v", h)
			}
			w.Clock.Pass(restAfter(n) - time.Second) // it is left alone, whatever is due
			must(w, plant, plantIn{What: "due now", ID: w.oldest()})
			if _, next, err := w.worker.Once(bg); err != nil || w.trap.Sessions() != sessions+1 || !next.Equal(h.RestsUntil) {
				t.Fatal(n, err, next, h.RestsUntil)
			}
			w.Clock.Pass(2 * time.Second)
		}
		w.trap.Break(trap.Fault{})
		if n, _, err := w.worker.Once(bg); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if h := w.health(w.worker.Relay); h.Failures != 0 || !h.RestsUntil.IsZero() || h.Reason != "" {
			t.Fatalf("%+v", h)
		}
	})
}

func (w *world) oldest() string {
	w.t.Helper()
	l := must(w, List, ListIn{Limit: 200}).Rows
	return l[len(l)-1].ID
}

func (w *world) health(r Relay) RelayHealth {
	w.t.Helper()
	for _, h := range must(w, Relays, struct{}{}).Rows {
		if h.ID == RelayName(r) {
			return h
		}
	}
	w.t.Fatal("nothing is known about", RelayName(r))
	return RelayHealth{}
}

// TestTheSecondRelayNeverDoubles: it takes over where the first surely took
// nothing, and never once the dot may have left.
func TestTheSecondRelayNeverDoubles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := w.secondRelay()
		n, ids := 0, map[string]State{}
		for _, c := range []struct {
			f    trap.Fault
			want State
			by   int // relay that has it; 0: none
		}{
			{trap.Fault{}, Handed, 1},
			{trap.Fault{At: trap.AtGreeting, Act: trap.Drop}, Handed, 2},
			{trap.Fault{At: trap.AtGreeting, Act: trap.Reply, Code: 554}, Handed, 2},
			{trap.Fault{At: trap.AtHello, Act: trap.Stall}, Handed, 2},
			{trap.Fault{At: trap.AtMail, Act: trap.Reply, Code: 421}, Handed, 2},
			{trap.Fault{At: trap.AtMail, Act: trap.Reply, Code: 452}, Handed, 2},
			{trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 421}, Handed, 2},
			{trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451}, Held, 0}, // about the recipient
			{trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550}, Refused, 0},
			{trap.Fault{At: trap.AtData, Act: trap.Garbage, Text: "?\r\n"}, Handed, 2},
			{trap.Fault{At: trap.AtBody, Act: trap.Drop}, Handed, 2},
			{trap.Fault{At: trap.AtDot, Act: trap.Reply, Code: 451}, Held, 0},
			{trap.Fault{At: trap.AtDot, Act: trap.Reply, Code: 421}, Held, 0},
			{trap.Fault{At: trap.AtDot, Act: trap.Reply, Code: 554}, Refused, 0},
			{trap.Fault{At: trap.AtDot, Act: trap.Stall, Keep: true}, Unknown, 0},
			{trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: true}, Unknown, 0},
			{trap.Fault{At: trap.AtDot, Act: trap.Drop}, Unknown, 0},
			{trap.Fault{At: trap.AtDot, Act: trap.Garbage, Text: "?\r\n", Keep: true}, Unknown, 0},
		} {
			n++
			s := w.single(fmt.Sprint("INV-", n))
			w.hold(s)
			w.trap.Break(c.f)
			if c.f.Act == trap.Stall {
				w.impatient()
			}
			w.Clock.Pass(restAfter(9))
			w.send()
			w.worker.Relay.Timeouts = w.worker.Second.Timeouts
			i := w.state(s, c.want, c.want).Recipients[0]
			by := map[int]string{1: RelayName(w.worker.Relay), 2: RelayName(*w.worker.Second)}[c.by]
			if c.by > 0 && i.Relay != by || i.Relay == "" || i.Attempts != 1 {
				t.Fatalf("%+v: by %s after %d tries, want %s", c.f, i.Relay, i.Attempts, by)
			}
			w.trap.Break(trap.Fault{})
			w.Clock.Pass(giveUpAfter - time.Hour)
			w.send()
			i = w.show(s).Recipients[0]
			if ids[i.MessageID] = i.State; c.want == Held && i.State != Handed || c.want != Held && i.State != c.want {
				t.Fatalf("%+v ended as %s", c.f, i.State)
			}
		}
		got := arrived(t, w.trap, second)
		for id, st := range ids {
			if n := got[id]; n > 1 || st == Handed && n != 1 || st == Refused && n != 0 {
				t.Errorf("%s is %s and arrived %d times", id, st, n)
			}
		}
		t.Logf("%d mails, %d by the second relay; lost 0, doubled 0", len(ids), len(second.List()))
	})
}

// TestAFailingRelayIsLeftAlone: while it rests it gets no connection, and comes
// back by itself.
func TestAFailingRelayIsLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := w.secondRelay()
		for n := range 3 {
			w.hold(w.single(fmt.Sprint("INV-", n)))
		}
		w.trap.Break(trap.Fault{At: trap.AtGreeting, Act: trap.Drop})
		if w.send(); w.trap.Sessions() != 1 || len(second.List()) != 3 {
			t.Fatalf("%d connections to the first, %d mails by the second", w.trap.Sessions(), len(second.List()))
		}
		w.trap.Break(trap.Fault{})
		w.hold(w.single("INV-8"))
		if w.send(); len(w.trap.List()) != 1 {
			t.Fatal("the first did not come back")
		}
		// Both rest: nothing is claimed, so nothing is used up, and the list says why.
		w.trap.Break(trap.Fault{At: trap.AtGreeting, Act: trap.Drop})
		second.Break(trap.Fault{At: trap.AtGreeting, Act: trap.Drop})
		a, b := w.single("INV-9"), w.single("INV-10")
		w.hold(a)
		w.hold(b)
		w.send()
		if n := w.show(a).Recipients[0].Attempts + w.show(b).Recipients[0].Attempts; n != 1 {
			t.Fatalf("%d tries", n)
		}
		waits := map[string]int{}
		for _, r := range must(w, List, ListIn{State: Held}).Rows {
			if waits[r.Waits]++; r.WaitsUntil.IsZero() {
				t.Errorf("%+v", r)
			}
		}
		if waits["dispatch.waits_relay"] != 1 || waits["dispatch.waits_retry"] != 1 {
			t.Fatal(waits)
		}
		must(w, StopAll, StopIn{"誤送信の疑いがあるため"})
		if r := must(w, List, ListIn{State: Held}).Rows; r[0].Waits != "dispatch.waits_stop" {
			t.Fatalf("%+v", r)
		}
	})
}

// TestPaceIsKeptFairly: so many a minute to one domain and in all, and a lane
// that is full delays no other.
func TestPaceIsKeptFairly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.worker.Pace = Pace{PerDomain: 3, Overall: 100}
		for n := range 8 {
			w.hold(w.single(fmt.Sprint("INV-", n)))
		}
		doc := w.invoice(w.akat, "AK-1", 5500, page(t, "請求書 AK-1", "有限会社あかつき運輸 御中", "5,500"))
		last := w.prepare(func(in *PrepareIn) {
			in.Party, in.Documents, in.Body, in.Recipients = w.akat.ID, []string{doc}, "請求書を添付します。", []Proposal{{To, "info@akatsuki-unyu.co.jp"}}
		})
		w.hold(last)
		w.Clock.Pass(DefaultHold)
		begin := w.Clock.Now()
		n, next, err := w.worker.Once(bg)
		if n != 4 || err != nil || next.Sub(begin) > time.Minute+time.Second || next.Sub(begin) < 55*time.Second {
			t.Fatal(n, next.Sub(begin), err)
		}
		w.state(last, Handed)
		if r := must(w, List, ListIn{State: Held}).Rows; len(r) != 5 || r[0].Waits != "dispatch.waits_turn" {
			t.Fatalf("%+v", r)
		}
		if n, _, _ := w.worker.Once(bg); n != 0 {
			t.Fatal("more than the pace allows", n)
		}
		w.Clock.Pass(time.Minute)
		if n, _, _ := w.worker.Once(bg); n != 3 {
			t.Fatal(n)
		}
		w.worker.Pace = Pace{PerDomain: 3, Overall: 4}
		for n := range 3 {
			w.hold(w.single(fmt.Sprint("INV-2", n)))
		}
		w.Clock.Pass(DefaultHold + time.Minute)
		w.worker.Pace.PerDomain = 100
		if n, _, _ := w.worker.Once(bg); n != 4 {
			t.Fatal(n)
		}
	})
}

// TestFailingClaimsStarveNobody: more claims that fail than are looked up at
// once, all before the one that can go.
func TestFailingClaimsStarveNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var bad []Shown
		for n := range 3 {
			s := w.good(fmt.Sprint("BAD-", n))
			w.hold(s)
			must(w, plant, plantIn{What: "sender that cannot send", ID: s.ID})
			bad = append(bad, s)
		}
		good := w.single("INV-1")
		w.hold(good)
		w.worker.Pace = Pace{PerDomain: 1} // the lane is as short as can be
		w.Clock.Pass(DefaultHold + time.Second)
		_, _, err := w.worker.Once(bg)
		if !fault.Is(err, fault.KindInvalid) {
			t.Fatal(err)
		}
		w.state(good, Handed)
		for _, s := range bad {
			for _, i := range w.state(s, Held, Held, Held).Recipients {
				if i.Reason != "dispatch.cannot_claim" || i.Attempts != 1 || i.Attention != NeedsMend || !i.NotBefore.After(w.Clock.Now()) {
					t.Fatalf("%+v", i)
				}
			}
		}
		_, err = gate.Run(bg, w.G, server, Setback, SetbackIn{bad[0].Recipients[0].ID, bad[0].ID})
		wants(t, err, fault.KindRefused, "dispatch.not_due")
		w.Clock.Pass(giveUpAfter + time.Hour)
		if _, _, err := w.worker.Once(bg); err == nil {
			t.Fatal("no error")
		}
		w.state(bad[0], Refused, Refused, Refused)
	})
}

// TestManyToOneDomainHideNobody: with more due than is looked up at once, the one
// to another domain is among the first.
func TestManyToOneDomainHideNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		many := w.single("INV-1")
		w.hold(many)
		must(w, plant, plantIn{What: "many recipients", ID: many.ID})
		doc := w.invoice(w.akat, "AK-1", 5500, page(t, "請求書 AK-1", "有限会社あかつき運輸 御中", "5,500"))
		last := w.prepare(func(in *PrepareIn) {
			in.Party, in.Documents, in.Body, in.Recipients = w.akat.ID, []string{doc}, "請求書を添付します。", []Proposal{{To, "info@akatsuki-unyu.co.jp"}}
		})
		w.hold(last)
		w.Clock.Pass(DefaultHold)
		for _, c := range []struct {
			in   DueIn
			want int
		}{{DueIn{}, batch}, {DueIn{PerDomain: 3}, 4}, {DueIn{PerDomain: 3, Overall: 2}, 2}} {
			due, err := gate.Run(bg, w.G, server, Due, c.in)
			if err != nil || len(due.Items) != c.want {
				t.Fatal(c, len(due.Items), err)
			}
			if at := slices.IndexFunc(due.Items, func(d DueItem) bool { return d.Package == last.ID }); at < 0 || at > 1 {
				t.Fatal(c, at)
			}
		}
		var skip []string
		for _, i := range w.show(many).Recipients[:50] {
			skip = append(skip, i.ID)
		}
		due, err := gate.Run(bg, w.G, server, Due, DueIn{Skip: skip, PerDomain: 3})
		if err != nil || len(due.Items) != 4 || slices.ContainsFunc(due.Items, func(d DueItem) bool { return slices.Contains(skip, d.Item) }) {
			t.Fatal(due.Items, err)
		}
	})
}
