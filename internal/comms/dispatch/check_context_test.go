package dispatch

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// market is a register with names that also stand in other people's papers.
func market(t testing.TB) *Register {
	return NewRegister([]Partner{
		{ID: Ourselves, Name: "北斗サプライ株式会社", Registration: "T1234567890123", Phone: "03-1111-2222", Address: "東京都港区芝浦1-2-3 芝浦山手ビルディング5階",
			Banks: []string{"みずほ銀行丸の内支店"}},
		{ID: "p1", Code: "000101", Name: "株式会社東北機械製作所", Address: "仙台市青葉区国分町3-3-3 東北商工会館"},
		{ID: "p2", Code: "000202", Name: "有限会社あかつき運輸"},
		{ID: "sony", Code: "000303", Name: "ソニー株式会社"},
		{ID: "pana", Code: "000304", Name: "パナソニック株式会社"},
		{ID: "mitsu", Code: "000305", Name: "三菱電機株式会社"},
		{ID: "yamato", Code: "000306", Name: "ヤマト運輸株式会社"},
		{ID: "mizuho", Code: "000307", Name: "株式会社みずほ銀行"},
		{ID: "iga", Code: "000308", Name: "株式会社五十嵐"},
		{ID: "hasegawa", Code: "000309", Name: "長谷川"},
		{ID: "sapporo", Code: "000310", Name: "札幌市"},
		{ID: "shibaura", Code: "000311", Name: "芝浦山手ビルディング株式会社"},
		{ID: "shoko", Code: "000312", Name: "東北商工会館"},
		{ID: "led", Code: "000313", Name: "株式会社LED"},
		{ID: "clean", Code: "000314", Name: "クリーン株式会社"},
		{ID: "towa", Code: "000315", Name: "株式会社東和"},
		{ID: "kk", Code: "000316", Name: "株式会社山田商店"},
		{ID: "yk", Code: "000317", Name: "有限会社山田商店"},
		{ID: "sendai", Code: "000318", Name: "株式会社東北機械製作所 仙台支店"},
		{ID: "toyobo", Code: "000319", Name: "東洋紡株式会社"},
	}, nil)
}

// TestC32_WhatTheWordsAroundANameSay goes through the places in which lawful
// papers name others, and through those in which they do not.
func TestC32_WhatTheWordsAroundANameSay(t *testing.T) {
	r := market(t)
	for _, c := range []struct{ text, want string }{
		{"有限会社あかつき運輸 御中", "to p2"},
		{"(有)あかつき運輸 経理部 御中", "to p2"},
		{"納品先: 有限会社あかつき運輸 様", "ship p2"},
		{"納品先\n〒060-0001\n札幌市北区1-1\n有限会社あかつき運輸 様", "ship p2"},
		{"直送先 あかつき運輸", "ship p2"},
		{"工事名 有限会社あかつき運輸 本社改修工事", "ship p2"},
		{"洗浄剤 あかつき運輸様向け 3箱", "ship p2"},
		{"品名,届け先,数量\nボルト,有限会社あかつき運輸,3", "ship p2"},
		{"品名,数量,備考\nボルト,3,有限会社あかつき運輸", "plain p2"},
		{"納品先 北斗倉庫\n\n有限会社あかつき運輸 御中", "to p2"},
		{"運送会社: あかつき運輸 送料 800", ""},
		{"送料（ヤマト運輸）", ""},
		{"ヤマト運輸 お問い合わせ伝票番号 1234-5678-9012", ""},
		{"ヤマト運輸株式会社 御中", "to yamato"},
		{"ソニー製 ヘッドホン 2個", ""},
		{"パナソニック製 LED電球 10個", "product pana"},
		{"パナソニック LED電球 LDA7 10個 12,000", "product pana"},
		{"パナソニック株式会社 御中", "to pana"},
		{"パナソニック株式会社の件", "plain pana"},
		{"三菱電機製 エアコン", "product mitsu"},
		{"三菱電機 MSZ-2222 1台", "product mitsu"},
		{"メーカー: 三菱電機", "product mitsu"},
		{"三菱電機様の分です", "to mitsu"},
		{"振込先 みずほ銀行（0001） 丸の内支店（004） 普通 1234567", ""},
		{"お振込先\nみずほ銀行 丸の内支店 普通 1234567", ""},
		{"株式会社みずほ銀行 御中", "to mizuho"},
		{"担当 五十嵐", ""}, {"五十嵐様", ""}, {"株式会社五十嵐 御中", "to iga"}, {"長谷川 様", ""}, {"長谷川御中", "to hasegawa"},
		{"北海道札幌市中央区北1条", ""}, {"札幌市 御中", "to sapporo"},
		{"東京都港区芝浦1-2-3\n芝浦山手ビルディング5階", ""}, {"芝浦山手ビルディング株式会社 御中", "to shibaura"},
		{"仙台市青葉区国分町3-3-3 東北商工会館", ""}, {"東北商工会館 御中", "to shoko"},
		{"LED照明 5台", ""}, {"株式会社LED 御中", "to led"}, {"クリーン作業 一式", ""}, {"クリーンルーム用手袋", ""}, {"クリーン株式会社 御中", "to clean"},
		{"東和 様", ""}, {"株式会社東和 御中", "to towa"},
		{"有限会社山田商店 御中", "to yk"}, {"㈱山田商店 御中", "to kk"}, {"山田商店 御中", "to kk"},
		{"株式会社東北機械製作所 御中", ""}, {"株式会社東北機械製作所 仙台支店 御中", "to sendai"},
		{"東洋紡の糸", "weak toyobo"}, {"東洋紡 様", "to toyobo"},
	} {
		var got []string
		for _, h := range r.ScanFile(c.text, "p1").Hits {
			what := "plain"
			switch {
			case h.Weak:
				what = "weak"
			case h.To:
				what = "to"
			case h.Product:
				what = "product"
			case h.Ship:
				what = "ship"
			}
			got = append(got, what+" "+h.Party)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// TestC32_OneOfTwoWithTheSameName: the same name under two codes is nobody's
// foreign name, unless the legal form tells them apart.
func TestC32_OneOfTwoWithTheSameName(t *testing.T) {
	r := market(t)
	for ours, texts := range map[string]map[string]int{
		"kk":     {"株式会社山田商店 御中": 0, "山田商店 御中": 0, "有限会社山田商店 御中": 1},
		"yk":     {"(有)山田商店 御中": 0, "株式会社山田商店 御中": 1},
		"sendai": {"株式会社東北機械製作所 御中\n仙台支店": 0, "有限会社あかつき運輸": 1},
		"p1":     {"東北機械製作所 仙台支店 御中": 1},
	} {
		for text, want := range texts {
			if h := r.Scan(text, ours).Hits; len(h) != want {
				t.Errorf("%s, %q: %+v", ours, text, h)
			}
		}
	}
}

func TestC32_AStrongPlaceCountsOverAWeakOne(t *testing.T) {
	r := market(t)
	for text, want := range map[string]Level{
		"納品先 有限会社あかつき運輸\n株式会社東北機械製作所 御中\nあかつき運輸 3月分":   Caution,
		"納品先 有限会社あかつき運輸\n株式会社東北機械製作所 御中\n(有)あかつき運輸 御中": Halt,
		"納品先 有限会社あかつき運輸":            Halt, // the paper does not name its own addressee
		"パナソニック製 電池\nパナソニック株式会社 御中": Halt,
		"三菱電機製 電池\n三菱電機 MSZ-22":     Caution,
	} {
		f := Facts{Party: PartyFact{"p1", "株式会社東北機械製作所", true}, Files: []FileFact{{Item: "f", Ours: true, HasName: Holds(text, "株式会社東北機械製作所"), Hits: r.ScanFile(text, "p1").Hits}}}
		f.explain(nil)
		got := fileForeign(f)
		if len(got) != 1 || got[0].Level != want {
			t.Errorf("%q: %+v, want %s", text, got, want)
		}
	}
}

// TestC32_RelationsExplainNamesAndNotIdentifiers holds every kind of hit against
// every kind of relation.
func TestC32_RelationsExplainNamesAndNotIdentifiers(t *testing.T) {
	for _, k := range []HitKind{HitName, HitRegistration, HitCode, HitMail, HitDomain, HitPhone, HitAccount, HitNumber} {
		for name, rel := range map[string]map[string]relation{"none": nil, "group": {"p2": {other: true}}, "maker": {"p2": {maker: true}}, "of another": {"p9": {other: true}}} {
			f := Facts{Body: []Hit{{Kind: k, Value: "v", Party: "p2"}}}
			f.explain(rel)
			got := textForeign(f)
			want := Halt
			if !k.identifies() && rel["p2"] != (relation{}) {
				want = Caution
			}
			if len(got) != 1 || got[0].Level != want || got[0].Other != "p2" {
				t.Errorf("%s, %s: %+v, want %s", k, name, got, want)
			}
		}
	}
}

// TestC32_AnywhereInALawfulInvoice puts a foreign name with its form into an
// invoice at random: it stops, unless the line says that goods go there.
func TestC32_AnywhereInALawfulInvoice(t *testing.T) {
	r := market(t)
	names := []string{"有限会社あかつき運輸", "パナソニック株式会社", "(株)東和", "クリーン㈱", "三菱電機株式会社"}
	lawful := []string{"株式会社東北機械製作所 御中", "ボルト M8×20 12個 1,440", "送料 800", "北斗サプライ株式会社", "お支払期限 2026年12月31日", "担当 五十嵐", "10%対象 1,440"}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom(lawful), 0, 8).Draw(t, "before")
		if h := r.ScanFile(strings.Join(lines, "\n"), "p1").Hits; len(h) != 0 {
			t.Fatalf("false: %+v", h)
		}
		n := rapid.SampledFrom(names).Draw(t, "name")
		ship := rapid.Bool().Draw(t, "ship")
		line := n + " 様"
		if ship {
			line = "納品先 " + line
		}
		text := strings.Join(append(append(lines, "備考", line), rapid.SliceOfN(rapid.SampledFrom(lawful), 0, 8).Draw(t, "after")...), "\n")
		f := Facts{Files: []FileFact{{Ours: true, HasName: true, Hits: r.ScanFile(text, "p1").Hits}}}
		f.explain(nil)
		if got := fileForeign(f); len(got) != 1 || (got[0].Level == Caution) != ship {
			t.Fatalf("%q: %+v", text, got)
		}
	})
}
