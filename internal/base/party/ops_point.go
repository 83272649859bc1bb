package party

import (
	"context"
	"slices"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

// ProposeIn is an address somebody wants to send to.
type ProposeIn struct {
	Party    string `json:"party" required:"true"`
	Contact  string `json:"contact"`
	Address  string `json:"address" required:"true" max:"400" text:"raw"` // read and refused by mailaddr, which says more about it
	Label    string `json:"label"`
	MaxClass string `json:"max_class" enum:"internal,confidential,personal"` // confidential if empty
	Replaces string `json:"replaces"`                                        // a point that ends when this one is verified
}

// PointPropose enters an address (送付先の登録申請). Nothing is sent to it before two
// persons have verified it; one that it replaces stays in force until then.
var PointPropose = gate.New(gate.Op[ProposeIn, DeliveryPoint]{
	Name: "party.point_propose", Mode: gate.Write,
	Alone:  func(in ProposeIn) []string { return lock(in.Party) },
	Target: func(x *gate.Tx, in ProposeIn) (gate.Target, error) { return about(x, in.Party) },
	Work: func(x *gate.Tx, in ProposeIn) (func(context.Context) (any, error), error) {
		return inspect(x, in.Party, in.Address)
	},
	Do: func(x *gate.Tx, in ProposeIn) (DeliveryPoint, error) {
		p := DeliveryPoint{Party: in.Party, Contact: in.Contact, Address: in.Address, Label: in.Label, MaxClass: policy.Confidential,
			State: Proposed, Origin: Manual, Replaces: in.Replaces, Findings: gate.Worked[[]Finding](x)}
		if in.MaxClass != "" {
			c, err := policy.ParseClass(in.MaxClass)
			if err != nil {
				return p, err
			}
			p.MaxClass = c
		}
		err := enter(x, &p)
		p.Findings = discreet(x, p)
		return p, err
	},
})

// inspect is the Work of an op that enters an address: what is strange about it.
func inspect(x *gate.Tx, party, address string) (func(context.Context) (any, error), error) {
	a, err := mailaddr.Parse(address)
	if err != nil {
		return nil, fault.Of(err).At("address")
	}
	known, err := KnownAddresses(x)
	return func(context.Context) (any, error) {
		return InspectAddress(known, Proposal{party, a, false}), nil
	}, err
}

// enter writes a proposed point, with all that follows from it.
func enter(x *gate.Tx, p *DeliveryPoint) error {
	if err := p.Normalise(); err != nil {
		return err
	}
	if err := mayPropose(x, *p); err != nil {
		return err
	}
	if err := points.Insert(x, p); err != nil {
		return err
	}
	if err := disquiet(x, *p); err != nil {
		return err
	}
	if err := flagAlike(x, *p); err != nil {
		return err
	}
	return Hold(x, p.Party)
}

// InspectTyped and EnterTyped are the two halves of a proposal that the
// addressee typed: the Work of the op, and what its Do writes.
func InspectTyped(x *gate.Tx, p Proof, address string) (func(context.Context) (any, error), error) {
	return inspect(x, p.Party, address)
}

// EnterTyped writes the address that the addressee of a QR code typed, as any
// other that is proposed.
func EnterTyped(x *gate.Tx, p Proof, address string, found []Finding) (DeliveryPoint, error) {
	d := DeliveryPoint{Party: p.Party, Contact: p.Contact, Address: address, MaxClass: policy.Confidential, State: Proposed, Origin: Card, Findings: found}
	return d, enter(x, &d)
}

// disquiet takes an address that was alone in the register when it was imported
// out of its run's quiet list, now that it is proposed for another partner too:
// somebody looks at it singly.
func disquiet(x *gate.Tx, p DeliveryPoint) error {
	same, err := points.Find(x, gate.Eq("address", p.Address), gate.Ge("quiet_no", 1), gate.Ne("party_id", p.Party), gate.Eq("state", Proposed))
	if err != nil {
		return err
	}
	for _, q := range same {
		done, err := verifications.Has(x, gate.Eq("id", q.Run))
		if err != nil {
			return err
		}
		if done {
			continue
		}
		q.QuietNo, q.Findings = 0, []Finding{{Kind: FindShared, Party: p.Party}}
		if err := points.Update(x, &q); err != nil {
			return err
		}
	}
	return nil
}

func mayPropose(x *gate.Tx, p DeliveryPoint) error {
	list, err := DeliveryPoints(x, p.Party)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(q DeliveryPoint) bool {
		return q.State != Retired && q.Channel == p.Channel && q.Address == p.Address
	}) {
		return fault.Refused("party.point_exists").At("address")
	}
	if p.Replaces != "" && !slices.ContainsFunc(list, func(q DeliveryPoint) bool { return q.ID == p.Replaces && q.State != Retired }) {
		return fault.Invalid("party.no_such_point").At("replaces")
	}
	return reachable(x, p)
}

// reachable refuses a point whose contact has left or is another partner's.
func reachable(x *gate.Tx, p DeliveryPoint) error {
	if p.Contact == "" {
		return nil
	}
	c, err := contact(x, p.Contact)
	switch {
	case fault.Is(err, fault.KindNotFound) || err == nil && c.Party != p.Party:
		return fault.Invalid("party.no_such_contact").At("contact")
	case err != nil:
		return err
	case !c.Left.IsZero():
		return fault.Refused("party.contact_left").At("contact")
	}
	return nil
}

// discreet gives a point's findings without what they say about other
// partners, unless the actor may see all of them.
func discreet(x *gate.Tx, p DeliveryPoint) []Finding {
	out := slices.Clone(p.Findings)
	for i := range out {
		if !x.Scope().All && out[i].Party != p.Party {
			out[i].Near, out[i].Party = "", ""
		}
	}
	return out
}

// VerifyIn says how an address was confirmed with the partner.
type VerifyIn struct {
	ID      string `json:"id" required:"true"`
	Version int64  `json:"version" required:"true"`
	How     string `json:"how" required:"true" enum:"phone,visit,letter,contract,portal,link,card,reply"` // the last three: with the addressee's own answer, see Proof
	Reason  string `json:"reason" text:"multiline"`                                                       // with whom, when, which number was called
}

// pointView is what a second person sees of a delivery point.
type pointView struct {
	Point    string    `json:"point"`
	Version  int64     `json:"version"`
	Code     string    `json:"code"`
	Name     string    `json:"name"`
	Contact  string    `json:"contact"`
	Address  string    `json:"address"`
	Label    string    `json:"label"`
	MaxClass string    `json:"max_class"`
	Findings []Finding `json:"findings"`
	How      string    `json:"how"`
	Proof    string    `json:"proof,omitzero"` // of the addressee's own answer
	Answered string    `json:"answered,omitzero"`
	Detail   string    `json:"detail,omitzero"`
}

func view(p Party, d DeliveryPoint, contact string) pointView {
	return pointView{Point: d.ID, Version: d.Version, Code: p.Code, Name: p.Name, Contact: contact, Address: d.Address, Label: d.Label,
		MaxClass: d.MaxClass.String(), Findings: d.Findings, How: d.How}
}

// PointVerify makes a proposed address one that may be sent to (送付先の確認). One
// person has confirmed it by another way than the address itself; the second
// sees it beside the one it replaces, with everything strange about it.
var PointVerify = gate.New(gate.Op[VerifyIn, DeliveryPoint]{
	Name: "party.point_verify", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in VerifyIn) (gate.Target, error) { return aboutPoint(x, in.ID) },
	FourEyes: func(x *gate.Tx, in VerifyIn) (gate.Second, error) {
		c, err := in.change(x)
		if err != nil {
			return gate.Second{}, err
		}
		before := pointView{}
		if c.old.ID != "" {
			before = view(c.party, c.old, c.oldContact)
		}
		s, err := second(c.party, before, c.view())
		s.Needed, s.Silent = !c.alone, "proven"
		return s, err
	},
	Do: func(x *gate.Tx, in VerifyIn) (DeliveryPoint, error) {
		c, err := in.change(x)
		if err != nil {
			return c.now, err
		}
		x.Note("confirmed", in.Reason)
		p := c.now
		p.State, p.VerifiedOn, p.VerifiedBy = Verified, today(x), x.Actor().Person
		p.Review, p.ReviewOn = "", civil.Date{}
		if c.old.ID != "" {
			if err := retire(x, &c.old); err != nil {
				return p, err
			}
		}
		if err := points.Update(x, &p); err != nil {
			return p, err
		}
		return p, hold(x, p.Run)
	},
})

func aboutPoint(x *gate.Tx, id string) (gate.Target, error) {
	p, err := DeliveryPointByID(x, id)
	if err != nil {
		return gate.Target{}, err
	}
	return about(x, p.Party)
}

// change is a verification with all it is about.
type change struct {
	party               Party
	old, now            DeliveryPoint // old: the one it replaces, if that is still in use
	oldContact, contact string        // their contacts' names
	proof               Proof         // the addressee's own answer, if that is how it is confirmed
	alone               bool          // and that suffices without a second person
}

func (in VerifyIn) change(x *gate.Tx) (c change, err error) {
	if c.now, err = DeliveryPointByID(x, in.ID); err != nil {
		return c, err
	}
	if c.party, err = Get(x, c.now.Party); err != nil {
		return c, err
	}
	switch {
	case c.now.State != Proposed:
		return c, fault.Refused("party.point_decided")
	case c.now.Version != in.Version:
		return c, fault.Conflict("gate.conflict")
	case c.party.State == Left:
		return c, fault.Refused("party.is_left")
	}
	if err := reachable(x, c.now); err != nil {
		return c, err
	}
	if c.now.Replaces != "" {
		old, err := DeliveryPointByID(x, c.now.Replaces)
		if err != nil {
			return c, err
		}
		if old.State != Retired {
			c.old = old
		}
	}
	c.now.How = in.How
	if c.now.Findings, err = inspectAgain(x, c.now); err != nil {
		return c, err
	}
	if c.contact, err = contactName(x, c.now.Contact); err != nil {
		return c, err
	}
	if c.oldContact, err = contactName(x, c.old.Contact); err != nil {
		return c, err
	}
	return c, c.prove(x)
}

func contactName(x *gate.Tx, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	c, err := contact(x, id)
	return c.Name, err
}

// inspectAgain renews what may have become strange since an address was
// proposed. Look-alikes among all partners take too long to search inside a
// transaction; they stay as they were found then.
func inspectAgain(x *gate.Tx, d DeliveryPoint) ([]Finding, error) {
	same, err := findPoints(x, gate.Eq("address", d.Address))
	if err != nil {
		return nil, err
	}
	own, err := DeliveryPoints(x, d.Party)
	if err != nil {
		return nil, err
	}
	var known []Proposal
	for _, q := range append(same, own...) {
		a, err := mailaddr.Parse(q.Address)
		if err != nil {
			return nil, err
		}
		if q.ID != d.ID && q.State != Retired {
			known = append(known, Proposal{q.Party, a, q.Verified()})
		}
	}
	a, err := mailaddr.Parse(d.Address)
	if err != nil {
		return nil, err
	}
	out := newRegister(known).judge(Proposal{d.Party, a, false})
	for _, f := range d.Findings {
		if !slices.ContainsFunc(out, func(g Finding) bool { return g.Kind == f.Kind }) && f.Kind != FindShared && f.Kind != FindNewDomain {
			out = append(out, f)
		}
	}
	return out, nil
}

// RetireIn ends a delivery point.
type RetireIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" text:"multiline"`
}

// PointRetire ends a delivery point at once (送付先の使用終了): nothing more is sent
// there. It makes nothing weaker, so one person suffices.
var PointRetire = gate.New(gate.Op[RetireIn, DeliveryPoint]{
	Name: "party.point_retire", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in RetireIn) (gate.Target, error) { return aboutPoint(x, in.ID) },
	Do: func(x *gate.Tx, in RetireIn) (DeliveryPoint, error) {
		p, err := DeliveryPointByID(x, in.ID)
		if err == nil && p.State == Retired {
			err = fault.Refused("party.point_decided")
		}
		if err != nil {
			return p, err
		}
		x.Note("reason", in.Reason)
		err = retire(x, &p)
		p.Findings = discreet(x, p)
		return p, err
	},
})

func retire(x *gate.Tx, p *DeliveryPoint) error {
	p.State, p.RetiredOn, p.Slot = Retired, today(x), p.ID
	if err := points.Update(x, p); err != nil {
		return err
	}
	return hold(x, p.Run)
}
