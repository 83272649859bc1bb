package party

import (
	"slices"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
)

// UpdateIn changes values of a partner. An empty field stays as it is, so that
// nobody empties what they may not see; Clear names those to empty.
type UpdateIn struct {
	ID                 string                `json:"id" required:"true"`
	Version            int64                 `json:"version" required:"true"` // of what the change is based on
	Name               string                `json:"name"`
	Kana               string                `json:"kana"`
	Honorific          string                `json:"honorific" enum:"御中,様"`
	CorporateNumber    jp.CorporateNumber    `json:"corporate_number"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number"`
	PostalCode         string                `json:"postal_code"`
	Address            string                `json:"address"`
	Phone              string                `json:"phone"`
	Terms              civil.Term            `json:"terms"`
	Clear              []string              `json:"clear" enum:"kana,corporate_number,registration_number,postal_code,address,phone"`
	Reason             string                `json:"reason" text:"multiline"`
}

// billing are the values that decide who is billed, under which number, where
// and until when. The phone number is one of them: whoever can change it alone
// can answer the call that is to confirm another change.
type billing struct {
	Code               string                `json:"code"`
	Name               string                `json:"name"`
	CorporateNumber    jp.CorporateNumber    `json:"corporate_number"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number"`
	PostalCode         string                `json:"postal_code"`
	Address            string                `json:"address"`
	Phone              string                `json:"phone"`
	Terms              civil.Term            `json:"terms"`
	Kana               string                `json:"kana"`      // harmless; shown when it changes together with others
	Honorific          string                `json:"honorific"` // likewise
	Version            int64                 `json:"version"`
}

func (p Party) billing() billing {
	return billing{p.Code, p.Name, p.CorporateNumber, p.RegistrationNumber, p.PostalCode, p.Address, p.Phone, p.Terms, p.Kana, p.Honorific, p.Version}
}

// harmless tells whether a change from p to q leaves everything that counts.
func harmless(p, q Party) bool {
	a, b := p.billing(), q.billing()
	b.Kana, b.Honorific = a.Kana, a.Honorific
	return a == b
}

// Update changes a partner. A change of what is billed, to whom and where
// waits for a second person, and the value in force stays until then; a reading
// or a 敬称 changes at once.
var Update = gate.New(gate.Op[UpdateIn, Party]{
	Name: "party.update", Mode: gate.Write,
	Target: func(x *gate.Tx, in UpdateIn) (gate.Target, error) { return about(x, in.ID) },
	FourEyes: func(x *gate.Tx, in UpdateIn) (gate.Second, error) {
		old, now, err := in.apply(x)
		if err != nil {
			return gate.Second{}, err
		}
		if harmless(old, now) {
			return gate.Second{Silent: "harmless"}, nil
		}
		return second(old, old.billing(), now.billing())
	},
	Do: func(x *gate.Tx, in UpdateIn) (Party, error) {
		_, now, err := in.apply(x)
		if err != nil {
			return now, err
		}
		if in.Reason != "" {
			x.Note("reason", in.Reason)
		}
		return now, update(x, &now)
	},
})

// apply gives the partner before and after the change.
func (in UpdateIn) apply(x *gate.Tx) (old, now Party, err error) {
	if old, err = Get(x, in.ID); err != nil {
		return old, now, err
	}
	if old.Version != in.Version {
		return old, now, fault.Conflict("gate.conflict")
	}
	now = old
	set(&now.Name, in.Name, false)
	set(&now.Honorific, in.Honorific, false)
	set(&now.Kana, in.Kana, slices.Contains(in.Clear, "kana"))
	set(&now.CorporateNumber, in.CorporateNumber, slices.Contains(in.Clear, "corporate_number"))
	set(&now.RegistrationNumber, in.RegistrationNumber, slices.Contains(in.Clear, "registration_number"))
	set(&now.PostalCode, in.PostalCode, slices.Contains(in.Clear, "postal_code"))
	set(&now.Address, in.Address, slices.Contains(in.Clear, "address"))
	set(&now.Phone, in.Phone, slices.Contains(in.Clear, "phone"))
	if in.Terms != (civil.Term{}) {
		now.Terms = in.Terms
	}
	if err := now.Normalise(); err != nil {
		return old, now, err
	}
	if now == old {
		return old, now, fault.Invalid("party.no_change")
	}
	return old, now, nil
}

func set[T ~string](to *T, v T, empty bool) {
	if v != "" || empty {
		*to = v
	}
}
