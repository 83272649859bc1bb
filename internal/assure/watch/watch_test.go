package watch

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sekisho/internal/kernel/text"
)

func TestWhatIsTampering(t *testing.T) {
	for key, want := range map[string]bool{"verify.row_altered": true, "audit.vanished": true, "witness.other_log": true, "fsck.open": true, NoSignature: true,
		"witness.late": false, "witness.unread": false, "backup.late": false, DiskLow: false, ClockStep: false, UnknownOld: false} {
		if Tampering(key) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
	for _, key := range []string{DiskLow, ClockStep, UnknownOld, MailFailed, Flood, NoSignature} {
		if !text.Has(key) {
			t.Errorf("%s has no sentence", key)
		}
	}
}

func TestMailDue(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		state State
		ago   time.Duration
		want  bool
	}{{Open, 0, true}, {Open, time.Minute, false}, {Open, 59 * time.Minute, false}, {Open, time.Hour, true},
		{Acknowledged, 2 * time.Hour, false}, {Acknowledged, 24 * time.Hour, true}} {
		a := Alarm{State: c.state}
		if c.ago > 0 {
			a.MailedAt = now.Add(-c.ago)
		}
		if a.mailDue(now) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{"P1": "P1", "a\nb\x00": "a?b?", "\xff": "?", "a\u202Eb": "a?b", "": ""} {
		if got := Clean(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if got := Clean(strings.Repeat("関", 100)); len(got) > subjectMost || !utf8.ValidString(got) {
		t.Error(got)
	}
}

func TestC81_LowDiskIsToldBeforeTheReserveIsReached(t *testing.T) {
	if !Low(19, 10) || Low(20, 10) || Low(1, 0) {
		t.Error("low")
	}
}

// A wall clock that is set is noticed; one that only passes is not.
func TestClockSteps(t *testing.T) {
	var c Clock
	now := time.Now()
	for _, s := range []struct {
		wall, mono time.Duration
		want       bool
	}{{0, 0, false}, {10 * time.Second, 10 * time.Second, false}, {4 * time.Second, 0, false}, {6 * time.Second, 0, true}, {-6 * time.Second, 0, true}, {time.Hour, time.Hour, false}} {
		d, stepped := Step(s.wall, s.mono)
		if stepped != s.want || d != s.wall-s.mono {
			t.Errorf("%+v: %v", s, d)
		}
	}
	if _, stepped := c.Tick(now); stepped {
		t.Error("the first look")
	}
	if _, stepped := c.Tick(now.Add(time.Minute)); stepped {
		t.Error("a minute passed on both")
	}
	c.wall = c.wall.Add(-time.Minute) // as if the wall clock had been set on
	if d, stepped := c.Tick(now.Add(2 * time.Minute)); !stepped || d != time.Minute {
		t.Error(d)
	}
}

func TestDueDay(t *testing.T) {
	at := 7 * time.Hour
	for now, want := range map[string]string{"2026-11-21T21:59:59Z": "2026-11-21", "2026-11-21T22:00:00Z": "2026-11-22", "2026-11-22T14:59:00Z": "2026-11-22", "2026-11-22T15:30:00Z": "2026-11-22"} {
		n, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := DueDay(n, at).String(); got != want {
			t.Errorf("%s: %s", now, got)
		}
	}
}
