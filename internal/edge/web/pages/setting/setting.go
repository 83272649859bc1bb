// Package setting are the pages of how the house is set up: the own company,
// departments, numbers, days off, the rules of sending, relays and addresses of
// notices.
package setting

import (
	"embed"
	"strconv"

	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "setting", Files: files, Routes: []page.Route{
	{At: "GET /settings", Do: hub},
	{At: "GET /settings/company", Do: companyPage},
	{At: "POST /settings/company", Do: company},
	{At: "GET /settings/company/{which}", Do: picture},
	{At: "GET /settings/departments", Do: departmentsPage},
	{At: "POST /settings/departments", Do: newDepartment},
	{At: "POST /settings/departments/{id}", Do: department},
	{At: "POST /settings/departments/{id}/close", Do: closeDepartment},
	{At: "GET /settings/numbers", Do: numbersPage},
	{At: "POST /settings/numbers", Do: newSeries},
	{At: "GET /settings/holidays", Do: holidaysPage},
	{At: "POST /settings/holidays", Do: holiday},
	{At: "GET /settings/rules", Do: rulesPage},
	{At: "GET /settings/rules/{rule}", Do: rulePage},
	{At: "POST /settings/rules/{rule}", Do: rule},
	{At: "GET /settings/watched", Do: watchedPage},
	{At: "POST /settings/watched", Do: watch},
	{At: "POST /settings/watched/{id}", Do: unwatch},
	{At: "GET /settings/relays", Do: relaysPage},
	{At: "POST /settings/relays/stop", Do: stopAll},
	{At: "POST /settings/relays/start", Do: startAll},
	{At: "GET /settings/notices", Do: noticesPage},
	{At: "POST /settings/notices", Do: propose},
	{At: "POST /settings/notices/{id}/confirm", Do: confirm},
	{At: "POST /settings/notices/{id}/retire", Do: retire},
	{At: "POST /settings/notices/{id}/test", Do: test},
}}

// place is one page of the settings, shown to whom its op is open.
type place struct{ Key, Icon, Op string }

func places() []place {
	return []place{
		{"company", "building", "org.issuer_show"}, {"departments", "people", "org.department_list"}, {"numbers", "gap", "org.series_list"},
		{"holidays", "clock", "org.holiday_list"}, {"rules", "shield", "dispatch.rule_list"}, {"watched", "eye", "dispatch.watched_list"}, {"relays", "send", "dispatch.relays"},
		{"notices", "bell", "dispatch.notice_addresses"},
	}
}

// summary is the hub: where to go, and what is worth knowing beforehand.
type summary struct {
	Places  []place
	Stopped bool
	Stop    dispatch.Switch
}

func hub(q *page.Req) (page.Answer, error) {
	var s summary
	for _, p := range places() {
		if q.Can(p.Op) {
			s.Places = append(s.Places, p)
		}
	}
	if q.Can("dispatch.relays") {
		out, err := page.Run(q, dispatch.Relays, struct{}{})
		if err != nil {
			return page.Answer{}, err
		}
		s.Stop, s.Stopped = out.Stop, out.Stop.Stopped
	}
	return q.Show("setting/hub", q.T("web.nav.settings"), s)
}

// back ends a form: to its page with what was done, or shows that page again
// with what is wrong.
func back(q *page.Req, err error, at, done string, again func(*page.Req) (page.Answer, error)) (page.Answer, error) {
	if err == nil {
		return q.Go("/settings/"+at, done)
	}
	if k := fault.Of(err).Kind; k != fault.KindInvalid && k != fault.KindRefused && k != fault.KindConflict {
		return page.Answer{}, err
	}
	a, bad := again(q)
	if bad != nil {
		return page.Answer{}, bad
	}
	return q.Again(err, a)
}

// tree are the departments.
type tree struct {
	Rows []org.Department
	Name map[string]string
	At   string // of the form that is under way: an id, "close-ID", or ""
}

func departmentsPage(q *page.Req) (page.Answer, error) { return departmentsAt("")(q) }

func departmentsAt(at string) func(*page.Req) (page.Answer, error) {
	return func(q *page.Req) (page.Answer, error) {
		out, err := page.Run(q, org.DepartmentList, org.Nothing{})
		t := tree{Rows: out.Rows, Name: map[string]string{"": ""}, At: at}
		for _, d := range out.Rows {
			t.Name[d.ID] = d.Name
		}
		return page.Answer{Template: "setting/departments", Title: q.T("web.setting.departments"), Data: t}, err
	}
}

func newDepartment(q *page.Req) (page.Answer, error) {
	f := q.Form
	_, err := page.Run(q, org.DepartmentCreate, org.DepartmentIn{Code: f.Get("code"), Name: f.Get("name"), Parent: f.Get("parent")})
	return back(q, err, "departments", "web.done.saved", departmentsAt("new"))
}

func department(q *page.Req) (page.Answer, error) {
	id, f := q.PathValue("id"), q.Form
	_, err := page.Run(q, org.DepartmentUpdate, org.DepartmentUpdateIn{ID: id, Version: q.Int("version"), Name: f.Get("name"), Parent: f.Get("parent")})
	return back(q, err, "departments", "web.done.saved", departmentsAt(id))
}

func closeDepartment(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	_, err := page.Run(q, org.DepartmentClose, org.DepartmentCloseIn{ID: id, Reason: q.Form.Get("reason")})
	return back(q, err, "departments", "web.done.department_closed", departmentsAt("close-"+id))
}

// numbers are the series, each with its runs.
type numbers struct {
	Rows []org.Series
	Runs []org.Run
}

// Of are the runs of a series.
func (n numbers) Of(series string) []org.Run {
	var out []org.Run
	for _, r := range n.Runs {
		if r.Series == series {
			out = append(out, r)
		}
	}
	return out
}

func numbersPage(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, org.SeriesList, org.Nothing{})
	return page.Answer{Template: "setting/numbers", Title: q.T("web.setting.numbers"), Data: numbers{out.Rows, out.Runs}}, err
}

func newSeries(q *page.Req) (page.Answer, error) {
	f := q.Form
	_, err := page.Run(q, org.SeriesCreate, org.SeriesIn{Name: f.Get("name"), Pattern: f.Get("pattern"), First: q.Int("first")})
	return back(q, err, "numbers", "web.done.saved", numbersPage)
}

// calendar are the days off of one year.
type calendar struct {
	Year int
	Rows []org.Holiday
}

func holidaysPage(q *page.Req) (page.Answer, error) {
	year, err := strconv.Atoi(q.Query("year"))
	if err != nil {
		year = q.Today().Year()
	}
	out, err := page.Run(q, org.HolidayList, org.HolidaysIn{Year: year})
	return page.Answer{Template: "setting/holidays", Title: q.T("web.setting.holidays"), Data: calendar{year, out.Rows}}, err
}

func holiday(q *page.Req) (page.Answer, error) {
	d, err := q.Date("date")
	at := "holidays"
	if err == nil {
		_, err = page.Run(q, org.HolidaySet, org.HolidayIn{Date: d, Name: q.Form.Get("name"), Remove: q.Form.Get("remove") != ""})
		at += "?year=" + strconv.Itoa(d.Year())
	}
	return back(q, err, at, "web.done.saved", holidaysPage)
}

// called is who an id stands for, as far as the reader may know.
func called(q *page.Req, id string) string {
	if id == "" || !q.Can("identity.person_show") {
		return ""
	}
	p, err := page.Run(q, identity.ShowPerson, identity.ByID{ID: id})
	if err != nil {
		return "" // out of the reader's reach
	}
	return p.Name
}
