package gate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/vault"
)

// LoadConfig says where a dump goes: an empty database, nowhere else.
type LoadConfig struct {
	DSN     string // postgres://…; empty: SQLite in Dir
	Dir     string
	Cache   string
	Ring    *vault.Ring
	Modules []Module
	Now     time.Time
	// Restored names this restoring for good: the database says from its first
	// moment that it is a copy, so that nothing is sent from it (Gate.Restored).
	Restored string
}

// restoredMeta is where a database says that it was restored.
const restoredMeta = "restored"

// errOther is a dump that is not the one it is said to be.
var errOther = errors.New("gate: the dump is not the one described")

// LoadDump fills an empty database with a dump, in one transaction: all of it,
// or nothing. want is what the dump was said to hold. The database is then
// opened by Open, which brings its schema up to date.
// Faults: Refused "gate.load_taken", "gate.load_newer"; Unavailable of the database.
func LoadDump(ctx context.Context, cfg LoadConfig, r io.Reader, want Dumped, progress func(table string, done int64)) error {
	if cfg.DSN == "" {
		if _, err := os.Lstat(filepath.Join(cfg.Dir, "sekisho.db")); !errors.Is(err, fs.ErrNotExist) {
			return fault.Refused("gate.load_taken", "where", cfg.Dir).Because(err)
		}
	}
	d, err := db.Open(ctx, db.Config{DSN: cfg.DSN, Dir: cfg.Dir, Key: cfg.Ring.DBKey(), Cache: cfg.Cache})
	if err != nil {
		return trouble(err)
	}
	l, err := d.Load(ctx, cfg.Now, schemas(cfg.Modules), want.Migrations)
	if err != nil {
		err = loadFault(err, d)
	} else {
		err = load(ctx, l, cfg, r, func() Dumped { return want }, progress)
		l.Rollback() // after a commit it does nothing
	}
	return trouble(errors.Join(err, d.Close()))
}

// IsEmpty refuses, with the sentence of LoadDump, a PostgreSQL database that has
// a table already.
func IsEmpty(ctx context.Context, dsn string) error {
	d, err := db.Open(ctx, db.Config{DSN: dsn})
	if err != nil {
		return trouble(err)
	}
	s, err := d.Snapshot(ctx)
	if err != nil {
		return trouble(errors.Join(err, d.Close()))
	}
	list, err := s.Tables(ctx)
	if err == nil && len(list) > 0 {
		err = fault.Refused("gate.load_taken", "where", d.Where())
	}
	return trouble(errors.Join(err, s.Close(), d.Close()))
}

// load fills what l began; want is asked once everything was read.
func load(ctx context.Context, l *db.Loader, cfg LoadConfig, r io.Reader, want func() Dumped, progress func(string, int64)) error {
	u, err := newUndumper(r)
	if err != nil {
		return err
	}
	u.t.tick = progress
	var reads []pending
	for {
		t, err := u.next()
		if err != nil {
			return err
		}
		if t == nil {
			break
		}
		if t.Name != accessTable {
			err = l.Table(ctx, *t, u.values)
		} else {
			reads, err = u.pending()
		}
		if err != nil {
			return err
		}
	}
	if got := u.t.Dumped; !got.Same(want()) {
		return errOther
	}
	if err := addReads(ctx, l.Tx(), reads); err != nil {
		return err
	}
	if err := metaPut(ctx, l.Tx(), restoredMeta, []byte(cfg.Restored)); err != nil {
		return err
	}
	return l.Commit(ctx)
}

// Same tells whether both describe the same content.
func (d Dumped) Same(o Dumped) bool {
	return d.Origin == o.Origin && d.Ring == o.Ring && d.Purpose == o.Purpose && d.Rows == o.Rows && maps.Equal(d.Tables, o.Tables) &&
		d.LogSize == o.LogSize && d.LogRoot == o.LogRoot && d.Checkpoint == o.Checkpoint
}

func (u *undumper) pending() (out []pending, err error) {
	for {
		r, err := u.values()
		if err != nil || r == nil {
			return out, err
		}
		if len(r) != 7 {
			return nil, errDump
		}
		out = append(out, pending{n: r[0].Int, id: string(r[1].Raw), at: r[2].Int, body: bytes.Clone(r[3].Raw),
			payload: bytes.Clone(r[4].Raw), marks: bytes.Clone(r[5].Raw), mac: bytes.Clone(r[6].Raw)})
	}
}

// addReads puts the records of reading behind the pending ones, but for those
// that had reached the log or its waiting room in between. Their MAC does not
// cover their place.
func addReads(ctx context.Context, t *db.Tx, reads []pending) error {
	ids := make([]any, len(reads))
	for i, p := range reads {
		ids[i] = p.id
	}
	there := map[string]bool{}
	if err := inLog(ctx, t, ids, there); err != nil {
		return err
	}
	if err := addIDs(ctx, t, there, `SELECT id FROM audit_pending`); err != nil {
		return err
	}
	rows, err := t.Query(ctx, `SELECT COALESCE(MAX(n), 0) FROM audit_pending`)
	if err != nil {
		return err
	}
	var n int64
	if rows.Next() {
		err = rows.Scan(&n)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, p := range reads {
		if there[p.id] {
			continue
		}
		n = max(n+1, p.n)
		if _, err := t.Exec(ctx, `INSERT INTO audit_pending(n, id, at, body, payload, marks, mac) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			n, p.id, p.at, nonNil(p.body), nonNil(p.payload), nonNil(p.marks), nonNil(p.mac)); err != nil {
			return err
		}
	}
	return nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Restored names the restoring this database came from, "" for one that was
// never restored.
func (g *Gate) Restored(ctx context.Context) (string, error) {
	var v []byte
	err := g.readOnly(ctx, func(t *db.Tx) (err error) {
		v, err = metaGet(ctx, t, restoredMeta)
		return err
	})
	return string(v), err
}

// Restored is Gate.Restored from inside an op.
func (x *Tx) Restored() (string, error) {
	if err := x.ok(); err != nil {
		return "", err
	}
	v, err := metaGet(x.root.ctx, x.root.t, restoredMeta)
	return string(v), err
}

// LogAt tells whether the log, as it is now, was at a size what is said of it:
// whether a checkpoint of that size says so too.
func (g *Gate) LogAt(ctx context.Context, d Dumped) (bool, error) {
	var note []byte
	err := g.readOnly(ctx, func(t *db.Tx) (err error) {
		rows, err := t.Query(ctx, `SELECT note FROM audit_checkpoint WHERE size = $1`, d.LogSize)
		if err != nil {
			return err
		}
		if rows.Next() {
			err = rows.Scan(&note)
		}
		return errors.Join(err, rows.Err(), rows.Close())
	})
	return d.LogSize == 0 || string(note) == d.Checkpoint, err
}
