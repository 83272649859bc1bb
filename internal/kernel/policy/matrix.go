package policy

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Role is a ready-made duty.
type Role struct {
	Name      string
	Clearance Class
}

// Matrix is role × op × reach. Its text has two kinds of lines:
//
//	role accounting clearance=personal
//	invoice.issue: sales=department accounting=all
//	invoice.issue approve: manager=department
//	invoice.issue emergency: sales=department
//
// The line with "approve" says who may decide, as second person, about the op
// somebody else asked for; the one with "emergency", which two of them may do so
// together when no such person is there. '#' begins a comment.
type Matrix struct {
	roles map[string]Role
	rows  map[string]map[string]Reach // "op", "op approve" or "op emergency" → role → reach
}

// ParseMatrix reads the text; a line that cannot be read is an error.
func ParseMatrix(body string) (*Matrix, error) {
	m := &Matrix{roles: map[string]Role{}, rows: map[string]map[string]Reach{}}
	for i, line := range strings.Split(body, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		var err error
		if rest, ok := strings.CutPrefix(line, "role "); ok {
			err = m.role(rest)
		} else {
			err = m.row(line)
		}
		if err != nil {
			return nil, fmt.Errorf("policy: matrix line %d: %w", i+1, err)
		}
	}
	return m, nil
}

func (m *Matrix) role(rest string) error {
	name, c, ok := strings.Cut(rest, " clearance=")
	if !ok || m.roles[name].Name != "" {
		return fmt.Errorf("want \"role NAME clearance=CLASS\", each role once")
	}
	class, err := ParseClass(c)
	m.roles[name] = Role{name, class}
	return err
}

func (m *Matrix) row(line string) error {
	key, cells, ok := strings.Cut(line, ":")
	if !ok || m.rows[key] != nil {
		return fmt.Errorf("want \"OP: ROLE=REACH …\", each op once")
	}
	row := map[string]Reach{}
	for _, c := range strings.Fields(cells) {
		role, reach, _ := strings.Cut(c, "=")
		i := slices.Index(reachNames[:], reach)
		if m.roles[role].Name == "" || i < 1 {
			return fmt.Errorf("%q: no such role or reach", c)
		}
		row[role] = Reach(i)
	}
	m.rows[key] = row
	return nil
}

// Roles are all roles in order.
func (m *Matrix) Roles() []Role {
	rs := make([]Role, 0, len(m.roles))
	for _, r := range m.roles {
		rs = append(rs, r)
	}
	sort.Slice(rs, func(i, j int) bool { return rs[i].Name < rs[j].Name })
	return rs
}

// Has tells whether a role exists.
func (m *Matrix) Has(role string) bool { return m.roles[role].Name != "" }

// Clearance is the highest clearance among roles.
func (m *Matrix) Clearance(roles []string) Class {
	c := Public
	for _, r := range roles {
		c = max(c, m.roles[r].Clearance)
	}
	return c
}

// Cell is the reach of one role for one op; 0 is none.
func (m *Matrix) Cell(op string, approve bool, role string) Reach {
	if approve {
		op += " approve"
	}
	return m.rows[op][role]
}

// Check reports ops without a row and rows without an op.
func (m *Matrix) Check(ops []string) error {
	var bad []string
	for _, op := range ops {
		if m.rows[op] == nil {
			bad = append(bad, op+" has no row")
		}
	}
	for key := range m.rows {
		if op, _, _ := strings.Cut(key, " "); !slices.Contains(ops, op) {
			bad = append(bad, key+" is a row without an op")
		}
	}
	sort.Strings(bad)
	if len(bad) > 0 {
		return fmt.Errorf("policy: matrix: %s", strings.Join(bad, "; "))
	}
	return nil
}

func (m *Matrix) reach(a Actor, row string) Decision {
	d := Decision{Never: true, Rule: "matrix", Reason: "policy.role_never"}
	for _, role := range a.Roles {
		r := m.rows[row][role]
		if r == 0 {
			continue
		}
		d.Allow, d.Never, d.Reason = true, false, ""
		d.Rule += " " + role + "=" + r.String()
		switch r {
		case All:
			d.Scope.All = true
		case Department:
			for _, dep := range a.Departments {
				if !slices.Contains(d.Scope.Departments, dep) {
					d.Scope.Departments = append(d.Scope.Departments, dep)
				}
			}
		case Own:
			d.Scope.Own = a.Person
		case Assigned:
			d.Scope.Assigned = a.Person
		}
	}
	return d
}
