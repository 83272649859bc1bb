package sending

import (
	"cmp"
	"slices"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
)

// listed are the packages of one state, with everybody's names.
type listed struct {
	dispatch.ListOut
	States  []dispatch.State
	State   dispatch.State
	Parties map[string]string
	People  map[string]string
	Running dispatch.RunningOut
	Todo    int // recipients that need a person
}

func list(q *page.Req) (page.Answer, error) {
	d := listed{States: dispatch.States(), State: dispatch.State(q.Query("state"))}
	var err error
	if d.ListOut, err = page.Run(q, dispatch.List, dispatch.ListIn{State: d.State, Party: q.Query("party"), After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	if d.Running, err = page.Run(q, dispatch.RunningOp, struct{}{}); err != nil {
		return page.Answer{}, err
	}
	todo, err := page.Run(q, dispatch.AttentionOp, dispatch.AttentionIn{})
	if err != nil {
		return page.Answer{}, err
	}
	d.Todo = len(todo.Rows)
	ids, people := []string{}, []string{}
	for _, r := range d.Rows {
		ids, people = append(ids, r.Party), append(people, r.Owner)
	}
	if d.Parties, err = parties(q, ids); err != nil {
		return page.Answer{}, err
	}
	d.People, err = page.Names(q, append(people, d.Running.Person)...)
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("sending/list", q.T("web.nav.sendings"), d)
}

// parties are the names of partners; one that is out of the reader's reach has none.
func parties(q *page.Req, ids []string) (map[string]string, error) {
	out := map[string]string{}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return out, nil
	}
	got, err := page.Run(q, party.Names, party.NamesIn{IDs: ids})
	for _, p := range got.Parties {
		out[p.ID] = p.Name
	}
	return out, err
}

// todo is everything about sendings that a person has to decide.
type todo struct {
	Unknown dispatch.UnknownOut
	Other   dispatch.AttentionOut
	Parties map[string]string
	Running dispatch.RunningOut
}

func unknown(q *page.Req) (page.Answer, error) { return decide(q) }

func decide(q *page.Req) (page.Answer, error) {
	var d todo
	var err error
	if d.Unknown, err = page.Run(q, dispatch.UnknownOp, dispatch.UnknownIn{After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	if d.Other, err = page.Run(q, dispatch.AttentionOp, dispatch.AttentionIn{After: q.Query("more")}); err != nil {
		return page.Answer{}, err
	}
	if d.Running, err = page.Run(q, dispatch.RunningOp, struct{}{}); err != nil {
		return page.Answer{}, err
	}
	ids := []string{}
	for _, r := range d.Unknown.Rows {
		ids = append(ids, r.Party)
	}
	for _, r := range d.Other.Rows {
		ids = append(ids, r.Party)
	}
	if d.Parties, err = parties(q, ids); err != nil {
		return page.Answer{}, err
	}
	return q.Show("sending/unknown", q.T("web.sending.unknown"), d)
}

// back is where a form of either page goes on to.
func back(q *page.Req) string { return page.Local(cmp.Or(q.Form.Get("next"), "/sendings/unknown")) }

// retry shows the page again with what was wrong with one of its forms.
func retry(q *page.Req, err error) (page.Answer, error) {
	a, bad := decide(q)
	if bad != nil {
		return page.Answer{}, err
	}
	return q.Again(err, a)
}

func resolve(q *page.Req) (page.Answer, error) {
	in := dispatch.ResolveIn{Package: q.Form.Get("package"), Item: q.Form.Get("item"), As: dispatch.State(q.Form.Get("as")),
		Evidence: q.Form.Get("evidence"), Reason: q.Form.Get("reason")}
	if _, err := page.Run(q, dispatch.Resolve, in); err != nil {
		return retry(q, err)
	}
	return q.Go(back(q), "web.done.sending_resolved")
}

func attend(q *page.Req) (page.Answer, error) {
	in := dispatch.AttendIn{Package: q.Form.Get("package"), Item: q.Form.Get("item"), Reason: q.Form.Get("reason")}
	if _, err := page.Run(q, dispatch.Attend, in); err != nil {
		return retry(q, err)
	}
	return q.Go(back(q), "web.done.sending_attended")
}

func stopAll(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, dispatch.StopAll, dispatch.StopIn{Reason: q.Form.Get("reason")}); err != nil {
		return again(q, err)
	}
	return q.Go("/sendings", "web.done.sending_all_stopped")
}

func startAll(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, dispatch.StartAll, dispatch.StopIn{Reason: q.Form.Get("reason")}); err != nil {
		return again(q, err)
	}
	return q.Go("/sendings", "web.done.sending_all_started")
}

func again(q *page.Req, why error) (page.Answer, error) {
	a, err := list(q)
	if err != nil {
		return page.Answer{}, why
	}
	return q.Again(why, a)
}
