package party

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// The forms of files encrypted with a password.
const (
	FormZip = "zip" // AES-256
	FormPDF = "sealed_pdf"
)

// longestProtection is how long an exception holds before it is decided anew.
const longestProtection = 366

// Protection is the exception of a partner that insists on files encrypted with a
// password (パスワード付きファイルの例外).
type Protection struct {
	gate.Row
	Party    string     `json:"party" col:"party_id" class:"internal,plain"`
	Form     string     `json:"form" col:"form" class:"internal,plain"`
	Reason   string     `json:"reason" col:"reason" class:"confidential"`
	From     civil.Date `json:"from_on" col:"from_on" class:"internal,plain"`
	Ends     civil.Date `json:"ends_on" col:"ends_on" class:"internal,plain"` // last day
	Person   string     `json:"person" col:"person" class:"internal,plain"`
	Approver string     `json:"approver" col:"approver" class:"internal,plain"`
	Ended    civil.Date `json:"ended_on" col:"ended_on" class:"internal,plain"` // before its time
}

var protections = gate.NewTable[Protection]("party_protection", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))

// ProtectionOf is the exception of a partner in force today, zero if none is, and
// whether there ever was one.
func ProtectionOf(x *gate.Tx, party string) (last Protection, ever bool, err error) {
	list, err := protections.Find(x, gate.Eq("party_id", party))
	day := today(x)
	for _, p := range list {
		if p.Ended.IsZero() && !day.Before(p.From) && !day.After(p.Ends) && p.CreatedAt.After(last.CreatedAt) {
			last = p
		}
	}
	return last, len(list) > 0, err
}

// ProtectIn asks for the exception.
type ProtectIn struct {
	Party  string     `json:"party" required:"true"`
	Form   string     `json:"form" required:"true" enum:"zip,sealed_pdf"`
	Ends   civil.Date `json:"ends_on" required:"true"`
	Reason string     `json:"reason" text:"multiline" max:"1000"`
}

// protectView is what a second person sees of it.
type protectView struct {
	Code   string     `json:"code"`
	Name   string     `json:"name"`
	Form   string     `json:"form"`
	Ends   civil.Date `json:"ends_on"`
	Reason string     `json:"reason"`
}

func (in ProtectIn) check(x *gate.Tx) error {
	day := today(x)
	if in.Ends.Before(day) || in.Ends.After(day.AddDays(longestProtection)) {
		return fault.Invalid("party.protect_ends", "days", longestProtection).At("ends_on")
	}
	was, _, err := ProtectionOf(x, in.Party)
	if err == nil && was.Form == in.Form && was.Ends == in.Ends {
		err = fault.Refused("party.no_change")
	}
	return err
}

// Protect lets files go to a partner encrypted with a password (例外の登録), with a
// reason and an end; a second person agrees.
var Protect = gate.New(gate.Op[ProtectIn, Protection]{
	Name: "party.protect", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone:  func(in ProtectIn) []string { return lock(in.Party) },
	Target: func(x *gate.Tx, in ProtectIn) (gate.Target, error) { return about(x, in.Party) },
	FourEyes: func(x *gate.Tx, in ProtectIn) (gate.Second, error) {
		p, err := Get(x, in.Party)
		if err == nil {
			err = in.check(x)
		}
		if err != nil {
			return gate.Second{}, err
		}
		was, _, err := ProtectionOf(x, in.Party)
		if err != nil {
			return gate.Second{}, err
		}
		before := protectView{}
		if was.ID != "" {
			before = protectView{p.Code, p.Name, was.Form, was.Ends, was.Reason}
		}
		return second(p, before, protectView{p.Code, p.Name, in.Form, in.Ends, in.Reason})
	},
	Do: func(x *gate.Tx, in ProtectIn) (Protection, error) {
		p := Protection{Party: in.Party, Form: in.Form, Reason: in.Reason, From: today(x), Ends: in.Ends, Person: x.Actor().Person, Approver: x.ApprovedBy()}
		if err := in.check(x); err != nil {
			return p, err
		}
		return p, protections.Insert(x, &p)
	},
})

// ProtectEnd ends the exceptions of a partner at once (例外の終了): from then on it is
// as any other, so one person suffices.
var ProtectEnd = gate.New(gate.Op[ByID, Protection]{
	Name: "party.protect_end", Mode: gate.Write,
	Alone:  func(in ByID) []string { return lock(in.ID) },
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Protection, error) {
		list, err := protections.Find(x, gate.Eq("party_id", in.ID), gate.Ge("ends_on", today(x)))
		var last Protection
		for _, p := range list {
			if !p.Ended.IsZero() {
				continue
			}
			p.Ended = today(x)
			if err := protections.Update(x, &p); err != nil {
				return p, err
			}
			last = p
		}
		if err == nil && last.ID == "" {
			err = fault.Refused("party.no_protection")
		}
		return last, err
	},
})

// ProtectionsOut are the exceptions of a partner, latest first.
type ProtectionsOut struct {
	Rows []Protection `json:"rows"`
	Now  Protection   `json:"now"` // in force today; zero if none is
}

// Protections lists the exceptions of a partner.
var Protections = gate.New(gate.Op[PapersIn, ProtectionsOut]{
	Name: "party.protections", Mode: gate.Read,
	Target: func(x *gate.Tx, in PapersIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in PapersIn) (out ProtectionsOut, err error) {
		p, err := protections.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("party_id", in.Party)}, By: "created_at", Desc: true, Limit: 50})
		if out.Rows = p.Rows; err == nil {
			out.Now, _, err = ProtectionOf(x, in.Party)
		}
		return out, err
	},
})
