package gate

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tiles compares the stored tiles of the tree with those grown from the leaves:
// the finished ones so far, and at the end the unfinished edge and their number.
func (v *verifier) tiles(end bool) error {
	list := v.tree.dirty
	v.tree.dirty = nil
	for _, e := range v.tree.edge {
		if end && len(e.hashes) > 0 {
			list = append(list, e)
		}
	}
	v.tileCount += int64(len(list))
	for _, e := range list {
		have, err := v.bytes(`SELECT hashes FROM audit_tile WHERE level = $1 AND n = $2`, e.level, e.n)
		if err != nil {
			return err
		}
		if want := e.bytes(); !bytes.Equal(have, want) {
			v.damage(Damage{Key: "verify.tile", Leaf: e.leafOf(differ(have, want) / tlog.HashSize)})
		}
	}
	if !end {
		return nil
	}
	other, err := exists(v.ctx, v.t, `SELECT 1 WHERE (SELECT COUNT(*) FROM audit_tile) <> $1`, v.tileCount)
	if err == nil && other {
		v.damage(Damage{Key: "verify.tile", Leaf: v.tree.size() - 1})
	}
	return err
}

// differ is where two byte strings first differ, in the shorter one's end at last.
func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return max(n-1, 0)
}

// leafOf is the first leaf below the i-th hash of a tile.
func (e tile) leafOf(i int) int64 {
	leaf := e.n*tileWidth + int64(i)
	for range e.level {
		leaf *= tileWidth
	}
	return leaf
}

// bytes gives the only value of a select, nil when there is none.
func (v *verifier) bytes(q string, args ...any) ([]byte, error) {
	rows, err := v.t.Query(v.ctx, q, args...)
	if err != nil {
		return nil, err
	}
	var b []byte
	if rows.Next() {
		err = rows.Scan(&b)
	}
	return b, errors.Join(err, rows.Err(), rows.Close())
}

// dataKeys looks for the keys of disposal units (unit → a row of it): a row
// whose key is gone is as good as deleted, though its MAC is right.
func (v *verifier) dataKeys(t *table, units map[string]string) error {
	if !slices.ContainsFunc(t.cols, func(c column) bool { return c.sealed && !c.label }) {
		return nil
	}
	names := slices.Sorted(maps.Keys(units))
	list := make([]any, len(names))
	for i, u := range names {
		list[i] = u
	}
	for _, some := range v.t.Among("unit", list) {
		if err := v.openKeys(t, "SELECT unit, wrapped FROM gate_data_key WHERE "+some.Text, some.Args); err != nil {
			return err
		}
	}
	for _, u := range names {
		if !v.full[u] {
			v.damage(Damage{Key: "verify.key_missing", Table: t.name, ID: units[u], Leaf: -1})
		}
	}
	return nil
}

func (v *verifier) openKeys(t *table, q string, args []any) error {
	rows, err := v.t.Query(v.ctx, q, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		var unit string
		var wrapped []byte
		if err := rows.Scan(&unit, &wrapped); err != nil {
			return errors.Join(err, rows.Close())
		}
		if _, err := v.g.ring.OpenDataKey(t.unitKind, unit, wrapped); err == nil {
			v.full[unit] = true
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
