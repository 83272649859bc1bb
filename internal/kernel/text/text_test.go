package text

import (
	"strings"
	"testing"

	"sekisho/internal/kernel/fault"
)

func TestEverySentenceIsInBothLanguages(t *testing.T) {
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	if len(Keys()) < 300 {
		t.Fatal("too few sentences", len(Keys()))
	}
	for _, k := range Keys() {
		ja, en := T(JA, k), T(EN, k)
		for _, w := range words(ja) {
			if !strings.Contains(en, w) {
				t.Errorf("%s: %s stands in Japanese only", k, w)
			}
		}
		for _, w := range words(en) {
			if !strings.Contains(ja, w) {
				t.Errorf("%s: %s stands in English only", k, w)
			}
		}
	}
}

// words are the {places} of a sentence.
func words(s string) []string {
	var out []string
	for _, part := range strings.Split(s, "{")[1:] {
		if w, _, ok := strings.Cut(part, "}"); ok && !strings.Contains(w, " ") {
			out = append(out, "{"+w+"}")
		}
	}
	return out
}

func TestSentences(t *testing.T) {
	if got := T(JA, "gate.too_long", "length", 201, "max", 200); !strings.Contains(got, "201文字") || strings.Contains(got, "{") {
		t.Error(got)
	}
	if T(EN, "no.such_key") != "no.such_key" {
		t.Error("a gap is seen as its key")
	}
	if got := T(EN, "gate.taken", "table", fault.Word("fault.not_found")); !strings.Contains(got, "Not found.") {
		t.Error(got)
	}
	for _, bad := range []string{"a\n  ja: x\na\n  ja: y", "  ja: x", "a\n  fr: x", "a\n  ja x"} {
		if err := parse(map[string]map[Lang]string{}, "f", bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
