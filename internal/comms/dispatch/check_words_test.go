package dispatch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

// found gives the keys of what is found that is not a match, each with its level.
func found(fs []Finding) string {
	var out []string
	for _, f := range fs {
		if f.Level != Match {
			out = append(out, string(f.Level)+" "+strings.TrimPrefix(f.Key, "dispatch.found."))
		}
	}
	return strings.Join(out, ", ")
}

// asks holds facts against what is to be found, and every finding against the
// sentences there are.
func asks(t *testing.T, name string, f Facts, want string) []Finding {
	t.Helper()
	got := Examine(f)
	if s := found(got); s != want {
		t.Errorf("%s: %q, want %q", name, s, want)
	}
	for _, x := range got {
		for _, l := range text.Langs {
			if s := text.T(l, x.Key, "shown", x.Shown, "registered", x.Registered); !text.Has(x.Key) || strings.ContainsAny(s, "{}") && !strings.ContainsAny(x.Shown, "{}") {
				t.Errorf("%s: no whole sentence in %s: %s", x.Key, l, s)
			}
		}
		if x.Reason != "" && !text.Has(x.Reason) {
			t.Errorf("%s: no sentence %s", x.Key, x.Reason)
		}
		for _, w := range x.Ways {
			if !text.Has("op." + w) {
				t.Errorf("%s: no name of the op %s", x.Key, w)
			}
		}
	}
	return got
}

func TestM17_TemplatesThatWereNotFilledIn(t *testing.T) {
	for text, want := range map[string]string{
		"{{会社名}} 御中": "{{会社名}}", "${name}様": "${name}", "%%NAME%% 様": "%%NAME%%", "≪会社名≫ 御中": "≪会社名≫", "{company_name}": "{company_name}",
		"｛｛氏名｝｝様": "{{氏名}}", "〇〇様": "〇〇様", "○○株式会社 御中": "○○株式会社 御中", "株式会社〇〇": "株式会社〇〇", "◯◯商事 御中": "◯◯商事 御中", "△△ 様": "△△ 様",
		"[会社名] 御中": "[会社名] 御中", "【担当者名】様": "【担当者名】様", "○月分のご請求": "○月分", "XX 御中": "XX 御中", "undefined 様": "undefined 様", "ご請求額 NaN円": "NaN円",
		"#REF!": "#REF!", "ここに本文を入力してください": "ここに本文を入力", "[object Object]": "[object Object]", "%COMPANY%様 ご請求書": "%COMPANY%", "％会社_NAME％": "", "%NAME_1%": "",
		// lawful
		"二〇〇〇円": "", "【件名】ご請求書": "", "【金額】118,800円": "", "お客様各位": "", "○×ゲーム": "", "11月分のご請求": "", "株式会社東北機械製作所 御中": "",
		"{重要}": "", "<keiri@example.co.jp>": "", "送料100%OFF": "", "8%対象 AB 10%対象": "", "https://x.jp/%E3%81%82%E3%81%84": "", "型番 XX-200": "", "null値の扱い": "", "～〇印の箇所にご署名ください": "", "◎△△町の現場": "",
	} {
		if got := leftover(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f := clean()
	f.Words.Body = "{{会社名}} 御中\nいつもお世話になっております。"
	asks(t, "body", f, "stop leftover")
	f = clean()
	f.Words.Subject = "〇月分ご請求書"
	asks(t, "subject", f, "stop leftover")
	f = clean()
	f.Files[0].Text = "{{number}}"
	asks(t, "a file of others", f, "caution leftover_file")
	f.Files[0].Ours = true
	asks(t, "our own", f, "stop leftover")
	f.Files[0].Text, f.Files[0].Ours = "株式会社〇〇 御中（以下「甲」という）", false
	asks(t, "a contract to be filled in", f, "")
}

func TestM17_Greetings(t *testing.T) {
	for body, want := range map[string]string{
		"株式会社東北機械 御中\nいつもお世話になっております。":               "",
		"㈱東北機械\n経理部 御中\n\nいつもお世話になっております。":           "",
		"株式会社東北機械　購買部　山田様\nいつもお世話になっております。":          "",
		"株式会社東北機械仙台支店 御中\nお世話になっております。":              "",
		"東北機械株式会社 ご担当者様\nお世話になっております。":               "",
		"山田様\nお世話になっております。":                          "",
		"ご担当者様\nお世話になっております。":                        "",
		"お客様各位\n平素より":                                "",
		"株式会社日章産業 御中\nいつもお世話になっております。":               "stop greeting_other",
		"株式会社新東北機械 御中\nいつもお世話になっております。":              "caution greeting_unsure",
		"有限会社東北機械 御中\nいつもお世話になっております。":               "caution greeting_unsure",
		"様\nいつもお世話になっております。":                         "stop greeting_empty",
		"　御中\n\nいつもお世話になっております。":                     "stop greeting_empty",
		"いつもお世話になっております。\n\n株式会社日章産業 御中":             "", // below the greeting it is no greeting
		"ご確認ください。\n> 株式会社日章産業 御中\n> いつもお世話になっております。": "",
	} {
		f := clean()
		f.Words.Body = body
		asks(t, body, f, want)
	}
	f := clean() // another partner is the content lock's business
	f.Words.Body, f.Body = "株式会社日章産業 御中\nお世話になっております。", []Hit{{Kind: HitName, Value: "株式会社日章産業", Party: "p2", To: true}}
	asks(t, "another partner", f, "stop foreign_name")
}

func TestM16_QuotedHistory(t *testing.T) {
	for body, want := range map[string]string{
		"ご確認ください。\n> From: sato@nissho-sangyo.co.jp\n> 見積の件": "caution quoted_other",
		"ご確認ください。\n差出人: 佐藤 <sato@nissho-sangyo.co.jp>":       "caution quoted_other",
		"> From: yamada@tohoku-kikai.co.jp":                  "",
		"> From: suzuki@hokuto-supply.co.jp":                 "",
		"> From: someone@gmail.com":                          "",
		"お問い合わせは help@unknown-service.co.jp まで":              "",
	} {
		f := clean()
		f.Words.Body, f.Held.Domains, f.Own.Domain = body, []string{"tohoku-kikai.co.jp"}, "hokuto-supply.co.jp"
		asks(t, body, f, want)
	}
}

func TestM10_HiddenCharacters(t *testing.T) {
	for _, r := range []string{"\u200b", "\u202e", "\u2066", "\u00ad", "\ufeff", "\u2800"} {
		f := clean()
		f.Words.Subject = "ご請求" + r + "書"
		asks(t, "subject", f, "stop hidden")
		f = clean()
		f.Words.Body = "本文" + r
		asks(t, "body", f, "stop hidden")
		f = clean()
		f.Files[0].Name, f.Files[0].Issued = "請求書"+r+"fdp.pdf", true
		asks(t, "file", f, "stop hidden")
	}
}

func TestM21_NamesThatAreOtherAddresses(t *testing.T) {
	f := clean()
	f.Recipients[0].Label = "経理 <keiri@bank.co.jp>"
	asks(t, "label", f, "stop label_other")
	f.Recipients[0].Label = "経理 A@X.jp"
	asks(t, "its own address", f, "")
	f = clean()
	f.Words.FromName, f.Words.FromAddress = "billing@other.co.jp", "billing@hokuto.co.jp"
	asks(t, "sender", f, "stop sender_name")
}

func TestJ34_NamesThatSayNothing(t *testing.T) {
	for name, want := range map[string]bool{
		"scan001.pdf": true, "SCAN_0001.PDF": true, "IMG_2034.jpg": true, "20261120.pdf": true, "20261120_123456.pdf": true, "Book1.xlsx": true, "無題.pdf": true,
		"新規 Microsoft Excel ワークシート.xlsx": false, "新しいフォルダー.pdf": true, "document (3).pdf": true, "a.pdf": true, "1.pdf": true, "スキャン_2026.pdf": true, "test.csv": true,
		"請求書INV-2026-0001.pdf": false, "納品明細.csv": false, "20261120_納品書.pdf": false, "INV-2026-00012.pdf": false, "御見積書.pdf": false, "カタログ.pdf": false, "契約書案.docx": false,
	} {
		f := clean()
		f.Files[0].Name = name
		got := found(Examine(f)) == "caution meaningless"
		if got != want {
			t.Errorf("%s: %q", name, found(Examine(f)))
		}
		f.Files[0].Issued = true
		if s := found(Examine(f)); s != "" {
			t.Errorf("%s, made by ourselves: %s", name, s)
		}
	}
}

func TestForgottenAttachments(t *testing.T) {
	for body, want := range map[string]bool{
		"請求書を添付いたします。": true, "添付のとおりです": true, "Please find attached the invoice.": true, "納品書を同封します": true,
		"添付ファイルはございません。": false, "添付は不要です。": false, "先日添付でお送りした件": false, "> 請求書を添付します": false, "別途、見積書を添付してお送りします": false, "お知らせします": false,
		"添付漏れがございましたので、改めて添付いたします。": true,
		"内訳は別紙の一覧表をご覧ください。":         true, "別添の資料のとおりです。": true, "ご請求書をPDFファイルでお送りしますので、ご確認ください。": true, "請求書をPDFにてお送りいたします。": true, "Excelで送付します": true,
		"見積書はPDFでお送りください。": false, "PDFで送付いただけますか。": false, "後日PDFでお送りします。": false, "PDFはお送りしておりません。": false, "先日の別紙をご覧ください。": false, "別紙は不要です。": false,
	} {
		if got := saysFile(body); got != want {
			t.Errorf("%q: %v", body, got)
		}
	}
	for body, want := range map[string]string{
		"請求書を添付いたします。":              "",
		"請求書と納品書を添付いたします。":          "caution attachment_missing",
		"請求書、見積書及び納品書を添付いたします。":     "caution attachment_missing, caution attachment_missing",
		"添付の注文書をご確認ください。":           "caution attachment_missing",
		"納品書と照合のうえ、添付の請求書をご確認ください。": "",
		"契約書は別途お送りします。":             "",
		"> 納品書を添付します":               "",
	} {
		f := clean()
		f.Words.Body, f.Files[0].Kind = body, "invoice"
		asks(t, body, f, want)
	}
	f := clean()
	f.Words.Body, f.Files[0].Text = "請求書と納品書を添付いたします。", "請求書 兼 納品書"
	asks(t, "in the text of the file", f, "")
}

func TestM17_AmountsAndNumbersInTheMail(t *testing.T) {
	for body, want := range map[string]string{
		"ご請求金額は1,100円です。": "", "ご請求額：￥1,100": "", "合計 1,100円（税込）": "", "お支払額 1100 円": "",
		"ご請求金額は118,800円です。": "caution amount_said", "ご請求金額（税込）：¥220,000": "caution amount_said",
		"> ご請求金額は118,800円です。": "", "型番 118800": "",
	} {
		f := clean()
		f.Words.Body = body
		asks(t, body, f, want)
	}
	f := clean()
	f.Words.Body, f.Files[0].Text = "合計金額 9,800円", "前回御請求額 9,800"
	asks(t, "it stands in the file", f, "")
	f = clean()
	f.Named = []string{"INV-7"}
	got := asks(t, "another number in the subject", f, "caution number_said")
	if i := slices.IndexFunc(got, func(x Finding) bool { return x.Shown == "INV-7" && x.Registered == "INV-1" }); i < 0 {
		t.Errorf("not side by side: %+v", got)
	}
}

func TestSM37_Habit(t *testing.T) {
	day := civil.MustParse("2026-11-20")
	past := func(amounts ...money.Yen) []Billed {
		var out []Billed
		for i, a := range amounts {
			out = append(out, Billed{"INV", a, day.AddMonths(-1 - i)})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		amount  money.Yen
		history []Billed
		want    string
	}{
		{"nothing known", 5_000_000, nil, ""},
		{"two are no habit", 200_000, past(100_000, 100_000), ""},
		{"the same every month", 100_000, past(100_000, 100_000, 100_000), ""},
		{"doubled", 200_000, past(100_000, 100_000, 100_000, 100_000, 100_000, 100_000), "caution amount_high"},
		{"doubled, of varying ones", 230_000, past(95_000, 118_000, 104_000, 88_000, 112_000, 99_000, 121_000), "caution amount_high"},
		{"few are known", 160_000, past(100_000, 110_000, 120_000), ""}, {"few are known, and far off", 190_000, past(100_000, 110_000, 120_000), "caution amount_high"},
		{"a small month", 40_000, past(100_000, 110_000, 120_000), ""},
		{"ordinary variation", 131_000, past(95_000, 118_000, 104_000, 88_000, 112_000, 99_000, 121_000), ""},
		{"one digit more", 1_000_000, past(100_000, 105_000, 98_000), "caution amount_high"},
		{"one digit less", 10_000, past(100_000, 105_000, 98_000), "caution amount_low"},
		{"ties an earlier one", 300_000, past(100_000, 300_000, 100_000, 100_000), ""},
		{"ties but for a yen", 300_001, past(100_000, 300_000, 100_000, 100_000), ""},
		{"as last year", 300_000, append(past(100_000, 100_000, 100_000), Billed{"INV", 290_000, day.AddMonths(-12)}), ""},
		{"as another month of the year before", 300_000, append(past(100_000, 100_000, 100_000), Billed{"INV", 290_000, day.AddMonths(-13)}), "caution amount_high"},
		{"wide swings", 430_000, past(50_000, 400_000, 120_000, 310_000, 80_000), ""},
		{"a credit note", -100_000, past(100_000, 100_000, 100_000), ""},
	} {
		f := clean()
		f.Files[0].Amount, f.Files[0].Date, f.History, f.BigFrom = c.amount, day, c.history, 1<<40
		asks(t, c.name, f, c.want)
	}
}

func TestUnusualHours(t *testing.T) {
	for _, c := range []struct {
		at   string
		open bool
		want string
	}{
		{"2026-11-24T09:30:00+09:00", true, ""}, {"2026-11-24T07:00:00+09:00", true, ""}, {"2026-11-24T19:59:59+09:00", true, ""},
		{"2026-11-24T06:59:59+09:00", true, "caution unusual_hour"}, {"2026-11-24T20:00:00+09:00", true, "caution unusual_hour"},
		{"2026-11-22T12:00:00+09:00", false, "caution unusual_hour"}, {"2026-11-24T00:30:00Z", true, ""}, {"2026-11-24T13:00:00Z", true, "caution unusual_hour"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		f := clean()
		f.Late = late(at, c.open, Rules{})
		asks(t, c.at, f, c.want)
	}
}

func TestSM32_TooManyRecipients(t *testing.T) {
	for n, want := range map[int]string{1: "", 5: "", 6: "caution many", 10: "caution many", 11: "stop many_recipients", 20: "stop many_recipients"} {
		f := clean()
		for len(f.Recipients) < n {
			r := f.Recipients[0]
			f.Recipients = append(f.Recipients, r)
		}
		asks(t, "", f, want)
	}
}

// TestC27_OtherFindings are those that one fact decides.
func TestC27_OtherFindings(t *testing.T) {
	r := func(f *Facts) *RecipientFact { return &f.Recipients[0] }
	a := func(f *Facts) *FileFact { return &f.Files[0] }
	for _, c := range []struct {
		name   string
		change func(*Facts)
		want   string
	}{
		{"new domain", func(f *Facts) { r(f).FirstTime, r(f).NewDomain = true, true }, "caution first_time, caution new_domain"},
		{"free mail in use", func(f *Facts) { r(f).FreeMail = true }, ""},
		{"shared", func(f *Facts) { r(f).Shared = true }, "caution shared"},
		{"came back", func(f *Facts) { r(f).Bounced = true }, "stop bounced_before"},
		{"invoice without one", func(f *Facts) { f.Purpose, a(f).Invoice, a(f).Name = ForInvoice, false, "ご案内.pdf" }, "stop purpose_no_invoice"},
		{"invoice with a file that is one", func(f *Facts) { f.Purpose, a(f).Invoice, a(f).Text = ForInvoice, false, "ご請求金額 100" }, ""},
		{"invoice", func(f *Facts) { f.Purpose = ForInvoice }, ""},
		{"quote with an invoice", func(f *Facts) { f.Purpose = ForQuote }, "stop purpose_quote_invoice"},
		{"notice with an invoice", func(f *Facts) { f.Purpose = ForNotice }, "stop purpose_notice_invoice"},
		{"quote with nothing", func(f *Facts) { f.Purpose, f.Files, f.SaysFile, f.Total = ForQuote, nil, false, 0 }, "caution purpose_no_quote"},
		{"changed copy", func(f *Facts) { a(f).Copy = "INV-9" }, "stop not_original"},
		{"notice with a copy", func(f *Facts) { f.Purpose, a(f).Standing = ForNotice, document.Cancelled }, "caution cancelled_copy"},
		{"notice with a credit", func(f *Facts) { f.Purpose, a(f).Kind = ForNotice, document.Credit }, ""},
		{"twice", func(f *Facts) { a(f).Twice = true }, "stop file_twice"},
		{"macros", func(f *Facts) { a(f).Office.Macros = true }, "stop macros"},
		{"hidden sheet", func(f *Facts) { a(f).Office.Hidden = []string{"原価"} }, "stop hidden_sheets"},
		{"same amount", func(f *Facts) { a(f).Twin = "INV-9" }, "caution same_amount"},
		{"stray account in words", func(f *Facts) { f.Own.Accounts, f.Stray = []string{"1234567"}, []string{"7654321"} }, "stop account_unknown"},
		{"stray account in our own", func(f *Facts) {
			f.Own.Accounts, a(f).Stray, a(f).Ours = []string{"1234567"}, []string{"7654321"}, true
		}, "stop account_unknown"},
		{"stray account in another's", func(f *Facts) { f.Own.Accounts, a(f).Stray = []string{"1234567"}, []string{"7654321"} }, "caution account_stray"},
		{"no account is registered", func(f *Facts) { a(f).Stray, a(f).Ours = []string{"7654321"}, true }, "caution account_stray"},
		{"over the order", func(f *Facts) { a(f).Ours, a(f).Amount, a(f).Ordered = true, 1100, 1000 }, "caution field_order"},
		{"as ordered", func(f *Facts) { a(f).Ours, a(f).Amount, a(f).Ordered = true, 1100, 1100 }, ""},
		{"a part of the order", func(f *Facts) { a(f).Ours, a(f).Amount, a(f).Ordered = true, 1100, 9900 }, ""},
		{"product", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitName, Product: true}} }, "caution foreign_product"},
		{"sold by its maker's leave", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitName, Product: true, Maker: true}} }, ""},
		{"its maker, not its product", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitName, Maker: true}} }, "caution related"},
		{"ship-to", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitName, Ship: true, Shipped: true}} }, "caution foreign_ship"},
		{"number of a related one", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitNumber, Related: true, Shipped: true}} }, "stop foreign_number"},
	} {
		f := clean()
		c.change(&f)
		asks(t, c.name, f, c.want)
	}
}

func TestM10_LookAlikesInTheWords(t *testing.T) {
	for body, want := range map[string]string{
		"お問い合わせは billing@hokuto-supply.co.jp まで": "", "https://www.tohoku-kikai.co.jp/ をご覧ください": "", "https://www.hokuto-supply.com/": "", "info@unknown.example.jp": "",
		"振込先の変更は keiri@hokuto-supp1y.co.jp へ": "stop spoofed", "billing@hоkuto-supply.co.jp": "stop spoofed", "https://tohoku-klkai.co.jp/x": "stop spoofed",
		"> From: x@hokuto-supp1y.co.jp": "caution quoted_other", "単価 1.5円/個": "", "ver.2.0.txt": "",
	} {
		f := clean()
		f.Words.Body, f.Held.Domains, f.Own.Domain = body, []string{"tohoku-kikai.co.jp"}, "hokuto-supply.co.jp"
		asks(t, body, f, want)
	}
}

func TestPapersTakenInForSending(t *testing.T) {
	f := registered()
	a := &f.Files[0]
	*a = FileFact{Item: "f", Name: "御見積書.pdf", Kind: "quote", Ours: true, Said: Said{Addressees: []string{"株式会社日章産業"}}}
	f.Purpose = ForQuote
	asks(t, "another's quotation", f, "stop field_name")
	a.HasName = true
	asks(t, "both names", f, "caution field_name")
	a.Kind = "delivery"
	asks(t, "a delivery note", f, "")
	a.Kind, a.Said.Addressees = "quote", []string{"㈱東北機械製作所 仙台支店"}
	asks(t, "the right one", f, "")
}
