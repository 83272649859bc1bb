package approval

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Module is approval's part of the product.
var Module = gate.Module{Name: "approval", Schema: schema,
	Ops: []gate.Any{List, Show, Approve, Reject, Withdraw, Lapse, Delegate, EndDelegation, Delegations, Deputies, Haste,
		Urgent, UrgentShow, Emergency, Reviews, Review},
	Tables:  []gate.AnyTable{requests, delegations, decisions, emergencies},
	Queries: []gate.AnyQuery{hastes}}

// ByID names a request.
type ByID struct {
	ID string `json:"id" required:"true"`
}

// ListIn asks for one page of requests, the newest first.
type ListIn struct {
	Own   bool   `json:"own"` // the actor's own, in every state; else what the actor may decide about
	After string `json:"after"`
	Limit int    `json:"limit"`
}

// ListOut is that page.
type ListOut struct {
	Rows  []Request `json:"rows"`
	About []About   `json:"about"` // of those that say what is to be sent
	Next  string    `json:"next" class:"internal"`
}

// About is what a request is about, in few words.
type About struct {
	Request string `json:"request" class:"internal"`
	Text    string `json:"text" class:"personal"` // to whom, and about what
}

// add adds a request to the list.
func (l *ListOut) add(r Request) {
	l.Rows = append(l.Rows, r.disguised())
	var a struct {
		Party   string `json:"party"`
		Subject string `json:"subject"`
	}
	if err := json.Unmarshal(r.After, &a); err != nil || a.Subject == "" { // it is about something else
		return
	}
	_, name, _ := strings.Cut(a.Party, " ")
	l.About = append(l.About, About{r.ID, strings.TrimSpace(name + " " + a.Subject)})
}

// List gives one's own requests, or the open ones of others that one may decide about.
var List = gate.New(gate.Op[ListIn, ListOut]{
	Name: "approval.list", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) {
		return gate.Target{Kind: "approval", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		q := gate.PageQuery{By: "created_at", Desc: true, Limit: in.Limit, After: in.After}
		if in.Own {
			q.Where = []gate.Cond{gate.Eq("requester", x.Actor().Person), gate.Eq("guise", "")}
			p, err := requests.Page(x, q)
			out := ListOut{Next: p.Next}
			for _, r := range p.Rows {
				out.add(r)
			}
			return out, err
		}
		q.Where = []gate.Cond{gate.Eq("state", Open), gate.Ne("requester", x.Actor().Person), gate.Ge("lapses_at", x.Now())}
		return sift(x, q, mayDecide)
	},
})

// maxPages is how many pages of requests one list goes through for the ones the
// actor may decide about; further ones are on the next page.
const maxPages = 10

// sift goes through requests for those that pass.
func sift(x *gate.Tx, q gate.PageQuery, pass func(*gate.Tx, Request) (bool, error)) (ListOut, error) {
	out := ListOut{Rows: []Request{}}
	for range maxPages {
		p, err := requests.Page(x, q)
		if err != nil {
			return out, err
		}
		for _, r := range p.Rows {
			may, err := pass(x, r)
			if err != nil {
				return out, err
			}
			if may {
				out.add(r)
			}
		}
		out.Next, q.After = p.Next, p.Next
		if p.Next == "" || len(out.Rows) > 0 {
			break
		}
	}
	return out, nil
}

func (r Request) ask() gate.Approval {
	digest, err := hex.DecodeString(r.Digest)
	if err != nil {
		digest = nil // matches nothing
	}
	return gate.Approval{Op: r.Op, Input: r.Input, Digest: digest, Requester: r.Requester}
}

// mayDecide tells whether the actor may be the request's second person.
func mayDecide(x *gate.Tx, r Request) (bool, error) {
	if r.Requester == x.Actor().Person {
		return false, nil
	}
	if r.Drill() {
		return r.aimed(x), nil
	}
	d := x.Policy().Reach(x.Actor(), policy.Request{Op: r.Op, Approve: true, Now: x.Now()})
	if d.Scope.All || d.Scope.None() {
		return d.Scope.All, nil
	}
	_, err := gate.MayApprove(x, r.ask())
	return within(err)
}

// within tells what a refusal to decide about a request means: that it is not the
// actor's to decide, or that what is asked for cannot be done any more.
func within(err error) (bool, error) {
	var f *fault.Error
	switch {
	case fault.Is(err, fault.KindDenied) || fault.Is(err, fault.KindNotFound):
		return false, nil
	case errors.As(err, &f):
		return true, nil // what is asked for cannot be done any more; that is theirs to see
	}
	return err == nil, err
}

// Shown is a request with what it changes.
type Shown struct {
	Request
	MayDecide bool     `json:"may_decide" class:"internal"`
	BeforeIs  string   `json:"before" class:"personal"` // JSON
	AfterIs   string   `json:"after" class:"personal"`  // JSON
	Changes   []Change `json:"changes"`
	Staff     Staff    `json:"staff"`
	IsDrill   bool     `json:"drill" class:"internal"` // known once it is decided about
}

// Staff is the same for requests about staff and the running of the system:
// those who decide about them have no clearance for business data, and must
// still see what they agree to.
type Staff struct {
	Before  string        `json:"before" class:"internal"` // JSON
	After   string        `json:"after" class:"internal"`  // JSON
	Reason  string        `json:"reason" class:"internal"`
	Changes []StaffChange `json:"changes"`
}

// StaffChange is one value of such a request that differs.
type StaffChange struct {
	Field  string `json:"field" class:"internal"`
	Before string `json:"before" class:"internal"`
	After  string `json:"after" class:"internal"`
}

func (s *Shown) staff() {
	if policy.Class(s.Class) > policy.Internal {
		return
	}
	s.Staff = Staff{Before: s.BeforeIs, After: s.AfterIs, Reason: s.Reason}
	for _, c := range s.Changes {
		s.Staff.Changes = append(s.Staff.Changes, StaffChange(c))
	}
}

// Show gives a request; what it changes is for its requester, for who decided,
// and for those who may decide, and for nobody else.
var Show = gate.New(gate.Op[ByID, Shown]{
	Name: "approval.show", Mode: gate.Read, Target: one,
	Do: func(x *gate.Tx, in ByID) (Shown, error) {
		r, err := requests.Get(x, in.ID)
		if err != nil {
			return Shown{}, err
		}
		s := Shown{Request: r.disguised(), IsDrill: r.Drill() && r.State != Open}
		may, err := mayDecide(x, r)
		if err != nil {
			return s, err
		}
		s.MayDecide = may && r.State == Open && x.Now().Before(r.LapsesAt)
		if me := x.Actor().Person; !may && r.Requester != me && r.DecidedBy != me {
			return s, nil
		}
		return s, s.open()
	},
})

// open adds what the request changes.
func (s *Shown) open() (err error) {
	s.BeforeIs, s.AfterIs = string(s.Request.Before), string(s.Request.After)
	s.Changes, err = Changes(s.Request.Before, s.Request.After)
	s.staff()
	return err
}

func one(x *gate.Tx, in ByID) (gate.Target, error) {
	r, err := requests.Get(x, in.ID)
	if err == nil && r.hidden(x) {
		err = fault.NotFound()
	}
	return r.target(), err
}

func (r Request) target() gate.Target {
	return gate.Target{Kind: "approval", ID: r.ID, Owner: r.Requester, Department: r.Department, Class: policy.Personal}
}

// toDecide is the target of deciding: only a person who is signed in decides,
// and a request about an op the actor never decides about looks like none.
func toDecide(x *gate.Tx, id string) (gate.Target, error) {
	if x.Actor().Via != policy.ViaSession {
		return gate.Target{}, fault.Denied("approval.person_only")
	}
	r, err := requests.Get(x, id)
	if err != nil {
		return gate.Target{}, err
	}
	own := r.Requester == x.Actor().Person && !r.Drill()
	if r.hidden(x) {
		return gate.Target{}, fault.NotFound()
	}
	if d := x.Policy().Reach(x.Actor(), policy.Request{Op: r.looks(), Approve: true, Now: x.Now()}); d.Never && !own {
		return gate.Target{}, fault.NotFound()
	}
	return r.target(), nil
}

// ApproveIn agrees to exactly what a digest stands for.
type ApproveIn struct {
	ID      string `json:"id" required:"true"`
	Digest  string `json:"digest" required:"true"` // of what was shown
	Comment string `json:"comment" text:"multiline"`
}

// Approve agrees to a request as its second person (承認): the op runs now, for
// its requester, in this transaction. If it fails, nothing of all this is kept
// but the record, and the request stays open; the fault says why.
var Approve = gate.New(gate.Op[ApproveIn, Request]{
	Name: "approval.approve", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
	Alone:  func(in ApproveIn) []string { return []string{"approval/" + in.ID} },
	Target: func(x *gate.Tx, in ApproveIn) (gate.Target, error) { return toDecide(x, in.ID) },
	Work:   func(x *gate.Tx, in ApproveIn) (func(context.Context) (any, error), error) { return lookUp(x, in.ID) },
	Do:     approve,
})

func approve(x *gate.Tx, in ApproveIn) (Request, error) {
	r, err := othersRequest(x, in.ID)
	if err != nil {
		return r, err
	}
	if err := apart(x, r, in.Digest, "approval.approve"); err != nil {
		return r, err
	}
	if r.Drill() {
		return r, r.answer(x, Approved, in.Comment)
	}
	now, err := gate.MayApprove(x, r.ask())
	if err := r.holds(x, now, err); err != nil {
		return r, err
	}
	deputyOf, err := delegators(x, x.Actor().Person)
	if err != nil {
		return r, err
	}
	if len(deputyOf) > 0 {
		x.Note("deputy_of", deputyOf)
	}
	if err := gate.RunApproved(x, r.ask()); err != nil {
		return r, notDone(err)
	}
	if err := r.decided(x, Agreed); err != nil {
		return r, err
	}
	r.DecidedBy, r.Comment = x.Actor().Person, in.Comment
	return r, settle(x, &r, Approved)
}

// apart refuses whoever is tied to the requester, has seen something else, or gave
// a fresh code for something else.
func apart(x *gate.Tx, r Request, digest, op string) error {
	deputies, err := tied(x, r, x.Actor().Person)
	switch {
	case err != nil:
		return err
	case deputies:
		return fault.Refused("approval.tied")
	case digest != r.Digest:
		return fault.Conflict("approval.digest").At("digest")
	}
	return stepUpCovers(x, digest, op)
}

// holds voids a request that is no longer what was asked for: now is what would be
// done, err why nothing can be.
func (r *Request) holds(x *gate.Tx, now []byte, err error) error {
	switch {
	case fault.Is(err, fault.KindInvalid) || fault.Is(err, fault.KindRefused) || fault.Is(err, fault.KindConflict):
		return void(x, r, fault.Of(err))
	case err != nil:
		return err
	case hex.EncodeToString(now) != r.Digest:
		return void(x, r, fault.Refused("approval.changed"))
	}
	return nil
}

// stepUpCovers refuses a fresh code that was given for another request.
func stepUpCovers(x *gate.Tx, digest, op string) error {
	plan, err := identity.StepUpPlan(x)
	if err == nil && plan != "" && plan != digest {
		err = fault.StepUp("gate.step_up", "op", op)
	}
	return err
}

// othersRequest is an open request of somebody else.
func othersRequest(x *gate.Tx, id string) (Request, error) {
	r, err := requests.Get(x, id)
	if err == nil && r.Requester == x.Actor().Person {
		return r, fault.Refused("approval.own")
	}
	if err != nil {
		return r, err
	}
	return decidable(x, id)
}

// void ends a request that no longer is what was asked for, and keeps that.
func void(x *gate.Tx, r *Request, why *fault.Error) error {
	r.Error = why.Key
	if err := settle(x, r, Void); err != nil {
		return err
	}
	f := fault.Refused("approval.void")
	f.Parts = []*fault.Error{why}
	return gate.Refused(x, f)
}

// notDone says that the op itself was refused, and why. What is no fault goes
// on as it is: the gate may want to try again.
func notDone(err error) error {
	var why *fault.Error
	if !errors.As(err, &why) || why.Kind == fault.KindFailed || why.Kind == fault.KindUnavailable {
		return err
	}
	f := fault.Refused("approval.not_done").Because(err)
	f.Parts = []*fault.Error{why}
	return f
}

// RejectIn refuses a request.
type RejectIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" text:"multiline" required:"true"`
}

// Reject refuses a request as its second person (却下).
var Reject = gate.New(gate.Op[RejectIn, Request]{
	Name: "approval.reject", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in RejectIn) []string { return []string{"approval/" + in.ID} },
	Target: func(x *gate.Tx, in RejectIn) (gate.Target, error) { return toDecide(x, in.ID) },
	Do: func(x *gate.Tx, in RejectIn) (Request, error) {
		r, err := othersRequest(x, in.ID)
		if err != nil {
			return r, err
		}
		may, err := mayDecide(x, r)
		if err != nil {
			return r, err
		}
		if !may {
			return r, fault.NotFound()
		}
		if r.Drill() {
			return r, r.answer(x, Rejected, in.Reason)
		}
		if err := r.decided(x, Refused); err != nil {
			return r, err
		}
		r.DecidedBy, r.Comment = x.Actor().Person, in.Reason
		return r, settle(x, &r, Rejected)
	},
})

// Withdraw takes one's own request back (取下げ).
var Withdraw = gate.New(gate.Op[ByID, Request]{
	Name: "approval.withdraw", Mode: gate.Write, Target: one,
	Alone: func(in ByID) []string { return []string{"approval/" + in.ID} },
	Do: func(x *gate.Tx, in ByID) (Request, error) {
		r, err := decidable(x, in.ID)
		if err == nil && r.Requester != x.Actor().Person {
			return r, fault.Refused("approval.not_own")
		}
		if err != nil {
			return r, err
		}
		return r, settle(x, &r, Withdrawn)
	},
})

// LapseOut says how many requests lapsed, and whether there are more to go through.
type LapseOut struct {
	Lapsed int  `json:"lapsed" class:"internal"`
	More   bool `json:"more" class:"internal"`
}

// Lapse ends what nobody answered in time (失効); the server runs it.
var Lapse = gate.New(gate.Op[struct{}, LapseOut]{
	Name: "approval.lapse", Mode: gate.Write,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) {
		return gate.Target{Kind: "approval", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, _ struct{}) (LapseOut, error) {
		p, err := requests.Page(x, gate.PageQuery{By: "lapses_at", Limit: 200,
			Where: []gate.Cond{gate.Eq("state", Open), gate.Le("lapses_at", x.Now())}})
		if err != nil {
			return LapseOut{}, err
		}
		for i := range p.Rows {
			if err := settle(x, &p.Rows[i], Lapsed); err != nil {
				return LapseOut{}, err
			}
		}
		return LapseOut{len(p.Rows), p.Next != ""}, nil
	},
})
