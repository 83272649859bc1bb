// Package batch sends a month's invoices in one supervised release (一括送付):
// one package per partner, each checked by the outer gate like any other.
//
// A plan is prepared and rehearsed in slices (送付前の予行), confirmed by ticks on
// what is unusual and on a sample, approved once as a digest by a second person,
// and let go in stages, where one thing that goes wrong stops the rest. Nothing
// leaves from here: packages are let into dispatch's countdown one by one.
package batch

import (
	"slices"
	"strings"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
)

// State is where a plan stands.
type State string

// The states.
const (
	Preparing  State = "preparing"  // packages are made, slice by slice
	Rehearsing State = "rehearsing" // and checked
	Rehearsed  State = "rehearsed"  // the result is to be looked at
	Changed    State = "changed"    // something was changed since: to be rehearsed again
	Confirmed  State = "confirmed"  // all ticks came back
	Awaiting   State = "awaiting"   // a second person decides
	Scheduled  State = "scheduled"  // agreed; counts down, or waits for its day
	Sending    State = "sending"
	Stopped    State = "stopped" // by a person or by the breaker; goes on where it stood
	Done       State = "done"
	Cancelled  State = "cancelled"
)

// States are all of them, in the order of a plan.
func States() []State {
	return []State{Preparing, Rehearsing, Rehearsed, Changed, Confirmed, Awaiting, Scheduled, Sending, Stopped, Done, Cancelled}
}

func (s State) word() fault.Word { return fault.Word("batch.state." + string(s)) }

// In tells whether it is one of list.
func (s State) In(list ...State) bool { return slices.Contains(list, s) }

// needs is fault.Refused unless it is one of list.
func (s State) needs(list ...State) error {
	if s.In(list...) {
		return nil
	}
	return fault.Refused("batch.in_state", "state", s.word())
}

// ItemState is where one package of a plan stands.
type ItemState string

// The states of a package in its plan. What happens to it after Released is
// dispatch's to say.
const (
	Made     ItemState = "made"  // prepared, not checked yet
	Clean    ItemState = "clean" // nothing to look at
	Amber    ItemState = "amber" // 確認: it may go when a person has ticked it
	Aside    ItemState = "aside" // 例外: it does not go with this plan
	Released ItemState = "released"
)

// Stages of a release: what goes first is little enough to be called back.
const (
	firstStage  = 3
	secondStage = 10
	lastStage   = 3
)

// upTo is how many packages are let go up to and with a stage.
func upTo(stage, all int64) int64 {
	switch stage {
	case 1:
		return min(firstStage, all)
	case 2:
		return min(firstStage+secondStage, all)
	}
	return all
}

// Tally counts the recipients of a plan that were let go.
type Tally struct {
	Untried int64 `json:"untried" class:"internal"` // held or claimed, never tried
	Waiting int64 `json:"waiting" class:"internal"` // tried, and to be tried again
	Handed  int64 `json:"handed" class:"internal"`  // the relay has it, or more
	Unknown int64 `json:"unknown" class:"internal"`
	Bad     int64 `json:"bad" class:"internal"`  // bounced, refused or called back
	Back    int64 `json:"back" class:"internal"` // taken back before it left
}

// count adds n recipients in a state.
func (t *Tally) count(s dispatch.State, tried bool, n int64) {
	switch s {
	case dispatch.Held:
		if tried {
			t.Waiting += n
		} else {
			t.Untried += n
		}
	case dispatch.Claimed:
		t.Untried += n
	case dispatch.Handed, dispatch.Delivered, dispatch.Opened:
		t.Handed += n
	case dispatch.Unknown:
		t.Unknown += n
	case dispatch.Bounced, dispatch.Refused, dispatch.Recalled:
		t.Bad += n
	default:
		t.Back += n
	}
}

// proved tells whether what was let go went well enough for the next stage:
// everything was tried, and most of it is with the relay. A recipient whose
// server asks to come back later holds nobody up.
func (t Tally) proved() bool {
	return t.Untried == 0 && 2*t.Handed >= t.Handed+t.Waiting+t.Unknown+t.Bad
}

// over tells whether nothing of it moves any more.
func (t Tally) over() bool { return t.Untried == 0 && t.Waiting == 0 }

// trips tells whether the breaker stops the rest: something went wrong that no
// person has looked at yet.
func (t Tally) trips(known int64) bool { return t.Bad > known }

// Change says how an amount stands beside the same partner's a month ago.
type Change string

// The changes.
const (
	Same      Change = ""
	NewHere   Change = "new"     // nothing was issued to the partner a month ago
	Different Change = "changed" // by more than the rules take as usual
)

// changeOf compares with a month ago; percent is the deviation taken as usual.
func changeOf(now, before money.Yen, there bool, percent int64) Change {
	if !there {
		return NewHere
	}
	d := int64(now - before)
	if max(d, -d)*100 > max(int64(before), -int64(before))*percent {
		return Different
	}
	return Same
}

// Placeholders of the template's subject and body (差し込み).
const (
	ForPartner = "{取引先}"
	ForNumber  = "{請求書番号}"
	ForAmount  = "{請求金額}"
	ForDate    = "{発行日}"
)

// Placeholders are all there are.
func Placeholders() []string { return []string{ForPartner, ForNumber, ForAmount, ForDate} }

// checkTemplate is fault.Invalid if a text has a placeholder that nothing fills,
// or a brace that belongs to none.
func checkTemplate(field, s string) error {
	for _, p := range Placeholders() {
		s = strings.ReplaceAll(s, p, "")
	}
	if i := strings.IndexAny(s, "{}｛｝"); i >= 0 {
		rest := []rune(s[i:])
		return fault.Invalid("batch.placeholder", "found", string(rest[:min(len(rest), 12)])).At(field)
	}
	return nil
}

// filling is what one package puts into the template.
type filling struct {
	partner, number, amount, date string
}

// fill puts the values in; ok is false if one that is asked for is not there.
func (f filling) fill(s string) (text string, ok bool) {
	ok = true
	for _, v := range []struct{ name, value string }{{ForPartner, f.partner}, {ForNumber, f.number}, {ForAmount, f.amount}, {ForDate, f.date}} {
		if strings.Contains(s, v.name) && v.value == "" {
			ok = false
		}
		s = strings.ReplaceAll(s, v.name, v.value)
	}
	return s, ok
}

// Asks tells whether a finding about a package asks for a tick of its own. The
// hour of the rehearsal does not: a plan leaves at its own time, which whoever
// asks and whoever approves see, once for all of it.
func Asks(f dispatch.Finding) bool {
	return f.Level == dispatch.Caution && f.Key != "dispatch.found.unusual_hour"
}

// Limits of a plan.
const (
	tickLife  = time.Hour           // how long drawn ticks are good
	freshFor  = 12 * time.Hour      // how old a rehearsal may be when its release is asked for
	farthest  = 31 * 24 * time.Hour // how far ahead a release may be set
	drawn     = 10                  // packages of the sample
	mostFiles = 20                  // documents of one package, as dispatch takes them
)

// when gives the time of a release: as asked, and never before the countdown is over.
func when(asked, now time.Time, hold time.Duration) (time.Time, error) {
	soonest := now.Add(hold)
	if asked.After(now.Add(farthest)) {
		return soonest, fault.Invalid("batch.too_far", "days", int(farthest.Hours()/24)).At("send_at")
	}
	if asked.Before(soonest) {
		return soonest, nil
	}
	return asked, nil
}
