package main

import (
	"maps"
	"slices"
	"time"
)

// months are the segments of the log (docs/decisions/030): a record opens the
// JST month of its time if that is later than the open one. The sealed contents
// of a closed month may be gone once a record of record.expire names it.
type months struct {
	open   string
	closed map[string]bool
	letGo  map[string]bool
	held   map[string][]damage
	more   map[string]int
}

func month(at int64) string { return time.UnixMicro(at).Add(9 * time.Hour).UTC().Format("2006-01") }

// turn hears of every record in order.
func (m *months) turn(r record) {
	if m.closed == nil {
		m.closed, m.letGo, m.held, m.more = map[string]bool{}, map[string]bool{}, map[string][]damage{}, map[string]int{}
	}
	if now := month(r.At); now > m.open {
		m.closed[m.open] = true
		m.open = now
	}
	if r.Op == "record.expire" && r.Outcome == "ok" && r.Kind == "segment" && m.closed[r.Target] {
		m.letGo[r.Target] = true
	}
}

// gone holds back a record of the open month that lacks its contents.
func (m *months) gone(d damage) {
	if len(m.held[m.open]) < damagesMax {
		m.held[m.open] = append(m.held[m.open], d)
	} else {
		m.more[m.open]++
	}
}

// end reports those whose month nobody let go.
func (m *months) end(r *report) {
	for _, name := range slices.Sorted(maps.Keys(m.held)) {
		if m.letGo[name] {
			continue
		}
		for _, d := range m.held[name] {
			r.damage(d)
		}
		r.more += m.more[name]
	}
}
