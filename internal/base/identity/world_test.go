package identity_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/vault"
)

var bg = context.Background()

var (
	office   = netip.MustParseAddr("192.0.2.10")
	attacker = netip.MustParseAddr("203.0.113.66")
	home     = netip.MustParseAddr("2001:db8:1::5")
)

// asks keeps four-eyes requests as base/approval would.
type asks struct {
	mu  sync.Mutex
	all []gate.Approval
}

func (a *asks) keep(x *gate.Tx, q gate.Ask) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, gate.Approval{Op: q.Op, Input: q.Input, Digest: q.Digest, Requester: x.Actor().Person})
	return fmt.Sprint(len(a.all)), nil
}

type agreeIn struct {
	N int `json:"n"`
}

// agree lets the actor decide about the n-th request.
func (a *asks) agree() *gate.UseCase[agreeIn, identity.Done] {
	return gate.New(gate.Op[agreeIn, identity.Done]{
		Name: "agree.agree", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
		Target: func(*gate.Tx, agreeIn) (gate.Target, error) { return gate.Target{Kind: "agree", ID: "*"}, nil },
		Do: func(x *gate.Tx, in agreeIn) (identity.Done, error) {
			q := a.all[in.N]
			now, err := gate.MayApprove(x, q)
			if err != nil {
				return identity.Done{}, err
			}
			if !vault.Equal(now, q.Digest) || q.Requester == x.Actor().Person {
				return identity.Done{}, fault.Conflict("gate.conflict")
			}
			return identity.Done{}, gate.RunApproved(x, q)
		},
	})
}

// probe is an op of another module that says who came in.
var probe = gate.New(gate.Op[identity.None, probeOut]{
	Name: "probe.show", Mode: gate.Read,
	Target: func(*gate.Tx, identity.None) (gate.Target, error) { return gate.Target{Kind: "probe", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ identity.None) (probeOut, error) {
		a := x.Actor()
		return probeOut{a.Person, string(a.Via), len(a.Roles), a.Factors, a.StepUp, len(a.Departments)}, nil
	},
})

// act and other are writes that want a fresh code; other also works outside.
var (
	act   = stepped("probe.act", nil)
	other = stepped("probe.other", func(*gate.Tx, noteIn) (func(context.Context) (any, error), error) {
		return func(context.Context) (any, error) { return nil, nil }, nil
	})
)

type noteIn struct {
	Note string `json:"note" required:"true"`
}

func stepped(name string, work func(*gate.Tx, noteIn) (func(context.Context) (any, error), error)) *gate.UseCase[noteIn, identity.Done] {
	return gate.New(gate.Op[noteIn, identity.Done]{
		Name: name, Mode: gate.Write, Needs: gate.Needs{StepUp: true}, Work: work,
		Target: func(*gate.Tx, noteIn) (gate.Target, error) { return gate.Target{Kind: "probe", ID: "*"}, nil },
		Do: func(x *gate.Tx, _ noteIn) (identity.Done, error) {
			plan, err := identity.StepUpPlan(x)
			return identity.Done{ID: plan}, err
		},
	})
}

type probeOut struct {
	Person      string `json:"person" class:"internal"`
	Via         string `json:"via" class:"internal"`
	Roles       int    `json:"roles" class:"internal"`
	Factors     int    `json:"factors" class:"internal"`
	StepUp      bool   `json:"step_up" class:"internal"`
	Departments int    `json:"departments" class:"internal"`
}

// world is an installation with its first two people.
type world struct {
	*gatetest.World
	t     *testing.T
	seen  *identity.Seen
	asks  *asks
	agree *gate.UseCase[agreeIn, identity.Done]
	code  string
	admin *who // 管理者
	wit   *who // 立会人
}

// who is a person of the tests with what they know and carry.
type who struct {
	w                       *world
	id, login, pass, secret string
	recovery                []string
	cred                    gate.Credential
}

const firstPassword = "ながい さんぽみち 七分目 ゆうやけ"

func particulars(login, number, name, kana string) identity.Particulars {
	return identity.Particulars{Login: login, Number: number, Name: name, Kana: kana, Mail: login + "@hokuto-supply.example"}
}

// each runs f in a bare installation with its set-up code, on both engines.
func each(t *testing.T, clients bool, f func(w *world)) {
	a := &asks{}
	seen := identity.NewSeen()
	var matrix string
	for _, name := range []string{"00_roles", "identity"} {
		b, err := os.ReadFile("../../app/matrix/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		matrix += string(b)
	}
	matrix += "\nagree.agree: member=all\nprobe.show: member=all system=all\nprobe.act: sales=all admin=all\nprobe.other: sales=all admin=all\n"
	agree := a.agree()
	o := gatetest.Options{
		Modules: []gate.Module{identity.Module, {Name: "agree", Ops: []gate.Any{agree}}, {Name: "probe", Ops: []gate.Any{probe, act, other}}},
		Matrix:  matrix, Request: a.keep, Resolve: identity.NewResolve(seen, clients),
	}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		a.all = nil
		w := &world{World: g, t: t, seen: seen, asks: a, agree: agree}
		w.code = gatetest.Must[identity.CodeOut](t)(gate.Run(bg, g.G, gate.System("serve"), identity.MakeSetupCode, identity.None{})).Code
		f(w)
	})
}

// staffed runs f in an installation with an administrator and a 立会人.
func staffed(t *testing.T, clients bool, f func(w *world)) {
	each(t, clients, func(w *world) {
		out := must(w.setup(w.code, firstPassword))
		w.admin = &who{w: w, id: out.First, login: "yamada.hanako", pass: firstPassword}
		w.wit = &who{w: w, id: out.Second, login: "mori.ichiro", pass: out.StartPassword}
		w.admin.enrol()
		w.wit.begin()
		f(w)
	})
}

func (w *world) setup(code, password string) (identity.SetupOut, error) {
	return gate.Run(bg, w.G, gate.Nobody(office), identity.Setup, identity.SetupIn{Code: code,
		First:  identity.FirstPerson{Particulars: particulars("yamada.hanako", "1001", "山田 花子", "ヤマダ ハナコ"), Password: vault.NewSecret(password)},
		Second: identity.SecondPerson{Particulars: particulars("mori.ichiro", "1002", "森 一郎", "モリ イチロウ"), Role: "attendant"}})
}

// must ends the run: a world that cannot be built tests nothing.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) wants(err error, k fault.Kind, key string) {
	w.t.Helper()
	if f := fault.Of(err); f == nil || f.Kind != k || f.Key != key {
		w.t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fresh is a code that has not been used: half a minute passes first.
func (p *who) fresh() string {
	p.w.Clock.Pass(31 * time.Second)
	return p.now()
}

func (p *who) now() string {
	return must(vault.TOTPCode(vault.NewSecret(p.secret), p.w.Clock.Now()))
}

func (p *who) signIn(from netip.Addr, pass, code string) (identity.SignInOut, error) {
	return gate.Run(bg, p.w.G, gate.Nobody(from), identity.SignIn, identity.SignInIn{Login: p.login, Password: vault.NewSecret(pass), Code: code})
}

// in signs in with all there is.
func (p *who) in() {
	p.w.t.Helper()
	code := ""
	if p.secret != "" {
		code = p.fresh()
	}
	p.cred = gate.Session(must(p.signIn(office, p.pass, code)).Token, office)
}

// enrol signs in, enrols an authenticator and goes on with two factors.
func (p *who) enrol() {
	p.w.t.Helper()
	p.in()
	b := must(gate.Run(bg, p.w.G, p.cred, identity.BeginTOTP, identity.None{}))
	p.secret = b.Secret
	r := must(gate.Run(bg, p.w.G, p.cred, identity.ConfirmTOTP, identity.CodeIn{Code: p.fresh()}))
	p.recovery, p.cred = r.RecoveryCodes, gate.Session(r.Token, office)
}

// begin is the first day of somebody with a start password.
func (p *who) begin() {
	p.w.t.Helper()
	p.in()
	r := must(p.change(p.pass, "しずかな みずうみの ほとり "+p.login[:1]+"9"))
	p.pass, p.cred = "しずかな みずうみの ほとり "+p.login[:1]+"9", gate.Session(r.Token, office)
	p.enrol()
}

func (p *who) change(old, now string) (identity.Renewed, error) {
	return gate.Run(bg, p.w.G, p.cred, identity.ChangePassword, identity.ChangeIn{Old: vault.NewSecret(old), New: vault.NewSecret(now)})
}

// step gives a fresh code for an act.
func (p *who) step(act string) *who {
	p.w.t.Helper()
	must(gate.Run(bg, p.w.G, p.cred, identity.StepUp, identity.StepUpIn{Code: p.fresh(), Act: act}))
	return p
}

// ask runs a four-eyes op, which must become a request, and gives its number.
func ask[In, Out any](p *who, u *gate.UseCase[In, Out], in In) int {
	p.w.t.Helper()
	p.step(u.Name())
	_, err := gate.Run(bg, p.w.G, p.cred, u, in)
	p.w.wants(err, fault.KindPending, "gate.pending")
	return len(p.w.asks.all) - 1
}

// agree decides about a request as second person.
func (p *who) agreeTo(n int) error {
	p.w.t.Helper()
	p.step("agree.agree")
	_, err := gate.Run(bg, p.w.G, p.cred, p.w.agree, agreeIn{n})
	return err
}

// hire makes a person with roles who has signed in with two factors.
func (w *world) hire(login, number string, roles ...string) *who {
	w.t.Helper()
	p := w.register(login, number)
	for _, r := range roles {
		w.ok(w.wit.agreeTo(ask(w.admin, identity.GrantRole, identity.RoleIn{Person: p.id, Role: r, Reason: "入社のため"})))
	}
	p.begin()
	return p
}

// register makes a person who has not signed in yet.
func (w *world) register(login, number string) *who {
	w.t.Helper()
	out := must(gate.Run(bg, w.G, w.admin.cred, identity.CreatePerson, identity.CreateIn{
		Particulars: particulars(login, number, "佐々木 "+login, "ササキ"), Department: "east", HiredOn: civil.MustParse("2026-04-01")}))
	return &who{w: w, id: out.ID, login: login, pass: out.Password}
}

func (p *who) probe() (probeOut, error) {
	return gate.Run(bg, p.w.G, p.cred, probe, identity.None{})
}
