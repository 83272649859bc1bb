package party

import (
	"slices"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Why an address is to be looked at again (見直し).
const (
	ReviewAge    = "age"    // confirmed long ago and not used since
	ReviewBounce = "bounce" // what was last sent there came back
	ReviewDomain = "domain" // its domain does not exist any more
	ReviewAlike  = "alike"  // an address that was entered later resembles it
	ReviewLeft   = "left"   // only people who have left had it
	ReviewDenied = "denied" // whoever reads it said that it is not for them
)

// Findings of reviews.
const (
	FindDenied = "party.finding.denied" // the addressee said that it is not theirs
	FindLater  = "party.finding.later"  // an address entered later resembles it
)

// Flag marks a delivery point to be looked at again, once for each cause; the
// graver stays. A package bound to it is checked anew, since its version changes.
func Flag(x *gate.Tx, point, why string) error {
	d, err := DeliveryPointByID(x, point)
	if err != nil {
		return err
	}
	return flag(x, d, why)
}

// graver puts the causes in order: of two, the later in the list counts.
func graver(was, now string) bool {
	order := []string{"", ReviewAge, ReviewAlike, ReviewLeft, ReviewBounce, ReviewDomain, ReviewDenied}
	return slices.Index(order, now) > slices.Index(order, was)
}

func flag(x *gate.Tx, d DeliveryPoint, why string, more ...Finding) error {
	if d.State == Retired || !graver(d.Review, why) && len(more) == 0 {
		return nil
	}
	if graver(d.Review, why) {
		d.Review, d.ReviewOn = why, today(x)
	}
	for _, f := range more {
		if !slices.Contains(d.Findings, f) {
			d.Findings = append(slices.Clone(d.Findings), f)
		}
	}
	return points.Update(x, &d)
}

// flagAlike marks the addresses of others that a new one resembles (新しく現れた似た
// アドレス): whichever of the two was wrong, somebody looks at both.
func flagAlike(x *gate.Tx, p DeliveryPoint) error {
	for _, f := range p.Findings {
		if f.Near == "" {
			continue
		}
		list, err := findPoints(x, gate.Eq("address", f.Near))
		if err != nil {
			return err
		}
		for _, o := range list {
			if o.ID == p.ID || o.State != Verified {
				continue
			}
			if err := flag(x, o, ReviewAlike, Finding{Kind: FindLater, Near: p.Address, Party: p.Party}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReviewsIn asks for a page.
type ReviewsIn struct {
	Why   string `json:"why" enum:"age,bounce,domain,alike,left,denied"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Reviewed is an address that is to be looked at again.
type Reviewed struct {
	Point    string     `json:"point" class:"internal"`
	Version  int64      `json:"version" class:"internal"`
	Party    string     `json:"party" class:"internal"`
	Code     string     `json:"code" class:"internal"`
	Name     string     `json:"name" class:"confidential"`
	Address  string     `json:"address" class:"personal"`
	Label    string     `json:"label" class:"confidential"`
	Why      string     `json:"why" class:"internal"`
	Since    civil.Date `json:"since" class:"internal"`
	Verified civil.Date `json:"verified_on" class:"internal"`
	Findings []Finding  `json:"findings" class:"confidential"`
}

// ReviewsOut is that page.
type ReviewsOut struct {
	Rows []Reviewed `json:"rows"`
	Next string     `json:"next" class:"internal"`
}

// Reviews lists the addresses that somebody has to look at again (見直す送付先).
var Reviews = gate.New(gate.Op[ReviewsIn, ReviewsOut]{
	Name: "party.reviews", Mode: gate.List,
	Target: func(*gate.Tx, ReviewsIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, in ReviewsIn) (ReviewsOut, error) {
		out := ReviewsOut{Rows: []Reviewed{}}
		why := []string{ReviewAge, ReviewBounce, ReviewDomain, ReviewAlike, ReviewLeft, ReviewDenied}
		if in.Why != "" {
			why = []string{in.Why}
		}
		p, err := points.Page(x, gate.PageQuery{Where: []gate.Cond{gate.In("review", why), gate.Ne("state", Retired)}, By: "id", After: in.After, Limit: in.Limit})
		if err != nil {
			return out, err
		}
		out.Next = p.Next
		for _, d := range p.Rows {
			who, err := Get(x, d.Party)
			if fault.Is(err, fault.KindNotFound) { // of an import that was undone
				continue
			}
			if err != nil {
				return out, err
			}
			out.Rows = append(out.Rows, Reviewed{d.ID, d.Version, who.ID, who.Code, who.Name, d.Address, d.Label, d.Review, d.ReviewOn, d.VerifiedOn, discreet(x, d)})
		}
		return out, nil
	},
})

// SharedOut are addresses that more than one partner has.
type SharedOut struct {
	Rows []Shares `json:"rows"`
	More bool     `json:"more" class:"internal"` // there are more than are shown
}

// Shares is one such address at one partner.
type Shares struct {
	Point   string     `json:"point" class:"internal"`
	Party   string     `json:"party" class:"internal"`
	Code    string     `json:"code" class:"internal"`
	Name    string     `json:"name" class:"confidential"`
	Address string     `json:"address" class:"personal"`
	State   PointState `json:"state" class:"internal"`
}

type sharedID struct{ ID string }

const sharedMost = 200

var sharedPoints = gate.NewQuery[sharedID]("party.shared", `SELECT p.id FROM {party_point p}
	WHERE p.state <> 'retired' AND EXISTS (SELECT 1 FROM {party_point o} WHERE o.address_x = p.address_x AND o.party_id <> p.party_id AND o.state <> 'retired')
	ORDER BY p.address_x, p.id LIMIT 201`)

// Shared lists the addresses that stand at more than one partner (共用アドレス): an
// accountant's office serves two on purpose, a person who moved does not.
var Shared = gate.New(gate.Op[struct{}, SharedOut]{
	Name: "party.shared", Mode: gate.List,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ struct{}) (SharedOut, error) {
		out := SharedOut{Rows: []Shares{}}
		ids, err := sharedPoints.Rows(x)
		if err != nil {
			return out, err
		}
		if out.More = len(ids) > sharedMost; out.More {
			ids = ids[:sharedMost]
		}
		for _, i := range ids {
			d, err := DeliveryPointByID(x, i.ID)
			if fault.Is(err, fault.KindNotFound) {
				continue
			}
			if err != nil {
				return out, err
			}
			p, err := Get(x, d.Party)
			if err != nil {
				return out, err
			}
			out.Rows = append(out.Rows, Shares{d.ID, p.ID, p.Code, p.Name, d.Address, d.State})
		}
		return out, nil
	},
})

// PointRenew confirms an address in force once more (送付先の再確認), which ends its
// review. Two persons agree as at first, unless the addressee has answered and
// nothing but its age spoke against it.
var PointRenew = gate.New(gate.Op[VerifyIn, DeliveryPoint]{
	Name: "party.point_renew", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in VerifyIn) (gate.Target, error) { return aboutPoint(x, in.ID) },
	FourEyes: func(x *gate.Tx, in VerifyIn) (gate.Second, error) {
		c, was, err := in.again(x)
		if err != nil {
			return gate.Second{}, err
		}
		s, err := second(c.party, view(c.party, was, c.contact), c.view())
		s.Needed, s.Silent = !c.alone, "proven"
		return s, err
	},
	Do: func(x *gate.Tx, in VerifyIn) (DeliveryPoint, error) {
		c, _, err := in.again(x)
		if err != nil {
			return c.now, err
		}
		x.Note("confirmed", in.Reason)
		p := c.now
		p.Review, p.ReviewOn, p.RenewedAt, p.VerifiedOn, p.VerifiedBy = "", civil.Date{}, x.Now(), today(x), x.Actor().Person
		return p, points.Update(x, &p)
	},
})

// again is a confirmation of a point that is in force.
func (in VerifyIn) again(x *gate.Tx) (c change, was DeliveryPoint, err error) {
	if was, err = DeliveryPointByID(x, in.ID); err != nil {
		return c, was, err
	}
	if c.party, err = Get(x, was.Party); err != nil {
		return c, was, err
	}
	switch {
	case was.State != Verified:
		return c, was, fault.Refused("party.point_not_in_force")
	case was.Version != in.Version:
		return c, was, fault.Conflict("gate.conflict")
	case c.party.State == Left:
		return c, was, fault.Refused("party.is_left")
	}
	if err := reachable(x, was); err != nil {
		return c, was, err
	}
	c.now = was
	c.now.How = in.How
	if c.now.Findings, err = inspectAgain(x, was); err != nil {
		return c, was, err
	}
	if c.contact, err = contactName(x, was.Contact); err != nil {
		return c, was, err
	}
	return c, was, c.prove(x)
}

// prove adds the addressee's answer, where that is how a point is confirmed.
func (c *change) prove(x *gate.Tx) error {
	if !answers(c.now.How) {
		return nil
	}
	p, err := proven(x, c.now, c.now.How)
	if err != nil {
		return err
	}
	own, err := DeliveryPoints(x, c.now.Party)
	c.proof, c.alone = p, err == nil && Suffices(c.now, own)
	return err
}

// view is what a second person sees of it.
func (c change) view() pointView {
	v := view(c.party, c.now, c.contact)
	if c.proof.ID != "" {
		v.Proof, v.Answered, v.Detail = c.proof.ID, civil.Of(c.proof.Given).String(), c.proof.Detail
	}
	return v
}
