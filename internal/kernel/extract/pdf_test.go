package extract

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"
)

// makePDF makes a PDF of objects 1, 2, …; object 1 is the catalog.
func makePDF(trailer string, objects ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, xref)
	return b.String()
}

func streamOf(dict, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// document is a PDF of one page with the given content and resources; more are
// the objects from number 5 on.
func document(content, resources string, more ...string) string {
	return documentWith("", content, resources, more...)
}

// documentWith adds entries to the catalog.
func documentWith(catalog, content, resources string, more ...string) string {
	return makePDF("", append([]string{
		"<< /Type /Catalog /Pages 2 0 R " + catalog + " >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 600 800] /Resources << " + resources + " >> >>",
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Annots [8 0 R] >>",
		streamOf("", content),
	}, more...)...)
}

const helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"

func deflate(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.String()
}

func TestSM31_PredefinedCMapsAreRead(t *testing.T) {
	const s = "株式会社北斗サプライ御中ABC12"
	encode := func(e interface{ String(string) (string, error) }) string {
		b, err := e.String(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sjis, euc := encode(japanese.ShiftJIS.NewEncoder()), encode(japanese.EUCJP.NewEncoder())
	var jis []byte
	for _, c := range []byte(strings.TrimSuffix(euc, "ABC12")) {
		jis = append(jis, c&0x7f)
	}
	for cmap, data := range map[string]string{
		"90ms-RKSJ-H": sjis, "90msp-RKSJ-V": sjis, "UniJIS-UTF16-H": utf16Bytes(s, true), "UniJIS2004-UTF16-V": utf16Bytes(s, true),
		"UniJIS-UCS2-HW-H": utf16Bytes(s, true), "EUC-H": euc, "H": string(jis),
	} {
		d := read(t, "a.pdf", []byte(document("BT /F 12 Tf <"+hex.EncodeToString([]byte(data))+"> Tj ET", "/Font << /F 5 0 R >>",
			"<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light /Encoding /"+cmap+" /DescendantFonts [6 0 R] >>",
			"<< /Type /Font /Subtype /CIDFontType0 /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>")))
		want := s
		if cmap == "H" {
			want = strings.TrimSuffix(s, "ABC12")
		}
		if !d.HasText || d.Pages[0] != want {
			t.Errorf("%s: %+v", cmap, d)
		}
	}
	// glyph numbers without a ToUnicode: nobody can know, so a person must look
	for _, cmap := range []string{"Identity-H", "UniJIS-Unheard-H", "78-EUC-H"} {
		d := read(t, "a.pdf", []byte(document("BT /F 12 Tf <0102030405> Tj ET", "/Font << /F 5 0 R >>",
			"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /"+cmap+" /DescendantFonts [] >>")))
		if d.Unreadable != BadGlyphs || d.Missing != 3 {
			t.Errorf("%s: %+v", cmap, d)
		}
	}
}

func TestSM31_FontsAndOperators(t *testing.T) {
	const font = "/Font << /F 5 0 R >> /XObject << /X 6 0 R /Y 7 0 R >> /ExtGState << /G << /Font [5 0 R 12] >> >>"
	form := streamOf("/Subtype /Form", "BT /F 12 Tf (inside) Tj ET")
	own := streamOf("/Subtype /Form /Matrix [1 0 0 1 50 50] /Resources << /Font << /Z 5 0 R >> >>", "BT /Z 12 Tf (own) Tj ET")
	for _, c := range []struct{ name, content, font, want string }{
		{"winansi", "BT /F 12 Tf (caf\\351 \\200) Tj ET", "<< /Subtype /TrueType /Encoding /WinAnsiEncoding >>", "café €"},
		{"macroman", "BT /F 12 Tf (caf\\216) Tj ET", "<< /Subtype /TrueType /Encoding /MacRomanEncoding >>", "café"},
		{"standard", "BT /F 12 Tf (a'b\\256) Tj ET", helvetica, "a’bﬁ"},
		{"differences", "BT /F 12 Tf (ABC) Tj ET", "<< /Subtype /Type1 /Encoding << /Differences [65 /yen /uni682A /f_i.alt] >> >>", "¥株fi"},
		{"hidden", "BT /F 12 Tf 3 Tr (secret) Tj ET", helvetica, "secret"},
		{"moves", "BT /F 12 Tf (a) Tj 0 -14 Td (b) Tj 0 -14 TD (c) Tj T* (d) Tj (e) ' 0 0 (f) \" ET", helvetica, "a\nb\nc\nd\ne\nf"},
		{"one word in pieces", "BT /F 12 Tf (ab) Tj (cd) Tj [(ef) -20 (gh) -400 (ij)] TJ ET", helvetica, "abcdefgh ij"},
		{"columns", "BT /F 12 Tf 1 0 0 1 10 700 Tm (a) Tj 1 0 0 1 300 700 Tm (b) Tj 1 0 0 1 10 600 Tm (c) Tj ET", helvetica, "a b\nc"},
		{"turned", "BT /F 12 Tf 0 1 -1 0 10 10 Tm (ab) Tj 0 1 -1 0 200 10 Tm (c) Tj ET", helvetica, "ab\nc"},
		{"form", "/X Do BT /F 12 Tf 1 0 0 1 0 500 Tm (after) Tj ET", helvetica, "inside\nafter"},
		{"form with its own matrix and fonts", "BT /F 12 Tf 0 100 Td (a) Tj ET /Y Do", helvetica, "a\nown"},
		{"name with escapes", "BT /#46 12 Tf 2 Ts 1 Tc 1 Tw 100 Tz 14 TL (a) Tj ET", helvetica, "a"},
		{"font of a state", "/G gs BT (gs) Tj ET", helvetica, "gs"},
		{"odd strings", "BT /F 12 Tf (a\\(b\\)\\\nc(d)\\101\\7) Tj <61 6> Tj ET % end", helvetica, "a(b)c(d)A a‘"},
		{"bullets", "BT /F 12 Tf (l) Tj ET", "<< /Subtype /Type1 /BaseFont /ZapfDingbats >>", "\uf06c"},
		{"inline image", "BI /W 1 /H 1 ID \x00EI(\x01 EI BT /F 12 Tf (after) Tj ET", helvetica, "after"},
		{"save and restore", "BT /F 12 Tf (a) Tj ET q 5 0 0 5 0 0 cm Q Q BT 7 0 Td (b) Tj ET", helvetica, "ab"},
	} {
		d := read(t, "a.pdf", []byte(document(c.content, font, c.font, form, own)))
		if !d.HasText || d.Pages[0] != c.want {
			t.Errorf("%s: %q (%+v), want %q", c.name, d.Pages, d, c.want)
		}
	}
}

func TestSM31_ToUnicode(t *testing.T) {
	const program = `/CIDInit /ProcSet findresource begin begincmap
1 begincodespacerange <0000> <FFFF> endcodespacerange
2 beginbfchar <0001> <682A> <0002> <D842DFB7> endbfchar
3 beginbfrange <0010> <0012> <0041> <0020> <0021> [<5317> <6597>] <0030> <0030> <FFFD> endbfrange
endcmap`
	for name, cmap := range map[string]string{
		"plain":       streamOf("", program),
		"deflated":    streamOf("/Filter /FlateDecode", deflate(program)),
		"ascii85":     streamOf("/Filter [/ASCII85Decode /FlateDecode]", to85(deflate(program))),
		"hex":         streamOf("/Filter /AHx", hex.EncodeToString([]byte(program))+">"),
		"run lengths": streamOf("/Filter /RunLengthDecode", runs(program)),
		"predicted":   streamOf("/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 7 >>", deflate(predicted(program, 7))),
	} {
		d := read(t, "a.pdf", []byte(document("BT /F 12 Tf <00010002001000120020002100300001"+strings.Repeat("0001", 40)+"> Tj ET", "/Font << /F 5 0 R >>",
			"<< /Subtype /Type0 /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts [<< /DW 900 /W [1 [500 500] 16 18 250] >>] >>", cmap)))
		if want := "株𠮷AC北斗\ufffd株" + strings.Repeat("株", 40); !d.HasText || d.Pages[0] != want || d.Missing != 1 {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// An own CMap says where codes end; what they mean is ToUnicode's business.
func TestSM31_OwnCMap(t *testing.T) {
	d := read(t, "a.pdf", []byte(document("BT /F 12 Tf <4182A0> Tj <42> Tj ET", "/Font << /F 5 0 R >>",
		"<< /Subtype /Type0 /Encoding 6 0 R /ToUnicode 7 0 R /DescendantFonts [<< >>] >>",
		streamOf("/WMode 1", "<00> <80> <8140> <9ffc> endcodespacerange"), streamOf("", "<41> <0041> <42> <0042> <82A0> <3042> endbfchar"))))
	if !d.HasText || Compact(d.Pages[0]) != "AあB" {
		t.Errorf("%+v", d)
	}
}

func to85(s string) string {
	b := make([]byte, ascii85.MaxEncodedLen(len(s)))
	return string(b[:ascii85.Encode(b, []byte(s))]) + "~>"
}

func runs(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		if len(s) > 2 && s[0] == s[1] {
			b.WriteString("\xff" + s[:1]) // twice
			s = s[2:]
			continue
		}
		n := min(len(s), 100)
		b.WriteString(string([]byte{byte(n - 1)}) + s[:n])
		s = s[n:]
	}
	return b.String() + "\x80"
}

// predicted applies the five PNG filters in turn to rows of width bytes.
func predicted(s string, width int) string {
	for len(s)%width != 0 {
		s += " "
	}
	var out []byte
	prev := make([]byte, width)
	for i := 0; i < len(s); i += width {
		kind, row := byte(i/width%5), []byte(s[i:i+width])
		out = append(out, kind)
		for j := range row {
			var left, corner int
			if j > 0 {
				left, corner = int(row[j-1]), int(prev[j-1])
			}
			up := int(prev[j])
			out = append(out, row[j]-byte([]int{0, left, up, (left + up) / 2, paeth(left, up, corner)}[kind]))
		}
		prev = row
	}
	return string(out)
}

func TestSM31_BesideThePages(t *testing.T) {
	const shown = "BT /F 12 Tf (shown) Tj ET"
	const font = "/Font << /F 5 0 R >>"
	pad := []string{helvetica, "null", "null"}
	for _, c := range []struct {
		name, catalog, object8 string
		embedded, active       bool
		text                   string
	}{
		{name: "nothing"},
		{name: "javascript", catalog: "/OpenAction << /S /JavaScript /JS (app.alert) >>", active: true},
		{name: "javascript as a stream", catalog: "/Names << /JavaScript << /Names [(a) << /JS 6 0 R >>] >> >>", active: true},
		{name: "launch", object8: "<< /Subtype /Link /A << /S /Launch /F (cmd.exe) >> >>", active: true},
		{name: "submit", object8: "<< /Subtype /Widget /A << /S /SubmitForm >> >>", active: true},
		{name: "xfa", catalog: "/AcroForm << /XFA 6 0 R >>", active: true},
		{name: "media", object8: "<< /Subtype /RichMedia >>", active: true},
		{name: "link", object8: "<< /Subtype /Link /A << /S /URI /URI (https://example.co.jp) >> >>"},
		{name: "file", catalog: "/Names << /EmbeddedFiles << /Names [(a.xlsx) << /Type /Filespec /EF << /F 6 0 R >> >>] >> >>", embedded: true},
		{name: "file of an annotation", object8: "<< /Subtype /FileAttachment /FS << /EF << /F 6 0 R >> >> >>", embedded: true},
		{name: "comment", object8: "<< /Subtype /Text /Contents <FEFF5317> >>", text: "北"},
		{name: "field", object8: "<< /Subtype /Widget /FT /Tx /T (name) /V (\xef\xbb\xbf北斗) >>", text: "北斗"},
		{name: "choice", object8: "<< /FT /Ch /V [(one) <FFFE1753>] >>", text: "one\n北"},
		{name: "appearance", object8: "<< /Subtype /Widget /AP << /N << /On 9 0 R >> >> >>", text: "drawn"},
		{name: "signature", object8: "<< /Type /Sig /ByteRange [0 1 2 3] /Contents <3082> >>"},
	} {
		if c.object8 == "" {
			c.object8 = "null"
		}
		objects := append(append([]string{}, pad...), c.object8, streamOf("/Subtype /Form", "BT /F 9 Tf 100 100 Td (drawn) Tj ET"))
		d := read(t, "a.pdf", []byte(documentWith(c.catalog, shown, font, objects...)))
		if d.Embedded != c.embedded || d.Active != c.active || !d.HasText {
			t.Errorf("%s: %+v", c.name, d)
		}
		got := strings.TrimPrefix(strings.TrimPrefix(strings.Join(append(d.Pages, d.Extra...), "\n"), "shown"), "\n")
		if strings.TrimSpace(got) != c.text {
			t.Errorf("%s: %q, want %q", c.name, got, c.text)
		}
	}
}

// packed is a PDF whose objects but one lie in an object stream, found through a
// cross-reference stream.
func packed() string {
	objects := "1 0 2 21 3 60 << /Pages 2 0 R >>   << /Kids [3 0 R] /Resources 5 0 R >>   << /Contents 4 0 R >> "
	body := "%PDF-1.7\n"
	content := len(body)
	body += "4 0 obj\n" + streamOf("", "BT /F 12 Tf (packed) Tj ET") + "\nendobj\n"
	resources := len(body)
	body += "5 0 obj\n<< /Font << /F " + helvetica + " >> >>\nendobj\n"
	container := len(body)
	body += "6 0 obj\n" + streamOf("/Type /ObjStm /N 3 /First 14", objects) + "\nendobj\n"
	xref := len(body)
	rows := []byte{2, 0, 6, 0, 2, 0, 6, 1, 2, 0, 6, 2}
	for _, at := range []int{content, resources, container, xref} {
		rows = append(rows, 1, byte(at>>8), byte(at), 0)
	}
	return body + "7 0 obj\n" + streamOf("/Type /XRef /Size 8 /Index [1 7] /W [1 2 1] /Root 1 0 R", string(rows)) +
		fmt.Sprintf("\nendobj\nstartxref\n%d\n%%%%EOF\n", xref)
}

func TestSM31_PackedObjectsAreRead(t *testing.T) {
	if d := read(t, "a.pdf", []byte(packed())); !d.HasText || d.Pages[0] != "packed" {
		t.Errorf("%+v", d)
	}
	looped := strings.Replace(packed(), "\x02\x00\x06\x00", "\x02\x00\x01\x00", 1) // object 1 inside object 1
	if d := read(t, "a.pdf", []byte(looped)); d.Unreadable != Damaged {
		t.Errorf("%+v", d)
	}
}

func TestSM31_NewerRevisionCounts(t *testing.T) {
	old := document("BT /F 12 Tf (old) Tj ET", "/Font << /F 5 0 R >>", helvetica)
	prev := strings.LastIndex(old, "xref\n0 ")
	at := len(old)
	now := old + "4 0 obj\n" + streamOf("", "BT /F 12 Tf (new) Tj ET") + "\nendobj\n"
	xref := len(now)
	now += fmt.Sprintf("xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n", at, prev, xref)
	if d := read(t, "a.pdf", []byte(now)); !d.HasText || d.Pages[0] != "new" {
		t.Errorf("%+v", d)
	}
	circle := strings.Replace(now, fmt.Sprintf("/Prev %d", prev), fmt.Sprintf("/Prev %d", xref), 1)
	if d := read(t, "a.pdf", []byte(circle)); d.Unreadable != Damaged {
		t.Errorf("a circle of sections: %+v", d)
	}
}

// TestSM31_S13_HostilePDFs: each ends in its reason, without a panic, within the
// limits of memory and time.
func TestSM31_S13_HostilePDFs(t *testing.T) {
	const font = "/Font << /F 5 0 R >>"
	bomb := gigabyte()
	kids := strings.Repeat("3 0 R ", 1_000_000)
	many := makePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids ["+kids+"] >>", "<< /Type /Page >>")
	for _, c := range []struct{ name, pdf, want string }{
		{"a stream of 1 GB", bombed("/Filter /FlateDecode", bomb), TooBig},
		{"a bomb inside a bomb", bombed("/Filter [/FlateDecode /FlateDecode]", deflate(bomb)), TooBig},
		{"nested arrays", makePDF("", strings.Repeat("[", 5_000_000)), Damaged},
		{"nested arrays in content", document(strings.Repeat("[", 5_000_000), ""), Damaged},
		{"nested dictionaries", makePDF("", strings.Repeat("<</A", 2_000_000)), Damaged},
		{"a million pages", many, TooBig},
		{"pages that hold themselves", makePDF("", "<< /Pages 2 0 R >>", "<< /Kids [2 0 R 2 0 R 2 0 R] >>"), Damaged},
		{"a form that draws itself", document("/X Do", "/XObject << /X 5 0 R >>", streamOf("/Subtype /Form", "/X Do")), Damaged},
		{"forms that double", document("/A Do", doubling(10), doublingForms(10)...), TooBig},
		{"references in a circle", makePDF("", "2 0 R", "1 0 R"), Damaged},
		{"a length that is its own stream", makePDF("", "<< /Pages 2 0 R >>", "<< /Length 2 0 R >>\nstream\nx"), Damaged},
		{"a huge cross-reference size", hugeXref(), Damaged},
		{"a huge character range", document("BT /F 1 Tf (a) Tj ET", font, "<< /Subtype /Type0 /ToUnicode 6 0 R >>", streamOf("", "<00000000> <FFFFFFFF> <0041> endbfrange")), TooBig},
		{"a huge width range", document("BT /F 1 Tf (a) Tj ET", font, "<< /Subtype /Type0 /DescendantFonts [<< /W [0 4000000000 1] >>] >>"), TooBig},
		{"saved states without end", document(strings.Repeat("q ", 1000), ""), Unsupported},
		{"a filter nobody knows", makePDF("", "<< /Pages 2 0 R >>", "<< /Kids [3 0 R] >>", "<< /Contents 4 0 R >>", streamOf("/Filter /LZWDecode", "x")), Unsupported},
		{"startxref outside", strings.Replace(document("BT ET", ""), "startxref\n", "startxref\n9", 1), Damaged},
		{"an offset to another object", strings.Replace(document("BT ET", ""), "4 0 obj", "7 0 obj", 1), Damaged},
		{"drawn but no text", document("0 0 m 10 10 l S", ""), NoText},
		{"nothing at all", document("", ""), NoText},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		d := read(t, "a.pdf", []byte(c.pdf))
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if d.Unreadable != c.want || d.HasText {
			t.Errorf("%s: %q, want %q", c.name, d.Unreadable, c.want)
		}
		if used := after.HeapSys - min(before.HeapSys, after.HeapSys); used > 200<<20 {
			t.Errorf("%s: the heap grew by %d MB", c.name, used>>20)
		}
		if took > 12*time.Second {
			t.Errorf("%s: took %v", c.name, took)
		}
		t.Logf("%-32s %8.1f ms, %4d MB allocated", c.name, float64(took.Microseconds())/1000, (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}

// gigabyte is 1 GB of zeros, deflated.
func gigabyte() string {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 1024 {
		z.Write(zeros)
	}
	z.Close()
	return b.String()
}

// bombed is a page whose content is data under filter.
func bombed(filter, data string) string {
	return makePDF("", "<< /Pages 2 0 R >>", "<< /Kids [3 0 R] >>", "<< /Contents 4 0 R >>", streamOf(filter, data))
}

// doubling gives n+1 forms, each drawing the next ten times.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("/XObject <<")
	for i := range n {
		fmt.Fprintf(&b, " /%c %d 0 R", 'A'+i, i+5)
	}
	return b.String() + " >>"
}

func doublingForms(n int) []string {
	var all []string
	for i := range n {
		all = append(all, streamOf("/Subtype /Form", strings.Repeat(fmt.Sprintf("/%c Do ", 'B'+i), 10)))
	}
	return all
}

// hugeXref has a cross-reference stream that promises 10^15 objects.
func hugeXref() string {
	body := "%PDF-1.7\n"
	return body + "1 0 obj\n" + streamOf("/Type /XRef /Size 999999999999999 /W [1 2 1] /Root 1 0 R", "abcd") + "\nendobj\nstartxref\n9\n%%EOF"
}
