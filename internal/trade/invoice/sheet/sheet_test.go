package sheet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/text"
)

// childEnv makes this test binary print one PDF instead of testing.
const childEnv = "SHEET_TEST_RENDER"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	b, err := renderOften(100)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(b)
}

// renderOften renders the sample n times and fails if two renderings differ.
func renderOften(n int) ([]byte, error) {
	first, err := Render(sample(12))
	if err != nil {
		return nil, err
	}
	for range n - 1 {
		if b, err := Render(sample(12)); err != nil || !bytes.Equal(first, b) {
			return nil, fmt.Errorf("two renderings in one process differ (%v)", err)
		}
	}
	return first, nil
}

func TestC28_SameSnapshotSameBytesInTwoProcesses(t *testing.T) {
	var out [2][]byte
	for i := range out {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"=1", fmt.Sprintf("TZ=Etc/GMT%+d", 9*i), fmt.Sprintf("GOMAXPROCS=%d", i+1))
		cmd.Stderr = os.Stderr
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		out[i] = b
	}
	if !bytes.HasPrefix(out[0], []byte("%PDF-1.7")) || !bytes.Equal(out[0], out[1]) {
		t.Errorf("two processes gave %d and %d bytes that differ", len(out[0]), len(out[1]))
	}
}

// A snapshot is stored as JSON; what comes back must print the same.
func TestC28_StoredSnapshotPrintsTheSame(t *testing.T) {
	s := sample(10)
	stored, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Snapshot
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(render(t, s), render(t, back)) {
		t.Error("the stored snapshot prints otherwise")
	}
}

func TestC27_QualifiedInvoiceItemsArePrinted(t *testing.T) {
	got := bare(extract(t, render(t, sample(10))))
	if strings.Contains(got, "sheet.") {
		t.Errorf("a printed word has no text:\n%s", got)
	}
	for item, want := range map[string]string{
		"title":                    "請求書",
		"issuer":                   "北斗サプライ株式会社",
		"registration number":      "登録番号T7000012050002",
		"issuer's address":         "東京都千代田区丸の内一丁目９番２号",
		"telephone":                "TEL03-0000-1234",
		"date of a line":           "2026/11/03D-0040233天然水2L×6本※7ケース1,2808%8,960",
		"heading of dates":         "取引年月日伝票番号品名・摘要数量単位単価税率金額（税抜）",
		"legend":                   "※は軽減税率対象",
		"tax excluded, per rate":   "税率区分対象額（税抜）消費税額10%対象1,000,000100,000※8%対象124,5999,968合計1,124,599109,968",
		"total":                    "ご請求金額（税込）¥1,234,567",
		"partner":                  "株式会社𠮷野髙島屋商会御中",
		"department":               "購買本部資材調達課",
		"contact":                  "山﨑邉太郎様",
		"number":                   "請求書番号INV-2026-000123",
		"date of issue":            "2026年11月22日",
		"due date":                 "2026年12月31日",
		"period":                   "2026/11/01～2026/11/20",
		"account":                  "みずほ銀行（0001）丸の内支店（004）普通1234567口座名義ホクトサプライ（カ",
		"second account":           "北洋銀行（0501）本店営業部（028）当座0098765口座名義ホクトサプライ（カ",
		"balance":                  "¥550,000¥500,000¥50,000¥1,234,567¥1,284,567",
		"notes with their address": "https://hokuto.example/support/invoice?no=INV-2026-000123",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q is not on the paper:\n%s", item, want, got)
		}
	}
}

func TestC27_WordsFollowTheKindOfInvoice(t *testing.T) {
	s := sample(2)
	s.TaxIncluded, s.Delivery, s.IssuedOnText = true, true, "令和8年11月22日"
	got := bare(extract(t, render(t, s)))
	for _, want := range []string{"納品日伝票番号", "金額（税込）", "対象額（税込）うち消費税額", "令和8年11月22日"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not on the paper:\n%s", want, got)
		}
	}
	for _, wrong := range []string{"sheet.", "取引年月日", "税抜", "※は軽減", "2026年11月22日"} {
		if strings.Contains(got, wrong) {
			t.Errorf("%q is on the paper:\n%s", wrong, got)
		}
	}
}

func TestLongInvoicesRepeatHeadAndNumber(t *testing.T) {
	for _, c := range []struct{ lines, pages int }{{0, 1}, {1, 1}, {30, 2}, {250, 10}} {
		s := sample(c.lines)
		pages := strings.Split(strings.TrimSuffix(extract(t, render(t, s)), "\f"), "\f")
		if len(pages) != c.pages {
			t.Errorf("%d lines on %d pages, want %d", c.lines, len(pages), c.pages)
		}
		all := bare(strings.Join(pages, ""))
		for i, p := range pages {
			foot := fmt.Sprintf("請求書番号INV-2026-000123%d/%dページ", i+1, len(pages))
			if !strings.HasSuffix(bare(p), foot) {
				t.Errorf("page %d of %d lines does not end in %s", i+1, c.lines, foot)
			}
			if strings.Contains(p, "D-00") && !strings.Contains(bare(p), "取引年月日伝票番号品名") {
				t.Errorf("page %d of %d lines has lines without a heading", i+1, c.lines)
			}
		}
		for i, l := range s.Lines {
			if n := strings.Count(all, l.Slip); n != 1 {
				t.Errorf("line %d stands %d times", i+1, n)
			}
		}
	}
}

// Every text of a snapshot in turn gets a character that no font has.
func TestNoCharacterIsDroppedInSilence(t *testing.T) {
	seen := 0
	var walk func(s *Snapshot, v reflect.Value, path string)
	walk = func(s *Snapshot, v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(s, v.Elem(), path)
		case reflect.Struct:
			for i := range v.NumField() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				walk(s, v.Field(i), strings.TrimPrefix(path+"."+name, "."))
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				return
			}
			for i := range v.Len() {
				walk(s, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		case reflect.String:
			if path == "document_id" {
				return // not printed
			}
			seen++
			was := v.String()
			v.SetString("あ\U0001F98A")
			_, err := Render(*s)
			e := fault.Of(err)
			if err == nil || e.Kind != fault.KindInvalid || e.Field != path || !text.Has(e.Key) {
				t.Errorf("%s: got %v", path, err)
			} else if said := text.Fault(text.JA, e); !strings.Contains(said, "🦊") || strings.Contains(said, "{") {
				t.Errorf("%s: the sentence is %q", path, said)
			}
			v.SetString(was)
		}
	}
	s := sample(2)
	s.Kind, s.Corrected, s.Origin = Return, &Origin{"INV-2026-000120", "2026-11-20", 1100}, &Origin{"INV-2026-000119", "2026-11-19", 11_000}
	walk(&s, reflect.ValueOf(&s), "")
	if seen < 50 {
		t.Errorf("only %d texts tried", seen)
	}
	s.Subject, s.Lines[1].Unit = "\U0001F98A", "\a"
	if _, err := Render(s); fault.Of(err).Key != "fault.several" || len(fault.Of(err).Parts) != 2 {
		t.Errorf("two faults give %v", err)
	}
}

// What a correction, a return and a cancellation are called, and which earlier
// document each of them names.
func TestC28_LaterDocumentsNameTheEarlierOne(t *testing.T) {
	old := &Origin{"INV-2026-000119", "2026-10-31", 39_487}
	for name, c := range map[string]struct {
		change func(*Snapshot)
		has    []string
	}{
		"correction": {func(s *Snapshot) { s.Corrected = old },
			[]string{"修正請求書", "修正前番号INV-2026-000119", "修正前発行日2026年10月31日", "2026年10月31日付の書類「INV-2026-000119」（税込39,487円）を修正し", "ご請求金額（税込）"}},
		"return": {func(s *Snapshot) { s.Kind, s.Origin, s.ReturnedOn, s.Small = Return, old, "2026-11-20", true },
			[]string{"適格返還請求書", "対象書類番号INV-2026-000119", "返還年月日2026年11月20日", "書類番号INV-2026-000123", "元取引日", "ご返還金額（税込）", "交付義務は免除"}},
		"corrected return": {func(s *Snapshot) {
			s.Kind, s.Origin, s.Corrected, s.ReturnedOn = Return, old, &Origin{"INV-2026-000120", "2026-11-10", 1100}, "2026-11-20"
		}, []string{"修正適格返還請求書", "修正前番号INV-2026-000120", "対象書類番号INV-2026-000119"}},
		"cancellation": {func(s *Snapshot) { s.Kind, s.Origin = Cancel, old },
			[]string{"請求取消書", "の全部を取り消す", "取消金額（税込）"}},
	} {
		s := sample(2)
		c.change(&s)
		got := bare(extract(t, render(t, s)))
		for _, want := range c.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not on the paper:\n%s", name, want, got)
			}
		}
		if strings.Contains(got, "sheet.") || s.Kind != Invoice && strings.Contains(got, "ご請求金額") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestVariantOfAKanjiIsDrawnAsItsBase(t *testing.T) {
	s := sample(1)
	s.Partner.Name, s.Lines[0].Description = "葛\U000E0100城興業", "か\u3099らす"
	got := extract(t, render(t, s))
	for _, want := range []string{"葛城興業 御中", "がらす"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not on the paper", want)
		}
	}
}

func TestWhatCannotBePrintedIsRefused(t *testing.T) {
	for _, c := range []struct {
		key, field string
		change     func(*Snapshot)
	}{
		{"sheet.layout", "layout", func(s *Snapshot) { s.Layout = 0 }},
		{"sheet.layout", "layout", func(s *Snapshot) { s.Layout = Layout + 1 }},
		{"sheet.date", "issued_on", func(s *Snapshot) { s.IssuedOn = "" }},
		{"sheet.date", "issued_on", func(s *Snapshot) { s.IssuedOn = "2026-02-29" }},
		{"sheet.date", "due_on", func(s *Snapshot) { s.DueOn = "2026/12/31" }},
		{"sheet.date", "lines[0].date", func(s *Snapshot) { s.Lines[0].Date = "2026-13-01" }},
		{"sheet.long_partner", "partner", func(s *Snapshot) { s.Partner.Name = strings.Repeat("長", 4000) }},
		{"sheet.long_partner", "partner", func(s *Snapshot) { s.Partner.Address = make([]string, 100); fill(s.Partner.Address, "一") }},
		{"sheet.long_issuer", "issuer", func(s *Snapshot) { s.Issuer.Contact = strings.Repeat("長", 4000) }},
		{"pdf.bad_image", "logo", func(s *Snapshot) { s.Logo = []byte("GIF89a") }},
		{"pdf.bad_image", "seal", func(s *Snapshot) { s.Seal = s.Seal[:100] }},
	} {
		s := sample(1)
		c.change(&s)
		b, err := Render(s)
		e := fault.Of(err)
		if err == nil || b != nil || e.Kind != fault.KindInvalid || e.Key != c.key || e.Field != c.field || !text.Has(e.Key) {
			t.Errorf("want %s at %s, got %v", c.key, c.field, err)
		}
	}
}

func fill(to []string, s string) {
	for i := range to {
		to[i] = s
	}
}

func TestLongValuesAreNeverCut(t *testing.T) {
	s := sample(3)
	s.Partner.Name = "株式会社" + strings.Repeat("国際総合流通開発機構", 8)
	s.Issuer.Name = "一般社団法人" + strings.Repeat("北海道広域連携推進協議会", 5)
	s.Number = "INV-" + strings.Repeat("2026-", 30) + "1"
	s.Accounts[0].Holder = strings.Repeat("ホクトサプライ", 40)
	s.Lines[0].Description = strings.Repeat("長い品名、", 2000) + "終わり"
	s.Lines[0].Slip = strings.Repeat("D-0040231/", 9)
	s.Lines[0].UnitPrice = "123,456,789,012,345.6789"
	s.Lines[0].Amount = -9223372036854775808
	s.Notes = strings.Repeat("備考です。", 1500) + "以上"
	s.Message = strings.Repeat("お願いです。", 600) + "敬具"
	s.Total = 9223372036854775807
	got := bare(extract(t, render(t, s)))
	for _, want := range []string{
		"-9,223,372,036,854,775,808", "¥9,223,372,036,854,775,807", "123,456,789,012,345.6789", "終わり", "以上", "敬具", s.Number,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not on the paper", want)
		}
	}
	for name, n := range map[string]int{
		"国際総合流通開発機構": 8, "北海道広域連携推進協議会": 5, "長い品名、": 2000, "備考です。": 1500, "お願いです。": 600,
	} {
		// names wrap inside the head, where two columns stand side by side
		letters := 0
		for _, r := range name {
			letters += strings.Count(got, string(r))
		}
		if letters < n*len([]rune(name)) {
			t.Errorf("%s: %d letters on the paper, want %d", name, letters, n*len([]rune(name)))
		}
	}
}

func TestNoLineBeginsWithWhatMayNot(t *testing.T) {
	s := sample(1)
	s.Accounts, s.Balance = nil, nil
	s.Notes = strings.Repeat("「データサーバー」、（クラウド）。きょうのっっっ", 60)
	for _, l := range strings.Split(extract(t, render(t, s)), "\n") {
		l = strings.TrimPrefix(strings.TrimSpace(l), "備考")
		if l = strings.TrimSpace(l); l != "" && strings.ContainsRune("」、）。ーょっ", []rune(l)[0]) {
			t.Errorf("a line begins with %q", l)
		}
		if strings.HasSuffix(l, "「") || strings.HasSuffix(l, "（") {
			t.Errorf("a line ends with %q", l)
		}
	}
}

// The window of a 長形3号 envelope shows the addressee and nothing else.
func TestWindowShowsTheAddresseeOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, render(t, sample(10)), 0o600); err != nil {
		t.Fatal(err)
	}
	// 90 × 45 mm at 20, 12 mm, in points
	out, err := exec.Command("pdftotext", "-layout", "-l", "1", "-x", "57", "-y", "34", "-W", "255", "-H", "127", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	const want = "〒060-0001北海道札幌市中央区北一条西二丁目１番地時計台ビルディング12階株式会社𠮷野髙島屋商会御中購買本部資材調達課山﨑邉太郎様"
	if got := bare(string(out)); got != want {
		t.Errorf("the window shows %q", got)
	}
}

func TestContentCheckFindsTheDocument(t *testing.T) {
	b := render(t, sample(1))
	if !bytes.Contains(b, []byte("<pdf:Keywords>01JDA2QK7T8Z5X3V9B4N6M1C0P</pdf:Keywords>")) {
		t.Error("the document id is no keyword")
	}
	if !bytes.Contains(b, []byte("/CreationDate(D:20261122000000+09'00')")) {
		t.Error("the creation date is not the date of issue")
	}
}

func TestYen(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", -7: "-7", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 123456: "123,456",
		1234567: "1,234,567", -9223372036854775808: "-9,223,372,036,854,775,808",
	} {
		if got := yen(n); got != want {
			t.Errorf("yen(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestEveryDescriptionCanBeReadBack(t *testing.T) {
	alphabet := []rune("あ亜ー、。「」（）々っｶﾞabcXYZ019 /-.…￥％𠮷髙﨑①㈱×～")
	rapid.Check(t, func(rt *rapid.T) {
		s := sample(0)
		for i := range rapid.IntRange(1, 40).Draw(rt, "lines") {
			s.Lines = append(s.Lines, Line{
				Description: "始" + rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 80, -1).Draw(rt, "description") + "終",
				Amount:      int64(i),
			})
		}
		// the amount stands beside the first line of a long description, so
		// the parts between are looked for as the table broke them
		got := bare(extract(t, render(t, s)))
		for _, l := range s.Lines {
			for _, part := range descriptionLines(l) {
				if !strings.Contains(got, bare(part)) {
					rt.Fatalf("%q of %q cannot be read back", part, l.Description)
				}
			}
		}
	})
}

// descriptionLines is the description as broken for its column, checked to be
// the whole of it.
func descriptionLines(l Line) []string {
	width := (&flow{}).columns()[descCol].width - 2*cellPad - markX
	lines := pdf.Break(l.Description, body.Size, width)
	if bare(strings.Join(lines, "")) != bare(l.Description) {
		return []string{"lost: " + l.Description}
	}
	return lines
}

func FuzzRender(f *testing.F) {
	f.Add("株式会社\U00020BB7野", "品名\n二行", "https://a.example/?b", int64(-1), 3)
	f.Add("\xff", "\u202e", "葛\U000E0100", int64(1<<62), 0)
	f.Fuzz(func(t *testing.T, name, description, notes string, amount int64, lines int) {
		s := sample(max(0, lines%30))
		s.Logo, s.Seal = nil, nil
		s.Partner.Name, s.Issuer.Address, s.Notes, s.Total, s.Number = name, []string{description, notes}, notes, amount, name
		s.Subject, s.Message, s.Accounts[0].Number = description, notes, name
		for i := range s.Lines {
			s.Lines[i].Description, s.Lines[i].Slip, s.Lines[i].Amount = description, notes, amount
			s.Lines[i].Unit, s.Lines[i].UnitPrice = name, description
		}
		b, err := Render(s)
		if err != nil && !fault.Is(err, fault.KindInvalid) {
			t.Fatalf("neither a PDF nor invalid input: %v", err)
		}
		if err == nil && !bytes.HasSuffix(b, []byte("%%EOF\n")) {
			t.Fatal("the PDF is not whole")
		}
	})
}

func BenchmarkRender10Lines(b *testing.B) {
	s := sample(10)
	s.Logo, s.Seal = nil, nil
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(render(b, s))))
	}
}

func BenchmarkRender10LinesWithPictures(b *testing.B) {
	s := sample(10)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(render(b, s))))
	}
}
