// Package bundle takes over documents made elsewhere (他のソフトで作った書類): a PDF
// that holds a month's invoices of many partners, a ZIP of PDFs, or PDFs with the
// list (請求一覧) of the other program.
//
// Every page ends in exactly one document or among the leftovers (残り). What
// the papers say is read from their bytes and compared with the list and the
// register; what disagrees is shown side by side and decided by a person, or the
// document does not leave. Documents come into the archive, unchanged, only after
// the control totals of the other program were confirmed; until then everything
// lies under a run that can be undone.
package bundle

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/money"
	"time"
)

// State of a run.
type State string

// The states.
const (
	Staging    State = "staging"    // its documents are being written; nothing is archived
	Ready      State = "ready"      // people look at it and decide
	Publishing State = "publishing" // totals confirmed; documents go into the archive
	Blocked    State = "blocked"    // something came between; see Reason
	Published  State = "published"  // all documents are in the archive
	Undone     State = "undone"     // 取り消し: taken back before it was published
)

// ItemState is where one document stands.
type ItemState string

// The states of a document.
const (
	Open     ItemState = "open"     // 要確認: something disagrees
	Fits     ItemState = "fits"     // nothing does
	Rejected ItemState = "rejected" // 除外: a person left it out
	Archived ItemState = "archived"
)

// Bounds of what is taken in.
const (
	MaxBytes   = 64 << 20  // of an upload, as it comes
	MaxInside  = 256 << 20 // of all files of a ZIP, unpacked
	MaxFiles   = 2000
	MaxFile    = 64 << 20 // of one PDF
	MaxPages   = 3000     // of all files together
	MaxListing = 8 << 20  // of the list
	maxText    = 64 << 20 // of all pages together
)

// limits bound the reading of one PDF: more than for a mail's attachment, since
// a bundle is many of those.
func limits() extract.Limits {
	return extract.Limits{Bytes: MaxFile, Decoded: 384 << 20, Values: 6_000_000, Steps: 120_000_000, Pages: MaxPages, Text: maxText, Time: 60 * time.Second}
}

// Mark is a page's own count (ページ表示): 2/3. Zero if it has none.
type Mark struct {
	No int `json:"no" class:"internal"`
	Of int `json:"of" class:"internal"`
}

// Said is what papers say of themselves, as their labels tell. A thing that is
// said twice in two ways stands there twice.
type Said struct {
	Codes         []string     `json:"codes" class:"internal"`   // 得意先コード
	Numbers       []string     `json:"numbers" class:"internal"` // 請求番号
	Dates         []civil.Date `json:"dates" class:"internal"`   // 請求日
	Amounts       []money.Yen  `json:"amounts" class:"confidential"`
	Weight        int          `json:"-"`                              // of the label that told the amounts; the lower the surer
	Registrations []string     `json:"registrations" class:"internal"` // T番号
	Addressee     string       `json:"addressee" class:"confidential"` // name before 御中 or 様
	Mark          Mark         `json:"-"`
}

// Page is one page of what came in.
type Page struct {
	Source int // which file, from 0
	No     int // of the file, from 1
	Text   string
	Why    string // text key: why it was not read, "" if it was
	Said
}

// code and number under which a page files itself; "" if it does not say.
func (s Said) code() string   { return first(s.Codes) }
func (s Said) number() string { return first(s.Numbers) }

func first[T any](list []T) (v T) {
	if len(list) > 0 {
		v = list[0]
	}
	return v
}

// Line is one line of the other program's list (請求一覧).
type Line struct {
	Line   int        `json:"line" class:"internal"` // of the file; 0: there is no list, or no line for it
	Code   string     `json:"code" class:"internal"`
	Number string     `json:"number" class:"internal"`
	Date   civil.Date `json:"date" class:"internal"`
	Amount money.Yen  `json:"amount" class:"confidential"`
	Name   string     `json:"name" class:"confidential"`
}

// Totals are control totals (件数・合計).
type Totals struct {
	Count int64     `json:"count" class:"internal"`
	Total money.Yen `json:"total" class:"confidential"`
}
