package judgement

import (
	"fmt"

	"sekisho/internal/app/demo"
)

// singles are the invoices of those who buy now and then: 40 in the year.
func (h *house) singles() {
	special := map[int]func(p *partner, n int) letter{
		3: func(p *partner, n int) letter { return h.products(p, n, "アルファ米 五目ごはん 50食") },
		9: func(p *partner, n int) letter {
			return h.products(p, n, "テクノサポート契約（年間・プリンター）")
		},
		// three times what they buy else
		14: func(p *partner, n int) letter { return h.invoice(p, n, h.order(3*p.base)) },
		27: func(p *partner, n int) letter { return h.invoice(p, n, h.order(3*p.base)) },
		20: h.fresh, 31: h.fresh, 33: h.fresh, 25: h.newcomer,
	}
	buyers := h.occasional()
	for i := range 36 {
		p, n := buyers[i], i/3
		make := special[i]
		if make == nil {
			make = func(p *partner, n int) letter { return h.invoice(p, n, h.order(h.amount(p, n))) }
		}
		if p.code == "000149" { // the person in charge is printed on it: personal data
			make = func(p *partner, n int) letter {
				b := h.issue(p, title(n)+"ご請求", h.order(h.amount(p, n)), p.contactID)
				b.month = n
				return h.covering(p, b)
			}
		}
		h.plan(n, 12, p.name+"への請求書", func() letter { return make(p, n) })
	}
	for _, y := range yearly {
		p := h.of(y.code)
		h.plan(11, 12, p.name+"への年間保守の請求書", func() letter { return h.invoice(p, 11, y.lines) })
	}
	for i, code := range []string{"000157", "000120"} { // at the end of a long day
		p := h.of(code)
		h.events = append(h.events, event{month: 5 + i, day: 0, hour: 20, name: p.name + "への追加の請求書、夜", letter: func() letter {
			return h.invoice(p, 5+i, h.order(p.base))
		}})
	}
}

// occasional are 36 of them; those with free mail, a shared accountant or the
// name of another customer for a contact are among them.
func (h *house) occasional() []*partner {
	var out []*partner
	codes := "000144 000151 000154 000137 000149 000114 000166 000152 000155 000159 000118 000133 000144 000153 000164 000121 000129 000154 " +
		"000135 000151 000162 000140 000126 000152 000170 000171 000127 K-2041 K-2042 K-2043 000153 000165 000117 K-2044 K-2046 000123"
	var code string
	for n := 0; n < len(codes); {
		if c, err := fmt.Sscan(codes[n:], &code); c == 1 && err == nil {
			out = append(out, h.of(code))
		}
		n += len(code) + 1
	}
	return out
}

// products is an invoice on which a product bears a customer's name.
func (h *house) products(p *partner, n int, what string) letter {
	lines := h.order(p.base)
	lines[1].what = what
	return h.invoice(p, n, lines)
}

// fresh goes to an address that was registered just before.
func (h *house) fresh(p *partner, n int) letter {
	address := fmt.Sprintf("jimu%d@%s", n, domain(p.addresses[0]))
	h.point(p, address, "")
	l := h.invoice(p, n, h.order(p.base))
	l.recipients = []demo.Recipient{to(address)}
	return l
}

// newcomer is the first invoice to a new customer.
func (h *house) newcomer(_ *partner, n int) letter {
	h.enter([]string{"000172", "株式会社知床自然ガイド", "0152-61-0172", "shiretoko-guide.co.jp", "keiri", "43000", "t"})
	p := h.of("000172")
	h.point(p, p.addresses[0], "")
	return h.invoice(p, n, h.order(p.base))
}

// offer is the letter with a quote.
func (h *house) offer(p *partner, more ...string) letter {
	lines := h.order(max(p.base, 30_000))
	content := h.quotation(p, lines, more...)
	number := fmt.Sprintf("Q-2027-%04d", h.quote)
	l := letter{to: p, recipients: []demo.Recipient{to(p.addresses[0])}, purpose: "quote",
		documents: []string{h.file(p, "quote", "御見積書_"+number+".pdf", content)}}
	l.text("御見積書（"+number+"）の送付", p.name+"\n"+p.surname()+" 様\n\nお世話になっております。北斗サプライの佐藤です。\nご依頼のお見積書を添付いたします。ご検討のほど、よろしくお願いいたします。\n")
	return l
}

// quotes are 26, some with a list of prices.
func (h *house) quotes() {
	for i := range 26 {
		p := h.all[(i*7+4)%len(h.all)]
		if p.code == "000134" || p.code == "000148" {
			p = h.of("000139")
		}
		h.plan(i*12/26, 5, p.name+"への見積書", func() letter {
			l := h.offer(p)
			if i%5 == 0 {
				l.documents = append(l.documents, h.file(p, "attachment", "品目一覧.csv", cp932(h.list(h.order(200_000)))))
			}
			return l
		})
	}
}

// notes are 30 letters of other kinds.
func (h *house) notes() {
	for i := range 8 { // a circular without a partner's name, to each alone
		p := h.all[(i*11+2)%len(h.all)]
		h.plan(8, 5, p.name+"へ年末年始休業のお知らせ", func() letter { return h.circular(p) })
	}
	for i := range 5 {
		p := h.all[(i*13+5)%len(h.all)]
		h.plan(1+2*i, 20, p.name+"へ納期のご連絡", func() letter {
			l := h.note(p, "ご注文品の納期について")
			l.body += "ご注文いただきました" + wares[3*i].what + "は、来週火曜日に出荷いたします。\n送り状番号は 4012-3456-78" + fmt.Sprint(10+i) + " です。\n"
			return l
		})
	}
	for i, words := range []string{"> ご注文書を添付いたします。", "> 添付のご確認をお願いします。\n> " + "見積書も同封しました。", "先日の添付資料につきまして、内容を確認いたしました。"} {
		p := h.all[(i*17+6)%len(h.all)]
		h.plan(2+3*i, 20, p.name+"への返信、添付の話", func() letter {
			l := h.note(p, "Re: ご注文の件")
			l.body += "確かに承りました。\n\n" + words + "\n"
			return l
		})
	}
	for i := range 4 {
		p := h.all[(i*19+8)%len(h.all)]
		h.plan(3*i, 20, p.name+"へ注文請書", func() letter { return h.acceptance(p, "") })
	}
	for i := range 4 {
		p := h.of([]string{"000101", "000156", "000160", "000163"}[i])
		h.plan(3*i+1, 20, p.name+"へ先月分の照会への返事", func() letter {
			l := h.note(p, "Re: "+p.last.Number+" の件")
			l.body += "お問い合わせの請求書 " + p.last.Number + "（ご請求金額 " + p.last.sum() + "円）は、先月末にお送りしたものに相違ございません。\n" +
				"> " + p.name + "の" + p.surname() + "です。" + p.last.Number + " の内訳を教えてください。\n"
			return l
		})
	}
	h.oddities()
}

// oddities are six lawful letters at which a person would look twice, too.
func (h *house) oddities() {
	p := h.of("000156")
	h.plan(6, 20, p.name+"へ紛失された請求書の再送", func() letter {
		l := h.covering(p, &p.last)
		l.subject = "【再送】" + l.subject
		return l
	})
	q := h.of("000102")
	h.plan(4, 20, q.name+"へ先方の様式のExcel", func() letter {
		l := h.note(q, "貴社指定書式の件")
		l.body += "貴社ご指定の書式に記入し、添付いたします。\n"
		l.documents = []string{h.file(q, "attachment", "取引先情報記入票.xlsx", workbook("取引先情報記入票\n会社名 北斗サプライ株式会社\n提出先 "+q.name+" 経理課\n電話 "+ownPhone, "", ""))}
		return l
	})
	r := h.of("000158")
	h.plan(7, 20, r.name+"へ捺印した注文請書のスキャン", func() letter {
		l := h.note(r, "注文請書（捺印済）")
		l.body += "捺印のうえ、スキャンを添付いたします。\n"
		l.documents = []string{h.file(r, "order", "注文請書.pdf", h.scan())}
		return l
	})
	for i, code := range []string{"000105", "000130", "000160"} {
		s := h.of(code)
		h.plan(5+2*i, 20, s.name+"へ先方の注文書を添えた注文請書", func() letter {
			return h.acceptance(s, "received")
		})
	}
}

// note is a letter without a document.
func (h *house) note(p *partner, subject string) letter {
	l := letter{to: p, recipients: []demo.Recipient{to(p.addresses[0])}, purpose: "notice"}
	l.text(subject, p.name+"\n"+p.surname()+" 様\n\nいつもお世話になっております。北斗サプライの佐藤です。\n")
	return l
}

// circular has the same paper for everybody; it is nobody's document.
func (h *house) circular(p *partner) letter {
	l := h.note(p, "年末年始休業のお知らせ")
	l.body += "年末年始の休業日を添付のとおりご案内いたします。\n"
	id, refused := h.upload(nil, "other", "年末年始休業のご案内.pdf", h.paper(append([]string{"年末年始休業のご案内", "お取引先 各位",
		"12月29日（水）から1月4日（火）まで休業いたします。"}, own...)...), nil)
	if refused != "" {
		h.t.Fatal(refused)
	}
	l.documents = []string{id}
	return l
}

// acceptance says that an order was taken; the order itself may go back with it.
func (h *house) acceptance(p *partner, direction string) letter {
	l := h.note(p, "注文請書の送付")
	l.purpose = "quote"
	l.body += "ご注文ありがとうございます。注文請書を添付いたします。\n"
	order := fmt.Sprintf("PO-%s-%03d", p.code, h.today().Day())
	l.documents = []string{h.file(p, "order", "注文請書.pdf", h.paper(append([]string{"注文請書", p.name + " 御中", "貴注文番号 " + order, wares[2].what + " 20箱"}, own...)...))}
	if direction != "" {
		number := "登録番号 " + p.number
		id, refused := h.upload(p, "order", "注文書.pdf", h.paper("注文書", "北斗サプライ株式会社 御中", order, p.name, "TEL "+p.phone, number, p.addresses[0],
			"担当 "+p.contact, wares[2].what+" 20箱"), m{"direction": direction})
		if refused != "" {
			h.t.Fatal(refused)
		}
		l.documents = append(l.documents, id)
	}
	return l
}
