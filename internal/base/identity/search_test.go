package identity_test

import (
	"fmt"
	"testing"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// A person's searches are their own: nobody else lists or deletes them.
func TestSavedSearchesAreOnesOwn(t *testing.T) {
	staffed(t, false, func(w *world) {
		w.admin.in()
		one, other := w.hire("s.first", "E9000", "sales"), w.hire("s.second", "E9001", "sales")
		save := func(page, name, query string) (identity.SavedSearch, error) {
			return gate.Run(bg, w.G, one.cred, identity.SaveSearch, identity.SaveIn{Page: page, Name: name, Query: query})
		}
		list := func(who *who, page string) []identity.SavedSearch {
			return must(gate.Run(bg, w.G, who.cred, identity.ListSearches, identity.SearchesIn{Page: page})).Rows
		}
		first := must(save("/invoices", "今月の下書き", "state=draft"))
		must(save("/invoices", "今月の下書き", "state=draft&partner=%E9%9D%92%E8%91%89"))
		must(save("/partners", "担当", "own=1"))
		if got := list(one, "/invoices"); len(got) != 1 || got[0].ID != first.ID || got[0].Query != "state=draft&partner=%E9%9D%92%E8%91%89" {
			t.Fatalf("%+v", got)
		}
		if got := list(other, "/invoices"); len(got) != 0 {
			t.Fatalf("somebody else's: %+v", got)
		}
		_, err := gate.Run(bg, w.G, other.cred, identity.DeleteSearch, identity.ByID{ID: first.ID})
		w.wants(err, fault.KindNotFound, "fault.not_found")
		for _, bad := range []identity.SaveIn{{Page: "/me", Name: "x", Query: "a=b"}, {Page: "/invoices", Name: "", Query: "a=b"}, {Page: "/invoices", Name: "x", Query: "a=%zz"}, {Page: "/invoices", Name: "x"}} {
			_, err := gate.Run(bg, w.G, one.cred, identity.SaveSearch, bad)
			if !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		for n := range 18 {
			must(save("/archive", fmt.Sprint("条件", n), "kind=invoice"))
		}
		_, err = save("/archive", "一つ多い", "kind=invoice")
		w.wants(err, fault.KindRefused, "identity.search_most")
		must(gate.Run(bg, w.G, one.cred, identity.DeleteSearch, identity.ByID{ID: first.ID}))
		if got := list(one, "/invoices"); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}
