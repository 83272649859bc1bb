package postlog

import (
	"slices"
	"strings"
	"time"
)

// Kind is what the log says happened to a mail.
type Kind string

// The kinds.
const (
	Accepted Kind = "accepted" // it is in the relay's queue: the relay has taken the responsibility
	Sent     Kind = "sent"     // the next server took it
	Deferred Kind = "put_off"  // the next server did not, and the relay tries again
	Bounced  Kind = "bounced"  // refused by the next server, expired, discarded or deleted by hand
	Rejected Kind = "rejected" // the relay refused it at the end of the data
	Broken   Kind = "broken"   // the connection ended before the end of the data: nothing was accepted
)

// Event is one such thing about one mail.
type Event struct {
	Kind      Kind
	MessageID string // without brackets
	Queue     string // the relay's number for it, the first if it passed a filter and came back
	From, To  string // of the envelope, "" where the log has not said
	At        time.Time
	Line      string // the evidence
}

// Negative tells whether the event says that nothing was accepted.
func (e Event) Negative() bool { return e.Kind == Rejected || e.Kind == Broken }

// Trace is one of our mails inside the relay.
type Trace struct {
	Queue     string `json:"queue"`
	Root      string `json:"root"` // first queue id of the same mail
	MessageID string `json:"message_id"`
	From      string `json:"from"`
	Pid       string `json:"pid"` // of the smtpd that receives it
	Accepted  bool   `json:"accepted"`
}

// maxTraces bounds what is followed at once.
const maxTraces = 5000

// Tracker follows our mails through the lines of the log.
type Tracker struct {
	Ours   func(messageID string) bool
	Now    func() time.Time // its location is the log's, where a line names none
	Traces []Trace
	Gap    bool // lines are missing before the last one read
	Alive  bool // a line of Postfix was read

	receiving map[string]string // queue id by pid of smtpd
	broken    map[string]Event  // by queue id: ended before its Message-ID was logged
}

// Feed reads the next line and gives what it says about our mails.
func (t *Tracker) Feed(text string) []Event {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "")
	}
	if lost(text) {
		t.Gap = true
	}
	l, ok := Parse(text, t.Now())
	if !ok {
		return nil
	}
	t.Alive = true
	if t.receiving == nil {
		t.receiving, t.broken = map[string]string{}, map[string]Event{}
	}
	switch {
	case l.Queue == "":
		return t.session(l, text)
	case l.Daemon == "smtpd" && strings.HasPrefix(l.Text, "client="):
		t.drop(l.Queue) // ids are used again
		delete(t.broken, l.Queue)
		t.receiving[l.Pid] = l.Queue
	case l.Daemon == "cleanup" && strings.HasPrefix(l.Text, "message-id=<"):
		return t.named(l)
	default:
		return t.about(l, text)
	}
	return nil
}

// session is a line of smtpd about its connection.
func (t *Tracker) session(l Line, text string) []Event {
	q := t.receiving[l.Pid]
	if l.Daemon != "smtpd" || q == "" {
		return nil
	}
	switch {
	case brokenForm.MatchString(l.Text):
		delete(t.receiving, l.Pid)
		if i := t.find(q); i >= 0 {
			if t.Traces[i].Accepted {
				return nil
			}
			e := t.event(Broken, t.Traces[i], l, text)
			t.drop(q)
			return []Event{e}
		}
		if len(t.broken) > maxTraces {
			clear(t.broken)
		}
		t.broken[q] = Event{Kind: Broken, Queue: q, At: l.At, Line: text}
	case strings.HasPrefix(l.Text, "disconnect "):
		delete(t.receiving, l.Pid)
	}
	return nil
}

// named is cleanup's line with the Message-ID.
func (t *Tracker) named(l Line) []Event {
	id, whole := strings.CutSuffix(strings.TrimPrefix(l.Text, "message-id=<"), ">")
	if !whole || !t.Ours(id) {
		return nil
	}
	if e, ok := t.broken[l.Queue]; ok {
		delete(t.broken, l.Queue)
		e.MessageID = id
		return []Event{e}
	}
	t.drop(l.Queue)
	n := Trace{Queue: l.Queue, Root: l.Queue, MessageID: id}
	for pid, q := range t.receiving {
		if q == l.Queue {
			n.Pid = pid
		}
	}
	for _, o := range t.Traces {
		if o.MessageID == id && o.Accepted {
			n.Root = o.Root // a filter gave it back to the relay
			break
		}
	}
	if len(t.Traces) >= maxTraces {
		t.Traces, t.Gap = slices.Delete(t.Traces, 0, maxTraces/10), true
	}
	t.Traces = append(t.Traces, n)
	return nil
}

// about is a line about a queue file; most are not ours.
func (t *Tracker) about(l Line, text string) []Event {
	i := t.find(l.Queue)
	if i < 0 {
		return nil
	}
	tr := &t.Traces[i]
	if l.Text == "removed" {
		e := t.event(Bounced, *tr, l, text)
		t.drop(l.Queue)
		if l.Daemon == "postsuper" { // somebody deleted it by hand
			return []Event{e}
		}
		return nil
	}
	switch l.Daemon {
	case "qmgr":
		return t.queued(tr, l, text)
	case "cleanup":
		if m := rejectForm.FindStringSubmatch(l.Text); m != nil {
			tr.From = m[1]
			e := t.event(Rejected, *tr, l, text)
			e.To = m[2]
			t.drop(l.Queue)
			return []Event{e}
		}
		if strings.HasPrefix(l.Text, "discard: ") {
			return []Event{t.event(Bounced, *tr, l, text)}
		}
		return nil
	}
	return t.passed(tr, l, text)
}

func (t *Tracker) queued(tr *Trace, l Line, text string) []Event {
	if m := activeForm.FindStringSubmatch(l.Text); m != nil {
		tr.From = m[1]
		if tr.Accepted {
			return nil
		}
		tr.Accepted = true
		if tr.Root != tr.Queue {
			return nil
		}
		return []Event{t.event(Accepted, *tr, l, text)}
	}
	if expired.MatchString(l.Text) {
		return []Event{t.event(Bounced, *tr, l, text)}
	}
	return nil
}

// passed is a delivery agent's line.
func (t *Tracker) passed(tr *Trace, l Line, text string) []Event {
	m := statusForm.FindStringSubmatch(l.Text)
	if m == nil {
		return nil
	}
	e := t.event(Deferred, *tr, l, text)
	e.To = m[1]
	if m[2] != "" {
		e.To = m[2]
	}
	switch m[4] {
	case "sent":
		if q := queuedAs.FindStringSubmatch(m[5]); q != nil && t.find(q[1]) >= 0 && q[1] != tr.Queue {
			return nil // only to a filter that gave it back: the other queue file tells the rest
		}
		e.Kind = Sent
		if l.Daemon == "discard" {
			e.Kind = Bounced
		}
	case "bounced", "expired":
		e.Kind = Bounced
	case "deferred":
	default: // verify's probes
		return nil
	}
	return []Event{e}
}

func (t *Tracker) event(k Kind, tr Trace, l Line, text string) Event {
	return Event{Kind: k, MessageID: tr.MessageID, Queue: tr.Root, From: tr.From, At: l.At, Line: text}
}

func (t *Tracker) find(queue string) int {
	return slices.IndexFunc(t.Traces, func(o Trace) bool { return o.Queue == queue })
}

func (t *Tracker) drop(queue string) {
	if i := t.find(queue); i >= 0 {
		t.Traces = slices.Delete(t.Traces, i, i+1)
	}
}

// Open tells whether a mail with this Message-ID is inside the relay.
func (t *Tracker) Open(messageID string) bool {
	return slices.ContainsFunc(t.Traces, func(o Trace) bool { return o.MessageID == messageID })
}
