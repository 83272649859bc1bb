package invoice

import (
	"fmt"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
)

// OpeningRow is an unpaid invoice of another system (売掛残), as its file says.
type OpeningRow struct {
	Party  party.Party // may be of the same run
	Number string      // of the other system
	Date   civil.Date
	Due    civil.Date // may be none
	Amount money.Yen  // still open, tax included; below zero for a credit
}

// maxNumber is the most characters of a number taken over.
const maxNumber = 60

// Check is fault.Invalid, with the field, for a row that cannot be taken over.
func (r OpeningRow) Check() error {
	var bad []*fault.Error
	if err := jp.Clean(r.Number, false); err != nil {
		bad = append(bad, fault.Of(err).At("number"))
	} else if strings.TrimSpace(r.Number) == "" || len([]rune(r.Number)) > maxNumber {
		bad = append(bad, fault.Invalid("invoice.opening.number", "max", maxNumber).At("number"))
	}
	if r.Date.IsZero() {
		bad = append(bad, fault.Invalid("invoice.opening.date").At("date"))
	}
	if !r.Due.IsZero() && r.Due.Before(r.Date) {
		bad = append(bad, fault.Invalid("invoice.due_before_issue", "due", r.Due, "date", r.Date).At("due"))
	}
	if err := r.Amount.Check(); err != nil {
		bad = append(bad, fault.Of(err).At("amount"))
	} else if r.Amount == 0 {
		bad = append(bad, fault.Invalid("invoice.opening.zero").At("amount"))
	}
	return fault.Several(bad...)
}

// RunState is the state of an import run.
type RunState string

// The states of a run; its invoices count while it is visible only.
const (
	Staged  RunState = "staged"
	Visible RunState = "visible"
	Undone  RunState = "undone"
)

// Run is what is known here of an import run; its id is the run's.
type Run struct {
	gate.Row
	State RunState `json:"state" col:"state" class:"internal,plain"`
	Count int64    `json:"count" col:"invoices" class:"internal,plain"`
}

var runs = gate.NewTable[Run]("invoice_run", gate.Unscoped(), gate.Cached())

// PublishLock is what an op that calls Publish must be Alone on: under it
// numbers are compared with those that show already.
const PublishLock = "invoice.publish"

// MaxSlice is the most rows of a slice: what one commit writes well within 250 ms.
const MaxSlice = 500

// visibleRuns lists what run_id may hold in rows that count: "" and every
// visible run. It is read as verified rows, because it decides what counts.
func visibleRuns(x *gate.Tx) ([]string, error) {
	list, err := runs.Find(x, gate.Eq("state", Visible))
	out := make([]string, 1, len(list)+1)
	for _, r := range list {
		out = append(out, r.ID)
	}
	return out, err
}

// StageInsert writes a slice of an import's opening invoices; the first begins
// the run. Nobody sees them before Publish, and they are never ours: not
// numbered by us, without a PDF, not to be changed. A number that stands in
// this run or shows already is fault.Invalid at its row; nothing of the slice
// is written then.
func StageInsert(x *gate.Tx, run string, rows []OpeningRow) error {
	if len(rows) > MaxSlice {
		return fault.Limited("gate.too_many", "field", "rows", "max", MaxSlice)
	}
	r, err := begun(x, run)
	if err != nil {
		return err
	}
	count, err := visibleRuns(x)
	if err != nil {
		return err
	}
	there, err := taken(x, rows, append(count, run))
	if err != nil {
		return err
	}
	var bad []*fault.Error
	heads := make([]Invoice, len(rows))
	for i, o := range rows {
		err := o.Check()
		if err == nil && there[o.Number] {
			err = fault.Invalid("invoice.opening.taken", "number", o.Number).At("number")
		}
		if err != nil {
			bad = append(bad, within(fault.Of(err), fmt.Sprintf("rows[%d]", i)))
			continue
		}
		there[o.Number] = true
		heads[i] = Invoice{
			State: Opening, Number: o.Number, Date: o.Date, Due: o.Due, Amount: o.Amount, Run: run,
			Party: o.Party.ID, PartyName: o.Party.Name, Owner: o.Party.Owner, Department: o.Party.Department,
		}
	}
	if len(bad) > 0 {
		return fault.Several(bad...)
	}
	if err := invoices.InsertMany(x, heads); err != nil {
		return err
	}
	r.Count += int64(len(rows))
	return runs.Update(x, &r)
}

// begun finds the run to write into, or begins it.
func begun(x *gate.Tx, id string) (Run, error) {
	r, err := runs.Get(x, id)
	if fault.Is(err, fault.KindNotFound) {
		r = Run{State: Staged}
		r.ID = id
		return r, runs.Insert(x, &r)
	}
	if err == nil && r.State != Staged {
		err = fault.Refused("invoice.run_closed")
	}
	return r, err
}

// taken are those of the rows' numbers that show already.
func taken(x *gate.Tx, rows []OpeningRow, count []string) (map[string]bool, error) {
	numbers := make([]string, len(rows))
	for i, o := range rows {
		numbers[i] = o.Number
	}
	list, err := invoices.Find(x, gate.Ne("number", ""), gate.In("number", numbers), gate.In("run_id", count))
	there := map[string]bool{}
	for _, h := range list {
		there[h.Number] = true
	}
	return there, err
}

var collisions = gate.NewQuery[struct{ Number string }]("invoice.collisions", `SELECT s.number FROM {invoice s}
	JOIN {invoice v} ON v.number = s.number AND v.id <> s.id
	WHERE s.run_id = $1 AND s.run_id <> '' AND (v.run_id = '' OR v.run_id IN (SELECT r.id FROM {invoice_run r} WHERE r.state = 'visible'))
	ORDER BY s.number LIMIT 1`)

// Publish shows a run's invoices by one small commit. A number that came to show
// since its slice was staged is refused; nothing has changed then.
func Publish(x *gate.Tx, run string) error {
	r, err := runs.Get(x, run)
	if err != nil {
		return err
	}
	if r.State != Staged {
		return fault.Refused("invoice.run_closed")
	}
	double, err := collisions.Rows(x, run)
	if err != nil {
		return err
	}
	if len(double) > 0 {
		return fault.Refused("invoice.opening.taken", "number", double[0].Number)
	}
	r.State = Visible
	return runs.Update(x, &r)
}

// UndoRun hides a run's invoices for good. The rows stay, hidden; their numbers
// are free again.
func UndoRun(x *gate.Tx, run string) error {
	r, err := runs.Get(x, run)
	if err != nil {
		return err
	}
	if r.State == Undone {
		return fault.Refused("invoice.run_closed")
	}
	r.State = Undone
	return runs.Update(x, &r)
}
