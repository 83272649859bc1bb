package incident

import (
	"testing"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gatetest"
)

// The vectors of the calendar: the earliest reading of each term.
func TestC36_DaysOfTheLegalClock(t *testing.T) {
	for known, want := range map[string][4]string{
		"2026-11-20": {"2026-11-22", "2026-11-24", "2026-12-19", "2027-01-18"},
		"2026-12-01": {"2026-12-03", "2026-12-05", "2026-12-30", "2027-01-29"},
		"2026-12-28": {"2026-12-30", "2027-01-01", "2027-01-26", "2027-02-25"},
		"2027-01-05": {"2027-01-07", "2027-01-09", "2027-02-03", "2027-03-05"},
	} {
		c := ClockOf(civil.MustParse(known))
		if got := [4]string{c.PromptFrom.String(), c.PromptBy.String(), c.FinalBy.String(), c.FinalByMalicious.String()}; got != want {
			t.Errorf("%s: %v, want %v", known, got, want)
		}
	}
}

func TestLevels(t *testing.T) {
	marked := dispatch.Item{State: dispatch.Claimed, MarkedAt: gatetest.Start}
	of := func(states ...dispatch.State) []dispatch.Item {
		var list []dispatch.Item
		for _, s := range states {
			list = append(list, dispatch.Item{State: s})
		}
		return list
	}
	for want, cases := range map[Level][][]dispatch.Item{
		Near:     {nil, of(dispatch.Held), of(dispatch.Claimed, dispatch.Held), of(dispatch.Refused, dispatch.Cancelled)},
		Possible: {of(dispatch.Unknown), of(dispatch.Held, dispatch.Unknown), {marked}},
		Actual:   {of(dispatch.Unknown, dispatch.Handed), of(dispatch.Delivered), of(dispatch.Bounced), of(dispatch.Opened, dispatch.Held), of(dispatch.Recalled)},
	} {
		for _, c := range cases {
			if got := levelOf(c); got != want {
				t.Errorf("%+v: %s, want %s", c, got, want)
			}
		}
	}
}
