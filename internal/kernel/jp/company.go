package jp

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// form is a legal form of companies and bodies (法人格).
type form struct {
	name string   // as registered
	bank string   // abbreviation in bank files, without brackets (全銀 法人略語)
	more []string // other notations, as after NFKC
}

// forms follow the banks' list of abbreviations. Marks such as ㈱ come as (株)
// out of NFKC.
var forms = []form{
	{"株式会社", "カ", []string{"(株)", "カブシキガイシャ", "カブシキカイシャ"}},
	{"有限会社", "ユ", []string{"(有)", "ユウゲンガイシャ"}},
	{"合同会社", "ド", []string{"(同)", "(合同)", "ゴウドウガイシャ"}},
	{"合資会社", "シ", []string{"(資)", "ゴウシガイシャ"}},
	{"合名会社", "メ", []string{"(名)", "ゴウメイガイシャ"}},
	{"相互会社", "ソ", []string{"(相)"}},
	{"一般社団法人", "シヤ", []string{"公益社団法人", "社団法人", "(社)", "(一社)", "(公社)"}},
	{"一般財団法人", "ザイ", []string{"公益財団法人", "財団法人", "(財)", "(一財)", "(公財)"}},
	{"医療法人", "イ", []string{"社会医療法人", "医療法人社団", "医療法人財団", "(医)"}},
	{"学校法人", "ガク", []string{"(学)"}},
	{"宗教法人", "シユウ", []string{"(宗)"}},
	{"社会福祉法人", "フク", []string{"(福)"}},
	{"更生保護法人", "ホゴ", nil},
	{"特定非営利活動法人", "トクヒ", []string{"NPO法人", "(特非)"}},
	{"独立行政法人", "ドク", []string{"(独)"}},
	{"地方独立行政法人", "チドク", nil},
	{"国立大学法人", "ダイ", []string{"公立大学法人", "(大)"}},
	{"農事組合法人", "ノウ", nil},
	{"管理組合法人", "カンリ", nil},
	{"弁護士法人", "ベン", nil},
	{"司法書士法人", "シホウ", nil},
	{"税理士法人", "ゼイ", []string{"(税)"}},
	{"行政書士法人", "ギヨ", nil},
	{"社会保険労務士法人", "ロウム", nil},
}

// foreign are suffixes of English names, folded.
var foreign = []string{"co.,ltd.", "co.,ltd", "co.ltd.", "ltd.", "inc.", "corp.", "corporation", "k.k.", "llc", ",inc"}

type notation struct {
	text string // folded
	form string
}

// notations are all ways to write a form before a name, after it, and between it
// and a branch. The longest is tried first, so that トクヒ) is not read as ヒ).
type notations struct{ head, tail, middle []notation }

var formNotations = sync.OnceValue(func() notations {
	var n notations
	for _, f := range forms {
		for _, s := range append([]string{f.name, "(" + f.bank + ")"}, f.more...) {
			n.middle = append(n.middle, notation{Fold(s), f.name})
		}
		n.head = append(n.head, notation{Fold(f.bank + ")"), f.name})
		n.tail = append(n.tail, notation{Fold("(" + f.bank), f.name})
	}
	n.head, n.tail = append(n.head, n.middle...), append(n.tail, n.middle...)
	for _, s := range foreign {
		n.tail = append(n.tail, notation{s, s})
	}
	longest := func(a, b notation) int { return cmp.Compare(len(b.text), len(a.text)) }
	slices.SortStableFunc(n.head, longest)
	slices.SortStableFunc(n.tail, longest)
	slices.SortStableFunc(n.middle, longest)
	return n
})

// CoreName gives the folded name without its legal form, for finding and
// comparing partners: 株式会社山田商店, 山田商店㈱ and ﾔﾏﾀﾞ… likewise by kana, where the
// banks' ｶ) and (ｶ are known too. A name that is nothing but a form stays whole.
// Equal core names say nothing about identity; see LegalForm.
func CoreName(s string) string {
	core, _ := splitForm(s)
	return core
}

// LegalForm gives the legal form a name states (株式会社 for ㈱, ｶ) and (ｶ alike), or
// "". Two names with equal CoreName and different forms are different companies.
func LegalForm(s string) string {
	_, form := splitForm(s)
	return form
}

func splitForm(s string) (core, form string) {
	folded := Fold(s)
	for _, n := range formNotations().head {
		if rest, ok := strings.CutPrefix(folded, n.text); ok && rest != "" {
			return rest, n.form
		}
	}
	for _, n := range formNotations().tail {
		if rest, ok := strings.CutSuffix(folded, n.text); ok && rest != "" {
			return strings.TrimRight(rest, ","), n.form
		}
	}
	for _, n := range formNotations().middle {
		if before, after, ok := strings.Cut(folded, n.text); ok && before+after != "" {
			return before + after, n.form
		}
	}
	return folded, ""
}

// Honorifics (敬称) that stand after the addressee of a document.
const (
	ToCompany = "御中" // a company, body or department
	ToPerson  = "様"  // a person
)

// bodies are endings of names that no person has.
var bodies = []string{"組合", "協会", "連合会", "事務所", "役所", "役場", "病院", "医院", "大学", "学校", "銀行", "金庫", "商店", "商会", "支店", "営業所", "工場"}

// Honorific proposes the 敬称: 様 wherever a person is named, 御中 for a department
// or a name that is a body's, else 様 as for a sole proprietor. The partner's own
// setting goes before it.
func Honorific(name, department, person string) string {
	isBody := func(end string) bool { return strings.HasSuffix(name, end) }
	if person == "" && (department != "" || LegalForm(name) != "" || slices.ContainsFunc(bodies, isBody)) {
		return ToCompany
	}
	return ToPerson
}

// WithHonorific puts the 敬称 after a name, unless one stands there already.
func WithHonorific(name, honorific string) string {
	name = strings.TrimRightFunc(name, isSpace)
	for _, h := range []string{ToCompany, ToPerson, "殿", "先生", "各位"} {
		if before, ok := strings.CutSuffix(name, h); ok && before != "" {
			return name
		}
	}
	return strings.TrimRight(name+" "+honorific, " ")
}
