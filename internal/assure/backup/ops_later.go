package backup

import (
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// laterMost is how long a copy on another machine may be put off at once.
const laterMost = 60 // days

// Later is a copy on another machine put off by somebody, until a day.
type Later struct {
	gate.Row
	Until  time.Time `json:"until" col:"until" class:"internal,plain"`
	By     string    `json:"by" col:"put_off_by" class:"internal,plain"`
	Reason string    `json:"reason" col:"reason" class:"internal,seal"`
}

var laters = gate.NewTable[Later]("backup_later", gate.Unscoped())

// PostponeIn puts off until the end of a day.
type PostponeIn struct {
	Until  civil.Date `json:"until" required:"true"`
	Reason string     `json:"reason" required:"true" text:"multiline" max:"500"`
}

// Postpone puts off having a copy on another machine (控え先の先送り): nothing gets
// safer by it, but that it was decided, by whom and until when is on record.
var Postpone = gate.New(gate.Op[PostponeIn, Later]{
	Name: "backup.postpone", Mode: gate.Write, Needs: gate.Needs{Reason: true}, Target: whole[PostponeIn],
	Alone: func(PostponeIn) []string { return []string{"backup"} },
	Do: func(x *gate.Tx, in PostponeIn) (Later, error) {
		today := civil.Of(x.Now())
		if in.Until.Before(today) || today.AddDays(laterMost).Before(in.Until) {
			return Later{}, fault.Invalid("backup.postpone_days", "most", laterMost).At("until")
		}
		l := Later{Until: in.Until.AddDays(1).Start(), By: x.Actor().Person, Reason: in.Reason}
		return l, laters.Insert(x, &l)
	},
})

// postponed is the one that reaches furthest; zero if there is none.
func postponed(x *gate.Tx) (Later, error) {
	p, err := laters.Page(x, gate.PageQuery{By: "until", Desc: true, Limit: 1})
	if err != nil || len(p.Rows) == 0 {
		return Later{}, err
	}
	return p.Rows[0], nil
}
