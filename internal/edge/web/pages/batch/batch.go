// Package batch are the pages of sending many invoices at once (まとめて送付): the
// plan, its rehearsal, the confirmation, and how far it is.
package batch

import (
	"embed"
	"net/url"
	"slices"
	"strings"
	"time"

	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "batch", Files: files, Routes: []page.Route{
	{At: "GET /batches", Do: list},
	{At: "GET /batches/new", Do: form},
	{At: "POST /batches", Do: plan},
	{At: "GET /batches/{id}", Do: show},
	{At: "POST /batches/{id}/review", Do: review},
	{At: "POST /batches/{id}/confirm", Do: confirm},
	{At: "POST /batches/{id}/aside", Do: aside},
	{At: "POST /batches/{id}/{move}", Do: move},
}}

func at(id string) string { return "/batches/" + url.PathEscape(id) }

type listed struct {
	batch.Listed
	People map[string]string
	States []batch.State
}

func list(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, batch.List, batch.ListIn{State: batch.State(q.Query("state")), After: q.Query("after"), Limit: 30})
	if err != nil {
		return page.Answer{}, err
	}
	var who []string
	for _, b := range out.Rows {
		who = append(who, b.Owner)
	}
	d := listed{Listed: out, States: batch.States()}
	d.People, err = page.Names(q, who...)
	return page.Answer{Template: "batch/list", Title: q.T("web.nav.batches"), Data: d}, err
}

// wanted is the form of a plan with what it would take.
type wanted struct {
	From, To, Subject, Body string
	Documents, Partners     int
	Total                   money.Yen
	More                    bool
	Placeholders            []string
}

// draft reads the form, or the address of the page; the month of today is taken
// where neither says anything.
func draft(q *page.Req) (wanted, batch.PlanIn, error) {
	get := q.Query
	if q.Form != nil {
		get = q.Form.Get
	}
	w := wanted{From: get("from"), To: get("to"), Subject: get("subject"), Body: get("body"), Placeholders: batch.Placeholders()}
	if w.From == "" && w.To == "" && q.Form == nil {
		today := q.Today()
		w.From, w.To = page.Date(today.AddDays(1-today.Day())), page.Date(today.EndOfMonth())
	}
	if q.Form == nil {
		w.Subject, w.Body = text.T(text.JA, "web.batch.default_subject"), text.T(text.JA, "web.batch.default_body", "br", "\n")
		w.Subject, w.Body = filled(w.Subject), filled(w.Body)
	}
	in := batch.PlanIn{Subject: w.Subject, Body: w.Body}
	var err error
	for _, f := range []struct {
		name, value string
		to          *civil.Date
	}{{"from", w.From, &in.From}, {"to", w.To, &in.To}} {
		if f.value == "" {
			continue
		}
		if *f.to, err = page.ReadDate(f.value, q.Today()); err != nil {
			return w, in, fault.Of(err).At(f.name)
		}
	}
	return w, in, nil
}

// filled puts the placeholders where the usual words have their numbers.
func filled(s string) string {
	for i, p := range batch.Placeholders() {
		s = strings.ReplaceAll(s, "["+string(rune('1'+i))+"]", p)
	}
	return s
}

func (w *wanted) look(q *page.Req, in batch.PlanIn) error {
	out, err := page.Run(q, batch.Unsent, batch.UnsentIn{From: in.From, To: in.To})
	seen := map[string]bool{}
	for _, d := range out.Rows {
		seen[d.Party] = true
		w.Total += d.Amount
	}
	w.Documents, w.Partners, w.More = len(out.Rows), len(seen), out.More
	return err
}

func form(q *page.Req) (page.Answer, error) {
	w, in, err := draft(q)
	if err == nil {
		err = w.look(q, in)
	}
	a := page.Answer{Template: "batch/new", Title: q.T("web.batch.new"), Data: w}
	if err != nil && fault.Is(err, fault.KindInvalid) {
		return q.Again(err, a)
	}
	return a, err
}

func plan(q *page.Req) (page.Answer, error) {
	w, in, err := draft(q)
	a := page.Answer{Template: "batch/new", Title: q.T("web.batch.new"), Data: &w}
	if err != nil {
		return q.Again(err, a)
	}
	if err := w.look(q, in); err != nil {
		return a, err
	}
	b, err := page.Named[batch.Batch](q, "batch.plan", in)
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(b.ID), "web.done.batch_planned")
}

// shown is a plan as it stands.
type shown struct {
	batch.Shown
	People map[string]string
	Which  string
	Rows   []batch.Item
	Next   string
	Back   []batch.Item // let go, and back before it left
}

// Whiches are the parts of a plan that can be looked at.
func (shown) Whiches() []string { return []string{"aside", "amber", "change", "all"} }

// Busy tells whether it moves by itself.
func (s shown) Busy() bool {
	return s.State.In(batch.Preparing, batch.Rehearsing, batch.Scheduled, batch.Sending)
}

// Why says why a package does not go, in the reader's language.
func (shown) Why(q *page.Req, i batch.Item) string {
	for _, f := range i.Findings {
		if f.Key == i.Reason {
			return say(q, f)
		}
	}
	return page.Blanked(q.T(i.Reason))
}

// Say is a finding in the reader's language.
func (shown) Say(q *page.Req, f dispatch.Finding) string { return say(q, f) }

func say(q *page.Req, f dispatch.Finding) string {
	return q.T(f.Key, "shown", f.Shown, "registered", f.Registered)
}

func show(q *page.Req) (page.Answer, error) {
	b, err := page.Run(q, batch.Show, batch.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	d := shown{Shown: b, Which: q.Query("which")}
	if d.Which == "" {
		d.Which = "aside"
	}
	in := batch.ItemsIn{ID: b.ID, Which: d.Which, After: q.Query("after"), Limit: 30}
	if in.Which == "all" {
		in.Which = ""
	}
	out, err := page.Run(q, batch.Items, in)
	if err != nil {
		return page.Answer{}, err
	}
	d.Rows, d.Next = out.Rows, out.Next
	if b.Released > 0 {
		if out, err = page.Run(q, batch.Items, batch.ItemsIn{ID: b.ID, Which: "returned"}); err != nil {
			return page.Answer{}, err
		}
		d.Back = out.Rows
	}
	if d.People, err = page.Names(q, b.Owner, b.ConfirmedBy, b.ApprovedBy); err != nil {
		return page.Answer{}, err
	}
	a := page.Answer{Template: "batch/show", Title: q.T("web.batch.title", "date", page.When(b.CreatedAt)), Data: d}
	if d.Busy() {
		a.Scripts = []string{"imports.js"}
	}
	return a, nil
}

// reviewed is what is to be ticked.
type reviewed struct {
	shown
	batch.ReviewOut
}

// Cautions are what is to be ticked about a package, with its ticks in order.
func (reviewed) Cautions(l batch.Line) []dispatch.Finding {
	return slices.DeleteFunc(slices.Clone(l.Item.Findings), func(f dispatch.Finding) bool { return !batch.Asks(f) })
}

// review draws the sample and shows what is to be ticked. The draw is kept, so
// the page is the answer itself.
func review(q *page.Req) (page.Answer, error) {
	r, err := page.Run(q, batch.Review, batch.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	return page.Answer{Template: "batch/confirm", Title: q.T("web.batch.confirm"), Data: reviewed{ReviewOut: r}}, nil
}

// confirm gives the ticks back and asks for the release in one press.
func confirm(q *page.Req) (page.Answer, error) {
	in := batch.ConfirmIn{ID: q.PathValue("id"), Digest: q.Form.Get("digest"), Ticks: q.Form["tick"]}
	when, err := moment(q.Form.Get("send_at"))
	if err != nil {
		return page.Answer{}, err
	}
	b, err := page.Run(q, batch.Show, batch.ByID{ID: in.ID})
	if err == nil && b.State != batch.Confirmed { // a release that was refused is asked for again without new ticks
		_, err = page.Run(q, batch.Confirm, in)
	}
	if err != nil {
		return page.Answer{}, err
	}
	if _, err := page.Named[batch.Batch](q, dispatch.BatchReleaseName, batch.ReleaseIn{ID: in.ID, Digest: in.Digest, SendAt: when}); err != nil && !fault.Is(err, fault.KindPending) {
		return page.Answer{}, err
	}
	return q.Go(at(in.ID), "web.done.batch_asked")
}

// moment reads the day and hour of a release, JST; empty is as soon as possible.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", s, civil.JST())
	if err != nil {
		return t, fault.Invalid("web.batch.bad_time").At("send_at")
	}
	return t, nil
}

func aside(q *page.Req) (page.Answer, error) {
	in := batch.SetAsideIn{ID: q.PathValue("id"), Items: q.Form["item"], Reason: q.Form.Get("reason")}
	if _, err := page.Run(q, batch.SetAside, in); err != nil {
		return page.Answer{}, err
	}
	return q.Go(at(in.ID), "web.done.batch_aside")
}

// move is one of the acts that need no more than a reason.
func move(q *page.Req) (page.Answer, error) {
	id, say := q.PathValue("id"), batch.SayIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")}
	var err error
	switch q.PathValue("move") {
	case "rehearse":
		_, err = page.Named[batch.Batch](q, "batch.rehearse", batch.ByID{ID: id})
	case "stop":
		_, err = page.Run(q, batch.Stop, say)
	case "resume":
		_, err = page.Named[batch.Batch](q, "batch.resume", say)
	case "cancel":
		_, err = page.Run(q, batch.Cancel, say)
	default:
		err = fault.NotFound()
	}
	if err != nil && fault.Is(err, fault.KindInvalid) {
		a, bad := show(q)
		if bad != nil {
			return a, bad
		}
		return q.Again(err, a)
	}
	if err != nil {
		return page.Answer{}, err
	}
	return q.Go(at(id), "web.done.batch_"+q.PathValue("move"))
}
