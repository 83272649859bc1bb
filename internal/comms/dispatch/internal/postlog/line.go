// Package postlog reads the log of a Postfix relay on this computer: what
// became of our mails after the relay took them, or whether it took one at all.
//
// It knows the lines of Postfix 3.x as syslog or postlogd write them. Only
// mails whose Message-ID is ours are followed; every other line is passed over.
package postlog

import (
	"regexp"
	"strings"
	"time"
)

// Line is one line of the log, taken apart.
type Line struct {
	At     time.Time // as the line says; the year of a short time stamp is the one nearest to the clock
	Daemon string    // smtpd, cleanup, qmgr, smtp, …
	Pid    string
	Queue  string // queue id, "" if the line has none
	Text   string // what follows
}

// maxLine is how much of a line is looked at: Postfix cuts its own at 2,000.
const maxLine = 4000

var (
	lineForm = regexp.MustCompile(`^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) \S+ [^\s\[:]+/([a-z_-]+)\[(\d+)\]: (.*)$`)
	// Short ids are upper-case hexadecimal, long ones have 52 characters and a
	// "z" in them (postconf(5), enable_long_queue_ids).
	queueForm  = regexp.MustCompile(`^([0-9A-F]{6,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{9,20}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,16}): (.*)$`)
	statusForm = regexp.MustCompile(`^to=<([^>]*)>, (?:orig_to=<([^>]*)>, )?relay=(\S*), .*?\bstatus=([a-z]+)(?: \((.*)\))?$`)
	activeForm = regexp.MustCompile(`^from=<([^>]*)>, size=\d+, nrcpt=\d+ \(queue active\)$`)
	rejectForm = regexp.MustCompile(`^(?:milter-)?reject: .*?(?:: |; )(?:from=<([^>]*)>.* )?to=<([^>]*)>`)
	brokenForm = regexp.MustCompile(`^(?:lost connection|timeout) after DATA\b`)
	expired    = regexp.MustCompile(`^from=<[^>]*>, status=(?:force-)?expired\b`)
	queuedAs   = regexp.MustCompile(`(?i)\bqueued as ([0-9A-Za-z]{6,40})\b`)
)

// Parse takes a line apart; false if it is none of Postfix's. now decides about
// the year, and its location about the zone, where the line names neither.
func Parse(text string, now time.Time) (Line, bool) {
	m := lineForm.FindStringSubmatch(text)
	if m == nil {
		return Line{}, false
	}
	at, ok := stamp(m[1], now)
	l := Line{At: at, Daemon: m[2], Pid: m[3], Text: m[4]}
	// "postfix/submission/smtpd" names the service before the daemon; the last word counts.
	if q := queueForm.FindStringSubmatch(l.Text); q != nil {
		l.Queue, l.Text = q[1], q[2]
	}
	return l, ok
}

func stamp(s string, now time.Time) (time.Time, bool) {
	if s[0] >= '0' && s[0] <= '9' {
		t, err := time.Parse(time.RFC3339Nano, s)
		return t, err == nil
	}
	for _, year := range []int{now.Year(), now.Year() - 1, now.Year() + 1} {
		t, err := time.ParseInLocation("2006 Jan _2 15:04:05", itoa(year)+" "+s, now.Location())
		if err == nil && t.Sub(now).Abs() < 183*24*time.Hour {
			return t, true
		}
	}
	return time.Time{}, false
}

func itoa(year int) string { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") }

// lost tells that syslog itself dropped lines: what is missing then proves nothing.
func lost(text string) bool {
	return strings.Contains(text, "messages lost due to rate-limiting") || strings.Contains(text, "begin to drop messages") ||
		strings.Contains(text, ": Suppressed ") && strings.Contains(text, "messages from")
}
