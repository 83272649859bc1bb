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
	for range 1 + s.rand.IntN(4) {
		g := all[s.rand.IntN(len(all))]
		d.Lines = append(d.Lines, Line{Date: day.AddDays(-1 - s.rand.IntN(6)), Slip: fmt.Sprintf("D-%05d", 40000+s.rand.IntN(20000)),
			Description: g.name, Quantity: strconv.Itoa(max(1, (12_000+s.rand.IntN(70_000))*season(day)/100/g.price)), Unit: g.unit, UnitPrice: strconv.Itoa(g.price), Category: g.category})
	}
	return d
}

// season is how busy a month is, in percent: an office buys most at the end of
// the year and of the fiscal year, and more from year to year.
func season(day civil.Date) int {
	busy := [13]int{0, 84, 92, 138, 104, 90, 96, 100, 82, 104, 108, 112, 142}
	return busy[day.Month()] + 9*(day.Year()-2025)
}

// letter is the body of a mail.
func letter(partner string) string {
	return partner + " 御中\n\nいつもお世話になっております。北斗サプライ株式会社 経理部です。\n請求書をお送りいたします。ご確認のほど、よろしくお願いいたします。\n"
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
