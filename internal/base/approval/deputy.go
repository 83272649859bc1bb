package approval

import (
	"slices"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Deputise wraps gate.Config.Resolve: in the ops in which people decide about
// requests, and in no other, the actor also has the roles and departments of
// those who have delegated to them today. Rights do not pass on a second time,
// and nobody stands in for a person whose account is shut or whose duties
// exclude their own.
func Deputise(resolve func(*gate.Tx, gate.Info) (gate.Actor, error)) func(*gate.Tx, gate.Info) (gate.Actor, error) {
	return func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		a, err := resolve(x, op)
		if err != nil || a.Via != policy.ViaSession || !decides(op.Name) {
			return a, err
		}
		from, err := delegators(x, a.Person)
		if err != nil || len(from) == 0 {
			return a, err
		}
		own := a.Roles
		for _, id := range from {
			p, err := identity.Get(x, id)
			if fault.Is(err, fault.KindNotFound) || err == nil && (p.Refuses(x.Now()) != "" || identity.Apart(own, p.Roles)) {
				continue
			}
			if err != nil {
				return a, err
			}
			a.Roles, a.Departments = union(a.Roles, p.Roles), union(a.Departments, p.Departments)
		}
		a.Clearance = x.Policy().Matrix().Clearance(a.Roles)
		return a, nil
	}
}

func decides(op string) bool {
	return slices.Contains([]string{"approval.list", "approval.show", "approval.approve", "approval.reject"}, op)
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// delegators are the people in whose place person may decide today.
func delegators(x *gate.Tx, person string) ([]string, error) {
	ds, err := delegations.Find(x, gate.Eq("to_person", person), gate.Ge("until_date", today(x)))
	var out []string
	for _, d := range ds {
		if d.covers(today(x)) && !slices.Contains(out, d.From) {
			out = append(out, d.From)
		}
	}
	return out, err
}
