package gate_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// What a list shows is exactly the set of single things that may be shown, in
// random worlds with many departments, owners and assignments.
func TestC09_ListScopeIsTheSetOfSingleDecisions(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		worlds := 0
		rapid.Check(t, func(r *rapid.T) {
			worlds++
			boss, tag := gatetest.Boss("b"), fmt.Sprintf("w%d-", worlds)
			name := func(prefix string, n int) string {
				return tag + prefix + fmt.Sprint(rapid.IntRange(0, n-1).Draw(r, prefix))
			}
			var all []string
			for range rapid.IntRange(1, 12).Draw(r, "cards") {
				c, err := gate.Run(bg, w.G, boss, put, Put{Owner: name("s", 3), Dept: name("d", 4), Party: name("p", 4), Name: "n", Yen: int64(rapid.IntRange(100, 103).Draw(r, "yen"))})
				if err != nil {
					r.Fatal(err)
				}
				all = append(all, c.ID)
			}
			me := name("s", 3)
			for range rapid.IntRange(0, 3).Draw(r, "assignments") {
				if _, err := gate.Run(bg, w.G, boss, put, Put{Owner: "assign", Party: name("p", 4), Name: me}); err != nil {
					r.Fatal(err)
				}
			}
			roles := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"sales", "clerk", "rep"}), rapid.ID[string]).Draw(r, "roles")
			who := gatetest.Person{ID: me, Roles: append(roles, "auditor")[:max(len(roles), 1)], Departments: []string{name("d", 4), name("d", 4)}}.As()
			var listed, single []string
			for after := ""; ; {
				p, err := gate.Run(bg, w.G, who, list, Ask{After: after, Limit: 3})
				if err != nil {
					r.Fatal(err)
				}
				for _, c := range p.Rows {
					if slices.Contains(all, c.ID) {
						listed = append(listed, c.ID)
					}
				}
				if after = p.Next; after == "" {
					break
				}
			}
			for _, id := range all {
				_, err := gate.Run(bg, w.G, who, show, ByID{id})
				switch {
				case err == nil:
					single = append(single, id)
				case fault.Is(err, fault.KindDenied):
					return // "auditor" alone may list but never shows one
				case !fault.Is(err, fault.KindNotFound):
					r.Fatal(err)
				}
			}
			slices.Sort(listed)
			slices.Sort(single)
			if !slices.Equal(listed, single) {
				r.Fatalf("listed %v, single decisions %v", listed, single)
			}
		})
		if worlds < 100 {
			t.Fatal("too few worlds", worlds)
		}
	})
}
