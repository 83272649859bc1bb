package party

import "sekisho/internal/kernel/gate"

// NamesIn are ids of partners.
type NamesIn struct {
	IDs []string `json:"ids" required:"true" max:"200"`
}

// Named is a partner's code and name.
type Named struct {
	ID   string `json:"id" class:"internal"`
	Code string `json:"code" class:"internal"`
	Name string `json:"name" class:"confidential"`
}

// NamesOut are those of the ids that are partners in the actor's scope.
type NamesOut struct {
	Parties []Named `json:"parties"`
}

// Names gives the names of partners for a list that has their ids (取引先名). It
// reaches as far as the list of partners does.
var Names = gate.New(gate.Op[NamesIn, NamesOut]{
	Name: "party.names", Mode: gate.List,
	Target: func(*gate.Tx, NamesIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, in NamesIn) (NamesOut, error) {
		out := NamesOut{Parties: []Named{}}
		vis, err := visible(x)
		if err != nil {
			return out, err
		}
		list, err := parties.Find(x, gate.In("id", in.IDs), gate.In("run", vis))
		for _, p := range list {
			out.Parties = append(out.Parties, Named{p.ID, p.Code, p.Name})
		}
		return out, err
	},
})
