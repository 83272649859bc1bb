package party_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

var bg = context.Background()

// people are everybody in the tests' company, by id.
var people = map[string]gatetest.Person{
	"sato":    {ID: "sato", Roles: []string{"sales"}, Departments: []string{"east"}, StepUp: true},
	"suzuki":  {ID: "suzuki", Roles: []string{"sales"}, Departments: []string{"west"}, StepUp: true},
	"clara":   {ID: "clara", Roles: []string{"clerk"}, Departments: []string{"east"}, StepUp: true},
	"keiri":   {ID: "keiri", Roles: []string{"accounting"}, Departments: []string{"head"}, StepUp: true},
	"tired":   {ID: "tired", Roles: []string{"accounting"}, Departments: []string{"head"}},
	"chief":   {ID: "chief", Roles: []string{"controller"}, Departments: []string{"head"}, StepUp: true},
	"east":    {ID: "east", Roles: []string{"manager"}, Departments: []string{"east"}, StepUp: true},
	"west":    {ID: "west", Roles: []string{"manager"}, Departments: []string{"west"}, StepUp: true},
	"audit":   {ID: "audit", Roles: []string{"auditor"}, StepUp: true},
	"witness": {ID: "witness", Roles: []string{"attendant"}, StepUp: true},
	"root":    {ID: "root", Roles: []string{"admin"}, StepUp: true},
	"hr":      {ID: "hr", Roles: []string{"hr"}, StepUp: true},
}

func as(id string) gate.Credential { return gate.OnBehalf(id) }

// The real rows of the matrix, with a role for the tests' own import module.
func matrix(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, f := range []string{"00_roles", "approval", "party"} {
		text, err := os.ReadFile("../../app/matrix/" + f + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	for _, op := range []string{"put", "publish", "undo", "all", "hold"} {
		fmt.Fprintf(&b, "stage.%s: accounting=all sales=own\n", op)
	}
	return b.String()
}

func options(t *testing.T) gatetest.Options {
	o := gatetest.Options{Modules: []gate.Module{party.Module, approval.Module, stageModule}, Matrix: matrix(t), Request: approval.Keep}
	p, err := gatetest.Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Resolve = func(x *gate.Tx, _ gate.Info) (gate.Actor, error) {
		who, ok := people[x.Credential().Secret()]
		if !ok {
			return gate.Actor{Via: policy.ViaNobody, Roles: []string{"nobody"}}, nil
		}
		return gate.Actor{Via: policy.ViaSession, Person: who.ID, Roles: who.Roles, Departments: who.Departments,
			Clearance: p.Matrix().Clearance(who.Roles), Factors: 2, StepUp: who.StepUp}, nil
	}
	return o
}

type world struct {
	*gatetest.World
	t *testing.T
}

func each(t *testing.T, f func(t *testing.T, w world)) {
	t.Helper()
	gatetest.Each(t, options(t), func(t *testing.T, w *gatetest.World) { f(t, world{w, t}) })
}

// do runs an op that must succeed.
func do[In, Out any](w world, who string, op *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := gate.Run(bg, w.G, as(who), op, in)
	if err != nil {
		w.t.Fatalf("%s by %s: %v", op.Name(), who, err)
	}
	return out
}

// fails runs an op that must end with a fault of this kind and key; "" is any key.
func fails[In, Out any](w world, who string, op *gate.UseCase[In, Out], in In, k fault.Kind, key string) *fault.Error {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, as(who), op, in)
	if err == nil {
		w.t.Fatalf("%s by %s: no fault, want %s %s", op.Name(), who, k, key)
	}
	f := fault.Of(err)
	if len(f.Parts) == 1 && f.Key != key {
		f = f.Parts[0]
	}
	if f.Kind != k || key != "" && f.Key != key {
		w.t.Fatalf("%s by %s: want %s %s, got %v", op.Name(), who, k, key, err)
	}
	return f
}

// ask runs a four-eyes op and gives the id of the request it became.
func ask[In, Out any](w world, who string, op *gate.UseCase[In, Out], in In) string {
	w.t.Helper()
	f := fails(w, who, op, in, fault.KindPending, "gate.pending")
	for i := 0; i+1 < len(f.Args); i += 2 {
		if f.Args[i] == "request" {
			return f.Args[i+1].(string)
		}
	}
	w.t.Fatal("no request", f.Args)
	return ""
}

// approve agrees to a request as it is shown.
func (w world) approve(who, request string) {
	w.t.Helper()
	s := do(w, who, approval.Show, approval.ByID{ID: request})
	do(w, who, approval.Approve, approval.ApproveIn{ID: request, Digest: s.Digest})
}

// refuses wants the approval to end with this fault, or with one it is caused by.
func (w world) refuses(who, request, key string) {
	w.t.Helper()
	s := do(w, who, approval.Show, approval.ByID{ID: request})
	_, err := gate.Run(bg, w.G, as(who), approval.Approve, approval.ApproveIn{ID: request, Digest: s.Digest})
	f := fault.Of(err)
	if err == nil || f.Key != key && (len(f.Parts) == 0 || f.Parts[0].Key != key) {
		w.t.Fatalf("want %s, got %v", key, err)
	}
}

// agreed runs a four-eyes op and has it approved.
func agreed[In, Out any](w world, who, second string, op *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	w.approve(second, ask(w, who, op, in))
}

func (w world) shown(id string) party.Shown {
	w.t.Helper()
	return do(w, "keiri", party.ShowOp, party.ByID{ID: id})
}

var monthEnd = civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}

// partner enters a partner of sato's in the department east.
func (w world) partner(code, name string) party.Party {
	w.t.Helper()
	return do(w, "keiri", party.Create, party.CreateIn{Code: code, Name: name, Terms: monthEnd, Owner: "sato", Department: "east",
		Phone: "03-1234-5678", PostalCode: "100-0001", Address: "東京都千代田区千代田1-1"})
}

// point enters a verified delivery point.
func (w world) point(p party.Party, address string) party.DeliveryPoint {
	w.t.Helper()
	d := do(w, "sato", party.PointPropose, party.ProposeIn{Party: p.ID, Address: address})
	agreed(w, "sato", "keiri", party.PointVerify, party.VerifyIn{ID: d.ID, Version: 1, How: "phone", Reason: "代表番号で確認"})
	return w.at(p.ID, d.ID)
}

func (w world) at(partner, point string) party.DeliveryPoint {
	w.t.Helper()
	for _, d := range w.shown(partner).Points {
		if d.ID == point {
			return d
		}
	}
	w.t.Fatal("no point", point)
	return party.DeliveryPoint{}
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
