package page

import "sekisho/internal/base/identity"

// Saved is a saved search with its address.
type Saved struct {
	identity.SavedSearch
	To string
}

// Searches are the reader's own saved searches of a list. A list is shown
// without them rather than not at all.
func (q *Req) Searches(list string) []Saved {
	if !q.Can("identity.search_list") {
		return nil
	}
	out, err := Run(q, identity.ListSearches, identity.SearchesIn{Page: list})
	if err != nil {
		q.House.Log.Warn("saved searches cannot be read", "route", q.Pattern, "err", err)
	}
	all := make([]Saved, len(out.Rows))
	for i, s := range out.Rows {
		all[i] = Saved{s, list + "?" + s.Query}
	}
	return all
}

// Conditions are those of this page's address, without its place in the list.
func (q *Req) Conditions() string {
	v := q.URL.Query()
	v.Del("done")
	v.Del("after")
	for name := range v {
		if v.Get(name) == "" {
			v.Del(name)
		}
	}
	return v.Encode()
}
