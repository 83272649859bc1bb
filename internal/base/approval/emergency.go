package approval

import (
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// EmergencyAfter is how long a request has waited before two others may stand in
// for its second person (緊急の送付): whoever usually decides has had the time to.
// Set in November 2026.
const EmergencyAfter = 15 * time.Minute

// ReviewWithin is by how many days after an emergency it has been reviewed (事後
// レビュー). Set in November 2026.
const ReviewWithin = 3

// EmergencyState is how far an emergency has come.
type EmergencyState string

// The states.
const (
	Half     EmergencyState = "half"     // the first of two has agreed
	Released EmergencyState = "released" // both have: it is to be reviewed
	Fine     EmergencyState = "fine"     // reviewed: it was right
	Flagged  EmergencyState = "flagged"  // reviewed: it was not
)

// Exception is a request that two others agreed to because no usual approver was
// there, and what its usual approver said to that afterwards.
type Exception struct {
	gate.Row
	Request      string         `json:"request" col:"request_id" class:"internal,plain"`
	Op           string         `json:"op" col:"op" class:"internal,plain"`
	Target       string         `json:"target" col:"target" class:"internal,plain"`
	Requester    string         `json:"requester" col:"requester" class:"internal,plain"`
	Department   string         `json:"department" col:"department_id" class:"internal,plain"`
	State        EmergencyState `json:"state" col:"state" class:"internal,plain"`
	First        string         `json:"first" col:"first_person" class:"internal,plain"`
	FirstReason  string         `json:"first_reason" col:"first_reason" class:"confidential"`
	Second       string         `json:"second" col:"second_person" class:"internal,plain"`
	SecondReason string         `json:"second_reason" col:"second_reason" class:"confidential"`
	ReleasedAt   time.Time      `json:"released_at" col:"released_at" class:"internal,plain"`
	ReviewBy     civil.Date     `json:"review_by" col:"review_by" class:"internal,plain"` // last day
	Reviewer     string         `json:"reviewer" col:"reviewer" class:"internal,plain"`
	ReviewedAt   time.Time      `json:"reviewed_at" col:"reviewed_at" class:"internal,plain"`
	Remark       string         `json:"remark" col:"remark" class:"confidential"`
}

var emergencies = gate.NewTable[Exception]("approval_emergency", gate.Scoped("requester", "department_id", ""), gate.Unit(vault.KindPersonal, "approval", "request_id"))

// mayStandIn tells whether the actor may be one of the two: nobody who could
// decide the usual way, and not before the usual approvers had their time.
func mayStandIn(x *gate.Tx, r Request) (bool, error) {
	if r.Requester == x.Actor().Person || r.Drill() || x.Now().Before(r.CreatedAt.Add(EmergencyAfter)) {
		return false, nil
	}
	if x.Policy().Reach(x.Actor(), policy.Request{Op: r.Op, Emergency: true, Now: x.Now()}).Never {
		return false, nil
	}
	if usual, err := mayDecide(x, r); err != nil || usual {
		return false, err
	}
	_, err := gate.MayStandIn(x, r.ask())
	return within(err)
}

// Urgent lists the open requests that the actor may stand in for.
var Urgent = gate.New(gate.Op[ListIn, ListOut]{
	Name: "approval.urgent", Mode: gate.List,
	Target: func(*gate.Tx, ListIn) (gate.Target, error) {
		return gate.Target{Kind: "approval", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		return sift(x, gate.PageQuery{By: "created_at", Desc: true, Limit: in.Limit, After: in.After,
			Where: []gate.Cond{gate.Eq("state", Open), gate.Ne("requester", x.Actor().Person), gate.Ge("lapses_at", x.Now())}}, mayStandIn)
	},
})

// UrgentOut is a request as one who may stand in for its approver sees it.
type UrgentOut struct {
	Shown
	Exception Exception `json:"emergency"` // its State is "" as long as nobody has agreed
}

// UrgentShow shows a request whole to whoever may stand in for its approver.
var UrgentShow = gate.New(gate.Op[ByID, UrgentOut]{
	Name: "approval.urgent_show", Mode: gate.Read, Target: one,
	Do: func(x *gate.Tx, in ByID) (UrgentOut, error) {
		r, err := requests.Get(x, in.ID)
		if err != nil {
			return UrgentOut{}, err
		}
		out := UrgentOut{Shown: Shown{Request: r}}
		list, err := emergencies.Find(x, gate.Eq("request_id", r.ID))
		if err != nil {
			return out, err
		}
		if len(list) > 0 {
			out.Exception = list[0]
		}
		may, err := mayStandIn(x, r)
		if err != nil {
			return out, err
		}
		if me := x.Actor().Person; !may && out.Exception.First != me && out.Exception.Second != me {
			return UrgentOut{}, fault.NotFound()
		}
		return out, out.open()
	},
})

// EmergencyIn agrees to a request in the place of its usual approver.
type EmergencyIn struct {
	ID     string `json:"id" required:"true"`
	Digest string `json:"digest" required:"true"` // of what was shown
	Reason string `json:"reason" text:"multiline" required:"true"`
}

// Emergency agrees to a request in an emergency (緊急の送付): the first of two keeps
// that they agree, with the second the op runs. Neither is the requester, tied to
// the requester by delegation, or somebody who can decide the usual way.
var Emergency = gate.New(gate.Op[EmergencyIn, Exception]{
	Name: "approval.emergency", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone: func(in EmergencyIn) []string { return []string{"approval/" + in.ID} },
	Target: func(x *gate.Tx, in EmergencyIn) (gate.Target, error) {
		if x.Actor().Via != policy.ViaSession {
			return gate.Target{}, fault.Denied("approval.person_only")
		}
		return one(x, ByID{in.ID})
	},
	Do: emergency,
})

func emergency(x *gate.Tx, in EmergencyIn) (Exception, error) {
	r, err := standIn(x, in)
	if err != nil {
		return Exception{}, err
	}
	had, err := emergencies.Find(x, gate.Eq("request_id", r.ID))
	if err != nil {
		return Exception{}, err
	}
	me := x.Actor().Person
	x.Note("emergency", len(had)+1)
	if len(had) == 0 {
		e := Exception{Request: r.ID, Op: r.Op, Target: r.Target, Requester: r.Requester, Department: r.Department, State: Half, First: me, FirstReason: in.Reason}
		return e, emergencies.Insert(x, &e)
	}
	e := had[0]
	if e.First == me {
		return e, fault.Refused("approval.emergency_same")
	}
	if err := gate.RunApproved(x, r.ask()); err != nil {
		return e, notDone(err)
	}
	e.State, e.Second, e.SecondReason, e.ReleasedAt, e.ReviewBy = Released, me, in.Reason, x.Now(), today(x).AddDays(ReviewWithin)
	if err := emergencies.Update(x, &e); err != nil {
		return e, err
	}
	r.DecidedBy, r.Comment, r.Emergency = me, in.Reason, true
	return e, settle(x, &r, Approved)
}

// standIn is the open request that the actor agrees to, unless something speaks
// against it.
func standIn(x *gate.Tx, in EmergencyIn) (Request, error) {
	r, err := othersRequest(x, in.ID)
	if err != nil {
		return r, err
	}
	usual, err := mayDecide(x, r)
	switch {
	case err != nil:
		return r, err
	case usual:
		return r, fault.Refused("approval.emergency_usual")
	case x.Policy().Reach(x.Actor(), policy.Request{Op: r.Op, Emergency: true, Now: x.Now()}).Never:
		return r, fault.NotFound()
	}
	err = apart(x, r, in.Digest, "approval.emergency")
	switch {
	case err != nil:
		return r, err
	case x.Now().Before(r.CreatedAt.Add(EmergencyAfter)):
		return r, fault.Refused("approval.emergency_early", "minutes", int(EmergencyAfter.Minutes()))
	}
	now, err := gate.MayStandIn(x, r.ask())
	return r, r.holds(x, now, err)
}

// ReviewsIn asks for one page of emergencies.
type ReviewsIn struct {
	Open  bool   `json:"open"` // only those that nobody has reviewed, the most urgent first
	After string `json:"after"`
	Limit int    `json:"limit"`
}

// ReviewsOut is that page.
type ReviewsOut struct {
	Rows []Exception `json:"rows"`
	Next string      `json:"next" class:"internal"`
}

// Reviews lists emergencies: they stay here until somebody has reviewed them.
var Reviews = gate.New(gate.Op[ReviewsIn, ReviewsOut]{
	Name: "approval.reviews", Mode: gate.List,
	Target: func(*gate.Tx, ReviewsIn) (gate.Target, error) {
		return gate.Target{Kind: "approval_emergency", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in ReviewsIn) (ReviewsOut, error) {
		q := gate.PageQuery{By: "review_by", Desc: !in.Open, Limit: in.Limit, After: in.After, Where: []gate.Cond{gate.Ne("state", Half)}}
		if in.Open {
			q.Where = []gate.Cond{gate.Eq("state", Released)}
		}
		p, err := emergencies.Page(x, q)
		return ReviewsOut{p.Rows, p.Next}, err
	},
})

// ReviewIn is what a usual approver says to an emergency afterwards.
type ReviewIn struct {
	ID      string         `json:"id" required:"true"`
	Verdict EmergencyState `json:"verdict" required:"true" enum:"fine,flagged"`
	Reason  string         `json:"reason" text:"multiline" required:"true"`
}

// Review ends an emergency (事後レビュー). It is for whoever could have decided the
// usual way, and for nobody who took part.
var Review = gate.New(gate.Op[ReviewIn, Exception]{
	Name: "approval.review", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone: func(in ReviewIn) []string { return []string{"approval_emergency/" + in.ID} },
	Target: func(x *gate.Tx, in ReviewIn) (gate.Target, error) {
		if x.Actor().Via != policy.ViaSession {
			return gate.Target{}, fault.Denied("approval.person_only")
		}
		e, err := emergencies.Get(x, in.ID)
		return gate.Target{Kind: "approval_emergency", ID: e.ID, Owner: e.Requester, Department: e.Department, Class: policy.Personal}, err
	},
	Do: review,
})

func review(x *gate.Tx, in ReviewIn) (Exception, error) {
	e, err := emergencies.Get(x, in.ID)
	if err != nil {
		return e, err
	}
	if e.State != Released {
		return e, fault.Refused("approval.review_closed")
	}
	r, err := requests.Get(x, e.Request)
	if err != nil {
		return e, err
	}
	me := x.Actor().Person
	if me == e.Requester || me == e.First || me == e.Second {
		return e, fault.Refused("approval.review_part")
	}
	deputies, err := tied(x, r, me)
	if err != nil {
		return e, err
	}
	if deputies {
		return e, fault.Refused("approval.tied")
	}
	usual, err := mayDecide(x, r)
	if err != nil {
		return e, err
	}
	if !usual {
		return e, fault.Refused("approval.review_usual")
	}
	e.State, e.Reviewer, e.ReviewedAt, e.Remark = in.Verdict, me, x.Now(), in.Reason
	return e, emergencies.Update(x, &e)
}
