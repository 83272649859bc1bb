package evidence

import (
	"context"
	"strings"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// Module makes papers; it keeps nothing.
var Module = gate.Module{Name: "evidence", Ops: []gate.Any{Certificate, Check}}

// CertificateIn names a sending.
type CertificateIn struct {
	ID   string `json:"id" required:"true" max:"40"`
	Lang string `json:"lang" enum:"ja,en"` // ja if empty
}

// Paper is a PDF. It names addresses, so it is personal.
type Paper struct {
	Name    string `json:"name" class:"internal"`
	Code    string `json:"code" class:"internal"`
	Content []byte `json:"content" class:"personal"`
}

// Certificate says on one sheet to whom which bytes went, who ticked them off,
// who approved and when, with a code by which the paper can be checked
// (送付証明書). Refused "evidence.not_sent" while nothing of it can have left.
var Certificate = gate.New(gate.Op[CertificateIn, Paper]{
	Name: "evidence.certificate", Mode: gate.Read,
	Target: func(x *gate.Tx, in CertificateIn) (gate.Target, error) { return target(x, in.ID) },
	Work: func(x *gate.Tx, in CertificateIn) (func(context.Context) (any, error), error) {
		f, err := gather(x, in.ID)
		if err != nil {
			return nil, err
		}
		code := f.Code(x.Ring())
		return func(context.Context) (any, error) {
			l := text.JA
			if in.Lang == string(text.EN) {
				l = text.EN
			}
			b, err := f.render(l, code)
			return Paper{Name: text.T(l, "evidence.file", "id", f.Sending), Code: code, Content: b}, err
		}, nil
	},
	Do: func(x *gate.Tx, in CertificateIn) (Paper, error) { return gate.Worked[Paper](x), nil },
})

// CheckIn is what stands on a paper.
type CheckIn struct {
	ID   string `json:"id" required:"true" max:"40"`
	Code string `json:"code" required:"true" max:"40"`
}

// CheckOut says whether the paper agrees with what is kept.
type CheckOut struct {
	Same  bool           `json:"same" class:"internal"`
	State dispatch.State `json:"state" class:"internal"` // of the sending now: when it moved on, older papers have another code
}

// Check compares the code of a paper with what is kept (送付証明書の確認).
var Check = gate.New(gate.Op[CheckIn, CheckOut]{
	Name: "evidence.check", Mode: gate.Read,
	Target: func(x *gate.Tx, in CheckIn) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in CheckIn) (CheckOut, error) {
		f, err := gather(x, in.ID)
		return CheckOut{jp.Typed(in.Code) == jp.Typed(f.Code(x.Ring())), f.State}, err
	},
})

func target(x *gate.Tx, id string) (gate.Target, error) {
	s, err := dispatch.Get(x, id)
	return gate.Target{Kind: "dispatch", ID: s.ID, Owner: s.Owner, Department: s.Department, Subject: s.Party, Class: policy.Personal}, err
}

// gather reads everything a certificate says.
func gather(x *gate.Tx, id string) (Facts, error) {
	s, err := gate.Call(x, dispatch.Show, dispatch.ByID{ID: id})
	if err != nil {
		return Facts{}, err
	}
	if s.State.BeforeClaim() || s.State == dispatch.Cancelled {
		return Facts{}, fault.Refused("evidence.not_sent")
	}
	f := Facts{Sending: s.ID, Subject: s.Subject, Digest: s.Digest, State: s.State, Company: s.FromName, Made: x.Now()}
	if f.Digest == "" {
		return f, fault.Refused("evidence.not_sent")
	}
	if err := f.sides(x, s.Party); err != nil {
		return f, err
	}
	for _, i := range s.Recipients {
		f.Recipients = append(f.Recipients, Recipient{i.Kind, i.Address, i.State, latest(i.SettledAt, i.MarkedAt), i.Relay, i.Reply, i.TLS, i.Bytes})
	}
	for _, a := range s.Attachments {
		f.Documents = append(f.Documents, Document{a.Name, a.Number, a.Amount, a.Date, a.Digest})
	}
	if err := f.acts(x, s); err != nil {
		return f, err
	}
	c, err := gate.LastCheckpoint(x)
	if err != nil {
		return f, err
	}
	origin, _, _ := strings.Cut(string(c.Note), "\n")
	f.Log = Log{origin, c.Size, c.Root, c.At}
	return f, nil
}

func latest(settled, marked time.Time) time.Time {
	if settled.IsZero() {
		return marked
	}
	return settled
}

// sides are the two companies, by their names of now.
func (f *Facts) sides(x *gate.Tx, id string) error {
	p, err := party.Get(x, id)
	if err != nil {
		return err
	}
	f.Partner, f.Honorific = p.Name, p.Honorific
	c, err := org.Issuer(x)
	if fault.Is(err, fault.KindRefused) { // not entered yet: the sender's name stands
		return nil
	}
	f.Company = c.Name
	return err
}

// acts are who did what, with their names.
func (f *Facts) acts(x *gate.Tx, s dispatch.Shown) error {
	k, err := gate.Call(x, dispatch.CheckedOp, dispatch.ByID{ID: s.ID})
	if err != nil {
		return err
	}
	f.Rules = k.Rules
	ids := []string{s.Owner, s.ConfirmedBy}
	f.Prepared.At, f.Ticked.At = s.CreatedAt, s.ConfirmedAt
	if s.Request != "" {
		r, err := approval.Get(x, s.Request)
		if err != nil {
			return err
		}
		if r.State == approval.Approved {
			ids, f.Approved.At = append(ids, r.DecidedBy), r.DecidedAt
		}
	}
	list, err := gate.Call(x, identity.Names, identity.NamesIn{IDs: ids})
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, p := range list.People {
		names[p.ID] = p.Name
	}
	f.Prepared.Name, f.Ticked.Name = names[s.Owner], names[s.ConfirmedBy]
	if len(ids) > 2 {
		f.Approved.Name = names[ids[2]]
	}
	return nil
}
