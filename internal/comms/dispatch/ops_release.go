package dispatch

import (
	"encoding/hex"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// ReleaseIn lets a confirmed package go.
type ReleaseIn struct {
	ID     string `json:"id" required:"true"`
	Digest string `json:"digest" required:"true"`
}

// releaseName is the op whose requests move a package.
const releaseName = "dispatch.release"

// Keep is gate.Config.Request: it keeps what was asked for as approval.Keep
// does, and marks a package whose release was asked for.
func Keep(x *gate.Tx, a gate.Ask) (string, error) {
	id, err := approval.Keep(x, a)
	if err != nil || a.Op != releaseName {
		return id, err
	}
	b, err := load(x, a.ID)
	if err != nil {
		return id, err
	}
	if b.ConfirmedBy != x.Actor().Person {
		return id, fault.Refused("dispatch.not_confirmer")
	}
	b.Request = id
	if b.State == Awaiting {
		return id, b.save(x)
	}
	return id, b.advance(x, Ask)
}

// releaseOp asks for the sending of a confirmed package (送付の実行): at once
// into the countdown, or by way of a second person.
func (g *Gate) releaseOp() *gate.UseCase[ReleaseIn, Shown] {
	return gate.New(gate.Op[ReleaseIn, Shown]{
		Name: releaseName, Mode: gate.Write,
		Alone:    func(in ReleaseIn) []string { return alone(in.ID) },
		Target:   func(x *gate.Tx, in ReleaseIn) (gate.Target, error) { return target(x, in.ID) },
		FourEyes: second,
		Do: func(x *gate.Tx, in ReleaseIn) (Shown, error) {
			b, err := load(x, in.ID)
			if err != nil {
				return Shown{}, err
			}
			if b.ConfirmedBy != x.Actor().Person {
				return Shown{}, fault.Refused("dispatch.not_confirmer")
			}
			if in.Digest != b.Digest {
				return Shown{}, fault.Refused("dispatch.changed")
			}
			if err := running(x); err != nil {
				return Shown{}, err
			}
			if _, err := unchanged(x, b); err != nil {
				return Shown{}, b.refuse(x, err)
			}
			b.HeldUntil = x.Now().Add(g.settings.Hold)
			for i := range b.items {
				b.items[i].NotBefore = b.HeldUntil
			}
			x.AfterCommit(func() { gate.Ring(x, bell) })
			if x.Approved() {
				return b.after(b.advance(x, Approve, Hold))
			}
			return b.after(b.advance(x, Hold))
		},
	})
}

// Summary of a package as an approver sees it.
type asked struct {
	Party       string      `json:"party"`
	Sender      string      `json:"sender"`
	Recipients  []string    `json:"recipients"`
	Subject     string      `json:"subject"`
	Body        string      `json:"body"`
	Attachments []askedFile `json:"attachments"`
	Total       money.Yen   `json:"total"`
	Findings    []string    `json:"findings"`
	Digest      string      `json:"digest"`
}

type askedFile struct {
	Name   string     `json:"name"`
	Number string     `json:"number"`
	Amount money.Yen  `json:"amount"`
	Date   civil.Date `json:"date"`
	Digest string     `json:"digest"`
}

func (b bundle) asked(p party.Party, findings []Finding) asked {
	a := asked{Party: p.Code + " " + p.Name, Sender: b.FromName + " <" + b.FromAddress + ">", Subject: b.Subject, Body: b.Body, Digest: b.Digest}
	for _, i := range b.items {
		a.Recipients = append(a.Recipients, i.Kind+": "+i.Address)
	}
	for _, f := range b.files {
		a.Attachments = append(a.Attachments, askedFile{f.Name, f.Number, f.Amount, f.Date, f.Digest})
		a.Total += f.Amount
	}
	for _, f := range findings {
		if f.Level == Caution {
			a.Findings = append(a.Findings, f.Key+": "+f.Shown)
		}
	}
	return a
}

// second is asked when release is asked for and again when it is approved, so
// whatever changed in between makes another digest or a fault: the request is
// void either way.
func second(x *gate.Tx, in ReleaseIn) (gate.Second, error) {
	b, err := load(x, in.ID)
	if err != nil {
		return gate.Second{}, err
	}
	if b.State != Confirmed && b.State != Awaiting {
		_, err := Next(b.State, Ask)
		return gate.Second{}, err
	}
	if in.Digest != b.Digest {
		return gate.Second{}, fault.Refused("dispatch.changed")
	}
	if err := running(x); err != nil {
		return gate.Second{}, err
	}
	c, err := unchanged(x, b)
	if err != nil {
		return gate.Second{}, err
	}
	p, err := party.Get(x, b.Party)
	if err != nil {
		return gate.Second{}, err
	}
	s := gate.Second{Needed: classOf(b.Class) >= secondFrom || NeedsSecond(c.Findings), Department: b.Department, Silent: "nothing_strange"}
	if s.Digest, err = hex.DecodeString(b.Digest); err != nil {
		return s, err
	}
	s.Digest = append(s.Digest, c.ID...)
	s.After = b.asked(p, c.Findings)
	last, err := lastTo(x, b)
	if err == nil && last != nil {
		s.Before = last.asked(p, nil)
	}
	return s, err
}

// lastTo is the package last handed over to the same partner, for the approver
// to see the difference.
func lastTo(x *gate.Tx, b bundle) (*bundle, error) {
	p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("party_id", b.Party), gate.In("state", gone())}, By: "settled_at", Desc: true, Limit: 1})
	if err != nil || len(p.Rows) == 0 {
		return nil, err
	}
	last, err := load(x, p.Rows[0].Package)
	return &last, err
}

// CancelIn takes a package back.
type CancelIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" text:"multiline"`
}

// CancelOp takes back whatever has not been claimed yet (送付の取消し), also
// while it is held.
var CancelOp = gate.New(gate.Op[CancelIn, Shown]{
	Name: "dispatch.cancel", Mode: gate.Write,
	Alone:  func(in CancelIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in CancelIn) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in CancelIn) (Shown, error) {
		b, err := load(x, in.ID)
		if err != nil {
			return Shown{}, err
		}
		if len(b.items) == 0 {
			return b.after(b.advance(x, Cancel))
		}
		n := 0
		for i := range b.items {
			if b.items[i].State.Can(Cancel) {
				b.items[i].State, b.items[i].SettledAt = Cancelled, x.Now()
				n++
			}
		}
		if n == 0 {
			return Shown{}, fault.Refused("dispatch.too_late", "state", b.State.word())
		}
		b.Reason, b.HeldUntil = "dispatch.cancelled", time.Time{}
		return b.after(b.summarise(x))
	},
})
