package dispatch

import (
	"strconv"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

func noticeOps() []gate.Any {
	return []gate.Any{NoticePropose, NoticeConfirm, NoticeRetire, NoticeAddresses, NoticeTest, NoticeList, NoticeQueue, NoticeDue, NoticeMark, NoticeOutcome}
}

func noticeTables() []gate.AnyTable { return []gate.AnyTable{noticeAddresses, notices} }

// NoticeIn are the values of a template.
type NoticeIn struct {
	Template Template  `json:"template" required:"true" enum:"alarm,checkpoint"`
	About    string    `json:"about" max:"64"` // the alarm's id
	What     string    `json:"what" max:"100"` // text key of the alarm's sentence
	Kind     string    `json:"kind" max:"100"`
	Subject  string    `json:"subject" max:"200"`
	Leaf     int64     `json:"leaf"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Count    int64     `json:"count"`
	Note     string    `json:"note" max:"4000" text:"raw"`
	Size     int64     `json:"size"` // of the log, of a checkpoint
}

// NoticeOut says to which confirmed addresses it will go.
type NoticeOut struct {
	Addresses []string `json:"addresses" class:"internal"` // ids
}

// NoticeQueue writes one mail for every confirmed address of the template's
// purpose. Other modules of the server call it; no person can.
var NoticeQueue = gate.New(gate.Op[NoticeIn, NoticeOut]{
	Name: "dispatch.notice_queue", Mode: gate.Write, Target: system[NoticeIn],
	Do: func(x *gate.Tx, in NoticeIn) (NoticeOut, error) {
		if err := in.valid(); err != nil {
			return NoticeOut{}, err
		}
		n := Notice{Template: in.Template, About: in.About, What: in.What, Kind: in.Kind, Subject: in.Subject, Leaf: in.Leaf,
			From: in.From, Until: in.Until, Count: in.Count, Note: in.Note}
		if in.Template == CheckpointMail {
			n.About = strconv.FormatInt(in.Size, 10)
		}
		to, err := noticeAddresses.Find(x, gate.Eq("purpose", string(in.Template)), gate.Eq("state", AddressConfirmed))
		if err != nil {
			return NoticeOut{}, err
		}
		var out NoticeOut
		for _, a := range to {
			if err := n.queue(x, a); err != nil {
				return out, err
			}
			out.Addresses = append(out.Addresses, a.ID)
		}
		return out, nil
	},
})

// queue writes a copy of n for one address.
func (n Notice) queue(x *gate.Tx, a NoticeAddress) error {
	n.Address, n.State, n.NotBefore = a.ID, NoticeWaiting, x.Now()
	x.AfterCommit(func() { gate.Ring(x, noticeBell) })
	return notices.Insert(x, &n)
}

// NoticeTest sends a test mail to a confirmed address: whether alarms arrive is
// seen before one is needed.
var NoticeTest = gate.New(gate.Op[ByID, NoticeOut]{
	Name: "dispatch.notice_test", Mode: gate.Write, Alone: aloneOnNotices[ByID],
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return addressTarget(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (NoticeOut, error) {
		a, err := noticeAddresses.Get(x, in.ID)
		if err != nil {
			return NoticeOut{}, err
		}
		if a.State != AddressConfirmed {
			return NoticeOut{}, fault.Refused("dispatch.notice_not_confirmed")
		}
		busy, err := notices.Has(x, gate.Eq("address_id", a.ID), gate.Eq("state", NoticeWaiting), gate.Eq("template", string(TestMail)))
		if err == nil && busy {
			err = fault.Refused("dispatch.notice_test_waits")
		}
		if err != nil {
			return NoticeOut{}, err
		}
		return NoticeOut{[]string{a.ID}}, Notice{Template: TestMail, Leaf: -1}.queue(x, a)
	},
})

// NoticesOut is a page of machine mails.
type NoticesOut struct {
	Rows []Notice `json:"rows"`
	Next string   `json:"next" class:"internal"`
}

// NoticeList shows what the server mailed by itself and how that went, newest first.
var NoticeList = gate.New(gate.Op[NoticePage, NoticesOut]{
	Name: "dispatch.notice_list", Mode: gate.List, Target: system[NoticePage],
	Do: func(x *gate.Tx, in NoticePage) (NoticesOut, error) {
		p, err := notices.Page(x, gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit})
		return NoticesOut{p.Rows, p.Next}, err
	},
})

// NoticeJob is one mail to be sent, with its address.
type NoticeJob struct {
	Notice Notice `json:"notice"`
	To     string `json:"to" class:"internal"`
	Secret string `json:"secret" class:"internal"` // for the worker only, which puts it into the mail
}

// NoticeDueOut lists what is due, and when the next will be.
type NoticeDueOut struct {
	Jobs []NoticeJob `json:"jobs"`
	Next time.Time   `json:"next" class:"internal"`
}

// NoticeDue lists what may be sent now. It does not ask whether sending is
// stopped: an alarm is most needed then.
var NoticeDue = gate.New(gate.Op[struct{}, NoticeDueOut]{
	Name: "dispatch.notice_due", Mode: gate.List, Target: system[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (NoticeDueOut, error) {
		var out NoticeDueOut
		list, err := notices.Find(x, gate.Eq("state", NoticeClaimed))
		if err != nil {
			return out, err
		}
		p, err := notices.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", NoticeWaiting)}, By: "not_before", Limit: 20})
		if err != nil {
			return out, err
		}
		for _, n := range append(list, p.Rows...) {
			if !n.open(x.Now()) {
				when := n.NotBefore
				if n.State == NoticeClaimed {
					when = n.LeaseUntil
				}
				if out.Next.IsZero() || when.Before(out.Next) {
					out.Next = when
				}
				continue
			}
			to, _, err := n.goesTo(x)
			if err != nil {
				return out, err
			}
			out.Jobs = append(out.Jobs, NoticeJob{n, to, n.Secret})
		}
		return out, nil
	},
})

// NoticeMarkIn says that the dot is next.
type NoticeMarkIn struct {
	ID    string `json:"id" required:"true"`
	Fence int64  `json:"fence"`
	Bytes string `json:"bytes_digest" required:"true"`
	Relay string `json:"relay"`
}

// NoticeMark takes a mail for one worker and records durably that its final dot
// follows. Of two workers at the same mail, one comes through.
var NoticeMark = gate.New(gate.Op[NoticeMarkIn, Notice]{
	Name: "dispatch.notice_mark", Mode: gate.Write, Target: func(x *gate.Tx, in NoticeMarkIn) (gate.Target, error) { return noticeTarget(x, in.ID) },
	Do: func(x *gate.Tx, in NoticeMarkIn) (Notice, error) {
		n, err := notices.Get(x, in.ID)
		if err != nil {
			return n, err
		}
		if n.Fence != in.Fence || !n.open(x.Now()) {
			return n, fault.Refused("dispatch.lease_lost")
		}
		if err := unsealed(x); err != nil {
			return n, err
		}
		if n.State == NoticeClaimed { // its worker died after the mark
			n.after("unknown", x.Now())
			n.Reason = "dispatch.unknown_crash"
		}
		_, confirmed, err := n.goesTo(x)
		if err != nil {
			return n, err
		}
		switch {
		case n.State == NoticeUnknown:
			return n, keepRefused(x, n, fault.Refused("dispatch.unknown_crash"))
		case !confirmed:
			n.State, n.Reason, n.SettledAt = NoticeRefused, "dispatch.notice_retired", x.Now()
			return n, keepRefused(x, n, fault.Refused("dispatch.notice_retired"))
		}
		n.State, n.Fence, n.MarkedAt, n.LeaseUntil = NoticeClaimed, n.Fence+1, x.Now(), x.Now().Add(noticeLease)
		n.Bytes, n.Relay = in.Bytes, in.Relay
		return n, notices.Update(x, &n)
	},
})

func noticeTarget(x *gate.Tx, id string) (gate.Target, error) {
	n, err := notices.Get(x, id)
	return gate.Target{Kind: "notice", ID: n.ID}, err
}

func keepRefused(x *gate.Tx, n Notice, why *fault.Error) error {
	if err := notices.Update(x, &n); err != nil {
		return err
	}
	return gate.Refused(x, why)
}

// NoticeOutcomeIn is what the relay said.
type NoticeOutcomeIn struct {
	ID      string `json:"id" required:"true"`
	Fence   int64  `json:"fence"`
	Kind    string `json:"kind" required:"true" enum:"handed_over,refused,deferred,held,unknown"`
	Reason  string `json:"reason" required:"true"`
	Relay   string `json:"relay"`
	Reply   string `json:"reply" max:"600"`
	QueueID string `json:"queue_id"`
}

// NoticeOutcome keeps how one try ended.
var NoticeOutcome = gate.New(gate.Op[NoticeOutcomeIn, Notice]{
	Name: "dispatch.notice_outcome", Mode: gate.Write, Target: func(x *gate.Tx, in NoticeOutcomeIn) (gate.Target, error) { return noticeTarget(x, in.ID) },
	Do: func(x *gate.Tx, in NoticeOutcomeIn) (Notice, error) {
		n, err := notices.Get(x, in.ID)
		if err != nil {
			return n, err
		}
		if n.Fence != in.Fence || n.State != NoticeWaiting && n.State != NoticeClaimed {
			return n, fault.Refused("dispatch.lease_lost")
		}
		n.Attempts++
		n.Reason, n.Relay, n.Reply, n.QueueID = in.Reason, in.Relay, in.Reply, in.QueueID
		n.after(in.Kind, x.Now())
		return n, notices.Update(x, &n)
	},
})
