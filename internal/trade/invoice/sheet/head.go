package sheet

import (
	"strings"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/pdf"
)

// The address shows through the window (90 × 45 mm, 20 mm from the left and
// 12 mm from the top) of a 長形3号 envelope when the sheet is folded in three;
// nothing else stands where the window is.
const (
	addressX     = 22 * pdf.MM
	addressWidth = 80 * pdf.MM
	windowEnd    = 58 * pdf.MM
	issuerX      = 122 * pdf.MM
	issuerWidth  = right - issuerX
	sealSize     = 21 * pdf.MM
	logoWidth    = 46 * pdf.MM
	logoHeight   = 12 * pdf.MM
)

func joined(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, " ")
}

func hasBreak(s string) bool { return strings.ContainsRune(s, '\n') }

// head writes the first page down to the total.
func (f *flow) head() error {
	f.next()
	f.address()
	if f.y > bottom-40*pdf.MM {
		return fault.Invalid("sheet.long_partner").At("partner")
	}
	letter := max(f.y+3*pdf.MM, windowEnd)
	f.y = top
	if err := f.issuer(); err != nil {
		return err
	}
	if f.y > bottom-40*pdf.MM {
		return fault.Invalid("sheet.long_issuer").At("issuer")
	}
	first, end := f.page, f.y
	f.y = letter
	f.letter()
	if f.page == first {
		f.y = max(f.y, end)
	}
	f.y += 3 * pdf.MM
	f.total()
	return nil
}

// block writes s at x within width, shrunk or broken, and moves down.
func (f *flow) block(x, width pdf.Length, s string, st pdf.Style) {
	if s == "" {
		return
	}
	lines, st := fitted(s, width, st, max(small.Size, st.Size*5/6))
	step := max(leading, st.Size*13/10)
	for _, l := range lines {
		f.page.Text(x, f.y+step-pdf.MM, l, st)
		f.y += step
	}
}

func (f *flow) address() {
	p := f.s.Partner
	if p.PostalCode != "" {
		f.block(addressX, addressWidth, "〒"+p.PostalCode, body)
	}
	for _, a := range p.Address {
		f.block(addressX, addressWidth, a, body)
	}
	f.y += 1500
	f.block(addressX, addressWidth, joined(p.Name, p.Honorific), pdf.Style{Size: pdf.Pt(12), Bold: true})
	f.block(addressX, addressWidth, p.Department, pdf.Style{Size: pdf.Pt(10)})
	f.block(addressX, addressWidth, joined(p.Contact, p.ContactHonorific), pdf.Style{Size: pdf.Pt(10)})
}

func (f *flow) issuer() error {
	f.page.Text(issuerX, f.y+8*pdf.MM, f.s.title(), f.titleStyle())
	f.y += 11 * pdf.MM
	f.page.Rule(issuerX, f.y, right, f.y, frame)
	f.y += pdf.MM
	f.pair(f.s.key("number"), f.s.Number)
	f.pair("issued", longDate(f.s.IssuedOn, f.s.IssuedOnText))
	if f.s.ReturnedOn != "" {
		f.pair("returned", longDate(f.s.ReturnedOn, ""))
	}
	for _, o := range f.s.origins() {
		f.pair(o.key+".number", o.Number)
		f.pair(o.key+".issued", longDate(o.IssuedOn, ""))
	}
	if f.s.PeriodFrom != "" || f.s.PeriodTo != "" {
		f.pair("period", slashDate(f.s.PeriodFrom)+"～"+slashDate(f.s.PeriodTo))
	}
	f.y += 3 * pdf.MM
	if err := f.pictures(); err != nil {
		return err
	}
	o := f.s.Issuer
	f.block(issuerX, issuerWidth, o.Name, pdf.Style{Size: pdf.Pt(11), Bold: true})
	if o.RegistrationNumber != "" {
		f.block(issuerX, issuerWidth, label("registration")+" "+o.RegistrationNumber, body)
	}
	if o.PostalCode != "" {
		f.block(issuerX, issuerWidth, "〒"+o.PostalCode, body)
	}
	for _, a := range o.Address {
		f.block(issuerX, issuerWidth, a, body)
	}
	for _, e := range []struct{ key, value string }{{"tel", o.Tel}, {"fax", o.Fax}, {"email", o.Email}, {"contact", o.Contact}} {
		if e.value != "" {
			f.block(issuerX, issuerWidth, label(e.key)+" "+e.value, body)
		}
	}
	return nil
}

// pair writes a value beside its label in the issuer's column.
func (f *flow) pair(key, value string) {
	const indent = 22 * pdf.MM
	f.page.Text(issuerX, f.y+leading-pdf.MM, label(key), body)
	f.block(issuerX+indent, issuerWidth-indent, value, body)
}

// pictures draws the logo above the issuer's name and the seal beside it; the
// seal comes first, so the text stands above it and stays readable.
func (f *flow) pictures() error {
	if len(f.s.Logo) > 0 {
		img, err := pdf.DecodePNG(f.s.Logo)
		if err != nil {
			return fault.Of(err).At("logo")
		}
		w, h := within(img, logoWidth, logoHeight)
		f.page.Picture(img, issuerX, f.y, w, h)
		f.y += h + 2*pdf.MM
	}
	if len(f.s.Seal) > 0 {
		img, err := pdf.DecodePNG(f.s.Seal)
		if err != nil {
			return fault.Of(err).At("seal")
		}
		w, h := within(img, sealSize, sealSize)
		f.page.Picture(img, right-w, f.y, w, h)
	}
	return nil
}

// within scales a picture into a box, keeping its proportions.
func within(img *pdf.Image, w, h pdf.Length) (pdf.Length, pdf.Length) {
	iw, ih := pdf.Length(img.Width), pdf.Length(img.Height)
	if iw*h > ih*w {
		return w, ih * w / iw
	}
	return iw * h / ih, h
}

// letter writes subject and message to the left of the issuer.
func (f *flow) letter() {
	const indent, end = 12 * pdf.MM, issuerX - 8*pdf.MM
	if f.s.Subject != "" {
		f.page.Text(left, f.y+leading-pdf.MM, label("subject"), body)
		f.paragraph(left+indent, end, f.s.Subject, pdf.Style{Size: pdf.Pt(10), Bold: true})
		f.page.Rule(left, f.y+pdf.MM, end, f.y+pdf.MM, hairline)
		f.y += 3 * pdf.MM
	}
	if f.s.Message != "" {
		f.paragraph(left, end, f.s.Message, body)
	}
}

// total is what the reader looks for: how much, until when.
func (f *flow) total() {
	const height, width = 13 * pdf.MM, 104 * pdf.MM
	f.room(height)
	f.page.Frame(left, f.y, width, height, frame)
	base := f.y + height/2 + 2*pdf.MM
	f.page.Text(left+4*pdf.MM, base-pdf.MM/2, label(f.s.key("total")), pdf.Style{Size: pdf.Pt(10), Bold: true})
	f.page.TextRight(left+width-4*pdf.MM, base+pdf.MM/2, "¥"+yen(f.s.Total), f.amount(f.s.Total, 58*pdf.MM, pdf.Pt(18)))
	if due := longDate(f.s.DueOn, f.s.DueOnText); due != "" {
		x := left + width + 4*pdf.MM
		f.page.Frame(x, f.y, right-x, height, hairline)
		f.page.Text(x+4*pdf.MM, f.y+5*pdf.MM, label("due"), small)
		size, _ := pdf.Fit(due, right-x-8*pdf.MM, pdf.Pt(11), pdf.MM/10)
		f.page.Text(x+4*pdf.MM, f.y+10500, due, pdf.Style{Size: size, Bold: true})
	}
	f.y += height + 4*pdf.MM
}

// amount is bold type in which ¥n fits into width.
func (f *flow) amount(n int64, width, most pdf.Length) pdf.Style {
	size, _ := pdf.Fit("¥"+yen(n), width, most, tiny)
	return pdf.Style{Size: size, Bold: true}
}
