package gate

import (
	"maps"
	"slices"

	"sekisho/internal/kernel/audit"
)

// months is what a verifier knows of the log's segments as it goes through.
type months struct {
	stored  map[int64]Segment // by size
	month   string            // of the leaf before
	first   int64
	closed  []Segment // as the leaves say
	emptied map[string][]Damage
	more    map[string]int
	letGo   map[string]bool
}

func (v *verifier) readMonths() error {
	list, err := readSegments(v.ctx, v.t)
	v.months.stored = map[int64]Segment{}
	for _, s := range list {
		v.months.stored[s.Size] = s
	}
	return err
}

// turn hears of a leaf before it is added.
func (v *verifier) turn(at, leaf int64) {
	m := &v.months
	switch next := monthOf(at); {
	case m.month == "":
		m.month = next
	case next > m.month:
		m.closed = append(m.closed, Segment{Month: m.month, First: m.first, Size: leaf})
		m.month, m.first = next, leaf
	}
}

// emptied holds back a record without its contents until it is known whether
// its month was let go.
func (v *verifier) emptied(d Damage) {
	m := &v.months
	if len(m.emptied[m.month]) < damagesMax {
		m.emptied[m.month] = append(m.emptied[m.month], d)
	} else {
		m.more[m.month]++
	}
}

// letGo hears of a record; only of a month closed before can it let go.
func (v *verifier) letGo(r audit.Record) {
	if r.Op != ExpireOp || r.Outcome != audit.OK || r.Kind != "segment" {
		return
	}
	for _, s := range v.months.closed {
		if s.Month == r.Target {
			v.months.letGo[s.Month] = true
		}
	}
}

// endMonths compares the months of the leaves with the stored ones and with the
// checkpoints. A log older than segments has its first one late: it may span
// several months.
func (v *verifier) endMonths() error {
	if err := v.readMonths(); err != nil {
		return err
	}
	m := &v.months
	last, oldest := int64(0), int64(-1)
	for size := range m.stored {
		if oldest < 0 || size < oldest {
			oldest = size
		}
	}
	for _, want := range m.closed {
		if want.Size < oldest {
			continue
		}
		have, ok := m.stored[want.Size]
		delete(m.stored, want.Size)
		if !ok || have.First != last || have.Month != want.Month && last > 0 {
			v.damage(Damage{Key: "verify.segment", ID: want.Month, Leaf: want.Size})
		}
		signed, err := exists(v.ctx, v.t, `SELECT 1 FROM audit_checkpoint WHERE size = $1`, want.Size)
		if err != nil {
			return err
		}
		if !signed {
			v.damage(Damage{Key: "verify.segment_unsigned", ID: want.Month, Leaf: want.Size})
		}
		last = want.Size
		v.rep.Segments++
	}
	for size, s := range m.stored {
		v.damage(Damage{Key: "verify.segment", ID: s.Month, Leaf: size})
	}
	for _, month := range slices.Sorted(maps.Keys(m.emptied)) {
		if m.letGo[month] {
			continue
		}
		for _, d := range m.emptied[month] {
			v.damage(d)
		}
		v.rep.More += m.more[month]
	}
	return nil
}

// meta compares what binds the database to its house.
func (v *verifier) meta() error {
	want := map[string]string{"origin": v.g.cfg.Origin, "ring": v.g.ring.KeyID(), "purpose": v.g.purpose()}
	rows, err := v.t.Query(v.ctx, `SELECT name, value FROM gate_meta ORDER BY name`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var value []byte
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		if w, known := want[name]; known && w != string(value) {
			v.damage(Damage{Key: "verify.meta", Table: "gate_meta", ID: name, Leaf: -1})
		}
		delete(want, name)
	}
	for name := range want {
		v.damage(Damage{Key: "verify.meta", Table: "gate_meta", ID: name, Leaf: -1})
	}
	return rows.Err()
}
