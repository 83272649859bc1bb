package party

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
)

// maxNames is how many partners one reading of names takes.
const maxNames = 500

// IndexIn asks for what the index holds: some partners, or one page of all in
// the order of their ids.
type IndexIn struct {
	IDs   []string `json:"ids" max:"500"`
	After string   `json:"after" max:"500"`
}

// IndexRow is a partner in the index, whether its run is visible or not.
type IndexRow struct {
	ID         string `json:"id" class:"internal"`
	Code       string `json:"code" class:"internal"`
	Name       string `json:"name" class:"confidential"`
	Kana       string `json:"kana" class:"confidential"`
	Owner      string `json:"owner" class:"internal"`
	Department string `json:"department" class:"internal"`
	Run        string `json:"run" class:"internal"`
}

// IndexOut is that page.
type IndexOut struct {
	Rows []IndexRow `json:"rows"`
	Next string     `json:"next" class:"internal"`
}

// IndexOp reads names for the index in memory; only the server itself may.
var IndexOp = gate.New(gate.Op[IndexIn, IndexOut]{
	Name: "party.index", Mode: gate.Read,
	Target: func(*gate.Tx, IndexIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, in IndexIn) (IndexOut, error) {
		out := IndexOut{Rows: []IndexRow{}}
		take := func(list []Party) {
			for _, p := range list {
				out.Rows = append(out.Rows, IndexRow{p.ID, p.Code, p.Name, p.Kana, p.Owner, p.Department, p.Run})
			}
		}
		if len(in.IDs) > 0 {
			list, err := parties.Find(x, gate.In("id", in.IDs))
			take(list)
			return out, err
		}
		for out.Next = in.After; len(out.Rows) < maxNames; {
			page, err := parties.Page(x, gate.PageQuery{By: "id", After: out.Next, Limit: 200})
			if err != nil {
				return out, err
			}
			take(page.Rows)
			if out.Next = page.Next; out.Next == "" {
				break
			}
		}
		return out, nil
	},
})

// SearchIn is a part of a name, a reading or a code.
type SearchIn struct {
	Q     string `json:"q" required:"true" max:"100"`
	Limit int    `json:"limit"` // 1 to 100, 20 if 0
}

// SearchOut are the partners found, the best first.
type SearchOut struct {
	Rows    []Item `json:"rows"`
	More    bool   `json:"more" class:"internal"`    // there are more than were asked for
	Filling bool   `json:"filling" class:"internal"` // the index is still being filled: some may be missing
}

// within are the partners in the actor's scope but for one department: those
// they are assigned to. Who reaches several departments gets more than that,
// which changes nothing.
var within = gate.NewQuery[struct{ ID string }]("party.within", `SELECT p.id FROM {party p} WHERE p.department_id <> $1 ORDER BY p.id`)

// searchOp finds partners by a part of their name, reading or code (取引先を探す).
// The index only proposes: what it gives is fetched within the actor's scope,
// verified, and looked at again.
func (n *Index) searchOp() *gate.UseCase[SearchIn, SearchOut] {
	return gate.New(gate.Op[SearchIn, SearchOut]{
		Name: "party.search", Mode: gate.List,
		Target: func(*gate.Tx, SearchIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
		Do: func(x *gate.Tx, in SearchIn) (SearchOut, error) {
			out := SearchOut{Rows: []Item{}, Filling: !n.Filled()}
			if in.Limit <= 0 {
				in.Limit = 20
			}
			if x.Actor().Clearance < policy.Confidential { // what is found is the value
				return out, fault.Denied("gate.filter_class", "field", "q")
			}
			want := jp.Fold(in.Q)
			vis, err := visible(x)
			if err != nil {
				return out, err
			}
			r, err := reachOf(x, vis)
			if err != nil {
				return out, err
			}
			ids, more := n.find(want, r, min(in.Limit, 100))
			out.More = more
			list, err := parties.Find(x, gate.In("id", ids), gate.In("run", vis))
			if err != nil {
				return out, err
			}
			slices.SortFunc(list, func(a, b Party) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
			for _, p := range list {
				if holds(p, want) {
					out.Rows = append(out.Rows, Item{p.ID, p.Version, p.Code, p.Name, p.Kana, p.RegistrationNumber, p.Owner, p.Department, p.State})
				}
			}
			return out, nil
		},
	})
}

// holds tells of the row itself what the index told of its copy.
func holds(p Party, want string) bool {
	return want != "" && slices.ContainsFunc([]string{p.Name, p.Kana, p.Code}, func(s string) bool { return strings.Contains(jp.Fold(s), want) })
}

// reachOf prepares the actor's scope for the index.
func reachOf(x *gate.Tx, visible []string) (func(*Index) reach, error) {
	s := x.Scope()
	var assigned []struct{ ID string }
	if !s.All && s.Assigned != "" {
		besides := "-" // no department's id
		if len(s.Departments) > 0 {
			besides = s.Departments[0]
		}
		var err error
		if assigned, err = within.Rows(x, besides); err != nil {
			return nil, err
		}
	}
	return func(n *Index) reach {
		r := reach{all: s.All}
		if s.Own != "" {
			r.own = n.words[s.Own]
		}
		for _, d := range s.Departments {
			if k := n.words[d]; k != 0 {
				r.departments = append(r.departments, k)
			}
		}
		for _, v := range visible {
			if k := n.words[v]; k != 0 {
				r.runs = append(r.runs, k)
			}
		}
		if len(assigned) > 0 {
			ids := make([]string, len(assigned))
			for i, a := range assigned {
				ids[i] = a.ID
			}
			r.assigned = n.assign(ids)
		}
		return r
	}, nil
}
