package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/assure/backup"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

type backupCmd struct {
	Now    backupNowCmd    `cmd:"" help:"いま控えをとる / Make a generation now."`
	Status backupStatusCmd `cmd:"" help:"規程と実際を並べて示す / Show the rule beside what there is."`
	Check  backupCheckCmd  `cmd:"" help:"控えが戻せるかを、書かずに確かめる / Check that a backup can be restored; writes nothing."`
	Keygen backupKeygenCmd `cmd:"" help:"控えを開く鍵を作る（サーバーでない機械で） / Make a key that opens backups, on another machine than the server."`
}

type backupNowCmd struct {
	home
	JSON bool `help:"JSON で出す / Print JSON." name:"json"`
}

// Run makes a generation and says how it went.
func (c backupNowCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a, err := app.Open(ctx, app.Options{Home: c.Home, Demo: app.IsDemo(c.Home), Log: e.log()})
	if err != nil {
		return err
	}
	defer a.Close()
	o, err := a.Keeper().Run(ctx, "command")
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(e, o); err != nil {
			return err
		}
		return o.Sentence()
	}
	for _, k := range o.Copies {
		if k.Good {
			e.say("backup.made", "target", k.Target, "dir", k.Dir, "generation", o.Run.Generation, "files", k.NewBlobs)
		}
	}
	if o.Run.State != backup.Failed {
		e.say("backup.made_counts", "rows", o.Run.Rows, "log", o.Run.LogSize, "files", o.Run.Blobs, "mb", o.Run.Size>>20, "seconds", int(o.Took.Round(time.Second).Seconds()))
	}
	return o.Sentence()
}

type backupStatusCmd struct {
	home
	JSON bool `help:"JSON で出す / Print JSON." name:"json"`
}

// Run shows the rule beside what there is; exit 1 if they differ.
func (c backupStatusCmd) Run(e *env) error {
	a, err := app.Open(context.Background(), app.Options{Home: c.Home, Demo: app.IsDemo(c.Home), Log: e.log()})
	if err != nil {
		return err
	}
	defer a.Close()
	o, err := a.BackupStatus(context.Background())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e, o)
	}
	r := o.Rule
	e.say("backup.rule", "every", (time.Duration(r.EverySeconds) * time.Second).String(), "at", r.At, "daily", r.Daily, "weekly", r.Weekly, "monthly", r.Monthly, "recipients", r.Recipients)
	for _, p := range o.Places {
		e.say("backup.place", "target", p.Target, "dir", p.Dir, "count", p.Generations, "oldest", jst(p.Oldest), "newest", jst(p.LastGood))
		if p.Problem != "" {
			e.say(p.Problem, "dir", p.Dir, "count", len(p.Missing), "age", age(p.AgeSeconds), "file", p.Dir)
		}
	}
	if o.Sealed {
		e.say("cli.sealed")
	}
	for _, w := range wrong(o) {
		e.say(w.Key, w.Args...)
	}
	if o.Problem != "" {
		return fault.Refused("backup.not_as_ruled")
	}
	return nil
}

// wrong are the sentences about how the last run ended.
func wrong(o backup.Overview) (out []*fault.Error) {
	told := false
	for _, c := range o.Copies {
		if c.Reason != "" {
			out = append(out, fault.Unavailable(c.Reason, "dir", c.Dir, "file", c.Dir))
			told = told || c.Reason == o.Last.Reason
		}
	}
	if o.Last.Reason != "" && !told {
		out = append(out, fault.Unavailable(o.Last.Reason, "count", o.Last.Damaged))
	}
	return out
}

func jst(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(civil.JST()).Format("2006-01-02 15:04")
}

// age is a number of seconds as a person says it.
func age(seconds int64) string {
	if seconds < 0 {
		return "-"
	}
	return (time.Duration(seconds) * time.Second).Round(time.Minute).String()
}

type backupCheckCmd struct {
	From     string   `required:"" help:"控え（.age）または控えのフォルダ / A generation (.age), or a folder of them." type:"path" placeholder:"FILE|DIR"`
	Identity []string `required:"" help:"秘密鍵のファイル / File with a private key." type:"path" placeholder:"FILE"`
	Keys     string   `required:"" help:"鍵フォルダ / Folder of the key ring." type:"path" placeholder:"DIR"`
}

// Run proves a generation whole, as a restore does, and writes nothing.
func (c backupCheckCmd) Run(e *env) error {
	ring, err := vault.Open(c.Keys)
	if err != nil {
		return err
	}
	ids, err := backup.LoadIdentities(c.Identity)
	if err != nil {
		return err
	}
	s, err := backup.Find(c.From)
	if err != nil {
		return err
	}
	e.say("backup.checking", "file", s.Path)
	m, err := s.Check(ids, ring)
	if err != nil {
		return err
	}
	bad, err := s.CheckFiles(context.Background(), m, ring)
	if err == nil && len(bad) > 0 {
		err = fault.Refused("backup.files_missing", "count", len(bad), "first", bad[0], "dir", s.Blobs)
	}
	if err != nil {
		return err
	}
	e.say("backup.checked", "generation", m.Generation, "made", jst(m.Made), "rows", m.Dump.Rows, "log", m.Dump.LogSize, "files", len(m.Blobs)/32)
	return nil
}

type backupKeygenCmd struct {
	Out string `required:"" help:"秘密鍵を書く新しいファイル / New file for the private key." type:"path" placeholder:"FILE"`
}

// Run makes a pair: the private key goes into a file once, the public key is
// printed alone, so that it can be appended to the server's list.
func (c backupKeygenCmd) Run(e *env) error {
	p, err := backup.NewPair()
	if err != nil {
		return err
	}
	if err := p.Save(c.Out); err != nil {
		return err
	}
	fmt.Fprintln(e.err, text.T(e.lang, "backup.keygen_done", "file", c.Out))
	_, err = fmt.Fprintln(e.out, p.Recipient)
	return err
}

// backups says how old the copies are, and what is not as the rule wants it.
func (d *doctor) backups(ctx context.Context, a *app.App) {
	if a.Sealed() {
		d.add("warn", "cli.sealed")
	}
	if a.Demo {
		return
	}
	o, err := a.BackupStatus(ctx)
	if err != nil {
		d.fault(err)
		return
	}
	if o.Rule.Recipients == 0 {
		level := "bad" // a file that cannot be read
		if o.Problem == "backup.no_recipients" {
			level = "warn"
		}
		d.add(level, o.Problem, "file", a.Config.Backup.Settings(a.Home).Recipients)
		return
	}
	if o.Rule.Recipients == 1 {
		d.add("warn", "backup.one_recipient")
	}
	if len(o.Places) < 2 {
		d.add("bad", "backup.no_remote")
	}
	for _, w := range wrong(o) {
		d.add("bad", w.Key, w.Args...)
	}
	for _, p := range o.Places {
		args := []any{"dir", p.Dir, "count", len(p.Missing), "age", age(p.AgeSeconds)}
		if p.SameDisk {
			d.add(map[string]string{backup.Local: "warn", backup.Remote: "bad"}[p.Target], "backup.same_disk", args...)
		}
		if p.Problem != "" {
			d.add("bad", p.Problem, args...)
			continue
		}
		d.add("ok", "backup.fresh", append(args, "generations", p.Generations)...)
	}
}
