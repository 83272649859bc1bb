package party

import (
	"slices"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
)

// PaperIn is a postal address or a FAX number somebody wants to send to.
type PaperIn struct {
	Party      string `json:"party" required:"true"`
	Channel    string `json:"channel" required:"true" enum:"post,fax"`
	PostalCode string `json:"postal_code" max:"20"`
	Address    string `json:"address" max:"200"`
	Building   string `json:"building" max:"100"`
	Addressee  string `json:"addressee" max:"100"` // the partner's name if empty
	Section    string `json:"section" max:"100"`
	Person     string `json:"person" max:"60"`
	Honorific  string `json:"honorific" enum:"御中,様"` // proposed from the names if empty
	Number     string `json:"number" max:"40"`
	MaxClass   string `json:"max_class" enum:"internal,confidential,personal"` // confidential if empty
	Replaces   string `json:"replaces"`                                        // a point that ends when this one is verified
}

func (in PaperIn) point(x *gate.Tx) (PaperPoint, error) {
	p := PaperPoint{Party: in.Party, Channel: in.Channel, PostalCode: in.PostalCode, Address: in.Address, Building: in.Building, Addressee: in.Addressee,
		Section: in.Section, Person: in.Person, Honorific: in.Honorific, Number: in.Number, MaxClass: policy.Confidential, State: Proposed, Replaces: in.Replaces}
	of, err := Get(x, in.Party)
	if err != nil {
		return p, err
	}
	if p.Addressee == "" {
		p.Addressee = of.Name
	}
	if in.MaxClass != "" {
		if p.MaxClass, err = policy.ParseClass(in.MaxClass); err != nil {
			return p, err
		}
	}
	return p, p.Normalise()
}

// PaperPropose enters a postal address or a FAX number (送付先の登録申請). Nothing
// goes there before two persons have verified it.
var PaperPropose = gate.New(gate.Op[PaperIn, PaperPoint]{
	Name: "party.paper_propose", Mode: gate.Write,
	Alone:  func(in PaperIn) []string { return lock(in.Party) },
	Target: func(x *gate.Tx, in PaperIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in PaperIn) (PaperPoint, error) {
		p, err := in.point(x)
		if err != nil {
			return p, err
		}
		list, err := PaperPoints(x, in.Party)
		if err != nil {
			return p, err
		}
		inUse := func(q PaperPoint) bool { return q.State != Retired && q.Channel == p.Channel }
		if slices.ContainsFunc(list, func(q PaperPoint) bool { return inUse(q) && q.Line == p.Line }) {
			return p, fault.Refused("party.point_exists").At("address")
		}
		if p.Replaces != "" && !slices.ContainsFunc(list, func(q PaperPoint) bool { return inUse(q) && q.ID == p.Replaces }) {
			return p, fault.Invalid("party.no_such_point").At("replaces")
		}
		if err := papers.Insert(x, &p); err != nil {
			return p, err
		}
		return p, Hold(x, in.Party)
	},
})

// PaperVerifyIn says how an address was confirmed with the partner. A FAX number
// is heard on the telephone, under a number the register had before.
type PaperVerifyIn struct {
	ID      string `json:"id" required:"true"`
	Version int64  `json:"version" required:"true"`
	How     string `json:"how" required:"true" enum:"phone,visit,letter,contract"`
	Called  string `json:"called" max:"40"` // number that was called; required for a FAX
	Number  string `json:"number" max:"40"` // FAX number as it was heard, typed again
	Reason  string `json:"reason" text:"multiline"`
}

// paperView is what a second person sees of it.
type paperView struct {
	Point     string   `json:"point"`
	Version   int64    `json:"version"`
	Code      string   `json:"code"`
	Name      string   `json:"name"`
	Channel   string   `json:"channel"`
	Block     []string `json:"block"`
	Number    string   `json:"number,omitzero"`
	MaxClass  string   `json:"max_class"`
	How       string   `json:"how"`
	Called    string   `json:"called,omitzero"`
	Elsewhere bool     `json:"elsewhere"` // another partner has the same
	Differs   bool     `json:"differs"`   // it is not the address the partner's card has
}

func (p PaperPoint) view(of Party, elsewhere bool) paperView {
	return paperView{p.ID, p.Version, of.Code, of.Name, p.Channel, p.Block(), p.Number, p.MaxClass.String(), p.How, p.Called, elsewhere,
		p.Channel == Post && paperKey(of.PostalCode+of.Address) != paperKey(p.PostalCode+p.Address+p.Building)}
}

// PaperVerify makes a proposed postal address or FAX number one that may be sent
// to (送付先の確認); a second person agrees.
var PaperVerify = gate.New(gate.Op[PaperVerifyIn, PaperPoint]{
	Name: "party.paper_verify", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in PaperVerifyIn) (gate.Target, error) { return aboutPaper(x, in.ID) },
	FourEyes: func(x *gate.Tx, in PaperVerifyIn) (gate.Second, error) {
		of, old, now, err := in.change(x)
		if err != nil {
			return gate.Second{}, err
		}
		elsewhere, err := PaperElsewhere(x, now)
		if err != nil {
			return gate.Second{}, err
		}
		before := paperView{}
		if old.ID != "" {
			before = old.view(of, false)
		}
		return second(of, before, now.view(of, elsewhere))
	},
	Do: func(x *gate.Tx, in PaperVerifyIn) (PaperPoint, error) {
		_, old, now, err := in.change(x)
		if err != nil {
			return now, err
		}
		x.Note("confirmed", in.Reason)
		if old.ID != "" {
			if err := retirePaper(x, &old); err != nil {
				return now, err
			}
		}
		now.State, now.VerifiedOn, now.VerifiedBy = Verified, today(x), x.Actor().Person
		return now, papers.Update(x, &now)
	},
})

func aboutPaper(x *gate.Tx, id string) (gate.Target, error) {
	p, err := PaperPointByID(x, id)
	if err != nil {
		return gate.Target{}, err
	}
	return about(x, p.Party)
}

func (in PaperVerifyIn) change(x *gate.Tx) (of Party, old, now PaperPoint, err error) {
	if now, err = PaperPointByID(x, in.ID); err != nil {
		return of, old, now, err
	}
	if of, err = Get(x, now.Party); err != nil {
		return of, old, now, err
	}
	switch {
	case now.State != Proposed:
		return of, old, now, fault.Refused("party.point_decided")
	case now.Version != in.Version:
		return of, old, now, fault.Conflict("gate.conflict")
	case of.State == Left:
		return of, old, now, fault.Refused("party.is_left")
	}
	if now.Channel == Fax {
		if err := in.calledBack(x, of, now); err != nil {
			return of, old, now, err
		}
	}
	now.How, now.Called = in.How, in.Called
	if now.Replaces != "" {
		was, err := PaperPointByID(x, now.Replaces)
		if err != nil {
			return of, old, now, err
		}
		if was.State != Retired {
			old = was
		}
	}
	return of, old, now, nil
}

// calledBack: a FAX number is what somebody said who was called under a number
// that the register had before, and it was typed once more as it was heard.
func (in PaperVerifyIn) calledBack(x *gate.Tx, of Party, p PaperPoint) error {
	if in.How != "phone" {
		return fault.Invalid("party.fax_how").At("how")
	}
	if !p.Is(in.Number) {
		return fault.Refused("party.fax_heard").At("number")
	}
	called, err := jp.PhoneKey(in.Called)
	if err != nil {
		return fault.Of(err).At("called")
	}
	people, err := Contacts(x, of.ID)
	if err != nil {
		return err
	}
	known := []string{of.Phone}
	for _, c := range people {
		if c.Left.IsZero() {
			known = append(known, c.Phone)
		}
	}
	for _, k := range known {
		if key, err := jp.PhoneKey(k); err == nil && key == called && key != p.Line {
			return nil
		}
	}
	return fault.Refused("party.fax_called").At("called")
}

// PaperRetire ends a postal address or a FAX number at once (送付先の使用終了).
var PaperRetire = gate.New(gate.Op[RetireIn, PaperPoint]{
	Name: "party.paper_retire", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in RetireIn) (gate.Target, error) { return aboutPaper(x, in.ID) },
	Do: func(x *gate.Tx, in RetireIn) (PaperPoint, error) {
		p, err := PaperPointByID(x, in.ID)
		if err == nil && p.State == Retired {
			err = fault.Refused("party.point_decided")
		}
		if err != nil {
			return p, err
		}
		x.Note("reason", in.Reason)
		return p, retirePaper(x, &p)
	},
})

func retirePaper(x *gate.Tx, p *PaperPoint) error {
	p.State, p.RetiredOn, p.Slot = Retired, today(x), p.ID
	return papers.Update(x, p)
}

// PapersOut are the postal addresses and FAX numbers of a partner.
type PapersOut struct {
	Rows []PaperShown `json:"rows"`
}

// PaperShown is one with its lines as they are printed.
type PaperShown struct {
	PaperPoint
	Block []string `json:"block" class:"personal"`
}

// PapersIn names a partner.
type PapersIn struct {
	Party string `json:"party" required:"true"`
}

// Papers lists the postal addresses and FAX numbers of a partner.
var Papers = gate.New(gate.Op[PapersIn, PapersOut]{
	Name: "party.paper_points", Mode: gate.Read,
	Target: func(x *gate.Tx, in PapersIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in PapersIn) (PapersOut, error) {
		list, err := PaperPoints(x, in.Party)
		var out PapersOut
		for _, p := range list {
			out.Rows = append(out.Rows, PaperShown{p, p.Block()})
		}
		return out, err
	},
})
