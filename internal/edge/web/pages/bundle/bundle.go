// Package bundle are the pages of documents made elsewhere (他ソフトの書類): upload,
// pages and documents, what disagrees side by side, control totals, publishing.
package bundle

import (
	"embed"
	"io"
	"net/url"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/bundle"
	"sekisho/internal/trade/intake"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "bundle", Files: files, Routes: []page.Route{
	{At: "GET /bundles", Do: list},
	{At: "POST /bundles", Do: upload},
	{At: "GET /bundles/{run}", Do: show},
	{At: "POST /bundles/{run}/publish", Do: publish},
	{At: "POST /bundles/{run}/undo", Do: undo},
	{At: "POST /bundles/{run}/rest/{rest}", Do: settle},
	{At: "GET /bundles/{run}/items/{item}", Do: item},
	{At: "POST /bundles/{run}/items/{item}/{act}", Do: act},
}}

func at(run string) string { return "/bundles/" + url.PathEscape(run) }

type listed struct {
	Rows   []bundle.Run
	Next   string
	People map[string]string
}

func list(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, bundle.List, bundle.ListIn{State: bundle.State(q.Query("state")), After: q.Query("after"), Limit: 30})
	if err != nil {
		return page.Answer{}, err
	}
	var who []string
	for _, r := range out.Rows {
		who = append(who, r.Owner)
	}
	d := listed{Rows: out.Rows, Next: out.Next}
	d.People, err = page.Names(q, who...)
	return page.Answer{Template: "bundle/list", Title: q.T("web.nav.bundles"), Data: d}, err
}

func upload(q *page.Req) (page.Answer, error) {
	a, err := list(q)
	if err != nil {
		return a, err
	}
	in := bundle.UploadIn{Encoding: intake.Encoding(q.Form.Get("encoding")), Again: q.Form.Get("again") != ""}
	if in.Files, err = several(q, "files"); err == nil && len(in.Files) == 0 {
		err = fault.Invalid("web.no_file").At("files")
	}
	if err == nil {
		in.List, err = several(q, "list")
	}
	if err != nil {
		return q.Again(err, a)
	}
	out, err := page.Run(q, bundle.Upload, in)
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(out.ID), "web.done.bundle_read")
}

// several are all files that were chosen under a name; the kit has bounded them.
func several(q *page.Req, name string) (out []bundle.File, err error) {
	if q.MultipartForm == nil {
		return nil, nil
	}
	for _, h := range q.MultipartForm.File[name] {
		f, err := h.Open()
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		if h.Filename != "" {
			out = append(out, bundle.File{Name: h.Filename, Content: b})
		}
	}
	return out, nil
}

// shown is one bundle as it stands.
type shown struct {
	bundle.Shown
	Items  []bundle.Item
	Next   string
	Rest   []bundle.RestRow
	More   string // leftovers
	States []bundle.ItemState
}

func show(q *page.Req) (page.Answer, error) {
	r, err := page.Run(q, bundle.Show, bundle.ByRun{Run: q.PathValue("run")})
	if err != nil {
		return page.Answer{}, err
	}
	d := shown{Shown: r, States: []bundle.ItemState{bundle.Open, bundle.Fits, bundle.Rejected, bundle.Archived}}
	list, err := page.Run(q, bundle.Items, bundle.ItemsIn{Run: r.ID, State: bundle.ItemState(q.Query("state")), After: q.Query("after"), Limit: 30})
	if err != nil {
		return page.Answer{}, err
	}
	left, err := page.Run(q, bundle.Leftovers, bundle.LeftoversIn{Run: r.ID, After: q.Query("rest"), Limit: 20})
	d.Items, d.Next, d.Rest, d.More = list.Rows, list.Next, left.Rows, left.Next
	return page.Answer{Template: "bundle/run", Title: r.Name, Data: d}, err
}

func publish(q *page.Req) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return a, err
	}
	var total money.Yen
	if total, err = q.Yen("total"); err == nil {
		_, err = page.Run(q, bundle.Publish, bundle.PublishIn{Run: q.PathValue("run"), Count: q.Int("count"), Total: total})
	}
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(q.PathValue("run")), "web.done.bundle_published")
}

func undo(q *page.Req) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return a, err
	}
	if _, err = page.Run(q, bundle.Undo, bundle.UndoIn{Run: q.PathValue("run"), Reason: q.Form.Get("reason")}); err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(q.PathValue("run")), "web.done.bundle_undone")
}

func settle(q *page.Req) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return a, err
	}
	_, err = page.Run(q, bundle.Settle, bundle.SettleIn{Run: q.PathValue("run"), Rest: q.PathValue("rest"), Version: q.Int("version"), Reason: q.Form.Get("reason")})
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(q.PathValue("run")), "web.done.bundle_settled")
}

// one is one document with the leftovers that may belong to it.
type one struct {
	bundle.Item
	Of      bundle.Shown
	Source  bundle.Source
	Rest    []bundle.RestRow
	Decides bool // it may still be decided about
}

func item(q *page.Req) (page.Answer, error) {
	i, err := page.Run(q, bundle.ItemOp, bundle.ByItem{Item: q.PathValue("item")})
	if err != nil {
		return page.Answer{}, err
	}
	if i.Run != q.PathValue("run") {
		return page.Answer{}, fault.NotFound()
	}
	r, err := page.Run(q, bundle.Show, bundle.ByRun{Run: i.Run})
	if err != nil {
		return page.Answer{}, err
	}
	d := one{Item: i, Of: r, Source: r.Files[i.Source], Decides: (r.State == bundle.Ready || r.State == bundle.Blocked) && i.State != bundle.Archived}
	left, err := page.Run(q, bundle.Leftovers, bundle.LeftoversIn{Run: i.Run, Limit: 200})
	for _, l := range left.Rows {
		if l.Settled == bundle.Unsettled && l.Page > 0 && len(l.Said.Numbers) > 0 && l.Said.Numbers[0] == i.Number && i.Number != "" {
			d.Rest = append(d.Rest, l)
		}
	}
	return page.Answer{Template: "bundle/item", Title: q.T("web.bundle.document_n", "n", i.No+1), Data: d}, err
}

// act decides about a document, leaves it out, or mends its pages.
func act(q *page.Req) (page.Answer, error) {
	a, err := item(q)
	if err != nil {
		return a, err
	}
	run, id, version := q.PathValue("run"), q.PathValue("item"), q.Int("version")
	done := ""
	switch q.PathValue("act") {
	case "decide":
		done, err = "web.done.bundle_decided", decide(q, run, id, version)
	case "reject":
		done = "web.done.bundle_rejected"
		_, err = page.Run(q, bundle.Reject, bundle.RejectIn{Run: run, Item: id, Version: version, Listed: q.Form.Get("listed") != "", Reason: q.Form.Get("reason")})
	case "place":
		done = "web.done.bundle_placed"
		_, err = page.Run(q, bundle.Place, bundle.PlaceIn{Run: run, Item: id, Version: version, Rest: q.Form.Get("rest")})
	default:
		return page.Answer{}, fault.NotFound()
	}
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(run)+"/items/"+url.PathEscape(id), done)
}

func decide(q *page.Req, run, id string, version int64) error {
	in := bundle.DecideIn{Run: run, Item: id, Version: version, Code: q.Form.Get("code"), Number: q.Form.Get("number"), Reason: q.Form.Get("reason")}
	var err error
	if q.Form.Get("date") != "" {
		if in.Date, err = q.Date("date"); err != nil {
			return err
		}
	}
	if q.Form.Get("amount") != "" {
		if in.Amount, err = q.Yen("amount"); err != nil {
			return err
		}
	}
	_, err = page.Run(q, bundle.Decide, in)
	return err
}
