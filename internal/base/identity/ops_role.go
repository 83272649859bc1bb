package identity

import (
	"slices"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// RoleIn names a person, a role and why.
type RoleIn struct {
	Person string `json:"person" required:"true" max:"64"`
	Role   string `json:"role" required:"true" max:"32"`
	Reason string `json:"reason"`
}

// GrantRole gives a role (役割の付与). A second person agrees, nobody asks for
// themselves, and duties that exclude each other stay apart.
var GrantRole = gate.New(gate.Op[RoleIn, PersonView]{
	Name: "identity.role_grant", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in RoleIn) (gate.Target, error) { return one(x, in.Person) },
	FourEyes: func(x *gate.Tx, in RoleIn) (gate.Second, error) {
		p, now, err := granted(x, in)
		if err != nil {
			return gate.Second{}, err
		}
		return second(p, view(p), view(now))
	},
	Do: func(x *gate.Tx, in RoleIn) (PersonView, error) {
		_, p, err := granted(x, in)
		if err != nil {
			return PersonView{}, err
		}
		return view(p), persons.Update(x, &p)
	},
})

// granted is the person before and after. Neither who asks nor who agrees may
// be that person: the gate runs it for both.
func granted(x *gate.Tx, in RoleIn) (p, now Person, err error) {
	if p, err = notSelf(x, in.Person); err != nil {
		return p, now, err
	}
	switch with := conflict(p.Roles, in.Role); {
	case !grantable(in.Role) || !x.Policy().Matrix().Has(in.Role):
		return p, now, fault.Invalid("identity.no_role", "role", in.Role).At("role")
	case slices.Contains(p.Roles, in.Role):
		return p, now, fault.Refused("identity.role_held", "role", roleWord(in.Role))
	case with != "":
		return p, now, fault.Refused("identity.role_conflict", "role", roleWord(in.Role), "held", roleWord(with))
	case p.Refuses(x.Now()) != "":
		return p, now, fault.Refused(p.Refuses(x.Now()))
	}
	now = p
	now.Roles = p.Roles.with(in.Role)
	return p, now, nil
}

// RevokeRole takes a role away, from the next request on (役割の取り消し).
var RevokeRole = gate.New(gate.Op[RoleIn, PersonView]{
	Name: "identity.role_revoke", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(RoleIn) []string { return []string{"identity.admins"} },
	Target: func(x *gate.Tx, in RoleIn) (gate.Target, error) { return one(x, in.Person) },
	Do: func(x *gate.Tx, in RoleIn) (PersonView, error) {
		p, err := persons.Get(x, in.Person)
		if err != nil {
			return PersonView{}, err
		}
		if !slices.Contains(p.Roles, in.Role) {
			return PersonView{}, fault.Refused("identity.role_not_held", "role", roleWord(in.Role))
		}
		if in.Role == admin {
			if err := keepsAdmin(x, p.ID); err != nil {
				return PersonView{}, err
			}
		}
		p.Roles = p.Roles.without(in.Role)
		return view(p), persons.Update(x, &p)
	},
})

// roleWord is a role's name in a sentence.
func roleWord(role string) fault.Word { return fault.Word("identity.role." + role) }
