// Command sekisho is the whole product: server, demo, tools. Every command says
// with --help what it does.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"sekisho/internal/app"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

type cli struct {
	Serve   serveCmd   `cmd:"" help:"サーバーを始める / Start the server."`
	Demo    demoCmd    `cmd:"" help:"見本の会社で試す（何も外へ出ません） / Try it with a made-up company; nothing can leave."`
	Init    initCmd    `cmd:"" help:"鍵と設定を作る（最初に一度） / Make keys and configuration, once."`
	Doctor  doctorCmd  `cmd:"" help:"どこが悪いか、どう直すかを調べる / Say what is wrong and how to mend it."`
	Verify  verifyCmd  `cmd:"" help:"記録と全行を確かめる / Verify the log and every row."`
	Backup  backupCmd  `cmd:"" help:"控えをとる・確かめる / Make and check backups."`
	Restore restoreCmd `cmd:"" help:"控えから空の場所に戻す（何も送りません） / Restore a backup into an empty place; it sends nothing."`
	Fsck    fsckCmd    `cmd:"" help:"verify に加え、封印・索引・ファイル・権限まで調べる / Verify, and open sealed fields, indexes, files, permissions too."`
	Witness witnessCmd `cmd:"" help:"証人: 別のフォルダ・人・機械で記録を見張る / Be a witness: watch a log from another folder, account or machine."`
	Do      doCmd      `cmd:"" help:"操作をひとつ行う / Run one operation."`
	Ops     opsCmd     `cmd:"" help:"操作の一覧 / List the operations."`
	Routes  routesCmd  `cmd:"" help:"HTTP の経路の一覧 / List the HTTP routes."`
	Import  importCmd  `cmd:"" help:"CSV を取り込む / Import a CSV file."`
	User    userCmd    `cmd:"" help:"人を加える・止める・調べる / Add, disable and list people."`
	Upgrade upgradeCmd `cmd:"" help:"新しい版で動くかを、写しで前もって試す / Try an upgrade beforehand, on a copy."`
	Replay  replayCmd  `cmd:"" help:"過去のメールやPDFを点検し、止まったはずのものを挙げる（何も書き込みません） / Check past mails and PDFs and list what would have been stopped; nothing is stored."`
	Mail    mailCmd    `cmd:"" help:"メールの送受信の許可 / Agree to sending and reading mail."`
	DKIM    dkimCmd    `cmd:"" name:"dkim" help:"送るメールに署名する鍵（DKIM）を作り、DNS のレコードを示す / Keys that sign our mail (DKIM) and their DNS records."`
	CA      caCmd      `cmd:"" name:"ca" help:"社内だけの認証局を作り、サーバーの証明書を出す / A small CA of the office: its root and the server's certificate."`
	Portal  portalCmd  `cmd:"" help:"受け取りページを外の小さなサーバーで中継する（鍵もデータも置きません） / The portal on a small host outside, which has neither keys nor data."`
	Version versionCmd `cmd:"" help:"版を示す / Print the version."`
}

// env is what every command works in.
type env struct {
	out, err io.Writer
	in       io.Reader
	lang     text.Lang
	now      func() time.Time
}

type home struct {
	Home string `help:"家（設定・データ・鍵）のフォルダ / The house's folder: sekisho.toml, data, keys." default:"./sekisho-home" env:"SEKISHO_HOME" type:"path" placeholder:"DIR"`
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.GCPercent)
	}
	e := &env{out: os.Stdout, err: os.Stderr, in: os.Stdin, lang: language(), now: time.Now}
	os.Exit(run(e, os.Args[1:]))
}

// language follows LC_ALL, LC_MESSAGES and LANG; Japanese unless they say another.
func language() text.Lang {
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		switch v := os.Getenv(k); {
		case v == "" || v == "C" || v == "POSIX" || strings.HasPrefix(v, "C."):
		case strings.HasPrefix(v, "ja"):
			return text.JA
		default:
			return text.EN
		}
	}
	return text.JA
}

func run(e *env, args []string) int {
	var c cli
	code := -1
	p, err := kong.New(&c, kong.Name("sekisho"), kong.Writers(e.out, e.err), kong.Exit(func(n int) { code = n }), kong.UsageOnError(),
		kong.Description("Sekisho 関所: 止めて、直して、通す。 / A sales platform whose invoices and customer data cannot be mis-sent."))
	if err != nil {
		fmt.Fprintln(e.err, err)
		return 2
	}
	k, err := p.Parse(args)
	if code >= 0 {
		return code
	}
	if err != nil {
		fmt.Fprintf(e.err, "sekisho: %v\n", err)
		return 2
	}
	if err := k.Run(e); err != nil {
		e.tell(err)
		var code interface{ ExitCode() int }
		if errors.As(err, &code) {
			return code.ExitCode()
		}
		return 1
	}
	return 0
}

// tell prints a fault as a sentence; anything else as it is.
func (e *env) tell(err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		fmt.Fprintf(e.err, "sekisho: %v\n", err)
		return
	}
	fmt.Fprintf(e.err, "sekisho: %s\n", text.Fault(e.lang, f))
	for _, p := range f.Parts {
		fmt.Fprintf(e.err, "  %s: %s\n", p.Field, text.Fault(e.lang, p))
	}
	if len(f.Parts) == 0 && f.Field != "" {
		fmt.Fprintf(e.err, "  (%s)\n", f.Field)
	}
	if f.Cause != nil && f.Kind != fault.KindInvalid {
		fmt.Fprintf(e.err, "  %v\n", f.Cause)
	}
}

func (e *env) say(key string, args ...any) { fmt.Fprintln(e.out, text.T(e.lang, key, args...)) }

func (e *env) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(e *env) error {
	fmt.Fprintln(e.out, "sekisho", app.Version)
	return nil
}

type initCmd struct {
	home
	Origin string `help:"記録の名前（あとから変えられません） / Name of the log; cannot be changed later." default:"sekisho.localhost"`
}

// Run makes a new house.
func (c initCmd) Run(e *env) error {
	if err := app.Init(c.Home, c.Origin, false, e.now()); err != nil {
		return err
	}
	e.say("cli.init_done", "dir", c.Home)
	return nil
}
