package door

import (
	"sekisho/internal/base/identity"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

// saveSearch keeps the conditions of a list under a name.
func saveSearch(q *page.Req) (page.Answer, error) {
	f := q.Form
	s, err := page.Run(q, identity.SaveSearch, identity.SaveIn{Page: f.Get("page"), Name: f.Get("name"), Query: f.Get("query")})
	if err != nil {
		if k := fault.Of(err).Kind; k != fault.KindInvalid && k != fault.KindRefused {
			return page.Answer{}, err
		}
		a, _ := q.Show("door/search", q.T("web.search.save"), savedForm{f.Get("page"), f.Get("query"), f.Get("name")})
		return q.Again(err, a)
	}
	return q.Go(s.Page+"?"+s.Query, "web.done.search_saved")
}

// savedForm is the form again, when something is wrong with it.
type savedForm struct{ Page, Query, Name string }

func deleteSearch(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, identity.DeleteSearch, identity.ByID{ID: q.Form.Get("id")}); err != nil {
		return page.Answer{}, err
	}
	return q.Go(page.Local(q.Form.Get("next")), "web.done.search_deleted")
}
