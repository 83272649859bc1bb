package identity

import (
	"cmp"
	"net/url"
	"slices"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// SavedSearch is a search of a list that a person keeps for themselves
// (保存した条件): the conditions of the list's address under a name.
type SavedSearch struct {
	gate.Row
	Person string `json:"-" col:"person_id" class:"internal,plain"`
	Page   string `json:"page" col:"page" class:"internal,plain"`
	Name   string `json:"name" col:"name" class:"confidential"`
	Query  string `json:"query" col:"query" class:"confidential"` // may hold a partner's name
}

// mostSearches is how many a person can keep.
const mostSearches = 20

// SaveIn is a search to keep.
type SaveIn struct {
	Page  string `json:"page" required:"true" enum:"/invoices,/partners,/sendings,/archive"`
	Name  string `json:"name" required:"true" max:"40"`
	Query string `json:"query" required:"true" max:"1000"`
}

// SearchesIn names a list.
type SearchesIn struct {
	Page string `json:"page" required:"true" enum:"/invoices,/partners,/sendings,/archive"`
}

// SearchesOut are one's own searches of a list, by name.
type SearchesOut struct {
	Rows []SavedSearch `json:"rows"`
}

func mine[In any](x *gate.Tx, _ In) (gate.Target, error) {
	return gate.Target{Kind: "identity_search", ID: "*", Owner: x.Actor().Person}, nil
}

// SaveSearch keeps a search; one of the same name is replaced.
var SaveSearch = gate.New(gate.Op[SaveIn, SavedSearch]{
	Name: "identity.search_save", Mode: gate.Write, Target: mine[SaveIn],
	Do: func(x *gate.Tx, in SaveIn) (SavedSearch, error) {
		s := SavedSearch{Person: x.Actor().Person, Page: in.Page, Name: in.Name, Query: in.Query}
		if _, err := url.ParseQuery(in.Query); err != nil {
			return s, fault.Invalid("identity.search_query").At("query").Because(err)
		}
		all, err := searches.Find(x, gate.Eq("person_id", s.Person))
		if err != nil {
			return s, err
		}
		for _, o := range all {
			if o.Page == s.Page && o.Name == s.Name {
				o.Query = s.Query
				return o, searches.Update(x, &o)
			}
		}
		if len(all) >= mostSearches {
			return s, fault.Refused("identity.search_most", "max", mostSearches).At("name")
		}
		return s, searches.Insert(x, &s)
	},
})

// ListSearches gives one's own searches of a list.
var ListSearches = gate.New(gate.Op[SearchesIn, SearchesOut]{
	Name: "identity.search_list", Mode: gate.List, Target: mine[SearchesIn],
	Do: func(x *gate.Tx, in SearchesIn) (SearchesOut, error) {
		list, err := searches.Find(x, gate.Eq("person_id", x.Actor().Person), gate.Eq("page", in.Page))
		slices.SortFunc(list, func(a, b SavedSearch) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		return SearchesOut{list}, err
	},
})

// DeleteSearch lets a search go.
var DeleteSearch = gate.New(gate.Op[ByID, Done]{
	Name: "identity.search_delete", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) {
		s, err := searches.Get(x, in.ID)
		return gate.Target{Kind: "identity_search", ID: s.ID, Owner: s.Person}, err
	},
	Do: func(x *gate.Tx, in ByID) (Done, error) { return Done{in.ID}, searches.Delete(x, in.ID) },
})
