package watch

import (
	"fmt"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

func whole[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "alarm", ID: "*"}, nil
}

func target(x *gate.Tx, id string) (gate.Target, error) {
	a, err := alarms.Get(x, id)
	return gate.Target{Kind: "alarm", ID: a.ID, Class: policy.Internal}, err
}

// lock is held by whatever raises or settles alarms.
func lock[In any](In) []string { return []string{"watch"} }

// RaiseIn is what was seen.
type RaiseIn struct {
	What    string `json:"what" required:"true" max:"100"` // text key
	Kind    string `json:"kind" required:"true" max:"100"`
	Subject string `json:"subject" max:"200"`
	Leaf    int64  `json:"leaf"` // -1: none
}

// Raise keeps an alarm (警報を上げる). The same thing again, while it is not
// closed, only counts up. Confirmed addresses are mailed, at most once an hour
// for the same thing.
var Raise = gate.New(gate.Op[RaiseIn, Alarm]{
	Name: "watch.raise", Mode: gate.Write, Alone: lock[RaiseIn], Target: whole[RaiseIn],
	Do: func(x *gate.Tx, in RaiseIn) (Alarm, error) {
		if !text.Has(in.What) {
			return Alarm{}, fault.Invalid("watch.no_sentence").At("what")
		}
		return raise(x, in)
	},
})

func raise(x *gate.Tx, in RaiseIn) (Alarm, error) {
	a, err := seen(x, in)
	if err != nil || !a.mailDue(x.Now()) {
		return a, err
	}
	sent, err := alarms.Count(x, mailsAnHour+1, gate.Ge("mailed_at", x.Now().Add(-mailEvery)))
	if err != nil {
		return a, err
	}
	if sent >= mailsAnHour && in.What != Flood { // the rest stands in the list
		_, err := raise(x, RaiseIn{What: Flood, Kind: "alarm", Leaf: -1})
		return a, err
	}
	return a, a.mail(x)
}

// seen counts up the alarm that stands, or begins one.
func seen(x *gate.Tx, in RaiseIn) (Alarm, error) {
	standing, err := alarms.Find(x, gate.Eq("what", in.What), gate.Eq("kind", in.Kind), gate.Eq("subject", in.Subject), gate.Ne("state", Closed))
	if err != nil {
		return Alarm{}, err
	}
	if len(standing) > 0 {
		a := standing[0]
		a.Last, a.Leaf = x.Now(), in.Leaf
		a.Count++
		return a, alarms.Update(x, &a)
	}
	a := Alarm{What: in.What, Kind: in.Kind, Subject: in.Subject, Leaf: in.Leaf, Tampering: Tampering(in.What), First: x.Now(), Last: x.Now(), Count: 1, State: Open}
	return a, alarms.Insert(x, &a)
}

func (a *Alarm) mail(x *gate.Tx) error {
	out, err := gate.Call(x, dispatch.NoticeQueue, dispatch.NoticeIn{Template: dispatch.AlarmMail, About: a.ID, What: a.What, Kind: a.Kind, Subject: a.Subject,
		Leaf: a.Leaf, From: a.First, Until: a.Last, Count: a.Count})
	if err != nil || len(out.Addresses) == 0 {
		return err
	}
	a.MailedAt = x.Now()
	a.Mails += int64(len(out.Addresses))
	return alarms.Update(x, a)
}

// ListIn asks for a page.
type ListIn struct {
	State State  `json:"state" enum:"open,acknowledged,closed"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Line is one alarm with its sentence.
type Line struct {
	Alarm Alarm  `json:"alarm"`
	Ja    string `json:"ja" class:"internal"`
	En    string `json:"en" class:"internal"`
}

// ListOut is a page of alarms.
type ListOut struct {
	Rows []Line `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// List shows alarms, those seen last first.
var List = gate.New(gate.Op[ListIn, ListOut]{
	Name: "watch.list", Mode: gate.List, Target: whole[ListIn],
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		q := gate.PageQuery{By: "last_seen", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = []gate.Cond{gate.Eq("state", in.State)}
		}
		p, err := alarms.Page(x, q)
		out := ListOut{Next: p.Next}
		for _, a := range p.Rows {
			out.Rows = append(out.Rows, Line{a, a.sentence(text.JA), a.sentence(text.EN)})
		}
		return out, err
	},
})

// ByID names an alarm.
type ByID struct {
	ID string `json:"id" required:"true"`
}

// Show gives one alarm.
var Show = gate.New(gate.Op[ByID, Line]{
	Name: "watch.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Line, error) {
		a, err := alarms.Get(x, in.ID)
		return Line{a, a.sentence(text.JA), a.sentence(text.EN)}, err
	},
})

func (a Alarm) sentence(l text.Lang) string {
	return text.T(l, a.What, "table", a.Kind, "id", a.Subject, "leaf", a.Leaf, "place", a.Subject, "dir", a.Subject, "file", a.Subject)
}

// SettleIn names an alarm and says why.
type SettleIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"1000"`
}

func standing(x *gate.Tx, id string) (Alarm, error) {
	a, err := alarms.Get(x, id)
	if err == nil && a.State == Closed {
		err = fault.Refused("watch.closed")
	}
	return a, err
}

// Acknowledge says that somebody looks after an alarm (警報の確認). It goes on
// counting; mails about it become rare.
var Acknowledge = gate.New(gate.Op[SettleIn, Alarm]{
	Name: "watch.acknowledge", Mode: gate.Write, Needs: gate.Needs{Reason: true}, Alone: lock[SettleIn],
	Target: func(x *gate.Tx, in SettleIn) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in SettleIn) (Alarm, error) {
		a, err := standing(x, in.ID)
		if err != nil {
			return a, err
		}
		if a.State == Acknowledged {
			return a, fault.Refused("watch.acknowledged", "person", a.AcknowledgedBy)
		}
		a.State, a.AcknowledgedBy, a.AcknowledgedAt, a.AcknowledgedWhy = Acknowledged, x.Actor().Person, x.Now(), in.Reason
		return a, alarms.Update(x, &a)
	},
})

// view is what the second person sees.
type view struct {
	What    string    `json:"what"`
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	First   time.Time `json:"first_seen"`
	Last    time.Time `json:"last_seen"`
	Count   int64     `json:"count"`
	State   State     `json:"state"`
	Ja      string    `json:"ja"`
	En      string    `json:"en"`
}

// Close ends an alarm (警報を閉じる). One about tampering takes a second person,
// so that whoever tampered does not also put the alarm away.
var Close = gate.New(gate.Op[SettleIn, Alarm]{
	Name: "watch.close", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true}, Alone: lock[SettleIn],
	Target: func(x *gate.Tx, in SettleIn) (gate.Target, error) { return target(x, in.ID) },
	FourEyes: func(x *gate.Tx, in SettleIn) (gate.Second, error) {
		a, err := standing(x, in.ID)
		v := view{a.What, a.Kind, a.Subject, a.First, a.Last, a.Count, a.State, a.sentence(text.JA), a.sentence(text.EN)}
		after := v
		after.State = Closed
		// seen again, it is another thing that would be closed
		return gate.Second{Needed: a.Tampering, Digest: fmt.Appendf(nil, "close alarm %s %s %d", a.ID, a.What, a.Count), Class: policy.Internal,
			Before: v, After: after, Silent: "no_tampering"}, err
	},
	Do: func(x *gate.Tx, in SettleIn) (Alarm, error) {
		a, err := standing(x, in.ID)
		if err != nil {
			return a, err
		}
		a.State, a.ClosedBy, a.ApprovedBy, a.ClosedAt, a.ClosedWhy = Closed, x.Actor().Person, x.ApprovedBy(), x.Now(), in.Reason
		return a, alarms.Update(x, &a)
	},
})

// LookOut says what a round found.
type LookOut struct {
	Raised int `json:"raised" class:"internal"`
}

// Look is a round of the watch over what lies in the database: sendings whose
// outcome nobody has settled, and machine mail that did not arrive.
var Look = gate.New(gate.Op[struct{}, LookOut]{
	Name: "watch.look", Mode: gate.Write, Alone: lock[struct{}], Target: whole[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (LookOut, error) {
		var out LookOut
		old, err := dispatch.UnknownSince(x, x.Now().Add(-unknownFor))
		if err != nil {
			return out, err
		}
		lost, err := dispatch.NoticesLost(x, x.Now().Add(-quiet))
		if err != nil {
			return out, err
		}
		returned, forged, err := dispatch.ManyBounces(x)
		if err != nil {
			return out, err
		}
		for _, s := range []struct {
			what, kind string
			ids        []string
		}{{UnknownOld, "dispatch", old}, {MailFailed, "notice_address", lost}, {BouncesMany, "bounce", only(returned)}, {BouncesForged, "bounce", only(forged)}} {
			for _, id := range s.ids {
				if _, err := raise(x, RaiseIn{What: s.what, Kind: s.kind, Subject: id, Leaf: -1}); err != nil {
					return out, err
				}
				out.Raised++
			}
		}
		return out, nil
	},
})

// only is the one subject of an alarm about the house as a whole.
func only(is bool) []string {
	if is {
		return []string{"server"}
	}
	return nil
}
