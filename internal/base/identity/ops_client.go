package identity

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

const (
	assertionFor = 60 * time.Second
	clockSkew    = 5 // seconds a client's clock may be ahead of ours
	keySize      = 32
)

// The ops that exist only while the configuration allows clients: NewResolve
// refuses them otherwise.
const (
	clientTokenOp  = "identity.client_token"
	clientEnableOp = "identity.client_enable"
)

// ClientView is an API client as shown.
type ClientView struct {
	ID        string    `json:"id" class:"internal"`
	Name      string    `json:"name" class:"internal"`
	Owner     string    `json:"owner" class:"internal"`
	PublicKey []byte    `json:"public_key" class:"internal"`
	Ops       []string  `json:"ops" class:"internal"`
	State     State     `json:"state" class:"internal"`
	CreatedAt time.Time `json:"created_at" class:"internal"`
}

func viewClient(c Client) ClientView {
	return ClientView{c.ID, c.Name, c.Owner, c.PublicKey, c.Ops, c.State, c.CreatedAt}
}

// ClientIn is a new client. The pair is made by whoever will use it, so that the
// private half is never in an administrator's hands, nor in ours.
type ClientIn struct {
	Name      string   `json:"name" required:"true" max:"80"`
	Owner     string   `json:"owner" required:"true" max:"64"`
	PublicKey []byte   `json:"public_key" required:"true" max:"32"` // Ed25519
	Ops       []string `json:"ops" required:"true" max:"200"`
}

// CreateClient registers an API client, disabled (APIクライアントの登録).
var CreateClient = gate.New(gate.Op[ClientIn, Done]{
	Name: "identity.client_create", Mode: gate.Write, Target: outside[ClientIn],
	Do: func(x *gate.Tx, in ClientIn) (Done, error) {
		owner, err := persons.Get(x, in.Owner)
		if fault.Is(err, fault.KindNotFound) || err == nil && owner.Refuses(x.Now()) != "" {
			return Done{}, wrong("owner", "identity.client_owner")
		}
		if err != nil {
			return Done{}, err
		}
		if err := checkOps(x.Policy().Matrix(), owner, in.Ops); err != nil {
			return Done{}, err
		}
		if len(in.PublicKey) != keySize {
			return Done{}, wrong("public_key", "identity.client_key")
		}
		c := Client{Name: in.Name, Owner: owner.ID, PublicKey: in.PublicKey, Ops: in.Ops, State: Disabled}
		err = clients.Insert(x, &c)
		return Done{c.ID}, err
	},
})

// checkOps wants ops that the owner's roles have. A program never signs in,
// approves or looks after accounts.
func checkOps(m *policy.Matrix, owner Person, ops []string) error {
	for _, op := range ops {
		may := slices.ContainsFunc(owner.Roles, func(r string) bool { return m.Cell(op, false, r) != 0 })
		if !may || strings.HasPrefix(op, "identity.") || strings.HasPrefix(op, "approval.") {
			return wrong("ops", "identity.client_op", "op", op)
		}
	}
	return nil
}

func ofClient(x *gate.Tx, id string) (gate.Target, error) {
	c, err := clients.Get(x, id)
	return gate.Target{Kind: "identity", ID: id, Owner: c.Owner, Class: policy.Internal}, err
}

// EnableClient switches a client on, with a second person's consent.
var EnableClient = gate.New(gate.Op[ReasonIn, Done]{
	Name: clientEnableOp, Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in ReasonIn) (gate.Target, error) { return ofClient(x, in.ID) },
	FourEyes: func(x *gate.Tx, in ReasonIn) (gate.Second, error) {
		c, err := clients.Get(x, in.ID)
		if err != nil {
			return gate.Second{}, err
		}
		now := c
		now.State = Active
		d, err := digest(c.ID, c.Version, viewClient(c), viewClient(now))
		return gate.Second{Needed: true, Digest: d, Class: policy.Internal, Before: viewClient(c), After: viewClient(now)}, err
	},
	Do: func(x *gate.Tx, in ReasonIn) (Done, error) {
		c, err := clients.Get(x, in.ID)
		if err != nil {
			return Done{}, err
		}
		c.State = Active
		return Done{c.ID}, clients.Update(x, &c)
	},
})

// DisableClient switches a client off and ends its tokens at once.
var DisableClient = gate.New(gate.Op[ReasonIn, Done]{
	Name: "identity.client_disable", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in ReasonIn) (gate.Target, error) { return ofClient(x, in.ID) },
	Do: func(x *gate.Tx, in ReasonIn) (Done, error) {
		c, err := clients.Get(x, in.ID)
		if err != nil {
			return Done{}, err
		}
		return Done{c.ID}, stopClient(x, c)
	},
})

// ClientsIn asks for a page of clients.
type ClientsIn struct {
	After string `json:"after" max:"300"`
	Limit int    `json:"limit"`
}

// ClientsOut is a page of clients.
type ClientsOut struct {
	Rows []ClientView `json:"rows"`
	Next string       `json:"next" class:"internal"`
}

// Clients lists API clients (APIクライアントの一覧).
var Clients = gate.New(gate.Op[ClientsIn, ClientsOut]{
	Name: "identity.clients", Mode: gate.List, Target: outside[ClientsIn],
	Do: func(x *gate.Tx, in ClientsIn) (ClientsOut, error) {
		p, err := clients.Page(x, gate.PageQuery{By: "id", After: in.After, Limit: in.Limit})
		out := ClientsOut{Next: p.Next}
		for _, c := range p.Rows {
			out.Rows = append(out.Rows, viewClient(c))
		}
		return out, err
	},
})

// Assertion is what a client signs to get a token. Its JSON is signed as sent.
type Assertion struct {
	Client   string `json:"client"`
	Audience string `json:"aud"` // the log's origin, as vault.Ring.LogSigner().Name() gives it
	IssuedAt int64  `json:"iat"` // Unix seconds
	EndsAt   int64  `json:"exp"` // at most 60 s after iat
	ID       string `json:"jti"` // never used before, 16 to 64 characters
}

// AssertionIn is an assertion with its Ed25519 signature.
type AssertionIn struct {
	Assertion []byte `json:"assertion" required:"true" max:"1000"`
	Signature []byte `json:"signature" required:"true" max:"64"`
}

// TokenOut is the token, for fifteen minutes. It is public only because whoever
// asks is nobody yet.
type TokenOut struct {
	Token  string    `json:"token" class:"public"`
	EndsAt time.Time `json:"ends_at" class:"public"`
}

// IssueToken gives a client a token for a signed assertion (アクセストークンの発行).
var IssueToken = gate.New(gate.Op[AssertionIn, TokenOut]{
	Name: clientTokenOp, Mode: gate.Write, Target: outside[AssertionIn],
	Do: func(x *gate.Tx, in AssertionIn) (TokenOut, error) {
		a, c, err := asserted(x, in)
		if err != nil {
			return TokenOut{}, err
		}
		x.Note("client", c.ID)
		u := Used{EndsAt: time.Unix(a.EndsAt, 0).UTC()}
		u.ID = hex.EncodeToString(vault.HashToken([]byte(c.ID + "\x00" + a.ID)))
		if _, again, err := maybe(used.Get(x, u.ID)); err != nil || again {
			return TokenOut{}, orRefused(err, "identity.assertion_used")
		}
		if err := used.Insert(x, &u); err != nil {
			return TokenOut{}, err
		}
		id, shown, hash := newToken(x, clientToken)
		t := Token{Client: c.ID, Hash: hash, EndsAt: x.Now().Add(tokenFor)}
		t.ID = id
		return TokenOut{shown, t.EndsAt}, tokens.Insert(x, &t)
	},
})

func orRefused(err error, key string) error {
	if err == nil {
		return fault.Refused(key)
	}
	return err
}

// asserted verifies an assertion. Until the signature is right, every refusal
// reads the same; afterwards it helps the client's programmer.
func asserted(x *gate.Tx, in AssertionIn) (Assertion, Client, error) {
	a, err := parseAssertion(in.Assertion)
	if err != nil {
		return a, Client{}, err
	}
	c, _, err := maybe(clients.Get(x, a.Client))
	if err != nil {
		return a, c, err
	}
	if !vault.VerifyEd25519(c.PublicKey, in.Assertion, in.Signature) {
		return a, c, fault.Refused("identity.assertion")
	}
	if c.State != Active {
		return a, c, fault.Refused("identity.client_disabled")
	}
	owner, _, err := maybe(persons.Get(x, c.Owner))
	if err != nil {
		return a, c, err
	}
	if owner.Refuses(x.Now()) != "" {
		return a, c, fault.Refused("identity.client_disabled")
	}
	return a, c, a.check(x.Now(), x.Ring().LogSigner().Name())
}

// parseAssertion reads strictly: unknown and doubled names are refused.
func parseAssertion(raw []byte) (Assertion, error) {
	var a Assertion
	if err := json.Unmarshal(raw, &a, json.RejectUnknownMembers(true)); err != nil {
		return a, fault.Refused("identity.assertion")
	}
	return a, nil
}

func (a Assertion) check(at time.Time, audience string) error {
	now, most := at.Unix(), int64(assertionFor/time.Second)
	switch {
	case a.Audience != audience:
		return fault.Refused("identity.assertion_aud", "aud", audience)
	case len(a.ID) < 16 || len(a.ID) > 64:
		return fault.Refused("identity.assertion_jti")
	case a.EndsAt <= now:
		return fault.Refused("identity.assertion_over")
	case a.IssuedAt > now+clockSkew || a.IssuedAt <= now-most || a.EndsAt > a.IssuedAt+most:
		return fault.Refused("identity.assertion_time", "seconds", most)
	}
	return nil
}
