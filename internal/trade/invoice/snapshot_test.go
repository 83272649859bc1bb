package invoice

import (
	"fmt"
	"strings"
	"testing"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice/sheet"
)

func profile() org.Profile {
	return org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: jp.RegistrationNumber("T7000012050002"), HonorificPerson: "様", BankAccounts: []org.BankAccount{
		{BankCode: "0001", BankName: "みずほ銀行", BranchCode: "004", BranchName: "丸の内支店", Kind: "ordinary", Number: "1234567"},
		{BankCode: "0501", BankName: "北洋銀行", BranchCode: "028", BranchName: "本店営業部", Kind: "current", Number: "0098765"},
	}}
}

func drawn(t *testing.T, d Draft, r money.Rounding) sheet.Snapshot {
	t.Helper()
	b, bad := Compute(d, r, money.BuiltinRates())
	if len(bad) > 0 {
		t.Fatal(bad[0])
	}
	return draw(d, b, profile(), party.Party{Name: "株式会社青葉商会"}, nil).Sheet
}

// What is printed of each line: rate, ※ and figures (適格請求書の記載事項 3 to 5).
func TestC27_LinesAndRatesAsPrinted(t *testing.T) {
	d := Draft{Date: today, Pricing: money.TaxInclusive, Discount: Discount{110, "値引"},
		Lines: lines("2 × 1100.5 standard", "1 × 108 food", "1 × 50 exempt", "1 × 1 outside", "1 × 2 export", "0 × 0 standard", "1 × 108 standard 2019-09-30")}
	d.Lines[0].Note = "北館へ納入"
	s := drawn(t, d, money.Floor)
	var got []string
	for _, l := range s.Lines {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%v|%d", strings.ReplaceAll(l.Description, "\n", "/"), l.Quantity, l.UnitPrice, l.Rate, l.Reduced, l.Amount))
	}
	want := []string{
		"商品/北館へ納入|2|1,100.5|10%|false|2201", "商品|1|108|8%|true|108", "商品|1|50|非課税|false|50", "商品|1|1|不課税|false|1", "商品|1|2|免税|false|2",
		"商品|||10%|false|0", "商品|1|108|8%|false|108",
		"値引|||10%|false|-98", "値引|||8%|true|-5", "値引|||非課税|false|-2", "値引|||8%|false|-5",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var rates []string
	var base, tax int64
	for _, r := range s.Rates {
		rates = append(rates, fmt.Sprintf("%s|%v|%d|%d", r.Label, r.Reduced, r.Base, r.Tax))
		base, tax = base+r.Base, tax+r.Tax
	}
	// 税込: the base of a rate is what its lines add up to, tax inside.
	if want := "[10%対象|false|2103|191 8%対象|true|103|7 8%対象（旧標準税率）|false|103|7 非課税|false|48|0 免税|false|2|0 不課税|false|1|0]"; fmt.Sprint(rates) != want {
		t.Errorf("%s\nwant %s", rates, want)
	}
	if s.Base != base || s.Tax != tax || s.Total != base || !s.TaxIncluded {
		t.Errorf("%d %d %d", s.Base, s.Tax, s.Total)
	}
}

func TestAddresseeAndAccounts(t *testing.T) {
	o, company := profile(), party.Party{Name: "株式会社青葉商会", Honorific: "御中"}
	for _, c := range []struct {
		p    party.Party
		to   *party.Contact
		want string
	}{
		{company, nil, "株式会社青葉商会 御中   "},
		{party.Party{Name: "株式会社青葉商会"}, nil, "株式会社青葉商会 御中   "},
		{party.Party{Name: "山田太郎"}, nil, "山田太郎 様   "},
		{company, &party.Contact{Name: "山﨑 邉太郎", Section: "購買部"}, "株式会社青葉商会  購買部 山﨑 邉太郎 様"},
	} {
		a := addressee(o, c.p, c.to)
		if got := strings.Join([]string{a.Name, a.Honorific, a.Department, a.Contact, a.ContactHonorific}, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := accounts(o, ""); len(got) != 2 || got[0].Kind != "普通" || got[1].Kind != "当座" {
		t.Errorf("%+v", got)
	}
	if got := accounts(o, AccountKey(o.BankAccounts[1])); len(got) != 1 || got[0].Number != "0098765" {
		t.Errorf("%+v", got)
	}
}
