package party

import (
	"slices"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// ContactIn is a new contact.
type ContactIn struct {
	Party   string `json:"party" required:"true"`
	Name    string `json:"name" required:"true"`
	Kana    string `json:"kana"`
	Section string `json:"section"`
	Title   string `json:"title"`
	Mail    string `json:"mail" text:"raw"` // read and refused by mailaddr, which says more about it
	Phone   string `json:"phone"`
}

// ContactAdd enters a person at a partner. Their mail address is for looking
// them up: nothing is sent to it before it is a verified delivery point.
var ContactAdd = gate.New(gate.Op[ContactIn, Contact]{
	Name: "party.contact_add", Mode: gate.Write,
	Target: func(x *gate.Tx, in ContactIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in ContactIn) (Contact, error) {
		c := Contact{Party: in.Party, Name: in.Name, Kana: in.Kana, Section: in.Section, Title: in.Title, Mail: in.Mail, Phone: in.Phone}
		if err := c.Normalise(); err != nil {
			return c, err
		}
		if err := Hold(x, in.Party); err != nil {
			return c, err
		}
		return c, contacts.Insert(x, &c)
	},
})

// contact loads a visible contact.
func contact(x *gate.Tx, id string) (Contact, error) {
	c, err := contacts.Get(x, id)
	if err == nil {
		err = seen(x, c.Run)
	}
	return c, err
}

func aboutContact(x *gate.Tx, id string) (gate.Target, error) {
	c, err := contact(x, id)
	if err != nil {
		return gate.Target{}, err
	}
	return about(x, c.Party)
}

// ContactUpdateIn changes a contact. An empty field stays as it is; Clear names
// those to empty.
type ContactUpdateIn struct {
	ID      string   `json:"id" required:"true"`
	Version int64    `json:"version" required:"true"`
	Name    string   `json:"name"`
	Kana    string   `json:"kana"`
	Section string   `json:"section"`
	Title   string   `json:"title"`
	Mail    string   `json:"mail" text:"raw"`
	Phone   string   `json:"phone"`
	Clear   []string `json:"clear" enum:"kana,section,title,mail,phone"`
}

// ContactUpdate changes a contact; no delivery point changes with it.
var ContactUpdate = gate.New(gate.Op[ContactUpdateIn, Contact]{
	Name: "party.contact_update", Mode: gate.Write,
	Target: func(x *gate.Tx, in ContactUpdateIn) (gate.Target, error) { return aboutContact(x, in.ID) },
	Do: func(x *gate.Tx, in ContactUpdateIn) (Contact, error) {
		c, err := contact(x, in.ID)
		if err != nil {
			return c, err
		}
		old := c
		c.Version = in.Version
		set(&c.Name, in.Name, false)
		set(&c.Kana, in.Kana, slices.Contains(in.Clear, "kana"))
		set(&c.Section, in.Section, slices.Contains(in.Clear, "section"))
		set(&c.Title, in.Title, slices.Contains(in.Clear, "title"))
		set(&c.Mail, in.Mail, slices.Contains(in.Clear, "mail"))
		set(&c.Phone, in.Phone, slices.Contains(in.Clear, "phone"))
		if err := c.Normalise(); err != nil {
			return c, err
		}
		if c == old {
			return c, fault.Invalid("party.no_change")
		}
		if err := contacts.Update(x, &c); err != nil {
			return c, err
		}
		return c, hold(x, c.Run)
	},
})

// ContactLeaveIn says that a contact has left.
type ContactLeaveIn struct {
	ID     string     `json:"id" required:"true"`
	LeftOn civil.Date `json:"left_on"` // today if empty; never a day to come
}

// LeftOut is the contact with the delivery points that ended.
type LeftOut struct {
	Contact Contact  `json:"contact"`
	Retired []string `json:"retired" class:"internal"`
}

// ContactLeave ends a contact (退職・異動) and every delivery point that reached
// them: an address somebody has left may be read by anyone.
var ContactLeave = gate.New(gate.Op[ContactLeaveIn, LeftOut]{
	Name: "party.contact_leave", Mode: gate.Write,
	Target: func(x *gate.Tx, in ContactLeaveIn) (gate.Target, error) { return aboutContact(x, in.ID) },
	Do: func(x *gate.Tx, in ContactLeaveIn) (LeftOut, error) {
		out := LeftOut{Retired: []string{}}
		c, err := contact(x, in.ID)
		if err != nil {
			return out, err
		}
		if in.LeftOn.IsZero() {
			in.LeftOn = today(x)
		}
		switch {
		case !c.Left.IsZero():
			return out, fault.Refused("party.contact_left")
		case in.LeftOn.After(today(x)):
			return out, fault.Invalid("party.future_day").At("left_on")
		}
		c.Left = in.LeftOn
		if err := contacts.Update(x, &c); err != nil {
			return out, err
		}
		out.Contact = c
		list, err := DeliveryPoints(x, c.Party)
		if err != nil {
			return out, err
		}
		for _, p := range list {
			if p.Contact != c.ID || p.State == Retired {
				continue
			}
			if err := retire(x, &p); err != nil {
				return out, err
			}
			out.Retired = append(out.Retired, p.ID)
		}
		return out, hold(x, c.Run)
	},
})
