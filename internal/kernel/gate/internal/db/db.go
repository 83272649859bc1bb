// Package db opens the one database. Only package gate can import it: the
// compiler refuses everyone else, so no module ever holds a *sql.DB.
//
// One SQL text serves both engines ($n parameters, five column types, no
// NULL). What truly differs stands in lite.go and pg.go.
package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/ncruces/go-sqlite3"
)

// Config says where the data lies.
type Config struct {
	DSN   string // postgres://… ; empty: SQLite in Dir
	Dir   string // folder of the SQLite files
	Key   []byte // 32 bytes; encrypts the SQLite files whole
	Cache string // 0700 folder for the compiled SQLite engine; empty: compile at each start
}

// DB is one open database with its writer and its readers.
type DB struct {
	pool, readPool *pgxpool.Pool // PostgreSQL
	lite           *liteDB       // SQLite
	Lite           bool
	cfg            Config
	schema         string // PostgreSQL: part of every lock's name, as locks are per database
}

// Open opens or makes the database; it does not touch the schema.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.DSN == "" {
		return openLite(ctx, cfg)
	}
	return openPG(ctx, cfg)
}

// Mode is how a transaction is begun.
type Mode uint8

const (
	ReadOnly Mode = iota // REPEATABLE READ, read only
	Write                // SERIALIZABLE; SQLite: the one writer
	Once                 // ReadOnly for a single Ask or Query, without the round trips of BEGIN and ROLLBACK; SQLite: ReadOnly
)

// ErrOnce is a second question in a transaction of mode Once.
var ErrOnce = errors.New("db: this transaction had one question")

// Rows are the rows of one SELECT.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Tx is one transaction with the locks it was begun under.
type Tx struct {
	pg   *pgTx
	lite *liteConn
	done bool
}

// Begin takes the locks named by alone, which must be sorted, and then begins.
func (d *DB) Begin(ctx context.Context, mode Mode, alone ...string) (*Tx, error) {
	if d.Lite {
		return d.lite.begin(ctx, mode)
	}
	return d.beginPG(ctx, mode, alone)
}

// Commit commits and gives the locks back. On PostgreSQL what was left for
// later travels with it. It does not heed the request's context: whoever hangs
// up must not make it unknown whether a commit took place.
func (x *Tx) Commit() error {
	x.done = true
	if x.lite != nil {
		return x.lite.end("COMMIT")
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	return x.pg.commit(ctx)
}

// Rollback gives up; after Commit it does nothing.
func (x *Tx) Rollback() {
	if x.done {
		return
	}
	x.done = true
	if x.lite != nil {
		_ = x.lite.end("ROLLBACK")
		return
	}
	x.pg.release()
}

// Exec runs one statement and says how many rows it touched.
func (x *Tx) Exec(ctx context.Context, q string, args ...any) (int64, error) {
	if x.lite == nil {
		return x.pg.exec(ctx, q, args)
	}
	r, err := x.lite.exec(ctx, q, args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Later runs a statement whose answer nobody waits for. On PostgreSQL it
// travels with the next statement, so its error comes from there.
func (x *Tx) Later(ctx context.Context, q string, args ...any) error {
	if x.lite == nil {
		x.pg.queue = append(x.pg.queue, pgStmt{q: q, args: args})
		return nil
	}
	_, err := x.lite.exec(ctx, q, args)
	return err
}

// LaterOne is Later for a statement that must touch exactly one row; stale is
// the error if it does not.
func (x *Tx) LaterOne(ctx context.Context, stale error, q string, args ...any) error {
	if x.lite == nil {
		x.pg.queue = append(x.pg.queue, pgStmt{fmt.Sprintf(exactlyOne, q), args, stale})
		return nil
	}
	n, err := x.Exec(ctx, q, args...)
	if err == nil && n != 1 {
		err = stale
	}
	return err
}

// Query runs one SELECT.
func (x *Tx) Query(ctx context.Context, q string, args ...any) (Rows, error) {
	if x.lite != nil {
		return x.lite.query(ctx, q, args)
	}
	return x.pg.query(ctx, q, args)
}

// Question is one SELECT of several that are asked together.
type Question struct {
	Text string
	Args []any
}

// Ask runs several SELECTs, on PostgreSQL in one round trip; read gets the rows
// of each in turn and need not close them.
func (x *Tx) Ask(ctx context.Context, qs []Question, read func(i int, rows Rows) error) error {
	if x.lite == nil {
		return x.pg.ask(ctx, qs, read)
	}
	for i, q := range qs {
		rows, err := x.lite.query(ctx, q.Text, q.Args)
		if err != nil {
			return err
		}
		if err := errors.Join(read(i, rows), rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Writers is how many groups of records can be written at a time: one file has
// one writer; on PostgreSQL one group fills while the other is made durable.
func (d *DB) Writers() int {
	if d.Lite {
		return 1
	}
	return 2
}

// Trips is how many questions went to the server so far; SQLite has none.
func (x *Tx) Trips() int {
	if x.lite != nil {
		return 0
	}
	return x.pg.trips
}

// Retryable tells whether err is a conflict of two transactions that a retry may settle.
func Retryable(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "40001" || pe.Code == "40P01" || pe.Code == "55P03"
	}
	return errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED)
}

// Table is the table whose constraint err is about, where the engine says so.
func Table(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.TableName
	}
	return ""
}

// Unique tells whether err is a violated unique constraint.
func Unique(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "23505"
	}
	return errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY)
}

// Trouble names what is wrong with the database itself: "full" (disk),
// "gone" (does not answer), "key" (opens with another key), "slow" (timed
// out), or "" if err is something else.
func Trouble(err error) string {
	if err == nil {
		return ""
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "slow"
	case errors.Is(err, context.Canceled):
		return ""
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch {
		case pe.Code == "57014":
			return "slow"
		case pe.Code == "53100":
			return "full"
		case strings.HasPrefix(pe.Code, "08"), strings.HasPrefix(pe.Code, "57P"), strings.HasPrefix(pe.Code, "53"), strings.HasPrefix(pe.Code, "28"):
			return "gone"
		}
		return ""
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) || errors.Is(err, errLost) {
		return "gone"
	}
	switch {
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR_WRITE), errors.Is(err, sqlite3.IOERR_SHMSIZE), errors.Is(err, syscall.ENOSPC):
		return "full" // the encrypting file layer reports ENOSPC as a failed write
	case errors.Is(err, sqlite3.NOTADB):
		return "key"
	case errors.Is(err, sqlite3.INTERRUPT):
		return "slow"
	case errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.READONLY):
		return "gone"
	}
	return ""
}

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	t, err := d.Begin(ctx, ReadOnly)
	if err != nil {
		return err
	}
	defer t.Rollback()
	rows, err := t.Query(ctx, `SELECT 1`)
	if err != nil {
		return err
	}
	return rows.Close()
}

// Close closes everything.
func (d *DB) Close() error {
	if d.Lite {
		return d.lite.close()
	}
	d.readPool.Close()
	d.pool.Close()
	return nil
}

// Where names the database without its secrets.
func (d *DB) Where() string {
	if d.Lite {
		return "SQLite " + d.cfg.Dir
	}
	u, err := url.Parse(d.cfg.DSN)
	if err != nil {
		return "PostgreSQL"
	}
	return fmt.Sprintf("PostgreSQL %s%s", u.Host, u.Path)
}
