package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

const matrix = `
role sales clearance=personal
role books clearance=personal
role audit clearance=confidential
role nobody clearance=public
a.read: sales=own books=all audit=assigned # comment
a.write: sales=department
a.write approve: books=all
`

const conditions = `
@id("office-hours") @ops("a.*") @reason("policy.second_factor")
forbid(principal, action, resource) when { context.hour < 7 };
@id("living") @ops("a.write") @reason("policy.living_person")
forbid(principal, action, resource) when { context.via == "client" };
@id("network") @ops("a.write") @reason("policy.second_factor")
forbid(principal, action, resource) when { context has ip && context.ip.isInRange(ip("192.0.2.0/24")) };
@id("fact") @ops("a.write") @reason("policy.second_factor")
forbid(principal, action, resource) when { context has frozen && context.frozen };
`

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func policy(t *testing.T) *Policy {
	t.Helper()
	m, err := ParseMatrix(matrix)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConditions(conditions, []string{"a.read", "a.write"})
	if err != nil {
		t.Fatal(err)
	}
	return New(m, c)
}

func decide(t *testing.T, p *Policy, a Actor, r Request, target Target) Decision {
	t.Helper()
	if r.Now.IsZero() {
		r.Now = noon
	}
	d, err := p.Decide(a, r, target, p.Reach(a, r), func(person, subject string) (bool, error) { return person == "aud" && subject == "s1", nil })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecisions(t *testing.T) {
	p := policy(t)
	card := Target{Kind: "a", ID: "1", Owner: "me", Department: "east", Subject: "s1", Class: Personal}
	for _, c := range []struct {
		name   string
		actor  Actor
		req    Request
		allow  bool
		never  bool
		reason string
		rule   string
	}{
		{"own", Actor{Person: "me", Roles: []string{"sales"}}, Request{Op: "a.read"}, true, false, "", "matrix sales=own"},
		{"not own", Actor{Person: "you", Roles: []string{"sales"}}, Request{Op: "a.read"}, false, false, "policy.out_of_scope", ""},
		{"all", Actor{Person: "you", Roles: []string{"books"}}, Request{Op: "a.read"}, true, false, "", ""},
		{"assigned", Actor{Person: "aud", Roles: []string{"audit"}}, Request{Op: "a.read"}, true, false, "", ""},
		{"not assigned", Actor{Person: "x", Roles: []string{"audit"}}, Request{Op: "a.read"}, false, false, "policy.out_of_scope", ""},
		{"department", Actor{Person: "x", Roles: []string{"sales"}, Departments: []string{"west", "east"}}, Request{Op: "a.write"}, true, false, "", ""},
		{"other department", Actor{Person: "x", Roles: []string{"sales"}, Departments: []string{"west"}}, Request{Op: "a.write"}, false, false, "policy.out_of_scope", ""},
		{"role never", Actor{Person: "x", Roles: []string{"audit"}}, Request{Op: "a.write"}, false, true, "policy.role_never", ""},
		{"no role", Actor{Person: "x"}, Request{Op: "a.read"}, false, true, "policy.role_never", ""},
		{"approving is not running", Actor{Person: "x", Roles: []string{"books"}}, Request{Op: "a.write"}, false, true, "policy.role_never", ""},
		{"approve", Actor{Person: "x", Roles: []string{"books"}}, Request{Op: "a.write", Approve: true}, true, false, "", ""},
		{"a condition forbids", Actor{Person: "me", Roles: []string{"sales"}}, Request{Op: "a.read", Now: noon.Add(-6 * time.Hour)}, false, false, "policy.second_factor", "office-hours"},
		{"client", Actor{Via: ViaClient, Person: "x", Roles: []string{"sales"}, Departments: []string{"east"}}, Request{Op: "a.write"}, false, false, "policy.living_person", "living"},
		{"client's own list", Actor{Via: ViaClient, Person: "me", Roles: []string{"sales"}, Ops: []string{"a.write"}}, Request{Op: "a.read"}, false, true, "policy.client_scope", "client"},
		{"network", Actor{Person: "x", Roles: []string{"sales"}, Departments: []string{"east"}, IP: netip.MustParseAddr("192.0.2.9")}, Request{Op: "a.write"}, false, false, "policy.second_factor", "network"},
		{"another network", Actor{Person: "x", Roles: []string{"sales"}, Departments: []string{"east"}, IP: netip.MustParseAddr("198.51.100.9")}, Request{Op: "a.write"}, true, false, "", ""},
		{"a fact of the request", Actor{Person: "x", Roles: []string{"sales"}, Departments: []string{"east"}}, Request{Op: "a.write", Context: map[string]any{"frozen": true}}, false, false, "policy.second_factor", "fact"},
	} {
		d := decide(t, p, c.actor, c.req, card)
		if d.Allow != c.allow || d.Never != c.never || d.Reason != c.reason || (c.rule != "" && d.Rule != c.rule) {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}

// A condition that cannot be computed must not be a hole.
func TestAConditionThatFailsForbids(t *testing.T) {
	m, _ := ParseMatrix(matrix)
	c, err := ParseConditions(`@id("bad") @ops("*") @reason("policy.second_factor") forbid(principal, action, resource) when { context.nothing > 3 };`, []string{"a.read"})
	if err != nil {
		t.Fatal(err)
	}
	d := decide(t, New(m, c), Actor{Person: "x", Roles: []string{"books"}}, Request{Op: "a.read"}, Target{Kind: "a"})
	if d.Allow || d.Reason != "policy.condition_failed" || d.Rule != "bad" {
		t.Fatal(d)
	}
}

func TestBadTextsAreRefused(t *testing.T) {
	for _, bad := range []string{"role x", "role x clearance=high", "role x clearance=secret\nrole x clearance=public", "a.b: nobody=all", "role x clearance=secret\na.b: x=everything",
		"role x clearance=secret\na.b: x=all\na.b: x=own", "role x clearance=secret\nnothing"} {
		if _, err := ParseMatrix(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	for _, bad := range []string{`permit(principal, action, resource);`, `@id("x") @ops("*") forbid(principal, action, resource);`, `@id("x") @reason("y") forbid(principal, action, resource);`, `forbid(`} {
		if _, err := ParseConditions(bad, []string{"a.read"}); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	m, _ := ParseMatrix(matrix)
	if err := m.Check([]string{"a.read"}); err == nil || !strings.Contains(err.Error(), "a.write is a row without an op") {
		t.Error(err)
	}
	if err := m.Check([]string{"a.read", "a.write", "b.c"}); err == nil || !strings.Contains(err.Error(), "b.c has no row") {
		t.Error(err)
	}
}

func TestClearanceIsTheHighestOfTheRoles(t *testing.T) {
	m, _ := ParseMatrix(matrix)
	if m.Clearance([]string{"nobody", "audit"}) != Confidential || m.Clearance(nil) != Public || m.Clearance([]string{"unknown"}) != Public {
		t.Fatal("clearance")
	}
}

func FuzzParseMatrix(f *testing.F) {
	f.Add(matrix)
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := ParseMatrix(s); err == nil {
			m.Roles()
		}
	})
}
