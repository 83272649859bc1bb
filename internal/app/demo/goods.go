package demo

import (
	"fmt"
	"strconv"

	"sekisho/internal/kernel/civil"
)

// good is something 北斗サプライ sells.
type good struct {
	name, unit, category string
	price                int // yen without tax
}

func goods() []good {
	return []good{
		{"コピー用紙 A4 500枚×10冊", "箱", "standard", 2980}, {"業務用中性洗剤 18L", "缶", "standard", 6450},
		{"ニトリル手袋 M 100枚入", "箱", "standard", 1180}, {"LED直管ランプ 40形", "本", "standard", 2240},
		{"スチール棚 W900×D450×H1800", "台", "standard", 18600}, {"安全靴 26.0cm", "足", "standard", 7800},
		{"煎茶ティーバッグ 100P", "袋", "reduced", 1250}, {"保存水 500ml×24本", "箱", "reduced", 2160},
		{"トナーカートリッジ HT-410", "本", "standard", 13200}, {"定期清掃作業", "式", "standard", 48000},
	}
}

// draft is an invoice of one to four lines, delivered in the week before.
func (s *seeder) draft(code string, day civil.Date) Draft {
	d := Draft{Party: s.ids[code], Date: day, Delivery: true, Subject: fmt.Sprintf("%d年%d月分 ご請求", day.Year(), int(day.Month()))}
	all := goods()
	for i := range 1 + s.rand.IntN(4) {
		g := all[s.rand.IntN(len(all))]
		d.Lines = append(d.Lines, Line{Date: day.AddDays(-1 - s.rand.IntN(6)), Slip: fmt.Sprintf("D-%05d", 40000+s.rand.IntN(20000)),
			Description: g.name, Quantity: strconv.Itoa(1 + s.rand.IntN(12) + i), Unit: g.unit, UnitPrice: strconv.Itoa(g.price), Category: g.category})
	}
	return d
}

// billing is one day on which invoices were issued, and how many of them were
// sent by mail the same day.
type billing struct{ day, issued, sent int }

// invoices are issued on seven days of the two months.
func (s *seeder) invoices() {
	codes := s.codes()
	next := 0
	for _, b := range []billing{{6, 3, 1}, {13, 3, 1}, {20, 2, 1}, {29, 4, 2}, {37, 3, 1}, {45, 3, 1}, {55, 3, 0}} {
		today := s.on(b.day, 9)
		biller := s.of("accounting", next%2)
		var sent []Invoice
		var to []string
		for range b.issued {
			code := codes[next%len(codes)]
			next++
			if s.err != nil {
				return
			}
			i, err := s.bill(s.ctx, biller, s.draft(code, today))
			s.keep("invoice for "+code, err)
			if len(sent) < b.sent {
				sent, to = append(sent, i), append(to, code)
			}
		}
		s.work()
		for n, i := range sent {
			s.post(biller, to[n], i)
		}
	}
}

// post sends an invoice to its partner's first verified address.
func (s *seeder) post(biller *Person, code string, i Invoice) {
	p := s.partner(biller, code)
	s.do(biller, "invoice.show", byID{i.ID}, &i)
	if s.err != nil {
		return
	}
	_, err := s.send(s.ctx, biller, s.of("controller", 1), Package{Party: s.ids[code], Recipients: []Recipient{{Kind: "to", Address: p.verified().Address}},
		Subject: "ご請求書（" + i.Number + "）の送付", Body: letter(p.Party.Name), Documents: []string{i.Document}, Purpose: "invoice"})
	s.keep("sending to "+code, err)
	s.House.Clock.Pass(s.App.Config.Mail.Hold())
	s.work()
}

// letter is the body of a mail.
func letter(partner string) string {
	return partner + " 御中\n\nいつもお世話になっております。北斗サプライ株式会社 経理部です。\n請求書を添付いたします。ご確認のほど、よろしくお願いいたします。\n"
}

// Shown is a partner as far as the demo looks at it.
type Shown struct {
	Party struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"party"`
	Points []struct {
		ID      string `json:"id"`
		Address string `json:"address"`
		State   string `json:"state"`
	} `json:"points"`
}

type point struct{ ID, Address string }

// verified is the first address that may be sent to.
func (p Shown) verified() point { return p.inState("verified") }

func (p Shown) inState(state string) point {
	for _, d := range p.Points {
		if d.State == state {
			return point{d.ID, d.Address}
		}
	}
	return point{}
}

func (s *seeder) partner(who *Person, code string) Shown {
	var p Shown
	s.do(who, "party.show", byID{s.ids[code]}, &p)
	return p
}
