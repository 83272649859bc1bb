// Package backup copies the whole house, encrypted for people whose private
// keys are nowhere near it, and brings it back (控えと復元).
//
// A generation (世代) is one age file: the database as of one moment, the
// configuration, and a manifest under the key ring's MAC. The files of the
// archive lie beside the generations, each once, sealed under the key ring as
// in the house itself. The key ring is in neither: who has a copy but no
// private key, or no ring, reads nothing.
package backup

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/civil"
)

// Keep is how many generations stay (世代の保存): the newest of each of the last
// days, weeks (from Monday) and months on which one arrived, in JST.
type Keep struct {
	Daily, Weekly, Monthly int
}

// Settings are what the configuration says about backups. Without recipients
// there are none.
type Settings struct {
	Every      time.Duration // between two generations
	At         time.Duration // since midnight JST: when one is made
	Recipients string        // file of age public keys, one a line
	Keep       Keep
	Local      string // folder on this machine
	Remote     string // folder that lies on another one, "" if there is none
	AppendOnly bool   // Remote takes new files but no renaming and no deleting
	Prune      bool   // Remote is pruned too
	Data       string // folder of the house's own data: no target should share its disk
}

// The targets.
const (
	Local  = "local"
	Remote = "remote"
)

// Target is one place that generations go to.
type Target struct {
	Name       string
	Dir        string
	AppendOnly bool
	Prune      bool
}

// Targets are the places, the nearest first.
func (s Settings) Targets() []Target {
	out := []Target{{Name: Local, Dir: s.Local, Prune: true}}
	if s.Remote != "" {
		out = append(out, Target{Name: Remote, Dir: s.Remote, AppendOnly: s.AppendOnly, Prune: s.Prune && !s.AppendOnly})
	}
	return out
}

// epoch is a midnight in Japan that the schedule counts from.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, civil.JST()) }

// Slot is the last moment, not after now, at which a generation was to be made.
func (s Settings) Slot(now time.Time) time.Time {
	from := epoch().Add(s.At)
	n := now.Sub(from) / s.Every
	if now.Before(from) {
		n--
	}
	return from.Add(n * s.Every)
}

// retryAfter is how long after a failure a generation is tried again.
const retryAfter = 15 * time.Minute

// Due tells whether one is to be made now: the last begun before this slot, or
// failed a while ago.
func (s Settings) Due(now, lastBegun time.Time, lastGood bool) bool {
	if lastBegun.Before(s.Slot(now)) {
		return true
	}
	return !lastGood && now.Sub(lastBegun) >= retryAfter
}

// Late is from when on the last good copy is too old.
func (s Settings) Late() time.Duration { return 2 * s.Every }

// suffixes of what a generation is made of: the age file, the names of the
// archive's files it needs, and last, when both are whole, the SHA-256 of the
// age file. Without that there is no generation.
const (
	suffix      = ".age"
	suffixNames = ".names"
	suffixSum   = ".sum"
	folder      = "generations"
	blobFolder  = "blobs"
)

var generation = regexp.MustCompile(`^\d{8}-\d{6}-[0-9a-z]{26}\.age$`)

// Name is the name of a generation begun at a time: names sort by it.
func Name(at time.Time, id string) string {
	return at.In(civil.JST()).Format("20060102-150405") + "-" + id + suffix
}

// Generation is one that lies at a target.
type Generation struct {
	Name    string
	Arrived time.Time // by the clock of where it lies
	Size    int64
}

// Kept tells which of the generations stay, by the time they arrived and never
// by a time they tell of themselves: who has the server's credentials could
// write any. None that arrived within the last day goes, nor the newest.
func (k Keep) Kept(list []Generation) map[string]bool {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Generation) int {
		if c := b.Arrived.Compare(a.Arrived); c != 0 {
			return c
		}
		return strings.Compare(b.Name, a.Name)
	})
	kept := map[string]bool{}
	for _, rule := range []struct {
		most int
		slot func(civil.Date) string
	}{
		{k.Daily, civil.Date.String},
		{k.Weekly, func(d civil.Date) string { return d.AddDays(-((int(d.Weekday()) + 6) % 7)).String() }},
		{k.Monthly, func(d civil.Date) string { return fmt.Sprintf("%04d-%02d", d.Year(), d.Month()) }},
	} {
		seen := map[string]bool{}
		for _, g := range list {
			s := rule.slot(civil.Of(g.Arrived))
			if seen[s] || len(seen) == rule.most {
				continue
			}
			seen[s], kept[g.Name] = true, true
		}
	}
	for i, g := range list {
		if i == 0 || list[0].Arrived.Sub(g.Arrived) < 24*time.Hour {
			kept[g.Name] = true
		}
	}
	return kept
}
