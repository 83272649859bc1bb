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
	Masked  bool // there are facts, above this reader's clearance
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
	var facts map[string]jsontext.Value
	if json.Unmarshal([]byte(d.Facts), &facts) != nil {
		for _, c := range d.Changed { // there are none, or they are not for this reader
			out.Masked = true
			one := change{Table: c.Table, ID: c.ID}
			for _, f := range c.Fields {
				one.Fields = append(one.Fields, value{Name: f})
			}
			out.Changes = append(out.Changes, one)
		}
		return out
	}
	out.Changes = changes(facts["changes"])
	for name, v := range facts {
		if name != "changes" {
			out.Notes = append(out.Notes, value{Name: name, After: said(v)})
		}
	}
	slices.SortFunc(out.Notes, func(a, b value) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func changes(raw jsontext.Value) []change {
	var list []struct {
		Table  string                      `json:"table"`
		ID     string                      `json:"id"`
		Fields map[string][]jsontext.Value `json:"fields"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []change
	for _, c := range list {
		one := change{Table: c.Table, ID: c.ID}
		for name, v := range c.Fields {
			switch len(v) {
			case 1:
				one.Fields = append(one.Fields, value{Name: name, After: said(v[0]), New: true})
			case 2:
				one.Fields = append(one.Fields, value{Name: name, Before: said(v[0]), After: said(v[1])})
			}
		}
		slices.SortFunc(one.Fields, func(a, b value) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, one)
	}
	return out
}

// said is a value as people read it: a text without its quotes.
func said(v jsontext.Value) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}
