package dispatch

import (
	"context"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// CheckOut is what a check found, and the ticks to give back if nothing stops.
type CheckOut struct {
	State     State     `json:"state" class:"internal"`
	Digest    string    `json:"digest" class:"internal"`
	Findings  []Finding `json:"findings"`
	Ticks     []Tick    `json:"ticks"`
	ExpiresAt time.Time `json:"expires_at" class:"internal"`
	Friction  Friction  `json:"friction" class:"internal"` // what it asks of people
	Rules     string    `json:"rules" class:"internal"`    // version of the rules of sending (SM-33)
}

// checkOp compares a package with the register (送付前チェック). It may be run as
// often as one likes; the ticks of the last one count.
func (g *Gate) checkOp() *gate.UseCase[ByID, CheckOut] {
	return gate.New(gate.Op[ByID, CheckOut]{
		Name: "dispatch.check", Mode: gate.Write,
		Alone:  func(in ByID) []string { return alone(in.ID) },
		Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
		Work:   g.read,
		Do:     check,
	})
}

func (g *Gate) read(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
	b, err := load(x, in.ID)
	if err != nil {
		return nil, err
	}
	return g.reader(x, b)
}

func check(x *gate.Tx, in ByID) (CheckOut, error) {
	return checkRead(x, in.ID, gate.Worked[content](x))
}

// checkRead checks a package whose contents were read.
func checkRead(x *gate.Tx, id string, c content) (CheckOut, error) {
	b, err := load(x, id)
	if err != nil {
		return CheckOut{}, err
	}
	if b.Version != c.version {
		return CheckOut{}, fault.Conflict("gate.conflict")
	}
	if b.State == Confirmed || b.State == Rejected {
		if err := b.change(x, ""); err != nil {
			return CheckOut{}, err
		}
	}
	if !b.State.Can(Pass) {
		_, err := Next(b.State, Pass)
		return CheckOut{}, err
	}
	s, err := stand(x, b, c.register)
	if err == nil {
		err = c.fill(x, &s)
	}
	if err != nil {
		return CheckOut{}, err
	}
	k, err := c.checking(x, b, s)
	if err != nil {
		return CheckOut{}, err
	}
	return b.judged(x, s, k)
}

// judged writes what a check found and moves the package.
func (b *bundle) judged(x *gate.Tx, s standing, k Checking) (CheckOut, error) {
	for i, r := range s.facts.Recipients {
		b.items[i].Point, b.items[i].Address = r.Point, ""
		if r.Point != "" {
			b.items[i].Address = s.at(r.Point)
		}
	}
	event := Stop
	b.Digest, b.Check, b.Reason = "", "", "dispatch.stopped"
	if !Stops(k.Findings) {
		event = Pass
		b.Digest, b.Reason = s.Digest(), ""
	}
	k.Digest = b.Digest
	if event == Pass {
		if err := b.keepVersion(x); err != nil {
			return CheckOut{}, err
		}
	}
	if err := checked.Insert(x, &k); err != nil {
		return CheckOut{}, err
	}
	b.Check = k.ID
	if err := nearMiss(x, b.Sending, NearStop, s.content(), halts(k.Findings)...); err != nil {
		return CheckOut{}, err
	}
	if err := b.advance(x, event); err != nil {
		return CheckOut{}, err
	}
	out := CheckOut{State: b.State, Digest: b.Digest, Findings: b.steps(s, k.Findings), ExpiresAt: k.ExpiresAt,
		Friction: k.Friction, Rules: Rules{Version: k.Rules}.name()}
	if event == Pass {
		out.Ticks = ticks(x, *b, k)
	}
	return out, nil
}

// ConfirmIn gives the ticks back.
type ConfirmIn struct {
	ID     string   `json:"id" required:"true"`
	Digest string   `json:"digest" required:"true"`
	Ticks  []string `json:"ticks" required:"true" max:"200"`
}

// ConfirmOp takes the ticks of every item and caution of the last check
// (項目ごとの確認): exactly all, of this person, in time, once.
var ConfirmOp = gate.New(gate.Op[ConfirmIn, Shown]{
	Name: "dispatch.confirm", Mode: gate.Write,
	Alone:  func(in ConfirmIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in ConfirmIn) (gate.Target, error) { return target(x, in.ID) },
	Do:     confirm,
})

func confirm(x *gate.Tx, in ConfirmIn) (Shown, error) {
	if x.Actor().Via == policy.ViaClient {
		return Shown{}, fault.Denied("dispatch.person_only")
	}
	b, err := load(x, in.ID)
	if err != nil {
		return Shown{}, err
	}
	return b.after(b.confirm(x, in.Digest, in.Ticks))
}

// confirm takes the ticks of the last check, or refuses and keeps that it was tried.
func (b *bundle) confirm(x *gate.Tx, digest string, given []string) error {
	if !b.State.Can(Confirm) {
		_, err := Next(b.State, Confirm)
		return gate.Refused(x, fault.Of(err))
	}
	c, err := checked.Get(x, b.Check)
	if err != nil {
		return err
	}
	switch {
	case c.Used || c.Person != x.Actor().Person || digest != b.Digest || !complete(ticks(x, *b, c), given):
		x.Note("ticks", len(given))
		return gate.Refused(x, fault.Refused("dispatch.ticks"))
	case !x.Now().Before(c.ExpiresAt):
		return gate.Refused(x, fault.Refused("dispatch.ticks_expired", "minutes", int(c.ExpiresAt.Sub(c.CreatedAt).Minutes())))
	}
	if _, err := unchanged(x, *b); err != nil {
		return b.refuse(x, err)
	}
	c.Used = true
	if err := checked.Update(x, &c); err != nil {
		return err
	}
	// From here on it may leave: the import that brought the partner stays.
	if err := party.Hold(x, b.Party); err != nil {
		return err
	}
	b.ConfirmedBy, b.ConfirmedAt = x.Actor().Person, x.Now()
	return b.advance(x, Confirm)
}

// refuse sends a package back whose foundation has changed, and keeps that.
func (b *bundle) refuse(x *gate.Tx, err error) error {
	if !fault.Is(err, fault.KindRefused) {
		return err
	}
	if err := b.void(x); err != nil {
		return err
	}
	return gate.Refused(x, fault.Of(err))
}
