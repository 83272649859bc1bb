package dispatch

import (
	"fmt"
	"strings"
	"testing"

	"sekisho/internal/kernel/civil"
)

// crowd is a register in which many partners bear names that ordinary papers are
// full of.
func crowd(t testing.TB) *Register {
	ps := []Partner{{ID: Ourselves, Name: "北斗サプライ株式会社", Registration: "T1234567890123", Phone: "011-999-0000", Address: "北海道札幌市中央区北一条西1-1 大通ビル3階",
		Banks: []string{"北洋銀行本店営業部", "三井住友銀行札幌支店"}},
		{ID: "p1", Code: "000101", Name: "株式会社東北機械製作所", Address: "宮城県仙台市青葉区国分町3-7-1 仙台ファーストタワー8F"}}
	for i, n := range strings.Fields("ソニー株式会社 パナソニック株式会社 三菱電機株式会社 株式会社日立製作所 東芝株式会社 富士通株式会社 株式会社リコー キヤノン株式会社 コクヨ株式会社 株式会社アスクル 花王株式会社 " +
		"ライオン株式会社 ヤマト運輸株式会社 佐川急便株式会社 日本通運株式会社 西濃運輸株式会社 福山通運株式会社 日本郵便株式会社 株式会社みずほ銀行 株式会社北洋銀行 株式会社三井住友銀行 株式会社ゆうちょ銀行 " +
		"札幌市 仙台市 宮城県 北海道 中央区 株式会社五十嵐 長谷川商店 佐々木 株式会社大通ビル 仙台ファーストタワー株式会社 株式会社システム 株式会社サービス クリーン株式会社 株式会社サポート 株式会社LED " +
		"株式会社日本橋 東京株式会社 株式会社総合 株式会社メンテナンス 株式会社ライフ 株式会社スマート 株式会社NEC 株式会社TOTO 株式会社ABC 株式会社光 有限会社梓 株式会社太陽 株式会社青葉 株式会社若葉 株式会社富士 " +
		"株式会社情報システム 株式会社電子部品 株式会社トナー 株式会社コピー 株式会社カラー 株式会社ボルト 株式会社段ボール 株式会社さくら 株式会社ひまわり 株式会社みどり 株式会社あおば 株式会社テクノ 株式会社プラス") {
		ps = append(ps, Partner{ID: fmt.Sprint("x", i), Code: fmt.Sprintf("9%05d", i), Name: n, Phone: fmt.Sprintf("03-5000-%04d", i)})
	}
	return NewRegister(ps, nil)
}

// TestC32_LawfulPapersAreQuiet: what invoices, delivery notes and letters
// ordinarily hold stops nothing and asks for nothing, whoever else is a partner.
func TestC32_LawfulPapersAreQuiet(t *testing.T) {
	r := crowd(t)
	head := "請求書\n〒980-0803\n宮城県仙台市青葉区国分町3-7-1\n仙台ファーストタワー8F\n株式会社東北機械製作所 御中\n請求書番号 INV-1\n発行日 2026年11月30日\n取引期間 2026/11/01～2026/11/30\n" +
		"北斗サプライ株式会社\n登録番号 T1234567890123\n〒060-0001\n北海道札幌市中央区北一条西1-1 大通ビル3階\nTEL 011-999-0000\n担当 五十嵐\nご請求金額（税込）\n¥11,000\nお支払期限\n2026年12月31日\n"
	tail := "\n10%対象 10,000 1,000\nお振込先\n北洋銀行（0501） 本店営業部（028） 普通 0098765\n三井住友銀行（0009） 札幌支店（640） 当座 1234567\n口座名義 ホクトサプライ（カ\n備考\n振込手数料はお客様のご負担でお願いいたします。"
	for name, lines := range map[string]string{
		"goods":      "業務用洗剤（大）詰替え用 10 箱 1,000 10,000\nコピー用紙 A4 500枚×10冊 3 箱 1,980\nLED照明 5台\nカラーコピー料金 1式\n段ボール箱 100枚\nボルト M8×20 100本\nトナーカートリッジ CT-203456-BK",
		"services":   "システム保守サービス 11月分 1式\nメンテナンス費用\nサポート料 12時間\nクリーン作業 一式\n情報システム運用支援\nスマート農業実証支援\nライフライン点検",
		"carriage":   "送料（ヤマト運輸） 800\n運賃 佐川急便 着払 1,200\n配送料 日本通運 チャーター便\n西濃運輸 お問い合わせ番号 1234-5678-90\n日本郵便 追跡 1234-5678-9012",
		"makers":     "ソニー製 マイク 1台\n東芝製 乾電池 10本\nリコー製 インク\nキヤノン製 トナー 2本\nTOTO製 便器",
		"places":     "東京日本橋店向け 配送 1回\n北海道内一円\n札幌市内 出張費\n仙台市 青葉区 若葉町 現場作業 1式\n太陽光パネル清掃\n富士山の水 2L\n光ケーブル 100m\n青葉色 塗料 3缶\nひまわり油 1缶",
		"persons":    "担当者 長谷川 健一\n作成 佐々木\n検収 五十嵐様\n佐々木様ご依頼分",
		"long words": "クリーンルーム用手袋 10箱\nサービスステーション看板\nテクノロジーショー出展料\nプラスチックケース 3個\nさくらんぼ 2kg\nみどりのカーテン用ネット\nあおば通り店 什器 1式",
	} {
		text := head + lines + tail
		found := r.ScanFile(text, "p1")
		f := registered()
		f.Held.Address = "宮城県仙台市青葉区国分町3-7-1 仙台ファーストタワー8F"
		f.Own.Accounts = []string{"0098765", "1234567"}
		a := FileFact{Item: "f", Name: "請求書INV-1.pdf", Kind: "invoice", Invoice: true, Issued: true, Ours: true, HasName: found.Ours, HasNumber: true, HasAmount: true, Number: "INV-1", Amount: 11000,
			Date: civil.MustParse("2026-11-30"), Text: text, Said: whatSays(text, f.Own, f.Party.Name)}
		a.Hits, a.Stray = known{}.hits(found, "p1", f.Own.Accounts)
		f.Files = []FileFact{a}
		f.explain(nil)
		got := Examine(f)
		for _, x := range got {
			if x.Level == Halt || x.Level == Caution && x.Key != "dispatch.found.foreign_product" {
				t.Errorf("%s: %s %s: %q beside %q", name, x.Level, x.Key, x.Shown, x.Registered)
			}
		}
	}
	for _, body := range []string{
		"株式会社東北機械製作所 御中\n\nいつもお世話になっております。北斗サプライの五十嵐です。\n11月分の請求書を添付いたしますので、ご査収ください。\nご不明な点はサポート窓口（011-999-0000）までお問い合わせください。\n\n------\n北斗サプライ株式会社 五十嵐 健\n〒060-0001 北海道札幌市中央区北一条西1-1 大通ビル3階\nTEL 011-999-0000",
		"株式会社東北機械製作所\n購買部 長谷川様\n\nお世話になっております。\nシステムの都合により、送付が遅れましたことをお詫びいたします。\n荷物はヤマト運輸の宅急便でお送りしました。",
		"佐々木様\nいつもありがとうございます。\n今月より段ボールをプラスチックケースに変更いたします。札幌市の条例によるものです。",
	} {
		f := registered()
		f.Words.Body, f.Body = body, r.Scan(body, "p1").Hits
		f.explain(nil)
		for _, x := range Examine(f) {
			if x.Level != Match {
				t.Errorf("%q: %s %s: %q", body[:30], x.Level, x.Key, x.Shown)
			}
		}
	}
}
