package page

import "maps"

// Meet finds out the names of people, for Person, in one question.
func (q *Req) Meet(ids ...string) {
	got, err := Names(q, ids...)
	if err != nil {
		return // the ends of their ids are shown instead
	}
	if q.names == nil {
		q.names = map[string]string{}
	}
	maps.Copy(q.names, got)
}

// Person is the name of a person whom the page has met; of others the end of
// the id, enough to tell two apart.
func (q *Req) Person(id string) string {
	switch id {
	case "":
		return ""
	case q.Me.Person.ID:
		return q.Me.Person.Name
	case "system":
		return q.T("web.system")
	}
	if name := q.names[id]; name != "" {
		return name
	}
	return short(id)
}
