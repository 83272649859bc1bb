package bundle

import (
	"context"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// DecideIn is what a person decides about a document: whose it is, and what the
// labels did not tell. Values count only if they stand in the paper.
type DecideIn struct {
	Run     string     `json:"run" required:"true"`
	Item    string     `json:"item" required:"true"`
	Version int64      `json:"version" required:"true"` // as it was seen
	Party   string     `json:"party"`
	Code    string     `json:"code" max:"40"` // of the partner, in place of its id
	Number  string     `json:"number" max:"60"`
	Date    civil.Date `json:"date"`
	Amount  money.Yen  `json:"amount"`
	Reason  string     `json:"reason" required:"true" text:"multiline"`
}

// Decide has a person say whose document it is and what its values are (照合の判断),
// and compares it anew.
var Decide = gate.New(gate.Op[DecideIn, Item]{
	Name: "bundle.decide", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in DecideIn) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in DecideIn) (gate.Target, error) { return aboutItem(x, in.Item) },
	Work:   func(x *gate.Tx, in DecideIn) (func(context.Context) (any, error), error) { return readItem(x, in.Item) },
	Do: func(x *gate.Tx, in DecideIn) (Item, error) {
		i, r, err := undecided(x, in.Run, in.Item, in.Version)
		if err != nil {
			return i, err
		}
		text := gate.Worked[string](x)
		if err := in.stands(text, i); err != nil {
			return i, err
		}
		if in.Code != "" {
			p, err := party.ByCode(x, in.Code)
			if err != nil {
				return i, fault.Invalid("bundle.no_partner", "code", in.Code).At("code")
			}
			in.Party = p.ID
		}
		if in.Party != "" {
			i.Chosen.Party = in.Party
		}
		if in.Number != "" {
			i.Chosen.Number = plainly(in.Number)
		}
		if !in.Date.IsZero() {
			i.Chosen.Date = in.Date
		}
		if in.Amount != 0 {
			i.Chosen.Amount = in.Amount
		}
		i.Decided, i.Reason = x.Actor().Person, in.Reason
		return i, r.rejudge(x, &i, text)
	},
})

// stands refuses values that the paper does not bear. A date may be the list's.
func (in DecideIn) stands(text string, i Item) error {
	if in.Party == "" && in.Code == "" && in.Number == "" && in.Date.IsZero() && in.Amount == 0 {
		return fault.Invalid("bundle.decide_nothing")
	}
	plain := plainly(text)
	if in.Number != "" && !standsIn(strings.ToUpper(plain), strings.ToUpper(plainly(in.Number)), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-") {
		return fault.Invalid("bundle.not_in_paper", "value", in.Number).At("number")
	}
	if in.Amount != 0 && !states(text, in.Amount) {
		return fault.Invalid("bundle.not_in_paper", "value", in.Amount).At("amount")
	}
	if !in.Date.IsZero() && in.Date != i.Line.Date && !dated(plain, in.Date) {
		return fault.Invalid("bundle.not_in_paper", "value", in.Date).At("date")
	}
	return nil
}

// rejudge compares a document anew and writes it.
func (r Run) rejudge(x *gate.Tx, i *Item, text string) error {
	j, err := r.judge(x, []Item{*i})
	if err != nil {
		return err
	}
	same, err := items.Find(x, gate.Eq("run_id", r.ID), gate.Eq("number", i.Chosen.Number))
	if err != nil {
		return err
	}
	for _, o := range same {
		if i.Chosen.Number != "" && o.ID != i.ID && o.State != Rejected {
			j.numbers[strings.ToUpper(i.Chosen.Number)] = true
		}
	}
	if err := j.item(x, i, text); err != nil {
		return err
	}
	return items.Update(x, i)
}

// undecided loads a document that may still be decided about.
func undecided(x *gate.Tx, run, id string, version int64) (Item, Run, error) {
	i, err := items.Get(x, id)
	if err == nil && i.Run != run {
		err = fault.NotFound()
	}
	if err != nil {
		return i, Run{}, err
	}
	r, err := runs.Get(x, run)
	switch {
	case err != nil:
	case r.State != Ready && r.State != Blocked || i.State == Archived:
		err = fault.Refused("bundle.not_ready")
	case i.Version != version:
		err = fault.Conflict("bundle.changed")
	}
	return i, r, err
}

// readItem gives what reads a document's text outside the transaction.
func readItem(x *gate.Tx, id string) (func(context.Context) (any, error), error) {
	i, err := items.Get(x, id)
	if err != nil {
		return nil, err
	}
	d, err := blob.ParseDigest(i.Digest)
	store := x.Blobs()
	return func(ctx context.Context) (any, error) {
		b, err := store.Get(ctx, d)
		if err != nil {
			return nil, err
		}
		doc, err := extract.Text(ctx, "document.pdf", b, limits())
		return strings.Join(doc.Pages, "\n"), err
	}, err
}

// RejectIn leaves a document out.
type RejectIn struct {
	Run     string `json:"run" required:"true"`
	Item    string `json:"item" required:"true"`
	Version int64  `json:"version" required:"true"`
	Listed  bool   `json:"listed"` // it stands in the other program's list, and so in its totals
	Reason  string `json:"reason" required:"true" text:"multiline"`
}

// Reject leaves a document out (除外): it is not archived and cannot be sent.
var Reject = gate.New(gate.Op[RejectIn, Item]{
	Name: "bundle.reject", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in RejectIn) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in RejectIn) (gate.Target, error) { return aboutItem(x, in.Item) },
	Do: func(x *gate.Tx, in RejectIn) (Item, error) {
		i, _, err := undecided(x, in.Run, in.Item, in.Version)
		if err != nil {
			return i, err
		}
		i.State, i.Listed, i.Decided, i.Reason = Rejected, in.Listed, x.Actor().Person, in.Reason
		return i, items.Update(x, &i)
	},
})

// PlaceIn puts a leftover page into the document it says it belongs to. Without a
// leftover the document's own pages are put in the order of their marks.
type PlaceIn struct {
	Run     string `json:"run" required:"true"`
	Item    string `json:"item" required:"true"`
	Version int64  `json:"version" required:"true"`
	Rest    string `json:"rest"`
}

// rebuilt is what Work hands to Do.
type rebuilt struct {
	group  Group
	text   string
	digest blob.Digest
	size   int64
}

// Place puts a page into its document (ページを戻す). Which document that is the
// page itself says; nobody can put it elsewhere.
var Place = gate.New(gate.Op[PlaceIn, Item]{
	Name: "bundle.place", Mode: gate.Write,
	Alone:  func(in PlaceIn) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in PlaceIn) (gate.Target, error) { return aboutItem(x, in.Item) },
	Work:   rebuild,
	Do: func(x *gate.Tx, in PlaceIn) (Item, error) {
		i, r, err := undecided(x, in.Run, in.Item, in.Version)
		if err != nil {
			return i, err
		}
		w := gate.Worked[*rebuilt](x)
		if in.Rest != "" {
			left, err := rests.Get(x, in.Rest)
			if err != nil {
				return i, err
			}
			if left.Settled != Unsettled || left.Run != r.ID {
				return i, fault.Conflict("bundle.changed")
			}
			left.Settled, left.Item, left.Decided = Placed, i.ID, x.Actor().Person
			if err := rests.Update(x, &left); err != nil {
				return i, err
			}
		}
		i.Pages, _ = w.group.pages()
		i.Said, i.Lacks, i.Whole, i.Digest, i.Size = w.group.Said, w.group.Findings, false, w.digest.String(), w.size
		return i, r.rejudge(x, &i, w.text)
	},
})

func rebuild(x *gate.Tx, in PlaceIn) (func(context.Context) (any, error), error) {
	i, r, err := undecided(x, in.Run, in.Item, in.Version)
	if err != nil {
		return nil, err
	}
	var left RestRow
	if in.Rest != "" {
		if left, err = rests.Get(x, in.Rest); err != nil {
			return nil, err
		}
		if left.Run != r.ID || left.Source != i.Source || left.Page == 0 {
			return nil, fault.Refused("bundle.not_its_page").At("rest")
		}
	}
	src, err := blob.ParseDigest(r.Files[i.Source].Digest)
	store := x.Blobs()
	return func(ctx context.Context) (any, error) {
		b, err := store.Get(ctx, src)
		if err != nil {
			return nil, err
		}
		doc, err := extract.Text(ctx, "document.pdf", b, limits())
		if err != nil {
			return nil, err
		}
		page := func(no int) Page {
			return Page{Source: int(i.Source), No: no, Text: doc.Pages[no-1], Said: Read(doc.Pages[no-1])}
		}
		var own []Page
		for _, no := range i.Pages {
			own = append(own, page(no))
		}
		w, ok := &rebuilt{group: sorted(own)}, true
		if left.Page > 0 {
			w.group, ok = w.group.place(page(int(left.Page)))
		}
		if !ok {
			return nil, fault.Refused("bundle.not_its_page").At("rest")
		}
		numbers, text := w.group.pages()
		w.text = text
		why, err := r.split(ctx, store, int(i.Source), false, [][]int{numbers}, func(_ int, d blob.Digest, n int64) { w.digest, w.size = d, n })
		if why != "" {
			return nil, fault.Refused(why)
		}
		return w, err
	}, err
}

// SettleIn sets a leftover aside.
type SettleIn struct {
	Run     string `json:"run" required:"true"`
	Rest    string `json:"rest" required:"true"`
	Version int64  `json:"version" required:"true"`
	Reason  string `json:"reason" required:"true" text:"multiline"`
}

// Settle sets a leftover page, or a line of the list without a document, aside
// (残りの確認): a person knows of it and why it does not go out.
var Settle = gate.New(gate.Op[SettleIn, RestRow]{
	Name: "bundle.settle", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone: func(in SettleIn) []string { return []string{lock(in.Run)} },
	Target: func(x *gate.Tx, in SettleIn) (gate.Target, error) {
		l, err := rests.Get(x, in.Rest)
		if err != nil {
			return gate.Target{}, err
		}
		return about(x, l.Run)
	},
	Do: func(x *gate.Tx, in SettleIn) (RestRow, error) {
		l, err := rests.Get(x, in.Rest)
		if err != nil {
			return l, err
		}
		r, err := runs.Get(x, in.Run)
		switch {
		case err != nil:
			return l, err
		case l.Run != in.Run:
			return l, fault.NotFound()
		case r.State != Ready && r.State != Blocked:
			return l, fault.Refused("bundle.not_ready")
		case l.Version != in.Version || l.Settled != Unsettled:
			return l, fault.Conflict("bundle.changed")
		}
		l.Settled, l.Decided, l.Reason = Aside, x.Actor().Person, in.Reason
		return l, rests.Update(x, &l)
	},
})
