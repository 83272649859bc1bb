package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
)

type caCmd struct {
	home
	Names []string `arg:"" optional:"" help:"サーバーの名前と住所（例 sekisho.local 192.168.1.10）。空なら前と同じ名前で更新 / Names and addresses of the server; empty: renew for the same ones."`
}

// officeCA is the authority of a house. It lies in the key folder, which nobody
// else reads and no backup takes along.
func officeCA(e *env, c app.Config) api.CA {
	return api.CA{Dir: filepath.Join(c.Keys.Dir, "ca"), Now: e.now}
}

// Run makes the root, if there is none, and the server's certificate, and says
// how to install the root.
func (c caCmd) Run(e *env) error {
	cfg, err := app.LoadConfig(c.Home)
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.Keys.Dir); err != nil {
		return fault.Unavailable("app.home_none", "dir", c.Home)
	}
	out, err := officeCA(e, cfg).Issue(c.Names)
	if err != nil {
		return err
	}
	if out.Made {
		e.say("cli.ca_made", "until", out.RootUntil.Format(time.DateOnly))
	}
	e.say("cli.ca_issued", "names", strings.Join(out.Names, " "), "until", out.Until.Format(time.DateOnly))
	e.say("cli.ca_root", "file", out.Root, "sha256", out.Fingerprint)
	for _, key := range []string{"cli.ca_windows", "cli.ca_macos", "cli.ca_ios", "cli.ca_android", "cli.ca_firefox", "cli.ca_keep"} {
		e.say(key)
	}
	return nil
}
