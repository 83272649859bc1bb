// Package paper are the pages of print runs (印刷の束): what waits, the PDF, the
// check while enclosing, and that it was posted.
package paper

import (
	"embed"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/paper"
	"sekisho/internal/edge/web/page"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "paper", Files: files, Routes: []page.Route{
	{At: "GET /print-runs", Do: list},
	{At: "POST /print-runs", Do: start},
	{At: "GET /print-runs/window", Do: window},
	{At: "POST /print-runs/window", Do: move},
	{At: "GET /print-runs/window/test", Do: test},
	{At: "GET /print-runs/{id}", Do: show},
	{At: "POST /print-runs/{id}/print", Do: give},
	{At: "POST /print-runs/{id}/enclose", Do: enclose},
	{At: "POST /print-runs/{id}/dial", Do: dial},
	{At: "POST /print-runs/{id}/post", Do: post},
	{At: "POST /print-runs/{id}/out", Do: out},
}}

// listed is what waits, and the runs so far.
type listed struct {
	Waiting []waiting
	Runs    []paper.Run
	Next    string
}

type waiting struct {
	Channel string
	Rows    []paper.WaitingItem
}

func list(q *page.Req) (page.Answer, error) {
	var d listed
	a := page.Answer{Template: "paper/list", Title: q.T("web.nav.print_runs"), Data: &d}
	for _, c := range []string{party.Post, party.Fax} {
		w, err := page.Run(q, paper.Waiting, paper.WaitingIn{Channel: c})
		if err != nil {
			return q.Again(err, a)
		}
		d.Waiting = append(d.Waiting, waiting{c, w.Rows})
	}
	l, err := page.Run(q, paper.List, paper.ListIn{After: q.Query("after"), Limit: 50})
	if err != nil {
		return q.Again(err, a)
	}
	d.Runs, d.Next = l.Rows, l.Next
	var met []string
	for _, r := range l.Rows {
		met = append(met, r.Person)
	}
	q.Meet(met...)
	return a, nil
}

func start(q *page.Req) (page.Answer, error) {
	a, err := list(q)
	if err != nil {
		return a, err
	}
	m, err := page.Run(q, paper.RunMake, paper.WaitingIn{Channel: q.Form.Get("channel")})
	if err != nil {
		return q.Again(err, a)
	}
	if len(m.Left) > 0 {
		return q.Go("/print-runs/"+m.ID, "web.done.run_partly")
	}
	return q.Go("/print-runs/"+m.ID, "web.done.run_made")
}

// run is the page of one.
type run struct {
	paper.Shown
	Left  int // envelopes that are neither posted nor out
	Typed string
	Open  string // envelope whose form is shown again
}

// Fax tells whether it is dialled, not enclosed.
func (r run) Fax() bool { return r.Channel == party.Fax }

// Word is the text key of an envelope's state.
func (r run) Word(s paper.State) string {
	if r.Fax() && s != paper.Out {
		return "paper.state_fax." + string(s)
	}
	return "paper.state." + string(s)
}

func show(q *page.Req) (page.Answer, error) {
	s, err := page.Run(q, paper.Show, paper.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	d := run{Shown: s}
	met := []string{s.Person}
	for _, e := range s.List {
		if e.State != paper.Posted && e.State != paper.Out {
			d.Left++
		}
		met = append(met, e.ClosedBy, e.PostedBy)
	}
	if q.Form != nil {
		d.Typed, d.Open = q.Form.Get("codes"), q.Form.Get("envelope")
	}
	q.Meet(met...)
	return q.Show("paper/show", q.T("web.paper.run"), d)
}

// give downloads the PDF; it is a post, since it counts.
func give(q *page.Req) (page.Answer, error) {
	f, err := page.Run(q, paper.Print, paper.ByID{ID: q.PathValue("id")})
	if err != nil {
		return again(q, err)
	}
	return page.Answer{Bytes: f.Content, Media: "application/pdf", Name: f.Name}, nil
}

// again shows the run with what went wrong and what was typed.
func again(q *page.Req, err error) (page.Answer, error) {
	a, bad := show(q)
	if bad != nil {
		return a, bad
	}
	return q.Again(err, a)
}

func back(q *page.Req, err error, done string) (page.Answer, error) {
	if err != nil {
		return again(q, err)
	}
	return q.Go("/print-runs/"+q.PathValue("id"), "web.done."+done)
}

func enclose(q *page.Req) (page.Answer, error) {
	codes := strings.FieldsFunc(q.Form.Get("codes"), func(r rune) bool { return strings.ContainsRune("\r\n,、，;", r) })
	var list []string
	for _, c := range codes {
		if strings.TrimSpace(c) != "" {
			list = append(list, c)
		}
	}
	_, err := page.Run(q, paper.Enclose, paper.EncloseIn{ID: q.Form.Get("envelope"), Codes: list})
	return back(q, err, "enclosed")
}

func dial(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, paper.Dial, paper.DialIn{ID: q.Form.Get("envelope"), Number: q.Form.Get("number")})
	return back(q, err, "dialled")
}

func post(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, paper.PostOp, paper.ByID{ID: q.Form.Get("envelope")})
	return back(q, err, "posted")
}

func out(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, paper.TakeOut, paper.TakeOutIn{ID: q.Form.Get("envelope"), Reason: q.Form.Get("reason")})
	return back(q, err, "taken_out")
}

// place is where the address stands, as it is or as it was typed.
type place struct{ Left, Top string }

func window(q *page.Req) (page.Answer, error) {
	l, err := page.Run(q, paper.LayoutShow, struct{}{})
	if err != nil {
		return page.Answer{}, err
	}
	d := place{page.Number(l.Left), page.Number(l.Top)}
	if q.Form != nil && q.Form.Has("left_mm") {
		d = place{q.Form.Get("left_mm"), q.Form.Get("top_mm")}
	}
	return q.Show("paper/window", q.T("web.paper.window"), d)
}

func move(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, paper.LayoutSet, paper.LayoutIn{Left: q.Int("left_mm"), Top: q.Int("top_mm")}); err != nil {
		a, bad := window(q)
		if bad != nil {
			return a, bad
		}
		return q.Again(err, a)
	}
	return q.Go("/print-runs/window", "web.done.window_moved")
}

func test(q *page.Req) (page.Answer, error) {
	f, err := page.Run(q, paper.TestPage, struct{}{})
	return page.Answer{Bytes: f.Content, Media: "application/pdf", Name: f.Name}, err
}
