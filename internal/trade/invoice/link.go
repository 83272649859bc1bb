package invoice

import (
	"slices"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice/sheet"
)

// Link is how a later document stands to an earlier one; its id is the later's.
type Link struct {
	gate.Row
	Of       string   `json:"of" col:"of_id" class:"internal,plain"`
	Root     string   `json:"root" col:"root_id" class:"internal,plain"` // the first invoice of the sale
	Relation Relation `json:"relation" col:"relation" class:"internal,plain"`
	Reason   string   `json:"reason" col:"reason" class:"confidential"`
	Slot     string   `json:"-" col:"slot" class:"internal,plain"` // unique: Of while it is a draft, then nobody's
}

var links = gate.NewTable[Link]("invoice_link", gate.Unscoped())

// linked is the earlier document a draft is about, with what is left of its sale.
type linked struct {
	Link
	old     Invoice
	content content
	printed printed
	supply  supply
}

// linkOf loads what an invoice is about; nil if it stands for itself.
func linkOf(x *gate.Tx, id string) (*linked, error) {
	l, err := links.Get(x, id)
	if fault.Is(err, fault.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return about(x, l)
}

func about(x *gate.Tx, l Link) (*linked, error) {
	k := &linked{Link: l}
	var err error
	if k.old, err = Get(x, l.Of); err != nil {
		return nil, err
	}
	if k.content, k.printed, err = frozen(x, k.old); err != nil {
		return nil, err
	}
	k.supply, err = supplyOf(x, l.Root, l.Of)
	return k, err
}

// rootOf is the first invoice of a document's sale.
func rootOf(x *gate.Tx, id string) (string, error) {
	l, err := links.Get(x, id)
	if fault.Is(err, fault.KindNotFound) {
		return id, nil
	}
	return l.Root, err
}

// supplyOf adds up what is in force of a sale. A return that is being replaced
// does not count; an invoice does, since returns are measured by it.
func supplyOf(x *gate.Tx, root, replaced string) (s supply, err error) {
	later, err := links.Find(x, gate.Eq("root_id", root))
	if err != nil {
		return s, err
	}
	ids := []string{root}
	for _, l := range later {
		ids = append(ids, l.ID)
	}
	for _, id := range ids {
		h, err := Get(x, id)
		if err != nil {
			return s, err
		}
		if h.State == Drafted || h.Standing != InForce || h.Kind == Cancel || h.Kind == Return && id == replaced {
			continue
		}
		c, p, err := frozen(x, h)
		if err != nil {
			return s, err
		}
		g := groupsOf(c, p)
		if h.Kind == Return {
			s.credits = append(s.credits, g)
			continue
		}
		s.invoice, s.found = g, true
	}
	return s, nil
}

// groupsOf are the amounts by class as issued. Snapshots of before they were kept
// there are computed again: both pricing and rounding were frozen.
func groupsOf(c content, p printed) []money.Group {
	if len(p.Classes) > 0 {
		return p.Classes
	}
	b, _ := Compute(c.Draft, c.Draft.Rounding, money.BuiltinRates())
	return b.Groups
}

// kind is what a document of that relation is.
func (l *linked) kind() Kind {
	switch l.Relation {
	case Returns:
		return Return
	case Cancels:
		return Cancel
	}
	return l.old.Kind
}

// sign is 1 for what counts above zero, else -1.
func (l *linked) sign() money.Yen {
	if l == nil || l.kind() == Regular || l.kind() == Cancel && l.old.Kind == Return {
		return 1
	}
	return -1
}

// judge adds what the relation wants of a computed draft.
func (l *linked) judge(b *bill, d Draft) {
	b.faults = slices.DeleteFunc(b.faults, func(f *fault.Error) bool {
		return f.Key == "invoice.partner_inactive" // business with it has ended, mending what is wrong has not
	})
	add := func(fs ...*fault.Error) { b.faults = append(b.faults, fs...) }
	if err := l.old.standing(); err != nil {
		add(fault.Of(err))
	}
	if l.old.Kind == Regular && len(l.supply.credits) > 0 && (l.Relation == Cancels || l.Relation == Reissues) {
		add(fault.Refused("invoice.has_credits", "number", l.old.Number))
	}
	was := l.content.Draft
	switch {
	case l.Relation == Cancels:
		if !alike(d.Lines, was.Lines) || d.Discount != was.Discount || d.pricing() != was.pricing() {
			add(fault.Invalid("invoice.cancel_content", "number", l.old.Number).At("lines"))
		}
		b.Totals = money.Totals{Groups: groupsOf(l.content, l.printed)}
		for _, g := range b.Groups {
			b.Base, b.Tax, b.Total = b.Base+g.Base, b.Tax+g.Tax, b.Total+g.Total
		}
	case l.kind() == Return:
		if d.pricing() != was.pricing() || d.Rounding != was.Rounding {
			add(fault.Invalid("invoice.credit_terms").At("pricing"))
		}
		add(l.supply.limit(&b.Bill, d.pricing())...)
	case l.Relation == Corrects:
		add(l.supply.covers(b.Bill)...)
	}
}

// dress writes on the sheet what it is and which documents it names.
func (l *linked) dress(s *sheet.Snapshot, d Draft) {
	was := l.printed.Sheet
	old := &sheet.Origin{Number: was.Number, IssuedOn: was.IssuedOn, Total: was.Total}
	s.Origin, s.Corrected = was.Origin, was.Corrected // a reissue says what the void one said
	switch l.Relation {
	case Corrects:
		s.Corrected = old
	case Returns, Cancels:
		s.Origin, s.Corrected = old, nil
	}
	switch l.kind() {
	case Return:
		s.Kind, s.ReturnedOn, s.Small = sheet.Return, d.Returned.String(), s.Total < sheet.SmallReturn
	case Cancel:
		s.Kind = sheet.Cancel
	default:
		return
	}
	s.Accounts, s.DueOn = nil, ""
}

// unaltered tells whether a corrected document would say what the former said.
func (l *linked) unaltered(s sheet.Snapshot) bool {
	was := l.printed.Sheet
	for _, p := range []*sheet.Snapshot{&s, &was} {
		p.Layout, p.Number, p.DocumentID, p.IssuedOn, p.Corrected, p.Check = 0, "", "", "", nil, nil
	}
	return l.Relation == Corrects && alike(s, was)
}

// alike tells whether two values read the same.
func alike(a, b any) bool {
	one, err1 := json.Marshal(a, json.Deterministic(true))
	two, err2 := json.Marshal(b, json.Deterministic(true))
	return err1 == nil && err2 == nil && string(one) == string(two)
}

// standing is the refusal of anything that wants a document that still counts.
func (h Invoice) standing() error {
	if h.Standing == InForce {
		return nil
	}
	return fault.Refused("invoice.not_in_force", "number", h.Number, "standing", h.Standing.word())
}

// Linked is a document linked with the one shown.
type Linked struct {
	Relation Relation   `json:"relation" class:"internal"`
	Later    bool       `json:"later" class:"internal"` // it is about the one shown; else the one shown is about it
	ID       string     `json:"id" class:"internal"`
	Kind     Kind       `json:"kind" class:"internal"`
	State    State      `json:"state" class:"internal"`
	Standing Standing   `json:"standing" class:"internal"`
	Number   string     `json:"number" class:"internal"`
	Date     civil.Date `json:"date" class:"internal"`
	Amount   money.Yen  `json:"amount" class:"confidential"`
	Reason   string     `json:"reason" class:"confidential"`
}

// neighbours are the documents linked with an invoice, the earlier one first.
func neighbours(x *gate.Tx, id string) ([]Linked, error) {
	list, err := links.Find(x, gate.Eq("of_id", id))
	if err != nil {
		return nil, err
	}
	own, err := links.Get(x, id)
	if err == nil {
		list = append([]Link{own}, list...)
	} else if !fault.Is(err, fault.KindNotFound) {
		return nil, err
	}
	out := []Linked{}
	for _, l := range list {
		other := l.ID
		if l.ID == id {
			other = l.Of
		}
		h, err := Get(x, other)
		if err != nil {
			return nil, err
		}
		out = append(out, Linked{l.Relation, other == l.ID, h.ID, h.Kind, h.State, h.Standing, h.Number, h.Date, h.Amount, l.Reason})
	}
	return out, nil
}
