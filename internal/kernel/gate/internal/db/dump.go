package db

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"
	lite "github.com/ncruces/go-sqlite3/driver"
)

// Kind is how the values of a column are written in a dump: the same for both
// engines, so that a dump of one can be loaded into the other.
type Kind byte

// The kinds.
const (
	Int   Kind = 'i' // BIGINT, and BOOLEAN as 0 or 1
	Text  Kind = 't' // TEXT, DATE
	Bytes Kind = 'b' // BYTEA
)

// Column is one column of a stored table.
type Column struct {
	Name string
	Kind Kind
	flag bool // BOOLEAN on PostgreSQL
}

// Stored is a table as it stands in the database, columns in their order.
type Stored struct {
	Name    string
	Columns []Column
}

// Value is one value: a number, or the bytes of a text or binary.
type Value struct {
	Int int64
	Raw []byte // good until the next row
}

// Snapshot is one consistent state of the whole database, on a connection of
// its own: writers go on beside it.
type Snapshot struct {
	lite *liteConn
	pg   *pgTx
}

// Snapshot begins one. Every one must be closed.
func (d *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	if d.Lite {
		c, err := connect(ctx, filepath.Join(d.cfg.Dir, "sekisho.db"), d.cfg.Key, false, nil)
		if err != nil {
			return nil, err
		}
		s := &Snapshot{lite: c}
		if _, err := c.c.ExecContext(ctx, "BEGIN"); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		// BEGIN alone takes no snapshot: the first look does.
		if _, err := s.Tables(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	}
	t, err := d.beginPG(ctx, ReadOnly, nil)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{pg: t.pg}
	if _, err := t.pg.exec(ctx, `SET LOCAL statement_timeout = 0`, nil); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends it.
func (s *Snapshot) Close() error {
	if s.lite != nil {
		return s.lite.close()
	}
	s.pg.release()
	return nil
}

// raw is the engine's own connection of a database/sql one: its rows come
// without a copy per value.
func (c *liteConn) raw(f func(*sqlite3.Conn) error) error {
	return c.c.Raw(func(d any) error {
		k, ok := d.(lite.Conn)
		if !ok {
			return errors.New("db: not the driver's connection")
		}
		return f(k.Raw())
	})
}

// notDumped are made anew with every database: migrations by migrating, the
// sealer's lease by taking it.
func notDumped() []string { return []string{"gate_migration", "audit_sealer"} }

// Tables lists what is to be dumped, in order of name.
func (s *Snapshot) Tables(ctx context.Context) ([]Stored, error) {
	var all []Stored
	var err error
	if s.lite != nil {
		all, err = s.lite.catalog()
	} else {
		all, err = s.pg.catalog(ctx)
	}
	all = slices.DeleteFunc(all, func(t Stored) bool { return slices.Contains(notDumped(), t.Name) })
	return all, err
}

func (c *liteConn) catalog() (out []Stored, err error) {
	return out, c.raw(func(k *sqlite3.Conn) error {
		q, _, err := k.Prepare(`SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY m.name, c.cid`)
		if err != nil {
			return err
		}
		defer q.Close()
		for q.Step() {
			kind := map[string]Kind{"INTEGER": Int, "TEXT": Text, "BLOB": Bytes}[q.ColumnText(2)]
			out = add(out, q.ColumnText(0), Column{Name: q.ColumnText(1), Kind: kind})
		}
		return q.Err()
	})
}

func (p *pgTx) catalog(ctx context.Context) (out []Stored, err error) {
	rows, err := p.query(ctx, `SELECT c.table_name::text, c.column_name::text, c.data_type::text FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
		WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
		ORDER BY c.table_name COLLATE "C", c.ordinal_position`, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			return nil, err
		}
		out = add(out, table, Column{column, map[string]Kind{"bigint": Int, "boolean": Int, "text": Text, "bytea": Bytes}[kind], kind == "boolean"})
	}
	return out, rows.Err()
}

func add(list []Stored, table string, c Column) []Stored {
	if n := len(list); n == 0 || list[n-1].Name != table {
		list = append(list, Stored{Name: table})
	}
	t := &list[len(list)-1]
	t.Columns = append(t.Columns, c)
	return list
}

// name is what a table or column may be called in a dump: it goes into
// statements.
var name = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Check refuses a table that a dump cannot hold.
func (t Stored) Check() error {
	ok := name.MatchString(t.Name) && len(t.Columns) > 0
	for _, c := range t.Columns {
		ok = ok && name.MatchString(c.Name) && (c.Kind == Int || c.Kind == Text || c.Kind == Bytes)
	}
	if !ok {
		return fmt.Errorf("db: table %q cannot be dumped", t.Name)
	}
	return nil
}

func (t Stored) names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// Rows gives every row of a table to f, in the order they are stored in; with
// order, a column's name, in the order of that column.
func (s *Snapshot) Rows(ctx context.Context, t Stored, order string, f func([]Value) error) error {
	if err := t.Check(); err != nil {
		return err
	}
	q := "SELECT " + join(t.names()) + " FROM " + t.Name
	if order != "" {
		q += " ORDER BY " + order
	}
	if s.lite != nil {
		return s.lite.rows(ctx, t, q, f)
	}
	return s.pg.rows(ctx, t, q, f)
}

var errKind = errors.New("db: a stored value is of another kind than its column")

func (c *liteConn) rows(ctx context.Context, t Stored, text string, f func([]Value) error) error {
	return c.raw(func(k *sqlite3.Conn) error {
		q, _, err := k.Prepare(text)
		if err != nil {
			return err
		}
		defer q.Close()
		defer k.SetInterrupt(k.SetInterrupt(ctx))
		row, got := make([]Value, len(t.Columns)), make([]any, len(t.Columns))
		for q.Step() {
			if err := q.ColumnsRaw(got...); err != nil {
				return err
			}
			for i, c := range t.Columns {
				var ok bool
				if c.Kind == Int {
					row[i].Int, ok = got[i].(int64)
				} else {
					row[i].Raw, ok = got[i].([]byte)
				}
				if !ok {
					return fmt.Errorf("%w: %s.%s", errKind, t.Name, c.Name)
				}
			}
			if err := f(row); err != nil {
				return err
			}
		}
		return q.Err()
	})
}

func (p *pgTx) rows(ctx context.Context, t Stored, text string, f func([]Value) error) error {
	if len(p.queue) > 0 { // BEGIN may still wait for company
		if _, err := p.exec(ctx, `SELECT 1`, nil); err != nil {
			return err
		}
	}
	rows, err := p.c.Query(ctx, text, pgx.QueryResultFormats{pgx.BinaryFormatCode})
	if err != nil {
		return p.lost(err)
	}
	defer rows.Close()
	row := make([]Value, len(t.Columns))
	for rows.Next() {
		for i, raw := range rows.RawValues() {
			switch c := t.Columns[i]; {
			case raw == nil, c.Kind == Int && len(raw) != 8 && len(raw) != 1:
				return fmt.Errorf("%w: %s.%s", errKind, t.Name, c.Name)
			case c.Kind != Int:
				row[i].Raw = raw
			case len(raw) == 1:
				row[i].Int = int64(raw[0])
			default:
				row[i].Int = int64(binary.BigEndian.Uint64(raw))
			}
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return p.lost(rows.Err())
}

// Migrations are the migrations applied, "module/file" → checksum.
func (s *Snapshot) Migrations(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	t := Stored{Name: "gate_migration", Columns: []Column{{Name: "module", Kind: Text}, {Name: "name", Kind: Text}, {Name: "sha256", Kind: Text}}}
	err := s.Rows(ctx, t, "", func(r []Value) error {
		out[string(r[0].Raw)+"/"+string(r[1].Raw)] = string(r[2].Raw)
		return nil
	})
	return out, err
}
