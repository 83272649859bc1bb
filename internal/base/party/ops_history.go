package party

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate"
)

// HistoryIn asks for one page of a partner's history, the newest first.
type HistoryIn struct {
	ID     string `json:"id" required:"true"`
	Before int64  `json:"before"` // leaf number from Next of the page before
	Limit  int    `json:"limit"`  // of records looked through, 1 to 200, 100 if 0
}

// Event is one thing that happened to a partner.
type Event struct {
	Record     string            `json:"record" class:"internal"`
	Leaf       int64             `json:"leaf" class:"internal"`
	At         time.Time         `json:"at" class:"internal"`
	Person     string            `json:"person" class:"internal"`
	Op         string            `json:"op" class:"internal"`
	Outcome    audit.Outcome     `json:"outcome" class:"internal"`
	ApprovedBy string            `json:"approved_by" class:"internal"` // the second person, where one was needed
	Changes    []approval.Change `json:"changes"`
}

// HistoryOut is that page.
type HistoryOut struct {
	Rows []Event `json:"rows"`
	Next int64   `json:"next" class:"internal"` // 0 on the last page
}

// History tells who changed what of a partner and who agreed to it, from the
// log. Reads are left out: the record of access is the auditors'.
var History = gate.New(gate.Op[HistoryIn, HistoryOut]{
	Name: "party.history", Mode: gate.Read,
	Target: func(x *gate.Tx, in HistoryIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in HistoryIn) (HistoryOut, error) {
		out := HistoryOut{Rows: []Event{}}
		if in.Limit <= 0 || in.Limit > 200 {
			in.Limit = 100
		}
		entries, err := gate.LogSearch(x, gate.LogQuery{Kind: "party", Target: in.ID, Before: in.Before, Limit: in.Limit})
		if err != nil {
			return out, err
		}
		agreed, err := secondPersons(x, in.ID)
		if err != nil {
			return out, err
		}
		for _, e := range entries {
			if e.Record.Written == 0 && e.Record.PayloadSHA == "" {
				continue
			}
			ev := Event{Record: e.Record.ID, Leaf: e.Leaf, At: time.UnixMicro(e.Record.At).UTC(), Person: e.Record.Person,
				Op: e.Record.Op, Outcome: e.Record.Outcome, ApprovedBy: agreed[e.Record.Parent]}
			facts, err := x.Facts(e)
			if err != nil {
				return out, err
			}
			ev.Changes = changed(facts)
			out.Rows = append(out.Rows, ev)
		}
		if len(entries) == in.Limit {
			out.Next = entries[len(entries)-1].Leaf
		}
		return out, nil
	},
})

// secondPersons are those who approved, by the record of their approval.
func secondPersons(x *gate.Tx, id string) (map[string]string, error) {
	list, err := asked(x, id)
	out := map[string]string{}
	for _, r := range list {
		if r.State == approval.Approved {
			out[r.Record] = r.DecidedBy
		}
	}
	return out, err
}

// changed reads the differences out of a record's payload: what the mapper
// noted about the rows of this module, and who was assigned.
func changed(facts map[string]any) []approval.Change {
	var out []approval.Change
	list, _ := facts["changes"].([]any)
	for _, c := range list {
		row, _ := c.(map[string]any)
		table, _ := row["table"].(string)
		fields, _ := row["fields"].(map[string]any)
		for col, v := range fields {
			ends, _ := v.([]any)
			mine := table == "party" || strings.HasPrefix(table, "party_") && col != "slot" || table == "gate_assignment" && col == "person"
			if len(ends) == 0 || !mine {
				continue
			}
			ch := approval.Change{Field: table + "." + col, After: words(ends[len(ends)-1])}
			if len(ends) > 1 {
				ch.Before = words(ends[0])
			}
			out = append(out, ch)
		}
	}
	if person := words(facts["unassigned"]); person != "" {
		out = append(out, approval.Change{Field: "gate_assignment.person", Before: person})
	}
	slices.SortStableFunc(out, func(a, b approval.Change) int { return strings.Compare(a.Field, b.Field) })
	return out
}

// words shows a value of a record; lists and structs as their JSON reads.
func words(v any) string {
	switch w := v.(type) {
	case nil:
		return ""
	case string:
		return w
	}
	return fmt.Sprint(v)
}
