package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/comms/dispatch/internal/dsn"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

const bounceAt = "bounce@bounce.hokuto-supply.co.jp"

// intake lets the world take what comes back.
func (w *world) intake() *Intake {
	w.t.Helper()
	a, err := ParseBounceAddress(bounceAt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.worker.Bounces = a
	return &Intake{Gate: w.G, As: server, Ring: w.Ring, Address: a, Log: slog.New(slog.DiscardHandler)}
}

// left is a sending that the relay has taken, with the address its bounces go to.
func (w *world) left(number string) (Shown, string) {
	w.t.Helper()
	doc := w.goodInvoice(number)
	s := w.prepare(func(in *PrepareIn) {
		in.Documents, in.Recipients = []string{doc}, []Proposal{{To, "keiri@tohoku-kikai.co.jp"}}
	})
	w.hold(s)
	if w.send() != 1 {
		w.t.Fatal("not sent")
	}
	list := w.trap.List()
	return w.state(s, Handed, Handed), list[len(list)-1].From
}

// report is what a server sends back about a mail.
func report(action, status, said, messageID string) []byte {
	return []byte(strings.ReplaceAll(`From: MAILER-DAEMON@mx.tohoku-kikai.co.jp
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.tohoku-kikai.co.jp

Final-Recipient: rfc822; keiri@tohoku-kikai.co.jp
Action: `+action+`
Status: `+status+`
Diagnostic-Code: smtp; `+said+`

--b
Content-Type: text/rfc822-headers

Message-ID: <`+messageID+`>

--b--
`, "\n", "\r\n"))
}

func (w *world) bounces(s Shown) []BounceNote {
	w.t.Helper()
	return must(w, BouncesOp, ByID{s.ID}).Rows
}

// SM-44, M12: what comes back with the right code moves its recipient, says why,
// and is a task until somebody has done something about it.
func TestSM44_BounceMovesItsRecipient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		i := s.Recipients[0]
		if !strings.HasPrefix(to, "bounce+"+i.ID+".") || !strings.HasSuffix(to, "@bounce.hokuto-supply.co.jp") || len(strings.Split(to, "@")[0]) > 64 {
			t.Fatal(to)
		}
		raw := report("failed", "5.1.1", "550 5.1.1 User unknown", i.MessageID)
		upper := strings.ToUpper(to) // servers on the way may change case
		if !n.Knows(upper) || n.Take(bg, upper, raw, ViaLMTP) != nil {
			t.Fatal("not taken")
		}
		got := w.state(s, Bounced, Bounced).Recipients[0]
		if got.Reason != "dispatch.bounced.no_user" || got.Attention != NeedsCheck {
			t.Fatalf("%+v", got)
		}
		rows := w.bounces(s)
		if len(rows) != 1 || rows[0].Recipient != "keiri@tohoku-kikai.co.jp" || rows[0].Reporter != "mx.tohoku-kikai.co.jp" || rows[0].Why != "no_user" ||
			rows[0].Status != "5.1.1" || rows[0].Diagnostic != "550 5.1.1 User unknown" || !rows[0].Moved || rows[0].Via != ViaLMTP {
			t.Fatalf("%+v", rows)
		}
		tasks := must(w, AttentionOp, AttentionIn{Why: NeedsCheck}).Rows
		if len(tasks) != 1 || tasks[0].ID != i.ID {
			t.Fatalf("%+v", tasks)
		}
		// The same message again, and another about the same, change nothing.
		for _, again := range [][]byte{raw, report("failed", "5.2.2", "full", i.MessageID), report("delivered", "2.0.0", "ok", i.MessageID)} {
			if err := n.Take(bg, to, again, ViaIMAP); err != nil {
				t.Fatal(err)
			}
		}
		if again := w.state(s, Bounced, Bounced).Recipients[0]; again.Reason != got.Reason || again.Version != got.Version || len(w.bounces(s)) != 3 {
			t.Fatalf("%+v %d", again, len(w.bounces(s)))
		}
		// The address waits until it is verified anew.
		next := w.good("INV-2")
		if c := w.check(next); c.State != Stopped {
			t.Fatalf("%+v", c)
		} else {
			w.finds(c, "bounced_before", Halt)
		}
		must(w, Attend, AttendIn{s.ID, i.ID, "電話で新しい送付先を確認した"})
		if left := must(w, AttentionOp, AttentionIn{}).Rows; len(left) != 0 {
			t.Fatalf("%+v", left)
		}
	})
}

// A full mailbox is no reason to distrust the address.
func TestM12_OnlyTheAddressIsBlamedForItself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		if err := n.Take(bg, to, report("failed", "5.2.2", "mailbox is full", s.Recipients[0].MessageID), ViaLMTP); err != nil {
			t.Fatal(err)
		}
		if i := w.state(s, Bounced, Bounced).Recipients[0]; i.Reason != "dispatch.bounced.full" || i.Attention != NeedsCheck {
			t.Fatalf("%+v", i)
		}
		if c := w.check(w.good("INV-2")); c.State != Checked {
			t.Fatalf("%+v", c.Findings)
		}
	})
}

// M12, R-06: whoever has not seen the mail cannot say that it came back.
func TestM12_ForgedBounceChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		other, otherTo := w.left("INV-2")
		id, domain := s.Recipients[0].ID, "@bounce.hokuto-supply.co.jp"
		code := strings.TrimSuffix(strings.Split(otherTo, ".")[1], domain)[:codeSize]
		for _, forged := range []string{"bounce+" + id + ".aaaaaaaaaaaaaaaa" + domain, "bounce+" + id + "." + code + domain, bounceAt, "bounce+" + id + domain, "",
			strings.Replace(to, "bounce.hokuto", "bounce.hokut0", 1), strings.Replace(to, "bounce+", "bounces+", 1), to[:60]} {
			if n.Knows(forged) {
				t.Errorf("%q is let in", forged)
			}
			_, err := gate.Run(bg, w.G, server, BounceOp, BounceIn{Package: s.ID, Token: strings.TrimSuffix(strings.TrimPrefix(forged, "bounce+"), domain) + "x", Kind: "failed",
				Why: "no_user", MessageID: s.Recipients[0].MessageID, Standard: true, Digest: "d", Via: "imap"})
			wants(t, err, fault.KindRefused, "dispatch.bounce_forged")
		}
		// A right code with another package.
		token := n.Address.token(to)
		in := BounceIn{Package: other.ID, Token: token, Kind: "failed", Why: "no_user", Standard: true, Digest: "d", Via: "imap"}
		if _, err := gate.Run(bg, w.G, server, BounceOp, in); !fault.Is(err, fault.KindNotFound) {
			t.Error(err)
		}
		if i := w.state(s, Handed, Handed).Recipients[0]; i.Version != s.Recipients[0].Version || len(w.bounces(s)) != 0 {
			t.Fatalf("%+v", i)
		}
		n.flush(bg)
		n.flush(bg) // nothing new: nothing added
		if c := must(w, TalliesOp, struct{}{}).Rows; len(c) != 1 || c[0].Forged != 8 || c[0].Taken != 0 {
			t.Fatalf("%+v", c)
		}
		_, err := gate.Run(bg, w.G, server, TallyOp, TallyIn{Forged: -1})
		wants(t, err, fault.KindInvalid, "dispatch.bounce_count")
	})
}

// What names another mail, or is words only, is shown to a person and fails nothing.
func TestM12_WordsAloneFailNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		if err := n.Take(bg, to, []byte("From: keiri@tohoku-kikai.co.jp\r\nAuto-Submitted: auto-replied\r\n\r\n不在です\r\n"), ViaLMTP); err != nil {
			t.Fatal(err)
		}
		if i := w.state(s, Handed, Handed).Recipients[0]; i.Attention != "" {
			t.Fatalf("%+v", i)
		}
		for _, raw := range [][]byte{
			[]byte("From: MAILER-DAEMON@x.example\r\nSubject: failure notice\r\n\r\n550 5.1.1 User unknown\r\n"),
			report("failed", "5.1.1", "User unknown", "0000000000000000000000000000000000000000@hokuto-supply.co.jp"),
		} {
			if err := n.Take(bg, to, raw, ViaLMTP); err != nil {
				t.Fatal(err)
			}
			if i := w.state(s, Handed, Handed).Recipients[0]; i.Reason != "dispatch.bounce_unclear" || i.Attention != NeedsReading {
				t.Fatalf("%+v", i)
			}
		}
		if rows := must(w, AttentionOp, AttentionIn{Why: NeedsReading}).Rows; len(rows) != 1 || len(w.bounces(s)) != 3 {
			t.Fatalf("%+v", rows)
		}
		must(w, Attend, AttendIn{s.ID, s.Recipients[0].ID, "先方に電話し、届いていると確かめた"})
		// qmail keeps to no form but returns the mail: that names it.
		qmail := "From: MAILER-DAEMON@x.example\r\nSubject: failure notice\r\n\r\nI'm afraid I wasn't able to deliver your message.\r\n<keiri@tohoku-kikai.co.jp>:\r\n" +
			"Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nMessage-ID: <" + s.Recipients[0].MessageID + ">\r\n"
		if err := n.Take(bg, to, []byte(qmail), ViaLMTP); err != nil {
			t.Fatal(err)
		}
		if i := w.state(s, Bounced, Bounced).Recipients[0]; i.Reason != "dispatch.bounced.no_user" || i.Attention != NeedsCheck {
			t.Fatalf("%+v", i)
		}
	})
}

// Delayed says patience, delivered says so, and late or early ones harm nothing.
func TestR06_DelayedDeliveredEarlyAndLate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		id := s.Recipients[0].MessageID
		take := func(raw []byte) {
			t.Helper()
			if err := n.Take(bg, to, raw, ViaLMTP); err != nil {
				t.Fatal(err)
			}
		}
		take(report("delayed", "4.4.1", "connection timed out", id))
		if i := w.state(s, Handed, Handed).Recipients[0]; i.Attention != NeedsPatience || i.Reason != "dispatch.bounce_delayed" {
			t.Fatalf("%+v", i)
		}
		take(report("relayed", "2.0.0", "relayed", id))
		take(report("delivered", "2.0.0", "ok", id))
		if i := w.state(s, Delivered, Delivered).Recipients[0]; i.Attention != "" {
			t.Fatalf("%+v", i)
		}
		take(report("delayed", "4.4.1", "late", id)) // overtaken
		w.state(s, Delivered, Delivered)
		w.Clock.Pass(48 * time.Hour)
		take(report("failed", "5.1.1", "after all", id)) // a server behind the first one
		w.state(s, Bounced, Bounced)

		for k := range 2 * bouncesMost { // whoever has the mail may go on for ever
			take(report("failed", "5.1.1", fmt.Sprint("again ", k), id))
		}
		if rows := w.bounces(s); len(rows) != bouncesMost {
			t.Fatal(len(rows))
		}
	})
}

// A bounce can be faster than the reply to the dot, and ends a doubt.
func TestR06_BounceBeforeAndAfterTheOutcome(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s := w.single("INV-1")
		w.hold(s)
		w.Clock.Pass(DefaultHold + time.Second)
		due, err := gate.Run(bg, w.G, server, Due, DueIn{})
		if err != nil || len(due.Items) != 1 {
			t.Fatal(due, err)
		}
		j, err := gate.Run(bg, w.G, server, ClaimOp, ClaimIn{due.Items[0].Item, due.Items[0].Package, "node1"})
		if err != nil {
			t.Fatal(err)
		}
		to, raw := n.Address.sender(j.Bounce), report("failed", "5.1.1", "User unknown", j.MessageID)
		if err := n.Take(bg, to, raw, ViaLMTP); err != ErrLater {
			t.Fatal(err)
		}
		if len(w.bounces(s)) != 0 {
			t.Fatal("kept before it could be used")
		}
		if err := w.mark(j); err != nil {
			t.Fatal(err)
		}
		w.Clock.Pass(lease)
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{Holder: "node1"}); err != nil {
			t.Fatal(err)
		}
		w.state(s, Unknown, Unknown)
		if err := n.Take(bg, to, raw, ViaLMTP); err != nil {
			t.Fatal(err)
		}
		if i := w.state(s, Bounced, Bounced).Recipients[0]; i.ResolvedBy == "" || i.Reason != "dispatch.bounced.no_user" {
			t.Fatalf("%+v", i)
		}
	})
}

// Of a mailbox's messages those are ours that have an address of ours in them.
func TestBouncesOutOfAMailbox(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		raw := string(report("failed", "5.1.1", "User unknown", s.Recipients[0].MessageID))
		if ours, err := n.Mailbox(bg, []byte(raw)); ours || err != nil {
			t.Fatal("without an address it is not ours", err)
		}
		forged := strings.Replace(to, ".", ".a", 1)
		forged = forged[:strings.Index(forged, "@")-1] + forged[strings.Index(forged, "@"):]
		if ours, err := n.Mailbox(bg, []byte("To: "+forged+"\r\n"+raw)); ours || err != nil {
			t.Fatal(err)
		}
		w.state(s, Handed, Handed)
		cut := strings.Replace(raw, "Message-ID:", "Return-Path: <"+to[:30]+"=\r\n"+to[30:]+">\r\nMessage-ID:", 1)
		if ours, err := n.Mailbox(bg, []byte(cut)); !ours || err != nil {
			t.Fatal(ours, err)
		}
		w.state(s, Bounced, Bounced)
		if r := w.bounces(s); r[0].Via != ViaIMAP {
			t.Fatalf("%+v", r)
		}
	})
}

func TestBounceAddressSettings(t *testing.T) {
	for s, ok := range map[string]bool{bounceAt: true, "b@x.co.jp": true, "": false, "bounce": false, "bounce+x@x.co.jp": false,
		strings.Repeat("b", 21) + "@x.co.jp": false, strings.Repeat("b", 20) + "@x.co.jp": true} {
		if _, err := ParseBounceAddress(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// listening is an intake with its port open.
func (w *world) listening(n *Intake, how Listen) string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(bg)
	go func() { done <- n.Serve(ctx, l, how) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return l.Addr().String()
}

// The port takes what is for us, and nothing else, and a thousand a minute.
func TestR06_ListenerTakesAThousandAMinute(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.intake()
		s, to := w.left("INV-1")
		addr := w.listening(n, Listen{})
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c := gosmtp.NewClientLMTP(conn)
		defer c.Close()
		if err := c.Hello("relay.test"); err != nil {
			t.Fatal(err)
		}
		for _, stranger := range []string{"keiri@tohoku-kikai.co.jp", bounceAt, "bounce+" + strings.Repeat("a", 43) + "@bounce.hokuto-supply.co.jp"} {
			if err := c.Mail("", nil); err != nil {
				t.Fatal(err)
			}
			if err := c.Rcpt(stranger, nil); err == nil || !strings.Contains(err.Error(), "No such address") {
				t.Fatalf("%s: %v", stranger, err)
			}
			c.Reset()
		}
		const count = 200
		begin := time.Now()
		for k := range count {
			if err := deliver(c, to, report("failed", "5.1.1", fmt.Sprint("no ", k), s.Recipients[0].MessageID)); err != nil {
				t.Fatal(k, err)
			}
		}
		rate := float64(count) / time.Since(begin).Minutes()
		t.Logf("%.0f bounces a minute over one connection", rate)
		if rate < 1000 {
			t.Errorf("%.0f a minute are too few", rate)
		}
		w.state(s, Bounced, Bounced)
		n.flush(bg)
		if r := must(w, TalliesOp, struct{}{}).Rows; r[0].Taken != bouncesMost || r[0].Doubled != count-bouncesMost || r[0].Forged != 3 {
			t.Fatalf("%+v", r)
		}
		big := append(report("failed", "5.1.1", "big", s.Recipients[0].MessageID), []byte(strings.Repeat(strings.Repeat("x", 998)+"\r\n", 3*dsn.MaxBytes/1000))...)
		if err := deliver(c, to, big); err != nil {
			t.Fatal("a report that returns a large mail is refused", err)
		}
	})
}

func deliver(c *gosmtp.Client, to string, raw []byte) error {
	if err := c.Mail("", nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	d, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := d.Write(raw); err != nil {
		return err
	}
	return d.Close()
}

// A relay's word about a mail with a bounce address is believed as before.
func TestRelayLogKnowsTheBounceAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.intake()
		s, to := w.left("INV-1")
		i := s.Recipients[0]
		in := LogSeenIn{Item: i.ID, Package: s.ID, Kind: "sent", MessageID: i.MessageID, Queue: i.QueueID, From: strings.Replace(to, i.ID, strings.Repeat("0", idSize), 1), To: i.Address, At: w.Clock.Now(), Line: "x"}
		_, err := gate.Run(bg, w.G, server, LogSeen, in)
		wants(t, err, fault.KindRefused, "dispatch.log_other")
		in.From = to
		if out, err := gate.Run(bg, w.G, server, LogSeen, in); err != nil || out.State != Delivered {
			t.Fatal(out, err)
		}
		if w.trap.List()[0].From == "" || w.trap.List()[0].To[0] != i.Address {
			t.Fatal("the envelope", w.trap.List()[0])
		}
	})
}
