package record

import (
	"embed"
	"time"

	"sekisho/internal/kernel/gate"
)

//go:embed schema/*.sql
var schema embed.FS

// Sweep is what one or more like rounds over log and rows found (巡回検査).
type Sweep struct {
	gate.Row
	Began   time.Time     `json:"began" col:"began_at" class:"internal,plain"` // of the first of them
	Ended   time.Time     `json:"ended" col:"ended_at" class:"internal,plain"` // of the last
	Rounds  int64         `json:"rounds" col:"rounds" class:"internal,plain"`
	Leaves  int64         `json:"leaves" col:"leaves" class:"internal,plain"`
	Rows    int64         `json:"rows" col:"rows_seen" class:"internal,plain"`
	Damaged int64         `json:"damaged" col:"damaged" class:"internal,plain"`
	Found   []gate.Damage `json:"found" col:"found" class:"internal,seal"` // at most the first hundred
}

const foundMax = 100

var sweeps = gate.NewTable[Sweep]("record_sweep", gate.Unscoped())

// newest is the last sweep, of those that found nothing if clean.
func newest(x *gate.Tx, clean bool) (Sweep, bool, error) {
	q := gate.PageQuery{By: "ended_at", Desc: true, Limit: 1}
	if clean {
		q.Where = []gate.Cond{gate.Eq("damaged", 0)}
	}
	p, err := sweeps.Page(x, q)
	if err != nil || len(p.Rows) == 0 {
		return Sweep{}, false, err
	}
	return p.Rows[0], true, nil
}
