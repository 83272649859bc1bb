package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/mailaddr"
)

func point(t testing.TB, party, point, address string) PartnerMail {
	t.Helper()
	a, err := mailaddr.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return PartnerMail{party, point, a}
}

func register(t testing.TB) *Register {
	return NewRegister([]Partner{
		{ID: Ourselves, Name: "北斗サプライ株式会社", Registration: "T1234567890123", Phone: "03-1111-2222"},
		{ID: "p1", Code: "000101", Name: "株式会社東北機械製作所", Registration: "T7000012050002", Phone: "022-111-2222"},
		{ID: "p2", Code: "AK-2002", Name: "有限会社あかつき運輸", Registration: "T9000012050003", Corporate: "9000012050003", Phone: "011-222-3333"},
		{ID: "p3", Code: "000303", Name: "山田商店株式会社", Phone: "06-1234-5678"},
		{ID: "p4", Code: "000404", Name: "新山田商店"},
		{ID: "p5", Code: "000505", Name: "株式会社東和"},
		{ID: "p6", Code: "000606", Name: "株式会社システム"},
		{ID: "p7", Code: "000707", Name: "アルファ合同会社", Phone: "022-111-2222"},
		{ID: "p8", Code: "000808", Name: "株式会社ABC"},
	}, []PartnerMail{
		point(t, "p1", "d1", "keiri@tohoku-kikai.co.jp"), point(t, "p2", "d2", "info@akatsuki-unyu.co.jp"),
		point(t, "p3", "d3", "yamada@gmail.com"), point(t, "p7", "d7", "x@alpha-llc.jp"),
	})
}

func TestC27_ScanFindsOnlyOthers(t *testing.T) {
	r := register(t)
	for _, c := range []struct{ text, want string }{
		{"株式会社東北機械製作所 御中 T7000012050002 022-111-2222 keiri@tohoku-kikai.co.jp", ""},
		{"北斗サプライ株式会社 T1234567890123 TEL 03-1111-2222", ""},
		{"有限会社あかつき運輸 御中", "name"},
		{"(有)あかつき運輸", "name"},
		{"ｱｶﾂｷ運輸 様", "name"},
		{"あかつ\nき運 輸", "name"},
		{"登録番号 T9000012050003", "registration"},
		{"登録番号：Ｔ９００００１２０５０００３", "registration"},
		{"法人番号 9 0000 1205 0003", "registration"},
		{"得意先コード: AK-2002", "code"},
		{"AK-2002", "code"},
		{"お客様番号 000303", "code"},
		{"行,得意先コード,金額\n1,000303,500\n", "code"},
		{"\"得意先コード\"\t\"金額\"\n\"０００３０３\"\t\"500\"", "code"},
		{"行,得意先コード,金額\n000303,000101,500\n", ""},
		{"数量 000303 個", ""},
		{"> From: info@akatsuki-unyu.co.jp", "mail domain"},
		{"https://www.akatsuki-unyu.co.jp/", "domain"},
		{"yamada@gmail.com", "mail"},
		{"other@gmail.com", ""},
		{"電話 011-222-3333", "phone"},
		{"電話 (06)1234-5678", "phone"},
		{"山田商店 御中", "name"},
		{"新山田商店 御中", "name"},
		{"株式会社東和 御中", "name"},
		{"株式会社東和御中", "name"},
		{"株式会社東和産業 御中", "weak"},
		{"納品先：東和株式会社、担当", "name"},
		{"東和町の東和さん", ""},
		{"システムの件", ""},
		{"株式会社システム", "name"},
		{"株式会社システム開発", "weak"},
		{"株式会社アルファ\nカスタマーサポート部 御中", "name"},
		{"担当 アルファ テスト", "weak"},
		{"電話 011‐222‐3333", "phone"},
		{"電話 ０１１－２２２－３３３３", "phone"},
		{"電話 011−222ー3333", "phone"},
		{"11 20 011-222-3333", "phone"},
		{"2026-11-22 9000012050003", "registration"},
		{"ｱｶﾂｷ運輸", "name"},
		{"ＡＫ‐２００２", "code"},
		{"アルファベット", ""},
		{"アルファ御中", "name"},
		{"ABCD", ""},
		{"株式会社ABC 御中", "name"},
	} {
		f := r.Scan(c.text, "p1")
		var got []string
		for _, h := range f.Hits {
			k := string(h.Kind)
			if h.Weak {
				k = "weak"
			}
			got = append(got, k)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %+v, want %q", c.text, f.Hits, c.want)
		}
	}
	if h := r.Scan("新山田商店 御中", "p1").Hits; len(h) != 1 || h[0].Party != "p4" {
		t.Errorf("the longer name is meant: %+v", h)
	}
	if h := r.Scan("新山田商店 御中", "p4").Hits; len(h) != 0 {
		t.Errorf("a name inside the own one was found: %+v", h)
	}
}

func TestC27_ScanGivesWhatToLookUp(t *testing.T) {
	f := register(t).Scan("みずほ銀行 普通 0123456 カ)テスト\n請求書 INV-2026-00042\nsomeone@unknown.example.jp 数量 12", "p1")
	if !slices.Contains(f.Accounts, "0123456") || !slices.Contains(f.Numbers, "INV-2026-00042") || !slices.Contains(f.Mails, "someone@unknown.example.jp") {
		t.Errorf("%+v", f)
	}
}

func TestHoldsTheNameInEveryNotation(t *testing.T) {
	for text, want := range map[string]bool{"㈱東北機械製作所　御中": true, "東北 機械\n製作所": true, "東北機械": false, "": false} {
		if got := Holds(text, "株式会社東北機械製作所"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestC27_PlantedIdentifierIsFound plants one thing of another partner into a
// text at random; it must be found wherever it stands.
func TestC27_PlantedIdentifierIsFound(t *testing.T) {
	r := register(t)
	planted := []string{"有限会社あかつき運輸", "T9000012050003", "得意先コード AK-2002", "info@akatsuki-unyu.co.jp", "011-222-3333"}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"お世話になっております。", "数量 12", "金額 1,234,567円", "2026年11月20日", "東北機械製作所", "\n", "検収"}))
		before, after := strings.Join(words.Draw(t, "before"), " "), strings.Join(words.Draw(t, "after"), " ")
		p := rapid.SampledFrom(planted).Draw(t, "planted")
		if h := r.Scan(before+" "+after, "p1").Hits; len(h) != 0 {
			t.Fatalf("false stop: %+v", h)
		}
		if h := r.Scan(before+"\n"+p+"\n"+after, "p1").Hits; len(h) == 0 || h[0].Party != "p2" {
			t.Fatalf("%s was missed: %+v", p, h)
		}
	})
}

func FuzzScan(f *testing.F) {
	r := register(f)
	for _, s := range []string{"有限会社あかつき運輸", "T9000012050003", "a@b\xff.jp", "得意先コード:\n", "+81 (0)3-1111", strings.Repeat("1-", 99)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, h := range r.Scan(s, "p1").Hits {
			if h.Party == "p1" || h.Party == Ourselves || h.Kind == "" {
				t.Fatalf("%q: %+v", s, h)
			}
		}
	})
}

// TestScanIsFastAt10000Partners holds the scan of a long document against 10,000
// partners to a bound far above what it takes.
func TestScanIsFastAt10000Partners(t *testing.T) {
	var ps []Partner
	var ms []PartnerMail
	for i := range 10_000 {
		ps = append(ps, Partner{ID: fmt.Sprint("p", i), Code: fmt.Sprintf("C%06d", i), Name: fmt.Sprintf("株式会社%c%c%d商事", rune('東'+i%97), rune('山'+i%89), i),
			Registration: fmt.Sprintf("T%013d", i), Phone: fmt.Sprintf("03-%04d-%04d", 1000+i/10000, i)})
		ms = append(ms, point(t, fmt.Sprint("p", i), fmt.Sprint("d", i), fmt.Sprintf("keiri@partner%d.co.jp", i)))
	}
	began := time.Now()
	r := NewRegister(ps, ms)
	built := time.Since(began)
	text := strings.Repeat("品名 ボルト M8×20 数量 12 単価 1,234 金額 14,808 税率 10% 株式会社北斗 御中\n", 200)
	began = time.Now()
	f := r.Scan(text, "p1")
	a, err := mailaddr.Parse("keiri@partner77.co.jp")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.Alike(a, "p1")
	took := time.Since(began)
	t.Logf("prepared in %v, scanned %d KB in %v", built, len(text)>>10, took)
	if took > 300*time.Millisecond || len(f.Hits) != 0 {
		t.Errorf("%v, %v", took, f.Hits)
	}
}
