package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/vault"
)

// A fresh code given for one request approves that one and no other.
func TestC35_ACodeForOneRequestIsForNoOther(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx, judge := context.Background(), w.Of("attendant", 0)
		var digests, ids [2]string
		for i := range ids {
			err := w.Troupe.Act(ctx, w.Of("admin", 0), "identity.role_grant",
				map[string]string{"person": w.Of("sales", i).ID, "role": "clerk", "reason": "兼務のため"}, nil)
			var s *demo.Stop
			if !errors.As(err, &s) || s.Request == "" {
				t.Fatal(err)
			}
			var seen struct {
				Digest string `json:"digest"`
			}
			w.Do(t, judge, "approval.show", map[string]string{"id": s.Request}, &seen)
			ids[i], digests[i] = s.Request, seen.Digest
		}
		w.Pass(10 * time.Minute) // the sign-in is no fresh code any more
		do := func(op string, in string) error {
			_, err := w.Troupe.Door.Do(ctx, judge.Token(), op, []byte(in))
			return err
		}
		code, err := vault.TOTPCode(vault.NewSecret(judge.TOTP), w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := do("identity.stepup", `{"code":"`+code+`","act":"approval.approve","plan":"`+digests[0]+`"}`); err != nil {
			t.Fatal(err)
		}
		approve := func(i int) error { return do("approval.approve", `{"id":"`+ids[i]+`","digest":"`+digests[i]+`"}`) }
		var s *demo.Stop
		if err := approve(1); !errors.As(err, &s) || s.Code != "gate.step_up" {
			t.Fatal("the other request:", err)
		}
		if err := approve(0); err != nil {
			t.Fatal(err)
		}
	})
}

// Delegation does not join duties that must stay apart: no administrator or
// auditor decides about business in somebody's place.
func TestSM41_DelegationKeepsDutiesApart(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx, manager := context.Background(), w.Of("manager", 0)
		ask := func(to *demo.Person) error {
			return w.Troupe.Act(ctx, manager, "approval.delegate", map[string]string{"to": to.ID, "reason": "出張のため",
				"from_date": "2026-11-22", "until_date": "2026-11-25"}, nil)
		}
		for _, role := range []string{"admin", "auditor"} {
			var s *demo.Stop
			if err := ask(w.Of(role, 0)); !errors.As(err, &s) || s.Code != "approval.apart" {
				t.Fatal(role, err)
			}
		}
		for _, role := range []string{"controller", "attendant"} {
			if err := ask(w.Of(role, 0)); err != nil {
				t.Fatal(role, err)
			}
		}
	})
}
