package gate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"sekisho/internal/kernel/gate/internal/db"
)

// rowCache holds opened rows by id and MAC: a MAC that was copied onto another
// row must find nothing. It is bounded by starting anew.
type rowCache struct {
	mu   sync.RWMutex
	rows map[cacheKey]any
}

type cacheKey struct{ id, mac string }

const rowCacheMax = 4096

func (c *rowCache) get(id string, mac []byte) (any, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.rows[cacheKey{id, string(mac)}]
	return r, ok
}

func (c *rowCache) put(id string, mac []byte, r any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil || len(c.rows) >= rowCacheMax {
		c.rows = map[cacheKey]any{}
	}
	c.rows[cacheKey{id, string(mac)}] = r
}

// keep gives the row of a cached table that was opened under this MAC.
func (t *Table[T]) keep(x *Tx, id string, mac []byte) (row T, ok bool) {
	r, ok := t.rows.get(id, mac)
	if !ok {
		return row, false
	}
	row = r.(T)
	x.root.loaded[t.name+"/"+id] = row
	x.saw(t.name, id)
	return row, true
}

// macOf gives the MAC that a row of a cached table has in the database now, nil
// if there is no such row.
func (t *table) macOf(x *Tx, id string) ([]byte, error) {
	if x.root.macs == nil {
		if err := x.askAhead(); err != nil {
			return nil, err
		}
	}
	key := t.name + "/" + id
	if mac, ok := x.root.macs[key]; ok {
		return mac, nil
	}
	mac, err := x.bytes("SELECT mac FROM "+t.name+" WHERE id = $1", id)
	if err == nil {
		x.root.macs[key] = mac
		x.root.g.usual.add(x.cred, usualRow{t: t, id: id})
	}
	return mac, err
}

// usual remembers which rows of cached tables were asked for with a credential,
// its session and person first of all, so that the next op asks for their MACs
// in one statement instead of one by one. What it answers is always the
// database's; a wrong guess only costs a lookup.
type usual struct {
	mu   sync.Mutex
	rows map[[sha256.Size]byte][]usualRow
}

type usualRow struct {
	t   *table
	id  string
	ask string // for the MACs of all rows up to this one
}

const (
	usualMax      = 4 // rows for one credential
	usualCredsMax = 4096
)

func credKey(c Credential) [sha256.Size]byte { return sha256.Sum256([]byte(c.kind + "/" + c.secret)) }

func (u *usual) of(c Credential) []usualRow {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rows[credKey(c)]
}

func (u *usual) add(c Credential, r usualRow) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rows == nil || len(u.rows) >= usualCredsMax {
		u.rows = map[[sha256.Size]byte][]usualRow{}
	}
	key := credKey(c)
	if list := u.rows[key]; len(list) < usualMax { // never written to again: others may read it
		r.ask = "SELECT "
		if len(list) > 0 {
			r.ask = list[len(list)-1].ask + ", "
		}
		r.ask += fmt.Sprintf("(SELECT mac FROM %s WHERE id = $%d)", r.t.name, len(list)+1)
		u.rows[key] = append(slices.Clip(list), r)
	}
}

// find loads the rows of a condition: of a cached table their MACs only, if all
// of them are kept.
func (t *Table[T]) find(x *Tx, where string, args []any) ([]T, error) {
	if !t.cached {
		return t.fetch(x, t.selectOpen+where, args...)
	}
	rows, err := x.query("SELECT id, mac FROM "+t.name+where, args...)
	if err != nil {
		return nil, err
	}
	var out []T
	for rows.Next() {
		var id string
		var mac []byte
		if err := rows.Scan(&id, &mac); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		row, ok := t.keep(x, id, mac)
		if !ok {
			return t.all(x, rows, where, args)
		}
		out = append(out, row)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

// all loads them whole, once the other rows are given back.
func (t *Table[T]) all(x *Tx, rows db.Rows, where string, args []any) ([]T, error) {
	if err := rows.Close(); err != nil {
		return nil, err
	}
	return t.fetch(x, t.selectOpen+where, args...)
}
