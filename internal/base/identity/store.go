package identity

import (
	"cmp"
	"embed"
	"slices"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
)

//go:embed schema/*.sql
var schema embed.FS

// Person is a living person with an account (利用者). The name is internal,
// not confidential: whoever gives rights must see to whom.
type Person struct {
	gate.Row
	Login       string        `col:"login" class:"internal,plain"`
	Number      string        `col:"number" class:"internal,plain"` // 社員番号: one natural person, one account
	Name        string        `col:"name" class:"internal,label"`
	Kana        string        `col:"kana" class:"internal,label"`
	Mail        mailaddr.Addr `col:"mail" class:"personal,exact"`
	Department  string        `col:"department_id" class:"internal,plain"` // primary (主所属)
	Departments Words         `col:"departments" class:"internal,plain"`   // all, the primary included
	Roles       Words         `col:"roles" class:"internal,plain"`
	State       State         `col:"state" class:"internal,plain"`
	HiredOn     civil.Date    `col:"hired_on" class:"internal,plain"` // first day with access
	LeftOn      civil.Date    `col:"left_on" class:"internal,plain"`  // first day without access
	Enrolled    bool          `col:"is_enrolled" class:"internal,plain"`
	MustChange  bool          `col:"must_change" class:"internal,plain"` // the password is a start password
}

// Refuses gives why the person may not come in at now, as a text key; "" if
// they may.
func (p Person) Refuses(now time.Time) string {
	return refuses(p.State, p.HiredOn, p.LeftOn, civil.Of(now))
}

// Factor is what a person proves themselves with. Its id is the person's.
type Factor struct {
	gate.Row
	Password   string    `col:"password" class:"secret"` // PHC
	History    []string  `col:"history" class:"secret"`  // earlier ones, newest first
	StartUntil time.Time `col:"start_until" class:"internal,plain"`
	TOTP       string    `col:"totp" class:"secret"`
	Pending    string    `col:"pending" class:"secret"` // TOTP secret not confirmed yet
	LastStep   int64     `col:"last_step" class:"internal,plain"`
	Recovery   []string  `col:"recovery" class:"secret"` // hashes of unused recovery codes
	ResetBy    string    `col:"reset_by" class:"internal,plain"`
	ResetUntil time.Time `col:"reset_until" class:"internal,plain"`
	ResetTOTP  bool      `col:"reset_totp" class:"internal,plain"`
}

// Session is one signed-in device of a person.
type Session struct {
	gate.Row
	Person    string    `col:"person_id" class:"internal,plain"`
	Hash      []byte    `col:"hash" class:"secret"` // SHA-256 of the token's secret half
	Factors   int64     `col:"factors" class:"internal,plain"`
	SeenAt    time.Time `col:"seen_at" class:"internal,plain"`
	EndsAt    time.Time `col:"ends_at" class:"internal,plain"`
	StepAct   string    `col:"step_act" class:"internal,plain"`  // op the step-up is for; "" while any may take it
	StepPlan  string    `col:"step_plan" class:"internal,plain"` // digest of the only plan it is for, "" for the kind of act
	StepUntil time.Time `col:"step_until" class:"internal,plain"`
	Agent     string    `col:"agent" class:"personal"`
	IP        string    `col:"ip" class:"personal"`
}

// Client is a program that may call some ops for its owner (APIクライアント).
type Client struct {
	gate.Row
	Name      string `col:"name" class:"internal,label"`
	Owner     string `col:"owner_id" class:"internal,plain"`
	PublicKey []byte `col:"public_key" class:"internal"` // Ed25519, 32 bytes
	Ops       Words  `col:"ops" class:"internal,plain"`
	State     State  `col:"state" class:"internal,plain"`
}

// Token is what a client shows after its assertion was accepted.
type Token struct {
	gate.Row
	Client string    `col:"client_id" class:"internal,plain"`
	Hash   []byte    `col:"hash" class:"secret"`
	EndsAt time.Time `col:"ends_at" class:"internal,plain"`
}

// Used is an assertion that was accepted; its id is the hash of client and jti.
type Used struct {
	gate.Row
	EndsAt time.Time `col:"ends_at" class:"internal,plain"`
}

// Throttle counts failures of one kind from one place; its id is a keyed hash.
type Throttle struct {
	gate.Row
	Fails  int64     `col:"fails" class:"internal,plain"` // at LastAt, those forgiven by then left out
	LastAt time.Time `col:"last_at" class:"internal,plain"`
	FreeAt time.Time `col:"free_at" class:"internal,plain"` // when all is forgiven
}

// SetupCode is the hash of the one-time code of the first start.
type SetupCode struct {
	gate.Row
	Hash []byte `col:"hash" class:"secret"`
}

var (
	persons   = gate.NewTable[Person]("identity_person", gate.Scoped("id", "department_id", ""), gate.Cached())
	factors   = gate.NewTable[Factor]("identity_factor", gate.Scoped("id", "", ""))
	sessions  = gate.NewTable[Session]("identity_session", gate.Scoped("person_id", "", ""), gate.Cached())
	clients   = gate.NewTable[Client]("identity_client", gate.Scoped("owner_id", "", ""))
	tokens    = gate.NewTable[Token]("identity_token")
	used      = gate.NewTable[Used]("identity_used")
	throttles = gate.NewTable[Throttle]("identity_throttle")
	setups    = gate.NewTable[SetupCode]("identity_setup")
	searches  = gate.NewTable[SavedSearch]("identity_search", gate.Scoped("person_id", "", ""))
)

// adminsBut counts administrators who can still come in, one person left out.
// Roles are stored sorted with single spaces between them.
var adminsBut = gate.NewQuery[struct{ N int64 }]("identity.admins", `SELECT COUNT(*) FROM {identity_person p}
	WHERE p.state = 'active' AND ' ' || p.roles || ' ' LIKE '% admin %' AND (p.left_on = '' OR p.left_on > $1)
	AND p.hired_on <= $1 AND p.is_enrolled AND p.id <> $2`)

// Get loads a person by id; NotFound when there is none.
func Get(x *gate.Tx, id string) (Person, error) { return persons.Get(x, id) }

// Working are the people who may come in now, ordered by name.
func Working(x *gate.Tx) ([]Person, error) {
	list, err := persons.Find(x, gate.Eq("state", Active))
	list = slices.DeleteFunc(list, func(p Person) bool { return p.Refuses(x.Now()) != "" })
	slices.SortFunc(list, func(a, b Person) int { return cmp.Compare(a.Kana+a.ID, b.Kana+b.ID) })
	return list, err
}

// ByLogin finds a person by login; NotFound when there is none. Not for List
// ops, where it would be narrowed to what the actor may list.
func ByLogin(x *gate.Tx, login string) (Person, error) {
	return persons.One(x, gate.Eq("login", login))
}

// maybe turns NotFound into the zero value: for rows that may not be there yet.
func maybe[T any](v T, err error) (T, bool, error) {
	if fault.Is(err, fault.KindNotFound) {
		var none T
		return none, false, nil
	}
	return v, err == nil, err
}

// keepsAdmin is refused if without would leave nobody to run the system.
func keepsAdmin(x *gate.Tx, without string) error {
	n, err := adminsBut.Rows(x, civil.Of(x.Now()).String(), without)
	if err != nil {
		return err
	}
	if n[0].N == 0 {
		return fault.Refused("identity.last_admin")
	}
	return nil
}

// endSessions ends all sessions of a person.
func endSessions(x *gate.Tx, person string) error {
	list, err := sessions.Find(x, gate.Eq("person_id", person))
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := sessions.Delete(x, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// stopClient disables a client and ends its tokens.
func stopClient(x *gate.Tx, c Client) error {
	list, err := tokens.Find(x, gate.Eq("client_id", c.ID))
	if err != nil {
		return err
	}
	for _, t := range list {
		if err := tokens.Delete(x, t.ID); err != nil {
			return err
		}
	}
	c.State = Disabled
	return clients.Update(x, &c)
}
