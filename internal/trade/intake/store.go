package intake

import (
	"embed"
	"slices"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

//go:embed schema/*.sql
var schema embed.FS

// Run is one import of one file. Its id is the run's in party and invoice too.
type Run struct {
	gate.Row
	Kind        Kind      `json:"kind" col:"kind" class:"internal,plain"`
	State       State     `json:"state" col:"state" class:"internal,plain"`
	Owner       string    `json:"owner" col:"owner_id" class:"internal,plain"` // who imports
	Name        string    `json:"name" col:"name" class:"confidential"`        // of the file
	Digest      string    `json:"digest" col:"digest" class:"internal,plain"`  // SHA-256 of the file
	Size        int64     `json:"size" col:"size" class:"internal,plain"`      // bytes
	Encoding    Encoding  `json:"encoding" col:"encoding" class:"internal,plain"`
	Why         string    `json:"why" col:"why" class:"internal,plain"` // text key: what the encoding was told by
	HeaderLine  int64     `json:"header_line" col:"header_line" class:"internal,plain"`
	Mapping     []Column  `json:"mapping" col:"mapping" class:"confidential"`
	Totals      Totals    `json:"totals" col:"totals" class:"confidential"` // confirmed at the start
	Issues      string    `json:"-" col:"issues" class:"internal,plain"`    // digest of the list of issues, from the start on
	IssueCount  int64     `json:"issue_count" col:"issue_count" class:"internal,plain"`
	Slices      int64     `json:"slices" col:"slices" class:"internal,plain"`
	Done        int64     `json:"done" col:"done" class:"internal,plain"`           // slices written
	Uses        []string  `json:"-" col:"uses" class:"confidential"`                // runs that brought the partners these invoices are of
	InCharge    string    `json:"in_charge" col:"in_charge" class:"internal,plain"` // of new partners
	Department  string    `json:"department" col:"department_id" class:"internal,plain"`
	Reason      string    `json:"reason" col:"reason" class:"internal,plain"` // text key: why it is blocked
	Blocks      []Issue   `json:"blocks" col:"blocks" class:"personal"`       // the lines that block it, at most 200
	PublishedAt time.Time `json:"published_at" col:"published_at" class:"internal,plain"`
}

// part is one slice of a run: what is written in one commit.
type part struct {
	gate.Row
	Run     string `col:"run_id" class:"internal,plain"`
	No      int64  `col:"no" class:"internal,plain"`      // from 0
	Content string `col:"content" class:"internal,plain"` // digest of the slice's blob
	First   string `col:"first_id" class:"internal,plain"`
	Last    string `col:"last_id" class:"internal,plain"` // the smallest and greatest id in Refs
	Refs    []Ref  `col:"refs" class:"confidential"`
}

// Ref says which row came from which line.
type Ref struct {
	Line int    `json:"line"`
	Kind string `json:"kind"`
	ID   string `json:"id"` // of an invoice its number: ids are given when it is written
}

var (
	runs  = gate.NewTable[Run]("intake", gate.Scoped("owner_id", "", ""))
	parts = gate.NewTable[part]("intake_slice", gate.Unscoped())
)

type registered struct{ Code, ID, Run string }

// codes are all partners anybody may see, numbers all invoice numbers. Both are
// read whole, once per check of a file, outside of every write.
var (
	codes = gate.NewQuery[registered]("intake.codes", `SELECT p.code, p.id, p.run FROM {party p}
		WHERE p.run = '' OR p.run IN (SELECT r.id FROM {party_run r} WHERE r.state = 'visible') ORDER BY p.code, p.id`)
	numbers = gate.NewQuery[struct{ Number string }]("intake.numbers", `SELECT i.number FROM {invoice i}
		WHERE i.number <> '' AND (i.run_id = '' OR i.run_id IN (SELECT r.id FROM {invoice_run r} WHERE r.state = 'visible')) ORDER BY i.number`)
)

// taken is a row's id, or an invoice's number, and what is shown of it.
type taken struct{ ID, Value string }

// What became taken between writing a run and publishing it.
var (
	takenCodes = gate.NewQuery[taken]("intake.taken_codes", `SELECT s.id, s.code FROM {party s}
		JOIN {party v} ON v.code = s.code AND v.id <> s.id
		WHERE s.run = $1 AND (v.run = '' OR v.run IN (SELECT r.id FROM {party_run r} WHERE r.state = 'visible')) ORDER BY s.code, s.id LIMIT 200`)
	takenNumbers = gate.NewQuery[taken]("intake.taken_numbers", `SELECT s.number, s.number FROM {invoice s}
		JOIN {invoice v} ON v.number = s.number AND v.id <> s.id
		WHERE s.run_id = $1 AND (v.run_id = '' OR v.run_id IN (SELECT r.id FROM {invoice_run r} WHERE r.state = 'visible')) ORDER BY s.number, s.id LIMIT 200`)
)

// Verification is how far the addresses of a run are verified (first verification).
type Verification struct {
	Addresses int64 `json:"addresses" class:"internal"`
	Quiet     int64 `json:"quiet" class:"internal"`    // nothing strange: one second person for all of them
	Strange   int64 `json:"strange" class:"internal"`  // each looked at singly
	Verified  int64 `json:"verified" class:"internal"` // of all
}

var verification = gate.NewQuery[Verification]("intake.verification", `SELECT COUNT(*),
	CAST(COALESCE(SUM(CASE WHEN p.quiet_no > 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
	CAST(COALESCE(SUM(CASE WHEN p.quiet_no = 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
	CAST(COALESCE(SUM(CASE WHEN p.state = 'verified' OR p.state = 'proposed' AND p.quiet_no > 0 AND b.id IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT)
	FROM {party_point p} LEFT JOIN {party_batch_verification b} ON b.id = p.run WHERE p.run = $1`)

// known reads what is registered already.
func known(x *gate.Tx, k Kind) (Known, error) {
	out := Known{Partners: map[string]Registered{}, Numbers: map[string]bool{}}
	list, err := codes.Rows(x)
	if err != nil {
		return out, err
	}
	for _, r := range list {
		out.Partners[r.Code] = Registered{r.ID, r.Run}
	}
	if k != OpenInvoices {
		return out, nil
	}
	taken, err := numbers.Rows(x)
	for _, n := range taken {
		out.Numbers[n.Number] = true
	}
	return out, err
}

// partOf loads a slice of a run by its number.
func partOf(x *gate.Tx, run string, no int64) (part, error) {
	return parts.One(x, gate.Eq("run_id", run), gate.Eq("no", no))
}

// lineOf finds the slice that holds an id, and the id's line in the file.
func lineOf(x *gate.Tx, run, kind, id string) (part, int, error) {
	where := []gate.Cond{gate.Le("first_id", id), gate.Ge("last_id", id)}
	if run != "" {
		where = append(where, gate.Eq("run_id", run))
	}
	list, err := parts.Find(x, where...)
	if err != nil {
		return part{}, 0, err
	}
	for _, p := range list {
		if i := slices.IndexFunc(p.Refs, func(r Ref) bool { return r.Kind == kind && r.ID == id }); i >= 0 {
			return p, p.Refs[i].Line, nil
		}
	}
	return part{}, 0, fault.NotFound()
}

func (r Run) target() gate.Target {
	return gate.Target{Kind: "intake", ID: r.ID, Owner: r.Owner, Class: policy.Personal}
}

func about(x *gate.Tx, id string) (gate.Target, error) {
	r, err := runs.Get(x, id)
	return r.target(), err
}
