// Package jobs is the outbox and the schedule: a job is an op that runs later,
// for the person who asked for it, and is decided about again when it runs.
//
// Enqueue writes the job in the caller's transaction, so there is no effect
// without its job and no job without its effect. A job may run again after a
// crash: ops used as jobs look at the state and do nothing twice.
package jobs

import (
	"embed"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/gate"
)

//go:embed schema/*.sql
var schema embed.FS

// State of a job.
type State string

const (
	Waiting State = "waiting"
	Running State = "running" // under a lease
	Done    State = "done"
	Failed  State = "failed" // given up; a person decides
)

// Job is one op to run.
type Job struct {
	gate.Row
	Op         string    `json:"op" col:"op" class:"internal,plain"`
	Input      []byte    `json:"-" col:"input" class:"confidential"`
	Person     string    `json:"person" col:"person" class:"internal,plain"`
	State      State     `json:"state" col:"state" class:"internal,plain"`
	RunAt      time.Time `json:"run_at" col:"run_at" class:"internal,plain"`
	Attempts   int64     `json:"attempts" col:"attempts" class:"internal,plain"`
	LeaseUntil time.Time `json:"lease_until" col:"lease_until" class:"internal,plain"`
	Reason     string    `json:"reason" col:"reason" class:"internal,plain"` // text key of the last fault
	CausedBy   string    `json:"caused_by" col:"caused_by" class:"internal,plain"`
}

var table = gate.NewTable[Job]("job", gate.Scoped("person", "", ""))

const (
	lease       = 2 * time.Minute
	maxAttempts = 8
	// longest is the longest that a job can have been told to wait: one that waits
	// longer was written before the clock went back, and is due.
	longest = 15 * time.Minute
)

// Backoff is how long after its n-th failure a job waits: 2 s, doubled each
// time, at most 10 minutes.
func Backoff(n int64) time.Duration {
	return min(2*time.Second<<min(n, 12), 10*time.Minute)
}

// Enqueue writes a job that runs op with in for the caller's person, as soon
// as the transaction is committed.
func Enqueue[In, Out any](x *gate.Tx, op *gate.UseCase[In, Out], in In) (string, error) {
	b, err := json.Marshal(in, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	j := Job{Op: op.Name(), Input: b, Person: x.Actor().Person, State: Waiting, RunAt: x.Now(), CausedBy: x.RecordID()}
	if err := table.Insert(x, &j); err != nil {
		return "", err
	}
	x.AfterCommit(func() { gate.Ring(x, "jobs") })
	return j.ID, nil
}
