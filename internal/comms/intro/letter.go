package intro

import (
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/text"
)

// letter is a 案内状 to one partner: what changes, and how to tell a true mail
// from a false one.
type letter struct {
	To      []string // lines of the address, as they show through the window
	Partner string   // with 敬称
	Company string
	Address string // of ours, with 〒
	Phone   string
	From    string // address that mails come from
	Portal  string // origin of the portal
	On      civil.Date
	Left    pdf.Length // of the address
	Top     pdf.Length
}

// parts are what a letter says, in its order.
func parts() []string {
	return []string{"change", "from", "portal", "asked", "check", "ask", "other"}
}

func label(key string, args ...any) string { return text.T(text.JA, "intro."+key, args...) }

// say is one part in words.
func (l letter) say(part string) string {
	return label("say."+part, "from", l.From, "portal", l.Portal, "company", l.Company, "phone", l.Phone)
}

// mail is the letter as the text of a mail.
func (l letter) mail() string {
	var b strings.Builder
	b.WriteString(l.Partner + "\n\n" + label("lead") + "\n")
	for _, p := range parts() {
		b.WriteString("\n■ " + label("head."+p) + "\n" + l.say(p) + "\n")
	}
	b.WriteString("\n" + l.Company + "\n" + l.Address + "\n")
	return b.String()
}

const (
	margin     = 22 * pdf.MM
	width      = pdf.A4Width - 2*margin
	blockWidth = 82 * pdf.MM
	below      = 100 * pdf.MM // first fold: nothing but the address stands in the window
	footer     = 280 * pdf.MM
)

// draw puts the letter on one sheet of A4, folded in three for a window envelope.
func (l letter) draw(d *pdf.Doc) error {
	p := d.AddPage()
	y := l.Top
	for _, s := range l.To {
		size, _ := pdf.Fit(s, blockWidth, pdf.Pt(11), pdf.Pt(7))
		for _, part := range pdf.Break(s, size, blockWidth) {
			y += 5 * pdf.MM
			p.Text(l.Left, y, part, pdf.Style{Size: size})
		}
	}
	at := 22 * pdf.MM
	p.TextRight(pdf.A4Width-margin, at, label("date", "year", l.On.Year(), "month", int(l.On.Month()), "day", l.On.Day()), pdf.Style{Size: pdf.Pt(10)})
	for _, s := range []string{l.Company, l.Address, "TEL " + l.Phone} {
		size, _ := pdf.Fit(s, 70*pdf.MM, pdf.Pt(10), pdf.Pt(9))
		for _, part := range pdf.Break(s, size, 70*pdf.MM) {
			at += 5 * pdf.MM
			p.TextRight(pdf.A4Width-margin, at, part, pdf.Style{Size: size})
		}
	}
	y = max(below, y+8*pdf.MM)
	size, _ := pdf.Fit(label("subject"), width, pdf.Pt(14), pdf.Pt(9))
	p.TextCenter(pdf.A4Width/2, y, label("subject"), pdf.Style{Size: size, Bold: true})
	y += 10 * pdf.MM
	lines := func(s string, x pdf.Length, st pdf.Style) {
		for _, part := range pdf.Break(s, st.Size, pdf.A4Width-margin-x) {
			p.Text(x, y, part, st)
			y += 54 * pdf.MM / 10
		}
	}
	body := pdf.Style{Size: pdf.Pt(10)}
	lines(l.Partner, margin, pdf.Style{Size: pdf.Pt(11), Bold: true})
	y += pdf.MM
	lines(label("lead"), margin, body)
	for _, part := range parts() {
		y += 2 * pdf.MM
		lines("■ "+label("head."+part), margin, pdf.Style{Size: pdf.Pt(10), Bold: true})
		lines(l.say(part), margin+5*pdf.MM, body)
	}
	if y > footer {
		return fault.Refused("intro.too_long", "name", l.Partner)
	}
	return nil
}

// sheet makes one PDF of letters, a sheet for each.
func sheet(list []letter) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	d := pdf.New(pdf.Meta{Title: label("subject"), Author: list[0].Company, Created: list[0].On.Start()})
	for _, l := range list {
		if err := l.draw(d); err != nil {
			return nil, err
		}
	}
	return d.Bytes()
}
