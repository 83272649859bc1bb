package dispatch

import (
	"slices"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

// OnceIn asks to let one sending go to an address that is not registered.
type OnceIn struct {
	ID     string `json:"id" required:"true"`
	Item   string `json:"item" required:"true"` // the recipient
	Reason string `json:"reason" text:"multiline" max:"500"`
}

// onceView is what the second person sees: the address as it is, and all that
// would go there.
type onceView struct {
	Party       string   `json:"party"`
	Address     string   `json:"address"`
	Registered  []string `json:"registered"`
	Subject     string   `json:"subject"`
	Body        string   `json:"body"`
	Attachments []string `json:"attachments"`
	Hours       int64    `json:"hours"`
	Used        int      `json:"used"` // one-off recipients of this partner that something went to
}

// OnceAsk lets one sending go to an address outside of the register (1回限りの宛先),
// once a second person agrees: bound to the address and the package as they are.
// It releases nothing; the package is checked anew.
var OnceAsk = gate.New(gate.Op[OnceIn, Shown]{
	Name: "dispatch.once_ask", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in OnceIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in OnceIn) (gate.Target, error) { return target(x, in.ID) },
	FourEyes: func(x *gate.Tx, in OnceIn) (gate.Second, error) {
		b, o, err := in.once(x)
		if err != nil {
			return gate.Second{}, err
		}
		v, err := b.onceView(x, o)
		return gate.Second{Needed: true, Department: b.Department, Digest: []byte(o.Content), Class: policy.Personal, After: v}, err
	},
	Do: func(x *gate.Tx, in OnceIn) (Shown, error) {
		b, o, err := in.once(x)
		if err != nil {
			return Shown{}, err
		}
		_, rules, err := rulesNow(x)
		if err != nil {
			return Shown{}, err
		}
		o.Person, o.Approver, o.Until = x.Actor().Person, x.ApprovedBy(), x.Now().Add(rules.Once())
		if err := onces.Insert(x, &o); err != nil {
			return Shown{}, err
		}
		return b.after(b.change(x, "dispatch.once_recorded"))
	},
})

// once is what would be recorded, if the last check stopped for an address that
// is nobody's and like nobody's.
func (in OnceIn) once(x *gate.Tx) (*bundle, Once, error) {
	b, i, err := loadItem(x, in.ID, in.Item)
	if err != nil {
		return nil, Once{}, err
	}
	if b.State != Stopped {
		return nil, Once{}, fault.Refused("dispatch.not_stopped_for", "state", b.State.word())
	}
	c, err := checked.Get(x, b.Check)
	if err != nil {
		return nil, Once{}, err
	}
	if !slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.Item == i.ID && slices.Contains(f.Ways, WayOnce) }) {
		return nil, Once{}, fault.Refused("dispatch.once_not_for", "value", i.Proposed)
	}
	a, err := mailaddr.Parse(strings.TrimSpace(i.Proposed))
	if err != nil {
		return nil, Once{}, err
	}
	used, err := spent(x, a.String(), b.ID)
	if err == nil && used {
		err = fault.Refused("dispatch.once_spent", "value", a.String())
	}
	return b, Once{Package: b.ID, Item: i.ID, Party: b.Party, Owner: b.Owner, Department: b.Department, Address: a.String(), Reason: in.Reason,
		Content: b.onceContent(i.ID, a.String())}, err
}

func (b *bundle) onceView(x *gate.Tx, o Once) (onceView, error) {
	p, err := party.Get(x, b.Party)
	if err != nil {
		return onceView{}, err
	}
	points, err := party.DeliveryPoints(x, b.Party)
	if err != nil {
		return onceView{}, err
	}
	_, rules, err := rulesNow(x)
	if err != nil {
		return onceView{}, err
	}
	before, err := onces.Find(x, gate.Eq("party_id", b.Party))
	v := onceView{Party: p.Code + " " + p.Name, Address: o.Address, Subject: b.Subject, Body: b.Body, Hours: rules.of(RuleOnce)}
	for _, d := range points {
		if d.Verified() {
			v.Registered = append(v.Registered, d.Address)
		}
	}
	for _, f := range b.files {
		v.Attachments = append(v.Attachments, f.Name)
	}
	for _, e := range before {
		if !e.UsedAt.IsZero() {
			v.Used++
		}
	}
	return v, err
}

// OnceListIn asks for a page.
type OnceListIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// OnceListOut are the one-off recipients, latest first.
type OnceListOut struct {
	Rows []Once `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// OnceList shows which addresses outside of the register something went to.
var OnceList = gate.New(gate.Op[OnceListIn, OnceListOut]{
	Name: "dispatch.once_list", Mode: gate.List,
	Target: func(*gate.Tx, OnceListIn) (gate.Target, error) { return gate.Target{Kind: "dispatch", ID: "*"}, nil },
	Do: func(x *gate.Tx, in OnceListIn) (OnceListOut, error) {
		p, err := onces.Page(x, gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit})
		return OnceListOut{p.Rows, p.Next}, err
	},
})
