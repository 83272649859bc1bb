// Package judgement is the bench of the outer gate's judgement (判定の試験): a
// made-up year of one wholesaler, 300 lawful sendings and 60 planted mistakes of
// 20 kinds, all of them through the real gate of the whole house, with documents
// that the invoice module issued and people uploaded.
//
// It knows nothing of how the checks work. A lawful sending must not be stopped,
// and must rarely ask for more than the usual ticks; a mistake must be stopped, or,
// where no machine can know, be shown to a second person. Each mistake is a
// lawful letter with one thing wrong, and the lawful letter is looked at too: what
// is found must be the mistake.
package judgement

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Level is what came of a sending, from nothing to never.
type Level int

// The levels.
const (
	Quiet   Level = iota // the usual ticks
	Amber                // 確認: something to look at
	Second               // 確認 by a second person
	Stopped              // 送信停止
	Barred               // refused before it was a package: a file or an address that is none
)

func (l Level) String() string {
	return [...]string{"quiet", "amber", "second", "stopped", "barred"}[l]
}

// Outcome is what the gate said about one sending.
type Outcome struct {
	Kind, Name string
	Level      Level
	Why        []string         // keys of the findings that made the level, with what they show
	Found      map[string]Level // every finding that asks something, by its key
	Control    *Outcome         // of a mistake: what came of the letter without it
	Within     Level            // of a mistake: the least level that catches it
	Took       time.Duration
	Files      int
}

func (o Outcome) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", o.Kind, o.Name, o.Level, strings.Join(o.Why, "; "))
}

// Caught tells whether a mistake was caught, by something that the letter
// without it does not show.
func (o Outcome) Caught() bool {
	if o.Control.Level >= Stopped {
		return false // that letter is not lawful: nothing was tried
	}
	if o.Level == Barred {
		return slices.Contains(bars, o.Why[0])
	}
	for key, level := range o.Found {
		if level >= o.Within && o.Control.Found[key] < o.Within {
			return true
		}
	}
	return false
}

// bars are the refusals that a mistake may meet before it is a package: a file
// that is not what its name says, characters nobody sees in an address.
var bars = []string{"document.mismatch", "document.active", "jp.text_bidi", "jp.text_invisible"}

// Result is a whole year.
type Result struct {
	Opening  []Outcome // the months before: everything is new then
	Lawful   []Outcome // without a foreign name
	Foreign  []Outcome // lawful, with one
	Mistakes []Outcome
	Kinds    []string // of mistakes, in the order of the table
	Took     time.Duration
}

// FalseStops are lawful sendings that were stopped.
func (r Result) FalseStops() []Outcome {
	return slices.DeleteFunc(slices.Concat(r.Lawful, r.Foreign), func(o Outcome) bool { return o.Level < Stopped })
}

// Ambers are lawful sendings without a foreign name that asked for more than
// the usual ticks.
func (r Result) Ambers() []Outcome {
	return slices.DeleteFunc(slices.Clone(r.Lawful), func(o Outcome) bool { return o.Level == Quiet })
}

// Missed are mistakes that were not caught.
func (r Result) Missed() []Outcome {
	return slices.DeleteFunc(slices.Clone(r.Mistakes), Outcome.Caught)
}

// PerPackage is the median of the time that dispatch.check took for packages
// with three attachments: session, decision, reading the files, all checks,
// record and commit.
func (r Result) PerPackage() (median time.Duration, packages int) {
	var all []time.Duration
	for _, o := range slices.Concat(r.Lawful, r.Foreign) {
		if o.Files == 3 {
			all = append(all, o.Took)
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], len(all)
}

// Table prints the figures, the kinds with what came of them, and every miss,
// false stop and amber by name.
func (r Result) Table(print func(format string, args ...any)) {
	levels := func(os []Outcome) string {
		n := [Barred + 1]int{}
		for _, o := range os {
			n[o.Level]++
		}
		return fmt.Sprintf("%6d %6d %6d %7d %6d", n[Quiet], n[Amber], n[Second], n[Stopped], n[Barred])
	}
	print("%-44s %5s %6s %6s %6s %7s %6s", "", "sent", "quiet", "amber", "second", "stopped", "barred")
	for _, g := range []struct {
		name string
		os   []Outcome
	}{{"opening months", r.Opening}, {"lawful", r.Lawful}, {"lawful, with a foreign name", r.Foreign}} {
		print("%-44s %5d %s", g.name, len(g.os), levels(g.os))
	}
	for _, k := range r.Kinds {
		of := slices.DeleteFunc(slices.Clone(r.Mistakes), func(o Outcome) bool { return o.Kind != k })
		print("%-44s %5d %s", k, len(of), levels(of))
	}
	for _, g := range []struct {
		name string
		os   []Outcome
	}{{"MISSED", r.Missed()}, {"FALSE STOP", r.FalseStops()}, {"amber", r.Ambers()}} {
		for _, o := range g.os {
			print("%s: %s", g.name, o)
			if o.Control != nil && o.Control.Level > Quiet {
				print("        without the mistake %s", o.Control)
			}
		}
	}
	median, n := r.PerPackage()
	print("%d of %d lawful stopped (want ≤ 1), %d of %d mistakes missed (want 0), %d of %d lawful without a foreign name amber = %.1f %% (want ≤ 5 %%)",
		len(r.FalseStops()), len(r.Lawful)+len(r.Foreign), len(r.Missed()), len(r.Mistakes), len(r.Ambers()), len(r.Lawful),
		100*float64(len(r.Ambers()))/float64(max(len(r.Lawful), 1)))
	print("dispatch.check with 3 attachments: %v (median of %d); the year took %v", median.Round(10*time.Microsecond), n, r.Took.Round(time.Millisecond))
}

// Run plays the year on SQLite (dsn "") or PostgreSQL.
func Run(t testing.TB, dsn string) Result {
	t.Helper()
	began := time.Now()
	h := open(t, dsn)
	h.found()
	h.opening()
	for m := range 12 {
		h.month(m)
	}
	h.result.Took = time.Since(began)
	return h.result
}
