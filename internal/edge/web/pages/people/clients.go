package people

import (
	"encoding/base64"
	"slices"
	"strings"

	"sekisho/internal/base/identity"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

// programs are the API clients.
type programs struct {
	Rows   []identity.ClientView
	Next   string
	People names
	Open   string // "enable-ID" or "disable-ID": the form under way
}

// everybody are the people there are, by id.
func everybody(q *page.Req) (names, []identity.PersonView, error) {
	n, in := names{}, identity.PeopleIn{Limit: 200}
	var all []identity.PersonView
	for {
		out, err := page.Run(q, identity.People, in)
		if err != nil {
			return n, nil, err
		}
		for _, p := range out.Rows {
			n[p.ID] = p.Name
		}
		all = append(all, out.Rows...)
		if in.After = out.Next; in.After == "" {
			return n, all, nil
		}
	}
}

func programsPage(q *page.Req, open string) (page.Answer, error) {
	out, err := page.Run(q, identity.Clients, identity.ClientsIn{After: q.Query("after"), Limit: most})
	if err != nil {
		return page.Answer{}, err
	}
	who, _, err := everybody(q)
	return page.Answer{Template: "people/clients", Title: q.T("web.clients.title"), Data: programs{out.Rows, out.Next, who, open}}, err
}

func clients(q *page.Req) (page.Answer, error) { return programsPage(q, "") }

// program is the form of a new one.
type program struct {
	Owners []identity.PersonView
	Owner  *identity.PersonView // chosen first: a program may do no more than its owner
	Nouns  []noun
	Chosen []string
}

// Has tells whether an op was ticked.
func (p program) Has(op string) bool { return slices.Contains(p.Chosen, op) }

func newProgram(q *page.Req, owner string) (program, error) {
	_, all, err := everybody(q)
	p := program{Chosen: q.Form["ops"]}
	for i, o := range all {
		if o.State != identity.Active {
			continue
		}
		p.Owners = append(p.Owners, o)
		if o.ID == owner {
			p.Owner = &all[i]
		}
	}
	if p.Owner == nil {
		return p, err
	}
	seen := map[string]bool{}
	for _, r := range p.Owner.Roles {
		for _, n := range nouns(q, r, false) {
			if n.Name == "identity" || n.Name == "approval" { // never a program's
				continue
			}
			i := slices.IndexFunc(p.Nouns, func(o noun) bool { return o.Name == n.Name })
			if i < 0 {
				i, p.Nouns = len(p.Nouns), append(p.Nouns, noun{Name: n.Name})
			}
			for _, a := range n.Acts {
				if !seen[a.Op] {
					seen[a.Op] = true
					p.Nouns[i].Acts = append(p.Nouns[i].Acts, a)
				}
			}
		}
	}
	return p, err
}

func newClientPage(q *page.Req) (page.Answer, error) {
	p, err := newProgram(q, q.Query("owner"))
	return page.Answer{Template: "people/client", Title: q.T("web.clients.new"), Data: p}, err
}

func newClient(q *page.Req) (page.Answer, error) {
	owner := q.Form.Get("owner")
	p, err := newProgram(q, owner)
	if err != nil {
		return page.Answer{}, err
	}
	a := page.Answer{Template: "people/client", Title: q.T("web.clients.new"), Data: p}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(q.Form.Get("public_key")))
	if err != nil || len(key) == 0 {
		return q.Again(fault.Invalid("identity.client_key").At("public_key"), a)
	}
	if len(p.Chosen) == 0 {
		return q.Again(fault.Invalid("web.clients.no_ops").At("ops"), a)
	}
	if _, err := page.Run(q, identity.CreateClient, identity.ClientIn{Name: q.Form.Get("name"), Owner: owner, PublicKey: key, Ops: p.Chosen}); err != nil {
		return q.Again(err, a)
	}
	return q.Go("/clients", "web.done.client_made")
}

func enableClient(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.EnableClient, reason(q))
	return afterClient(q, err, "enable-", "web.done.saved")
}

func disableClient(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, identity.DisableClient, reason(q))
	return afterClient(q, err, "disable-", "web.done.client_disabled")
}

func afterClient(q *page.Req, err error, open, done string) (page.Answer, error) {
	if err == nil {
		return q.Go("/clients", done)
	}
	if k := fault.Of(err).Kind; k != fault.KindInvalid && k != fault.KindRefused && k != fault.KindConflict {
		return page.Answer{}, err
	}
	a, bad := programsPage(q, open+q.PathValue("id"))
	if bad != nil {
		return page.Answer{}, bad
	}
	return q.Again(err, a)
}
