package dispatch

import (
	"embed"
	"slices"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Sending is one package on its way (送付).
type Sending struct {
	gate.Row
	Party       string    `json:"party" col:"party_id" class:"internal,plain"`
	Owner       string    `json:"owner" col:"owner_id" class:"internal,plain"` // who prepared it
	Department  string    `json:"department" col:"department_id" class:"internal,plain"`
	State       State     `json:"state" col:"state" class:"internal,plain"`
	Channel     string    `json:"channel" col:"channel" class:"internal,plain"`
	Purpose     Purpose   `json:"purpose" col:"purpose" class:"internal,plain"`
	Class       string    `json:"class" col:"class" class:"internal,plain"` // highest of what is in it
	FromName    string    `json:"from_name" col:"from_name" class:"confidential"`
	FromAddress string    `json:"from_address" col:"from_address" class:"confidential"`
	Subject     string    `json:"subject" col:"subject" class:"personal"`
	Body        string    `json:"body" col:"body" class:"personal"`
	Digest      string    `json:"digest" col:"digest" class:"internal,plain"` // of the package as checked, "" while changed
	Check       string    `json:"check" col:"check_id" class:"internal,plain"`
	ConfirmedBy string    `json:"confirmed_by" col:"confirmed_by" class:"internal,plain"`
	ConfirmedAt time.Time `json:"confirmed_at" col:"confirmed_at" class:"internal,plain"`
	Request     string    `json:"request" col:"request_id" class:"internal,plain"`            // of the second person
	HeldUntil   time.Time `json:"held_until" col:"held_until" class:"internal,plain"`         // it can be cancelled at least until then
	Reason      string    `json:"reason" col:"reason" class:"internal,plain"`                 // key of the sentence that says why it stands where it stands
	Portal      string    `json:"portal" col:"portal" class:"internal,plain" since:"2"`       // where its links lead, "" of a mail
	FaxRelay    string    `json:"fax_relay" col:"fax_relay" class:"internal,plain" since:"3"` // domain that takes its FAX as mail, "" where people dial
	PasswordBy  string    `json:"password_by" col:"password_by" class:"internal,plain" since:"3"`
	PasswordAt  time.Time `json:"password_at" col:"password_at" class:"internal,plain" since:"3"` // when the password of its files was shown, zero: not yet
	Batch       string    `json:"batch" col:"batch_id" class:"internal,plain" since:"2"`          // plan of the batch it belongs to, "" if it stands alone
}

// Item is one recipient of a package, with a state of its own.
type Item struct {
	gate.Row
	Package    string    `json:"package" col:"package_id" class:"internal,plain"`
	Party      string    `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string    `json:"-" col:"owner_id" class:"internal,plain"`
	Department string    `json:"-" col:"department_id" class:"internal,plain"`
	Place      int64     `json:"place" col:"place" class:"internal,plain"`
	Kind       string    `json:"kind" col:"kind" class:"internal,plain"`             // to or cc
	Proposed   string    `json:"proposed" col:"proposed" class:"personal"`           // as typed, pasted or imported
	Point      string    `json:"point" col:"point_id" class:"internal,plain"`        // the verified delivery point it is, "" if none
	Address    string    `json:"address" col:"address" class:"personal"`             // the point's, as checked: shown, never sent to
	State      State     `json:"state" col:"state" class:"internal,plain"`           //
	NotBefore  time.Time `json:"not_before" col:"not_before" class:"internal,plain"` // of the next try
	FirstTry   time.Time `json:"first_try" col:"first_try" class:"internal,plain"`
	Attempts   int64     `json:"attempts" col:"attempts" class:"internal,plain"`
	Holder     string    `json:"holder" col:"holder" class:"internal,plain"` // node whose worker has it
	Fence      int64     `json:"fence" col:"fence" class:"internal,plain"`   // number of the claim; an older one counts for nothing
	LeaseUntil time.Time `json:"lease_until" col:"lease_until" class:"internal,plain"`
	ClaimedAt  time.Time `json:"claimed_at" col:"claimed_at" class:"internal,plain"` // also the mail's date
	MarkedAt   time.Time `json:"marked_at" col:"marked_at" class:"internal,plain"`   // from here on it may have been sent
	SettledAt  time.Time `json:"settled_at" col:"settled_at" class:"internal,plain"` // of the last outcome
	MessageID  string    `json:"message_id" col:"message_id" class:"internal,plain"`
	Bytes      string    `json:"bytes_digest" col:"bytes_digest" class:"internal,plain"` // of exactly what was sent; the bytes lie in the blob store
	Reason     string    `json:"reason" col:"reason" class:"internal,plain"`             // key of the outcome's sentence
	Relay      string    `json:"relay" col:"relay" class:"internal,plain"`
	Reply      string    `json:"reply" col:"reply" class:"personal"` // the relay's words
	QueueID    string    `json:"queue_id" col:"queue_id" class:"internal,plain"`
	TLS        string    `json:"tls" col:"tls" class:"internal,plain"`
	ResolvedBy string    `json:"resolved_by" col:"resolved_by" class:"internal,plain"` // person who decided about an unknown
	Evidence   string    `json:"evidence" col:"evidence" class:"personal"`
	Lane       string    `json:"-" col:"lane" class:"internal,plain" since:"2"`              // of its domain: how many go there a minute
	Attention  string    `json:"attention" col:"attention" class:"internal,plain" since:"2"` // why a person should look at it, "" if nobody need
	AttendedBy string    `json:"attended_by" col:"attended_by" class:"internal,plain" since:"2"`
	AttendedAt time.Time `json:"attended_at" col:"attended_at" class:"internal,plain" since:"2"`
}

// File is one attachment: a document of the archive as it was when attached.
type File struct {
	gate.Row
	Package       string     `json:"package" col:"package_id" class:"internal,plain"`
	Place         int64      `json:"place" col:"place" class:"internal,plain"`
	Document      string     `json:"document" col:"document_id" class:"internal,plain"`
	DocumentParty string     `json:"document_party" col:"document_party" class:"internal,plain"`
	Digest        string     `json:"digest" col:"digest" class:"internal,exact"` // of the bytes; sealed, since it tells known files
	Name          string     `json:"name" col:"name" class:"confidential"`
	Media         string     `json:"media" col:"media" class:"internal,plain"`
	Kind          string     `json:"kind" col:"kind" class:"internal,plain"`
	Number        string     `json:"number" col:"number" class:"internal,plain"`
	Amount        money.Yen  `json:"amount" col:"amount" class:"confidential,plain"`
	Date          civil.Date `json:"date" col:"date" class:"internal,plain"`
	Class         string     `json:"class" col:"class" class:"internal,plain"`
}

// Checking is what one check found; its ticks are good once.
type Checking struct {
	gate.Row
	Package   string    `json:"package" col:"package_id" class:"internal,plain"`
	Digest    string    `json:"digest" col:"digest" class:"internal,plain"`
	Person    string    `json:"person" col:"person" class:"internal,plain"`     // to whom the ticks were given
	Register  string    `json:"register" col:"register" class:"internal,plain"` // version of the register compared with
	ExpiresAt time.Time `json:"expires_at" col:"expires_at" class:"internal,plain"`
	Used      bool      `json:"used" col:"used" class:"internal,plain"`
	Findings  []Finding `json:"findings" col:"findings" class:"personal"`
	Friction  Friction  `json:"friction" col:"friction" class:"internal,plain" since:"2"`
	Rules     int64     `json:"rules" col:"rules" class:"internal,plain" since:"2"` // version of the rules it was judged by
}

// Switch is the emergency stop (緊急停止); there is one row.
type Switch struct {
	gate.Row
	Stopped bool   `json:"stopped" col:"stopped" class:"internal,plain"`
	Person  string `json:"person" col:"person" class:"internal,plain"`
	Reason  string `json:"reason" col:"reason" class:"confidential"`
}

var (
	sendings = gate.NewTable[Sending]("dispatch", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "id"))
	items    = gate.NewTable[Item]("dispatch_item", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
	files    = gate.NewTable[File]("dispatch_file", gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
	checked  = gate.NewTable[Checking]("dispatch_check", gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
	switches = gate.NewTable[Switch]("dispatch_stop", gate.Unscoped())
	lanes    = gate.NewTable[Lane]("dispatch_lane", gate.Unscoped())
	relays   = gate.NewTable[RelayHealth]("dispatch_relay", gate.Unscoped())
	logs     = gate.NewTable[LogPosition]("dispatch_log", gate.Unscoped())
)

// bundle is a sending with its rows, in their order.
type bundle struct {
	Sending
	items []Item
	files []File
}

func load(x *gate.Tx, id string) (bundle, error) {
	s, err := sendings.Get(x, id)
	if err != nil {
		return bundle{}, err
	}
	b := bundle{Sending: s}
	if b.items, err = items.Find(x, gate.Eq("package_id", id)); err != nil {
		return b, err
	}
	if b.files, err = files.Find(x, gate.Eq("package_id", id)); err != nil {
		return b, err
	}
	slices.SortFunc(b.items, func(a, c Item) int { return int(a.Place - c.Place) })
	slices.SortFunc(b.files, func(a, c File) int { return int(a.Place - c.Place) })
	return b, nil
}

// target is what a decision about a sending is about: it belongs to who
// prepared it, and is reached by whoever is assigned to the partner.
func target(x *gate.Tx, id string) (gate.Target, error) {
	s, err := sendings.Get(x, id)
	return s.target(), err
}

func (s Sending) target() gate.Target {
	return gate.Target{Kind: "dispatch", ID: s.ID, Owner: s.Owner, Department: s.Department, Subject: s.Party, Class: classOf(s.Class)}
}

// alone is the lock of everything that happens to one sending.
func alone(id string) []string { return []string{"dispatch/" + id} }

// advance moves the package and all its recipients, which go together until
// they are held, and writes them.
func (b *bundle) advance(x *gate.Tx, events ...Event) error {
	for _, e := range events {
		var err error
		if b.State, err = Next(b.State, e); err != nil {
			return err
		}
		for i := range b.items {
			if b.items[i].State, err = Next(b.items[i].State, e); err != nil {
				return err
			}
		}
	}
	return b.save(x)
}

func (b *bundle) save(x *gate.Tx) error {
	for i := range b.items {
		b.items[i].Attention = b.items[i].attention()
	}
	if err := sendings.Update(x, &b.Sending); err != nil {
		return err
	}
	return items.UpdateMany(x, b.items)
}

// untouched is fault.Refused once any recipient is past the claim: what has
// left cannot be changed.
func (b *bundle) untouched() error {
	for _, i := range b.items {
		if !i.State.BeforeClaim() {
			return fault.Refused("dispatch.left_already", "state", i.State.word())
		}
	}
	return nil
}

// change sends it back to be checked again: whoever confirmed or approved did
// so about something else.
func (b *bundle) change(x *gate.Tx, reason string) error {
	if err := b.untouched(); err != nil {
		return err
	}
	b.Digest, b.Check, b.ConfirmedBy, b.ConfirmedAt, b.Request, b.HeldUntil = "", "", "", time.Time{}, "", time.Time{}
	b.Reason = reason
	return b.advance(x, Change)
}

// void ends what rested on something that changed meanwhile. If nothing has
// left yet, it goes back to be checked; else what has not left is cancelled.
func (b *bundle) void(x *gate.Tx) error {
	if b.untouched() == nil {
		return b.change(x, "dispatch.voided")
	}
	for i := range b.items {
		if b.items[i].State.BeforeClaim() {
			b.items[i].State, b.items[i].Reason = Cancelled, "dispatch.voided"
		}
	}
	return b.summarise(x)
}

// summarise sets the package's state from its recipients' and writes both.
func (b *bundle) summarise(x *gate.Tx) error {
	states := make([]State, len(b.items))
	for i := range b.items {
		states[i] = b.items[i].State
	}
	b.State = Summary(states)
	return b.save(x)
}

// item finds a recipient of the package.
func (b *bundle) item(id string) (*Item, error) {
	for i := range b.items {
		if b.items[i].ID == id {
			return &b.items[i], nil
		}
	}
	return nil, fault.NotFound()
}

// after shows the package as it is once err's change was made: the argument is
// evaluated before what is shown.
func (b *bundle) after(err error) (Shown, error) { return b.shown(), err }
