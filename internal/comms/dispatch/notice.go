package dispatch

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"sekisho/internal/comms/dispatch/internal/mime"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

// Machine mail (機械からの通知) is what the server writes by itself: an alarm, the
// signed checkpoint, a test. It comes from a closed list of fixed templates,
// holds ids, times and the signed note and nothing of the business, and goes
// only to addresses that two people have confirmed. So it needs no ticks and no
// hold, and it goes while all other sending is stopped.

// Template is one of the fixed mails.
type Template string

// The templates.
const (
	AlarmMail      Template = "alarm"
	CheckpointMail Template = "checkpoint"
	TestMail       Template = "test"
	CodeMail       Template = "code"   // one-time code of a link, to its delivery point
	LinkMail       Template = "link"   // a new link, to the same
	ProofMail      Template = "proof"  // asks whoever reads an address whether it is theirs, by a link
	AnswerMail     Template = "answer" // the same, by an answer
)

// AddressState is how far an address for machine mail has come.
type AddressState string

// The states of an address.
const (
	AddressProposed  AddressState = "proposed"
	AddressConfirmed AddressState = "confirmed"
	AddressRetired   AddressState = "retired"
)

// NoticeAddress is where machine mail may go (通知先): the own people's or a
// witness's address, no partner's. Who runs the system must see where alarms
// go, so it is internal and not personal; it is stored sealed all the same.
type NoticeAddress struct {
	gate.Row
	Purpose     string       `json:"purpose" col:"purpose" class:"internal,plain"` // alarm or checkpoint
	Address     string       `json:"address" col:"address" class:"internal,exact"` // canonical
	Label       string       `json:"label" col:"label" class:"internal,seal"`
	State       AddressState `json:"state" col:"state" class:"internal,plain"`
	ProposedBy  string       `json:"proposed_by" col:"proposed_by" class:"internal,plain"`
	ConfirmedBy string       `json:"confirmed_by" col:"confirmed_by" class:"internal,plain"` // who asked for it
	ApprovedBy  string       `json:"approved_by" col:"approved_by" class:"internal,plain"`   // the second person
	ConfirmedAt time.Time    `json:"confirmed_at" col:"confirmed_at" class:"internal,plain"`
	RetiredBy   string       `json:"retired_by" col:"retired_by" class:"internal,plain"`
	RetiredAt   time.Time    `json:"retired_at" col:"retired_at" class:"internal,plain"`
}

// NoticeState is how far one machine mail has come.
type NoticeState string

// The states of a machine mail.
const (
	NoticeWaiting NoticeState = "waiting"
	NoticeClaimed NoticeState = "claimed" // marked: the dot follows, it may have been sent
	NoticeHanded  NoticeState = "handed_over"
	NoticeUnknown NoticeState = "unknown"
	NoticeRefused NoticeState = "refused"
)

// Notice is one machine mail to one address.
type Notice struct {
	gate.Row
	Template Template    `json:"template" col:"template" class:"internal,plain"`
	Address  string      `json:"address_id" col:"address_id" class:"internal,plain"`
	State    NoticeState `json:"state" col:"state" class:"internal,plain"`

	About   string    `json:"about" col:"about" class:"internal,plain"` // id of the alarm; size of the log
	What    string    `json:"what" col:"what" class:"internal,plain"`   // text key of the sentence
	Kind    string    `json:"kind" col:"kind" class:"internal,plain"`
	Subject string    `json:"subject" col:"subject" class:"internal,plain"`
	Leaf    int64     `json:"leaf" col:"leaf" class:"internal,plain"` // -1: none
	From    time.Time `json:"seen_from" col:"seen_from" class:"internal,plain"`
	Until   time.Time `json:"seen_until" col:"seen_until" class:"internal,plain"`
	Count   int64     `json:"seen_count" col:"seen_count" class:"internal,plain"`
	Note    string    `json:"note" col:"note" class:"internal,seal"` // the signed note as it stands

	Point  string `json:"point" col:"point_id" class:"internal,plain" since:"2"` // delivery point of a link, instead of Address
	Secret string `json:"-" col:"secret" class:"secret" since:"2"`               // the code, or the link

	NotBefore  time.Time `json:"not_before" col:"not_before" class:"internal,plain"`
	Attempts   int64     `json:"attempts" col:"attempts" class:"internal,plain"`
	Lost       int64     `json:"lost" col:"lost" class:"internal,plain"` // tries of which nobody knows the outcome
	Fence      int64     `json:"fence" col:"fence" class:"internal,plain"`
	LeaseUntil time.Time `json:"lease_until" col:"lease_until" class:"internal,plain"`
	MarkedAt   time.Time `json:"marked_at" col:"marked_at" class:"internal,plain"`
	SettledAt  time.Time `json:"settled_at" col:"settled_at" class:"internal,plain"`
	Bytes      string    `json:"bytes_digest" col:"bytes_digest" class:"internal,plain"`
	Reason     string    `json:"reason" col:"reason" class:"internal,plain"`
	Relay      string    `json:"relay" col:"relay" class:"internal,plain"`
	Reply      string    `json:"reply" col:"reply" class:"internal,seal"`
	QueueID    string    `json:"queue_id" col:"queue_id" class:"internal,plain"`
}

var (
	noticeAddresses = gate.NewTable[NoticeAddress]("dispatch_notice_address", gate.Unscoped())
	notices         = gate.NewTable[Notice]("dispatch_notice", gate.Unscoped())
)

const (
	noticeLost   = 2                // so often may nobody know: after that it stays unknown
	noticeRepeat = 2 * time.Minute  // after an outcome nobody knows
	noticeLease  = 15 * time.Minute // after the mark; a relay that says nothing for longer says nothing
	noticeMost   = 10               // confirmed addresses of one purpose
	noticeBell   = "dispatch.notice"
)

// after settles one try. A repeated alarm or checkpoint harms nobody (it has the
// same Message-ID and the same bytes), a lost one may; so an unknown outcome is
// tried once more, unlike a sending of the business.
func (n *Notice) after(kind string, now time.Time) {
	n.SettledAt, n.LeaseUntil = now, time.Time{}
	switch kind {
	case "handed_over":
		n.State = NoticeHanded
	case "refused":
		n.State = NoticeRefused
	case "unknown":
		n.Lost++
		n.State, n.NotBefore = NoticeWaiting, now.Add(noticeRepeat)
		if n.Lost >= noticeLost {
			n.State = NoticeUnknown
		}
	default: // surely not sent
		n.State, n.NotBefore = NoticeWaiting, now.Add(retryAfter(n.Attempts))
		if now.Sub(n.CreatedAt) > giveUpAfter {
			n.State, n.Reason = NoticeRefused, "dispatch.gave_up"
		}
	}
}

// open tells whether it can be sent now: it waits, or whoever had it is gone.
func (n *Notice) open(now time.Time) bool {
	switch n.State {
	case NoticeWaiting:
		return !now.Before(n.NotBefore)
	case NoticeClaimed:
		return !now.Before(n.LeaseUntil)
	}
	return false
}

var (
	plainID  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	unfilled = regexp.MustCompile(`\{[a-z_]+\}`)
)

// printed is a name as a mail may show it. What is not an id may be anyone's
// words (a forged row's id, say), and is left to be read in the list.
func printed(s string) string {
	if plainID.MatchString(s) {
		return s
	}
	return "―"
}

// jst writes a time in Japan time, alike in both languages.
func jst(t time.Time) string {
	return t.In(time.FixedZone("JST", 9*60*60)).Format("2006-01-02 15:04:05 JST")
}

// mail makes the message: Japanese first, then English. It depends on nothing
// but the row and the addresses, so every try has the same bytes.
func (n Notice) mail(from Sender, to string) (mime.Mail, error) {
	domain, err := senderDomain(from.Address)
	if err != nil {
		return mime.Mail{}, err
	}
	var parts []string
	for _, l := range text.Langs {
		parts = append(parts, n.words(l))
	}
	body := strings.Join(parts, "\n\n----\n\n") + "\n"
	head := "[Sekisho] "
	if n.Point != "" { // a partner does not know what that is
		head = ""
	}
	m := mime.Mail{From: mime.Mailbox{Name: cmp.Or(from.Name, "Sekisho"), Addr: from.Address}, To: []mime.Mailbox{{Addr: to}},
		Subject: head + text.T(text.JA, n.key("subject")) + " / " + text.T(text.EN, n.key("subject")),
		Text:    body, MessageID: strings.ToLower(n.ID) + ".notice@" + domain, Date: n.CreatedAt, Auto: mime.Generated}
	if n.Template == CheckpointMail {
		m.Text = n.Note + "\n----\n\n" + body
		m.Attachments = []mime.Attachment{{Name: "checkpoint.txt", MediaType: "text/plain", Bytes: []byte(n.Note)}}
	}
	return m, nil
}

func (n Notice) key(part string) string { return "dispatch.notice_" + string(n.Template) + "_" + part }

func (n Notice) words(l text.Lang) string {
	if n.Point != "" {
		return text.T(l, n.key("words"), "br", "\n", "secret", n.Secret, "until", jst(n.Until))
	}
	leaf := any("―")
	if n.Leaf >= 0 {
		leaf = n.Leaf
	}
	id := printed(n.Subject)
	what := text.T(l, n.What, "table", printed(n.Kind), "id", id, "leaf", leaf, "dir", id, "place", id, "file", id)
	what = unfilled.ReplaceAllString(what, "―")
	lines := []string{text.T(l, n.key("intro"))}
	switch n.Template {
	case AlarmMail:
		lines = append(lines, "", what, "", text.T(l, "dispatch.notice_alarm_facts", "kind", printed(n.Kind), "id", id, "leaf", leaf, "alarm", printed(n.About),
			"from", jst(n.From), "until", jst(n.Until), "count", n.Count))
	case CheckpointMail:
		lines = append(lines, "", text.T(l, "dispatch.notice_checkpoint_facts", "size", n.About, "at", jst(n.From)), text.T(l, "dispatch.notice_checkpoint_verify"))
	}
	return strings.Join(append(lines, "", text.T(l, n.key("todo")), text.T(l, "dispatch.notice_foot")), "\n")
}

// valid refuses values that no template has a place for.
func (in NoticeIn) valid() error {
	switch {
	case in.Template == AlarmMail && (!text.Has(in.What) || in.Note != ""):
		return fault.Invalid("dispatch.notice_values").At("what")
	case in.Template == CheckpointMail && (in.Note == "" || in.What != "" || strings.ContainsRune(in.Note, '\r')):
		return fault.Invalid("dispatch.notice_values").At("note")
	}
	return nil
}
