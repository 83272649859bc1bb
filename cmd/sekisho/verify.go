package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"sekisho/internal/app"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

type verifyCmd struct {
	home
	JSON   bool   `help:"JSON で出す / Print JSON." name:"json"`
	Export string `help:"確かめたあと、封印済みの記録を新しいフォルダに書き出す（sekisho-verify 用。内容は封印のまま） / Then write the sealed log to a new folder, for sekisho-verify; contents stay sealed." type:"path" placeholder:"DIR"`
}

var errDamaged = errors.New("the house is damaged")

// Run recomputes the log, compares every row with it, and exports it if told
// to: a damaged log too, which is then evidence.
func (c verifyCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a, err := app.Open(ctx, app.Options{Home: c.Home, Demo: app.IsDemo(c.Home), Log: e.log()})
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.Gate.SealOwn(ctx); err != nil {
		return err
	}
	rep, err := a.Gate.Verify(ctx, nil)
	if err != nil {
		return err
	}
	if err := c.print(e, rep); err != nil {
		return err
	}
	if c.Export != "" {
		if err := c.export(ctx, e, a); err != nil {
			return err
		}
	}
	if len(rep.Damages) > 0 {
		return errDamaged
	}
	return nil
}

func (c verifyCmd) print(e *env, rep gate.Report) error {
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		return enc.Encode(rep)
	}
	e.say("cli.verify_counts", "leaves", rep.Leaves, "checkpoints", rep.Checkpoints, "rows", rep.Rows, "pending", rep.Pending)
	fmt.Fprintf(e.out, "  root %s\n", rep.Root)
	for _, d := range rep.Damages {
		fmt.Fprintf(e.out, "✗ %s\n", text.T(e.lang, d.Key, "table", d.Table, "id", d.ID, "leaf", d.Leaf))
	}
	if len(rep.Damages) == 0 {
		e.say("cli.verify_ok")
	}
	return nil
}

// exportTold is after how many records export says how far it is.
const exportTold = 100_000

func (c verifyCmd) export(ctx context.Context, e *env, a *app.App) error {
	told := int64(exportTold)
	err := a.Gate.Export(ctx, c.Export, func(what string, done int64) {
		if what == "leaves" && done >= told {
			fmt.Fprintln(e.err, text.T(e.lang, "export.progress", "count", done))
			told = done + exportTold
		}
	})
	if err != nil {
		return err
	}
	// To stderr: with --json the output is JSON only.
	fmt.Fprintln(e.err, text.T(e.lang, "export.done", "dir", c.Export))
	fmt.Fprintf(e.err, "  %s\n", a.Ring.LogVerifier())
	return nil
}
