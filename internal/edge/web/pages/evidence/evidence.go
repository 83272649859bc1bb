// Package evidence are the certificates of sendings: made, and checked.
package evidence

import (
	"embed"

	"sekisho/internal/assure/evidence"
	"sekisho/internal/edge/web/page"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "evidence", Files: files, Routes: []page.Route{
	{At: "GET /sendings/{id}/certificate", Do: certificate},
	{At: "GET /certificates", Do: form},
	{At: "POST /certificates", Do: check},
}}

func certificate(q *page.Req) (page.Answer, error) {
	p, err := page.Run(q, evidence.Certificate, evidence.CertificateIn{ID: q.PathValue("id"), Lang: string(q.Lang)})
	if err != nil {
		return page.Answer{}, err
	}
	return page.Answer{Bytes: p.Content, Media: "application/pdf"}, nil
}

// checked is a paper as typed, with what came of it.
type checked struct {
	ID, Code string
	Out      *evidence.CheckOut
}

func answer(q *page.Req, c checked) page.Answer {
	return page.Answer{Template: "evidence/check", Title: q.T("web.evidence.title"), Data: c}
}

func form(q *page.Req) (page.Answer, error) {
	return answer(q, checked{ID: q.Query("id")}), nil
}

func check(q *page.Req) (page.Answer, error) {
	c := checked{ID: q.Form.Get("id"), Code: q.Form.Get("code")}
	out, err := page.Run(q, evidence.Check, evidence.CheckIn{ID: c.ID, Code: c.Code})
	if err != nil {
		return q.Again(err, answer(q, c))
	}
	c.Out = &out
	return answer(q, c), nil
}
