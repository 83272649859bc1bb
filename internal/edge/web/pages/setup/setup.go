// Package setup are the pages of the first run (初期設定): six steps, in any
// number of sittings. Where a step stands is read from the data, so there is
// nothing to resume; who may take it is decided by the gate.
package setup

import (
	"embed"
	"slices"

	"sekisho/internal/assure/backup"
	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
	"sekisho/internal/trade/intake"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "setup", Files: files, Routes: []page.Route{
	{At: "GET /setup", Open: true, Do: start},
	{At: "POST /setup", Open: true, Do: begin},
	{At: "GET /setup/keys", Do: keysPage},
	{At: "POST /setup/keys", Do: postpone},
	{At: "GET /setup/relay", Do: relayPage},
	{At: "POST /setup/relay", Do: relay},
	{At: "GET /setup/company", Do: companyPage},
	{At: "POST /setup/company", Do: company},
}}

// start is the form for the set-up code while there is nobody, and the list of
// steps afterwards.
func start(q *page.Req) (page.Answer, error) {
	some, err := q.House.People(q.Context())
	switch {
	case err != nil:
		return page.Answer{}, err
	case !some:
		return firstPage(q), nil
	case !q.In():
		return page.Answer{}, fault.Denied("gate.sign_in")
	case q.Unfinished() != "":
		return page.Answer{To: q.Unfinished() + "?next=/setup"}, nil
	}
	steps, err := steps(q)
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("setup/steps", q.T("web.setup.title"), steps)
}

func firstPage(q *page.Req) page.Answer {
	return page.Answer{Template: "setup/first", Title: q.T("web.setup.title"), Bare: true}
}

// begin makes the first two people with the code of the console, and signs the
// first one in.
func begin(q *page.Req) (page.Answer, error) {
	again := firstPage(q)
	f := q.Form
	if f.Get("_first.password") != f.Get("_again") {
		return q.Again(fault.Invalid("web.password.again_differs").At("again"), again)
	}
	who := func(at string) identity.Particulars {
		return identity.Particulars{Login: f.Get(at + "login"), Number: f.Get(at + "number"), Name: f.Get(at + "name"), Kana: f.Get(at + "kana"), Mail: f.Get(at + "mail")}
	}
	in := identity.SetupIn{Code: f.Get("_code"), First: identity.FirstPerson{Particulars: who("first."), Password: vault.NewSecret(f.Get("_first.password"))},
		Second: identity.SecondPerson{Particulars: who("second."), Role: f.Get("second.role")}}
	made, err := page.Run(q, identity.Setup, in)
	if err != nil {
		return q.Again(err, again)
	}
	if _, err := q.SignIn(in.First.Login, f.Get("_first.password"), ""); err != nil {
		return page.Answer{}, err
	}
	return page.Answer{Template: "setup/made", Title: q.T("web.setup.made"), Bare: true,
		Data: struct{ Name, Login, Password string }{in.Second.Name, in.Second.Login, made.StartPassword}}, nil
}

// State of a step.
type state string

const (
	done    state = "done"
	open    state = "open"    // somebody has to do it
	later   state = "later"   // put off, and reminded of
	unknown state = "unknown" // not for this reader to know
)

// step is one of the six.
type step struct {
	Name  string // text keys "web.setup.step_…"
	To    string
	Mine  bool // the reader may take it
	State state
}

type stepsData struct {
	Steps []step
	Next  string // address of the first one the reader can take
	All   bool   // nothing is left
}

func steps(q *page.Req) (stepsData, error) {
	out := stepsData{All: true}
	for _, find := range []func(*page.Req) (step, error){admins, keys, mail, people, issuer, import_} {
		s, err := find(q)
		if err != nil {
			return out, err
		}
		if s.State != done {
			out.All = false
		}
		if out.Next == "" && s.Mine && s.State == open {
			out.Next = s.To
		}
		out.Steps = append(out.Steps, s)
	}
	return out, nil
}

// when is done or open.
func when(ok bool) state {
	if ok {
		return done
	}
	return open
}

// everybody are the people, as far as the reader may see them.
func everybody(q *page.Req) ([]identity.PersonView, error) {
	out, err := page.Run(q, identity.People, identity.PeopleIn{Limit: 200})
	return out.Rows, err
}

// admins: the first two have signed up.
func admins(q *page.Req) (step, error) {
	s := step{Name: "admins", To: "/people", Mine: q.Can("identity.role_grant"), State: unknown}
	if !q.Can("identity.people") {
		return s, nil
	}
	all, err := everybody(q)
	n := 0
	for _, p := range all {
		if p.Enrolled && (slices.Contains(p.Roles, "admin") || slices.Contains(p.Roles, "attendant")) {
			n++
		}
	}
	s.State = when(n >= 2)
	return s, err
}

// keys: copies reach another machine, or that was put off.
func keys(q *page.Req) (step, error) {
	s := step{Name: "keys", To: "/setup/keys", Mine: q.Can("backup.status"), State: unknown}
	if !s.Mine {
		return s, nil
	}
	o, err := copies(q)
	if s.State = when(o.Last.State == backup.Good && len(remote(o)) > 0); s.State == open && o.Postponed.Until.After(q.House.Gate.Now()) {
		s.State = later
	}
	return s, err
}

// copies is how backups are; the house has made that op for itself.
func copies(q *page.Req) (backup.Overview, error) {
	return page.Run(q, gate.Find[struct{}, backup.Overview](q.House.Gate, "backup.status"), struct{}{})
}

func remote(o backup.Overview) []backup.Place {
	return slices.DeleteFunc(slices.Clone(o.Places), func(p backup.Place) bool { return p.Target != "remote" })
}

// mail: a test has arrived at the relay.
func mail(q *page.Req) (step, error) {
	s := step{Name: "relay", To: "/setup/relay", Mine: q.Can("dispatch.notice_test"), State: unknown}
	if !q.Can("dispatch.notice_list") {
		return s, nil
	}
	all, err := page.Run(q, dispatch.NoticeList, dispatch.NoticePage{Limit: 50})
	s.State = when(slices.ContainsFunc(all.Rows, func(n dispatch.Notice) bool { return n.State == dispatch.NoticeHanded }))
	return s, err
}

// people: somebody bills, and somebody else agrees.
func people(q *page.Req) (step, error) {
	s := step{Name: "people", To: "/people", Mine: q.Can("identity.person_create"), State: unknown}
	if !q.Can("identity.people") {
		return s, nil
	}
	all, err := everybody(q)
	has := func(role string) bool {
		return slices.ContainsFunc(all, func(p identity.PersonView) bool { return slices.Contains(p.Roles, role) })
	}
	s.State = when(has("accounting") && has("controller"))
	return s, err
}

// issuer: the own company is known, and invoices have numbers.
func issuer(q *page.Req) (step, error) {
	s := step{Name: "company", To: "/setup/company", Mine: q.Can("org.issuer_update"), State: unknown}
	if !q.Can("org.issuer_show") {
		return s, nil
	}
	known, err := issuerNow(q)
	if err != nil {
		return s, err
	}
	numbered := true
	if q.Can("org.series_list") {
		if numbered, err = hasSeries(q); err != nil {
			return s, err
		}
	}
	s.State = when(known.Name != "" && numbered)
	return s, nil
}

// issuerNow is the own company; empty when nothing was entered yet.
func issuerNow(q *page.Req) (org.Shown, error) {
	c, err := page.Run(q, org.IssuerShow, org.Nothing{})
	if f := fault.Of(err); err != nil && (f.Key == "org.no_issuer") {
		return c, nil
	}
	return c, err
}

func hasSeries(q *page.Req) (bool, error) {
	all, err := page.Run(q, org.SeriesList, org.Nothing{})
	return len(all.Rows) > 0, err
}

// import_: the first accounting person takes the old data over.
func import_(q *page.Req) (step, error) {
	s := step{Name: "import", To: "/imports", Mine: q.Can("intake.upload"), State: unknown}
	if !q.Can("intake.list") {
		return s, nil
	}
	all, err := page.Run(q, intake.List, intake.ListIn{Limit: 50})
	s.State = when(slices.ContainsFunc(all.Rows, func(r intake.Run) bool { return r.State == intake.Published }))
	return s, err
}
