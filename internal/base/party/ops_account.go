package party

import (
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// AccountIn is a partner's account as somebody was told it, with how it was confirmed.
type AccountIn struct {
	Party      string `json:"party" required:"true"`
	BankCode   string `json:"bank_code" required:"true"`
	BankName   string `json:"bank_name" required:"true"`
	BranchCode string `json:"branch_code" required:"true"`
	BranchName string `json:"branch_name" required:"true"`
	Kind       string `json:"kind" required:"true" enum:"ordinary,current,savings"`
	Number     string `json:"number" required:"true"`
	Holder     string `json:"holder" required:"true"`
	How        string `json:"how" required:"true" enum:"phone,visit,letter,contract,portal"`
	Reason     string `json:"reason" text:"multiline"` // with whom, when, which number was called
}

// accountView is what a second person sees of an account.
type accountView struct {
	ID         string `json:"id"`
	Version    int64  `json:"version"`
	Code       string `json:"code"`
	Name       string `json:"name"`
	BankCode   string `json:"bank_code"`
	BankName   string `json:"bank_name"`
	BranchCode string `json:"branch_code"`
	BranchName string `json:"branch_name"`
	Kind       string `json:"kind"`
	Number     string `json:"number"`
	Holder     string `json:"holder"`
	How        string `json:"how"`
	Elsewhere  bool   `json:"elsewhere"` // the same number stands at another partner
}

func (a BankAccount) view(p Party, elsewhere bool) accountView {
	return accountView{a.ID, a.Version, p.Code, p.Name, a.BankCode, a.BankName, a.BranchCode, a.BranchName, a.Kind, a.Number, a.Holder, a.How, elsewhere}
}

// AccountPropose enters or changes a partner's account (口座の登録・変更). The one in
// force stays in force until a second person has agreed: letters about a changed
// account are how money is stolen.
var AccountPropose = gate.New(gate.Op[AccountIn, BankAccount]{
	Name: "party.account_propose", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone:  func(in AccountIn) []string { return lock(in.Party) },
	Target: func(x *gate.Tx, in AccountIn) (gate.Target, error) { return about(x, in.Party) },
	FourEyes: func(x *gate.Tx, in AccountIn) (gate.Second, error) {
		p, old, now, err := in.change(x)
		if err != nil {
			return gate.Second{}, err
		}
		same, err := accounts.Find(x, gate.Eq("number", now.Number), gate.Ne("party_id", p.ID))
		if err != nil {
			return gate.Second{}, err
		}
		before := accountView{}
		if old.ID != "" {
			before = old.view(p, false)
		}
		return second(p, before, now.view(p, len(same) > 0))
	},
	Do: func(x *gate.Tx, in AccountIn) (BankAccount, error) {
		p, old, now, err := in.change(x)
		if err != nil {
			return now, err
		}
		x.Note("confirmed", in.Reason)
		if old.ID != "" {
			old.State, old.RetiredOn, old.Slot = AccountRetired, today(x), old.ID
			if err := accounts.Update(x, &old); err != nil {
				return now, err
			}
		}
		now.State, now.ConfirmedOn, now.ConfirmedBy = InForce, today(x), x.Actor().Person
		if err := accounts.Insert(x, &now); err != nil {
			return now, err
		}
		return now, hold(x, p.Run)
	},
})

// change gives the partner, its account in force, if any, and the next one.
func (in AccountIn) change(x *gate.Tx) (p Party, old, now BankAccount, err error) {
	if p, err = Get(x, in.Party); err != nil {
		return p, old, now, err
	}
	now = BankAccount{Party: in.Party, BankCode: in.BankCode, BankName: in.BankName, BranchCode: in.BranchCode, BranchName: in.BranchName,
		Kind: in.Kind, Number: in.Number, Holder: in.Holder, How: in.How}
	if err := now.Normalise(); err != nil {
		return p, old, now, err
	}
	if old, err = Account(x, in.Party); err != nil && !fault.Is(err, fault.KindNotFound) {
		return p, old, now, err
	}
	if old.ID != "" && old.BankCode == now.BankCode && old.BranchCode == now.BranchCode && old.Kind == now.Kind && old.Number == now.Number && old.Holder == now.Holder {
		return p, old, now, fault.Invalid("party.no_change")
	}
	return p, old, now, nil
}
