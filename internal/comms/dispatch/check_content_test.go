package dispatch

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"
	"testing"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/trade/invoice/sheet"

	"pgregory.net/rapid"
)

func TestCompareNames(t *testing.T) {
	for _, c := range []struct {
		shown, registered string
		want              likeness
	}{
		{"株式会社東北機械", "株式会社東北機械", sameName}, {"㈱東北機械", "株式会社東北機械", sameName}, {"東北機械株式会社", "株式会社東北機械", sameName},
		{"株式会社 東北 機械", "株式会社東北機械", sameName}, {"株式会社東北機械 購買部 山田", "株式会社東北機械", sameName}, {"株式会社東北機械仙台支店", "株式会社東北機械", sameName},
		{"株式会社髙島商会", "株式会社高島商会", sameName}, {"株式会社東北機械 仙台支店", "株式会社東北機械 仙台支店", sameName},
		{"株式会社東北機械サービス", "株式会社東北機械", unsureName}, {"株式会社新東北機械", "株式会社東北機械", unsureName}, {"有限会社東北機械", "株式会社東北機械", unsureName},
		{"株式会社東北機械", "株式会社東北機械 仙台支店", unsureName}, {"株式会社あかつき", "株式会社東北機械", otherName}, {"株式会社東和産業", "株式会社東和", unsureName}, {"", "株式会社東和", unsureName},
	} {
		if got := compareNames(c.shown, c.registered); got != c.want {
			t.Errorf("%s, registered %s: %d, want %d", c.shown, c.registered, got, c.want)
		}
	}
}

// issued is an invoice of ours as the product makes it.
func issued(t testing.TB, change func(*sheet.Snapshot)) FileFact {
	t.Helper()
	s := sheet.Snapshot{Layout: sheet.Layout, DocumentID: "06h02chzy6xn6aehgyf16ey0fw", Number: "INV-2026-0001", IssuedOn: "2026-11-30", DueOn: "2026-12-31",
		PeriodFrom: "2026-11-01", PeriodTo: "2026-11-30",
		Partner:  sheet.Partner{PostalCode: "980-0803", Address: []string{"宮城県仙台市青葉区国分町3丁目7番1号", "国分町ビル2階"}, Name: "株式会社東北機械製作所", Honorific: "御中"},
		Issuer:   sheet.Issuer{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001", Address: []string{"北海道札幌市中央区北一条西1-1"}, Tel: "011-999-0000"},
		Accounts: []sheet.Account{{Bank: "みずほ銀行", BankCode: "0001", Branch: "丸の内支店", BranchCode: "004", Kind: "普通", Number: "1234567", Holder: "ホクトサプライ（カ"}},
		Lines:    []sheet.Line{{Description: "業務用洗剤", Quantity: "10", Unit: "箱", UnitPrice: "1,000", Rate: "10%", Amount: 10000}},
		Rates:    []sheet.Rate{{Label: "10%対象", Base: 10000, Tax: 1000}}, Base: 10000, Tax: 1000, Total: 11000}
	change(&s)
	raw, err := sheet.Render(s)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := extract.Text(context.Background(), "請求書.pdf", raw, extract.DefaultLimits())
	if err != nil || doc.Unreadable != "" {
		t.Fatal(doc.Unreadable, err)
	}
	read := fileContent{doc: doc, compact: doc.Compact(), text: strings.Join(append(doc.Pages, doc.Extra...), "\n")}
	read.found = market(t).ScanFile(read.text, "p1")
	f := registered()
	k := known{}
	a := FileFact{Item: "f", Name: "請求書INV-2026-0001.pdf", Invoice: true, Issued: true, Ours: true, Kind: "invoice", Number: "INV-2026-0001", Amount: 11000, Date: civil.MustParse("2026-11-30")}
	a.Hits, a.Stray = k.hits(read.found, "p1", f.Own.Accounts)
	a.content(read, f)
	return a
}

// registered are facts of a package with what the register says.
func registered() Facts {
	f := clean()
	f.Party.Name = "株式会社東北機械製作所"
	f.Held = RegisterFact{PostalCode: "980-0803", Address: "宮城県仙台市青葉区国分町3-7-1 国分町ビル2階", Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}}
	f.Own = OwnFact{Name: "北斗サプライ株式会社", Registration: "T1234567890123", PostalCode: "060-0001", Accounts: []string{"1234567", "7654321"}}
	return f
}

// TestSM30_FieldByField makes one mismatch in a real document or in the register
// at a time.
func TestSM30_FieldByField(t *testing.T) {
	none := func(*sheet.Snapshot) {}
	same := func(*Facts) {}
	for _, c := range []struct {
		name     string
		document func(*sheet.Snapshot)
		register func(*Facts)
		want     string
		shown    string
		beside   string
	}{
		{"all as registered", none, same, "", "", ""},
		{"name", func(s *sheet.Snapshot) { s.Partner.Name = "株式会社日章産業" }, same, "caution claims_name, stop field_name", "株式会社日章産業", "株式会社東北機械製作所"},
		{"similar name", func(s *sheet.Snapshot) { s.Partner.Name = "株式会社新東北機械製作所" }, same, "caution field_name", "株式会社新東北機械製作所", "株式会社東北機械製作所"},
		{"renamed", none, func(f *Facts) { f.Party.Name = "株式会社ノースマシン" }, "caution claims_name, stop field_name", "株式会社東北機械製作所", "株式会社ノースマシン"},
		{"moved", none, func(f *Facts) { f.Held.PostalCode, f.Held.Address = "984-0015", "宮城県仙台市若林区卸町1-1" }, "caution field_address", "980-0803 宮城県仙台市青葉区国分町3丁目7番1号 国分町ビル2階", "984-0015 宮城県仙台市若林区卸町1-1"},
		{"moved nearby", none, func(f *Facts) { f.Held.Address = "宮城県仙台市青葉区国分町2-1-1" }, "caution field_address", "", ""},
		{"own T number", func(s *sheet.Snapshot) { s.Issuer.RegistrationNumber = "T9999999999999" }, same, "stop field_registration", "T9999999999999", "T1234567890123"},
		{"own account", func(s *sheet.Snapshot) { s.Accounts[0].Number = "9999999" }, same, "stop account_unknown", "9999999", "1234567, 7654321"},
		{"account given up", none, func(f *Facts) { f.Own.Accounts = []string{"7654321"} }, "", "", ""}, // judged when it is read, see the test through the gate
		{"due day", func(s *sheet.Snapshot) { s.DueOn = "2026-12-20" }, same, "caution field_terms", "2026-12-20", "末締め翌月末払い（2026-12-31）"},
		{"terms", none, func(f *Facts) { f.Held.Terms.Months = 2 }, "caution field_terms", "2026-12-31", "末締め翌々月末払い（2027-01-31）"},
		{"terms in words", func(s *sheet.Snapshot) { s.DueOn, s.Notes = "", "お支払条件: 20日締め翌月末払い" }, same, "caution field_terms", "20日締め翌月末払い", "末締め翌月末払い"},
		{"no terms agreed", none, func(f *Facts) { f.Held.Terms = civil.Term{} }, "", "", ""},
		{"nothing registered", none, func(f *Facts) { f.Held.PostalCode, f.Held.Address = "", "" }, "", "", ""},
		{"a person", func(s *sheet.Snapshot) {
			s.Partner.Honorific, s.Partner.Department, s.Partner.Contact, s.Partner.ContactHonorific = "", "購買部", "山田 太郎", "様"
		}, same, "", "", ""},
		{"era", func(s *sheet.Snapshot) { s.DueOnText = "令和8年12月31日" }, same, "", "", ""},
	} {
		f := registered()
		f.Files = []FileFact{issued(t, c.document)}
		c.register(&f)
		f.Files[0].HasName = Holds(f.Files[0].Text, f.Party.Name)
		got := asks(t, c.name, f, c.want)
		if c.shown == "" {
			continue
		}
		beside := false
		for _, x := range got {
			beside = beside || x.Shown == c.shown && x.Registered == c.beside
		}
		if !beside {
			t.Errorf("%s: not side by side: %+v", c.name, got)
		}
	}
	f := registered()
	f.Files = []FileFact{issued(t, none)}
	matches := 0
	for _, x := range Examine(f) {
		if x.Level == Match && x.Key == "dispatch.found.field_same" && x.Shown != "" && x.Registered != "" {
			matches++
		}
	}
	if matches != 4 {
		t.Errorf("%d fields are shown as equal, want address, T number, account and terms", matches)
	}
}

// TestTermsOverAYear: whatever day of the month it is issued, an invoice whose
// due day follows from the terms asks nothing.
func TestTermsOverAYear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := civil.Term{Close: rapid.SampledFrom([]int{5, 10, 15, 20, 25, 31}).Draw(t, "close"), Months: rapid.IntRange(1, 4).Draw(t, "months"),
			PayDay: rapid.SampledFrom([]int{5, 10, 15, 20, 25, 31}).Draw(t, "pay"), Shift: rapid.SampledFrom([]civil.Shift{civil.ShiftNone, civil.ShiftNext, civil.ShiftPrevious}).Draw(t, "shift")}
		last := civil.MustParse("2026-01-01").AddDays(rapid.IntRange(0, 364).Draw(t, "supplied"))
		closing := term.Closing(last)
		due, err := term.Due(last)
		if err != nil {
			t.Fatal(err)
		}
		issued := closing.AddDays(rapid.IntRange(0, 20).Draw(t, "later"))
		f := registered()
		f.Held.Terms = term
		f.Files = []FileFact{{Item: "f", Ours: true, Invoice: true, Date: issued, Said: Said{Due: due.Date}}}
		if got := termsSame(f); len(got) != 1 || got[0].Level != Match {
			t.Fatalf("%s, supplied %s, issued %s, due %s: %+v", term, last, issued, due.Date, got)
		}
	})
}

func TestAccountsInText(t *testing.T) {
	r := market(t)
	for text, want := range map[string]string{
		"振込先 みずほ銀行 丸の内支店 普通 1234567":     "1234567",
		"みずほ銀行 丸の内支店\n普通預金 口座番号 1234567": "1234567",
		"口座番号: ０１２３４５６":                  "0123456",
		"三菱UFJ銀行 本店 当座 765432":           "0765432",
		"ゆうちょ銀行 記号 10010 番号 12345671":    "1234567",
		"振込先 （普）３３４５６７１":                 "3345671", "振込先 みずほ銀行 (当) 0098811": "0098811", "コピー用紙(普)3345671": "",
		"普通紙 2500枚": "", "普通郵便 1200円": "", "普通 1,234,567円": "", "当座 3月分 100000円": "", "口座振替にて": "",
		"普通 1234567": "", // no bank is named: it may be anything
	} {
		if got := strings.Join(r.ScanFile(text, "p1").Paid, ","); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestM20_OfficeFiles(t *testing.T) {
	build := func(parts map[string]string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, s := range parts {
			w, err := z.Create(name)
			if err == nil {
				_, err = w.Write([]byte(s))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	shared := `<sst><si><r><t>有限会社</t></r><r><t>あかつき運輸</t></r></si><si><t>ボルト</t></si></sst>`
	book := `<workbook><sheets><sheet name="明細"/><sheet name="原価" state="hidden"/><sheet name="仕入" state="veryHidden"/></sheets></workbook>`
	o, text := inspectOffice(build(map[string]string{"xl/workbook.xml": book, "xl/sharedStrings.xml": shared, "docProps/core.xml": `<a><creator>佐藤</creator></a>`}))
	if o.Macros || strings.Join(o.Hidden, ",") != "原価,仕入" || o.Author != "佐藤" || !Holds(text, "有限会社あかつき運輸") {
		t.Errorf("%+v %q", o, text)
	}
	if h := market(t).ScanFile(text, "p1").Hits; len(h) != 1 || h[0].Party != "p2" {
		t.Errorf("a name in an office file was not found: %+v", h)
	}
	if o, _ := inspectOffice(build(map[string]string{"xl/vbaProject.bin": "x"})); !o.Macros {
		t.Error("macros were not seen")
	}
	if o, _ := inspectOffice(append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), wide("_VBA_PROJECT")...)); !o.Macros {
		t.Error("macros of the older form were not seen")
	}
	if o, text := inspectOffice([]byte("PK\x03\x04broken")); o.Macros || o.Hidden != nil || text != "" {
		t.Error("a broken file says something", o, text)
	}
}

func FuzzWhatSays(f *testing.F) {
	for _, s := range []string{"〒980-0803\n宮城県\n株式会社東北機械製作所 御中\nお支払期限 2026年12月31日", "T1234567890123", "末締め翌月末払い", "\xff御中", "納品先\n〒\n様"} {
		f.Add(s)
	}
	own := registered().Own
	f.Fuzz(func(t *testing.T, s string) {
		said := whatSays(s, own, "株式会社東北機械製作所")
		for _, n := range said.Registrations {
			if len(n) != 14 {
				t.Fatalf("%q", n)
			}
		}
		if said.PostalCode == own.PostalCode {
			t.Fatal("our own address is taken for the addressee's")
		}
		leftover(s)
		saysFile(s)
	})
}

func FuzzOffice(f *testing.F) {
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\xd0\xcf\x11\xe0"))
	f.Fuzz(func(_ *testing.T, b []byte) { inspectOffice(b) })
}

// TestH04_EveryNearDomainIsStopped: all edits of one character, other suffixes
// and characters that look alike, of each registered domain, are stopped and
// named as look-alikes of the registered address.
func TestH04_EveryNearDomainIsStopped(t *testing.T) {
	registered := []string{"tohoku-kikai.co.jp", "akatsuki-unyu.co.jp", "abc.jp", "rn-systems.com", "hokuto.or.jp", "yamada1.ne.jp", "株式会社東和.jp", "x-y-z.tokyo"}
	tried, total := 0, 0
	for _, d := range registered {
		point, err := mailaddr.Parse("keiri@" + d)
		if err != nil {
			t.Fatal(err)
		}
		for _, near := range nearDomains(d) {
			total++
			r := RecipientFact{Item: "r", Kind: To, Proposed: "keiri@" + near}
			a, err := mailaddr.Parse(r.Proposed)
			if err == nil && a == point {
				continue // another spelling of the very same address
			}
			tried++
			if err != nil {
				r.Bad = "mailaddr.domain"
			} else if n, ok := mailaddr.Nearest(a, []mailaddr.Addr{point}); ok {
				r.Near = Beside{n.Addr.Unicode(), "d1", string(n.Reason)}
			} else {
				t.Errorf("%s does not look like %s", near, d)
			}
			got := registerMatch(Facts{Recipients: []RecipientFact{r}})
			if len(got) != 1 || got[0].Level != Halt {
				t.Errorf("%s: %+v", near, got)
			}
		}
	}
	t.Logf("%d of %d made-up domains tried, all stopped", tried, total)
	if tried < 3000 {
		t.Errorf("only %d were tried", tried)
	}
}

// nearDomains are the domains that H-04 names.
func nearDomains(d string) []string {
	name, suffix, _ := strings.Cut(d, ".")
	rs := []rune(name)
	letters := []rune("abcdefghijklmnopqrstuvwxyz0123456789-")
	var out []string
	add := func(r []rune) { out = append(out, string(r)+"."+suffix) }
	for i := range len(rs) + 1 {
		for _, c := range letters {
			add(append(append(append([]rune{}, rs[:i]...), c), rs[i:]...))
		}
		if i == len(rs) {
			break
		}
		if len(rs) > 1 {
			add(append(append([]rune{}, rs[:i]...), rs[i+1:]...))
		}
		for _, c := range letters {
			if c != rs[i] {
				x := append([]rune{}, rs...)
				x[i] = c
				add(x)
			}
		}
		if i+1 < len(rs) && rs[i] != rs[i+1] {
			x := append([]rune{}, rs...)
			x[i], x[i+1] = x[i+1], x[i]
			add(x)
		}
		for from, to := range map[rune]string{'a': "а", 'e': "е", 'o': "о0", 'i': "і1l", 'c': "с", 'p': "р", 'x': "х", 'y': "у", 'l': "1i", 's': "ѕ", 'b': "6", 'm': "", 't': ""} {
			if rs[i] == from {
				for _, c := range to {
					x := append([]rune{}, rs...)
					x[i] = c
					add(x)
				}
			}
		}
	}
	for _, s := range []string{"co.jp", "ne.jp", "or.jp", "jp", "com", "net", "org", "biz", "info", "tokyo", "co"} {
		if s != suffix {
			out = append(out, name+"."+s)
		}
	}
	return append(out, strings.ReplaceAll(d, "m", "rn"), strings.ReplaceAll(d, "rn", "m"), strings.ReplaceAll(d, "-", ""))
}
