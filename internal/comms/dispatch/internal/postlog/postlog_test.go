package postlog

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 22, 13, 5, 0, 0, time.FixedZone("JST", 9*3600))

const (
	ours  = "0123456789abcdef0123456789abcdef01234567@hokuto-supply.co.jp"
	other = "fedcba9876543210fedcba9876543210fedcba98@hokuto-supply.co.jp"
)

func tracker() *Tracker {
	return &Tracker{Ours: func(id string) bool { return id == ours }, Now: func() time.Time { return now }}
}

// feed gives the kinds of what the lines say, with queue id and recipient.
func feed(t *Tracker, lines ...string) string {
	var out []string
	for _, l := range lines {
		if !strings.HasPrefix(l, "!") {
			l = "Nov 22 13:01:57 relay postfix/" + l
		}
		for _, e := range t.Feed(strings.TrimPrefix(l, "!")) {
			if e.MessageID != ours {
				out = append(out, "FOREIGN "+e.MessageID)
			}
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Queue, e.To)))
		}
	}
	return strings.Join(out, ", ")
}

// The lines are those of a Postfix 3.7 of Debian 12, but for names and ids.
func TestWhatTheLogSays(t *testing.T) {
	got := []string{
		"smtpd[9713]: connect from localhost[127.0.0.1]",
		"smtpd[9713]: 75CBE3A2271: client=localhost[127.0.0.1]",
		"cleanup[9715]: 75CBE3A2271: message-id=<" + ours + ">",
	}
	taken := slices.Concat(got, []string{
		"qmgr[9668]: 75CBE3A2271: from=<billing@hokuto-supply.co.jp>, size=274, nrcpt=1 (queue active)",
		"smtpd[9713]: disconnect from localhost[127.0.0.1] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7",
	})
	to := "smtp[9716]: 75CBE3A2271: to=<keiri@tohoku-kikai.co.jp>, relay=mx.tohoku-kikai.co.jp[192.0.2.1]:25, delay=0.02, delays=0.01/0.01/0/0, "
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"received only": {got, ""},
		"taken":         {taken, "accepted 75CBE3A2271"},
		"sent":          {append(taken, to+"dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 000001)", "qmgr[9668]: 75CBE3A2271: removed"), "accepted 75CBE3A2271, sent 75CBE3A2271 keiri@tohoku-kikai.co.jp"},
		"by lmtp":       {append(taken, strings.Replace(to, "smtp[", "lmtp[", 1)+"dsn=2.1.5, status=sent (250 2.1.5 Ok)"), "accepted 75CBE3A2271, sent 75CBE3A2271 keiri@tohoku-kikai.co.jp"},
		"an alias":      {append(taken, strings.Replace(to, "co.jp>, ", "co.jp>, orig_to=<info@tohoku-kikai.co.jp>, ", 1)+"dsn=2.0.0, status=sent (250 ok)"), "accepted 75CBE3A2271, sent 75CBE3A2271 info@tohoku-kikai.co.jp"},
		"put off":       {append(taken, "smtp[9716]: 75CBE3A2271: to=<k@t.co.jp>, relay=none, delay=0.02, delays=0.01/0.01/0/0, dsn=4.4.1, status=deferred (connect to 127.0.0.1[127.0.0.1]:2599: Connection refused)"), "accepted 75CBE3A2271, put_off 75CBE3A2271 k@t.co.jp"},
		"bounced":       {append(taken, to+"dsn=5.1.1, status=bounced (host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))"), "accepted 75CBE3A2271, bounced 75CBE3A2271 keiri@tohoku-kikai.co.jp"},
		"expired":       {append(taken, "qmgr[9668]: 75CBE3A2271: from=<billing@hokuto-supply.co.jp>, status=expired, returned to sender"), "accepted 75CBE3A2271, bounced 75CBE3A2271"},
		"thrown away":   {append(taken, "discard[1]: 75CBE3A2271: to=<k@t.co.jp>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (t.co.jp)"), "accepted 75CBE3A2271, bounced 75CBE3A2271 k@t.co.jp"},
		"discarded":     {append(got, "cleanup[9715]: 75CBE3A2271: discard: header Subject: x from localhost[127.0.0.1]; from=<a@b.co> to=<k@t.co.jp> proto=ESMTP helo=<h>: no"), "bounced 75CBE3A2271"},
		"deleted":       {append(taken, "postsuper[44]: 75CBE3A2271: removed"), "accepted 75CBE3A2271, bounced 75CBE3A2271"},
		"delivered":     {append(taken, "qmgr[9668]: 75CBE3A2271: removed"), "accepted 75CBE3A2271"},
		"queue run":     {append(taken, taken[3]), "accepted 75CBE3A2271"},
		"a probe":       {append(taken, to+"dsn=2.0.0, status=deliverable (ok)"), "accepted 75CBE3A2271"},
		"milter": {append(got, "cleanup[9715]: 75CBE3A2271: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 5.7.1 Spam; from=<billing@hokuto-supply.co.jp> to=<k@t.co.jp> proto=ESMTP helo=<m>"),
			"rejected 75CBE3A2271 k@t.co.jp"},
		"body check": {append(got, "cleanup[9715]: 75CBE3A2271: reject: body x from localhost[127.0.0.1]; from=<billing@hokuto-supply.co.jp> to=<k@t.co.jp> proto=ESMTP helo=<m>: 5.7.1 no"),
			"rejected 75CBE3A2271 k@t.co.jp"},
		"broken off":                 {append(got, "smtpd[9713]: lost connection after DATA (63043 bytes) from localhost[127.0.0.1]"), "broken 75CBE3A2271"},
		"stalled":                    {append(got, "smtpd[9713]: timeout after DATA (63043 bytes) from localhost[127.0.0.1]"), "broken 75CBE3A2271"},
		"after the dot":              {append(got, "smtpd[9713]: lost connection after END-OF-MESSAGE from localhost[127.0.0.1]"), ""},
		"another session":            {append(got, "smtpd[9714]: lost connection after DATA (63043 bytes) from localhost[127.0.0.1]"), ""},
		"over already":               {append(taken, "smtpd[9713]: connect from localhost[127.0.0.1]", "smtpd[9713]: lost connection after DATA (1 bytes) from localhost[127.0.0.1]"), "accepted 75CBE3A2271"},
		"broken before it was named": {[]string{got[0], got[1], "smtpd[9713]: lost connection after DATA (48 bytes) from localhost[127.0.0.1]", got[2]}, "broken 75CBE3A2271"},
		"the id is used again": {append(got, "smtpd[9800]: 75CBE3A2271: client=mx[192.0.2.1]", "cleanup[1]: 75CBE3A2271: message-id=<"+other+">",
			"qmgr[9668]: 75CBE3A2271: from=<x@y.co>, size=274, nrcpt=1 (queue active)", to+"dsn=2.0.0, status=sent (250 ok)"), ""},
		"somebody else's": {[]string{got[1], "cleanup[9715]: 75CBE3A2271: message-id=<" + other + ">", taken[3], to + "dsn=2.0.0, status=sent (250 ok)"}, ""},
		"never named":     {[]string{taken[3], to + "dsn=5.0.0, status=bounced (no)"}, ""},
		"no Postfix":      {append(got, "!Nov 22 13:01:57 relay sendmail[1]: 75CBE3A2271: to=<k@t.co.jp>, status=sent (ok)", "!75CBE3A2271: to=<k@t.co.jp>, status=sent (ok)", "!"), ""},
		"long ids, exact times": {[]string{"!2026-11-22T13:01:57.123456+09:00 relay postfix-out/submission/smtpd[7]: 4XyzBg1Qq5z3Kl: client=localhost[127.0.0.1]",
			"!2026-11-22T13:01:57.123456+09:00 relay postfix-out/cleanup[7]: 4XyzBg1Qq5z3Kl: message-id=<" + ours + ">",
			"!2026-11-22T13:01:57.123456+09:00 relay postfix-out/qmgr[7]: 4XyzBg1Qq5z3Kl: from=<a@b.co>, size=1, nrcpt=1 (queue active)"}, "accepted 4XyzBg1Qq5z3Kl"},
		"through a filter": {slices.Concat(taken, []string{
			"smtpd[9800]: 86AAE3A2299: client=localhost[127.0.0.1]", "cleanup[9715]: 86AAE3A2299: message-id=<" + ours + ">",
			"qmgr[9668]: 86AAE3A2299: from=<billing@hokuto-supply.co.jp>, size=574, nrcpt=1 (queue active)",
			"smtp[9716]: 75CBE3A2271: to=<k@t.co.jp>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 86AAE3A2299)",
			"qmgr[9668]: 75CBE3A2271: removed",
			"smtp[9717]: 86AAE3A2299: to=<k@t.co.jp>, relay=mx[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.0.0, status=bounced (host said: 550 no)"}),
			"accepted 75CBE3A2271, bounced 75CBE3A2271 k@t.co.jp"},
	} {
		if got := feed(tracker(), c.lines...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTimesOfTheLog(t *testing.T) {
	for line, want := range map[string]string{
		"Nov 22 13:01:57 r postfix/smtp[1]: x":                 "2026-11-22T04:01:57Z",
		"Nov  2 03:01:57 r postfix/smtp[1]: x":                 "2026-11-01T18:01:57Z",
		"Dec 31 23:59:59 r postfix/smtp[1]: x":                 "2026-12-31T14:59:59Z", // the clock a little off, or last year: the nearer one
		"2025-12-31T23:59:59.5+09:00 r postfix/smtp[1]: x":     "2025-12-31T14:59:59Z",
		"2026-11-22T04:01:57Z r postfix-out/smtps/smtpd[1]: x": "2026-11-22T04:01:57Z",
	} {
		l, ok := Parse(line, now)
		if got := l.At.UTC().Truncate(time.Second).Format(time.RFC3339); !ok || got != want {
			t.Errorf("%s: %s, %v", line, got, ok)
		}
	}
	old := time.Date(2027, 1, 1, 0, 0, 5, 0, time.UTC)
	if l, ok := Parse("Dec 31 23:59:59 r postfix/smtp[1]: x", old); !ok || l.At.Year() != 2026 {
		t.Error("over New Year:", l.At, ok)
	}
	for _, bad := range []string{"Foo 22 13:01:57 r postfix/smtp[1]: x", "Feb 30 13:01:57 r postfix/smtp[1]: x", "2026-13-01T00:00:00Z r postfix/smtp[1]: x"} {
		if l, ok := Parse(bad, now); ok {
			t.Errorf("%s: %+v", bad, l)
		}
	}
}

func TestLostLinesAreAGap(t *testing.T) {
	for _, l := range []string{
		"Nov 22 13:01:57 relay rsyslogd: imuxsock[pid: 12, name: x]: 214 messages lost due to rate-limiting (200 allowed within 5 seconds)",
		"Nov 22 13:01:57 relay rsyslogd: imuxsock[pid: 12, name: x] from <postfix/smtp>: begin to drop messages due to rate-limiting",
		"Nov 22 13:01:57 relay systemd-journald[1]: Suppressed 12 messages from postfix.service",
	} {
		if tr := tracker(); tr.Feed(l) != nil || !tr.Gap {
			t.Error(l)
		}
	}
	tr := tracker()
	feed(tr, "smtpd[1]: connect from x[192.0.2.1]")
	if tr.Gap || !tr.Alive {
		t.Error(tr)
	}
}

// log is a log on disk that grows and is rotated.
type log struct {
	t    *testing.T
	path string
	n    int
	tail Tail
}

func newLog(t *testing.T) *log {
	p := filepath.Join(t.TempDir(), "mail.log")
	return &log{t: t, path: p, tail: Tail{Path: p}}
}

func (l *log) write(text string) {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// lines writes n numbered lines.
func (l *log) lines(n int) {
	for range n {
		l.n++
		l.write(fmt.Sprintf("line %d\n", l.n))
	}
}

func (l *log) rename(to string) {
	l.t.Helper()
	if err := os.Rename(l.path, l.path+to); err != nil {
		l.t.Fatal(err)
	}
}

// pack compresses a rotated file, as logrotate does a turn later.
func (l *log) pack(name string) {
	l.t.Helper()
	b, err := os.ReadFile(l.path + name)
	if err != nil {
		l.t.Fatal(err)
	}
	f, err := os.Create(l.path + name + ".gz")
	if err != nil {
		l.t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	z.Write(b)
	z.Close()
	f.Close()
	os.Remove(l.path + name)
}

// read reads to the end and wants lines from, …, l.n.
func (l *log) read(from int, wantGap bool) {
	l.t.Helper()
	var got, want []string
	gap := false
	for more, i := true, 0; more; i++ {
		lines, g, again, err := l.tail.Read()
		if err != nil || i > 1000 {
			l.t.Fatal(err, i)
		}
		got, gap, more = append(got, lines...), gap || g, again
	}
	for n := from; n <= l.n; n++ {
		want = append(want, fmt.Sprintf("line %d", n))
	}
	if !slices.Equal(got, want) || gap != wantGap {
		l.t.Fatalf("got %q gap %v, want %q gap %v", got, gap, want, wantGap)
	}
	l.tail = Tail{Path: l.path, Pos: l.tail.Pos} // as after a restart
}

func TestTheLogIsReadOnceThroughEveryRotation(t *testing.T) {
	l := newLog(t)
	l.read(1, false) // not there yet
	l.write("line ")
	l.read(1, false) // not whole yet
	l.n = 1
	l.write("1\n")
	l.read(1, false)
	l.lines(3)
	l.read(2, false)
	l.write("line")
	l.read(5, false)
	l.n = 5
	l.write(" 5\n")
	l.read(5, false)

	l.lines(2)
	l.rename(".1")
	l.read(6, false) // the new one is not there yet
	l.read(8, false)
	l.lines(1)
	l.read(8, false)

	l.lines(2) // two rotations while nobody read
	os.Rename(l.path+".1", l.path+".2")
	l.pack(".2")
	l.rename(".1")
	l.lines(3)
	os.Rename(l.path+".2.gz", l.path+".3.gz")
	os.Rename(l.path+".1", l.path+".2")
	l.pack(".2")
	l.rename(".1")
	l.write("")
	l.lines(1)
	l.read(9, false)

	b, _ := os.ReadFile(l.path) // copytruncate, by date
	l.lines(1)
	b2, _ := os.ReadFile(l.path)
	if len(b2) <= len(b) {
		t.Fatal("nothing was written")
	}
	os.WriteFile(l.path+"-20261122", b2, 0o600)
	os.Truncate(l.path, 0)
	l.lines(2)
	l.read(l.n-2, false)

	os.Remove(l.path) // what was not read is gone
	l.lines(1)
	l.read(l.n, true)
	l.lines(1)
	l.read(l.n, false)
}

func TestALogMuchLongerThanOneReading(t *testing.T) {
	l := newLog(t)
	var b strings.Builder
	for l.n = 0; b.Len() < 3*chunk; {
		l.n++
		fmt.Fprintf(&b, "line %d\n", l.n)
	}
	l.write(b.String())
	l.read(1, false)
	l.write(strings.Repeat("x", chunk+chunk/2) + "\n")
	for more := true; more; {
		var err error
		if _, _, more, err = l.tail.Read(); err != nil {
			t.Fatal(err)
		}
	}
	l.lines(1)
	l.read(l.n, false)
}

func FuzzFeed(f *testing.F) {
	f.Add("Nov 22 13:01:57 r postfix/cleanup[1]: 75CBE3A2271: message-id=<" + ours + ">")
	f.Add("Nov 22 13:01:57 r postfix/qmgr[1]: 75CBE3A2271: from=<>, size=1, nrcpt=1 (queue active)")
	f.Add("Nov 22 13:01:57 r postfix/smtp[1]: 75CBE3A2271: to=<a>, relay=none, dsn=5.0.0, status=bounced (no)")
	f.Add("Nov 22 13:01:57 r postfix/cleanup[1]: 75CBE3A2271: message-id=<")
	f.Fuzz(func(t *testing.T, line string) {
		tr := tracker()
		feed(tr, "cleanup[1]: 75CBE3A2271: message-id=<"+ours+">")
		for _, e := range tr.Feed(line) {
			if e.MessageID != ours || len(e.Line) > maxLine || e.Queue == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}
