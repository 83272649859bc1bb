package party

import (
	"net/url"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// act is one thing that can be done about a partner: a form, and what it runs.
// Its texts are "web.partner.act.<name>" (title), "…_say" (what it does, in one
// sentence) and "…_do" (button).
type act struct {
	op     string
	danger bool
	build  func(q *page.Req, s party.Shown, f *form) error
	run    func(q *page.Req, id string) error
	done   string // after what happens at once
}

// acts are all of them, by the last part of their address.
func acts() map[string]act {
	return map[string]act{
		"edit":           {"party.update", false, editForm, edit, "partner_saved"},
		"suspend":        {"party.suspend", true, suspendForm, suspend, "partner_stopped"},
		"resume":         {"party.resume", false, reasonForm, resume, "partner_saved"},
		"hand_over":      {"party.hand_over", false, handOverForm, handOver, "partner_handed"},
		"assign":         {"party.assign", false, assignForm, assign, "partner_assigned"},
		"unassign":       {"party.unassign", true, assignForm, unassign, "partner_unassigned"},
		"contact_add":    {"party.contact_add", false, contactForm, contactAdd, "contact_saved"},
		"contact_update": {"party.contact_update", false, contactForm, contactUpdate, "contact_saved"},
		"contact_leave":  {"party.contact_leave", true, leaveForm, contactLeave, "contact_left"},
		"point_propose":  {"party.point_propose", false, proposeForm, propose, "point_proposed"},
		"point_change":   {"party.point_propose", false, proposeForm, propose, "point_proposed"},
		"point_verify":   {"party.point_verify", false, verifyForm, verify, "point_verified"},
		"point_retire":   {"party.point_retire", true, retireForm, retire, "point_retired"},
		"point_drop":     {"party.point_retire", true, retireForm, retire, "point_retired"},
		"account":        {"party.account_propose", false, accountForm, account, "partner_saved"},
		"relation_add":   {"party.relation_add", false, relationForm, relationAdd, "partner_saved"},
		"choice":         {"party.choice_set", false, choiceForm, choiceSet, "partner_saved"},
		"point_ask":      {"optin.ask", false, askPointForm, askPoint, "point_asked"},
		"point_renew":    {"party.point_renew", false, verifyForm, renew, "point_verified"},
		"merge":          {"party.merge", true, mergeForm, merge, "partner_saved"},
		"unmerge":        {"party.unmerge", false, reasonForm, unmerge, "partner_saved"},
		"paper_propose":  {"party.paper_propose", false, paperForm, paperPropose, "paper_proposed"},
		"paper_verify":   {"party.paper_verify", false, paperVerifyForm, paperVerify, "paper_verified"},
		"paper_retire":   {"party.paper_retire", true, paperRetireForm, paperRetire, "point_retired"},
		"protect":        {"party.protect", false, protectForm, protect, "partner_saved"},
		"protect_end":    {"party.protect_end", false, emptyForm, protectEnd, "protect_ended"},
		"relation_end":   {"party.relation_end", true, endForm, relationEnd, "relation_ended"},
	}
}

// prepared is the form of an act with the partner it is about.
func prepared(q *page.Req) (act, page.Answer, error) {
	name := q.PathValue("act")
	a, ok := acts()[name]
	if !ok || !q.Can(a.op) {
		return a, page.Answer{}, fault.NotFound()
	}
	s, err := page.Run(q, party.ShowOp, party.ByID{ID: q.PathValue("id")})
	if err != nil {
		return a, page.Answer{}, err
	}
	key := "web.partner.act." + name
	f := form{Act: name, Party: s.Party, Say: key + "_say", Button: key + "_do", Danger: a.danger, Back: "/partners/" + url.PathEscape(s.Party.ID),
		Hidden: map[string]string{"item": item(q)}}
	if err := a.build(q, s, &f); err != nil {
		return a, page.Answer{}, err
	}
	return a, page.Answer{Template: "party/form", Title: q.T(key), Data: f}, nil
}

func ask(q *page.Req) (page.Answer, error) {
	_, shown, err := prepared(q)
	return shown, err
}

func carryOut(q *page.Req) (page.Answer, error) {
	a, shown, err := prepared(q)
	if err != nil {
		return shown, err
	}
	id := q.PathValue("id")
	if err := a.run(q, id); err != nil {
		return q.Again(err, shown)
	}
	return q.Go("/partners/"+url.PathEscape(id), "web.done."+a.done)
}

// item is the contact, address or relation an act is about.
func item(q *page.Req) string {
	if q.Form != nil && q.Form.Has("item") {
		return q.Form.Get("item")
	}
	return q.Query("item")
}

var reason = input{Name: "reason", Max: 500, Required: true, Hint: true, Wide: true, Area: true}

func reasonForm(_ *page.Req, _ party.Shown, f *form) error {
	f.Inputs = []input{reason}
	return nil
}

// set puts values into the inputs of their names.
func (f *form) set(values map[string]string) {
	for i, in := range f.Inputs {
		if v, ok := values[in.Name]; ok {
			f.Inputs[i].Set = v
		}
	}
}

// emptied are those of the fields that had a value and were left empty.
func emptied(q *page.Req, was map[string]string, fields ...string) []string {
	var out []string
	for _, n := range fields {
		if q.Form.Has(n) && strings.TrimSpace(q.Form.Get(n)) == "" && was[n] != "" {
			out = append(out, n)
		}
	}
	return out
}

func values(p party.Party) map[string]string {
	return map[string]string{"name": p.Name, "kana": p.Kana, "honorific": p.Honorific, "registration_number": string(p.RegistrationNumber),
		"corporate_number": string(p.CorporateNumber), "phone": p.Phone, "postal_code": p.PostalCode, "address": p.Address,
		"terms": p.Terms.String(), "shift": string(p.Terms.Shift)}
}

func editForm(q *page.Req, s party.Shown, f *form) error {
	was := values(s.Party)
	f.Inputs = append(particulars(q, func(n string) string { return was[n] }), input{Name: "reason", Max: 500, Wide: true, Area: true, Hint: true})
	f.set(was)
	f.version(q, s.Party.Version)
	return nil
}

func edit(q *page.Req, id string) error {
	s, err := page.Run(q, party.ShowOp, party.ByID{ID: id})
	if err != nil {
		return err
	}
	t, err := terms(q)
	if err != nil {
		return err
	}
	v := q.Form.Get
	_, err = page.Run(q, party.Update, party.UpdateIn{ID: id, Version: q.Int("version"), Name: v("name"), Kana: v("kana"), Honorific: v("honorific"),
		CorporateNumber: jp.CorporateNumber(v("corporate_number")), RegistrationNumber: jp.RegistrationNumber(v("registration_number")),
		PostalCode: v("postal_code"), Address: v("address"), Phone: v("phone"), Terms: t, Reason: v("reason"),
		Clear: emptied(q, values(s.Party), "kana", "corporate_number", "registration_number", "postal_code", "address", "phone")})
	return err
}

func suspendForm(q *page.Req, s party.Shown, f *form) error {
	f.Inputs = []input{{Name: "state", Text: "stop", Radio: true, Required: true, Set: "suspended", Options: []option{
		{"suspended", q.T("web.partner.suspend_suspended")}, {"left", q.T("web.partner.suspend_left")}}}, reason}
	return nil
}

func suspend(q *page.Req, id string) error {
	_, err := page.Run(q, party.Suspend, party.SuspendIn{ID: id, State: party.State(q.Form.Get("state")), Reason: q.Form.Get("reason")})
	return err
}

func resume(q *page.Req, id string) error {
	_, err := page.Run(q, party.Resume, party.ResumeIn{ID: id, Reason: q.Form.Get("reason")})
	return err
}

func handOverForm(q *page.Req, s party.Shown, f *form) error {
	who, err := colleagues(q)
	if err != nil {
		return err
	}
	_, where, err := departments(q)
	f.Inputs = []input{{Name: "owner", Options: who, Required: true, Set: s.Party.Owner},
		{Name: "department", Options: where, Blank: "web.partner.no_department", Set: s.Party.Department, Hint: true}}
	return err
}

func handOver(q *page.Req, id string) error {
	_, err := page.Run(q, party.HandOver, party.HandOverIn{ID: id, Owner: q.Form.Get("owner"), Department: q.Form.Get("department")})
	return err
}

func assignForm(q *page.Req, _ party.Shown, f *form) error {
	who, err := colleagues(q)
	f.Inputs = []input{{Name: "person", Options: who, Blank: "web.partner.choose", Required: true}}
	return err
}

func assign(q *page.Req, id string) error {
	_, err := page.Run(q, party.Assign, party.AssignIn{ID: id, Person: q.Form.Get("person")})
	return err
}

func unassign(q *page.Req, id string) error {
	_, err := page.Run(q, party.Unassign, party.AssignIn{ID: id, Person: q.Form.Get("person")})
	return err
}
