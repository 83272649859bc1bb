package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sekisho/internal/kernel/vault"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/text"
)

const letter = "From: <a@hokuto.example>\r\nTo: <b@sakura.example>\r\nSubject: x\r\n\r\n.one dot\r\n..two\r\n"

func startTrap(t testing.TB, cfg trap.Config) *trap.Trap {
	t.Helper()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", t.TempDir()
	cfg.Now = func() time.Time { return time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC) }
	tr, err := trap.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func relayTo(tr *trap.Trap, m Mode) Relay {
	return Relay{Host: tr.Host(), Port: tr.Port(), Mode: m, ExtraRoots: tr.PEM(), Hello: "sekisho.hokuto.example"}
}

func envelope(data string) Envelope {
	return Envelope{From: "a@hokuto.example", To: "b@sakura.example", Data: []byte(data)}
}

// marks counts; nothing more is needed where the bytes do not matter.
type marks struct{ n atomic.Int32 }

func (m *marks) mark(context.Context) error { m.n.Add(1); return nil }

// want compares an outcome and holds what is true of every outcome.
func want(t *testing.T, o Outcome, k Kind, key string, s Step) {
	t.Helper()
	if o.Kind != k || o.Key != key || o.Step != s {
		t.Errorf("%s %s at %s (%v); want %s %s at %s", o.Kind, o.Key, o.Step, o.Cause, k, key, s)
	}
	for _, l := range text.Langs {
		if said := text.T(l, o.Key, o.Args...); said == o.Key || strings.ContainsAny(said, "{}") {
			t.Errorf("sentence: %s", said)
		}
	}
	if len(o.Reply) > maxReply || clean(o.Reply) != o.Reply {
		t.Errorf("reply %q", o.Reply)
	}
}

func both(t *testing.T, f func(t *testing.T, m Mode, implicit bool)) {
	for _, m := range []Mode{StartTLS, TLS} {
		t.Run(string(m), func(t *testing.T) { t.Parallel(); f(t, m, m == TLS) })
	}
}

func TestSendHandsOver(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		tr := startTrap(t, trap.Config{ImplicitTLS: implicit, Record: true})
		var n marks
		e := envelope(letter)
		e.To = "a..b@sakura.example"
		o := Send(t.Context(), relayTo(tr, m), e, n.mark)
		want(t, o, HandedOver, "smtp.handed_over", AtDot)
		if o.Code != 250 || o.QueueID != "000001" || o.Reply != "250 2.0.0 Ok: queued as 000001" || !strings.HasPrefix(o.TLS, "TLS 1.3 ") {
			t.Errorf("%+v", o)
		}
		msg, data, err := tr.Get(1)
		if err != nil || string(data) != letter || n.n.Load() != 1 {
			t.Errorf("%q, %v, %d marks", data, err, n.n.Load())
		}
		if msg.From != e.From || len(msg.To) != 1 || msg.To[0] != e.To || msg.Hello != "sekisho.hokuto.example" || msg.TLS != "TLS 1.3" {
			t.Errorf("%+v", msg)
		}
		said := tr.Transcript()
		if strings.Contains(said, "BDAT") || strings.Contains(said, "localhost\r\nMAIL") || strings.Count(said, "RCPT TO:") != 1 {
			t.Errorf("said:\n%s", said)
		}
		if !strings.Contains(said, `RCPT TO:<"a..b"@sakura.example>`) {
			t.Errorf("said:\n%s", said)
		}
	})
}

// row is a fault and what Send must make of it.
type row struct {
	fault trap.Fault
	kind  Kind
	key   string
	step  Step
	marks int32
	kept  int
}

func rowsOfCommand(at trap.Step, step Step) []row {
	f := func(a trap.Act, code int, s string) trap.Fault {
		return trap.Fault{At: at, Act: a, Code: code, Text: s, Pause: 300 * time.Millisecond}
	}
	return []row{
		{f(trap.Reply, 421, ""), Deferred, "smtp.later", step, 0, 0},
		{f(trap.Reply, 451, ""), Deferred, "smtp.later", step, 0, 0},
		{f(trap.Reply, 550, ""), Refused, "smtp.refused", step, 0, 0},
		{f(trap.Reply, 530, ""), Held, "smtp.auth_refused", step, 0, 0},
		{f(trap.Stall, 0, ""), Deferred, "smtp.timeout", step, 0, 0},
		{f(trap.Drip, 0, ""), Deferred, "smtp.timeout", step, 0, 0},
		{f(trap.Drop, 0, ""), Deferred, "smtp.dropped", step, 0, 0},
		{f(trap.Garbage, 0, "\x00\x1b[2J\xff hello\r\n"), Deferred, "smtp.garbage", step, 0, 0},
		{f(trap.Garbage, 0, "299 yes\r\n"), Deferred, "smtp.garbage", step, 0, 0},
		{f(trap.Garbage, 0, strings.Repeat("x", 5000)), Deferred, "smtp.garbage", step, 0, 0},
	}
}

func rowsOfDot() []row {
	f := func(a trap.Act, code int, s string) trap.Fault {
		return trap.Fault{At: trap.AtDot, Act: a, Code: code, Text: s, Pause: 200 * time.Millisecond}
	}
	kept := f(trap.Drop, 0, "")
	kept.Keep = true
	quick := f(trap.Drip, 0, "")
	quick.Pause = time.Millisecond
	return []row{
		{f(trap.Reply, 421, ""), Deferred, "smtp.later", AtDot, 1, 0},
		{f(trap.Reply, 452, ""), Deferred, "smtp.later", AtDot, 1, 0},
		{f(trap.Reply, 554, ""), Refused, "smtp.refused", AtDot, 1, 0},
		{f(trap.Stall, 0, ""), Unknown, "smtp.unknown_timeout", AtDot, 1, 0},
		{f(trap.Drip, 0, ""), Unknown, "smtp.unknown_timeout", AtDot, 1, 1},
		{quick, HandedOver, "smtp.handed_over", AtDot, 1, 1},
		{f(trap.Drop, 0, ""), Unknown, "smtp.unknown_dropped", AtDot, 1, 0},
		{kept, Unknown, "smtp.unknown_dropped", AtDot, 1, 1},
		{f(trap.ReplyThenDrop, 0, ""), HandedOver, "smtp.handed_over", AtDot, 1, 1},
		{f(trap.Garbage, 0, "ok\r\n"), Unknown, "smtp.unknown_garbage", AtDot, 1, 0},
		{f(trap.Garbage, 0, "354 go on\r\n"), Unknown, "smtp.unknown_garbage", AtDot, 1, 0},
		{f(trap.Garbage, 0, "999 go on\r\n"), Unknown, "smtp.unknown_garbage", AtDot, 1, 0},
		{f(trap.Garbage, 0, "25"), Unknown, "smtp.unknown_dropped", AtDot, 1, 0},
		{f(trap.Garbage, 0, "250 Ok: queu"), Unknown, "smtp.unknown_dropped", AtDot, 1, 0},
		{f(trap.Garbage, 0, "250-Ok\r\n"), Unknown, "smtp.unknown_dropped", AtDot, 1, 0},
		{f(trap.Garbage, 0, strings.Repeat("250-more\r\n", 50_000)), Unknown, "smtp.unknown_garbage", AtDot, 1, 0},
		{f(trap.Garbage, 0, "250\r\n"), HandedOver, "smtp.handed_over", AtDot, 1, 0},
		{f(trap.Garbage, 0, "251 2.0.0 elsewhere\r\n"), HandedOver, "smtp.handed_over", AtDot, 1, 0},
		{f(trap.Garbage, 0, "550-no\r\n550 never\r\n"), Refused, "smtp.refused", AtDot, 1, 0},
	}
}

func rowsOfTheRest() []row {
	f := func(at trap.Step, a trap.Act, code int) trap.Fault {
		return trap.Fault{At: at, Act: a, Code: code, Text: "bah\r\n"}
	}
	return []row{
		{f(trap.AtBody, trap.Reply, 552), Refused, "smtp.refused", AtBody, 0, 0},
		{f(trap.AtBody, trap.Reply, 421), Deferred, "smtp.later", AtBody, 0, 0},
		{f(trap.AtHello, trap.Reply, 421), Deferred, "smtp.later", AtHello, 0, 0},
		{f(trap.AtHello, trap.Reply, 550), Held, "smtp.relay_refused", AtHello, 0, 0},
		{f(trap.AtHello, trap.Drop, 0), Deferred, "smtp.dropped", AtHello, 0, 0},
		{f(trap.AtGreeting, trap.Reply, 421), Deferred, "smtp.later", AtHello, 0, 0},
		{f(trap.AtGreeting, trap.Reply, 554), Held, "smtp.relay_refused", AtHello, 0, 0},
		{f(trap.AtGreeting, trap.Stall, 0), Deferred, "smtp.timeout", AtHello, 0, 0},
		{f(trap.AtGreeting, trap.Drop, 0), Deferred, "smtp.dropped", AtHello, 0, 0},
		{f(trap.AtGreeting, trap.Garbage, 0), Deferred, "smtp.garbage", AtHello, 0, 0},
	}
}

func TestR04_EveryFaultHasItsOutcome(t *testing.T) {
	rows := append(rowsOfDot(), rowsOfTheRest()...)
	rows = append(rows, rowsOfCommand(trap.AtMail, AtMail)...)
	rows = append(rows, rowsOfCommand(trap.AtRcpt, AtRcpt)...)
	rows = append(rows, rowsOfCommand(trap.AtData, AtData)...)
	both(t, func(t *testing.T, m Mode, implicit bool) {
		var all sync.WaitGroup // not t.Parallel: the stalls should wait side by side on few cores, too
		defer all.Wait()
		for _, r := range rows {
			all.Go(func() {
				t.Run(fmt.Sprintf("%s %s %d %.8s", r.fault.At, r.fault.Act, r.fault.Code, r.fault.Text),
					func(t *testing.T) { r.play(t, m, implicit) })
			})
		}
	})
}

func (r row) play(t *testing.T, m Mode, implicit bool) {
	tr := startTrap(t, trap.Config{ImplicitTLS: implicit})
	tr.Break(r.fault)
	relay := relayTo(tr, m)
	if a := r.fault.Act; a == trap.Stall || a == trap.Drip && r.fault.Pause > time.Millisecond {
		relay.Timeouts.Command, relay.Timeouts.Submission = 2*time.Second, 2*time.Second
	}
	var n marks
	o := Send(t.Context(), relay, envelope(letter), n.mark)
	step := r.step
	// In STARTTLS the first greeting and EHLO come before TLS.
	if m == StartTLS && step == AtHello {
		step = AtTLS
	}
	want(t, o, r.kind, r.key, step)
	if n.n.Load() != r.marks {
		t.Errorf("%d marks, want %d", n.n.Load(), r.marks)
	}
	if got := len(tr.List()); got != r.kept || tr.Sessions() != 1 {
		t.Errorf("%d kept, want %d, in %d sessions", got, r.kept, tr.Sessions())
	}
	if r.fault.Act == trap.Reply && o.Code != r.fault.Code {
		t.Errorf("code %d", o.Code)
	}
}

// A message larger than all buffers cannot reach the mark when nobody reads it.
func TestR04_BrokenWhileWriting(t *testing.T) {
	large := letter + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 16<<20/78)
	both(t, func(t *testing.T, m Mode, implicit bool) {
		for act, key := range map[trap.Act]string{trap.Drop: "smtp.dropped", trap.Stall: "smtp.timeout"} {
			tr := startTrap(t, trap.Config{ImplicitTLS: implicit})
			tr.Break(trap.Fault{At: trap.AtBody, Act: act})
			relay := relayTo(tr, m)
			relay.Timeouts.Data = time.Second
			if act == trap.Drop {
				relay.Timeouts.Data = time.Minute
			}
			var n marks
			want(t, Send(t.Context(), relay, envelope(large), n.mark), Deferred, key, AtBody)
			if n.n.Load() != 0 {
				t.Error("marked")
			}
		}
	})
}

// A small message may be in the buffers before the drop is noticed: then the
// mark is made and the outcome must be Unknown, else there must be no mark.
func TestR04_DropAfterData(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		seen := map[Kind]int{}
		for range 20 {
			tr := startTrap(t, trap.Config{ImplicitTLS: implicit})
			tr.Break(trap.Fault{At: trap.AtData, Act: trap.ReplyThenDrop})
			var n marks
			o := Send(t.Context(), relayTo(tr, m), envelope(letter), n.mark)
			seen[o.Kind]++
			if o.Kind == Unknown && n.n.Load() == 1 || o.Kind == Deferred && n.n.Load() == 0 {
				continue
			}
			t.Errorf("%s %s with %d marks", o.Kind, o.Key, n.n.Load())
		}
		if seen[Deferred] == 0 {
			t.Errorf("the glance before the mark never noticed the drop: %v", seen)
		}
	})
}

// A relay that answers the dot before it gets it has answered nothing.
func TestEarlyAnswerIsNotTheAnswer(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		tr := startTrap(t, trap.Config{ImplicitTLS: implicit})
		tr.Break(trap.Fault{At: trap.AtData, Act: trap.Garbage, Text: "354 go ahead\r\n250 2.0.0 Ok: queued as 4ABC\r\n"})
		var n marks
		want(t, Send(t.Context(), relayTo(tr, m), envelope(letter), n.mark), Deferred, "smtp.garbage", AtBody)
		if n.n.Load() != 0 {
			t.Error("marked")
		}
	})
}

func TestSignIn(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		for _, loginOnly := range []bool{false, true} {
			tr := startTrap(t, trap.Config{ImplicitTLS: implicit, User: "hokuto", Password: "p4ss word", LoginOnly: loginOnly, Record: true})
			var n marks
			relay := relayTo(tr, m)
			want(t, Send(t.Context(), relay, envelope(letter), n.mark), Held, "smtp.auth_refused", AtMail)
			relay.User, relay.Password = "hokuto", vault.NewSecret("wrong")
			o := Send(t.Context(), relay, envelope(letter), n.mark)
			want(t, o, Held, "smtp.auth_refused", AtAuth)
			if o.Code != 535 {
				t.Errorf("%+v", o)
			}
			tr.Break(trap.Fault{At: trap.AtAuth, Act: trap.Reply, Code: 454})
			want(t, Send(t.Context(), relay, envelope(letter), n.mark), Deferred, "smtp.later", AtAuth)
			tr.Break(trap.Fault{})
			relay.Password = vault.NewSecret("p4ss word")
			want(t, Send(t.Context(), relay, envelope(letter), n.mark), HandedOver, "smtp.handed_over", AtDot)
			if n.n.Load() != 1 {
				t.Errorf("%d marks", n.n.Load())
			}
			if said := fmt.Sprintf("%v %+v %#v %s", relay, relay, relay, o.Cause); strings.Contains(said, "p4ss") || strings.Contains(said, "wrong") {
				t.Error("the password shows")
			}
		}
		open := startTrap(t, trap.Config{ImplicitTLS: implicit})
		relay := relayTo(open, m)
		relay.User, relay.Password = "hokuto", vault.NewSecret("x")
		want(t, Send(t.Context(), relay, envelope(letter), new(marks).mark), Held, "smtp.no_auth", AtAuth)
	})
}

func TestSMTPUTF8OnlyWhereNeeded(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		e := envelope(letter)
		e.To = "経理@sakura.example"
		without := startTrap(t, trap.Config{ImplicitTLS: implicit})
		want(t, Send(t.Context(), relayTo(without, m), e, new(marks).mark), Held, "smtp.no_smtputf8", AtMail)
		with := startTrap(t, trap.Config{ImplicitTLS: implicit, UTF8: true})
		for i, env := range []Envelope{e, envelope(letter)} {
			want(t, Send(t.Context(), relayTo(with, m), env, new(marks).mark), HandedOver, "smtp.handed_over", AtDot)
			if msg := with.List()[i]; msg.To[0] != env.To || msg.UTF8 != (i == 0) {
				t.Errorf("%+v", msg)
			}
		}
	})
}

func TestMalformedNeverDials(t *testing.T) {
	tr := startTrap(t, trap.Config{})
	for _, e := range []Envelope{
		{"a@x.example", "b@y.example> RCPT TO:<c@z.example", []byte(letter)},
		{"a@x.example", "b@y.example\r\nRCPT TO:<c@z.example>", []byte(letter)},
		{"a@x.example", "b@y.example,c@z.example", []byte(letter)},
		{"a@x.example", "b@さくら.example", []byte(letter)},
		{"a@x.example", "", []byte(letter)},
		{"", "b@y.example", []byte(letter)},
		{"a@x.example", "b@y.example", nil},
		{"a@x.example", "b@y.example", []byte("Subject: x\n\nbare\n")},
		{"a@x.example", "b@y.example", []byte("Subject: x\r\n\r\na\n.\nMAIL FROM:<c@z.example>\r\n")},
		{"a@x.example", "b@y.example", []byte("open end")},
	} {
		var n marks
		want(t, Send(t.Context(), relayTo(tr, StartTLS), e, n.mark), Held, "smtp.message", AtSettings)
		if tr.Sessions() != 0 || n.n.Load() != 0 {
			t.Fatal("dialled")
		}
	}
}

func TestCancel(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		tr := startTrap(t, trap.Config{ImplicitTLS: implicit})
		var n marks
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		want(t, Send(gone, relayTo(tr, m), envelope(letter), n.mark), Deferred, "smtp.cancelled", AtConnect)

		tr.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Stall})
		soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if o := Send(soon, relayTo(tr, m), envelope(letter), n.mark); o.Kind != Deferred || o.Key != "smtp.cancelled" {
			t.Errorf("%+v", o)
		}
		tr.Break(trap.Fault{})
		during, cancel := context.WithCancel(t.Context())
		o := Send(during, relayTo(tr, m), envelope(letter), func(context.Context) error { cancel(); return nil })
		want(t, o, Deferred, "smtp.cancelled", AtBody)
		if n.n.Load() != 0 || len(tr.List()) != 0 {
			t.Errorf("%d marks, %d kept", n.n.Load(), len(tr.List()))
		}
	})
}

// After the mark a cancelled Send still waits for the reply, but not for long.
func TestCancelAfterTheMarkWaitsForTheReply(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		for _, c := range []struct {
			pause, grace time.Duration
			kind         Kind
			key          string
		}{
			{10 * time.Millisecond, time.Minute, HandedOver, "smtp.handed_over"},
			{time.Hour, 100 * time.Millisecond, Unknown, "smtp.unknown_dropped"},
		} {
			tr := startTrap(t, trap.Config{ImplicitTLS: implicit})
			tr.Break(trap.Fault{At: trap.AtDot, Act: trap.Drip, Pause: c.pause})
			relay := relayTo(tr, m)
			relay.Timeouts.Grace = c.grace
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for len(tr.List()) == 0 {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			want(t, Send(ctx, relay, envelope(letter), new(marks).mark), c.kind, c.key, AtDot)
		}
	})
}

func TestFailedMarkSendsNoDot(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		tr := startTrap(t, trap.Config{ImplicitTLS: implicit, Record: true})
		full := errors.New("disk full")
		o := Send(t.Context(), relayTo(tr, m), envelope(letter), func(context.Context) error { return full })
		want(t, o, Deferred, "smtp.mark_failed", AtBody)
		if !errors.Is(o.Cause, full) || len(tr.List()) != 0 {
			t.Errorf("%v, %d kept", o.Cause, len(tr.List()))
		}
		tr.Close()
		if bytes.Contains([]byte(tr.Transcript()), []byte("\r\n.\r\n")) {
			t.Error("the dot was sent")
		}
	})
}
