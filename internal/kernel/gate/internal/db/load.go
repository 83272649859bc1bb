package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"
)

func join(names []string) string { return strings.Join(names, ", ") }

// ErrNotEmpty means that there is something in the database already.
var ErrNotEmpty = errors.New("db: the database is not empty")

// Loader fills an empty database in one transaction: nothing is there until
// Commit.
type Loader struct {
	d       *DB
	t       *Tx
	there   []Stored
	indexes []string // to be made again, once all rows are in
}

// Load begins to fill an empty database: with the tables that the migrations
// named in have made, and no later ones. ErrNewer if this program does not know
// them all.
func (d *DB) Load(ctx context.Context, now time.Time, schemas []Schema, have map[string]string) (*Loader, error) {
	if d.Lite { // nothing of a half-filled file is ever opened, so the load need not survive a crash
		if _, err := d.lite.all[0].c.ExecContext(ctx, `PRAGMA cache_size=-96000`); err != nil {
			return nil, err
		}
	}
	t, err := d.Begin(ctx, Write, "gate.migrate")
	if err != nil {
		return nil, err
	}
	l := &Loader{d: d, t: t}
	if err := l.prepare(ctx, now, schemas, have); err != nil {
		t.Rollback()
		return nil, err
	}
	return l, nil
}

func (l *Loader) prepare(ctx context.Context, now time.Time, schemas []Schema, have map[string]string) error {
	old, err := l.catalog(ctx)
	if err != nil {
		return err
	}
	if len(old) > 0 {
		return ErrNotEmpty
	}
	if _, err := l.t.Exec(ctx, l.d.DDL(migrationTable)); err != nil {
		return err
	}
	missing := map[string]string{}
	for k, sum := range have {
		missing[k] = sum
	}
	for _, s := range schemas {
		if err := l.d.applySome(ctx, l.t, now, s, missing); err != nil {
			return err
		}
	}
	for k := range missing {
		return fmt.Errorf("%w: it has %s, which this one does not know", ErrNewer, k)
	}
	if l.there, err = l.catalog(ctx); err != nil {
		return err
	}
	return l.dropIndexes(ctx)
}

// applySome applies the migrations of a module that are in want, and takes
// them off it.
func (d *DB) applySome(ctx context.Context, t *Tx, now time.Time, s Schema, want map[string]string) error {
	return d.migrations(s, func(n, key, sum, text string) error {
		was, wanted := want[key]
		if !wanted {
			return nil
		}
		if was != sum {
			return fmt.Errorf("db: %s was changed after it had been applied", key)
		}
		delete(want, key)
		return d.applyOne(ctx, t, now, s.Module, n, key, sum, text)
	})
}

func (l *Loader) catalog(ctx context.Context) ([]Stored, error) {
	if l.t.lite != nil {
		return l.t.lite.catalog()
	}
	return l.t.pg.catalog(ctx)
}

// dropIndexes takes away the indexes that statements made: many rows go into a
// table much faster without them. Those of constraints stay.
func (l *Loader) dropIndexes(ctx context.Context) error {
	q := `SELECT i.indexname::text, i.indexdef::text FROM pg_indexes i WHERE i.schemaname = current_schema()
		AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname AND c.connamespace = current_schema()::regnamespace) ORDER BY 1`
	if l.d.Lite {
		q = `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`
	}
	rows, err := l.t.Query(ctx, q)
	if err != nil {
		return err
	}
	var names []string
	for rows.Next() {
		var n, def string
		if err := rows.Scan(&n, &def); err != nil {
			return errors.Join(err, rows.Close())
		}
		names, l.indexes = append(names, n), append(l.indexes, def)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, n := range names {
		if _, err := l.t.Exec(ctx, "DROP INDEX "+n); err != nil {
			return err
		}
	}
	return nil
}

// Table fills one table with what next gives until it gives nil.
func (l *Loader) Table(ctx context.Context, t Stored, next func() ([]Value, error)) error {
	if err := t.Check(); err != nil {
		return err
	}
	i := slices.IndexFunc(l.there, func(s Stored) bool { return s.Name == t.Name })
	if i < 0 || !t.fits(l.there[i]) {
		return fmt.Errorf("db: table %s of the dump does not fit the schema", t.Name)
	}
	if l.t.lite != nil {
		return l.t.lite.fill(ctx, t, next)
	}
	return l.t.pg.fill(ctx, l.there[i], t, next)
}

// fits tells whether both have the same columns, in whatever order.
func (t Stored) fits(s Stored) bool {
	if len(t.Columns) != len(s.Columns) {
		return false
	}
	for _, c := range t.Columns {
		if k := s.column(c.Name); k == nil || k.Kind != c.Kind {
			return false
		}
	}
	return true
}

func (t Stored) column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

func (c *liteConn) fill(ctx context.Context, t Stored, next func() ([]Value, error)) error {
	return c.raw(func(k *sqlite3.Conn) error {
		q, _, err := k.Prepare("INSERT INTO " + t.Name + "(" + join(t.names()) + ") VALUES (?" + strings.Repeat(", ?", len(t.Columns)-1) + ")")
		if err != nil {
			return err
		}
		defer q.Close()
		defer k.SetInterrupt(k.SetInterrupt(ctx))
		for {
			row, err := next()
			if err != nil || row == nil {
				return err
			}
			for i, c := range t.Columns {
				if err := bind(q, i+1, c.Kind, row[i]); err != nil {
					return err
				}
			}
			if err := q.Exec(); err != nil {
				return err
			}
		}
	})
}

func bind(q *sqlite3.Stmt, i int, k Kind, v Value) error {
	switch k {
	case Int:
		return q.BindInt64(i, v.Int)
	case Text:
		return q.BindRawText(i, v.Raw)
	}
	return q.BindBlob(i, v.Raw)
}

// source feeds COPY.
type source struct {
	kinds []Column
	next  func() ([]Value, error)
	row   []Value
	err   error
}

// Next is pgx's.
func (s *source) Next() bool {
	s.row, s.err = s.next()
	return s.err == nil && s.row != nil
}

// Values is pgx's.
func (s *source) Values() ([]any, error) {
	out := make([]any, len(s.row))
	for i, v := range s.row {
		switch c := s.kinds[i]; {
		case c.flag:
			out[i] = v.Int != 0
		case c.Kind == Int:
			out[i] = v.Int
		case c.Kind == Text:
			out[i] = string(v.Raw)
		case v.Raw == nil:
			out[i] = []byte{}
		default:
			out[i] = v.Raw
		}
	}
	return out, nil
}

// Err is pgx's.
func (s *source) Err() error { return s.err }

func (p *pgTx) fill(ctx context.Context, there, t Stored, next func() ([]Value, error)) error {
	s := &source{next: next}
	for _, c := range t.Columns {
		s.kinds = append(s.kinds, *there.column(c.Name))
	}
	_, err := p.c.CopyFrom(ctx, pgx.Identifier{t.Name}, t.names(), s)
	if s.err != nil { // PostgreSQL says only that the copy was ended
		return s.err
	}
	return p.lost(err)
}

// Tx is the transaction, for what goes beside the tables.
func (l *Loader) Tx() *Tx { return l.t }

// Commit makes the indexes and commits.
func (l *Loader) Commit(ctx context.Context) error {
	for _, def := range l.indexes {
		if _, err := l.t.Exec(ctx, def); err != nil {
			l.t.Rollback()
			return err
		}
	}
	return l.t.Commit()
}

// Rollback gives up; after Commit it does nothing.
func (l *Loader) Rollback() { l.t.Rollback() }
