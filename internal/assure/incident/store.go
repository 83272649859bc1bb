package incident

import (
	"embed"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Incident is one report with its facts. It belongs to who prepared the package.
type Incident struct {
	gate.Row
	Package    string `json:"package" col:"package_id" class:"internal,plain"`
	Party      string `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string `json:"owner" col:"owner_id" class:"internal,plain"`
	Department string `json:"department" col:"department_id" class:"internal,plain"`
	State      State  `json:"state" col:"state" class:"internal,plain"`
	Level      Level  `json:"level" col:"level" class:"internal,plain"`
	Cause      string `json:"cause" col:"cause" class:"internal,plain"`
	Reporter   string `json:"reporter" col:"reporter" class:"internal,plain"`

	Known            civil.Date `json:"known_on" col:"known_on" class:"internal,plain"`
	PromptFrom       civil.Date `json:"prompt_from" col:"prompt_from" class:"internal,plain"`
	PromptBy         civil.Date `json:"prompt_by" col:"prompt_by" class:"internal,plain"`
	FinalBy          civil.Date `json:"final_by" col:"final_by" class:"internal,plain"`
	FinalByMalicious civil.Date `json:"final_by_malicious" col:"final_by_malicious" class:"internal,plain"`

	Persons  int64  `json:"persons" col:"persons" class:"internal,plain"`             // whose data are in it, at least
	Exact    bool   `json:"persons_exact" col:"persons_exact" class:"internal,plain"` // exactly so many
	Reason   string `json:"reason" col:"reason" class:"personal"`
	ShouldBe string `json:"should_be" col:"should_be" class:"personal"` // what was meant
	Facts    Facts  `json:"facts" col:"facts" class:"personal"`

	Outcome Outcome `json:"outcome" col:"outcome" class:"internal,plain"`
	Slot    string  `json:"-" col:"slot" class:"internal,plain"`
}

// Facts are the package as it was when it was reported.
type Facts struct {
	Subject    string      `json:"subject"`
	Sender     string      `json:"sender"`
	Digest     string      `json:"digest"` // of the package
	Recipients []Recipient `json:"recipients"`
	Documents  []Paper     `json:"documents"`
}

// Recipient is one addressee: where it stood at the press, and where the recall
// has brought it.
type Recipient struct {
	Item      string         `json:"item"`
	Kind      string         `json:"kind"`
	Address   string         `json:"address"`
	Point     string         `json:"point"`
	Was       dispatch.State `json:"was"`
	State     dispatch.State `json:"state"`
	ClaimedAt time.Time      `json:"claimed_at"`
	MarkedAt  time.Time      `json:"marked_at"`
	SettledAt time.Time      `json:"settled_at"`
	MessageID string         `json:"message_id"`
	Relay     string         `json:"relay"`
	QueueID   string         `json:"queue_id"`
	TLS       string         `json:"tls"`
	Bytes     string         `json:"bytes_digest"` // of exactly what was sent
}

// Paper is one document that was in it.
type Paper struct {
	Document string     `json:"document"`
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	Number   string     `json:"number"`
	Amount   money.Yen  `json:"amount"`
	Date     civil.Date `json:"date"`
	Digest   string     `json:"digest"`
	Class    string     `json:"class"`
}

// Event is one entry of the timeline.
type Event struct {
	gate.Row
	Incident string    `json:"incident" col:"incident_id" class:"internal,plain"`
	Kind     EventKind `json:"kind" col:"kind" class:"internal,plain"`
	Person   string    `json:"person" col:"person" class:"internal,plain"`
	Words    string    `json:"words" col:"words" class:"personal"`
}

// EventKind is what happened.
type EventKind string

// The kinds.
const (
	Reported EventKind = "reported"
	Again    EventKind = "reported_again"
	Noted    EventKind = "noted"
	Decided  EventKind = "decided"
)

var (
	incidents = gate.NewTable[Incident]("incident", gate.Scoped("owner_id", "department_id", ""), gate.Unit(vault.KindPersonal, "incident", "id"))
	events    = gate.NewTable[Event]("incident_event", gate.Unscoped(), gate.Unit(vault.KindPersonal, "incident", "incident_id"))
)

func (i Incident) target() gate.Target {
	return gate.Target{Kind: "incident", ID: i.ID, Owner: i.Owner, Department: i.Department, Subject: i.Party, Class: policy.Internal}
}

func one(x *gate.Tx, id string) (gate.Target, error) {
	i, err := incidents.Get(x, id)
	return i.target(), err
}

// log adds to the timeline.
func (i Incident) log(x *gate.Tx, k EventKind, words string) error {
	return events.Insert(x, &Event{Incident: i.ID, Kind: k, Person: x.Actor().Person, Words: words})
}

// gather writes down what left, to whom, and whose data are in it.
func (i *Incident) gather(x *gate.Tx, before []dispatch.Item, s dispatch.Shown) error {
	i.Facts = Facts{Subject: s.Subject, Sender: s.FromAddress, Digest: s.Digest}
	for n, r := range s.Recipients {
		i.Facts.Recipients = append(i.Facts.Recipients, Recipient{r.ID, r.Kind, r.Address, r.Point, before[n].State, r.State,
			r.ClaimedAt, r.MarkedAt, before[n].SettledAt, r.MessageID, r.Relay, r.QueueID, r.TLS, r.Bytes})
	}
	i.Exact = true
	for _, f := range s.Attachments {
		i.Facts.Documents = append(i.Facts.Documents, Paper{f.Document, f.Name, f.Kind, f.Number, f.Amount, f.Date, f.Digest, f.Class})
		d, err := document.Get(x, f.Document)
		if err != nil {
			return err
		}
		if d.Clearance() >= policy.Personal {
			i.Persons++                                         // one of ours names the contact it is addressed to
			i.Exact = i.Exact && d.Direction == document.Issued // what a file that came in names nobody has counted
		}
	}
	return nil
}
