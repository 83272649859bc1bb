package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/kernel/text"
)

type restoreCmd struct {
	From         string   `required:"" help:"控え（.age）または控えのフォルダ（いちばん新しいもの） / A generation (.age), or a folder of them: the newest." type:"path" placeholder:"FILE|DIR"`
	Identity     []string `required:"" help:"秘密鍵のファイル / File with a private key." type:"path" placeholder:"FILE"`
	Home         string   `required:"" help:"新しい家（空のフォルダ） / The new house: an empty folder." type:"path" placeholder:"DIR"`
	Keys         string   `help:"鍵フォルダ（その場で使います。空なら HOME/keys） / Folder of the key ring, used where it is. Empty: HOME/keys." type:"path" placeholder:"DIR"`
	DSN          string   `help:"空の PostgreSQL に戻す / Restore into an empty PostgreSQL database." name:"dsn" placeholder:"postgres://…"`
	WithoutFiles bool     `help:"保管ファイルが欠けていても続ける / Go on although archived files are missing or damaged."`
}

// Run restores, verifies, and leaves the new house sealed.
func (c restoreCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r, err := app.Restore(ctx, app.RestoreOptions{From: c.From, Identities: c.Identity, Home: c.Home, Keys: c.Keys, DSN: c.DSN,
		WithoutFiles: c.WithoutFiles, Clock: e.now, Log: e.log(), Tell: e.say})
	if err != nil {
		return err
	}
	d := r.Manifest.Dump
	e.say("backup.restored", "generation", r.Manifest.Generation, "dir", c.Home, "rows", d.Rows, "log", d.LogSize, "files", r.Files,
		"seconds", int(r.Took.Round(time.Second).Seconds()), "age", age(int64(e.now().Sub(r.Manifest.Made).Seconds())))
	if err := (verifyCmd{}).print(e, r.Report); err != nil {
		return err
	}
	for _, f := range r.Without {
		e.say("backup.file_missing", "file", f)
	}
	e.say("cli.sealed")
	e.say("backup.restored_next", "unknown", r.Seal.Unknown, "voided", r.Seal.Voided)
	if !r.SameLog {
		fmt.Fprintln(e.err, text.T(e.lang, "backup.other_log"))
		return errDamaged
	}
	if len(r.Report.Damages) > 0 {
		return errDamaged
	}
	return nil
}
