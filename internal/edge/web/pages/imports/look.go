package imports

import (
	"net/url"
	"strconv"

	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/trade/intake"
)

// errorsPage are what is wrong with a file, line by line.
type errorsPage struct {
	intake.ErrorsOut
	Run intake.ShowOut
}

func issues(q *page.Req) (page.Answer, error) {
	run := q.PathValue("run")
	r, err := page.Run(q, intake.Show, intake.ByRun{Run: run})
	if err != nil {
		return page.Answer{}, err
	}
	after, _ := strconv.Atoi(q.Query("after"))
	out, err := page.Run(q, intake.Errors, intake.ErrorsIn{Run: run, After: max(after, 0)})
	return page.Answer{Template: "imports/errors", Title: q.T("web.imports.errors"), Data: errorsPage{out, r}}, err
}

func issuesFile(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, intake.ErrorsFile, intake.ErrorsFileIn{Run: q.PathValue("run"), Lang: q.Lang})
	return page.Answer{Bytes: out.Content, Media: "text/csv; charset=utf-8", Name: out.Name}, err
}

// traced is where a row came from.
type traced struct {
	intake.Traced
	Kind, ID string
}

func trace(q *page.Req) (page.Answer, error) {
	in := intake.TraceIn{Kind: q.Query("kind"), ID: q.Query("id")}
	out, err := page.Run(q, intake.Trace, in)
	return page.Answer{Template: "imports/trace", Title: q.T("web.imports.trace"), Data: traced{out, in.Kind, in.ID}}, err
}

// addressPage are the addresses an import brought, quiet or strange.
type addressPage struct {
	Run  intake.ShowOut
	Kind string
	party.FirstListOut
	Sample int
	Found  map[string][]string // what is strange, in words, by point
}

func addresses(q *page.Req) (page.Answer, error) {
	run := q.PathValue("run")
	r, err := page.Run(q, intake.Show, intake.ByRun{Run: run})
	if err != nil {
		return page.Answer{}, err
	}
	d := addressPage{Run: r, Kind: "quiet", Sample: party.SampleSize, Found: map[string][]string{}}
	if q.Query("kind") == "strange" {
		d.Kind = "strange"
	}
	if d.FirstListOut, err = page.Run(q, party.FirstVerificationList, party.FirstListIn{Run: run, Kind: d.Kind, After: q.Query("after"), Limit: 50}); err != nil {
		return page.Answer{}, err
	}
	for _, row := range d.Rows {
		for _, f := range row.Findings {
			said := q.T(f.Kind)
			if f.Near != "" {
				said = q.T("web.partner.finding_near", "what", said, "near", f.Near)
			}
			d.Found[row.Point] = append(d.Found[row.Point], said)
		}
	}
	return page.Answer{Template: "imports/addresses", Title: q.T("web.imports.addresses"), Data: d}, nil
}

func verifyQuiet(q *page.Req) (page.Answer, error) {
	run := q.PathValue("run")
	_, err := page.Run(q, party.FirstVerifyQuiet, party.FirstVerifyIn{Run: run, Digest: q.Form.Get("digest"), Reason: q.Form.Get("reason")})
	if err != nil {
		a, e := addresses(q)
		if e != nil {
			return a, e
		}
		return q.Again(err, a)
	}
	return q.Go("/imports/"+url.PathEscape(run)+"/addresses", "web.done.import_verified")
}
