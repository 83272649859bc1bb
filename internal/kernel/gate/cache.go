package gate

import (
	"errors"
	"sync"
)

// rowCache holds opened rows by MAC. It is bounded by starting anew.
type rowCache struct {
	mu   sync.RWMutex
	rows map[string]any
}

const rowCacheMax = 4096

func (c *rowCache) get(mac []byte) (any, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.rows[string(mac)]
	return r, ok
}

func (c *rowCache) put(mac []byte, r any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil || len(c.rows) >= rowCacheMax {
		c.rows = map[string]any{}
	}
	c.rows[string(mac)] = r
}

// cachedRow gives a row of a cached table if the database still has it under
// the MAC it was opened with, and the MAC it has now.
func (t *Table[T]) cachedRow(x *Tx, id string) (row T, mac []byte, ok bool, err error) {
	rows, err := x.query("SELECT mac FROM "+t.name+" WHERE id = $1", id)
	if err != nil {
		return row, nil, false, err
	}
	if rows.Next() {
		err = rows.Scan(&mac)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil || mac == nil {
		return row, nil, false, err
	}
	r, ok := t.rows.get(mac)
	if ok {
		row = r.(T)
	}
	return row, mac, ok, nil
}
