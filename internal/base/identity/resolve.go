package identity

import (
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

const (
	idleFor    = 30 * time.Minute
	sessionFor = 12 * time.Hour
	tokenFor   = 15 * time.Minute
	stepUpFor  = 10 * time.Minute
	freshFor   = 5 * time.Minute // a two-factor sign-in counts as a step-up this long
	maxDevices = 5
)

// Over is the text key of a session or token that is none any more: HTTP 401.
const Over = "identity.session_over"

// NewResolve gives gate.Config.Resolve. It makes the actor out of whatever was
// shown, with at most three selects by primary key. clients is the
// configuration's switch for API clients.
func NewResolve(seen *Seen, clients bool) func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
	r := resolver{seen, clients}
	return func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		c := x.Credential()
		if !clients && (op.Name == clientTokenOp || op.Name == clientEnableOp) {
			return gate.Actor{}, fault.Denied("identity.clients_off")
		}
		if c.Idem != "" && (c.Kind() == gate.CredNobody || slices.Contains(shownOnce(), op.Name)) {
			return gate.Actor{Via: policy.ViaNobody}, fault.Invalid("identity.no_idem")
		}
		switch c.Kind() {
		case gate.CredNobody:
			return gate.Actor{Via: policy.ViaNobody, Roles: []string{"nobody"}, Clearance: policy.Public}, nil
		case gate.CredSession:
			return r.session(x, c, op)
		case gate.CredClient:
			return r.client(x, c)
		case gate.CredPerson:
			return onBehalf(x, c)
		case gate.CredSystem:
			return gate.Actor{Via: policy.ViaSystem, Person: "system", Login: c.Secret(), Roles: []string{"system"},
				Clearance: policy.Secret, Factors: 2, StepUp: true}, nil
		}
		return gate.Actor{}, fault.Denied(Over)
	}
}

type resolver struct {
	seen    *Seen
	clients bool
}

// shownOnce are the ops whose answer holds a fresh credential: an
// Idempotency-Key would keep it, and give it out again. Nor may somebody who
// has not signed in use one: its answers would be shared by all of those.
func shownOnce() []string {
	return []string{"identity.password_change", "identity.totp_begin", "identity.totp_confirm", "identity.recovery_codes",
		"identity.password_issue", "identity.person_create"}
}

// What a token begins with says what it is, to the API and to whoever finds one
// in a place where it should not be.
const (
	sessionToken = "sks_"
	clientToken  = "skc_"
)

// token splits "<prefix><id>.<secret>" and gives the hash of the secret half.
func token(s string) (id string, hash []byte) {
	id, secret, _ := strings.Cut(s, ".")
	return strings.TrimPrefix(strings.TrimPrefix(id, sessionToken), clientToken), vault.HashToken([]byte(secret))
}

func (r resolver) session(x *gate.Tx, c gate.Credential, op gate.Info) (gate.Actor, error) {
	id, hash := token(c.Secret())
	s, ok, err := maybe(sessions.Get(x, id))
	if err != nil {
		return gate.Actor{}, err
	}
	if !ok || !vault.Equal(s.Hash, hash) || !s.alive(x.Now(), r.seen.last(id)) {
		return gate.Actor{}, fault.Denied(Over)
	}
	p, a, err := actorOf(x, s.Person, policy.ViaSession)
	if err != nil {
		return a, err
	}
	if why := p.Refuses(x.Now()); why != "" {
		return gate.Actor{}, fault.Denied(Over)
	}
	a.Session, a.Factors = s.ID, int(s.Factors)
	r.seen.saw(s.ID, x.Now())
	if why := unfinished(p, s); why != "" && !slices.Contains(beforeFinished(), op.Name) {
		return a, fault.Denied(why)
	}
	a.StepUp, err = s.steppedUp(x, op)
	return a, err
}

// alive is measured from the last touch in the database and the last use on
// this node, whichever is later. What was seen in the future is over: the clock
// went back, and must not give it a longer life (see EndAll).
func (s Session) alive(now, last time.Time) bool {
	last = later(last, s.SeenAt)
	return now.Before(s.EndsAt) && now.Before(last.Add(idleFor)) && !last.After(now.Add(slack))
}

// within tells whether something that was given for so long is not over yet. If
// it ends later than it can have been given for, the clock went back meanwhile.
func within(now, end time.Time, given time.Duration) bool {
	return now.Before(end) && end.Sub(now) <= given+slack
}

// unfinished is why a session may do nothing but finish signing in.
func unfinished(p Person, s Session) string {
	switch {
	case p.MustChange:
		return "identity.change_first"
	case s.Factors < 2:
		return "identity.enrol_first"
	}
	return ""
}

func beforeFinished() []string {
	return []string{"identity.me", "identity.signout", "identity.totp_begin", "identity.totp_confirm", "identity.password_change"}
}

// steppedUp tells whether a fresh code covers op. A two-factor sign-in that
// nothing has used yet covers the first op that asks for one, and is bound to
// it then, in that op's own transaction: for no other kind of act.
func (s Session) steppedUp(x *gate.Tx, op gate.Info) (bool, error) {
	if s.Factors < 2 || !within(x.Now(), s.StepUntil, stepUpFor) {
		return false, nil
	}
	if s.StepAct != "" || !op.Needs.StepUp {
		return s.StepAct == op.Name, nil
	}
	s.StepAct, s.StepUntil = op.Name, x.Now().Add(stepUpFor)
	if !x.Writes() { // an op's Work, or the record of a bad input: bound when it is written
		return true, nil
	}
	return true, sessions.UpdateMany(x, []Session{s})
}

// StepUpPlan gives the digest of the only plan that the actor's step-up is for,
// "" when it is for its kind of act. Ops about a plan compare it with theirs.
func StepUpPlan(x *gate.Tx) (string, error) {
	if x.Actor().Session == "" {
		return "", nil
	}
	s, _, err := maybe(sessions.Get(x, x.Actor().Session))
	return s.StepPlan, err
}

func actorOf(x *gate.Tx, person string, via policy.Via) (Person, gate.Actor, error) {
	p, ok, err := maybe(persons.Get(x, person))
	if err != nil {
		return p, gate.Actor{}, err
	}
	if !ok {
		return p, gate.Actor{}, fault.Denied(Over)
	}
	roles := p.Roles.with(Member)
	return p, gate.Actor{Via: via, Person: p.ID, Login: p.Login, Roles: roles, Departments: p.Departments,
		Clearance: x.Policy().Matrix().Clearance(roles), Factors: 1}, nil
}

// client is the owner within the client's list of ops. It never has a step-up:
// a program cannot approve or confirm.
func (r resolver) client(x *gate.Tx, c gate.Credential) (gate.Actor, error) {
	if !r.clients {
		return gate.Actor{}, fault.Denied("identity.clients_off")
	}
	id, hash := token(c.Secret())
	t, ok, err := maybe(tokens.Get(x, id))
	if err != nil {
		return gate.Actor{}, err
	}
	if !ok || !vault.Equal(t.Hash, hash) || !within(x.Now(), t.EndsAt, tokenFor) {
		return gate.Actor{}, fault.Denied(Over)
	}
	cl, ok, err := maybe(clients.Get(x, t.Client))
	if err != nil {
		return gate.Actor{}, err
	}
	if !ok || cl.State != Active {
		return gate.Actor{}, fault.Denied(Over)
	}
	p, a, err := actorOf(x, cl.Owner, policy.ViaClient)
	if err != nil || p.Refuses(x.Now()) != "" {
		return gate.Actor{}, orOver(err)
	}
	a.Session, a.Ops = t.ID, append([]string{}, cl.Ops...)
	return a, nil
}

func orOver(err error) error {
	if err == nil {
		return fault.Denied(Over)
	}
	return err
}

// onBehalf is the person a job or an approved request is for. They asked in a
// session of two factors; whether they still may is decided now.
func onBehalf(x *gate.Tx, c gate.Credential) (gate.Actor, error) {
	p, a, err := actorOf(x, c.Secret(), policy.ViaJob)
	if err != nil {
		return a, err
	}
	if why := p.Refuses(x.Now()); why != "" {
		return gate.Actor{}, fault.Denied(why)
	}
	a.Factors = 2
	return a, nil
}
