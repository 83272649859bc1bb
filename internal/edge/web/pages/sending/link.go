package sending

import (
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/text"
)

// linked loads what became of the links of a package that goes by link.
func (d *sheet) linked(q *page.Req) (err error) {
	if d.Channel == dispatch.Link && q.Can("share.of") {
		d.Shared, err = page.Run(q, share.Of, share.OfIn{Package: d.ID})
	}
	return err
}

// ByLink tells whether the files stay in the house.
func (d sheet) ByLink() bool { return d.Channel == dispatch.Link }

// Dead tells whether a link can be opened no more, by its own row.
func (sheet) Dead(l dispatch.LinkRow, now time.Time) bool {
	return !l.WithdrawnAt.IsZero() || civil.Of(now).After(l.Ends)
}

// To is the address a link went to.
func (d sheet) To(l string) string {
	for _, r := range d.Shared.Links {
		if r.ID == l {
			for _, i := range d.Recipients {
				if i.ID == r.Item {
					return i.Address
				}
			}
		}
	}
	return ""
}

// FileName is what a document of the package is called.
func (d sheet) FileName(id string) string {
	for _, f := range d.Attachments {
		if f.Document == id {
			return f.Name
		}
	}
	return ""
}

// Untouched tells whether nobody has opened anything yet.
func (d sheet) Untouched() bool {
	for _, l := range d.Shared.Links {
		if !l.OpenedAt.IsZero() {
			return false
		}
	}
	return true
}

// Letter is what the mail says below the body of a package by link, the link
// itself left open.
func (d sheet) Letter(subject, from string) string {
	return text.T(text.JA, "dispatch.link_letter", "br", "\n", "url", d.Portal+"/s/…", "from", from, "subject", subject, "until", "…", "files", len(d.Attachments))
}

func withdraw(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if _, err := page.Run(q, share.Withdraw, share.WithdrawIn{ID: q.Form.Get("link"), Reason: q.Form.Get("reason")}); err != nil {
		return stays(q, id, err)
	}
	return q.Go(at(id), "web.done.link_withdrawn")
}

func answer(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if _, err := page.Run(q, share.Answer, share.AnswerIn{ID: q.Form.Get("word"), Reason: q.Form.Get("reason")}); err != nil {
		return stays(q, id, err)
	}
	return q.Go(at(id), "web.done.word_answered")
}

// saidPage are the words of recipients that nobody has dealt with.
type saidPage struct {
	share.WordsOut
	Subjects map[string]string // of the sendings they are about
}

func recipientsSaid(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, share.WordList, share.WordsIn{After: q.Query("after"), Limit: 20})
	if err != nil {
		return page.Answer{}, err
	}
	d := saidPage{out, map[string]string{}}
	for _, w := range out.Rows {
		s, err := page.Run(q, dispatch.Show, dispatch.ByID{ID: w.Package})
		if err != nil {
			return page.Answer{}, err
		}
		d.Subjects[w.Package] = s.Subject
	}
	return q.Show("sending/words", q.T("web.sending.said"), d)
}
