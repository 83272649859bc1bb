// Package org is the own company: the issuer of documents (発行者), its
// departments, its days off, and its number series with the ledger of numbers
// that were given up (欠番台帳).
package org

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
)

// Profile is what an issuer says about itself.
type Profile struct {
	Name               string                `json:"name" class:"public" required:"true" max:"100"`
	Kana               string                `json:"kana" class:"public" max:"100"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number" class:"public" max:"30"` // T番号; empty: no qualified issuer
	PostalCode         string                `json:"postal_code" class:"public" required:"true" max:"20"`
	Address            string                `json:"address" class:"public" required:"true" max:"200"`
	Phone              string                `json:"phone" class:"public" max:"30"`
	Fax                string                `json:"fax" class:"public" max:"30"`
	Logo               string                `json:"logo" class:"internal" max:"64"` // blob digest, empty: none
	Seal               string                `json:"seal" class:"internal" max:"64"` // 社印, the same
	FiscalStart        int                   `json:"fiscal_start" class:"internal"`  // month 1 to 12 in which the business year begins
	KeepYears          int                   `json:"keep_years" class:"internal"`    // 7, 10, or 0: the safe default of civil.KeepSafely
	Rounding           money.Rounding        `json:"rounding" class:"internal" enum:"floor,half_up,ceil" required:"true"`
	HonorificCompany   string                `json:"honorific_company" class:"internal" max:"10"` // 御中 if empty
	HonorificPerson    string                `json:"honorific_person" class:"internal" max:"10"`  // 様 if empty
	BankAccounts       []BankAccount         `json:"bank_accounts" class:"confidential" max:"10"` // in the order in which documents show them
}

// BankAccount is an own account that partners pay into (振込先).
type BankAccount struct {
	BankCode   string `json:"bank_code" required:"true" max:"4"` // 統一金融機関コード
	BankName   string `json:"bank_name" required:"true" max:"40"`
	BranchCode string `json:"branch_code" required:"true" max:"3"`
	BranchName string `json:"branch_name" required:"true" max:"40"`
	Kind       string `json:"kind" required:"true" enum:"ordinary,current,savings"` // 普通, 当座, 貯蓄
	Number     string `json:"number" required:"true" max:"7"`                       // 7 digits, zeros in front
	Holder     string `json:"holder" required:"true" max:"60"`                      // 口座名義 as banks write it, half-width kana
}

// FiscalYear is the business year d lies in.
func (p Profile) FiscalYear(d civil.Date) (civil.FiscalYear, error) {
	return civil.FiscalYearOf(d, time.Month((p.FiscalStart+10)%12+1))
}

// KeepThrough is the last day on which a document of d must be kept (保存期限):
// by the years the company has set, else long enough for any case.
func (p Profile) KeepThrough(d civil.Date) (civil.Date, error) {
	year, err := p.FiscalYear(d)
	if err != nil {
		return civil.Date{}, err
	}
	kept, err := civil.KeepSafely(year.Last)
	if p.KeepYears != 0 {
		kept, err = civil.Keeping(p.KeepYears).Through(year.Last)
	}
	return kept.Through, err
}

// normal checks a profile and gives it in its normal form: digits in half
// width, T番号 and bank texts as the rules want them. Errors are fault.Invalid,
// all at once.
func (p Profile) normal() (Profile, error) {
	var bad []*fault.Error
	at := func(field string, err error) {
		if err != nil {
			bad = append(bad, fault.Of(err).At(field))
		}
	}
	var err error
	if p.Kana != "" {
		p.Kana, err = jp.Furigana(p.Kana)
		at("kana", err)
	}
	if p.RegistrationNumber != "" {
		p.RegistrationNumber, err = jp.ParseRegistrationNumber(string(p.RegistrationNumber))
		at("registration_number", err)
	}
	p.PostalCode, err = jp.ParsePostalCode(p.PostalCode)
	at("postal_code", err)
	for field, n := range map[string]string{"phone": p.Phone, "fax": p.Fax} {
		if n != "" {
			_, err = jp.PhoneKey(n)
			at(field, err)
		}
	}
	for field, d := range map[string]string{"logo": p.Logo, "seal": p.Seal} {
		if d != "" {
			_, err = blob.ParseDigest(d)
			at(field, err)
		}
	}
	if p.FiscalStart < 1 || p.FiscalStart > 12 {
		at("fiscal_start", fault.Invalid("org.fiscal_start"))
	}
	if p.KeepYears != 0 && p.KeepYears != int(civil.KeepTax) && p.KeepYears != int(civil.KeepLoss) {
		at("keep_years", fault.Invalid("org.keep_years"))
	}
	if p.HonorificCompany == "" {
		p.HonorificCompany = jp.ToCompany
	}
	if p.HonorificPerson == "" {
		p.HonorificPerson = jp.ToPerson
	}
	accounts := make([]BankAccount, len(p.BankAccounts))
	for i, a := range p.BankAccounts {
		var parts []*fault.Error
		accounts[i], parts = a.normal(fmt.Sprintf("bank_accounts[%d].", i))
		bad = append(bad, parts...)
	}
	p.BankAccounts = accounts
	return p, fault.Several(bad...)
}

func (a BankAccount) normal(at string) (BankAccount, []*fault.Error) {
	var bad []*fault.Error
	digits := func(field string, s *string, n int, fill bool) {
		d := jp.Fold(*s)
		if fill && len(d) < n {
			d = strings.Repeat("0", n-len(d)) + d
		}
		if len(d) != n || strings.Trim(d, "0123456789") != "" {
			bad = append(bad, fault.Invalid("org.bank_digits", "count", n).At(at+field))
		}
		*s = d
	}
	digits("bank_code", &a.BankCode, 4, false)
	digits("branch_code", &a.BranchCode, 3, false)
	digits("number", &a.Number, 7, true)
	holder, err := jp.ToBankName(a.Holder)
	if err != nil {
		bad = append(bad, fault.Of(err).At(at+"holder"))
	}
	a.Holder = holder
	return a, bad
}

// weighs tells whether going from p to q needs a second person: whatever says
// who is paid, under which number and name, and how long papers are kept.
func (p Profile) weighs(q Profile) bool {
	if p.Name != q.Name || p.RegistrationNumber != q.RegistrationNumber || p.KeepYears != q.KeepYears {
		return true
	}
	if p.PostalCode != q.PostalCode || p.Address != q.Address || len(p.BankAccounts) != len(q.BankAccounts) {
		return true
	}
	for i, a := range p.BankAccounts {
		if a != q.BankAccounts[i] {
			return true
		}
	}
	return false
}

// A pattern spells the numbers of a series: text with the date's {yyyy}, {yy},
// {mm}, the business year {fy}, and once the serial, one {0…} as wide as its
// zeros. Every spelling of the date has a run of serials of its own.
var (
	patternText   = regexp.MustCompile(`^(?:[A-Za-z0-9._/-]|\{yyyy\}|\{yy\}|\{mm\}|\{fy\}|\{0{1,12}\})+$`)
	patternSerial = regexp.MustCompile(`\{0+\}`)
)

// maxPattern is the most characters of a pattern.
const maxPattern = 40

// checkPattern is fault.Invalid for what is no pattern.
func checkPattern(p string) error {
	if len(p) > maxPattern || !patternText.MatchString(p) || len(patternSerial.FindAllString(p, -1)) != 1 {
		return fault.Invalid("org.pattern").At("pattern")
	}
	return nil
}

// period spells a pattern's date, and leaves the serial: the name of a run.
func period(pattern string, d civil.Date, fiscalYear int) string {
	return strings.NewReplacer(
		"{yyyy}", fmt.Sprintf("%04d", d.Year()),
		"{yy}", fmt.Sprintf("%02d", d.Year()%100),
		"{mm}", fmt.Sprintf("%02d", int(d.Month())),
		"{fy}", fmt.Sprintf("%04d", fiscalYear),
	).Replace(pattern)
}

// number spells a serial of a run; one that outgrows the zeros is written whole.
func number(period string, serial int64) string {
	return patternSerial.ReplaceAllStringFunc(period, func(zeros string) string {
		s := strconv.FormatInt(serial, 10)
		return strings.Repeat("0", max(len(zeros)-2-len(s), 0)) + s
	})
}

// reaches tells whether going up from department id by its parents comes to goal.
func reaches(all []Department, id, goal string) bool {
	parent := map[string]string{}
	for _, d := range all {
		parent[d.ID] = d.Parent
	}
	for range len(all) + 1 {
		if id == goal {
			return true
		}
		if id = parent[id]; id == "" {
			return false
		}
	}
	return true // a ring that is there already
}
