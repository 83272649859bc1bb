package dispatch

import (
	"slices"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// What a recipient needs a person for; also words of package text.
const (
	NeedsAnswer   = "unknown" // nobody knows whether it was sent
	NeedsNewTry   = "refused" // surely not sent, and not tried again
	NeedsCheck    = "bounced" // taken and sent back, or thrown away
	NeedsMend     = "stuck"   // tried again, but the cause does not mend itself
	NeedsPatience = "late"    // the relay has it and cannot pass it on
	NeedsReading  = "unread"  // something came back that nobody but a person understands
)

// mendsItself lists the reasons of a failed try that time alone may cure.
func mendsItself() []string {
	return []string{"", "smtp.later", "smtp.unreachable", "smtp.timeout", "smtp.dropped", "smtp.garbage", "smtp.cancelled",
		"smtp.mark_failed", "dispatch.returned", "dispatch.relay_rests", "dispatch.log_broken"}
}

// stuckAfter is how many failed tries make even such a reason worth a look.
const stuckAfter = 4

// attention is why a person should look at a recipient, "" if nobody need.
func (i Item) attention() string {
	switch {
	case i.State == Unknown:
		return NeedsAnswer
	case i.State == Refused && i.AttendedAt.IsZero():
		return NeedsNewTry
	case i.State == Bounced && i.AttendedAt.IsZero():
		return NeedsCheck
	case i.State == Held && (i.Attempts >= stuckAfter || i.Attempts > 0 && !slices.Contains(mendsItself(), i.Reason)):
		return NeedsMend
	case i.State == Handed && slices.Contains(waitsAtRelay(), i.Reason):
		return NeedsPatience
	case i.Reason == bounceUnclear && i.AttendedAt.IsZero():
		return NeedsReading
	}
	return ""
}

// AttentionIn asks for a page; Why narrows it.
type AttentionIn struct {
	Why   string `json:"why" enum:"unknown,refused,bounced,stuck,late,unread"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// AttentionItem is a recipient that needs a person, with the reason and what
// can be done.
type AttentionItem struct {
	ID        string    `json:"id" class:"internal"`
	Package   string    `json:"package" class:"internal"`
	Party     string    `json:"party" class:"internal"`
	Owner     string    `json:"owner" class:"internal"`
	Address   string    `json:"address" class:"personal"`
	Subject   string    `json:"subject" class:"personal"`
	Why       string    `json:"why" class:"internal"`
	State     State     `json:"state" class:"internal"`
	Reason    string    `json:"reason" class:"internal"` // key of the sentence
	Reply     string    `json:"reply" class:"personal"`  // the relay's words
	Evidence  string    `json:"evidence" class:"personal"`
	Relay     string    `json:"relay" class:"internal"`
	Attempts  int64     `json:"attempts" class:"internal"`
	NotBefore time.Time `json:"not_before" class:"internal"` // of the next try, zero if there is none
	SettledAt time.Time `json:"settled_at" class:"internal"`
	Ways      []string  `json:"ways" class:"internal"` // ops that end it
}

// AttentionOut is one page of them, oldest first.
type AttentionOut struct {
	Rows []AttentionItem `json:"rows"`
	Next string          `json:"next" class:"internal"`
}

// AttentionOp lists the recipients that need a person (要対応): refused, bounced,
// of unknown outcome, stuck, or late at the relay.
var AttentionOp = gate.New(gate.Op[AttentionIn, AttentionOut]{
	Name: "dispatch.attention", Mode: gate.List, Target: system[AttentionIn],
	Do: func(x *gate.Tx, in AttentionIn) (AttentionOut, error) {
		why := []string{NeedsAnswer, NeedsNewTry, NeedsCheck, NeedsMend, NeedsPatience, NeedsReading}
		if in.Why != "" {
			why = []string{in.Why}
		}
		p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.In("attention", why)}, By: "settled_at", After: in.After, Limit: in.Limit})
		out := AttentionOut{Next: p.Next}
		if err != nil {
			return out, err
		}
		for _, i := range p.Rows {
			s, err := sendings.Get(x, i.Package)
			if err != nil {
				return out, err
			}
			out.Rows = append(out.Rows, AttentionItem{i.ID, i.Package, i.Party, i.Owner, i.Address, s.Subject, i.Attention, i.State, i.Reason,
				i.Reply, i.Evidence, i.Relay, i.Attempts, i.NotBefore, i.SettledAt, ways(i.Attention)})
		}
		return out, nil
	},
})

// ways are the ops that end what a recipient needs a person for.
func ways(why string) []string {
	switch why {
	case NeedsAnswer:
		return []string{"dispatch.resolve"}
	case NeedsNewTry:
		return []string{"dispatch.prepare", "dispatch.attend"}
	case NeedsCheck:
		return []string{"party.point_propose", "dispatch.prepare", "dispatch.attend"}
	case NeedsReading:
		return []string{"dispatch.bounces", "dispatch.attend"}
	case NeedsMend:
		return []string{"dispatch.cancel", "dispatch.relays"}
	}
	return []string{}
}

// AttendIn says what was done about it.
type AttendIn struct {
	Package string `json:"package" required:"true"`
	Item    string `json:"item" required:"true"`
	Reason  string `json:"reason" required:"true" text:"multiline"`
}

// Attend takes a refused or bounced recipient off the list, with what was done
// about it in the record. Its state stays.
var Attend = gate.New(gate.Op[AttendIn, Item]{
	Name: "dispatch.attend", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in AttendIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in AttendIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in AttendIn) (Item, error) {
		b, i, err := loadItem(x, in.Package, in.Item)
		if err != nil {
			return Item{}, err
		}
		if i.Attention != NeedsNewTry && i.Attention != NeedsCheck && i.Attention != NeedsReading {
			return *i, fault.Refused("dispatch.nothing_to_attend", "state", i.State.word())
		}
		i.AttendedBy, i.AttendedAt = x.Actor().Person, x.Now()
		return *i, b.save(x)
	},
})

// wait says why held recipients are not sent yet.
type wait struct {
	now, rested time.Time // rested: when a relay can be tried again, zero if one can
	stopped     bool
}

func waiting(x *gate.Tx) (wait, error) {
	w := wait{now: x.Now()}
	s, _, err := switchRow(x)
	if err != nil {
		return w, err
	}
	w.stopped = s.Stopped
	list, err := relays.Find(x)
	for n, h := range list {
		if n == 0 || h.RestsUntil.Before(w.rested) {
			w.rested = h.RestsUntil
		}
	}
	if !w.now.Before(w.rested) {
		w.rested = time.Time{}
	}
	return w, err
}

// why gives the key of the sentence for a held recipient, and until when.
func (w wait) why(i Item) (string, time.Time) {
	switch {
	case w.stopped:
		return "dispatch.waits_stop", time.Time{}
	case w.now.Before(i.NotBefore) && i.Attempts == 0:
		return "dispatch.waits_hold", i.NotBefore
	case w.now.Before(i.NotBefore):
		return "dispatch.waits_retry", i.NotBefore
	case !w.rested.IsZero():
		return "dispatch.waits_relay", w.rested
	}
	return "dispatch.waits_turn", time.Time{}
}

// explain says for each held sending of a list why it waits: that of the
// recipient who is next.
func explain(x *gate.Tx, rows []Listed) error {
	var held []string
	for _, r := range rows {
		if r.State == Held {
			held = append(held, r.ID)
		}
	}
	if len(held) == 0 {
		return nil
	}
	w, err := waiting(x)
	if err != nil {
		return err
	}
	list, err := items.Find(x, gate.Eq("state", Held), gate.In("package_id", held))
	if err != nil {
		return err
	}
	first := map[string]Item{}
	for _, i := range list {
		if f, ok := first[i.Package]; !ok || i.NotBefore.Before(f.NotBefore) {
			first[i.Package] = i
		}
	}
	for n := range rows {
		if i, ok := first[rows[n].ID]; ok {
			rows[n].Waits, rows[n].WaitsUntil = w.why(i)
		}
	}
	return nil
}
