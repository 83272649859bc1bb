package sheet

import (
	"fmt"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/pdf"
)

// checker gathers every fault of a snapshot, so that all are mended at once.
type checker struct{ faults []*fault.Error }

// text asks a glyph for every character; part names the sentence.
func (c *checker) text(path, part, value string, args ...any) {
	if r, missing := pdf.Missing(value); missing {
		args = append([]any{"char", pdf.Show(r)}, args...)
		c.faults = append(c.faults, fault.Invalid("sheet.no_glyph."+part, args...).At(path))
	}
}

// date takes "" or a civil date.
func (c *checker) date(path, value string) {
	if value == "" {
		return
	}
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		c.faults = append(c.faults, fault.Invalid("sheet.date", "value", value).At(path))
	}
}

func check(s Snapshot) error {
	if s.Layout < 1 || s.Layout > Layout || s.Check != nil && s.Layout < 2 {
		return fault.Invalid("sheet.layout", "layout", s.Layout).At("layout")
	}
	if s.Kind != Invoice && s.Kind != Return && s.Kind != Cancel {
		return fault.Invalid("sheet.kind", "value", string(s.Kind)).At("kind")
	}
	var c checker
	c.date("issued_on", s.IssuedOn)
	c.date("due_on", s.DueOn)
	c.date("period_from", s.PeriodFrom)
	c.date("period_to", s.PeriodTo)
	c.date("returned_on", s.ReturnedOn)
	for _, o := range s.origins() {
		c.date(o.key+".issued_on", o.IssuedOn)
		c.text(o.key+".number", "number", o.Number)
	}
	c.text("number", "number", s.Number)
	c.text("issued_on_text", "date", s.IssuedOnText)
	c.text("due_on_text", "date", s.DueOnText)
	c.text("subject", "subject", s.Subject)
	c.text("message", "message", s.Message)
	c.text("notes", "notes", s.Notes)
	if s.Check != nil {
		c.text("check.code", "check", s.Check.Code)
		c.text("check.address", "check", s.Check.Address)
	}
	c.partner(s.Partner)
	c.issuer(s.Issuer)
	for i, a := range s.Accounts {
		at := fmt.Sprintf("accounts[%d].", i)
		c.text(at+"bank", "account", a.Bank)
		c.text(at+"bank_code", "account", a.BankCode)
		c.text(at+"branch", "account", a.Branch)
		c.text(at+"branch_code", "account", a.BranchCode)
		c.text(at+"kind", "account", a.Kind)
		c.text(at+"number", "account", a.Number)
		c.text(at+"holder", "account", a.Holder)
	}
	for i, l := range s.Lines {
		c.line(i, l)
	}
	for i, r := range s.Rates {
		c.text(fmt.Sprintf("rates[%d].label", i), "rate", r.Label)
	}
	return fault.Several(c.faults...)
}

func (c *checker) partner(p Partner) {
	c.text("partner.postal_code", "partner", p.PostalCode)
	for i, a := range p.Address {
		c.text(fmt.Sprintf("partner.address[%d]", i), "partner", a)
	}
	c.text("partner.name", "partner", p.Name)
	c.text("partner.honorific", "partner", p.Honorific)
	c.text("partner.department", "partner", p.Department)
	c.text("partner.contact", "partner", p.Contact)
	c.text("partner.contact_honorific", "partner", p.ContactHonorific)
}

func (c *checker) issuer(o Issuer) {
	c.text("issuer.name", "issuer", o.Name)
	c.text("issuer.registration_number", "issuer", o.RegistrationNumber)
	c.text("issuer.postal_code", "issuer", o.PostalCode)
	for i, a := range o.Address {
		c.text(fmt.Sprintf("issuer.address[%d]", i), "issuer", a)
	}
	c.text("issuer.tel", "issuer", o.Tel)
	c.text("issuer.fax", "issuer", o.Fax)
	c.text("issuer.email", "issuer", o.Email)
	c.text("issuer.contact", "issuer", o.Contact)
}

func (c *checker) line(i int, l Line) {
	at := fmt.Sprintf("lines[%d].", i)
	c.date(at+"date", l.Date)
	for _, f := range []struct{ name, value string }{
		{"slip", l.Slip}, {"description", l.Description}, {"quantity", l.Quantity},
		{"unit", l.Unit}, {"unit_price", l.UnitPrice}, {"rate", l.Rate},
	} {
		c.text(at+f.name, "line", f.value, "line", i+1)
	}
}
