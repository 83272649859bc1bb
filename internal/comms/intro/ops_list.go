package intro

import (
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/gate"
)

// ListIn asks for a page of the partners that receive by link.
type ListIn struct {
	State dispatch.ToldState `json:"state" enum:"told,telling,untold"` // all if empty
	After string             `json:"after" max:"500"`
	Limit int                `json:"limit"`
}

// Row is one partner with how far it was told.
type Row struct {
	Party string                `json:"party" class:"internal"`
	Code  string                `json:"code" class:"internal"`
	Name  string                `json:"name" class:"confidential"`
	Now   dispatch.Introduction `json:"now"`
	Mail  bool                  `json:"mail" class:"internal"`  // a letter can go as a mail …
	Post  bool                  `json:"post" class:"internal"`  // … by a print run …
	Print bool                  `json:"print" class:"internal"` // … and there is an address to print
}

// ListOut is that page, in the order of codes.
type ListOut struct {
	Rows []Row  `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// pagesAtOnce bounds how many pages of partners are looked through for one page
// of those asked for.
const pagesAtOnce = 10

// List gives who was told and who was not (案内済み／未案内): the partners in reach
// that have not chosen another way.
var List = gate.New(gate.Op[ListIn, ListOut]{
	Name: "intro.list", Mode: gate.Read, Target: many[ListIn],
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		out := ListOut{Rows: []Row{}, Next: in.After}
		limit := min(max(in.Limit, 0), 200)
		if limit == 0 {
			limit = 50
		}
		for range pagesAtOnce {
			page, err := gate.Call(x, party.List, party.ListIn{State: string(party.Active), After: out.Next, Limit: limit})
			if err != nil {
				return out, err
			}
			for _, p := range page.Rows {
				r, wanted, err := rowOf(x, p, in.State)
				if err != nil {
					return out, err
				}
				if wanted {
					out.Rows = append(out.Rows, r)
				}
			}
			if out.Next = page.Next; out.Next == "" || len(out.Rows) >= limit {
				break
			}
		}
		return out, nil
	},
})

func rowOf(x *gate.Tx, p party.Item, state dispatch.ToldState) (Row, bool, error) {
	r := Row{Party: p.ID, Code: p.Code, Name: p.Name}
	found, err := look(x, p.ID)
	if err != nil || found.why == "intro.not_by_link" {
		return r, false, err
	}
	r.Now, r.Mail, r.Post, r.Print = found.now, len(found.mails) > 0, len(found.posts) > 0, len(found.posts) > 0 || found.party.Address != ""
	return r, state == "" || state == r.Now.State, nil
}

// OfIn names a partner.
type OfIn struct {
	Party string `json:"party" required:"true" max:"40"`
}

// OfOut is how far it was told, with all that was done, latest first.
type OfOut struct {
	Now  dispatch.Introduction `json:"now"`
	Rows []dispatch.Told       `json:"rows"`
}

// Of gives one partner's.
var Of = gate.New(gate.Op[OfIn, OfOut]{
	Name: "intro.of", Mode: gate.Read,
	Target: func(x *gate.Tx, in OfIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in OfIn) (OfOut, error) {
		now, err := dispatch.Introduced(x, in.Party)
		if err != nil {
			return OfOut{}, err
		}
		list, err := dispatch.Tellings(x, in.Party)
		return OfOut{now, list}, err
	},
})
