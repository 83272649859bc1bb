package gate

// Tampering needs a door that does not exist: this test is inside the package
// to write SQL as a database administrator would, and to sign as the holder of
// the keys could.

import (
	"context"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate/internal/db"
)

// tampering runs f in one transaction outside the gate.
func tampering(t *testing.T, g *Gate, f func(ctx context.Context, x *db.Tx) error) {
	t.Helper()
	ctx := context.Background()
	for {
		x, err := g.db.Begin(ctx, db.Write)
		if err != nil {
			t.Fatal(err)
		}
		if err = f(ctx, x); err == nil {
			err = x.Commit()
		}
		x.Rollback()
		if db.Retryable(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
}

// Tamper runs SQL outside the gate, for tests of what is then noticed.
func Tamper(t *testing.T, g *Gate, q string, args ...any) (n int64) {
	t.Helper()
	tampering(t, g, func(ctx context.Context, x *db.Tx) (err error) { n, err = x.Exec(ctx, q, args...); return err })
	return n
}

// Tampers is Tamper for several statements without arguments, at once.
func Tampers(t *testing.T, g *Gate, list ...string) {
	t.Helper()
	tampering(t, g, func(ctx context.Context, x *db.Tx) error {
		for _, q := range list {
			if _, err := x.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

// Peek reads one column, as strings.
func Peek(t *testing.T, g *Gate, q string, args ...any) (out []string) {
	t.Helper()
	if err := g.readOnly(context.Background(), func(x *db.Tx) error {
		rows, err := x.Query(context.Background(), q, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}
			out = append(out, s)
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Remac gives a row the MAC of what stands in it, as the holder of the keys
// could, and returns it as its mark.
func Remac(t *testing.T, g *Gate, name, id string) (m audit.Mark) {
	t.Helper()
	tampering(t, g, func(ctx context.Context, x *db.Tx) error {
		tb := g.tables[name]
		rows, err := x.Query(ctx, tb.selectAll+" WHERE id = $1", id)
		if err != nil {
			return err
		}
		rows.Next()
		s, err := tb.scan(rows)
		if err != nil {
			return err
		}
		if err := rows.Close(); err != nil {
			return err
		}
		mac := append([]byte{tb.format}, tb.rowMAC(g.ring, tb.format, s)...)
		m = audit.Mark{Table: name, ID: id, Version: s.head.Version, MAC: mac[1:]}
		_, err = x.Exec(ctx, "UPDATE "+name+" SET mac = $1 WHERE id = $2", mac, id)
		return err
	})
	return m
}

// Logged is one row of the log in the hands of whoever rewrites it.
type Logged struct {
	ID                   string
	At                   int64
	Record               audit.Record
	body, payload, Marks []byte
}

// Relog writes the whole log anew after change has had its way with it:
// numbers, tiles, and, with the key, new signatures of every checkpoint.
func Relog(t *testing.T, g *Gate, sign bool, change func([]Logged) []Logged) {
	t.Helper()
	tampering(t, g, func(ctx context.Context, x *db.Tx) error {
		list, err := readLog(ctx, x)
		if err != nil {
			return err
		}
		list = change(list)
		if _, err := x.Exec(ctx, `DELETE FROM audit_log`); err != nil {
			return err
		}
		if _, err := x.Exec(ctx, `DELETE FROM audit_tile`); err != nil {
			return err
		}
		tr, roots := &tree{}, map[int64]tlog.Hash{}
		for i, l := range list {
			if l.Record.Marks != "" {
				ms, err := audit.DecodeMarks(l.Marks)
				if err != nil {
					return err
				}
				l.Record.Marks, l.Record.Written = audit.MarksRoot(ms), len(ms)
			}
			if l.body, err = l.Record.Encode(); err != nil {
				return err
			}
			r := l.Record
			if _, err := x.Exec(ctx, `INSERT INTO audit_log(leaf, id, at, person, op, outcome, kind, target, body, payload, marks)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, int64(i), l.ID, l.At, r.Person, r.Op, string(r.Outcome), r.Kind, r.Target, l.body, l.payload, l.Marks); err != nil {
				return err
			}
			tr.add(tlog.RecordHash(l.body))
			if roots[tr.size()], err = tr.root(); err != nil {
				return err
			}
		}
		if err := tr.store(ctx, x); err != nil {
			return err
		}
		return resign(ctx, x, g, sign, roots, tr.size())
	})
}

func readLog(ctx context.Context, x *db.Tx) (list []Logged, err error) {
	rows, err := x.Query(ctx, `SELECT id, at, body, payload, marks FROM audit_log ORDER BY leaf`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l Logged
		if err := rows.Scan(&l.ID, &l.At, &l.body, &l.payload, &l.Marks); err != nil {
			return nil, err
		}
		if l.Record, err = audit.Parse(l.body); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

// resign drops the checkpoints beyond the end and, with the key, signs every
// other one anew and the end itself.
func resign(ctx context.Context, x *db.Tx, g *Gate, sign bool, roots map[int64]tlog.Hash, size int64) error {
	if _, err := x.Exec(ctx, `DELETE FROM audit_checkpoint WHERE size > $1`, size); err != nil || !sign {
		return err
	}
	for n, root := range roots {
		note, err := audit.Checkpoint{Origin: g.cfg.Origin, Size: n, Root: root}.Sign(g.ring.LogSigner())
		if err != nil {
			return err
		}
		if _, err := x.Exec(ctx, `UPDATE audit_checkpoint SET note = $1 WHERE size = $2`, note, n); err != nil {
			return err
		}
		if n == size {
			if _, err := x.Exec(ctx, `INSERT INTO audit_checkpoint(size, at, note) VALUES ($1, 0, $2) ON CONFLICT (size) DO NOTHING`, n, note); err != nil {
				return err
			}
		}
	}
	return nil
}

// SweepInParts is Sweep without rests and with few rows in memory.
func SweepInParts(g *Gate, most int) (Sweep, error) { return g.sweep(context.Background(), 1, most) }

// PartsNeeded tells in how many parts the last sweep went.
func PartsNeeded(g *Gate) uint32 { return g.parts.Load() }

// Waiting takes the bodies of records that wait to be sealed, and forgets them.
func Waiting(t *testing.T, g *Gate) (bodies [][]byte) {
	t.Helper()
	take := func(x *db.Tx) error {
		ps, err := readPending(context.Background(), x, 1000)
		for _, p := range ps {
			bodies = append(bodies, p.body)
		}
		if err == nil {
			_, err = x.Exec(context.Background(), `DELETE FROM audit_pending`)
		}
		return err
	}
	tampering(t, g, func(_ context.Context, x *db.Tx) error { return take(x) })
	if err := g.db.EachAccess(context.Background(), take); err != nil {
		t.Fatal(err)
	}
	return bodies
}
