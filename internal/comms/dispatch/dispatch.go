// Package dispatch is the outer gate (送付の関所): nothing leaves the company but
// through it.
//
// A package is built from scratch for each sending: one partner, proposed
// recipients, subject, body, attachments and what they claim. It is compared
// with the registered partner, confirmed item by item, approved as a digest,
// held, claimed once, sent, and its outcome is kept per recipient. The SMTP
// layer takes the ids of verified delivery points (確認済み送付先), never text.
package dispatch

import (
	"slices"

	"sekisho/internal/kernel/fault"
)

// State is where a package, or one recipient of it, stands.
type State string

// The states. A package and its recipients move together until they are held;
// from the claim on each recipient goes its own way.
const (
	Prepared  State = "prepared"          // made or changed; not checked as it is now
	Stopped   State = "stopped"           // 送信停止: a check stops it until it is mended
	Checked   State = "checked"           // no stop; ticks were given out
	Confirmed State = "confirmed"         // every item was ticked
	Awaiting  State = "awaiting_approval" // a second person decides
	Approved  State = "approved"
	Rejected  State = "rejected"
	Held      State = "held"        // counts down, or waits for the next try; can be cancelled
	Claimed   State = "claimed"     // one worker has it
	Handed    State = "handed_over" // the relay took the responsibility
	Unknown   State = "unknown"     // the dot may have gone out; a person decides
	Refused   State = "refused"     // surely not sent, and not tried again
	Delivered State = "delivered"
	Bounced   State = "bounced"
	Opened    State = "opened"
	Recalled  State = "recalled"
	Cancelled State = "cancelled"
)

// States are all of them, in the order of a sending.
func States() []State {
	return []State{Prepared, Stopped, Checked, Confirmed, Awaiting, Approved, Rejected, Held, Claimed,
		Handed, Unknown, Refused, Delivered, Bounced, Opened, Recalled, Cancelled}
}

// word is the state's name in a sentence.
func (s State) word() fault.Word { return fault.Word("dispatch.state." + string(s)) }

// Event is what moves a state.
type Event string

// The events.
const (
	Stop     Event = "stop"     // a check found a reason against it
	Pass     Event = "pass"     // a check found none
	Confirm  Event = "confirm"  // all ticks came back
	Ask      Event = "ask"      // a second person is asked
	Approve  Event = "approve"  // and agrees
	Reject   Event = "reject"   // or not
	Hold     Event = "hold"     // the countdown begins
	Change   Event = "change"   // anything of it was changed, or something it rests on
	Cancel   Event = "cancel"   // a person takes it back
	Claim    Event = "claim"    // a worker takes it
	Return   Event = "return"   // the worker gives it back: surely not sent, to be tried again
	HandOver Event = "handover" // the relay accepted it
	Lose     Event = "lose"     // nobody knows whether the relay accepted it
	Refuse   Event = "refuse"   // the relay, or the end of all tries, refused it
	Deliver  Event = "deliver"
	Bounce   Event = "bounce"
	Open     Event = "open"
	Recall   Event = "recall"
)

// Events are all of them.
func Events() []Event {
	return []Event{Stop, Pass, Confirm, Ask, Approve, Reject, Hold, Change, Cancel, Claim, Return, HandOver,
		Lose, Refuse, Deliver, Bounce, Open, Recall}
}

// edges is the whole machine: from → event → to. What is not here cannot
// happen. Nothing leads out of a stop but a change and a fresh check: there is
// no "send anyway".
func edges() map[State]map[Event]State {
	return map[State]map[Event]State{
		Prepared:  {Stop: Stopped, Pass: Checked, Change: Prepared, Cancel: Cancelled},
		Stopped:   {Stop: Stopped, Pass: Checked, Change: Prepared, Cancel: Cancelled},
		Checked:   {Stop: Stopped, Pass: Checked, Confirm: Confirmed, Change: Prepared, Cancel: Cancelled},
		Confirmed: {Ask: Awaiting, Hold: Held, Change: Prepared, Cancel: Cancelled},
		Awaiting:  {Approve: Approved, Reject: Rejected, Change: Prepared, Cancel: Cancelled},
		Approved:  {Hold: Held, Change: Prepared, Cancel: Cancelled},
		Rejected:  {Change: Prepared, Cancel: Cancelled},
		Held:      {Claim: Claimed, Refuse: Refused, Change: Prepared, Cancel: Cancelled},
		Claimed:   {Return: Held, HandOver: Handed, Lose: Unknown, Refuse: Refused},
		Unknown:   {HandOver: Handed, Refuse: Refused, Return: Held}, // back only by the relay's own log
		Handed:    {Deliver: Delivered, Bounce: Bounced, Open: Opened, Recall: Recalled},
		Delivered: {Open: Opened, Bounce: Bounced, Recall: Recalled},
		Opened:    {Recall: Recalled},
	}
}

// Next gives the state that e leads to from s; fault.Refused if e cannot happen
// there.
func Next(s State, e Event) (State, error) {
	if to, ok := edges()[s][e]; ok {
		return to, nil
	}
	return s, fault.Refused("dispatch.state", "state", s.word())
}

// Can tells whether e can happen in s.
func (s State) Can(e Event) bool { return edges()[s][e] != "" }

// BeforeClaim tells whether nothing of it can have left yet.
func (s State) BeforeClaim() bool { return s.Can(Cancel) }

// Final tells whether nothing more can happen to it.
func (s State) Final() bool { return len(edges()[s]) == 0 }

// urgency orders states by how much a package in it needs somebody.
func urgency() []State {
	return []State{Unknown, Claimed, Held, Refused, Bounced, Recalled, Cancelled, Handed, Delivered, Opened}
}

// Summary gives the state of a package out of its recipients': the one that
// most needs attention.
func Summary(items []State) State {
	for _, s := range urgency() {
		if slices.Contains(items, s) {
			return s
		}
	}
	if len(items) == 0 {
		return Prepared
	}
	return items[0]
}

// Purpose is why a package is sent (送付の目的).
type Purpose string

// The purposes.
const (
	ForInvoice Purpose = "invoice" // 請求書の送付
	ForQuote   Purpose = "quote"   // 見積書などの送付
	ForNotice  Purpose = "notice"  // お知らせ・連絡
)

// Mail is the channel of this stage (メール).
const Mail = "mail"

// Recipient kinds.
const (
	To = "to"
	Cc = "cc"
)
