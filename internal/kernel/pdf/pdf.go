// Package pdf writes PDF 1.7 (ISO 32000-1) documents in Japanese: text with
// its own embedded fonts, rules and PNG pictures, nothing else.
//
// The same calls give the same bytes, on every machine and in every process:
// there is no clock and no chance in it, and lengths are integers. Text can be
// copied and searched beyond the Basic Multilingual Plane (𠮷). A character
// that no font has is an error, never a blank.
//
// gopdf v0.33.0 was measured and left: text beyond the BMP is copied wrongly,
// and it parses its fonts for every document (60 lines of text in two fonts:
// 12.7 ms and 11.5 MB; an invoice of 60 lines here: 2.8 ms and 2.2 MB).
package pdf

import (
	"math"
	"strconv"
	"time"

	"sekisho/internal/kernel/fault"
)

// Length is a length on paper in micrometres.
type Length int64

// MM is one millimetre.
const MM Length = 1000

// A4 portrait, ISO 216.
const (
	A4Width  = 210 * MM
	A4Height = 297 * MM
)

// Pt is n typographic points of 1/72 inch.
func Pt(n int) Length { return Length(n) * 25400 / 72 }

// Style is how text is set. Bold thickens the strokes of the one weight that
// is embedded.
type Style struct {
	Size Length
	Bold bool
}

// Meta describes a document to those who file and search it.
type Meta struct {
	Title      string
	Author     string
	Identifier string    // own id of the document: keyword and dc:identifier
	Created    time.Time // stated, never read from a clock
}

// Doc is a document being written. It is not for concurrent use.
type Doc struct {
	meta    Meta
	pages   []*Page
	subsets []*subset // by face
	images  []*Image
	missing rune // first character asked for that no font has
}

// New begins a document without pages.
func New(m Meta) *Doc {
	d := &Doc{meta: m}
	for _, f := range faces() {
		d.subsets = append(d.subsets, newSubset(f))
	}
	return d
}

// Page is one A4 portrait page; places on it are measured from its top left
// corner. Any page can be drawn on until Bytes.
type Page struct {
	doc     *Doc
	content []byte
}

// AddPage adds an empty page at the end.
func (d *Doc) AddPage() *Page {
	p := &Page{doc: d}
	d.pages = append(d.pages, p)
	return p
}

// Pages are the pages in order.
func (d *Doc) Pages() []*Page { return d.pages }

// Text writes s in one line, its left end at x and its baseline at y.
func (p *Page) Text(x, y Length, s string, st Style) {
	if s = Clean(s); s == "" {
		return
	}
	if st.Bold {
		p.op("q 2 Tr 1 j", "").op("w", "", st.Size/30)
	}
	p.op("BT", "")
	face := -1
	for _, r := range s {
		at, ok := find(r)
		if !ok && p.doc.missing == 0 {
			p.doc.missing = r
		}
		if at.face != face {
			if face < 0 {
				p.op("Td", "", x, A4Height-y)
			} else {
				p.content = append(p.content, ">Tj\n"...)
			}
			face = at.face
			p.op("Tf", "/F"+strconv.Itoa(face), st.Size)
			p.content = append(p.content, '<')
		}
		p.content = appendHex16(p.content, p.doc.subsets[face].slot(r, at.glyph))
	}
	p.content = append(p.content, ">Tj\nET\n"...)
	if st.Bold {
		p.op("Q", "")
	}
}

// TextRight writes s so that its right end is at x.
func (p *Page) TextRight(x, y Length, s string, st Style) {
	p.Text(x-Width(s, st.Size), y, s, st)
}

// TextCenter writes s so that its middle is at x.
func (p *Page) TextCenter(x, y Length, s string, st Style) {
	p.Text(x-Width(s, st.Size)/2, y, s, st)
}

// Rule draws a straight black line of the given thickness.
func (p *Page) Rule(x1, y1, x2, y2, thickness Length) {
	p.op("w", "", thickness).op("m", "", x1, A4Height-y1).op("l S", "", x2, A4Height-y2)
}

// Frame draws the outline of a box whose top left corner is at x, y.
func (p *Page) Frame(x, y, w, h, thickness Length) {
	p.op("w", "", thickness).op("re S", "", x, A4Height-y-h, w, h)
}

// Picture draws img into the box whose top left corner is at x, y.
func (p *Page) Picture(img *Image, x, y, w, h Length) {
	n := 0
	for n < len(p.doc.images) && p.doc.images[n] != img {
		n++
	}
	if n == len(p.doc.images) {
		p.doc.images = append(p.doc.images, img)
	}
	p.op("q", "").op("cm", "", w, 0, 0, h, x, A4Height-y-h).op("/I"+strconv.Itoa(n)+" Do Q", "")
}

// op appends one content operator with its operands: a name, then lengths.
func (p *Page) op(operator, name string, operands ...Length) *Page {
	if name != "" {
		p.content = append(append(p.content, name...), ' ')
	}
	for _, l := range operands {
		p.content = append(appendPoints(p.content, l), ' ')
	}
	p.content = append(append(p.content, operator...), '\n')
	return p
}

// appendPoints writes l in points with two decimals.
func appendPoints(to []byte, l Length) []byte {
	if l < 0 {
		to, l = append(to, '-'), -l
	}
	n := (min(int64(l), math.MaxInt32)*7200 + 12700) / 25400 // hundredths of a point
	to = strconv.AppendInt(to, n/100, 10)
	if n%100 != 0 {
		to = append(to, '.', byte('0'+n/10%10), byte('0'+n%10))
	}
	return to
}

func appendHex16(to []byte, n int) []byte {
	const digits = "0123456789ABCDEF"
	return append(to, digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15])
}

// Bytes finishes the document. It is fault.Invalid if a character was asked
// for that no font has; ask Missing before, to name the field as well.
func (d *Doc) Bytes() ([]byte, error) {
	if d.missing != 0 {
		return nil, fault.Invalid("pdf.no_glyph", "char", Show(d.missing))
	}
	return d.write(), nil
}
