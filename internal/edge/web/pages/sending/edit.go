package sending

import (
	"cmp"
	"slices"

	"sekisho/internal/base/document"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
)

// edited is a package whose words and files are being changed.
type edited struct {
	dispatch.Shown
	Keep []string            // documents that stay
	New  []document.Document // just taken in, not attached yet

	Portal bool // there is a choice of channels
}

func editPage(q *page.Req) (page.Answer, error) {
	d, err := editOf(q)
	if err != nil {
		return page.Answer{}, err
	}
	for _, f := range d.Attachments {
		d.Keep = append(d.Keep, f.Document)
	}
	return d.page(q)
}

func editOf(q *page.Req) (d edited, err error) {
	d.Shown, err = page.Run(q, dispatch.Show, dispatch.ByID{ID: q.PathValue("id")})
	d.Portal = q.House.Gate.Outside() != ""
	return d, err
}

// Channels are the ways it can go.
func (edited) Channels() []string { return []string{dispatch.Link, dispatch.Mail} }

func (d edited) page(q *page.Req) (page.Answer, error) {
	return q.Show("sending/edit", q.T("web.sending.edit"), d)
}

// Kept tells whether a document stays attached.
func (d edited) Kept(document string) bool { return slices.Contains(d.Keep, document) }

func edit(q *page.Req) (page.Answer, error) {
	d, err := editOf(q)
	if err != nil {
		return page.Answer{}, err
	}
	d.Subject, d.Body, d.Version, d.Keep = q.Form.Get("subject"), q.Form.Get("body"), q.Int("version"), q.Form["document"]
	d.Channel = cmp.Or(q.Form.Get("channel"), d.Channel)
	for _, id := range d.Keep {
		if !slices.ContainsFunc(d.Attachments, func(f dispatch.File) bool { return f.Document == id }) {
			doc, err := page.Run(q, document.Show, document.ByID{ID: id})
			if err != nil {
				return page.Answer{}, err
			}
			d.New = append(d.New, doc)
		}
	}
	got, err := upload(q, d.Party)
	for _, f := range got {
		d.New, d.Keep = append(d.New, f), append(d.Keep, f.ID)
	}
	if err == nil {
		in := dispatch.EditIn{ID: d.ID, Version: d.Version, Subject: d.Subject, Body: d.Body, Documents: d.Keep}
		if d.Portal && len(d.Keep) > 0 {
			in.Channel = q.Form.Get("channel")
		}
		if in.Documents == nil {
			in.Documents = []string{}
		}
		if _, err = page.Named[dispatch.Shown](q, "dispatch.edit", in); err == nil {
			return look(q, d.ID, "web.done.sending_mended")
		}
	}
	a, _ := d.page(q)
	return q.Again(err, a)
}

// addRecipient adds a recipient, who is compared with the register at once.
func addRecipient(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	in := dispatch.AddIn{ID: id, Kind: q.Form.Get("kind"), Address: bare(q.Form.Get("address"))}
	if _, err := page.Run(q, dispatch.AddRecipient, in); err != nil {
		a, bad := editPage(q)
		if bad != nil {
			return a, bad
		}
		return q.Again(err, a)
	}
	return look(q, id, "web.done.recipient_added")
}
