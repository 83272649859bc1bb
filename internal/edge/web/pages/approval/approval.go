// Package approval are the pages where a second person decides (承認): what is
// asked in words, what it changes, and for a sending what the W-check shows. What
// is agreed to is bound by its digest.
package approval

import (
	"embed"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "approval", Files: files, Routes: []page.Route{
	{At: "GET /approvals", Do: list},
	{At: "GET /approvals/delegations", Do: delegations},
	{At: "POST /approvals/delegations", Do: delegate},
	{At: "POST /approvals/delegations/end", Do: endDelegation},
	{At: "GET /emergencies", Do: urgent},
	{At: "GET /emergencies/{id}", Do: urgentShow},
	{At: "POST /emergencies/{id}", Do: emergency},
	{At: "GET /reviews", Do: reviews},
	{At: "POST /reviews/{id}", Do: review},
	{At: "GET /approvals/speed", Do: haste},
	{At: "GET /approvals/{id}", Do: show},
	{At: "POST /approvals/{id}/approve", Do: approve},
	{At: "POST /approvals/{id}/reject", Do: reject},
	{At: "POST /approvals/{id}/withdraw", Do: withdraw},
}}

func at(id string) string { return "/approvals/" + url.PathEscape(id) }

// listed are requests with the names of who asks.
type listed struct {
	approval.ListOut
	Own    bool
	People map[string]string
	About  map[string]string // what is to be sent, by the request's id
}

func (d *listed) about() {
	d.About = map[string]string{}
	for _, a := range d.ListOut.About {
		d.About[a.Request] = a.Text
	}
}

func list(q *page.Req) (page.Answer, error) {
	d := listed{Own: q.Query("own") != ""}
	var err error
	if d.ListOut, err = page.Run(q, approval.List, approval.ListIn{Own: d.Own, After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	people := []string{}
	for _, r := range d.Rows {
		people = append(people, r.Requester, r.DecidedBy)
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	d.about()
	return q.Show("approval/list", q.T("web.nav.approvals"), d)
}

// asked is one request as its page shows it.
type asked struct {
	approval.Shown
	People     map[string]string
	Changes    []change
	Hidden     bool // what it changes is not for this reader
	Mine       bool
	Open       bool
	Sending    *sending // of a release
	Plan       *plan    // of a batch's
	Difference *dispatch.DifferenceOut
	Linked     bool // the sending itself may be opened
}

// change is one value before and after, with its field in words.
type change struct{ Field, Before, After string }

// sending is what a release is about, as it was when it was asked for.
type sending struct {
	Party       string   `json:"party"`
	Sender      string   `json:"sender"`
	Recipients  []string `json:"recipients"`
	Subject     string   `json:"subject"`
	Body        string   `json:"body"`
	Attachments []struct {
		Name   string `json:"name"`
		Number string `json:"number"`
		Amount int64  `json:"amount"`
		Digest string `json:"digest"`
	} `json:"attachments"`
	Total    int64               `json:"total"`
	Findings []map[string]string `json:"findings"`
	Because  []map[string]string `json:"because"` // the rules that ask for a second person
	Rules    string              `json:"rules"`
	Digest   string              `json:"digest"`
}

const releaseOp = "dispatch.release"

func show(q *page.Req) (page.Answer, error) {
	var d asked
	var err error
	id := approval.ByID{ID: q.PathValue("id")}
	if d.Shown, err = page.Run(q, approval.Show, id); err != nil {
		if _, urgent := page.Run(q, approval.UrgentShow, id); urgent == nil { // whoever may only stand in sees that page of it
			return page.Answer{To: "/emergencies/" + url.PathEscape(id.ID)}, nil
		}
		return page.Answer{}, err
	}
	if d.People, err = page.Names(q, d.Requester, d.DecidedBy); err != nil {
		return page.Answer{}, err
	}
	if err := d.fill(q); err != nil {
		return page.Answer{}, err
	}
	if err := d.batch(); err != nil {
		return page.Answer{}, err
	}
	return q.Show("approval/show", q.T("op."+d.Op), d)
}

// fill adds what the request is about.
func (d *asked) fill(q *page.Req) error {
	d.Mine, d.Open = d.Requester == q.Me.Person.ID, d.State == approval.Open && q.House.Gate.Now().Before(d.LapsesAt)
	d.changes(q.Lang)
	if d.AfterIs == "" || d.Op != releaseOp && !d.IsDrill {
		return nil
	}
	return d.release(q)
}

// changes are what the reader may see of what it changes: of requests about staff
// and the running of the system also those without clearance for business data.
func (d *asked) changes(l text.Lang) {
	for _, c := range d.Shown.Changes {
		d.Changes = append(d.Changes, change{field(l, c.Field), value(l, c.Before), value(l, c.After)})
	}
	if len(d.Changes) == 0 || d.AfterIs == "" {
		d.Changes = nil
		for _, c := range d.Staff.Changes {
			d.Changes = append(d.Changes, change{field(l, c.Field), value(l, c.Before), value(l, c.After)})
		}
	}
	if d.Reason == "" {
		d.Reason = d.Staff.Reason
	}
	d.Hidden = len(d.Changes) == 0 && d.AfterIs == "" && d.Staff.After == ""
}

// release opens what a sending is, and beside it the last one and the
// requester's earlier version. The requester's ticks are no part of it.
func (d *asked) release(q *page.Req) error {
	s := &sending{}
	if err := json.Unmarshal([]byte(d.AfterIs), s); err != nil {
		return err
	}
	d.Sending = s
	if !q.Can("dispatch.difference") {
		return nil
	}
	out, err := page.Run(q, dispatch.DifferenceOp, dispatch.ByID{ID: d.Target})
	if fault.Is(err, fault.KindNotFound) || fault.Is(err, fault.KindDenied) {
		return d.beside()
	}
	d.Difference, d.Linked = &out, q.Can("dispatch.show")
	return err
}

// beside compares with what last left as the request has it, for who does not
// reach the sending itself.
func (d *asked) beside() error {
	if d.BeforeIs == "" || d.BeforeIs == "null" {
		return nil
	}
	last, err := dispatch.CompareAsked(d.BeforeIs, d.AfterIs)
	last.At = d.CreatedAt
	d.Difference = &dispatch.DifferenceOut{Last: last}
	return err
}

// Why are the rules that ask, in the reader's language.
func (s sending) Why(l text.Lang) []string {
	var out []string
	for _, f := range s.Because {
		out = append(out, f[string(l)])
	}
	return out
}

// Said are the findings in the reader's language.
func (s sending) Said(l text.Lang) []string {
	var out []string
	for _, f := range s.Findings {
		out = append(out, f[string(l)])
	}
	return out
}

// To are the recipients; a request holds each as "kind: address".
func (s sending) To() []dispatch.Addressee {
	var out []dispatch.Addressee
	for _, r := range s.Recipients {
		kind, address, _ := strings.Cut(r, ": ")
		out = append(out, dispatch.Addressee{Kind: kind, Address: address})
	}
	return out
}

func approve(q *page.Req) (page.Answer, error) {
	in := approval.ApproveIn{ID: q.PathValue("id"), Digest: q.Form.Get("digest"), Comment: q.Form.Get("comment")}
	_, err := page.Run(q, approval.Approve, in)
	if stale(err) {
		err = recheck(q, in)
	}
	if err != nil {
		return again(q, err)
	}
	return q.Go(at(in.ID), "web.done.approved")
}

// stale tells that a sending waited so long that it must be compared once more.
func stale(err error) bool {
	f := fault.Of(err)
	if f == nil {
		return false
	}
	for _, p := range append(f.Parts, f) {
		if p.Key == "dispatch.check_stale" {
			return true
		}
	}
	return false
}

// recheck compares the sending once more, and approves it if nothing else was found.
func recheck(q *page.Req, in approval.ApproveIn) error {
	r, err := page.Run(q, approval.Show, approval.ByID{ID: in.ID})
	if err == nil {
		_, err = page.Named[dispatch.RecheckOut](q, "dispatch.recheck", dispatch.ByID{ID: r.Target})
	}
	if err == nil {
		_, err = page.Run(q, approval.Approve, in)
	}
	return err
}

func reject(q *page.Req) (page.Answer, error) {
	in := approval.RejectIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")}
	if _, err := page.Run(q, approval.Reject, in); err != nil {
		return again(q, err)
	}
	return q.Go(at(in.ID), "web.done.rejected")
}

func withdraw(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if _, err := page.Run(q, approval.Withdraw, approval.ByID{ID: id}); err != nil {
		return again(q, err)
	}
	return q.Go(at(id), "web.done.withdrawn")
}

// again shows the request as it stands now, with what was wrong.
func again(q *page.Req, why error) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return page.Answer{}, why
	}
	return q.Again(why, a)
}

// stand are those who decide in another's place.
type stand struct {
	approval.DelegationsOut
	People  map[string]string
	Persons []identity.Named // to choose from
}

func delegations(q *page.Req) (page.Answer, error) {
	var d stand
	var err error
	if d.DelegationsOut, err = page.Run(q, approval.Delegations, approval.DelegationsIn{After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	if q.Can("approval.deputies") {
		out, err := page.Run(q, approval.Deputies, struct{}{})
		if err != nil {
			return page.Answer{}, err
		}
		d.Persons = out.People
	}
	people := []string{}
	for _, r := range d.Rows {
		people = append(people, r.From, r.To)
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	return q.Show("approval/delegations", q.T("web.approval.delegations"), d)
}

func delegate(q *page.Req) (page.Answer, error) {
	in := approval.DelegateIn{To: q.Form.Get("to"), Reason: q.Form.Get("reason")}
	var err error
	if in.FromDate, err = q.Date("from_date"); err == nil {
		in.UntilDate, err = q.Date("until_date")
	}
	if err == nil {
		_, err = page.Run(q, approval.Delegate, in)
	}
	if err != nil {
		a, bad := delegations(q)
		if bad != nil {
			return page.Answer{}, err
		}
		return q.Again(err, a)
	}
	return q.Go("/approvals/delegations", "web.done.delegated")
}

func endDelegation(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, approval.EndDelegation, approval.ByID{ID: q.Form.Get("id")}); err != nil {
		a, bad := delegations(q)
		if bad != nil {
			return page.Answer{}, err
		}
		return q.Again(err, a)
	}
	return q.Go("/approvals/delegations", "web.done.delegation_ended")
}
