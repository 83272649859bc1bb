package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sekisho/internal/app"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/witness"
)

type verifyCmd struct {
	home
	JSON   bool   `help:"JSON で出す / Print JSON." name:"json"`
	Export string `help:"確かめたあと、封印済みの記録を新しいフォルダに書き出す（sekisho-verify 用。内容は封印のまま） / Then write the sealed log to a new folder, for sekisho-verify; contents stay sealed." type:"path" placeholder:"DIR"`

	AgainstWitness string `help:"証人の写し（フォルダか住所）と比べる / Compare with a witness's mirror: a folder or an address." placeholder:"DIR|URL"`
	Fingerprint    string `help:"証人の自己署名の証明書の指紋（SHA-256） / SHA-256 of the witness's self-signed certificate."`
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
	rep, err := c.verify(ctx, a)
	if err != nil {
		return err
	}
	a.Damaged(rep.Damages)
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

func (c verifyCmd) verify(ctx context.Context, a *app.App) (gate.Report, error) {
	if c.AgainstWitness == "" {
		return a.Gate.Verify(ctx, nil)
	}
	m, done, err := openMirror(ctx, c.AgainstWitness, c.Fingerprint, a.Ring.LogVerifier())
	if err != nil {
		return gate.Report{}, err
	}
	defer done()
	return a.Gate.VerifyAgainst(ctx, m, nil)
}

// openMirror opens a witness's folder, or fetches a mirror from an address into
// a folder that is removed afterwards.
func openMirror(ctx context.Context, where, fingerprint, key string) (*witness.Mirror, func(), error) {
	p, err := witness.At(where, fingerprint)
	if err != nil {
		return nil, nil, err
	}
	if !p.Remote() {
		m, err := witness.Read(where)
		return m, func() {}, err
	}
	dir, err := os.MkdirTemp("", "sekisho-mirror-*")
	if err != nil {
		return nil, nil, err
	}
	m, err := witness.Open(dir, key)
	done := func() { _ = os.RemoveAll(dir) }
	if err == nil {
		_, err = m.Grow(ctx, p.From())
		done = func() { _, _ = m.Close(), os.RemoveAll(dir) }
	}
	var f *witness.Fork
	if errors.As(err, &f) {
		err = f.Fault()
	}
	if err != nil {
		done()
	}
	return m, done, err
}

func (c verifyCmd) print(e *env, rep gate.Report) error {
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		return enc.Encode(rep)
	}
	e.say("cli.verify_counts", "leaves", rep.Leaves, "checkpoints", rep.Checkpoints, "rows", rep.Rows, "pending", rep.Pending)
	fmt.Fprintf(e.out, "  root %s\n", rep.Root)
	if rep.Witnessed > 0 {
		e.say("cli.verify_witnessed", "count", rep.Witnessed)
	}
	printDamages(e, rep)
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
