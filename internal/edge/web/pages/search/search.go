// Package search is the search over everything: partners by name, invoices by
// number, and the places of the navigation by a word.
package search

import (
	"embed"
	"strings"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/edge/web/pages/party"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/trade/invoice"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "search", Files: files, Routes: []page.Route{
	{At: "GET /search", Do: search},
}}

// hit is one thing found.
type hit struct{ To, Icon, Title, More, Kind string }

type found struct {
	Q       string
	Hits    []hit
	Filling bool
}

const most = 12

func search(q *page.Req) (page.Answer, error) {
	d := found{Q: strings.TrimSpace(q.Query("q"))}
	if err := d.invoices(q); err != nil {
		return page.Answer{}, err
	}
	if err := d.partners(q); err != nil {
		return page.Answer{}, err
	}
	d.places(q)
	a := page.Answer{Template: "search/search", Title: q.T("web.search.title"), Data: d}
	a.Bare = q.Query("bare") != ""
	return a, nil
}

// partners are those whose name, reading or code holds the words.
func (d *found) partners(q *page.Req) error {
	if d.Q == "" || !q.Can("party.search") {
		return nil
	}
	out, err := party.Find(q, d.Q, most)
	d.Filling = out.Filling
	for _, r := range out.Rows {
		d.Hits = append(d.Hits, hit{"/partners/" + r.ID, "building", r.Name, strings.TrimSpace(r.Code + " " + r.Kana), "partner"})
	}
	return err
}

// invoices is the one with that number.
func (d *found) invoices(q *page.Req) error {
	if d.Q == "" || len(d.Q) > 60 || !strings.ContainsAny(jp.Fold(d.Q), "0123456789") || !q.Can(invoice.List.Name()) {
		return nil
	}
	out, err := page.Run(q, invoice.List, invoice.Filter{Number: strings.ToUpper(jp.Fold(d.Q)), Limit: 3})
	for _, i := range out.Invoices {
		d.Hits = append(d.Hits, hit{"/invoices/" + i.ID, "invoice", i.Number, page.Date(i.Date) + " " + i.Subject, "invoice"})
	}
	return err
}

// command is a page that begins something, for whom the op is open.
type command struct{ to, icon, key, op string }

// places are the pages of the navigation and what can be begun, by a word in them.
func (d *found) places(q *page.Req) {
	want := jp.Fold(d.Q)
	add := func(to, icon, title, kind string) {
		if strings.Contains(jp.Fold(title), want) {
			d.Hits = append(d.Hits, hit{To: to, Icon: icon, Title: title, Kind: kind})
		}
	}
	for _, c := range []command{{"/invoices/new", "plus", "web.search.new_invoice", "invoice.draft"}, {"/partners/new", "plus", "web.search.new_partner", "party.create"},
		{"/imports", "upload", "web.search.new_import", "intake.upload"}} {
		if q.Can(c.op) {
			add(c.to, c.icon, q.T(c.key), "command")
		}
	}
	for _, g := range q.Nav() {
		for _, i := range g.Items {
			add(i.To, i.Icon, q.T("web.nav."+i.Key), "page")
		}
	}
}
