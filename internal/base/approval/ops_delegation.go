package approval

import (
	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

func today(x *gate.Tx) civil.Date { return civil.Of(x.Now()) }

// DelegateIn names who decides in the actor's place, and when.
type DelegateIn struct {
	To        string     `json:"to" required:"true"` // person id
	FromDate  civil.Date `json:"from_date" required:"true"`
	UntilDate civil.Date `json:"until_date" required:"true"` // last day
	Reason    string     `json:"reason" required:"true"`
}

// Delegate lets somebody decide in one's place for some days (代理承認の設定). It
// ends by itself, and everybody who approves can see it.
var Delegate = gate.New(gate.Op[DelegateIn, Delegation]{
	Name: "approval.delegate", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, _ DelegateIn) (gate.Target, error) {
		if x.Actor().Via != policy.ViaSession {
			return gate.Target{}, fault.Denied("approval.person_only")
		}
		return gate.Target{Kind: "approval_delegation", ID: "new", Owner: x.Actor().Person}, nil
	},
	Do: func(x *gate.Tx, in DelegateIn) (Delegation, error) {
		d := Delegation{From: x.Actor().Person, To: in.To, FromDate: in.FromDate, UntilDate: in.UntilDate, Reason: in.Reason}
		if d.From == d.To {
			return d, fault.Invalid("approval.to_self").At("to")
		}
		if err := checkPeriod(d.FromDate, d.UntilDate, today(x)); err != nil {
			return d, err
		}
		to, err := identity.Get(x, d.To)
		if fault.Is(err, fault.KindNotFound) || err == nil && to.Refuses(x.Now()) != "" {
			return d, fault.Invalid("approval.no_person").At("to")
		}
		if err != nil {
			return d, err
		}
		if identity.Apart(x.Actor().Roles, to.Roles) {
			return d, fault.Refused("approval.apart").At("to")
		}
		return d, delegations.Insert(x, &d)
	},
})

// EndDelegation ends a delegation before its last day.
var EndDelegation = gate.New(gate.Op[ByID, Delegation]{
	Name: "approval.end_delegation", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) {
		d, err := delegations.Get(x, in.ID)
		return gate.Target{Kind: "approval_delegation", ID: d.ID, Owner: d.From}, err
	},
	Do: func(x *gate.Tx, in ByID) (Delegation, error) {
		d, err := delegations.Get(x, in.ID)
		if err != nil {
			return d, err
		}
		if d.Ended || today(x).After(d.UntilDate) {
			return d, fault.Refused("approval.ended")
		}
		d.Ended = true
		return d, delegations.Update(x, &d)
	},
})

// DelegationsIn asks for one page of delegations, those that end last first.
type DelegationsIn struct {
	Current bool   `json:"current"` // only those that hold today or later
	After   string `json:"after"`
	Limit   int    `json:"limit"`
}

// DelegationsOut is that page.
type DelegationsOut struct {
	Rows []Delegation `json:"rows"`
	Next string       `json:"next" class:"internal"`
}

// Delegations lists who decides in whose place.
var Delegations = gate.New(gate.Op[DelegationsIn, DelegationsOut]{
	Name: "approval.delegations", Mode: gate.List,
	Target: func(*gate.Tx, DelegationsIn) (gate.Target, error) {
		return gate.Target{Kind: "approval_delegation", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in DelegationsIn) (DelegationsOut, error) {
		q := gate.PageQuery{By: "until_date", Desc: true, Limit: in.Limit, After: in.After}
		if in.Current {
			q.Where = []gate.Cond{gate.Ge("until_date", today(x)), gate.Eq("ended", false)}
		}
		p, err := delegations.Page(x, q)
		return DelegationsOut{p.Rows, p.Next}, err
	},
})

// Deputies gives the names of those who could decide in the actor's place
// (代理にできる人), so that they can be chosen by whoever may not list people.
var Deputies = gate.New(gate.Op[struct{}, identity.NamesOut]{
	Name: "approval.deputies", Mode: gate.Read,
	Target: func(x *gate.Tx, _ struct{}) (gate.Target, error) {
		return gate.Target{Kind: "approval_delegation", ID: "new", Owner: x.Actor().Person}, nil
	},
	Do: func(x *gate.Tx, _ struct{}) (identity.NamesOut, error) {
		out := identity.NamesOut{People: []identity.Named{}}
		list, err := identity.Working(x)
		for _, p := range list {
			if p.ID != x.Actor().Person && len(p.Roles) > 0 && !identity.Apart(x.Actor().Roles, p.Roles) {
				out.People = append(out.People, identity.Named{ID: p.ID, Name: p.Name})
			}
		}
		return out, err
	},
})
