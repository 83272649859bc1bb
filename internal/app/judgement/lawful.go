package judgement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/civil"
)

// event is one sending of the year and when it is made.
type event struct {
	month, day, hour int // month of the year from 0; day 0 is its closing day
	name             string
	foreign          bool
	letter           func() letter
	mistake          *mistake
}

func (e event) at() civil.Date {
	if e.day == 0 {
		return closing(e.month)
	}
	return monthOf(e.month).AddDays(e.day - 1)
}

// plan adds a lawful letter to the year.
func (h *house) plan(month, day int, name string, letter func() letter) {
	h.events = append(h.events, event{month: month, day: day, hour: 10, name: name, letter: letter})
}

// planForeign adds one in which another partner is named, with good reason.
func (h *house) planForeign(month, day int, name string, letter func() letter) {
	h.plan(month, day, name, letter)
	h.events[len(h.events)-1].foreign = true
}

// opening are the four months before the year, in which everybody is written to
// for the first time: whom one writes to every month, every month.
func (h *house) opening() {
	for n := -4; n < 0; n++ {
		h.until(closing(n), 9)
		for i, p := range h.all {
			switch {
			case p.monthly || n == -4+i%4:
				l := h.invoice(p, n, h.order(h.amount(p, n)))
				l.recipients = nil
				for _, a := range p.addresses {
					l.recipients = append(l.recipients, to(a))
				}
				h.result.Opening = append(h.result.Opening, h.send("opening", p.name, l))
			}
		}
		for _, y := range yearly { // what comes once a year came last March, too
			if n == -1 {
				p := h.of(y.code)
				h.result.Opening = append(h.result.Opening, h.send("opening", p.name, h.invoice(p, n, y.lines)))
			}
		}
		h.deliver()
	}
	h.year()
}

// yearly are contracts that are billed every March, at the same price.
var yearly = []struct {
	code  string
	lines []line
}{
	{"000148", []line{{what: "空調設備 年間保守契約（4月〜翌3月）", unit: "式", quantity: 1, price: 480_000}}},
	{"000136", []line{{what: "複合機 年間保守契約（4月〜翌3月）", unit: "式", quantity: 1, price: 1_250_000}}},
}

// amount is about what a partner buys in a month; in March two buy for their season.
func (h *house) amount(p *partner, month int) int64 {
	sum := p.base * int64(85+h.rand.IntN(36)) / 100
	if (month+12)%12 == 11 && (p.code == "000158" || p.code == "000160") {
		sum = p.base * 19 / 10
	}
	return sum
}

// year plans all letters and puts them in order.
func (h *house) year() {
	foreign := h.foreign()
	for n := range 12 {
		for i, p := range h.all {
			if !p.monthly || foreign[fmt.Sprint(p.code, "/", n)] {
				continue
			}
			h.plan(n, 0, p.name+"への月次の請求書", func() letter { return h.dressed(h.invoice(p, n, h.order(h.amount(p, n))), i+n) })
		}
	}
	h.singles()
	h.quotes()
	h.notes()
	for i, k := range h.mistakes() {
		h.events = append(h.events, event{month: 5 + i%6, day: 24, hour: 11, name: k.name, mistake: &k})
	}
	slices.SortStableFunc(h.events, func(a, b event) int {
		return cmp.Or(a.month-b.month, a.at().Compare(b.at()), a.hour-b.hour)
	})
}

// month plays what is planned for one month: a day's letters, and then the
// relay takes them.
func (h *house) month(n int) {
	for len(h.events) > 0 && h.events[0].month == n {
		e := h.events[0]
		h.events = h.events[1:]
		h.until(e.at(), e.hour)
		switch {
		case e.mistake != nil:
			h.result.Mistakes = append(h.result.Mistakes, e.mistake.play(h))
		case e.foreign:
			h.result.Foreign = append(h.result.Foreign, h.send("foreign", title(n)+" "+e.name, e.letter()))
		default:
			h.result.Lawful = append(h.result.Lawful, h.send("lawful", title(n)+" "+e.name, e.letter()))
		}
		if len(h.events) == 0 || h.events[0].at() != e.at() || h.events[0].hour != e.hour {
			h.deliver()
		}
	}
}

// invoice is the letter with a month's invoice.
func (h *house) invoice(p *partner, month int, lines []line) letter {
	h.t.Helper()
	i := h.issue(p, title(month)+"ご請求", lines, "")
	i.month = month
	return h.covering(p, i)
}

// covering is the letter that goes with an invoice, in one of the ways people
// write one.
func (h *house) covering(p *partner, i *invoice) letter {
	l := letter{to: p, recipients: []demo.Recipient{to(p.addresses[0])}, documents: []string{i.Document}, purpose: "invoice", bill: i}
	month := title(i.month)
	sign := "\n\n--\n北斗サプライ株式会社 経理部 山本\nTEL " + ownPhone + "  FAX 011-001-0002\n"
	switch h.rand.IntN(5) {
	case 0:
		l.text("【北斗サプライ】"+month+"ご請求書送付のご案内", p.name+" 御中\n\nいつも大変お世話になっております。北斗サプライの山本です。\n"+month+
			"のご請求書（"+i.Number+"）を添付いたします。\nご査収のほど、よろしくお願いいたします。"+sign)
	case 1:
		l.text("ご請求書（"+i.Number+"）の送付", p.name+"\n経理課 "+p.surname()+" 様\n\nお世話になっております。\n請求書をPDFにてお送りいたします。\nご請求金額："+
			i.sum()+"円（税込）\nお支払期限："+i.Due.String()+"\nご不明の点は下記までお問い合わせください。"+sign)
	case 2:
		l.text("Re: 請求書の送付について", p.surname()+"様\n\nご連絡ありがとうございます。"+month+"分を添付にてお送りします。\nよろしくお願いいたします。"+sign+
			"\n> 北斗サプライ 山本様\n> \n> いつもお世話になっております。"+p.name+"の"+p.surname()+"です。\n> 今月分の請求書は月末までにメールでお願いいたします。\n> 電話 "+
			p.phone+"\n> "+p.addresses[0]+"\n")
	case 3:
		l.text(month+"分請求書の件／北斗サプライ", p.name+" 御中\n\n標題の件、添付のとおりお送りいたします。\n原本の郵送は省略させていただきます。"+sign)
	default:
		l.text("ご請求書をお送りいたします", p.name+" 御中\n\n平素は格別のお引き立てを賜り、厚く御礼申し上げます。\n"+month+"分の請求書を同封いたします。\n\nお振込先：見本銀行 本店営業部 普通 "+h.payee+" ホクトサプライ(カ\n"+
			"恐れ入りますが、振込手数料は貴社にてご負担ください。"+sign)
	}
	return l
}

func (p *partner) surname() string { return strings.Fields(p.contact)[0] }

// dressed adds to some letters what else goes with an invoice.
func (h *house) dressed(l letter, n int) letter {
	lines := h.order(l.to.base)
	if n%4 == 0 || n%4 == 1 {
		name, content := "納品明細.csv", []byte("\ufeff"+h.list(lines))
		if n%8 < 4 {
			content = cp932(h.list(lines))
		}
		l.documents = append(l.documents, h.file(l.to, "attachment", name, content))
	}
	if n%4 == 0 {
		l.documents = append(l.documents, h.file(l.to, "delivery", "納品書控.pdf",
			h.paper(append([]string{"納品書（控）", l.to.name + " 御中", h.today().String(), "TEL " + l.to.phone}, own...)...)))
	}
	if len(l.to.addresses) > 1 && n%3 == 0 {
		l.recipients = append(l.recipients, cc(l.to.addresses[1]))
	}
	return l
}

// foreign are the invoices of the monthly customers that name another company
// with good reason, by customer and month, and what else does.
func (h *house) foreign() map[string]bool {
	taken := map[string]bool{}
	monthly := func(code string, month int, name string, note string) {
		p := h.of(code)
		taken[fmt.Sprint(code, "/", month)] = true
		h.planForeign(month, 0, name, func() letter {
			lines := h.order(h.amount(p, month))
			lines[0].note = note
			return h.invoice(p, month, lines)
		})
	}
	for i, d := range []struct{ from, to, place string }{{"000108", "000143", " 苫小牧第二倉庫"}, {"000120", "000144", "（直送）"},
		{"000157", "000145", " 厨房"}, {"K-2048", "000146", " 本館"}} {
		other := h.of(d.to)
		monthly(d.from, 1+i, other.name+"への直送", "直送先："+other.name+d.place)
		monthly(d.from, 7+i, other.name+"への直送、電話番号入り", "お届け先："+other.name+" 様 TEL "+other.phone)
	}
	for i, child := range []string{"000102", "000103", "000104"} {
		monthly("000101", 2+3*i, "親会社への一括請求、"+h.of(child).name+"分", h.of(child).name+" 様ご利用分")
	}
	for i, child := range []string{"000106", "000107", "000106"} {
		monthly("000105", 1+4*i, "親会社への一括請求、"+h.of(child).name+"分", h.of(child).name+"納め")
	}
	monthly("000108", 5, "本社への請求、札幌支店納め", h.of("000109").name+" 納め")
	monthly("000108", 10, "本社への請求、旭川営業所納め", h.of("000110").name+" 納め")
	monthly("000163", 3, "メーカー名入りの請求書", "メーカー："+h.of("000141").name)
	monthly("000163", 9, "メーカー名入りの請求書", "タカギ工具(株)製")
	h.foreignSingles()
	return taken
}

func (h *house) foreignSingles() {
	single := func(code string, month int, name, note string) {
		p := h.of(code)
		h.planForeign(month, 12, name, func() letter {
			lines := h.order(h.amount(p, month))
			lines[len(lines)-1].note = note
			return h.invoice(p, month, lines)
		})
	}
	// no relation is recorded: the invoice itself says where the goods went
	single("000168", 2, "納品先を明記した請求書", "納品先："+h.of("000159").name)
	single("000168", 8, "納品先を明記した請求書", "納入先 "+h.of("000159").name+" 様")
	single("000164", 4, "納品先を明記した請求書", "納品先："+h.of("000169").name+" 第一冷蔵庫")
	single("000166", 6, "納品先を明記した請求書", "お届け先："+h.of("000167").name)
	single("000104", 3, "子会社への請求、親会社の依頼分", h.of("000101").name+" 購買部ご依頼分")
	single("000104", 9, "子会社への請求、親会社の依頼分", "青葉ホールディングス(株)ご手配")
	single("000112", 5, "工場への請求、本社の指示分", h.of("000111").name+" 購買課ご指示")
	single("000110", 8, "営業所への請求、本社の指示分", "北辰建設 本社ご発注分")
	for _, q := range []struct {
		code  string
		month int
		maker string
	}{{"000134", 1, "東光精機株式会社"}, {"000134", 7, "東光精機㈱"}, {"000148", 4, "ミナト化学工業株式会社"}, {"000148", 10, "ミナト化学工業(株)"}} {
		p := h.of(q.code)
		h.planForeign(q.month, 5, "メーカー名入りの見積書", func() letter {
			return h.offer(p, "メーカー："+q.maker+"（受注生産品）")
		})
	}
}
