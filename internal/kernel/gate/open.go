package gate

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Config is what a gate is opened with.
type Config struct {
	DSN   string // postgres://…; empty: SQLite in Dir
	Dir   string
	Cache string // folder of SQLite's compiled engine
	Ring  *vault.Ring
	Blobs *blob.Store
	// Passwords hashes passwords, with a bound on how many at once.
	Passwords *vault.Passwords
	Origin    string // names the log in its checkpoints
	Outside   string // the address under which people outside see this house, "https://uketori.example.co.jp"; "" if they see none
	Demo      bool   // records say so
	Policy    *policy.Policy

	Modules []Module

	// Resolve makes the actor out of a credential, in the op's transaction.
	Resolve func(x *Tx, op Info) (Actor, error)
	// Request keeps a four-eyes op until a second person decides.
	Request func(x *Tx, a Ask) (id string, err error)

	Reserve Reserve

	// Alarm, which may be nil, hears of everything that shows tampering, after a
	// record of it was left. It must not block.
	Alarm func(Alarm)

	Clock func() time.Time
	Log   *slog.Logger
}

// Gate is the inner gate, open.
type Gate struct {
	cfg       Config
	db        *db.DB
	ring      *vault.Ring
	log       *slog.Logger
	ops       map[string]Any
	tables    map[string]*table
	access    *accessWriter
	flood     floodGuard
	sealer    *sealer
	bells     bells
	places    place
	observer  atomic.Pointer[func(op, outcome string, took time.Duration)]
	space     space
	usual     usual
	foresight foresight
	expired   sync.Map // months whose contents are gone, to this process's knowledge
	told      sync.Map // when this process raised an alarm
	seen      witnesses
	parts     atomic.Uint32 // of a sweep, as the last one needed
	closing   sync.Once
}

// Open opens the database, brings its schema up to date and refuses to start on
// an incomplete, doubled or unlisted op, a table that does not fit its schema,
// or a foreign key ring.
func Open(ctx context.Context, cfg Config) (*Gate, error) {
	if cfg.Clock == nil || cfg.Ring == nil || cfg.Policy == nil || cfg.Resolve == nil || cfg.Request == nil || cfg.Log == nil || cfg.Origin == "" {
		return nil, errors.New("gate: the configuration is incomplete")
	}
	g := &Gate{cfg: cfg, ring: cfg.Ring, log: cfg.Log, ops: map[string]Any{}, tables: map[string]*table{},
		flood: floodGuard{held: map[string]*audit.Record{}}}
	if err := g.register(); err != nil {
		return nil, err
	}
	var err error
	if g.db, err = db.Open(ctx, db.Config{DSN: cfg.DSN, Dir: cfg.Dir, Key: cfg.Ring.DBKey(), Cache: cfg.Cache}); err != nil {
		return nil, trouble(err)
	}
	if err := g.prepare(ctx); err != nil {
		return nil, errors.Join(err, g.db.Close())
	}
	g.access = newAccessWriter(g)
	if g.sealer, err = newSealer(ctx, g); err != nil {
		return nil, errors.Join(err, g.db.Close())
	}
	return g, nil
}

func (g *Gate) register() error {
	bad := assignments.problems()
	g.tables[assignments.name] = &assignments.table
	for _, m := range g.cfg.Modules {
		bad = append(bad, m.check(g.ops)...)
		for _, t := range m.Tables {
			if g.tables[t.tableName()] != nil {
				bad = append(bad, "table "+t.tableName()+" stands twice")
			}
			g.tables[t.tableName()] = t.meta()
		}
	}
	for _, m := range g.cfg.Modules {
		for _, q := range m.Queries {
			if err := q.check(g); err != nil {
				bad = append(bad, err.Error())
			}
		}
	}
	for _, n := range g.cfg.Reserve.Vital {
		if g.ops[n] == nil {
			bad = append(bad, "reserve: no op "+n)
		}
	}
	if err := g.cfg.Policy.Matrix().Check(g.names()); err != nil {
		bad = append(bad, err.Error())
	}
	if len(bad) > 0 {
		sort.Strings(bad)
		return fmt.Errorf("gate: %s", strings.Join(bad, "\n"))
	}
	return nil
}

func (g *Gate) names() []string {
	names := make([]string, 0, len(g.ops))
	for n := range g.ops {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// prepare migrates, compares every table with its struct, and binds the
// database to its key ring.
func (g *Gate) prepare(ctx context.Context) error {
	if err := g.db.Migrate(ctx, g.now(), schemas(g.cfg.Modules)); err != nil {
		return trouble(err)
	}
	err := g.write(ctx, func(t *db.Tx) error {
		for _, tb := range g.tables {
			rows, err := t.Query(ctx, "SELECT "+strings.Join(tb.stored(), ", ")+" FROM "+tb.name+" WHERE 1 = 0")
			if err != nil {
				return fmt.Errorf("gate: table %s does not fit its struct: %w", tb.name, err)
			}
			if err := rows.Close(); err != nil {
				return err
			}
		}
		return g.bindRing(ctx, t)
	})
	return trouble(err)
}

// write runs f in a transaction of the gate's own, again when it met another node's.
func (g *Gate) write(ctx context.Context, f func(t *db.Tx) error) error {
	for began := time.Now(); ; {
		err := g.writeOnce(ctx, f)
		if !db.Retryable(err) || time.Since(began) > retryFor {
			return err
		}
	}
}

func (g *Gate) writeOnce(ctx context.Context, f func(t *db.Tx) error) error {
	t, err := g.db.Begin(ctx, db.Write)
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err := f(t); err != nil {
		return err
	}
	return t.Commit()
}

func (g *Gate) purpose() string {
	return map[bool]string{true: "demo", false: "real"}[g.cfg.Demo]
}

func (g *Gate) bindRing(ctx context.Context, t *db.Tx) error {
	was, err := metaGet(ctx, t, "ring")
	if err != nil {
		return err
	}
	demo := g.purpose()
	if was == nil {
		for name, v := range map[string]string{"origin": g.cfg.Origin, "ring": g.ring.KeyID(), "purpose": demo} {
			if err := metaPut(ctx, t, name, []byte(v)); err != nil {
				return err
			}
		}
		return nil
	}
	if string(was) != g.ring.KeyID() {
		return fault.Unavailable("gate.foreign_ring", "want", string(was), "have", g.ring.KeyID())
	}
	origin, err := metaGet(ctx, t, "origin")
	if err != nil {
		return err
	}
	if string(origin) != g.cfg.Origin {
		return fault.Unavailable("gate.other_origin", "want", string(origin), "have", g.cfg.Origin)
	}
	purpose, err := metaGet(ctx, t, "purpose")
	if err == nil && string(purpose) != demo {
		err = fault.Unavailable("gate.other_purpose")
	}
	return err
}

func metaGet(ctx context.Context, t *db.Tx, name string) ([]byte, error) {
	rows, err := t.Query(ctx, `SELECT value FROM gate_meta WHERE name = $1`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var v []byte
	if rows.Next() {
		err = rows.Scan(&v)
	}
	return v, errors.Join(err, rows.Err())
}

func metaPut(ctx context.Context, t *db.Tx, name string, v []byte) error {
	_, err := t.Exec(ctx, `INSERT INTO gate_meta(name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, v)
	return err
}

// Ops describes all ops in order.
func (g *Gate) Ops() []Info {
	var is []Info
	for _, n := range g.names() {
		is = append(is, g.ops[n].core().described())
	}
	return is
}

// Find gives the use case of a name, for one that is made when a house opens
// and so is no package's variable; nil if there is none of these types.
func Find[In, Out any](g *Gate, name string) *UseCase[In, Out] {
	u, _ := g.ops[name].(*UseCase[In, Out])
	return u
}

// Has tells whether an op exists.
func (g *Gate) Has(op string) bool { return g.ops[op] != nil }

// NewID gives a fresh id: 26 characters, the first ten the time.
func (g *Gate) NewID() string { return newID(g.now(), vault.Random(10)) }

func (g *Gate) now() time.Time { return g.cfg.Clock().UTC().Truncate(time.Microsecond) }

// Now is the injected time.
func (g *Gate) Now() time.Time { return g.now() }

// Outside is what Tx.Outside is, for pages.
func (g *Gate) Outside() string { return g.cfg.Outside }

// Ring gives the key ring, for modules that make ticks and tokens.
func (x *Tx) Ring() *vault.Ring { return x.root.g.ring }

// Policy gives the policy, for reports on it.
func (x *Tx) Policy() *policy.Policy { return x.root.g.cfg.Policy }

// Ping says whether the database answers and the sealer keeps up.
func (g *Gate) Ping(ctx context.Context) error {
	if err := g.db.Ping(ctx); err != nil {
		return trouble(err)
	}
	return g.sealer.late()
}

// Where names the database, without secrets.
func (g *Gate) Where() string { return g.db.Where() }

// Close seals what is there and closes.
func (g *Gate) Close() error {
	var err error
	g.closing.Do(func() {
		g.flood.flush(context.Background(), g)
		close(g.access.done)
		err = errors.Join(g.sealer.close(), g.db.Close())
	})
	return err
}

// Passwords hashes passwords; used inside Work's function only.
func (x *Tx) Passwords() *vault.Passwords { return x.root.g.cfg.Passwords }

// Ring rings a bell that somebody holds a Bell of; AfterCommit calls it, so that who
// waits finds what was committed.
func Ring(x *Tx, bell string) { x.root.g.bells.ring(bell) }

// Bell gives a channel that has something in it whenever one of the bells was rung
// since it was last read.
func (g *Gate) Bell(names ...string) <-chan struct{} {
	rung := make(chan struct{}, 1)
	for _, n := range names {
		g.bells.on(n, rung)
	}
	return rung
}

type bells struct {
	mu   sync.Mutex
	rung map[string][]chan<- struct{}
}

func (b *bells) on(name string, rung chan<- struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = map[string][]chan<- struct{}{}
	}
	b.rung[name] = append(b.rung[name], rung)
}

func (b *bells) ring(name string) {
	b.mu.Lock()
	all := b.rung[name]
	b.mu.Unlock()
	for _, rung := range all {
		select {
		case rung <- struct{}{}:
		default: // what is already in it says the same
		}
	}
}

// Blobs is the store of files; used inside Work's function only, never while a
// transaction is open.
func (x *Tx) Blobs() *blob.Store { return x.root.g.cfg.Blobs }
