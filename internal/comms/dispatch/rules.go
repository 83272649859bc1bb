package dispatch

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
)

// DefaultHold is the countdown before sending what bills (security.md M19: 5 to
// 15 min); what is less grave waits for less, see HoldOf.
const DefaultHold = 5 * time.Minute

// lease is how long a claim lasts without its mark: what it takes to build the
// mail, connect and write the data, by RFC 5321 §4.5.3.2, with room.
const lease = 30 * time.Minute

// retryAfter is how long after its n-th failed try a mail waits, n from 1.
// RFC 5321 §4.5.4.1 wants 30 minutes in general and less at first.
func retryAfter(n int64) time.Duration {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
	return steps[min(max(n, 1), int64(len(steps)))-1]
}

// giveUpAfter ends the tries: a business mail later than that is no longer what
// was confirmed. RFC 5321 §4.5.4.1 lets up to 4–5 days pass.
const giveUpAfter = 48 * time.Hour

// The rules of sending (送付のルール) a company may set for itself, each by a day
// from which it holds. No law asks for them: the values given with them are the
// product's own caution, set in November 2026.
const (
	RuleAmount     = "second_amount"   // yen from which a second person approves (SM-29)
	RuleClass      = "second_class"    // class from which a second person approves
	RuleFirstTime  = "ask_first_time"  // what an address asks that nothing was ever sent to
	RuleFreeMail   = "ask_free_mail"   // … at a provider where anybody gets an address
	RuleNewDomain  = "ask_new_domain"  // … at a domain nothing was ever sent to
	RuleChanged    = "ask_changed"     // the first sending after addresses or accounts were changed (SM-43)
	RuleUnreadable = "ask_unreadable"  // an attachment whose text cannot be read whole
	RuleDuplicate  = "ask_duplicate"   // the same document to the same address once more
	RuleRegister   = "ask_register"    // address, due day or order unlike the register (SM-30)
	RuleHold       = "hold_minutes"    // the countdown
	RuleTicks      = "tick_minutes"    // how long ticks are good
	RuleCheck      = "check_minutes"   // how old a check may be when it is released or approved
	RuleRecipients = "most_recipients" // of one sending
	RuleFrom       = "hours_from"      // first full hour of the usual sending hours, JST
	RuleUntil      = "hours_until"     // their end
	RuleHoldQuick  = "hold_quick"      // the countdown of what is not billed and asks nothing
	RuleReview     = "review_months"   // after how long an address that was not used is confirmed anew
	RuleHabit      = "habit_percent"   // deviation of an amount from what is usual that asks for a look
)

// unit is what the value of a rule is counted in.
type unit string

const (
	inYen     unit = "yen"
	inMinutes unit = "minutes"
	inDays    unit = "days"
	inSeconds unit = "seconds"
	inMonths  unit = "months"
	inPeople  unit = "people"
	inHours   unit = "hour"
	inPercent unit = "percent"
	inClass   unit = "class"
	inAsk     unit = "ask"
)

// rule is one that can be set. Value counts in unit; a class is its number, what
// is asked is 1 for ticks and 2 for a second person.
type rule struct {
	name        string
	unit        unit
	value       int64 // where nobody has set it
	least, most int64
	more        bool // a greater value is the stronger one
	judges      bool // it decides what a check finds or asks: a sending checked under a weaker one is checked anew
}

// What a finding can ask, as numbers.
const (
	asksNothing = 0 // it is no caution then; only of what is ordinary in many companies
	asksTicks   = 1
	asksSecond  = 2
	asksStop    = 3 // it is no caution then
)

// definitions are all rules in the order in which they are shown. hold is the
// countdown of the configuration, which holds until the rule is set.
func definitions(hold time.Duration) []rule {
	ask := func(name string) rule { return rule{name, inAsk, asksSecond, asksTicks, asksSecond, true, true} }
	minutes := int64((max(hold, 0) + time.Minute - 1) / time.Minute)
	return append([]rule{
		{RuleAmount, inYen, 1_000_000, 0, int64(money.MaxYen), false, true},
		{RuleClass, inClass, int64(policy.Personal), int64(policy.Public), int64(policy.Secret), false, true},
		ask(RuleFirstTime), ask(RuleFreeMail), ask(RuleNewDomain), ask(RuleChanged), ask(RuleUnreadable), ask(RuleDuplicate),
		{RuleChangedDays, inDays, 30, 0, 365, true, true}, ask(RuleCorrection), {RuleUploaded, inAsk, asksNothing, asksNothing, asksSecond, true, true},
		{RuleUntold, inAsk, asksTicks, asksNothing, asksStop, true, true}, {RuleOnce, inLength, 24, 1, 7 * 24, false, false},
		{RuleRegister, inAsk, asksStop, asksTicks, asksStop, true, true},
		{RuleHold, inMinutes, minutes, 1, 24 * 60, true, false},
		{RuleTicks, inMinutes, 30, 5, 4 * 60, false, false},
		{RuleCheck, inMinutes, 60, 10, 24 * 60, false, false},
		{RuleRecipients, inPeople, 10, 1, 20, false, true},
		{RuleFrom, inHours, 7, 0, 12, true, true},
		{RuleUntil, inHours, 20, 13, 24, false, true},
		{RuleHabit, inPercent, 50, 5, 1000, false, true},
		{RuleHoldQuick, inSeconds, 30, 10, 24 * 60 * 60, true, false},
		{RuleReview, inMonths, 24, 1, 120, false, false},
	}, transportRules()...)
}

func definition(name string, hold time.Duration) (rule, bool) {
	for _, d := range definitions(hold) {
		if d.name == name {
			return d, true
		}
	}
	return rule{}, false
}

// stronger tells whether a asks more of people than b.
func (d rule) stronger(a, b int64) bool {
	if d.more {
		return a > b
	}
	return a < b
}

// text spells a value as it is given in and out.
func (d rule) text(v int64) string {
	switch d.unit {
	case inClass:
		return policy.Class(v).String()
	case inAsk:
		return []string{string(Quiet), string(Ticks), string(Second), string(Halt)}[v]
	}
	return strconv.FormatInt(v, 10)
}

// parse reads one; fault.Invalid beyond the rule's bounds.
func (d rule) parse(s string) (int64, error) {
	bad := fault.Invalid("dispatch.rule_value", "least", d.text(d.least), "most", d.text(d.most)).At("value")
	for v := d.least; d.unit == inClass || d.unit == inAsk; v++ {
		if v > d.most {
			return 0, bad
		}
		if d.text(v) == s {
			return v, nil
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < d.least || v > d.most || d.text(v) != s {
		return 0, bad
	}
	return v, nil
}

// Rules are the values on one day. The zero Rules are those nobody has set.
type Rules struct {
	Version int64 // from 1, one more with every setting that has begun: "rule v3" (SM-33)
	values  map[string]int64
}

func (r Rules) of(name string) int64 {
	if v, ok := r.values[name]; ok {
		return v
	}
	d, _ := definition(name, DefaultHold)
	return d.value
}

// Amount is the total in yen from which a second person approves.
func (r Rules) Amount() money.Yen { return money.Yen(r.of(RuleAmount)) }

// Class is the class from which a second person approves.
func (r Rules) Class() policy.Class { return policy.Class(r.of(RuleClass)) }

// TickLife is how long ticks are good: long enough to read what they stand for,
// too short for the register to be remembered wrongly.
func (r Rules) TickLife() time.Duration { return time.Duration(r.of(RuleTicks)) * time.Minute }

// CheckLife is how old a check may be when what it found is relied on.
func (r Rules) CheckLife() time.Duration { return time.Duration(r.of(RuleCheck)) * time.Minute }

// Recipients is the most a sending has without being stopped.
func (r Rules) Recipients() int { return int(r.of(RuleRecipients)) }

// Hours are the usual sending hours, JST: from the first, until before the second.
func (r Rules) Hours() (from, until int) { return int(r.of(RuleFrom)), int(r.of(RuleUntil)) }

// ChangedDays is for how many days a change of the register asks.
func (r Rules) ChangedDays() int { return int(r.of(RuleChangedDays)) }

// Habit is the deviation from a usual amount, in percent, up to which nothing is said.
func (r Rules) Habit() int64 { return r.of(RuleHabit) }

// Hold is the countdown, if one was set.
func (r Rules) Hold(otherwise time.Duration) time.Duration {
	if v, ok := r.values[RuleHold]; ok {
		return time.Duration(v) * time.Minute
	}
	return otherwise
}

// HoldOf is the countdown of a package by its risk: one that is not about money
// and asks nothing of anybody is on its way sooner.
func (r Rules) HoldOf(p Purpose, asks Friction, otherwise time.Duration) time.Duration {
	hold := r.Hold(otherwise)
	if asks != Quiet || p != ForQuote && p != ForNotice {
		return hold
	}
	return min(hold, time.Duration(r.of(RuleHoldQuick))*time.Second)
}

// ReviewAfter is after how many months an address that was not used is looked at again.
func (r Rules) ReviewAfter() int { return int(r.of(RuleReview)) }

// inOrder puts settings in the order in which they were made.
func inOrder(rows []Setting) []Setting {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b Setting) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return rows
}

// begun are the settings that hold or have held by a day, in the order in which
// they began: one more is always one added at the end, so their number names them.
func begun(rows []Setting, day civil.Date) []Setting {
	rows = slices.DeleteFunc(inOrder(rows), func(s Setting) bool { return s.From.After(day) })
	slices.SortStableFunc(rows, func(a, b Setting) int { return a.From.Compare(b.From) })
	return rows
}

// rulesOf are the rules that settings make, where the one made later wins
// whatever day the earlier begins: what is decided now is not undone by what was
// planned before.
func rulesOf(settings []Setting) Rules {
	r := Rules{Version: int64(len(settings)) + 1, values: map[string]int64{}}
	for _, s := range inOrder(settings) {
		r.values[s.Rule] = s.Value
	}
	return r
}

// rulesOn are the rules of a day.
func rulesOn(rows []Setting, day civil.Date) Rules { return rulesOf(begun(rows, day)) }

// rulesAt are the rules of an earlier version.
func rulesAt(rows []Setting, day civil.Date, version int64) Rules {
	list := begun(rows, day)
	return rulesOf(list[:min(max(version-1, 0), int64(len(list)))])
}

// strengthened names a rule of those that judge which asks more than it did.
func (r Rules) strengthened(since Rules) (string, bool) {
	for _, d := range definitions(DefaultHold) {
		if d.judges && d.stronger(r.of(d.name), since.of(d.name)) {
			return d.name, true
		}
	}
	return "", false
}

// effect of a new setting beside what would hold without it, on every day from
// its first: it weakens if it asks less on any of them; the same if it changes
// nothing on all.
func (d rule) effect(rows []Setting, from civil.Date, value int64) (weakens, same bool) {
	days := []civil.Date{from}
	for _, s := range rows {
		if s.Rule == d.name && s.From.After(from) {
			days = append(days, s.From)
		}
	}
	same = true
	for _, day := range days {
		now, ok := rulesOn(rows, day).values[d.name]
		if !ok {
			now = d.value
		}
		weakens, same = weakens || d.stronger(now, value), same && now == value
	}
	return weakens, same
}
