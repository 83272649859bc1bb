package dispatch

import (
	"strings"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// RestoredIn names the restoring.
type RestoredIn struct {
	Restoring string `json:"restoring" required:"true"`
}

// RestoredOut says what was found.
type RestoredOut struct {
	Unknown int `json:"unknown" class:"internal"` // held or claimed then: may have been sent since
	Voided  int `json:"voided" class:"internal"`  // on their way to it: to be checked anew
}

// restoredBy marks the switch as thrown by a restoring, which lets go of it by
// EndRestored only; a stop that stood already stays a person's.
func restoredBy(id string) string { return "restored " + id }

// RestoredOp makes a house that came out of a backup safe (復元後の送付の停止).
// What was waiting to be sent when the copy was made may have been sent
// afterwards: nobody here knows, so it becomes unknown, with the Message-ID it
// would have had, and a person decides by the relay's log or by asking. What was
// only on its way there goes back to the beginning. All sending is stopped.
var RestoredOp = gate.New(gate.Op[RestoredIn, RestoredOut]{
	Name: "dispatch.restored", Mode: gate.Write, Target: system[RestoredIn],
	Do: func(x *gate.Tx, in RestoredIn) (RestoredOut, error) {
		var out RestoredOut
		s, _, err := switchRow(x)
		if err == nil && !s.Stopped {
			_, err = setSwitch(x, true, restoredBy(in.Restoring))
		}
		if err != nil {
			return out, err
		}
		if err := dropNotices(x, "dispatch.notice_restored", NoticeWaiting, NoticeClaimed); err != nil { // the real house's, then
			return out, err
		}
		for _, from := range []State{Held, Claimed} {
			if err := eachIn(x, items, from, func(i Item) error { out.Unknown++; return lose(x, i) }); err != nil {
				return out, err
			}
		}
		return out, voidAll(x, &out)
	},
})

// lose makes a recipient unknown, as if whoever sent after the backup had
// claimed it and never come back.
func lose(x *gate.Tx, was Item) error {
	b, i, err := loadItem(x, was.Package, was.ID)
	if err != nil {
		return err
	}
	if i.State == Held {
		if i.State, err = Next(i.State, Claim); err != nil {
			return err
		}
	}
	if i.State, err = Next(i.State, Lose); err != nil {
		return err
	}
	if from, err := senderDomain(b.FromAddress); err == nil && i.MessageID == "" {
		i.MessageID = MessageID(b.Digest, i.Point, from)
	}
	i.SettledAt, i.Reason = x.Now(), "dispatch.unknown_restored"
	return b.summarise(x)
}

// eachIn gives f every row in a state, which f must make it leave.
func eachIn[T any](x *gate.Tx, t *gate.Table[T], in State, f func(T) error) error {
	for {
		p, err := t.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", in)}, By: "id", Limit: 200})
		if err != nil || len(p.Rows) == 0 {
			return err
		}
		for _, r := range p.Rows {
			if err := f(r); err != nil {
				return err
			}
		}
	}
}

func voidAll(x *gate.Tx, out *RestoredOut) error {
	for _, from := range []State{Checked, Confirmed, Awaiting, Approved, Rejected} {
		err := eachIn(x, sendings, from, func(s Sending) error {
			b, err := load(x, s.ID)
			if err != nil {
				return err
			}
			out.Voided++
			return b.change(x, "dispatch.restored")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unsealed is fault.Refused while a restoring holds all sending: machine mail,
// which no person's stop holds, does not leave a restored house either.
func unsealed(x *gate.Tx) error {
	s, _, err := switchRow(x)
	if err == nil && s.Stopped && strings.HasPrefix(s.Reason, restoredBy("")) {
		err = fault.Refused("dispatch.stopped_all")
	}
	return err
}

// EndRestored lets the sending go again that RestoredOp of the same restoring
// had stopped. A stop by a person stays.
func EndRestored(x *gate.Tx, restoring, reason string) error {
	s, _, err := switchRow(x)
	if err != nil || !s.Stopped || s.Reason != restoredBy(restoring) {
		return err
	}
	x.AfterCommit(func() { gate.Ring(x, bell) })
	_, err = setSwitch(x, false, reason)
	return err
}
