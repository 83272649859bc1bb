package dispatch

import (
	"time"

	"sekisho/internal/kernel/gate"
)

// The longest that a recipient (a hold of a day) and a relay can have been told
// to wait, with room.
const (
	longestWait = 25 * time.Hour
	longestRest = 20 * time.Minute
)

// ahead brings back what was put off in a time that has not been: the clock went
// back, and a mail that was to wait for minutes would wait for as long as the
// clock was wrong, perhaps years. A countdown begins anew; another try is due.
func ahead(x *gate.Tx, out *RecoverOut) error {
	p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Held), gate.Ge("not_before", x.Now().Add(longestWait))},
		By: "not_before", Limit: 200})
	if err != nil {
		return err
	}
	for _, r := range p.Rows {
		b, i, err := loadItem(x, r.Package, r.ID)
		if err != nil {
			return err
		}
		if i.NotBefore = x.Now(); i.Attempts == 0 {
			i.NotBefore = x.Now().Add(DefaultHold)
			b.HeldUntil = i.NotBefore
		}
		if err := b.save(x); err != nil {
			return err
		}
		out.Returned++
	}
	list, err := relays.Find(x)
	if err != nil {
		return err
	}
	for _, h := range list {
		if h.RestsUntil.Sub(x.Now()) <= longestRest {
			continue
		}
		h.RestsUntil = x.Now()
		if err := relays.Update(x, &h); err != nil {
			return err
		}
	}
	return nil
}
