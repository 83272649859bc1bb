package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sekisho/internal/kernel/vault"
)

// Person is one of the demo's people with everything needed to sign in.
type Person struct {
	ID       string
	Login    string
	Name     string
	Kana     string
	Roles    []string
	Password string
	TOTP     string // secret of the authenticator, base32

	dept   string // name of the department
	number int    // in the cast
	token  string
	step   int64 // last TOTP step used
}

// Clock is the time of the demo; in the seeding it runs through the past.
type Clock interface {
	Now() time.Time
	Pass(d time.Duration) // waits, or lets time pass
}

// Troupe are the people with a door to go through.
type Troupe struct {
	Door  Door
	Clock Clock
}

const step = 30 * time.Second

// code gives a code not used before, waiting for the next one if need be.
func (t *Troupe) code(p *Person) (string, error) {
	for t.Clock.Now().Unix()/30 <= p.step {
		t.Clock.Pass(step - time.Duration(t.Clock.Now().Unix()%30)*time.Second)
	}
	p.step = t.Clock.Now().Unix() / 30
	return vault.TOTPCode(vault.NewSecret(p.TOTP), t.Clock.Now())
}

func (t *Troupe) raw(ctx context.Context, token, op string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	res, err := t.Door.Do(ctx, token, op, b)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(res, out); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// SignIn signs a person in with password and code.
func (t *Troupe) SignIn(ctx context.Context, p *Person) error {
	in := map[string]string{"login": p.Login, "password": p.Password}
	if p.TOTP != "" {
		c, err := t.code(p)
		if err != nil {
			return err
		}
		in["code"] = c
	}
	var out struct {
		Token  string `json:"token"`
		Person string `json:"person"`
	}
	err := t.raw(ctx, "", "identity.signin", in, &out)
	p.token, p.ID = out.Token, out.Person
	return err
}

// Token is the person's session.
func (p *Person) Token() string { return p.token }

// Act runs an op for a person, signing in and giving a fresh code when asked.
func (t *Troupe) Act(ctx context.Context, p *Person, op string, in, out any) error {
	for range 3 {
		if p.token == "" {
			if err := t.SignIn(ctx, p); err != nil {
				return fmt.Errorf("%s signs in: %w", p.Login, err)
			}
		}
		err := t.raw(ctx, p.token, op, in, out)
		var s *Stop
		switch {
		case !errors.As(err, &s):
			return err
		case s.Code == "identity.session_over":
			p.token = ""
		case s.Code == "gate.step_up":
			c, err := t.code(p)
			if err != nil {
				return err
			}
			if err := t.raw(ctx, p.token, "identity.stepup", map[string]string{"code": c, "act": op}, nil); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return fmt.Errorf("%s: %s could not sign in", op, p.Login)
}

// Approve lets a second person look at a request and agree to what they saw.
func (t *Troupe) Approve(ctx context.Context, p *Person, request string) error {
	var seen struct {
		Digest string `json:"digest"`
	}
	if err := t.Act(ctx, p, "approval.show", map[string]string{"id": request}, &seen); err != nil {
		return err
	}
	return t.Act(ctx, p, "approval.approve", map[string]string{"id": request, "digest": seen.Digest}, nil)
}

// Together runs a four-eyes op: one asks, the other agrees.
func (t *Troupe) Together(ctx context.Context, asks, agrees *Person, op string, in any) error {
	err := t.Act(ctx, asks, op, in, nil)
	var s *Stop
	if !errors.As(err, &s) || s.Request == "" {
		return err
	}
	return t.Approve(ctx, agrees, s.Request)
}
