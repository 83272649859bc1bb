// Package party is the register of partners (取引先): who they are, whom one
// writes to there, to which confirmed addresses anything may be sent, and which
// other companies may rightly appear in their papers.
//
// What decides where documents or money go is never changed by one person: the
// value in force stays until a second person has agreed to the next.
package party

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
)

// State of a partner.
type State string

const (
	Active    State = "active"    // 取引中
	Suspended State = "suspended" // 停止中: nothing is issued or sent
	Left      State = "left"      // 取引終了
)

// PointState is the state of a delivery point.
type PointState string

const (
	Proposed PointState = "proposed" // 未確認
	Verified PointState = "verified" // 確認済み
	Retired  PointState = "retired"  // 使用終了
)

// Origin says how a delivery point came into the register.
type Origin string

const (
	Manual Origin = "manual"
	Import Origin = "import"
	Card   Origin = "card" // typed by the addressee at the name-card exchange
)

// AccountState is the state of a bank account; one that waits for a second
// person is a request, not a row.
type AccountState string

const (
	InForce        AccountState = "in_force"
	AccountRetired AccountState = "retired"
)

// RelationKind says what another company is to a partner.
type RelationKind string

const (
	ShipTo   RelationKind = "ship_to"   // 納品先
	DropShip RelationKind = "drop_ship" // 直送先
	Branch   RelationKind = "branch"    // 本支店
	Group    RelationKind = "group"     // 親子・グループ
	Maker    RelationKind = "maker"     // メーカー
)

// WayBatch is how a point of an import was confirmed: in one act over the quiet
// list. The other ways are those people give: phone (to a number already on
// file), visit, letter, contract, portal.
const WayBatch = "batch"

// ChannelMail is the only channel of this stage.
const ChannelMail = "mail"

// faults collects what is wrong with an input, each with its field.
type faults struct {
	at  string // prefix of the fields
	bad []*fault.Error
}

func (f *faults) add(field string, err error) {
	if err != nil {
		e := *fault.Of(err)
		f.bad = append(f.bad, e.At(f.at+field))
	}
}

func (f *faults) err() error { return fault.Several(f.bad...) }

// parse replaces *to by what read makes of it; an empty text stays.
func parse[T ~string](f *faults, field string, to *T, read func(string) (T, error)) {
	*to = T(strings.TrimSpace(string(*to)))
	if *to == "" {
		return
	}
	v, err := read(string(*to))
	f.add(field, err)
	if err == nil {
		*to = v
	}
}

// Normalise brings a partner's values into the form in which they are stored
// and compared. Its fault names each field that cannot be stored. A
// registration number whose check digit does not fit is no fault: see Warnings.
func (p *Party) Normalise() error {
	f := &faults{}
	p.normalise(f)
	return f.err()
}

func (p *Party) normalise(f *faults) {
	parse(f, "code", &p.Code, jp.ParseCode)
	parse(f, "kana", &p.Kana, jp.Furigana)
	parse(f, "corporate_number", &p.CorporateNumber, jp.ParseCorporateNumber)
	parse(f, "registration_number", &p.RegistrationNumber, jp.ParseRegistrationNumber)
	parse(f, "postal_code", &p.PostalCode, jp.ParsePostalCode)
	p.Name, p.Address, p.Phone = strings.TrimSpace(p.Name), strings.TrimSpace(p.Address), strings.TrimSpace(p.Phone)
	for field, s := range map[string]string{"code": p.Code, "name": p.Name} {
		if s == "" {
			f.add(field, fault.Invalid("gate.required", "field", field))
		}
	}
	if p.Honorific == "" {
		p.Honorific = jp.Honorific(p.Name, "", "")
	}
	if p.Honorific != jp.ToCompany && p.Honorific != jp.ToPerson {
		f.add("honorific", fault.Invalid("gate.enum", "values", jp.ToCompany+", "+jp.ToPerson))
	}
	if p.Phone != "" {
		_, err := jp.PhoneKey(p.Phone)
		f.add("phone", err)
	}
	f.add("terms", p.Terms.Check())
	switch {
	case len(f.bad) > 0 || p.CorporateNumber == "":
	case !p.CorporateNumber.CheckOK():
		f.add("corporate_number", fault.Invalid("party.corporate_check"))
	case p.RegistrationNumber != "" && string(p.RegistrationNumber[1:]) != string(p.CorporateNumber):
		// A corporation's registration number is T and its corporate number
		// (国税庁「登録番号の構成」).
		f.add("registration_number", fault.Invalid("party.numbers_differ"))
	}
}

// Warnings are text keys of what a person should look at before relying on p.
func (p *Party) Warnings() []string {
	var out []string
	if p.RegistrationNumber != "" && !p.RegistrationNumber.CheckOK() {
		out = append(out, "party.warn.registration_check")
	}
	return out
}

// Normalise brings a contact's values into the form in which they are stored.
func (c *Contact) Normalise() error {
	f := &faults{}
	c.normalise(f)
	return f.err()
}

func (c *Contact) normalise(f *faults) {
	c.Name, c.Section, c.Title, c.Phone = strings.TrimSpace(c.Name), strings.TrimSpace(c.Section), strings.TrimSpace(c.Title), strings.TrimSpace(c.Phone)
	parse(f, "kana", &c.Kana, jp.Furigana)
	parse(f, "mail", &c.Mail, canonical)
	if c.Name == "" {
		f.add("name", fault.Invalid("gate.required", "field", "name"))
	}
	if c.Phone != "" {
		_, err := jp.PhoneKey(c.Phone)
		f.add("phone", err)
	}
}

func canonical(s string) (string, error) {
	a, err := mailaddr.Parse(s)
	return a.String(), err
}

// Normalise brings a delivery point's values into the form in which they are
// stored and sent to.
func (p *DeliveryPoint) Normalise() error {
	f := &faults{}
	p.normalise(f)
	return f.err()
}

func (p *DeliveryPoint) normalise(f *faults) {
	if p.Channel == "" {
		p.Channel = ChannelMail
	}
	if p.Channel != ChannelMail {
		f.add("channel", fault.Invalid("gate.enum", "values", ChannelMail))
	}
	p.Label = strings.TrimSpace(p.Label)
	a, err := mailaddr.Parse(p.Address)
	f.add("address", err)
	if err == nil {
		p.Address = a.String()
	}
}

// accountKinds are the kinds of accounts bank files know (預金種目): 普通, 当座, 貯蓄.
var accountKinds = [...]string{"ordinary", "current", "savings"}

// Normalise brings an account's values into the form of bank files (全銀フォーマット).
func (a *BankAccount) Normalise() error {
	f := &faults{}
	digits(f, "bank_code", &a.BankCode, 4)
	digits(f, "branch_code", &a.BranchCode, 3)
	digits(f, "number", &a.Number, 7)
	for _, t := range []struct {
		field string
		to    *string
		of    jp.BankField
		max   int
	}{{"bank_name", &a.BankName, jp.BankPlain, 15}, {"branch_name", &a.BranchName, jp.BankBranch, 15}, {"holder", &a.Holder, jp.BankHolder, 30}} {
		if strings.TrimSpace(*t.to) == "" {
			f.add(t.field, fault.Invalid("gate.required", "field", t.field))
			continue
		}
		read := func(s string) (string, error) { return jp.ToBankText(s, t.of) }
		if t.of == jp.BankHolder {
			read = jp.ToBankName
		}
		parse(f, t.field, t.to, read)
		if _, cut := jp.FitBankText(*t.to, t.max); cut {
			f.add(t.field, fault.Invalid("gate.too_long", "length", len([]rune(*t.to)), "max", t.max))
		}
	}
	if !slices.Contains(accountKinds[:], a.Kind) {
		f.add("kind", fault.Invalid("gate.enum", "values", strings.Join(accountKinds[:], ", ")))
	}
	return f.err()
}

// digits normalises a code of n digits, in whatever width it was typed.
func digits(f *faults, field string, to *string, n int) {
	s := strings.Map(func(r rune) rune {
		if r >= '０' && r <= '９' {
			return r - '０' + '0'
		}
		return r
	}, strings.TrimSpace(*to))
	if len(s) != n || strings.Trim(s, "0123456789") != "" {
		f.add(field, fault.Invalid("party.digits", "field", field, "count", n))
		return
	}
	*to = s
}
