package backup

import (
	"embed"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

//go:embed schema/*.sql
var schema embed.FS

// State of a run, or of a copy.
type State string

// The states.
const (
	Running State = "running" // or its server died
	Good    State = "good"
	Partial State = "partial" // of a run: whole at one target only
	Failed  State = "failed"
	Gone    State = "pruned" // of a copy: removed by the rule
)

// Run is one making of a generation.
type Run struct {
	gate.Row
	Generation string    `json:"generation" col:"generation" class:"internal,plain"`
	State      State     `json:"state" col:"state" class:"internal,plain"`
	By         string    `json:"by" col:"begun_by" class:"internal,plain"` // "schedule" or "command"
	BegunAt    time.Time `json:"begun_at" col:"begun_at" class:"internal,plain"`
	EndedAt    time.Time `json:"ended_at" col:"ended_at" class:"internal,plain"`
	Size       int64     `json:"size" col:"size" class:"internal,plain"` // bytes of the age file
	Digest     string    `json:"digest" col:"digest" class:"internal,plain"`
	LogSize    int64     `json:"log_size" col:"log_size" class:"internal,plain"`
	LogRoot    string    `json:"log_root" col:"log_root" class:"internal,plain"`
	Rows       int64     `json:"rows" col:"stored_rows" class:"internal,plain"`
	Blobs      int64     `json:"blobs" col:"blobs" class:"internal,plain"`
	Damaged    int64     `json:"blobs_damaged" col:"blobs_damaged" class:"internal,plain"` // files of the archive that do not open
	Recipients string    `json:"recipients" col:"recipients" class:"internal,plain"`       // fingerprints of the public keys
	Reason     string    `json:"reason" col:"reason" class:"internal,plain"`               // key of the sentence that says what went wrong
}

// Copy is one generation at one target.
type Copy struct {
	gate.Row
	Run        string    `json:"run" col:"run_id" class:"internal,plain"`
	Generation string    `json:"generation" col:"generation" class:"internal,plain"`
	Target     string    `json:"target" col:"target" class:"internal,plain"`
	Dir        string    `json:"dir" col:"dir" class:"internal,plain"`
	State      State     `json:"state" col:"state" class:"internal,plain"`
	ArrivedAt  time.Time `json:"arrived_at" col:"arrived_at" class:"internal,plain"` // by the target's clock
	NewBlobs   int64     `json:"new_blobs" col:"new_blobs" class:"internal,plain"`
	NewBytes   int64     `json:"new_bytes" col:"new_bytes" class:"internal,plain"`
	Reason     string    `json:"reason" col:"reason" class:"internal,plain"`
}

// Seal keeps a restored house from sending (送信の封印). Its id is that of the
// restoring.
type Seal struct {
	gate.Row
	Generation string `json:"generation" col:"generation" class:"internal,plain"`
	Open       bool   `json:"open" col:"is_open" class:"internal,plain"`
	OpenedBy   string `json:"opened_by" col:"opened_by" class:"internal,plain"`
	Reason     string `json:"reason" col:"reason" class:"confidential"`
}

var (
	runs   = gate.NewTable[Run]("backup_run", gate.Unscoped())
	copies = gate.NewTable[Copy]("backup_copy", gate.Unscoped())
	seals  = gate.NewTable[Seal]("backup_seal", gate.Unscoped())
)

// last gives the newest run in one of some states; false if there is none.
func last(x *gate.Tx, states ...State) (Run, bool, error) {
	q := gate.PageQuery{By: "begun_at", Desc: true, Limit: 1}
	if len(states) > 0 {
		q.Where = append(q.Where, gate.In("state", states))
	}
	p, err := runs.Page(x, q)
	if err != nil || len(p.Rows) == 0 {
		return Run{}, false, err
	}
	return p.Rows[0], true, nil
}

// lastCopy gives the newest good copy at a target.
func lastCopy(x *gate.Tx, target string) (Copy, bool, error) {
	p, err := copies.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("target", target), gate.Eq("state", Good)}, By: "arrived_at", Desc: true, Limit: 1})
	if err != nil || len(p.Rows) == 0 {
		return Copy{}, false, err
	}
	return p.Rows[0], true, nil
}

func sealRow(x *gate.Tx, id string) (Seal, bool, error) {
	s, err := seals.Get(x, id)
	if fault.Is(err, fault.KindNotFound) {
		return Seal{}, false, nil
	}
	return s, err == nil, err
}
