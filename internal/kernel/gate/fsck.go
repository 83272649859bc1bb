package gate

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/vault"
)

// FsckOptions say what the gate cannot know by itself.
type FsckOptions struct {
	// Files are the columns that hold digests of stored files, "table.column".
	Files    []string
	Progress func(what string, done int64)
}

// FsckReport is what Fsck found beside what Verify finds.
type FsckReport struct {
	Report
	Opened int64 `json:"opened"` // rows whose sealed fields were read
	Files  int64 `json:"files"`  // stored files that are sound
	Loose  int64 `json:"loose"`  // of those, nobody names them
	Old    int64 `json:"old"`    // rows in an older format, see UpgradeRows
}

// Fsck is Verify, and opens everything: sealed fields, exact indexes, kept
// answers, stored files; and it compares the database's own tables, indexes and
// triggers with those Sekisho made. It changes nothing.
func (g *Gate) Fsck(ctx context.Context, o FsckOptions) (FsckReport, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64) {}
	}
	rep, err := g.Verify(ctx, o.Progress)
	if err != nil {
		return FsckReport{Report: rep}, err
	}
	f := &fsck{g: g, ctx: ctx, o: o, out: FsckReport{Report: rep}, named: map[blob.Digest]rowName{}, known: map[string]bool{}}
	for _, d := range rep.Damages {
		f.known[d.Table+"/"+d.ID] = true
	}
	for _, step := range []func() error{f.schema, f.rows, f.answers, f.lease, f.files} {
		if err := step(); err != nil {
			return f.out, trouble(err)
		}
	}
	return f.out, nil
}

type rowName struct{ table, id string }

type fsck struct {
	g     *Gate
	ctx   context.Context
	o     FsckOptions
	out   FsckReport
	named map[blob.Digest]rowName // files that rows name
	known map[string]bool         // rows that Verify has named
}

func (f *fsck) damage(key, table, id string) {
	if len(f.out.Damages) < damagesMax {
		f.out.Damages = append(f.out.Damages, Damage{Key: key, Table: table, ID: id, Leaf: -1})
	} else {
		f.out.More++
	}
}

// schema compares what the database has with what Sekisho made: a dropped
// unique index lets two rows be where one may be, a trigger acts by itself.
func (f *fsck) schema() error {
	want, err := db.Expected(schemas(f.g.cfg.Modules))
	if err != nil {
		return err
	}
	var have []db.Object
	if err := f.g.readOnly(f.ctx, func(t *db.Tx) (err error) { have, err = f.g.db.Objects(f.ctx, t); return err }); err != nil {
		return err
	}
	there := map[string]db.Object{}
	for _, o := range have {
		there[o.Name] = o
		if o.Kind != "table" && o.Kind != "index" {
			f.damage("fsck.foreign_object", o.Kind, o.Name)
		}
	}
	for _, o := range want {
		if h := there[o.Name]; h.Kind != o.Kind || o.Unique && !h.Unique {
			f.damage("fsck.object_missing", o.Kind, o.Name)
		}
	}
	return nil
}

func (f *fsck) rows() error {
	for _, name := range slices.Sorted(maps.Keys(f.g.tables)) {
		for after, n := "", verifyPage; n == verifyPage; {
			err := f.g.readOnly(f.ctx, func(t *db.Tx) (err error) {
				after, n, err = f.page(t, f.g.tables[name], after)
				return err
			})
			if err != nil {
				return err
			}
			f.o.Progress("open "+name, f.out.Opened)
		}
	}
	return nil
}

func (f *fsck) page(t *db.Tx, tb *table, after string) (last string, n int, err error) {
	rows, err := t.Query(f.ctx, fmt.Sprintf("%s WHERE id > $1 ORDER BY id LIMIT %d", tb.selectOpen, verifyPage), after)
	if err != nil {
		return after, 0, err
	}
	// The mapper opens rows for a Tx; this one has keys and nothing else.
	defer rows.Close()
	x := &Tx{root: &root{g: f.g, ctx: f.ctx, t: t, keys: map[string]*dataKey{}, wrapped: map[string][]byte{}}}
	for rows.Next() {
		s, err := tb.scanOpen(rows)
		if err != nil {
			return last, n, err
		}
		n, last = n+1, s.head.ID
		if !f.known[tb.name+"/"+s.head.ID] {
			f.row(x, tb, s)
		}
	}
	return last, n, rows.Err()
}

// row opens one row whose MAC is right.
func (f *fsck) row(x *Tx, tb *table, s *stored) {
	if len(s.mac) > 0 && s.mac[0] < tb.format {
		f.out.Old++
	}
	v := reflect.New(tb.t).Elem()
	if err := tb.open(x, s, v); err != nil {
		f.damage("fsck.sealed", tb.name, s.head.ID)
		return
	}
	f.out.Opened++
	for i, c := range tb.cols {
		if !c.exact {
			continue
		}
		plain, err := tb.unseal(x, c, s, s.vals[i].([]byte))
		if err != nil || !bytes.Equal(tb.exactIndex(x, c, plain), s.index[i]) {
			f.damage("fsck.index", tb.name, s.head.ID)
		}
	}
	for _, c := range tb.cols {
		if slices.Contains(f.o.Files, tb.name+"."+c.name) {
			if d, err := blob.ParseDigest(v.FieldByIndex(c.index).String()); err == nil {
				f.named[d] = rowName{tb.name, s.head.ID}
			}
		}
	}
}

// answers opens what is kept for Idempotency-Keys: it lies outside the log, so
// one that was changed shows only here; one that was deleted shows nowhere.
func (f *fsck) answers() error {
	return f.g.readOnly(f.ctx, func(t *db.Tx) error {
		rows, err := t.Query(f.ctx, `SELECT person, key_hash, op, answer FROM gate_idem ORDER BY person, key_hash`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var person, op string
			var key, answer []byte
			if err := rows.Scan(&person, &key, &op, &answer); err != nil {
				return err
			}
			if _, err := f.g.ring.Open(vault.KindAudit, idemAAD(person, key, op), answer); err != nil {
				f.damage("fsck.answer", "gate_idem", hex.EncodeToString(key))
			}
		}
		return rows.Err()
	})
}

// lease looks whether records wait for long or a lease holds the sealing up.
func (f *fsck) lease() error {
	if err := f.g.sealer.late(); err != nil {
		f.damage("fsck.sealing", "audit_pending", fault.Of(err).Key)
	}
	return nil
}

// files proves every stored file and looks for those that rows name.
func (f *fsck) files() error {
	if f.g.cfg.Blobs == nil {
		return nil
	}
	err := f.g.cfg.Blobs.Walk(f.ctx, func(e blob.Entry) error {
		if e.Err != nil {
			f.damage("fsck.file", "blob", e.Name)
			return nil
		}
		if _, named := f.named[e.Digest]; !named {
			f.out.Loose++
		}
		delete(f.named, e.Digest)
		f.out.Files++
		f.o.Progress("files", f.out.Files)
		return nil
	})
	if err != nil {
		return err
	}
	gone := slices.SortedFunc(maps.Values(f.named), func(a, b rowName) int {
		return bytes.Compare([]byte(a.table+"/"+a.id), []byte(b.table+"/"+b.id))
	})
	for _, r := range gone {
		f.damage("fsck.file_missing", r.table, r.id)
	}
	return nil
}

// UpgradeRows writes up to limit rows of a table that lie in an older format
// again, each as a new version, and says how many those were: for an op that
// runs until it is 0.
func UpgradeRows(x *Tx, name string, limit int) (int, error) {
	if err := x.ok(); err != nil {
		return 0, err
	}
	t := x.root.g.tables[name]
	if t == nil {
		return 0, fault.Invalid("fsck.no_table", "table", name)
	}
	rows, err := x.query(fmt.Sprintf("%s WHERE substr(mac, 1, 1) < $1 ORDER BY id LIMIT %d", t.selectOpen, limit), []byte{t.format})
	if err != nil {
		return 0, err
	}
	var old []*stored
	for rows.Next() {
		s, err := t.scanOpen(rows)
		if err != nil {
			return 0, errors.Join(err, rows.Close())
		}
		old = append(old, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for _, s := range old {
		v := reflect.New(t.t).Elem()
		if err := t.open(x, s, v); err != nil {
			return 0, err
		}
		if err := t.write(x, v, s.head); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}

// Tables are the names of all tables, in order.
func (g *Gate) Tables() []string { return slices.Sorted(maps.Keys(g.tables)) }
