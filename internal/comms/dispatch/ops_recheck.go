package dispatch

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// checking is what a check finds by the rules of today.
func (c content) checking(x *gate.Tx, b bundle, s standing) (Checking, error) {
	beside, err := stamp(x, relationStamp, accountStamp)
	fs, ask := judge(s.facts.Rules, Examine(s.facts))
	x.Note("rules", s.facts.Rules.name())
	return Checking{Package: b.ID, Person: x.Actor().Person, Register: c.stamp + " " + beside, ExpiresAt: x.Now().Add(s.facts.Rules.TickLife()),
		Findings: fs, Friction: ask, Rules: s.facts.Rules.Version}, err
}

// RecheckOut says whether a package that was confirmed still is as it was.
type RecheckOut struct {
	State State `json:"state" class:"internal"`
	Same  bool  `json:"same" class:"internal"` // nothing else was found: what was confirmed and asked for still counts
}

// recheckOp compares a package that was confirmed, contents and all, with the
// register of now (再チェック): for whoever is about to release or approve it, and
// for the worker before it sends. If anything else is found than was confirmed,
// it goes back to whoever prepared it.
func (g *Gate) recheckOp() *gate.UseCase[ByID, RecheckOut] {
	return gate.New(gate.Op[ByID, RecheckOut]{
		Name: "dispatch.recheck", Mode: gate.Write,
		Alone:  func(in ByID) []string { return alone(in.ID) },
		Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
		Work:   g.read,
		Do:     recheck,
	})
}

func recheck(x *gate.Tx, in ByID) (RecheckOut, error) {
	c := gate.Worked[content](x)
	b, err := load(x, in.ID)
	if err != nil {
		return RecheckOut{}, err
	}
	if b.Version != c.version {
		return RecheckOut{}, fault.Conflict("gate.conflict")
	}
	held := slices.ContainsFunc(b.items, func(i Item) bool { return i.State == Held }) // also beside recipients that are further on
	if !held && b.State != Confirmed && b.State != Awaiting {
		return RecheckOut{State: b.State}, fault.Refused("dispatch.state", "state", b.State.word())
	}
	s, err := stand(x, b, c.register)
	if err == nil {
		s.confirmed = b.ConfirmedAt
		err = c.fill(x, &s)
	}
	if err != nil {
		return RecheckOut{}, err
	}
	was, err := checked.Get(x, b.Check)
	if err != nil {
		return RecheckOut{}, err
	}
	s.facts.Late = was.late()
	now, err := c.checking(x, b, s)
	if err != nil {
		return RecheckOut{}, err
	}
	now.Digest = s.Digest()
	if now.Digest != b.Digest || was.Digest != b.Digest || !now.upholds(was, held) {
		if err := nearMiss(x, b.Sending, NearStop, s.content(), halts(now.Findings)...); err != nil {
			return RecheckOut{}, err
		}
		err := b.void(x)
		return RecheckOut{State: b.State}, err
	}
	now.Person, now.Used, now.Rules = was.Person, was.Used, was.Rules // it was confirmed by those, and today's ask no more
	if err := checked.Insert(x, &now); err != nil {
		return RecheckOut{}, err
	}
	b.Check = now.ID
	return RecheckOut{b.State, true}, b.save(x)
}

// late is the hour that was found unusual when a person checked: it is not
// judged again when night has fallen over a package that waits.
func (c Checking) late() string {
	if i := slices.IndexFunc(c.Findings, func(f Finding) bool { return f.Key == "dispatch.found.unusual_hour" }); i >= 0 {
		return c.Findings[i].Shown
	}
	return ""
}

// upholds tells whether what was found before may go on to count. Once a part of
// it has left, what was found about that part may be gone; nothing may be new but
// what agrees: an amount that meanwhile became a usual one is no reason to stop.
func (c Checking) upholds(was Checking, held bool) bool {
	if c.ask() != was.ask() && !held || Stops(c.Findings) {
		return false
	}
	for _, f := range c.Findings {
		if f.Level != Match && !slices.ContainsFunc(was.Findings, f.same) {
			return false
		}
	}
	return held || len(c.Findings) == len(was.Findings)
}

// same tells whether two findings say and ask the same. Of several like invoices
// one is named; when that one was taken back, another of them is, and nothing is new.
func (f Finding) same(o Finding) bool {
	return f.Level == o.Level && f.Key == o.Key && f.Item == o.Item && f.Shown == o.Shown &&
		(f.Registered == o.Registered || f.Key == "dispatch.found.same_amount") && f.Point == o.Point && f.Reason == o.Reason && f.Second == o.Second
}

// ask is what the check asks of people; one made before there were rules, the most.
func (c Checking) ask() Friction {
	if c.Friction == "" {
		return Second
	}
	return c.Friction
}

// digest covers what was found and by which rules, not which check found it: the
// same finding once more is the same to whoever approves.
func (c Checking) digest() []byte {
	var d canon
	d.text(c.Digest, string(c.ask()))
	d.number(c.Rules)
	d.number(int64(len(c.Findings)))
	var each []string
	for _, f := range c.Findings {
		var e canon
		e.text(string(f.Level), f.Key, f.Item, f.Shown, f.Registered, f.Point, f.Reason)
		each = append(each, string(e.b))
	}
	slices.Sort(each)
	d.text(each...)
	return d.b
}

// claim takes what is due for this worker. What was checked against another
// register is checked again first, contents and all.
func (w *Worker) claim(ctx context.Context, d DueItem) (Job, error) {
	in := ClaimIn{d.Item, d.Package, w.Holder}
	job, err := gate.Run(ctx, w.Gate, w.As, ClaimOp, in)
	if err == nil || fault.Of(err).Key != "dispatch.check_stale" {
		return job, err
	}
	raw, err := json.Marshal(ByID{d.Package})
	if err == nil {
		_, err = w.Gate.JSON(ctx, w.As, "dispatch.recheck", raw)
	}
	if err != nil {
		return job, err
	}
	return gate.Run(ctx, w.Gate, w.As, ClaimOp, in)
}
