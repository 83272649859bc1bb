package sheet

import (
	"sekisho/internal/kernel/pdf"
)

// The page: margins, and the line heights that go with the font sizes.
const (
	left   = 18 * pdf.MM
	right  = pdf.A4Width - 18*pdf.MM
	top    = 14 * pdf.MM
	bottom = 280 * pdf.MM // end of the body; the footer stands below
	footer = 287 * pdf.MM

	hairline = pdf.MM / 10
	rule     = pdf.MM / 4
	frame    = pdf.MM * 2 / 5

	leading = 4200 // µm between lines of body text
)

// Sizes of type.
var (
	small  = pdf.Style{Size: pdf.Pt(8)}
	body   = pdf.Style{Size: pdf.Pt(9)}
	strong = pdf.Style{Size: pdf.Pt(9), Bold: true}
	tiny   = pdf.Pt(6) // the least size that a too long value is shrunk to
)

// flow fills pages from top to bottom.
type flow struct {
	s    Snapshot
	doc  *pdf.Doc
	page *pdf.Page
	y    pdf.Length // where the next thing begins
}

// next begins a page; from the second on it says whose invoice goes on.
func (f *flow) next() {
	f.page = f.doc.AddPage()
	f.y = top
	if len(f.doc.Pages()) == 1 {
		return
	}
	f.page.Text(left, f.y+3*pdf.MM, label("continued", "title", f.s.title()), strong)
	to := joined(f.s.Partner.Name, f.s.Partner.Honorific)
	size, _ := pdf.Fit(to, 130*pdf.MM, body.Size, tiny)
	lines := pdf.Break(to, size, 130*pdf.MM)
	for _, l := range lines {
		f.page.TextRight(right, f.y+3*pdf.MM, l, pdf.Style{Size: size})
		f.y += leading
	}
	f.y += 4 * pdf.MM
}

// room makes sure that h is left on the page.
func (f *flow) room(h pdf.Length) {
	if f.y+h > bottom {
		f.next()
	}
}

// paragraph writes s into the width between x and end, over pages where needed.
func (f *flow) paragraph(x, end pdf.Length, s string, st pdf.Style) {
	for _, l := range pdf.Break(s, st.Size, end-x) {
		f.room(leading)
		f.page.Text(x, f.y+leading-pdf.MM, l, st)
		f.y += leading
	}
}

// section writes paragraphs beside a heading, below a rule.
func (f *flow) section(heading string, paragraphs ...string) {
	const indent = 24 * pdf.MM
	f.y += 5 * pdf.MM
	f.room(3*leading + 2*pdf.MM)
	f.page.Rule(left, f.y, right, f.y, hairline)
	f.y += 2 * pdf.MM
	f.page.Text(left, f.y+leading-pdf.MM, heading, strong)
	for _, p := range paragraphs {
		f.paragraph(left+indent, right, p, body)
		f.y += pdf.MM
	}
}

// footers write number and page n/m on every page.
func (f *flow) footers() {
	pages := f.doc.Pages()
	for i, p := range pages {
		p.Rule(left, footer-4*pdf.MM, right, footer-4*pdf.MM, hairline)
		number := label(f.s.key("number")) + " " + f.s.Number
		size, _ := pdf.Fit(number, 140*pdf.MM, small.Size, pdf.MM/10)
		p.Text(left, footer, number, pdf.Style{Size: size})
		p.TextRight(right, footer, label("page", "n", i+1, "m", len(pages)), small)
	}
}

// fitted shrinks s into one line of width, down to least; what is still too
// long is broken into lines at that size.
func fitted(s string, width pdf.Length, st pdf.Style, least pdf.Length) ([]string, pdf.Style) {
	s = pdf.Clean(s)
	size, ok := pdf.Fit(s, width, st.Size, least)
	st.Size = size
	if ok && !hasBreak(s) {
		return []string{s}, st
	}
	return pdf.Break(s, size, width), st
}
