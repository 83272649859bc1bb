package identity

import "sekisho/internal/kernel/gate"

// NamesIn are ids of people.
type NamesIn struct {
	IDs []string `json:"ids" required:"true" max:"200"`
}

// Named is a person's name.
type Named struct {
	ID   string `json:"id" class:"internal"`
	Name string `json:"name" class:"internal"`
}

// NamesOut are the names of those ids that are people, in their order.
type NamesOut struct {
	People []Named `json:"people"`
}

// Names gives the names of colleagues (社員名): whoever sees that a person did
// something sees who it was. It gives nothing else of them.
var Names = gate.New(gate.Op[NamesIn, NamesOut]{
	Name: "identity.names", Mode: gate.Read, Target: outside[NamesIn],
	Do: func(x *gate.Tx, in NamesIn) (NamesOut, error) {
		list, err := persons.Find(x, gate.In("id", in.IDs))
		out := NamesOut{People: []Named{}}
		for _, p := range list {
			out.People = append(out.People, Named{p.ID, p.Name})
		}
		return out, err
	},
})
