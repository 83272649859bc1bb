package invoice

import (
	"net/url"
	"slices"

	docs "sekisho/internal/base/document"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	trade "sekisho/internal/trade/invoice"
)

// paper is the page of one invoice.
type paper struct {
	trade.Shown
	Panel panel
	Lines []printedLine
	Steps []step
	Given *docs.Document    // what the archive knows of its PDF, nil if that is not to be seen
	Ways  []dispatch.Listed // its sendings, the newest first
	Open  []string          // those that whoever looks may open
	Act   string            // the act whose form is open, because something was wrong with it
}

// printedLine is a line with what it comes to; the parts of the discount have
// nothing but a description.
type printedLine struct {
	trade.Line
	trade.LineSum
	Discount bool
}

// Number writes a quantity or a price.
func (printedLine) Number(n money.Decimal) string { return number(n) }

// step is one of the way of an invoice.
type step struct {
	Key        string
	Past, Here bool
}

// Counts tells whether an issued document is in force and can be corrected.
func (p paper) Counts() bool {
	return p.State == trade.Ready && p.Standing == trade.InForce && p.Kind != trade.Cancel
}

// OpenDraft is the draft that is about this document and not yet issued.
func (p paper) OpenDraft() *trade.Linked {
	for i, l := range p.Links {
		if l.Later && l.State == trade.Drafted {
			return &p.Links[i]
		}
	}
	return nil
}

// Untouched tells whether nobody has got its PDF, so that it may be voided.
func (p paper) Untouched() bool { return p.Given != nil && p.Given.GivenHow == docs.Never }

func load(q *page.Req, id string) (page.Answer, error) {
	s, err := page.Run(q, trade.Show, trade.ByID{ID: id})
	if err != nil {
		return page.Answer{}, err
	}
	p := paper{Shown: s, Panel: panelOf(q, s.Sums, s.Problems)}
	for i, sum := range s.Sums.Lines {
		l := printedLine{LineSum: sum, Discount: i >= len(s.Content.Lines)}
		if l.Discount {
			l.Description = s.Content.Discount.Description
		} else {
			l.Line = s.Content.Lines[i]
		}
		p.Lines = append(p.Lines, l)
	}
	if s.Document != "" && q.Can("document.show") {
		d, err := page.Run(q, docs.Show, docs.ByID{ID: s.Document})
		switch {
		case err == nil:
			p.Given = &d
		case !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindDenied):
			return page.Answer{}, err
		}
	}
	if err := p.sendings(q); err != nil {
		return page.Answer{}, err
	}
	p.Steps = steps(s.State, p.Ways)
	p.meet(q)
	title := q.T("web.invoice.draft_of", "partner", s.PartyName)
	if s.Number != "" {
		title = s.Number
	}
	return page.Answer{Template: "invoice/show", Title: title, Data: &p, Scripts: []string{"lines.js"}}, nil
}

// sendings are those of its PDF, as far as the reader may know of them.
func (p *paper) sendings(q *page.Req) error {
	if p.Document == "" || !q.Can("dispatch.about") {
		return nil
	}
	out, err := page.Run(q, dispatch.About, dispatch.AboutIn{Document: p.Document})
	if err != nil && !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindDenied) {
		return err
	}
	p.Ways, p.Open = out.Rows, out.Open
	return nil
}

// MayOpen tells whether who looks may open one of its sendings.
func (p *paper) MayOpen(sending string) bool { return slices.Contains(p.Open, sending) }

// meet finds out the names of those who had it in hand.
func (p *paper) meet(q *page.Req) {
	met := []string{p.Owner, p.IssuedBy}
	if p.Given != nil {
		met = append(met, p.Given.GivenBy)
	}
	for _, w := range p.Ways {
		met = append(met, w.Owner)
	}
	q.Meet(met...)
}

// The steps of an invoice, from writing to sending.
const (
	stepIssue = iota + 1
	stepCheck
	stepApprove
	stepSend
	stepDone
)

// steps are the way of an invoice: how far the sending got that got furthest.
func steps(s trade.State, ways []dispatch.Listed) []step {
	here := stepCheck
	if s == trade.Drafted {
		here = stepIssue
	}
	for _, w := range ways {
		here = max(here, reached(w.State))
	}
	var out []step
	for i, key := range []string{"write", "issue", "check", "approve", "send"} {
		out = append(out, step{"web.invoice.step_" + key, i < here, i == here})
	}
	return out
}

// reached is the step a sending stands at.
func reached(s dispatch.State) int {
	switch s {
	case dispatch.Confirmed, dispatch.Awaiting:
		return stepApprove
	case dispatch.Approved, dispatch.Held, dispatch.Claimed, dispatch.Unknown:
		return stepSend
	case dispatch.Handed, dispatch.Delivered, dispatch.Opened:
		return stepDone
	}
	return stepCheck
}

func show(q *page.Req) (page.Answer, error) { return load(q, q.PathValue("id")) }

// stay shows the document again, with what stopped an act and its form open.
func stay(q *page.Req, act string, err error) (page.Answer, error) {
	a, bad := load(q, q.PathValue("id"))
	if bad != nil {
		return a, bad
	}
	a.Data.(*paper).Act = act
	return q.Again(named(q, err), a)
}

func to(q *page.Req, id, done string) (page.Answer, error) {
	return q.Go("/invoices/"+url.PathEscape(id), done)
}

func version(q *page.Req) trade.ByVersion {
	return trade.ByVersion{ID: q.PathValue("id"), Version: q.Int("version")}
}

func issue(q *page.Req) (page.Answer, error) {
	s, err := page.Run(q, trade.Issue, version(q))
	if err != nil {
		return stay(q, "issue", err)
	}
	return to(q, s.ID, "web.done.issued")
}

func discard(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, trade.Discard, version(q)); err != nil {
		return stay(q, "discard", err)
	}
	return q.Go("/invoices", "web.done.discarded")
}

// begin begins the draft of a correction or a return.
func begin(op *gate.UseCase[trade.CorrectIn, trade.Shown]) func(*page.Req) (page.Answer, error) {
	return func(q *page.Req) (page.Answer, error) {
		s, err := page.Run(q, op, trade.CorrectIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")})
		if err != nil {
			return stay(q, op.Name()[len("invoice."):], err)
		}
		return q.Go("/invoices/"+url.PathEscape(s.ID)+"/edit", "web.done.correction_begun")
	}
}

func cancel(q *page.Req) (page.Answer, error) {
	s, err := page.Run(q, trade.CancelOp, trade.CancelIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")})
	if err != nil {
		return stay(q, "cancel", err)
	}
	return to(q, s.ID, "web.done.cancel_begun")
}

func voidReissue(q *page.Req) (page.Answer, error) {
	s, err := page.Run(q, trade.VoidReissue, trade.VoidIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason"), Draft: q.Form.Get("draft")})
	if err != nil {
		return stay(q, "void_reissue", err)
	}
	return to(q, s.ID, "web.done.reissued")
}

// pdf shows the bytes that were archived; the archive notes that they were given out.
func pdf(q *page.Req) (page.Answer, error) {
	f, err := page.Run(q, trade.PDF, trade.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	return page.Answer{Bytes: f.Content, Media: f.Media}, nil
}

// Correction is the id of the open correction, which a new number may be given to.
func (p paper) Correction() string {
	if l := p.OpenDraft(); l != nil && l.Relation == trade.Corrects {
		return l.ID
	}
	return ""
}

// Owed tells whether it is an invoice that is to be paid, or was.
func (p paper) Owed() bool {
	return (p.State == trade.Ready || p.State == trade.Opening) && p.Standing == trade.InForce && p.Kind == trade.Regular
}

// On is the day of payment as typed; today, before anything was.
func (p paper) On(q *page.Req) string {
	if q.Form.Has("on") {
		return q.Form.Get("on")
	}
	return page.Date(q.Today())
}

func settle(q *page.Req) (page.Answer, error) {
	on, err := q.Date("on")
	if err == nil {
		_, err = page.Run(q, trade.Settle, trade.SettleIn{ID: q.PathValue("id"), Version: q.Int("version"), On: on})
	}
	if err != nil {
		return stay(q, "settle", err)
	}
	return to(q, q.PathValue("id"), "web.done.settled")
}

func unsettle(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, trade.Unsettle, trade.UnsettleIn{ID: q.PathValue("id"), Version: q.Int("version"), Reason: q.Form.Get("reason")})
	if err != nil {
		return stay(q, "unsettle", err)
	}
	return to(q, q.PathValue("id"), "web.done.unsettled")
}
