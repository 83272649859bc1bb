package gate

import (
	"context"
	"errors"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/policy"
)

// Tx is the right to touch the data, for one op. One made anywhere but in Run
// is inert, and one that outlives its op is dead.
type Tx struct {
	root     *root
	mode     Mode
	actor    Actor
	cred     Credential
	scope    policy.Scope
	rec      audit.Record
	facts    map[string]any
	worked   any
	approved string // person who has agreed to this very op as its second
	live     bool
}

// root is what an op and the ops it calls share.
type root struct {
	g       *Gate
	ctx     context.Context
	t       *db.Tx
	now     time.Time
	marks   []audit.Mark
	seen    map[string][]string // ids by table, in the order they were read
	sawKey  map[string]bool
	loaded  map[string]any    // rows by table/id, as they stand in the database
	made    map[string]bool   // ids first written in this transaction
	macs    map[string][]byte // of rows of cached tables, by table/id; nil: not asked yet
	keys    map[string]*dataKey
	wrapped map[string][]byte // data keys by unit, as they came with rows
	ahead   *foreseen         // nil on SQLite
	after   []func()
	records []pending
	broken  bool // a called op failed: nothing of this transaction may stay
}

// stale forgets what was read of a row that is written now.
func (r *root) stale(key string) {
	delete(r.macs, key)
	if r.ahead != nil {
		delete(r.ahead.rows, key)
	}
}

var errDead = errors.New("gate: no live transaction")

func (x *Tx) ok() error {
	if x == nil || !x.live {
		return errDead
	}
	return nil
}

// Actor is who asks.
func (x *Tx) Actor() Actor { return x.actor }

// Credential is what the actor showed.
func (x *Tx) Credential() Credential { return x.cred }

// Now is the injected time of this op, UTC.
func (x *Tx) Now() time.Time { return x.root.now }

// Outside is the address under which people outside see this house, "" if they
// see none of it.
func (x *Tx) Outside() string { return x.root.g.cfg.Outside }

// Writes tells whether this transaction can write at all.
func (x *Tx) Writes() bool { return x.mode == Write }

// Context is the request's context.
func (x *Tx) Context() context.Context { return x.root.ctx }

// NewID gives a fresh id.
func (x *Tx) NewID() string { return x.root.g.NewID() }

// RecordID is the id of the record this op will leave.
func (x *Tx) RecordID() string { return x.rec.ID }

// Approved tells whether a second person has agreed to this op.
func (x *Tx) Approved() bool { return x.approved != "" }

// ApprovedBy is the second person who has agreed to this op, "" if none was needed.
func (x *Tx) ApprovedBy() string { return x.approved }

// Scope is how far the actor's permit for this op reaches.
func (x *Tx) Scope() policy.Scope { return x.scope }

// Note puts a fact into the record's payload, which is sealed and erasable.
func (x *Tx) Note(name string, value any) {
	if x.facts == nil {
		x.facts = map[string]any{}
	}
	x.facts[name] = value
}

// AfterCommit runs f once the transaction is durable: for caches and bells.
func (x *Tx) AfterCommit(f func()) { x.root.after = append(x.root.after, f) }

// Worked gives what Work computed outside the transaction.
func Worked[T any](x *Tx) T {
	v, _ := x.worked.(T)
	return v
}

// refusal is a refusal that keeps what Do wrote.
type refusal struct{ why *fault.Error }

func (r refusal) Error() string { return r.why.Error() }
func (r refusal) Unwrap() error { return r.why }

// Refused ends the op with a fault and still commits what Do wrote: for
// refusals that must be remembered, such as a wrong password.
func Refused(_ *Tx, why *fault.Error) error { return refusal{why} }

func (x *Tx) exec(q string, args ...any) (int64, error) {
	if err := x.ok(); err != nil {
		return 0, err
	}
	if x.mode != Write {
		return 0, errors.New("gate: only a Write op writes")
	}
	return x.root.t.Exec(x.root.ctx, q, args...)
}

// later is exec for statements whose answer nobody waits for.
func (x *Tx) later(q string, args ...any) error {
	if err := x.ok(); err != nil {
		return err
	}
	if x.mode != Write {
		return errors.New("gate: only a Write op writes")
	}
	return x.root.t.Later(x.root.ctx, q, args...)
}

// laterOne is later for a statement about one row of a known version.
func (x *Tx) laterOne(q string, args ...any) error {
	if err := x.ok(); err != nil {
		return err
	}
	if x.mode != Write {
		return errors.New("gate: only a Write op writes")
	}
	return x.root.t.LaterOne(x.root.ctx, fault.Conflict("gate.conflict"), q, args...)
}

func (x *Tx) query(q string, args ...any) (db.Rows, error) {
	if err := x.ok(); err != nil {
		return nil, err
	}
	return x.root.t.Query(x.root.ctx, q, args...)
}

func (x *Tx) saw(table, id string) {
	key := table + "/" + id
	if !x.root.sawKey[key] {
		x.root.sawKey[key] = true
		x.root.seen[table] = append(x.root.seen[table], id)
	}
}
