package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"sekisho/internal/app"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

type userCmd struct {
	List      userListCmd    `cmd:"" help:"人の一覧 / List people."`
	Add       userAddCmd     `cmd:"" help:"人を加える（役割は二人で） / Add a person; roles need two people."`
	Disable   userDisableCmd `cmd:"" help:"すぐに止める / Shut a person out at once."`
	ClientKey clientKeyCmd   `cmd:"" help:"API クライアントの鍵の対を作る（使う側で） / Make an API client's pair of keys, where it will be used."`
}

type userListCmd struct {
	home
	signIn
}

type personLine struct {
	ID    string   `json:"id"`
	Login string   `json:"login"`
	Name  string   `json:"name"`
	State string   `json:"state"`
	Roles []string `json:"roles"`
}

func people(ctx context.Context, a *app.App, c gate.Credential, f func(personLine) error) error {
	after := ""
	for {
		var page struct {
			Rows []personLine `json:"rows"`
			Next string       `json:"next"`
		}
		if err := call(ctx, a, c, "identity.people", map[string]any{"after": after, "limit": 200}, &page); err != nil {
			return err
		}
		for _, p := range page.Rows {
			if err := f(p); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// Run lists people.
func (c userListCmd) Run(e *env) error {
	return withGate(e, c.home, c.signIn, func(ctx context.Context, a *app.App, cred gate.Credential) error {
		return people(ctx, a, cred, func(p personLine) error {
			_, err := fmt.Fprintf(e.out, "%-20s %-9s %-30s %s  %s\n", p.Login, p.State, strings.Join(p.Roles, ","), p.Name, p.ID)
			return err
		})
	})
}

type clientKeyCmd struct{}

// Run prints a new pair; it is kept nowhere.
func (clientKeyCmd) Run(e *env) error {
	public, private := vault.NewClientKey()
	e.say("cli.client_public", "key", base64.StdEncoding.EncodeToString(public))
	e.say("cli.client_private", "key", private.Reveal())
	return nil
}

type userAddCmd struct {
	home
	signIn
	Login  string `arg:"" help:"ログイン名 / Login."`
	Number string `required:"" help:"社員番号 / Employee number."`
	Name   string `required:"" help:"氏名 / Name."`
	Kana   string `required:"" help:"フリガナ / Reading."`
	Mail   string `required:"" help:"メールアドレス / Mail address."`
	Dept   string `help:"部門のID / Department id." name:"department"`
}

// Run adds a person and prints the start password once.
func (c userAddCmd) Run(e *env) error {
	return withGate(e, c.home, c.signIn, func(ctx context.Context, a *app.App, cred gate.Credential) error {
		var out struct {
			ID       string `json:"id"`
			Password string `json:"start_password"`
		}
		in := map[string]any{"login": c.Login, "number": c.Number, "name": c.Name, "kana": c.Kana, "mail": c.Mail,
			"department": c.Dept, "hired_on": civil.Of(e.now())}
		if err := call(ctx, a, cred, "identity.person_create", in, &out); err != nil {
			return err
		}
		e.say("cli.user_added", "login", c.Login, "id", out.ID, "password", out.Password)
		return nil
	})
}

type userDisableCmd struct {
	home
	signIn
	Login  string `arg:"" help:"ログイン名 / Login."`
	Reason string `required:"" help:"理由（記録に残ります） / Reason, kept in the record."`
}

// Run shuts a person out.
func (c userDisableCmd) Run(e *env) error {
	return withGate(e, c.home, c.signIn, func(ctx context.Context, a *app.App, cred gate.Credential) error {
		id := ""
		if err := people(ctx, a, cred, func(p personLine) error {
			if p.Login == c.Login {
				id = p.ID
			}
			return nil
		}); err != nil {
			return err
		}
		if id == "" {
			return fault.Refused("cli.no_user", "login", c.Login)
		}
		if err := call(ctx, a, cred, "identity.person_disable", map[string]string{"id": id, "reason": c.Reason}, nil); err != nil {
			return err
		}
		e.say("cli.user_disabled", "login", c.Login)
		return nil
	})
}
