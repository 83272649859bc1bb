package dispatch

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// address makes a confirmed address for machine mail.
func (w *world) address(purpose, mail string) NoticeAddress {
	w.t.Helper()
	a := must(w, NoticePropose, NoticeProposeIn{Address: mail, Purpose: purpose, Label: "情報システム課"})
	agreed(w, NoticeConfirm, NoticeAddressIn{ID: a.ID, Reason: "課内の共有アドレスと電話で確認"})
	return a
}

func (w *world) alarm(about string) NoticeOut {
	w.t.Helper()
	return gatetest.Must[NoticeOut](w.t)(gate.Run(bg, w.G, server, NoticeQueue, NoticeIn{Template: AlarmMail, About: about, What: "verify.row_altered",
		Kind: "party", Subject: "P1", Leaf: 7, From: gatetest.Start, Until: gatetest.Start, Count: 1}))
}

func (w *world) mails() [][]byte {
	w.t.Helper()
	var out [][]byte
	for _, m := range w.trap.List() {
		_, b, err := w.trap.Get(m.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// words gives the text of a mail without attachments.
func words(t *testing.T, raw []byte) string {
	t.Helper()
	_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (w *world) notices(want int) {
	w.t.Helper()
	if n, _, err := w.worker.Notices(bg); err != nil || n != want {
		w.t.Fatalf("%d tried, want %d: %v", n, want, err)
	}
}

func (w *world) notice(states ...NoticeState) []Notice {
	w.t.Helper()
	got := must(w, NoticeList, NoticePage{}).Rows
	if len(got) != len(states) {
		w.t.Fatalf("%d machine mails, want %d", len(got), len(states))
	}
	for i, s := range states {
		if got[i].State != s {
			w.t.Fatalf("machine mail %d is %s (%s), want %s", i, got[i].State, got[i].Reason, s)
		}
	}
	return got
}

// Machine mail goes only where two people have agreed, and also while all
// sending is stopped.
func TestC33_MachineMailGoesToAddressesTwoPeopleConfirmed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := must(w, NoticePropose, NoticeProposeIn{Address: "Alarm@hokuto-supply.co.jp", Purpose: "alarm", Label: "情報システム課"})
		if out := w.alarm("A1"); len(out.Addresses) != 0 {
			t.Fatal("a proposed address is sent to")
		}
		_, err := gate.Run(bg, w.G, sender, NoticeTest, ByID{a.ID})
		wants(t, err, fault.KindRefused, "dispatch.notice_not_confirmed")
		_, err = gate.Run(bg, w.G, sender, NoticeConfirm, NoticeAddressIn{a.ID, "電話で確認した"})
		wants(t, err, fault.KindPending, "")
		req := request(err)
		if err := w.approve(req, sender); err == nil {
			t.Fatal("one person confirmed an address alone")
		}
		if out := w.alarm("A1"); len(out.Addresses) != 0 {
			t.Fatal("one person is enough")
		}
		if err := w.approve(req, approver); err != nil {
			t.Fatal(err)
		}
		must(w, StopAll, StopIn{"誤送信の疑い"})
		if out := w.alarm("A2"); len(out.Addresses) != 1 || out.Addresses[0] != a.ID {
			t.Fatal(out)
		}
		w.notices(1)
		n := w.notice(NoticeHanded)[0]
		list := w.trap.List()
		if len(list) != 1 || len(list[0].To) != 1 || !strings.EqualFold(list[0].To[0], "alarm@hokuto-supply.co.jp") {
			t.Fatalf("%+v", list)
		}
		raw := w.mails()[0]
		text := words(t, raw)
		for _, want := range []string{"party の行 P1", "Row P1 of party", "記録番号: 7", "A2", "2026-11-22 12:00:00 JST"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		if strings.Contains(text, "://") || !bytes.Contains(raw, []byte("Auto-Submitted: auto-generated")) {
			t.Error("a link, or not marked as a machine's")
		}
		if n.Bytes == "" || n.MarkedAt.IsZero() || n.Attempts != 1 {
			t.Fatalf("%+v", n)
		}
		w.notices(0)
	})
}

func TestMachineMailAddressesRefuse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.address("alarm", "alarm@hokuto-supply.co.jp")
		_, err := gate.Run(bg, w.G, sender, NoticePropose, NoticeProposeIn{Address: "alarm@hokuto-supply.co.jp", Purpose: "alarm", Label: "x"})
		wants(t, err, fault.KindInvalid, "dispatch.notice_taken")
		for _, bad := range []string{"", "nobody", "a@b@c.jp", "a@\u202Eexample.jp", "a@example.jp, b@example.jp"} {
			if _, err := gate.Run(bg, w.G, sender, NoticePropose, NoticeProposeIn{Address: bad, Purpose: "alarm", Label: "x"}); !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		_, err = gate.Run(bg, w.G, sender, NoticePropose, NoticeProposeIn{Address: "b@example.jp", Purpose: "invoice", Label: "x"})
		wants(t, err, fault.KindInvalid, "")
		_, err = gate.Run(bg, w.G, sender, NoticeConfirm, NoticeAddressIn{a.ID, "もう一度"})
		wants(t, err, fault.KindRefused, "dispatch.notice_not_proposed")
		_, err = gate.Run(bg, w.G, sender, NoticeRetire, NoticeAddressIn{a.ID, ""})
		wants(t, err, fault.KindInvalid, "")
		for _, in := range []NoticeIn{{Template: AlarmMail, What: "no.such_key"}, {Template: AlarmMail, What: "verify.tile", Note: "x"},
			{Template: CheckpointMail}, {Template: TestMail}, {Template: "invoice"}} {
			if _, err := gate.Run(bg, w.G, server, NoticeQueue, in); !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%+v: %v", in, err)
			}
		}
		// Taking one away takes two people, and what waits is not sent.
		w.alarm("A1")
		_, err = gate.Run(bg, w.G, sender, NoticeRetire, NoticeAddressIn{a.ID, "担当が替わった"})
		wants(t, err, fault.KindPending, "")
		if w.notice(NoticeWaiting); w.approve(request(err), approver) != nil {
			t.Fatal("not retired")
		}
		w.notices(0)
		if n := w.notice(NoticeRefused)[0]; n.Reason != "dispatch.notice_retired" || len(w.trap.List()) != 0 {
			t.Fatalf("%+v", n)
		}
		// A proposal may be withdrawn by one person, and the address proposed again.
		b := must(w, NoticePropose, NoticeProposeIn{Address: "alarm@hokuto-supply.co.jp", Purpose: "alarm", Label: "x"})
		if got := must(w, NoticeRetire, NoticeAddressIn{b.ID, "書き間違い"}); got.State != AddressRetired {
			t.Fatal(got)
		}
	})
}

// A changed proposal voids the request for its confirmation.
func TestMachineMailIsConfirmedAsItWasSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := must(w, NoticePropose, NoticeProposeIn{Address: "alarm@hokuto-supply.co.jp", Purpose: "alarm", Label: "x"})
		_, err := gate.Run(bg, w.G, sender, NoticeConfirm, NoticeAddressIn{a.ID, "電話で確認した"})
		wants(t, err, fault.KindPending, "")
		must(w, NoticeRetire, NoticeAddressIn{a.ID, "書き間違い"})
		if err := w.approve(request(err), approver); err == nil {
			t.Fatal("a retired proposal was confirmed")
		}
		if r := gatetest.Must[NoticeAddressList](t)(gate.Run(bg, w.G, sender, NoticeAddresses, NoticePage{})); r.Rows[0].State != AddressRetired {
			t.Fatal(r)
		}
	})
}

// What surely did not leave is tried again; what may have left once more and no
// more, byte for byte the same.
func TestMachineMailIsRepeatedOnceWhenNobodyKnows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.address("alarm", "alarm@hokuto-supply.co.jp")
		w.alarm("A1")
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451})
		w.notices(1)
		if n := w.notice(NoticeWaiting)[0]; n.Lost != 0 || !n.MarkedAt.IsZero() {
			t.Fatalf("%+v", n)
		}
		w.notices(0)
		w.Clock.Pass(time.Hour)
		w.trap.Break(trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: true})
		w.notices(1)
		if n := w.notice(NoticeWaiting)[0]; n.Lost != 1 {
			t.Fatalf("%+v", n)
		}
		w.Clock.Pass(time.Hour)
		w.notices(1)
		w.notice(NoticeUnknown)
		w.Clock.Pass(100 * time.Hour)
		w.notices(0)
		m := w.mails()
		if len(m) != 2 || !bytes.Equal(m[0], m[1]) {
			t.Fatal(len(m), "mails, or they differ")
		}
		w.trap.Break(trap.Fault{})
		w.alarm("A2")
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550})
		w.notices(1)
		w.notice(NoticeRefused, NoticeUnknown)
	})
}

// A worker that dies after the mark leaves the mail to the next, which sends it
// once more; of two workers at the same time one comes through.
func TestMachineMailSurvivesItsWorker(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.address("alarm", "alarm@hokuto-supply.co.jp")
		w.alarm("A1")
		j := gatetest.Must[NoticeDueOut](t)(gate.Run(bg, w.G, server, NoticeDue, struct{}{})).Jobs[0]
		in := NoticeMarkIn{ID: j.Notice.ID, Fence: j.Notice.Fence, Bytes: "x"}
		first := gatetest.Must[Notice](t)(gate.Run(bg, w.G, server, NoticeMark, in))
		_, err := gate.Run(bg, w.G, server, NoticeMark, in)
		wants(t, err, fault.KindRefused, "dispatch.lease_lost")
		w.notices(0) // it has a lease
		w.Clock.Pass(noticeLease)
		w.notices(1)
		if n := w.notice(NoticeHanded)[0]; n.Lost != 1 || len(w.trap.List()) != 1 {
			t.Fatalf("%+v", n)
		}
		_, err = gate.Run(bg, w.G, server, NoticeOutcome, NoticeOutcomeIn{ID: first.ID, Fence: first.Fence, Kind: "refused", Reason: "smtp.refused"})
		wants(t, err, fault.KindRefused, "dispatch.lease_lost")
		// Dead after the mark twice: nobody knows, and it stays so.
		w.alarm("A2")
		for range 2 {
			j := gatetest.Must[NoticeDueOut](t)(gate.Run(bg, w.G, server, NoticeDue, struct{}{})).Jobs[0]
			_, err := gate.Run(bg, w.G, server, NoticeMark, NoticeMarkIn{ID: j.Notice.ID, Fence: j.Notice.Fence, Bytes: "x"})
			if err != nil {
				t.Fatal(err)
			}
			w.Clock.Pass(noticeLease)
		}
		w.notices(1)
		w.notice(NoticeUnknown, NoticeHanded)
		if len(w.trap.List()) != 1 {
			t.Fatal("sent a third time")
		}
	})
}

// What a backup held was the real house's to send; a restored one sends nothing
// of it, and nothing new, before two people open its seal.
func TestARestoredHouseSendsNoMachineMail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.address("alarm", "alarm@hokuto-supply.co.jp")
		w.alarm("A1")
		w.alarm("A2")
		j := gatetest.Must[NoticeDueOut](t)(gate.Run(bg, w.G, server, NoticeDue, struct{}{})).Jobs[0]
		gatetest.Must[Notice](t)(gate.Run(bg, w.G, server, NoticeMark, NoticeMarkIn{ID: j.Notice.ID, Bytes: "x"}))
		gatetest.Must[RestoredOut](t)(gate.Run(bg, w.G, server, RestoredOp, RestoredIn{"R1"}))
		w.notice(NoticeRefused, NoticeRefused)
		w.Clock.Pass(24 * time.Hour)
		w.notices(0)
		w.alarm("A3")
		w.notices(1)
		if w.notice(NoticeWaiting, NoticeRefused, NoticeRefused); len(w.trap.List()) != 0 {
			t.Fatal("it left")
		}
	})
}

// The second relay takes over when the first surely took nothing.
func TestMachineMailGoesByTheSecondRelay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.address("alarm", "alarm@hokuto-supply.co.jp")
		second := w.worker.Relay
		w.worker.Relay.Port, w.worker.Second = 1, &second
		w.alarm("A1")
		w.notices(1)
		if n := w.notice(NoticeHanded)[0]; n.Relay != RelayName(second) || len(w.trap.List()) != 1 {
			t.Fatalf("%+v", n)
		}
	})
}

// Whoever can write rows cannot write words into the mails.
func TestMachineMailShowsNobodysWords(t *testing.T) {
	n := Notice{Template: AlarmMail, What: "verify.row_inserted", Kind: "party", Subject: "至急 http://evil.example/ を開く", Leaf: -1, About: "A1"}
	n.ID = "N1"
	m, err := n.mail(Sender{"", "billing@hokuto-supply.co.jp"}, "alarm@hokuto-supply.co.jp")
	if err != nil || strings.Contains(m.Text, "evil") || strings.Contains(m.Text, "://") || strings.Contains(m.Text, "{") || !strings.Contains(m.Text, "party の行 ―") {
		t.Fatal(m.Text, err)
	}
}
