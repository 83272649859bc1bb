package demo

import (
	"strings"

	"sekisho/internal/kernel/civil"
)

// billing is one day on which invoices were issued, and how many of them were
// sent by mail the same day.
type billing struct {
	on           civil.Date
	issued, sent int
}

// billings are the days of the books: the 20th and the last of every month,
// more of them sent lately than long ago.
func (s *seeder) billings() []billing {
	today := civil.Of(s.now())
	var out []billing
	for m := -14; m <= 0; m++ {
		month := today.AddDays(1 - today.Day()).AddMonths(m)
		sent := 1
		if m >= -1 {
			sent = 3
		}
		out = append(out, billing{month.AddDays(9), 2, 0}, billing{month.AddDays(19), 3, sent}, billing{month.EndOfMonth(), 8, sent})
	}
	return out
}

// unverified is the partner whose address nobody has verified: it is another's.
const unverified = "000122"

// invoices are issued from the first week to three days ago.
func (s *seeder) invoices() {
	codes := s.codes()
	next, first, last := 0, s.first.AddDays(5), civil.Of(s.now()).AddDays(-3)
	for _, b := range s.billings() {
		if b.on.Before(first) || b.on.After(last) {
			continue
		}
		today := s.on(s.first.DaysUntil(b.on), 9)
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
			if len(sent) < b.sent && code != unverified {
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
func (s *seeder) post(biller *Person, code string, i Invoice) Sending {
	p := s.partner(biller, code)
	if s.err != nil {
		return Sending{}
	}
	out, err := s.send(s.ctx, biller, s.of("controller", 1), s.packed(biller, code, p.verified().Address, i))
	s.keep("sending to "+code, err)
	s.House.Clock.Pass(s.App.Config.Mail.Hold())
	s.work()
	return out
}

// packed is an invoice with its letter, to an address.
func (s *seeder) packed(biller *Person, code, address string, i Invoice) Package {
	p := s.partner(biller, code)
	s.do(biller, "invoice.show", byID{i.ID}, &i)
	return Package{Party: s.ids[code], Recipients: []Recipient{{Kind: "to", Address: address}},
		Subject: "ご請求書（" + i.Number + "）の送付", Body: letter(p.Party.Name), Documents: []string{i.Document}, Purpose: "invoice"}
}

// issued is a fresh invoice with its PDF.
func (s *seeder) issued(biller *Person, code string, day civil.Date) Invoice {
	return s.billed(biller, s.draft(code, day))
}

func (s *seeder) billed(biller *Person, d Draft) (i Invoice) {
	if s.err != nil {
		return i
	}
	i, err := s.bill(s.ctx, biller, d)
	s.keep("invoice", err)
	s.work()
	s.do(biller, "invoice.show", byID{i.ID}, &i)
	return i
}

// corrections are one of every kind: corrected, given back, cancelled, and void
// before anybody had it.
func (s *seeder) corrections() {
	day := s.ago(24, 14)
	clerk := s.of("accounting", 0)
	less := []Line{{Date: day.AddDays(-2), Slip: "D-58801", Description: "業務用中性洗剤 18L", Quantity: "2", Unit: "缶", UnitPrice: "6300", Category: "standard"}}
	back := []Line{{Date: day, Description: "外箱の破損によるお値引き", Quantity: "1", Unit: "式", UnitPrice: "500", Category: "standard"}}
	for _, c := range []struct {
		code, op, reason string
		lines            []Line
	}{
		{"000104", "invoice.correct", "単価の誤りが見つかったため", less},
		{"000108", "invoice.credit", "外箱の破損による値引きのため", back},
		{"000106", "invoice.cancel", "ご注文の取り消しがあったため", nil},
		{"000110", "invoice.void_reissue", "宛名の部署名を直して再発行するため（まだお渡ししていません）", nil},
	} {
		d := s.draft(c.code, day)
		d.Lines = append(d.Lines[:1], less[0])
		old := s.billed(clerk, d)
		in := map[string]any{"id": old.ID, "reason": c.reason}
		if c.lines != nil {
			in["lines"] = c.lines
		}
		var draft Invoice
		s.do(clerk, c.op, in, &draft)
		if c.op != "invoice.void_reissue" {
			s.do(clerk, "invoice.issue", map[string]any{"id": draft.ID, "version": draft.Version}, nil)
		}
		s.work()
	}
}

// payments are what arrived for what was due; a few are late.
func (s *seeder) payments() {
	clerk, today := s.of("accounting", 2), civil.Of(s.House.Clock.Now())
	var page struct {
		Invoices []struct {
			ID       string     `json:"id"`
			Version  int64      `json:"version"`
			Due      civil.Date `json:"due"`
			Standing string     `json:"standing"`
		} `json:"invoices"`
		Next string `json:"next"`
	}
	for n := 0; s.err == nil; {
		after := page.Next
		page.Next, page.Invoices = "", nil
		s.do(clerk, "invoice.list", map[string]any{"state": "ready", "limit": 200, "after": after}, &page)
		for _, i := range page.Invoices {
			if i.Due.IsZero() || !i.Due.Before(today) || i.Standing != "" {
				continue
			}
			n++
			if late := i.Due.DaysUntil(today); n%oneLateIn == 5 && late < 75 {
				continue
			}
			s.do(clerk, "invoice.settle", map[string]any{"id": i.ID, "version": i.Version, "on": i.Due}, nil)
		}
		if page.Next == "" {
			return
		}
	}
}

// oneLateIn so many invoices is not paid in time.
const oneLateIn = 7

// slip is an address with one letter that is another.
func slip(address string) string {
	name, domain, _ := strings.Cut(address, "@")
	for _, x := range [][2]string{{"sho", "syo"}, {"shi", "si"}, {"i", "l"}, {"a", "o"}} {
		if strings.Contains(domain, x[0]) {
			return name + "@" + strings.Replace(domain, x[0], x[1], 1)
		}
	}
	return name + "@x" + domain
}
