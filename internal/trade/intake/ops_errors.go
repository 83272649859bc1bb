package intake

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

// ErrorsIn asks for a page of a file's issues.
type ErrorsIn struct {
	Run   string `json:"run" required:"true"`
	After int    `json:"after"` // how many were shown
}

// ErrorsOut is that page.
type ErrorsOut struct {
	Issues []Issue `json:"issues"`
	Count  int     `json:"count" class:"internal"` // of all
	Next   int     `json:"next" class:"internal"`  // 0 on the last page
}

// Errors lists what is wrong with a file, by line.
var Errors = gate.New(gate.Op[ErrorsIn, ErrorsOut]{
	Name: "intake.errors", Mode: gate.Read,
	Target: func(x *gate.Tx, in ErrorsIn) (gate.Target, error) { return about(x, in.Run) },
	Work:   func(x *gate.Tx, in ErrorsIn) (func(context.Context) (any, error), error) { return issuesOf(x, in.Run) },
	Do: func(x *gate.Tx, in ErrorsIn) (ErrorsOut, error) {
		all := gate.Worked[[]Issue](x)
		from := min(max(in.After, 0), len(all))
		to := min(from+shownIssues, len(all))
		out := ErrorsOut{Issues: all[from:to], Count: len(all)}
		if to < len(all) {
			out.Next = to
		}
		return out, nil
	},
})

// issuesOf gives the function that reads the issues a run began with, or finds
// those of a file that was only uploaded.
func issuesOf(x *gate.Tx, id string) (func(context.Context) (any, error), error) {
	r, err := runs.Get(x, id)
	if err != nil {
		return nil, err
	}
	if r.Issues == "" {
		_, check, err := r.checker(x, nil)
		return func(ctx context.Context) (any, error) {
			_, c, err := check(ctx)
			return c.Issues, err
		}, err
	}
	digest, err := blob.ParseDigest(r.Issues)
	store := x.Blobs()
	return func(ctx context.Context) (any, error) {
		b, err := store.Get(ctx, digest)
		if err != nil {
			return nil, err
		}
		var list []Issue
		err = json.Unmarshal(b, &list)
		return list, err
	}, err
}

// ErrorsFileIn asks for all issues as a file.
type ErrorsFileIn struct {
	Run  string    `json:"run" required:"true"`
	Lang text.Lang `json:"lang" enum:"ja,en"` // Japanese if empty
}

// File is a file to keep.
type File struct {
	Name    string `json:"name" class:"internal"`
	Content []byte `json:"content" class:"personal"` // CSV, UTF-8 with BOM, for Excel
}

// ErrorsFile gives all issues as CSV, for mending the file in the other program.
var ErrorsFile = gate.New(gate.Op[ErrorsFileIn, File]{
	Name: "intake.errors_file", Mode: gate.Read,
	Target: func(x *gate.Tx, in ErrorsFileIn) (gate.Target, error) { return about(x, in.Run) },
	Work: func(x *gate.Tx, in ErrorsFileIn) (func(context.Context) (any, error), error) {
		return issuesOf(x, in.Run)
	},
	Do: func(x *gate.Tx, in ErrorsFileIn) (File, error) {
		if in.Lang == "" {
			in.Lang = text.JA
		}
		b, err := issuesCSV(gate.Worked[[]Issue](x), in.Lang)
		return File{"intake-" + in.Run + ".csv", b}, err
	},
})

func issuesCSV(list []Issue, lang text.Lang) ([]byte, error) {
	b := bytes.NewBufferString("\ufeff")
	w := csv.NewWriter(b)
	w.UseCRLF = true
	if err := w.Write(strings.Split(text.T(lang, "intake.csv_headings"), ",")); err != nil {
		return nil, err
	}
	for _, i := range list {
		kind := "intake.is_error"
		if i.Note {
			kind = "intake.is_note"
		}
		err := w.Write([]string{strconv.Itoa(i.Line), strconv.Itoa(i.Column), guard(i.Heading), guard(i.Value), text.T(lang, kind), guard(i.Sentence(lang))})
		if err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// Sentence says what is wrong, in a person's language.
func (i Issue) Sentence(l text.Lang) string {
	args := make([]any, len(i.Args))
	for n, a := range i.Args {
		args[n] = a
	}
	return text.T(l, i.Key, args...)
}

// guard keeps a spreadsheet from computing a value (CSV injection, ASVS 1.2.10).
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
