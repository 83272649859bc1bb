package gate

import (
	"context"
	"errors"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate/internal/db"
)

// The log is cut into months (JST). The first leaf of a month closes the one
// before with a checkpoint of its own. A month's name is that of its first leaf:
// a record that was sealed late, behind a later month's, lies in the later one.

// Segment is one closed month of the log.
type Segment struct {
	Month    string    `json:"month" class:"internal"` // "2026-11"
	First    int64     `json:"first" class:"internal"` // its first leaf
	Size     int64     `json:"size" class:"internal"`  // the log's size when it was closed: the next one's first leaf
	ClosedAt time.Time `json:"closed_at" class:"internal"`
	Expired  bool      `json:"expired" class:"internal"` // its sealed contents may be gone
}

// monthOf is the JST month of a record's time (µs).
func monthOf(at int64) string { return time.UnixMicro(at).Add(9 * time.Hour).UTC().Format("2006-01") }

// open is the month that grows.
type openMonth struct {
	month string // "" before its first leaf
	first int64
	size  int64 // of the log, when this was right
}

// month finds the open month of a log of that size. The sealer remembers it
// between batches.
func (s *sealer) month(ctx context.Context, t *db.Tx, size int64) (openMonth, error) {
	if s.current.size == size && size > 0 {
		return s.current, nil
	}
	m := openMonth{size: size}
	rows, err := t.Query(ctx, `SELECT size FROM audit_segment WHERE size <= $1 ORDER BY size DESC LIMIT 1`, size)
	if err != nil {
		return m, err
	}
	if rows.Next() {
		err = rows.Scan(&m.first)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return m, err
	}
	if rows, err = t.Query(ctx, `SELECT at FROM audit_log WHERE leaf = $1`, m.first); err != nil {
		return m, err
	}
	var at int64
	if rows.Next() {
		err = rows.Scan(&at)
		m.month = monthOf(at)
	}
	return m, errors.Join(err, rows.Err(), rows.Close())
}

// turn closes the open month if a record of that time is the first of a later
// one; the tree does not have it yet.
func (s *sealer) turn(ctx context.Context, t *db.Tx, m *openMonth, tr *tree, at int64) error {
	next := monthOf(at)
	switch {
	case m.month == "":
		m.month = next
		return nil
	case next <= m.month:
		return nil
	}
	if err := s.checkpoint(ctx, t, tr); err != nil {
		return err
	}
	if _, err := t.Exec(ctx, `INSERT INTO audit_segment(month, first, size, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (month) DO UPDATE SET first = excluded.first, size = excluded.size, at = excluded.at`,
		m.month, m.first, tr.size(), s.g.now().UnixMicro()); err != nil {
		return err
	}
	m.month, m.first = next, tr.size()
	return nil
}

// checkpoint signs the tree as it is.
func (s *sealer) checkpoint(ctx context.Context, t *db.Tx, tr *tree) error {
	root, err := tr.root()
	if err != nil {
		return err
	}
	note, err := audit.Checkpoint{Origin: s.g.cfg.Origin, Size: tr.size(), Root: root}.Sign(s.g.ring.LogSigner())
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, `INSERT INTO audit_checkpoint(size, at, note) VALUES ($1, $2, $3)
		ON CONFLICT (size) DO UPDATE SET at = excluded.at, note = excluded.note`, tr.size(), s.g.now().UnixMicro(), note)
	return err
}

// ExpireOp is the op whose record lets a month's sealed contents go: without
// such a record, verify takes a missing one for damage. Its target is the month.
const ExpireOp = "record.expire"

func readSegments(ctx context.Context, t *db.Tx) ([]Segment, error) {
	expired := map[string]bool{}
	if err := addIDs(ctx, t, expired, `SELECT target FROM audit_log WHERE op = $1 AND outcome = 'ok' AND kind = 'segment'`, ExpireOp); err != nil {
		return nil, err
	}
	rows, err := t.Query(ctx, `SELECT month, first, size, at FROM audit_segment ORDER BY size`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Segment
	for rows.Next() {
		var s Segment
		var at int64
		if err := rows.Scan(&s.Month, &s.First, &s.Size, &at); err != nil {
			return nil, err
		}
		s.ClosedAt, s.Expired = time.UnixMicro(at).UTC(), expired[s.Month]
		out = append(out, s)
	}
	return out, rows.Err()
}

// LogSegments are the closed months of the log, oldest first, from inside an op.
func LogSegments(x *Tx) ([]Segment, error) {
	if err := x.ok(); err != nil {
		return nil, err
	}
	return readSegments(x.root.ctx, x.root.t)
}

// expirePage is how many records lose their contents in one transaction.
const expirePage = 500

// Expire empties the sealed contents of months that a sealed record of ExpireOp
// let go, a few at a time, and says of how many records. Leaves and marks stay.
func (g *Gate) Expire(ctx context.Context) (int64, error) {
	var list []Segment
	if err := g.readOnly(ctx, func(t *db.Tx) (err error) { list, err = readSegments(ctx, t); return err }); err != nil {
		return 0, err
	}
	var done int64
	for _, s := range list {
		if _, told := g.expired.Load(s.Month); !s.Expired || told {
			continue
		}
		for from := s.First; from < s.Size; from += expirePage {
			n, err := g.expireSlice(ctx, from, min(from+expirePage, s.Size))
			if done += n; err != nil {
				return done, trouble(err)
			}
		}
		g.expired.Store(s.Month, true)
	}
	return done, nil
}

func (g *Gate) expireSlice(ctx context.Context, from, to int64) (int64, error) {
	for {
		t, err := g.db.Begin(ctx, db.Write)
		if err != nil {
			return 0, err
		}
		n, err := t.Exec(ctx, `UPDATE audit_log SET payload = $1 WHERE leaf >= $2 AND leaf < $3 AND payload <> $1`, []byte{}, from, to)
		if err == nil {
			err = t.Commit()
		}
		t.Rollback()
		if !db.Retryable(err) || ctx.Err() != nil {
			return n, err
		}
	}
}
