package judgement

import (
	"errors"
	"fmt"
	"time"

	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/civil"
)

// letter is a sending before it is prepared.
type letter struct {
	to            *partner
	recipients    []demo.Recipient
	subject, body string
	documents     []string
	purpose       string
	bill          *invoice // the one in it, remembered once it was sent
	barred        string   // why it could not even be made
}

// to and cc are recipients.
func to(address string) demo.Recipient { return demo.Recipient{Kind: "to", Address: address} }
func cc(address string) demo.Recipient { return demo.Recipient{Kind: "cc", Address: address} }

func (l *letter) text(subject, body string) { l.subject, l.body = subject, body }

// check is the answer of dispatch.check as far as it is judged.
type check struct {
	State    string `json:"state"`
	Digest   string `json:"digest"`
	Findings []struct {
		Level  string `json:"level"`
		Key    string `json:"key"`
		Shown  string `json:"shown"`
		Second bool   `json:"second"`
	} `json:"findings"`
	Ticks []struct {
		Tick string `json:"tick"`
	} `json:"ticks"`
}

// judge tells the weightiest of what was found, with all of that weight.
func (c check) judge(o *Outcome) {
	o.Found = map[string]Level{}
	for _, f := range c.Findings {
		l := Quiet
		switch {
		case f.Level == "stop":
			l = Stopped
		case f.Level == "caution" && f.Second:
			l = Second
		case f.Level == "caution":
			l = Amber
		}
		o.Found[f.Key] = max(o.Found[f.Key], l)
		if l > o.Level {
			o.Level, o.Why = l, nil
		}
		if l == o.Level && l > Quiet {
			o.Why = append(o.Why, f.Key+" "+f.Shown)
		}
	}
}

// look prepares and checks a letter and says what the gate found. The package
// is left as it is then.
func (h *house) look(kind, name string, l letter) (Outcome, check, string) {
	h.t.Helper()
	o := Outcome{Kind: kind, Name: name, Files: len(l.documents)}
	if l.barred != "" {
		o.Level, o.Why = Barred, []string{l.barred}
		return o, check{}, ""
	}
	var s struct {
		ID string `json:"id"`
	}
	err := h.Troupe.Act(bg, h.biller, "dispatch.prepare", demo.Package{Party: l.to.id, Recipients: l.recipients, Subject: l.subject, Body: l.body,
		Documents: append([]string{}, l.documents...), Purpose: l.purpose}, &s)
	if k := h.refusal(err); k != "" {
		o.Level, o.Why = Barred, []string{k}
		return o, check{}, ""
	}
	var c check
	began := time.Now()
	h.do("dispatch.check", m{"id": s.ID}, &c)
	o.Took = time.Since(began)
	c.judge(&o)
	if stopped := c.State == "stopped"; stopped != (o.Level == Stopped) {
		h.t.Fatalf("%s: %s with %+v", name, c.State, c.Findings)
	}
	return o, c, s.ID
}

// try looks at a letter that is not to be sent, and cancels it.
func (h *house) try(kind, name string, l letter) Outcome {
	h.t.Helper()
	o, _, id := h.look(kind, name, l)
	if id != "" {
		h.do("dispatch.cancel", m{"id": id, "reason": "判定の試験のため取りやめます"}, nil)
	}
	return o
}

// confirm ticks everything and lets a package go into its countdown, with a
// second person where one is asked for.
func (h *house) confirm(id string, c check) {
	h.t.Helper()
	ticks := []string{}
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	h.do("dispatch.confirm", m{"id": id, "digest": c.Digest, "ticks": ticks}, nil)
	err := h.Troupe.Act(bg, h.biller, "dispatch.release", m{"id": id, "digest": c.Digest}, nil)
	var s *demo.Stop
	switch {
	case err == nil:
	case errors.As(err, &s) && s.Request != "":
		if err := h.Troupe.Approve(bg, h.second, s.Request); err != nil {
			h.t.Fatal(err)
		}
	default:
		h.t.Fatal(err)
	}
}

// send sends a lawful letter as far as the gate lets it.
func (h *house) send(kind, name string, l letter) Outcome {
	h.t.Helper()
	o, c, id := h.look(kind, name, l)
	if o.Level >= Stopped {
		return o
	}
	h.confirm(id, c)
	if l.bill != nil {
		l.to.last = *l.bill
	}
	return o
}

// deliver lets the countdown of all that is held end, and the relay take it.
func (h *house) deliver() {
	h.t.Helper()
	h.Pass(h.App.Config.Mail.Hold() + time.Second)
	for {
		n, _, err := h.worker.Once(bg)
		if err != nil {
			h.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// line is one line of an invoice or a quote.
type line struct {
	what, note, unit string
	quantity, price  int64
	reduced          bool
}

// wares are what is sold. Some bear a word that is also a customer's name.
var wares = []line{
	{what: "コピー用紙 A4 500枚×10冊", unit: "箱", price: 2980}, {what: "業務用中性洗剤 18L", unit: "缶", price: 6450},
	{what: "ニトリル手袋 M 100枚入", unit: "箱", price: 1180}, {what: "LED直管ランプ 40形", unit: "本", price: 2240},
	{what: "スチール棚 W900×D450×H1800", unit: "台", price: 18600}, {what: "安全靴 26.0cm", unit: "足", price: 7800},
	{what: "煎茶ティーバッグ 100P", unit: "袋", price: 1250, reduced: true}, {what: "保存水 500ml×24本", unit: "箱", price: 2160, reduced: true},
	{what: "トナーカートリッジ HT-410", unit: "本", price: 13200}, {what: "深溝玉軸受 6204ZZ", unit: "個", price: 640},
	{what: "光ケーブル 2芯 100m", unit: "巻", price: 9800}, {what: "六角ボルト M8×30 ステンレス", unit: "箱", price: 2150},
	{what: "アルミアングル 30×30×2m", unit: "本", price: 1320}, {what: "切削油 20L", unit: "缶", price: 11900},
	{what: "養生テープ 50mm×25m 緑", unit: "箱", price: 7560}, {what: "中央制御盤用リレー 24V", unit: "個", price: 3480},
}

// order is what somebody bought in a month: three to six wares that come to
// about sum yen before tax.
func (h *house) order(sum int64) []line {
	n := 3 + h.rand.IntN(4)
	each := sum / int64(n)
	var out []line
	for _, i := range h.rand.Perm(len(wares)) {
		l := wares[i]
		if l.price > each || len(out) == n {
			continue // nobody with a small account buys a shelf a month
		}
		l.quantity = (each + l.price/2) / l.price
		out = append(out, l)
	}
	return out
}

// issue issues and renders an invoice.
func (h *house) issue(p *partner, subject string, lines []line, contact string) *invoice {
	h.t.Helper()
	today := h.today()
	draft := m{"party": p.id, "date": today, "delivery": true, "subject": subject, "contact": contact}
	var ls []m
	for _, l := range lines {
		h.slip++
		category := map[bool]string{false: "standard", true: "reduced"}[l.reduced]
		ls = append(ls, m{"date": today.AddDays(-1 - h.rand.IntN(9)), "slip": fmt.Sprintf("D-%05d", h.slip), "description": l.what, "note": l.note,
			"quantity": fmt.Sprint(l.quantity), "unit": l.unit, "unit_price": fmt.Sprint(l.price), "category": category})
	}
	draft["lines"] = ls
	var i invoice
	h.do("invoice.draft", draft, &i.Invoice)
	h.do("invoice.issue", m{"id": i.ID, "version": i.Version}, &i)
	h.Work(h.t)
	h.do("invoice.show", m{"id": i.ID}, &i)
	if i.Document == "" || i.Due.IsZero() {
		h.t.Fatal("not rendered: ", i.Number)
	}
	return &i
}

// upload archives a file for a partner; refused, it gives why.
func (h *house) upload(p *partner, kind, name string, content []byte, more m) (id, refused string) {
	h.t.Helper()
	in := m{"name": name, "content": content, "kind": kind, "direction": "internal"}
	if p != nil {
		in["party"] = p.id
	}
	for k, v := range more {
		in[k] = v
	}
	var made struct {
		ID string `json:"id"`
	}
	err := h.Troupe.Act(bg, h.colleague, "document.upload", in, &made)
	return made.ID, h.refusal(err)
}

// file is upload of what must be taken.
func (h *house) file(p *partner, kind, name string, content []byte) string {
	h.t.Helper()
	id, refused := h.upload(p, kind, name, content, nil)
	if refused != "" {
		h.t.Fatal(name, " ", refused)
	}
	return id
}

// monthOf is the first day of a month of the year, which begins in April 2027.
func monthOf(n int) civil.Date {
	d := civil.MustParse("2027-04-01").Start().AddDate(0, n, 0)
	return civil.Of(d)
}

// title is how people call a month.
func title(n int) string {
	d := monthOf(n)
	return fmt.Sprintf("%d年%d月分", d.Year(), int(d.Month()))
}

// closing is the last day of a month on which people work.
func closing(n int) civil.Date {
	d := monthOf(n + 1).AddDays(-1)
	for !working(d) {
		d = d.AddDays(-1)
	}
	return d
}
