package bundle

import (
	"cmp"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// ByRun names a run.
type ByRun struct {
	Run string `json:"run" required:"true"`
}

// Counts is how a run stands, in documents and yen.
type Counts struct {
	Open      int64  `json:"open" class:"internal"`      // documents nobody has decided
	Unsettled int64  `json:"unsettled" class:"internal"` // leftovers nobody has settled
	Fits      Totals `json:"fits"`                       // what is, or will be, archived
	Rejected  Totals `json:"rejected"`
	List      Totals `json:"list"`    // of the other program's list; zero if there is none
	Control   Totals `json:"control"` // what the list must say: all that is listed there, left out or not
}

// Shown is a run with its counts.
type Shown struct {
	Run
	Counts Counts `json:"counts"`
}

// Show gives a run.
var Show = gate.New(gate.Op[ByRun, Shown]{
	Name: "bundle.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ByRun) (Shown, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return Shown{}, err
		}
		c, err := r.counts(x)
		return Shown{r, c}, err
	},
})

func (r Run) counts(x *gate.Tx) (Counts, error) {
	var c Counts
	list, err := tallies.Rows(x, r.ID)
	if err != nil {
		return c, err
	}
	for _, t := range list {
		n := Totals{t.Count, money.Yen(t.Total)}
		switch ItemState(t.State) {
		case Open:
			c.Open += n.Count
		case Rejected:
			c.Rejected = c.Rejected.and(n)
		default:
			c.Fits = c.Fits.and(n)
		}
		if t.Listed {
			c.Control = c.Control.and(n)
		}
	}
	left, err := unsettled.Rows(x, r.ID)
	if err != nil {
		return c, err
	}
	c.Unsettled = left[0].Count
	if r.ListDigest != "" { // its lines without a document were settled one by one
		c.List = Totals{r.ListCount, r.ListTotal}
		c.Control = c.List
	}
	return c, nil
}

func (t Totals) and(o Totals) Totals { return Totals{t.Count + o.Count, t.Total + o.Total} }

// ListIn asks for one page of runs, the newest first.
type ListIn struct {
	State State  `json:"state" enum:"staging,ready,publishing,blocked,published,undone"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Listed is that page.
type Listed struct {
	Rows []Run  `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// List gives the runs.
var List = gate.New(gate.Op[ListIn, Listed]{
	Name: "bundle.list", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) { return gate.Target{Kind: "bundle", ID: "*"}, nil },
	Do: func(x *gate.Tx, in ListIn) (Listed, error) {
		q := gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		p, err := runs.Page(x, q)
		return Listed{p.Rows, p.Next}, err
	},
})

// ItemsIn asks for one page of a run's documents, in their order.
type ItemsIn struct {
	Run   string    `json:"run" required:"true"`
	State ItemState `json:"state" enum:"open,fits,rejected,archived"`
	After string    `json:"after" max:"500"`
	Limit int       `json:"limit"`
}

// ItemRows is that page.
type ItemRows struct {
	Rows []Item `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// Items gives the documents of a run.
var Items = gate.New(gate.Op[ItemsIn, ItemRows]{
	Name: "bundle.items", Mode: gate.Read,
	Target: func(x *gate.Tx, in ItemsIn) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ItemsIn) (ItemRows, error) {
		q := gate.PageQuery{Where: []gate.Cond{gate.Eq("run_id", in.Run)}, By: "no", After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		p, err := items.Page(x, q)
		return ItemRows{p.Rows, p.Next}, err
	},
})

// ByItem names a document of a run.
type ByItem struct {
	Item string `json:"item" required:"true"`
}

// ItemOp gives one document with all that was read and found.
var ItemOp = gate.New(gate.Op[ByItem, Item]{
	Name: "bundle.item", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByItem) (gate.Target, error) { return aboutItem(x, in.Item) },
	Do:     func(x *gate.Tx, in ByItem) (Item, error) { return items.Get(x, in.Item) },
})

func aboutItem(x *gate.Tx, id string) (gate.Target, error) {
	i, err := items.Get(x, id)
	if err != nil {
		return gate.Target{}, err
	}
	t, err := about(x, i.Run)
	t.Subject = i.Party
	return t, err
}

// LeftoversIn asks for one page of what is in no document.
type LeftoversIn struct {
	Run   string `json:"run" required:"true"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// RestRows is that page.
type RestRows struct {
	Rows []RestRow `json:"rows"`
	Next string    `json:"next" class:"internal"`
}

// Leftovers gives the pages, and lines of the list, that are in no document (残り).
var Leftovers = gate.New(gate.Op[LeftoversIn, RestRows]{
	Name: "bundle.leftovers", Mode: gate.Read,
	Target: func(x *gate.Tx, in LeftoversIn) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in LeftoversIn) (RestRows, error) {
		p, err := rests.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("run_id", in.Run)}, By: "no", After: in.After, Limit: in.Limit})
		return RestRows{p.Rows, p.Next}, err
	},
})

// Issued is a document of a published run.
type Issued struct {
	ID     string    `json:"id" class:"internal"`
	Party  string    `json:"party" class:"internal"`
	Number string    `json:"number" class:"internal"`
	Amount money.Yen `json:"amount" class:"confidential"`
}

// IssuedRows are all of them.
type IssuedRows struct {
	Rows []Issued `json:"rows"`
}

// Documents lists the documents that a run has published, for sending them.
var Documents = gate.New(gate.Op[ByRun, IssuedRows]{
	Name: "bundle.documents", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByRun) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in ByRun) (IssuedRows, error) {
		out := IssuedRows{Rows: []Issued{}}
		r, err := runs.Get(x, in.Run)
		if err == nil && r.State != Published {
			err = fault.Refused("bundle.unpublished")
		}
		for after := ""; err == nil; {
			var p gate.Page[Item]
			p, err = items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("run_id", r.ID), gate.Eq("state", Archived)}, By: "no", After: after, Limit: 200})
			for _, i := range p.Rows {
				out.Rows = append(out.Rows, Issued{i.Document, i.Party, i.Number, i.Amount})
			}
			if after = p.Next; after == "" {
				break
			}
		}
		return out, err
	},
})

// TraceIn names a document of the archive.
type TraceIn struct {
	Document string `json:"document" required:"true"`
}

// Traced is where it came from.
type Traced struct {
	Run    string `json:"run" class:"internal"`
	Item   string `json:"item" class:"internal"`
	Name   string `json:"name" class:"confidential"` // of the file
	Digest string `json:"digest" class:"internal"`   // SHA-256 of the file
	Origin string `json:"origin" class:"internal"`   // where the file itself lies in the archive
	Pages  []int  `json:"pages" class:"internal"`    // of the file
	Whole  bool   `json:"whole" class:"internal"`    // the document is the file, byte for byte
}

// Trace leads from a document to the file and pages it came from.
var Trace = gate.New(gate.Op[TraceIn, Traced]{
	Name: "bundle.trace", Mode: gate.Read,
	Target: func(x *gate.Tx, in TraceIn) (gate.Target, error) {
		i, err := items.One(x, gate.Eq("document_id", cmp.Or(in.Document, "-")))
		if err != nil {
			return gate.Target{}, err
		}
		return aboutItem(x, i.ID)
	},
	Do: func(x *gate.Tx, in TraceIn) (Traced, error) {
		i, err := items.One(x, gate.Eq("document_id", in.Document))
		if err != nil {
			return Traced{}, err
		}
		r, err := runs.Get(x, i.Run)
		if err != nil {
			return Traced{}, err
		}
		src := r.Files[i.Source]
		out := Traced{r.ID, i.ID, src.Name, src.Digest, src.Document, i.Pages, i.Whole}
		if i.Whole {
			out.Origin = i.Document
		}
		return out, nil
	},
})
