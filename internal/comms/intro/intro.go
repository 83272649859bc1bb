// Package intro tells partners, before their first link, that documents come by
// link from now on (案内状): who sends, where links lead, and that nothing but the
// code is ever asked for. It keeps who was told, by whom and by which way.
package intro

import (
	"cmp"
	"slices"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/paper"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
)

// mostAtOnce is how many partners are told in one act.
const mostAtOnce = 100

// House is the module.
type House struct {
	Module gate.Module

	Prepare *gate.UseCase[PrepareIn, Done]
	Print   *gate.UseCase[PrintIn, Printed]

	d *dispatch.Gate
}

// New makes it over the outer gate.
func New(d *dispatch.Gate) *House {
	h := &House{d: d}
	h.Prepare, h.Print = h.prepareOp(), h.printOp()
	h.Module = gate.Module{Name: "intro", Ops: []gate.Any{List, Of, h.Prepare, h.Print, Note, Tell}}
	return h
}

// plan is what is known of a partner before it is told.
type plan struct {
	party  party.Party
	mails  []dispatch.Proposal
	posts  []party.PaperPoint
	letter letter
	now    dispatch.Introduction
	why    string // key of what speaks against a letter, "" if nothing does
}

// head is what all letters have in common.
func (h *House) head(x *gate.Tx) (letter, error) {
	if x.Outside() == "" {
		return letter{}, fault.Refused("intro.no_portal")
	}
	c, err := org.Issuer(x)
	if err == nil && (c.Phone == "" || c.Address == "") {
		err = fault.Refused("intro.no_issuer")
	}
	if err != nil {
		return letter{}, err
	}
	l := letter{Company: c.Name, Address: "〒" + c.PostalCode + " " + c.Address, Phone: c.Phone, From: h.d.Sender().Address, Portal: x.Outside(), On: civil.Of(x.Now())}
	l.Left, l.Top, err = paper.Window(x)
	return l, err
}

// plans looks the partners up, in envelope order: by postal code, as a run is
// handed to the post, then by their own.
func (h *House) plans(x *gate.Tx, ids []string) ([]plan, error) {
	if sorted := slices.Sorted(slices.Values(ids)); len(slices.Compact(sorted)) != len(ids) {
		return nil, fault.Invalid("intro.doubled").At("parties")
	}
	head, err := h.head(x)
	if err != nil {
		return nil, err
	}
	var out []plan
	for _, id := range ids {
		p, err := look(x, id)
		if err != nil {
			return nil, err
		}
		p.fill(head)
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b plan) int {
		return cmp.Or(cmp.Compare(a.code(), b.code()), cmp.Compare(a.party.Code, b.party.Code))
	})
	return out, nil
}

func look(x *gate.Tx, id string) (plan, error) {
	p, err := party.Get(x, id)
	if err != nil {
		return plan{}, err
	}
	out := plan{party: p}
	points, err := party.DeliveryPoints(x, id)
	if err != nil {
		return out, err
	}
	for _, d := range points {
		if d.Verified() && d.Channel == dispatch.Mail {
			out.mails = append(out.mails, dispatch.Proposal{Kind: dispatch.To, Address: d.Address})
		}
	}
	papers, err := party.PaperPoints(x, id)
	if err != nil {
		return out, err
	}
	for _, d := range papers {
		if d.Verified() && d.Channel == party.Post {
			out.posts = append(out.posts, d)
		}
	}
	choice, err := party.ChoiceOf(x, id)
	if err != nil {
		return out, err
	}
	out.now, err = dispatch.Introduced(x, id)
	switch {
	case p.State != party.Active:
		out.why = "intro.inactive"
	case !dispatch.ByLink(choice):
		out.why = "intro.not_by_link"
	case out.now.State == dispatch.ToldSure, out.now.State == dispatch.Telling && out.now.Last.Way != dispatch.TellPrint:
		out.why = "intro.already"
	}
	return out, err
}

// code is the postal code that the envelope has.
func (p plan) code() string {
	if len(p.posts) > 0 {
		return p.posts[0].PostalCode
	}
	return p.party.PostalCode
}

// fill makes the partner's letter.
func (p *plan) fill(head letter) {
	p.letter = head
	p.letter.Partner = jp.WithHonorific(p.party.Name, cmp.Or(p.party.Honorific, jp.ToCompany))
	switch {
	case len(p.posts) > 0:
		p.letter.To = p.posts[0].Block()
	case p.party.Address != "":
		p.letter.To = []string{"〒" + p.party.PostalCode, p.party.Address, p.letter.Partner}
	}
}
