package record

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sekisho/internal/assure/record"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/text"
)

// detail is one record, its sealed facts laid out.
type detail struct {
	record.Detail
	Reason  string // in words
	Classes []string
	Hash    string // of the leaf (RFC 6962), hex
	Changes []change
	Notes   []value
	Masked  bool // some of it is above this reader's clearance
}

// change is what was written to one row.
type change struct {
	Table, ID string
	Fields    []value
}

// value is a field before and after, or a note (After only).
type value struct {
	Name          string
	Before, After string
	New           bool // there was nothing before
	Masked        bool // above the reader's clearance
}

func opened(q *page.Req, d record.Detail) detail {
	leaf := sha256.Sum256(append([]byte{0}, d.Body...))
	out := detail{Detail: d, Hash: hex.EncodeToString(leaf[:])}
	if d.Line.Reason != "" && text.Has(d.Line.Reason) {
		out.Reason = page.Blanked(q.T(d.Line.Reason))
	}
	if d.Line.Classes != "" {
		out.Classes = strings.FieldsFunc(d.Line.Classes, func(r rune) bool { return r == ',' || r == ' ' })
	}
	for _, c := range d.Changed {
		out.Changes = append(out.Changes, laidOut(c))
		out.Masked = out.Masked || slices.ContainsFunc(out.Changes[len(out.Changes)-1].Fields, func(v value) bool { return v.Masked })
	}
	var facts map[string]jsontext.Value
	if json.Unmarshal([]byte(d.Facts), &facts) != nil {
		return out // there are none, or they are not for this reader
	}
	for name, v := range facts {
		if name != "changes" {
			out.Notes = append(out.Notes, value{Name: name, After: said(v)})
		}
	}
	slices.SortFunc(out.Notes, func(a, b value) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// laidOut puts a row's values beside the names of its fields; what is above the
// reader's clearance did not come.
func laidOut(r record.Row) change {
	c := change{Table: r.Table, ID: r.ID}
	known := slices.Concat(r.Internal, r.Confidential, r.Personal)
	for _, f := range r.Fields {
		i := slices.IndexFunc(known, func(v record.Value) bool { return v.Field == f })
		if i < 0 {
			c.Fields = append(c.Fields, value{Name: f, Masked: true})
			continue
		}
		v := known[i]
		c.Fields = append(c.Fields, value{Name: f, Before: said(jsontext.Value(v.Before)), After: said(jsontext.Value(v.After)), New: v.Before == ""})
	}
	return c
}

// said is a value as people read it: a text without its quotes.
func said(v jsontext.Value) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}
