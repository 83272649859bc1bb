package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/vault"
)

// Damage is one thing that is not as the log says. Key is a text key
// "verify.…" or "fsck.…"; Table and ID name the row, without Table ID is a
// record's or a month's; Leaf is the record concerned (-1: none).
type Damage struct {
	Key   string `json:"key"`
	Table string `json:"table,omitempty"`
	ID    string `json:"id,omitempty"`
	Leaf  int64  `json:"leaf"`
	Last  int64  `json:"last,omitempty"` // of a run of records, the last
}

// Report is what Verify found.
type Report struct {
	Leaves      int64    `json:"leaves"`
	Checkpoints int64    `json:"checkpoints"`
	Pending     int64    `json:"pending"` // committed, not sealed yet
	Rows        int64    `json:"rows"`
	Segments    int64    `json:"segments"`            // closed months
	Witnessed   int64    `json:"witnessed,omitempty"` // leaves the witness has
	Root        string   `json:"root"`
	Damages     []Damage `json:"damages"`
	More        int      `json:"more,omitempty"` // damages beyond those listed
}

const damagesMax = 1000

type verifier struct {
	g    *Gate
	ctx  context.Context
	t    *db.Tx
	rep  Report
	last map[string]lastMark // by table/id

	replay audit.Replay // the log's tree, grown again
	tree   tree         // the same in tiles, to compare with the stored ones

	until     int64 // leaves beyond are not walked (now)
	tileCount int64
	months    months
	sweeping  *sweeping       // nil: one snapshot for everything
	full      map[string]bool // disposal units whose data key opens
	tick      func(what string, done int64)
}

type lastMark struct {
	version int64
	mac     [32]byte
	leaf    int64
}

// Verify recomputes the whole log and compares every row with what the log says
// of it, in one snapshot: an edited, moved, rolled back, inserted or removed
// row is named. What only an outside witness can prove (a log rebuilt by who
// holds database and keys) needs VerifyAgainst.
func (g *Gate) Verify(ctx context.Context, progress func(what string, done int64)) (Report, error) {
	return g.verify(ctx, progress)
}

func (g *Gate) verify(ctx context.Context, progress func(what string, done int64), more ...func(*verifier) error) (Report, error) {
	t, err := g.db.Begin(ctx, db.ReadOnly)
	if err != nil {
		return Report{}, trouble(err)
	}
	defer t.Rollback()
	v := newVerifier(ctx, g, t, progress)
	for _, step := range []func() error{v.meta, v.log, v.pending, v.tables, v.removed} {
		if err := step(); err != nil {
			return v.rep, trouble(err)
		}
	}
	for _, step := range more {
		if err := step(v); err != nil {
			return v.rep, trouble(err)
		}
	}
	return v.rep, nil
}

func newVerifier(ctx context.Context, g *Gate, t *db.Tx, progress func(what string, done int64)) *verifier {
	if progress == nil {
		progress = func(string, int64) {}
	}
	return &verifier{g: g, ctx: ctx, t: t, last: map[string]lastMark{}, full: map[string]bool{}, tick: progress, until: math.MaxInt64,
		months: months{emptied: map[string][]Damage{}, more: map[string]int{}, letGo: map[string]bool{}}}
}

// removed names the rows that the log left there and no table had.
func (v *verifier) removed() error {
	var gone []string
	for k, m := range v.last {
		if m.version >= 0 {
			gone = append(gone, k)
		}
	}
	sort.Strings(gone)
	for _, k := range gone {
		table, id, _ := strings.Cut(k, "/")
		v.damage(Damage{Key: "verify.row_removed", Table: table, ID: id, Leaf: v.last[k].leaf})
	}
	return nil
}

func (v *verifier) damage(d Damage) {
	if len(v.rep.Damages) < damagesMax {
		v.rep.Damages = append(v.rep.Damages, d)
	} else {
		v.rep.More++
	}
}

// checkpoints are the signed notes of sizes in (after, to].
func (v *verifier) checkpoints(after, to int64) (map[int64][]byte, error) {
	rows, err := v.t.Query(v.ctx, `SELECT size, note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size`, after, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64][]byte{}
	for rows.Next() {
		var size int64
		var b []byte
		if err := rows.Scan(&size, &b); err != nil {
			return nil, err
		}
		out[size] = b
	}
	return out, rows.Err()
}

// signedSize is the size of the largest checkpoint.
func (v *verifier) signedSize() (int64, error) {
	return one[int64](v.ctx, v.t, `SELECT COALESCE(MAX(size), 0) FROM audit_checkpoint`)
}

const verifyPage = 500

func (v *verifier) log() error {
	// Leaves begin at 0: what stands before would be found by a search of the log, and by nothing else.
	if before, err := exists(v.ctx, v.t, `SELECT 1 FROM audit_log WHERE leaf < 0`); err != nil {
		return err
	} else if before {
		v.damage(Damage{Key: "verify.leaf_altered", Leaf: -1})
	}
	if err := v.walk(); err != nil {
		return err
	}
	return v.logEnd()
}

// walk goes through the leaves that are there, from where it stands.
func (v *verifier) walk() error {
	for {
		n, err := v.logPage()
		if err != nil {
			return err
		}
		if err := v.tiles(false); err != nil {
			return err
		}
		v.tick("log", v.replay.Size())
		if n < verifyPage {
			return nil
		}
		if err := v.turnPage(); err != nil {
			return err
		}
	}
}

// logEnd compares what only the whole log shows.
func (v *verifier) logEnd() error {
	if err := v.tiles(true); err != nil {
		return err
	}
	if err := v.endMonths(); err != nil {
		return err
	}
	largest, err := v.signedSize()
	if err == nil && largest != v.replay.Size() {
		v.damage(Damage{Key: "verify.log_cut", Leaf: v.replay.Size()})
	}
	v.rep.Leaves, v.rep.Root = v.replay.Size(), v.replay.Root().String()
	return err
}

// signed compares a checkpoint with the tree of its size.
func (v *verifier) signed(b []byte) error {
	key, err := note.NewVerifier(v.g.ring.LogVerifier())
	if err != nil {
		return err
	}
	v.rep.Checkpoints++
	c, err := audit.ParseCheckpoint(b, v.g.cfg.Origin, key)
	if err != nil || c.Size != v.replay.Size() || c.Root != v.replay.Root() {
		v.damage(Damage{Key: "verify.checkpoint", Leaf: v.replay.Size() - 1})
	}
	return nil
}

func (v *verifier) logPage() (int, error) {
	tree := &v.replay
	cps, err := v.checkpoints(tree.Size(), tree.Size()+verifyPage)
	if err != nil {
		return 0, err
	}
	rows, err := v.t.Query(v.ctx, `SELECT leaf, id, at, person, op, outcome, kind, target, body, payload, marks
		FROM audit_log WHERE leaf >= $1 AND leaf < $2 ORDER BY leaf LIMIT $3`, tree.Size(), v.until, verifyPage)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	add := func(body []byte) error {
		tree.Add(body)
		v.tree.add(tlog.RecordHash(body))
		if b := cps[tree.Size()]; b != nil {
			return v.signed(b)
		}
		return nil
	}
	for ; rows.Next(); n++ {
		var leaf, at int64
		var col audit.Record
		var outcome string
		var body, payload, marks []byte
		if err := rows.Scan(&leaf, &col.ID, &at, &col.Person, &col.Op, &outcome, &col.Kind, &col.Target, &body, &payload, &marks); err != nil {
			return n, err
		}
		if leaf-tree.Size() > exportHole { // a number out of thin air: not to be counted up to
			v.damage(Damage{Key: "verify.leaf_altered", Leaf: leaf})
			return 0, nil // and so are all behind it
		}
		for leaf > tree.Size() { // a gap: the numbers are dense
			v.damage(Damage{Key: "verify.leaf_missing", Leaf: tree.Size()})
			if err := add(nil); err != nil {
				return n, err
			}
		}
		r, err := audit.Parse(body)
		if err == nil {
			v.turn(r.At, leaf)
		}
		if err != nil || r.ID != col.ID || r.At != at || r.Person != col.Person || r.Op != col.Op || string(r.Outcome) != outcome ||
			r.Kind != col.Kind || r.Target != col.Target {
			v.damage(Damage{Key: "verify.leaf_altered", ID: col.ID, Leaf: leaf})
		}
		if err == nil { // the leaf may be whole though a column beside it is not
			v.record(r, leaf, payload, marks)
		}
		if err := add(body); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// record checks what hangs on a leaf and takes over its marks.
func (v *verifier) record(r audit.Record, leaf int64, payload, marks []byte) {
	switch {
	case r.PayloadSHA != "" && len(payload) == 0 && leaf >= 0:
		v.emptied(Damage{Key: "verify.payload", ID: r.ID, Leaf: leaf})
	case r.PayloadSHA != "" && audit.Hash(payload) != r.PayloadSHA, r.PayloadSHA == "" && len(payload) > 0:
		v.damage(Damage{Key: "verify.payload", ID: r.ID, Leaf: leaf})
	}
	v.letGo(r)
	if r.Written == 0 {
		if !seenMatches(r.Seen, marks) {
			v.damage(Damage{Key: "verify.marks", ID: r.ID, Leaf: leaf})
		}
		return
	}
	ms, err := audit.DecodeMarks(marks)
	if err != nil || audit.MarksRoot(ms) != r.Marks || len(ms) != r.Written {
		v.damage(Damage{Key: "verify.marks", ID: r.ID, Leaf: leaf})
		return
	}
	for _, m := range ms {
		k := m.Table + "/" + m.ID
		if v.elsewhere(k) {
			continue
		}
		if was, ok := v.last[k]; ok && m.Version >= 0 && m.Version < was.version {
			continue // two pending records of one instant
		}
		lm := lastMark{version: m.Version, leaf: leaf}
		copy(lm.mac[:], m.MAC)
		v.last[k] = lm
	}
}

// seenMatches tells whether the ids of long lists are the ones the leaf names.
func seenMatches(seen []audit.Seen, ids []byte) bool {
	for _, s := range seen {
		if s.Root == "" {
			continue
		}
		n := 16 * s.Count
		if s.Count < 0 || s.Count > len(ids)/16 || audit.Hash(ids[:n]) != s.Root {
			return false
		}
		ids = ids[n:]
	}
	return len(ids) == 0
}

func (v *verifier) pending() error {
	ps, err := readPending(v.ctx, v.t, 1_000_000)
	if err != nil {
		return err
	}
	for _, p := range ps {
		v.rep.Pending++
		r, err := audit.Parse(p.body)
		if err != nil || !vault.Equal(p.mac, p.sum(v.g.ring)) {
			v.damage(Damage{Key: "verify.leaf_altered", ID: p.id, Leaf: -1})
			continue
		}
		v.record(r, -1, p.payload, p.marks)
	}
	return nil
}

func (v *verifier) tables() error {
	names := make([]string, 0, len(v.g.tables))
	for n := range v.g.tables {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		for after := ""; ; {
			last, count, err := v.tablePage(v.g.tables[n], after)
			if err != nil {
				return err
			}
			v.tick(n, v.rep.Rows)
			if count < verifyPage {
				break
			}
			after = last
			if err := v.turnPage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) tablePage(t *table, after string) (last string, n int, err error) {
	rows, err := v.t.Query(v.ctx, fmt.Sprintf("%s WHERE id > $1 ORDER BY id LIMIT %d", t.selectAll, verifyPage), after)
	if err != nil {
		return "", 0, err
	}
	defer rows.Close()
	units := map[string]string{}
	for rows.Next() {
		s, err := t.scan(rows)
		if err != nil {
			return "", n, err
		}
		n, last = n+1, s.head.ID
		k := t.name + "/" + s.head.ID
		if v.elsewhere(k) {
			continue
		}
		v.rep.Rows++
		if u := t.unitOf(s); u != "" && units[u] == "" && !v.full[u] {
			units[u] = s.head.ID
		}
		if d := v.row(t, s); d == nil {
			delete(v.last, k)
		} else if v.sweeping != nil {
			v.sweeping.odd[k] = true // it may have been changed since the log was walked
		} else {
			delete(v.last, k)
			v.damage(*d)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return last, n, err
	}
	return last, n, v.dataKeys(t, units)
}

// row compares a row with what the log says of it; nil if it fits.
func (v *verifier) row(t *table, s *stored) *Damage {
	m, known := v.last[t.name+"/"+s.head.ID]
	switch {
	case t.verify(v.g.ring, s) != nil:
		return &Damage{Key: "verify.row_altered", Table: t.name, ID: s.head.ID, Leaf: m.leaf}
	case !known || m.version < 0:
		return &Damage{Key: "verify.row_inserted", Table: t.name, ID: s.head.ID, Leaf: -1}
	case m.version != s.head.Version || !bytes.Equal(m.mac[:], s.mac[1:]):
		return &Damage{Key: "verify.row_rolled_back", Table: t.name, ID: s.head.ID, Leaf: m.leaf}
	}
	return nil
}
