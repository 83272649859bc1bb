package batch

import (
	"encoding/hex"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// ReleaseIn asks for the sending of a confirmed plan, at once or at a set time.
type ReleaseIn struct {
	ID     string    `json:"id" required:"true"`
	Digest string    `json:"digest" required:"true"`
	SendAt time.Time `json:"send_at"` // as soon as the countdown is over if zero
}

// bell is rung when a plan has something to do.
const bell = "batch"

// releaseOp asks for the sending of a whole plan (一括送付の実行). A second person
// always agrees: to the digest, with a sample and the exceptions before them.
func (h *House) releaseOp() *gate.UseCase[ReleaseIn, Batch] {
	return gate.New(gate.Op[ReleaseIn, Batch]{
		Name: dispatch.BatchReleaseName, Mode: gate.Write,
		Alone:    func(in ReleaseIn) []string { return lock(in.ID) },
		Target:   func(x *gate.Tx, in ReleaseIn) (gate.Target, error) { return about(x, in.ID) },
		FourEyes: second,
		Do: func(x *gate.Tx, in ReleaseIn) (Batch, error) {
			b, err := batches.Get(x, in.ID)
			if err != nil {
				return b, err
			}
			if !x.Approved() || b.State != Awaiting || b.ConfirmedBy != x.Actor().Person || in.Digest != b.Digest {
				return b, fault.Refused("batch.changed")
			}
			hold, err := h.d.HoldFor(x)
			if err != nil {
				return b, err
			}
			if b.SendAt, err = when(in.SendAt, x.Now(), hold); err != nil {
				return b, err
			}
			b.State, b.ApprovedBy, b.Reason = Scheduled, x.ApprovedBy(), ""
			x.AfterCommit(func() { gate.Ring(x, bell) })
			return b, batches.Update(x, &b)
		},
	})
}

// asked is a plan as its approver sees it.
type asked struct {
	Packages   int64          `json:"packages"`
	Total      money.Yen      `json:"total"`
	SendAt     time.Time      `json:"send_at,omitzero"`
	Subject    string         `json:"subject"`
	Body       string         `json:"body"`
	Sample     []askedItem    `json:"sample"`     // drawn anew
	Cautions   []askedItem    `json:"cautions"`   // what the requester has ticked
	Exceptions []askedAside   `json:"exceptions"` // what does not go
	More       map[string]int `json:"more,omitzero"`
	Digest     string         `json:"digest"`
}

type askedItem struct {
	Partner    string    `json:"partner"`
	Recipients []string  `json:"recipients"`
	Amount     money.Yen `json:"amount"`
	Prior      money.Yen `json:"prior"`
	Sending    string    `json:"sending"`
	Found      []said    `json:"found,omitzero"`
}

type askedAside struct {
	Partner string `json:"partner"`
	Reason  said   `json:"reason"`
}

// askedMost keeps a request small enough to be read.
const askedMost = 100

// second is asked when the release is asked for and again when it is approved:
// whatever changed between makes another digest or a refusal.
func second(x *gate.Tx, in ReleaseIn) (gate.Second, error) {
	b, err := batches.Get(x, in.ID)
	if err == nil {
		err = b.State.needs(Confirmed, Awaiting)
	}
	if err != nil {
		return gate.Second{}, err
	}
	rows, err := b.standing(x)
	switch {
	case err != nil:
		return gate.Second{}, err
	case in.Digest != b.Digest:
		return gate.Second{}, fault.Refused("batch.changed")
	case b.State == Confirmed && x.Now().Sub(b.RehearsedAt) > freshFor:
		return gate.Second{}, fault.Refused("batch.stale", "hours", int(freshFor.Hours()))
	}
	if _, err := when(in.SendAt, x.Now(), 0); err != nil {
		return gate.Second{}, err
	}
	s := gate.Second{Needed: true}
	if s.Digest, err = hex.DecodeString(b.Digest); err != nil {
		return s, err
	}
	s.After, err = b.asked(x, in, rows)
	return s, err
}

func (b Batch) asked(x *gate.Tx, in ReleaseIn, rows []liveRow) (asked, error) {
	a := asked{Packages: int64(len(rows)), Total: b.Total, SendAt: in.SendAt, Subject: b.Subject, Body: b.Body, Digest: b.Digest, More: map[string]int{}}
	var of []liveRow
	for _, r := range rows {
		if r.Cautions > 0 {
			of = append(of, r)
		}
	}
	a.More["cautions"] = max(0, len(of)-askedMost)
	of = of[:min(len(of), askedMost)]
	for n, list := range [][]liveRow{draw(x.Ring(), "batch approver's sample", x.NewID(), rows), of} {
		for _, r := range list {
			i, err := items.Get(x, r.ID)
			if err != nil {
				return a, err
			}
			if n == 0 {
				a.Sample = append(a.Sample, i.asked())
			} else {
				a.Cautions = append(a.Cautions, i.asked())
			}
		}
	}
	p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("batch_id", b.ID), gate.Eq("state", Aside)}, By: "place", Limit: askedMost})
	a.More["exceptions"] = max(0, int(b.Aside)-len(p.Rows))
	for _, i := range p.Rows {
		a.Exceptions = append(a.Exceptions, askedAside{i.Code + " " + i.Name, i.why()})
	}
	return a, err
}

func (i Item) asked() askedItem {
	a := askedItem{Partner: i.Code + " " + i.Name, Recipients: i.Recipients, Amount: i.Amount, Prior: i.Prior, Sending: i.Sending}
	for _, f := range i.Findings {
		a.Found = append(a.Found, sentence(f.Key, "shown", f.Shown, "registered", f.Registered))
	}
	return a
}

// Keep is gate.Config.Request: it keeps what was asked for as dispatch.Keep does,
// and marks a plan whose release was asked for.
func Keep(x *gate.Tx, a gate.Ask) (string, error) {
	id, err := dispatch.Keep(x, a)
	if err != nil || a.Op != dispatch.BatchReleaseName {
		return id, err
	}
	b, err := batches.Get(x, a.ID)
	if err != nil {
		return id, err
	}
	if b.ConfirmedBy != x.Actor().Person {
		return id, fault.Refused("batch.not_confirmer")
	}
	if b.State == Awaiting && b.Request != id { // somebody has asked already, with another day
		return id, fault.Refused("batch.in_state", "state", b.State.word())
	}
	b.Request, b.State, b.Reason = id, Awaiting, ""
	return id, batches.Update(x, &b)
}

// refused tells whether the request of an awaiting plan has ended without consent.
func (b Batch) refused(x *gate.Tx) (bool, error) {
	r, err := approval.Get(x, b.Request)
	return r.State != approval.Open && r.State != approval.Approved, err
}
