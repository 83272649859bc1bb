// Package sheet lays an issued invoice (請求書) out on A4 paper.
//
// Render is a pure function of a Snapshot: what is printed was frozen when the
// invoice was issued, and nothing is looked up, computed from rates or dated
// here. The items are those of 消費税法57条の4第1項 (適格請求書).
package sheet

import (
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/text"
)

// Layout is the layout that new invoices are issued with. A change of what is
// drawn where takes the next number and leaves the old one as it is, so that a
// snapshot keeps its bytes. The second has the check code.
const Layout = 2

// Snapshot is all that is printed on one invoice, frozen at issue. Dates are
// "2006-01-02", amounts are yen, quantities and prices are decimals as they
// shall be read ("1,250.5"). It holds integers and strings only, so it can be
// stored and hashed as JSON.
type Snapshot struct {
	Layout     int    `json:"layout"`
	Kind       Kind   `json:"kind,omitempty"`
	DocumentID string `json:"document_id"` // becomes a keyword of the PDF
	Number     string `json:"number"`      // 請求書番号

	IssuedOn     string `json:"issued_on"`                // 発行日
	IssuedOnText string `json:"issued_on_text,omitempty"` // 和暦, instead of 2026年11月22日
	DueOn        string `json:"due_on,omitempty"`         // お支払期限
	DueOnText    string `json:"due_on_text,omitempty"`
	PeriodFrom   string `json:"period_from,omitempty"` // 取引期間 of a 締め請求書
	PeriodTo     string `json:"period_to,omitempty"`
	ReturnedOn   string `json:"returned_on,omitempty"` // 返還年月日 of a Return
	Small        bool   `json:"small,omitempty"`       // 少額: a Return that need not have been issued

	Origin    *Origin `json:"origin,omitempty"`    // what a Return or Cancel is about
	Corrected *Origin `json:"corrected,omitempty"` // what this takes the place of

	Partner  Partner   `json:"partner"`
	Issuer   Issuer    `json:"issuer"`
	Accounts []Account `json:"accounts"` // お振込先
	Logo     []byte    `json:"logo,omitempty"`
	Seal     []byte    `json:"seal,omitempty"` // 角印; both are PNG

	Subject string `json:"subject,omitempty"` // 件名
	Message string `json:"message,omitempty"`
	Notes   string `json:"notes,omitempty"` // 備考

	Balance     *Balance `json:"balance,omitempty"`
	TaxIncluded bool     `json:"tax_included"`    // line amounts and bases are 税込
	Delivery    bool     `json:"delivery"`        // line dates are 納品日, not 取引年月日
	Check       *Check   `json:"check,omitempty"` // of layout 2
	Lines       []Line   `json:"lines"`
	Rates       []Rate   `json:"rates"` // one per rate and category
	Base        int64    `json:"base"`  // sum of the rates' bases
	Tax         int64    `json:"tax"`   // sum of the rates' taxes
	Total       int64    `json:"total"` // ご請求金額, tax included
}

// Check is how whoever has the sheet finds out whether its account is the one it
// was issued with (振込先の確認).
type Check struct {
	Code    string `json:"code"` // as printed, "BCDF-GHJK-LMNP"
	Address string `json:"address"`
}

// Kind is what the sheet is. Amounts of a Return and a Cancel are printed without
// a sign, as what is given back or taken back.
type Kind string

// The kinds.
const (
	Invoice Kind = ""       // 請求書
	Return  Kind = "return" // 適格返還請求書, 消費税法57条の4第3項
	Cancel  Kind = "cancel" // 請求取消書
)

// Origin is an earlier document that this one names.
type Origin struct {
	Number   string `json:"number"`
	IssuedOn string `json:"issued_on"`
	Total    int64  `json:"total"` // tax included
}

// Partner is whom the invoice is addressed to (宛先).
type Partner struct {
	PostalCode       string   `json:"postal_code,omitempty"` // without 〒
	Address          []string `json:"address"`
	Name             string   `json:"name"`
	Honorific        string   `json:"honorific,omitempty"`  // 御中 or 様, after the name
	Department       string   `json:"department,omitempty"` // 部署
	Contact          string   `json:"contact,omitempty"`    // 担当者
	ContactHonorific string   `json:"contact_honorific,omitempty"`
}

// Issuer is who bills (発行者).
type Issuer struct {
	Name               string   `json:"name"`
	RegistrationNumber string   `json:"registration_number,omitempty"` // T番号
	PostalCode         string   `json:"postal_code,omitempty"`
	Address            []string `json:"address"`
	Tel                string   `json:"tel,omitempty"`
	Fax                string   `json:"fax,omitempty"`
	Email              string   `json:"email,omitempty"`
	Contact            string   `json:"contact,omitempty"` // 担当
}

// Account is one bank account to pay into.
type Account struct {
	Bank       string `json:"bank"`
	BankCode   string `json:"bank_code,omitempty"` // four digits
	Branch     string `json:"branch"`
	BranchCode string `json:"branch_code,omitempty"` // three digits
	Kind       string `json:"kind"`                  // 普通, 当座, …
	Number     string `json:"number"`
	Holder     string `json:"holder"` // 口座名義
}

// Balance carries an earlier amount over; it is no part of the tax totals.
type Balance struct {
	Previous int64 `json:"previous"` // 前回御請求額
	Received int64 `json:"received"` // 御入金額
	Carried  int64 `json:"carried"`  // 繰越額
	Current  int64 `json:"current"`  // 今回御請求額
	Due      int64 `json:"due"`      // 差引御請求残高
}

// Line is one line of the table (明細).
type Line struct {
	Date        string `json:"date,omitempty"` // "" leaves the place empty
	Slip        string `json:"slip,omitempty"` // 伝票番号
	Description string `json:"description"`
	Quantity    string `json:"quantity,omitempty"`
	Unit        string `json:"unit,omitempty"`
	UnitPrice   string `json:"unit_price,omitempty"`
	Rate        string `json:"rate,omitempty"` // "10%"
	Reduced     bool   `json:"reduced"`        // 軽減税率: marked ※
	Amount      int64  `json:"amount"`
}

// Rate is the total of one rate and category (税率ごとの対象額と消費税額).
type Rate struct {
	Label   string `json:"label"` // "10%対象"
	Reduced bool   `json:"reduced"`
	Base    int64  `json:"base"`
	Tax     int64  `json:"tax"`
}

// Printable finds, at a small part of the cost, what would keep Render from
// printing s; number and pictures may still be missing. Issuing asks it before
// a number is spent. Errors are those of Render.
func Printable(s Snapshot) error {
	if err := check(s); err != nil {
		return err
	}
	return (&flow{s: s, doc: pdf.New(pdf.Meta{})}).head()
}

// Render gives the PDF of s; the same snapshot gives the same bytes. It is
// fault.Invalid, with the field, for a date that is none, a character that no
// font has, a picture that is no PNG, or an addressee or issuer longer than
// the first page.
func Render(s Snapshot) ([]byte, error) {
	if err := check(s); err != nil {
		return nil, err
	}
	issued, err := time.ParseInLocation(time.DateOnly, s.IssuedOn, time.FixedZone("JST", 9*60*60))
	if err != nil {
		return nil, fault.Invalid("sheet.date", "value", s.IssuedOn).At("issued_on")
	}
	f := &flow{s: s, doc: pdf.New(pdf.Meta{
		Title:      s.title() + " " + s.Number,
		Author:     s.Issuer.Name,
		Identifier: s.DocumentID,
		Created:    issued,
	})}
	if err := f.head(); err != nil {
		return nil, err
	}
	f.origin()
	f.balance()
	f.table()
	f.summary()
	f.accounts()
	f.check()
	f.notes()
	f.footers()
	return f.doc.Bytes()
}

// label is a printed word: an invoice under Japanese law is in Japanese.
func label(key string, args ...any) string { return text.T(text.JA, "sheet."+key, args...) }
