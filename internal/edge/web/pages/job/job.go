// Package job are the pages of what the server does later: jobs with how they
// went, and imports with how far they are.
package job

import (
	"embed"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/trade/intake"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "job", Files: files, Routes: []page.Route{
	{At: "GET /jobs", Do: list},
	{At: "POST /jobs/{id}/retry", Do: retry},
	{At: "GET /jobs/{id}/events", Do: events},
	{At: "GET /jobs/run/{run}/events", Do: runEvents},
}}

// listed is a page of jobs.
type listed struct {
	jobs.Listed
	States []jobs.State
	Runs   []run
	Max    int
}

// run is an import with how it went, in the words of this page.
type run struct {
	intake.Run
	How string
	now
}

// now is how far something is, as it is streamed.
type now struct {
	Value int64  `json:"value"`
	Max   int64  `json:"max"` // 0: nobody knows how much there is
	Text  string `json:"text"`
	Last  bool   `json:"last"`
}

// runsShown is how many imports stand above the jobs.
const runsShown = 5

func list(q *page.Req) (page.Answer, error) {
	d := listed{States: []jobs.State{jobs.Waiting, jobs.Running, jobs.Done, jobs.Failed}}
	a := page.Answer{Template: "job/list", Title: q.T("web.nav.jobs"), Data: &d, Scripts: []string{"job.js"}}
	out, err := page.Run(q, jobs.List, jobs.ListIn{State: jobs.State(q.Query("state")), After: q.Query("after"), Limit: 50})
	if err != nil {
		return q.Again(err, a)
	}
	d.Listed = out
	var met []string
	for _, j := range out.Jobs {
		met = append(met, j.Person)
	}
	if q.Can(intake.List.Name()) && q.Query("after") == "" {
		runs, err := page.Run(q, intake.List, intake.ListIn{Limit: runsShown})
		if err != nil {
			return page.Answer{}, err
		}
		for _, r := range runs.Rows {
			d.Runs = append(d.Runs, run{r, how(r), far(q, r)})
			met = append(met, r.Owner)
		}
	}
	q.Meet(met...)
	return a, nil
}

// how says how an import went.
func how(r intake.Run) string {
	switch r.State {
	case intake.Published:
		if r.Totals.Refused > 0 {
			return "partly"
		}
		return "done"
	case intake.Staging:
		return "running"
	case intake.Blocked:
		return "failed"
	}
	return string(r.State)
}

// far says how many rows of an import are written; slices are of one size, but
// for the last.
func far(q *page.Req, r intake.Run) now {
	n := now{Max: int64(r.Totals.Accepted), Last: r.State != intake.Staging && r.State != intake.Uploaded}
	if r.Slices > 0 {
		n.Value = min(n.Max, (n.Max+r.Slices-1)/r.Slices*r.Done)
	}
	n.Text = q.T("web.job.far", "n", page.Number(n.Value), "max", page.Number(n.Max))
	if n.Max == 0 {
		n.Text = q.T("web.job.how_" + how(r))
	}
	return n
}

func retry(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, jobs.Retry, jobs.ByID{ID: q.PathValue("id")}); err != nil {
		return page.Answer{}, err
	}
	return q.Go("/jobs", "web.done.job_retried")
}

func events(q *page.Req) (page.Answer, error) {
	return q.Events(func() (any, bool, error) {
		j, err := page.Run(q, jobs.Show, jobs.ByID{ID: q.PathValue("id")})
		n := now{Text: q.T("web.job.how_" + string(j.State)), Last: j.State == jobs.Done || j.State == jobs.Failed}
		if n.Last {
			n.Value, n.Max = 1, 1
		}
		return n, n.Last, err
	})
}

func runEvents(q *page.Req) (page.Answer, error) {
	return q.Events(func() (any, bool, error) {
		r, err := page.Run(q, intake.Show, intake.ByRun{Run: q.PathValue("run")})
		n := far(q, r.Run)
		return n, n.Last, err
	})
}
