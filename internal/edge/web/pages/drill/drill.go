// Package drill are the pages of the exercises of the double check (承認の訓練):
// beginning and ending them, how many planted errors were caught, and the lesson
// after each.
package drill

import (
	"embed"
	"net/url"
	"strconv"
	"strings"

	"sekisho/internal/assure/drill"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "drill", Files: files, Routes: []page.Route{
	{At: "GET /drills", Do: overview},
	{At: "POST /drills", Do: start},
	{At: "POST /drills/{id}/stop", Do: stop},
	{At: "GET /drills/lessons/{request}", Do: lesson},
}}

// board is what there is to know about drills.
type board struct {
	Drills   []drill.Shown
	Rates    drill.RatesOut
	Chart    page.Chart
	Lessons  drill.LessonsOut
	People   map[string]string
	On       bool // one is running or to come
	Closings []closing
	Caught   int64
	Missed   int64
}

// closing is one day that can be ticked.
type closing struct {
	Day string
	On  bool
}

// months is how far back the rates go.
const months = 12

func overview(q *page.Req) (page.Answer, error) {
	var d board
	var err error
	if q.Can("drill.rates") {
		if err = d.rates(q); err != nil {
			return page.Answer{}, err
		}
	}
	if q.Can("drill.lessons") {
		if d.Lessons, err = page.Run(q, drill.Lessons, drill.LessonsIn{After: q.Query("after")}); err != nil {
			return page.Answer{}, err
		}
	}
	people := []string{}
	if q.Can("drill.list") {
		out, err := page.Run(q, drill.List, struct{}{})
		if err != nil {
			return page.Answer{}, err
		}
		d.Drills = out.Rows
		for _, r := range d.Drills {
			d.On = d.On || !r.Over
			people = append(people, r.StartedBy, r.Approver, r.StoppedBy)
		}
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	for _, day := range []string{"5", "10", "15", "20", "25", "31"} {
		on := day == "31"
		if q.Form.Has("from") {
			on = strings.Contains(","+strings.Join(q.Form["closing"], ",")+",", ","+day+",")
		}
		d.Closings = append(d.Closings, closing{day, on})
	}
	return q.Show("drill/overview", q.T("web.nav.drills"), d)
}

// rates are the months of the year that ends today.
func (d *board) rates(q *page.Req) error {
	first := q.Today().AddDays(1 - q.Today().Day()).AddMonths(1 - months)
	var err error
	if d.Rates, err = page.Run(q, drill.Rates, civil.Months{From: first.YearMonth(), To: q.Today().YearMonth()}); err != nil {
		return err
	}
	d.Chart = page.Chart{Kind: "bars", Title: q.T("web.drill.chart"), Unit: q.T("web.near.unit"), Names: [2]string{q.T("web.drill.caught"), q.T("web.drill.missed")}}
	for m := first; !m.After(q.Today()); m = m.AddMonths(1) {
		p := page.Point{Label: q.T("web.near.label", "m", int(m.Month()))}
		for _, r := range d.Rates.Rows {
			if r.Month == m.YearMonth() {
				p.A, p.B = r.Caught, r.Missed
			}
		}
		d.Caught, d.Missed = d.Caught+p.A, d.Missed+p.B
		d.Chart.Rows = append(d.Chart.Rows, p)
	}
	return nil
}

// Percent is the share that was caught; what nobody answered is no part of it.
func (d board) Percent() int64 {
	if d.Caught+d.Missed == 0 {
		return 0
	}
	return d.Caught * 100 / (d.Caught + d.Missed)
}

func start(q *page.Req) (page.Answer, error) {
	in := drill.StartIn{Closings: strings.Join(q.Form["closing"], ","), Reason: q.Form.Get("reason")}
	var err error
	if in.From, err = q.Date("from"); err == nil {
		in.Until, err = q.Date("until")
	}
	in.Before, in.After = days(q, "before"), days(q, "after")
	if err == nil {
		_, err = page.Run(q, drill.Start, in)
	}
	return done(q, err, "web.done.drill_started")
}

// days reads a number of days; what is none is refused as 0 is.
func days(q *page.Req, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(q.Form.Get(name)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func stop(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, drill.Stop, drill.StopIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")})
	return done(q, err, "web.done.drill_stopped")
}

func done(q *page.Req, err error, said string) (page.Answer, error) {
	if err == nil {
		return q.Go("/drills", said)
	}
	a, bad := overview(q)
	if bad != nil {
		return page.Answer{}, err
	}
	return q.Again(err, a)
}

// told is a lesson with the way back to the request.
type told struct {
	drill.Told
	To string
}

func lesson(q *page.Req) (page.Answer, error) {
	id := q.PathValue("request")
	out, err := page.Run(q, drill.LessonOf, drill.LessonIn{Request: id})
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("drill/lesson", q.T("web.drill.lesson"), told{out, "/approvals/" + url.PathEscape(id)})
}
