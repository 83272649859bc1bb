package main

import (
	"context"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sekisho/internal/app"
)

type upgradeCmd struct {
	home
	Check bool   `required:"" help:"写しで試すだけで、家には何も書かない / Only try it, on a copy; nothing is written to the house."`
	DSN   string `help:"写しを作る空の PostgreSQL（空なら SQLite） / An empty PostgreSQL database for the copy; SQLite if empty." name:"dsn" placeholder:"postgres://…"`
}

// Run tries this program on a copy of the house. The upgrade itself is to stop
// the server, replace the program and start it.
func (c upgradeCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out, err := app.CheckUpgrade(ctx, app.UpgradeOptions{Home: c.Home, DSN: c.DSN, Clock: e.now, Log: e.log(), Tell: e.say})
	if err != nil {
		e.say("cli.upgrade_bad")
		return err
	}
	e.say("cli.upgrade_rows", "rows", out.Dump.Rows, "seconds", int(out.Took.Round(time.Second).Seconds()))
	if len(out.Pending) == 0 {
		e.say("cli.upgrade_same")
	} else {
		e.say("cli.upgrade_pending", "count", len(out.Pending), "list", strings.Join(out.Pending, " "))
	}
	if err := (verifyCmd{}).print(e, out.Report); err != nil {
		return err
	}
	if len(out.Report.Damages) > 0 {
		e.say("cli.upgrade_damaged")
		return errDamaged
	}
	e.say("cli.upgrade_good", "version", app.Version)
	return nil
}
