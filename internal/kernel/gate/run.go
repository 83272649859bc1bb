package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/policy"
)

// Conflicts are tried again for this long, then the op ends as a conflict.
const retryFor = 3 * time.Second

// A read that takes longer ends with a sentence that asks to narrow it.
const readFor = 2 * time.Second

// Run is the one door: validate → lock → begin → who → decide → find the
// target → decide → do → record → commit. Fields above the actor's clearance
// are emptied in what it returns.
func Run[In, Out any](ctx context.Context, g *Gate, c Credential, u *UseCase[In, Out], in In) (Out, error) {
	out, _, err := run(ctx, g, c, &u.useCase, &in)
	if err != nil {
		return *new(Out), err
	}
	return *out.(*Out), nil
}

func (u *useCase) json(ctx context.Context, g *Gate, c Credential, raw []byte) ([]byte, error) {
	in, err := u.decode(raw)
	if err != nil {
		if e := g.admit(ctx, c, u.Info); e != nil {
			return nil, e
		}
		return nil, u.invalid(ctx, g, c, err)
	}
	out, actor, err := run(ctx, g, c, u, in)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := u.out.encode(&b, reflect.ValueOf(out).Elem(), actor.Clearance); err != nil {
		return nil, fault.Failed(err)
	}
	return b.Bytes(), nil
}

func run(ctx context.Context, g *Gate, c Credential, u *useCase, in any) (out any, actor Actor, err error) {
	if !g.registered(u) {
		return out, actor, fault.Failed(errors.New("gate: op is not registered: " + u.Name))
	}
	if told := g.observer.Load(); told != nil {
		began := time.Now()
		defer func() { (*told)(u.Name, string(way(err)), time.Since(began)) }()
	}
	defer func() { // outside of the attempts, which look after themselves
		if p := recover(); p != nil {
			err = g.leave(ctx, g.blank(c, u.Name), panicked(u.Name, p))
		}
	}()
	if err := g.admit(ctx, c, u.Info); err != nil {
		return out, actor, err
	}
	if err := u.validate(in); err != nil {
		return out, actor, u.invalid(ctx, g, c, err)
	}
	var worked any
	if u.work != nil {
		if worked, err = u.workOut(ctx, g, c, in); err != nil {
			return out, actor, err
		}
	}
	began, once := time.Now(), u.Mode != Write && g.foresight.of(u.Name).calm >= calmFrom
	for {
		a := &attempt{g: g, u: u, in: in, cred: c, worked: worked, once: once}
		out, err = a.do(ctx)
		if once && errors.Is(err, db.ErrOnce) {
			g.foresight.missed(u.Name)
			once = false
			continue
		}
		if err == nil || !db.Retryable(err) && !errors.Is(err, errAgain) {
			return out, a.actor, err
		}
		if time.Since(began) > retryFor {
			return out, a.actor, g.leave(ctx, a.x.rec, fault.Conflict("gate.busy").Because(err))
		}
		time.Sleep(time.Duration(1+rand.IntN(20)) * time.Millisecond)
	}
}

// registered tells whether it is one of the gate's own ops.
func (g *Gate) registered(u *useCase) bool { return g.ops[u.Name] != nil && g.ops[u.Name].core() == u }

// panicked names the kind and place of a panic; what it says may hold values.
func panicked(op string, p any) error {
	return fmt.Errorf("panic (%T) in %s at %s", p, op, debug.Stack())
}

// invalid records an input that was not accepted, with who sent it.
func (u *useCase) invalid(ctx context.Context, g *Gate, c Credential, err error) error {
	x, e := g.begin(ctx, c, u.Name, Read, false, nil)
	if e == nil {
		e = func() (e error) {
			defer func() { x.live = false; x.root.t.Rollback() }()
			if e = x.who(u.Info); e == nil {
				_, e = x.reach(policy.Request{Op: u.Name})
			}
			return e
		}()
	}
	if e != nil { // who may not call at all learns nothing about the input
		err = trouble(e)
	}
	return g.leave(ctx, x.rec, err)
}

// errAgain asks for another attempt.
var errAgain = errors.New("gate: try again")

// met tells that two transactions met on the place of a record or on an
// Idempotency-Key: the next attempt takes another place, or finds the answer.
func met(err error) bool {
	return db.Unique(err) && (db.Table(err) == "audit_pending" || db.Table(err) == "gate_idem")
}

// attempt is one try of an op in one transaction.
type attempt struct {
	g      *Gate
	u      *useCase
	in     any // a pointer
	cred   Credential
	worked any
	once   bool // a read that one question is usually enough for
	x      *Tx
	actor  Actor
}

func (g *Gate) begin(ctx context.Context, c Credential, op string, mode Mode, once bool, alone []string) (*Tx, error) {
	x := &Tx{mode: mode, cred: c, rec: g.blank(c, op), live: true}
	x.root = &root{g: g, ctx: ctx, now: g.now(), seen: map[string][]string{}, sawKey: map[string]bool{}, loaded: map[string]any{},
		keys: map[string]*dataKey{}, wrapped: map[string][]byte{}}
	m := db.ReadOnly
	switch {
	case mode == Write:
		m = db.Write
	case once:
		m = db.Once
	}
	slices.Sort(alone)
	var err error
	x.root.t, err = g.db.Begin(ctx, m, slices.Compact(alone)...)
	return x, err
}

func (a *attempt) begin(ctx context.Context) (*Tx, error) {
	var alone []string
	if a.u.alone != nil {
		alone = a.u.alone(a.in)
	}
	x, err := a.g.begin(ctx, a.cred, a.u.Name, a.u.Mode, a.once, alone)
	a.x, x.worked = x, a.worked
	x.foresee(a.u.Name, a.in)
	return x, err
}

func (a *attempt) do(ctx context.Context) (out any, err error) {
	op := a.u
	if op.Mode != Write {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, readFor)
		defer stop()
	}
	x, err := a.begin(ctx)
	if err != nil {
		if db.Retryable(err) {
			return out, err
		}
		return out, a.g.leave(ctx, x.rec, trouble(err))
	}
	defer func() {
		x.live = false
		x.root.t.Rollback()
		if p := recover(); p != nil { // a defect of ours: nothing stays but the record
			err = a.g.leave(ctx, x.rec, panicked(op.Name, p))
		}
	}()
	if answer, err := a.answered(); err != nil {
		return out, a.end(err)
	} else if answer != nil {
		out = op.newOut()
		err := json.Unmarshal(answer, out)
		a.mask(out)
		x.rec.Rule = "idempotency" // nothing happened again
		return out, a.end(err)
	} else if a.worked == any(workedBefore{}) { // the answer was forgotten just now
		return out, a.end(fault.Conflict("gate.conflict"))
	}
	out, err = a.u.inside(x, a.in)
	a.actor = x.actor
	if a.once && x.root.t.Trips() > 1 { // what it saw after that is not known to be of one moment
		return out, db.ErrOnce
	}
	if err == nil {
		a.mask(out)
	}
	var keep refusal
	if err != nil && !errors.As(err, &keep) {
		return out, a.end(err)
	}
	if op.Mode != Write {
		return out, a.end(err)
	}
	if err == nil {
		if err := x.idemKeep(a.u.Name, a.in, out); err != nil {
			return out, a.end(err)
		}
	}
	return out, a.commit(err, out)
}

// mask empties what is above the actor's clearance, before the record is
// written: it names the classes that leave.
func (a *attempt) mask(out any) {
	var left classes
	a.u.out.mask(reflect.ValueOf(out).Elem(), a.actor.Clearance, &left)
	a.x.rec.Unmasked = left.String()
}

// answered gives the first answer to a repeated Idempotency-Key, if whoever
// asks may still run the op at all.
func (a *attempt) answered() ([]byte, error) {
	if a.cred.Idem == "" || a.u.Mode != Write {
		return nil, nil
	}
	if err := a.x.who(a.u.Info); err != nil {
		return nil, err
	}
	a.actor = a.x.actor
	if _, err := a.x.reach(policy.Request{Op: a.u.Name}); err != nil {
		return nil, err
	}
	return a.x.idemFind(a.u.Name, a.in)
}

// end ends without anything written: reads, and every kind of failure. The
// record goes its own way and is durable before the answer leaves.
func (a *attempt) end(err error) error {
	x := a.x
	switch {
	case db.Retryable(err):
		return err
	case met(err):
		return errAgain
	}
	if trips := x.root.t.Trips(); err == nil && x.root.ahead != nil && x.mode != Write {
		a.g.foresight.settled(a.u.Name, trips)
	}
	x.root.t.Rollback()
	x.root.marks = nil // nothing was written
	if err != nil {
		return a.g.leave(x.root.ctx, x.rec, trouble(err))
	}
	p, err := a.g.finish(x, audit.OK)
	for _, p := range append(x.root.records, p) { // of called ops too
		if err == nil {
			err = a.g.access.put(x.root.ctx, p)
		}
	}
	if err != nil {
		return fault.Unavailable("gate.no_record").Because(err)
	}
	return nil
}

// commit writes the records into the transaction and commits both.
func (a *attempt) commit(refused error, out any) error {
	x := a.x
	if x.root.broken { // what a called op would have kept goes with all the rest
		if refused == nil {
			refused = errors.New("gate: a called op failed and its error was dropped")
		}
		return a.end(refused)
	}
	outcome := audit.OK
	if refused != nil {
		x.refuse(fault.Of(refused))
		outcome = outcomeOf(fault.Of(refused).Kind)
	}
	p, err := a.g.finish(x, outcome)
	if err != nil {
		return a.end(err)
	}
	all := append(x.root.records, p)
	if err := a.g.commitPending(x.root.ctx, x.root.t, all); err != nil {
		switch {
		case met(err) || a.g.db.Lite && db.Unique(err): // SQLite names no table; only the record is left to write
			return errAgain
		case db.Retryable(err):
			return err
		}
		// Whether the commit took place is not always known (the line broke):
		// this record must not have the id of that one.
		x.rec.ID = a.g.NewID()
		return a.g.leave(x.root.ctx, x.rec, trouble(err))
	}
	a.g.committed(all)
	for _, f := range x.root.after {
		f()
	}
	if refused != nil {
		return numbered(fault.Of(refused), x.rec.ID)
	}
	return nil
}

func (x *Tx) refuse(f *fault.Error) { x.rec.Reason = f.Key }

// inside is what happens inside the transaction, for an op that was run and
// for one that another op calls.
func (u *useCase) inside(x *Tx, in any) (out any, err error) {
	if err := x.who(u.Info); err != nil {
		return out, err
	}
	if _, err := u.decide(x, in, policy.Request{}); err != nil {
		return out, err
	}
	if u.fourEyes != nil && !x.Approved() {
		if err := u.second(x, in); err != nil {
			return out, err
		}
	}
	return u.do(x, in)
}

func (x *Tx) who(op Info) error {
	if x.actor.Via != "" {
		return nil // a called op: the same actor
	}
	a, err := x.root.g.cfg.Resolve(x, op)
	if a.Person != "" { // also when refused: the record names them
		x.rec.Via, x.rec.Person, x.rec.Session = string(a.Via), a.Person, a.Session
	}
	if err != nil {
		return err
	}
	a.IP = x.cred.IP
	x.actor = a
	x.rec.Via = string(a.Via)
	clear(x.root.seen) // the actor's own session does not leave
	clear(x.root.sawKey)
	return nil
}

// reach decides what can be decided before the target is known.
func (x *Tx) reach(req policy.Request) (policy.Decision, error) {
	req.Now = x.root.now
	d := x.root.g.cfg.Policy.Reach(x.actor, req)
	if !d.Never {
		return d, nil
	}
	x.rec.Rule = d.Rule
	if x.actor.Via == policy.ViaNobody {
		return d, fault.Denied("gate.sign_in")
	}
	return d, fault.Denied(d.Reason)
}

// decide finds the target and decides; req says whether about the second person,
// or about one of those who stand in for them.
func (u *useCase) decide(x *Tx, in any, req policy.Request) (Target, error) {
	p, approve := x.root.g.cfg.Policy, req.Approve || req.Emergency
	req.Op, req.Now = u.Name, x.root.now
	d, err := x.reach(req)
	if err != nil {
		return Target{}, err
	}
	t, err := u.target(x, in)
	if err != nil {
		return t, err
	}
	if t.Kind == "" {
		return t, errors.New("gate: op named no target: " + u.Name)
	}
	x.rec.Kind, x.rec.Target = t.Kind, t.ID
	if u.Mode == List && !approve {
		x.scope = d.Scope
		d, err = p.Conditions(x.actor, req, t, d)
	} else {
		d, err = p.Decide(x.actor, req, t, d, x.assigned)
		x.scope = d.Scope
	}
	if err != nil {
		return t, err
	}
	x.rec.Rule = d.Rule
	switch {
	case d.Allow:
	case d.Reason == "policy.out_of_scope": // looks like what is not there
		return t, fault.NotFound()
	default:
		return t, fault.Denied(d.Reason)
	}
	if u.Needs.StepUp && !approve && !x.Approved() && x.actor.Via != policy.ViaSystem && !x.actor.StepUp {
		return t, fault.StepUp("gate.step_up", "op", u.Name)
	}
	return t, nil
}

// assigned loads the row whole: one that was put there outside Sekisho must
// not let anybody in. It does not leave, so the record need not name it.
func (x *Tx) assigned(person, subject string) (bool, error) {
	list, err := assignments.Find(x, Eq("person", person), Eq("subject", subject))
	delete(x.root.seen, assignments.name)
	return len(list) > 0, err
}

// workOut is the first half of an op with Work: decided and read like any read,
// then computed outside of every transaction. The second half decides again.
func (u *useCase) workOut(ctx context.Context, g *Gate, c Credential, in any) (any, error) {
	f, err := u.workRead(ctx, g, c, in)
	if err != nil || f == nil {
		return nil, err
	}
	v, err := f(ctx)
	if err != nil {
		return nil, g.leave(ctx, g.blank(c, u.Name), trouble(err))
	}
	return v, nil
}

func (u *useCase) workRead(ctx context.Context, g *Gate, c Credential, in any) (func(context.Context) (any, error), error) {
	x, err := g.begin(ctx, c, u.Name, Read, false, nil)
	if err != nil {
		return nil, g.leave(ctx, x.rec, trouble(err))
	}
	defer func() { x.live = false; x.root.t.Rollback() }()
	x.foresee(u.Name, in)
	if err = x.who(u.Info); err == nil {
		var before bool
		if before, err = x.answeredBefore(u.Name, in); before { // what Work would look at is no longer as it was
			return func(context.Context) (any, error) { return workedBefore{}, nil }, nil
		}
	}
	if err == nil {
		if _, err = u.decide(x, in, policy.Request{}); err == nil {
			var f func(context.Context) (any, error)
			if f, err = u.work(x, in); err == nil {
				return f, nil
			}
		}
	}
	x.root.t.Rollback()
	return nil, g.leave(ctx, x.rec, trouble(err))
}

// trouble turns a defect of the database into a sentence that says what to do.
func trouble(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	if db.Unique(err) {
		return fault.Conflict("gate.taken", "table", db.Table(err)).Because(err)
	}
	switch db.Trouble(err) {
	case "full":
		return fault.Unavailable("gate.db_full").Because(err)
	case "gone":
		return fault.Unavailable("gate.db_gone").Because(err)
	case "key":
		return fault.Unavailable("gate.db_key").Because(err)
	case "slow":
		return fault.Limited("gate.narrow").Because(err)
	}
	if errors.Is(err, context.Canceled) {
		return fault.Unavailable("gate.cancelled").Because(err)
	}
	return err
}
