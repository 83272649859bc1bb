// Package extract reads the text out of finished bytes, for the check that what
// is inside a file belongs to its addressee (内容と宛先の照合).
//
// Files are told apart by content, never by name. Whatever cannot be read whole
// is said to be unreadable, with the reason, so that a second person looks at it:
// the package never guesses and never repairs. It is own code and strict because
// it stands in the outer gate: the readers at hand allocate by numbers found in
// the file and recurse without bound, which a hostile file turns into the end of
// the process.
//
// What it cannot know: whether the text a PDF declares for a glyph is what the
// glyph shows, and what pictures show (see Doc.Pictures).
package extract

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Kind is what the bytes are.
type Kind string

const (
	PDF     Kind = "pdf"
	CSV     Kind = "csv" // text whose lines have the same number of commas or tabs
	Plain   Kind = "text"
	Unknown Kind = "unknown" // everything else: archives, office files, pictures, markup, programs
)

// Reasons why a file was not read whole; each is the key of a sentence in
// package text.
const (
	Empty       = "extract.empty"       // no bytes
	UnknownType = "extract.unknown"     // a type this package does not read
	BadEncoding = "extract.encoding"    // neither UTF-8, UTF-16 with a mark, nor CP932
	Encrypted   = "extract.encrypted"   // a PDF with a password or restrictions
	Damaged     = "extract.damaged"     // breaks its format; truncated
	Unsupported = "extract.unsupported" // a PDF with a compression or structure not read here
	TooBig      = "extract.too_big"     // beyond the Limits
	NoText      = "extract.no_text"     // a page shows something but has no text
	BadGlyphs   = "extract.glyphs"      // too many glyphs without a known character
)

// Limits bound what one file may cost.
type Limits struct {
	Bytes   int           // of the file
	Decoded int           // bytes out of all compressed parts together
	Values  int           // numbers, names, strings, … of a PDF held in memory
	Steps   int           // tokens of page content, glyphs and pages gone through
	Pages   int           // of a PDF
	Text    int           // bytes of text given back
	Time    time.Duration // of the clock
}

// DefaultLimits keep one file below about 200 MB of memory and ten seconds.
func DefaultLimits() Limits {
	return Limits{Bytes: 25 << 20, Decoded: 32 << 20, Values: 1_000_000, Steps: 20_000_000, Pages: 2000, Text: 8 << 20, Time: 10 * time.Second}
}

// Doc is what was read.
type Doc struct {
	Kind  Kind
	Pages []string // text in the order of drawing, hidden text too; one entry for CSV and text
	Extra []string // PDF: form values, comments, bookmarks, title, author, alternative texts

	HasText    bool   // all that the file shows was read as text; false exactly when Unreadable is set
	Unreadable string // why not; "" if read whole

	NameMismatch bool  // the name's ending promises another type, or the name hides characters
	Embedded     bool  // PDF: files inside the file
	Active       bool  // PDF: JavaScript, launch or submit actions, XFA forms, media
	Pictures     []int // PDF: pages (from 1) of which pictures cover more than half; what they show was not read
	Missing      int   // PDF: glyphs without a known character, each U+FFFD in Pages
}

// Compact gives all text of d in the form of Compact, pages and extras parted by
// a newline, so that nothing matches across them.
func (d Doc) Compact() string {
	var b strings.Builder
	for _, part := range [][]string{d.Pages, d.Extra} {
		for _, s := range part {
			b.WriteString(Compact(s))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Compact folds s for finding names in it that are broken across lines: NFKC,
// without white space and invisible characters, radicals as the ideographs they
// stand for. Both sides of a comparison must pass through it.
func Compact(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector):
			return -1
		case r >= 0x2E80 && r <= 0x2EF3:
			if i, ok := radicals[r]; ok {
				return i
			}
		}
		return r
	}, norm.NFKC.String(s))
}

// radicals are the CJK radicals (U+2E80…) that PDFs made on macOS declare in
// place of ideographs and that NFKC, which folds the Kangxi radicals, leaves.
var radicals = map[rune]rune{
	'⺠': '民', '⻁': '虎', '⻄': '西', '⻆': '角', '⻅': '見', '⻉': '貝', '⻋': '車', '⻑': '長', '⻘': '青', '⻝': '食',
	'⻤': '鬼', '⻨': '麦', '⻩': '黄', '⻫': '斉', '⻭': '歯', '⻯': '竜', '⻲': '亀', '⺝': '月', '⺟': '母',
}

// Text reads b, a file called name. A file that cannot be read is no error but a
// Doc with Unreadable set and with what was read until then; the only errors are
// those of ctx.
func Text(ctx context.Context, name string, b []byte, lim Limits) (Doc, error) {
	doc, failure := readAll(ctx, name, b, lim)
	if err := ctx.Err(); err != nil {
		return Doc{}, fmt.Errorf("extract: %w", err)
	}
	if failure != nil {
		doc.Unreadable = Damaged
	}
	doc.HasText = doc.Unreadable == ""
	return doc, nil
}

// readAll is Text; failure is a panic that no check foresaw, which the fuzz tests
// report and users see as a damaged file.
func readAll(ctx context.Context, name string, b []byte, lim Limits) (doc Doc, failure any) {
	ctx, cancel := context.WithTimeout(ctx, lim.Time)
	defer cancel()
	bud := &budget{ctx: ctx, lim: lim}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case halt:
			doc.Unreadable = string(r)
		default:
			failure = r
		}
	}()
	content := sniff(b)
	doc.Kind = content.kind
	doc.NameMismatch = nameMismatch(name, content)
	switch {
	case len(b) == 0:
		stop(Empty)
	case len(b) > lim.Bytes:
		stop(TooBig)
	case content.kind == PDF:
		readPDF(bud, b, &doc)
	case content.kind == Unknown:
		stop(UnknownType)
	default:
		readPlain(bud, b, &doc)
	}
	return doc, nil
}

// halt stops the reading with a reason; readAll turns it into Doc.Unreadable.
type halt string

func stop(reason string) { panic(halt(reason)) }

// budget counts what a file has cost.
type budget struct {
	ctx                          context.Context
	lim                          Limits
	decoded, values, steps, text int
}

// spend adds n to used and stops beyond limit or when the time is over.
func (b *budget) spend(used *int, n, limit int) {
	before := *used
	*used += n
	if *used > limit || *used < before {
		stop(TooBig)
	}
	if before>>12 != *used>>12 && b.ctx.Err() != nil {
		stop(TooBig)
	}
}

func (b *budget) decode(n int) { b.spend(&b.decoded, n, b.lim.Decoded) }
func (b *budget) value()       { b.spend(&b.values, 1, b.lim.Values) }
func (b *budget) step()        { b.spend(&b.steps, 1, b.lim.Steps) }
func (b *budget) write(n int)  { b.spend(&b.text, n, b.lim.Text) }

// startsWith tells whether b begins with any of the marks.
func startsWith(b []byte, marks ...string) bool {
	for _, m := range marks {
		if bytes.HasPrefix(b, []byte(m)) {
			return true
		}
	}
	return false
}
