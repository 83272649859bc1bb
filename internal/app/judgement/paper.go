package judgement

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"golang.org/x/text/encoding/japanese"

	"sekisho/internal/kernel/pdf"
)

// must gives v, or ends the run: what makes papers does not fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// paper is a PDF of one page with these lines, as a word processor makes one.
func (h *house) paper(lines ...string) []byte {
	d := pdf.New(pdf.Meta{Title: lines[0], Created: h.Clock.Now()})
	p := d.AddPage()
	for i, l := range lines {
		p.Text(20*pdf.MM, (25+pdf.Length(i)*7)*pdf.MM, l, pdf.Style{Size: pdf.Pt(10)})
	}
	return must(d.Bytes())
}

// scan is a PDF that is the picture of a page.
func (h *house) scan() []byte {
	d := pdf.New(pdf.Meta{Title: "scan", Created: h.Clock.Now()})
	d.AddPage().Picture(must(pdf.DecodePNG(photo(160, 226))), 0, 0, 210*pdf.MM, 297*pdf.MM)
	return must(d.Bytes())
}

// photo is a picture of grey lines.
func photo(w, ht int) []byte {
	i := image.NewGray(image.Rect(0, 0, w, ht))
	for y := range ht {
		for x := range w {
			i.SetGray(x, y, color.Gray{Y: uint8(255 - (x*y/7)%90*(y/8%2))})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, i); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// own is the block of the company on its papers.
var own = []string{"北斗サプライ株式会社", "〒060-0001 北海道札幌市中央区北一条西９丁目９番地 見本ビル２階", "TEL 011-001-0001  FAX 011-001-0002", "登録番号 T8999901090000"}

// quotation is a quote as people write it with a word processor.
func (h *house) quotation(p *partner, lines []line, more ...string) []byte {
	h.quote++
	out := append([]string{"御見積書", p.name + " 御中", fmt.Sprintf("見積番号 Q-2027-%04d", h.quote)}, own...)
	sum := int64(0)
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%s  %d%s  @%d  %d", l.what, l.quantity, l.unit, l.price, l.quantity*l.price))
		sum += l.quantity * l.price
	}
	return h.paper(append(append(out, fmt.Sprintf("合計（税抜） ￥%d", sum), "有効期限 発行後30日  納期 ご注文後5営業日"), more...)...)
}

// list is a list of what was delivered, as the stock program writes it.
func (h *house) list(lines []line) string {
	var b strings.Builder
	b.WriteString("行,納品日,伝票番号,品名,数量,単価,金額\r\n")
	for i, l := range lines {
		fmt.Fprintf(&b, "%d,%s,D-%05d,%s,%d,%d,%d\r\n", i+1, h.today().AddDays(-3-i), h.slip+i, l.what, l.quantity, l.price, l.quantity*l.price)
	}
	return b.String()
}

// cp932 is a text as Japanese spreadsheets write it.
func cp932(s string) []byte { return must(japanese.ShiftJIS.NewEncoder().Bytes([]byte(s))) }

// workbook is an Excel file whose second sheet, if there are words for it, is
// hidden; program is what else lies in it, "" for nothing.
func workbook(first, hidden, program string) []byte {
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	const rels, office = "http://schemas.openxmlformats.org/package/2006/relationships", "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	sheet := func(words string) string {
		var b strings.Builder
		for i, w := range strings.Split(words, "\n") {
			fmt.Fprintf(&b, `<row r="%d"><c r="A%d" t="inlineStr"><is><t>%s</t></is></c></row>`, i+1, i+1, w)
		}
		return `<worksheet ` + ns + `><sheetData>` + b.String() + `</sheetData></worksheet>`
	}
	parts := [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + rels + `"><Relationship Id="rId1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + rels + `"><Relationship Id="rId1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + office + `/worksheet" Target="worksheets/sheet2.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook ` + ns + `><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/>` + map[bool]string{true: `<sheet name="原本" sheetId="2" state="hidden" r:id="rId2"/>`}[hidden != ""] + `</sheets></workbook>`},
		{"xl/worksheets/sheet1.xml", sheet(first)},
	}
	if hidden != "" {
		parts = append(parts, [2]string{"xl/worksheets/sheet2.xml", sheet(hidden)})
	}
	if program != "" {
		parts = append(parts, [2]string{"xl/vbaProject.bin", program})
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		if _, err := must(z.Create(p[0])).Write([]byte(p[1])); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// scripted is a PDF that runs a program when it is opened.
func scripted(words string) []byte {
	stream := "BT /F1 12 Tf 72 700 Td (" + words + ") Tj ET"
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}
