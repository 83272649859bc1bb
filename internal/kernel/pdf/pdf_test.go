package pdf

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	reader "github.com/ledongthuc/pdf"
	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

var meta = Meta{Title: "請求書 𠮷", Author: "北斗<&>", Identifier: "doc-1", Created: time.Date(2026, 11, 22, 0, 0, 0, 0, time.FixedZone("JST", 9*3600))}

// lines draws one text a line, 60 a page.
func lines(t testing.TB, texts ...string) []byte {
	t.Helper()
	d := New(meta)
	var p *Page
	for i, s := range texts {
		if i%60 == 0 {
			p = d.AddPage()
		}
		p.Text(10*MM, Length(10+i%60*4)*MM, s, Style{Size: Pt(9), Bold: i%7 == 3})
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run gives a PDF to a program of poppler-utils, as its argument FILE, and
// returns what it prints.
func run(t testing.TB, b []byte, program string, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.Replace(args[i], "FILE", file, 1)
	}
	cmd := exec.Command(program, args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s (poppler-utils) is needed: %v %s", program, err, complaints.Bytes())
	}
	if complaints.Len() > 0 {
		t.Fatalf("%s complains: %s", program, complaints.Bytes())
	}
	return out
}

func extract(t testing.TB, b []byte) string {
	return string(run(t, b, "pdftotext", "-raw", "FILE", "-"))
}

// otherReader reads the text with a reader that shares no code with poppler.
func otherReader(t testing.TB, b []byte) string {
	t.Helper()
	r, err := reader.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.GetPlainText()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func bare(s string) string { return strings.Join(strings.Fields(s), "") }

func TestEveryGlyphOfBothFontsCanBeEmbedded(t *testing.T) {
	for _, f := range faces() {
		s := newSubset(f)
		runes := 0
		for at := 0; at < len(f.groups); at += 12 {
			for c := u32(f.groups, at); c <= u32(f.groups, at+4); c++ {
				if g := f.glyph(rune(c)); g != 0 {
					s.slot(rune(c), g)
					runes++
				}
			}
		}
		if runes < 11000 {
			t.Errorf("%s draws %d characters only", f.name, runes)
		}
		if len(s.program()) < len(f.glyf)/2 {
			t.Errorf("%s: the subset of everything is too small", f.name)
		}
	}
}

func TestRareNamesAreDrawn(t *testing.T) {
	for _, s := range []string{"髙﨑邉邊齋齊德濵瀨", "①㈱㋿℡", "ｶﾅﾊﾝｶｸﾞ", "𠮟𣘺𡈽𩸽", "𠮷野家", "葛\U000E0100飾", "辻\uFE00", "か\u3099は\u309A", "神\uFA19"} {
		if r, missing := Missing(s); missing {
			t.Errorf("%q: %s is missing", s, Show(r))
		}
	}
	if p, ok := find('𠮷'); !ok || p.face != 1 {
		t.Errorf("𠮷 is drawn by face %d (%v), want the second", p.face, ok)
	}
}

func TestWhatNoFontDrawsIsNamed(t *testing.T) {
	for s, want := range map[string]string{
		"吉田🦊":            "「🦊」(U+1F98A)",
		"a\u200bb":       "U+200B", // would be drawn blank
		"a\u202eb":       "U+202E", // turns the reading direction
		"\a":             "U+0007",
		"\xff":           "U+FFFD",
		"株式会社\U000F0000": "U+F0000",
	} {
		r, missing := Missing(s)
		if !missing || Show(r) != want {
			t.Errorf("Missing(%q) = %s, %v, want %s", s, Show(r), missing, want)
		}
		d := New(meta)
		d.AddPage().Text(0, 0, s, Style{Size: Pt(9)})
		_, err := d.Bytes()
		if e := fault.Of(err); err == nil || e.Kind != fault.KindInvalid || e.Key != "pdf.no_glyph" || e.Args[1] != want {
			t.Errorf("drawing %q gives %v, want pdf.no_glyph of %s", s, err, want)
		}
	}
	for _, key := range []string{"pdf.no_glyph", "pdf.bad_image", "pdf.large_image"} {
		if !text.Has(key) {
			t.Errorf("no sentence %s", key)
		}
	}
}

func TestClean(t *testing.T) {
	for s, want := range map[string]string{
		"":                             "",
		"a\r\nb\rc\td":                 "a\nb\nc d",
		"葛\U000E0100城":                 "葛城",
		"か\u3099き\u309Aハ\u309Aア\u3099": "がき\u309Aパア\u3099",
		"\uFA19\uF9DC":                 "\uFA19\uF9DC", // NFC would give 神隆
		"\u3099":                       "\u3099",
	} {
		if got := Clean(s); got != want {
			t.Errorf("Clean(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestTextComesBackByCopying(t *testing.T) {
	var texts []string
	for i, f := range faces() {
		var line []rune
		for at := 0; at < len(f.groups); at += 12 {
			for c := rune(u32(f.groups, at)); int(c) <= u32(f.groups, at+4); c++ {
				// all kanji of the second font and, of the first, those beyond the BMP
				if p, ok := find(c); ok && p.face == i && unicode.Is(unicode.Han, c) && (i == 1 || c > 0xFFFF) {
					line = append(line, c)
				}
				if len(line) == 50 {
					texts, line = append(texts, string(line)), nil
				}
			}
		}
		texts = append(texts, string(line))
	}
	got, want := bare(extract(t, lines(t, texts...))), strings.Join(texts, "")
	if got != want {
		t.Errorf("%d characters drawn, %d read back, or not the same", len([]rune(want)), len([]rune(got)))
	}
	if n := len([]rune(want)); n < 3000 {
		t.Errorf("only %d characters tried", n)
	}
}

func TestAGlyphIsInkOnPaper(t *testing.T) {
	for _, s := range []string{"一", "髙", "𠮷", "A"} {
		d := New(meta)
		d.AddPage().Text(20*MM, 100*MM, s, Style{Size: 100 * MM})
		b, err := d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		out := run(t, b, "pdftoppm", "-r", "10", "-png", "-gray", "-singlefile", "FILE")
		img, err := png.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		dark := 0
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				if r, _, _, _ := img.At(x, y).RGBA(); r < 0x8000 {
					dark++
				}
			}
		}
		if dark < 20 {
			t.Errorf("%s leaves %d dark points", s, dark)
		}
	}
}

func TestOtherReadersFindTheFileWhole(t *testing.T) {
	texts := []string{"請求書 𠮷", "(括弧)\\ %", "", "太字"}
	b := lines(t, texts...)
	if got := otherReader(t, b); bare(got) != bare(strings.Join(texts, "")) {
		t.Errorf("a second reader reads %q", got)
	}
	info := bare(string(run(t, b, "pdfinfo", "-enc", "UTF-8", "FILE")))
	for _, want := range []string{"Title:請求書𠮷", "Keywords:doc-1", "Author:北斗<&>"} {
		if !strings.Contains(info, want) {
			t.Errorf("metadata lacks %s:\n%s", want, info)
		}
	}
	if !bytes.Contains(b, []byte("/CreationDate(D:20261122000000+09'00')")) || !bytes.Contains(b, []byte("<pdf:Keywords>doc-1</pdf:Keywords>")) {
		t.Error("creation date or XMP keyword is not as stated")
	}
}

func TestBreakKeepsKinsoku(t *testing.T) {
	const em = Length(1000) // one full-width character at this size
	for _, c := range []struct {
		s     string
		width Length
		want  string
	}{
		{"あいうえお", 5, "あいうえお"},
		{"あいうえおか", 5, "あいうえお|か"},
		{"あいうえお。", 5, "あいうえ|お。"},
		{"あいうえお」。か", 5, "あいうえ|お」。か"},
		{"あいうえ「おか」", 5, "あいうえ|「おか」"},
		{"あいうえ（（お）", 6, "あいうえ|（（お）"},
		{"データサーバー", 6, "データサー|バー"},
		{"サーーーーーーー", 4, "サーーー|ーーーー"}, // nothing legal: still nothing lost
		{"時々刻々と人々", 6, "時々刻々と|人々"},
		{"きっちょむ", 2, "きっ|ちょ|む"},
		{"おわり……です", 4, "おわり|……です"},
		{"価格は￥500です", 4, "価格は|￥500で|す"},
		{"達成率は100％で", 5, "達成率は|100％で"},
		{"号 INV-2026 番", 5, "号|INV-2026|番"},
		{"abc defgh", 3, "abc|defgh"},
		{"参照https://a.example/b/cd", 8, "参照|https://a.|example/b/cd"},
		{"abcdefghij", 3, "abcdef|ghij"},
		{"一\n\n二", 5, "一||二"},
		{"", 5, ""},
		{"あいうえお   か", 5, "あいうえお|か"},
		{"ﾊﾝｶｸﾞﾓｼﾞ", 2, "ﾊﾝｶ|ｸﾞﾓ|ｼﾞ"},
	} {
		if got := strings.Join(Break(c.s, em, c.width*em), "|"); got != c.want {
			t.Errorf("Break(%q, %d) = %q, want %q", c.s, c.width, got, c.want)
		}
	}
}

func TestBreakLosesNothing(t *testing.T) {
	alphabet := []rune("あ亜ー、。「」（）々っｶﾞabcXYZ019 /-.…￥％　\n𠮷")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 200, -1).Draw(t, "s")
		width := Length(rapid.IntRange(1000, 20000).Draw(t, "width"))
		out := Break(s, 1000, width)
		if bare(strings.Join(out, "")) != bare(s) {
			t.Fatalf("%q became %q", s, out)
		}
		for i, l := range out {
			rs := []rune(l)
			if len(rs) > 1 && Width(l, 1000) > width {
				t.Fatalf("%q is wider than %d", l, width)
			}
			if i == 0 || len(rs) == 0 || !strings.ContainsRune(neverFirst, rs[0]) || len(out[i-1]) == 0 {
				continue
			}
			before := []rune(out[i-1])
			if strings.Contains(s, "\n"+l) || strings.HasSuffix(string(before), "\n") {
				continue // began a paragraph of its own
			}
			for k := 1; k < len(before); k++ {
				if mayPart(before[k-1], before[k]) && !strings.ContainsAny(s, "\n ") {
					t.Fatalf("%q begins with %c though %q could have parted at %d", l, rs[0], out[i-1], k)
				}
			}
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		s    string
		size Length
		ok   bool
	}{{"", 4000, true}, {"あいう", 4000, true}, {"あいうえおか", 2000, true}, {"あいうえおかきくけこさしす", 1000, false}} {
		if size, ok := Fit(c.s, 12000, 4000, 1000); size != c.size || ok != c.ok {
			t.Errorf("Fit(%q) = %d, %v, want %d, %v", c.s, size, ok, c.size, c.ok)
		}
	}
}

func TestPointsAreIntegers(t *testing.T) {
	for l, want := range map[Length]string{0: "0", Pt(9): "9", Pt(72): "72", 25400: "72", 127: "0.36", -25400: "-72", A4Height: "841.89", 1: "0"} {
		if got := string(appendPoints(nil, l)); got != want {
			t.Errorf("%d µm = %s pt, want %s", l, got, want)
		}
	}
}

func TestPictures(t *testing.T) {
	for name, img := range map[string]image.Image{
		"nrgba":    image.NewNRGBA(image.Rect(0, 0, 8, 4)),
		"paletted": image.NewPaletted(image.Rect(0, 0, 8, 4), color.Palette{color.White, color.Transparent}),
		"gray16":   image.NewGray16(image.Rect(0, 0, 8, 4)),
	} {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		got, err := DecodePNG(b.Bytes())
		if err != nil || got.Width != 8 || got.Height != 4 {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		if clear := name == "nrgba"; clear != (got.alpha != nil) {
			t.Errorf("%s: has an alpha plane: %v", name, !clear)
		}
		d := New(meta)
		p := d.AddPage()
		p.Picture(got, 0, 0, 20*MM, 10*MM)
		p.Picture(got, 0, 20*MM, 20*MM, 10*MM)
		doc, err := d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(doc, []byte("/ColorSpace/DeviceRGB")); n != 1 {
			t.Errorf("%s: drawn twice, stored %d times", name, n)
		}
		run(t, doc, "pdftoppm", "-r", "20", "-png", "-singlefile", "FILE") // complains of what it cannot draw
	}
}

func TestBadPictures(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2000, 1001))); err != nil {
		t.Fatal(err)
	}
	for key, data := range map[string][]byte{
		"pdf.large_image": b.Bytes(),
		"pdf.bad_image":   b.Bytes()[:20],
	} {
		if _, err := DecodePNG(data); err == nil || fault.Of(err).Key != key {
			t.Errorf("got %v, want %s", err, key)
		}
	}
}

func FuzzDecodePNG(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 3))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := DecodePNG(data)
		if err != nil {
			if !fault.Is(err, fault.KindInvalid) {
				t.Fatalf("not invalid: %v", err)
			}
			return
		}
		if img.Width*img.Height > MaxPixels {
			t.Fatalf("%d × %d accepted", img.Width, img.Height)
		}
	})
}

func FuzzBreak(f *testing.F) {
	f.Add("「あ」、ー", int64(9000))
	f.Add("か\u3099\r\n\xffabc/def", int64(1))
	f.Fuzz(func(t *testing.T, s string, width int64) {
		width = max(1, width%1_000_000)
		if got := bare(strings.Join(Break(s, 1000, Length(width)), "")); got != bare(Clean(s)) {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestSameCallsSameBytes(t *testing.T) {
	texts := make([]string, 50)
	for i := range texts {
		texts[i] = fmt.Sprintf("行%d 髙𠮷 abc", i)
	}
	if !bytes.Equal(lines(t, texts...), lines(t, texts...)) {
		t.Error("two runs differ")
	}
	if bytes.Equal(lines(t, texts...), lines(t, texts[1:]...)) {
		t.Error("other calls give the same bytes")
	}
}
