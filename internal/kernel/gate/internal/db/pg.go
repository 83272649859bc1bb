package db

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func openPG(ctx context.Context, cfg Config) (*DB, error) {
	pool := func(settings map[string]string) (*pgxpool.Pool, error) {
		c, err := pgxpool.ParseConfig(cfg.DSN)
		if err != nil {
			return nil, errors.New("db: the PostgreSQL address in the configuration cannot be read") // it may hold a password
		}
		for k, v := range settings {
			c.ConnConfig.RuntimeParams[k] = v
		}
		c.MaxConns, c.MaxConnIdleTime = 32, 5*time.Minute
		return pgxpool.NewWithConfig(ctx, c)
	}
	w, err := pool(map[string]string{"default_transaction_isolation": "serializable", "lock_timeout": "3000", "timezone": "UTC"})
	if err != nil {
		return nil, err
	}
	r, err := pool(map[string]string{"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on",
		"statement_timeout": "2000", "timezone": "UTC"})
	if err != nil {
		w.Close()
		return nil, err
	}
	d := &DB{cfg: cfg, pool: w, readPool: r}
	if err := w.QueryRow(ctx, `SELECT current_schema()`).Scan(&d.schema); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// pgTx saves round trips: statements whose answer nobody waits for, BEGIN among
// them, are queued and travel with the next one that has an answer, or with
// COMMIT.
type pgTx struct {
	c      *pgxpool.Conn
	queue  []pgStmt
	locked bool
	once   bool
	trips  int
}

type pgStmt struct {
	q     string
	args  []any
	stale error // what its failure by exactlyOne means
}

// exactlyOne makes a statement that touches no row fail by itself (1 divided by
// 0), so that a COMMIT travelling behind it does not happen.
const exactlyOne = `WITH touched AS (%s RETURNING 1) SELECT 1 / COUNT(*) FROM touched`

func (d *DB) beginPG(ctx context.Context, mode Mode, alone []string) (*Tx, error) {
	pool := d.pool
	if mode != Write {
		pool = d.readPool
	}
	c, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	p := &pgTx{c: c, once: mode == Once}
	if !p.once { // what is sent at once without BEGIN is a transaction of its own
		p.queue = []pgStmt{{q: "BEGIN"}}
	}
	if err := p.lost(d.lock(ctx, p, alone)); err != nil {
		p.release()
		return nil, err
	}
	return &Tx{pg: p}, nil
}

var errLost = errors.New("db: the connection to PostgreSQL is lost")

// lost marks what ended the connection itself: such errors have no code.
func (p *pgTx) lost(err error) error {
	if err != nil && p.c != nil && p.c.Conn().IsClosed() {
		return errors.Join(errLost, err)
	}
	return err
}

// lock takes session advisory locks before the transaction begins, so that its
// snapshot is younger than whatever the lock's last holder committed.
func (d *DB) lock(ctx context.Context, p *pgTx, alone []string) error {
	for _, name := range alone {
		h := sha256.Sum256([]byte(d.schema + "\x00" + name))
		p.locked = true
		if _, err := p.c.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(binary.BigEndian.Uint64(h[:8]))); err != nil {
			return err
		}
	}
	return nil
}

// send sends what is queued and q behind it; the answers of the queue are read
// here, so the next one is q's.
func (p *pgTx) send(ctx context.Context, more ...pgStmt) (pgx.BatchResults, error) {
	if p.trips++; p.once && p.trips > 1 {
		return nil, ErrOnce
	}
	b := &pgx.Batch{}
	queue := p.queue
	for _, s := range append(queue, more...) {
		b.Queue(s.q, s.args...)
	}
	p.queue = nil
	r := p.c.SendBatch(ctx, b)
	for _, s := range queue {
		if _, err := r.Exec(); err != nil {
			_ = r.Close()
			var pe *pgconn.PgError
			if s.stale != nil && errors.As(err, &pe) && pe.Code == "22012" {
				return nil, s.stale
			}
			return nil, p.lost(err)
		}
	}
	return r, nil
}

func (p *pgTx) exec(ctx context.Context, q string, args []any) (int64, error) {
	r, err := p.send(ctx, pgStmt{q: q, args: args})
	if err != nil {
		return 0, err
	}
	t, err := r.Exec()
	if e := r.Close(); err == nil {
		err = e
	}
	return t.RowsAffected(), p.lost(err)
}

// pgRows gives pgx's rows the shape of database/sql's.
type pgRows struct {
	pgx.Rows
	batch pgx.BatchResults
	tx    *pgTx
}

// Err says what ended the rows.
func (r *pgRows) Err() error { return r.tx.lost(r.Rows.Err()) }

func (r *pgRows) Close() error {
	r.Rows.Close()
	err := r.Rows.Err()
	if r.batch != nil {
		if e := r.batch.Close(); err == nil {
			err = e
		}
	}
	return r.tx.lost(err)
}

func (p *pgTx) query(ctx context.Context, q string, args []any) (Rows, error) {
	if len(p.queue) == 0 {
		if p.trips++; p.once && p.trips > 1 {
			return nil, ErrOnce
		}
		rows, err := p.c.Query(ctx, q, args...)
		return &pgRows{Rows: rows, tx: p}, p.lost(err)
	}
	r, err := p.send(ctx, pgStmt{q: q, args: args})
	if err != nil {
		return nil, err
	}
	rows, err := r.Query()
	if err != nil {
		_ = r.Close()
		return nil, p.lost(err)
	}
	return &pgRows{rows, r, p}, nil
}

func (p *pgTx) ask(ctx context.Context, qs []Question, read func(int, Rows) error) error {
	stmts := make([]pgStmt, len(qs))
	for i, q := range qs {
		stmts[i] = pgStmt{q: q.Text, args: q.Args}
	}
	r, err := p.send(ctx, stmts...)
	if err != nil {
		return err
	}
	for i := range qs {
		rows, err := r.Query()
		if err == nil {
			err = read(i, &pgRows{Rows: rows, tx: p})
			rows.Close()
			err = errors.Join(err, rows.Err())
		}
		if err != nil {
			_ = r.Close()
			return p.lost(err)
		}
	}
	return p.lost(r.Close())
}

// commit commits, behind what is queued. A failure before the COMMIT makes
// PostgreSQL skip the rest of the batch.
func (p *pgTx) commit(ctx context.Context) error {
	defer p.release()
	if len(p.queue) == 1 && p.queue[0].q == "BEGIN" {
		return nil
	}
	last := []pgStmt{{q: "COMMIT"}}
	if p.locked { // given back in the same round trip, behind the COMMIT
		last = append(last, pgStmt{q: unlockAll})
	}
	r, err := p.send(ctx, last...)
	if err != nil {
		return err
	}
	for range last {
		if _, e := r.Exec(); err == nil {
			err = e
		}
	}
	if e := r.Close(); err == nil {
		err = e
	}
	p.locked = p.locked && err != nil
	return p.lost(err)
}

const unlockAll = `SELECT pg_advisory_unlock_all()`

// release gives the connection back. What may still hold a transaction or a
// lock is closed instead: pgxpool destroys connections that are not idle.
func (p *pgTx) release() {
	if p.c == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	if p.c.Conn().PgConn().TxStatus() != 'I' {
		_, _ = p.c.Exec(ctx, "ROLLBACK")
	}
	if p.locked {
		if _, err := p.c.Exec(ctx, unlockAll); err != nil {
			_ = p.c.Conn().Close(ctx)
		}
	}
	p.c.Release()
	p.c = nil
}
