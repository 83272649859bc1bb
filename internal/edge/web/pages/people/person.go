package people

import (
	"slices"

	"sekisho/internal/base/identity"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

// shown is one person with what may be done about them.
type shown struct {
	P           identity.PersonOut
	Departments names
	Free        []string // roles that could be given
	Self        bool
	MayIssue    bool // an agreed reset is this reader's to carry out
	Open        string
}

// unheld are the roles people can have, less those of one person.
func unheld(q *page.Req, held []string) []string {
	var out []string
	for _, r := range granted(q) {
		if !slices.Contains(held, r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

// person is the page of one person; open names the form that is under way.
func person(q *page.Req, open string) (page.Answer, error) {
	p, err := page.Run(q, identity.ShowPerson, identity.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	d := shown{P: p, Self: p.ID == q.Me.Person.ID, Open: open, Free: unheld(q, p.Roles)}
	d.MayIssue = p.ResetBy != "" && p.ResetBy == q.Me.Person.ID && q.Can("identity.password_issue")
	if d.Departments, _, err = departments(q); err != nil {
		return page.Answer{}, err
	}
	return page.Answer{Template: "people/show", Title: p.Name, Data: d}, nil
}

func show(q *page.Req) (page.Answer, error) { return person(q, "") }

// after ends an act about a person: back to their page with what was done, or
// with what is wrong beside the form.
func after(q *page.Req, err error, open, done string) (page.Answer, error) {
	if err == nil {
		return q.Go(path(q.PathValue("id")), done)
	}
	k := fault.Of(err).Kind
	if k != fault.KindInvalid && k != fault.KindRefused && k != fault.KindConflict {
		return page.Answer{}, err
	}
	a, bad := person(q, open)
	if bad != nil {
		return page.Answer{}, bad
	}
	return q.Again(err, a)
}

func reason(q *page.Req) identity.ReasonIn {
	return identity.ReasonIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")}
}

func role(q *page.Req) identity.RoleIn {
	return identity.RoleIn{Person: q.PathValue("id"), Role: q.Form.Get("role"), Reason: q.Form.Get("reason")}
}

func grant(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.GrantRole, role(q))
	return after(q, err, "grant", "web.done.saved")
}

func revoke(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.RevokeRole, role(q))
	return after(q, err, "revoke-"+q.Form.Get("role"), "web.done.role_revoked")
}

func disable(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.DisablePerson, reason(q))
	return after(q, err, "disable", "web.done.person_disabled")
}

func enable(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.EnablePerson, reason(q))
	return after(q, err, "enable", "web.done.saved")
}

func endAll(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.EndSessions, reason(q))
	return after(q, err, "signout", "web.done.sessions_ended")
}

func reset(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.ResetPassword, identity.ResetIn{Person: q.PathValue("id"), Factor: q.Form.Get("factor") != "", Reason: q.Form.Get("reason")})
	return after(q, err, "reset", "web.done.saved")
}

// issued is a start password on its only page.
type issued struct {
	identity.StartOut
	Name, Login string
	New         bool
}

func issue(q *page.Req) (page.Answer, error) {
	id := identity.ByID{ID: q.PathValue("id")}
	p, err := page.Run(q, identity.ShowPerson, id)
	if err != nil {
		return page.Answer{}, err
	}
	out, err := page.Run(q, identity.IssuePassword, id)
	if err != nil {
		return after(q, err, "", "")
	}
	return q.Show("people/issued", q.T("web.people.issued"), issued{out, p.Name, p.Login, false})
}
