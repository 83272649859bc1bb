package identity_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// program is an API client of the tests.
type program struct {
	w   *world
	id  string
	key vault.Secret
	n   int
}

func (w *world) program(owner *who, ops ...string) *program {
	public, private := vault.NewClientKey()
	out := must(gate.Run(bg, w.G, w.admin.cred, identity.CreateClient, identity.ClientIn{Name: "会計連携", Owner: owner.id, Ops: ops, PublicKey: public}))
	return &program{w: w, id: out.ID, key: private}
}

func (p *program) enable() {
	p.w.t.Helper()
	p.w.ok(p.w.wit.agreeTo(ask(p.w.admin, identity.EnableClient, identity.ReasonIn{ID: p.id, Reason: "会計ソフトとの連携"})))
}

func (p *program) assertion() identity.Assertion {
	p.n++
	now := p.w.G.Now().Unix()
	return identity.Assertion{Client: p.id, Audience: "sekisho.test", IssuedAt: now, EndsAt: now + 60, ID: fmt.Sprintf("assertion-%08d", p.n)}
}

func (p *program) send(a identity.Assertion) (identity.TokenOut, error) {
	raw := must(json.Marshal(a))
	return gate.Run(bg, p.w.G, gate.Nobody(office), identity.IssueToken, identity.AssertionIn{Assertion: raw, Signature: must(vault.SignEd25519(p.key, raw))})
}

func TestC84_ClientsAreOffUntilEnabled(t *testing.T) {
	staffed(t, true, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		key := make([]byte, 32)
		for _, op := range []string{"probe.nothing", "identity.me", "identity.stepup", "record.search"} {
			_, err := gate.Run(bg, w.G, w.admin.cred, identity.CreateClient, identity.ClientIn{Name: "x", Owner: p.id, Ops: []string{op}, PublicKey: key})
			w.wants(err, fault.KindInvalid, "identity.client_op")
		}
		_, err := gate.Run(bg, w.G, w.admin.cred, identity.CreateClient, identity.ClientIn{Name: "x", Owner: "nobody", Ops: []string{"probe.act"}, PublicKey: key})
		w.wants(err, fault.KindInvalid, "identity.client_owner")
		_, err = gate.Run(bg, w.G, w.admin.cred, identity.CreateClient, identity.ClientIn{Name: "x", Owner: p.id, Ops: []string{"probe.act"}, PublicKey: make([]byte, 31)})
		w.wants(err, fault.KindInvalid, "identity.client_key")
		_, err = gate.Run(bg, w.G, w.admin.cred, identity.CreateClient, identity.ClientIn{Name: "x", Owner: p.id, Ops: []string{"probe.act"}})
		w.wants(err, fault.KindInvalid, "gate.required") // nobody makes a key for somebody else
		_, err = gate.Run(bg, w.G, p.cred, identity.CreateClient, identity.ClientIn{Name: "x", Owner: p.id, Ops: []string{"probe.act"}, PublicKey: key})
		w.wants(err, fault.KindDenied, "policy.role_never")

		c := w.program(p, "probe.act")
		_, err = c.send(c.assertion())
		w.wants(err, fault.KindRefused, "identity.client_disabled")
		c.enable()
		tok := must(c.send(c.assertion()))
		cred := gate.Client(tok.Token, office)
		_, err = gate.Run(bg, w.G, cred, probe, identity.None{}) // not on its list
		w.wants(err, fault.KindDenied, "policy.client_scope")
		_, err = gate.Run(bg, w.G, cred, act, noteIn{"x"}) // on its list, but it can never step up
		w.wants(err, fault.KindStepUp, "gate.step_up")
		_, err = gate.Run(bg, w.G, cred, identity.StepUp, identity.StepUpIn{Code: p.fresh(), Act: "probe.act"})
		w.wants(err, fault.KindDenied, "policy.client_scope")
		_, err = gate.Run(bg, w.G, gate.Session(tok.Token, office), probe, identity.None{}) // a token is no session
		w.wants(err, fault.KindDenied, identity.Over)
		_, err = gate.Run(bg, w.G, gate.Client(p.cred.Secret(), office), act, noteIn{"x"}) // nor a session a token
		w.wants(err, fault.KindDenied, identity.Over)
		ls := must(gate.Run(bg, w.G, w.admin.cred, identity.Clients, identity.ClientsIn{})).Rows
		if len(ls) != 1 || ls[0].State != identity.Active || ls[0].Owner != p.id || len(ls[0].PublicKey) != 32 {
			t.Fatal(ls)
		}
	})
}

func TestC84_TheConfigurationSwitchesClientsOff(t *testing.T) {
	staffed(t, false, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		c := w.program(p, "probe.act")
		_, err := c.send(c.assertion())
		w.wants(err, fault.KindDenied, "identity.clients_off")
		_, err = gate.Run(bg, w.G, w.admin.cred, identity.EnableClient, identity.ReasonIn{ID: c.id, Reason: "会計ソフトとの連携"})
		w.wants(err, fault.KindDenied, "identity.clients_off")
		_, err = gate.Run(bg, w.G, gate.Client("x.y", office), probe, identity.None{})
		w.wants(err, fault.KindDenied, "identity.clients_off")
	})
}

// alive tells whether a token still stands for its client, whose op then asks
// for a code it can never give.
func (w *world) alive(tok identity.TokenOut) bool {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, gate.Client(tok.Token, office), act, noteIn{"x"})
	if fault.Of(err).Key == identity.Over {
		return false
	}
	w.wants(err, fault.KindStepUp, "gate.step_up")
	return true
}

func TestC85_TokensAreShortBoundAndRevocable(t *testing.T) {
	staffed(t, true, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		c := w.program(p, "probe.act")
		c.enable()
		a := c.assertion()
		tok := must(c.send(a))
		_, err := c.send(a)
		w.wants(err, fault.KindRefused, "identity.assertion_used")
		w.Clock.Pass(14 * time.Minute)
		if !w.alive(tok) {
			t.Fatal("not fifteen minutes yet")
		}
		_, err = c.send(a) // long after, the memory of it may be gone: then its time is over
		w.wants(err, fault.KindRefused, "identity.assertion_over")
		w.Clock.Pass(61 * time.Second)
		if w.alive(tok) {
			t.Fatal("a token outlived its fifteen minutes")
		}

		for key, change := range map[string]func(*identity.Assertion){
			"identity.assertion_aud":  func(a *identity.Assertion) { a.Audience = "another.installation" },
			"identity.assertion_time": func(a *identity.Assertion) { a.EndsAt++ },
			"identity.assertion_jti":  func(a *identity.Assertion) { a.ID = "short" },
		} {
			a := c.assertion()
			change(&a)
			_, err := c.send(a)
			w.wants(err, fault.KindRefused, key)
		}
	})
}

func TestC85_TokensEndWithTheirClientAndOwner(t *testing.T) {
	staffed(t, true, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		c := w.program(p, "probe.act")
		c.enable()
		tok := must(c.send(c.assertion()))
		must(gate.Run(bg, w.G, w.admin.cred, identity.DisableClient, identity.ReasonIn{ID: c.id, Reason: "漏えいの疑い"}))
		if w.alive(tok) {
			t.Fatal("a disabled client's token is alive")
		}
		c.enable()
		if w.alive(tok) {
			t.Fatal("it came back to life")
		}
		tok = must(c.send(c.assertion()))
		must(gate.Run(bg, w.G, w.admin.cred, identity.DisablePerson, identity.ReasonIn{ID: p.id, Reason: "退職のため"}))
		if w.alive(tok) {
			t.Fatal("a token outlived its owner's account")
		}
		_, err := c.send(c.assertion())
		w.wants(err, fault.KindRefused, "identity.client_disabled")
	})
}

// Until the signature is right, every way of being wrong reads the same.
func TestC85_WrongAssertionsTellNothing(t *testing.T) {
	staffed(t, true, func(w *world) {
		c := w.program(w.hire("tanaka.jiro", "2001", "sales"), "probe.act")
		c.enable()
		raw := must(json.Marshal(c.assertion()))
		sig := must(vault.SignEd25519(c.key, raw))
		_, other := vault.NewClientKey()
		unknown := c.assertion()
		unknown.Client = "nobody"
		rawUnknown := must(json.Marshal(unknown))
		for _, in := range []identity.AssertionIn{
			{Assertion: raw, Signature: must(vault.SignEd25519(other, raw))},
			{Assertion: append([]byte(" "), raw...), Signature: sig},
			{Assertion: raw, Signature: sig[:63]},
			{Assertion: rawUnknown, Signature: must(vault.SignEd25519(c.key, rawUnknown))},
			{Assertion: []byte("{"), Signature: sig},
			{Assertion: []byte(`{"client":"a","client":"b"}`), Signature: sig},
			{Assertion: []byte(`{"client":"a","admin":true}`), Signature: sig},
		} {
			_, err := gate.Run(bg, w.G, gate.Nobody(office), identity.IssueToken, in)
			w.wants(err, fault.KindRefused, "identity.assertion")
		}
	})
}
