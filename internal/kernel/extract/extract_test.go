package extract

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"sekisho/internal/kernel/text"
)

// read fails on what only a defect can cause.
func read(t testing.TB, file string, b []byte) Doc {
	t.Helper()
	return readWithin(t, file, b, DefaultLimits())
}

func readWithin(t testing.TB, file string, b []byte, lim Limits) Doc {
	t.Helper()
	d, failure := readAll(context.Background(), file, b, lim)
	if failure != nil {
		t.Fatalf("%s: panic: %v", file, failure)
	}
	d.HasText = d.Unreadable == ""
	if d.Unreadable != "" && (!text.Has(d.Unreadable) || text.T(text.JA, d.Unreadable) == text.T(text.EN, d.Unreadable)) {
		t.Errorf("%s: %s has no sentence", file, d.Unreadable)
	}
	return d
}

func sample(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSM31_PDFsOfManyProducersAreRead(t *testing.T) {
	invoice := []string{
		"請求書", "株式会社北斗サプライ御中", "長谷川髙橋商店(株)1ハンカク", "INV-2026-0042", "T1234567890123",
		"コピー用紙A410¥12,345", "トナー2¥110,000", "とても長い名前の有限会社東北海道製作所販売管理センター様", "Fineofficefile–“quoted”£5",
	}
	for file, want := range map[string][]string{
		"objstm.pdf":      invoice,
		"cairo.pdf":       invoice,
		"gs.pdf":          invoice,
		"libreoffice.pdf": invoice,
		"linear.pdf":      invoice,
		"calc.pdf":        {"得意先コード得意先名請求額", "株式会社北斗サプライ12345", "髙橋商店9800"},
		"gopdf.pdf":       {"株式会社北斗サプライ御中", "長谷川髙橋商店(株)1ハンカク¥12,345", "二ページ目INV-2026-0042"},
	} {
		d := read(t, file, sample(t, file))
		if d.Kind != PDF || !d.HasText || d.Missing > 0 || d.NameMismatch || d.Embedded || d.Active || len(d.Pictures) > 0 {
			t.Errorf("%s: %+v", file, d)
		}
		all := d.Compact()
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is not in\n%s", file, w, all)
			}
		}
	}
}

func TestSM31_LinesAndColumnsStayApart(t *testing.T) {
	d := read(t, "objstm.pdf", sample(t, "objstm.pdf"))
	for _, line := range []string{"請求書", "トナー 2 ¥110,000", "様"} {
		if !strings.Contains("\n"+d.Pages[0]+"\n", "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, d.Pages[0])
		}
	}
	if d := read(t, "gopdf.pdf", sample(t, "gopdf.pdf")); len(d.Pages) != 2 || strings.Contains(d.Pages[0], "二ページ目") {
		t.Errorf("pages: %q", d.Pages)
	}
}

func TestSM31_WhatCannotBeReadIsSaid(t *testing.T) {
	whole := sample(t, "gopdf.pdf")
	for _, c := range []struct {
		name, file string
		b          []byte
		kind       Kind
		reason     string
	}{
		{"picture only", "scan.pdf", sample(t, "scan.pdf"), PDF, NoText},
		{"encrypted", "encrypted.pdf", sample(t, "encrypted.pdf"), PDF, Encrypted},
		{"cut", "a.pdf", whole[:len(whole)-300], PDF, Damaged},
		{"cut in the middle", "a.pdf", whole[:len(whole)/2], PDF, Damaged},
		{"only a header", "a.pdf", []byte("%PDF-1.7\n"), PDF, Damaged},
		{"zip", "a.zip", []byte("PK\x03\x04...."), Unknown, UnknownType},
		{"png", "a.png", []byte("\x89PNG\r\n\x1a\n..."), Unknown, UnknownType},
		{"html", "a.html", []byte("\n <html>株式会社&#21271;斗</html>"), Unknown, UnknownType},
		{"rtf", "a.rtf", []byte(`{\rtf1 abc}`), Unknown, UnknownType},
		{"bytes", "a.dat", []byte{1, 2, 3, 0}, Unknown, UnknownType},
		{"empty", "a.txt", nil, Plain, Empty},
		{"blank", "a.txt", []byte(" \r\n"), Plain, Empty},
		{"neither encoding", "a.txt", []byte("abc\x80\xfd\xff"), Unknown, BadEncoding},
		{"broken utf-16", "a.txt", []byte("\xfe\xff\x00a\x00"), Unknown, BadEncoding},
		{"control late in the text", "a.txt", []byte(strings.Repeat("a", 5000) + "\x1b"), Unknown, BadEncoding},
	} {
		d := read(t, c.file, c.b)
		if d.Kind != c.kind || d.Unreadable != c.reason || d.HasText || d.NameMismatch {
			t.Errorf("%s: %s %q, want %s %q (%+v)", c.name, d.Kind, d.Unreadable, c.kind, c.reason, d)
		}
	}
	if d := read(t, "scan.pdf", sample(t, "scan.pdf")); len(d.Pictures) != 1 || d.Pictures[0] != 1 {
		t.Errorf("the picture covers page 1: %v", d.Pictures)
	}
}

func TestSM31_TextFilesAreRead(t *testing.T) {
	const table = "得意先コード,得意先名,請求額\r\n00123,株式会社北斗サプライ,\"12,345\"\r\n00124,髙橋商店①,9800\r\n"
	sjis, err := japanese.ShiftJIS.NewEncoder().String(table)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"utf-8": table, "utf-8 with mark": "\xef\xbb\xbf" + table, "cp932": sjis,
		"utf-16le": "\xff\xfe" + utf16Bytes(table, false), "utf-16be": "\xfe\xff" + utf16Bytes(table, true),
	} {
		d := read(t, "a.csv", []byte(b))
		if d.Kind != CSV || !d.HasText || len(d.Pages) != 1 || d.Pages[0] != table || d.NameMismatch {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for s, want := range map[string]Kind{
		"a\tb\n1\t2\n": CSV, "a;b\n1;2": CSV, "a,b\n\"1\n,\",2\n": CSV,
		"株式会社北斗サプライ 御中\n請求額 12,345円\n": Plain, "a,b": Plain, "BMは文で始まる": Plain, "a,b\n1,2,3\n": Plain,
	} {
		if d := read(t, "a.txt", []byte(s)); d.Kind != want || d.Pages[0] != s {
			t.Errorf("%q: %+v", s, d)
		}
	}
}

func utf16Bytes(s string, big bool) string {
	var b []byte
	for _, r := range s {
		if big {
			b = append(b, byte(r>>8), byte(r))
		} else {
			b = append(b, byte(r), byte(r>>8))
		}
	}
	return string(b)
}

func TestSM31_NameAgainstContent(t *testing.T) {
	pdf := sample(t, "gopdf.pdf")
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"請求書.pdf", pdf, false}, {"請求書.PDF ", pdf, false}, {"請求書.txt", pdf, true}, {"請求書", pdf, true}, {"a.pdf.exe", pdf, true},
		{"a.pdf", []byte("text"), true}, {"a.csv", []byte("PK\x03\x04"), true}, {"a.xlsx", []byte("PK\x03\x04"), false},
		{"a.txt", []byte{0, 1}, true}, {"a.pdf", []byte("MZ\x90\x00"), true}, {"memo", []byte("text"), false}, {"a.unheard", []byte("text"), false},
		{"a\u202efdp.txt", []byte("text"), true}, {"a\n.txt", []byte("text"), true}, {"a\xff.txt", []byte("text"), true},
	} {
		if d := read(t, c.name, c.b); d.NameMismatch != c.want {
			t.Errorf("%q: %v", c.name, d.NameMismatch)
		}
	}
}

func TestSM31_CompactFindsNamesBrokenAcrossLines(t *testing.T) {
	for in, want := range map[string]string{
		"株式会社北斗\n  サプライ":    "株式会社北斗サプライ",
		"㈱ﾎｸﾄ　１２":           "(株)ホクト12",
		"⻑⾕川⼯業":             "長谷川工業",
		"a\u200bb\u00adc\t": "abc",
		"ﬁn":                "fin",
	} {
		if got := Compact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	d := Doc{Pages: []string{"株式\n会社", "北斗"}, Extra: []string{"題 名"}}
	if got := d.Compact(); got != "株式会社\n北斗\n題名\n" {
		t.Errorf("got %q", got)
	}
}

func TestContextIsRespected(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if d, err := Text(ctx, "a.pdf", sample(t, "gopdf.pdf"), DefaultLimits()); !errors.Is(err, context.Canceled) || d.HasText {
		t.Errorf("%+v, %v", d, err)
	}
	d, err := Text(context.Background(), "a.pdf", sample(t, "gopdf.pdf"), DefaultLimits())
	if err != nil || !d.HasText {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestLimitsEnd(t *testing.T) {
	b := sample(t, "objstm.pdf")
	for name, cut := range map[string]func(*Limits){
		"bytes":   func(l *Limits) { l.Bytes = 1000 },
		"decoded": func(l *Limits) { l.Decoded = 1000 },
		"values":  func(l *Limits) { l.Values = 50 },
		"steps":   func(l *Limits) { l.Steps = 100 },
		"pages":   func(l *Limits) { l.Pages = 0 },
		"text":    func(l *Limits) { l.Text = 20 },
		"time":    func(l *Limits) { l.Time = time.Nanosecond },
	} {
		lim := DefaultLimits()
		cut(&lim)
		if d := readWithin(t, "a.pdf", b, lim); d.Unreadable != TooBig || d.HasText {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// small limits keep a run of thousands of files short.
func small() Limits {
	return Limits{Bytes: 1 << 20, Decoded: 1 << 20, Values: 20_000, Steps: 200_000, Pages: 50, Text: 1 << 20, Time: time.Second}
}

// FuzzText starts from small files only: the engine spends minutes on large ones.
// TestMutatedSamplesNeverPanic is for those.
func FuzzText(f *testing.F) {
	const shown = "BT /F 12 Tf (abc) Tj [(d) -200 (e)] TJ ET q 1 0 0 1 0 0 cm /X Do Q BI /W 1 ID x EI"
	const resources = "/Font << /F 5 0 R >> /XObject << /X 6 0 R >>"
	form := streamOf("/Subtype /Form", "(x) '")
	f.Add("a.csv", []byte("a,b\n1,2\n"))
	f.Add("a.txt", []byte("\x8a\x94\x8e\xae"))
	f.Add("a.txt", []byte("\xff\xfea\x00"))
	f.Add("a.pdf", []byte(document(shown, resources, helvetica, form)))
	f.Add("a.pdf", []byte(document(shown, resources, "<< /Subtype /Type0 /Encoding /90ms-RKSJ-H >>", form)))
	f.Add("a.pdf", []byte(document(shown, resources, "<< /Subtype /Type0 /ToUnicode 7 0 R >>", form,
		streamOf("/Filter /A85", to85("<00> <ff> <0041> endbfrange <01> <3042> endbfchar")))))
	f.Add("a.pdf", []byte(packed()))
	f.Fuzz(func(t *testing.T, name string, b []byte) { checkRead(t, name, b) })
}

func checkRead(t *testing.T, name string, b []byte) Doc {
	d := readWithin(t, name, b, small())
	if d.HasText && !hasText(d.Pages) {
		t.Fatalf("claims text: %+v", d)
	}
	for _, p := range append(d.Pages, d.Extra...) {
		if strings.ToValidUTF8(p, "") != p {
			t.Fatalf("not UTF-8: %q", p)
		}
	}
	return d
}

func TestMutatedSamplesNeverPanic(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	outcomes := map[string]int{}
	for _, file := range []string{"gopdf.pdf", "libreoffice.pdf", "calc.pdf", "linear.pdf", "objstm.pdf"} {
		whole := sample(t, file)
		for range 500 {
			b := slices.Clone(whole)
			for range 1 + rng.IntN(6) {
				at, from := rng.IntN(len(b)), rng.IntN(len(b))
				switch rng.IntN(3) {
				case 0:
					b[at] ^= 1 << rng.IntN(8)
				case 1:
					b[at] = "0123456789<>[]()/R "[rng.IntN(19)]
				case 2:
					copy(b[at:], b[from:min(len(b), from+20)])
				}
			}
			outcomes[checkRead(t, file, b).Unreadable]++
		}
	}
	if outcomes[""] == 0 || outcomes[Damaged] == 0 {
		t.Errorf("the mutations are too weak or too strong: %v", outcomes)
	}
}
