package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sekisho/internal/assure/backup"
	"sekisho/internal/assure/watch"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/mailsign"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

// App is one open house: the gate with its keys, files and configuration.
type App struct {
	Home   string
	Config Config
	Gate   *gate.Gate
	Policy *policy.Policy
	Ring   *vault.Ring
	Blobs  *blob.Store
	Seen   *identity.Seen
	Names  *party.Index // of partners, for searching
	Log    *slog.Logger
	Demo   bool
	// Dispatch is the outer gate: its use cases depend on the configuration.
	Dispatch *dispatch.Gate
	Batches  *batch.House // releases many at once through it

	backups *backup.House
	signing *mailsign.Signer // of what leaves; nil: nobody signs
	sealed  atomic.Bool
	seal    backup.SealOut // as it was found at the start
	alarms  chan watch.RaiseIn
	reader  reader
}

// Options of opening a house.
type Options struct {
	Home string
	Demo bool
	// Portal is where a demo's links lead; empty: the usual place.
	Portal string
	Clock  func() time.Time // the machine's if nil
	Log    *slog.Logger
	// Password says how costly hashing passwords is; the floor if zero.
	Password vault.Params
	// KeepKeys adds no class keys for a new year: a restore only looks.
	KeepKeys bool
}

// DemoPortal is where the links of a demo lead unless it is served elsewhere.
const DemoPortal = "http://127.0.0.1:8481"

// demoMark lies in a demo home, so that nobody takes it for a real one.
const demoMark = "DEMO"

// Init makes the keys and the configuration of a new house. It never touches
// what is there already.
func Init(home, origin string, demo bool, now time.Time) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fault.Unavailable("app.config_read", "file", home).Because(err)
	}
	for _, n := range []string{"data", "keys", ConfigFile, demoMark} {
		if _, err := os.Stat(filepath.Join(home, n)); err == nil {
			return fault.Refused("app.home_taken", "dir", home)
		}
	}
	if demo {
		if err := os.WriteFile(filepath.Join(home, demoMark), []byte("Sekisho demo: nothing can leave from here.\n"), 0o600); err != nil {
			return err
		}
	} else if err := os.WriteFile(filepath.Join(home, ConfigFile), []byte(Sample(origin)), 0o600); err != nil {
		return err
	}
	return vault.Create(filepath.Join(home, "keys"), origin, now, random{})
}

type random struct{}

func (random) Read(b []byte) (int, error) { return copy(b, vault.Random(len(b))), nil }

// IsDemo tells whether home belongs to a demo.
func IsDemo(home string) bool {
	_, err := os.Stat(filepath.Join(home, demoMark))
	return err == nil
}

// Open opens a house. It never makes keys, and refuses a demo as a real one.
func Open(ctx context.Context, o Options) (*App, error) {
	if err := text.Check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if demo := IsDemo(o.Home); demo != o.Demo {
		return nil, fault.Refused(map[bool]string{true: "app.demo_home", false: "app.not_demo"}[demo], "dir", o.Home)
	}
	c, err := LoadConfig(o.Home)
	if err != nil {
		return nil, err
	}
	if o.Demo {
		c = demoConfig(o.Home)
		c.Portal.Origin = cmp.Or(o.Portal, DemoPortal)
	}
	a := &App{Home: o.Home, Config: c, Log: o.Log, Demo: o.Demo, Seen: identity.NewSeen(), alarms: make(chan watch.RaiseIn, alarmsRoom)}
	if err := a.openKeys(o); err != nil {
		return nil, err
	}
	d, err := outerGate(c.Mail)
	if err != nil {
		return nil, err
	}
	a.Dispatch = d
	a.backups = backup.New(c.Backup.Settings(o.Home))
	a.Names = party.NewIndex()
	a.Batches = batch.New(d, batch.Settings{Pause: batch.DefaultPause})
	mods := Modules(d, a.Batches, a.backups, a.Names)
	p, err := Policy(gate.Names(mods))
	if err != nil {
		return nil, err
	}
	a.Policy = p
	params := o.Password
	if params == (vault.Params{}) {
		params = vault.PasswordFloor()
	}
	a.Gate, err = gate.Open(ctx, gate.Config{
		DSN: c.Database.DSN, Dir: filepath.Join(o.Home, "data"), Cache: cacheDir(o.Home), Ring: a.Ring, Blobs: a.Blobs,
		Passwords: a.Ring.Passwords(params, 2), Origin: c.Company.Origin, Outside: c.Portal.Origin, Demo: o.Demo, Policy: p, Modules: mods,
		Reserve: reserve(o.Demo),
		Resolve: approval.Deputise(identity.NewResolve(a.Seen, c.API.Clients)), Request: batch.Keep, Clock: o.Clock, Log: o.Log,
		Alarm: func(g gate.Alarm) { a.Alarm(g.Key, g.Kind, g.Subject, g.Leaf) },
	})
	if err != nil {
		return a, err
	}
	if err := a.lookAtSeal(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// reserve is 1 GB, or 100 MB for a demo: below it only what stops and revokes
// works to the last byte, with what one needs to get there.
func reserve(demo bool) gate.Reserve {
	r := gate.Reserve{Bytes: 1 << 30, Vital: []string{
		"identity.signin", "identity.signout", "identity.stepup", "identity.me", "identity.people",
		"identity.person_disable", "identity.role_revoke", "identity.session_end", "identity.sessions_end", "identity.client_disable",
		"approval.reject", "approval.withdraw", "approval.end_delegation",
		"dispatch.list", "dispatch.cancel", "dispatch.stop_all",
	}}
	if demo {
		r.Bytes = 100 << 20
	}
	return r
}

// demoConfig is what a demo runs under whatever its folder says: no relay can
// be configured, so nothing can leave.
func demoConfig(home string) Config {
	c := Defaults()
	c.Company.Origin = "demo.sekisho.localhost"
	c.Keys.Dir = filepath.Join(home, "keys")
	c.Mail.HoldMinutes = 5
	c.Mail.From, c.Mail.FromName = "seikyu@hokuto-supply.example.jp", "北斗サプライ株式会社 経理部"
	c.API.Clients = true
	return c
}

func (a *App) openKeys(o Options) error {
	if _, err := os.Stat(a.Config.Keys.Dir); errors.Is(err, os.ErrNotExist) {
		return fault.Unavailable("app.home_none", "dir", o.Home)
	}
	var err error
	if a.Ring, err = vault.Open(a.Config.Keys.Dir); err != nil {
		return err
	}
	added := false
	if !o.KeepKeys {
		if added, err = a.Ring.EnsureYear(civil.Of(o.Clock()).Year()); err != nil {
			return err
		}
	}
	if added {
		o.Log.Warn("new class keys were made for the year: copy the key folder again", "dir", a.Config.Keys.Dir)
	}
	a.Blobs, err = blob.Open(filepath.Join(o.Home, "data", "blobs"), a.Ring, o.Clock())
	return err
}

// cacheDir holds SQLite's compiled engine. It is code: the folder is 0700 and
// belongs to the home, unless the tests share one.
func cacheDir(home string) string {
	if d := os.Getenv("SEKISHO_TEST_CACHE"); d != "" {
		return d
	}
	return filepath.Join(home, "data", "engine")
}

// Close closes the house.
func (a *App) Close() error {
	a.flushAlarms()
	return a.Gate.Close()
}
