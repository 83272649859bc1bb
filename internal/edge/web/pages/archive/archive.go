// Package archive are the pages of the archive (帳簿検索): the search that the
// electronic-books law wants, one document with its history, its file, and
// taking a file in.
package archive

import (
	"embed"
	"strings"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "archive", Files: files, Routes: []page.Route{
	{At: "GET /archive", Do: search},
	{At: "GET /archive/upload", Do: uploadPage},
	{At: "POST /archive/upload", Do: upload},
	{At: "GET /archive/{id}", Do: show},
	{At: "GET /archive/{id}/file", Do: file},
	{At: "POST /archive/{id}/verify", Do: verify},
}}

var (
	kinds = []string{document.Invoice, document.Quote, document.Order, document.Delivery, document.Receipt, document.Contract,
		document.Credit, document.Attachment, document.Other}
	directions = []document.Direction{document.Issued, document.Received, document.Internal}
)

// found is a page of documents.
type found struct {
	In         document.SearchIn
	Kinds      []string
	Directions []document.Direction
	Rows       []row
	Next       string
	Recent     bool // nothing was asked for: the last three months
	From       string
}

// row is a document with its partner.
type row struct {
	document.Document
	Partner party.Named
}

// recent is how far a search without conditions goes back, months.
const recent = 3

func search(q *page.Req) (page.Answer, error) {
	d := found{Kinds: kinds, Directions: directions, From: q.Query("from")}
	a := page.Answer{Template: "archive/list", Title: q.T("web.nav.archive"), Data: &d}
	in, err := conditions(q)
	d.In = in
	if err != nil {
		return q.Again(err, a)
	}
	if asked := strings.TrimSpace(q.Query("partner") + in.From.String() + in.To.String()); asked == "" && in == (document.SearchIn{After: in.After, Limit: in.Limit, Corrected: in.Corrected}) {
		d.Recent, in.From = true, q.Today().AddDays(-30*recent)
		d.From = page.Date(in.From)
	}
	out, err := page.Run(q, document.Search, in)
	if err != nil {
		return q.Again(err, a)
	}
	d.Next = out.Next
	d.Rows, err = named(q, out.Rows)
	return a, err
}

// conditions reads the address. What is not given does not narrow.
func conditions(q *page.Req) (document.SearchIn, error) {
	in := document.SearchIn{Number: strings.TrimSpace(q.Query("number")), Kind: q.Query("kind"), Direction: document.Direction(q.Query("direction")),
		NoAmount: q.Query("no_amount") != "", Corrected: q.Query("corrected") != "", After: q.Query("after"), Limit: 50}
	var bad []*fault.Error
	keep := func(err error) {
		if err != nil {
			bad = append(bad, fault.Of(err))
		}
	}
	var err error
	in.From, err = q.Date("from")
	keep(err)
	in.To, err = q.Date("to")
	keep(err)
	in.AmountFrom, err = q.Yen("amount_from")
	keep(err)
	in.AmountTo, err = q.Yen("amount_to")
	keep(err)
	in.Party, err = partner(q, q.Query("partner"))
	keep(err)
	return in, fault.Several(bad...)
}

// named puts the partners' names beside documents.
func named(q *page.Req, docs []document.Document) ([]row, error) {
	var ids []string
	for _, d := range docs {
		if d.Party != "" {
			ids = append(ids, d.Party)
		}
	}
	names := map[string]party.Named{}
	if len(ids) > 0 {
		out, err := page.Run(q, party.Names, party.NamesIn{IDs: ids})
		if err != nil {
			return nil, err
		}
		for _, p := range out.Parties {
			names[p.ID] = p
		}
	}
	rows := make([]row, len(docs))
	for i, d := range docs {
		rows[i] = row{d, names[d.Party]}
	}
	return rows, nil
}

// shown is one document.
type shown struct {
	row
	Versions []document.Document
	Kept     int // years from its date until it may go, for the sentence
}

func show(q *page.Req) (page.Answer, error) {
	id := document.ByID{ID: q.PathValue("id")}
	doc, err := page.Run(q, document.Show, id)
	if err != nil {
		return page.Answer{}, err
	}
	history, err := page.Run(q, document.History, id)
	if err != nil {
		return page.Answer{}, err
	}
	rows, err := named(q, []document.Document{doc})
	if err != nil {
		return page.Answer{}, err
	}
	met := []string{doc.Owner, doc.GivenBy}
	for _, v := range history.Rows {
		met = append(met, v.Owner)
	}
	q.Meet(met...)
	d := shown{row: rows[0], Versions: history.Rows, Kept: years(doc.Date, doc.RetainUntil)}
	return q.Show("archive/show", title(q, doc), d)
}

func years(from, to civil.Date) int { return to.Year() - from.Year() }

func title(q *page.Req, d document.Document) string {
	t := q.T("web.archive.kind_" + d.Kind)
	if d.Number != "" {
		t += " " + d.Number
	}
	return t
}

// file gives the stored bytes: a PDF to look at, all others to keep.
func file(q *page.Req) (page.Answer, error) {
	c, err := page.Run(q, document.Contents, document.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	a := page.Answer{Bytes: c.Content, Media: c.Media, Name: c.Name}
	if c.Media == "application/pdf" && q.Query("save") == "" {
		a.Name = ""
	}
	return a, nil
}

func verify(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if _, err := page.Run(q, document.Verify, document.ByID{ID: id}); err != nil {
		return page.Answer{}, err
	}
	return q.Go("/archive/"+id, "web.done.document_whole")
}
