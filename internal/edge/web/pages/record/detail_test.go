package record

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"sekisho/internal/edge/web/page"
)

func TestChangesAreLaidOut(t *testing.T) {
	got := changes(jsontext.Value(`[{"table":"party","id":"p1","fields":{"state":["active","suspended"],"code":["000101"],"terms":[{"a":1},null]}}]`))
	if len(got) != 1 || got[0].Table != "party" || len(got[0].Fields) != 3 {
		t.Fatalf("%+v", got)
	}
	want := []value{{Name: "code", After: "000101", New: true}, {Name: "state", Before: "active", After: "suspended"}, {Name: "terms", Before: `{"a":1}`, After: ""}}
	for i, w := range want {
		if got[0].Fields[i] != w {
			t.Errorf("%+v, want %+v", got[0].Fields[i], w)
		}
	}
	for _, bad := range []string{"", "null", "7", `[{"fields":{"x":5}}]`, `{}`} {
		if got := changes(jsontext.Value(bad)); got != nil {
			t.Errorf("%q gives %+v", bad, got)
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
