package gate

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/witness"
)

// VerifyAgainst is Verify, and compares the log with what a witness mirrored.
// That names what the holder of database and keys can otherwise hide: records
// removed from a rebuilt log, records and rows written anew under a new
// signature, and everything that a whole database put back has lost. Records
// younger than the mirror are not in its power.
func (g *Gate) VerifyAgainst(ctx context.Context, m *witness.Mirror, progress func(what string, done int64)) (Report, error) {
	return g.verify(ctx, progress, func(v *verifier) error { return v.against(m) })
}

// comparison of the log from the first difference on.
type comparison struct {
	v      *verifier
	m      *witness.Mirror
	first  int64
	list   []tlog.Hash         // mirrored, from first on
	theirs map[tlog.Hash]int64 // the same, by hash
	ours   map[tlog.Hash]int64
	ids    []leafID // ours
	named  map[string]bool
}

type leafID struct {
	leaf int64
	hash tlog.Hash
	id   string
}

func (v *verifier) against(m *witness.Mirror) error {
	v.rep.Witnessed = m.Size()
	if m.Key() != v.g.ring.LogVerifier() {
		v.damage(Damage{Key: "verify.witness_key", Leaf: -1})
	}
	first, err := v.firstDifference(m)
	if err == nil {
		err = v.sameNames(m, first)
	}
	if err != nil || first == m.Size() {
		return err
	}
	c := &comparison{v: v, m: m, first: first, theirs: map[tlog.Hash]int64{}, ours: map[tlog.Hash]int64{}, named: map[string]bool{}}
	if err := c.m.Hashes(first, m.Size(), func(i int64, h tlog.Hash) error {
		c.list, c.theirs[h] = append(c.list, h), i
		return nil
	}); err != nil {
		return err
	}
	if err := v.bodies(first, -1, func(leaf int64, id string, h tlog.Hash) error {
		c.ours[h] = leaf
		c.ids = append(c.ids, leafID{leaf, h, id})
		return nil
	}); err != nil {
		return err
	}
	n := len(v.rep.Damages)
	if err := errors.Join(c.lost(), c.added()); err != nil {
		return err
	}
	if len(v.rep.Damages) == n { // the same records in another order
		v.damage(Damage{Key: "verify.witness_moved", Leaf: first})
	}
	return nil
}

// bodies gives number, id and hash of sealed records in [from, to), to -1 being the end.
func (v *verifier) bodies(from, to int64, f func(leaf int64, id string, h tlog.Hash) error) error {
	for n := verifyPage; n == verifyPage; {
		rows, err := v.t.Query(v.ctx, `SELECT leaf, id, body FROM audit_log WHERE leaf >= $1 ORDER BY leaf LIMIT $2`, from, verifyPage)
		if err != nil {
			return err
		}
		for n = 0; rows.Next(); n++ {
			var leaf int64
			var id string
			var body []byte
			err := rows.Scan(&leaf, &id, &body)
			if err == nil && to >= 0 && leaf >= to {
				return rows.Close()
			}
			if err == nil {
				err = f(leaf, id, tlog.RecordHash(body))
			}
			if err != nil {
				return errors.Join(err, rows.Close())
			}
			from = leaf + 1
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		v.tick("witness", from)
	}
	return nil
}

var errFound = errors.New("gate: found")

// firstDifference is the first mirrored leaf that the log has otherwise or not
// at all; the mirror's size if there is none.
func (v *verifier) firstDifference(m *witness.Mirror) (int64, error) {
	at := int64(0)
	const page = 8192
	for from := int64(0); from < m.Size(); from += page {
		to := min(from+page, m.Size())
		var theirs []tlog.Hash
		if err := m.Hashes(from, to, func(_ int64, h tlog.Hash) error { theirs = append(theirs, h); return nil }); err != nil {
			return at, err
		}
		err := v.bodies(from, to, func(leaf int64, _ string, h tlog.Hash) error {
			if leaf != at || h != theirs[leaf-from] {
				return errFound
			}
			at++
			return nil
		})
		if errors.Is(err, errFound) || err == nil && at < to {
			return at, nil
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

// sameNames compares what the mirror says of records that both have: only the
// hashes are signed, names could have been altered on their way to the witness.
// One record is enough to say so.
func (v *verifier) sameNames(m *witness.Mirror, to int64) error {
	at := int64(-1)
	var ids []string
	var marks [][]byte
	page := func(from int64) error {
		ids, marks = nil, nil
		rows, err := v.t.Query(v.ctx, `SELECT id, body, marks FROM audit_log WHERE leaf >= $1 ORDER BY leaf LIMIT $2`, from, verifyPage)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var body, ms []byte
			if err := rows.Scan(&id, &body, &ms); err != nil {
				return err
			}
			ids, marks = append(ids, id), append(marks, written(body, ms))
		}
		return rows.Err()
	}
	err := m.Names(0, to, func(leaf int64, id string, ms []byte) error {
		if leaf%verifyPage == 0 {
			if err := page(leaf); err != nil {
				return err
			}
		}
		if i := int(leaf % verifyPage); i >= len(ids) || ids[i] != id || !bytes.Equal(marks[i], ms) {
			at = leaf
			v.damage(Damage{Key: "verify.witness_names", ID: id, Leaf: leaf})
			return errFound
		}
		return nil
	})
	if at >= 0 {
		return nil
	}
	return err
}

// lost names what the witness has and the log has not: records that are gone,
// whole runs of them by their numbers, and records that were written anew, with
// the rows of both.
func (c *comparison) lost() error {
	var run []Damage
	flush := func() {
		if n := len(run); n > runMin {
			run = []Damage{{Key: "verify.witness_missing_run", ID: run[0].ID, Leaf: run[0].Leaf, Last: run[n-1].Leaf}}
		}
		for _, d := range run {
			c.v.damage(d)
		}
		run = nil
	}
	err := c.m.Names(c.first, c.m.Size(), func(leaf int64, id string, marks []byte) error {
		if _, there := c.ours[c.list[leaf-c.first]]; there {
			flush()
			return nil
		}
		at, ours, found, err := c.record(id)
		if err != nil {
			return err
		}
		if found {
			flush()
			c.v.damage(Damage{Key: "verify.witness_altered", ID: id, Leaf: at})
		} else {
			run = append(run, Damage{Key: "verify.witness_missing", ID: id, Leaf: leaf})
		}
		return c.rows(leaf, marks, ours, found)
	})
	flush()
	return err
}

// runMin is how many records missing one after another are named each; more are
// named by their numbers.
const runMin = 20

// record looks for a record of ours by its id.
func (c *comparison) record(id string) (leaf int64, marks []byte, found bool, err error) {
	rows, err := c.v.t.Query(c.v.ctx, `SELECT leaf, marks FROM audit_log WHERE id = $1`, id)
	if err != nil {
		return 0, nil, false, err
	}
	if found = rows.Next(); found {
		err = rows.Scan(&leaf, &marks)
	}
	return leaf, marks, found, errors.Join(err, rows.Err(), rows.Close())
}

// rows names each row that a mirrored record wrote and ours, if there is one,
// did not write the same way.
func (c *comparison) rows(leaf int64, theirs, ours []byte, found bool) error {
	want, err := audit.DecodeMarks(theirs)
	if err != nil {
		return err
	}
	have, _ := audit.DecodeMarks(ours) // what cannot be read is as if it were not there
	key := "verify.witness_row_lost"
	if found {
		key = "verify.witness_row_rewritten"
	}
	c.name(key, leaf, want, have)
	c.name("verify.witness_row_added", leaf, have, want)
	return nil
}

// name names the rows of marks in a that b does not have, each once.
func (c *comparison) name(key string, leaf int64, a, b []audit.Mark) {
	same := map[string]audit.Mark{}
	for _, m := range b {
		same[m.Table+"/"+m.ID] = m
	}
	for _, m := range a {
		row := m.Table + "/" + m.ID
		if s, ok := same[row]; ok && s.Version == m.Version && bytes.Equal(s.MAC, m.MAC) || c.named[row] {
			continue
		}
		c.named[row] = true
		c.v.damage(Damage{Key: key, Table: m.Table, ID: m.ID, Leaf: leaf})
	}
}

// added names what the log has among the witnessed records and the witness has
// not. Behind the last record that both have it is simply younger.
func (c *comparison) added() error {
	end, ok := c.ours[c.list[len(c.list)-1]]
	if !ok {
		end = c.m.Size() - 1
	}
	mirrored, err := c.mirroredIDs()
	if err != nil {
		return err
	}
	for _, l := range c.ids {
		if _, there := c.theirs[l.hash]; there || l.leaf > end || mirrored[l.id] {
			continue // written anew: named already
		}
		c.v.damage(Damage{Key: "verify.witness_added", ID: l.id, Leaf: l.leaf})
		_, marks, _, err := c.record(l.id)
		if err != nil {
			return err
		}
		have, _ := audit.DecodeMarks(marks)
		c.name("verify.witness_row_added", l.leaf, have, nil)
	}
	return nil
}

func (c *comparison) mirroredIDs() (map[string]bool, error) {
	ids := map[string]bool{}
	err := c.m.Names(c.first, c.m.Size(), func(_ int64, id string, _ []byte) error { ids[id] = true; return nil })
	return ids, err
}
