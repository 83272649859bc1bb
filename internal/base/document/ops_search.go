package document

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// SearchIn are conditions, all of which hold together; both ends of a range are
// in it, and each end may stand alone. At least one condition is needed.
type SearchIn struct {
	From       civil.Date `json:"from"`
	To         civil.Date `json:"to"`
	AmountFrom money.Yen  `json:"amount_from"` // 0: no bound
	AmountTo   money.Yen  `json:"amount_to"`   // 0: no bound
	NoAmount   bool       `json:"no_amount"`   // those without an amount
	Party      string     `json:"party"`       // id
	Number     string     `json:"number" max:"60"`
	Kind       string     `json:"kind" enum:"invoice,quote,order,delivery,receipt,contract,credit,attachment,other"`
	Direction  Direction  `json:"direction" enum:"issued,received,internal"`
	Corrected  bool       `json:"corrected"` // also the versions that were corrected since
	After      string     `json:"after"`
	Limit      int        `json:"limit"`
}

// Validate refuses a search for everything and ranges that hold nothing.
func (in SearchIn) Validate() error {
	amounts := in.AmountFrom != 0 || in.AmountTo != 0
	switch {
	case in.From.IsZero() && in.To.IsZero() && !amounts && !in.NoAmount && in.Party == "" && in.Number == "" && in.Kind == "" && in.Direction == "":
		return fault.Invalid("document.no_condition")
	case !in.From.IsZero() && !in.To.IsZero() && in.To.Before(in.From):
		return fault.Invalid("document.range").At("to")
	case in.AmountFrom != 0 && in.AmountTo != 0 && in.AmountTo < in.AmountFrom, in.NoAmount && amounts:
		return fault.Invalid("document.range").At("amount_to")
	}
	return nil
}

func (in SearchIn) where() []gate.Cond {
	var w []gate.Cond
	add := func(given bool, c gate.Cond) {
		if given {
			w = append(w, c)
		}
	}
	add(!in.From.IsZero(), gate.Ge("doc_date", in.From))
	add(!in.To.IsZero(), gate.Le("doc_date", in.To))
	// Equal ends are one value, which the index finds in the order of dates.
	if one := in.AmountFrom == in.AmountTo && in.AmountFrom != 0; one || in.NoAmount {
		w = append(w, gate.Eq("amount", in.AmountFrom))
	} else {
		add(in.AmountFrom != 0, gate.Ge("amount", in.AmountFrom))
		add(in.AmountTo != 0, gate.Le("amount", in.AmountTo))
	}
	add(in.Party != "", gate.Eq("party_id", in.Party))
	add(in.Number != "", gate.Eq("number", in.Number))
	add(in.Kind != "", gate.Eq("kind", in.Kind))
	add(in.Direction != "", gate.Eq("direction", in.Direction))
	add(!in.Corrected, gate.Eq("latter_id", ""))
	return w
}

// by is the order the answer comes in: that of the index which finds it.
func (in SearchIn) by() string {
	ranged := (in.AmountFrom != 0 || in.AmountTo != 0) && in.AmountFrom != in.AmountTo
	if ranged && in.From.IsZero() && in.To.IsZero() && in.Party == "" && in.Number == "" {
		return "amount"
	}
	return "doc_date"
}

// Found is one page of documents.
type Found struct {
	Rows []Document `json:"rows"`
	Next string     `json:"next" class:"internal"`
}

// Search finds documents by date, amount, partner, number and kind, and any of
// them together (電帳法の検索要件), the latest first, or the greatest first where only
// a range of amounts is given.
var Search = gate.New(gate.Op[SearchIn, Found]{Name: "document.search", Mode: gate.List,
	Target: func(*gate.Tx, SearchIn) (gate.Target, error) {
		return gate.Target{Kind: "document", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in SearchIn) (Found, error) {
		where := append(in.where(), gate.In("class", under(x.Actor().Clearance)))
		p, err := documents.Page(x, gate.PageQuery{Where: where, By: in.by(), Desc: true, Limit: in.Limit, After: in.After})
		return Found{p.Rows, p.Next}, err
	}})
