package party

import (
	"slices"

	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

// papers loads the postal addresses and FAX numbers in use.
func (d *shown) papers(q *page.Req) error {
	if !q.Can("party.paper_points") {
		return nil
	}
	list, err := page.Run(q, party.Papers, party.PapersIn{Party: d.Party.ID})
	if err != nil {
		return err
	}
	var who []string
	for _, p := range list.Rows {
		if p.State != party.Retired {
			d.Papers, who = append(d.Papers, p), append(who, p.VerifiedBy)
		}
	}
	names, err := page.Names(q, who...)
	for id, n := range names {
		d.People[id] = n
	}
	if err != nil {
		return err
	}
	kept, err := page.Run(q, party.Protections, party.PapersIn{Party: d.Party.ID})
	d.Protection = kept.Now
	return err
}

func paperForm(q *page.Req, s party.Shown, f *form) error {
	old, err := page.Run(q, party.Papers, party.PapersIn{Party: s.Party.ID})
	if err != nil {
		return err
	}
	var replaces []option
	for _, p := range old.Rows {
		if p.State != party.Retired {
			replaces = append(replaces, option{p.ID, p.Shown()})
		}
	}
	f.Inputs = []input{{Name: "channel", Radio: true, Required: true, Set: party.Post, Options: []option{{party.Post, q.T("dispatch.channel.post")}, {party.Fax, q.T("dispatch.channel.fax")}}},
		{Name: "postal_code", Max: 20, Set: s.Party.PostalCode}, {Name: "address", Text: "address", Max: 200, Wide: true, Set: s.Party.Address}, {Name: "building", Max: 100},
		{Name: "addressee", Max: 100, Hint: true, Set: s.Party.Name}, {Name: "section", Max: 100}, {Name: "person", Text: "paper_person", Max: 60},
		{Name: "number", Text: "fax_number", Max: 40, Hint: true, Mono: true, Mode: "tel"},
		{Name: "max_class", Set: "confidential", Options: []option{{"internal", q.T("dispatch.class.internal")},
			{"confidential", q.T("dispatch.class.confidential")}, {"personal", q.T("dispatch.class.personal")}}},
		{Name: "replaces", Options: replaces, Blank: "web.none", Wide: true}}
	return nil
}

func paperPropose(q *page.Req, id string) error {
	v := q.Form.Get
	in := party.PaperIn{Party: id, Channel: v("channel"), Addressee: v("addressee"), Section: v("section"), Person: v("person"), Number: v("number"), MaxClass: v("max_class"), Replaces: v("replaces")}
	if in.Channel == party.Post { // the form is filled with the partner's address
		in.PostalCode, in.Address, in.Building = v("postal_code"), v("address"), v("building")
	}
	_, err := page.Run(q, party.PaperPropose, in)
	return err
}

// paperPoint is the one an act is about.
func paperPoint(q *page.Req, s party.Shown, f *form) (party.PaperShown, error) {
	list, err := page.Run(q, party.Papers, party.PapersIn{Party: s.Party.ID})
	i := slices.IndexFunc(list.Rows, func(p party.PaperShown) bool { return p.ID == item(q) })
	if err != nil || i < 0 {
		if err == nil {
			err = fault.NotFound()
		}
		return party.PaperShown{}, err
	}
	p := list.Rows[i]
	f.Facts = []fact{{q.T("web.partner.f.channel"), q.T("dispatch.channel." + p.Channel)}, {q.T("web.partner.f.postal_line"), p.Shown()}}
	return p, nil
}

func paperVerifyForm(q *page.Req, s party.Shown, f *form) error {
	p, err := paperPoint(q, s, f)
	if err != nil {
		return err
	}
	if p.Channel == party.Fax {
		f.Facts = append(f.Facts, fact{q.T("web.partner.f.phone"), s.Party.Phone})
		f.Inputs = []input{{Name: "how", Radio: true, Required: true, Set: "phone", Options: []option{{"phone", q.T("web.partner.how_phone")}}},
			{Name: "called", Max: 40, Required: true, Mono: true, Mode: "tel"}, {Name: "number", Text: "heard", Max: 40, Required: true, Mono: true, Mode: "tel"}, reason}
	} else {
		var how []option
		for _, o := range ways(q) {
			if o.Value != "portal" {
				how = append(how, o)
			}
		}
		f.Inputs = []input{{Name: "how", Radio: true, Required: true, Options: how}, reason}
	}
	f.version(q, p.Version)
	return nil
}

func paperVerify(q *page.Req, _ string) error {
	v := q.Form.Get
	_, err := page.Run(q, party.PaperVerify, party.PaperVerifyIn{ID: item(q), Version: q.Int("version"), How: v("how"), Called: v("called"), Number: v("number"), Reason: v("reason")})
	return err
}

func paperRetireForm(q *page.Req, s party.Shown, f *form) error {
	_, err := paperPoint(q, s, f)
	f.Inputs = []input{reason}
	return err
}

func paperRetire(q *page.Req, _ string) error {
	_, err := page.Run(q, party.PaperRetire, party.RetireIn{ID: item(q), Reason: q.Form.Get("reason")})
	return err
}

func protectForm(q *page.Req, _ party.Shown, f *form) error {
	f.Inputs = []input{{Name: "form", Radio: true, Required: true, Set: party.FormZip, Options: []option{{party.FormZip, q.T("party.form.zip")}, {party.FormPDF, q.T("party.form.sealed_pdf")}}},
		{Name: "ends_on", Max: 20, Required: true, Norm: "date", Set: page.Date(q.Today().AddMonths(6))}, reason}
	return nil
}

func protect(q *page.Req, id string) error {
	ends, err := q.Date("ends_on")
	if err != nil {
		return err
	}
	_, err = page.Run(q, party.Protect, party.ProtectIn{Party: id, Form: q.Form.Get("form"), Ends: ends, Reason: q.Form.Get("reason")})
	return err
}

func emptyForm(*page.Req, party.Shown, *form) error { return nil }

func protectEnd(q *page.Req, id string) error {
	_, err := page.Run(q, party.ProtectEnd, party.ByID{ID: id})
	return err
}
