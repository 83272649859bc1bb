package intake

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/text"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func table(t testing.TB, b []byte) Table {
	t.Helper()
	tab, err := Read(b, Auto)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func checked(t testing.TB, b []byte, k Kind, known Known) Checked {
	t.Helper()
	tab := table(t, b)
	c, err := Check(tab, k, Guess(k, tab.Headings), known)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lines are "line key" of the issues, without the note on missing terms.
func lines(is []Issue) []string {
	out := []string{}
	for _, i := range is {
		if i.Key == "intake.usual_terms" {
			continue
		}
		out = append(out, fmt.Sprintf("%d %s", i.Line, i.Key))
	}
	return out
}

func TestPartnersInBothEncodings(t *testing.T) {
	for name, want := range map[string][2]string{"partners_utf8.csv": {"utf-8", "intake.by_bom"}, "partners_cp932.csv": {"cp932", "intake.by_cp932"}} {
		tab := table(t, sample(t, name))
		if string(tab.Encoding) != want[0] || tab.Why != want[1] || tab.Delimiter != "," || tab.HeaderLine != 1 {
			t.Fatal(name, tab.Encoding, tab.Why, tab.Delimiter, tab.HeaderLine)
		}
		c := checked(t, sample(t, name), Partners, Known{})
		if c.Totals.Rows != 4 || c.Totals.Accepted != 4 || c.Totals.Codes != 3 || len(c.Partners) != 3 {
			t.Fatal(name, c.Totals, c.Issues)
		}
		p := c.Partners[0]
		want := Partner{Line: 2, Code: "000123", Name: "株式会社青葉商店", Kana: "カブシキガイシャアオバショウテン", Honorific: "御中",
			RegistrationNumber: "T1234567890123", PostalCode: "100-0001", Address: "東京都千代田区千代田１－１ 青葉ビル３階", Phone: "03-1234-5678",
			Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}}
		people := p.People
		p.People = nil
		if fmt.Sprint(p) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, p, want)
		}
		if len(people) != 2 || people[0].Mail.String() != "keiri@aoba.example.jp" || people[1].Name != "鈴木 一郎" || people[1].Line != 3 {
			t.Errorf("%s: people %+v", name, people)
		}
		if p := c.Partners[1]; p.Code != "A-7" || p.Line != 4 || p.Address != "京都府京都市下京区 烏丸通" || p.Terms.String() != "20日締め翌々月20日払い" {
			t.Errorf("%s: %+v", name, p)
		}
		if p := c.Partners[2]; p.Line != 7 || p.Terms != usual() || p.Honorific != "様" {
			t.Errorf("%s: %+v", name, p) // two rows above took two lines each
		}
	}
}

func TestInvoicesBelowATitleWithErasAndMinus(t *testing.T) {
	known := Known{Partners: map[string]Registered{"000123": {ID: "p1"}, "A-7": {ID: "p2"}}}
	for _, name := range []string{"invoices_utf8.tsv", "invoices_cp932.csv"} {
		c := checked(t, sample(t, name), OpenInvoices, known)
		if c.Totals.Accepted != 3 || c.Totals.Total != 1_118_700 || c.Totals.Existing != 2 || c.Totals.Rows != 3 || len(c.Totals.Months) != 1 {
			t.Fatal(name, c.Totals, lines(c.Issues)) // the two lines of title are no rows
		}
	}
}

func TestHeadingsOfOtherPrograms(t *testing.T) {
	c := checked(t, sample(t, "other_names_cp932.csv"), Partners, Known{})
	if len(c.Partners) != 1 || c.Partners[0].Code != "12" || c.Partners[0].Terms.String() != "末締め翌月末払い" || c.Partners[0].People[0].Title != "課長" {
		t.Fatal(c.Partners, lines(c.Issues))
	}
	tests := []struct {
		names string
		field Field
		at    int
	}{
		{"名前(通称)|正式名称(帳票出力時に使用される名称)|カナ名称", Name, 2},
		{"名前（通称） ※入力必須|取引先コード", Name, 1},
		{"名前|名前（カナ）", Kana, 2},
		{"*得意先ｺｰﾄﾞ|得意先名1", Code, 1},
		{"[基本情報]カナ名|[基本情報]コード", Code, 2},
		{"担当者名|先方担当者名", ContactName, 2},
		{"ＴＥＬ|ｅｍａｉｌ", Mail, 2},
		{"メール アドレス|E-mail", Mail, 1},
		{"適格請求書発行事業者の登録番号|法人番号", RegistrationNumber, 1},
	}
	for _, tc := range tests {
		got := 0
		for _, c := range Guess(Partners, strings.Split(tc.names, "|")) {
			if c.Field == tc.field {
				got = c.Column
			}
		}
		if got != tc.at {
			t.Errorf("%s: %s is in column %d, want %d", tc.names, tc.field, got, tc.at)
		}
	}
}

func TestBadLinesAreNamedByTheirLineInTheFile(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"ragged", "コード,会社名\n1,あ\n2\n3,う,x\n4,え\n", []string{"3 intake.ragged", "4 intake.ragged"}},
		{"after a cell of two lines", "コード,会社名\n1,\"あ\nい\"\n2\n", []string{"4 intake.ragged"}},
		{"nul", "コード,会社名\n1,あ\x00\n2,い\n", []string{"2 intake.nul"}},
		{"bare quote", "コード,会社名\n1,12\"モニタ\n2,い\n", []string{"2 intake.bare_quote"}},
		{"quote in quotes", "コード,会社名\n1,\"あ\"い\n2,い\n", []string{"2 intake.quote"}},
		{"open quote", "コード,会社名\n1,あ\n2,\"い\n3,う\n4,え\n", []string{"3 intake.open_quote"}},
		{"not a character of UTF-8", "コード,会社名\n1,あ\n2,い\xff\n3,ううううううう\n", []string{"3 intake.garbled"}},
		{"turned text", "コード,会社名\n1,あ\u202eい\n", []string{"2 jp.text_bidi"}},
		{"bad code", "コード,会社名\nあ,い\n", []string{"2 jp.bad_code"}},
		{"blank", "コード,会社名\n1,\n,い\n,\n", []string{"2 intake.blank", "3 intake.blank"}},
		{"doubled", "コード,会社名\n1,い\n１,い\n", []string{"3 intake.twice"}},
		{"other name", "コード,会社名,担当者\n1,い,a\n1,ろ,b\n", []string{"3 intake.differs"}},
		{"same person twice", "コード,会社名,担当者\n1,い,a\n1,い,a\n1,い,b\n", []string{"3 intake.twice"}},
		{"bad mail", "コード,会社名,メール\n1,い,a@\n", []string{"2 mailaddr."}},
		{"bad kana", "コード,会社名,フリガナ\n1,い,漢字\n", []string{"2 jp.bad_furigana"}},
		{"bad post code", "コード,会社名,郵便番号\n1,い,600001\n", []string{"2 jp.bad_postal_code"}},
		{"bad phone", "コード,会社名,電話番号\n1,い,12-34\n", []string{"2 jp.bad_phone"}},
		{"bad number", "コード,会社名,登録番号\n1,い,T123\n", []string{"2 jp."}},
		{"bad sight", "コード,会社名,締日,支払サイト\n1,い,末,45日\n", []string{"2 intake.sight"}},
		{"long", "コード,会社名\n1," + strings.Repeat("あ", 101) + "\n", []string{"2 intake.too_long"}},
		{"corporate number's check digit", "コード,会社名,法人番号\n1,い,1234567890123\n", []string{"2 party.corporate_check"}},
		{"registered", "コード,会社名\nK-1,い\n", []string{"2 intake.exists"}},
	}
	for _, tc := range tests {
		c := checked(t, []byte(tc.body), Partners, Known{Partners: map[string]Registered{"K-1": {ID: "p"}}})
		got := lines(c.Issues)
		if !slices.EqualFunc(got, tc.want, strings.HasPrefix) || c.Totals.Refused != len(tc.want) || c.Totals.Accepted+c.Totals.Refused != c.Totals.Rows {
			t.Errorf("%s: %v, want %v; %+v", tc.name, got, tc.want, c.Totals)
		}
	}
}

func TestBadInvoices(t *testing.T) {
	head := "得意先コード,請求番号,請求日,金額,支払期限,消費税,メール\n"
	tests := map[string]string{
		"9,N1,2026/1/5,100,,,":                                  "2 intake.no_partner",
		"1,TAKEN,2026/1/5,100,,,":                               "2 intake.number_exists",
		"1,N1,2026/2/30,100,,,":                                 "2 civil.no_such_day",
		"1,N1,26/1/5,100,,,":                                    "2 civil.unread_date",
		"1,N1,2026/1/5,100.5,,,":                                "2 money.",
		"1,N1,2026/1/5,0,,,":                                    "2 intake.zero",
		"1,N1,2026/1/5,100,2026/1/4,,":                          "2 intake.due_before",
		"1,N1,2026/1/5,100,,101,":                               "2 intake.tax",
		"1,N1,2026/1/5,-100,,9,":                                "2 intake.tax",
		"1,N1,2026/1/5,9007199254740992,,,":                     "2 money.",
		"1,N1,2026/1/5,9007199254740991,,,\n1,N2,2026/1/5,1,,,": "3 money.",
		"1,N1,2026/1/5,100,,,\n1,Ｎ１,2026/1/6,100,,,":            "3 intake.number_twice",
	}
	for body, want := range tests {
		c := checked(t, []byte(head+body+"\n"), OpenInvoices, Known{Partners: map[string]Registered{"1": {ID: "p"}}, Numbers: map[string]bool{"TAKEN": true}})
		if got := lines(c.Issues); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %v, want %s", body, got, want)
		}
	}
}

func TestFilesThatAreNoTables(t *testing.T) {
	wide := strings.Repeat("a,", MaxColumns) + "コード,会社名\n"
	tests := []struct {
		name string
		b    []byte
		key  string
	}{
		{"empty", []byte(" \n"), "intake.empty"},
		{"workbook", []byte("PK\x03\x04xx"), "intake.workbook"},
		{"utf-16", []byte("\xff\xfea\x00"), "intake.utf16"},
		{"pdf", []byte("%PDF-1.7"), "intake.not_csv"},
		{"only headings", []byte("コード,会社名\n"), "intake.no_rows"},
		{"wide", []byte(wide + wide), "intake.too_many_columns"},
		{"long", []byte("コード,会社名\n" + strings.Repeat("1,a\n", MaxRows+1)), "intake.too_many_rows"},
		{"large", make([]byte, MaxBytes+1), "intake.too_large"},
	}
	tests[len(tests)-1].b[0] = 'a'
	for _, tc := range tests {
		if _, err := Read(tc.b, Auto); fault.Of(err) == nil || fault.Of(err).Key != tc.key {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.key)
		}
	}
	if tab := table(t, []byte("コード,会社名\n"+strings.Repeat("1,a\n", MaxRows))); len(tab.Rows) != MaxRows {
		t.Error("the largest file was not read", len(tab.Rows))
	}
}

func TestEncodingIsToldByWhatStandsThere(t *testing.T) {
	kana, err := jp.EncodeCP932("code,name\n1,ﾃｱ\n") // also valid UTF-8
	if err != nil {
		t.Fatal(err)
	}
	if tab := table(t, kana); tab.Encoding != CP932 || tab.Rows[0].Cells[1] != "ﾃｱ" {
		t.Error(tab)
	}
	if tab := table(t, []byte("code;name\n1;a,b\n2;c\n")); tab.Encoding != UTF8 || tab.Delimiter != ";" || len(tab.Rows) != 2 || tab.Why != "intake.by_ascii" {
		t.Error(tab)
	}
	if tab := table(t, []byte("コード,会社名\r1,あ\r")); len(tab.Rows) != 1 {
		t.Error("line ends of old Macs", tab)
	}
	if tab := table(t, []byte("1,あ\n2,い\n")); tab.HeaderLine != 0 || len(tab.Rows) != 2 || len(tab.Headings) != 2 {
		t.Error("a file without headings", tab)
	}
	tab, err := Read(kana, UTF8)
	if err != nil || tab.Why != "intake.told" || tab.Rows[0].Cells[1] != "ñ" && tab.Encoding != UTF8 {
		t.Error(tab, err)
	}
}

func TestMappings(t *testing.T) {
	tab := table(t, []byte("コード,会社名\n1,a\n"))
	tests := map[string][]Column{
		"intake.not_mapped.name": {{1, "", Code}},
		"intake.no_field":        {{1, "", Code}, {2, "", Amount}},
		"intake.no_column":       {{1, "", Code}, {3, "", Name}},
		"intake.mapped_twice":    {{1, "", Code}, {1, "", Name}},
	}
	for key, m := range tests {
		if _, err := Check(tab, Partners, m, Known{}); fault.Of(err) == nil || fault.Of(err).Key != key {
			t.Error(key, err)
		}
	}
	c, err := Check(tab, Partners, []Column{{2, "", Code}, {1, "", Name}}, Known{})
	if err != nil || c.Partners[0].Code != "A" || c.Partners[0].Name != "1" {
		t.Error("an adjusted mapping", c, err)
	}
}

func TestNotMoreIssuesAreKeptThanAnybodyReads(t *testing.T) {
	c := checked(t, []byte("コード,会社名,電話番号\n"+strings.Repeat("!,a,x\n", maxIssues)), Partners, Known{})
	if len(c.Issues) != maxIssues || c.More != maxIssues || c.Totals.Refused != maxIssues {
		t.Fatal(len(c.Issues), c.More, c.Totals)
	}
}

func TestFormulasAreDataAndNoted(t *testing.T) {
	c := checked(t, []byte("コード,会社名\n1,=cmd|' /C calc'!A0\n2,@社\n3,－株\n"), Partners, Known{})
	if got := lines(c.Issues); !slices.Equal(got, []string{"2 intake.formula", "3 intake.formula"}) || c.Totals.Accepted != 3 || c.Notes != 3 {
		t.Fatal(got, c.Totals)
	}
	if c.Partners[0].Name != "=cmd|' /C calc'!A0" {
		t.Fatal(c.Partners[0].Name)
	}
}

func TestPartnersWithoutTermsAreNamed(t *testing.T) {
	one := checked(t, []byte("コード,会社名\n1,a\n2,b\n"), Partners, Known{})
	each := checked(t, []byte("コード,会社名,締日,支払サイト\n1,a,末,\n2,b,20,翌月10日\n3,c,,\n"), Partners, Known{})
	if one.Notes != 1 || each.Notes != 2 || each.Issues[1].Line != 4 || each.Partners[0].Terms != usual() || each.Partners[1].Terms.String() != "20日締め翌月10日払い" {
		t.Fatal(one.Issues, each.Issues, each.Partners)
	}
}

func TestTermsOfOtherPrograms(t *testing.T) {
	tests := map[string]string{
		"末,翌月末": "末締め翌月末払い", "月末,翌月末日払い": "末締め翌月末払い", "20,翌月10日": "20日締め翌月10日払い", "２０日締め,翌々月１０日": "20日締め翌々月10日払い",
		"31,30": "末締め翌月末払い", "99,60日サイト": "末締め翌々月末払い", "末,90日": "末締め3か月後末払い", "15,0": "15日締め当月15日払い",
		"末,45": "", "末,30日前": "", "40,翌月末": "",
	}
	for in, want := range tests {
		c := checked(t, []byte("コード,会社名,締日,支払サイト\n1,a,"+in+"\n"), Partners, Known{})
		switch {
		case want == "" && (len(c.Partners) != 0 || c.Issues[0].Column != 4):
			t.Errorf("%s: accepted, or another column named: %+v", in, c)
		case want != "" && (len(c.Partners) != 1 || c.Partners[0].Terms.String() != want):
			t.Errorf("%s: %+v, want %s", in, c, want)
		}
	}
}

// What a file says comes out of it again, whatever stands in its cells and
// whichever encoding and delimiter it has.
func TestWrittenRowsAreRead(t *testing.T) {
	cell := rapid.StringOf(rapid.RuneFrom([]rune("あｱ漢字aZ09 ,;\t\"'=\nー㈱－")))
	rapid.Check(t, func(t *rapid.T) {
		enc := rapid.SampledFrom([]Encoding{UTF8, CP932}).Draw(t, "enc")
		comma := rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "comma")
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 1, 1), 1, 20).Draw(t, "rows")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = comma
		_ = w.Write([]string{"得意先コード", "会社名", "住所"})
		for i, r := range rows {
			_ = w.Write([]string{fmt.Sprint(i + 1), "社", r[0]})
		}
		w.Flush()
		raw := b.Bytes()
		if enc == CP932 {
			var err error
			if raw, err = jp.EncodeCP932(b.String()); err != nil {
				t.Fatal(err)
			}
		}
		tab, err := Read(raw, Auto)
		if err != nil || tab.Encoding != enc || tab.Delimiter != string(comma) || len(tab.Rows) != len(rows) || len(tab.Bad) != 0 {
			t.Fatal(err, tab)
		}
		line := 2
		for i, r := range tab.Rows {
			if r.Cells[2] != rows[i][0] || r.Line != line {
				t.Fatalf("row %d, line %d: %q, want %q in line %d", i, r.Line, r.Cells[2], rows[i][0], line)
			}
			line += 1 + strings.Count(rows[i][0], "\n")
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, n := range []string{"partners_utf8.csv", "partners_cp932.csv", "invoices_utf8.tsv", "invoices_cp932.csv", "other_names_cp932.csv"} {
		f.Add(sample(f, n))
	}
	f.Add([]byte("コード,会社名\n1,\"あ\n2\x00,\xff\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := Read(b, Auto)
		if err != nil {
			if fault.Of(err).Kind != fault.KindInvalid || !text.Has(fault.Of(err).Key) {
				t.Fatal(err)
			}
			return
		}
		last := bytes.Count(b, []byte("\n")) + bytes.Count(b, []byte("\r")) + 1
		for _, k := range []Kind{Partners, OpenInvoices} {
			m := Guess(k, tab.Headings)
			c, err := Check(tab, k, m, Known{Partners: map[string]Registered{"1": {ID: "p"}}})
			if err != nil {
				continue // nothing is mapped
			}
			if c.Totals.Accepted+c.Totals.Refused != c.Totals.Rows {
				t.Fatal(c.Totals)
			}
			for _, i := range c.Issues {
				if i.Line < 1 || i.Line > last || !text.Has(i.Key) || jp.Clean(i.Value, false) != nil {
					t.Fatalf("%+v", i)
				}
			}
			for _, p := range c.Partners {
				if p.Code == "" || p.Name == "" || jp.Clean(p.Name+p.Address+p.Kana+p.Phone, false) != nil {
					t.Fatalf("%+v", p)
				}
				for _, w := range p.People {
					if w.Mail != (mailaddr.Addr{}) && w.Mail.Domain() == "" {
						t.Fatalf("%+v", w)
					}
				}
			}
		}
	})
}
