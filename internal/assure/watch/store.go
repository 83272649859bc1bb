package watch

import (
	"embed"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

//go:embed schema/*.sql
var schema embed.FS

// Alarm is one thing that people must look at (警報).
type Alarm struct {
	gate.Row
	What      string    `json:"what" col:"what" class:"internal,plain"`       // text key
	Kind      string    `json:"kind" col:"kind" class:"internal,plain"`       // what Subject names
	Subject   string    `json:"subject" col:"subject" class:"internal,plain"` // id, or place
	Leaf      int64     `json:"leaf" col:"leaf" class:"internal,plain"`       // the record concerned, -1: none
	Tampering bool      `json:"tampering" col:"tampering" class:"internal,plain"`
	First     time.Time `json:"first_seen" col:"first_seen" class:"internal,plain"`
	Last      time.Time `json:"last_seen" col:"last_seen" class:"internal,plain"`
	Count     int64     `json:"count" col:"seen_count" class:"internal,plain"`
	MailedAt  time.Time `json:"mailed_at" col:"mailed_at" class:"internal,plain"` // zero: nobody was
	Mails     int64     `json:"mails" col:"mails" class:"internal,plain"`
	State     State     `json:"state" col:"state" class:"internal,plain"`

	AcknowledgedBy  string    `json:"acknowledged_by" col:"acknowledged_by" class:"internal,plain"`
	AcknowledgedAt  time.Time `json:"acknowledged_at" col:"acknowledged_at" class:"internal,plain"`
	AcknowledgedWhy string    `json:"acknowledged_why" col:"acknowledged_why" class:"internal,seal"`
	ClosedBy        string    `json:"closed_by" col:"closed_by" class:"internal,plain"`
	ApprovedBy      string    `json:"approved_by" col:"approved_by" class:"internal,plain"` // the second person
	ClosedAt        time.Time `json:"closed_at" col:"closed_at" class:"internal,plain"`
	ClosedWhy       string    `json:"closed_why" col:"closed_why" class:"internal,seal"`
}

// Checkpoint is one daily mail: what was signed, and to whom it went.
type Checkpoint struct {
	gate.Row
	Day       civil.Date `json:"day" col:"day" class:"internal,plain"`
	Size      int64      `json:"size" col:"size" class:"internal,plain"`
	Root      string     `json:"root" col:"root" class:"internal,plain"` // base64
	SignedAt  time.Time  `json:"signed_at" col:"signed_at" class:"internal,plain"`
	Missed    int64      `json:"missed" col:"missed" class:"internal,plain"`      // days before it without a mail
	Addresses []string   `json:"addresses" col:"addresses" class:"internal,seal"` // ids
}

var (
	alarms      = gate.NewTable[Alarm]("watch_alarm", gate.Unscoped())
	checkpoints = gate.NewTable[Checkpoint]("watch_checkpoint", gate.Unscoped())
)

// Module is the watch.
var Module = gate.Module{Name: "watch", Schema: schema, Ops: []gate.Any{Raise, List, Show, Acknowledge, Close, Look, Mail, Mailed},
	Tables: []gate.AnyTable{alarms, checkpoints}}
