// Package policy decides: who may do which act on what, and under which conditions.
//
// Permits come from a matrix of role × op × scope, one text for the whole
// product. Conditions and prohibitions are Cedar texts over the context of the
// request. Default is deny, a prohibition wins, and the rule that decided is
// named so that it can go into the record.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Class is the confidentiality class of a field or a thing (機密区分).
type Class uint8

const (
	Public Class = iota + 1
	Internal
	Confidential
	Personal
	Secret
)

var classNames = [...]string{Public: "public", Internal: "internal", Confidential: "confidential", Personal: "personal", Secret: "secret"}

func (c Class) String() string {
	if c < Public || c > Secret {
		return "none"
	}
	return classNames[c]
}

// ParseClass reads a class by its name.
func ParseClass(s string) (Class, error) {
	if i := slices.Index(classNames[:], s); i > 0 && s != "" {
		return Class(i), nil
	}
	return 0, fmt.Errorf("policy: no class %q", s)
}

// Via is how an actor came in.
type Via string

const (
	ViaNobody  Via = "nobody"  // nobody has signed in
	ViaSession Via = "session" // a person, signed in
	ViaClient  Via = "client"  // an API client, for its owner
	ViaJob     Via = "job"     // a job, for the person who asked for it
	ViaSystem  Via = "system"  // the server itself
)

// Actor is who asks, and how strongly that is known. It is made from the
// database at every request, so a right that is taken away is gone at once.
type Actor struct {
	Via         Via
	Person      string // id of the living person, whatever account or delegation
	Login       string
	Session     string // id (never the token) of the session, client token or job
	Roles       []string
	Departments []string
	Clearance   Class
	Factors     int      // 2 after a second factor
	StepUp      bool     // a fresh code covers this very op
	Ops         []string // API clients: the ops they may call at most; nil: no limit
	IP          netip.Addr
}

// Target is what a decision is about. The zero Target is never valid.
type Target struct {
	Kind, ID   string
	Owner      string // person in charge (担当者)
	Department string
	Subject    string // what people are assigned to, usually the partner
	Class      Class
}

// Reach is how far a permit goes.
type Reach uint8

const (
	Own        Reach = iota + 1 // owner = the actor
	Assigned                    // assigned to the subject
	Department                  // one of the actor's departments
	All
)

var reachNames = [...]string{Own: "own", Assigned: "assigned", Department: "department", All: "all"}

func (r Reach) String() string { return reachNames[r] }

// Scope narrows lists: the union of what the actor's roles reach.
type Scope struct {
	All         bool
	Departments []string
	Own         string // person, "" if not in scope
	Assigned    string // person, "" if not in scope
}

// None tells that nothing is in scope.
func (s Scope) None() bool {
	return !s.All && len(s.Departments) == 0 && s.Own == "" && s.Assigned == ""
}

// OneOwn tells that no more than what is the actor's own is in scope: figures are
// then of nobody else.
func (s Scope) OneOwn() bool { return !s.All && len(s.Departments) == 0 }

// Contains decides for one target what the SQL narrowing decides for lists.
func (s Scope) Contains(t Target, assigned func(person, subject string) (bool, error)) (bool, error) {
	if s.All || (s.Own != "" && t.Owner == s.Own) || (t.Department != "" && slices.Contains(s.Departments, t.Department)) {
		return true, nil
	}
	if s.Assigned != "" && t.Subject != "" {
		return assigned(s.Assigned, t.Subject)
	}
	return false, nil
}

// Request is what one decision is about, beside actor and target.
type Request struct {
	Op      string
	Approve bool // decides as second person about the op, instead of running it
	// Emergency decides as one of the two who stand in for a second person that is
	// not there.
	Emergency bool
	Now       time.Time
	Context   map[string]any // further facts for conditions: bool, int64 or string
}

// Decision is the outcome and the rule behind it.
type Decision struct {
	Allow  bool
	Never  bool   // no role of the actor has this op at all
	Rule   string // which row or condition decided
	Reason string // text key, when not allowed
	Scope  Scope
}

// row is the line of the matrix that the request is decided by.
func (r Request) row() string {
	switch {
	case r.Emergency:
		return r.Op + " emergency"
	case r.Approve:
		return r.Op + " approve"
	}
	return r.Op
}

// Policy is a matrix with conditions.
type Policy struct {
	matrix     *Matrix
	conditions *Conditions
}

// New joins the two.
func New(m *Matrix, c *Conditions) *Policy { return &Policy{m, c} }

// Matrix gives the matrix, for reports.
func (p *Policy) Matrix() *Matrix { return p.matrix }

// Reach decides everything that can be decided before the target is known:
// whether any role has the op, and how far it reaches.
func (p *Policy) Reach(a Actor, r Request) Decision {
	if a.Ops != nil && !slices.Contains(a.Ops, r.Op) {
		return Decision{Never: true, Rule: "client", Reason: "policy.client_scope"}
	}
	return p.matrix.reach(a, r.row())
}

// Decide is the whole decision on one target.
func (p *Policy) Decide(a Actor, r Request, t Target, d Decision, assigned func(person, subject string) (bool, error)) (Decision, error) {
	if !d.Allow {
		return d, nil
	}
	in, err := d.Scope.Contains(t, assigned)
	if err != nil {
		return Decision{}, err
	}
	if !in {
		d.Allow, d.Reason = false, "policy.out_of_scope"
		return d, nil
	}
	return p.Conditions(a, r, t, d)
}

// Conditions applies the prohibitions only: for lists, whose scope is SQL.
func (p *Policy) Conditions(a Actor, r Request, t Target, d Decision) (Decision, error) {
	rule, reason, err := p.conditions.forbidden(a, r, t)
	if err != nil {
		return Decision{}, err
	}
	if rule != "" {
		d.Allow, d.Rule, d.Reason = false, rule, reason
	}
	return d, nil
}
