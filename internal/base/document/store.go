package document

import (
	"embed"
	"time"

	"sekisho/internal/base/org"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

//go:embed schema/*.sql
var schema embed.FS

// Document is one file of the archive.
type Document struct {
	gate.Row
	Kind        string     `json:"kind" col:"kind" class:"internal,plain"`
	Direction   Direction  `json:"direction" col:"direction" class:"internal,plain"`
	Party       string     `json:"party" col:"party_id" class:"internal,plain"`    // id of the partner, "" if none
	Number      string     `json:"number" col:"number" class:"internal,plain"`     // 書類番号
	Amount      money.Yen  `json:"amount" col:"amount" class:"confidential,plain"` // total with tax (税込), 0 if it has none
	Date        civil.Date `json:"date" col:"doc_date" class:"internal,plain"`     // 取引年月日
	Name        string     `json:"name" col:"name" class:"confidential,label"`     // of the file
	Media       string     `json:"media" col:"media" class:"internal,plain"`
	Digest      string     `json:"digest" col:"digest" class:"internal,exact"` // blob.Digest, hex; sealed, since it tells known files
	Size        int64      `json:"size" col:"size" class:"internal,plain"`     // bytes
	Class       string     `json:"class" col:"class" class:"internal,plain"`   // 機密区分 of the content
	RetainUntil civil.Date `json:"retain_until" col:"retain_until" class:"internal,plain"`
	Owner       string     `json:"owner" col:"owner_id" class:"internal,plain"` // person
	Department  string     `json:"department" col:"department_id" class:"internal,plain"`
	Former      string     `json:"former" col:"former_id" class:"internal,plain"` // document this one corrects
	Latter      string     `json:"latter" col:"latter_id" class:"internal,plain"` // document that corrects this one
	Reason      string     `json:"reason" col:"reason" class:"confidential"`      // of the correction

	Standing Standing  `json:"standing" col:"standing" class:"internal,plain" since:"2"`
	GivenAt  time.Time `json:"given_at" col:"given_at" class:"internal,plain" since:"2"`   // when its bytes first left
	GivenBy  string    `json:"given_by" col:"given_by" class:"internal,plain" since:"2"`   // to or through whom
	GivenHow string    `json:"given_how" col:"given_how" class:"internal,plain" since:"2"` // the op, Never or Unknown

	Due civil.Date `json:"due" col:"due_on" class:"internal,plain" since:"3"` // お支払期限, zero if it says none or is older than the column
}

var documents = gate.NewTable[Document]("document", gate.Scoped("owner_id", "department_id", "party_id"))

// Archive files a document whose bytes are in the blob store already. Class is
// confidential, Owner the actor and Date today, unless given; RetainUntil is
// reckoned here from the business year. Errors are fault.Invalid.
func Archive(x *gate.Tx, d *Document) error {
	if d.Class == "" {
		d.Class = "confidential"
	}
	if d.Owner == "" {
		d.Owner = x.Actor().Person
	}
	if d.Date.IsZero() {
		d.Date = civil.Of(x.Now())
	}
	d.GivenHow = Never
	if err := d.fits(); err != nil {
		return err
	}
	var err error
	if d.RetainUntil, err = org.KeepThrough(x, d.Date); err != nil {
		return err
	}
	return documents.Insert(x, d)
}

// Get loads a document, verified; NotFound when there is none.
func Get(x *gate.Tx, id string) (Document, error) { return documents.Get(x, id) }
