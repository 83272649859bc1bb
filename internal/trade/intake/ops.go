package intake

import (
	"context"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
)

// Module is intake's part of the product. It needs modules party, invoice and
// job beside it.
var Module = gate.Module{Name: "intake", Schema: schema,
	Ops:     []gate.Any{Upload, ColumnsOp, PreviewOp, Start, Plan, Slice, Publish, Show, Stop, Resume, Undo, List, Errors, ErrorsFile, Trace, Tidy},
	Tables:  []gate.AnyTable{runs, parts},
	Queries: []gate.AnyQuery{codes, numbers, takenCodes, takenNumbers, verification}}

// UploadIn is a file of another program.
type UploadIn struct {
	Kind     Kind     `json:"kind" required:"true" enum:"partners,open_invoices"`
	Name     string   `json:"name" required:"true" max:"255"` // of the file
	Content  []byte   `json:"content" required:"true" max:"67108864"`
	Encoding Encoding `json:"encoding" enum:"utf-8,cp932"` // told by the content if empty
	Again    bool     `json:"again"`                       // yes, although the same file was imported before
}

// UploadOut is what a file looks like.
type UploadOut struct {
	Run
	Rows     int      `json:"rows" class:"internal"`
	BadLines int      `json:"bad_lines" class:"internal"` // lines that are no rows
	Headings []string `json:"headings" class:"internal"`  // "" each, if the file has none
}

// uploaded is what Work hands to Do.
type uploaded struct {
	table  Table
	digest blob.Digest
}

// Upload reads a file, keeps it and guesses its mapping; nothing else is written.
var Upload = gate.New(gate.Op[UploadIn, UploadOut]{
	Name: "intake.upload", Mode: gate.Write,
	Alone: func(in UploadIn) []string { return []string{"intake.file/" + blob.Sum(in.Content).String()} },
	Target: func(x *gate.Tx, in UploadIn) (gate.Target, error) {
		return gate.Target{Kind: "intake", ID: "new", Owner: x.Actor().Person, Class: policy.Personal}, nil
	},
	Work: func(x *gate.Tx, in UploadIn) (func(context.Context) (any, error), error) {
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			if err := jp.FileName(in.Name); err != nil {
				return nil, fault.Of(err).At("name")
			}
			t, err := Read(in.Content, in.Encoding)
			if err != nil {
				return nil, fault.Of(err).At("content")
			}
			d, err := store.Put(ctx, in.Content)
			return uploaded{t, d}, err
		}, nil
	},
	Do: func(x *gate.Tx, in UploadIn) (UploadOut, error) {
		w := gate.Worked[uploaded](x)
		x.Note("file", w.digest.String())
		if err := again(x, in, w.digest.String()); err != nil {
			return UploadOut{}, err
		}
		r := Run{Kind: in.Kind, State: Uploaded, Owner: x.Actor().Person, Name: in.Name, Digest: w.digest.String(), Size: int64(len(in.Content)),
			Encoding: w.table.Encoding, Why: w.table.Why, HeaderLine: int64(w.table.HeaderLine), Mapping: Guess(in.Kind, w.table.Headings)}
		err := runs.Insert(x, &r)
		return UploadOut{r, len(w.table.Rows), len(w.table.Bad), w.table.Headings}, err
	},
})

// again refuses a file that was imported before, until it is confirmed.
func again(x *gate.Tx, in UploadIn, digest string) error {
	if in.Again {
		return nil
	}
	list, err := runs.Find(x, gate.Eq("digest", digest), gate.Eq("kind", in.Kind), gate.Ne("state", Undone))
	if err != nil || len(list) == 0 {
		return err
	}
	return fault.Refused("intake.again", "date", civil.Of(list[0].CreatedAt), "name", list[0].Name).At("again")
}

// PreviewIn asks how a file would be taken with a mapping.
type PreviewIn struct {
	Run     string   `json:"run" required:"true"`
	Mapping []Column `json:"mapping" max:"200"` // the guessed one if empty
}

// Preview shows the first rows converted, and the totals and issues of all.
type Preview struct {
	Headings []string `json:"headings" class:"internal"`
	Mapping  []Column `json:"mapping"`
	Totals   Totals   `json:"totals"`
	Rows     []Sample `json:"rows"`
	Issues   []Issue  `json:"issues"` // the first 200
	More     int      `json:"more_issues" class:"internal"`
	Notes    int      `json:"notes" class:"internal"` // of all issues, those that refuse nothing
}

// Sample is one row as it would be taken.
type Sample struct {
	Line  int    `json:"line" class:"internal"`
	Cells []Cell `json:"cells"`
}

// Cell is one value of a Sample.
type Cell struct {
	Field Field  `json:"field" class:"internal"`
	Value string `json:"value" class:"personal"`
}

const (
	samples     = 20
	shownIssues = 200
)

// PreviewOp converts a file without writing anything.
var PreviewOp = gate.New(gate.Op[PreviewIn, Preview]{
	Name: "intake.preview", Mode: gate.Read,
	Target: func(x *gate.Tx, in PreviewIn) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in PreviewIn) (func(context.Context) (any, error), error) {
		r, err := fresh(x, in.Run)
		if err != nil {
			return nil, err
		}
		_, check, err := r.checker(x, in.Mapping)
		return func(ctx context.Context) (any, error) {
			t, c, err := check(ctx)
			if err != nil {
				return nil, err
			}
			p := Preview{Headings: t.Headings, Mapping: pick(in.Mapping, r.Mapping), Totals: c.Totals, Rows: first(c), Issues: c.Issues, Notes: c.Notes}
			p.Issues = p.Issues[:min(len(p.Issues), shownIssues)]
			p.More = len(c.Issues) + c.More - len(p.Issues)
			return p, nil
		}, err
	},
	Do: func(x *gate.Tx, in PreviewIn) (Preview, error) { return gate.Worked[Preview](x), nil },
})

// fresh loads a run that has not begun.
func fresh(x *gate.Tx, id string) (Run, error) {
	r, err := runs.Get(x, id)
	if err == nil && r.State != Uploaded {
		err = fault.Refused("intake.begun")
	}
	return r, err
}

// checker reads what is registered and gives the function that reads and checks
// the run's file, to be called outside of the transaction.
func (r Run) checker(x *gate.Tx, mapping []Column) (Known, func(context.Context) (Table, Checked, error), error) {
	there, err := known(x, r.Kind)
	if err != nil {
		return there, nil, err
	}
	digest, err := blob.ParseDigest(r.Digest)
	store := x.Blobs()
	return there, func(ctx context.Context) (Table, Checked, error) {
		b, err := store.Get(ctx, digest)
		if err != nil {
			return Table{}, Checked{}, err
		}
		t, err := Read(b, r.Encoding)
		if err != nil {
			return t, Checked{}, err
		}
		c, err := Check(t, r.Kind, pick(mapping, r.Mapping), there)
		return t, c, err
	}, err
}

func pick(given, guessed []Column) []Column {
	if len(given) == 0 {
		return guessed
	}
	return given
}

// first are the first rows converted.
func first(c Checked) []Sample {
	out := []Sample{}
	add := func(line int, cells ...Cell) {
		s := Sample{Line: line}
		for _, c := range cells {
			if c.Value != "" {
				s.Cells = append(s.Cells, c)
			}
		}
		out = append(out, s)
	}
	for _, p := range c.Partners[:min(len(c.Partners), samples)] {
		add(p.Line, Cell{Code, p.Code}, Cell{Name, p.Name}, Cell{Kana, p.Kana}, Cell{Honorific, p.Honorific}, Cell{CorporateNumber, string(p.CorporateNumber)},
			Cell{RegistrationNumber, string(p.RegistrationNumber)}, Cell{PostalCode, p.PostalCode}, Cell{Address1, p.Address}, Cell{Phone, p.Phone}, Cell{Terms, p.Terms.String()})
		for _, w := range p.People {
			add(w.Line, Cell{Code, p.Code}, Cell{ContactName, w.Name}, Cell{ContactKana, w.Kana}, Cell{Section, w.Section}, Cell{Title, w.Title},
				Cell{ContactPhone, w.Phone}, Cell{Mail, w.Mail.String()})
		}
	}
	for _, o := range c.Open[:min(len(c.Open), samples)] {
		add(o.Line, Cell{Code, o.Code}, Cell{Number, o.Number}, Cell{Date, o.Date.String()}, Cell{Due, o.Due.String()},
			Cell{Amount, o.Amount.String()}, Cell{Tax, o.Tax.String()}, Cell{Mail, o.Mail.String()})
	}
	return out[:min(len(out), samples)]
}
