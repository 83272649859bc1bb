package invoice

import (
	"cmp"
	"strings"

	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// What these ops give is public only because whoever asks is nobody: one goes to
// a browser that has given the code of its link, the other says of an issued
// invoice what whoever has its code can read on it anyway.

// SharedRow is what a recipient may know of an invoice beyond its PDF.
type SharedRow struct {
	Document string     `json:"document" class:"public"`
	Check    string     `json:"check" class:"public"` // code of the page of its account
	Due      civil.Date `json:"due" class:"public"`
	Settled  civil.Date `json:"settled_on" class:"public"` // paid in full
}

// SharedOut lists them.
type SharedOut struct {
	Rows []SharedRow `json:"rows" class:"public"`
}

// Shared says of the invoices behind a link when they are due and whether they
// are paid (お支払いの状況).
var Shared = gate.New(gate.Op[share.ByDevice, SharedOut]{
	Name: "invoice.shared", Mode: gate.Read,
	Target: func(*gate.Tx, share.ByDevice) (gate.Target, error) { return gate.Target{Kind: "share", ID: "*"}, nil },
	Do: func(x *gate.Tx, in share.ByDevice) (SharedOut, error) {
		out := SharedOut{Rows: []SharedRow{}}
		l, err := share.Proven(x, in.Locator, in.Device)
		if err != nil {
			return out, err
		}
		for _, f := range l.Files {
			if f.Number == "" {
				continue
			}
			list, err := invoices.Find(x, gate.Eq("number", f.Number))
			if err != nil {
				return out, err
			}
			for _, h := range list {
				if h.Document == f.Document && h.Party == l.Party {
					out.Rows = append(out.Rows, SharedRow{f.Document, cmp.Or(h.Check, h.ID), h.Due, h.Settled})
				}
			}
		}
		return out, nil
	},
})

// AccountIn is the code of an issued invoice.
type AccountIn struct {
	Code string `json:"code" required:"true" max:"40"`
}

// AccountOut is what an invoice says about who is to be paid.
type AccountOut struct {
	Issuer       string     `json:"issuer" class:"public"`
	Registration string     `json:"registration" class:"public"`
	Number       string     `json:"number" class:"public"`
	Date         civil.Date `json:"date" class:"public"`
	Amount       money.Yen  `json:"amount" class:"public"`
	Accounts     []string   `json:"accounts" class:"public"` // as printed
	InForce      bool       `json:"in_force" class:"public"`
}

// Account says what account an issued invoice was issued with, out of what was
// frozen then (振込先の確認): a forged copy with another account is found out.
var Account = gate.New(gate.Op[AccountIn, AccountOut]{
	Name: "invoice.account", Mode: gate.Read,
	Target: func(*gate.Tx, AccountIn) (gate.Target, error) { return gate.Target{Kind: "invoice", ID: "*"}, nil },
	Do: func(x *gate.Tx, in AccountIn) (AccountOut, error) {
		h, err := byCheck(x, in.Code)
		if err != nil {
			return AccountOut{}, err
		}
		if h.State != Ready || h.Kind != Regular {
			return AccountOut{}, fault.NotFound()
		}
		_, p, err := frozen(x, h)
		out := AccountOut{Issuer: p.Sheet.Issuer.Name, Registration: p.Sheet.Issuer.RegistrationNumber, Number: h.Number, Date: h.Date, Amount: h.Amount, InForce: h.Standing == InForce, Accounts: []string{}}
		for _, a := range p.Sheet.Accounts {
			out.Accounts = append(out.Accounts, strings.TrimSpace(a.Bank+" "+a.Branch+" "+a.Kind+" "+a.Number+" "+a.Holder))
		}
		return out, err
	},
})
