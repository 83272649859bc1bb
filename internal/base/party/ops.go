package party

import (
	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
)

// Module is party's part of the product. It needs module approval beside it,
// whose requests it shows.
var Module = gate.Module{Name: "party", Schema: schema,
	Ops: []gate.Any{Create, Update, ShowOp, List, Names, Suspend, Resume, HandOver, Assign, Unassign, History,
		ContactAdd, ContactUpdate, ContactLeave, PointPropose, PointVerify, PointRetire,
		AccountPropose, RelationAdd, RelationEnd, FirstVerificationList, FirstVerifyQuiet, ChoiceSet, Choices,
		Proofs, Reviews, Shared, PointRenew, MergeOp, Unmerge, Merges, Twins,
		PaperPropose, PaperVerify, PaperRetire, Papers, Protect, ProtectEnd, Protections},
	Tables:  []gate.AnyTable{parties, contacts, points, accounts, relations, runs, verifications, choices, proofs, merges, papers, protections},
	Queries: []gate.AnyQuery{collisions, requestsAbout, belonging, sharedPoints}}

// ByID names a partner.
type ByID struct {
	ID string `json:"id" required:"true"`
}

func (p Party) target() gate.Target {
	return gate.Target{Kind: "party", ID: p.ID, Owner: p.Owner, Department: p.Department, Subject: p.ID, Class: policy.Personal}
}

// about is the target of everything that is about one partner, so that its
// whole history stands under one id.
func about(x *gate.Tx, id string) (gate.Target, error) {
	p, err := Get(x, id)
	return p.target(), err
}

// second is what a second person sees and agrees to: whatever of it changes,
// the request is void.
func second(p Party, before, after any) (gate.Second, error) {
	b, err := json.Marshal([]any{p.ID, before, after}, json.Deterministic(true))
	return gate.Second{Needed: true, Digest: []byte(audit.Hash(b)), Department: p.Department, Before: before, After: after}, err
}

func today(x *gate.Tx) civil.Date { return civil.Of(x.Now()) }

// lock is what everything that checks a partner's rows before it writes is alone on.
func lock(party string) []string { return []string{"party/" + party} }

// CreateIn is a new partner.
type CreateIn struct {
	Code               string                `json:"code" required:"true"`
	Name               string                `json:"name" required:"true"`
	Kana               string                `json:"kana"`
	Honorific          string                `json:"honorific" enum:"御中,様"` // proposed from the name if empty
	CorporateNumber    jp.CorporateNumber    `json:"corporate_number"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number"`
	PostalCode         string                `json:"postal_code"`
	Address            string                `json:"address"`
	Phone              string                `json:"phone"`
	Terms              civil.Term            `json:"terms"`
	Owner              string                `json:"owner"` // the actor if empty
	Department         string                `json:"department"`
}

// Create enters a partner. Nothing can be sent to it before an address is
// verified by two persons.
var Create = gate.New(gate.Op[CreateIn, Party]{
	Name: "party.create", Mode: gate.Write,
	Alone: func(CreateIn) []string { return []string{PublishLock} },
	Target: func(x *gate.Tx, in CreateIn) (gate.Target, error) {
		p := Party{Owner: in.owner(x), Department: in.Department}
		p.ID = x.RecordID() // see Do
		return p.target(), nil
	},
	Do: func(x *gate.Tx, in CreateIn) (Party, error) {
		p := Party{Code: in.Code, Name: in.Name, Kana: in.Kana, Honorific: in.Honorific, CorporateNumber: in.CorporateNumber,
			RegistrationNumber: in.RegistrationNumber, PostalCode: in.PostalCode, Address: in.Address, Phone: in.Phone,
			Terms: in.Terms, Owner: in.owner(x), Department: in.Department, State: Active}
		// The record of its creation gives the partner its id, so that its
		// history begins with that record.
		p.ID = x.RecordID()
		if err := p.Normalise(); err != nil {
			return p, err
		}
		_, err := ByCode(x, p.Code)
		switch {
		case err == nil:
			return p, fault.Refused("party.code_taken", "code", p.Code).At("code")
		case !fault.Is(err, fault.KindNotFound):
			return p, err
		}
		if err := parties.Insert(x, &p); err != nil {
			return p, err
		}
		return p, gate.Assign(x, p.Owner, p.ID)
	},
})

func (in CreateIn) owner(x *gate.Tx) string {
	if in.Owner == "" {
		return x.Actor().Person
	}
	return in.Owner
}

// ListIn asks for one page of partners in the order of their codes.
type ListIn struct {
	Code       string `json:"code"`
	CodePrefix string `json:"code_prefix"`
	Owner      string `json:"owner"`
	Department string `json:"department"`
	State      string `json:"state" enum:"active,suspended,left"`
	After      string `json:"after"`
	Limit      int    `json:"limit"`
}

// Item is a partner in a list: no address, no phone, no terms.
type Item struct {
	ID                 string                `json:"id" class:"internal"`
	Version            int64                 `json:"version" class:"internal"`
	Code               string                `json:"code" class:"internal"`
	Name               string                `json:"name" class:"confidential"`
	Kana               string                `json:"kana" class:"confidential"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number" class:"confidential"`
	Owner              string                `json:"owner" class:"internal"`
	Department         string                `json:"department" class:"internal"`
	State              State                 `json:"state" class:"internal"`
}

// ListOut is that page.
type ListOut struct {
	Rows []Item `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// List gives the partners in the actor's scope.
var List = gate.New(gate.Op[ListIn, ListOut]{
	Name: "party.list", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		out := ListOut{Rows: []Item{}}
		where, err := in.where(x)
		if err != nil {
			return out, err
		}
		page, err := parties.Page(x, gate.PageQuery{Where: where, By: "code", After: in.After, Limit: in.Limit})
		for _, p := range page.Rows {
			out.Rows = append(out.Rows, Item{p.ID, p.Version, p.Code, p.Name, p.Kana, p.RegistrationNumber, p.Owner, p.Department, p.State})
		}
		out.Next = page.Next
		return out, err
	},
})

func (in ListIn) where(x *gate.Tx) ([]gate.Cond, error) {
	vis, err := visible(x)
	if err != nil {
		return nil, err
	}
	where := []gate.Cond{gate.In("run", vis)}
	if in.Code != "" {
		code, err := jp.ParseCode(in.Code)
		if err != nil {
			return nil, err
		}
		where = append(where, gate.Eq("code", code))
	}
	if in.CodePrefix != "" {
		prefix, err := jp.ParseCode(in.CodePrefix)
		if err != nil {
			return nil, err
		}
		// '~' stands behind every character a code may have.
		where = append(where, gate.Ge("code", prefix), gate.Le("code", prefix+"~"))
	}
	for col, v := range map[string]string{"owner_id": in.Owner, "department_id": in.Department, "state": in.State} {
		if v != "" {
			where = append(where, gate.Eq(col, v))
		}
	}
	return where, nil
}

// SuspendIn stops a partner.
type SuspendIn struct {
	ID     string `json:"id" required:"true"`
	State  State  `json:"state" required:"true" enum:"suspended,left"`
	Reason string `json:"reason" text:"multiline"`
}

// Suspend stops everything for a partner (取引停止・取引終了) at once.
var Suspend = gate.New(gate.Op[SuspendIn, Party]{
	Name: "party.suspend", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in SuspendIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in SuspendIn) (Party, error) {
		p, err := Get(x, in.ID)
		if err == nil && p.State == in.State {
			err = fault.Refused("party.same_state")
		}
		if err != nil {
			return p, err
		}
		x.Note("reason", in.Reason)
		p.State = in.State
		return p, update(x, &p)
	},
})

// update writes a partner; what was imported is thereby held.
func update(x *gate.Tx, p *Party) error {
	if err := parties.Update(x, p); err != nil {
		return err
	}
	return hold(x, p.Run)
}

// ResumeIn lets a partner be dealt with again.
type ResumeIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" text:"multiline"`
}

type stateView struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
	State   State  `json:"state"`
}

// Resume lifts a stop (取引再開). It weakens a control, so two persons agree.
var Resume = gate.New(gate.Op[ResumeIn, Party]{
	Name: "party.resume", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in ResumeIn) (gate.Target, error) { return about(x, in.ID) },
	FourEyes: func(x *gate.Tx, in ResumeIn) (gate.Second, error) {
		p, err := stopped(x, in.ID)
		if err != nil {
			return gate.Second{}, err
		}
		return second(p, stateView{p.Code, p.Name, p.Version, p.State}, stateView{p.Code, p.Name, p.Version, Active})
	},
	Do: func(x *gate.Tx, in ResumeIn) (Party, error) {
		p, err := stopped(x, in.ID)
		if err != nil {
			return p, err
		}
		x.Note("reason", in.Reason)
		p.State = Active
		return p, update(x, &p)
	},
})

func stopped(x *gate.Tx, id string) (Party, error) {
	p, err := Get(x, id)
	if err == nil && p.State == Active {
		err = fault.Refused("party.same_state")
	}
	if err != nil {
		return p, err
	}
	m, err := MergedInto(x, id)
	if err == nil && m.ID != "" {
		err = fault.Refused("party.is_merged")
	}
	return p, err
}

// HandOverIn names who is in charge of a partner from now on.
type HandOverIn struct {
	ID         string `json:"id" required:"true"`
	Owner      string `json:"owner" required:"true"`
	Department string `json:"department"`
}

// HandOver gives a partner to another person or department (担当変更). It decides
// who sees the partner, so it is apart from the changes of its values. Who is in
// charge is always assigned as well, so that one reach covers both.
var HandOver = gate.New(gate.Op[HandOverIn, Party]{
	Name: "party.hand_over", Mode: gate.Write,
	Target: func(x *gate.Tx, in HandOverIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in HandOverIn) (Party, error) {
		p, err := Get(x, in.ID)
		if err != nil {
			return p, err
		}
		if err := gate.Unassign(x, p.Owner, p.ID); err != nil {
			return p, err
		}
		p.Owner, p.Department = in.Owner, in.Department
		if err := update(x, &p); err != nil {
			return p, err
		}
		return p, gate.Assign(x, p.Owner, p.ID)
	},
})

// AssignIn names a person and a partner.
type AssignIn struct {
	ID     string `json:"id" required:"true"`
	Person string `json:"person" required:"true"`
}

// Done is the answer of an op whose effect says everything.
type Done struct {
	ID string `json:"id" class:"internal"`
}

// Assign lets a person work for a partner they are not in charge of (担当割当).
var Assign = gate.New(gate.Op[AssignIn, Done]{
	Name: "party.assign", Mode: gate.Write,
	Target: func(x *gate.Tx, in AssignIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in AssignIn) (Done, error) {
		if err := Hold(x, in.ID); err != nil {
			return Done{}, err
		}
		return Done{in.ID}, gate.Assign(x, in.Person, in.ID)
	},
})

// Unassign ends it.
var Unassign = gate.New(gate.Op[AssignIn, Done]{
	Name: "party.unassign", Mode: gate.Write,
	Target: func(x *gate.Tx, in AssignIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in AssignIn) (Done, error) {
		x.Note("unassigned", in.Person)
		return Done{in.ID}, gate.Unassign(x, in.Person, in.ID)
	},
})
