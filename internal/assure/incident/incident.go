// Package incident keeps what went wrong (事故報告): one press reports a mis-send,
// calls back what can be called back, and writes the facts down as they were at
// that moment. What follows from them (the report to the authority, the notice to
// persons) is a later module's; the dates it must keep are known from here on.
package incident

import (
	"slices"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
)

// State is how far an incident has come.
type State string

// The states.
const (
	Open   State = "open"
	Closed State = "closed" // two people decided what it was
)

// Level is what became of it.
type Level string

// The levels.
const (
	Near     Level = "near"     // ヒヤリハット: nothing of it had left
	Possible Level = "possible" // おそれ: nobody knows whether it left (個人情報保護法施行規則7条)
	Actual   Level = "actual"   // it had left
)

// Outcome is what two people decided it was.
type Outcome string

// The outcomes.
const (
	Leaked    Outcome = "leaked"    // 漏えいに当たる
	Recovered Outcome = "recovered" // 閲覧される前に回収した (通則編3-5-1: 漏えいに当たらない)
	NoLeak    Outcome = "no_leak"   // 漏えいに当たらない, such as a wrong amount to the right addressee
)

// Clock are the days by which a leak of personal data must be reported (個人情報
// 保護法26条1項, 同施行規則8条). The day of knowing counts as the first and no day is
// moved behind a holiday: of the readings there are the earliest is shown.
type Clock struct {
	Known            civil.Date // 知った日
	PromptFrom       civil.Date // 速報: 概ね3～5日以内 (通則編3-5-3-3)
	PromptBy         civil.Date
	FinalBy          civil.Date // 確報: 30日以内
	FinalByMalicious civil.Date // 60日以内, where 不正の目的 is suspected (規則7条3号)
}

// ClockOf starts the clock.
func ClockOf(known civil.Date) Clock {
	return Clock{known, known.AddDays(2), known.AddDays(4), known.AddDays(29), known.AddDays(59)}
}

// levelOf judges by where the recipients stood when the press came.
func levelOf(items []dispatch.Item) Level {
	any := func(states ...dispatch.State) bool {
		return slices.ContainsFunc(items, func(i dispatch.Item) bool { return slices.Contains(states, i.State) })
	}
	marked := slices.ContainsFunc(items, func(i dispatch.Item) bool {
		return i.State == dispatch.Claimed && !i.MarkedAt.IsZero()
	})
	switch {
	case any(dispatch.Handed, dispatch.Delivered, dispatch.Opened, dispatch.Bounced, dispatch.Recalled):
		return Actual
	case any(dispatch.Unknown) || marked:
		return Possible
	}
	return Near
}
