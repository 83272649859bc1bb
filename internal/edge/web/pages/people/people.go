// Package people are the pages of who may come in and what they may do: the
// register of people, roles, and API clients.
package people

import (
	"embed"
	"net/url"
	"slices"

	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/edge/web/page"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "people", Files: files, Routes: []page.Route{
	{At: "GET /people", Do: list},
	{At: "GET /people/new", Do: newPage},
	{At: "POST /people/new", Do: create},
	{At: "GET /people/{id}", Do: show},
	{At: "GET /people/{id}/edit", Do: editPage},
	{At: "POST /people/{id}/edit", Do: edit},
	{At: "POST /people/{id}/grant", Do: grant},
	{At: "POST /people/{id}/revoke", Do: revoke},
	{At: "POST /people/{id}/disable", Do: disable},
	{At: "POST /people/{id}/enable", Do: enable},
	{At: "POST /people/{id}/signout", Do: endAll},
	{At: "POST /people/{id}/reset", Do: reset},
	{At: "POST /people/{id}/issue", Do: issue},
	{At: "GET /roles", Do: roles},
	{At: "GET /clients", Do: clients},
	{At: "GET /clients/new", Do: newClientPage},
	{At: "POST /clients/new", Do: newClient},
	{At: "POST /clients/{id}/enable", Do: enableClient},
	{At: "POST /clients/{id}/disable", Do: disableClient},
}}

const most = 100

// listed is the register.
type listed struct {
	Rows        []identity.PersonView
	Next        string
	Departments names
	FewAdmins   bool // seen on a list that is whole
	States      []identity.State
}

// names are what ids stand for.
type names map[string]string

// Of is the name of an id; the id itself when it is not known.
func (n names) Of(id string) string {
	if s := n[id]; s != "" {
		return s
	}
	return id
}

// departments are the names of all departments, none for whom they are not shown.
func departments(q *page.Req) (names, []org.Department, error) {
	n := names{}
	if !q.Can("org.department_list") {
		return n, nil, nil
	}
	out, err := page.Run(q, org.DepartmentList, org.Nothing{})
	var open []org.Department
	for _, d := range out.Rows {
		n[d.ID] = d.Name
		if d.ClosedOn.IsZero() {
			open = append(open, d)
		}
	}
	return n, open, err
}

func list(q *page.Req) (page.Answer, error) {
	in := identity.PeopleIn{State: q.Query("state"), After: q.Query("after"), Limit: most}
	out, err := page.Run(q, identity.People, in)
	if err != nil {
		return page.Answer{}, err
	}
	d := listed{Rows: out.Rows, Next: out.Next, States: []identity.State{identity.Active, identity.Disabled}}
	if d.Departments, _, err = departments(q); err != nil {
		return page.Answer{}, err
	}
	if q.Can("identity.role_grant") && in.After == "" && in.State == "" && out.Next == "" {
		admins := 0
		for _, p := range out.Rows {
			if p.State == identity.Active && p.Enrolled && slices.Contains(p.Roles, "admin") {
				admins++
			}
		}
		d.FewAdmins = admins < 2
	}
	return q.Show("people/list", q.T("web.people.title"), d)
}

// form is a new person, or the particulars of one.
type form struct {
	ID    string // "": a new one
	Name  string // as it stands in the register
	In    identity.UpdateIn
	Hired string // dates as they were typed
	Left  string
	Open  []org.Department
}

// Has tells whether a department is among those chosen.
func (f form) Has(id string) bool { return slices.Contains(f.In.Departments, id) }

func (f form) answer(q *page.Req) page.Answer {
	title := q.T("web.people.new")
	if f.ID != "" {
		title = q.T("web.people.edit", "name", f.Name)
	}
	return page.Answer{Template: "people/form", Title: title, Data: f}
}

func newPage(q *page.Req) (page.Answer, error) {
	_, open, err := departments(q)
	f := form{Open: open, Hired: page.Date(q.Today())}
	return f.answer(q), err
}

// read takes the typed form over; what is wrong with a date is told first.
func (f *form) read(q *page.Req) error {
	v := q.Form
	f.Hired, f.Left = v.Get("hired_on"), v.Get("left_on")
	f.In.Particulars = identity.Particulars{Login: v.Get("login"), Number: v.Get("number"), Name: v.Get("name"), Kana: v.Get("kana"), Mail: v.Get("mail")}
	f.In.Department, f.In.Departments = v.Get("department"), v["departments"]
	f.In.Version, f.In.Reason = q.Int("version"), v.Get("reason")
	var err error
	if f.In.HiredOn, err = q.Date("hired_on"); err != nil {
		return err
	}
	f.In.LeftOn, err = q.Date("left_on")
	return err
}

func create(q *page.Req) (page.Answer, error) {
	_, open, err := departments(q)
	if err != nil {
		return page.Answer{}, err
	}
	f := form{Open: open}
	if err := f.read(q); err != nil {
		return q.Again(err, f.answer(q))
	}
	out, err := page.Run(q, identity.CreatePerson, f.In.CreateIn)
	if err != nil {
		return q.Again(err, f.answer(q))
	}
	return q.Show("people/issued", q.T("web.people.issued"), issued{out, f.In.Name, f.In.Login, true})
}

func editPage(q *page.Req) (page.Answer, error) {
	p, err := page.Run(q, identity.ShowPerson, identity.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	_, open, err := departments(q)
	f := form{ID: p.ID, Name: p.Name, Open: open, Hired: page.Date(p.HiredOn), Left: page.Date(p.LeftOn)}
	f.In.Version, f.In.Department, f.In.Departments = p.Version, p.Department, p.Departments
	f.In.Particulars = identity.Particulars{Login: p.Login, Number: p.Number, Name: p.Name, Kana: p.Kana, Mail: p.Mail.String()}
	return f.answer(q), err
}

func edit(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	_, open, err := departments(q)
	if err != nil {
		return page.Answer{}, err
	}
	f := form{ID: id, Name: q.Form.Get("name"), Open: open}
	f.In.ID = id
	if err := f.read(q); err != nil {
		return q.Again(err, f.answer(q))
	}
	if _, err := page.Run(q, identity.UpdatePerson, f.In); err != nil {
		return q.Again(err, f.answer(q))
	}
	return q.Go(path(id), "web.done.saved")
}

func path(id string) string { return "/people/" + url.PathEscape(id) }
