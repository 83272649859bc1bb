// Package gatetest opens real gates for tests, on SQLite and on PostgreSQL.
package gatetest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// Start is when every test world begins: a Sunday, 12:00 JST.
var Start = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// Clock is the injected clock; it moves only when told to.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock begins at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now gives the time and lets one millisecond pass, so that times differ.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// Pass lets d pass.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Person is an actor of a test: its credential carries all that is known, so
// that the modules below identity are tested without sign-in.
type Person struct {
	ID          string
	Roles       []string
	Departments []string
	StepUp      bool
	Nobody      bool
}

// As gives the credential of p.
func (p Person) As() gate.Credential {
	b, _ := json.Marshal(p)
	return gate.OnBehalf(string(b))
}

// Boss has the role that may everything, with a fresh code.
func Boss(id string) gate.Credential {
	return Person{ID: id, Roles: []string{"boss"}, StepUp: true}.As()
}

// Options of a world. An empty Matrix lets role "boss" run and approve
// everything; rows given replace or add to that.
type Options struct {
	Modules    []gate.Module
	Matrix     string
	Conditions string
	Request    func(x *gate.Tx, a gate.Ask) (string, error)
	Resolve    func(x *gate.Tx, op gate.Info) (gate.Actor, error)
	Dir        string // of the SQLite files; a fresh one if empty
	Clock      func() time.Time
	Alarm      func(gate.Alarm)
	Outside    string
}

// World is an open gate with its clock and keys.
type World struct {
	G     *gate.Gate
	Clock *Clock
	Ring  *vault.Ring
	Blobs *blob.Store
	Dir   string
	DSN   string
	cfg   gate.Config
}

// Each runs f on both engines; a missing PostgreSQL is a failure.
func Each(t *testing.T, o Options, f func(t *testing.T, w *World)) {
	t.Run("sqlite", func(t *testing.T) { f(t, Open(t, o, "")) })
	t.Run("postgres", func(t *testing.T) { f(t, Open(t, o, pgtest.DSN(t))) })
}

// Open opens one world; an empty dsn means SQLite.
func Open(t testing.TB, o Options, dsn string) *World {
	t.Helper()
	w := &World{Clock: NewClock(), Dir: o.Dir, DSN: dsn}
	if w.Dir == "" {
		w.Dir = t.TempDir()
	}
	keys := filepath.Join(w.Dir, "keys")
	if err := vault.Create(keys, "sekisho.test", Start, randomReader{}); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.Ring, err = vault.Open(keys); err != nil {
		t.Fatal(err)
	}
	if w.Blobs, err = blob.Open(filepath.Join(w.Dir, "blobs"), w.Ring, Start); err != nil {
		t.Fatal(err)
	}
	p, err := Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg = gate.Config{DSN: dsn, Dir: filepath.Join(w.Dir, "data"), Cache: os.Getenv("SEKISHO_TEST_CACHE"), Ring: w.Ring, Blobs: w.Blobs, Passwords: w.Ring.Passwords(vault.Params{MemoryKiB: 64, Passes: 1, Threads: 1}, 2),
		Origin: "sekisho.test", Policy: p, Modules: o.Modules, Resolve: o.Resolve, Request: o.Request, Alarm: o.Alarm, Outside: o.Outside, Clock: w.Clock.Now,
		Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelError}))}
	if o.Clock != nil {
		w.cfg.Clock = o.Clock
	}
	if w.cfg.Resolve == nil {
		w.cfg.Resolve = Resolve(p)
	}
	if w.cfg.Request == nil {
		w.cfg.Request = func(*gate.Tx, gate.Ask) (string, error) { return "", errors.New("gatetest: no Request given") }
	}
	w.Reopen(t)
	t.Cleanup(func() {
		if err := w.G.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// Reopen opens the gate again over the same data, as after a restart.
func (w *World) Reopen(t testing.TB) {
	t.Helper()
	if w.G != nil {
		if err := w.G.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.G, err = gate.Open(context.Background(), w.cfg); err != nil {
		t.Fatal(err)
	}
}

// Upgrade opens the gate again with other modules, as a newer program does.
func (w *World) Upgrade(t testing.TB, mods []gate.Module) {
	t.Helper()
	p, err := Policy(Options{Modules: mods})
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Modules, w.cfg.Policy, w.cfg.Resolve = mods, p, Resolve(p)
	w.Reopen(t)
}

type randomReader struct{}

func (randomReader) Read(b []byte) (int, error) { return copy(b, vault.Random(len(b))), nil }

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// Policy makes the policy of a world.
func Policy(o Options) (*policy.Policy, error) {
	names := gate.Names(o.Modules)
	given := map[string]bool{}
	for _, l := range strings.Split(o.Matrix, "\n") {
		op, _, _ := strings.Cut(strings.TrimSpace(l), ":")
		given[op] = true
	}
	body := "role boss clearance=secret\n" + o.Matrix + "\n"
	sort.Strings(names)
	for _, n := range names {
		for _, key := range []string{n, n + " approve"} {
			if !given[key] {
				body += key + ": boss=all\n"
			}
		}
	}
	m, err := policy.ParseMatrix(body)
	if err != nil {
		return nil, err
	}
	c, err := policy.ParseConditions(o.Conditions, names)
	if err != nil {
		return nil, err
	}
	return policy.New(m, c), nil
}

// Resolve reads the actor out of the credential that Person.As made.
func Resolve(p *policy.Policy) func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
	return func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		c := x.Credential()
		switch c.Kind() {
		case gate.CredNobody:
			return gate.Actor{Via: policy.ViaNobody, Roles: []string{"nobody"}, Clearance: policy.Internal}, nil
		case gate.CredSystem:
			return gate.Actor{Via: policy.ViaSystem, Person: "system", Roles: []string{"boss"}, Clearance: policy.Secret, StepUp: true}, nil
		}
		var who Person
		if err := json.Unmarshal([]byte(c.Secret()), &who); err != nil {
			// A requester looked up by id, as approval does.
			who = Person{ID: c.Secret(), Roles: []string{"boss"}}
		}
		return gate.Actor{Via: policy.ViaSession, Person: who.ID, Roles: who.Roles, Departments: who.Departments,
			Clearance: p.Matrix().Clearance(who.Roles), Factors: 2, StepUp: who.StepUp}, nil
	}
}

// Must ends the test when err is set.
func Must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
