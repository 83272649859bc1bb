package intake

import (
	"strings"
	"unicode/utf8"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// row reads the cells of one record by field and collects what is wrong.
type row struct {
	rec    Record
	at     map[Field]int // column of a field, from 0
	names  []string
	issues []Issue
	bad    bool
}

// longest are the most characters of a field; the others have formats of their own.
func longest(f Field) int {
	switch f {
	case Address1, Address2, Address3, Mail:
		return 200
	case Number:
		return 60
	}
	return 100
}

// raw is a cell without spaces around it; a line break within it, as Excel
// makes by Alt+Enter, counts as a space where the field takes one.
func (r *row) raw(f Field) string {
	i, ok := r.at[f]
	if !ok {
		return ""
	}
	s := strings.TrimSpace(r.rec.Cells[i])
	switch f {
	case Name, Address1, Address2, Address3, Section:
		s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == '\r' }), " ")
	}
	return s
}

// text is a cell that may be kept as it is.
func (r *row) text(f Field) string {
	s := r.raw(f)
	if err := jp.Clean(s, false); err != nil {
		r.refuse(f, err)
		return ""
	}
	if n := utf8.RuneCountInString(s); n > longest(f) {
		r.refuse(f, fault.Invalid("intake.too_long", "max", longest(f), "count", n))
		return ""
	}
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) && f != Phone && f != ContactPhone {
		r.note(f, "intake.formula")
	}
	return s
}

// read converts a filled cell with parse.
func read[T any](r *row, f Field, parse func(string) (T, error)) T {
	s := r.raw(f)
	var v T
	if s == "" {
		return v
	}
	err := jp.Clean(s, false)
	if err == nil {
		v, err = parse(s)
	}
	if err != nil {
		r.refuse(f, err)
		return *new(T)
	}
	return v
}

func (r *row) refuse(f Field, err error) {
	r.issues = append(r.issues, r.say(f, err))
	r.bad = true
}

func (r *row) note(f Field, key string, args ...any) {
	i := r.say(f, fault.Invalid(key, args...))
	i.Note = true
	r.issues = append(r.issues, i)
}

func (r *row) say(f Field, err error) Issue {
	i := issue(r.rec.Line, err)
	if c, ok := r.at[f]; ok {
		i.Column, i.Heading, i.Value = c+1, r.names[c], short(r.rec.Cells[c])
	}
	return i
}

// need refuses a row whose required cells are empty.
func (r *row) need(fields []Field) {
	for _, f := range fields {
		if r.raw(f) == "" {
			r.refuse(f, fault.Invalid("intake.blank"))
		}
	}
}

// blank tells whether nothing stands in any mapped cell: such rows end the
// sheets of Excel and are no rows.
func (r *row) blank() bool {
	for f := range r.at {
		if r.raw(f) != "" {
			return false
		}
	}
	return true
}
