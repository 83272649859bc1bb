// Package party are the pages of partners: the search, the list, everything
// about one of them, and a form for each thing that can be changed.
package party

import (
	"embed"
	"net/url"
	"slices"
	"strings"

	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "party", Files: files, Routes: []page.Route{
	{At: "GET /partners", Do: list},
	{At: "GET /partners/new", Do: fresh},
	{At: "POST /partners/new", Do: create},
	{At: "GET /partners/review", Do: review},
	{At: "GET /partners/twins", Do: twins},
	{At: "GET /partners/{id}", Do: show},
	{At: "POST /partners/{id}/card", Do: showCard},
	{At: "GET /partners/{id}/{act}", Do: ask},
	{At: "POST /partners/{id}/{act}", Do: carryOut},
}}

// Find searches partners by a part of their name, reading or code.
func Find(q *page.Req, text string, limit int) (party.SearchOut, error) {
	if strings.TrimSpace(text) == "" || len([]rune(text)) > 100 {
		return party.SearchOut{}, nil
	}
	return page.Named[party.SearchOut](q, "party.search", party.SearchIn{Q: text, Limit: limit})
}

// listed is the page of the list.
type listed struct {
	Rows        []party.Item
	Next        string
	More        bool // there are more hits than are shown
	Filling     bool
	People      map[string]string
	Departments map[string]string
	Choice      []option // of departments
	Searched    bool
}

// States are those a list can be narrowed to.
func (listed) States() []party.State {
	return []party.State{party.Active, party.Suspended, party.Left}
}

const hits = 100

func list(q *page.Req) (page.Answer, error) {
	var d listed
	var err error
	in := party.ListIn{State: q.Query("state"), Department: q.Query("department"), After: q.Query("after"), Limit: 50}
	if q.Query("own") != "" {
		in.Owner = q.Me.Person.ID
	}
	if words := q.Query("q"); strings.TrimSpace(words) != "" {
		var out party.SearchOut
		out, err = Find(q, words, hits)
		d.Searched, d.More, d.Filling = true, out.More, out.Filling
		d.Rows = slices.DeleteFunc(out.Rows, func(r party.Item) bool {
			return in.State != "" && string(r.State) != in.State || in.Department != "" && r.Department != in.Department || in.Owner != "" && r.Owner != in.Owner
		})
	} else {
		var out party.ListOut
		out, err = page.Run(q, party.List, in)
		d.Rows, d.Next = out.Rows, out.Next
	}
	if err != nil {
		return page.Answer{}, err
	}
	var owners []string
	for _, r := range d.Rows {
		owners = append(owners, r.Owner)
	}
	if d.People, err = page.Names(q, owners...); err != nil {
		return page.Answer{}, err
	}
	if d.Departments, d.Choice, err = departments(q); err != nil {
		return page.Answer{}, err
	}
	return q.Show("party/list", q.T("web.nav.partners"), d)
}

// departments are the names of all, and those one can choose.
func departments(q *page.Req) (map[string]string, []option, error) {
	names := map[string]string{}
	if !q.Can(org.DepartmentList.Name()) {
		return names, nil, nil
	}
	out, err := page.Run(q, org.DepartmentList, org.Nothing{})
	var choice []option
	for _, d := range out.Rows {
		names[d.ID] = d.Name
		if d.ClosedOn.IsZero() {
			choice = append(choice, option{d.ID, d.Name})
		}
	}
	return names, choice, err
}

// colleagues are the people one can choose, if who asks may see them.
func colleagues(q *page.Req) ([]option, error) {
	if !q.Can(identity.People.Name()) {
		return nil, nil
	}
	out, err := page.Run(q, identity.People, identity.PeopleIn{State: "active", Limit: 200})
	var choice []option
	for _, p := range out.Rows {
		var roles []string
		for _, r := range p.Roles {
			roles = append(roles, q.T("identity.role."+r))
		}
		choice = append(choice, option{p.ID, p.Name + "（" + strings.Join(roles, "・") + "）"})
	}
	return choice, err
}

// usual are the terms most partners have.
const usual = "末締め翌月末払い"

func particulars(q *page.Req, v func(string) string) []input {
	return []input{
		{Name: "name", Max: 200, Required: true, Wide: true},
		{Name: "honorific", Options: []option{{jp.ToCompany, jp.ToCompany}, {jp.ToPerson, jp.ToPerson}}, Blank: "web.partner.honorific_auto", Hint: true},
		{Name: "kana", Max: 200, Hint: true, Wide: true},
		{Name: "registration_number", Max: 20, Mono: true, Hint: true},
		{Name: "corporate_number", Max: 20, Mono: true, Mode: "numeric"},
		{Name: "postal_code", Max: 10, Mode: "numeric"},
		{Name: "address", Max: 200, Wide: true},
		{Name: "phone", Max: 30, Mode: "tel"},
		{Name: "terms", Max: 40, Required: true, Hint: true, Wide: true},
		{Name: "shift", Options: shifts(q), Set: v("shift"), Wide: true},
	}
}

func shifts(q *page.Req) []option {
	var out []option
	for _, s := range []civil.Shift{civil.ShiftNext, civil.ShiftPrevious, civil.ShiftNone} {
		out = append(out, option{string(s), q.T("web.partner.shift_" + string(s))})
	}
	return out
}

func terms(q *page.Req) (civil.Term, error) {
	s := strings.TrimSpace(q.Form.Get("terms"))
	if s == "" {
		return civil.Term{}, fault.Invalid("gate.required", "field", q.T("web.partner.f.terms")).At("terms")
	}
	t, err := civil.ParseTerm(s, civil.Shift(q.Form.Get("shift")))
	if err != nil {
		return t, fault.Of(err).At("terms")
	}
	return t, nil
}

// form is one form with what it is for.
type form struct {
	Act    string
	Party  party.Party // zero for a new one
	Say    string      // text key of the sentence that explains it
	Inputs []input
	Facts  []fact // what it is about
	Found  []string
	Hidden map[string]string
	Button string
	Danger bool
	Back   string
}

// fact is a name and a value that cannot be changed here.
type fact struct{ Label, Value string }

// option is one choice.
type option struct{ Value, Label string }

// input is one field; its label is "web.partner.f.<text>", its hint "web.partner.h.<text>".
type input struct {
	Name     string
	Text     string // the name if empty
	Set      string // its value at first
	Max      int
	Required bool
	Hint     bool
	Wide     bool
	Area     bool
	Mono     bool
	Mode     string
	Norm     string
	Options  []option
	Blank    string // text key of the empty choice, "" if there is none
	Radio    bool
}

// Key is the last part of the keys of its texts.
func (i input) Key() string {
	if i.Text != "" {
		return i.Text
	}
	return i.Name
}

// Value is what stands in a field: what was typed, else what was there.
func (f form) Value(q *page.Req, i input) string {
	if q.Form != nil && q.Form.Has(i.Name) {
		return q.Form.Get(i.Name)
	}
	return i.Set
}

func fresh(q *page.Req) (page.Answer, error) {
	f := form{Say: "web.partner.new.say", Button: "web.partner.new.do", Back: "/partners", Hidden: map[string]string{}}
	f.Inputs = append([]input{{Name: "code", Max: 20, Required: true, Hint: true, Mono: true}}, particulars(q, func(string) string { return "" })...)
	for i := range f.Inputs {
		if f.Inputs[i].Name == "terms" {
			f.Inputs[i].Set = usual
		}
	}
	_, choice, err := departments(q)
	if err != nil {
		return page.Answer{}, err
	}
	f.Inputs = append(f.Inputs, input{Name: "department", Options: choice, Blank: "web.partner.no_department", Set: q.Me.Person.Department})
	who, err := colleagues(q)
	if err != nil {
		return page.Answer{}, err
	}
	if len(who) > 0 {
		f.Inputs = append(f.Inputs, input{Name: "owner", Options: who, Blank: "web.partner.owner_me"})
	}
	return q.Show("party/form", q.T("web.partner.new.title"), f)
}

func create(q *page.Req) (page.Answer, error) {
	a, err := fresh(q)
	if err != nil {
		return a, err
	}
	v := q.Form.Get
	t, err := terms(q)
	if err != nil {
		return q.Again(err, a)
	}
	p, err := page.Run(q, party.Create, party.CreateIn{Code: v("code"), Name: v("name"), Kana: v("kana"), Honorific: v("honorific"),
		CorporateNumber: jp.CorporateNumber(v("corporate_number")), RegistrationNumber: jp.RegistrationNumber(v("registration_number")),
		PostalCode: v("postal_code"), Address: v("address"), Phone: v("phone"), Terms: t, Owner: v("owner"), Department: v("department")})
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go("/partners/"+url.PathEscape(p.ID), "web.done.partner_new")
}
