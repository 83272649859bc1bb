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
	k, err := x.dataKey(t.unitKind, t.unitName+"/"+unit, t.unitCol == "id" && x.fresh(id))
	if err != nil {
		return nil, err
	}
	return k.Seal(t.aad(c, id), plain), nil
}

func (t *table) unseal(x *Tx, c column, s *stored, sealed []byte) ([]byte, error) {
	if c.label || t.unitCol == "" {
		return x.root.g.ring.Open(t.classKind(c), t.aad(c, s.head.ID), sealed)
	}
	unit := t.unitOf(s)
	k := x.root.keys[unit]
	if k == nil {
		if s.wrapped == nil {
			return nil, errErased
		}
		key, err := x.root.g.ring.DataKey(t.unitKind, unit, s.wrapped)
		if err != nil {
			return nil, err
		}
		k = &dataKey{key}
		x.root.keys[unit] = k
	}
	return k.key.Open(t.aad(c, s.head.ID), sealed)
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

// dataKey finds or makes the key of a unit. One that begins with its row, in
// this transaction, is not looked for; should there be one, the insert fails. A
// key made here is remembered beyond this transaction only by being read again
// after the commit: one that was rolled back must never seal anything.
func (x *Tx) dataKey(kind vault.Kind, unit string, fresh bool) (*vault.Key, error) {
	if k := x.root.keys[unit]; k != nil {
		return k.key, nil
	}
	wrapped := x.root.wrapped[unit]
	var err error
	if !fresh && wrapped == nil {
		if wrapped, err = x.bytes(`SELECT wrapped FROM gate_data_key WHERE unit = $1`, unit); err != nil {
			return nil, err
		}
	}
	var k *vault.Key
	if wrapped != nil {
		k, err = x.root.g.ring.DataKey(kind, unit, wrapped)
	} else if k, wrapped, err = x.root.g.ring.NewDataKey(kind, unit); err == nil {
		err = x.later(`INSERT INTO gate_data_key(unit, kind, wrapped, created_at) VALUES ($1, $2, $3, $4)`,
			unit, string(kind), wrapped, x.root.now.UnixMicro())
	}
	if err != nil {
		return nil, err
	}
	x.root.keys[unit] = &dataKey{k}
	return k, nil
}

// bytes reads one column of at most one row; nil if there is none.
func (x *Tx) bytes(q string, args ...any) ([]byte, error) {
	rows, err := x.query(q, args...)
	if err != nil {
		return nil, err
	}
	var out []byte
	if rows.Next() {
		err = rows.Scan(&out)
	}
	return out, errors.Join(err, rows.Err(), rows.Close())
}
