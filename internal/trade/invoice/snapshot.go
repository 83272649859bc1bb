package invoice

import (
	"strings"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
	"sekisho/internal/trade/invoice/sheet"
)

// printed is what is frozen at issue: the sheet, with its pictures by digest.
type printed struct {
	Sheet sheet.Snapshot `json:"sheet"`
	Logo  string         `json:"logo,omitempty"` // blob digests
	Seal  string         `json:"seal,omitempty"`

	Classes []money.Group `json:"classes,omitempty"` // the amounts by rate and category
}

// word is a printed word of an invoice, which is in Japanese.
func word(key string, args ...any) string { return text.T(text.JA, "invoice."+key, args...) }

// draw puts everything that is printed together, except id and number.
func draw(d Draft, b Bill, o org.Profile, p party.Party, to *party.Contact) printed {
	s := sheet.Snapshot{
		Layout: sheet.Layout, IssuedOn: d.Date.String(), DueOn: d.Due.String(),
		PeriodFrom: d.PeriodFrom.String(), PeriodTo: d.PeriodTo.String(),
		Partner: addressee(o, p, to), Issuer: sender(o), Accounts: accounts(o, d.Account),
		Subject: d.Subject, Message: d.Message, Notes: d.Notes,
		TaxIncluded: d.pricing() == money.TaxInclusive, Delivery: d.Delivery,
		Tax: int64(b.Tax), Total: int64(b.Total),
	}
	for i, item := range b.Items {
		l := Line{Description: d.Discount.Description}
		if i < len(d.Lines) {
			l = d.Lines[i]
		}
		s.Lines = append(s.Lines, row(l, item))
	}
	for _, g := range b.Groups {
		base := g.Base
		if s.TaxIncluded {
			base = g.Total
		}
		s.Base += int64(base)
		s.Rates = append(s.Rates, sheet.Rate{Label: rateHeading(g.Class), Reduced: reduced(g.Class), Base: int64(base), Tax: int64(g.Tax)})
	}
	return printed{Sheet: s, Logo: o.Logo, Seal: o.Seal, Classes: b.Groups}
}

// row is a line as printed; a remark and the parts of a discount have no quantity.
func row(l Line, item money.Line) sheet.Line {
	r := sheet.Line{
		Date: l.Date.String(), Slip: l.Slip, Description: l.Description, Unit: l.Unit,
		Rate: rateName(item.Class), Reduced: reduced(item.Class), Amount: int64(item.Amount),
	}
	if !l.Quantity.IsZero() || !l.UnitPrice.IsZero() {
		r.Quantity, r.UnitPrice = l.Quantity.Grouped(), l.UnitPrice.Grouped()
	}
	if l.Note != "" {
		r.Description += "\n" + l.Note
	}
	return r
}

// reduced tells whether a line bears the ※ of the reduced rate (軽減税率の対象).
func reduced(c money.Class) bool { return c.Category == money.Reduced || c.Category == money.Food }

func rateName(c money.Class) string {
	switch {
	case c.Category == "":
		return ""
	case c.Percent == 0:
		return word("untaxed." + string(c.Category))
	}
	return c.Percent.String()
}

func rateHeading(c money.Class) string {
	switch {
	case c.Percent == 0:
		return word("untaxed." + string(c.Category))
	case c.Category == money.Standard && c.Percent == 8: // not to be taken for the reduced 8 %
		return word("rate_old", "percent", c.Percent)
	}
	return word("rate", "percent", c.Percent)
}

// addressee is the partner, or a person there: then 様 stands after the person
// and nothing after the name.
func addressee(o org.Profile, p party.Party, to *party.Contact) sheet.Partner {
	s := sheet.Partner{PostalCode: p.PostalCode, Address: []string{p.Address}, Name: p.Name, Honorific: p.Honorific}
	switch {
	case to != nil:
		s.Department, s.Contact = to.Section, to.Name
		s.Honorific, s.ContactHonorific = "", o.HonorificPerson
	case s.Honorific == "":
		s.Honorific = jp.Honorific(p.Name, "", "")
	}
	return s
}

func sender(o org.Profile) sheet.Issuer {
	return sheet.Issuer{
		Name: o.Name, RegistrationNumber: string(o.RegistrationNumber),
		PostalCode: o.PostalCode, Address: []string{o.Address}, Tel: o.Phone, Fax: o.Fax,
	}
}

// AccountKey names an own bank account for a draft's choice.
func AccountKey(a org.BankAccount) string {
	return strings.Join([]string{a.BankCode, a.BranchCode, a.Kind, a.Number}, "-")
}

// accounts are the own accounts that are printed: the chosen one, else all.
func accounts(o org.Profile, chosen string) []sheet.Account {
	var list []sheet.Account
	for _, a := range o.BankAccounts {
		if chosen == "" || chosen == AccountKey(a) {
			list = append(list, sheet.Account{
				Bank: a.BankName, BankCode: a.BankCode, Branch: a.BranchName, BranchCode: a.BranchCode,
				Kind: word("account." + a.Kind), Number: a.Number, Holder: a.Holder,
			})
		}
	}
	return list
}

// issuerOf and partnerOf are what the rules ask of the two sides.
func issuerOf(o org.Profile) Issuer {
	i := Issuer{Name: o.Name, RegistrationNumber: string(o.RegistrationNumber), Rounding: o.Rounding}
	for _, a := range o.BankAccounts {
		i.Accounts = append(i.Accounts, AccountKey(a))
	}
	return i
}

func partnerOf(p party.Party) Partner { return Partner{Name: p.Name, Active: p.State == party.Active} }
