package record

import (
	"testing"

	"sekisho/internal/assure/record"
	"sekisho/internal/edge/web/page"
)

func TestChangesAreLaidOut(t *testing.T) {
	got := laidOut(record.Row{Table: "party", ID: "p1", Fields: []string{"code", "name", "state", "terms"},
		Internal:     []record.Value{{Field: "code", After: `"000101"`}, {Field: "state", Before: `"active"`, After: `"suspended"`}},
		Confidential: []record.Value{{Field: "terms", Before: `{"a":1}`, After: "null"}}})
	want := []value{{Name: "code", After: "000101", New: true}, {Name: "name", Masked: true}, {Name: "state", Before: "active", After: "suspended"}, {Name: "terms", Before: `{"a":1}`, After: ""}}
	if got.Table != "party" || got.ID != "p1" || len(got.Fields) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		if got.Fields[i] != w {
			t.Errorf("%+v, want %+v", got.Fields[i], w)
		}
	}
}

func TestSentencesOfRecordsHaveNoEmptyPlaces(t *testing.T) {
	for in, want := range map[string]string{"a{x}b{y}": "a…b…", "": "", "no": "no", "open{": "open…"} {
		if got := page.Blanked(in); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
}
