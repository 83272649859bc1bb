package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// UpgradeOptions say which house is tried, and where.
type UpgradeOptions struct {
	Home  string
	DSN   string // an empty PostgreSQL database for the copy; "": SQLite below Home
	Clock func() time.Time
	Log   *slog.Logger
	Tell  func(key string, args ...any) // hears of each step
}

// Upgraded says what the upgrade would do.
type Upgraded struct {
	Dump    gate.Dumped
	Pending []string // migrations still to come
	Report  gate.Report
	Took    time.Duration
}

const rehearsalDir = ".upgrade-check"

// CheckUpgrade tries this program on a copy of a house's database: the copy is
// migrated, opened and verified, and thrown away. The house itself is only read,
// and its server may run on beside it. A demo is made anew instead.
func CheckUpgrade(ctx context.Context, o UpgradeOptions) (out Upgraded, err error) {
	if IsDemo(o.Home) {
		return out, fault.Refused("app.demo_home", "dir", o.Home)
	}
	began := o.Clock()
	c, err := LoadConfig(o.Home)
	if err != nil {
		return out, err
	}
	if c.Keys.Dir, err = filepath.Abs(c.Keys.Dir); err != nil {
		return out, err
	}
	ring, err := vault.Open(c.Keys.Dir)
	if err != nil {
		return out, err
	}
	mods, err := AllModules()
	if err != nil {
		return out, err
	}
	stage := filepath.Join(o.Home, rehearsalDir)
	if err := errors.Join(os.RemoveAll(stage), os.MkdirAll(filepath.Join(stage, "data"), 0o700)); err != nil {
		return out, fault.Unavailable("backup.cannot_write", "dir", o.Home).Because(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	o.Tell("cli.upgrade_copy")
	cache := cacheDir(o.Home)
	out.Dump, out.Pending, err = gate.Rehearse(ctx, gate.Config{DSN: c.Database.DSN, Dir: filepath.Join(o.Home, "data"), Cache: cache, Ring: ring, Modules: mods, Log: o.Log},
		gate.LoadConfig{DSN: o.DSN, Dir: filepath.Join(stage, "data"), Cache: cache, Ring: ring, Modules: mods, Now: o.Clock()}, nil)
	if err != nil {
		return out, err
	}
	out.Report, err = o.open(ctx, stage, c)
	out.Took = o.Clock().Sub(began)
	return out, err
}

// open brings the copy up to date and verifies it. Its configuration names no
// relay, no backup and no witness: nothing goes out from it.
func (o UpgradeOptions) open(ctx context.Context, stage string, c Config) (gate.Report, error) {
	own := Defaults()
	own.Company, own.Keys, own.API, own.Database.DSN = c.Company, c.Keys, c.API, o.DSN
	var b strings.Builder
	if err := toml.NewEncoder(&b).Encode(own); err != nil {
		return gate.Report{}, err
	}
	if err := writeNew(filepath.Join(stage, ConfigFile), []byte(b.String())); err != nil {
		return gate.Report{}, err
	}
	o.Tell("cli.upgrade_migrate")
	a, err := Open(ctx, Options{Home: stage, Clock: o.Clock, Log: o.Log, KeepKeys: true})
	if err != nil {
		return gate.Report{}, err
	}
	o.Tell("cli.upgrade_verify")
	var rep gate.Report
	if err = a.Gate.SealOwn(ctx); err == nil {
		rep, err = a.Gate.Verify(ctx, nil)
	}
	return rep, errors.Join(err, a.Close())
}
