package setting

import (
	"fmt"

	"sekisho/internal/base/org"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
)

// spare is how many empty accounts the form has.
const spare = 1

// firm is the own company, to read or to change.
type firm struct {
	org.Profile
	Version int64
	First   bool // nobody has entered it yet
	CheckOK bool
	Masked  bool // accounts are above the reader's clearance
	Months  []int
}

func (f firm) answer(q *page.Req) page.Answer {
	return page.Answer{Template: "setting/company", Title: q.T("web.setting.company"), Data: f}
}

// Account is how the fields of an account begin, as the op names them.
func (f firm) Account(i int) string { return fmt.Sprintf("bank_accounts[%d].", i) }

// Kinds are the kinds of accounts.
func (f firm) Kinds() []string { return []string{"ordinary", "current", "savings"} }

// Roundings are the ways to round tax.
func (f firm) Roundings() []string { return []string{"floor", "half_up", "ceil"} }

// Keeps are the years documents are kept.
func (f firm) Keeps() []int { return []int{0, 7, 10} }

// Pictures are the two of the head of documents.
func (f firm) Pictures() []string { return []string{"logo", "seal"} }

// Picture tells whether there is one.
func (f firm) Picture(which string) bool {
	return map[string]string{"logo": f.Logo, "seal": f.Seal}[which] != ""
}

func loadFirm(q *page.Req) (firm, error) {
	out, err := page.Run(q, org.IssuerShow, org.Nothing{})
	f := firm{Profile: out.Profile, Version: out.Version, CheckOK: out.CheckDigitOK}
	if fault.Is(err, fault.KindRefused) && fault.Of(err).Key == "org.no_issuer" {
		f = firm{First: true, CheckOK: true}
		f.FiscalStart, f.Rounding, err = 4, money.Floor, nil
	}
	f.Masked = q.House.Policy.Matrix().Clearance(q.Me.Person.Roles) < policy.Confidential
	for m := range 12 {
		f.Months = append(f.Months, m+1)
	}
	if q.Can("org.issuer_update") {
		for range spare {
			f.BankAccounts = append(f.BankAccounts, org.BankAccount{Kind: "ordinary"})
		}
	}
	return f, err
}

func companyPage(q *page.Req) (page.Answer, error) {
	f, err := loadFirm(q)
	return f.answer(q), err
}

// read takes the typed form over. Accounts whose fields are all empty are none.
func (f *firm) read(q *page.Req) {
	v := q.Form
	f.Name, f.Kana, f.RegistrationNumber = v.Get("name"), v.Get("kana"), jp.RegistrationNumber(v.Get("registration_number"))
	f.PostalCode, f.Address, f.Phone, f.Fax = v.Get("postal_code"), v.Get("address"), v.Get("phone"), v.Get("fax")
	f.FiscalStart, f.KeepYears, f.Rounding = int(q.Int("fiscal_start")), int(q.Int("keep_years")), money.Rounding(v.Get("rounding"))
	f.HonorificCompany, f.HonorificPerson = v.Get("honorific_company"), v.Get("honorific_person")
	f.Version, f.BankAccounts = q.Int("version"), nil
	for i := range 10 {
		at := func(name string) string { return v.Get(f.Account(i) + name) }
		a := org.BankAccount{BankCode: at("bank_code"), BankName: at("bank_name"), BranchCode: at("branch_code"), BranchName: at("branch_name"),
			Kind: at("kind"), Number: at("number"), Holder: at("holder")}
		if a != (org.BankAccount{Kind: a.Kind}) {
			f.BankAccounts = append(f.BankAccounts, a)
		}
	}
}

func company(q *page.Req) (page.Answer, error) {
	f, err := loadFirm(q)
	if err != nil {
		return page.Answer{}, err
	}
	f.read(q)
	again := f
	again.BankAccounts = append(again.BankAccounts, org.BankAccount{Kind: "ordinary"})
	for which, digest := range map[string]*string{"logo": &f.Logo, "seal": &f.Seal} {
		if q.Form.Get("no_"+which) != "" {
			*digest = ""
			continue
		}
		if err := upload(q, which, digest); err != nil {
			return q.Again(fault.Of(err).At(which), again.answer(q))
		}
	}
	if _, err := page.Run(q, org.IssuerUpdate, org.IssuerIn{Profile: f.Profile, Version: f.Version}); err != nil {
		return q.Again(err, again.answer(q))
	}
	return q.Go("/settings/company", "web.done.saved")
}

// upload keeps a chosen picture, or the name of the one that a form kept over
// a fresh code has kept already.
func upload(q *page.Req, which string, digest *string) error {
	b, _, err := q.File(which)
	if err != nil || len(b) == 0 {
		if kept := q.Form.Get("kept_" + which); kept != "" {
			*digest = kept
		}
		return nil // none was chosen
	}
	out, err := page.Run(q, org.PictureAdd, org.PictureIn{Content: b})
	if err != nil {
		return err
	}
	*digest = out.Digest
	q.Form.Set("kept_"+which, out.Digest)
	delete(q.MultipartForm.File, which) // it is kept: a fresh code or a mistake elsewhere does not lose it
	return nil
}

func picture(q *page.Req) (page.Answer, error) {
	which := q.PathValue("which")
	if which != "logo" && which != "seal" {
		return page.Answer{}, fault.NotFound()
	}
	out, err := page.Run(q, org.PictureShow, org.PictureShowIn{Which: which})
	return page.Answer{Bytes: out.Content, Media: "image/png"}, err
}
