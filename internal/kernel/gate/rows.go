package gate

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// errTampered says that a row is not what its MAC says: it was changed outside
// of Sekisho, and must not decide anything.
func errTampered(table, id string, cause error) error {
	return &fault.Error{Kind: fault.KindFailed, Key: "gate.tampered", Args: []any{"table", table, "id", id}, Cause: cause}
}

// stored is a row as it lies in the database: the head and one value per column.
type stored struct {
	head    Row
	mac     []byte
	created int64
	updated int64
	vals    []any    // string, int64, bool or []byte
	index   [][]byte // keyed index of exact columns, by column
	wrapped []byte   // its unit's data key, nil if there is none (any more)
}

func (t *table) scan(rows db.Rows, more ...any) (*stored, error) {
	s := &stored{vals: make([]any, len(t.cols)), index: make([][]byte, len(t.cols))}
	dest := []any{&s.head.ID, &s.head.Version, &s.created, &s.updated, &s.head.Record, &s.mac}
	for i, c := range t.cols {
		switch {
		case c.sealed || c.kind == kBytes:
			s.vals[i] = new([]byte)
		case c.kind == kInt || c.kind == kTime:
			s.vals[i] = new(int64)
		case c.kind == kBool:
			s.vals[i] = new(bool)
		default:
			s.vals[i] = new(string)
		}
		dest = append(dest, s.vals[i])
		if c.exact {
			dest = append(dest, &s.index[i])
		}
	}
	if err := rows.Scan(append(dest, more...)...); err != nil {
		return nil, err
	}
	for i, v := range s.vals {
		s.vals[i] = reflect.ValueOf(v).Elem().Interface()
	}
	return s, nil
}

// rowMAC binds everything a row says: table, id, version, times, record, and
// the columns of its format in order.
func (t *table) rowMAC(r *vault.Ring, format byte, s *stored) []byte {
	msg := [][]byte{[]byte(t.name), []byte(s.head.ID), be(s.head.Version), be(s.created), be(s.updated), []byte(s.head.Record)}
	for i, c := range t.cols {
		if c.since > format {
			continue
		}
		switch v := s.vals[i].(type) {
		case string:
			msg = append(msg, []byte(v))
		case int64:
			msg = append(msg, be(v))
		case bool:
			msg = append(msg, []byte{map[bool]byte{false: 0, true: 1}[v]})
		case []byte:
			msg = append(msg, v)
		}
		if c.exact {
			msg = append(msg, s.index[i])
		}
	}
	m := r.RowMAC(format, msg...)
	return m[:]
}

func be(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (t *table) verify(r *vault.Ring, s *stored) error {
	if len(s.mac) != 33 || s.mac[0] == 0 || s.mac[0] > t.format || !vault.Equal(t.rowMAC(r, s.mac[0], s), s.mac[1:]) {
		return errTampered(t.name, s.head.ID, errors.New("row MAC does not match"))
	}
	return nil
}

// open turns a stored row into v, a struct of the table's type.
func (t *table) open(x *Tx, s *stored, v reflect.Value) error {
	if err := t.verify(x.root.g.ring, s); err != nil {
		return err
	}
	if s.wrapped != nil {
		x.root.wrapped[t.unitOf(s)] = s.wrapped
	}
	s.head.CreatedAt, s.head.UpdatedAt = time.UnixMicro(s.created).UTC(), time.UnixMicro(s.updated).UTC()
	v.Field(0).Set(reflect.ValueOf(s.head))
	for i, c := range t.cols {
		if c.since > s.mac[0] {
			continue // the row is older than the column: no MAC says what stands there
		}
		val := s.vals[i]
		if c.sealed {
			plain, err := t.unseal(x, c, s, val.([]byte))
			if err != nil {
				return errTampered(t.name, s.head.ID, err)
			}
			val = plain
		}
		if err := c.set(v.FieldByIndex(c.index), val); err != nil {
			return errTampered(t.name, s.head.ID, err)
		}
	}
	return nil
}

func (c *column) set(f reflect.Value, val any) error {
	if b, ok := val.([]byte); ok && c.kind != kBytes {
		switch c.kind {
		case kText:
			f.SetString(string(b))
			return nil
		case kMarshal:
			return f.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(b)
		}
		return json.Unmarshal(b, f.Addr().Interface())
	}
	switch v := val.(type) {
	case string:
		if c.kind == kMarshal {
			if v == "" {
				f.SetZero()
				return nil
			}
			return f.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v))
		}
		f.SetString(v)
	case int64:
		switch {
		case c.kind == kTime && v == 0:
			f.SetZero()
		case c.kind == kTime:
			f.Set(reflect.ValueOf(time.UnixMicro(v).UTC()))
		case f.Kind() == reflect.Uint8:
			f.SetUint(uint64(v))
		default:
			f.SetInt(v)
		}
	case bool:
		f.SetBool(v)
	case []byte:
		f.SetBytes(v)
	}
	return nil
}

// value turns a field into what is stored, before sealing.
func (c *column) value(f reflect.Value) (any, error) {
	switch c.kind {
	case kText:
		return f.String(), nil
	case kInt:
		if f.Kind() == reflect.Uint8 {
			return int64(f.Uint()), nil
		}
		return f.Int(), nil
	case kBool:
		return f.Bool(), nil
	case kTime:
		if f.IsZero() {
			return int64(0), nil
		}
		return f.Interface().(time.Time).UnixMicro(), nil
	case kBytes:
		return append([]byte{}, f.Bytes()...), nil
	case kMarshal:
		if f.IsZero() {
			return "", nil
		}
		b, err := f.Interface().(encoding.TextMarshaler).MarshalText()
		return string(b), err
	}
	return json.Marshal(f.Interface(), json.Deterministic(true))
}

func raw(c column, val any, f reflect.Value) ([]byte, error) {
	switch v := val.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	}
	return json.Marshal(f.Interface())
}

// close turns v into a stored row: sealed, MACed, with the arguments of insert
// and update in order.
func (t *table) close(x *Tx, v reflect.Value) (*stored, []any, error) {
	s := &stored{head: v.Field(0).Interface().(Row), vals: make([]any, len(t.cols)), index: make([][]byte, len(t.cols))}
	s.created, s.updated = s.head.CreatedAt.UnixMicro(), s.head.UpdatedAt.UnixMicro()
	args := []any{s.head.ID, s.head.Version, s.created, s.updated, s.head.Record, nil}
	for i, c := range t.cols {
		f := v.FieldByIndex(c.index)
		val, err := c.value(f)
		if err != nil {
			return nil, nil, err
		}
		if c.sealed {
			plain, err := raw(c, val, f)
			if err != nil {
				return nil, nil, err
			}
			if c.exact {
				s.index[i] = t.exactIndex(x, c, plain)
			}
			if val, err = t.seal(x, c, v, plain); err != nil {
				return nil, nil, err
			}
		}
		s.vals[i] = val
		if args = append(args, val); c.exact {
			args = append(args, s.index[i])
		}
	}
	s.mac = append([]byte{t.format}, t.rowMAC(x.root.g.ring, t.format, s)...)
	args[5] = s.mac
	return s, args, nil
}

func (t *table) exactIndex(x *Tx, c column, plain []byte) []byte {
	if len(plain) == 0 {
		return []byte{}
	}
	return x.root.g.ring.Index(t.name+"."+c.name, plain)
}

// opened are the columns a row is read with, of the table called alias: those
// stored, and the wrapped data key of its unit, so that keys cost no query.
func (t *table) opened(alias string) []string {
	cols := t.stored()
	for i := range cols {
		cols[i] = alias + "." + cols[i]
	}
	if t.unitCol == "" {
		return cols
	}
	return append(cols, fmt.Sprintf("(SELECT dk.wrapped FROM gate_data_key AS dk WHERE dk.unit = '%s/' || %s.%s)", t.unitName, alias, t.unitCol))
}

func (t *table) scanOpen(rows db.Rows) (*stored, error) {
	if t.unitCol == "" {
		return t.scan(rows)
	}
	var wrapped []byte
	s, err := t.scan(rows, &wrapped)
	if err == nil {
		s.wrapped = wrapped
	}
	return s, err
}

// Get loads one row, verified. It is NotFound when there is none.
func (t *Table[T]) Get(x *Tx, id string) (T, error) {
	var out T
	if err := x.ok(); err != nil {
		return out, err
	}
	if r, ok := x.root.loaded[t.name+"/"+id]; ok {
		x.saw(t.name, id)
		return r.(T), nil
	}
	if t.cached {
		mac, err := t.macOf(x, id)
		if err != nil {
			return out, err
		}
		if row, ok := t.keep(x, id, mac); ok {
			return row, nil
		}
	}
	if row, known, err := t.take(x, id); known {
		return row, err
	}
	list, err := t.fetch(x, t.selectOpen+" WHERE id = $1", id)
	if err != nil {
		return out, err
	}
	if len(list) == 0 {
		return out, fault.NotFound()
	}
	return list[0], nil
}

func (t *Table[T]) fetch(x *Tx, q string, args ...any) ([]T, error) {
	rows, err := x.query(q, args...)
	if err != nil {
		return nil, err
	}
	var all []*stored
	for rows.Next() {
		s, err := t.scanOpen(rows)
		if err != nil {
			rows.Close()
			return nil, err
		}
		all = append(all, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	out := make([]T, len(all))
	for i, s := range all {
		if err := t.load(x, s, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// load opens a stored row into one that is loaded, seen and kept.
func (t *Table[T]) load(x *Tx, s *stored, row *T) error {
	if err := t.open(x, s, reflect.ValueOf(row).Elem()); err != nil {
		return err
	}
	x.root.loaded[t.name+"/"+s.head.ID] = *row
	x.saw(t.name, s.head.ID)
	if t.cached {
		t.rows.put(s.head.ID, s.mac, *row)
	}
	return nil
}

// Insert writes a new row; id, version, times and record are set in r. An id
// given beforehand is kept.
func (t *Table[T]) Insert(x *Tx, r *T) error {
	v := reflect.ValueOf(r).Elem()
	if err := t.put(x, v); err != nil {
		return err
	}
	x.root.loaded[t.name+"/"+v.Field(0).Interface().(Row).ID] = *r
	x.change(t.name, v, reflect.Value{}, t.cols)
	return nil
}

// InsertMany writes new rows without their values in the record (their marks
// are there): for imports, whose file is the evidence of the values.
func (t *Table[T]) InsertMany(x *Tx, rs []T) error {
	for i := range rs {
		if err := t.put(x, reflect.ValueOf(&rs[i]).Elem()); err != nil {
			return err
		}
	}
	return nil
}

// fresh tells whether a row of this id was written first in this transaction.
func (x *Tx) fresh(id string) bool { return x.root.made[id] }

func (t *table) put(x *Tx, v reflect.Value) error {
	if err := x.ok(); err != nil {
		return err
	}
	h := v.Field(0).Addr().Interface().(*Row)
	if h.ID == "" {
		h.ID = x.NewID()
	}
	h.Version, h.CreatedAt, h.UpdatedAt, h.Record = 1, x.root.now, x.root.now, x.rec.ID
	if x.root.made == nil {
		x.root.made = map[string]bool{}
	}
	x.root.made[h.ID] = true
	s, args, err := t.close(x, v)
	if err != nil {
		return err
	}
	if err := x.later(t.insert, args...); err != nil {
		if db.Unique(err) {
			return fault.Conflict("gate.taken", "table", t.name).Because(err)
		}
		return err
	}
	x.root.marks = append(x.root.marks, audit.Mark{Table: t.name, ID: h.ID, Version: 1, MAC: s.mac[1:]})
	x.root.stale(t.name + "/" + h.ID)
	return nil
}

// Update writes r if its Version is still the one in the database, else it is
// a Conflict. The version goes up by one.
func (t *Table[T]) Update(x *Tx, r *T) error {
	v := reflect.ValueOf(r).Elem()
	h := v.Field(0).Addr().Interface().(*Row)
	old, err := t.Get(x, h.ID)
	if err != nil {
		return err
	}
	ov := reflect.ValueOf(old)
	if err := t.write(x, v, ov.Field(0).Interface().(Row)); err != nil {
		return err
	}
	x.root.loaded[t.name+"/"+h.ID] = *r
	x.change(t.name, v, ov, t.cols)
	return nil
}

// UpdateMany updates rows loaded in this transaction, without their values in the record.
func (t *Table[T]) UpdateMany(x *Tx, rs []T) error {
	for i := range rs {
		v := reflect.ValueOf(&rs[i]).Elem()
		h := v.Field(0).Interface().(Row)
		if err := t.write(x, v, h); err != nil {
			return err
		}
		x.root.loaded[t.name+"/"+h.ID] = rs[i]
	}
	return nil
}

func (t *table) write(x *Tx, v reflect.Value, old Row) error {
	h := v.Field(0).Addr().Interface().(*Row)
	if h.Version != old.Version {
		return fault.Conflict("gate.conflict")
	}
	h.Version, h.CreatedAt, h.UpdatedAt, h.Record = old.Version+1, old.CreatedAt, x.root.now, x.rec.ID
	s, args, err := t.close(x, v)
	if err != nil {
		return err
	}
	if err := x.laterOne(t.update, append(args, old.Version)...); err != nil {
		if db.Unique(err) {
			return fault.Conflict("gate.taken", "table", t.name).Because(err)
		}
		return err
	}
	x.root.marks = append(x.root.marks, audit.Mark{Table: t.name, ID: h.ID, Version: h.Version, MAC: s.mac[1:]})
	x.root.stale(t.name + "/" + h.ID)
	return nil
}

// Delete removes a row; its last version stays named in the log.
func (t *Table[T]) Delete(x *Tx, id string) error {
	if _, err := t.Get(x, id); err != nil {
		return err
	}
	n, err := x.exec("DELETE FROM "+t.name+" WHERE id = $1", id)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("gate.conflict")
	}
	delete(x.root.loaded, t.name+"/"+id)
	x.root.stale(t.name + "/" + id)
	x.root.marks = append(x.root.marks, audit.Mark{Table: t.name, ID: id, Version: -1})
	return nil
}

// change notes the difference a write made, for the record's sealed payload.
func (x *Tx) change(table string, now, old reflect.Value, cols []column) {
	diff := map[string]any{}
	for _, c := range cols {
		n := now.FieldByIndex(c.index)
		if c.class == policy.Secret {
			continue // password hashes and seeds have no place in the log
		}
		if !old.IsValid() {
			if !n.IsZero() {
				diff[c.name] = []any{n.Interface()}
			}
			continue
		}
		if o := old.FieldByIndex(c.index); !same(o, n) {
			diff[c.name] = []any{o.Interface(), n.Interface()}
		}
	}
	list, _ := x.facts["changes"].([]any)
	id := now.Field(0).Interface().(Row).ID
	x.Note("changes", append(list, map[string]any{"table": table, "id": id, "fields": diff}))
}

func same(a, b reflect.Value) bool {
	if ab, ok := a.Interface().([]byte); ok {
		return bytes.Equal(ab, b.Interface().([]byte))
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
