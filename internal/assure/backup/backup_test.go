package backup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
)

// IR-29: after a simulated year of a copy a day, pruned each day, 7 daily, 4
// weekly and 12 monthly ones are there.
func TestIR29_GenerationsAfterAYear(t *testing.T) {
	k := Keep{7, 4, 12}
	var there []Generation
	day := time.Date(2026, 1, 1, 2, 31, 0, 0, civil.JST())
	for i := range 400 {
		at := day.AddDate(0, 0, i)
		there = append(there, Generation{Name: Name(at, strings.Repeat("a", 26)), Arrived: at})
		kept := k.Kept(there)
		there = slices.DeleteFunc(there, func(g Generation) bool { return !kept[g.Name] })
	}
	days, weeks, months := map[civil.Date]bool{}, map[string]bool{}, map[string]bool{}
	newest := there[len(there)-1].Arrived
	for _, g := range there {
		d := civil.Of(g.Arrived)
		days[d] = true
		y, n := g.Arrived.In(civil.JST()).ISOWeek()
		weeks[fmt.Sprint(y, n)], months[d.String()[:7]] = true, true
	}
	for i := range 7 {
		if !days[civil.Of(newest.AddDate(0, 0, -i))] {
			t.Errorf("the copy of %d days ago is gone", i)
		}
	}
	if len(weeks) < 4 || len(months) != 12 || len(there) > 7+4+12 {
		t.Fatal(len(there), len(weeks), len(months))
	}
}

// Whoever has the server's credentials can call a generation what they like: no
// name, and no flood of new ones, makes an older one go before its time.
func TestR32_NamesAndFloodsPushNothingOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Keep{rapid.IntRange(1, 14).Draw(t, "daily"), rapid.IntRange(1, 8).Draw(t, "weekly"), rapid.IntRange(1, 12).Draw(t, "monthly")}
		day := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
		var honest []Generation
		for i := range rapid.IntRange(1, 120).Draw(t, "days") {
			at := day.AddDate(0, 0, i)
			honest = append(honest, Generation{Name: Name(at, strings.Repeat("a", 26)), Arrived: at})
		}
		before := k.Kept(honest)
		last := honest[len(honest)-1].Arrived
		all := slices.Clone(honest)
		for i := range 50 { // all within minutes, with names from the year 2400
			forged := time.Date(2400, 1, 1+i, 0, 0, 0, 0, time.UTC)
			all = append(all, Generation{Name: Name(forged, fmt.Sprintf("%026d", i)), Arrived: last.Add(time.Duration(i+1) * time.Second)})
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		after := k.Kept(all)
		gone := 0
		for _, g := range honest {
			if before[g.Name] && !after[g.Name] {
				gone++
			}
		}
		// Only what arrived on the very day of the flood can lose its place.
		if gone > 0 {
			t.Fatalf("%d honest generations were pushed out", gone)
		}
		for n := range before {
			if !generation.MatchString(n) {
				t.Fatal(n)
			}
		}
	})
}

func TestSchedule(t *testing.T) {
	jst := func(s string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", s, civil.JST())
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	daily := Settings{Every: 24 * time.Hour, At: 150 * time.Minute}
	hourly := Settings{Every: time.Hour, At: 150 * time.Minute}
	for _, c := range []struct {
		s         Settings
		now, last string
		good, due bool
	}{
		{daily, "2026-11-22 02:29", "2026-11-21 02:30", true, false},
		{daily, "2026-11-22 02:30", "2026-11-21 02:30", true, true},
		{daily, "2026-11-22 09:00", "2026-11-22 02:31", true, false},
		{daily, "2026-11-22 02:40", "2026-11-22 02:31", false, false}, // it failed: not at once again
		{daily, "2026-11-22 02:46", "2026-11-22 02:31", false, true},
		{daily, "2026-11-25 12:00", "2026-11-22 02:31", true, true}, // it was off for days
		{hourly, "2026-11-22 03:29", "2026-11-22 02:30", true, false},
		{hourly, "2026-11-22 03:30", "2026-11-22 02:30", true, true},
	} {
		if due := c.s.Due(jst(c.now), jst(c.last), c.good); due != c.due {
			t.Errorf("%+v: due is %v", c, due)
		}
	}
	if !daily.Due(jst("2026-11-22 10:00"), time.Time{}, false) {
		t.Error("a house without a backup waits for the night")
	}
	if s := daily.Slot(jst("1999-12-31 01:00")); !s.Equal(jst("1999-12-30 02:30")) {
		t.Error(s)
	}
}
