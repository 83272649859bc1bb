package bundle

import (
	"embed"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
)

//go:embed schema/*.sql
var schema embed.FS

// Run is one upload.
type Run struct {
	gate.Row
	State       State     `json:"state" col:"state" class:"internal,plain"`
	Owner       string    `json:"owner" col:"owner_id" class:"internal,plain"`
	Name        string    `json:"name" col:"name" class:"confidential"`       // of the first file
	Digest      string    `json:"digest" col:"digest" class:"internal,plain"` // SHA-256 over the digests of all files
	Files       []Source  `json:"files" col:"files" class:"confidential"`
	ListName    string    `json:"list_name" col:"list_name" class:"confidential"`
	ListDigest  string    `json:"list_digest" col:"list_digest" class:"internal,plain"` // "" if there is no list
	ListCount   int64     `json:"list_count" col:"list_count" class:"internal,plain"`
	ListTotal   money.Yen `json:"list_total" col:"list_total" class:"confidential,plain"`
	Pages       int64     `json:"pages" col:"pages" class:"internal,plain"`
	Documents   int64     `json:"documents" col:"documents" class:"internal,plain"` // found
	Entries     int64     `json:"entries" col:"entries" class:"internal,plain"`     // documents and leftovers to be written
	Done        int64     `json:"done" col:"done" class:"internal,plain"`           // written; then, from the publishing on, gone through
	Plan        string    `json:"-" col:"plan" class:"internal,plain"`              // digest of what is to be written
	Reason      string    `json:"reason" col:"reason" class:"internal,plain"`       // text key: why it is blocked
	PublishedAt time.Time `json:"published_at" col:"published_at" class:"internal,plain"`
}

// Source is one file of an upload.
type Source struct {
	Name     string `json:"name" class:"confidential"`
	Digest   string `json:"digest" class:"internal"`
	Size     int64  `json:"size" class:"internal"`
	Pages    int    `json:"pages" class:"internal"`    // 0 for a ZIP
	Inside   int    `json:"inside" class:"internal"`   // which ZIP it was packed in, from 1; 0: none
	Document string `json:"document" class:"internal"` // where it lies in the archive, if it is no document itself
}

// Item is one document of a run.
type Item struct {
	gate.Row
	Run      string     `json:"run" col:"run_id" class:"internal,plain"`
	No       int64      `json:"no" col:"no" class:"internal,plain"` // from 0
	State    ItemState  `json:"state" col:"state" class:"internal,plain"`
	Source   int64      `json:"source" col:"source" class:"internal,plain"` // which PDF, from 0
	Pages    []int      `json:"pages" col:"pages" class:"confidential"`     // of it, from 1
	Whole    bool       `json:"whole" col:"whole" class:"internal,plain"`   // the file is this document: its bytes are the original ones
	Digest   string     `json:"digest" col:"digest" class:"internal,plain"`
	Size     int64      `json:"size" col:"size" class:"internal,plain"`
	Said     Said       `json:"said" col:"said" class:"confidential"`
	Lacks    []Finding  `json:"-" col:"lacks" class:"confidential"` // what is wrong with its pages
	Line     Line       `json:"line" col:"line" class:"confidential"`
	Chosen   Chosen     `json:"chosen" col:"chosen" class:"confidential"`
	Findings []Finding  `json:"findings" col:"findings" class:"confidential"`
	Code     string     `json:"code" col:"code" class:"internal,plain"`
	Party    string     `json:"party" col:"party_id" class:"internal,plain"`
	Number   string     `json:"number" col:"number" class:"internal,plain"`
	Date     civil.Date `json:"date" col:"doc_date" class:"internal,plain"`
	Amount   money.Yen  `json:"amount" col:"amount" class:"confidential,plain"`
	Listed   bool       `json:"listed" col:"listed" class:"internal,plain"` // counts in the control totals
	Document string     `json:"document" col:"document_id" class:"internal,plain"`
	Decided  string     `json:"decided_by" col:"decided_by" class:"internal,plain"`
	Reason   string     `json:"reason" col:"reason" class:"confidential"`
}

// RestRow is a page that is in no document, or a line of the list without one.
type RestRow struct {
	gate.Row
	Run     string  `json:"run" col:"run_id" class:"internal,plain"`
	No      int64   `json:"no" col:"no" class:"internal,plain"`
	Source  int64   `json:"source" col:"source" class:"internal,plain"`
	Page    int64   `json:"page" col:"page" class:"internal,plain"`      // 0: a line of the list
	Like    int64   `json:"like" col:"page_like" class:"internal,plain"` // the page it repeats
	Said    Said    `json:"said" col:"said" class:"confidential"`
	MarkNo  int64   `json:"mark_no" col:"mark_no" class:"internal,plain"`
	MarkOf  int64   `json:"mark_of" col:"mark_of" class:"internal,plain"`
	Line    Line    `json:"line" col:"line" class:"confidential"`
	Why     string  `json:"why" col:"why" class:"internal,plain"` // text key
	Settled Settled `json:"settled" col:"settled" class:"internal,plain"`
	Item    string  `json:"item" col:"item_id" class:"internal,plain"` // the document it was put in
	Decided string  `json:"decided_by" col:"decided_by" class:"internal,plain"`
	Reason  string  `json:"reason" col:"reason" class:"confidential"`
}

// Settled is what a person did with a leftover.
type Settled string

// The ways of settling.
const (
	Unsettled Settled = ""
	Placed    Settled = "placed" // put in its document
	Aside     Settled = "aside"  // 除外: known, and not sent
)

var (
	runs  = gate.NewTable[Run]("bundle", gate.Scoped("owner_id", "", ""))
	items = gate.NewTable[Item]("bundle_item", gate.Unscoped())
	rests = gate.NewTable[RestRow]("bundle_rest", gate.Unscoped())
)

// tally counts documents of a run by state; what is listed counts in the
// control totals.
type tally struct {
	State  string
	Listed bool
	Count  int64
	Total  int64
}

var tallies = gate.NewQuery[tally]("bundle.tallies", `SELECT i.state, i.listed, COUNT(*), CAST(COALESCE(SUM(i.amount), 0) AS BIGINT)
	FROM {bundle_item i} WHERE i.run_id = $1 GROUP BY i.state, i.listed ORDER BY i.state, i.listed`)

var unsettled = gate.NewQuery[struct{ Count int64 }]("bundle.unsettled", `SELECT COUNT(*) FROM {bundle_rest r} WHERE r.run_id = $1 AND r.settled = ''`)

func (r Run) target() gate.Target {
	return gate.Target{Kind: "bundle", ID: r.ID, Owner: r.Owner, Class: policy.Confidential}
}

func about(x *gate.Tx, id string) (gate.Target, error) {
	r, err := runs.Get(x, id)
	return r.target(), err
}

// lock is what everything that changes a run is alone on.
func lock(run string) string { return "bundle/" + run }
