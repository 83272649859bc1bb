package extract

import (
	"strings"
	"testing"
	"time"
)

// FuzzContent puts arbitrary content, resources, fonts and maps of characters
// into a whole PDF, whose structure bytes changed at random rarely keep: the
// painter, the fonts and the maps are what is fuzzed.
func FuzzContent(f *testing.F) {
	const fonts = "/Font << /F 5 0 R >> /XObject << /X 6 0 R >>"
	const maps = "1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange <01> <05> <3042> endbfrange 1 beginbfchar <41> <0041> endbfchar"
	f.Add("BT /F 12 Tf (abc) Tj ET", fonts, helvetica, maps)
	f.Add("BT /F 12 Tf 1 0 0 1 10 700 Tm [(a) -900 <0102>] TJ T* (b) ' ET /X Do", fonts, "<< /Type /Font /Subtype /Type0 /ToUnicode 7 0 R >>", maps)
	f.Add("q BI /W 1 /H 1 ID \x00 EI Q BT /F 1e9 Tf -1 Tr (\\101) Tj ET", fonts, "<< /Subtype /Type1 /Encoding << /Differences [65 /yen /uni682A] >> >>", "")
	f.Add("BT /F 12 Tf <828282> Tj ET", fonts, "<< /Subtype /Type0 /Encoding /90ms-RKSJ-H >>", "")
	f.Add("/X Do /X Do BT /F 3 Tf (x) \" ET", fonts, "<< /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [7 0 R] >>", "<< /W [0 [500 1 2] 9 9 1e99] >>")
	f.Fuzz(func(t *testing.T, content, resources, font, cmap string) {
		form := streamOf("/Subtype /Form /Resources << /XObject << /X 6 0 R >> >>", "BT /F 9 Tf (form) Tj ET /X Do")
		b := []byte(document(content, resources, font, form, streamOf("", cmap)))
		began := time.Now()
		d := checkRead(t, "a.pdf", b)
		if took := time.Since(began); took > 2*small().Time {
			t.Fatalf("%v", took)
		}
		text := 0
		for _, p := range append(d.Pages, d.Extra...) {
			text += len(p)
		}
		if text > 2*small().Text {
			t.Fatalf("%d bytes of text", text)
		}
		if strings.Contains(d.Compact(), "\u200b") {
			t.Fatal("compact text keeps what cannot be seen")
		}
	})
}
