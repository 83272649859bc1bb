package gate

import (
	"context"
	"time"

	"sekisho/internal/kernel/fault"
)

// Alarm is something that shows that data or log were touched outside of
// Sekisho, or that nobody watches over them any more.
type Alarm struct {
	Key     string // text key of the sentence: "audit.vanished", "verify.row_altered", "witness.other_log", …
	Kind    string // what Subject names: "record", a table's name, "log", "witness"
	Subject string
	Leaf    int64 // the record concerned, -1: none
}

const tellAgain = time.Hour

// alarmOp is the op of the record that an alarm leaves.
const alarmOp = "audit.alarm"

// Raise is the one place where alarms begin: it logs, leaves a record and calls
// Config.Alarm. A process says the same thing once an hour: what stands on is
// counted, and an alarm that people closed too early comes back.
func (g *Gate) Raise(a Alarm) {
	now := g.now()
	if was, told := g.told.Load(a); told && now.Sub(was.(time.Time)) < tellAgain {
		return
	}
	g.told.Store(a, now)
	g.log.Error("alarm", "key", a.Key, "kind", a.Kind, "subject", a.Subject, "leaf", a.Leaf)
	rec := g.blank(System("sealer"), alarmOp)
	rec.Kind, rec.Target = a.Kind, a.Subject
	_ = g.leave(context.Background(), rec, &fault.Error{Kind: fault.KindFailed, Key: a.Key}) // what cannot be recorded is still told
	if g.cfg.Alarm != nil {
		g.cfg.Alarm(a)
	}
}
