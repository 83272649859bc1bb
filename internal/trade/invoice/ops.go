package invoice

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
	"sekisho/internal/trade/invoice/sheet"
)

// Module has the invoices.
var Module = gate.Module{
	Name: "invoice", Schema: schema,
	Ops:    []gate.Any{Create, Update, Discard, Show, List, Preview, Issue, Correct, Credit, CancelOp, VoidReissue, Settle, Unsettle, Summary, Render, PDF, StaleRenders, Shared, Account},
	Tables: []gate.AnyTable{invoices, contents, runs, links}, Queries: []gate.AnyQuery{collisions, billedMonths, owedByDue, draftCount},
}

// series is the number series of invoices.
const series = "invoice"

// ByID names an invoice.
type ByID struct {
	ID string `json:"id" required:"true" max:"40"`
}

// ByVersion names an invoice as it was last seen.
type ByVersion struct {
	ID      string `json:"id" required:"true" max:"40"`
	Version int64  `json:"version" required:"true"`
}

// UpdateIn is the whole draft anew.
type UpdateIn struct {
	ByVersion
	Draft
}

// Shown is an invoice in full. A draft is computed anew, with all that still
// keeps it from being issued; an issued one is as it was frozen.
type Shown struct {
	Invoice
	Content  Draft     `json:"content"`
	Sums     Sums      `json:"sums"`
	Problems []Problem `json:"problems"`
	Links    []Linked  `json:"links"`                  // corrections, returns and the like, in both directions
	Small    bool      `json:"small" class:"internal"` // 少額: a return that need not have been issued (under 10,000 yen)
}

// Sums are the computed parts of an invoice as they are printed.
type Sums struct {
	Lines []LineSum `json:"lines"` // in order, then the parts of the discount
	Rates []RateSum `json:"rates"`
	Base  money.Yen `json:"base" class:"confidential"` // of the rates: without tax or with it, as the pricing says
	Tax   money.Yen `json:"tax" class:"confidential"`
	Total money.Yen `json:"total" class:"confidential"`
}

// LineSum is what a line comes to.
type LineSum struct {
	Rate    string    `json:"rate" class:"internal"`
	Reduced bool      `json:"reduced" class:"internal"` // ※
	Amount  money.Yen `json:"amount" class:"confidential"`
}

// RateSum is the total of one rate and category.
type RateSum struct {
	Label   string    `json:"label" class:"internal"`
	Reduced bool      `json:"reduced" class:"internal"`
	Base    money.Yen `json:"base" class:"confidential"`
	Tax     money.Yen `json:"tax" class:"confidential"`
}

// Problem is one thing that keeps a draft from being issued.
type Problem struct {
	Field string `json:"field" class:"internal"`
	Key   string `json:"key" class:"internal"`
	JA    string `json:"ja" class:"confidential"`
	EN    string `json:"en" class:"confidential"`
}

// Previewed is what a draft would come to.
type Previewed struct {
	Sums     Sums      `json:"sums"`
	Problems []Problem `json:"problems"`

	Due civil.Date `json:"due" class:"confidential"` // by the partner's terms; none where those or the days of supply are not known
}

func target(id, owner, department, party string) gate.Target {
	return gate.Target{Kind: "invoice", ID: id, Owner: owner, Department: department, Subject: party, Class: policy.Confidential}
}

// one finds an invoice: whoever reaches the partner it was saved for reaches it.
func one(x *gate.Tx, id string) (gate.Target, error) {
	h, err := Get(x, id)
	return target(id, h.Owner, h.Department, h.Party), err
}

// unsaved is a draft not yet kept: whoever reaches its partner may write it.
func unsaved(x *gate.Tx, d Draft) (gate.Target, error) {
	p, err := party.Get(x, d.Party)
	return target("new", p.Owner, p.Department, p.ID), err
}

// bill is a draft computed together with its parties.
type bill struct {
	Bill
	printed
	company org.Company
	partner party.Party
	faults  []*fault.Error
	sign    money.Yen // 1, or -1 for what is given back
}

// reckon looks up the parties of a draft and computes it; l is what the draft is
// about, nil for an invoice that stands for itself.
func reckon(x *gate.Tx, d Draft, l *linked) (b bill, err error) {
	if b.company, err = org.Issuer(x); err != nil {
		return b, err
	}
	if b.partner, err = party.Get(x, d.Party); err != nil {
		return b, err
	}
	o := issuerOf(b.company.Profile)
	rates := money.BuiltinRates()
	b.faults = Missing(d, o, partnerOf(b.partner), rates, civil.Of(x.Now()))
	b.Bill, _ = Compute(d, d.rounding(o), rates) // its faults are among Missing's
	to, err := contact(x, d)
	if fault.Is(err, fault.KindInvalid) {
		b.faults = append(b.faults, fault.Of(err))
	} else if err != nil {
		return b, err
	}
	kind := Regular
	if l != nil {
		kind = l.kind()
		l.judge(&b, d)
	}
	b.faults = append(b.faults, d.returned(kind)...)
	b.printed = draw(d, b.Bill, b.company.Profile, b.partner, to)
	if l != nil {
		l.dress(&b.Sheet, d)
		if l.unaltered(b.Sheet) {
			b.faults = append(b.faults, fault.Refused("invoice.nothing_corrected", "number", l.old.Number))
		}
	}
	b.sign = l.sign()
	return b, nil
}

// contact is the person of the partner that a draft names, nil if none.
func contact(x *gate.Tx, d Draft) (*party.Contact, error) {
	if d.Contact == "" {
		return nil, nil
	}
	all, err := party.Contacts(x, d.Party)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(c party.Contact) bool { return c.ID == d.Contact && c.Left.IsZero() })
	if i < 0 {
		return nil, fault.Invalid("invoice.contact_gone").At("contact")
	}
	return &all[i], nil
}

// fill writes into the head what a draft says.
func (h *Invoice) fill(x *gate.Tx, d Draft, b bill) {
	h.Date, h.Due = d.Date, d.Due
	if h.Date.IsZero() {
		h.Date = civil.Of(x.Now())
	}
	h.Amount, h.Base, h.Tax = b.sign*b.Total, b.sign*b.Base, b.sign*b.Tax
	h.Party, h.PartyName, h.Subject = b.partner.ID, b.partner.Name, d.Subject
	h.Owner, h.Department = b.partner.Owner, b.partner.Department
}

// fiscalYear names the disposal unit of a document of that day.
func fiscalYear(o org.Profile, d civil.Date) (string, error) {
	y, err := o.FiscalYear(d)
	return fmt.Sprint(y.Name()), err
}

func problems(faults []*fault.Error) []Problem {
	out := make([]Problem, len(faults))
	for i, f := range faults {
		out[i] = Problem{f.Field, f.Key, text.Fault(text.JA, f), text.Fault(text.EN, f)}
	}
	return out
}

func sumsOf(s sheet.Snapshot) Sums {
	out := Sums{Base: money.Yen(s.Base), Tax: money.Yen(s.Tax), Total: money.Yen(s.Total)}
	for _, l := range s.Lines {
		out.Lines = append(out.Lines, LineSum{l.Rate, l.Reduced, money.Yen(l.Amount)})
	}
	for _, r := range s.Rates {
		out.Rates = append(out.Rates, RateSum{r.Label, r.Reduced, money.Yen(r.Base), money.Yen(r.Tax)})
	}
	return out
}

func (b bill) shown(h Invoice, d Draft) Shown {
	return Shown{Invoice: h, Content: d, Sums: sumsOf(b.Sheet), Problems: problems(b.faults), Small: b.Sheet.Small}
}

// withLinks adds the documents linked with it.
func withLinks(x *gate.Tx, s Shown) (Shown, error) {
	var err error
	s.Links, err = neighbours(x, s.ID)
	return s, err
}

// unchanged is the refusal of whatever would change an invoice that is none
// any more to be changed (SM-09).
func unchanged(h Invoice) error {
	if h.State == Opening {
		return fault.Refused("invoice.is_opening", "number", h.Number)
	}
	return fault.Refused("invoice.is_issued", "number", h.Number)
}

// draftAt loads a draft that is still the version its editor saw.
func draftAt(x *gate.Tx, in ByVersion) (Invoice, content, error) {
	h, err := Get(x, in.ID)
	switch {
	case err != nil:
		return h, content{}, err
	case h.State != Drafted:
		return h, content{}, unchanged(h)
	case h.Version != in.Version:
		return h, content{}, fault.Conflict("gate.conflict")
	}
	c, err := contents.Get(x, h.ID)
	return h, c, err
}

// Create keeps a draft, however incomplete (下書き). Without a due date it proposes
// the one of the partner's terms.
var Create = gate.New(gate.Op[Draft, Shown]{
	Name: "invoice.draft", Mode: gate.Write, Target: unsaved,
	Do: func(x *gate.Tx, d Draft) (Shown, error) {
		p, err := party.Get(x, d.Party)
		if err != nil {
			return Shown{}, err
		}
		d.Due = proposedDue(d, p.Terms)
		b, err := reckon(x, d, nil)
		if err != nil {
			return Shown{}, err
		}
		h := Invoice{State: Drafted}
		_, err = keep(x, &h, d, b)
		return b.shown(h, d), err
	},
})

// keep writes a new draft.
func keep(x *gate.Tx, h *Invoice, d Draft, b bill) (*content, error) {
	h.fill(x, d, b)
	if err := invoices.Insert(x, h); err != nil {
		return nil, err
	}
	c := &content{Draft: d}
	c.ID = h.ID
	var err error
	if c.FiscalYear, err = fiscalYear(b.company.Profile, h.Date); err != nil {
		return nil, err
	}
	return c, contents.Insert(x, c)
}

// proposedDue is the due date by the partner's terms, where the draft has none
// and the terms and the last day of supply are known.
func proposedDue(d Draft, t civil.Term) civil.Date {
	last := d.PeriodTo
	for _, l := range d.Lines {
		last = civil.Max(last, l.Date)
	}
	if !d.Due.IsZero() || last.IsZero() {
		return d.Due
	}
	due, err := t.Due(last)
	if err != nil {
		return d.Due // no terms are agreed
	}
	return due.Date
}

// Update replaces a draft. It is made for saving while somebody writes: nothing
// has to be complete, and the version says whether another was faster.
var Update = gate.New(gate.Op[UpdateIn, Shown]{
	Name: "invoice.update", Mode: gate.Write,
	Target: func(x *gate.Tx, in UpdateIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in UpdateIn) (Shown, error) {
		h, c, err := draftAt(x, in.ByVersion)
		if err != nil {
			return Shown{}, err
		}
		if in.Draft.Party != h.Party {
			return Shown{}, fault.Invalid("invoice.other_party").At("party")
		}
		l, err := linkOf(x, h.ID)
		if err != nil {
			return Shown{}, err
		}
		b, err := reckon(x, in.Draft, l)
		if err != nil {
			return Shown{}, err
		}
		h.fill(x, in.Draft, b)
		c.Draft = in.Draft
		if c.FiscalYear, err = fiscalYear(b.company.Profile, h.Date); err != nil {
			return Shown{}, err
		}
		if err := contents.Update(x, &c); err != nil {
			return Shown{}, err
		}
		if err = invoices.Update(x, &h); err != nil {
			return Shown{}, err
		}
		return withLinks(x, b.shown(h, c.Draft))
	},
})

// Discarded names a draft that is gone.
type Discarded struct {
	ID string `json:"id" class:"internal"`
}

// Discard throws a draft away; it never had a number.
var Discard = gate.New(gate.Op[ByVersion, Discarded]{
	Name: "invoice.discard", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByVersion) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in ByVersion) (Discarded, error) {
		h, _, err := draftAt(x, in)
		if err != nil {
			return Discarded{}, err
		}
		if err := contents.Delete(x, h.ID); err != nil {
			return Discarded{}, err
		}
		if err := links.Delete(x, h.ID); err != nil && !fault.Is(err, fault.KindNotFound) {
			return Discarded{}, err
		}
		return Discarded{h.ID}, invoices.Delete(x, h.ID)
	},
})

// Preview computes a draft without keeping it.
var Preview = gate.New(gate.Op[Draft, Previewed]{
	Name: "invoice.preview", Mode: gate.Read, Target: unsaved,
	Do: func(x *gate.Tx, d Draft) (Previewed, error) {
		b, err := reckon(x, d, nil)
		d.Due = civil.Date{}
		return Previewed{sumsOf(b.Sheet), problems(b.faults), proposedDue(d, b.partner.Terms)}, err
	},
})

// Show gives one invoice in full.
var Show = gate.New(gate.Op[ByID, Shown]{
	Name: "invoice.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Shown, error) {
		h, err := Get(x, in.ID)
		switch {
		case err != nil:
			return Shown{}, err
		case h.State == Opening:
			return Shown{Invoice: h, Sums: Sums{Total: h.Amount}}, nil
		case h.State == Drafted:
			c, err := contents.Get(x, h.ID)
			if err != nil {
				return Shown{}, err
			}
			l, err := linkOf(x, h.ID)
			if err != nil {
				return Shown{}, err
			}
			b, err := reckon(x, c.Draft, l)
			if err != nil {
				return Shown{}, err
			}
			return withLinks(x, b.shown(h, c.Draft))
		}
		c, p, err := frozen(x, h)
		if err != nil {
			return Shown{}, err
		}
		return withLinks(x, Shown{Invoice: h, Content: c.Draft, Sums: sumsOf(p.Sheet), Small: p.Sheet.Small})
	},
})

// Issue checks a draft, freezes what it says, and gives it its number, last of
// all (発行). The job it leaves makes the PDF.
var Issue = gate.New(gate.Op[ByVersion, Shown]{
	Name: "invoice.issue", Mode: gate.Write,
	Alone:  func(ByVersion) []string { return []string{org.SeriesLock(series)} },
	Target: func(x *gate.Tx, in ByVersion) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in ByVersion) (Shown, error) {
		h, c, err := draftAt(x, in)
		if err != nil {
			return Shown{}, err
		}
		l, err := linkOf(x, h.ID)
		if err != nil {
			return Shown{}, err
		}
		return issue(x, &h, &c, l)
	},
})

// issue checks a draft, freezes and numbers it; what it is about counts from now
// on as the relation says.
func issue(x *gate.Tx, h *Invoice, c *content, l *linked) (Shown, error) {
	b, err := reckon(x, c.Draft, l)
	if err != nil {
		return Shown{}, err
	}
	if err := b.refused(); err != nil {
		return Shown{}, err
	}
	h.fill(x, c.Draft, b)
	c.Draft.Pricing, c.Draft.Rounding = c.Draft.pricing(), c.Draft.rounding(issuerOf(b.company.Profile))
	b.Sheet.DocumentID = h.ID
	if b.Sheet.Number, err = org.TakeNumber(x, series, h.Date, "invoice", h.ID); err != nil {
		return Shown{}, err
	}
	h.certify(x, &b.Sheet)
	if err := freeze(x, h, c, b.printed); err != nil {
		return Shown{}, err
	}
	if l != nil {
		if err := l.settle(x); err != nil {
			return Shown{}, err
		}
	}
	if err := party.Hold(x, h.Party); err != nil {
		return Shown{}, err
	}
	if _, err = jobs.Enqueue(x, Render, ByID{h.ID}); err != nil {
		return Shown{}, err
	}
	return withLinks(x, b.shown(*h, c.Draft))
}

// refused names everything that keeps the bill from being issued and printed.
func (b bill) refused() error {
	for i, f := range b.faults {
		r := *f
		r.Kind = fault.KindRefused
		b.faults[i] = &r
	}
	if err := fault.Several(b.faults...); err != nil {
		return err
	}
	return sheet.Printable(b.Sheet)
}

// freeze seals what is printed into the row; from here on nothing changes it.
func freeze(x *gate.Tx, h *Invoice, c *content, p printed) (err error) {
	if c.Snapshot, err = json.Marshal(p, json.Deterministic(true)); err != nil {
		return err
	}
	// Without its values in the record: the head's digest there proves them.
	if err := contents.UpdateMany(x, []content{*c}); err != nil {
		return err
	}
	h.State, h.Number, h.Snapshot = Issued, p.Sheet.Number, blob.Sum(c.Snapshot).String()
	h.IssuedBy, h.IssuedAt, h.Queued = x.Actor().Person, x.Now(), x.Now()
	return invoices.Update(x, h)
}
