package page

import (
	"sekisho/internal/base/identity"
)

// namesMost bounds the pages of people that are read for names.
const namesMost = 5

// Person is the name of a person by id, where the reader may see people; else
// the end of the id, enough to tell two apart.
func (q *Req) Person(id string) string {
	switch id {
	case "":
		return ""
	case q.Me.Person.ID:
		return q.Me.Person.Name
	case "system":
		return q.T("web.system")
	}
	if name := q.Names()[id]; name != "" {
		return name
	}
	return short(id)
}

// Names are the people the reader may see, by id. They are asked for once in a
// request; who may see nobody gets none.
func (q *Req) Names() map[string]string {
	if q.names != nil {
		return q.names
	}
	q.names = map[string]string{}
	if !q.Can(identity.People.Name()) {
		return q.names
	}
	after := ""
	for range namesMost {
		list, err := Run(q, identity.People, identity.PeopleIn{After: after, Limit: 200})
		if err != nil {
			break // ids are shown instead
		}
		for _, p := range list.Rows {
			q.names[p.ID] = p.Name
		}
		if after = list.Next; after == "" {
			break
		}
	}
	return q.names
}
