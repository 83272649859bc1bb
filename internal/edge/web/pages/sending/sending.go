// Package sending are the pages of the outer gate: a package is prepared,
// compared, mended, ticked, held, and its outcome is seen. They decide nothing:
// what stops, what must be ticked and who must agree is said by the ops.
package sending

import (
	"embed"
	"net/url"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "sending", Files: files, Routes: []page.Route{
	{At: "GET /sendings", Do: list},
	{At: "GET /sendings/new", Do: newPage},
	{At: "POST /sendings/new", Do: prepare},
	{At: "GET /sendings/unknown", Do: unknown},
	{At: "POST /sendings/unknown/resolve", Do: resolve},
	{At: "POST /sendings/unknown/attend", Do: attend},
	{At: "GET /sendings/words", Do: recipientsSaid},
	{At: "POST /sendings/stop", Do: stopAll},
	{At: "POST /sendings/start", Do: startAll},
	{At: "GET /sendings/{id}", Do: show},
	{At: "GET /sendings/{id}/edit", Do: editPage},
	{At: "POST /sendings/{id}/edit", Do: edit},
	{At: "POST /sendings/{id}/recipients", Do: addRecipient},
	{At: "POST /sendings/{id}/check", Do: check},
	{At: "POST /sendings/{id}/fix", Do: fix},
	{At: "POST /sendings/{id}/confirm", Do: confirm},
	{At: "POST /sendings/{id}/release", Do: release},
	{At: "POST /sendings/{id}/cancel", Do: cancel},
	{At: "POST /sendings/{id}/report", Do: report},
	{At: "POST /sendings/{id}/withdraw", Do: withdraw},
	{At: "POST /sendings/{id}/answer", Do: answer},
	{At: "POST /sendings/{id}/password", Do: password},
}}

func at(id string) string { return "/sendings/" + url.PathEscape(id) }

// look checks a package as it is now and goes to its page.
func look(q *page.Req, id, done string) (page.Answer, error) {
	if _, err := page.Named[dispatch.CheckOut](q, "dispatch.check", dispatch.ByID{ID: id}); err != nil {
		return page.Answer{}, err
	}
	return q.Go(at(id), done)
}

// stays tells that an act was refused for what the page itself shows better: it
// is shown again as things stand, with the reason on top.
func stays(q *page.Req, id string, err error) (page.Answer, error) {
	f := fault.Of(err)
	a, bad := sheetOf(q, id, q.Form["tick"])
	if bad != nil {
		return page.Answer{}, err
	}
	return q.Again(f, a)
}
