package paper

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/text"
)

// pages counts the pages of an archived PDF. What the library cannot read whole
// cannot be printed with codes on it.
func pages(b []byte) (n int, err error) {
	defer broken(&err)
	if n, err = api.PageCount(bytes.NewReader(b), settings()); err == nil && n < 1 {
		err = fmt.Errorf("paper: no pages")
	}
	return n, err
}

// settings of the library: it reads and writes no file of its own.
func settings() *model.Configuration {
	api.DisableConfigDir()
	c := model.NewDefaultConfiguration()
	c.ValidationMode = model.ValidationRelaxed
	c.Offline = true
	return c
}

// broken makes an error of a panic on a file that is not what it says.
func broken(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("paper: %v", r)
	}
}

// cover is a cover letter (送付状).
type cover struct {
	Block    []string
	Number   string // of the FAX, "" for post
	From     string // issuer's name
	FromMore []string
	Subject  string
	Body     string
	Files    []string // what is enclosed
	On       civil.Date
	Left     int64
	Top      int64
}

const (
	margin = 22 * pdf.MM
	width  = pdf.A4Width - 2*margin
	below  = 105 * pdf.MM // first fold: nothing but the address stands in the window
)

// letter draws it on one page, or more if the words ask for it.
func (c cover) letter() (b []byte, pages int, err error) {
	d := pdf.New(pdf.Meta{Title: c.Subject, Author: c.From, Created: c.On.Start()})
	p := d.AddPage()
	label := func(key string, args ...any) string { return text.T(text.JA, "paper."+key, args...) }
	body := pdf.Style{Size: pdf.Pt(10)}
	y := pdf.Length(c.Top) * pdf.MM
	for _, l := range c.Block {
		size, _ := pdf.Fit(l, 82*pdf.MM, pdf.Pt(11), pdf.Pt(6))
		for _, part := range pdf.Break(l, size, 82*pdf.MM) {
			y += 5 * pdf.MM
			p.Text(pdf.Length(c.Left)*pdf.MM, y, part, pdf.Style{Size: size})
		}
	}
	if c.Number != "" {
		p.Text(pdf.Length(c.Left)*pdf.MM, y+6*pdf.MM, "FAX "+c.Number, pdf.Style{Size: pdf.Pt(11), Bold: true})
	}
	at := 22 * pdf.MM
	p.TextRight(pdf.A4Width-margin, at, label("date", "on", c.On), body)
	for _, l := range append([]string{c.From}, c.FromMore...) {
		at += 5 * pdf.MM
		size, _ := pdf.Fit(l, 70*pdf.MM, pdf.Pt(10), pdf.Pt(6))
		p.TextRight(pdf.A4Width-margin, at, l, pdf.Style{Size: size})
	}
	y = max(below, y+14*pdf.MM)
	p.TextCenter(pdf.A4Width/2, y, label("cover"), pdf.Style{Size: pdf.Pt(15), Bold: true})
	y += 12 * pdf.MM
	line := func(s string, st pdf.Style) {
		for _, l := range pdf.Break(s, st.Size, width) {
			if y > 272*pdf.MM {
				p, y = d.AddPage(), 25*pdf.MM
			}
			p.Text(margin, y, l, st)
			y += 6 * pdf.MM
		}
	}
	line(label("subject")+c.Subject, pdf.Style{Size: pdf.Pt(11), Bold: true})
	y += 3 * pdf.MM
	for _, l := range splitLines(c.Body) {
		line(l, body)
	}
	y += 4 * pdf.MM
	line(label("enclosed"), pdf.Style{Size: pdf.Pt(10), Bold: true})
	for i, f := range c.Files {
		line(strconv.Itoa(i+1)+". "+f, body)
	}
	b, err = d.Bytes()
	return b, len(d.Pages()), err
}

func splitLines(s string) []string {
	var out []string
	for _, l := range bytes.Split([]byte(s), []byte("\n")) {
		if len(l) == 0 {
			l = []byte("　")
		}
		out = append(out, string(l))
	}
	return out
}

// stamped is one sheet's print at its foot.
type stamped struct{ Code, Of string }

// bind makes one PDF of parts and prints on every page its code: the archived
// bytes are read, never changed.
func bind(parts [][]byte, foot []stamped) (out []byte, err error) {
	defer broken(&err)
	var readers []io.ReadSeeker
	for _, p := range parts {
		readers = append(readers, bytes.NewReader(p))
	}
	var all bytes.Buffer
	if err := api.MergeRaw(readers, &all, false, settings()); err != nil {
		return nil, fmt.Errorf("paper: %w", err)
	}
	n, err := api.PageCount(bytes.NewReader(all.Bytes()), settings())
	if err != nil || n != len(foot) {
		return nil, fmt.Errorf("paper: %d pages for %d codes: %w", n, len(foot), err)
	}
	marks := map[int][]*model.Watermark{}
	for i, f := range foot {
		w, err := api.TextWatermark(f.Code+"   "+f.Of, "font:Courier-Bold, points:9, pos:br, off:-14 9, scale:1 abs, rot:0, op:1, fillc:#000000, bgcol:#FFFFFF, margins:2", true, false, types.POINTS)
		if err != nil {
			return nil, fmt.Errorf("paper: %w", err)
		}
		marks[i+1] = []*model.Watermark{w}
	}
	var stampedPDF bytes.Buffer
	if err := api.AddWatermarksSliceMap(bytes.NewReader(all.Bytes()), &stampedPDF, marks, settings()); err != nil {
		return nil, fmt.Errorf("paper: %w", err)
	}
	return stampedPDF.Bytes(), nil
}

// fetch reads a document from the blob store.
func fetch(ctx context.Context, s *blob.Store, digest string) ([]byte, error) {
	d, err := blob.ParseDigest(digest)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, d)
}

// testPage shows where the window's address will stand, with a frame for the
// window of a 長形3号 envelope and rulers to measure against.
func testPage(l Layout, issuer string) ([]byte, error) {
	d := pdf.New(pdf.Meta{Title: text.T(text.JA, "paper.test_title"), Author: issuer})
	p := d.AddPage()
	small := pdf.Style{Size: pdf.Pt(7)}
	p.Frame(20*pdf.MM, 12*pdf.MM, 90*pdf.MM, 45*pdf.MM, pdf.MM/5)
	for mm := pdf.Length(0); mm <= 200; mm += 10 {
		p.Rule(mm*pdf.MM, 0, mm*pdf.MM, 3*pdf.MM, pdf.MM/10)
		p.Rule(0, mm*pdf.MM, 3*pdf.MM, mm*pdf.MM, pdf.MM/10)
		p.Text(mm*pdf.MM+pdf.MM/2, 6*pdf.MM, strconv.Itoa(int(mm)), small)
		p.Text(4*pdf.MM, mm*pdf.MM+pdf.MM, strconv.Itoa(int(mm)), small)
	}
	y := pdf.Length(l.Top) * pdf.MM
	for _, s := range []string{"〒000-0000", text.T(text.JA, "paper.test_address"), text.T(text.JA, "paper.test_name")} {
		y += 5 * pdf.MM
		p.Text(pdf.Length(l.Left)*pdf.MM, y, s, pdf.Style{Size: pdf.Pt(11)})
	}
	y = 110 * pdf.MM
	for _, s := range pdf.Break(text.T(text.JA, "paper.test_text", "left", l.Left, "top", l.Top), pdf.Pt(10), width) {
		p.Text(margin, y, s, pdf.Style{Size: pdf.Pt(10)})
		y += 6 * pdf.MM
	}
	p.Rule(0, 99*pdf.MM, 8*pdf.MM, 99*pdf.MM, pdf.MM/5)
	p.Rule(0, 198*pdf.MM, 8*pdf.MM, 198*pdf.MM, pdf.MM/5)
	return d.Bytes()
}
