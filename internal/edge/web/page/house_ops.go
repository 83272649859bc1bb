package page

import (
	"fmt"
	"slices"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/gate"
)

// Named runs an op by its name: those that a house makes for itself are no
// package's own. Everything else is as with Run.
func Named[Out, In any](q *Req, name string, in In) (Out, error) {
	op := gate.Find[In, Out](q.House.Gate, name)
	if op == nil {
		var none Out
		return none, fmt.Errorf("page: there is no op %s of these types", name)
	}
	return Run(q, op, in)
}

// Names are the names of people by their ids, as many as there are.
func Names(q *Req, ids ...string) (map[string]string, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := map[string]string{}
	for part := range slices.Chunk(ids, 200) {
		got, err := Run(q, identity.Names, identity.NamesIn{IDs: part})
		if err != nil {
			return nil, err
		}
		for _, p := range got.People {
			out[p.ID] = p.Name
		}
	}
	return out, nil
}
