package civil

import (
	"slices"

	"sekisho/internal/kernel/fault"
)

// Status says how firm a row of a dated table is.
type Status string

const (
	Enacted     Status = "enacted"     // law in force, or enacted with a fixed date
	Pending     Status = "pending"     // decided or planned, not yet law: never applied unless asked for
	Provisional Status = "provisional" // computed or expected: the official text may still differ
)

// Row is a value of law or custom with the days it holds.
type Row[T any] struct {
	From   Date // first day
	To     Date // last day, none = until further notice
	Value  T
	Source string // law article or publication
	Status Status
}

func (r Row[T]) holds(d Date) bool {
	return !d.Before(r.From) && (r.To.IsZero() || !d.After(r.To))
}

// Table is a list of dated rows. Where rows overlap, the one standing later
// wins, so an imported row overrides a built-in one.
type Table[T any] []Row[T]

// At gives the row holding on day d. Pending rows do not count. A day that no
// row covers is fault.Invalid: a missing rule is never guessed.
func (t Table[T]) At(d Date) (Row[T], error) {
	if !d.IsZero() {
		for _, r := range slices.Backward(t) {
			if r.Status != Pending && r.holds(d) {
				return r, nil
			}
		}
	}
	return Row[T]{}, fault.Invalid("civil.no_rule", "date", d)
}

// With gives a copy with rows added, which win over those there. A row without
// first day, source or known status, or ending before it begins, is fault.Invalid.
func (t Table[T]) With(rows ...Row[T]) (Table[T], error) {
	for _, r := range rows {
		known := r.Status == Enacted || r.Status == Pending || r.Status == Provisional
		if r.From.IsZero() || r.Source == "" || !known || !r.To.IsZero() && r.To.Before(r.From) {
			return nil, fault.Invalid("civil.bad_row", "from", r.From)
		}
	}
	return slices.Concat(t, rows), nil
}

// WithPending gives a copy in which pending rows are applied: the switch for the
// day a bill becomes law before an update brings the row as enacted.
func (t Table[T]) WithPending() Table[T] {
	c := slices.Clone(t)
	for i := range c {
		if c[i].Status == Pending {
			c[i].Status = Enacted
		}
	}
	return c
}
