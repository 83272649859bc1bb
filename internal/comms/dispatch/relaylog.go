package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sekisho/internal/comms/dispatch/internal/postlog"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
)

// LogPosition is how far one node has read its relay's log, and for which time
// that reading is complete.
type LogPosition struct {
	gate.Row
	Path        string          `json:"path" col:"path" class:"internal,plain"`
	Holder      string          `json:"holder" col:"holder" class:"internal,plain"`
	Relays      string          `json:"relays" col:"relays" class:"internal,plain"` // names of those that write it
	Head        string          `json:"head" col:"head" class:"internal,plain"`
	HeadSize    int64           `json:"head_size" col:"head_size" class:"internal,plain"`
	At          int64           `json:"at" col:"at_byte" class:"internal,plain"`
	CoveredFrom time.Time       `json:"covered_from" col:"covered_from" class:"internal,plain"` // no line written since then was missed
	ReadAt      time.Time       `json:"read_at" col:"read_at" class:"internal,plain"`           // when its end was last reached
	AliveAt     time.Time       `json:"alive_at" col:"alive_at" class:"internal,plain"`         // a line of Postfix was written after this
	OursAt      time.Time       `json:"ours_at" col:"ours_at" class:"internal,plain"`           // one of our mails was last found in it: it is the relay's log
	Traces      []postlog.Trace `json:"traces" col:"traces" class:"internal,seal"`
}

// logID names the log of one node.
func logID(holder, path string) string { return blob.Sum([]byte(holder + "\x00" + path)).String()[:32] }

// What the log must have been silent for before silence says anything, and how
// long a refusal found in it waits for a word to the contrary.
const (
	silence  = 30 * time.Minute // longer than any timeout of SMTP after the last octet
	hearsay  = 2 * time.Minute
	skew     = 2 * time.Second // whole seconds in the log, and a clock being set
	evidence = 4000            // characters kept
)

// LogAtIn names a log.
type LogAtIn struct {
	Holder string `json:"holder" required:"true"`
	Path   string `json:"path" required:"true"`
}

// LogAt gives how far a log was read; a zero position if it never was.
var LogAt = gate.New(gate.Op[LogAtIn, LogPosition]{
	Name: "dispatch.log_at", Mode: gate.Read, Target: system[LogAtIn],
	Do: func(x *gate.Tx, in LogAtIn) (LogPosition, error) {
		p, err := logs.Get(x, logID(in.Holder, in.Path))
		if fault.Is(err, fault.KindNotFound) {
			return LogPosition{}, nil
		}
		return p, err
	},
})

// LogFindIn names mails found in a log.
type LogFindIn struct {
	MessageIDs []string `json:"message_ids" max:"200"`
}

// LogFindOut are those that are ours.
type LogFindOut struct {
	Rows []LogFound `json:"rows"`
}

// LogFound is a recipient whose mail was found.
type LogFound struct {
	Item      string `json:"item" class:"internal"`
	Package   string `json:"package" class:"internal"`
	MessageID string `json:"message_id" class:"internal"`
}

// LogFind finds the recipients behind Message-IDs.
var LogFind = gate.New(gate.Op[LogFindIn, LogFindOut]{
	Name: "dispatch.log_find", Mode: gate.List, Target: system[LogFindIn],
	Do: func(x *gate.Tx, in LogFindIn) (out LogFindOut, err error) {
		list, err := items.Find(x, gate.In("message_id", in.MessageIDs))
		for _, i := range list {
			out.Rows = append(out.Rows, LogFound{i.ID, i.Package, i.MessageID})
		}
		return out, err
	},
})

// LogSeenIn is what the log says about one mail; Kind absent is that it says
// nothing where it should.
type LogSeenIn struct {
	Item      string    `json:"item" required:"true"`
	Package   string    `json:"package" required:"true"`
	Kind      string    `json:"kind" required:"true" enum:"accepted,sent,put_off,bounced,rejected,broken,absent"`
	Log       string    `json:"log"` // id of the position, for absent
	MessageID string    `json:"message_id"`
	Queue     string    `json:"queue"`
	From      string    `json:"from" max:"400"`
	To        string    `json:"to" max:"400"`
	At        time.Time `json:"at"`
	Line      string    `json:"line" max:"4000" text:"raw"`
}

// LogSeenOut says whether that is settled, or must be asked again later.
type LogSeenOut struct {
	Later bool  `json:"later" class:"internal"`
	State State `json:"state" class:"internal"`
}

// LogSeen moves a recipient by what the relay's log says. Nothing but a line
// about this very mail moves it: the same Message-ID, sender, recipient, and
// queue id where the relay told us one.
var LogSeen = gate.New(gate.Op[LogSeenIn, LogSeenOut]{
	Name: "dispatch.log_seen", Mode: gate.Write,
	Alone:  func(in LogSeenIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in LogSeenIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in LogSeenIn) (LogSeenOut, error) {
		b, i, err := loadItem(x, in.Package, in.Item)
		if err != nil {
			return LogSeenOut{}, err
		}
		if !in.about(*b, *i, isBounceOf(x, in.From, i.ID)) {
			return LogSeenOut{State: i.State}, fault.Refused("dispatch.log_other")
		}
		out, moved := LogSeenOut{State: i.State}, false
		switch in.Kind {
		case "absent":
			moved, err = i.absent(x, in)
		case string(postlog.Rejected), string(postlog.Broken):
			moved, out.Later, err = i.denied(x, in)
		default:
			moved, out.Later, err = i.passed(x, in)
		}
		if err == nil && moved {
			err = b.summarise(x)
		}
		out.State = i.State
		return out, err
	},
})

// about tells whether the line is about this very mail; its sender is ours, or
// the bounce address of this recipient.
func (in LogSeenIn) about(b bundle, i Item, bounce bool) bool {
	same := func(said, ours string) bool {
		a, err := mailaddr.Parse(said)
		o, err2 := mailaddr.Parse(ours)
		return said == "" || strings.EqualFold(said, ours) || err == nil && err2 == nil && a == o
	}
	return in.MessageID == i.MessageID && i.MessageID != "" && (bounce || same(in.From, b.FromAddress)) && same(in.To, i.Address) &&
		(i.QueueID == "" || in.Queue == "" || i.QueueID == in.Queue)
}

// passed takes a line that says that the relay has, or had, the mail. While the
// worker's own word is still to come, it waits for it.
func (i *Item) passed(x *gate.Tx, in LogSeenIn) (moved, later bool, err error) {
	if i.State == Claimed {
		return false, true, nil
	}
	events := map[string][]Event{"accepted": {}, "sent": {Deliver}, "put_off": {}, "bounced": {Bounce}}[in.Kind]
	if i.State == Unknown || i.State == Held && !i.MarkedAt.IsZero() { // held: it was about to be tried again
		if events = append([]Event{HandOver}, events...); i.State == Held {
			events = append([]Event{Claim}, events...)
		}
		i.SettledAt, i.ResolvedBy = x.Now(), x.Actor().Person
	} else if in.Kind == "accepted" || in.Kind == "put_off" && (i.State != Handed || i.Reason == "dispatch.log_put_off") {
		return false, false, nil
	}
	for _, e := range events {
		if !i.State.Can(e) {
			return false, false, nil // it says no more than is known
		}
		i.State, _ = Next(i.State, e)
	}
	if i.QueueID == "" {
		i.QueueID = in.Queue
	}
	i.Reason, i.Evidence = "dispatch.log_"+in.Kind, noted(i.Evidence, in.Line)
	if i.State == Bounced {
		i.SettledAt = x.Now()
	}
	return true, false, nil
}

// denied takes a line that says that the relay did not take the mail. Of
// several tries it must be the last one's, so its time counts; and it waits a
// little, for a line that says otherwise would come at once. What surely was
// not taken is tried again; what was refused for good is not.
func (i *Item) denied(x *gate.Tx, in LogSeenIn) (moved, later bool, err error) {
	switch {
	case i.State == Claimed:
		return false, true, nil
	case i.State != Unknown || in.At.Before(i.MarkedAt.Add(-skew)) || in.At.After(x.Now().Add(skew)):
		return false, false, nil
	case x.Now().Before(i.MarkedAt.Add(hearsay)):
		return false, true, nil
	}
	e, next := i.after("deferred", x.Now())
	reason := "dispatch.log_broken"
	if in.Kind == string(postlog.Rejected) {
		e, next, reason = Refuse, time.Time{}, "dispatch.log_rejected"
	}
	i.State, err = Next(i.State, e)
	i.NotBefore, i.SettledAt, i.Reason, i.ResolvedBy, i.Evidence = next, x.Now(), reason, x.Actor().Person, noted(i.Evidence, in.Line)
	return true, false, err
}

// absent takes that the log never named the mail. That proves something only if
// the log is this relay's beyond doubt, if not one line of it was missed from
// before the mark until long after, and if there was only this one try. It ends
// the doubt, and a person decides about a new sending.
func (i *Item) absent(x *gate.Tx, in LogSeenIn) (bool, error) {
	p, err := logs.Get(x, in.Log)
	if err != nil {
		return false, err
	}
	if i.State != Unknown || !p.silent(*i) {
		return false, fault.Refused("dispatch.log_not_covered")
	}
	i.State, err = Next(i.State, Refuse)
	i.SettledAt, i.Reason, i.ResolvedBy = x.Now(), "dispatch.log_absent", x.Actor().Person
	i.Evidence = noted(i.Evidence, fmt.Sprintf("%s: %s … %s: message-id=<%s> 0", p.Path, p.CoveredFrom.Format(time.RFC3339), p.AliveAt.Format(time.RFC3339), i.MessageID))
	return true, err
}

func (p LogPosition) silent(i Item) bool {
	return i.Attempts == 1 && i.Holder == p.Holder && slices.Contains(strings.Fields(p.Relays), i.Relay) &&
		!p.OursAt.IsZero() && !p.CoveredFrom.IsZero() && p.CoveredFrom.Before(i.MarkedAt) && !p.AliveAt.Before(i.MarkedAt.Add(silence)) &&
		!slices.ContainsFunc(p.Traces, func(t postlog.Trace) bool { return t.MessageID == i.MessageID })
}

// noted adds a line to the evidence, as long as there is room.
func noted(before, line string) string {
	if before != "" {
		line = before + "\n" + line
	}
	if r := []rune(line); len(r) > evidence {
		line = string(r[:evidence])
	}
	return line
}

// LogKeepIn is how far the log was read now.
type LogKeepIn struct {
	Holder   string          `json:"holder" required:"true"`
	Path     string          `json:"path" required:"true"`
	Relays   []string        `json:"relays" required:"true" max:"4"`
	Version  int64           `json:"version"` // of the position read on from
	Head     string          `json:"head"`
	HeadSize int64           `json:"head_size"`
	At       int64           `json:"at"`
	Gap      bool            `json:"gap"`   // lines were missed
	Alive    bool            `json:"alive"` // lines of Postfix were read
	Ours     bool            `json:"ours"`  // and some were about our mails
	Traces   []postlog.Trace `json:"traces" max:"5000"`
}

// LogKeepOut is the position kept, with the recipients of unknown outcome that
// the log has been silent about for long enough.
type LogKeepOut struct {
	LogPosition
	Silent []LogFound `json:"silent"`
}

// LogKeep keeps how far the log was read. What was read before it was acted on,
// so what a crash makes us read twice changes nothing.
var LogKeep = gate.New(gate.Op[LogKeepIn, LogKeepOut]{
	Name: "dispatch.log_keep", Mode: gate.Write, Target: system[LogKeepIn],
	Alone: func(in LogKeepIn) []string { return []string{"dispatch/log/" + logID(in.Holder, in.Path)} },
	Do: func(x *gate.Tx, in LogKeepIn) (LogKeepOut, error) {
		p, err := logs.Get(x, logID(in.Holder, in.Path))
		fresh := fault.Is(err, fault.KindNotFound)
		if err != nil && !fresh {
			return LogKeepOut{}, err
		}
		if p.Version != in.Version {
			return LogKeepOut{}, fault.Conflict("gate.conflict")
		}
		relays := strings.Join(in.Relays, " ")
		if fresh || in.Gap || p.Relays != relays {
			p.CoveredFrom, p.AliveAt, p.OursAt = x.Now(), time.Time{}, time.Time{}
		} else if in.Alive {
			p.AliveAt = p.ReadAt // what was read now was written after that
		}
		p.ID, p.Path, p.Holder, p.Relays, p.ReadAt = logID(in.Holder, in.Path), in.Path, in.Holder, relays, x.Now()
		p.Head, p.HeadSize, p.At, p.Traces = in.Head, in.HeadSize, in.At, in.Traces
		if in.Ours {
			p.OursAt = x.Now()
		}
		if fresh {
			err = logs.Insert(x, &p)
		} else {
			err = logs.Update(x, &p)
		}
		out := LogKeepOut{LogPosition: p}
		if err != nil {
			return out, err
		}
		unknown, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Unknown)}, By: "settled_at", Limit: 200})
		for _, i := range unknown.Rows {
			if p.silent(i) {
				out.Silent = append(out.Silent, LogFound{i.ID, i.Package, i.MessageID})
			}
		}
		return out, err
	},
})
