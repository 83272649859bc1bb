package intake

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
)

// TestReadIsBounded reads the worst files of each kind: none may cost time or
// memory out of proportion, and each is refused or read, never half of it.
func TestReadIsBounded(t *testing.T) {
	long := strings.Repeat("x", 200)
	for name, c := range map[string]struct {
		file string
		key  string // "": read
	}{
		"one line of commas":      {strings.Repeat(",", 9_000_000), "intake.too_many_cells"},
		"lines of commas":         {strings.Repeat(strings.Repeat(",", 199)+"\n", 60_000), "intake.too_many_cells"},
		"tabs in one line":        {"コード\t名称\n" + strings.Repeat("\t", 9_000_000), "intake.too_many_cells"},
		"a quote in every line":   {strings.Repeat("a\""+long+"\n", MaxRows-1), ""},
		"a quote never closed":    {"a,b\n1,\"" + strings.Repeat(long+"\n", 100_000), ""},
		"a wrong quote each line": {strings.Repeat("\"a\"b,"+long+"\n", MaxRows-1), ""},
		"short lines":             {strings.Repeat("a\n", MaxRows+20), "intake.too_many_rows"},
		"only quotes":             {strings.Repeat("\"", 4<<20), ""},
		"only line ends":          {"a" + strings.Repeat("\r\n", 4<<20), ""},
		"no characters":           {strings.Repeat("\xff\xfd,\n", 150_000), ""},
	} {
		b := []byte(c.file)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		tab, err := Read(b, Auto)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		spent := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%-24s %3d MB: %v, %d MB", name, len(b)>>20, took.Round(time.Millisecond), spent)
		if took > 10*time.Second || spent > 400 {
			t.Errorf("%s: %v and %d MB for %d MB", name, took, spent, len(b)>>20)
		}
		switch {
		case c.key != "" && (err == nil || fault.Of(err).Key != c.key):
			t.Errorf("%s: %v, want %s", name, err, c.key)
		case c.key == "" && (err != nil || len(tab.Rows)+len(tab.Bad) == 0):
			t.Errorf("%s: %v, %d rows, %d bad", name, err, len(tab.Rows), len(tab.Bad))
		}
	}
}

// FuzzTable puts arbitrary cells into arbitrary shapes, which bytes alone rarely
// make: whatever comes out names lines of the file and no row is counted twice.
func FuzzTable(f *testing.F) {
	f.Add("得意先コード", "名称", "000101", "株式会社青葉", byte(0), byte(3), false)
	f.Add("code", "a\"b", "1\r\n2", "\x00", byte(1), byte(1), true)
	f.Fuzz(func(t *testing.T, h1, h2, a, b string, comma, rows byte, quoted bool) {
		c := []string{",", "\t", ";"}[comma%3]
		q := func(s string) string {
			if quoted {
				return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
			}
			return s
		}
		file := []byte(q(h1) + c + q(h2) + "\n" + strings.Repeat(q(a)+c+q(b)+"\n", int(rows)))
		tab, err := Read(file, Auto)
		if err != nil {
			if fault.Of(err).Kind != fault.KindInvalid {
				t.Fatal(err)
			}
			return
		}
		last, lines := bytes.Count(file, []byte("\n"))+bytes.Count(file, []byte("\r"))+1, map[int]bool{}
		for _, r := range tab.Rows {
			if lines[r.Line] || r.Line < 1 || r.Line > last || len(r.Cells) != len(tab.Headings) {
				t.Fatalf("%q: row %+v", file, r)
			}
			lines[r.Line] = true
		}
		for _, i := range tab.Bad {
			if i.Line < 1 || i.Line > last {
				t.Fatalf("%q: issue %+v", file, i)
			}
		}
		if len(tab.Rows)+len(tab.Bad) > last {
			t.Fatalf("%q: %d rows and %d issues of %d lines", file, len(tab.Rows), len(tab.Bad), last)
		}
	})
}
