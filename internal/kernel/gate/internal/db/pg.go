package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

func openPG(ctx context.Context, cfg Config) (*DB, error) {
	pc, err := pgx.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, errors.New("db: the PostgreSQL address in the configuration cannot be read") // it may hold a password
	}
	pool := func(settings map[string]string, n int) *sql.DB {
		c := pc.Copy()
		for k, v := range settings {
			c.RuntimeParams[k] = v
		}
		p := stdlib.OpenDB(*c)
		p.SetMaxOpenConns(n)
		p.SetMaxIdleConns(n)
		p.SetConnMaxIdleTime(5 * time.Minute)
		return p
	}
	d := &DB{cfg: cfg,
		pool: pool(map[string]string{"default_transaction_isolation": "serializable", "lock_timeout": "3000", "timezone": "UTC"}, 32),
		readPool: pool(map[string]string{"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on",
			"statement_timeout": "2000", "timezone": "UTC"}, 32),
	}
	if err := d.pool.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&d.schema); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (d *DB) beginPG(ctx context.Context, mode Mode, alone []string) (*Tx, error) {
	if mode == ReadOnly {
		t, err := d.readPool.BeginTx(ctx, nil)
		return &Tx{tx: t}, err
	}
	if len(alone) == 0 {
		t, err := d.pool.BeginTx(ctx, nil)
		return &Tx{tx: t}, err
	}
	c, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	x := &Tx{conn: c}
	if err := d.lock(ctx, c, alone); err != nil {
		x.release()
		return nil, err
	}
	if x.tx, err = c.BeginTx(ctx, nil); err != nil {
		x.release()
		return nil, err
	}
	return x, nil
}

// lock takes session advisory locks before the transaction begins, so that its
// snapshot is younger than whatever the lock's last holder committed.
func (d *DB) lock(ctx context.Context, c *sql.Conn, alone []string) error {
	for _, name := range alone {
		h := sha256.Sum256([]byte(d.schema + "\x00" + name))
		if _, err := c.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(binary.BigEndian.Uint64(h[:8]))); err != nil {
			return err
		}
	}
	return nil
}

func (x *Tx) release() {
	if x.conn == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	if _, err := x.conn.ExecContext(ctx, `SELECT pg_advisory_unlock_all()`); err != nil {
		// A connection that may still hold locks must not go back to the pool.
		_ = x.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = x.conn.Close()
	x.conn = nil
}
