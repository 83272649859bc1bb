package dispatch

import (
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// ByID names a sending.
type ByID struct {
	ID string `json:"id" required:"true"`
}

// Proposal is a recipient as typed, pasted, imported or replied to. Whether it
// is one is what the checks find out.
type Proposal struct {
	Kind    string `json:"kind" required:"true" enum:"to,cc"`
	Address string `json:"address" required:"true" max:"254"`
}

// Shown is a sending with its recipients and attachments.
type Shown struct {
	Sending
	Recipients  []Item `json:"recipients"`
	Attachments []File `json:"attachments"`
}

func (b bundle) shown() Shown { return Shown{b.Sending, b.items, b.files} }

// PrepareIn is a package to be.
type PrepareIn struct {
	Party      string     `json:"party" required:"true"`
	Recipients []Proposal `json:"recipients" required:"true" max:"20"`
	Subject    string     `json:"subject" required:"true"`
	Body       string     `json:"body" required:"true" text:"multiline"`
	Documents  []string   `json:"documents" max:"20"`
	Purpose    Purpose    `json:"purpose" required:"true" enum:"invoice,quote,notice"`
	Channel    string     `json:"channel" enum:"mail,link,post,fax,zip,sealed_pdf"` // the usual one for this partner if empty
	Batch      string     `json:"-"`                                                // plan it is part of: set by comms/batch, never by who asks from outside
}

// prepareOp builds a package from scratch (送付の準備). Nothing of an earlier
// one is taken over.
func (g *Gate) prepareOp() *gate.UseCase[PrepareIn, Shown] {
	return gate.New(gate.Op[PrepareIn, Shown]{
		Name: "dispatch.prepare", Mode: gate.Write,
		Target: func(x *gate.Tx, in PrepareIn) (gate.Target, error) {
			p, err := party.Get(x, in.Party)
			return gate.Target{Kind: "party", ID: p.ID, Owner: p.Owner, Department: p.Department, Subject: p.ID, Class: policy.Confidential}, err
		},
		Do: func(x *gate.Tx, in PrepareIn) (Shown, error) {
			p, err := party.Get(x, in.Party)
			if err != nil {
				return Shown{}, err
			}
			from := g.settings.From
			if from.Name == "" {
				c, err := org.Issuer(x)
				if err != nil {
					return Shown{}, err
				}
				from.Name = c.Name
			}
			b := bundle{Sending: Sending{Party: p.ID, Owner: x.Actor().Person, Department: p.Department, State: Prepared, Channel: Mail,
				Purpose: in.Purpose, FromName: from.Name, FromAddress: from.Address, Subject: in.Subject, Body: in.Body, Batch: in.Batch}}
			b.ID = x.NewID()
			if err := b.attach(x, in.Documents); err != nil {
				return Shown{}, err
			}
			if err := g.choose(x, &b, in.Channel); err != nil {
				return Shown{}, err
			}
			for i, r := range in.Recipients {
				b.items = append(b.items, Item{Package: b.ID, Party: b.Party, Owner: b.Owner, Department: b.Department,
					Place: int64(i), Kind: r.Kind, Proposed: r.Address, State: Prepared})
			}
			if err := sendings.Insert(x, &b.Sending); err != nil {
				return Shown{}, err
			}
			for i := range b.items {
				if err := items.Insert(x, &b.items[i]); err != nil {
					return Shown{}, err
				}
			}
			return b.shown(), nil
		},
	})
}

// attach takes documents of the archive as they are now. The class of the
// package is that of the highest.
func (b *bundle) attach(x *gate.Tx, ids []string) error {
	var err error
	if b.files, b.Class, err = gather(x, ids); err != nil {
		return err
	}
	for i := range b.files {
		b.files[i].Package = b.ID
		if err := files.Insert(x, &b.files[i]); err != nil {
			return err
		}
	}
	return nil
}

// gather makes attachments of documents, with the class of the highest. Whoever
// attaches one must be allowed to see it.
func gather(x *gate.Tx, ids []string) ([]File, string, error) {
	class := policy.Internal
	var out []File
	for i, id := range ids {
		if _, err := gate.Call(x, document.Show, document.ByID{ID: id}); err != nil {
			return nil, "", err
		}
		d, err := document.Get(x, id)
		if err != nil {
			return nil, "", err
		}
		class = max(class, d.Clearance())
		out = append(out, File{Place: int64(i), Document: d.ID, DocumentParty: d.Party, Digest: d.Digest, Name: d.Name, Media: d.Media,
			Kind: d.Kind, Number: d.Number, Amount: d.Amount, Date: d.Date, Class: d.Class})
	}
	return out, class.String(), nil
}

// EditIn is everything that can be changed in words and files.
type EditIn struct {
	ID        string   `json:"id" required:"true"`
	Version   int64    `json:"version" required:"true"` // of the sending as seen
	Subject   string   `json:"subject" required:"true"`
	Body      string   `json:"body" required:"true" text:"multiline"`
	Documents []string `json:"documents" max:"20"`
	Channel   string   `json:"channel" enum:"mail,link,post,fax,zip,sealed_pdf"` // as before if empty, where that can still be
}

// editOp changes subject, body or attachments; whatever was confirmed or
// approved before is void.
func (g *Gate) editOp() *gate.UseCase[EditIn, Shown] {
	return gate.New(gate.Op[EditIn, Shown]{
		Name: "dispatch.edit", Mode: gate.Write,
		Alone:  func(in EditIn) []string { return alone(in.ID) },
		Target: func(x *gate.Tx, in EditIn) (gate.Target, error) { return target(x, in.ID) },
		Do: func(x *gate.Tx, in EditIn) (Shown, error) {
			b, err := load(x, in.ID)
			if err != nil {
				return Shown{}, err
			}
			if in.Version != b.Version {
				return Shown{}, fault.Conflict("gate.conflict")
			}
			if err := b.untouched(); err != nil {
				return Shown{}, err
			}
			for _, f := range b.files {
				if err := files.Delete(x, f.ID); err != nil {
					return Shown{}, err
				}
			}
			b.Subject, b.Body = in.Subject, in.Body
			if err := b.attach(x, in.Documents); err != nil {
				return Shown{}, err
			}
			if in.Channel == "" && (b.Channel == Link && len(b.files) > 0 || b.toPaper() || b.protected()) {
				in.Channel = b.Channel
			}
			if err := g.choose(x, &b, in.Channel); err != nil {
				return Shown{}, err
			}
			return b.after(b.change(x, ""))
		},
	})
}

// TakeIn replaces a proposal by a registered delivery point.
type TakeIn struct {
	ID    string `json:"id" required:"true"`
	Item  string `json:"item" required:"true"`
	Point string `json:"point" required:"true"`
}

// takeOp takes the registered address instead of the proposed one.
func takeOp() *gate.UseCase[TakeIn, Shown] {
	return gate.New(gate.Op[TakeIn, Shown]{
		Name: "dispatch.take_registered", Mode: gate.Write,
		Alone:  func(in TakeIn) []string { return alone(in.ID) },
		Target: func(x *gate.Tx, in TakeIn) (gate.Target, error) { return target(x, in.ID) },
		Do: func(x *gate.Tx, in TakeIn) (Shown, error) {
			b, i, err := loadItem(x, in.ID, in.Item)
			if err != nil {
				return Shown{}, err
			}
			p, err := pointOf(x, b.Channel, in.Point)
			if err == nil && (p.Party != b.Party || !p.Verified() || !b.ofChannel(p)) {
				err = fault.NotFound()
			}
			if err != nil {
				return Shown{}, err
			}
			i.Proposed, i.Point, i.Address = p.Address, "", ""
			return b.after(b.change(x, ""))
		},
	})
}

// RemoveIn takes a recipient out.
type RemoveIn struct {
	ID   string `json:"id" required:"true"`
	Item string `json:"item" required:"true"`
}

// removeOp takes a recipient out of a package.
func removeOp() *gate.UseCase[RemoveIn, Shown] {
	return gate.New(gate.Op[RemoveIn, Shown]{
		Name: "dispatch.remove_recipient", Mode: gate.Write,
		Alone:  func(in RemoveIn) []string { return alone(in.ID) },
		Target: func(x *gate.Tx, in RemoveIn) (gate.Target, error) { return target(x, in.ID) },
		Do: func(x *gate.Tx, in RemoveIn) (Shown, error) {
			b, i, err := loadItem(x, in.ID, in.Item)
			if err != nil {
				return Shown{}, err
			}
			if err := b.untouched(); err != nil {
				return Shown{}, err
			}
			if err := items.Delete(x, i.ID); err != nil {
				return Shown{}, err
			}
			keep := b.items[:0]
			for _, o := range b.items {
				if o.ID != in.Item {
					keep = append(keep, o)
				}
			}
			b.items = keep
			return b.after(b.change(x, ""))
		},
	})
}

func loadItem(x *gate.Tx, id, item string) (*bundle, *Item, error) {
	b, err := load(x, id)
	if err != nil {
		return nil, nil, err
	}
	i, err := b.item(item)
	return &b, i, err
}

// Show gives a sending with its recipients and attachments.
var Show = gate.New(gate.Op[ByID, Shown]{
	Name: "dispatch.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (Shown, error) {
		b, err := load(x, in.ID)
		return b.shown(), err
	},
})

// ListIn narrows a list of sendings.
type ListIn struct {
	State State  `json:"state"`
	Party string `json:"party"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Listed is one line of a list.
type Listed struct {
	ID         string    `json:"id" class:"internal"`
	Party      string    `json:"party" class:"internal"`
	Owner      string    `json:"owner" class:"internal"`
	State      State     `json:"state" class:"internal"`
	Purpose    Purpose   `json:"purpose" class:"internal"`
	Subject    string    `json:"subject" class:"personal"`
	HeldUntil  time.Time `json:"held_until" class:"internal"`
	CreatedAt  time.Time `json:"created_at" class:"internal"`
	Reason     string    `json:"reason" class:"internal"`
	Waits      string    `json:"waits" class:"internal"` // key of the sentence that says why it has not gone yet, "" if it does not wait
	WaitsUntil time.Time `json:"waits_until" class:"internal"`
}

// ListOut is one page of sendings, newest first.
type ListOut struct {
	Rows []Listed `json:"rows"`
	Next string   `json:"next" class:"internal"`
}

// List pages through sendings.
var List = gate.New(gate.Op[ListIn, ListOut]{
	Name: "dispatch.list", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) { return gate.Target{Kind: "dispatch", ID: "*"}, nil },
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		q := gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		if in.Party != "" {
			q.Where = append(q.Where, gate.Eq("party_id", in.Party))
		}
		p, err := sendings.Page(x, q)
		out := ListOut{Next: p.Next}
		for _, s := range p.Rows {
			out.Rows = append(out.Rows, Listed{s.ID, s.Party, s.Owner, s.State, s.Purpose, s.Subject, s.HeldUntil, s.CreatedAt, s.Reason, "", time.Time{}})
		}
		if err == nil {
			err = explain(x, out.Rows)
		}
		return out, err
	},
})
