package gate

import "net/netip"

// Credential is what somebody shows at the gate. Who that is gets decided in
// the op's own transaction, so a session that was ended a moment ago is no
// session any more.
type Credential struct {
	kind   string
	secret string // token, person or name, by kind
	IP     netip.Addr
	Agent  string // user agent, cut to 200 bytes
	Idem   string // Idempotency-Key, "" if none
}

// Kinds of credentials, as Resolve sees them.
const (
	CredNobody  = "nobody"
	CredSession = "session"
	CredClient  = "client"
	CredPerson  = "person"
	CredSystem  = "system"
)

// Kind gives the kind.
func (c Credential) Kind() string { return c.kind }

// Secret gives the token (session, client), the person's id or the system's name.
func (c Credential) Secret() string { return c.secret }

// Nobody has not signed in.
func Nobody(ip netip.Addr) Credential { return Credential{kind: CredNobody, IP: ip} }

// Session shows the token of a signed-in person.
func Session(token string, ip netip.Addr) Credential {
	return Credential{kind: CredSession, secret: token, IP: ip}
}

// Client shows the token of an API client.
func Client(token string, ip netip.Addr) Credential {
	return Credential{kind: CredClient, secret: token, IP: ip}
}

// OnBehalf is for jobs and approved requests only (arch_test.go): the op runs
// for the person who asked, decided again now.
func OnBehalf(person string) Credential { return Credential{kind: CredPerson, secret: person} }

// System is the server itself; name says which part. Only app and jobs may
// make one (arch_test.go).
func System(name string) Credential { return Credential{kind: CredSystem, secret: name} }
