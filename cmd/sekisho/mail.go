package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"sekisho/internal/app"
	"sekisho/internal/kernel/fault"
)

type mailCmd struct {
	Authorize authorizeCmd `cmd:"" help:"メールの送受信を、画面のある別の機器で許可する（device flow） / Agree to sending and reading mail, on another device."`
}

type authorizeCmd struct{ home }

// Run prints where to agree and what to type there, and waits for it.
func (c authorizeCmd) Run(e *env) error {
	cfg, err := app.LoadConfig(c.Home)
	if err != nil {
		return err
	}
	tokens, err := app.Tokens(cfg)
	if err != nil {
		return err
	}
	if tokens == nil {
		return fault.Refused("cli.no_oauth")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err = tokens.Authorize(ctx, func(address, code string) {
		e.say("cli.authorize")
		fmt.Fprintf(e.out, "  %s\n  %s\n", address, code)
	})
	if err != nil {
		return err
	}
	e.say("cli.authorized")
	return nil
}
