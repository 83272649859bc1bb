package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// Module is registered in app's list.
var Module = gate.Module{
	Name: "identity", Schema: schema,
	Ops: []gate.Any{
		MakeSetupCode, Setup, SignIn, SignOut, StepUp, Me, Sessions, EndSession, EndSessions, Touch, Sweep, EndAll,
		ChangePassword, BeginTOTP, ConfirmTOTP, RecoveryCodes, ResetPassword, IssuePassword,
		CreatePerson, UpdatePerson, DisablePerson, EnablePerson, GrantRole, RevokeRole, People, ShowPerson, Names,
		SaveSearch, ListSearches, DeleteSearch,
		CreateClient, EnableClient, DisableClient, IssueToken, Clients,
	},
	Tables:  []gate.AnyTable{persons, factors, sessions, clients, tokens, used, throttles, setups, searches},
	Queries: []gate.AnyQuery{adminsBut},
}

// None is the input of ops that take nothing.
type None struct{}

// Done is the output of ops that only do something.
type Done struct {
	ID string `json:"id" class:"internal"`
}

// self is the target of ops on one's own account.
func self[In any](x *gate.Tx, _ In) (gate.Target, error) {
	me := x.Actor().Person
	return gate.Target{Kind: "identity", ID: me, Owner: me, Class: policy.Internal}, nil
}

// outside is the target of ops of whoever is not signed in, and of the server.
func outside[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "identity", ID: "*"}, nil
}

// one is the target of ops on a person.
func one(x *gate.Tx, id string) (gate.Target, error) {
	p, err := persons.Get(x, id)
	return gate.Target{Kind: "identity", ID: id, Owner: id, Department: p.Department, Class: policy.Personal}, err
}

// digest covers everything the approver saw.
func digest(parts ...any) ([]byte, error) {
	b, err := json.Marshal(parts, json.Deterministic(true))
	s := sha256.Sum256(b)
	return s[:], err
}

// second is the request for a second person's decision about a person.
func second(p Person, before, after any) (gate.Second, error) {
	d, err := digest(p.ID, p.Version, before, after)
	return gate.Second{Needed: true, Digest: d, Department: p.Department, Class: policy.Internal, Before: before, After: after}, err
}

// newToken gives "<prefix><id>.<secret>" with the hash of the secret half.
func newToken(x *gate.Tx, prefix string) (id, shown string, hash []byte) {
	id = x.NewID()
	shown = prefix + id + "." + vault.NewToken()
	_, hash = token(shown)
	return id, shown, hash
}

var plainCode = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newCode gives at least 128 random bits to be typed by a person, in groups of
// four and without letters that look like digits.
func newCode() string {
	s := plainCode.EncodeToString(vault.Random(20))
	var groups []string
	for i := 0; i < len(s); i += 4 {
		groups = append(groups, s[i:i+4])
	}
	return strings.Join(groups, "-")
}

// cleanCode takes what was typed for what newCode gave.
func cleanCode(s string) string {
	return strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(normal(s)))
}

func recoveryHash(x *gate.Tx, person, code string) string {
	return hex.EncodeToString(x.Ring().MAC("recovery code", []byte(person), []byte(cleanCode(code))))
}

func wrong(field, key string, args ...any) error { return fault.Invalid(key, args...).At(field) }
