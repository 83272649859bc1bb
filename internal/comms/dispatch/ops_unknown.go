package dispatch

import (
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

func senderDomain(address string) (string, error) {
	a, err := mailaddr.Parse(address)
	return a.Domain(), err
}

// UnknownIn asks for a page.
type UnknownIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// UnknownItem is a mail of which nobody knows whether it was sent, with all
// that a person needs to find out and to decide.
type UnknownItem struct {
	ID        string     `json:"id" class:"internal"`
	Package   string     `json:"package" class:"internal"`
	Party     string     `json:"party" class:"internal"`
	Address   string     `json:"address" class:"personal"`
	Subject   string     `json:"subject" class:"personal"`
	MessageID string     `json:"message_id" class:"internal"`
	Relay     string     `json:"relay" class:"internal"`
	QueueID   string     `json:"queue_id" class:"internal"`
	Reply     string     `json:"reply" class:"personal"` // the relay's last words, "" if there were none
	TLS       string     `json:"tls" class:"internal"`
	Holder    string     `json:"holder" class:"internal"` // node that was sending
	Attempts  int64      `json:"attempts" class:"internal"`
	ClaimedAt time.Time  `json:"claimed_at" class:"internal"` // also the Date of the mail
	MarkedAt  time.Time  `json:"marked_at" class:"internal"`  // the moment of the doubt
	Bytes     string     `json:"bytes_digest" class:"internal"`
	Reason    string     `json:"reason" class:"internal"`
	Search    []string   `json:"search" class:"internal"` // commands for the relay's own machine
	Decisions []Decision `json:"decisions"`
}

// Decision is one way to end an unknown: the op with its input, and the sentence
// that says when it is right.
type Decision struct {
	Op  string `json:"op" class:"internal"`
	As  State  `json:"as" class:"internal"`
	Key string `json:"key" class:"internal"`
}

// defaultLog is where Debian's Postfix writes.
const defaultLog = "/var/log/mail.log"

// searches are the commands that find the mail in a Postfix relay's log and queue.
func (i Item) searches(path string) []string {
	out := []string{"zgrep -hF -- " + quoted(i.MessageID) + " " + quoted(path) + "*"}
	if i.QueueID != "" {
		out = append(out, "zgrep -hF -- "+quoted(i.QueueID)+" "+quoted(path)+"*")
	}
	return append(out, "postqueue -p")
}

// quoted is one word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// UnknownOut is one page of them, oldest first.
type UnknownOut struct {
	Rows []UnknownItem `json:"rows"`
	Next string        `json:"next" class:"internal"`
}

// UnknownOp lists what nobody knows the outcome of.
var UnknownOp = gate.New(gate.Op[UnknownIn, UnknownOut]{
	Name: "dispatch.unknown", Mode: gate.List, Target: system[UnknownIn],
	Do: func(x *gate.Tx, in UnknownIn) (UnknownOut, error) {
		p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Unknown)}, By: "settled_at", After: in.After, Limit: in.Limit})
		out := UnknownOut{Next: p.Next}
		if err != nil {
			return out, err
		}
		known, err := logs.Find(x)
		if err != nil {
			return out, err
		}
		for _, i := range p.Rows {
			s, err := sendings.Get(x, i.Package)
			if err != nil {
				return out, err
			}
			path := defaultLog
			for _, l := range known {
				if slices.Contains(strings.Fields(l.Relays), i.Relay) {
					path = l.Path
				}
			}
			out.Rows = append(out.Rows, UnknownItem{i.ID, i.Package, i.Party, i.Address, s.Subject, i.MessageID, i.Relay, i.QueueID, i.Reply, i.TLS,
				i.Holder, i.Attempts, i.ClaimedAt, i.MarkedAt, i.Bytes, i.Reason, i.searches(path),
				[]Decision{{"dispatch.resolve", Handed, "dispatch.decide_handed_over"}, {"dispatch.resolve", Refused, "dispatch.decide_refused"}}})
		}
		return out, nil
	},
})

// ResolveIn is a person's finding about an unknown.
type ResolveIn struct {
	Package  string `json:"package" required:"true"`
	Item     string `json:"item" required:"true"`
	As       State  `json:"as" required:"true" enum:"handed_over,refused"`
	Evidence string `json:"evidence" required:"true" text:"multiline"` // line of the relay's log, or who was asked and said what
	Reason   string `json:"reason" required:"true" text:"multiline"`
}

// Resolve ends an unknown by evidence. Nothing is sent by it: what was refused
// is prepared anew, through all checks.
var Resolve = gate.New(gate.Op[ResolveIn, Item]{
	Name: "dispatch.resolve", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone:  func(in ResolveIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in ResolveIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in ResolveIn) (Item, error) {
		if x.Actor().Via == policy.ViaClient {
			return Item{}, fault.Denied("dispatch.person_only")
		}
		b, i, err := loadItem(x, in.Package, in.Item)
		if err != nil {
			return Item{}, err
		}
		if i.State != Unknown {
			return *i, fault.Refused("dispatch.not_unknown", "state", i.State.word())
		}
		e := Refuse
		if in.As == Handed {
			e = HandOver
		}
		if i.State, err = Next(i.State, e); err != nil {
			return *i, err
		}
		i.ResolvedBy, i.Evidence, i.SettledAt, i.Reason = x.Actor().Person, in.Evidence+"\n"+in.Reason, x.Now(), "dispatch.resolved"
		return *i, b.summarise(x)
	},
})
