package record

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/kernel/text"
)

// Every kind of thing a record may name can be chosen in the log's filter, and is
// in words.
func TestEveryKindIsInWords(t *testing.T) {
	for _, k := range kinds {
		for _, l := range []text.Lang{text.JA, text.EN} {
			if key := "web.record.kind_" + k; text.T(l, key) == key {
				t.Errorf("no words for %s in %s", k, l)
			}
		}
	}
	named := regexp.MustCompile(`(?:Target|Alarm)\{(?:Key: [^,]+, )?Kind: "([a-z_]+)"`)
	house, found := os.DirFS("../../../.."), 0
	err := fs.WalkDir(house, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/gatetest/") {
			return err
		}
		b, err := fs.ReadFile(house, path)
		for _, m := range named.FindAllSubmatch(b, -1) {
			if found++; !slices.Contains(kinds, string(m[1])) {
				t.Errorf("%s names the kind %q, which the log's page does not know", path, m[1])
			}
		}
		return err
	})
	if err != nil || found < 50 {
		t.Fatal(found, "kinds found:", err)
	}
}
