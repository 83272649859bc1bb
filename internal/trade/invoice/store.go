package invoice

import (
	"embed"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Invoice is the head of an invoice (請求書): what lists show and searches ask
// for. Owner and department are the partner's when it was last saved.
type Invoice struct {
	gate.Row
	State      State      `json:"state" col:"state" class:"internal,plain"`
	Number     string     `json:"number" col:"number" class:"internal,plain"`     // 請求書番号, "" for a draft
	Date       civil.Date `json:"date" col:"date" class:"internal,plain"`         // 発行日; a draft without one bears the day it was written
	Due        civil.Date `json:"due" col:"due" class:"internal,plain"`           // お支払期限
	Amount     money.Yen  `json:"amount" col:"amount" class:"confidential,plain"` // below zero for what is given back
	Base       money.Yen  `json:"base" col:"base" class:"confidential,plain"`     // without tax
	Tax        money.Yen  `json:"tax" col:"tax" class:"confidential,plain"`
	Party      string     `json:"party" col:"party_id" class:"internal,plain"`
	PartyName  string     `json:"party_name" col:"party_name" class:"confidential,label"`
	Subject    string     `json:"subject" col:"subject" class:"confidential,label"`
	Owner      string     `json:"owner" col:"owner_id" class:"internal,plain"`
	Department string     `json:"department" col:"department_id" class:"internal,plain"`
	IssuedBy   string     `json:"issued_by" col:"issued_by" class:"internal,plain"`
	IssuedAt   time.Time  `json:"issued_at" col:"issued_at" class:"internal,plain"`
	Snapshot   string     `json:"snapshot_digest" col:"snapshot" class:"internal,plain"` // SHA-256 of the frozen content
	Document   string     `json:"document" col:"document_id" class:"internal,plain"`     // its PDF in the archive, from ready on
	Queued     time.Time  `json:"-" col:"queued_at" class:"internal,plain"`              // when its rendering was last asked for
	Run        string     `json:"run" col:"run_id" class:"internal,plain"`               // import run of an opening invoice, else ""
	Kind       Kind       `json:"kind" col:"kind" class:"internal,plain" since:"2"`
	Standing   Standing   `json:"standing" col:"standing" class:"internal,plain" since:"2"`
	Settled    civil.Date `json:"settled_on" col:"settled_on" class:"internal,plain" since:"3"` // the day it was paid in full
	Check      string     `json:"-" col:"check_code" class:"internal,plain" since:"4"`          // printed code of the page of its account
}

// content is what an invoice says; its id is the invoice's.
type content struct {
	gate.Row
	FiscalYear string `json:"-" col:"fiscal_year" class:"internal,plain"` // its disposal unit
	Draft      Draft  `json:"-" col:"draft" class:"personal"`
	Snapshot   []byte `json:"-" col:"snapshot" class:"personal"` // JSON of printed, byte for byte as hashed; empty in a draft
}

var (
	invoices = gate.NewTable[Invoice]("invoice", gate.Scoped("owner_id", "department_id", "party_id"))
	contents = gate.NewTable[content]("invoice_content", gate.Unscoped(), gate.Unit(vault.KindConfidential, "invoice", "fiscal_year"))
)

// Get loads the head of an invoice; NotFound when there is none, or only in an
// import run that is not visible.
func Get(x *gate.Tx, id string) (Invoice, error) {
	h, err := invoices.Get(x, id)
	if err != nil || h.Run == "" {
		return h, err
	}
	r, err := runs.Get(x, h.Run)
	if err == nil && r.State != Visible {
		err = fault.NotFound()
	}
	if err != nil {
		return Invoice{}, err
	}
	return h, nil
}

// frozen loads the content of an issued invoice and proves that it is the one
// that was issued.
func frozen(x *gate.Tx, h Invoice) (c content, p printed, err error) {
	if c, err = contents.Get(x, h.ID); err != nil {
		return c, p, err
	}
	if blob.Sum(c.Snapshot).String() != h.Snapshot {
		return c, p, &fault.Error{Kind: fault.KindFailed, Key: "gate.tampered", Args: []any{"table", "invoice_content", "id", h.ID}}
	}
	return c, p, json.Unmarshal(c.Snapshot, &p)
}
