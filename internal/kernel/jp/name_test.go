package jp

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestFoldMakesNoDifference(t *testing.T) {
	for _, same := range [][]string{
		{"ヤマダ", "ﾔﾏﾀﾞ", "やまだ", "ヤマタ\u3099", "ヤ マ ダ", "ヤ・マ・ダ", "ﾔ･ﾏ･ﾀﾞ"},
		{"キャノン", "キヤノン", "ｷｬﾉﾝ", "きゃのん"},
		{"ヨーコ", "ヨ-コ", "ﾖｰｺ", "ヨ―コ", "ヨ－コ", "よーこ", "ヨ‐コ", "ヨ–コ", "ヨ−コ"},
		{"ABC商事", "ａｂｃ商事", "Abc 商事", "ＡＢＣ　商事"},
		{"髙橋", "高橋"}, {"山﨑", "山崎", "山\ufa11"}, {"𠮷野家", "吉野家"}, {"渡邉", "渡邊", "渡辺", "渡邊\U000E0101", "渡辺\ufe00"}, {"神田", "\ufa19田"},
		{"㈱山田", "(株)山田", "（株）山田"}, {"1-2-3", "１－２－３", "1―2―3"}, {"ガ", "ｶﾞ", "カ\u3099", "が"}, {"霞ヶ関", "霞ケ関", "霞ｹ関"},
	} {
		for _, s := range same[1:] {
			if Fold(s) != Fold(same[0]) {
				t.Errorf("%q folds to %q, %q to %q", s, Fold(s), same[0], Fold(same[0]))
			}
		}
	}
	for _, differ := range [][2]string{{"山田", "山口"}, {"カキ", "ガキ"}, {"ハハ", "パパ"}, {"A1", "A2"}, {"1-23", "12-3"}, {"高田", "高山"}} {
		if Fold(differ[0]) == Fold(differ[1]) {
			t.Errorf("%q and %q fold alike", differ[0], differ[1])
		}
	}
	for from, to := range variants {
		if from == to || variants[to] != 0 {
			t.Errorf("%c is kept as %c, which is no end", from, to)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"㈱ヤマダ　商店", "カ \u3099", "ｶ\ufe00ﾞ", "İ\u200d", "e \u0301", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once := Fold(s); Fold(once) != once {
			t.Fatalf("%q folds to %q, then %q", s, once, Fold(once))
		}
	})
}

func TestFurigana(t *testing.T) {
	for s, want := range map[string]string{
		"ﾔﾏﾀﾞ ﾀﾛｳ": "ヤマダ タロウ", "やまだ　　たろう": "ヤマダ タロウ", "ヨ-コ": "ヨーコ", "よ―こ": "ヨーコ", " ｻｰﾊﾞｰ ": "サーバー", "ＡＢＣショウジ": "ABCショウジ",
		"A-1": "A-1", "ｶ)ﾔﾏﾀﾞ": "カ)ヤマダ", "ヴァイオレット": "ヴァイオレット", "キャノン": "キャノン", "カ\u3099": "ガ", "": "",
	} {
		got, err := Furigana(s)
		if err != nil || got != want {
			t.Errorf("%q: %q %v", s, got, err)
		}
		if again, err := Furigana(got); err != nil || again != got {
			t.Errorf("%q again: %q %v", got, again, err)
		}
	}
	for _, s := range []string{"山田", "ヤマダ太郎", "ヤマダ\n", "ヤマダ\u200b", "ヤマダ、", "😀", "カ\u0301"} {
		_, err := Furigana(s)
		wantInvalid(t, err, "jp.bad_furigana")
	}
}

func TestCoreNames(t *testing.T) {
	for _, c := range []struct{ name, core, form string }{
		{"株式会社山田商店", "山田商店", "株式会社"}, {"山田商店株式会社", "山田商店", "株式会社"}, {"㈱山田商店", "山田商店", "株式会社"}, {"山田商店（株）", "山田商店", "株式会社"},
		{"株式会社　山田商店", "山田商店", "株式会社"}, {"㈲山田", "山田", "有限会社"}, {"合同会社山田", "山田", "合同会社"}, {"医療法人社団山田会", "山田会", "医療法人"},
		{"特定非営利活動法人みどり", "ミドリ", "特定非営利活動法人"}, {"公益財団法人みどり", "ミドリ", "一般財団法人"}, {"Yamada Co., Ltd.", "yamada", "co.,ltd."}, {"山田商店", "山田商店", ""},
		{"ｶ)ﾔﾏﾀﾞｼﾖｳﾃﾝ", "ヤマダシヨウテン", "株式会社"}, {"ﾔﾏﾀﾞｼﾖｳﾃﾝ(ｶ", "ヤマダシヨウテン", "株式会社"}, {"ｹｲﾖｳｷﾞﾝｺｳ(ｶ)ﾁﾊﾞｼﾃﾝ", "ケイヨウギンコウチバシテン", "株式会社"},
		{"ｶ)ｶﾈｺ", "カネコ", "株式会社"}, {"カネコ", "カネコ", ""}, {"ﾕ)ﾔﾏﾀﾞｼﾖｳﾃﾝ", "ヤマダシヨウテン", "有限会社"}, {"ｼﾔ)ﾆﾎﾝｺｳﾚﾝ", "ニホンコウレン", "一般社団法人"},
		{"ﾄｸﾋ)ﾐﾄﾞﾘ", "ミドリ", "特定非営利活動法人"}, {"カブシキガイシャヤマダ", "ヤマダ", "株式会社"}, {"株式会社", "株式会社", ""}, {"", "", ""}, {"千葉株式会社支店", "千葉支店", "株式会社"},
	} {
		if core, form := CoreName(c.name), LegalForm(c.name); core != c.core || form != c.form {
			t.Errorf("%s: %q %q, want %q %q", c.name, core, form, c.core, c.form)
		}
	}
	for _, same := range [][2]string{
		{"ｶ)ﾔﾏﾀﾞｼﾖｳﾃﾝ", "ヤマダショウテン"}, {"ﾔﾏﾀﾞｼﾖｳﾃﾝ(ｶ", "カ)ヤマダショウテン"}, {"ﾔﾏﾀﾞ-ｼﾖｳﾃﾝ", "ヤマダーショウテン"},
		{"ｶ)ｶﾈｺ", "カネコ"}, {"ﾕ)ﾔﾏﾀﾞｼﾖｳﾃﾝ", "カ)ヤマダショウテン"}, {"ｼﾔ)ﾆﾎﾝｺｳﾚﾝ", "シャ)ニホンコウレン"},
	} {
		if CoreName(same[0]) != CoreName(same[1]) {
			t.Errorf("%s: %q, %s: %q", same[0], CoreName(same[0]), same[1], CoreName(same[1]))
		}
	}
	if LegalForm("ﾕ)ﾔﾏﾀﾞｼﾖｳﾃﾝ") == LegalForm("カ)ヤマダショウテン") {
		t.Error("有限会社 and 株式会社 are one form")
	}
}

func TestHonorifics(t *testing.T) {
	for _, c := range []struct{ name, department, person, want string }{
		{"株式会社山田商店", "", "", ToCompany}, {"㈱山田", "経理部", "", ToCompany}, {"株式会社山田商店", "経理部", "山田太郎", ToPerson}, {"山田太郎", "", "", ToPerson},
		{"みどり商店", "", "", ToCompany}, {"北斗市役所", "", "", ToCompany}, {"山田太郎", "", "山田太郎", ToPerson}, {"みどり", "総務課", "", ToCompany}, {"阿部", "", "", ToPerson},
	} {
		if got := Honorific(c.name, c.department, c.person); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for s, want := range map[string]string{"山田商店": "山田商店 御中", "山田商店御中": "山田商店御中", "山田商店　御中 ": "山田商店　御中", "山田先生": "山田先生"} {
		if got := WithHonorific(s, ToCompany); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
	if got := WithHonorific("山田商店", ""); got != "山田商店" {
		t.Errorf("%q", got)
	}
}

func TestBankText(t *testing.T) {
	for _, c := range []struct {
		text  string
		field BankField
		want  string
	}{
		{"キャノン", BankHolder, "ｷﾔﾉﾝ"}, {"ヨーコ", BankHolder, "ﾖ-ｺ"}, {"ヴァイオレット", BankHolder, "ｳﾞｱｲｵﾚﾂﾄ"}, {"やまだ　たろう", BankSalary, "ﾔﾏﾀﾞ ﾀﾛｳ"},
		{"テストギンコウ", BankPlain, "ﾃｽﾄｷﾞﾝｺｳ"}, {"abc１２３", BankPlain, "ABC123"}, {"ｶ)ﾔﾏﾀﾞ", BankHolder, "ｶ)ﾔﾏﾀﾞ"}, {"ア・ウ", BankHolder, "ｱ.ｳ"},
		{"ヶヵヮヱヰ", BankPlain, "ｹｶﾜｴｲ"}, {"パピプペポ", BankPlain, "ﾊﾟﾋﾟﾌﾟﾍﾟﾎﾟ"}, {"カ\u3099", BankPlain, "ｶﾞ"}, {"INV-2026/1", BankEDI, "INV-2026/1"},
		{"￥「ヲ」", BankEDI, "\\｢ｦ｣"}, {"ホンテン-1", BankBranch, "ﾎﾝﾃﾝ-1"}, {"ー―－‐–−", BankBranch, "------"},
	} {
		if got, err := ToBankText(c.text, c.field); err != nil || got != c.want {
			t.Errorf("%s %s: %q %v", c.text, c.field, got, err)
		}
	}
	for _, c := range []struct {
		text  string
		field BankField
	}{
		{"ヨーコ", BankSalary}, {"ABC", BankSalary}, {"1", BankSalary}, {"山田", BankHolder}, {"ヲ", BankHolder}, {"ア、イ", BankEDI}, {"ア。", BankEDI}, {"A,B", BankEDI},
		{"A-B", BankPlain}, {"A(B", BankBranch}, {"A/B", BankHolder}, {"ア゛", BankHolder}, {"ﾞ", BankHolder}, {"ワ\u3099", BankHolder}, {"é", BankEDI}, {"😀", BankEDI}, {"ア\n", BankEDI},
	} {
		_, err := ToBankText(c.text, c.field)
		wantInvalid(t, err, "jp.bank_char")
	}
	for _, s := range []string{"ｧ", "ｰ", "a", "ｱﾞ", "ｶﾟ", "ｶﾞﾞ", "ア", "ｦ"} {
		wantInvalid(t, CheckBankText(s, BankHolder), "jp.bank_char")
	}
	wantInvalid(t, CheckBankText("\xb1", BankHolder), "jp.text_utf8")
}

func TestBankNames(t *testing.T) {
	for s, want := range map[string]string{
		"株式会社ケイヨウギンコウ": "ｶ)ｹｲﾖｳｷﾞﾝｺｳ", "ケイヨウギンコウ株式会社": "ｹｲﾖｳｷﾞﾝｺｳ(ｶ", "ケイヨウギンコウ株式会社チバシテン": "ｹｲﾖｳｷﾞﾝｺｳ(ｶ)ﾁﾊﾞｼﾃﾝ", "㈱ ヤマダ": "ｶ)ﾔﾏﾀﾞ",
		"株式会社ココキカク": "ｶ)ｺｺｷｶｸ", "カブシキガイシャヤマダ": "ｶ)ﾔﾏﾀﾞ", "ｶ)ﾔﾏﾀﾞ": "ｶ)ﾔﾏﾀﾞ", "ヤマダ　タロウ": "ﾔﾏﾀﾞ ﾀﾛｳ", "医療法人社団ミドリ": "ｲ)ﾐﾄﾞﾘ", "地方独立行政法人ミドリ": "ﾁﾄﾞｸ)ﾐﾄﾞﾘ",
	} {
		if got, err := ToBankName(s); err != nil || got != want {
			t.Errorf("%s: %q %v", s, got, err)
		}
	}
	_, err := ToBankName("株式会社山田")
	wantInvalid(t, err, "jp.bank_char")
}

func TestFitBankText(t *testing.T) {
	long := strings.Repeat("ｱ", 29) + "ｶﾞ"
	for _, c := range []struct {
		s    string
		n    int
		want string
		cut  bool
	}{{long, 30, strings.Repeat("ｱ", 29), true}, {long, 31, long, false}, {"ｱｲｳ", 2, "ｱｲ", true}, {"ｶﾞ", 1, "", true}, {"", 0, "", false}, {"ｱ", 0, "", true}} {
		if got, cut := FitBankText(c.s, c.n); got != c.want || cut != c.cut {
			t.Errorf("%q in %d: %q %v", c.s, c.n, got, cut)
		}
	}
}

func TestBankTextIsSingleBytes(t *testing.T) {
	fields := []BankField{BankPlain, BankBranch, BankHolder, BankSalary, BankEDI}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[ぁ-ゖァ-ヺー０-９Ａ-Ｚa-z ・（）「」\-/.ｱ-ﾟ]{0,20}`).Draw(t, "text")
		f := rapid.SampledFrom(fields).Draw(t, "field")
		got, err := ToBankText(s, f)
		if err != nil {
			return
		}
		b, err := EncodeCP932(got)
		if err != nil || len(b) != utf8.RuneCountInString(got) {
			t.Fatalf("%q has %d bytes (%v)", got, len(b), err)
		}
		if again, err := ToBankText(got, f); err != nil || again != got {
			t.Fatalf("%q again: %q %v", got, again, err)
		}
	})
}

func FuzzToBankText(f *testing.F) {
	for _, s := range []string{"キャノン", "ｶ)ﾔﾏﾀﾞ", "ヴ", "\xff", "ア゛"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := ToBankText(s, BankEDI); err == nil && CheckBankText(got, BankEDI) != nil {
			t.Fatalf("%q gave %q", s, got)
		}
	})
}
