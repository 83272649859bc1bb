// Package share is what recipients do with the links they were sent (受け取り
// リンク): they open one, prove by a code that they read the registered mailbox,
// see and take the documents, and write back. Whoever comes is nobody to the
// gate; the link's secret and the code are all they have. The link itself is
// dispatch's.
package share

import (
	"embed"
	"fmt"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// The limits of proving oneself.
const (
	codeFor   = 10 * time.Minute
	codeTries = 5
	codesADay = 3
	lockFor   = time.Hour
	deviceFor = 12 * time.Hour
	wordsOpen = 5 // of one link, not answered yet
)

// Visit is a browser that has come with a link. Only a hash of its cookie is kept.
type Visit struct {
	gate.Row
	Link        string    `json:"-" col:"link_id" class:"internal,plain"`
	Hash        string    `json:"-" col:"hash" class:"internal,plain"`
	Code        string    `json:"-" col:"code" class:"internal,plain"` // keyed hash of the code that was mailed, "" if none is good
	CodeUntil   time.Time `json:"-" col:"code_until" class:"internal,plain"`
	Tries       int64     `json:"-" col:"tries" class:"internal,plain"` // wrong ones at this code
	ProvenUntil time.Time `json:"-" col:"proven_until" class:"internal,plain"`
}

// Kind is what a recipient did.
type Kind string

// The kinds of events.
const (
	DidOpen     Kind = "opened"
	DidAskCode  Kind = "code_asked"
	DidErr      Kind = "wrong_code"
	DidLock     Kind = "locked"
	DidProve    Kind = "verified"
	DidView     Kind = "viewed"
	DidDownload Kind = "downloaded"
	DidTryDead  Kind = "refused"
	DidRenew    Kind = "renewed"
	DidWrite    Kind = "asked"
	DidWithdraw Kind = "withdrawn"
)

// Event is one thing that was done with a link.
type Event struct {
	gate.Row
	Link       string `json:"link" col:"link_id" class:"internal,plain"`
	Package    string `json:"package" col:"package_id" class:"internal,plain"`
	Party      string `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string `json:"-" col:"owner_id" class:"internal,plain"`
	Department string `json:"-" col:"department_id" class:"internal,plain"`
	Kind       Kind   `json:"kind" col:"kind" class:"internal,plain"`
	Document   string `json:"document" col:"document_id" class:"internal,plain"`
	IP         string `json:"ip" col:"ip" class:"personal"`
	Agent      string `json:"agent" col:"agent" class:"personal"`
}

// Word is what a recipient wrote, or what the sender should know of (受取人からの連絡).
type Word struct {
	gate.Row
	Link       string    `json:"link" col:"link_id" class:"internal,plain"`
	Package    string    `json:"package" col:"package_id" class:"internal,plain"`
	Party      string    `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string    `json:"owner" col:"owner_id" class:"internal,plain"`
	Department string    `json:"-" col:"department_id" class:"internal,plain"`
	Kind       string    `json:"kind" col:"kind" class:"internal,plain"`
	Words      string    `json:"words" col:"words" class:"personal"`
	Open       bool      `json:"open" col:"open" class:"internal,plain"`
	Answer     string    `json:"answer" col:"answer" class:"personal"`
	AnsweredBy string    `json:"answered_by" col:"answered_by" class:"internal,plain"`
	AnsweredAt time.Time `json:"answered_at" col:"answered_at" class:"internal,plain"`
}

// Kinds of words.
const (
	Question   = "question"
	CannotOpen = "cannot_open"
	NotOurs    = "not_ours"
	Locked     = "locked"
)

var (
	visits = gate.NewTable[Visit]("share_visit", gate.Unscoped())
	events = gate.NewTable[Event]("share_event", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
	words  = gate.NewTable[Word]("share_word", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
)

// tells keeps what was done with a link.
func tells(x *gate.Tx, l dispatch.LinkRow, k Kind, doc string) error {
	e := Event{Link: l.ID, Package: l.Package, Party: l.Party, Owner: l.Owner, Department: l.Department, Kind: k, Document: doc, Agent: x.Credential().Agent}
	if ip := x.Credential().IP; ip.IsValid() {
		e.IP = ip.String()
	}
	return events.Insert(x, &e)
}

// Says leaves a word for the sender.
func Says(x *gate.Tx, l dispatch.LinkRow, kind, said string) error {
	w := Word{Link: l.ID, Package: l.Package, Party: l.Party, Owner: l.Owner, Department: l.Department, Kind: kind, Words: said, Open: true}
	return words.Insert(x, &w)
}

// find gives the link of a locator. A dead one leaves an event for the sender,
// and reads like one that never was.
func find(x *gate.Tx, locator string) (dispatch.Linked, error) {
	l, err := dispatch.FindLink(x, locator)
	if fault.Is(err, fault.KindRefused) {
		return l, dead(x, l)
	}
	return l, err
}

func dead(x *gate.Tx, l dispatch.Linked) error {
	if l.ID != "" && x.Writes() {
		if err := tells(x, l.LinkRow, DidTryDead, ""); err != nil {
			return err
		}
	}
	return gate.Refused(x, dispatch.Gone())
}

// come makes the visit of a browser; what it keeps is shown this once.
func come(x *gate.Tx, link string) (Visit, string, error) {
	v := Visit{Link: link}
	token := renew(&v)
	return v, token, visits.Insert(x, &v)
}

// renew gives a visit another cookie.
func renew(v *Visit) string {
	token := vault.NewToken()
	v.Hash = vault.HashTokenHex(token)
	return token
}

// visit is the browser that has this cookie for the link.
func visit(x *gate.Tx, link, token string) (Visit, bool, error) {
	if token == "" {
		return Visit{}, false, nil
	}
	list, err := visits.Find(x, gate.Eq("hash", vault.HashTokenHex(token)))
	for _, v := range list {
		if v.Link == link {
			return v, true, err
		}
	}
	return Visit{}, false, err
}

// Proven loads a link for a browser that has given its code within the last
// hours, Refused else: for ops of others about what a link shows.
func Proven(x *gate.Tx, locator, device string) (dispatch.Linked, error) {
	l, err := find(x, locator)
	if err != nil {
		return l, err
	}
	v, known, err := visit(x, l.ID, device)
	if err == nil && (!known || !x.Now().Before(v.ProvenUntil)) {
		err = fault.Refused("share.prove_first")
	}
	return l, err
}

// Holder loads a link for whoever holds it: a browser that has come with its
// secret or given its code.
func Holder(x *gate.Tx, locator, token string) (dispatch.Linked, error) {
	l, err := find(x, locator)
	if err != nil {
		return l, err
	}
	_, known, err := visit(x, l.ID, token)
	if err == nil && !known {
		err = fault.Refused("share.prove_first")
	}
	return l, err
}

// lock is what everything that happens to one link is alone on.
func lock(locator string) []string { return []string{"share/" + locator} }

// codeHash is what is kept of a code: it is good for one browser only.
func codeHash(x *gate.Tx, v Visit, code string) string {
	return fmt.Sprintf("%x", x.Ring().MAC("link code", []byte(v.ID), []byte(code)))
}

// newCode is six random digits.
func newCode() string {
	n := uint64(0)
	for _, b := range vault.Random(8) {
		n = n<<8 | uint64(b)
	}
	return fmt.Sprintf("%06d", n%1_000_000) // the bias is one in 10^13
}

// spend counts one mail about a link; false when the day's are used up.
func spend(l *dispatch.LinkRow, now time.Time) bool {
	if day := civil.Of(now); l.AskedOn != day {
		l.AskedOn, l.Asked = day, 0
	}
	l.Asked++
	return l.Asked <= codesADay
}
