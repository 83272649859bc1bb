// Package watch keeps alarms as records and lets them reach people (警報), and
// mails the signed checkpoint of the log to outside every day.
//
// An alarm is a row: what was seen, on what, since when and how often. It stays
// until a person closes it; one about tampering only two people close. Raising
// one mails every confirmed address, at most once an hour for the same thing.
package watch

import (
	"strings"
	"time"
	"unicode"

	"sekisho/internal/kernel/civil"
)

// State of an alarm.
type State string

// The states.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged" // somebody looks after it
	Closed       State = "closed"
)

// Keys of the alarms that begin here; the others come from whoever saw them.
const (
	DiskLow       = "watch.disk_low"
	ClockStep     = "watch.clock_step"
	UnknownOld    = "watch.unknown_old"
	MailFailed    = "watch.mail_failed"
	Flood         = "watch.flood"
	NoSignature   = "watch.no_checkpoint"
	BouncesMany   = "watch.bounces_many"
	BouncesForged = "watch.bounces_forged"
	CertLate      = "watch.cert_late" // the portal's certificate is soon over
	CertNone      = "watch.cert_none" // … could not be got
)

const (
	mailEvery   = time.Hour // for the same thing
	quiet       = 24 * time.Hour
	mailsAnHour = 20               // different things; beyond it one mail says that there are more
	unknownFor  = 30 * time.Minute // a sending of unknown outcome may lie
	clockMost   = 5 * time.Second
)

// harmless are the alarms of the integrity parts that do not speak of changed data.
var harmless = map[string]bool{"witness.late": true, "witness.unread": true, "witness.empty": true}

// Tampering tells whether a key says that data or log were touched outside of
// Sekisho, or that the signature is not to be had.
func Tampering(key string) bool {
	if harmless[key] {
		return false
	}
	part, _, _ := strings.Cut(key, ".")
	return part == "verify" || part == "audit" || part == "witness" || part == "fsck" || key == NoSignature
}

// mailDue tells whether people are to be mailed about it now. What somebody
// looks after is repeated once a day.
func (a Alarm) mailDue(now time.Time) bool {
	wait := mailEvery
	if a.State == Acknowledged {
		wait = quiet
	}
	return a.MailedAt.IsZero() || now.Sub(a.MailedAt) >= wait
}

// subjectMost bounds a subject, octets.
const subjectMost = 200

// Clean makes any words a subject: one line of printable characters, bounded.
// A subject may be the id of a forged row, so nothing about it is sure.
func Clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > subjectMost {
		s = strings.ToValidUTF8(s[:subjectMost], "")
	}
	return strings.TrimSpace(s)
}

// Low tells whether the disk is about to run into the reserve: below twice as
// much as is kept free, there is time to act.
func Low(free, reserve int64) bool { return reserve > 0 && free < 2*reserve }

// Step tells how far the wall clock moved beyond the time that passed, and
// whether that is more than a clock being set right may do.
func Step(wall, passed time.Duration) (time.Duration, bool) {
	d := wall - passed
	return d, d.Abs() > clockMost
}

// Clock finds steps of the wall clock: time.Now of Go keeps a monotonic reading
// that no setting of the clock moves.
type Clock struct {
	wall time.Time
	mono time.Time
}

// Tick compares the time since the last tick on both.
func (c *Clock) Tick(now time.Time) (by time.Duration, stepped bool) {
	wall := now.Round(0)
	if !c.wall.IsZero() {
		by, stepped = Step(wall.Sub(c.wall), now.Sub(c.mono))
	}
	c.wall, c.mono = wall, now
	return by, stepped
}

// DueDay is the day whose checkpoint mail should have gone by now: today from
// the time of day on (at, after midnight JST), else yesterday.
func DueDay(now time.Time, at time.Duration) civil.Date { return civil.Of(now.Add(-at)) }
