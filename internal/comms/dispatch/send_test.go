package dispatch

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// single is a good package with one recipient.
func (w *world) single(number string) Shown {
	doc := w.goodInvoice(number)
	return w.prepare(func(in *PrepareIn) { in.Documents, in.Recipients = []string{doc}, in.Recipients[:1] })
}

func TestR04_WithoutVerifiedTLSItIsHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		roots := w.worker.Relay.ExtraRoots
		w.worker.Relay.ExtraRoots = nil // the trap's certificate is nobody's now
		w.send()
		got := w.state(s, Held, Held)
		if got.Recipients[0].Reason != "smtp.certificate" || len(w.trap.List()) != 0 || got.Recipients[0].Attempts != 1 {
			t.Fatalf("%+v", got.Recipients[0])
		}
		w.worker.Relay.ExtraRoots = roots
		if n, _, _ := w.worker.Once(bg); n != 0 {
			t.Fatal("tried again before its time")
		}
		w.Clock.Pass(retryAfter(1))
		if w.send() != 1 {
			t.Fatal("work did not resume by itself")
		}
		w.state(s, Handed, Handed)
	})
}

func TestR04_RefusedAndLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451})
		w.Clock.Pass(DefaultHold)
		for n := int64(1); n <= 6; n++ {
			if got, _, err := w.worker.Once(bg); got != 1 || err != nil {
				t.Fatal(n, got, err)
			}
			i := w.state(s, Held, Held).Recipients[0]
			if wait := i.NotBefore.Sub(i.SettledAt); i.Attempts != n || wait != retryAfter(n) || i.Reason != "smtp.later" {
				t.Fatalf("try %d waits %v: %+v", n, wait, i)
			}
			w.Clock.Pass(retryAfter(n) + time.Second)
		}
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550})
		w.send()
		got := w.state(s, Refused, Refused)
		if got.Recipients[0].Reason != "smtp.refused" || !strings.Contains(got.Recipients[0].Reply, "550") {
			t.Fatalf("%+v", got.Recipients[0])
		}
		w.trap.Break(trap.Fault{})
		w.Clock.Pass(48 * time.Hour)
		if w.send() != 0 || len(w.trap.List()) != 0 {
			t.Fatal("tried again after a refusal for good")
		}

		late := w.single("INV-2")
		w.hold(late)
		w.trap.Break(trap.Fault{At: trap.AtGreeting, Act: trap.Drop})
		w.send()
		w.state(late, Held)
		w.Clock.Pass(giveUpAfter)
		w.send()
		if got := w.state(late, Refused); got.Recipients[0].Reason != "dispatch.gave_up" {
			t.Fatalf("%+v", got.Recipients[0])
		}
	})
}

func TestR04_DropAfterTheDotIsUnknownAndNeverResent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: true})
		w.send()
		w.trap.Break(trap.Fault{})
		i := w.state(s, Unknown, Unknown).Recipients[0]
		if i.Reason != "smtp.unknown_dropped" || i.MarkedAt.IsZero() || len(w.trap.List()) != 1 {
			t.Fatalf("%+v", i)
		}
		w.Clock.Pass(100 * time.Hour)
		if w.send() != 0 || len(w.trap.List()) != 1 {
			t.Fatal("sent again")
		}
		_, err := gate.Run(bg, w.G, sender, CancelOp, CancelIn{s.ID, ""})
		wants(t, err, fault.KindRefused, "dispatch.too_late")
		l := must(w, UnknownOp, UnknownIn{})
		if len(l.Rows) != 1 || l.Rows[0].MessageID != i.MessageID || l.Rows[0].Address == "" || l.Rows[0].Relay == "" || l.Rows[0].Bytes == "" {
			t.Fatalf("%+v", l)
		}
		in := ResolveIn{Package: s.ID, Item: i.ID, As: Handed, Evidence: "先方の経理に電話で受信を確認", Reason: "電話で確認したため"}
		must(w, Resolve, in)
		w.state(s, Handed, Handed)
		_, err = gate.Run(bg, w.G, sender, Resolve, in)
		wants(t, err, fault.KindRefused, "dispatch.not_unknown")
	})
}

// claim takes what is due as a worker does that dies afterwards.
func (w *world) claim() Job {
	w.t.Helper()
	w.Clock.Pass(DefaultHold + time.Second)
	due, err := gate.Run(bg, w.G, server, Due, DueIn{})
	if err != nil || len(due.Items) == 0 {
		w.t.Fatal(due, err)
	}
	j, err := gate.Run(bg, w.G, server, ClaimOp, ClaimIn{due.Items[0].Item, due.Items[0].Package, "node1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) mark(j Job) error {
	_, err := gate.Run(bg, w.G, server, Mark, MarkIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Bytes: strings.Repeat("a", 64), Relay: RelayName(w.worker.Relay)})
	return err
}

// restart ends the server and lets the worker of the next one run until s is as
// wanted.
func (w *world) restart(s Shown, want State) {
	w.t.Helper()
	w.Reopen(w.t)
	w.worker.Gate = w.G
	ctx, stop := context.WithCancel(bg)
	done := make(chan error)
	go func() { done <- w.worker.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); w.show(s).State != want && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

func TestR03_KilledBeforeTheMarkIsSentOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		dead := w.claim()
		if n, _, _ := w.worker.Once(bg); n != 0 {
			t.Fatal("a claimed mail was sent by another worker")
		}
		w.restart(s, Handed)
		if got := w.state(s, Handed, Handed); got.Recipients[0].Attempts != 2 || len(w.trap.List()) != 1 {
			t.Fatalf("%+v", got.Recipients[0])
		}
		// What the dead one still does counts for nothing.
		wants(t, w.mark(dead), fault.KindRefused, "dispatch.lease_lost")
		_, err := gate.Run(bg, w.G, server, OutcomeOp, OutcomeIn{Item: dead.Item, Package: dead.Package, Fence: dead.Fence, Kind: "refused", Reason: "smtp.refused"})
		wants(t, err, fault.KindRefused, "dispatch.lease_lost")
		w.state(s, Handed, Handed)
	})
}

func TestR03_KilledBetweenMarkAndOutcomeIsUnknown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		j := w.claim()
		if err := w.mark(j); err != nil {
			t.Fatal(err)
		}
		wants(t, w.mark(j), fault.KindRefused, "dispatch.lease_lost") // once
		w.restart(s, Unknown)
		if got := w.state(s, Unknown, Unknown); got.Recipients[0].Reason != "dispatch.unknown_crash" || len(w.trap.List()) != 0 {
			t.Fatalf("%+v", got.Recipients[0])
		}
		w.Clock.Pass(100 * time.Hour)
		if w.send() != 0 {
			t.Fatal("sent again blindly")
		}
		// The worker was only slow: its certain word ends the doubt.
		if _, err := gate.Run(bg, w.G, server, OutcomeOp, OutcomeIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Kind: "handed_over", Reason: "smtp.handed_over"}); err != nil {
			t.Fatal(err)
		}
		w.state(s, Handed, Handed)
	})
}

func TestALostLeaseIsGivenToAnother(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		j := w.claim()
		w.Clock.Pass(lease)
		wants(t, w.mark(j), fault.KindRefused, "dispatch.lease_lost")
		w.worker.Holder = "node2"
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{}); err != nil {
			t.Fatal(err)
		}
		if w.send() != 1 {
			t.Fatal("nobody sent it")
		}
		w.state(s, Handed)
	})
}

func TestStopBetweenClaimAndMark(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.hold(w.single("INV-1"))
		j := w.claim()
		must(w, StopAll, StopIn{"誤送信の疑いがあるため"})
		wants(t, w.mark(j), fault.KindRefused, "dispatch.stopped_all")
	})
}

func TestWorkersAtOnceSendOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for n := range 4 {
			w.hold(w.good(fmt.Sprint("INV-", n)))
		}
		w.Clock.Pass(DefaultHold)
		var wg sync.WaitGroup
		for n := range 4 {
			other := *w.worker
			other.Holder = fmt.Sprint("node", n)
			wg.Go(func() {
				if _, _, err := other.Once(bg); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w.send() // what a conflict left
		seen := map[string]bool{}
		for _, m := range w.trap.List() {
			_, raw, err := w.trap.Get(m.ID)
			if err != nil {
				t.Fatal(err)
			}
			head, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			id := head.Header.Get("Message-Id")
			if id == "" || seen[id] {
				t.Fatal("sent twice", id)
			}
			seen[id] = true
		}
		if len(seen) != 8 {
			t.Fatal(len(seen))
		}
	})
}

// TestH07_AnyChangeAfterItWasConfirmedSendsNothing changes one thing at each
// state on the way, behind the back of all ops or in the register.
func TestH07_AnyChangeAfterItWasConfirmedSendsNothing(t *testing.T) {
	rows := []string{"subject", "body", "sender", "purpose", "class", "digest", "proposed", "kind", "file name", "file digest", "amount", "remove file", "remove recipient"}
	each(t, func(t *testing.T, w *world) {
		n := 0
		for _, at := range []State{Checked, Confirmed, Awaiting, Held, Claimed} {
			for _, what := range rows {
				n++
				w.interfere(at, fmt.Sprint("INV-", n), func(s Shown) { must(w, plant, plantIn{What: what, ID: s.ID}) }, what)
			}
		}
		// The register changes: for each state its own partner's point or state.
		for i, at := range []State{Checked, Confirmed, Awaiting, Held, Claimed} {
			extra := w.point(w.tohoku, fmt.Sprintf("team%d00@tohoku-kikai.co.jp", i))
			w.points[1] = extra
			w.interfere(at, fmt.Sprint("REG-", i), func(Shown) { must(w, party.PointRetire, party.RetireIn{ID: extra.ID, Reason: "退職のため"}) }, "point retired")
			w.points[1] = w.point(w.tohoku, fmt.Sprintf("next%d00@tohoku-kikai.co.jp", i))
			w.interfere(at, fmt.Sprint("SUS-", i), func(Shown) {
				must(w, party.Suspend, party.SuspendIn{ID: w.tohoku.ID, State: party.Suspended, Reason: "与信の見直し"})
			}, "suspended")
			agreed(w, party.Resume, party.ResumeIn{ID: w.tohoku.ID, Reason: "見直しが済んだため"})
		}
		t.Logf("%d interleavings, %d sent", n+10, len(w.trap.List()))
	})
}

// interfere takes a package to a state, changes something, and goes on as if
// nothing had happened.
func (w *world) interfere(at State, number string, change func(Shown), what string) {
	w.t.Helper()
	doc := w.goodInvoice(number)
	s := w.prepare(func(in *PrepareIn) {
		in.Documents = []string{doc}
		in.Recipients[1].Address = w.points[1].Address
	})
	c := w.check(s)
	now := func(st State) {
		if st == at {
			change(s)
		}
	}
	now(Checked)
	_, err := gate.Run(bg, w.G, sender, ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)})
	now(Confirmed)
	request1 := ""
	if err == nil {
		_, err = gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest})
		request1 = request(err)
	}
	now(Awaiting)
	if request1 != "" {
		_ = w.approve(request1, approver)
	}
	now(Held)
	if at == Claimed {
		j := w.claim()
		change(s)
		if w.mark(j) == nil {
			w.t.Fatalf("%s after the claim: marked", what)
		}
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{Holder: "node1"}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.send()
	if l := w.trap.List(); len(l) != 0 {
		w.t.Fatalf("%s at %s: sent to %v", what, at, l[len(l)-1].To)
	}
	if got := w.show(s); got.State == Handed || got.State == Unknown {
		w.t.Fatalf("%s at %s: %s", what, at, got.State)
	}
	_, err = gate.Run(bg, w.G, sender, CancelOp, CancelIn{s.ID, ""})
	if err != nil {
		w.t.Fatalf("%s at %s: %v", what, at, err)
	}
}

// TestNothingStoppedEverReachesTheTrap sends 100 packages put together at random
// from good and bad parts, as far as each gets.
func TestNothingStoppedEverReachesTheTrap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := rand.New(rand.NewPCG(1, 2))
		foreign := w.invoice(w.akat, "AK-9", 5500, page(t, "請求書 AK-9", "有限会社あかつき運輸 御中", "5,500"))
		wrong := w.invoice(w.tohoku, "INV-W", 5500, page(t, "請求書 INV-W", "有限会社あかつき運輸 御中", "5,500"))
		pick := func(good string, bad ...string) (string, bool) {
			if r.IntN(4) > 0 {
				return good, false
			}
			return bad[r.IntN(len(bad))], true
		}
		mails := 0
		for n := range 100 {
			number := fmt.Sprintf("INV-%04d", n)
			to, bad1 := pick("keiri@tohoku-kikai.co.jp", "keiri@tohoku-kikal.co.jp", "info@akatsuki-unyu.co.jp", "x@example.com", "keiri")
			doc, bad2 := pick(w.goodInvoice(number), foreign, wrong)
			body, bad3 := pick("請求書を添付します。", "あかつき運輸様の分です。", "T9000012050003", "電話 011-222-3333", "> info@akatsuki-unyu.co.jp")
			bad := bad1 || bad2 || bad3
			s := w.prepare(func(in *PrepareIn) {
				in.Recipients, in.Documents, in.Body, in.Subject = []Proposal{{To, to}}, []string{doc}, body, number
			})
			c := w.check(s)
			if bad != (c.State == Stopped) {
				t.Fatalf("%s %s %s: %s %+v", to, doc, body, c.State, c.Findings)
			}
			_, err := gate.Run(bg, w.G, sender, ConfirmOp, ConfirmIn{s.ID, strings.Repeat("0", 64) + c.Digest, append(all(c), "x")[:max(1, len(c.Ticks))]})
			wants(t, err, fault.KindRefused, "") // a wrong digest, whatever the rest
			if !bad {
				mails++
				must(w, ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)})
			}
			_, err = gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest + map[bool]string{true: "0"}[bad]})
			if bad {
				wants(t, err, fault.KindRefused, "")
				continue
			}
			if err := w.approve(request(err), approver); err != nil {
				t.Fatal(err)
			}
		}
		w.send()
		list := w.trap.List()
		if len(list) != mails || mails < 20 || mails > 80 {
			t.Fatalf("%d mails of %d good packages", len(list), mails)
		}
		for _, m := range list {
			if len(m.To) != 1 || m.To[0] != "keiri@tohoku-kikai.co.jp" {
				t.Fatal(m.To)
			}
		}
		t.Logf("%d of 100 were sent, the others stopped", mails)
	})
}

// TestOneThatFailsKeepsNoOtherFromGoing: a package that cannot be claimed is
// shown as an error, and what comes after it is sent.
func TestOneThatFailsKeepsNoOtherFromGoing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bad, good := w.good("INV-9101"), w.good("INV-9102")
		w.hold(bad)
		w.hold(good)
		must(w, plant, plantIn{What: "sender that cannot send", ID: bad.ID})
		w.Clock.Pass(DefaultHold + time.Second)
		n, _, err := w.worker.Once(bg)
		if n != 2 || !fault.Is(err, fault.KindInvalid) {
			t.Fatal(n, err)
		}
		w.state(good, Handed)
		w.state(bad, Held)
	})
}
