package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"sekisho/internal/app"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

type fsckCmd struct {
	home
	JSON    bool `help:"JSON で出す / Print JSON." name:"json"`
	Upgrade bool `help:"古い形式の行を書き直してから調べる / First write rows of an older format again."`
}

// Run checks the whole house: what verify checks, and what only opening shows.
func (c fsckCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a, err := app.Open(ctx, app.Options{Home: c.Home, Demo: app.IsDemo(c.Home), Log: e.log()})
	if err != nil {
		return err
	}
	defer a.Close()
	if c.Upgrade {
		n, err := a.Upgrade(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(e.err, text.T(e.lang, "fsck.upgraded", "count", n))
	}
	if err := a.Gate.SealOwn(ctx); err != nil {
		return err
	}
	rep, err := a.Fsck(ctx, c.progress(e))
	if err != nil {
		return err
	}
	a.Damaged(rep.Damages)
	if c.JSON {
		if err := printJSON(e, rep); err != nil {
			return err
		}
	} else {
		c.print(e, rep)
	}
	if len(rep.Damages) > 0 {
		return errDamaged
	}
	return nil
}

// progress tells every hundred thousand.
func (fsckCmd) progress(e *env) func(what string, done int64) {
	told := map[string]int64{}
	return func(what string, done int64) {
		if done-told[what] >= exportTold {
			told[what] = done
			fmt.Fprintln(e.err, text.T(e.lang, "fsck.progress", "what", what, "count", done))
		}
	}
}

func (fsckCmd) print(e *env, rep gate.FsckReport) {
	e.say("fsck.counts", "leaves", rep.Leaves, "rows", rep.Rows, "opened", rep.Opened, "files", rep.Files, "loose", rep.Loose)
	if rep.Old > 0 {
		e.say("fsck.old", "count", rep.Old)
	}
	printDamages(e, rep.Report)
	if len(rep.Damages) == 0 {
		e.say("fsck.ok")
	}
}

func printDamages(e *env, rep gate.Report) {
	for _, d := range rep.Damages {
		fmt.Fprintf(e.out, "✗ %s\n", text.T(e.lang, d.Key, "table", d.Table, "id", d.ID, "leaf", d.Leaf, "last", d.Last))
	}
	if rep.More > 0 {
		e.say("fsck.more", "count", rep.More)
	}
}
