// Package invoice are the pages of 請求書: finding one, writing a draft, and the
// document with everything that can be done about it; and the 欠番台帳.
package invoice

import (
	"embed"
	"net/url"

	"sekisho/internal/base/org"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	trade "sekisho/internal/trade/invoice"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "invoice", Files: files, Routes: []page.Route{
	{At: "GET /invoices", Do: list},
	{At: "GET /invoices/new", Do: newPage},
	{At: "POST /invoices/new", Do: save},
	{At: "POST /invoices/calc", Do: calc},
	{At: "GET /invoices/{id}", Do: show},
	{At: "GET /invoices/{id}/edit", Do: editPage},
	{At: "POST /invoices/{id}/edit", Do: save},
	{At: "POST /invoices/{id}/merge", Do: mergePost},
	{At: "GET /invoices/{id}/pdf", Do: pdf},
	{At: "POST /invoices/{id}/issue", Do: issue},
	{At: "POST /invoices/{id}/discard", Do: discard},
	{At: "POST /invoices/{id}/correct", Do: begin(trade.Correct)},
	{At: "POST /invoices/{id}/credit", Do: begin(trade.Credit)},
	{At: "POST /invoices/{id}/cancel", Do: cancel},
	{At: "POST /invoices/{id}/void", Do: voidReissue},
	{At: "POST /invoices/{id}/settle", Do: settle},
	{At: "POST /invoices/{id}/unsettle", Do: unsettle},
	{At: "GET /gaps", Do: gaps},
}}

// listing is the page of invoices: the address holds the whole search.
type listing struct {
	F    map[string]string
	Rows []trade.Invoice
	Next string
	Any  bool // something is being searched for
	Kept []ready

	today civil.Date
}

// ready is a search that is there for everybody.
type ready struct {
	Key, To string
	Here    bool
}

var filters = []string{"state", "partner", "scope", "number", "from", "to", "due_to", "owed", "amount_from", "amount_to"}

func list(q *page.Req) (page.Answer, error) {
	l := listing{F: map[string]string{}, Kept: searches(q), today: q.Today()}
	for _, name := range filters {
		l.F[name] = q.Query(name)
		l.Any = l.Any || l.F[name] != ""
	}
	a := page.Answer{Template: "invoice/list", Title: q.T("web.nav.invoices"), Data: &l}
	f, err := filter(q)
	if err != nil {
		return q.Again(named(q, err), a)
	}
	out, err := page.Run(q, trade.List, f)
	if err != nil {
		return q.Again(named(q, err), a)
	}
	l.Rows, l.Next = out.Invoices, out.Next
	return a, nil
}

// filter reads the search of the address, as people write it.
func filter(q *page.Req) (f trade.Filter, err error) {
	f = trade.Filter{State: trade.State(q.Query("state")), Number: q.Query("number"), Owed: q.Query("owed") != "", After: q.Query("after")}
	if said := q.Query("partner"); said != "" {
		p, err := find(q, said)
		if err != nil {
			return f, err
		}
		f.Party = p.ID
	}
	switch q.Query("scope") {
	case "own":
		f.Owner = q.Me.Person.ID
	case "department":
		f.Department = q.Me.Person.Department
	}
	for name, day := range map[string]*civil.Date{"from": &f.From, "to": &f.To, "due_to": &f.DueTo} {
		if *day, err = q.Date(name); err != nil {
			return f, err
		}
	}
	for name, amount := range map[string]*string{"amount_from": &f.AmountFrom, "amount_to": &f.AmountTo} {
		y, err := q.Yen(name)
		if err != nil {
			return f, err
		}
		if q.Query(name) != "" {
			*amount = y.String()
		}
	}
	return f, nil
}

// searches are the ones most asked for.
func searches(q *page.Req) []ready {
	today := q.Today()
	first := today.AddDays(1 - today.Day())
	var out []ready
	for _, s := range []struct {
		key string
		v   url.Values
	}{
		{"drafts", url.Values{"state": {"draft"}}},
		{"issued", url.Values{"state": {"ready"}}},
		{"overdue", url.Values{"owed": {"1"}, "due_to": {today.AddDays(-1).String()}}},
		{"month", url.Values{"from": {first.String()}, "to": {today.EndOfMonth().String()}}},
		{"own", url.Values{"scope": {"own"}}},
	} {
		to := "/invoices?" + s.v.Encode()
		out = append(out, ready{"web.invoice.search_" + s.key, to, q.URL.RawQuery == s.v.Encode()})
	}
	return out
}

// ledger is the 欠番台帳 of one series.
type ledger struct {
	Series []org.Series
	Name   string
	org.GapsOut
}

func gaps(q *page.Req) (page.Answer, error) {
	all, err := page.Run(q, org.SeriesList, org.Nothing{})
	if err != nil {
		return page.Answer{}, err
	}
	l := ledger{Series: all.Rows, Name: q.Query("series")}
	if l.Name == "" && len(all.Rows) > 0 {
		l.Name = all.Rows[0].Name
		for _, s := range all.Rows {
			if s.Name == "invoice" {
				l.Name = s.Name
			}
		}
	}
	a := page.Answer{Template: "invoice/gaps", Title: q.T("web.nav.gaps"), Data: &l}
	if l.Name == "" {
		return a, nil
	}
	l.GapsOut, err = page.Run(q, org.Gaps, org.GapsIn{Series: l.Name, After: q.Query("after")})
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return q.Again(err, a)
	}
	return a, err
}

// States and Scopes are the choices of the search.
func (l *listing) States() []trade.State {
	return []trade.State{trade.Drafted, trade.Issued, trade.Ready, trade.Opening}
}

// Scopes are whose invoices are searched.
func (l *listing) Scopes() []string { return []string{"", "own", "department"} }

// Late tells whether an invoice is owed beyond its due date.
func (l *listing) Late(h trade.Invoice) bool {
	counts := h.State != trade.Drafted && h.Standing == trade.InForce && h.Kind == trade.Regular
	return counts && !h.Due.IsZero() && h.Due.Before(l.today)
}
