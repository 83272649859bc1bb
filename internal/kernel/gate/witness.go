package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/witness"
)

// Feed is the log as witnesses read it: the last checkpoint, the hashes that
// were signed (from the tiles, not from bodies that may have been altered
// since), ids of records and the marks of what they wrote.
func (g *Gate) Feed() witness.Log {
	return witness.Log{
		Checkpoint: func(ctx context.Context) (b []byte, err error) {
			err = g.readOnly(ctx, func(t *db.Tx) error {
				b, err = one[[]byte](ctx, t, `SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
				return err
			})
			return b, err
		},
		Leaves: func(ctx context.Context, from, to, _ int64, add func(witness.Leaf) error) error {
			for from < to {
				n := min(to, (from/tileWidth+1)*tileWidth)
				var page []witness.Leaf
				if err := g.readOnly(ctx, func(t *db.Tx) (err error) { page, err = feedPage(ctx, t, from, n); return err }); err != nil {
					return err
				}
				for _, l := range page {
					if err := add(l); err != nil {
						return err
					}
				}
				from = n
			}
			return nil
		},
	}
}

// feedPage gives leaves of one tile.
func feedPage(ctx context.Context, t *db.Tx, from, to int64) ([]witness.Leaf, error) {
	raw, err := one[[]byte](ctx, t, `SELECT hashes FROM audit_tile WHERE level = 0 AND n = $1`, from/tileWidth)
	if err != nil {
		return nil, err
	}
	hs, at := splitHashes(raw), from%tileWidth
	if int64(len(hs)) < at+to-from {
		return nil, fault.Unavailable("gate.log_changed")
	}
	page := make([]witness.Leaf, to-from)
	for i := range page {
		page[i].Hash = hs[at+int64(i)]
	}
	rows, err := t.Query(ctx, `SELECT leaf, id, body, marks FROM audit_log WHERE leaf >= $1 AND leaf < $2 ORDER BY leaf`, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var leaf int64
		var id string
		var body, marks []byte
		if err := rows.Scan(&leaf, &id, &body, &marks); err != nil {
			return nil, err
		}
		if l := &page[leaf-from]; tlog.RecordHash(body) == l.Hash { // of an altered record nothing is told
			l.ID, l.Marks = id, written(body, marks)
		}
	}
	return page, rows.Err()
}

// written are the marks of a record that wrote rows, if they are its own.
func written(body, marks []byte) []byte {
	r, err := audit.Parse(body)
	if err != nil || r.Written == 0 {
		return nil
	}
	if ms, err := audit.DecodeMarks(marks); err != nil || audit.MarksRoot(ms) != r.Marks {
		return nil
	}
	return marks
}

// one gives the only value of a select, the zero value when there is none.
func one[T any](ctx context.Context, t *db.Tx, q string, args ...any) (v T, err error) {
	rows, err := t.Query(ctx, q, args...)
	if err != nil {
		return v, err
	}
	if rows.Next() {
		err = rows.Scan(&v)
	}
	return v, errors.Join(err, rows.Err(), rows.Close())
}

// Witness is what is known of one witness.
type Witness struct {
	Place   string
	Size    int64         // leaves it has
	Waiting time.Duration // how long the oldest record it does not have has been waiting
	SeenAt  time.Time     // when it looked last, by its own clock; zero: never
	Key     string        // what is wrong, a text key; "" if nothing is
}

// witnessLate is how long a record may go without a witness, and a witness
// without looking, before people are told.
const witnessLate = 10 * time.Minute

// Look asks a witness what it has and compares that with the log: a checkpoint
// of ours that the log does not have means that the log was put back or
// rebuilt, and is an alarm. Witnesses of the last round are what ops see.
func (g *Gate) Look(ctx context.Context, p *witness.Place) Witness {
	w := Witness{Place: p.String()}
	s, err := p.State(ctx)
	if err == nil {
		err = g.readOnly(ctx, func(t *db.Tx) error { return g.compareWitness(ctx, t, &w, s) })
	}
	if err != nil {
		w.Key = fault.Of(err).Key
		return w
	}
	w.SeenAt = s.Seen.At
	switch {
	case w.Key != "":
		g.Raise(Alarm{Key: w.Key, Kind: "witness", Subject: w.Place, Leaf: w.Size})
	case s.Alarm != nil:
		w.Key = "witness.alarmed"
		g.Raise(Alarm{Key: w.Key, Kind: "witness", Subject: w.Place, Leaf: s.Alarm.Leaf})
	case s.Checkpoint == nil:
		w.Key = "witness.empty"
	case w.Waiting > witnessLate || g.now().Sub(w.SeenAt) > witnessLate:
		w.Key = "witness.late"
	}
	return w
}

func (g *Gate) compareWitness(ctx context.Context, t *db.Tx, w *Witness, s witness.State) error {
	if s.Checkpoint == nil {
		return nil
	}
	key, err := note.NewVerifier(g.ring.LogVerifier())
	if err != nil {
		return err
	}
	theirs, err := audit.ParseCheckpoint(s.Checkpoint, g.cfg.Origin, key)
	if err != nil {
		w.Key = "witness.other_key"
		return nil
	}
	w.Size = theirs.Size
	b, err := one[[]byte](ctx, t, `SELECT note FROM audit_checkpoint WHERE size = $1`, theirs.Size)
	if err != nil {
		return err
	}
	ours, err := audit.ParseCheckpoint(b, g.cfg.Origin, key)
	if err != nil || ours != theirs {
		w.Key = "witness.other_log"
		return nil
	}
	at, err := one[int64](ctx, t, `SELECT at FROM audit_log WHERE leaf = $1`, theirs.Size)
	if at > 0 {
		w.Waiting = g.now().Sub(time.UnixMicro(at))
	}
	return err
}

// witnesses are the states of the last round.
type witnesses struct {
	mu   sync.Mutex
	list []Witness
}

// SetWitnesses keeps what a round found, for Witnesses.
func (g *Gate) SetWitnesses(list []Witness) {
	g.seen.mu.Lock()
	defer g.seen.mu.Unlock()
	g.seen.list = slices.Clone(list)
}

// Witnesses gives what the last round found.
func (x *Tx) Witnesses() []Witness {
	s := &x.root.g.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}
