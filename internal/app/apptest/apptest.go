// Package apptest opens the whole house for tests, with its real people, on
// both engines.
package apptest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/vault"
)

// World is an open house whose time passes only when told to.
type World struct {
	App    *app.App
	Clock  *gatetest.Clock
	Troupe *demo.Troupe
	Cast   []*demo.Person
	Home   string
}

// Each runs f in a house on SQLite and in one on PostgreSQL.
func Each(t *testing.T, f func(t *testing.T, w *World)) {
	t.Run("sqlite", func(t *testing.T) { f(t, Open(t, "")) })
	t.Run("postgres", func(t *testing.T) { f(t, Open(t, pgtest.DSN(t))) })
}

// Open makes a house with three people of every role and the demo's company.
func Open(t testing.TB, dsn string) *World {
	t.Helper()
	w := &World{Clock: gatetest.NewClock(), Home: t.TempDir(), Cast: demo.Cast()}
	if err := app.Init(w.Home, "sekisho.test", false, w.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf("[company]\norigin = \"sekisho.test\"\n[database]\ndsn = %q\n[mail]\nfrom = \"seikyu@hokuto-supply.example.jp\"\nhold_minutes = 5\n[api]\nclients = true\n", dsn)
	if err := os.WriteFile(filepath.Join(w.Home, app.ConfigFile), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Reopen(t)
	t.Cleanup(func() {
		if err := w.App.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := context.Background()
	code, err := w.App.SetupCode(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.Troupe = &demo.Troupe{Door: demo.Inside{Gate: w.App.Gate}, Clock: w.Clock}
	if err := w.Troupe.Hire(ctx, code, w.Cast, demo.Secrets(1)); err != nil {
		t.Fatal(err)
	}
	return w
}

// Reopen opens the house again, as after a restart.
func (w *World) Reopen(t testing.TB) {
	t.Helper()
	if w.App != nil {
		if err := w.App.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a, err := app.Open(context.Background(), app.Options{Home: w.Home, Clock: w.Clock.Now,
		Password: vault.Params{MemoryKiB: 64, Passes: 1, Threads: 1}, Log: slog.New(slog.NewTextHandler(log{t}, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	w.App = a
	if w.Troupe != nil {
		w.Troupe.Door = demo.Inside{Gate: a.Gate}
	}
}

type log struct{ t testing.TB }

func (l log) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// Of gives the nth person of a role.
func (w *World) Of(role string, n int) *demo.Person { return demo.Of(w.Cast, role)[n] }

// Work runs the jobs that are due until none is left.
func (w *World) Work(t testing.TB) {
	t.Helper()
	k := &jobs.Worker{Gate: w.App.Gate, Parallel: 2, Log: w.App.Log}
	for {
		n, _, err := k.Once(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// Do runs an op for a person and fails the test when it is refused.
func (w *World) Do(t testing.TB, p *demo.Person, op string, in, out any) {
	t.Helper()
	if err := w.Troupe.Act(context.Background(), p, op, in, out); err != nil {
		t.Fatalf("%s %s: %v", p.Login, op, err)
	}
}

// Pass lets time pass.
func (w *World) Pass(d time.Duration) { w.Clock.Pass(d) }
