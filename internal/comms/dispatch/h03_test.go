package dispatch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
)

// firm is a partner of the statistic with all that its papers may show.
type firm struct {
	Partner
	mail    mailaddr.Addr
	contact string // address of a person that is no delivery point
	account string
	number  string // of its invoice
	amount  money.Yen
}

// town is a register of made-up firms and the look-ups that the database does
// beside it.
type town struct {
	firms                     []firm
	r                         *Register
	contacts, accounts, issue map[string]string // value → id of the firm
	*rand.Rand
}

// Parts of names as Japanese companies bear them: places, family names, words,
// in kanji, katakana and Latin, one to many characters.
const (
	heads = "東北 北陸 山田 鈴木 大和 富士 東和 三共 日章 青葉 若葉 松本 長谷川 五十嵐 アルファ ベータ サンライズ ミライ テクノ ABC NEXT あかつき ひまわり みなと 光 梓"
	tails = "機械製作所 産業 物流 商店 電機 システム 食品 化学 建設 運輸 印刷 設計事務所 サービス フーズ 興業"
	wares = "業務用洗剤 段ボール箱 アルミ部品 コピー用紙 サンプル品 ベアリング テクニカルサポート 北陸向け送料 ABC分析支援 青葉台店向け什器 光ケーブル 富士山の水 若葉マーク 大和煮 アルファベットシール"
)

func pick(t *town, words string) string { f := strings.Fields(words); return f[t.IntN(len(f))] }

func newTown(tb testing.TB, n int) *town {
	t := &town{contacts: map[string]string{}, accounts: map[string]string{}, issue: map[string]string{}, Rand: rand.New(rand.NewPCG(3, 3))}
	seen := map[string]bool{}
	ps := []Partner{{ID: Ourselves, Name: "北斗サプライ株式会社", Registration: "T1234567890123", Phone: "03-1111-2222"}}
	var ms []PartnerMail
	for len(t.firms) < n {
		core := pick(t, heads)
		if t.IntN(5) > 0 { // else a bare, often short name: 株式会社東和
			core += pick(t, tails)
		}
		if seen[core] {
			core += fmt.Sprint(len(t.firms)) // 株式会社東和12
		}
		seen[core] = true
		name := core + pick(t, "株式会社 有限会社 合同会社")
		if t.IntN(3) > 0 {
			name = pick(t, "株式会社 有限会社") + core
		}
		i := len(t.firms)
		f := firm{Partner: Partner{ID: fmt.Sprint("p", i), Code: fmt.Sprintf("%06d", 100+i), Name: name, Registration: fmt.Sprintf("T%013d", 7000012050002+int64(i)*7919),
			Phone: fmt.Sprintf("0%d-%04d-%04d", 3+i%4*2, 2000+i, 1000+i*3)}, contact: fmt.Sprintf("tanaka@person%d.example.jp", i),
			account: fmt.Sprintf("%07d", 1200345+i*31), number: fmt.Sprintf("INV-2026-%05d", 100+i), amount: money.Yen(11000 + 1100*i)}
		f.mail = point(tb, f.ID, "", fmt.Sprintf("keiri@firm%03d%c.co.jp", i, 'a'+rune(i%26))).Addr
		ps, ms = append(ps, f.Partner), append(ms, PartnerMail{f.ID, "d" + f.ID, f.mail})
		t.contacts[f.contact], t.accounts[f.account], t.issue[f.number] = f.ID, f.ID, f.ID
		t.firms = append(t.firms, f)
	}
	t.r = NewRegister(ps, ms)
	return t
}

// parcel is a package as text, before it is looked at.
type parcel struct {
	to            mailaddr.Addr
	subject, body string
	invoice       string // text of the invoice's PDF
	list          string // of a second attachment, a CSV of what was delivered
	listName      string
	foreign       bool // the archive has the second attachment under another partner
}

func (t *town) clean(f firm) parcel {
	var lines, rows strings.Builder
	for i := range 1 + t.IntN(8) {
		ware := pick(t, wares)
		fmt.Fprintf(&lines, "2026-11-%02d  %s  %d  %d  10%%\n", 1+i, ware, 1+t.IntN(90), 1000+t.IntN(90000))
		fmt.Fprintf(&rows, "%d,2026/11/%02d,%s,%d,%08d\n", i+1, 1+i, ware, 1+t.IntN(99), t.IntN(100_000_000))
	}
	return parcel{to: f.mail, subject: "ご請求書（" + f.number + "）の送付", listName: "納品明細.csv",
		body: f.Name + " 御中\n\nいつもお世話になっております。北斗サプライの佐藤です。\n請求書を添付しますのでご確認ください。\n\n> 先日はありがとうございました。\n> " + f.contact + "\nTEL 03-1111-2222",
		invoice: "請求書\n" + f.Name + " 御中\n" + f.number + "\n御請求金額 " + f.amount.String() + "円\n" + lines.String() +
			"北斗サプライ株式会社 登録番号 T1234567890123 TEL 03-1111-2222\n振込先 みずほ銀行 本店 普通 9876543\n",
		list: "行,納品日,品名,数量,伝票番号\n" + rows.String()}
}

// notation writes a name in another way that a person would read the same.
func (t *town) notation(s string) string {
	switch t.IntN(6) {
	case 0:
		return strings.NewReplacer("株式会社", "㈱", "有限会社", "(有)", "合同会社", "(同)").Replace(s)
	case 1:
		return strings.Join(strings.Split(s, ""), " ")
	case 2:
		return string([]rune(s)[:2]) + "\n" + string([]rune(s)[2:])
	case 3:
		return strings.Map(func(r rune) rune { // Latin and figures in full width
			if r > ' ' && r < 0x7f {
				return r + 0xfee0
			}
			return r
		}, s)
	case 4:
		return strings.NewReplacer("ア", "ｱ", "ル", "ﾙ", "フ", "ﾌ", "サ", "ｻ", "ン", "ﾝ", "テ", "ﾃ", "ク", "ｸ", "ノ", "ﾉ").Replace(s)
	}
	return s
}

func (t *town) dashes(s string) string {
	return strings.ReplaceAll(s, "-", []string{"-", "‐", "−", "－", "–"}[t.IntN(5)])
}

// faults are what may go wrong between two customers, one each.
func (t *town) faults() map[string]func(p *parcel, o firm) {
	cell := func(p *parcel, v string) { p.list += "99,2026/11/30," + strings.ReplaceAll(v, "\n", " ") + ",1,1\n" }
	return map[string]func(p *parcel, o firm){
		"another's recipient":        func(p *parcel, o firm) { p.to = o.mail },
		"another's invoice":          func(p *parcel, o firm) { p.list, p.listName = t.clean(o).invoice, "請求書.txt" },
		"another's file of archive":  func(p *parcel, _ firm) { p.foreign = true },
		"another's name in body":     func(p *parcel, o firm) { p.body = t.notation(o.Name) + " 御中\n" + p.body },
		"another's name in subject":  func(p *parcel, o firm) { p.subject += " " + t.notation(o.Name) + " 様分" },
		"another's name in invoice":  func(p *parcel, o firm) { p.invoice += "毎度 " + t.notation(o.Name) + " 様\n" },
		"another's name as file":     func(p *parcel, o firm) { p.listName = o.Name + "様.csv" },
		"another's row in a list":    func(p *parcel, o firm) { cell(p, o.Name) },
		"another's number in a list": func(p *parcel, o firm) { cell(p, t.dashes(o.number)) },
		"another's T number":         func(p *parcel, o firm) { p.invoice += "登録番号 " + o.Registration + "\n" },
		"another's T in figures":     func(p *parcel, o firm) { p.invoice += "2026 11 22 " + o.Registration[1:] + "\n" },
		"another's phone":            func(p *parcel, o firm) { p.body += "\n11/22 " + t.dashes(o.Phone) },
		"another's mail quoted":      func(p *parcel, o firm) { p.body += "\n> From: " + o.mail.String() },
		"another's person quoted":    func(p *parcel, o firm) { p.body += "\n> Cc: <" + o.contact + ">" },
		"another's site":             func(p *parcel, o firm) { p.body += "\nhttps://www." + o.mail.Domain() + "/" },
		"another's account":          func(p *parcel, o firm) { p.invoice += "普通預金 口座番号\n" + o.account + "\n" },
		"another's code in a column": func(p *parcel, o firm) { p.list = "得意先コード,数量\n" + o.Code + ",1\n" },
		"another's code":             func(p *parcel, o firm) { p.invoice += "得意先コード: " + o.Code + "\n" },
	}
}

// facts are what the product would have looked up about p for firm f.
func (t *town) facts(f firm, p parcel) Facts {
	scan := func(text string) (hits []Hit) {
		found := t.r.ScanFile(text, f.ID)
		hits = found.Hits
		for _, look := range []struct {
			k      HitKind
			values []string
			in     map[string]string
		}{{HitMail, found.Mails, t.contacts}, {HitAccount, found.Accounts, t.accounts}, {HitNumber, found.Numbers, t.issue}} {
			for _, v := range look.values {
				if o := look.in[v]; o != "" && o != f.ID {
					hits = append(hits, Hit{Kind: look.k, Value: v, Party: o})
				}
			}
		}
		return hits
	}
	text := extract.Compact(p.invoice)
	rec := RecipientFact{Item: "i", Kind: To, Proposed: p.to.String(), Max: policy.Personal}
	if p.to == f.mail {
		rec.Point = "d" + f.ID
	}
	rec.Elsewhere = slices.ContainsFunc(t.r.Owner(p.to), func(o PartnerMail) bool { return o.Party != f.ID })
	facts := Facts{Party: PartyFact{f.ID, f.Name, true}, Class: policy.Confidential, BigFrom: 1 << 40, Total: f.amount, Recipients: []RecipientFact{rec},
		Subject: scan(p.subject), Body: scan(p.body), SaysFile: saysFile(p.body),
		Files: []FileFact{{Item: "a", Name: "請求書.pdf", Invoice: true, Number: f.number, Hits: scan("請求書.pdf\n" + p.invoice), HasName: Holds(text, f.Name),
			HasNumber: strings.Contains(text, f.number), HasAmount: strings.Contains(text, f.amount.String())},
			{Item: "b", Name: p.listName, Foreign: p.foreign, Hits: scan(p.listName + "\n" + p.list)}}}
	facts.explain(nil)
	return facts
}

// TestC27_H03_OneFaultAmongAThousand makes 1,000 packages with one fault each and
// 1,000 without: at least 99.9 % of the faulty stop, at most 1 % of the others
// (document.Invoice and attachments of all kinds; security.md H-03).
func TestC27_H03_OneFaultAmongAThousand(tt *testing.T) {
	const packages = 1000
	began, t := time.Now(), newTown(tt, 400)
	kinds := t.faults()
	names := slices.Sorted(func(yield func(string) bool) {
		for k := range kinds {
			if !yield(k) {
				return
			}
		}
	})
	var missed, falsely []string
	for i := range packages {
		f := t.firms[t.IntN(len(t.firms))]
		if fs := Examine(t.facts(f, t.clean(f))); Stops(fs) {
			falsely = append(falsely, fmt.Sprintf("%s: %s", f.Name, stops(fs)))
		}
		o := t.firms[t.IntN(len(t.firms))]
		for o.ID == f.ID || strings.Contains(fold(jp.CoreName(f.Name)), fold(jp.CoreName(o.Name))) {
			o = t.firms[t.IntN(len(t.firms))] // a name inside the own one says nothing
		}
		kind, p := names[i%len(names)], t.clean(f)
		kinds[kind](&p, o)
		if !Stops(Examine(t.facts(f, p))) {
			missed = append(missed, fmt.Sprintf("%s: to %s, of %s", kind, f.Name, o.Name))
		}
	}
	tt.Logf("faulty stopped: %d of %d; clean stopped: %d of %d; %v", packages-len(missed), packages, len(falsely), packages, time.Since(began).Round(time.Millisecond))
	for _, m := range missed {
		tt.Log("missed: ", m)
	}
	for _, m := range falsely {
		tt.Log("false: ", m)
	}
	if len(missed) > packages/1000 || len(falsely) > packages/100 {
		tt.Errorf("%d missed, %d false stops of %s packages", len(missed), len(falsely), document.Invoice)
	}
}

func stops(fs []Finding) string {
	var out []string
	for _, f := range fs {
		if f.Level == Halt {
			out = append(out, f.Key+" "+f.Shown)
		}
	}
	return strings.Join(out, "; ")
}
