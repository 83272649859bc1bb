// Package drill are the exercises of the double check (訓練用の誤り): now and then an
// approver finds a request with a planted error among the real ones. It can never
// leave: no sending stands behind it, and no op runs when it is approved. What
// comes of it is whether the error was caught, and a lesson where it was not.
package drill

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// Every is the most often: one decoy in so many real requests of one approver. Set
// in November 2026: more often and people look for decoys instead of errors.
const Every = 50

// spread is by how much more the gap between two decoys varies, so that nobody
// can count them down.
const spread = 25

// gap is how many real requests somebody decides about before the next decoy. seed
// is what nobody can guess and stays the same until then.
func gap(seed string) int64 {
	sum := blob.Sum([]byte(seed))
	return Every + int64(binary.BigEndian.Uint64(sum[:8])%spread)
}

// due tells whether a decoy may be planted: never with one still open.
func due(decided int64, open bool, seed string) bool { return !open && decided >= gap(seed) }

// The bounds of what may be set.
const (
	maxDays   = 184 // half a year, then it is decided about anew
	minBefore = 1
	minAfter  = 5 // what is closed is billed and released in these days
	maxAround = 15
	minFree   = 3 // a drill that has no days is none
)

// calendar says on which days nothing is planted: from some days before each
// closing day (締日) to some days after it, when the month's invoices are released
// and nobody must be kept from that.
type calendar struct {
	closings      []int // 1–28, or 31 for the last day of a month
	before, after int
}

// parseClosings reads closing days, "20,31".
func parseClosings(s string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > 28 && n != 31 || slices.Contains(out, n) {
			return nil, fault.Invalid("drill.closings").At("closings")
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out, nil
}

// closed is the closing day in the month of a day.
func closed(day civil.Date, closing int) civil.Date {
	if closing == 31 {
		return day.EndOfMonth()
	}
	return day.AddDays(closing - day.Day())
}

// busy tells whether a day lies around a closing day.
func (c calendar) busy(day civil.Date) bool {
	for _, closing := range c.closings {
		for _, month := range []civil.Date{day.AddDays(-day.Day()), day, day.EndOfMonth().AddDays(1)} {
			on := closed(month, closing)
			if !day.Before(on.AddDays(-c.before)) && !day.After(on.AddDays(c.after)) {
				return true
			}
		}
	}
	return false
}

// free counts the days of a span on which something may be planted.
func (c calendar) free(from, until civil.Date) (n int) {
	for d := from; !d.After(until); d = d.AddDays(1) {
		if !c.busy(d) {
			n++
		}
	}
	return n
}

// check holds a drill to its bounds.
func (c calendar) check(from, until, today civil.Date) error {
	switch {
	case from.Before(today):
		return fault.Invalid("drill.past").At("from")
	case until.Before(from):
		return fault.Invalid("drill.order").At("until")
	case from.DaysUntil(until) >= maxDays:
		return fault.Invalid("drill.long", "max", maxDays).At("until")
	case c.before < minBefore || c.before > maxAround:
		return fault.Invalid("drill.around", "least", minBefore, "most", maxAround).At("before")
	case c.after < minAfter || c.after > maxAround:
		return fault.Invalid("drill.around", "least", minAfter, "most", maxAround).At("after")
	case c.free(from, until) < minFree:
		return fault.Invalid("drill.no_days", "least", minFree).At("closings")
	}
	return nil
}
