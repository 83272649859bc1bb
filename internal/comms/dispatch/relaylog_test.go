package dispatch

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// relayLog is a relay's log written by the test, and who follows it.
type relayLog struct {
	w    *world
	path string
	f    *Follower
}

func (w *world) relayLog() *relayLog {
	l := &relayLog{w: w, path: filepath.Join(w.t.TempDir(), "mail.log")}
	l.restart()
	l.say("master", "daemon started -- version 3.7.11, configuration /etc/postfix")
	return l
}

// restart is another process that follows the same log.
func (l *relayLog) restart() {
	l.f = &Follower{Gate: l.w.G, As: server, Path: l.path, Relays: []string{RelayName(l.w.worker.Relay)}, Holder: l.w.worker.Holder, Log: slog.New(slog.DiscardHandler)}
}

func (l *relayLog) say(daemon, text string) { l.sayAt(l.w.Clock.Now(), daemon, text) }

func (l *relayLog) sayAt(at time.Time, daemon, text string) {
	l.w.t.Helper()
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s relay postfix/%s[12]: %s\n", at.Format(time.RFC3339Nano), daemon, text)
		f.Close()
	}
	if err != nil {
		l.w.t.Fatal(err)
	}
}

func (l *relayLog) read() {
	l.w.t.Helper()
	if err := l.f.Once(bg); err != nil {
		l.w.t.Fatal(err)
	}
}

// received says that the relay has read the head of i's mail.
func (l *relayLog) received(queue string, i Item) {
	l.say("smtpd", queue+": client=localhost[127.0.0.1]")
	l.say("cleanup", queue+": message-id=<"+i.MessageID+">")
}

func (l *relayLog) took(queue string, i Item) {
	l.received(queue, i)
	l.say("qmgr", queue+": from=<billing@hokuto-supply.co.jp>, size=274, nrcpt=1 (queue active)")
}

func (l *relayLog) passed(queue, to, status string) {
	l.say("smtp", queue+": to=<"+to+">, relay=mx.tohoku-kikai.co.jp[192.0.2.1]:25, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status="+status)
}

// unknown is a sending whose relay hung up after the dot.
func (w *world) unknown(number string, kept bool) (Shown, Item) {
	w.t.Helper()
	s := w.single(number)
	w.hold(s)
	w.trap.Break(trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: kept})
	w.Clock.Pass(DefaultHold + restAfter(9)) // the relay may rest from the one before
	w.send()
	w.trap.Break(trap.Fault{})
	return s, w.state(s, Unknown, Unknown).Recipients[0]
}

const keiri = "keiri@tohoku-kikai.co.jp"

func TestR03_TheLogEndsTheDoubt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		s, i := w.unknown("INV-1", true)
		l.received("4A0001", i)
		l.read()
		w.state(s, Unknown) // the head alone is no acceptance
		l.restart()         // a restart in between loses nothing
		l.say("qmgr", "4A0001: from=<billing@hokuto-supply.co.jp>, size=274, nrcpt=1 (queue active)")
		l.read()
		i = w.state(s, Handed, Handed).Recipients[0]
		if i.Reason != "dispatch.log_accepted" || i.QueueID != "4A0001" || i.ResolvedBy == "" || !strings.Contains(i.Evidence, "queue active") {
			t.Fatalf("%+v", i)
		}
		l.passed("4A0001", keiri, "sent (250 2.0.0 Ok: queued as 000001)")
		l.say("qmgr", "4A0001: removed")
		l.read()
		i = w.state(s, Delivered, Delivered).Recipients[0]
		if i.Reason != "dispatch.log_sent" || !strings.Contains(i.Evidence, "status=sent") || !strings.Contains(i.Evidence, "queue active") {
			t.Fatalf("%+v", i)
		}
		w.Clock.Pass(100 * time.Hour)
		if w.send() != 0 || len(w.trap.List()) != 1 {
			t.Fatal("sent again")
		}
		version := i.Version
		os.Rename(l.path, l.path+".9") // the position is kept, so what is read twice changes nothing
		l.f.kept, l.f.ready = LogPosition{}, false
		l.read()
		if got := w.state(s, Delivered).Recipients[0]; got.Version != version {
			t.Fatalf("%+v", got)
		}
	})
}

func TestR03_WhatTheLogSaysWasNotTakenIsTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		s, i := w.unknown("INV-1", false)
		l.received("4A0001", i)
		l.say("smtpd", "lost connection after DATA (63043 bytes) from localhost[127.0.0.1]")
		l.read()
		w.state(s, Unknown) // a word to the contrary may still come
		w.Clock.Pass(hearsay + askEvery)
		l.read()
		i = w.state(s, Held, Held).Recipients[0]
		if i.Reason != "dispatch.log_broken" || !strings.Contains(i.Evidence, "lost connection") || i.NotBefore.Sub(i.SettledAt) != retryAfter(1) {
			t.Fatalf("%+v", i)
		}
		if w.send() != 1 || len(w.trap.List()) != 1 {
			t.Fatal("not tried again, or twice")
		}
		w.state(s, Handed)

		s, i = w.unknown("INV-2", false)
		l.received("4A0002", i)
		l.say("cleanup", "4A0002: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 5.7.1 Spam; from=<billing@hokuto-supply.co.jp> to=<"+keiri+"> proto=ESMTP helo=<m>")
		w.Clock.Pass(hearsay)
		l.read()
		if i = w.state(s, Refused, Refused).Recipients[0]; i.Reason != "dispatch.log_rejected" || i.Attention != NeedsNewTry {
			t.Fatalf("%+v", i)
		}

		// One try was broken off, the next one taken: only the latter counts.
		s, i = w.unknown("INV-3", true)
		l.received("4A0003", i)
		l.say("smtpd", "lost connection after DATA (1 bytes) from localhost[127.0.0.1]")
		l.read()
		l.took("4A0004", i)
		w.Clock.Pass(hearsay + askEvery)
		l.read()
		if i = w.state(s, Handed, Handed).Recipients[0]; i.QueueID != "4A0004" {
			t.Fatalf("%+v", i)
		}
		w.Clock.Pass(100 * time.Hour)
		l.read()
		w.state(s, Handed)
	})
}

func TestTheLogTellsWhatBecameOfIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		for n, c := range []struct {
			status string
			want   State
			needs  string
		}{
			{"sent (250 2.0.0 Ok)", Delivered, ""},
			{"deferred (connect to mx[192.0.2.1]:25: Connection timed out)", Handed, NeedsPatience},
			{"bounced (host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))", Bounced, NeedsCheck}, // last: nothing is sent to that address any more
		} {
			s := w.single(fmt.Sprint("INV-", n))
			w.hold(s)
			w.send()
			i := w.state(s, Handed, Handed).Recipients[0]
			if i.QueueID == "" {
				t.Fatal("the relay's number was not kept")
			}
			l.took(i.QueueID, i)
			l.passed(i.QueueID, "Keiri@Tohoku-Kikai.co.jp", c.status) // the case of an address says nothing
			l.read()
			got := w.state(s, c.want, c.want).Recipients[0]
			if got.Attention != c.needs || got.ResolvedBy != "" {
				t.Fatalf("%+v", got)
			}
			version := got.Version
			l.passed(i.QueueID, keiri, c.status)
			l.read()
			if got = w.show(s).Recipients[0]; got.Version != version {
				t.Fatalf("the same again changed %s: %+v", c.status, got)
			}
			if c.want == Handed { // at last it goes through
				l.passed(i.QueueID, keiri, "sent (250 2.0.0 Ok)")
				l.read()
				if got = w.state(s, Delivered).Recipients[0]; got.Attention != "" {
					t.Fatalf("%+v", got)
				}
			}
		}
		if n := len(must(w, AttentionOp, AttentionIn{}).Rows); n != 1 {
			t.Fatal(n)
		}
	})
}

// TestR06_NothingButItsOwnLineMovesAMail: lines about other mails, and lines
// that name ours but do not fit it.
func TestR06_NothingButItsOwnLineMovesAMail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		done := w.single("INV-1")
		w.hold(done)
		w.send()
		d := w.state(done, Handed).Recipients[0]
		s, i := w.unknown("INV-2", true)
		other := i
		other.MessageID = strings.Repeat("ab", 20) + "@hokuto-supply.co.jp"
		l.took("4B0001", other)
		l.passed("4B0001", keiri, "sent (250 ok)")
		l.took("4B0002", Item{MessageID: "one@example.com"})
		l.passed("4B0002", keiri, "bounced (550 no)")
		l.say("qmgr", "4B0003: from=<billing@hokuto-supply.co.jp>, size=274, nrcpt=1 (queue active)") // never named
		l.received("4B0004", i)                                                                       // another's sender
		l.say("qmgr", "4B0004: from=<someone@example.com>, size=274, nrcpt=1 (queue active)")
		l.passed("4B0004", keiri, "sent (250 ok)")
		l.received("4B0005", d) // not the queue id the relay gave us
		l.passed("4B0005", keiri, "bounced (550 no)")
		l.took(d.QueueID, d) // not the recipient
		l.passed(d.QueueID, "soumu@tohoku-kikai.co.jp", "bounced (550 no)")
		w.Clock.Pass(time.Hour)
		l.read()
		w.state(s, Unknown, Unknown)
		if got := w.state(done, Handed, Handed).Recipients[0]; got.Evidence != "" {
			t.Fatalf("%+v", got)
		}
		_, err := gate.Run(bg, w.G, server, LogSeen, LogSeenIn{Item: i.ID, Package: i.Package, Kind: "sent", MessageID: other.MessageID})
		wants(t, err, fault.KindRefused, "dispatch.log_other")
	})
}

// TestALineOfAnotherTryIsNoEvidence: what is older than the mark, or from a time
// to come, says nothing about this try.
func TestALineOfAnotherTryIsNoEvidence(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		s, i := w.unknown("INV-1", true)
		broken := func(queue string, at time.Time) {
			l.sayAt(at, "smtpd", queue+": client=localhost[127.0.0.1]")
			l.sayAt(at, "cleanup", queue+": message-id=<"+i.MessageID+">")
			l.sayAt(at, "smtpd", "lost connection after DATA (1 bytes) from localhost[127.0.0.1]")
		}
		w.Clock.Pass(hearsay)
		for n, at := range []time.Time{i.MarkedAt.Add(-time.Minute), i.MarkedAt.Add(-skew - time.Second), w.Clock.Now().Add(time.Minute), w.Clock.Now().Add(9 * time.Hour)} {
			broken(fmt.Sprint("4C000", n), at)
			l.read()
			w.state(s, Unknown, Unknown)
		}
		// With a word to the contrary beside it, it is not believed either.
		broken("4C0005", w.Clock.Now())
		l.took("4C0006", i)
		l.read()
		if i = w.state(s, Handed, Handed).Recipients[0]; strings.Contains(i.Evidence, "lost connection") || i.QueueID != "4C0006" {
			t.Fatalf("%+v", i)
		}
	})
}

func TestALineBeforeTheWorkersOwnWordWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		s := w.single("INV-1")
		w.hold(s)
		j := w.claim()
		if err := w.mark(j); err != nil {
			t.Fatal(err)
		}
		i := w.state(s, Claimed).Recipients[0]
		l.took("4A0001", i)
		l.passed("4A0001", keiri, "sent (250 ok)")
		l.read()
		w.state(s, Claimed)
		out := OutcomeIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Kind: "handed_over", Reason: "smtp.handed_over", QueueID: "4A0001"}
		if _, err := gate.Run(bg, w.G, server, OutcomeOp, out); err != nil {
			t.Fatal(err)
		}
		w.Clock.Pass(askEvery)
		l.read()
		w.state(s, Delivered)
	})
}

func TestSilenceOfTheLogProvesSomethingOnlyIfItIsComplete(t *testing.T) {
	proved := func(w *world, l *relayLog) { // one of our mails is found in it
		s := w.single("INV-0")
		w.hold(s)
		w.send()
		i := w.state(s, Handed).Recipients[0]
		l.took(i.QueueID, i)
		l.say("qmgr", i.QueueID+": removed")
		l.read()
	}
	lives := func(w *world, l *relayLog) {
		for range 4 {
			w.Clock.Pass(silence)
			l.say("smtpd", "connect from localhost[127.0.0.1]")
			l.read()
		}
	}
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		l.read()
		for n, c := range []struct {
			name  string
			play  func() (Shown, Item)
			ended bool
		}{
			{"it was never known to be our relay's", func() (Shown, Item) {
				s, i := w.unknown("INV-1", false)
				lives(w, l)
				return s, i
			}, false},
			{"complete", func() (Shown, Item) {
				proved(w, l)
				s, i := w.unknown("INV-2", false)
				lives(w, l)
				return s, i
			}, true},
			{"the log is dead", func() (Shown, Item) {
				s, i := w.unknown("INV-3", false)
				w.Clock.Pass(10 * silence)
				l.read()
				l.read()
				return s, i
			}, false},
			{"lines were dropped", func() (Shown, Item) {
				s, i := w.unknown("INV-4", false)
				l.say("smtpd", "begin to drop messages due to rate-limiting")
				lives(w, l)
				return s, i
			}, false},
			{"the log was lost", func() (Shown, Item) {
				proved(w, l)
				s, i := w.unknown("INV-5", false)
				l.say("smtpd", "this is not read")
				if err := os.Remove(l.path); err != nil {
					t.Fatal(err)
				}
				lives(w, l)
				return s, i
			}, false},
			{"another node sent it", func() (Shown, Item) {
				proved(w, l)
				w.worker.Holder = "node2"
				s, i := w.unknown("INV-6", false)
				w.worker.Holder = "node1"
				lives(w, l)
				return s, i
			}, false},
			{"it was read only from later on", func() (Shown, Item) {
				s, i := w.unknown("INV-8", false)
				l.path += ".new"
				l.say("smtpd", "connect from localhost[127.0.0.1]")
				l.restart()
				l.read()
				proved(w, l)
				lives(w, l)
				return s, i
			}, false},
			{"its head was seen", func() (Shown, Item) {
				s, i := w.unknown("INV-7", false)
				l.received("4D0001", i)
				lives(w, l)
				return s, i
			}, false},
		} {
			s, i := c.play()
			if !c.ended {
				w.state(s, Unknown, Unknown)
				_, err := gate.Run(bg, w.G, server, LogSeen, LogSeenIn{Item: i.ID, Package: i.Package, Kind: "absent", Log: l.f.kept.ID, MessageID: i.MessageID})
				if !fault.Is(err, fault.KindRefused) {
					t.Fatalf("%d %s: %v", n, c.name, err)
				}
				continue
			}
			got := w.state(s, Refused, Refused).Recipients[0]
			if got.Reason != "dispatch.log_absent" || !strings.Contains(got.Evidence, i.MessageID) || got.Attention != NeedsNewTry {
				t.Fatalf("%s: %+v", c.name, got)
			}
		}
		if len(w.trap.List()) != 4 { // those that proved the log
			t.Fatal(len(w.trap.List()))
		}
	})
}

func TestAnUnreadableLogStopsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l := w.relayLog()
		l.f.Path = filepath.Dir(l.path) // a folder
		wants(t, l.f.Once(bg), fault.KindUnavailable, "dispatch.log_unreadable")
		l.f.Path = filepath.Join(filepath.Dir(l.path), "none.log")
		l.f.ready = false
		if err := l.f.Once(bg); err != nil {
			t.Fatal(err) // not there yet
		}
	})
}
