package dispatch

import (
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

func TestWhatNeedsAttentionIsShownUntilItIsDone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.single("INV-1")
		w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550, Text: "no such user"})
		w.send()
		_, u := w.unknown("INV-2", false)
		stuck := w.single("INV-3")
		w.hold(stuck)
		roots := w.worker.Relay.ExtraRoots
		w.worker.Relay.ExtraRoots = nil
		w.Clock.Pass(restAfter(9))
		w.send()
		w.worker.Relay.ExtraRoots = roots
		l := must(w, AttentionOp, AttentionIn{})
		if len(l.Rows) != 3 || l.Rows[0].Why != NeedsNewTry || l.Rows[1].Why != NeedsAnswer || l.Rows[2].Why != NeedsMend {
			t.Fatalf("%+v", l.Rows)
		}
		r := l.Rows[0]
		if r.Reason != "smtp.refused" || !strings.Contains(r.Reply, "no such user") || r.Address != keiri || r.Subject == "" || r.Owner == "" || len(r.Ways) == 0 {
			t.Fatalf("%+v", r)
		}
		if l.Rows[2].Reason != "smtp.certificate" || l.Rows[2].NotBefore.IsZero() {
			t.Fatalf("%+v", l.Rows[2])
		}
		for _, row := range l.Rows {
			if !text.Has("dispatch.attention."+row.Why) || !text.Has(row.Reason) {
				t.Errorf("no sentence for %+v", row)
			}
		}
		in := AttendIn{Package: s.ID, Item: r.ID, Reason: "先方に新しい宛先を確認し、別の送付で送った"}
		if i := must(w, Attend, in); i.AttendedBy == "" || i.AttendedAt.IsZero() || i.State != Refused {
			t.Fatalf("%+v", i)
		}
		_, err := gate.Run(bg, w.G, sender, Attend, in)
		wants(t, err, fault.KindRefused, "dispatch.nothing_to_attend")
		_, err = gate.Run(bg, w.G, sender, Attend, AttendIn{Package: u.Package, Item: u.ID, Reason: "先方に電話で聞いた"})
		wants(t, err, fault.KindRefused, "dispatch.nothing_to_attend")
		_, err = gate.Run(bg, w.G, sender, Attend, AttendIn{Package: s.ID, Item: r.ID})
		wants(t, err, fault.KindInvalid, "")
		if l := must(w, AttentionOp, AttentionIn{Why: NeedsAnswer}).Rows; len(l) != 1 || l[0].ID != u.ID {
			t.Fatalf("%+v", l)
		}
		if l := must(w, AttentionOp, AttentionIn{}).Rows; len(l) != 2 {
			t.Fatalf("%+v", l)
		}
	})
}

// TestAnUnknownShowsAllThatAPersonNeeds to find out and to decide.
func TestAnUnknownShowsAllThatAPersonNeeds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, i := w.unknown("INV-1", true)
		r := must(w, UnknownOp, UnknownIn{}).Rows[0]
		if r.MessageID != i.MessageID || r.Relay != RelayName(w.worker.Relay) || r.Address != keiri || r.Subject == "" || len(r.Bytes) != 64 || r.MarkedAt.IsZero() ||
			r.ClaimedAt.IsZero() || r.Holder != "node1" || r.Attempts != 1 || !strings.HasPrefix(r.TLS, "TLS 1.3") {
			t.Fatalf("%+v", r)
		}
		if r.Search[0] != "zgrep -hF -- '"+i.MessageID+"' '/var/log/mail.log'*" || r.Search[1] != "postqueue -p" {
			t.Fatal(r.Search)
		}
		for _, d := range r.Decisions {
			if d.Op != Resolve.Name() || !text.Has(d.Key) {
				t.Errorf("%+v", d)
			}
		}
		if len(r.Decisions) != 2 || r.Decisions[0].As != Handed || r.Decisions[1].As != Refused {
			t.Fatalf("%+v", r.Decisions)
		}
		if got := quoted("it's"); got != `'it'\''s'` {
			t.Error(got)
		}
		l := w.relayLog() // a log of another place is named as it is
		l.read()
		if r = must(w, UnknownOp, UnknownIn{}).Rows[0]; !strings.Contains(r.Search[0], "'"+l.path+"'*") {
			t.Fatal(r.Search)
		}
		// What died after the mark has no reply, but the relay it spoke to is known.
		s := w.single("INV-2")
		w.hold(s)
		if err := w.mark(w.claim()); err != nil {
			t.Fatal(err)
		}
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{Holder: "node1"}); err != nil {
			t.Fatal(err)
		}
		if r = must(w, UnknownOp, UnknownIn{}).Rows[1]; r.Relay != RelayName(w.worker.Relay) || r.Reply != "" {
			t.Fatalf("%+v", r)
		}
	})
}

// TestNobodySaysSentOfWhatWasOnlyQueued: the words for the states.
func TestNobodySaysSentOfWhatWasOnlyQueued(t *testing.T) {
	said := regexp.MustCompile(`送信済|送信しました|送りました|配信済|\bsent\b`)
	for _, s := range []State{Held, Claimed, Handed, Unknown, Delivered} {
		for _, lang := range []text.Lang{text.JA, text.EN} {
			w := text.T(lang, string(s.word()))
			if m := said.FindString(strings.ReplaceAll(w, "whether it was sent", "")); m != "" {
				t.Errorf("%s: %q", s, w)
			}
		}
	}
	for key, want := range map[string]string{"dispatch.state.handed_over": "中継先が引き受けた", "dispatch.state.delivered": "次のサーバーが受け取った"} {
		if got := text.T(text.JA, key); got != want {
			t.Errorf("%s: %q", key, got)
		}
	}
	seen := map[string]bool{}
	for _, s := range States() {
		if w := text.T(text.JA, string(s.word())); seen[w] || !text.Has(string(s.word())) {
			t.Errorf("%s: %q", s, w)
		} else {
			seen[w] = true
		}
	}
}

func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if tls, err := Probe(bg, w.worker.Relay); err != nil || !strings.HasPrefix(tls, "TLS 1.3") {
			t.Fatal(tls, err)
		}
		r := w.worker.Relay
		r.ExtraRoots = nil
		_, err := Probe(bg, r)
		wants(t, err, fault.KindUnavailable, "smtp.certificate")
		r.Hello = ""
		_, err = Probe(bg, r)
		wants(t, err, fault.KindUnavailable, "smtp.set_hello")
		w.trap.Break(trap.Fault{At: trap.AtHello, Act: trap.Reply, Code: 554})
		_, err = Probe(bg, w.worker.Relay)
		wants(t, err, fault.KindUnavailable, "smtp.relay_refused")
		w.trap.Close()
		_, err = Probe(bg, w.worker.Relay)
		wants(t, err, fault.KindUnavailable, "smtp.unreachable")
		if len(w.trap.List()) != 0 {
			t.Fatal("something was sent")
		}
	})
}
