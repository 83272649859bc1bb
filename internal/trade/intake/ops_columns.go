package intake

import (
	"context"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/gate"
)

// sampleRows is how many values of a column are shown to tell what it is.
const sampleRows = 3

// Columns are the columns of a file as they are, for mapping them by hand: also
// of a file whose headings say nothing.
type Columns struct {
	Headings []string   `json:"headings" class:"internal"` // "" each, if the file has none
	Values   [][]string `json:"values" class:"personal"`   // of the first rows, shortened; by column
	Rows     int        `json:"rows" class:"internal"`
}

// ColumnsOp reads the columns of a file without writing anything.
var ColumnsOp = gate.New(gate.Op[ByRun, Columns]{
	Name: "intake.columns", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in ByRun) (func(context.Context) (any, error), error) {
		r, err := fresh(x, in.Run)
		if err != nil {
			return nil, err
		}
		digest, err := blob.ParseDigest(r.Digest)
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			b, err := store.Get(ctx, digest)
			if err != nil {
				return nil, err
			}
			t, err := Read(b, r.Encoding)
			return t.columns(), err
		}, err
	},
	Do: func(x *gate.Tx, in ByRun) (Columns, error) { return gate.Worked[Columns](x), nil },
})

func (t Table) columns() Columns {
	out := Columns{Headings: t.Headings, Values: make([][]string, len(t.Headings)), Rows: len(t.Rows)}
	for i := range out.Values {
		out.Values[i] = []string{}
		for _, r := range t.Rows[:min(len(t.Rows), sampleRows)] {
			if i < len(r.Cells) {
				out.Values[i] = append(out.Values[i], short(r.Cells[i]))
			}
		}
	}
	return out
}
