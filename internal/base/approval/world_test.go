package approval_test

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

// A test module: the limit above which an invoice needs approval.
//
//go:embed testdata/schema/*.sql
var files embed.FS

func sub() fs.FS { s, _ := fs.Sub(files, "testdata"); return s }

type Rule struct {
	gate.Row
	Dept  string `json:"dept" col:"department_id" class:"internal"`
	Limit int64  `json:"limit" col:"limit_yen" class:"internal"`
	By    string `json:"by" col:"set_by" class:"internal"`
}

var rules = gate.NewTable[Rule]("rule", gate.Scoped("", "department_id", ""))

type Weaken struct {
	ID     string `json:"id" required:"true"`
	Limit  int64  `json:"limit"`
	Reason string `json:"reason"`
	Memo   string `json:"memo"`
}

// fixed makes Do refuse, as an op may at the last moment.
const fixed = 666

func target(x *gate.Tx, id string) (gate.Target, error) {
	r, err := rules.Get(x, id)
	return gate.Target{Kind: "rule", ID: r.ID, Department: r.Dept}, err
}

var weaken = gate.New(gate.Op[Weaken, Rule]{
	Name: "rule.weaken", Mode: gate.Write,
	Target: func(x *gate.Tx, in Weaken) (gate.Target, error) { return target(x, in.ID) },
	FourEyes: func(x *gate.Tx, in Weaken) (gate.Second, error) {
		r, err := rules.Get(x, in.ID)
		if r.Limit < 0 {
			return gate.Second{}, fault.Refused("gate.taken", "table", "rule")
		}
		d := sha256.Sum256(fmt.Append(nil, r.ID, r.Version, r.Limit))
		return gate.Second{Needed: in.Limit > r.Limit, Digest: d[:], Department: r.Dept,
			Before: map[string]int64{"limit": r.Limit}, After: map[string]int64{"limit": in.Limit}}, err
	},
	Do: func(x *gate.Tx, in Weaken) (Rule, error) {
		r, err := rules.Get(x, in.ID)
		if err != nil {
			return r, err
		}
		r.Limit, r.By = in.Limit, x.Actor().Person
		if err := rules.Update(x, &r); err != nil {
			return r, err
		}
		if in.Limit == fixed {
			return r, fault.Refused("gate.taken", "table", "rule")
		}
		return r, nil
	},
})

type Make struct {
	Dept  string `json:"dept"`
	Limit int64  `json:"limit"`
}

var create = gate.New(gate.Op[Make, Rule]{
	Name: "rule.make", Mode: gate.Write,
	Target: func(*gate.Tx, Make) (gate.Target, error) { return gate.Target{Kind: "rule", ID: "new"}, nil },
	Do: func(x *gate.Tx, in Make) (Rule, error) {
		r := Rule{Dept: in.Dept, Limit: in.Limit}
		return r, rules.Insert(x, &r)
	},
})

type Put struct {
	ID    string `json:"id"`
	Limit int64  `json:"limit"`
}

var put = gate.New(gate.Op[Put, Rule]{
	Name: "rule.put", Mode: gate.Write,
	Target: func(x *gate.Tx, in Put) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in Put) (Rule, error) {
		r, err := rules.Get(x, in.ID)
		if err != nil {
			return r, err
		}
		r.Limit = in.Limit
		return r, rules.Update(x, &r)
	},
})

var show = gate.New(gate.Op[approval.ByID, Rule]{
	Name: "rule.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in approval.ByID) (gate.Target, error) { return target(x, in.ID) },
	Do:     func(x *gate.Tx, in approval.ByID) (Rule, error) { return rules.Get(x, in.ID) },
})

const matrix = `
role manager clearance=personal
role clerk clearance=personal
role auditor clearance=internal
rule.weaken: boss=all clerk=all manager=all
rule.weaken approve: boss=all manager=department
rule.weaken emergency: clerk=department
approval.urgent: clerk=department manager=all boss=all
approval.urgent_show: clerk=department manager=all boss=all
approval.emergency: clerk=department manager=all boss=all
approval.haste: boss=all manager=own
approval.reviews: boss=all manager=department
approval.review: boss=all manager=department
approval.list: boss=all manager=all clerk=own auditor=all
approval.show: boss=all manager=all clerk=own auditor=all
approval.approve: boss=all manager=all
approval.reject: boss=all manager=all
approval.withdraw: boss=all manager=own clerk=own
approval.delegate: boss=own manager=own clerk=own
approval.deputies: boss=own manager=own clerk=own
approval.end_delegation: boss=all manager=own
`

// each opens worlds with people: a name that begins with client- is a program.
func each(t *testing.T, f func(t *testing.T, w *gatetest.World)) {
	o := gatetest.Options{Matrix: matrix, Request: approval.Keep,
		Modules: []gate.Module{identity.Module, approval.Module, {Name: "rule", Schema: sub(), Ops: []gate.Any{create, weaken, put, show, plant}, Tables: []gate.AnyTable{rules}}}}
	p, err := gatetest.Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	plain := gatetest.Resolve(p)
	o.Resolve = approval.Deputise(func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		a, err := plain(x, op)
		if strings.HasPrefix(a.Person, "client-") {
			a.Via = policy.ViaClient
		}
		return a, err
	})
	gatetest.Each(t, o, f)
}

// hire opens an account with a role, to which a second person agrees.
func hire(t *testing.T, w *gatetest.World, login, dept, role string) gate.Credential {
	t.Helper()
	in := identity.CreateIn{Department: dept, HiredOn: civil.MustParse("2020-04-01"),
		Particulars: identity.Particulars{Login: login, Number: login, Name: "山田 " + login, Kana: "ヤマダ", Mail: login + "@hokuto-supply.example"}}
	id := gatetest.Must[identity.StartOut](t)(gate.Run(bg, w.G, boss, identity.CreatePerson, in)).ID
	_, err := gate.Run(bg, w.G, boss, identity.GrantRole, identity.RoleIn{Person: id, Role: role, Reason: "着任のため"})
	f := wants(t, err, fault.KindPending, "gate.pending")
	if err := approve(w, gatetest.Boss("second"), state(t, w, f.Args[1].(string))); err != nil {
		t.Fatal(err)
	}
	return person(id, dept, role)
}

var bg = context.Background()

func wants(t *testing.T, err error, k fault.Kind, key string) *fault.Error {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
	return f
}

func person(id, dept, role string) gate.Credential {
	return gatetest.Person{ID: id, Roles: []string{role}, Departments: []string{dept}, StepUp: true}.As()
}

var (
	boss    = gatetest.Boss("boss")
	clerk   = person("clerk", "east", "clerk")
	manager = person("manager", "east", "manager")
	far     = person("far", "west", "manager")
)

// rule makes a rule of east, and asks as clerk to weaken it: the request's id.
func request(t *testing.T, w *gatetest.World, who gate.Credential, limit int64) (Rule, approval.Shown) {
	t.Helper()
	r := gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, create, Make{Dept: "east", Limit: 100}))
	return r, again(t, w, who, r.ID, limit)
}

func again(t *testing.T, w *gatetest.World, who gate.Credential, id string, limit int64) approval.Shown {
	t.Helper()
	_, err := gate.Run(bg, w.G, who, weaken, Weaken{ID: id, Limit: limit, Reason: "繁忙期のため", Memo: "planted-memo"})
	f := wants(t, err, fault.KindPending, "gate.pending")
	return state(t, w, f.Args[1].(string))
}

func approve(w *gatetest.World, who gate.Credential, s approval.Shown) error {
	_, err := gate.Run(bg, w.G, who, approval.Approve, approval.ApproveIn{ID: s.ID, Digest: s.Digest, Comment: "確認しました"})
	return err
}

func limit(t *testing.T, w *gatetest.World, id string) int64 {
	t.Helper()
	return gatetest.Must[Rule](t)(gate.Run(bg, w.G, boss, show, approval.ByID{ID: id})).Limit
}

func state(t *testing.T, w *gatetest.World, id string) approval.Shown {
	t.Helper()
	return gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, boss, approval.Show, approval.ByID{ID: id}))
}

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func day(w *gatetest.World, n int) civil.Date { return civil.Of(w.Clock.Now()).AddDays(n) }

func delegate(t *testing.T, w *gatetest.World, from, to gate.Credential) string {
	t.Helper()
	return gatetest.Must[approval.Delegation](t)(gate.Run(bg, w.G, from, approval.Delegate,
		approval.DelegateIn{To: who(t, to), FromDate: day(w, 0), UntilDate: day(w, 6), Reason: "出張のため"})).ID
}

// who is the id of the person a credential stands for.
func who(t *testing.T, c gate.Credential) string {
	t.Helper()
	var p gatetest.Person
	if err := json.Unmarshal([]byte(c.Secret()), &p); err != nil {
		t.Fatal(err)
	}
	return p.ID
}
