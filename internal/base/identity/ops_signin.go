package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// SignInIn is what somebody who wants to come in shows. Code is a one-time or
// recovery code; empty until an authenticator is enrolled.
type SignInIn struct {
	Login    string       `json:"login" required:"true" max:"64"`
	Password vault.Secret `json:"password" required:"true"`
	Code     string       `json:"code" max:"64" text:"raw"`
}

// SignInOut gives the session's token, this once. Everything in it is public
// only because whoever asks is nobody yet; it goes to them alone.
type SignInOut struct {
	Token   string    `json:"token" class:"public"`
	Session string    `json:"session" class:"public"`
	Person  string    `json:"person" class:"public"`
	EndsAt  time.Time `json:"ends_at" class:"public"`
	Next    string    `json:"next" class:"public"` // "", "enrol" (identity.totp_begin) or "change" (identity.password_change)
}

// checked is what was found out about a password outside of the transaction.
type checked struct {
	version int64 // of the factor it was checked against
	ok      bool
	rehash  string // the same password under today's parameters
}

// SignIn opens a session (サインイン). Every failure reads the same, and an
// unknown login costs what a known one does.
var SignIn = gate.New(gate.Op[SignInIn, SignInOut]{
	Name: "identity.signin", Mode: gate.Write,
	Alone:  func(in SignInIn) []string { return []string{"identity.login/" + foldLogin(in.Login)} },
	Target: whoTries,
	Work:   checkPasswordWork,
	Do:     signIn,
})

// whoTries names the account in the record, for an unknown login none.
func whoTries(x *gate.Tx, in SignInIn) (gate.Target, error) {
	p, ok, err := maybe(ByLogin(x, foldLogin(in.Login)))
	if !ok {
		p.ID = "*"
	}
	return gate.Target{Kind: "identity", ID: p.ID}, err
}

func foldLogin(s string) string { return strings.ToLower(normal(strings.TrimSpace(s))) }

func checkPasswordWork(x *gate.Tx, in SignInIn) (func(context.Context) (any, error), error) {
	if err := mayTry(x, signInBuckets(x, foldLogin(in.Login))...); err != nil {
		return nil, err
	}
	_, f, err := account(x, in.Login)
	if err != nil {
		return nil, err
	}
	h := x.Passwords()
	return func(ctx context.Context) (any, error) { return check(ctx, h, f, in.Password) }, nil
}

// account finds a person and their factor; both are zero for an unknown login,
// after the same two selects.
func account(x *gate.Tx, login string) (Person, Factor, error) {
	p, _, err := maybe(ByLogin(x, foldLogin(login)))
	if err != nil {
		return p, Factor{}, err
	}
	f, _, err := maybe(factors.Get(x, p.ID))
	return p, f, err
}

// check verifies a password; against the empty hash of an unknown login it
// takes the same time and fails.
func check(ctx context.Context, h *vault.Passwords, f Factor, password vault.Secret) (checked, error) {
	c := checked{version: f.Version}
	text := vault.NewSecret(normal(password.Reveal()))
	var again bool
	var err error
	if c.ok, again, err = h.Verify(ctx, f.Password, text); err != nil || !c.ok || !again {
		return c, err
	}
	c.rehash, err = h.Hash(ctx, text)
	return c, err
}

func signIn(x *gate.Tx, in SignInIn) (SignInOut, error) {
	var out SignInOut
	buckets := signInBuckets(x, foldLogin(in.Login))
	if err := mayTry(x, buckets...); err != nil { // others may have failed while this one was hashing
		return out, err
	}
	p, f, err := account(x, in.Login)
	if err != nil {
		return out, err
	}
	refused := fault.Refused("identity.signin_wrong")
	c := gate.Worked[checked](x)
	expired := !f.StartUntil.IsZero() && !x.Now().Before(f.StartUntil)
	if !c.ok || c.version != f.Version || expired || p.Refuses(x.Now()) != "" {
		return out, fails(x, refused, buckets...)
	}
	if p.Enrolled {
		code := codeBucket(x, p.ID)
		wait, err := code.wait(x)
		if err != nil {
			return out, err
		}
		if wait > 0 { // the same sentence: it says nothing about the password
			return out, fails(x, refused, buckets...)
		}
		if !f.takes(x, in.Code) {
			return out, fails(x, refused, append(buckets, code)...)
		}
		buckets = append(buckets, code)
	}
	if c.rehash != "" {
		f.Password = c.rehash
	}
	if err := factors.Update(x, &f); err != nil {
		return out, err
	}
	for _, b := range append(buckets[:1], buckets[2:]...) { // the place's count stays: one account of theirs must not free the rest
		if err := b.clear(x); err != nil {
			return out, err
		}
	}
	return open(x, p)
}

// takes uses up code if it is the person's: the current one-time code, once,
// or a recovery code, once.
func (f *Factor) takes(x *gate.Tx, code string) bool {
	if step, ok := vault.ValidateTOTP(vault.NewSecret(f.TOTP), strings.TrimSpace(normal(code)), x.Now(), f.LastStep); ok {
		f.LastStep = step
		return true
	}
	h := recoveryHash(x, f.ID, code)
	for i, r := range f.Recovery {
		if vault.Equal([]byte(r), []byte(h)) {
			f.Recovery = slices.Delete(slices.Clone(f.Recovery), i, i+1)
			x.Note("recovery_codes_left", len(f.Recovery))
			return true
		}
	}
	return false
}

// open opens a session of a person who has just shown all they have; the
// oldest of more than five ends.
func open(x *gate.Tx, p Person) (SignInOut, error) {
	list, err := sessions.Find(x, gate.Eq("person_id", p.ID))
	if err != nil {
		return SignInOut{}, err
	}
	slices.SortFunc(list, func(a, b Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	for i, s := range list {
		if i >= maxDevices-1 || !s.alive(x.Now(), time.Time{}) {
			if err := sessions.Delete(x, s.ID); err != nil {
				return SignInOut{}, err
			}
		}
	}
	id, shown, hash := newToken(x, sessionToken)
	s := Session{Person: p.ID, Hash: hash, Factors: 1, SeenAt: x.Now(), EndsAt: x.Now().Add(sessionFor), Agent: agent(x)}
	s.ID = id
	if ip := x.Credential().IP; ip.IsValid() {
		s.IP = ip.String()
	}
	if p.Enrolled {
		s.Factors, s.StepUntil = 2, x.Now().Add(freshFor)
	}
	out := SignInOut{Token: shown, Session: id, Person: p.ID, EndsAt: s.EndsAt}
	switch unfinished(p, s) {
	case "identity.change_first":
		out.Next = "change"
	case "identity.enrol_first":
		out.Next = "enrol"
	}
	return out, sessions.Insert(x, &s)
}

func agent(x *gate.Tx) string {
	r := []rune(strings.ToValidUTF8(x.Credential().Agent, "?"))
	return string(r[:min(len(r), 200)])
}

// SignOut ends the session it is called with (サインアウト).
var SignOut = gate.New(gate.Op[None, Done]{
	Name: "identity.signout", Mode: gate.Write, Target: self[None],
	Do: func(x *gate.Tx, _ None) (Done, error) {
		id := x.Actor().Session
		return Done{id}, sessions.Delete(x, id)
	},
})

// StepUpIn asks to be believed for one kind of act (an op's name), or for one
// plan of it (the plan's digest in hexadecimal).
type StepUpIn struct {
	Code string `json:"code" required:"true" max:"64" text:"raw"`
	Act  string `json:"act" required:"true" max:"80"`
	Plan string `json:"plan" max:"128"`
}

// StepUpOut says until when.
type StepUpOut struct {
	Act   string    `json:"act" class:"internal"`
	Until time.Time `json:"until" class:"internal"`
}

// StepUp takes a fresh code, good for ten minutes of one kind of act (再確認).
var StepUp = gate.New(gate.Op[StepUpIn, StepUpOut]{
	Name: "identity.stepup", Mode: gate.Write, Target: self[StepUpIn],
	Do: func(x *gate.Tx, in StepUpIn) (StepUpOut, error) {
		var out StepUpOut
		s, ok, err := maybe(sessions.Get(x, x.Actor().Session))
		if err != nil {
			return out, err
		}
		if !ok || s.Factors < 2 {
			return out, fault.Refused("identity.no_stepup")
		}
		f, err := factors.Get(x, s.Person)
		if err != nil {
			return out, err
		}
		code := codeBucket(x, s.Person)
		if err := mayTry(x, code); err != nil {
			return out, err
		}
		if !f.takes(x, in.Code) {
			return out, fails(x, fault.Refused("identity.code_wrong"), code)
		}
		if err := code.clear(x); err != nil {
			return out, err
		}
		s.StepAct, s.StepPlan, s.StepUntil = in.Act, in.Plan, x.Now().Add(stepUpFor)
		if err := factors.Update(x, &f); err != nil {
			return out, err
		}
		return StepUpOut{in.Act, s.StepUntil}, sessions.Update(x, &s)
	},
})
