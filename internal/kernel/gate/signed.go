package gate

import (
	"encoding/base64"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
)

// Signed is a signed checkpoint as it stands.
type Signed struct {
	Note []byte // C2SP signed note
	Size int64
	Root string // base64
	At   time.Time
}

// LastCheckpoint is the newest signed checkpoint, its signature verified, from
// inside an op. Faults: Unavailable "gate.no_checkpoint", before the first;
// Failed "gate.bad_checkpoint", when it is not ours.
func LastCheckpoint(x *Tx) (Signed, error) {
	var s Signed
	rows, err := x.query(`SELECT note, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
	if err != nil {
		return s, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return s, err
		}
		return s, fault.Unavailable("gate.no_checkpoint")
	}
	var at int64
	if err := rows.Scan(&s.Note, &at); err != nil {
		return s, err
	}
	v, err := note.NewVerifier(x.root.g.ring.LogVerifier())
	if err != nil {
		return s, err
	}
	c, err := audit.ParseCheckpoint(s.Note, x.root.g.cfg.Origin, v)
	if err != nil {
		return s, &fault.Error{Kind: fault.KindFailed, Key: "gate.bad_checkpoint", Cause: err}
	}
	s.Size, s.Root, s.At = c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), time.UnixMicro(at).UTC()
	return s, nil
}
