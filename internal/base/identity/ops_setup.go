package identity

import (
	"context"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// setupRow is the id of the only row of its table.
const setupRow = "setup"

// CodeOut is the one-time set-up code; empty when there are people already.
type CodeOut struct {
	Code string `json:"code" class:"internal"` // shown once, on the console of whoever starts the server
}

// MakeSetupCode makes the code of the first start, and a new one at every start
// until somebody has used it (初期設定コード). Only its hash is kept.
var MakeSetupCode = gate.New(gate.Op[None, CodeOut]{
	Name: "identity.setup_code", Mode: gate.Write, Target: outside[None],
	Alone: func(None) []string { return []string{"identity.setup"} },
	Do: func(x *gate.Tx, _ None) (CodeOut, error) {
		some, err := persons.Has(x)
		if err != nil || some {
			return CodeOut{}, err
		}
		code := newCode()
		s, ok, err := maybe(setups.Get(x, setupRow))
		if err != nil {
			return CodeOut{}, err
		}
		s.ID, s.Hash = setupRow, vault.HashToken([]byte(cleanCode(code)))
		if ok {
			return CodeOut{code}, setups.Update(x, &s)
		}
		return CodeOut{code}, setups.Insert(x, &s)
	},
})

// FirstPerson is the administrator who sets up.
type FirstPerson struct {
	Particulars
	Password vault.Secret `json:"password" required:"true"`
}

// SecondPerson is whoever agrees to what the first asks for: a second
// administrator, or a 立会人 who can do nothing else.
type SecondPerson struct {
	Particulars
	Role string `json:"role" required:"true" enum:"admin,attendant"`
}

// SetupIn makes the first two people.
type SetupIn struct {
	Code   string       `json:"code" required:"true" max:"64"`
	First  FirstPerson  `json:"first"`
	Second SecondPerson `json:"second"`
}

// Validate checks everything that needs no database.
func (in SetupIn) Validate() error {
	var a, b Person
	if err := in.First.read(&a); err != nil {
		return err
	}
	if err := in.Second.read(&b); err != nil {
		return err
	}
	if a.Login == b.Login || a.Number == b.Number || a.Mail == b.Mail {
		return fault.Invalid("identity.setup_same").At("second")
	}
	return nil
}

// SetupOut hands over the second person's start password, this once. It is
// public only because whoever asks is nobody yet.
type SetupOut struct {
	First         string `json:"first" class:"public"`
	Second        string `json:"second" class:"public"`
	StartPassword string `json:"second_start_password" class:"public"`
}

type setupHashes struct {
	first  string
	second issued
}

// Setup makes the first administrator and the person who checks them (初期設定).
// It works once, while there are no people, and with the code on the console.
var Setup = gate.New(gate.Op[SetupIn, SetupOut]{
	Name: "identity.setup", Mode: gate.Write, Target: outside[SetupIn],
	Alone: func(SetupIn) []string { return []string{"identity.setup"} },
	Work: func(x *gate.Tx, in SetupIn) (func(context.Context) (any, error), error) {
		if err := maySetUp(x, in.Code); err != nil {
			return nil, err
		}
		var p Person
		if err := in.First.read(&p); err != nil {
			return nil, err
		}
		text := normal(in.First.Password.Reveal())
		if bad := checkPassword(text, false, contextWords(x, p)); bad != nil {
			return nil, bad.At("first.password")
		}
		h := x.Passwords()
		return func(ctx context.Context) (any, error) {
			phc, err := h.Hash(ctx, vault.NewSecret(text))
			if err != nil {
				return nil, err
			}
			w, err := issue(h)(ctx)
			if err != nil {
				return nil, err
			}
			return setupHashes{phc, w.(issued)}, nil
		}, nil
	},
	Do: setUp,
})

// maySetUp says the same whether the code is wrong or set-up is over.
func maySetUp(x *gate.Tx, code string) error {
	some, err := persons.Has(x)
	if err != nil {
		return err
	}
	s, ok, err := maybe(setups.Get(x, setupRow))
	if err != nil {
		return err
	}
	if some || !ok || !vault.Equal(s.Hash, vault.HashToken([]byte(cleanCode(code)))) {
		return fault.Refused("identity.setup_code")
	}
	return nil
}

func setUp(x *gate.Tx, in SetupIn) (SetupOut, error) {
	if err := maySetUp(x, in.Code); err != nil {
		return SetupOut{}, err
	}
	w, today := gate.Worked[setupHashes](x), civil.Of(x.Now())
	a, b := Person{Roles: Words{admin}, HiredOn: today}, Person{Roles: Words{in.Second.Role}, HiredOn: today}
	if err := in.First.read(&a); err != nil {
		return SetupOut{}, err
	}
	if err := in.Second.read(&b); err != nil {
		return SetupOut{}, err
	}
	if _, err := create(x, &a, issued{phc: w.first}); err != nil {
		return SetupOut{}, err
	}
	f, err := factors.Get(x, a.ID)
	if err != nil {
		return SetupOut{}, err
	}
	a.MustChange, f.StartUntil = false, f.ResetUntil // their own password, not a start password
	if err := save(x, &a, &f); err != nil {
		return SetupOut{}, err
	}
	if _, err := create(x, &b, w.second); err != nil {
		return SetupOut{}, err
	}
	return SetupOut{a.ID, b.ID, w.second.shown}, setups.Delete(x, setupRow)
}
