package archive

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	partners "sekisho/internal/edge/web/pages/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// taken is the form that takes a file in.
type taken struct {
	Kinds, Directions, Classes []string
	Max                        int // MB
	Former                     *document.Document
}

func uploadPage(q *page.Req) (page.Answer, error) {
	d := taken{Kinds: kinds, Directions: []string{"received", "internal"}, Classes: []string{"confidential", "personal", "internal"}, Max: document.MaxSize >> 20}
	if id := first(q.Form.Get("former"), q.Query("former")); id != "" {
		doc, err := page.Run(q, document.Show, document.ByID{ID: id})
		if err != nil {
			return page.Answer{}, err
		}
		d.Former = &doc
	}
	return q.Show("archive/upload", q.T("web.archive.upload"), d)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func upload(q *page.Req) (page.Answer, error) {
	a, err := uploadPage(q)
	if err != nil {
		return a, err
	}
	in, err := uploaded(q)
	if err != nil {
		return q.Again(err, a)
	}
	d := a.Data.(taken)
	if d.Former != nil { // what a corrected version has in common with the former is not asked again
		in.Kind, in.Direction, in.Party, in.Class, in.Former = d.Former.Kind, d.Former.Direction, d.Former.Party, d.Former.Class, d.Former.ID
	}
	doc, err := page.Run(q, document.Upload, in)
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go("/archive/"+doc.ID, "web.done.document_taken")
}

func uploaded(q *page.Req) (document.UploadIn, error) {
	f := q.Form
	in := document.UploadIn{Kind: f.Get("kind"), Direction: document.Direction(f.Get("direction")), Number: strings.TrimSpace(f.Get("number")),
		Class: f.Get("class"), Reason: f.Get("reason")}
	var bad []*fault.Error
	keep := func(err error) {
		if err != nil {
			bad = append(bad, fault.Of(err))
		}
	}
	var err error
	in.Content, in.Name, err = q.File("content")
	keep(err)
	in.Date, err = q.Date("date")
	keep(err)
	in.Amount, err = q.Yen("amount")
	keep(err)
	in.Party, err = partner(q, f.Get("partner"))
	keep(err)
	return in, fault.Several(bad...)
}

// partner finds who is meant by a code, by an id of an address, by what the form
// shows of a partner ("000101 青葉製作所"), or by a part of the name.
func partner(q *page.Req, said string) (string, error) {
	said = strings.TrimSpace(norm.NFKC.String(said))
	code, _, _ := strings.Cut(said, " ")
	switch {
	case said == "":
		return "", nil
	case len(said) == idLength && code == said:
		return said, nil
	}
	out, err := page.Run(q, party.List, party.ListIn{Code: code, Limit: 1})
	if err != nil && !fault.Is(err, fault.KindInvalid) {
		return "", err
	}
	if len(out.Rows) == 1 {
		return out.Rows[0].ID, nil
	}
	return byName(q, said)
}

// byName finds the one partner with these words in its name or reading.
func byName(q *page.Req, said string) (string, error) {
	var hits []party.Item
	if q.Can("party.search") {
		out, err := partners.Find(q, said, mostNamed)
		if err != nil {
			return "", err
		}
		hits = out.Rows
	}
	if whole := slices.DeleteFunc(slices.Clone(hits), func(p party.Item) bool { return jp.Fold(p.Name) != jp.Fold(said) }); len(whole) == 1 {
		hits = whole
	}
	switch len(hits) {
	case 0:
		return "", fault.Invalid("web.archive.no_partner").At("partner")
	case 1:
		return hits[0].ID, nil
	}
	var names []string
	for _, p := range hits {
		names = append(names, p.Code+" "+p.Name)
	}
	return "", fault.Invalid("web.archive.many_partners", "names", strings.Join(names, "、")).At("partner")
}

// mostNamed is how many partners are named to choose from.
const mostNamed = 8

// idLength is the length of the gate's ids.
const idLength = 26
