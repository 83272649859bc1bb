package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// Encoding of a file.
type Encoding string

const (
	Auto  Encoding = ""
	UTF8  Encoding = "utf-8"
	CP932 Encoding = "cp932" // Windows-31J, what Japanese programs and Excel call Shift_JIS
)

// Record is one row of the file; Line is where it begins, for a quoted cell may
// go over several lines.
type Record struct {
	Line  int
	Cells []string
}

// Table is a file that was read.
type Table struct {
	Encoding   Encoding
	Why        string // text key: what the encoding was told by
	Delimiter  string
	HeaderLine int // 0: no line has known headings
	Headings   []string
	Rows       []Record
	Bad        []Issue // lines that are no rows; none of them is in Rows
}

// Read reads a file of comma-, semicolon- or tab-separated values (RFC 4180 as
// encoding/csv reads it, strictly). Lines at fault are listed, not guessed. A
// file that is no such thing at all, or beyond the bounds, is fault.Invalid.
func Read(b []byte, as Encoding) (Table, error) {
	var t Table
	if err := noTable(b); err != nil {
		return t, err
	}
	var s string
	s, t.Encoding, t.Why = decode(b, as)
	if !strings.Contains(s, "\n") {
		s = strings.ReplaceAll(s, "\r", "\n") // line ends of old Macs
	}
	comma := delimiter(s)
	t.Delimiter = string(comma)
	// A cell costs far more memory than the delimiter that makes it.
	if strings.Count(s, t.Delimiter) > MaxCells {
		return t, fault.Invalid("intake.too_many_cells", "max", MaxCells)
	}
	if err := t.records(s, comma); err != nil {
		return t, err
	}
	return t, t.head()
}

// noTable tells what a file is that cannot be read.
func noTable(b []byte) error {
	has := func(p string) bool { return bytes.HasPrefix(b, []byte(p)) }
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return fault.Invalid("intake.empty")
	case len(b) > MaxBytes:
		return fault.Invalid("intake.too_large", "max", MaxBytes>>20)
	case has("PK\x03\x04") || has("\xd0\xcf\x11\xe0"):
		return fault.Invalid("intake.workbook")
	case has("\xff\xfe") || has("\xfe\xff"):
		return fault.Invalid("intake.utf16")
	case has("%PDF"):
		return fault.Invalid("intake.not_csv")
	}
	return nil
}

// decode gives the text. Bytes that are no character become U+FFFD, which no
// row may have, so that exactly their lines are refused.
func decode(b []byte, as Encoding) (string, Encoding, string) {
	rest, bom := bytes.CutPrefix(b, []byte("\xef\xbb\xbf"))
	switch {
	case as == CP932:
		return cp932(b), CP932, "intake.told"
	case as == UTF8:
		return strings.ToValidUTF8(string(rest), "\ufffd"), UTF8, "intake.told"
	case bom:
		return strings.ToValidUTF8(string(rest), "\ufffd"), UTF8, "intake.by_bom"
	case ascii(b):
		return string(b), UTF8, "intake.by_ascii"
	case utf8.Valid(b) && !(narrow(b) && !strings.Contains(cp932(b), "\ufffd")):
		return string(b), UTF8, "intake.by_utf8"
	}
	s := cp932(b)
	if broken := strings.ToValidUTF8(string(b), "\ufffd"); strings.Count(s, "\ufffd") > strings.Count(broken, "\ufffd") {
		return broken, UTF8, "intake.by_fewer"
	}
	return s, CP932, "intake.by_cp932"
}

func cp932(b []byte) string {
	s, err := jp.DecodeCP932(b)
	if err != nil {
		// The decoder puts U+FFFD where jp names only the first line.
		s, _ = japanese.ShiftJIS.NewDecoder().String(string(b))
	}
	return s
}

func ascii(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// narrow tells whether all characters of valid UTF-8 take at most two bytes.
// Japanese takes three: what has none of it is half-width kana of CP932 that
// only happens to be valid.
func narrow(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r > 0x7ff }) < 0
}

const sniffed = 64 << 10

// delimiter is the one that parts most of the first lines into equally many cells.
func delimiter(s string) rune {
	if len(s) > sniffed {
		s = s[:strings.LastIndexByte(s[:sniffed], '\n')+1]
	}
	best, most, widest := ',', 0, 1
	for _, c := range []rune{',', '\t', ';'} {
		r := reader(s, c)
		widths := map[int]int{}
		for range 20 {
			cells, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil && len(cells) > 1 {
				widths[len(cells)]++
			}
		}
		for w, n := range widths {
			if n > most || n == most && w > widest {
				best, most, widest = c, n, w
			}
		}
	}
	return best
}

func reader(s string, comma rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(s))
	r.Comma, r.FieldsPerRecord = comma, -1
	return r
}

// records splits the text into rows and bad lines.
func (t *Table) records(s string, comma rune) error {
	r, last := reader(s, comma), strings.Count(strings.TrimRight(s, "\n"), "\n")+1
	for {
		cells, err := r.Read()
		var p *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &p):
			t.Bad = append(t.Bad, quoteIssue(p, last))
		case err != nil:
			return fault.Failed(err)
		default:
			line, _ := r.FieldPos(0)
			t.take(Record{line, cells})
		}
		if len(t.Rows)+len(t.Bad) > MaxRows+headWithin {
			return fault.Invalid("intake.too_many_rows", "max", MaxRows)
		}
	}
}

// quoteIssue says what is wrong with the quotes of a line. One that is never
// closed swallows the rest of the file, so the last line, which is lost, is named too.
func quoteIssue(p *csv.ParseError, last int) Issue {
	switch {
	case errors.Is(p.Err, csv.ErrBareQuote):
		return issue(p.Line, fault.Invalid("intake.bare_quote"))
	case p.Line >= last && p.StartLine < last:
		return issue(p.StartLine, fault.Invalid("intake.open_quote", "last", last))
	}
	return issue(p.StartLine, fault.Invalid("intake.quote"))
}

// take keeps a row unless one of its cells holds what no text holds.
func (t *Table) take(r Record) {
	for i, c := range r.Cells {
		key := ""
		if strings.ContainsRune(c, 0) {
			key = "intake.nul"
		} else if strings.ContainsRune(c, utf8.RuneError) {
			key = "intake.garbled"
		}
		if key != "" {
			bad := issue(r.Line, fault.Invalid(key))
			bad.Column, bad.Value = i+1, short(c)
			t.Bad = append(t.Bad, bad)
			return
		}
	}
	t.Rows = append(t.Rows, r)
}

// headWithin is how many lines may stand above the headings: titles and dates
// that programs print there.
const headWithin = 10

// head finds the headings: of the first lines the one with the most known
// headings. Then the rows below it must be as wide as it is.
func (t *Table) head() error {
	at, most := -1, 0
	for i := range t.Rows[:min(len(t.Rows), headWithin)] {
		if n := countHeadings(t.Rows[i].Cells); n > most {
			at, most = i, n
		}
	}
	switch {
	case len(t.Rows) == 0 && len(t.Bad) == 0:
		return fault.Invalid("intake.empty")
	case at >= 0:
		t.HeaderLine, t.Headings = t.Rows[at].Line, t.Rows[at].Cells
		t.Rows = t.Rows[at+1:]
		t.Bad = slices.DeleteFunc(t.Bad, func(i Issue) bool { return i.Line < t.HeaderLine })
	case len(t.Rows) > 0:
		t.Headings = make([]string, len(t.Rows[0].Cells))
	}
	if len(t.Headings) > MaxColumns {
		return fault.Invalid("intake.too_many_columns", "max", MaxColumns, "count", len(t.Headings))
	}
	if len(t.Rows)+len(t.Bad) > MaxRows {
		return fault.Invalid("intake.too_many_rows", "max", MaxRows)
	}
	if len(t.Rows)+len(t.Bad) == 0 {
		return fault.Invalid("intake.no_rows")
	}
	for i, h := range t.Headings {
		t.Headings[i] = short(strings.TrimSpace(h))
	}
	whole := t.Rows[:0]
	for _, r := range t.Rows {
		if len(r.Cells) == len(t.Headings) {
			whole = append(whole, r)
			continue
		}
		t.Bad = append(t.Bad, issue(r.Line, fault.Invalid("intake.ragged", "want", len(t.Headings), "got", len(r.Cells))))
	}
	t.Rows = whole
	for i := range t.Bad {
		if c := t.Bad[i].Column; c > 0 && c <= len(t.Headings) {
			t.Bad[i].Heading = t.Headings[c-1]
		}
	}
	return nil
}
