package intake

import (
	"regexp"
	"strings"
	"sync"

	"sekisho/internal/kernel/jp"
)

// headings are the names programs give to columns, the best first: an official
// name goes before a short one, the partner's person before one's own. They are
// those of the common exports (弥生, PCA, 奉行, freee, マネーフォワード, ジョブカン and
// hand-made lists), as their makers publish them.
var headings = map[Kind]map[Field]string{
	Partners: {
		Code: "得意先コード 取引先コード 請求先コード 顧客コード 得意先CD 取引先CD 顧客CD 得意先No 得意先番号 取引先番号 顧客番号 取引先管理番号 管理番号 " +
			"検索キー1 社内コード コード code customer_code partner_code",
		Name: "正式名称 得意先正式名称 得意先名 得意先名称 得意先名1 取引先名 取引先名称 請求先名 請求先名称 顧客名 顧客名称 会社名 法人名 企業名 社名 商号又は名称 " +
			"名称 名前(通称) 名称1 名前 得意先 取引先 name company company_name",
		Kana: "フリガナ 得意先名フリガナ 得意先フリガナ 取引先名フリガナ 取引先フリガナ 得意先名カナ 得意先カナ 取引先名カナ 取引先名(カナ) 会社名カナ 会社名フリガナ カナ名称 " +
			"名前(カナ) 名称(カナ) カナ名 カナ 索引 検索カナ kana",
		Honorific:       "敬称 得意先敬称 取引先敬称 名前サフィックス honorific",
		CorporateNumber: "法人番号 法人マイナンバー corporate_number",
		RegistrationNumber: "登録番号 適格請求書発行事業者登録番号 適格請求書発行事業者の登録番号 適格請求書発行事業者番号 インボイス登録番号 事業者登録番号 " +
			"インボイス番号 T番号 registration_number",
		PostalCode:   "郵便番号 得意先郵便番号 請求先郵便番号 〒 zip postal_code",
		Prefecture:   "都道府県 prefecture",
		Address1:     "住所1 住所 得意先住所1 請求先住所1 請求先住所 所在地 市区町村・番地 市区町村番地 市区町村 address1 address",
		Address2:     "住所2 得意先住所2 請求先住所2 番地 丁目番地等 建物名・部屋番号など 建物名・部屋番号 ビル名 建物名 address2",
		Address3:     "住所3 得意先住所3 請求先住所3 address3",
		Phone:        "電話番号 電話番号1 TEL TEL1 代表電話 得意先電話番号 会社電話番号 電話 phone",
		Terms:        "締日支払日 支払条件 締め支払条件 取引条件 回収条件 締日・支払サイト 締日・支払日 締日/支払日 terms",
		Closing:      "締日 締め日 〆日 締日1 請求締日 締グループ closing",
		Payment:      "支払サイト 回収サイト 支払サイクル 回収サイクル 入金サイト サイト 支払期日 支払日 回収予定 入金予定日 payment",
		PayMonth:     "回収サイクル(月) 回収月 支払月 入金月 回収月1 回収サイト(月)",
		PayDay:       "回収サイクル(日) 回収日 支払日(日) 入金日 回収日1",
		ContactName:  "先方担当者名 先方担当者 相手先担当者名 相手先担当者 得意先担当者名 得意先担当者 取引先担当者名 取引先担当者 請求先担当者名 担当者氏名 ご担当者名 ご担当者 担当者名 担当者 contact contact_name",
		ContactKana:  "担当者フリガナ 担当者名フリガナ 先方担当者フリガナ 担当者カナ 担当者名カナ",
		Section:      "部署 部署名 部署1 担当部署 先方部署 先方部署名 担当者部署 所属部署 部門名 department section",
		Title:        "役職 役職名 担当者役職 title",
		ContactPhone: "担当者電話番号 担当者携帯 携帯電話 携帯番号 携帯 直通電話 mobile",
		Mail:         "メールアドレス メール 担当者メールアドレス 担当者メール 請求書送付先メールアドレス 送付先メールアドレス 請求書送付先メール Eメール Eメールアドレス E-mail email mail メールアドレス1",
	},
	OpenInvoices: {
		Code:   "得意先コード 取引先コード 請求先コード 顧客コード 得意先CD 取引先CD 請求先CD 顧客CD 得意先番号 取引先番号 顧客番号 コード code customer_code",
		Number: "請求番号 請求書番号 請求No 請求書No 請求伝票番号 管理番号 伝票番号 invoice_number number",
		Date:   "請求日 請求書日付 請求年月日 発行日 請求書発行日 請求締日 締日 売上日 date invoice_date",
		Due:    "支払期限 お支払期限 支払期日 お支払期日 入金予定日 入金期日 回収予定日 支払予定日 期日 due_date due",
		Amount: "請求残高 未回収残高 未入金額 未回収額 今回請求額 請求額 請求金額 ご請求額 ご請求金額 請求金額(税込) 税込金額 合計金額 合計 税込合計 金額 残高 amount total",
		Tax:    "消費税 消費税額 うち消費税 内消費税 税額 消費税等 tax",
		Mail:   "メールアドレス メール 送付先メールアドレス 請求書送付先メールアドレス 送付先メール Eメール E-mail email mail",
	},
}

// ranked is the field of a heading; the lower the rank the better the name. Odd
// ranks are for headings known only without what stands in their brackets.
type ranked struct {
	field Field
	rank  int
}

var byHeading = sync.OnceValue(func() map[Kind]map[string]ranked {
	all := map[Kind]map[string]ranked{}
	for kind, fields := range headings {
		all[kind] = map[string]ranked{}
		for f, names := range fields {
			for i, n := range strings.Fields(names) {
				all[kind][jp.Fold(n)] = ranked{f, 2 * i}
			}
		}
	}
	return all
})

// adorned is what forms put around a heading: [基本情報], ※必須, * and (必須).
var (
	adorned = regexp.MustCompile(`^\[[^\]]*\]|^[*※]+|\(?※?(?:入力)?必須\)?$|[*※:]+$`)
	bracket = regexp.MustCompile(`\([^)]*\)$`)
)

// heading looks a heading up, first whole, then without what stands in brackets.
func heading(k Kind, h string) (ranked, bool) {
	key := adorned.ReplaceAllString(jp.Fold(h), "")
	r, ok := byHeading()[k][key]
	if !ok {
		r, ok = byHeading()[k][bracket.ReplaceAllString(key, "")]
		r.rank++
	}
	return r, ok
}

// countHeadings counts the cells that are headings of any kind of file.
func countHeadings(cells []string) int {
	n := 0
	for _, c := range cells {
		if len(c) > 200 {
			continue
		}
		for k := range headings {
			if _, ok := heading(k, c); ok {
				n++
				break
			}
		}
	}
	return n
}

// Guess maps the columns of a file by their headings. Each field goes to the
// column with the best name for it.
func Guess(k Kind, names []string) []Column {
	best := map[Field]int{}
	rank := map[Field]int{}
	for i, h := range names {
		r, ok := heading(k, h)
		if at, taken := rank[r.field]; ok && (!taken || r.rank < at) {
			best[r.field], rank[r.field] = i, r.rank
		}
	}
	out := []Column{}
	for _, f := range Fields(k) {
		if i, ok := best[f]; ok {
			out = append(out, Column{i + 1, names[i], f})
		}
	}
	return out
}
