package sending

import (
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
)

// onPaper adds the verified postal addresses and FAX numbers, and the exception
// for encrypted files, if the reader may see them.
func (d *draft) onPaper(q *page.Req) error {
	if !q.Can("party.paper_points") {
		return nil
	}
	list, err := page.Run(q, party.Papers, party.PapersIn{Party: d.Partner.Party.ID})
	if err != nil {
		return err
	}
	for _, p := range list.Rows {
		if p.Verified() {
			d.Points = append(d.Points, point{DeliveryPoint: p.Point()})
		}
	}
	kept, err := page.Run(q, party.Protections, party.PapersIn{Party: d.Partner.Party.ID})
	d.Sealed = kept.Now.Form
	return err
}

// first is the point that is chosen at first: by the way the partner wants.
func (d *draft) first() {
	want := map[bool]string{true: dispatch.Post, false: dispatch.Mail}[d.Way == string(party.ByPaper)]
	for i, p := range d.Points {
		if p.Channel == want {
			d.Points[i].As = dispatch.To
			return
		}
	}
}

// route is the channel that what was chosen goes by: where nobody said so, that
// of the points.
func (d *draft) route() string {
	if d.Channel != "" {
		return d.Channel
	}
	found := ""
	for _, p := range d.Points {
		switch {
		case p.As == "":
		case found != "" && found != p.Channel, p.Channel != dispatch.Post && p.Channel != dispatch.Fax:
			return ""
		default:
			found = p.Channel
		}
	}
	return found
}

// MayShowPassword tells whether the password of its files can be shown, or was.
func (d sheet) MayShowPassword() bool {
	return (d.Channel == dispatch.Zip || d.Channel == dispatch.SealedPDF) && !d.Before()
}

// shownPassword is a password on its one page.
type shownPassword struct{ ID, Password string }

// password shows the password of a sending's files, once. It is the answer to a
// post and never an address.
func password(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	p, err := page.Run(q, dispatch.PasswordOp, dispatch.ByID{ID: id})
	if err != nil {
		return stays(q, id, err)
	}
	return q.Show("sending/password", q.T("web.sending.password_title"), shownPassword{id, p.Password})
}
