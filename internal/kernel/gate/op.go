// Package gate is the inner gate: the only door to the data.
//
// A use case is an Op value. Run is the only function that executes one and the
// only one that makes a live Tx; every store function takes a *Tx. So code that
// touches data has been decided on, is inside a transaction, and leaves a
// record: there is no other way to reach the database.
package gate

import (
	"context"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/kernel/policy"
)

// Mode says what an op does to the data.
type Mode uint8

const (
	Read  Mode = iota + 1 // one named thing
	List                  // many things, always narrowed to the actor's scope
	Write                 // changes something
)

func (m Mode) String() string { return [...]string{Read: "read", List: "list", Write: "write"}[m] }

// Target is what a decision is about; Actor is who asks.
type (
	Target = policy.Target
	Actor  = policy.Actor
)

// Second is what a second person would decide about.
type Second struct {
	Needed     bool
	Digest     []byte       // of exactly what is asked; any change of it voids the request
	Department string       // whose approver it concerns
	Class      policy.Class // of Before and After, Personal if 0: whoever is to decide must be cleared for it
	Before     any          // shown to the approver, with After
	After      any
	Silent     string // not needed: why, as a word for the record
}

// Needs is what an op asks beyond the role.
type Needs struct {
	StepUp bool // a fresh code for this kind of act
	Reason bool // In has a field Reason, and it may not be empty
}

// Op is one use case. Name, Mode, Target and Do are required.
type Op[In, Out any] struct {
	Name  string // "invoice.issue": permission, verb of the record, API path, CLI verb, text key
	Mode  Mode
	Needs Needs

	// Alone names what it must be alone on, e.g. the number series. The locks
	// are taken before the transaction begins.
	Alone func(in In) []string

	// Target finds what the op is about.
	Target func(x *Tx, in In) (Target, error)

	// FourEyes says whether a second person must agree. If so, the op becomes
	// a request; it runs, for its requester, when that person approves it.
	FourEyes func(x *Tx, in In) (Second, error)

	// Work reads what it needs and returns a function that runs outside any
	// transaction (hashing, rendering, reading files). Do finds its result
	// with Worked.
	Work func(x *Tx, in In) (func(context.Context) (any, error), error)

	// Do does it. It may run again after a conflict, so it must have no state
	// outside Tx.
	Do func(x *Tx, in In) (Out, error)
}

// UseCase is an Op that was checked; its fields cannot be assigned.
type UseCase[In, Out any] struct{ useCase }

// useCase is an op as the gate runs it. What it takes and gives are pointers here,
// to an In and an Out that only the op's own functions know: so the gate is
// compiled once and not anew for each of several hundred ops.
type useCase struct {
	Info     // without the schemas, which nobody needs at run time
	in, out  *shape
	errs     []string
	alone    func(in any) []string // nil: on nothing
	target   func(x *Tx, in any) (Target, error)
	fourEyes func(x *Tx, in any) (Second, error)                             // nil: nobody else
	work     func(x *Tx, in any) (func(context.Context) (any, error), error) // nil: none
	do       func(x *Tx, in any) (any, error)
	newIn    func() any // a pointer to nothing yet
	newOut   func() any
}

// Any is a use case of whatever type, for lists of them.
type Any interface{ core() *useCase }

func (u *useCase) core() *useCase { return u }

// Info describes an op.
type Info struct {
	Name     string
	Mode     Mode
	Needs    Needs
	FourEyes bool
	In, Out  map[string]any // JSON Schema
}

var opName = regexp.MustCompile(`^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*$`)

// New checks op and makes it a use case. What is wrong with it is told when the
// gate opens, so that the server cannot start with it.
func New[In, Out any](op Op[In, Out]) *UseCase[In, Out] {
	u := &UseCase[In, Out]{useCase{Info: Info{Name: op.Name, Mode: op.Mode, Needs: op.Needs, FourEyes: op.FourEyes != nil},
		newIn: func() any { return new(In) }, newOut: func() any { return new(Out) }}}
	if op.Target != nil {
		u.target = func(x *Tx, in any) (Target, error) { return op.Target(x, *in.(*In)) }
	}
	if op.Do != nil {
		u.do = func(x *Tx, in any) (any, error) {
			out, err := op.Do(x, *in.(*In))
			return &out, err
		}
	}
	if op.Alone != nil {
		u.alone = func(in any) []string { return op.Alone(*in.(*In)) }
	}
	if op.FourEyes != nil {
		u.fourEyes = func(x *Tx, in any) (Second, error) { return op.FourEyes(x, *in.(*In)) }
	}
	if op.Work != nil {
		u.work = func(x *Tx, in any) (func(context.Context) (any, error), error) { return op.Work(x, *in.(*In)) }
	}
	u.examine(reflect.TypeFor[In](), reflect.TypeFor[Out]())
	return u
}

// examine finds what is wrong with an op.
func (u *useCase) examine(in, out reflect.Type) {
	bad := func(f string, a ...any) {
		u.errs = append(u.errs, fmt.Sprintf("op %s: ", u.Name)+fmt.Sprintf(f, a...))
	}
	if !opName.MatchString(u.Name) || u.Mode < Read || u.Mode > Write || u.target == nil || u.do == nil {
		bad("name, mode, Target and Do are required")
	}
	if u.Mode != Write && (u.alone != nil || u.fourEyes != nil) {
		bad("only a Write has Alone or FourEyes")
	}
	if u.fourEyes != nil && u.work != nil {
		bad("an approved op runs inside the approval's transaction, so it has no Work")
	}
	var err error
	if u.in, err = shapeOf(in, false); err != nil {
		bad("input: %v", err)
	}
	if u.out, err = shapeOf(out, true); err != nil {
		bad("output: %v", err)
	}
	if u.Needs.Reason {
		f, ok := reflect.StructField{}, false
		if in.Kind() == reflect.Struct {
			f, ok = in.FieldByName("Reason")
		}
		if !ok || f.Type.Kind() != reflect.String {
			bad("needs a reason, but its input has no string field Reason")
		}
	}
}

// Name gives the op's name.
func (u *UseCase[In, Out]) Name() string { return u.Info.Name }

// described is Info with the schemas.
func (u *useCase) described() Info {
	i := u.Info
	if u.in != nil && u.out != nil {
		i.In, i.Out = u.in.schema(), u.out.schema()
	}
	return i
}

// Module is one package of use cases with its tables.
type Module struct {
	Name    string // prefix of its ops and tables
	Schema  fs.FS  // schema/NNN_name.sql
	Ops     []Any
	Tables  []AnyTable
	Queries []AnyQuery
}

func (m Module) check(seen map[string]Any) []string {
	var bad []string
	for _, o := range m.Ops {
		i := o.core()
		bad = append(bad, i.errs...)
		if seen[i.Name] != nil || !strings.HasPrefix(i.Name, m.Name+".") {
			bad = append(bad, fmt.Sprintf("op %s of module %s is doubled or misnamed", i.Name, m.Name))
		}
		seen[i.Name] = o
	}
	for _, t := range m.Tables {
		bad = append(bad, t.problems()...)
		if n := t.tableName(); n != m.Name && !strings.HasPrefix(n, m.Name+"_") {
			bad = append(bad, fmt.Sprintf("table %s is not named after module %s", n, m.Name))
		}
	}
	return bad
}

// Names are the names of all ops of modules.
func Names(mods []Module) []string {
	var out []string
	for _, m := range mods {
		for _, o := range m.Ops {
			out = append(out, o.core().Name)
		}
	}
	return out
}

// Infos describes all ops of modules in order, without a database.
func Infos(mods []Module) []Info {
	var out []Info
	for _, m := range mods {
		for _, o := range m.Ops {
			out = append(out, o.core().described())
		}
	}
	slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return out
}
