package org

import (
	"crypto/sha256"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Module is org's part of the product.
var Module = gate.Module{Name: "org", Schema: schema,
	Ops: []gate.Any{IssuerShow, IssuerUpdate, DepartmentCreate, DepartmentUpdate, DepartmentClose, DepartmentList,
		SeriesCreate, SeriesList, Gaps, HolidaySet, HolidayList, PictureAdd, PictureShow},
	Tables:  []gate.AnyTable{issuers, departments, holidays, series, runs, numbers, voids},
	Queries: []gate.AnyQuery{runQuery, missingQuery}}

// Nothing is the input of ops that need none.
type Nothing struct{}

// Shown is the own company, with what is worth a second look.
type Shown struct {
	Company
	// CheckDigitOK is false if the digits of the T番号 do not fit their check
	// digit: then look it up in the public register.
	CheckDigitOK bool `json:"check_digit_ok" class:"public"`
}

func shown(c Company) Shown {
	return Shown{c, c.RegistrationNumber == "" || c.RegistrationNumber.CheckOK()}
}

func issuerTarget(*gate.Tx) gate.Target {
	return gate.Target{Kind: "org_issuer", ID: issuerID, Class: policy.Confidential}
}

// IssuerShow gives the own company.
var IssuerShow = gate.New(gate.Op[Nothing, Shown]{
	Name: "org.issuer_show", Mode: gate.Read,
	Target: func(x *gate.Tx, _ Nothing) (gate.Target, error) { return issuerTarget(x), nil },
	Do: func(x *gate.Tx, _ Nothing) (Shown, error) {
		c, err := Issuer(x)
		return shown(c), err
	},
})

// IssuerIn is the whole profile as it shall be, and the version it was made
// from: 0 for the first one.
type IssuerIn struct {
	Profile
	Version int64 `json:"version"`
}

// IssuerUpdate enters or changes the own company (自社情報). A change of its
// name, address, T番号, bank accounts or keeping period needs a second person.
var IssuerUpdate = gate.New(gate.Op[IssuerIn, Shown]{
	Name: "org.issuer_update", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
	Alone:    func(IssuerIn) []string { return []string{"org.issuer"} },
	Target:   func(x *gate.Tx, _ IssuerIn) (gate.Target, error) { return issuerTarget(x), nil },
	FourEyes: issuerSecond,
	Do: func(x *gate.Tx, in IssuerIn) (Shown, error) {
		old, now, err := issuerChange(x, in)
		if err != nil {
			return Shown{}, err
		}
		old.Profile = now
		if old.ID == "" {
			old.ID = issuerID
			err = issuers.Insert(x, &old)
		} else {
			err = issuers.Update(x, &old)
		}
		return shown(old), err
	},
})

// issuerChange gives the company as it is and its profile as it shall be.
func issuerChange(x *gate.Tx, in IssuerIn) (Company, Profile, error) {
	now, err := in.normal()
	if err != nil {
		return Company{}, now, err
	}
	old, err := issuers.Get(x, issuerID)
	if fault.Is(err, fault.KindNotFound) {
		old, err = Company{}, nil
	}
	if err == nil && old.Version != in.Version {
		err = fault.Conflict("gate.conflict")
	}
	return old, now, err
}

func issuerSecond(x *gate.Tx, in IssuerIn) (gate.Second, error) {
	old, now, err := issuerChange(x, in)
	switch {
	case err != nil:
		return gate.Second{}, err
	case old.ID == "":
		return gate.Second{Silent: "first_entry"}, nil
	case !old.weighs(now):
		return gate.Second{Silent: "nothing_that_weighs"}, nil
	}
	b, err := json.Marshal([]any{old.Version, old.Profile, now}, json.Deterministic(true))
	if err != nil {
		return gate.Second{}, err
	}
	d := sha256.Sum256(b)
	return gate.Second{Needed: true, Digest: d[:], Before: old.Profile, After: now}, nil
}
