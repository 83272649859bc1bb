// Package home is the first page after signing in.
package home

import (
	"embed"

	"sekisho/internal/edge/web/page"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "home", Files: files, Routes: []page.Route{
	{At: "GET /{$}", Do: show},
}}

func show(q *page.Req) (page.Answer, error) {
	return q.Show("home/home", q.T("web.nav.home"), nil)
}
