package people

import (
	"slices"
	"strings"

	"sekisho/internal/base/identity"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/policy"
)

// duty is a role in words.
type duty struct {
	Name      string
	Clearance string
	Own       []noun
	Approves  []noun
}

// noun is what a role may do about one kind of thing.
type noun struct {
	Name string
	Acts []act
}

// act is one op, with how far it reaches.
type act struct{ Op, Reach string }

// granted are the roles people can be given, in their usual order.
func granted(q *page.Req) []policy.Role {
	order := []string{"sales", "clerk", "accounting", "controller", "manager", "hr", "admin", "security", "custodian", "auditor", "attendant"}
	all := slices.DeleteFunc(q.House.Policy.Matrix().Roles(), func(r policy.Role) bool {
		return r.Name == "system" || r.Name == "nobody" || r.Name == identity.Member
	})
	at := func(r policy.Role) int {
		if i := slices.Index(order, r.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(all, func(a, b policy.Role) int { return at(a) - at(b) })
	return all
}

// nouns are the acts open to a role, by the noun in the op's name.
func nouns(q *page.Req, role string, approve bool) []noun {
	m := q.House.Policy.Matrix()
	var out []noun
	for _, op := range q.House.Gate.Ops() { // in order of their names
		reach := m.Cell(op.Name, approve, role)
		if reach == 0 {
			continue
		}
		name, _, _ := strings.Cut(op.Name, ".")
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, noun{Name: name})
		}
		last := &out[len(out)-1]
		last.Acts = append(last.Acts, act{op.Name, reach.String()})
	}
	return out
}

// book is the page of all roles, with one opened.
type book struct {
	Roles  []policy.Role
	Chosen *duty
	Mine   []string
}

// Holds tells whether the reader has a role.
func (b book) Holds(role string) bool { return slices.Contains(b.Mine, role) }

func roles(q *page.Req) (page.Answer, error) {
	b := book{Roles: granted(q), Mine: q.Me.Person.Roles}
	for _, r := range b.Roles {
		if r.Name == q.Query("role") {
			b.Chosen = &duty{r.Name, r.Clearance.String(), nouns(q, r.Name, false), nouns(q, r.Name, true)}
		}
	}
	return q.Show("people/roles", q.T("web.roles.title"), b)
}
