package drill

import (
	"embed"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Drill is a time in which decoys are planted.
type Drill struct {
	gate.Row
	From          civil.Date `json:"from" col:"from_on" class:"internal,plain"`
	Until         civil.Date `json:"until" col:"until_on" class:"internal,plain"`    // last day
	Closings      string     `json:"closings" col:"closings" class:"internal,plain"` // "20,31"
	Before        int64      `json:"before" col:"days_before" class:"internal,plain"`
	After         int64      `json:"after" col:"days_after" class:"internal,plain"`
	Reason        string     `json:"reason" col:"reason" class:"internal,seal"`
	StartedBy     string     `json:"started_by" col:"started_by" class:"internal,plain"`
	Approver      string     `json:"approver" col:"approver" class:"internal,plain"`
	Stopped       bool       `json:"stopped" col:"stopped" class:"internal,plain"`
	StoppedOn     civil.Date `json:"stopped_on" col:"stopped_on" class:"internal,plain"`
	StoppedBy     string     `json:"stopped_by" col:"stopped_by" class:"internal,plain"`
	StoppedReason string     `json:"stopped_reason" col:"stopped_reason" class:"internal,seal"`
	Slot          string     `json:"-" col:"slot" class:"internal,plain"` // unique: one at a time
}

// running is the slot of the drill that is on.
const running = "running"

func (d Drill) over(today civil.Date) bool { return d.Stopped || today.After(d.Until) }

func (d Drill) calendar() (calendar, error) {
	closings, err := parseClosings(d.Closings)
	return calendar{closings, int(d.Before), int(d.After)}, err
}

// Outcome is what became of a decoy.
type Outcome string

// The outcomes.
const (
	Open   Outcome = "open"
	Caught Outcome = "caught"
	Missed Outcome = "missed" // it was approved; nothing was sent
	Unseen Outcome = "unseen" // nobody answered in time
)

// Planted is one decoy, with what is to be learnt from it.
type Planted struct {
	gate.Row
	Drill      string  `json:"drill" col:"drill_id" class:"internal,plain"`
	Request    string  `json:"request" col:"request_id" class:"internal,plain"`
	Person     string  `json:"person" col:"person" class:"internal,plain"`
	Department string  `json:"department" col:"department_id" class:"internal,plain"`
	Kind       Kind    `json:"kind" col:"kind" class:"internal,plain"`
	Month      string  `json:"month" col:"month" class:"internal,plain"` // "2026-11"
	Outcome    Outcome `json:"outcome" col:"outcome" class:"internal,plain"`
	Lesson     Lesson  `json:"lesson" col:"lesson" class:"personal"`
}

var (
	drills = gate.NewTable[Drill]("drill", gate.Unscoped())
	decoys = gate.NewTable[Planted]("drill_decoy", gate.Scoped("person", "department_id", ""), gate.Unit(vault.KindPersonal, "approval", "request_id"))
)
