package judgement

import (
	"fmt"
	"slices"
	"strings"

	"sekisho/internal/app/demo"
)

// mistake is a lawful letter and what goes wrong with it.
type mistake struct {
	kind, name string
	within     Level // the least that catches it
	lawful     func() letter
	spoil      func(*letter)
}

// play looks at the letter without the mistake and with it.
func (k *mistake) play(h *house) Outcome {
	h.t.Helper()
	l := k.lawful()
	good := h.try(k.kind, k.name, l)
	l.documents, l.recipients = slices.Clone(l.documents), slices.Clone(l.recipients)
	k.spoil(&l)
	o := h.try(k.kind, k.name, l)
	o.Control, o.Within = &good, k.within
	return o
}

// kind is three mistakes of one kind.
type kind struct {
	name   string
	within Level
	three  []mistake
}

// mistakes are 60 of 20 kinds; M-numbers are those of the hazards. A stop is
// wanted but where only a person can know: then a second one.
func (h *house) mistakes() []mistake {
	kinds := slices.Concat(h.wrongAddresses(), h.wrongFiles(), h.wrongWords(), h.wrongUse())
	for _, k := range kinds {
		h.result.Kinds = append(h.result.Kinds, k.name)
	}
	var out []mistake
	for i := range 3 { // spread over the months
		for _, k := range kinds {
			x := k.three[i]
			x.kind, x.within = k.name, k.within
			out = append(out, x)
		}
	}
	return out
}

// usual is a fresh invoice to a partner, as every month.
func (h *house) usual(code string) func() letter {
	return func() letter {
		p := h.of(code)
		return h.invoice(p, p.last.month+1, h.order(p.base))
	}
}

// address puts another address into the first place.
func address(a string) func(*letter) {
	return func(l *letter) { l.recipients[0].Address = a }
}

func domain(address string) string { _, d, _ := strings.Cut(address, "@"); return d }

// wrongAddresses are mistakes in whom a letter goes to.
func (h *house) wrongAddresses() []kind {
	at := func(code string) string { return h.of(code).addresses[0] }
	swap := func(old, new string) func(*letter) {
		return func(l *letter) { l.recipients[0].Address = strings.Replace(l.recipients[0].Address, old, new, 1) }
	}
	return []kind{
		{"M2 another partner's address", Stopped, []mistake{
			{name: "山田商店の請求書を新山田商店へ", lawful: h.usual("000113"), spoil: address(at("000114"))},
			{name: "東和の請求書を東和産業へ", lawful: h.usual("000117"), spoil: address(at("000118"))},
			{name: "表示名は自社の取引先、中身は別会社の宛先", lawful: h.usual("000130"), spoil: address(`"` + at("000130") + `" <` + at("000132") + ">")},
		}},
		{"M11 one letter off", Stopped, []mistake{
			{name: "m を n", lawful: h.usual("000163"), spoil: swap("muroran", "nuroran")},
			{name: "母音が抜けた", lawful: h.usual("000156"), spoil: swap("hokkai-denshi", "hokkai-dnshi")},
			{name: "ローカル部の入れ替わり", lawful: h.usual("000157"), spoil: swap("keiri@", "kieri@")},
		}},
		{"M11 another top-level domain", Stopped, []mistake{
			{name: "co.jp を com", lawful: h.usual("000120"), spoil: swap(".co.jp", ".com")},
			{name: "co.jp を ne.jp", lawful: h.usual("000160"), spoil: swap(".co.jp", ".ne.jp")},
			{name: "jp を co.jp", lawful: h.usual("000111"), spoil: swap("shokuhin.jp", "shokuhin.co.jp")},
		}},
		{"M10 look-alike and unseen characters", Stopped, []mistake{
			{name: "キリル文字の а", lawful: h.usual("000101"), spoil: swap("aoba", "аoba")},
			{name: "ゼロ幅の空白", lawful: h.usual("000102"), spoil: swap("hd.co", "\u200bhd.co")},
			{name: "書字方向の制御文字", lawful: h.usual("000105"), spoil: swap("keiri@", "\u202ekeiri@")},
		}},
		{"M3 two companies in one mail", Stopped, []mistake{
			{name: "Cc に別の取引先", lawful: h.usual("000108"), spoil: func(l *letter) { l.recipients = append(l.recipients, cc(at("000164"))) }},
			{name: "二社の請求書を一通に", lawful: h.usual("000156"), spoil: func(l *letter) { l.documents = append(l.documents, h.of("000163").last.Document) }},
			{name: "宛先に似た名前の二社", lawful: h.usual("000113"), spoil: func(l *letter) { l.recipients = append(l.recipients, to(at("000115"))) }},
		}},
		h.gone(),
	}
}

// gone are addresses that were right once.
func (h *house) gone() kind {
	return kind{"M1 contact left, address retired", Stopped, []mistake{
		{name: "退職した担当者", lawful: h.usual("000158"), spoil: func(l *letter) {
			a, id := h.person(l.to, "三浦 健", "miura@taisetsu-shuzo.co.jp")
			h.do("party.contact_leave", m{"id": id}, nil)
			address(a)(l)
		}},
		{name: "切り替え前の宛先", lawful: h.usual("000157"), spoil: func(l *letter) {
			old := h.point(l.to, "jimusho@ishikawa-glass.co.jp", "")
			h.point(l.to, "shiharai@ishikawa-glass.co.jp", old)
			address("jimusho@ishikawa-glass.co.jp")(l)
		}},
		{name: "別会社へ移った担当者", lawful: h.usual("000160"), spoil: func(l *letter) {
			_, id := h.person(l.to, "森 佳代", "mori@kushiro-suisan.co.jp")
			h.do("party.contact_leave", m{"id": id}, nil)
			a, _ := h.person(h.of("000170"), "森 佳代", "mori@nemuro-gyomo.co.jp")
			address(a)(l)
		}},
	}}
}

// person enters somebody with an address that is registered.
func (h *house) person(p *partner, name, mail string) (string, string) {
	var c, d struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	h.do("party.contact_add", m{"party": p.id, "name": name, "section": "経理課", "mail": mail}, &c)
	h.do("party.point_propose", m{"party": p.id, "contact": c.ID, "address": mail, "label": name}, &d)
	h.together("party.point_verify", m{"id": d.ID, "version": d.Version, "how": "phone", "reason": "登録の代表電話で確認しました"})
	return mail, c.ID
}

// attach adds an uploaded file; what the archive refuses bars the letter.
func (h *house) attach(kind, name string, content func(l *letter) []byte) func(*letter) {
	return func(l *letter) {
		id, refused := h.upload(l.to, kind, name, content(l), nil)
		if refused != "" {
			l.barred = refused
			return
		}
		l.documents = append(l.documents, id)
	}
}

// wrongFiles are mistakes in what is attached. The files are filed under the
// addressee: who picks a wrong file files it wrongly, too.
func (h *house) wrongFiles() []kind {
	slip := func(more ...string) func(l *letter) []byte {
		return func(*letter) []byte {
			return h.paper(append([]string{"送付資料", "下記のとおりです。"}, more...)...)
		}
	}
	pdf := func(more ...string) func(*letter) { return h.attach("attachment", "資料.pdf", slip(more...)) }
	o := h.of("000118")
	return []kind{
		{"M4 another's invoice attached", Stopped, []mistake{
			{name: "一つ下の行の会社の請求書", lawful: h.usual("000101"), spoil: func(l *letter) { l.documents[0] = h.of("000102").last.Document }},
			{name: "似た名前の会社の請求書", lawful: h.usual("000113"), spoil: func(l *letter) { l.documents[0] = h.of("000114").last.Document }},
			{name: "ダウンロードした他社の請求書を自社分として取込み", lawful: h.usual("000130"), spoil: func(l *letter) {
				var f struct {
					Content []byte `json:"content"`
				}
				h.do("document.content", m{"id": h.of("000117").last.Document}, &f)
				h.attach("attachment", "請求書.pdf", func(*letter) []byte { return f.Content })(l)
			}},
		}},
		{"M4 another's numbers inside", Stopped, []mistake{
			{name: "登録番号", lawful: h.usual("000120"), spoil: pdf("登録番号 " + o.number)},
			{name: "得意先コード", lawful: h.usual("000156"), spoil: pdf("得意先コード：" + o.code)},
			{name: "請求書番号", lawful: h.usual("000160"), spoil: func(l *letter) { pdf("前回請求 " + h.of("000163").last.Number)(l) }},
		}},
		{"M4 another's phone, account, address inside", Stopped, []mistake{
			{name: "電話番号", lawful: h.usual("000102"), spoil: pdf("TEL " + strings.ReplaceAll(o.phone, "-", "−"))},
			{name: "口座番号", lawful: h.usual("000105"), spoil: pdf("お振込先 見本銀行 札幌支店 普通 3345671")},
			{name: "メールアドレス", lawful: h.usual("000108"), spoil: pdf("連絡先 " + h.of("K-2043").addresses[0])},
		}},
		{"M5 M20 another's rows in a list", Stopped, []mistake{
			{name: "社名の列に他社", lawful: h.usual("000163"), spoil: h.attach("attachment", "納品一覧.csv", func(l *letter) []byte {
				return cp932("納品日,納品先,品名,数量\r\n2027/11/02," + l.to.name + ",軸受,4\r\n2027/11/05," + o.name + ",軸受,2\r\n")
			})},
			{name: "得意先コードの列に他社", lawful: h.usual("000157"), spoil: h.attach("attachment", "売上明細.csv", func(l *letter) []byte {
				return []byte("得意先コード,日付,金額\r\n" + l.to.code + ",2027/11/02,1200\r\n" + o.code + ",2027/11/05,800\r\n")
			})},
			{name: "名寄せしたテキストに他社の略称", lawful: h.usual("000158"), spoil: h.attach("attachment", "配送表.txt", func(l *letter) []byte {
				return []byte("配送表\r\n午前 " + l.to.name + "\r\n午後 釧路水産加工㈱\r\n")
			})},
		}},
		{"M4 scan of someone else's", Second, []mistake{
			{name: "文字のないスキャン", lawful: h.usual("K-2048"), spoil: h.attach("attachment", "scan0012.pdf", func(*letter) []byte { return h.scan() })},
			{name: "写真", lawful: h.usual("000111"), spoil: h.attach("attachment", "IMG_2041.png", func(*letter) []byte { return photo(320, 240) })},
			{name: "隠しシートのあるExcel", lawful: h.usual("000130"), spoil: h.attach("attachment", "明細.xlsx", func(*letter) []byte {
				return workbook("明細\n軸受 4個", "東京分\n"+o.name+" 軸受 2個", "")
			})},
		}},
		{"M20 disguised file, program inside", Second, []mistake{
			{name: "PDFの名前のHTML", lawful: h.usual("000101"), spoil: h.attach("attachment", "請求書.pdf", func(*letter) []byte { return []byte("<html><script>fetch('//x')</script></html>") })},
			{name: "マクロ入りのExcel", lawful: h.usual("000156"), spoil: h.attach("attachment", "集計.xlsx", func(*letter) []byte {
				return workbook("集計\n合計 4個", "", "Sub AutoOpen()")
			})},
			{name: "受け取ったプログラム入りのPDFをそのまま転送", lawful: h.usual("000108"), spoil: func(l *letter) {
				id, refused := h.upload(l.to, "other", "form.pdf", scripted("form"), m{"direction": "received"})
				l.documents, l.barred = append(l.documents, id), refused
			}},
		}},
	}
}

// wrongWords are mistakes in subject and body.
func (h *house) wrongWords() []kind {
	add := func(words ...string) func(*letter) {
		return func(l *letter) { l.body += "\n" + strings.Join(words, "\n") + "\n" }
	}
	replace := func(old, new string) func(*letter) {
		return func(l *letter) { l.body = strings.ReplaceAll(l.body, old, new) }
	}
	o, q := h.of("000164"), h.of("000124")
	reply := func(code string) func() letter {
		return func() letter {
			p := h.of(code)
			l := h.note(p, "Re: ご注文の件")
			l.body += "承知いたしました。\n"
			return l
		}
	}
	return []kind{
		{"M16 quoted history of another", Stopped, []mistake{
			{name: "引用に他社の署名", lawful: reply("000160"), spoil: add("> ------", "> "+o.name+" 資材部", "> TEL "+o.phone)},
			{name: "引用のヘッダーに他社のアドレス", lawful: reply("000120"), spoil: add("> From: "+q.addresses[0], "> 見積もりをお願いします。")},
			{name: "引用に他社の請求書番号", lawful: reply("000163"), spoil: func(l *letter) { add("> " + h.of("000156").last.Number + " の件、了解です。")(l) }},
		}},
		{"M17 template of the wrong record", Stopped, []mistake{
			{name: "宛名が他社", lawful: h.usual("000117"), spoil: func(l *letter) {
				l.body = strings.ReplaceAll(l.body, l.to.name, h.of("000118").name)
				l.body = h.of("000118").name + " 御中\n\n" + l.body
			}},
			{name: "差し込みが空", lawful: h.usual("000102"), spoil: func(l *letter) { l.body = "{{取引先名}} 御中\n\n請求書を添付いたします。" }},
			{name: "件名に他社の請求書番号", lawful: h.usual("000108"), spoil: func(l *letter) { l.subject = "ご請求書（" + h.of("000101").last.Number + "）の送付" }},
		}},
		{"M4 forgotten attachment", Stopped, []mistake{
			{name: "添付のとおり", lawful: reply("000105"), spoil: add("ご依頼の資料は添付のとおりです。")},
			{name: "別紙をご覧ください", lawful: reply("000111"), spoil: add("内訳は別紙の一覧表をご覧ください。")},
			{name: "PDFをお送りします", lawful: reply("000130"), spoil: add("ご請求書をPDFファイルでお送りしますので、ご確認ください。")},
		}},
		{"M8 bank account that is not ours", Second, []mistake{
			{name: "本文に登録のない振込先", lawful: h.usual("000157"), spoil: func(l *letter) {
				replace("普通 "+h.payee, "普通 7654321")(l)
				add("お振込先：見本銀行 本店営業部 普通 7654321 ホクトサプライ(カ")(l)
			}},
			{name: "振込先変更の案内", lawful: reply("000101"), spoil: func(l *letter) {
				add("振込先の変更について、添付のとおりご案内いたします。")(l)
				h.attach("other", "振込先変更のご案内.pdf", func(*letter) []byte {
					return h.paper(append([]string{"お振込先変更のご案内", l.to.name + " 御中", "新口座 みほん信用金庫 駅前支店 当座預金 0098811"}, own...)...)
				})(l)
			}},
			{name: "口座を変える前に作った請求書", lawful: h.usual("000156"), spoil: func(l *letter) { h.account("0054321") }},
		}},
	}
}

// account changes the company's own account, with a second person.
func (h *house) account(number string) {
	var now struct {
		Version int64 `json:"version"`
	}
	h.do("org.issuer_show", struct{}{}, &now)
	h.issuer["version"], h.issuer["bank_accounts"], h.payee = now.Version, []m{ownAccount(number)}, number
	if err := h.Troupe.Together(bg, h.second, h.Of("controller", 1), "org.issuer_update", h.issuer); err != nil {
		h.t.Fatal(err)
	}
}

// wrongUse are mistakes in what is sent when, how much, and what for.
func (h *house) wrongUse() []kind {
	again := func(l *letter) { l.documents[0] = l.to.last.Document }
	big := func(spoil func(lines []line)) func(*letter) {
		return func(l *letter) {
			lines := h.order(l.to.base)
			spoil(lines)
			*l = h.invoice(l.to, l.bill.month, lines)
		}
	}
	tenfold := big(func(lines []line) {
		for i := range lines {
			lines[i].quantity *= 10
		}
	})
	return []kind{
		{"M6 duplicate, wrong month", Second, []mistake{
			{name: "先月の請求書を今月の件名で", lawful: h.usual("000102"), spoil: again},
			{name: "送ったばかりの請求書をもう一度", lawful: h.usual("000163"), spoil: func(l *letter) { *l = h.covering(l.to, &l.to.last) }},
			{name: "送信待ちの請求書をもう一度", lawful: h.usual("000117"), spoil: func(l *letter) { h.send("mistake", "the first of two", *l) }},
		}},
		{"amount ×10", Second, []mistake{
			{name: "数量が一桁多い、少額の取引先", lawful: h.usual("000113"), spoil: tenfold},
			{name: "単価が一桁多い", lawful: h.usual("000158"), spoil: big(func(lines []line) {
				for i := range lines {
					lines[i].price *= 10
				}
			})},
			{name: "数量が一桁多い", lawful: h.usual("000160"), spoil: tenfold},
		}},
		{"purpose against document", Second, []mistake{
			{name: "請求書の送付に見積書", lawful: h.usual("000120"), spoil: func(l *letter) { l.documents = h.offer(l.to).documents }},
			{name: "お知らせとして請求書", lawful: h.usual("000105"), spoil: func(l *letter) { l.purpose = "notice" }},
			{name: "見積書の送付に請求書", lawful: func() letter { return h.offer(h.of("000130")) }, spoil: func(l *letter) {
				l.documents = []string{h.issue(l.to, "ご請求", h.order(l.to.base), "").Document}
			}},
		}},
		{"class against transport", Stopped, []mistake{
			{name: "担当者名入りの請求書を秘までの宛先へ", lawful: h.usual("000101"), spoil: func(l *letter) {
				l.documents = []string{h.issue(l.to, "ご請求", h.order(l.to.base), l.to.contactID).Document}
			}},
			{name: "個人情報の一覧を秘までの宛先へ", lawful: h.usual("000111"), spoil: func(l *letter) {
				id, refused := h.upload(l.to, "attachment", "受講者名簿.csv", cp932("氏名,所属\r\n山本 一,製造課\r\n"), m{"class": "personal"})
				l.documents, l.barred = append(l.documents, id), refused
			}},
			{name: "請求書を社内限りの宛先へ", lawful: h.usual("K-2048"), spoil: func(l *letter) {
				var made struct {
					ID      string `json:"id"`
					Version int64  `json:"version"`
				}
				a := fmt.Sprintf("oshirase@%s", domain(l.to.addresses[0]))
				h.do("party.point_propose", m{"party": l.to.id, "address": a, "label": "お知らせ受信用", "max_class": "internal"}, &made)
				h.together("party.point_verify", m{"id": made.ID, "version": made.Version, "how": "phone", "reason": "登録の代表電話で確認しました"})
				l.recipients = []demo.Recipient{to(a)}
			}},
		}},
	}
}
