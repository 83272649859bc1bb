package dispatch

import (
	"slices"
	"strings"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
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
	facts   Facts
	points  map[string]party.DeliveryPoint // of the partner, in use
	once    map[string]party.DeliveryPoint // that stand for one sending only, see Once
	papers  []party.PaperPoint             // the same of a channel of paper
	related map[string]relation            // partners with a relation in force
	version int64                          // of the partner's row

	confirmed time.Time // of a package that is checked once more after that; zero before
}

// stand compares a package with the register as x sees it. r is nil where no
// unregistered address is to be explained any more.
func stand(x *gate.Tx, b bundle, r *Register) (standing, error) {
	p, err := party.Get(x, b.Party)
	if err != nil {
		return standing{}, err
	}
	s := standing{points: map[string]party.DeliveryPoint{}, once: map[string]party.DeliveryPoint{}, version: p.Version}
	s.Package = Package{Party: b.Party, Channel: b.route(), Purpose: b.Purpose, Class: b.Class,
		From: Sender{b.FromName, b.FromAddress}, Subject: b.Subject, Body: b.Body}
	today := civil.Of(x.Now())
	_, rules, err := rulesNow(x)
	if err != nil {
		return s, err
	}
	s.facts = Facts{Party: PartyFact{p.ID, p.Name, p.State == party.Active}, Class: classOf(b.Class), BigFrom: rules.Amount(), Rules: rules,
		SaysFile: saysFile(b.Body), Purpose: b.Purpose, Words: Words{b.Subject, b.Body, b.FromName, b.FromAddress}, Channel: b.Channel,
		Held: RegisterFact{PostalCode: p.PostalCode, Address: p.Address, Terms: p.Terms}}
	if s.facts.Watched, err = watches(x, b.senders(x)...); err != nil {
		return s, err
	}
	if s.facts.Into, err = mergedInto(x, p); err != nil {
		return s, err
	}
	if err := s.ourselves(x, b); err != nil {
		return s, err
	}
	if s.related, err = relatedTo(x, b.Party); err != nil {
		return s, err
	}
	people, err := peopleOf(x, b.Party, today)
	if err != nil {
		return s, err
	}
	list, err := s.known(x, b, people)
	if err != nil {
		return s, err
	}
	for _, i := range b.items {
		f, err := s.proposal(x, b, i, r, people)
		if err != nil {
			return s, err
		}
		f.Doubled = f.Point != "" && slices.ContainsFunc(s.facts.Recipients, func(o RecipientFact) bool { return o.Point == f.Point })
		s.facts.Recipients = append(s.facts.Recipients, f)
	}
	if err := s.used(x, b, list); err != nil {
		return s, err
	}
	if err := s.protection(x, b); err != nil {
		return s, err
	}
	if err := s.attachments(x, b); err != nil {
		return s, err
	}
	if err := s.channels(x, b); err != nil {
		return s, err
	}
	return s, s.withdrawn(x, b)
}

// known takes the partner's delivery points of the package's channel and the
// domains it has into the facts; all of the channel, retired ones too, are given.
func (s *standing) known(x *gate.Tx, b bundle, who people) ([]party.DeliveryPoint, error) {
	list, err := party.DeliveryPoints(x, b.Party)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.Channel == Mail && p.State != party.Retired {
			if !b.toPaper() {
				s.points[p.ID] = p
			}
			s.facts.Held.domain(p.Address)
		}
	}
	for m := range who.mails {
		s.facts.Held.domain(m)
	}
	slices.Sort(s.facts.Held.Domains)
	for _, n := range who.names {
		s.facts.Persons = append(s.facts.Persons, personKey(n))
	}
	if b.toPaper() {
		return s.onPaper(x, b)
	}
	return list, nil
}

// proposal compares one with the delivery points of the package's channel.
func (s *standing) proposal(x *gate.Tx, b bundle, i Item, r *Register, who people) (RecipientFact, error) {
	if b.toPaper() {
		return s.addressee(x, b.Channel, i)
	}
	f, err := s.recipient(x, i, r, who)
	if err == nil {
		err = s.onceOnly(x, b, i, &f)
	}
	return f, err
}

// ourselves adds what the register has of the issuer.
func (s *standing) ourselves(x *gate.Tx, b bundle) error {
	c, err := org.Issuer(x)
	if fault.Is(err, fault.KindRefused) { // not entered yet
		return nil
	}
	s.facts.Own = OwnFact{Name: c.Name, Registration: string(c.RegistrationNumber), PostalCode: c.PostalCode}
	for _, a := range c.BankAccounts {
		s.facts.Own.Accounts = append(s.facts.Own.Accounts, a.Number)
	}
	if a, err := mailaddr.Parse(b.FromAddress); err == nil {
		s.facts.Own.Domain, _ = mailaddr.Registrable(a.Domain())
	}
	return err
}

// domain notes the domain of an address, if it is somebody's own.
func (h *RegisterFact) domain(address string) {
	a, err := mailaddr.Parse(address)
	if err != nil || mailaddr.FreeMail(a.Domain()) {
		return
	}
	if d, err := mailaddr.Registrable(a.Domain()); err == nil {
		h.Domains = once(h.Domains, d)
	}
}

// people are a partner's contacts: who has left, and whose addresses are in use.
type people struct {
	left  map[string]bool // by id
	gone  map[string]bool // addresses that only people who left have
	mails map[string]bool // addresses of those who have not
	names []string
}

func peopleOf(x *gate.Tx, id string, today civil.Date) (people, error) {
	cs, err := party.Contacts(x, id)
	p := people{map[string]bool{}, map[string]bool{}, map[string]bool{}, nil}
	for _, c := range cs {
		p.names = append(p.names, c.Name)
		p.left[c.ID] = !c.Left.IsZero() && !c.Left.After(today)
		if !p.left[c.ID] && c.Mail != "" {
			p.mails[c.Mail] = true
		}
	}
	for _, c := range cs {
		if p.left[c.ID] && !p.mails[c.Mail] {
			p.gone[c.Mail] = true
		}
	}
	return p, err
}

// recipient compares one proposal with the partner's delivery points.
func (s *standing) recipient(x *gate.Tx, i Item, r *Register, who people) (RecipientFact, error) {
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
			f.Review = p.Review
			f.Point, f.Label, f.Max, f.Left = p.ID, p.Label, p.MaxClass, who.left[p.Contact] || p.Contact == "" && who.gone[p.Address]
			s.Recipients = append(s.Recipients, Recipient{i.Kind, p.ID, p.Address, p.Version})
		default:
			f.Pending = true
		}
	}
	if f.Point != "" {
		f.FreeMail = mailaddr.FreeMail(a.Domain())
		if r != nil {
			f.Shared, f.sharedSince, err = s.shared(x, r, a, who)
		}
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

// addressed are the delivery points that the package goes to.
func (s *standing) addressed(list []party.DeliveryPoint) []party.DeliveryPoint {
	return slices.DeleteFunc(slices.Clone(list), func(p party.DeliveryPoint) bool {
		return !slices.ContainsFunc(s.facts.Recipients, func(r RecipientFact) bool { return r.Point == p.ID })
	})
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

// used adds what was sent before to the points of the package, and what of them
// was changed since.
func (s *standing) used(x *gate.Tx, b bundle, all []party.DeliveryPoint) error {
	var err error
	if s.facts.Changed, err = changed(x, b, s.addressed(all), s.facts.Rules.ChangedDays()); err != nil {
		return err
	}
	for i := range s.facts.Recipients {
		r := &s.facts.Recipients[i]
		if r.Point == "" {
			continue
		}
		last, at, blamed, err := lastOf(x, r.Point)
		if err != nil {
			return err
		}
		r.FirstTime, r.Bounced = last == "", blamed && !s.points[r.Point].RenewedAt.After(at)
		r.Shared = r.Shared && (r.sharedSince.IsZero() || !at.After(r.sharedSince))
		if r.FirstTime && !r.FreeMail && !b.toPaper() && r.Once.IsZero() {
			if r.NewDomain, err = newTo(x, s.points[r.Point], all); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastOf is the state of what was last sent to a point and when it left, "" if
// nothing ever was; blamed, that it came back because of the address.
func lastOf(x *gate.Tx, point string) (last State, at time.Time, blamed bool, err error) {
	p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("point_id", point), gate.In("state", gone())}, By: "settled_at", Desc: true, Limit: 1})
	if err != nil || len(p.Rows) == 0 {
		return "", time.Time{}, false, err
	}
	i := p.Rows[0]
	return i.State, i.SettledAt, i.State == Bounced && i.ofAddress(), nil
}

// newTo tells whether a partner that was written to before never was at the
// domain of this point, retired points included.
func newTo(x *gate.Tx, p party.DeliveryPoint, all []party.DeliveryPoint) (bool, error) {
	site := func(p party.DeliveryPoint) string {
		_, d, _ := strings.Cut(p.Address, "@")
		if r, err := mailaddr.Registrable(d); err == nil {
			return r
		}
		return d
	}
	elsewhere := false
	for _, o := range all {
		if o.ID == p.ID {
			continue
		}
		last, _, _, err := lastOf(x, o.ID)
		if err != nil || last != "" && site(o) == site(p) {
			return false, err
		}
		elsewhere = elsewhere || last != ""
	}
	return elsewhere, nil
}

// shared tells whether another partner has the address too, as a delivery point
// or as a contact's, and since when, if it was verified for every one of them: an
// accountant's office serves two on purpose. One of a partner with a relation is
// expected there.
func (s *standing) shared(x *gate.Tx, r *Register, a mailaddr.Addr, who people) (shared bool, since time.Time, err error) {
	apart := func(o string) bool { return o != s.Party && s.related[o] == relation{} }
	verified := map[string]bool{}
	for _, o := range r.Owner(a) {
		if !apart(o.Party) {
			continue
		}
		p, err := party.DeliveryPointByID(x, o.Point)
		if err != nil {
			return true, time.Time{}, err
		}
		shared, verified[o.Party] = true, verified[o.Party] || p.Verified()
		if p.UpdatedAt.After(since) {
			since = p.UpdatedAt
		}
	}
	sure := true
	for _, v := range verified {
		sure = sure && v
	}
	if !who.mails[a.String()] {
		of := map[string][]string{}
		if err := owners(x, contactOwner, "party_contact.mail", []string{a.String()}, of); err != nil {
			return false, since, err
		}
		for _, o := range of[a.String()] {
			shared, sure = shared || apart(o), sure && (!apart(o) || verified[o])
		}
	}
	if !sure {
		since = time.Time{}
	}
	return shared, since, nil
}

// attachments adds the files: whose they are, and where they went before.
func (s *standing) attachments(x *gate.Tx, b bundle) error {
	for n, f := range b.files {
		s.Attachments = append(s.Attachments, Attachment{f.Document, f.Digest, f.Name, f.Media, f.Kind, f.Number, f.Amount, f.Date})
		s.facts.Total += f.Amount
		a := FileFact{Item: f.ID, Name: f.Name, Number: f.Number, Foreign: f.DocumentParty != "" && f.DocumentParty != b.Party,
			Invoice: f.Kind == document.Invoice || f.Kind == document.Credit, Kind: f.Kind, Amount: f.Amount, Date: f.Date}
		a.Twice = slices.ContainsFunc(b.files[:n], func(o File) bool { return o.Document == f.Document || o.Digest == f.Digest })
		d, err := document.Get(x, f.Document)
		if err != nil {
			return err
		}
		a.Media, a.Size = d.Media, d.Size
		a.Issued, a.Correction = d.Direction == document.Issued, d.Kind == document.Credit || d.Former != ""
		a.Ours = a.Issued || d.Direction == document.Internal && slices.Contains([]string{document.Invoice, document.Quote, document.Delivery, document.Receipt}, d.Kind)
		a.Uploaded = !a.Ours
		if err := s.before(x, b.ID, f, &a); err != nil {
			return err
		}
		s.facts.Files = append(s.facts.Files, a)
	}
	if s.facts.Total >= s.facts.BigFrom {
		if err := s.billed(x); err != nil {
			return err
		}
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
	for _, f := range run(standingChecks(), s.facts) {
		known := slices.ContainsFunc(c.Findings, func(o Finding) bool { return o.Key == f.Key && o.Item == f.Item && o.Level == f.Level })
		if f.Level == Halt || f.Level == Caution && !known {
			return c, fault.Refused("dispatch.changed").Because(fault.Refused(f.Key))
		}
	}
	return c, nil
}
