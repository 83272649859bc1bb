package evidence

import (
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/text"
)

// The page: margins and line heights.
const (
	left    = 18 * pdf.MM
	right   = pdf.A4Width - 18*pdf.MM
	inset   = left + 34*pdf.MM // values beside their labels
	bottom  = 282 * pdf.MM
	leading = 4400 // µm between lines of body text
	tight   = 3700 // … of small print
)

var (
	heading = pdf.Style{Size: pdf.Pt(15), Bold: true}
	strong  = pdf.Style{Size: pdf.Pt(9), Bold: true}
	body    = pdf.Style{Size: pdf.Pt(9)}
	small   = pdf.Style{Size: pdf.Pt(7)}
)

// paper fills A4 pages from top to bottom; one is enough for a usual sending.
type paper struct {
	l    text.Lang
	doc  *pdf.Doc
	page *pdf.Page
	y    pdf.Length
}

func (f Facts) render(l text.Lang, code string) ([]byte, error) {
	p := &paper{l: l, doc: pdf.New(pdf.Meta{Title: text.T(l, "evidence.title"), Author: f.Company, Identifier: f.Sending, Created: f.Made})}
	p.next()
	p.page.TextCenter(pdf.A4Width/2, p.y+6*pdf.MM, text.T(l, "evidence.title"), heading)
	p.y += 13 * pdf.MM
	p.say(text.T(l, "evidence.lead", "company", f.Company), body, leading)
	p.y += 2 * pdf.MM
	p.part("sending")
	p.line("id", f.Sending)
	p.line("partner", f.Partner+" "+f.Honorific)
	p.line("subject", f.Subject)
	p.line("state", text.T(l, "dispatch.state."+string(f.State)))
	p.line("digest", f.Digest)
	p.part("people")
	p.act("prepared", f.Prepared)
	p.act("ticked", f.Ticked)
	p.act("approved", f.Approved)
	p.line("rules", f.Rules)
	p.part("recipients")
	for _, r := range f.Recipients {
		p.recipient(r)
	}
	p.part("documents")
	for _, d := range f.Documents {
		p.document(d)
	}
	p.part("log")
	p.line("origin", f.Log.Origin)
	p.line("size", text.T(l, "evidence.size_at", "size", f.Log.Size, "at", moment(f.Log.At)))
	p.line("root", f.Log.Root)
	p.part("code")
	p.room(14 * pdf.MM)
	p.page.Text(inset, p.y+5*pdf.MM, code, pdf.Style{Size: pdf.Pt(14), Bold: true})
	p.y += 8 * pdf.MM
	p.say(text.T(l, "evidence.how", "at", moment(f.Made)), small, tight)
	return p.doc.Bytes()
}

// moment writes a time in Japan time.
func moment(t time.Time) string {
	if t.IsZero() {
		return "―"
	}
	return t.In(civil.JST()).Format("2006-01-02 15:04:05 JST")
}

func (p *paper) next() {
	p.page, p.y = p.doc.AddPage(), 16*pdf.MM
}

func (p *paper) room(h pdf.Length) {
	if p.y+h > bottom {
		p.next()
	}
}

// part begins a part of the paper with its title over a rule.
func (p *paper) part(name string) {
	p.room(14 * pdf.MM)
	p.y += 3 * pdf.MM
	p.page.Text(left, p.y+3*pdf.MM, text.T(p.l, "evidence.part_"+name), strong)
	p.y += 4500
	p.page.Rule(left, p.y, right, p.y, pdf.MM/4)
	p.y += 1 * pdf.MM
}

// line is a label with its value, over as many lines as that takes.
func (p *paper) line(name, value string) {
	p.row(text.T(p.l, "evidence."+name), value, body, leading)
}

func (p *paper) row(label, value string, st pdf.Style, step pdf.Length) {
	if value == "" {
		value = "―"
	}
	for i, l := range pdf.Break(value, st.Size, right-inset) {
		p.room(step)
		if i == 0 {
			p.page.Text(left, p.y+3400, label, small)
		}
		p.page.Text(inset, p.y+3400, l, st)
		p.y += step
	}
}

func (p *paper) say(s string, st pdf.Style, step pdf.Length) {
	for _, l := range pdf.Break(s, st.Size, right-left) {
		p.room(step)
		p.page.Text(left, p.y+3400, l, st)
		p.y += step
	}
}

func (p *paper) act(name string, a Act) {
	value := text.T(p.l, "evidence.nobody")
	if !a.At.IsZero() && a.Name != "" {
		value = a.Name + "　" + moment(a.At)
	}
	p.line(name, value)
}

func (p *paper) recipient(r Recipient) {
	p.row(text.T(p.l, "evidence."+r.Kind), r.Address, strong, leading)
	p.row("", text.T(p.l, "dispatch.state."+string(r.State))+"　"+moment(r.At), body, leading)
	if r.Relay != "" {
		p.row(text.T(p.l, "evidence.relay"), r.Relay+"　"+r.TLS+"　"+r.Reply, small, tight)
	}
	if r.Bytes != "" {
		p.row(text.T(p.l, "evidence.bytes"), r.Bytes, small, tight)
	}
}

func (p *paper) document(d Document) {
	what := d.Name
	if d.Number != "" {
		what += "　" + text.T(p.l, "evidence.claims", "number", d.Number, "date", d.Date.String(), "amount", d.Amount.String())
	}
	p.row("", what, body, leading)
	p.row("SHA-256", d.Digest, small, tight)
}
