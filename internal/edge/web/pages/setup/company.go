package setup

import (
	"bytes"
	"strconv"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"
)

type companyData struct {
	Now      org.Shown
	Numbered bool
	Account  org.BankAccount
	Rounding []money.Rounding
	Months   []int
	Digit    string // what the check digit of the T番号 is, and what it should be
}

func companyPage(q *page.Req) (page.Answer, error) {
	var d companyData
	var err error
	if d.Now, err = issuerNow(q); err != nil {
		return page.Answer{}, err
	}
	if d.Numbered, err = hasSeries(q); err != nil {
		return page.Answer{}, err
	}
	if d.Now.Name == "" {
		d.Now.Rounding, d.Now.FiscalStart = money.Floor, 4
	}
	if q.Form != nil {
		d.Now.Profile, d.Now.Version = profile(q, d.Now.Profile), q.Int("version")
	}
	if len(d.Now.BankAccounts) > 0 {
		d.Account = d.Now.BankAccounts[0]
	}
	d.Digit = digit(q, string(d.Now.RegistrationNumber))
	d.Rounding, d.Months = []money.Rounding{money.Floor, money.HalfUp, money.Ceil}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	return q.Show("setup/company", q.T("web.setup.step_company"), d)
}

// digit says what the check digit of a T番号 tells.
func digit(q *page.Req, number string) string {
	n, err := jp.ParseRegistrationNumber(number)
	if number == "" || err != nil {
		return ""
	}
	if want, err := jp.CheckDigit(string(n)[2:]); err == nil && !n.CheckOK() {
		return q.T("web.setup.digit_bad", "is", string(n)[1:2], "want", strconv.Itoa(want))
	}
	return q.T("web.setup.digit_ok", "is", string(n)[1:2])
}

// profile is the form's, with what it does not ask about as it was.
func profile(q *page.Req, p org.Profile) org.Profile {
	f := q.Form.Get
	p.Name, p.Kana, p.RegistrationNumber = f("name"), f("kana"), jp.RegistrationNumber(f("registration_number"))
	p.PostalCode, p.Address, p.Phone, p.Fax = f("postal_code"), f("address"), f("phone"), f("fax")
	p.Rounding, p.FiscalStart = money.Rounding(f("rounding")), int(q.Int("fiscal_start"))
	bank := func(field string) string { return f("bank_accounts[0]." + field) }
	a := org.BankAccount{BankCode: bank("bank_code"), BankName: bank("bank_name"), BranchCode: bank("branch_code"), BranchName: bank("branch_name"),
		Kind: bank("kind"), Number: bank("number"), Holder: bank("holder")}
	switch {
	case a == org.BankAccount{Kind: a.Kind}:
	case len(p.BankAccounts) == 0:
		p.BankAccounts = []org.BankAccount{a}
	default:
		p.BankAccounts = append([]org.BankAccount{a}, p.BankAccounts[1:]...)
	}
	return p
}

// company keeps what documents are printed with, and begins their numbers.
func company(q *page.Req) (page.Answer, error) {
	a, err := companyPage(q)
	if err != nil {
		return a, err
	}
	d := a.Data.(companyData)
	in := org.IssuerIn{Profile: d.Now.Profile, Version: q.Int("version")}
	for _, picture := range []struct {
		field string
		to    *string
	}{{"logo", &in.Logo}, {"seal", &in.Seal}} {
		if err := keepPicture(q, picture.field, picture.to); err != nil {
			return q.Again(err, a)
		}
	}
	if !d.Numbered && q.Can("org.series_create") { // first: a pattern that is wrong leaves nothing half done
		if _, err := page.Run(q, org.SeriesCreate, org.SeriesIn{Name: "invoice", Pattern: q.Form.Get("pattern"), First: q.Int("first")}); err != nil {
			return q.Again(err, a)
		}
	}
	if _, err := page.Run(q, org.IssuerUpdate, in); err != nil {
		return q.Again(err, a)
	}
	return q.Go("/setup", "web.done.saved")
}

// keepPicture archives a picture that was chosen; documents take PNG.
func keepPicture(q *page.Req, field string, digest *string) error {
	content, name, err := q.File(field)
	if fault.Of(err) != nil && fault.Of(err).Key == "web.no_file" || err == nil && len(content) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := pdf.DecodePNG(bytes.Clone(content)); err != nil {
		return fault.Invalid("web.setup.png").At(field).Because(err)
	}
	kept, err := page.Run(q, document.Upload, document.UploadIn{Name: name, Content: content, Kind: "other", Direction: document.Internal, Class: "internal"})
	*digest = kept.Digest
	return err
}
