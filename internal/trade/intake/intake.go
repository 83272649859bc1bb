// Package intake takes over partners and open invoices (取込) from the files of
// other programs: a file is read line by line, its columns are mapped, every row
// is converted or refused with its line and reason, the control totals are
// confirmed, and the rows are written in slices under a run that nobody sees
// until one small commit makes all of them part of the books.
package intake

import (
	"fmt"
	"strings"
	"unicode"

	"sekisho/internal/kernel/fault"
)

// Kind says what a file holds.
type Kind string

const (
	Partners     Kind = "partners"      // 取引先: one partner and one contact with one address per row
	OpenInvoices Kind = "open_invoices" // 未回収の請求: issued by another program, not yet paid
)

// State of a run.
type State string

const (
	Uploaded  State = "uploaded"  // read and kept; nothing written
	Staging   State = "staging"   // slices are being written; nobody sees them
	Blocked   State = "blocked"   // all written, but publishing met what is already there
	Stopped   State = "stopped"   // a person stopped it; it can go on or be undone
	Published State = "published" // part of the books
	Undone    State = "undone"    // hidden for good
)

// Bounds of a file.
const (
	MaxBytes   = 64 << 20
	MaxRows    = 200_000
	MaxColumns = 200
	MaxCells   = 8_000_000 // of the whole file: about 200 MB while it is read
)

// Field is what a column may be mapped to.
type Field string

const (
	Code               Field = "code"
	Name               Field = "name"
	Kana               Field = "kana"
	Honorific          Field = "honorific"
	CorporateNumber    Field = "corporate_number"
	RegistrationNumber Field = "registration_number"
	PostalCode         Field = "postal_code"
	Prefecture         Field = "prefecture"
	Address1           Field = "address1"
	Address2           Field = "address2"
	Address3           Field = "address3"
	Phone              Field = "phone"
	Terms              Field = "terms"     // 締日と支払日 in one column
	Closing            Field = "closing"   // 締日
	Payment            Field = "payment"   // 支払サイト: 翌月末, or days: 30
	PayMonth           Field = "pay_month" // 回収月: 翌月, or months: 1
	PayDay             Field = "pay_day"   // 回収日: 末 or 1–31
	ContactName        Field = "contact_name"
	ContactKana        Field = "contact_kana"
	Section            Field = "section"
	Title              Field = "title"
	ContactPhone       Field = "contact_phone"
	Mail               Field = "mail"

	Number Field = "number"
	Date   Field = "date"
	Due    Field = "due"
	Amount Field = "amount" // 税込の請求額
	Tax    Field = "tax"    // うち消費税
)

// Fields are those a kind of file may have, the required ones first.
func Fields(k Kind) []Field {
	if k == OpenInvoices {
		return []Field{Code, Number, Date, Amount, Due, Tax, Mail}
	}
	return []Field{Code, Name, Kana, Honorific, CorporateNumber, RegistrationNumber, PostalCode, Prefecture, Address1, Address2, Address3,
		Phone, Terms, Closing, Payment, PayMonth, PayDay, ContactName, ContactKana, Section, Title, ContactPhone, Mail}
}

// Required are the fields every row of a kind must fill.
func Required(k Kind) []Field {
	if k == OpenInvoices {
		return Fields(k)[:4]
	}
	return Fields(k)[:2]
}

// Column maps one column of the file, counted from 1, to a field; columns that
// are not named are left out.
type Column struct {
	Column  int    `json:"column" class:"internal"`
	Heading string `json:"heading" class:"internal"` // as in the file; for people only
	Field   Field  `json:"field" required:"true" class:"internal"`
}

// Issue is one thing to say about a line of the file: the line's row is refused,
// or, for a Note, taken as it is.
type Issue struct {
	Line    int      `json:"line" class:"internal"`    // of the file, from 1
	Column  int      `json:"column" class:"internal"`  // from 1; 0: the whole line
	Heading string   `json:"heading" class:"internal"` // of the column
	Value   string   `json:"value" class:"personal"`   // shortened, invisible characters as □
	Key     string   `json:"key" class:"internal"`     // of the sentence
	Args    []string `json:"args" class:"personal"`    // name, value, name, value, …
	Note    bool     `json:"note" class:"internal"`
}

// issue makes an Issue of what err says.
func issue(line int, err error) Issue {
	f := fault.Of(err)
	i := Issue{Line: line, Key: f.Key}
	for _, a := range f.Args {
		i.Args = append(i.Args, fmt.Sprint(a))
	}
	return i
}

const shown = 24

// short shows at most 24 characters of a value, with □ for what cannot be seen.
func short(s string) string {
	n := 0
	cut := func(r rune) rune {
		switch n++; {
		case n > shown:
			return -1
		case n == shown:
			return '…'
		case !unicode.IsGraphic(r) || r == unicode.ReplacementChar:
			return '□'
		}
		return r
	}
	if len(s) > 8*shown {
		s = strings.ToValidUTF8(s[:8*shown], "") // of a cell of megabytes the rest need not be looked at
	}
	return strings.Map(cut, s)
}
