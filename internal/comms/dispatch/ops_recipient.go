package dispatch

import (
	"cmp"
	"slices"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// mostRecipients is how many one package can have.
const mostRecipients = 20

// AddIn is one more recipient of a package.
type AddIn struct {
	ID      string `json:"id" required:"true"`
	Kind    string `json:"kind" required:"true" enum:"to,cc"`
	Address string `json:"address" required:"true" max:"254"`
}

// AddRecipient adds a recipient to a package (宛先の追加). It is a proposal like
// those it was prepared with: the package goes back to be checked, and whatever
// was confirmed or approved before is void.
var AddRecipient = gate.New(gate.Op[AddIn, Shown]{
	Name: "dispatch.add_recipient", Mode: gate.Write,
	Alone:  func(in AddIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in AddIn) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in AddIn) (Shown, error) {
		b, err := load(x, in.ID)
		if err != nil {
			return Shown{}, err
		}
		if len(b.items) >= mostRecipients {
			return Shown{}, fault.Refused("dispatch.recipients_most", "max", mostRecipients).At("address")
		}
		i := Item{Package: b.ID, Party: b.Party, Owner: b.Owner, Department: b.Department, Kind: in.Kind, Proposed: in.Address, State: Prepared}
		for _, o := range b.items {
			i.Place = max(i.Place, o.Place+1)
		}
		if err := b.change(x, ""); err != nil {
			return Shown{}, err
		}
		if err := items.Insert(x, &i); err != nil {
			return Shown{}, err
		}
		b.items = append(b.items, i)
		return b.shown(), nil
	},
})

// AboutIn names a document.
type AboutIn struct {
	Document string `json:"document" required:"true"`
}

// AboutOut are the sendings that carry a document, newest first.
type AboutOut struct {
	Rows []Listed `json:"rows"`
	Open []string `json:"open" class:"internal"` // those of them that whoever asks may see whole
}

// About tells how far a numbered document got on its way out (送付の経過): whoever
// may see the document may see how its sendings stand.
var About = gate.New(gate.Op[AboutIn, AboutOut]{
	Name: "dispatch.about", Mode: gate.Read,
	Target: func(x *gate.Tx, in AboutIn) (gate.Target, error) {
		d, err := document.Get(x, in.Document)
		return gate.Target{Kind: "document", ID: d.ID, Owner: d.Owner, Department: d.Department, Subject: d.Party, Class: d.Clearance()}, err
	},
	Do: func(x *gate.Tx, in AboutIn) (AboutOut, error) {
		d, err := document.Get(x, in.Document)
		if err != nil || d.Number == "" {
			return AboutOut{Rows: []Listed{}}, err
		}
		list, err := files.Find(x, gate.Eq("number", d.Number), gate.Eq("document_id", d.ID))
		if err != nil {
			return AboutOut{}, err
		}
		reach := x.Policy().Reach(x.Actor(), policy.Request{Op: Show.Name(), Now: x.Now()})
		out := AboutOut{Rows: []Listed{}}
		for _, f := range list {
			s, err := sendings.Get(x, f.Package)
			if err != nil {
				return out, err
			}
			whole, err := reach.Scope.Contains(gate.Target{Kind: "dispatch", ID: s.ID, Owner: s.Owner, Department: s.Department},
				func(string, string) (bool, error) { return false, nil }) // nobody reaches sendings by assignment
			if err != nil {
				return out, err
			}
			if whole {
				out.Open = append(out.Open, s.ID)
			}
			out.Rows = append(out.Rows, Listed{ID: s.ID, Party: s.Party, Owner: s.Owner, State: s.State, Purpose: s.Purpose, Subject: s.Subject,
				HeldUntil: s.HeldUntil, CreatedAt: s.CreatedAt, Reason: s.Reason})
		}
		slices.SortFunc(out.Rows, func(a, b Listed) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID)) })
		return out, explain(x, out.Rows)
	},
})
