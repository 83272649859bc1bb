package watch

import (
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

// MailIn says for which day.
type MailIn struct {
	Day civil.Date `json:"day" required:"true"`
}

// MailOut says what was done.
type MailOut struct {
	Done       bool       `json:"done" class:"internal"` // for this day, now or before
	Checkpoint Checkpoint `json:"checkpoint"`
}

// Mail sends the newest signed checkpoint to every confirmed address, once a
// day. Days without a server are made up by one mail: the newest checkpoint
// covers all before it. Its record says which size and root went to whom.
var Mail = gate.New(gate.Op[MailIn, MailOut]{
	Name: "watch.mail", Mode: gate.Write, Alone: func(MailIn) []string { return []string{"watch/checkpoint"} }, Target: whole[MailIn],
	Do: func(x *gate.Tx, in MailIn) (MailOut, error) {
		last, err := checkpoints.Page(x, gate.PageQuery{By: "day", Desc: true, Limit: 1})
		if err != nil {
			return MailOut{}, err
		}
		c := Checkpoint{Day: in.Day}
		if len(last.Rows) > 0 {
			was := last.Rows[0]
			if !was.Day.Before(in.Day) {
				return MailOut{true, was}, nil
			}
			c.Missed = int64(was.Day.DaysUntil(in.Day)) - 1
		}
		s, err := gate.LastCheckpoint(x)
		if err != nil {
			return MailOut{}, err
		}
		out, err := gate.Call(x, dispatch.NoticeQueue, dispatch.NoticeIn{Template: dispatch.CheckpointMail, Note: string(s.Note), Size: s.Size, From: s.At, Leaf: -1})
		if err != nil || len(out.Addresses) == 0 {
			return MailOut{}, err
		}
		c.Size, c.Root, c.SignedAt, c.Addresses = s.Size, s.Root, s.At, out.Addresses
		x.Note("size", c.Size)
		x.Note("root", c.Root)
		x.Note("to", c.Addresses)
		return MailOut{true, c}, checkpoints.Insert(x, &c)
	},
})

// MailedIn asks for a page.
type MailedIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// MailedOut is a page of daily mails.
type MailedOut struct {
	Rows []Checkpoint `json:"rows"`
	Next string       `json:"next" class:"internal"`
}

// Mailed lists which checkpoint was mailed when and to whom, newest first.
var Mailed = gate.New(gate.Op[MailedIn, MailedOut]{
	Name: "watch.mailed", Mode: gate.List, Target: whole[MailedIn],
	Do: func(x *gate.Tx, in MailedIn) (MailedOut, error) {
		p, err := checkpoints.Page(x, gate.PageQuery{By: "day", Desc: true, After: in.After, Limit: in.Limit})
		return MailedOut{p.Rows, p.Next}, err
	},
})
