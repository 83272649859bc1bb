package gate

import (
	"errors"
	"reflect"

	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// A data key belongs to a disposal unit (廃棄単位), e.g. one partner with its
// contacts: deleting the key erases everything sealed under it, backups
// included once the keys' own short-lived backups have expired.
type dataKey struct{ key *vault.Key }

func (t *table) classKind(c column) vault.Kind {
	switch c.class {
	case policy.Secret:
		return vault.KindSecret
	case policy.Personal:
		return vault.KindPersonal
	}
	return vault.KindConfidential
}

func (t *table) aad(c column, id string) []byte { return vault.AAD("row", t.name, c.name, id) }

func (t *table) seal(x *Tx, c column, v reflect.Value, plain []byte) ([]byte, error) {
	id := v.Field(0).Interface().(Row).ID
	if c.label || t.unitCol == "" {
		return x.root.g.ring.Seal(t.classKind(c), t.aad(c, id), plain)
	}
	unit := id
	if t.unitCol != "id" {
		unit = v.FieldByIndex(t.col(t.unitCol).index).String()
	}
	k, err := x.dataKey(t.unitKind, t.unitName+"/"+unit, true)
	if err != nil {
		return nil, err
	}
	return k.Seal(t.aad(c, id), plain), nil
}

func (t *table) unseal(x *Tx, c column, s *stored, sealed []byte) ([]byte, error) {
	if c.label || t.unitCol == "" {
		return x.root.g.ring.Open(t.classKind(c), t.aad(c, s.head.ID), sealed)
	}
	k, err := x.dataKey(t.unitKind, t.unitOf(s), false)
	if err != nil {
		return nil, err
	}
	return k.Open(t.aad(c, s.head.ID), sealed)
}

var errErased = errors.New("gate: the data key of this unit is gone: it was erased")

// unitOf names the disposal unit of a stored row, "" where it has none.
func (t *table) unitOf(s *stored) string {
	switch t.unitCol {
	case "":
		return ""
	case "id":
		return t.unitName + "/" + s.head.ID
	}
	for i := range t.cols {
		if t.cols[i].name == t.unitCol {
			unit, _ := s.vals[i].(string)
			return t.unitName + "/" + unit
		}
	}
	return ""
}

// prefetchKeys reads the data keys of many rows in few queries.
func (t *table) prefetchKeys(x *Tx, rows []*stored) error {
	if t.unitCol == "" || len(rows) < 2 {
		return nil
	}
	want := map[string]bool{}
	var units []any
	for _, s := range rows {
		if u := t.unitOf(s); x.root.keys[u] == nil && !want[u] {
			want[u] = true
			units = append(units, u)
		}
	}
	for len(units) > 0 {
		n := chunk(len(units))
		rows, err := x.query(values(`SELECT unit, wrapped FROM gate_data_key WHERE unit IN `, n, 1), units[:n]...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var unit string
			var wrapped []byte
			err = rows.Scan(&unit, &wrapped)
			if err == nil {
				var k *vault.Key
				if k, err = x.root.g.ring.DataKey(t.unitKind, unit, wrapped); err == nil {
					x.root.keys[unit] = &dataKey{k}
				}
			}
			if err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		units = units[n:]
	}
	return nil
}

// dataKey finds or makes the key of a unit. A key made here is remembered
// beyond this transaction only by being read again after the commit: one from
// a transaction that was rolled back must never seal anything.
func (x *Tx) dataKey(kind vault.Kind, unit string, create bool) (*vault.Key, error) {
	if k := x.root.keys[unit]; k != nil {
		return k.key, nil
	}
	rows, err := x.query(`SELECT wrapped FROM gate_data_key WHERE unit = $1`, unit)
	if err != nil {
		return nil, err
	}
	var wrapped []byte
	for rows.Next() {
		if err = rows.Scan(&wrapped); err != nil {
			break
		}
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	var k *vault.Key
	switch {
	case wrapped != nil:
		k, err = x.root.g.ring.DataKey(kind, unit, wrapped)
	case !create:
		err = errErased
	default:
		if k, wrapped, err = x.root.g.ring.NewDataKey(kind, unit); err == nil {
			err = x.later(`INSERT INTO gate_data_key(unit, kind, wrapped, created_at) VALUES ($1, $2, $3, $4)`,
				unit, string(kind), wrapped, x.root.now.UnixMicro())
		}
	}
	if err != nil {
		return nil, err
	}
	x.root.keys[unit] = &dataKey{k}
	return k, nil
}
