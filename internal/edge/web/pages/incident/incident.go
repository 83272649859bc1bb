// Package incident are the pages of what went wrong or nearly did: the counts of
// what was stopped (ヒヤリハット) and the reports of mis-sends.
package incident

import (
	"embed"
	"net/url"
	"slices"
	"strconv"

	"sekisho/internal/assure/incident"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "incident", Files: files, Routes: []page.Route{
	{At: "GET /near-misses", Do: nearMisses},
	{At: "GET /incidents", Do: list},
	{At: "GET /incidents/{id}", Do: show},
	{At: "POST /incidents/{id}/note", Do: note},
	{At: "POST /incidents/{id}/close", Do: closing},
}}

// counted is a cause with how often it came.
type counted struct {
	Kind  dispatch.NearKind
	Cause string
	Month string
	Count int64
}

// nears are the events of some months.
type nears struct {
	dispatch.NearOut
	From, To civil.Date
	Causes   []counted // over all months, the most frequent first
	Chart    page.Chart
	People   map[string]string
}

// months is how far back the counts go unless somebody asks otherwise: a year.
const months = 12

func nearMisses(q *page.Req) (page.Answer, error) {
	d := nears{To: q.Today()}
	d.From = firstOf(d.To, 1-months)
	a := page.Answer{Template: "incident/near", Title: q.T("web.nav.near_misses"), Data: &d}
	from, err := q.Date("from")
	if err == nil && !from.IsZero() {
		d.From = from
	}
	to, bad := q.Date("to")
	if bad == nil && !to.IsZero() {
		d.To = to
	}
	if err == nil {
		err = bad
	}
	if err == nil {
		d.NearOut, err = page.Run(q, dispatch.NearMisses, dispatch.NearIn{From: d.From, To: d.To, After: q.Query("after")})
	}
	if err != nil {
		return q.Again(err, a)
	}
	d.sum(q)
	people := []string{}
	for _, e := range d.Events {
		people = append(people, e.Owner)
	}
	d.People, err = page.Names(q, people...)
	return a, err
}

// firstOf is the first day of the month n months from a day's.
func firstOf(day civil.Date, n int) civil.Date {
	m := day.Year()*12 + int(day.Month()) - 1 + n
	return civil.MustParse(strconv.Itoa(m/12) + "-" + pad(m%12+1) + "-01")
}

func pad(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// sum adds the counts up by month and by cause. What went out and was called
// back stands beside what was kept in.
func (d *nears) sum(q *page.Req) {
	d.Chart = page.Chart{Kind: "bars", Title: q.T("web.near.chart"), Unit: q.T("web.near.unit"), Names: [2]string{q.T("web.near.kept"), q.T("web.near.recalled")}}
	for m := firstOf(d.From, 0); !m.After(d.To) && len(d.Chart.Rows) < 36; m = firstOf(m, 1) {
		month := m.YearMonth()
		p := page.Point{Label: q.T("web.near.label", "m", int(m.Month()))}
		if m.Month() == 1 || len(d.Chart.Rows) == 0 && m.Month() != 12 { // two years side by side would run into each other
			p.Label = month[:4] + "/" + month[5:]
		}
		for _, c := range d.Counts {
			switch {
			case c.Month != month:
			case c.Kind == dispatch.NearRecall:
				p.B += c.Count
			default:
				p.A += c.Count
			}
		}
		d.Chart.Rows = append(d.Chart.Rows, p)
	}
	for _, c := range d.Counts {
		if i := slices.IndexFunc(d.Causes, func(o counted) bool { return o.Kind == c.Kind && o.Cause == c.Cause }); i >= 0 {
			d.Causes[i].Count += c.Count
			continue
		}
		d.Causes = append(d.Causes, counted{Kind: c.Kind, Cause: c.Cause, Count: c.Count})
	}
	slices.SortStableFunc(d.Causes, func(a, b counted) int { return int(b.Count - a.Count) })
}

// Of is how many of a kind there were.
func (d nears) Of(kind dispatch.NearKind) (n int64) {
	for _, c := range d.Counts {
		if c.Kind == kind {
			n += c.Count
		}
	}
	return n
}

// Cause is a cause in few words: the finding's sentence where there are none.
func (nears) Cause(q *page.Req, key string) string {
	if short := "web.near.cause." + key; text.Has(short) {
		return q.T(short)
	}
	return q.T(key, "shown", "…", "registered", "…")
}

// listed are incidents with names.
type listed struct {
	incident.Listed
	State   string
	Parties map[string]string
	People  map[string]string
}

func list(q *page.Req) (page.Answer, error) {
	d := listed{State: q.Query("state"), Parties: map[string]string{}}
	var err error
	if d.Listed, err = page.Run(q, incident.List, incident.ListIn{State: incident.State(d.State), After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	people, parties := []string{}, []string{}
	for _, r := range d.Rows {
		people, parties = append(people, r.Reporter), append(parties, r.Party)
	}
	if d.Parties, err = partners(q, parties); err != nil {
		return page.Answer{}, err
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	return q.Show("incident/list", q.T("web.nav.incidents"), d)
}

// partners are the names of partners for who may read them.
func partners(q *page.Req, ids []string) (map[string]string, error) {
	out := map[string]string{}
	if len(ids) == 0 || !q.Can("party.names") {
		return out, nil
	}
	got, err := page.Run(q, party.Names, party.NamesIn{IDs: ids})
	for _, p := range got.Parties {
		out[p.ID] = p.Name
	}
	return out, err
}

// shown is one incident with names.
type shown struct {
	incident.Shown
	Parties  map[string]string
	People   map[string]string
	Late     bool // the report to the authority is due
	Outcomes []incident.Outcome
}

func show(q *page.Req) (page.Answer, error) {
	d := shown{Outcomes: []incident.Outcome{incident.Leaked, incident.Recovered, incident.NoLeak}}
	var err error
	if d.Shown, err = page.Run(q, incident.Show, incident.ByID{ID: q.PathValue("id")}); err != nil {
		return page.Answer{}, err
	}
	d.Late = d.State == incident.Open && q.Today().After(d.PromptBy)
	people := []string{d.Reporter, d.Owner}
	for _, e := range d.Timeline {
		people = append(people, e.Person)
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	if d.Parties, err = partners(q, []string{d.Party}); err != nil {
		return page.Answer{}, err
	}
	return q.Show("incident/show", q.T("web.incident.title"), d)
}

// StateNow is where a recipient stands now.
func (d shown) StateNow(item string) dispatch.State {
	for _, n := range d.Now {
		if n.Item == item {
			return n.State
		}
	}
	return ""
}

// Settled tells whether the fate of every recipient is known.
func (d shown) Settled() bool {
	return !slices.ContainsFunc(d.Now, func(s incident.Standing) bool { return s.State == dispatch.Unknown || s.State == dispatch.Claimed })
}

func at(id string) string { return "/incidents/" + url.PathEscape(id) }

func note(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if _, err := page.Run(q, incident.AddNote, incident.NoteIn{ID: id, Words: q.Form.Get("words")}); err != nil {
		return again(q, err)
	}
	return q.Go(at(id), "web.done.noted")
}

func closing(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	in := incident.CloseIn{ID: id, Version: q.Int("version"), Outcome: incident.Outcome(q.Form.Get("outcome")), Reason: q.Form.Get("reason")}
	if _, err := page.Run(q, incident.Close, in); err != nil {
		return again(q, err)
	}
	return q.Go(at(id), "web.done.saved")
}

func again(q *page.Req, why error) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return page.Answer{}, fault.Of(why)
	}
	return q.Again(why, a)
}
