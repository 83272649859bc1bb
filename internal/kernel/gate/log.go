package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"

	"github.com/go-json-experiment/json"
)

// Entry is one sealed record with its place in the log.
type Entry struct {
	Leaf    int64
	Record  audit.Record
	Body    []byte // the leaf's bytes, as hashed
	Payload []byte // sealed
	Marks   []byte
}

// LogSize is the number of sealed records.
func (g *Gate) LogSize(ctx context.Context) (int64, error) {
	var n int64
	err := g.readOnly(ctx, func(t *db.Tx) error {
		rows, err := t.Query(ctx, `SELECT COALESCE(MAX(leaf) + 1, 0) FROM audit_log`)
		if err != nil {
			return err
		}
		defer rows.Close()
		if rows.Next() {
			return rows.Scan(&n)
		}
		return rows.Err()
	})
	return n, err
}

// Entries are up to limit sealed records from a leaf on, in leaf order. It is
// how the feed, the verifier and the log's own pages read; they decide who may see what.
func (g *Gate) Entries(ctx context.Context, from int64, limit int) ([]Entry, error) {
	var out []Entry
	err := g.readOnly(ctx, func(t *db.Tx) error {
		rows, err := t.Query(ctx, `SELECT leaf, body, payload, marks FROM audit_log WHERE leaf >= $1 ORDER BY leaf LIMIT $2`, from, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e Entry
			if err := rows.Scan(&e.Leaf, &e.Body, &e.Payload, &e.Marks); err != nil {
				return err
			}
			if e.Record, err = audit.Parse(e.Body); err != nil {
				return fmt.Errorf("leaf %d: %w", e.Leaf, err)
			}
			out = append(out, e)
		}
		return rows.Err()
	})
	return out, err
}

func (g *Gate) readOnly(ctx context.Context, f func(*db.Tx) error) error {
	t, err := g.db.Begin(ctx, db.ReadOnly)
	if err != nil {
		return trouble(err)
	}
	defer t.Rollback()
	return trouble(f(t))
}

// LogQuery narrows a search of the log. Zero fields do not narrow.
type LogQuery struct {
	ID, Person, Op, Outcome, Kind, Target string
	From, To                              int64 // µs, To exclusive
	Before                                int64 // leaf, for the next page; 0: newest first from the end
	Limit                                 int
}

// LogSearch finds sealed records, newest first, from inside an op.
func LogSearch(x *Tx, q LogQuery) ([]Entry, error) {
	s := &sqlText{}
	where := "1 = 1"
	for _, c := range []struct{ col, val string }{{"id", q.ID}, {"person", q.Person}, {"op", q.Op}, {"outcome", q.Outcome}, {"kind", q.Kind}, {"target", q.Target}} {
		if c.val != "" {
			where += " AND " + c.col + " = " + s.arg(c.val)
		}
	}
	if q.From > 0 {
		where += " AND at >= " + s.arg(q.From)
	}
	if q.To > 0 {
		where += " AND at < " + s.arg(q.To)
	}
	if q.Before > 0 {
		where += " AND leaf < " + s.arg(q.Before)
	}
	rows, err := x.query(fmt.Sprintf(`SELECT leaf, body, payload, marks FROM audit_log WHERE %s ORDER BY leaf DESC LIMIT %d`, where, min(max(q.Limit, 1), 200)), s.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var e Entry
		if err := rows.Scan(&e.Leaf, &e.Body, &e.Payload, &e.Marks); err != nil {
			return nil, err
		}
		if e.Record, err = audit.Parse(e.Body); err != nil {
			return nil, err
		}
		out = append(out, e)
		x.saw("audit_log", e.Record.ID)
	}
	return out, rows.Err()
}

// LogHead is LogState from outside of any op; it leaves no record.
func (g *Gate) LogHead(ctx context.Context) (size int64, signedAt time.Time, err error) {
	err = g.readOnly(ctx, func(t *db.Tx) error {
		rows, err := t.Query(ctx, `SELECT size, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
		if err != nil {
			return err
		}
		defer rows.Close()
		var at int64
		if rows.Next() {
			if err := rows.Scan(&size, &at); err != nil {
				return err
			}
			signedAt = time.UnixMicro(at).UTC()
		}
		return rows.Err()
	})
	return size, signedAt, err
}

// LogState is the log's size and when it was last signed, from inside an op.
func LogState(x *Tx) (size int64, sealedAt time.Time, err error) {
	rows, err := x.query(`SELECT size, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
	if err != nil {
		return 0, sealedAt, err
	}
	var at int64
	if rows.Next() {
		err = rows.Scan(&size, &at)
		sealedAt = time.UnixMicro(at).UTC()
	}
	return size, sealedAt, errors.Join(err, rows.Err(), rows.Close())
}

// Facts opens the sealed payload of a record; an erased one gives nil.
func (x *Tx) Facts(e Entry) (map[string]any, error) {
	if len(e.Payload) == 0 {
		return nil, nil
	}
	if audit.Hash(e.Payload) != e.Record.PayloadSHA {
		return nil, errors.New("gate: the payload is not the one of its leaf")
	}
	plain, err := x.root.g.ring.Open(vault.KindAudit, vault.AAD("record", e.Record.ID), e.Payload)
	if err != nil {
		return nil, err
	}
	var facts map[string]any
	return facts, json.Unmarshal(plain, &facts)
}

// ClassOf is the class of a column, for showing what a record says was written
// there; of what stands in no table any more, Personal.
func (x *Tx) ClassOf(table, col string) policy.Class {
	if t := x.root.g.tables[table]; t != nil {
		for _, c := range t.cols {
			if c.name == col {
				return c.class
			}
		}
	}
	return policy.Personal
}
