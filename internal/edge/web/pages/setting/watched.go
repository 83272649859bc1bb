package setting

import (
	"sekisho/internal/base/identity"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
)

// watched are those whose sendings always need a second person.
type watched struct {
	dispatch.WatchedOut
	People  map[string]string
	Persons []identity.PersonView // to choose from; nobody where the reader may not list people
}

func watchedPage(q *page.Req) (page.Answer, error) {
	var d watched
	var err error
	if d.WatchedOut, err = page.Run(q, dispatch.WatchedList, struct{}{}); err != nil {
		return page.Answer{}, err
	}
	if q.Can("dispatch.watched_add") && q.Can("identity.people") {
		out, err := page.Run(q, identity.People, identity.PeopleIn{State: "active", Limit: 200})
		if err != nil {
			return page.Answer{}, err
		}
		d.Persons = out.Rows
	}
	people := []string{}
	for _, r := range d.Rows {
		people = append(people, r.Person, r.NamedBy, r.EndedBy, r.Approver)
	}
	d.People, err = page.Names(q, people...)
	return page.Answer{Template: "setting/watched", Title: q.T("web.setting.watched"), Data: d}, err
}

func watch(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, dispatch.WatchedAdd, dispatch.WatchedAddIn{Person: q.Form.Get("person"), Reason: q.Form.Get("reason")})
	return back(q, err, "watched", "web.done.watched", watchedPage)
}

func unwatch(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, dispatch.WatchedEnd, dispatch.WatchedEndIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")})
	return back(q, err, "watched", "web.done.saved", watchedPage)
}
