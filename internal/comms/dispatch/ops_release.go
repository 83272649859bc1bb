package dispatch

import (
	"encoding/hex"
	"strings"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// ReleaseIn lets a confirmed package go. A quiet one is confirmed and let go in
// one act: with the one tick of its check. Reason is what whoever approves is told;
// a check may want one.
type ReleaseIn struct {
	ID     string   `json:"id" required:"true"`
	Digest string   `json:"digest" required:"true"`
	Ticks  []string `json:"ticks" max:"1"`
	Reason string   `json:"reason" text:"multiline" max:"500"`
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
	if err := b.versionAsked(x); err != nil {
		return id, err
	}
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
		Do:       g.release,
	})
}

func (g *Gate) release(x *gate.Tx, in ReleaseIn) (Shown, error) {
	b, err := load(x, in.ID)
	if err != nil {
		return Shown{}, err
	}
	if err := running(x); err != nil {
		return Shown{}, err
	}
	if b.State == Checked {
		if err := b.confirmQuiet(x, in); err != nil {
			return Shown{}, err
		}
	}
	if b.ConfirmedBy != x.Actor().Person {
		return Shown{}, fault.Refused("dispatch.not_confirmer")
	}
	if in.Digest != b.Digest {
		return Shown{}, fault.Refused("dispatch.changed")
	}
	c, err := unchanged(x, b)
	if err != nil {
		return Shown{}, b.refuse(x, err)
	}
	if err := recent(x, c); err != nil {
		return Shown{}, err
	}
	if x.Approved() {
		err = current(x, c)
	}
	if err != nil {
		return Shown{}, err
	}
	_, rules, err := rulesNow(x)
	if err != nil {
		return Shown{}, err
	}
	if err := b.queue(x, x.Now().Add(rules.HoldOf(b.Purpose, c.ask(), g.settings.Hold))); err != nil {
		return Shown{}, err
	}
	x.AfterCommit(func() { gate.Ring(x, bell) })
	if x.Approved() {
		return b.after(b.advance(x, Approve, Hold))
	}
	return b.after(b.advance(x, Hold))
}

// confirmQuiet takes the one tick of a quiet package. A living person gives it,
// as any other.
func (b *bundle) confirmQuiet(x *gate.Tx, in ReleaseIn) error {
	if x.Actor().Via == policy.ViaClient {
		return fault.Denied("dispatch.person_only")
	}
	c, err := checked.Get(x, b.Check)
	if err != nil {
		return err
	}
	if c.ask() != Quiet {
		return fault.Refused("dispatch.not_quiet")
	}
	return b.confirm(x, in.Digest, in.Ticks)
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
	Findings    []sentence  `json:"findings"`
	Because     []sentence  `json:"because,omitzero"` // the rules that ask for a second person
	Rules       string      `json:"rules,omitzero"`   // version of the rules it was judged by
	Earlier     *Difference `json:"earlier,omitzero"` // what the requester has changed since it was last asked for or checked
	Digest      string      `json:"digest"`
}

// sentence is what was found, in words.
type sentence struct {
	Ja string `json:"ja"`
	En string `json:"en"`
}

func (f Finding) sentence() sentence {
	say := func(l text.Lang) string {
		s := text.T(l, f.Key, "shown", f.Shown, "registered", f.Registered)
		if f.Reason != "" {
			s += " " + text.T(l, f.Reason, "shown", f.Shown, "registered", f.Registered)
		}
		return s
	}
	return sentence{say(text.JA), say(text.EN)}
}

func (b bundle) asked(p party.Party, findings []Finding) asked {
	a := asked{Party: p.Code + " " + p.Name, Sender: b.FromName + " <" + b.FromAddress + ">", Subject: b.Subject, Body: b.Body, Digest: b.Digest}
	for _, i := range b.items {
		a.Recipients = append(a.Recipients, i.Kind+": "+i.Address)
	}
	for _, f := range b.files {
		a.Attachments = append(a.Attachments, askedFile{f.Name, f.Number, f.Amount, f.Date, f.Digest, f.Kind})
		a.Total += f.Amount
	}
	for _, f := range findings {
		if f.Level == Caution || f.Second {
			a.Findings = append(a.Findings, f.sentence())
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
	if b.State == Checked && len(in.Ticks) > 0 { // one act; release looks at the tick and at what it stands for
		return gate.Second{Silent: "quiet"}, nil
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
	if b.State == Confirmed {
		if err := recent(x, c); err != nil {
			return gate.Second{}, err
		}
	}
	p, err := party.Get(x, b.Party)
	if err != nil {
		return gate.Second{}, err
	}
	if WantsReason(c.Findings) && strings.TrimSpace(in.Reason) == "" {
		return gate.Second{}, fault.Invalid("dispatch.reason_wanted").At("reason")
	}
	s := gate.Second{Needed: c.ask() == Second, Department: b.Department, Silent: "nothing_strange"}
	if s.Digest, err = hex.DecodeString(b.Digest); err != nil {
		return s, err
	}
	s.Digest = append(s.Digest, c.digest()...)
	after := b.asked(p, c.Findings)
	_, rules, err := rulesNow(x)
	if err != nil {
		return s, err
	}
	after.Rules, after.Because = Rules{Version: c.Rules}.name(), rules.Because(c.Findings)
	if after.Earlier, err = b.sinceEarlier(x); err != nil {
		return s, err
	}
	s.After = after
	last, err := lastTo(x, b)
	if err == nil && last != nil {
		s.Before = last.asked(p, nil)
	}
	return s, err
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
		n, held := 0, false
		for i := range b.items {
			if b.items[i].State.Can(Cancel) {
				held = held || b.items[i].State == Held
				b.items[i].State, b.items[i].SettledAt = Cancelled, x.Now()
				n++
			}
		}
		if n == 0 {
			return Shown{}, fault.Refused("dispatch.too_late", "state", b.State.word())
		}
		if held {
			if err := nearMiss(x, b.Sending, NearCancel, "", "dispatch.near.cancelled"); err != nil {
				return Shown{}, err
			}
		}
		b.Reason, b.HeldUntil = "dispatch.cancelled", time.Time{}
		return b.after(b.summarise(x))
	},
})
