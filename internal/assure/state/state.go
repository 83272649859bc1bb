// Package state sums up, for everybody who works here, how the house is
// protected (安全対策の状況): no names, no places, only whether and since when.
package state

import (
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

// State is how the house is protected. Times are zero for what never happened.
type State struct {
	People     int64     `json:"people" class:"internal"`    // who may sign in …
	Enrolled   int64     `json:"enrolled" class:"internal"`  // … and have a second factor
	SweptAt    time.Time `json:"swept_at" class:"internal"`  // when every record and row was last compared with the log
	Damaged    int64     `json:"damaged" class:"internal"`   // found then
	Records    int64     `json:"records" class:"internal"`   // sealed in the log
	SealedAt   time.Time `json:"sealed_at" class:"internal"` // when it was last signed
	BackupAt   time.Time `json:"backup_at" class:"internal"` // when the last good copy arrived
	Alarms     int64     `json:"alarms" class:"internal"`    // that are open
	Witnesses  int       `json:"witnesses" class:"internal"`
	Complaints int       `json:"complaints" class:"internal"` // of witnesses
}

type count struct{ N, M int64 }

var (
	people = gate.NewQuery[count]("state.people", `SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN p.is_enrolled THEN 1 ELSE 0 END), 0) AS BIGINT) FROM {identity_person p}
		WHERE p.state = 'active' AND p.hired_on <= $1 AND (p.left_on = '' OR p.left_on > $1)`)
	sweeps = gate.NewQuery[count]("state.sweeps", `SELECT s.ended_at, s.damaged FROM {record_sweep s} ORDER BY s.ended_at DESC, s.id LIMIT 1`)
	copies = gate.NewQuery[count]("state.copies", `SELECT COUNT(*), CAST(COALESCE(MAX(c.arrived_at), 0) AS BIGINT) FROM {backup_copy c} WHERE c.state = 'good'`)
	alarms = gate.NewQuery[count]("state.alarms", `SELECT COUNT(*), 0 FROM {watch_alarm a} WHERE a.state <> 'closed'`)
)

// Show says how the house is protected.
var Show = gate.New(gate.Op[struct{}, State]{
	Name: "state.show", Mode: gate.List,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) { return gate.Target{Kind: "state", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ struct{}) (State, error) {
		var s State
		var found count
		for _, ask := range []struct {
			q    *gate.Query[count]
			args []any
			take func()
		}{
			{people, []any{civil.Of(x.Now()).String()}, func() { s.People, s.Enrolled = found.N, found.M }},
			{sweeps, nil, func() { s.SweptAt, s.Damaged = moment(found.N), found.M }},
			{copies, nil, func() { s.BackupAt = moment(found.M) }},
			{alarms, nil, func() { s.Alarms = found.N }},
		} {
			rows, err := ask.q.Rows(x, ask.args...)
			if err != nil {
				return s, err
			}
			if found = (count{}); len(rows) > 0 {
				found = rows[0]
			}
			ask.take()
		}
		for _, w := range x.Witnesses() {
			s.Witnesses++
			if w.Key != "" {
				s.Complaints++
			}
		}
		var err error
		s.Records, s.SealedAt, err = gate.LogState(x)
		return s, err
	},
})

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// Module is the state.
var Module = gate.Module{Name: "state", Ops: []gate.Any{Show}, Queries: []gate.AnyQuery{people, sweeps, copies, alarms}}
