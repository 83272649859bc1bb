// Package optin asks whoever reads an address whether it is theirs (送付先の確認): by
// a link that is mailed there, by a QR code at the name-card exchange, or by an
// answer that the domain has signed. What they say is kept as a proof in the
// register; whether it suffices is the register's to say.
package optin

import (
	"context"
	"time"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// LookupTXT asks for the TXT records of a name.
type LookupTXT func(ctx context.Context, name string) ([]string, error)

// House are the use cases with what one of them needs.
type House struct {
	Module gate.Module

	Reply *gate.UseCase[ReplyIn, party.Proof]
	txt   LookupTXT
}

// New makes them. The keys of signatures (DKIM) are asked for by txt.
func New(txt LookupTXT) *House {
	h := &House{txt: txt}
	h.Reply = h.replyOp()
	h.Module = gate.Module{Name: "optin", Ops: []gate.Any{Ask, Card, h.Reply, Look, Answer, Type}}
	return h
}

func about(x *gate.Tx, id string) (gate.Target, error) {
	p, err := party.Get(x, id)
	return gate.Target{Kind: "party", ID: p.ID, Owner: p.Owner, Department: p.Department, Subject: p.ID, Class: policy.Personal}, err
}

// AskIn names a delivery point.
type AskIn struct {
	Point string `json:"point" required:"true" max:"40"`
	Way   string `json:"way" required:"true" enum:"link,reply"`
}

// Ask mails the question to the address itself (確認メールを送る).
var Ask = gate.New(gate.Op[AskIn, party.Proof]{
	Name: "optin.ask", Mode: gate.Write,
	Alone: func(in AskIn) []string { return []string{"optin/" + in.Point} },
	Target: func(x *gate.Tx, in AskIn) (gate.Target, error) {
		d, err := party.DeliveryPointByID(x, in.Point)
		if err != nil {
			return gate.Target{}, err
		}
		return about(x, d.Party)
	},
	Do: func(x *gate.Tx, in AskIn) (party.Proof, error) {
		if in.Way == party.ByOptIn && x.Outside() == "" {
			return party.Proof{}, fault.Refused("optin.no_portal")
		}
		d, err := party.DeliveryPointByID(x, in.Point)
		if err != nil {
			return party.Proof{}, err
		}
		p, secret, err := party.AskProof(x, d, in.Way, "")
		if err != nil {
			return p, err
		}
		return p, ask(x, p, secret)
	},
})

func ask(x *gate.Tx, p party.Proof, secret string) error {
	if p.Way == party.ByReply {
		return dispatch.MailProof(x, p, secret, true)
	}
	return dispatch.MailProof(x, p, address(x, "/c/", p, secret), false)
}

// address of a page for the addressee; the secret stands behind #, where no
// server and no log sees it.
func address(x *gate.Tx, at string, p party.Proof, secret string) string {
	return x.Outside() + at + p.Locator + "#" + secret
}

// CardIn names a partner, and a contact who stands there.
type CardIn struct {
	Party   string `json:"party" required:"true" max:"40"`
	Contact string `json:"contact" max:"40"`
}

// CardOut is what the QR code says. It is shown this once.
type CardOut struct {
	URL  string    `json:"url" class:"internal"` // with its secret: for the screen that the other reads
	Ends time.Time `json:"ends_at" class:"internal"`
}

// Card makes the QR code of a name-card exchange (名刺交換のQR): the other types
// the address himself.
var Card = gate.New(gate.Op[CardIn, CardOut]{
	Name: "optin.card", Mode: gate.Write,
	Target: func(x *gate.Tx, in CardIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in CardIn) (CardOut, error) {
		if x.Outside() == "" {
			return CardOut{}, fault.Refused("optin.no_portal")
		}
		p, secret, err := party.AskCard(x, in.Party, in.Contact)
		return CardOut{address(x, "/k/", p, secret), p.Ends}, err
	},
})

// What follows is for the addressees, who are nobody here: the secret of the
// link is all they have.

// LookIn is a link as it was opened.
type LookIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Secret  string `json:"secret" required:"true" max:"64"`
}

// LookOut is what the page asks.
type LookOut struct {
	Company string `json:"company" class:"public"`
	Address string `json:"address" class:"public"` // "" where it is to be typed
}

func anyProof[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "optin", ID: "*"}, nil
}

// Look shows what is asked. Like everything that was only looked at, it changes nothing.
var Look = gate.New(gate.Op[LookIn, LookOut]{
	Name: "optin.look", Mode: gate.Read,
	Target: anyProof[LookIn],
	Do: func(x *gate.Tx, in LookIn) (LookOut, error) {
		p, err := party.FindProof(x, in.Locator, in.Secret)
		if err != nil {
			return LookOut{}, gone(x, err)
		}
		c, err := org.Issuer(x)
		if fault.Is(err, fault.KindRefused) { // not entered yet
			err = nil
		}
		return LookOut{c.Name, p.Address}, err
	},
})

func gone(x *gate.Tx, err error) error {
	if f := fault.Of(err); f.Kind == fault.KindRefused {
		return gate.Refused(x, f)
	}
	return err
}

// AnswerIn is what the addressee pressed.
type AnswerIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Secret  string `json:"secret" required:"true" max:"64"`
	Ours    bool   `json:"ours"` // この宛先で受け取ります; else 心当たりがありません
}

// None is an empty answer.
type None struct{}

func lock(locator string) []string { return []string{"optin/" + locator} }

// Answer takes the addressee's word (送付先の確認への回答), once.
var Answer = gate.New(gate.Op[AnswerIn, None]{
	Name: "optin.answer", Mode: gate.Write,
	Alone:  func(in AnswerIn) []string { return lock(in.Locator) },
	Target: anyProof[AnswerIn],
	Do: func(x *gate.Tx, in AnswerIn) (None, error) {
		p, err := party.FindProof(x, in.Locator, in.Secret)
		if err == nil && p.Point == "" || p.Way == party.ByReply {
			err = party.ProofGone()
		}
		if err != nil {
			return None{}, gone(x, err)
		}
		if in.Ours {
			return None{}, p.Settle(x, party.ProofGiven)
		}
		return None{}, p.Settle(x, party.ProofDenied)
	},
})

// TypeIn is the address that the addressee typed after the QR code.
type TypeIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Secret  string `json:"secret" required:"true" max:"64"`
	Address string `json:"address" required:"true" max:"400" text:"raw"`
}

// Type enters the address as one that is proposed, and mails the question
// there: what was typed wrongly answers nothing.
var Type = gate.New(gate.Op[TypeIn, None]{
	Name: "optin.type", Mode: gate.Write,
	Alone:  func(in TypeIn) []string { return lock(in.Locator) },
	Target: anyProof[TypeIn],
	Work: func(x *gate.Tx, in TypeIn) (func(context.Context) (any, error), error) {
		p, err := in.card(x)
		if err != nil {
			return nil, err
		}
		return party.InspectTyped(x, p, in.Address)
	},
	Do: func(x *gate.Tx, in TypeIn) (None, error) {
		p, err := in.card(x)
		if err != nil {
			return None{}, gone(x, err)
		}
		d, err := party.EnterTyped(x, p, in.Address, gate.Worked[[]party.Finding](x))
		if err != nil {
			return None{}, err
		}
		p.Detail = d.Address
		if err := p.Settle(x, party.ProofGiven); err != nil {
			return None{}, err
		}
		q, secret, err := party.AskProof(x, d, party.ByCard, p.AskedBy)
		if err != nil {
			return None{}, err
		}
		return None{}, ask(x, q, secret)
	},
})

func (in TypeIn) card(x *gate.Tx) (party.Proof, error) {
	p, err := party.FindProof(x, in.Locator, in.Secret)
	if err == nil && (p.Point != "" || p.Way != party.ByCard) {
		err = party.ProofGone()
	}
	return p, err
}
