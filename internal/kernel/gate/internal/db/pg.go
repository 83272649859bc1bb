package db

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
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

// pgTx saves round trips: BEGIN goes with the first statement and COMMIT with
// the last.
type pgTx struct {
	c      *pgxpool.Conn
	begun  bool
	locked bool
}

func (d *DB) beginPG(ctx context.Context, mode Mode, alone []string) (*Tx, error) {
	pool := d.pool
	if mode == ReadOnly {
		pool = d.readPool
	}
	c, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	p := &pgTx{c: c}
	if err := d.lock(ctx, p, alone); err != nil {
		p.release()
		return nil, err
	}
	return &Tx{pg: p}, nil
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

func (p *pgTx) exec(ctx context.Context, q string, args []any) (int64, error) {
	if p.begun {
		t, err := p.c.Exec(ctx, q, args...)
		return t.RowsAffected(), err
	}
	p.begun = true
	r := p.send(ctx, "BEGIN", nil, q, args)
	defer r.Close()
	if _, err := r.Exec(); err != nil {
		return 0, err
	}
	t, err := r.Exec()
	if e := r.Close(); err == nil {
		err = e
	}
	return t.RowsAffected(), err
}

func (p *pgTx) send(ctx context.Context, q1 string, args1 []any, q2 string, args2 []any) pgx.BatchResults {
	b := &pgx.Batch{}
	b.Queue(q1, args1...)
	b.Queue(q2, args2...)
	return p.c.SendBatch(ctx, b)
}

// pgRows gives pgx's rows the shape of database/sql's.
type pgRows struct {
	pgx.Rows
	batch pgx.BatchResults
}

func (r *pgRows) Close() error {
	r.Rows.Close()
	err := r.Rows.Err()
	if r.batch != nil {
		if e := r.batch.Close(); err == nil {
			err = e
		}
	}
	return err
}

func (p *pgTx) query(ctx context.Context, q string, args []any) (Rows, error) {
	if p.begun {
		rows, err := p.c.Query(ctx, q, args...)
		return &pgRows{Rows: rows}, err
	}
	p.begun = true
	r := p.send(ctx, "BEGIN", nil, q, args)
	if _, err := r.Exec(); err != nil {
		_ = r.Close()
		return nil, err
	}
	rows, err := r.Query()
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return &pgRows{rows, r}, nil
}

// commit runs a last statement, if any, and commits.
func (p *pgTx) commit(ctx context.Context, q string, args []any) error {
	defer p.release()
	switch {
	case !p.begun && q == "":
		return nil
	case q == "":
		_, err := p.c.Exec(ctx, "COMMIT")
		return err
	case !p.begun:
		if _, err := p.exec(ctx, q, args); err != nil {
			return err
		}
		_, err := p.c.Exec(ctx, "COMMIT")
		return err
	}
	r := p.send(ctx, q, args, "COMMIT", nil)
	_, err := r.Exec()
	if err == nil {
		_, err = r.Exec()
	}
	if e := r.Close(); err == nil {
		err = e
	}
	return err
}

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
		if _, err := p.c.Exec(ctx, `SELECT pg_advisory_unlock_all()`); err != nil {
			_ = p.c.Conn().Close(ctx)
		}
	}
	p.c.Release()
	p.c = nil
}
