package extract

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/kernel/pdf"
)

// pages makes a PDF with one text per page.
func pages(t testing.TB, texts ...string) []byte {
	t.Helper()
	d := pdf.New(pdf.Meta{Title: "一括の束"})
	for _, s := range texts {
		p := d.AddPage()
		for i, line := range strings.Split(s, "\n") {
			p.Text(20*pdf.MM, (20+7*pdf.Length(i))*pdf.MM, line, pdf.Style{Size: pdf.Pt(10)})
		}
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func split(t testing.TB, b []byte, parts ...[]int) ([][]byte, string) {
	t.Helper()
	var out [][]byte
	why, err := Split(context.Background(), b, DefaultLimits(), parts, func(i int, b []byte) error {
		if i != len(out) {
			t.Fatal("out of order", i)
		}
		out = append(out, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, why
}

func TestSplitKeepsWhatPagesShow(t *testing.T) {
	b := pages(t, "株式会社あおば 御中\n請求番号 A-001", "髙橋商店 御中\n𩸽", "三枚目")
	out, why := split(t, b, []int{1, 3}, []int{2})
	if why != "" || len(out) != 2 {
		t.Fatal(why, len(out))
	}
	whole := reread(t, b).Pages
	for i, want := range [][]string{{whole[0], whole[2]}, {whole[1]}} {
		got := reread(t, out[i])
		if got.Unreadable != "" || strings.Join(got.Pages, "|") != strings.Join(want, "|") {
			t.Errorf("part %d: %q, want %q (%s)", i, got.Pages, want, got.Unreadable)
		}
		if len(got.Extra) != 0 {
			t.Errorf("part %d carries %q of the whole", i, got.Extra)
		}
		name := filepath.Join(t.TempDir(), "part.pdf")
		if err := os.WriteFile(name, out[i], 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command("qpdf", "--check", name).CombinedOutput(); err != nil {
			t.Errorf("qpdf: %v %s", err, said)
		}
		said, err := exec.Command("pdftotext", name, "-").Output()
		if err != nil || i == 0 && !bytes.Contains(said, []byte("株式会社あおば")) || i == 1 && bytes.Contains(said, []byte("あおば")) {
			t.Errorf("pdftotext: %v %s", err, said)
		}
	}
	again, _ := split(t, b, []int{1, 3})
	if !bytes.Equal(again[0], out[0]) {
		t.Error("the same pages gave other bytes")
	}
}

func reread(t testing.TB, b []byte) Doc {
	t.Helper()
	d, err := Text(context.Background(), "x.pdf", b, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A part has no way back to the pages it was not to have, and no scripts.
func TestSplitLeavesTheRestBehind(t *testing.T) {
	b := []byte(makePDF("",
		"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>",
		"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/Rotate 90/MediaBox[0 0 100 100]>>",
		"<</Type/Page/Parent 2 0 R/Resources<</XObject<</A 6 0 R>>>>/Contents 5 0 R/AA<</O<</S/Launch>>>>/Annots[<</Subtype/Link/A<</S/Launch/F(x)>>/Rect[0 0 1 1]>><</Subtype/Stamp/Rect[0 0 9 9]/AP<</N 6 0 R>>/P 4 0 R/Parent 4 0 R>>]>>",
		"<</Type/Page/Parent 2 0 R/Resources<<>>/Contents 7 0 R/Secret(other)>>",
		"<</Length 5>>stream\n/A Do\nendstream",
		"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Next 4 0 R/PieceInfo<</X(other)>>/Length 0>>stream\n\nendstream",
		"<</Length 7>>stream\n(other)\nendstream"))
	out, why := split(t, b, []int{1})
	if why != "" {
		t.Fatal(why)
	}
	for _, bad := range []string{"other", "6F74686572", "JavaScript", "Launch", "PieceInfo"} {
		if bytes.Contains(out[0], []byte(bad)) {
			t.Errorf("%s went along: %s", bad, out[0])
		}
	}
	if !bytes.Contains(out[0], []byte("/Rotate 90")) || !bytes.Contains(out[0], []byte("/Stamp")) {
		t.Errorf("what the page shows was left out: %s", out[0])
	}
}

func TestSplitRefusesWhatItCannotRead(t *testing.T) {
	good := pages(t, "一", "二")
	for name, c := range map[string]struct {
		b     []byte
		parts []int
		want  string
	}{
		"no PDF":      {[]byte("hello"), []int{1}, Damaged},
		"cut off":     {good[:len(good)/2], []int{1}, Damaged},
		"page beyond": {good, []int{3}, Damaged},
		"page zero":   {good, []int{0}, Damaged},
		"encrypted":   {bytes.Replace(good, []byte("/Root"), []byte("/Encrypt 1 0 R/Root"), 1), []int{1}, Encrypted},
	} {
		if _, why := split(t, c.b, c.parts); why != c.want {
			t.Errorf("%s: %q, want %q", name, why, c.want)
		}
	}
	lim := DefaultLimits()
	lim.Decoded = 10_000
	why, err := Split(context.Background(), good, lim, [][]int{{1}, {1}, {1}, {1}, {1}, {1}}, func(int, []byte) error { return nil })
	if why != TooBig || err != nil {
		t.Error("writing has no bound:", why, err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(pages(f, "一", "二"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := DefaultLimits()
		lim.Decoded, lim.Values, lim.Steps = 1<<20, 50_000, 100_000
		if _, err := Split(context.Background(), b, lim, [][]int{{1}, {2, 1}}, func(int, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
}
