// Package record lets people search what happened (操作記録): who did, saw and
// was refused what. Reading the log is itself recorded.
package record

import (
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Module has the ops on the log, which is the gate's own, and keeps what rounds
// over log and rows found.
var Module = gate.Module{Name: "record", Schema: schema, Tables: []gate.AnyTable{sweeps},
	Ops: []gate.Any{Search, Mine, Show, ShowIntegrity, Segments, Swept, Expire, Upgrade}}

// Query narrows a search; empty fields do not.
type Query struct {
	ID      string    `json:"id"` // the record number a sentence named
	Person  string    `json:"person"`
	Op      string    `json:"op"`
	Outcome string    `json:"outcome" enum:"ok,invalid,not_found,denied,refused,pending,conflict,limited,failed"`
	Kind    string    `json:"kind"`
	Target  string    `json:"target"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Before  int64     `json:"before"` // leaf; from the page before
	Limit   int       `json:"limit"`
}

func (q Query) gate() gate.LogQuery {
	g := gate.LogQuery{ID: q.ID, Person: q.Person, Op: q.Op, Outcome: q.Outcome, Kind: q.Kind, Target: q.Target, Before: q.Before, Limit: q.Limit}
	if q.Limit == 0 {
		g.Limit = 50
	}
	if !q.From.IsZero() {
		g.From = q.From.UnixMicro()
	}
	if !q.To.IsZero() {
		g.To = q.To.UnixMicro()
	}
	return g
}

// Line is one record in a list.
type Line struct {
	Leaf    int64     `json:"leaf" class:"internal"`
	ID      string    `json:"id" class:"internal"`
	At      time.Time `json:"at" class:"internal"`
	Via     string    `json:"via" class:"internal"`
	Person  string    `json:"person" class:"internal"`
	From    string    `json:"from" class:"internal"`
	Op      string    `json:"op" class:"internal"`
	Outcome string    `json:"outcome" class:"internal"`
	Reason  string    `json:"reason" class:"internal"`
	Rule    string    `json:"rule" class:"internal"`
	Kind    string    `json:"kind" class:"internal"`
	Target  string    `json:"target" class:"internal"`
	Written int       `json:"written" class:"internal"`
	Seen    int       `json:"seen" class:"internal"`
	Classes string    `json:"classes" class:"internal"` // classes that left in the clear
}

// Lines is a page, newest first.
type Lines struct {
	Records []Line `json:"records"`
	Before  int64  `json:"before" class:"internal"` // for the next page; 0 on the last
}

func line(e gate.Entry) Line {
	r := e.Record
	l := Line{Leaf: e.Leaf, ID: r.ID, At: time.UnixMicro(r.At).UTC(), Via: r.Via, Person: r.Person, From: r.From, Op: r.Op,
		Outcome: string(r.Outcome), Reason: r.Reason, Rule: r.Rule, Kind: r.Kind, Target: r.Target, Written: r.Written, Classes: r.Unmasked}
	for _, s := range r.Seen {
		l.Seen += s.Count
	}
	return l
}

func search(x *gate.Tx, q gate.LogQuery) (Lines, error) {
	es, err := gate.LogSearch(x, q)
	if err != nil {
		return Lines{}, err
	}
	var out Lines
	for _, e := range es {
		out.Records = append(out.Records, line(e))
	}
	if len(es) == q.Limit {
		out.Before = es[len(es)-1].Leaf
	}
	return out, nil
}

func whole[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "record", ID: "*"}, nil
}

// Search finds records of everybody: for auditors and security.
var Search = gate.New(gate.Op[Query, Lines]{
	Name: "record.search", Mode: gate.List, Target: whole[Query],
	Do: func(x *gate.Tx, in Query) (Lines, error) { return search(x, in.gate()) },
})

// Mine finds one's own records, so that everybody can see what is kept of them.
var Mine = gate.New(gate.Op[Query, Lines]{
	Name: "record.mine", Mode: gate.List, Target: whole[Query],
	Do: func(x *gate.Tx, in Query) (Lines, error) {
		q := in.gate()
		q.Person = x.Actor().Person
		return search(x, q)
	},
})

// Leaf names one record by its place.
type Leaf struct {
	Leaf int64 `json:"leaf"`
}

// Detail is one record whole.
type Detail struct {
	Line    Line   `json:"line"`
	Body    string `json:"body" class:"internal"`  // the leaf's bytes, as hashed
	Facts   string `json:"facts" class:"personal"` // JSON of the sealed payload: values before and after
	Changed []Row  `json:"changed"`                // what was written to which rows
	Erased  bool   `json:"erased" class:"internal"`
	Version int    `json:"format" class:"internal"`
}

// Row is what was written to one row: its fields, and their values in the class
// of each, so that a reader gets those their clearance covers.
type Row struct {
	Table        string   `json:"table" class:"internal"`
	ID           string   `json:"id" class:"internal"`
	Fields       []string `json:"fields" class:"internal"` // in order
	Internal     []Value  `json:"internal" class:"internal"`
	Confidential []Value  `json:"confidential" class:"confidential"`
	Personal     []Value  `json:"personal" class:"personal"`
}

// Value is a field before and after, as JSON; Before is "" in a new row.
type Value struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// changed reads the rows of a record's facts.
func changed(x *gate.Tx, facts map[string]any) ([]Row, error) {
	var out []Row
	list, _ := facts["changes"].([]any)
	for _, c := range list {
		m, _ := c.(map[string]any)
		fields, _ := m["fields"].(map[string]any)
		r := Row{Fields: slices.Sorted(maps.Keys(fields))}
		r.Table, _ = m["table"].(string)
		r.ID, _ = m["id"].(string)
		for _, f := range r.Fields {
			v, err := valueOf(f, fields[f])
			if err != nil {
				return nil, err
			}
			to := &r.Personal
			switch x.ClassOf(r.Table, f) {
			case policy.Public, policy.Internal:
				to = &r.Internal
			case policy.Confidential:
				to = &r.Confidential
			}
			*to = append(*to, v)
		}
		out = append(out, r)
	}
	return out, nil
}

// valueOf reads what a record keeps of a field: [after], or [before, after].
func valueOf(field string, kept any) (Value, error) {
	pair, _ := kept.([]any)
	v := Value{Field: field}
	for i, at := range []*string{&v.After, &v.Before} {
		if len(pair) <= i {
			break
		}
		b, err := json.Marshal(pair[len(pair)-1-i], json.Deterministic(true))
		if err != nil {
			return v, err
		}
		*at = string(b)
	}
	return v, nil
}

// Show opens one record. What was written leaves in the class of each field; the
// facts as a whole hold values of all of them and leave under the class personal.
var Show = gate.New(gate.Op[Leaf, Detail]{
	Name: "record.show", Mode: gate.List, Target: whole[Leaf],
	Do: func(x *gate.Tx, in Leaf) (Detail, error) {
		es, err := gate.LogSearch(x, gate.LogQuery{Before: in.Leaf + 1, Limit: 1})
		if err != nil {
			return Detail{}, err
		}
		if len(es) == 0 || es[0].Leaf != in.Leaf {
			return Detail{}, fault.NotFound()
		}
		e := es[0]
		d := Detail{Line: line(e), Body: string(e.Body), Erased: e.Record.PayloadSHA != "" && len(e.Payload) == 0, Version: e.Record.Format}
		facts, err := x.Facts(e)
		if err != nil || facts == nil {
			return d, err
		}
		if d.Changed, err = changed(x, facts); err != nil {
			return d, err
		}
		b, err := json.Marshal(facts, json.Deterministic(true))
		d.Facts = string(b)
		return d, err
	},
})
