package dispatch

import (
	"slices"
	"strings"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

// classOf reads a class; what cannot be read counts as the highest.
func classOf(s string) policy.Class {
	c, err := policy.ParseClass(s)
	if err != nil {
		return policy.Secret
	}
	return c
}

// standing is what the register says in this transaction about everything in a
// package: enough for its digest and for all checks but those of content.
type standing struct {
	Package
	facts  Facts
	points map[string]party.DeliveryPoint // of the partner, in use
}

// stand compares a package with the register as x sees it. r is nil where no
// unregistered address is to be explained any more.
func stand(x *gate.Tx, b bundle, r *Register) (standing, error) {
	p, err := party.Get(x, b.Party)
	if err != nil {
		return standing{}, err
	}
	s := standing{points: map[string]party.DeliveryPoint{}}
	s.Package = Package{Party: b.Party, Channel: b.Channel, Purpose: b.Purpose, Class: b.Class,
		From: Sender{b.FromName, b.FromAddress}, Subject: b.Subject, Body: b.Body}
	today := civil.Of(x.Now())
	_, rules, err := rulesNow(x)
	if err != nil {
		return s, err
	}
	s.facts = Facts{Party: PartyFact{p.ID, p.Name, p.State == party.Active}, Class: classOf(b.Class), Purpose: b.Purpose, BigFrom: rules.Amount(), Rules: rules,
		SaysFile: saysFile(b.Body)}
	list, err := party.DeliveryPoints(x, b.Party)
	if err != nil {
		return s, err
	}
	left, err := leftContacts(x, b.Party, today)
	if err != nil {
		return s, err
	}
	for _, p := range list {
		if p.Channel == Mail && p.State != party.Retired {
			s.points[p.ID] = p
		}
	}
	if s.facts.Changed, err = changed(x, b, list); err != nil {
		return s, err
	}
	for _, i := range b.items {
		f, err := s.recipient(x, i, r, left)
		if err != nil {
			return s, err
		}
		f.Doubled = f.Point != "" && slices.ContainsFunc(s.facts.Recipients, func(o RecipientFact) bool { return o.Point == f.Point })
		s.facts.Recipients = append(s.facts.Recipients, f)
	}
	if err := s.attachments(x, b); err != nil {
		return s, err
	}
	return s, s.withdrawn(x, b)
}

func leftContacts(x *gate.Tx, id string, today civil.Date) (map[string]bool, error) {
	cs, err := party.Contacts(x, id)
	left := map[string]bool{}
	for _, c := range cs {
		left[c.ID] = !c.Left.IsZero() && !c.Left.After(today)
	}
	return left, err
}

// recipient compares one proposal with the partner's delivery points.
func (s *standing) recipient(x *gate.Tx, i Item, r *Register, left map[string]bool) (RecipientFact, error) {
	f := RecipientFact{Item: i.ID, Kind: i.Kind, Proposed: i.Proposed}
	a, err := mailaddr.Parse(strings.TrimSpace(i.Proposed))
	if err != nil {
		f.Bad = fault.Of(err).Key
		f.Near = s.nearest(mailaddr.Addr{})
		return f, nil
	}
	for _, p := range s.points {
		switch {
		case p.Address != a.String():
		case p.Verified():
			f.Point, f.Label, f.Max, f.Left = p.ID, p.Label, p.MaxClass, left[p.Contact]
			s.Recipients = append(s.Recipients, Recipient{i.Kind, p.ID, p.Address, p.Version})
		default:
			f.Pending = true
		}
	}
	if f.Point != "" {
		f.FreeMail = mailaddr.FreeMail(a.Domain())
		f.FirstTime, err = firstTo(x, f.Point)
		return f, err
	}
	f.Near = s.nearest(a)
	if r == nil {
		return f, nil
	}
	f.Elsewhere = slices.ContainsFunc(r.Owner(a), func(o PartnerMail) bool { return o.Party != s.Party })
	if n, ok := r.Alike(a, s.Party); ok {
		f.Alike = string(n.Reason)
	}
	return f, nil
}

// nearest is the verified address of the partner that a resembles, or the first
// one there is: the two are shown side by side.
func (s *standing) nearest(a mailaddr.Addr) Beside {
	var ids []string
	for id, p := range s.points {
		if p.Verified() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var addrs []mailaddr.Addr
	for _, id := range ids {
		if p, err := mailaddr.Parse(s.points[id].Address); err == nil {
			addrs = append(addrs, p)
		}
	}
	if len(addrs) == 0 {
		return Beside{}
	}
	near, ok := mailaddr.Near{Addr: addrs[0]}, a != mailaddr.Addr{}
	if ok {
		if n, like := mailaddr.Nearest(a, addrs); like {
			near = n
		}
	}
	for _, id := range ids {
		if s.points[id].Address == near.Addr.String() {
			return Beside{near.Addr.Unicode(), id, string(near.Reason)}
		}
	}
	return Beside{}
}

// gone are the states in which a mail has left for good.
func gone() []State { return []State{Handed, Delivered, Opened, Bounced, Recalled} }

// underway are the states in which it may still leave, or has left unnoticed.
func underway() []State { return []State{Confirmed, Awaiting, Approved, Held, Claimed, Unknown} }

func firstTo(x *gate.Tx, point string) (bool, error) {
	had, err := items.Has(x, gate.Eq("point_id", point), gate.In("state", gone()))
	return !had, err
}

// attachments adds the files: whose they are, and where they went before.
func (s *standing) attachments(x *gate.Tx, b bundle) error {
	for _, f := range b.files {
		s.Attachments = append(s.Attachments, Attachment{f.Document, f.Digest, f.Name, f.Media, f.Kind, f.Number, f.Amount, f.Date})
		s.facts.Total += f.Amount
		a := FileFact{Item: f.ID, Name: f.Name, Number: f.Number, Foreign: f.DocumentParty != "" && f.DocumentParty != b.Party,
			Invoice: f.Kind == document.Invoice || f.Kind == document.Credit}
		if err := s.before(x, b.ID, f, &a); err != nil {
			return err
		}
		s.facts.Files = append(s.facts.Files, a)
	}
	return s.facts.Total.Check()
}

// before finds the same document, by its bytes or by its number, in other
// packages to the same delivery points.
func (s *standing) before(x *gate.Tx, id string, f File, a *FileFact) error {
	same, err := files.Find(x, gate.Eq("digest", f.Digest))
	if err == nil && f.Number != "" {
		var numbered []File
		numbered, err = files.Find(x, gate.Eq("number", f.Number), gate.Eq("document_party", f.DocumentParty))
		same = append(same, numbered...)
	}
	if err != nil {
		return err
	}
	var seen []string
	for _, o := range same {
		if o.Package == id || slices.Contains(seen, o.Package) {
			continue
		}
		seen = append(seen, o.Package)
		list, err := items.Find(x, gate.Eq("package_id", o.Package))
		if err != nil {
			return err
		}
		for _, i := range list {
			switch {
			case !slices.ContainsFunc(s.Recipients, func(r Recipient) bool { return r.Point == i.Point }):
			case slices.Contains(gone(), i.State):
				a.SentTo = once(a.SentTo, i.Address)
			case slices.Contains(underway(), i.State):
				a.UnderwayTo = once(a.UnderwayTo, i.Address)
			}
		}
	}
	return nil
}

// saysFile tells whether a text speaks of an attachment.
func saysFile(body string) bool {
	folded := fold(body)
	return slices.ContainsFunc([]string{"添付", "同封", "attached", "attachment"}, func(w string) bool { return strings.Contains(folded, fold(w)) })
}

// unchanged is fault.Refused unless the package, as the register has it now, is
// the one that was checked: the same digest, and nothing found that was not
// found then. It is asked when a person confirms, when approval is asked for and
// given, and when a worker claims.
func unchanged(x *gate.Tx, b bundle) (Checking, error) {
	c, err := checked.Get(x, b.Check)
	if err != nil {
		return c, fault.Refused("dispatch.changed").Because(err)
	}
	if err := sameRules(x, c); err != nil {
		return c, err
	}
	s, err := stand(x, b, nil)
	if err != nil {
		return c, err
	}
	if b.Digest == "" || b.Digest != c.Digest || s.Digest() != b.Digest {
		return c, fault.Refused("dispatch.changed")
	}
	for i := range s.facts.Files { // content is bound by the digest and was read when it was checked
		s.facts.Files[i].Invoice = false
	}
	for _, f := range Examine(s.facts) {
		known := slices.ContainsFunc(c.Findings, func(o Finding) bool { return o.Key == f.Key && o.Item == f.Item && o.Level == f.Level })
		if f.Level == Halt || f.Level == Caution && !known {
			return c, fault.Refused("dispatch.changed").Because(fault.Refused(f.Key))
		}
	}
	return c, nil
}
