package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sekisho/internal/app"
	"sekisho/internal/kernel/text"
)

type verifyCmd struct {
	home
	JSON bool `help:"JSON で出す / Print JSON." name:"json"`
}

var errDamaged = errors.New("the house is damaged")

// Run recomputes the log and compares every row with it.
func (c verifyCmd) Run(e *env) error {
	ctx := context.Background()
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
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(rep); err != nil {
			return err
		}
	} else {
		e.say("cli.verify_counts", "leaves", rep.Leaves, "checkpoints", rep.Checkpoints, "rows", rep.Rows, "pending", rep.Pending)
		fmt.Fprintf(e.out, "  root %s\n", rep.Root)
		for _, d := range rep.Damages {
			fmt.Fprintf(e.out, "✗ %s\n", text.T(e.lang, d.Key, "table", d.Table, "id", d.ID, "leaf", d.Leaf))
		}
		if len(rep.Damages) == 0 {
			e.say("cli.verify_ok")
		}
	}
	if len(rep.Damages) > 0 {
		return errDamaged
	}
	return nil
}
