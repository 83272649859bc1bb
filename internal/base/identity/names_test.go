package identity_test

import (
	"testing"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Everybody who has signed in reads colleagues' names; nobody else does.
func TestNamesOfColleagues(t *testing.T) {
	staffed(t, false, func(w *world) {
		w.admin.in()
		me := must(gate.Run(bg, w.G, w.admin.cred, identity.Me, identity.None{}))
		in := identity.NamesIn{IDs: []string{me.Person.ID, "nobody"}}
		out := must(gate.Run(bg, w.G, w.admin.cred, identity.Names, in))
		if len(out.People) != 1 || out.People[0] != (identity.Named{ID: me.Person.ID, Name: me.Person.Name}) {
			t.Fatalf("%+v", out)
		}
		_, err := gate.Run(bg, w.G, gate.Nobody(office), identity.Names, in)
		w.wants(err, fault.KindDenied, "gate.sign_in")
	})
}
