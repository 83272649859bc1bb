package backup

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

var bg = context.Background()

var server = gatetest.Boss("server")

// world is a house with two targets and two people's keys.
type world struct {
	*gatetest.World
	t      *testing.T
	h      *House
	k      *Keeper
	ids    Identities // one person's
	mu     sync.Mutex
	alarms []string
	ahead  atomic.Int64 // of the machine's clock, which dates what arrives
}

// pass lets time pass for the house.
func (w *world) pass(d time.Duration) { w.ahead.Add(int64(d)) }

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func each(t *testing.T, f func(t *testing.T, w *world)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) { f(t, newWorld(t, engine)) })
	}
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	dir := t.TempDir()
	s := Settings{Every: 24 * time.Hour, At: 150 * time.Minute, Keep: Keep{14, 8, 12}, Recipients: filepath.Join(dir, "recipients.txt"),
		Local: filepath.Join(dir, "local"), Remote: filepath.Join(dir, "remote"), Data: dir}
	if err := os.Mkdir(s.Remote, 0o700); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, h: New(s)}
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto.example.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := gatetest.Options{Clock: w.now, Request: approval.Keep, Modules: []gate.Module{approval.Module, org.Module, party.Module, document.Module, d.Module, w.h.Module}}
	w.World = gatetest.Open(t, o, dsn(t, engine))
	var lines []string
	for i := range 2 {
		p, err := NewPair()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("person%d.key", i))
		if err := p.Save(path); err != nil {
			t.Fatal(err)
		}
		if w.ids, err = LoadIdentities([]string{path}); err != nil { // the second of the two
			t.Fatal(err)
		}
		lines = append(lines, p.Recipient)
	}
	if err := os.WriteFile(s.Recipients, []byte("# two people\n"+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "sekisho.toml")
	if err := os.WriteFile(conf, []byte("[company]\norigin = \"sekisho.test\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.k = &Keeper{Settings: s, Gate: w.G, As: server, Ring: w.Ring, Blobs: w.Blobs, Config: conf, Lock: filepath.Join(dir, "lock"),
		Program: "test", Log: slog.New(slog.DiscardHandler), Alarm: func(_ context.Context, key string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.alarms = append(w.alarms, key)
		}}
	w.business(3)
	return w
}

// business makes n partners and n archived files.
func (w *world) business(n int) {
	w.t.Helper()
	for range n {
		id := w.G.NewID()
		if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), org.DepartmentCreate, org.DepartmentIn{Code: "D" + strings.ToUpper(id[20:]), Name: "営業部"}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.Blobs.Put(bg, []byte("the archived file "+id+strings.Repeat("x", 3000))); err != nil {
			w.t.Fatal(err)
		}
	}
}

// run makes a generation that must be good, a day after the last one.
func (w *world) run() Outcome {
	w.t.Helper()
	o, err := w.k.Run(bg, "command")
	if err != nil || o.Sentence() != nil {
		w.t.Fatal(err, o.Sentence())
	}
	return o
}

func (w *world) source(o Outcome) Source {
	return Source{filepath.Join(w.k.Local, folder, o.Run.Generation), filepath.Join(w.k.Local, blobFolder)}
}

func wants(t testing.TB, err error, k fault.Kind, keys ...string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k {
		t.Fatalf("want %s %v, got %v", k, keys, err)
	}
	for _, key := range keys {
		if f.Key == key {
			return
		}
	}
	if len(keys) > 0 {
		t.Fatalf("want %s %v, got %v", k, keys, err)
	}
}
