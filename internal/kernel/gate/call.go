package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/policy"
)

// Call runs another op in the same transaction, for the same actor, with its
// own decision and its own record. Its error must end the caller too.
func Call[In, Out any](x *Tx, u *UseCase[In, Out], in In) (Out, error) {
	out, err := call(x, &u.useCase, &in, x.actor, "")
	if err != nil {
		return *new(Out), err
	}
	return *out.(*Out), nil
}

func call(x *Tx, u *useCase, in any, as Actor, approved string) (out any, err error) {
	if err := x.ok(); err != nil {
		return out, err
	}
	g := x.root.g
	if !g.registered(u) {
		return out, errors.New("gate: op is not registered: " + u.Name)
	}
	if u.work != nil {
		return out, errors.New("gate: an op with Work cannot be called: " + u.Name)
	}
	if u.Mode == Write && x.mode != Write {
		return out, errors.New("gate: a read calls no write")
	}
	if err := u.validate(in); err != nil {
		return out, err
	}
	y := &Tx{root: x.root, mode: u.Mode, actor: as, cred: x.cred, rec: g.blank(x.cred, u.Name), live: true, approved: approved}
	y.rec.Parent = x.rec.ID
	y.rec.Via, y.rec.Person, y.rec.Session = string(as.Via), as.Person, as.Session
	outer := x.root.marks
	x.root.marks = nil
	defer func() { y.live = false; x.root.marks = append(outer, x.root.marks...) }()
	if out, err = u.inside(y, in); err != nil {
		x.root.broken = true
		return out, err
	}
	p, err := g.finish(y, audit.OK)
	x.root.records = append(x.root.records, p)
	return out, err
}

// Ask is what a four-eyes op becomes when somebody runs it: a request.
type Ask struct {
	Op         string
	Input      []byte // strict JSON, runs again when approved
	Digest     []byte
	Kind, ID   string // target
	Department string
	Class      policy.Class
	Reason     string
	Before     []byte // JSON shown to the approver
	After      []byte
}

// second makes a request of an op that needs a second person. The fault it
// returns is Pending and keeps what was written: the request.
func (u *useCase) second(x *Tx, in any) error {
	s, err := u.fourEyes(x, in)
	if err != nil || !s.Needed {
		if err == nil && s.Silent != "" {
			x.Note("without_second_person", s.Silent)
		}
		return err
	}
	ask := Ask{Op: u.Name, Kind: x.rec.Kind, ID: x.rec.Target, Department: s.Department, Class: cmp.Or(s.Class, policy.Personal)}
	if ask.Input, err = json.Marshal(in, json.Deterministic(true)); err != nil {
		return err
	}
	ask.Digest = digest(u.Name, ask.Input, s.Digest)
	if ask.Before, err = json.Marshal(s.Before, json.Deterministic(true)); err != nil {
		return err
	}
	if ask.After, err = json.Marshal(s.After, json.Deterministic(true)); err != nil {
		return err
	}
	id, err := x.root.g.cfg.Request(x, ask)
	if err != nil {
		return err
	}
	x.rec.Reason = "gate.pending"
	return Refused(x, fault.Pending("gate.pending", "request", id))
}

func digest(op string, input, subject []byte) []byte {
	h := sha256.New()
	for _, p := range [][]byte{[]byte(op), input, subject} {
		n := sha256.Sum256(p)
		h.Write(n[:])
	}
	return h.Sum(nil)
}

// Approval is a request as the approver's op sees it.
type Approval struct {
	Op        string
	Input     []byte
	Digest    []byte
	Requester string
}

// MayApprove decides whether the actor may decide about an op as its second
// person, and gives the digest of what it would do now: if that differs from
// the request's, the request is void.
func MayApprove(x *Tx, a Approval) (now []byte, err error) {
	return mayAgree(x, a, policy.Request{Approve: true})
}

// MayStandIn is MayApprove for one of the two who agree together when no second
// person is there (緊急の送付).
func MayStandIn(x *Tx, a Approval) (now []byte, err error) {
	return mayAgree(x, a, policy.Request{Emergency: true})
}

func mayAgree(x *Tx, a Approval, who policy.Request) (now []byte, err error) {
	u := x.root.g.ops[a.Op]
	if u == nil {
		return nil, errors.New("gate: no op " + a.Op)
	}
	return u.core().approval(x, a.Input, who)
}

// RunApproved runs an approved op in this transaction, for its requester, who
// is looked up and decided about again now.
func RunApproved(x *Tx, a Approval) error {
	u := x.root.g.ops[a.Op]
	if u == nil {
		return errors.New("gate: no op " + a.Op)
	}
	y := &Tx{root: x.root, mode: Read, cred: OnBehalf(a.Requester), rec: x.root.g.blank(x.cred, a.Op), live: true}
	as, err := x.root.g.cfg.Resolve(y, u.core().Info)
	y.live = false
	if err != nil {
		return err
	}
	return u.core().runApproved(x, as, a.Input)
}

func (u *useCase) approval(x *Tx, raw []byte, who policy.Request) ([]byte, error) {
	in, err := u.decode(raw)
	if err != nil {
		return nil, err
	}
	kind, id, rule, scope := x.rec.Kind, x.rec.Target, x.rec.Rule, x.scope
	_, err = u.decide(x, in, who)
	x.rec.Kind, x.rec.Target, x.scope = kind, id, scope
	x.rec.Rule = rule + "; " + x.rec.Rule
	if err != nil {
		return nil, err
	}
	if u.fourEyes == nil {
		return nil, errors.New("gate: op needs no second person: " + u.Name)
	}
	s, err := u.fourEyes(x, in)
	if err != nil {
		return nil, err
	}
	return digest(u.Name, raw, s.Digest), nil
}

func (u *useCase) runApproved(x *Tx, as Actor, raw []byte) error {
	in, err := u.decode(raw)
	if err != nil {
		return err
	}
	_, err = call(x, u, in, as, x.actor.Person)
	return err
}

// JSON runs an op by name with strict JSON in and masked JSON out: the API and
// the command line.
func (g *Gate) JSON(ctx context.Context, c Credential, op string, raw []byte) ([]byte, error) {
	u := g.ops[op]
	if u == nil {
		rec := g.blank(c, "unknown")
		return nil, g.leave(ctx, rec, fault.NotFound())
	}
	return u.core().json(ctx, g, c, raw)
}
