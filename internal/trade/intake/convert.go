package intake

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/money"
)

// Partner is a partner as a file states it, with the people of all its rows.
type Partner struct {
	Line               int                   `json:"line"`
	Code               string                `json:"code"`
	Name               string                `json:"name"`
	Kana               string                `json:"kana"`
	Honorific          string                `json:"honorific"`
	CorporateNumber    jp.CorporateNumber    `json:"corporate_number"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number"`
	PostalCode         string                `json:"postal_code"`
	Address            string                `json:"address"`
	Phone              string                `json:"phone"`
	Terms              civil.Term            `json:"terms"`
	People             []Person              `json:"people"`
}

// Person is one row's contact and mail address; either may be missing.
type Person struct {
	Line    int           `json:"line"`
	Name    string        `json:"name"`
	Kana    string        `json:"kana"`
	Section string        `json:"section"`
	Title   string        `json:"title"`
	Phone   string        `json:"phone"`
	Mail    mailaddr.Addr `json:"mail"`
}

// Open is an unpaid invoice as a file states it.
type Open struct {
	Line   int           `json:"line"`
	Code   string        `json:"code"`
	Party  string        `json:"party"` // id of the registered partner
	Number string        `json:"number"`
	Date   civil.Date    `json:"date"`
	Due    civil.Date    `json:"due"`
	Amount money.Yen     `json:"amount"` // tax included
	Tax    money.Yen     `json:"tax"`
	Mail   mailaddr.Addr `json:"mail"`
}

// Known is what is registered already: partners by code, and the numbers of invoices.
type Known struct {
	Partners map[string]Registered
	Numbers  map[string]bool
}

// Registered is a partner in the register, and the run that brought it, or "".
type Registered struct{ ID, Run string }

// Totals are what a person compares with the other program's own figures
// before anything is written.
type Totals struct {
	Rows     int       `json:"rows" class:"internal"`     // of the file, without headings and empty rows
	Accepted int       `json:"accepted" class:"internal"` // those that would be written
	Refused  int       `json:"refused" class:"internal"`
	Codes    int       `json:"codes" class:"internal"`    // different partner codes among the accepted
	New      int       `json:"new" class:"internal"`      // partners the run would add
	Existing int       `json:"existing" class:"internal"` // registered partners the file names
	Total    money.Yen `json:"total" class:"confidential"`
	Months   []Month   `json:"months"` // of the accepted invoices, by invoice date
}

func (t Totals) equal(o Totals) bool {
	return t.Rows == o.Rows && t.Accepted == o.Accepted && t.Refused == o.Refused && t.Codes == o.Codes && t.New == o.New &&
		t.Existing == o.Existing && t.Total == o.Total && slices.Equal(t.Months, o.Months)
}

// Month is a month's part of the totals.
type Month struct {
	Month string    `json:"month" class:"internal"` // 2026-11
	Rows  int       `json:"rows" class:"internal"`
	Total money.Yen `json:"total" class:"confidential"`
}

// Checked is a file converted: what would be written, and what would not.
type Checked struct {
	Partners []Partner
	Open     []Open
	Issues   []Issue // by line, at most maxIssues
	More     int     // issues beyond those
	Notes    int     // of Issues, those that refuse nothing
	Totals   Totals
}

// maxIssues is how many issues are kept: nobody mends more from a list, and a
// hostile file may have millions.
const maxIssues = 20_000

// Check converts every row of a file. A mapping that cannot be is fault.Invalid;
// everything else is an Issue.
func Check(t Table, k Kind, mapping []Column, known Known) (Checked, error) {
	at, err := columns(t, k, mapping)
	if err != nil {
		return Checked{}, err
	}
	c := checker{known: known,
		place: map[string]int{}, existing: map[string]bool{}, months: map[string]*Month{}, lines: map[string]int{}}
	c.Totals.Rows, c.Totals.Refused = len(t.Bad), len(t.Bad)
	c.report(t.Bad)
	for _, f := range []Field{Terms, Closing, Payment, PayMonth, PayDay} {
		_, mapped := at[f]
		c.anyTerms = c.anyTerms || mapped
	}
	for _, rec := range t.Rows {
		r := &row{rec: rec, at: at, names: t.Headings}
		if r.blank() {
			continue
		}
		c.Totals.Rows++
		r.need(Required(k))
		if k == Partners {
			c.partner(r)
		} else {
			c.open(r)
		}
		if r.bad {
			c.Totals.Refused++
		}
		c.report(r.issues)
	}
	return c.sum(), nil
}

func (c *checker) report(list []Issue) {
	n := min(len(list), maxIssues-len(c.Issues))
	c.Issues, c.More = append(c.Issues, list[:n]...), c.More+len(list)-n
}

// columns checks a mapping and turns it round.
func columns(t Table, k Kind, mapping []Column) (map[Field]int, error) {
	at := map[Field]int{}
	used := map[int]bool{}
	for _, m := range mapping {
		_, twice := at[m.Field]
		switch {
		case !slices.Contains(Fields(k), m.Field):
			return nil, fault.Invalid("intake.no_field", "field", m.Field).At("mapping")
		case m.Column < 1 || m.Column > len(t.Headings):
			return nil, fault.Invalid("intake.no_column", "column", m.Column, "count", len(t.Headings)).At("mapping")
		case twice || used[m.Column]:
			return nil, fault.Invalid("intake.mapped_twice", "column", m.Column).At("mapping")
		}
		at[m.Field], used[m.Column] = m.Column-1, true
	}
	for _, f := range Required(k) {
		if _, ok := at[f]; !ok {
			return nil, fault.Invalid("intake.not_mapped." + string(f)).At("mapping")
		}
	}
	return at, nil
}

// checker is a check under way.
type checker struct {
	Checked
	known    Known
	place    map[string]int // index in Partners by code
	lines    map[string]int // line of an invoice by number
	existing map[string]bool
	months   map[string]*Month
	anyTerms bool // a column of terms is mapped: rows without them are named each
	noted    bool
}

func (c *checker) partner(r *row) {
	p := Partner{Line: r.rec.Line,
		Code: read(r, Code, jp.ParseCode), Name: r.text(Name), Kana: read(r, Kana, jp.Furigana),
		CorporateNumber:    read(r, CorporateNumber, jp.ParseCorporateNumber),
		RegistrationNumber: read(r, RegistrationNumber, jp.ParseRegistrationNumber),
		PostalCode:         read(r, PostalCode, jp.ParsePostalCode),
		Address:            r.address(), Phone: r.phone(Phone), Terms: r.terms()}
	who := Person{Line: r.rec.Line, Name: r.text(ContactName), Kana: read(r, ContactKana, jp.Furigana), Section: r.text(Section),
		Title: r.text(Title), Phone: r.phone(ContactPhone), Mail: read(r, Mail, mailaddr.Parse)}
	p.Honorific = r.honorific(p.Name)
	if p.RegistrationNumber != "" && !p.RegistrationNumber.CheckOK() {
		r.note(RegistrationNumber, "intake.check_digit")
	}
	if c.known.Partners[p.Code].ID != "" {
		c.existing[p.Code] = true
		r.refuse(Code, fault.Invalid("intake.exists"))
	}
	i, again := c.place[p.Code]
	if again && !r.bad {
		c.same(r, c.Partners[i], p, who)
	}
	if !again && !r.bad {
		c.register(r, &p)
	}
	if r.bad {
		return
	}
	c.Totals.Accepted++
	if !again {
		i = len(c.Partners)
		c.place[p.Code] = i
		c.Partners = append(c.Partners, p)
	}
	if !who.none() {
		c.Partners[i].People = append(c.Partners[i].People, who)
	}
}

// register applies the rules of the register itself, which further rows of a
// partner need not pass, and gives a partner without terms the usual ones.
func (c *checker) register(r *row, p *Partner) {
	if p.Terms == (civil.Term{}) {
		p.Terms = usual()
		if c.anyTerms || !c.noted {
			c.noted = true
			r.note(Closing, "intake.usual_terms", "terms", p.Terms)
		}
	}
	row := p.party()
	err := row.Normalise()
	if err == nil {
		return
	}
	f := fault.Of(err)
	for _, one := range append(f.Parts, f) {
		if one.Key != "fault.several" {
			r.refuse(Field(one.Field), one)
		}
	}
}

// usual are the terms most companies have: closed at the end of the month, paid
// at the end of the next.
func usual() civil.Term {
	return civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNone}
}

// maxPeople is how many rows one partner may have: they are written in one go.
const maxPeople = 100

// same refuses a further row of a partner that says something else about it
// than its first row did, or nothing new.
func (c *checker) same(r *row, first, p Partner, who Person) {
	p.Line, p.People, first.People = first.Line, nil, nil
	if r.raw(Honorific) == "" {
		p.Honorific = first.Honorific
	}
	line := first.Line
	with := c.Partners[c.place[p.Code]].People
	switch repeated := func(w Person) bool { w.Line = who.Line; return w == who }; {
	case !same(first, p):
		r.refuse(Code, fault.Invalid("intake.differs", "first", line))
	case who.none() || slices.ContainsFunc(with, repeated):
		r.refuse(Code, fault.Invalid("intake.twice", "first", line))
	case len(with) >= maxPeople:
		r.refuse(Code, fault.Invalid("intake.too_many_people", "max", maxPeople))
	}
}

// same compares the partner's own columns; those a further row leaves empty say nothing.
func same(first, p Partner) bool {
	either := func(a, b string) bool { return b == "" || a == b }
	return first.Name == p.Name && either(first.Kana, p.Kana) && first.Honorific == p.Honorific &&
		either(string(first.CorporateNumber), string(p.CorporateNumber)) && either(string(first.RegistrationNumber), string(p.RegistrationNumber)) &&
		either(first.PostalCode, p.PostalCode) && either(first.Address, p.Address) && either(first.Phone, p.Phone) &&
		(p.Terms == civil.Term{} || first.Terms == p.Terms)
}

func (w Person) none() bool { return w == Person{Line: w.Line} }

// address joins the columns of an address; the building stands apart.
func (r *row) address() string {
	s := r.text(Prefecture)
	if one := r.text(Address1); !strings.HasPrefix(one, s) {
		s += one
	} else {
		s = one
	}
	for _, f := range []Field{Address2, Address3} {
		if next := r.text(f); next != "" {
			s += " " + next
		}
	}
	return strings.TrimSpace(s)
}

// phone keeps the hyphens as written, in half width.
func (r *row) phone(f Field) string {
	return read(r, f, func(s string) (string, error) {
		s = norm.NFKC.String(s)
		_, err := jp.PhoneKey(s)
		return s, err
	})
}

func (r *row) honorific(name string) string {
	switch h := r.text(Honorific); h {
	case jp.ToCompany, jp.ToPerson:
		return h
	case "":
		return jp.Honorific(name, "", "")
	}
	proposed := jp.Honorific(name, "", "")
	r.note(Honorific, "intake.honorific", "proposed", proposed)
	return proposed
}

func (c *checker) open(r *row) {
	o := Open{Line: r.rec.Line, Code: read(r, Code, jp.ParseCode), Number: norm.NFKC.String(r.text(Number)),
		Date: read(r, Date, civil.ParseLoose), Due: read(r, Due, civil.ParseLoose),
		Amount: read(r, Amount, money.ParseYen), Tax: read(r, Tax, money.ParseYen), Mail: read(r, Mail, mailaddr.Parse)}
	o.Party = c.known.Partners[o.Code].ID
	switch {
	case o.Code != "" && o.Party == "":
		r.refuse(Code, fault.Invalid("intake.no_partner"))
	case o.Code != "":
		c.existing[o.Code] = true
	}
	if first := c.lines[o.Number]; first != 0 {
		r.refuse(Number, fault.Invalid("intake.number_twice", "first", first))
	} else if c.known.Numbers[o.Number] {
		r.refuse(Number, fault.Invalid("intake.number_exists"))
	}
	if !o.Due.IsZero() && o.Due.Before(o.Date) {
		r.refuse(Due, fault.Invalid("intake.due_before"))
	}
	if o.Amount == 0 && !r.bad {
		r.refuse(Amount, fault.Invalid("intake.zero"))
	}
	if o.Tax != 0 && (o.Tax < 0) != (o.Amount < 0) || max(o.Tax, -o.Tax) > max(o.Amount, -o.Amount) {
		r.refuse(Tax, fault.Invalid("intake.tax"))
	}
	if !r.bad {
		c.add(r, o)
	}
	if r.bad {
		return
	}
	c.lines[o.Number] = o.Line
	c.Totals.Accepted++
	c.Open = append(c.Open, o)
}

// add counts an invoice into the totals, or refuses it if they overflow.
func (c *checker) add(r *row, o Open) {
	month := o.Date.String()[:7]
	m := c.months[month]
	if m == nil {
		m = &Month{Month: month}
		c.months[month] = m
	}
	all, err := c.Totals.Total.Add(o.Amount)
	sum, err2 := m.Total.Add(o.Amount)
	if err := cmp.Or(err, err2); err != nil {
		r.refuse(Amount, err)
		return
	}
	c.Totals.Total, m.Total, m.Rows = all, sum, m.Rows+1
}

// sum finishes the totals and puts the issues in the order of the file.
func (c *checker) sum() Checked {
	codes := map[string]bool{}
	for _, p := range c.Partners {
		codes[p.Code] = true
	}
	for _, o := range c.Open {
		codes[o.Code] = true
	}
	c.Totals.Codes, c.Totals.New, c.Totals.Existing = len(codes), len(c.Partners), len(c.existing)
	c.Totals.Months = make([]Month, 0, len(c.months))
	for _, m := range c.months {
		c.Totals.Months = append(c.Totals.Months, *m)
	}
	slices.SortFunc(c.Totals.Months, func(a, b Month) int { return strings.Compare(a.Month, b.Month) })
	slices.SortStableFunc(c.Issues, func(a, b Issue) int { return a.Line - b.Line })
	for _, i := range c.Issues {
		if i.Note {
			c.Notes++
		}
	}
	return c.Checked
}
