package dispatch

import (
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/comms/dispatch/internal/smtp"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// The ops of this file are the worker's; the matrix gives them to the server
// itself only.

// system is the target of an op about all that is on its way.
func system[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "dispatch", ID: "*"}, nil
}

// DueItem is a recipient whose countdown is over.
type DueItem struct {
	Item    string `json:"item" class:"internal"`
	Package string `json:"package" class:"internal"`
}

// DueIn asks what is due.
type DueIn struct {
	Skip      []string `json:"skip" max:"1000"` // recipients this worker has just failed to claim
	PerDomain int      `json:"per_domain"`      // the pace; 0 sets no limit
	Overall   int      `json:"overall"`
}

// DueOut lists what is due, and when to look again, zero if nothing waits.
// While all sending is stopped, nothing is due.
type DueOut struct {
	Items  []DueItem     `json:"items"`
	Next   time.Time     `json:"next" class:"internal"`
	Relays []RelayHealth `json:"relays"`
}

// Due lists what may be claimed now, in the order in which it should be.
var Due = gate.New(gate.Op[DueIn, DueOut]{
	Name: "dispatch.due", Mode: gate.List, Target: system[DueIn],
	Do: func(x *gate.Tx, in DueIn) (DueOut, error) {
		err := running(x)
		if fault.Is(err, fault.KindRefused) {
			return DueOut{}, nil
		}
		if err != nil {
			return DueOut{}, err
		}
		out, err := due(x, in)
		if err == nil {
			out.Relays, err = relays.Find(x)
		}
		return out, err
	},
})

// ClaimIn takes one recipient for one worker.
type ClaimIn struct {
	Item    string `json:"item" required:"true"`
	Package string `json:"package" required:"true"`
	Holder  string `json:"holder" required:"true"`
}

// Job is all that the mail to one recipient is made of.
type Job struct {
	Item      string     `json:"item" class:"internal"`
	Package   string     `json:"package" class:"internal"`
	Digest    string     `json:"digest" class:"internal"`
	Fence     int64      `json:"fence" class:"internal"`
	Address   string     `json:"address" class:"personal"` // of the delivery point, loaded by its id in this transaction
	From      Mailbox    `json:"from"`
	To        []Mailbox  `json:"to"`
	Cc        []Mailbox  `json:"cc"`
	Subject   string     `json:"subject" class:"personal"`
	Body      string     `json:"body" class:"personal"`
	Files     []JobFile  `json:"files"`
	MessageID string     `json:"message_id" class:"internal"`
	Link      JobLink    `json:"link"`                    // instead of the files; zero if they are attached
	Protect   JobProtect `json:"protect"`                 // zero if the files go as they are
	At        time.Time  `json:"at" class:"internal"`     // the mail's date
	Bounce    string     `json:"bounce" class:"internal"` // token of its bounce address
	Fax       bool       `json:"fax" class:"internal"`    // a machine reads it
}

// Mailbox is an address with the name shown.
type Mailbox struct {
	Name    string `json:"name" class:"personal"`
	Address string `json:"address" class:"personal"`
}

// JobFile is an attachment to be read from the blob store.
type JobFile struct {
	Name   string `json:"name" class:"confidential"`
	Media  string `json:"media" class:"internal"`
	Digest string `json:"digest" class:"internal"`
}

// ClaimOp takes a recipient that is due. It compares the package with the
// register once more; if anything differs from what was approved, nothing is
// sent and the package goes back.
var ClaimOp = gate.New(gate.Op[ClaimIn, Job]{
	Name: "dispatch.claim", Mode: gate.Write,
	Alone:  func(in ClaimIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in ClaimIn) (gate.Target, error) { return target(x, in.Package) },
	Do:     claim,
})

func claim(x *gate.Tx, in ClaimIn) (Job, error) {
	b, i, err := loadItem(x, in.Package, in.Item)
	if err != nil {
		return Job{}, err
	}
	if err := b.goes(x); err != nil {
		return Job{}, err
	}
	if i.State, err = Next(i.State, Claim); err != nil {
		return Job{}, err
	}
	if i.printed() || x.Now().Before(i.NotBefore) {
		return Job{}, fault.Refused("dispatch.not_due")
	}
	c, err := unchanged(x, *b)
	if err != nil {
		i.State = Held
		return Job{}, b.refuse(x, err)
	}
	if err := current(x, c); err != nil { // the worker checks again
		return Job{}, err
	}
	p, err := pointOf(x, b.Channel, i.Point)
	if err != nil {
		return Job{}, err
	}
	to, err := b.goesTo(p.Address)
	if err != nil {
		return Job{}, err
	}
	from, err := senderDomain(b.FromAddress)
	if err != nil {
		return Job{}, err
	}
	now := x.Now()
	i.Holder, i.Fence, i.ClaimedAt, i.LeaseUntil, i.MarkedAt = in.Holder, i.Fence+1, now, now.Add(lease), time.Time{}
	i.Attempts++
	i.MessageID, i.Bytes, i.Reason, i.Relay, i.QueueID = MessageID(b.Digest, i.Point, from), "", "", "", ""
	if i.FirstTry.IsZero() {
		i.FirstTry = now
	}
	if err := b.summarise(x); err != nil {
		return Job{}, err
	}
	j := b.job(*i, to)
	if b.protected() {
		j.Protect = JobProtect{b.Channel, password(x, b.Sending)}
	}
	if b.Channel == Link {
		var l LinkRow
		if l, j.Link.URL, err = b.linkTo(x, *i); err != nil {
			return Job{}, err
		}
		j.Link.Ends = l.Ends
	}
	j.Bounce = token(x.Ring(), i.ID)
	return j, nil
}

func (b *bundle) job(i Item, address string) Job {
	j := Job{Item: i.ID, Package: b.ID, Digest: b.Digest, Fence: i.Fence, Address: address, From: Mailbox{b.FromName, b.FromAddress},
		Subject: b.Subject, Body: b.Body, MessageID: i.MessageID, At: i.ClaimedAt}
	if j.Fax = b.Channel == Fax; j.Fax { // each number is a mail of its own: the others' are not for its reader
		j.To = []Mailbox{{Address: address}}
	}
	for _, o := range b.items {
		if b.Channel == Fax {
			break
		}
		if o.Kind == Cc {
			j.Cc = append(j.Cc, Mailbox{Address: o.Address})
		} else {
			j.To = append(j.To, Mailbox{Address: o.Address})
		}
	}
	for _, f := range b.files {
		j.Files = append(j.Files, JobFile{f.Name, f.Media, f.Digest})
	}
	return j
}

// SetbackIn says that a recipient could not be claimed.
type SetbackIn struct {
	Item    string `json:"item" required:"true"`
	Package string `json:"package" required:"true"`
}

// Setback puts off a recipient whose claim failed for a reason of its own, so
// that it keeps no other from going, and shows that it did. It counts as a try.
var Setback = gate.New(gate.Op[SetbackIn, Item]{
	Name: "dispatch.setback", Mode: gate.Write,
	Alone:  func(in SetbackIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in SetbackIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in SetbackIn) (Item, error) {
		b, i, err := loadItem(x, in.Package, in.Item)
		if err != nil {
			return Item{}, err
		}
		if i.State != Held || x.Now().Before(i.NotBefore) {
			return *i, fault.Refused("dispatch.not_due")
		}
		if i.FirstTry.IsZero() {
			i.FirstTry = x.Now()
		}
		i.Attempts++
		i.Reason, i.SettledAt = "dispatch.cannot_claim", x.Now()
		e, next := i.after(string(smtp.Deferred), x.Now())
		if i.NotBefore = next; e == Refuse {
			i.State, i.Reason = Refused, "dispatch.gave_up"
		}
		return *i, b.summarise(x)
	},
})

// MarkIn says that the dot is next.
type MarkIn struct {
	Item    string `json:"item" required:"true"`
	Package string `json:"package" required:"true"`
	Fence   int64  `json:"fence" required:"true"`
	Bytes   string `json:"bytes_digest" required:"true"` // of exactly what is being sent
	Relay   string `json:"relay"`                        // that the dot goes to
}

// Mark records durably that the final dot follows: from here on the mail may
// have been sent. It is the last moment at which an emergency stop, a lost lease,
// a newer claim or a change of the register keeps it from leaving.
var Mark = gate.New(gate.Op[MarkIn, Item]{
	Name: "dispatch.mark", Mode: gate.Write,
	Alone:  func(in MarkIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in MarkIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in MarkIn) (Item, error) {
		b, i, err := loadItem(x, in.Package, in.Item)
		if err != nil {
			return Item{}, err
		}
		if err := b.goes(x); err != nil {
			return *i, err
		}
		if i.State != Claimed || i.Fence != in.Fence || !i.MarkedAt.IsZero() || !x.Now().Before(i.LeaseUntil) {
			return *i, fault.Refused("dispatch.lease_lost")
		}
		if _, err := unchanged(x, *b); err != nil {
			return *i, err
		}
		if b.Channel != Link { // a link is no byte of what it leads to
			if err := b.given(x, "dispatch.mark"); err != nil {
				return *i, err
			}
		}
		if err := spend(x, i.Point); err != nil {
			return *i, err
		}
		i.MarkedAt, i.Bytes, i.Relay = x.Now(), in.Bytes, in.Relay
		return *i, b.save(x)
	},
})

// OutcomeIn is what the relay said, or that nobody knows.
type OutcomeIn struct {
	Item    string `json:"item" required:"true"`
	Package string `json:"package" required:"true"`
	Fence   int64  `json:"fence" required:"true"`
	Kind    string `json:"kind" required:"true" enum:"handed_over,refused,deferred,held,unknown"`
	Reason  string `json:"reason" required:"true"` // key of the sentence
	Relay   string `json:"relay"`
	Reply   string `json:"reply" max:"600"`
	QueueID string `json:"queue_id"`
	TLS     string `json:"tls"`
}

// OutcomeOp keeps how the sending to one recipient ended. What comes in from a
// worker whose lease was lost still counts if it says for certain what nobody
// else knows.
var OutcomeOp = gate.New(gate.Op[OutcomeIn, Item]{
	Name: "dispatch.outcome", Mode: gate.Write,
	Alone:  func(in OutcomeIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in OutcomeIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in OutcomeIn) (Item, error) {
		b, i, err := loadItem(x, in.Package, in.Item)
		if err != nil {
			return Item{}, err
		}
		if i.Fence != in.Fence || i.State != Claimed && i.State != Unknown {
			return *i, fault.Refused("dispatch.lease_lost")
		}
		e, next := i.after(in.Kind, x.Now())
		if e == Return && in.Reason == relayRests { // nothing was tried: it waits for the relay, not for its own next turn
			next = x.Now().Add(restAfter(1))
		}
		if i.State, err = Next(i.State, e); err != nil {
			return *i, err
		}
		i.NotBefore, i.SettledAt = next, x.Now()
		i.Reason, i.Relay, i.Reply, i.QueueID, i.TLS = in.Reason, in.Relay, in.Reply, in.QueueID, in.TLS
		if e == Refuse && in.Kind != string(Refused) {
			i.Reason = "dispatch.gave_up"
		}
		return *i, b.summarise(x)
	},
})

// after gives the event of an outcome and when to try again. Only what is
// surely not sent is tried again, and only for giveUpAfter.
func (i Item) after(kind string, now time.Time) (Event, time.Time) {
	switch kind {
	case "handed_over":
		return HandOver, time.Time{}
	case "refused":
		return Refuse, time.Time{}
	case "deferred", "held":
		if now.Sub(i.FirstTry) > giveUpAfter {
			return Refuse, time.Time{}
		}
		return Return, now.Add(retryAfter(i.Attempts))
	}
	return Lose, time.Time{}
}

// RecoverIn names the node that has just started; empty for the regular sweep.
type RecoverIn struct {
	Holder string `json:"holder"`
}

// RecoverOut says what was found.
type RecoverOut struct {
	Returned int `json:"returned" class:"internal"` // claimed without a mark, or put off in a time that has not been: surely not sent
	Unknown  int `json:"unknown" class:"internal"`  // marked without an outcome
	Rejected int `json:"rejected" class:"internal"` // requests that were refused or lapsed
}

// Recover settles what a dead worker left: without its mark a claim goes back to
// be tried again; with it, nobody knows, and it is never sent again blindly. It
// also brings back packages whose request a second person refused.
var Recover = gate.New(gate.Op[RecoverIn, RecoverOut]{
	Name: "dispatch.recover", Mode: gate.Write, Target: system[RecoverIn],
	Do: func(x *gate.Tx, in RecoverIn) (RecoverOut, error) {
		var out RecoverOut
		list, err := items.Find(x, gate.Eq("state", Claimed))
		if err != nil {
			return out, err
		}
		for _, i := range list {
			if i.printed() || i.Holder != in.Holder && x.Now().Before(i.LeaseUntil) { // people print at their own pace
				continue
			}
			if err := abandon(x, i, &out); err != nil {
				return out, err
			}
		}
		if err := ahead(x, &out); err != nil {
			return out, err
		}
		return out, rejected(x, &out)
	},
})

func abandon(x *gate.Tx, dead Item, out *RecoverOut) error {
	b, i, err := loadItem(x, dead.Package, dead.ID)
	if err != nil {
		return err
	}
	if i.MarkedAt.IsZero() {
		i.State, i.NotBefore, i.Reason = Held, x.Now(), "dispatch.returned"
		out.Returned++
	} else {
		i.State, i.SettledAt, i.Reason = Unknown, x.Now(), "dispatch.unknown_crash"
		out.Unknown++
	}
	return b.summarise(x)
}

func rejected(x *gate.Tx, out *RecoverOut) error {
	p, err := sendings.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Awaiting)}, By: "created_at", Limit: 200})
	if err != nil {
		return err
	}
	for _, s := range p.Rows {
		r, err := approval.Get(x, s.Request)
		if err != nil {
			return err
		}
		if r.State == approval.Open || r.State == approval.Approved {
			continue
		}
		b, err := load(x, s.ID)
		if err != nil {
			return err
		}
		b.Reason = "dispatch.rejected"
		if err := b.advance(x, Reject); err != nil {
			return err
		}
		if r.State == approval.Rejected {
			if err := nearMiss(x, b.Sending, NearReject, r.ID, "dispatch.near.rejected"); err != nil {
				return err
			}
		}
		out.Rejected++
	}
	return nil
}
