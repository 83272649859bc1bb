package batch_test

import (
	"testing"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

func TestSM38_HundredWithThreeMismatches(t *testing.T) {
	each(t, 97, func(t *testing.T, w *world) {
		for n := 97; n < 100; n++ {
			p := w.bare(n)
			w.invoice(p, number(n), money.Yen(50_000+n), name(n-50), civil.Date{})
		}
		b := w.rehearsed()
		aside := must(w, batch.Items, batch.ItemsIn{ID: b.ID, Which: "aside"})
		if b.Planned != 100 || b.Ready != 97 || b.Aside != 3 || len(aside.Rows) != 3 {
			t.Fatalf("planned %d, ready %d, aside %d: %+v", b.Planned, b.Ready, b.Aside, aside.Rows)
		}
		for _, i := range aside.Rows {
			if i.Reason == "" || len(i.Findings) == 0 {
				t.Fatalf("no reason: %+v", i)
			}
		}
		w.approve(w.ask(b.ID, time.Time{}))
		end := w.toEnd(b.ID)
		got := w.got()
		if end.State != batch.Done || len(got) != 97 || end.Tally.Handed != 97 || end.Released != 97 {
			t.Fatalf("%s (%s): the relay has %d, the plan says %+v", end.State, end.Reason, len(got), end.Tally)
		}
		for a, n := range got {
			if n != 1 {
				t.Fatalf("%s got %d", a, n)
			}
		}
		// Trying again sends nothing twice: what went is in no other plan.
		fails(w, "batch.in_state", w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: b.Digest})
		again := w.rehearsed()
		if again.Planned != 3 || again.Ready != 0 {
			t.Fatalf("%+v", again)
		}
		w.Clock.Pass(time.Hour)
		w.stage()
		if len(w.trap.List()) != 97 {
			t.Fatal("sent again")
		}
	})
}

func TestC40_TicksOfAPlan(t *testing.T) {
	each(t, 14, func(t *testing.T, w *world) {
		b := w.rehearsed()
		if b.Amber != 14 { // nothing ever went to anybody
			t.Fatalf("%d of 14 are first-time", b.Amber)
		}
		r := must(w, batch.Review, batch.ByID{ID: b.ID})
		ticks := all(r)
		confirm := func(digest string, ticks []string) batch.ConfirmIn {
			return batch.ConfirmIn{ID: b.ID, Digest: digest, Ticks: ticks}
		}
		fails(w, "batch.ticks", batch.Confirm, confirm(r.Digest, ticks[1:]))
		fails(w, "batch.ticks", batch.Confirm, confirm(r.Digest, append([]string{ticks[1]}, ticks[1:]...)))
		fails(w, "batch.ticks", batch.Confirm, confirm("00", ticks))
		_, err := gate.Run(bg, w.G, second, batch.Confirm, confirm(r.Digest, ticks))
		wants(t, err, fault.KindRefused, "batch.ticks")
		_, err = gate.Run(bg, w.G, gatetest.Person{ID: "clerk", Roles: []string{"boss"}}.As(), batch.Confirm, confirm(r.Digest, ticks))
		wants(t, err, fault.KindStepUp, "")
		must(w, batch.Review, batch.ByID{ID: b.ID}) // a new draw
		fails(w, "batch.ticks", batch.Confirm, confirm(r.Digest, ticks))
		r = must(w, batch.Review, batch.ByID{ID: b.ID})
		w.Clock.Pass(time.Hour)
		fails(w, "batch.ticks_expired", batch.Confirm, confirm(r.Digest, all(r)))
		w.confirmed(b.ID)
		fails(w, "batch.in_state", batch.Confirm, confirm(r.Digest, all(r)))
		fails(w, "batch.in_state", batch.Review, batch.ByID{ID: b.ID})

		// Nobody but who confirmed asks, and nobody agrees to their own plan.
		_, err = gate.Run(bg, w.G, second, w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: r.Digest})
		wants(t, err, fault.KindRefused, "batch.not_confirmer")
		_, err = gate.Run(bg, w.G, clerk, w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: r.Digest})
		wants(t, err, fault.KindPending, "")
		wants(t, w.decide(request(err), clerk), fault.KindRefused, "approval.own")
		w.is(b.ID, batch.Awaiting)
	})
}

func TestSM38_PlanChangedAfterRehearsal(t *testing.T) {
	each(t, 5, func(t *testing.T, w *world) {
		b := w.rehearsed()
		i := must(w, batch.Items, batch.ItemsIn{ID: b.ID}).Rows[2]
		edit := func() {
			s := must(w, dispatch.Show, dispatch.ByID{ID: i.Sending})
			must(w, w.d.Edit, dispatch.EditIn{ID: s.ID, Version: s.Version, Subject: s.Subject + "。", Body: s.Body, Documents: []string{s.Attachments[0].Document}})
		}
		r := must(w, batch.Review, batch.ByID{ID: b.ID})
		edit()
		fails(w, "batch.changed", batch.Confirm, batch.ConfirmIn{ID: b.ID, Digest: r.Digest, Ticks: all(r)})
		w.is(b.ID, batch.Changed)
		must(w, w.h.Rehearse, batch.ByID{ID: b.ID})
		w.work(100)
		w.is(b.ID, batch.Rehearsed)

		// A check made again by somebody counts as a change too: its findings are not those shown.
		w.confirmed(b.ID)
		must(w, w.d.Check, dispatch.ByID{ID: i.Sending})
		fails(w, "batch.changed", w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: w.show(b.ID).Digest})
		must(w, w.h.Rehearse, batch.ByID{ID: b.ID})
		w.work(100)

		// After it was asked for, the request is void; after it was agreed to, nothing leaves.
		asked := w.ask(b.ID, time.Time{})
		edit()
		wants(t, w.decide(request(asked), second), fault.KindRefused, "approval.void")
		w.advance()
		w.is(b.ID, batch.Rehearsed)
		fails(w, "batch.changed", batch.Review, batch.ByID{ID: b.ID})
		must(w, w.h.Rehearse, batch.ByID{ID: b.ID})
		w.work(100)
		w.approve(w.ask(b.ID, time.Time{}))
		edit()
		w.Clock.Pass(dispatch.DefaultHold)
		w.advance()
		w.is(b.ID, batch.Changed)
		if w.send(); len(w.trap.List()) != 0 {
			t.Fatal("something left")
		}
	})
}

func TestSM38_ChangeOfTheRegisterSetsOneAside(t *testing.T) {
	each(t, 5, func(t *testing.T, w *world) {
		b := w.agreed()
		shown := must(w, party.ShowOp, party.ByID{ID: w.parts[1].ID})
		must(w, party.PointRetire, party.RetireIn{ID: shown.Points[0].ID, Reason: "退職されたため"})
		end := w.toEnd(b.ID)
		if end.State != batch.Done || end.Released != 4 || end.Aside != 1 || len(w.got()) != 4 || w.got()[address(1)] != 0 {
			t.Fatalf("%s: %+v, %v", end.State, end.Batch, w.got())
		}
	})
}

func TestSM38_TwoReleaseTheSamePlan(t *testing.T) {
	each(t, 4, func(t *testing.T, w *world) {
		b := w.rehearsed()
		r := w.confirmed(b.ID)
		asked := make(chan error, 2)
		for n := range 2 {
			go func() {
				_, err := gate.Run(bg, w.G, clerk, w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: r.Digest, SendAt: w.Clock.Now().Add(time.Duration(n+1) * time.Hour)})
				asked <- err
			}()
		}
		var pending []string
		for range 2 {
			err := <-asked
			if fault.Is(err, fault.KindPending) {
				pending = append(pending, request(err))
				continue
			}
			wants(t, err, fault.KindRefused, "batch.in_state")
		}
		if len(pending) != 1 {
			t.Fatalf("%d requests", len(pending))
		}
		decided := make(chan error, 2)
		for _, as := range []gate.Credential{second, gatetest.Boss("third")} {
			go func() { decided <- w.decide(pending[0], as) }()
		}
		won := 0
		for range 2 {
			if <-decided == nil {
				won++
			}
		}
		if won != 1 {
			t.Fatalf("%d approvals", won)
		}
		w.Clock.Pass(2 * time.Hour)
		done := make(chan error, 2)
		for range 2 { // two servers at once
			go func() { _, err := w.plans.Once(bg); done <- err }()
		}
		for range 2 {
			if err := <-done; err != nil && !fault.Is(err, fault.KindConflict) {
				t.Fatal(err)
			}
		}
		w.toEnd(b.ID)
		if len(w.trap.List()) != 4 {
			t.Fatalf("%d mails of 4", len(w.trap.List()))
		}
	})
}

func TestC40_BreakerStopsWithinOneStage(t *testing.T) {
	each(t, 20, func(t *testing.T, w *world) {
		b := w.agreed()
		w.Clock.Pass(dispatch.DefaultHold)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550})
		w.stage()
		got := w.is(b.ID, batch.Stopped)
		if !got.Tripped || got.Reason != "batch.tripped" || got.Released != 3 || got.Tally.Bad != 3 {
			t.Fatalf("%+v %+v", got.Batch, got.Tally)
		}
		w.trap.Break(trap.Fault{})
		w.stage()
		w.is(b.ID, batch.Stopped)
		_, err := gate.Run(bg, w.G, clerk, w.h.Resume, batch.SayIn{ID: b.ID, Reason: "先方のサーバーの障害と確認"})
		wants(t, err, fault.KindPending, "")
		wants(t, w.decide(request(err), clerk), fault.KindRefused, "approval.own")
		if err := w.decide(request(err), second); err != nil {
			t.Fatal(err)
		}
		// The first stage went wrong as a whole, so it proves nothing: the rest waits for a person.
		w.stage()
		if got := w.show(b.ID); got.Released != 3 || len(w.trap.List()) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestC40_StopHoldsWhatCountsDown(t *testing.T) {
	each(t, 20, func(t *testing.T, w *world) {
		b := w.agreed()
		w.Clock.Pass(dispatch.DefaultHold)
		w.stage() // three
		w.stage() // ten more
		if len(w.trap.List()) != 13 {
			t.Fatalf("%d mails", len(w.trap.List()))
		}
		w.Clock.Pass(pauseOfTests + time.Second)
		w.advance() // the rest counts down
		must(w, batch.Stop, batch.SayIn{ID: b.ID, Reason: "金額の問い合わせがあったため"})
		w.Clock.Pass(time.Hour)
		w.send()
		w.advance()
		if got := w.is(b.ID, batch.Stopped); len(w.trap.List()) != 13 || got.Tally.Untried != 7 {
			t.Fatalf("%d mails, %+v", len(w.trap.List()), got.Tally)
		}
		fails(w, "batch.in_state", batch.Stop, batch.SayIn{ID: b.ID, Reason: "念のためもう一度止める"})
		must(w, w.h.Resume, batch.SayIn{ID: b.ID, Reason: "問い合わせは解決"})
		if end := w.toEnd(b.ID); end.State != batch.Done || len(w.trap.List()) != 20 || len(w.got()) != 20 {
			t.Fatalf("%s, %d mails", end.State, len(w.trap.List()))
		}
	})
}

func TestC40_CancelledPlanLeavesNothing(t *testing.T) {
	each(t, 4, func(t *testing.T, w *world) {
		b := w.agreed()
		must(w, batch.Cancel, batch.SayIn{ID: b.ID, Reason: "締め日を誤ったため"})
		w.work(20)
		w.Clock.Pass(24 * time.Hour)
		w.advance()
		w.send()
		for _, i := range must(w, batch.Items, batch.ItemsIn{ID: b.ID}).Rows {
			if s := must(w, dispatch.Show, dispatch.ByID{ID: i.Sending}); s.State != dispatch.Cancelled {
				t.Fatal(s.State)
			}
		}
		fails(w, "batch.in_state", batch.Cancel, batch.SayIn{ID: b.ID, Reason: "念のためもう一度止める"})
		if len(w.trap.List()) != 0 {
			t.Fatal("something left")
		}
		if again := w.rehearsed(); again.Planned != 4 {
			t.Fatalf("%d of 4 can be planned again", again.Planned)
		}
	})
}

func TestC40_ReleasedAtItsTime(t *testing.T) {
	each(t, 4, func(t *testing.T, w *world) {
		b := w.rehearsed()
		r := w.confirmed(b.ID)
		fails(w, "batch.too_far", w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: r.Digest, SendAt: w.Clock.Now().Add(40 * 24 * time.Hour)})
		at := w.Clock.Now().Add(26 * time.Hour)
		_, err := gate.Run(bg, w.G, clerk, w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: r.Digest, SendAt: at})
		w.approve(err)
		w.Clock.Pass(25 * time.Hour)
		w.stage()
		if got := w.is(b.ID, batch.Scheduled); !got.SendAt.Equal(at.Truncate(time.Microsecond)) || len(w.trap.List()) != 0 {
			t.Fatalf("%s, %d mails", got.SendAt, len(w.trap.List()))
		}
		w.Clock.Pass(time.Hour)
		if end := w.toEnd(b.ID); end.State != batch.Done || len(w.got()) != 4 {
			t.Fatalf("%s (%s), %d mails", end.State, end.Reason, len(w.trap.List()))
		}
	})
}

func TestC40_RelayFailsInTheMiddle(t *testing.T) {
	each(t, 16, func(t *testing.T, w *world) {
		b := w.agreed()
		w.Clock.Pass(dispatch.DefaultHold)
		w.stage()
		w.trap.Break(trap.Fault{At: trap.AtGreeting, Act: trap.Drop})
		w.stage()
		w.stage()
		if got := w.is(b.ID, batch.Sending); len(w.trap.List()) != 3 || got.Released != 13 {
			t.Fatalf("%d mails, %d let go", len(w.trap.List()), got.Released)
		}
		w.trap.Break(trap.Fault{})
		w.Clock.Pass(2 * time.Hour)
		if end := w.toEnd(b.ID); end.State != batch.Done || len(w.trap.List()) != 16 || len(w.got()) != 16 {
			t.Fatalf("%s, %d mails %+v", end.State, len(w.trap.List()), end.Tally)
		}
	})
}

func TestC40_ResumesAfterAKill(t *testing.T) {
	each(t, 25, func(t *testing.T, w *world) {
		b := must(w, w.h.Plan, batch.PlanIn{Subject: subject, Body: body})
		for range 8 { // the server dies after every slice
			w.work(1)
			w.Reopen(t)
			w.mail.Gate, w.plans.Gate = w.G, w.G
		}
		w.is(b.ID, batch.Rehearsed)
		w.approve(w.ask(b.ID, time.Time{}))
		w.Clock.Pass(dispatch.DefaultHold)
		for range 40 { // one step, then it dies
			w.Clock.Pass(pauseOfTests + time.Second)
			if _, err := gate.Run(bg, w.G, server, w.h.Advance, batch.ByID{ID: b.ID}); err != nil {
				t.Fatal(err)
			}
			w.Reopen(t)
			w.mail.Gate, w.plans.Gate = w.G, w.G
			w.send()
		}
		if end := w.is(b.ID, batch.Done); len(w.trap.List()) != 25 || len(w.got()) != 25 || end.Tally.Handed != 25 {
			t.Fatalf("%d mails to %d, %+v", len(w.trap.List()), len(w.got()), end.Tally)
		}
	})
}

func TestC40_TheDoorWantsAnAgreedPlan(t *testing.T) {
	each(t, 4, func(t *testing.T, w *world) {
		b := w.rehearsed()
		asked := w.ask(b.ID, time.Time{})
		i := must(w, batch.Items, batch.ItemsIn{ID: b.ID}).Rows[0]
		s := must(w, dispatch.Show, dispatch.ByID{ID: i.Sending})
		in := dispatch.BatchHoldIn{ID: i.Sending, Batch: b.ID, Digest: i.Digest, Check: s.Check, Request: request(asked), Confirmer: "clerk"}
		_, err := gate.Run(bg, w.G, server, dispatch.BatchHold, in)
		wants(t, err, fault.KindDenied, "dispatch.not_agreed") // asked for, not agreed to
		w.approve(asked)
		other := in
		other.Confirmer = "second"
		_, err = gate.Run(bg, w.G, server, dispatch.BatchHold, other)
		wants(t, err, fault.KindDenied, "dispatch.not_agreed")
		other = in
		other.Batch = "x"
		_, err = gate.Run(bg, w.G, server, dispatch.BatchHold, other)
		wants(t, err, fault.KindDenied, "dispatch.not_agreed")
		alone := must(w, w.d.Prepare, dispatch.PrepareIn{Party: w.parts[0].ID, Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: address(0)}},
			Subject: "ご連絡", Body: "ご連絡です。", Purpose: dispatch.ForNotice})
		other = in
		other.ID = alone.ID
		_, err = gate.Run(bg, w.G, server, dispatch.BatchHold, other)
		wants(t, err, fault.KindDenied, "dispatch.not_agreed")
		other = in
		other.Digest = "00"
		out, err := gate.Run(bg, w.G, server, dispatch.BatchHold, other)
		if err != nil || out.Held || out.Reason != "dispatch.changed" {
			t.Fatal(out, err)
		}
		for n := range 2 { // agreed to: once
			out, err = gate.Run(bg, w.G, server, dispatch.BatchHold, in)
			if err != nil || out.Held != (n == 0) {
				t.Fatal(n, out, err)
			}
		}
	})
}

func TestC40_BadInput(t *testing.T) {
	each(t, 2, func(t *testing.T, w *world) {
		fails(w, "batch.placeholder", w.h.Plan, batch.PlanIn{Subject: "{社名}", Body: body})
		fails(w, "batch.placeholder", w.h.Plan, batch.PlanIn{Subject: subject, Body: "｛取引先｝"})
		fails(w, "batch.nothing", w.h.Plan, batch.PlanIn{Subject: subject, Body: body, To: civil.MustParse("2020-01-31")})
		p := w.nameless(7)
		w.invoice(p, number(7), 7_700, p.Name, civil.Date{})
		b := w.rehearsed()
		aside := must(w, batch.Items, batch.ItemsIn{ID: b.ID, Which: "aside"})
		if len(aside.Rows) != 1 || aside.Rows[0].Reason != "batch.no_address" || b.Ready != 2 {
			t.Fatalf("%+v", aside.Rows)
		}
		fails(w, "batch.in_state", w.h.Resume, batch.SayIn{ID: b.ID, Reason: "止まっていないものの再開"})
		fails(w, "batch.in_state", w.h.Release, batch.ReleaseIn{ID: b.ID, Digest: b.Digest})
		if other := w.rehearsed(); other.Planned != 1 { // those with a package are in a plan already
			t.Fatalf("%+v", other)
		}
		rows := must(w, batch.Items, batch.ItemsIn{ID: b.ID, Which: "amber"}).Rows
		was := w.show(b.ID)
		must(w, batch.SetAside, batch.SetAsideIn{ID: b.ID, Items: []string{rows[0].ID}, Reason: "電話で止めてほしいと言われた"})
		now := w.is(b.ID, batch.Rehearsed)
		if now.Digest == was.Digest || now.Ready != 1 || now.Aside != 2 {
			t.Fatalf("%+v", now.Batch)
		}
	})
}
