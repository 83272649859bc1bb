package intake

import (
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

// maxWrites is how many rows of the database a slice writes: measured to stay
// well under the 250 ms for which one commit may hold SQLite's writer, and what
// party and invoice take at most.
const maxWrites = 250

// slice is what one commit of a run writes; it lies in a blob until then.
type slice struct {
	Run      string                `json:"run"` // makes the bytes, so the blob, this run's own
	Parties  []party.Party         `json:"parties"`
	Contacts []party.Contact       `json:"contacts"`
	Points   []party.DeliveryPoint `json:"points"`
	Open     []Open                `json:"open"`
	Refs     []Ref                 `json:"refs"`
}

func (s *slice) writes() int { return len(s.Parties) + len(s.Contacts) + len(s.Points) + len(s.Open) }

func (s *slice) add(o slice) {
	s.Parties, s.Contacts, s.Points = append(s.Parties, o.Parties...), append(s.Contacts, o.Contacts...), append(s.Points, o.Points...)
	s.Open, s.Refs = append(s.Open, o.Open...), append(s.Refs, o.Refs...)
}

// planner cuts a checked file into slices.
type planner struct {
	run, owner, department string
	newID                  func() string
	taken                  map[party.Proposal]bool // addresses a partner has already
}

// plan gives every row its id, says what is strange about the addresses (which
// takes the whole file), and cuts between partners, never within one.
func (p planner) plan(c Checked, register []party.Proposal) []slice {
	p.taken = map[party.Proposal]bool{}
	for _, r := range register {
		p.taken[party.Proposal{Party: r.Party, Address: r.Address}] = true
	}
	var units []slice
	for _, w := range c.Partners {
		units = append(units, p.partner(w))
	}
	for _, o := range c.Open {
		units = append(units, p.open(o))
	}
	var points []party.DeliveryPoint
	for _, u := range units {
		points = append(points, u.Points...)
	}
	party.SortPoints(register, points)
	var out []slice
	for _, u := range units {
		n := copy(u.Points, points)
		points = points[n:]
		if len(out) == 0 || out[len(out)-1].writes()+u.writes() > maxWrites {
			out = append(out, slice{Run: p.run})
		}
		out[len(out)-1].add(u)
	}
	return out
}

func (p planner) partner(w Partner) slice {
	s := slice{}
	row := w.party()
	row.ID, row.Owner, row.Department = p.newID(), p.owner, p.department
	s.Parties = []party.Party{row}
	s.Refs = []Ref{{w.Line, "party", row.ID}}
	for _, m := range w.People {
		contact := ""
		if m.Name != "" {
			contact = p.newID()
			c := party.Contact{Party: row.ID, Name: m.Name, Kana: m.Kana, Section: m.Section, Title: m.Title, Mail: m.Mail.String(), Phone: m.Phone}
			c.ID = contact
			s.Contacts = append(s.Contacts, c)
			s.Refs = append(s.Refs, Ref{m.Line, "contact", contact})
		}
		p.point(&s, m.Line, row.ID, contact, m.label(), m.Mail)
	}
	return s
}

func (p planner) open(o Open) slice {
	s := slice{Open: []Open{o}, Refs: []Ref{{o.Line, "invoice", o.Number}}}
	p.point(&s, o.Line, o.Party, "", "", o.Mail)
	return s
}

// point proposes an address, unless its partner has it already.
func (p planner) point(s *slice, line int, partner, contact, label string, mail mailaddr.Addr) {
	key := party.Proposal{Party: partner, Address: mail}
	if mail == (mailaddr.Addr{}) || p.taken[key] {
		return
	}
	p.taken[key] = true
	d := party.DeliveryPoint{Party: partner, Contact: contact, Channel: party.ChannelMail, Address: mail.String(), Label: label, MaxClass: policy.Confidential}
	d.ID = p.newID()
	s.Points = append(s.Points, d)
	s.Refs = append(s.Refs, Ref{line, "point", d.ID})
}

// label is how the addressee of an address is called.
func (w Person) label() string {
	if w.Name == "" {
		return w.Section
	}
	if w.Section == "" {
		return w.Name
	}
	return w.Section + " " + w.Name
}

// party is the partner as the register keeps it.
func (w Partner) party() party.Party {
	return party.Party{Code: w.Code, Name: w.Name, Kana: w.Kana, Honorific: w.Honorific, CorporateNumber: w.CorporateNumber,
		RegistrationNumber: w.RegistrationNumber, PostalCode: w.PostalCode, Address: w.Address, Phone: w.Phone, Terms: w.Terms}
}
