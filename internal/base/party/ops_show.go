package party

import (
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/kernel/gate"
)

// Shown is everything the register knows of a partner.
type Shown struct {
	Party     Party           `json:"party"`
	Warnings  []string        `json:"warnings" class:"internal"` // text keys
	Contacts  []Contact       `json:"contacts"`
	Points    []DeliveryPoint `json:"points"`
	Accounts  []BankAccount   `json:"accounts"`
	Relations []Related       `json:"relations"`
	Pending   []Waiting       `json:"pending"`
}

// Related is a relation with the other partner's name.
type Related struct {
	Relation
	OtherCode string `json:"other_code" class:"internal"`
	OtherName string `json:"other_name" class:"confidential"`
}

// Waiting is a change that a second person has yet to agree to.
type Waiting struct {
	Request   string            `json:"request" class:"internal"`
	Op        string            `json:"op" class:"internal"`
	Requester string            `json:"requester" class:"internal"`
	At        time.Time         `json:"at" class:"internal"`
	Changes   []approval.Change `json:"changes"`
}

// ShowOp shows a partner whole (取引先の全体像).
var ShowOp = gate.New(gate.Op[ByID, Shown]{
	Name: "party.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (s Shown, err error) {
		if s.Party, err = Get(x, in.ID); err != nil {
			return s, err
		}
		s.Warnings = s.Party.Warnings()
		return s, s.fill(x, in.ID)
	},
})

// belongings tells what there is about a partner, in one statement, so that
// nothing is asked for that there is not: most have neither account nor relation.
type belongings struct{ Contacts, Points, Accounts, Relations, Requests int64 }

var belonging = gate.NewQuery[belongings]("party.belonging", `SELECT
	(SELECT COUNT(*) FROM {party_contact c} WHERE c.party_id = $1), (SELECT COUNT(*) FROM {party_point p} WHERE p.party_id = $1),
	(SELECT COUNT(*) FROM {party_account a} WHERE a.party_id = $1),
	(SELECT COUNT(*) FROM {party_relation r} WHERE r.party_id = $1) + (SELECT COUNT(*) FROM {party_relation o} WHERE o.other_id = $1),
	(SELECT COUNT(*) FROM {approval q} WHERE q.target = $1 AND q.kind = 'party')`)

// fill loads what belongs to a partner.
func (s *Shown) fill(x *gate.Tx, id string) error {
	counts, err := belonging.Rows(x, id)
	if err != nil {
		return err
	}
	n := counts[0]
	if n.Contacts > 0 {
		if s.Contacts, err = Contacts(x, id); err != nil {
			return err
		}
	}
	if n.Points > 0 {
		if s.Points, err = DeliveryPoints(x, id); err != nil {
			return err
		}
		for i, p := range s.Points {
			s.Points[i].Findings = discreet(x, p)
		}
	}
	if n.Accounts > 0 {
		if s.Accounts, err = Accounts(x, id); err != nil {
			return err
		}
	}
	if n.Relations > 0 {
		if s.Relations, err = related(x, id); err != nil {
			return err
		}
	}
	if n.Requests > 0 {
		s.Pending, err = waiting(x, id)
	}
	return err
}

func related(x *gate.Tx, id string) ([]Related, error) {
	list, err := Relations(x, id)
	if err != nil {
		return nil, err
	}
	var out []Related
	for _, r := range list {
		view := Related{Relation: r}
		other := r.Other
		if other == id {
			other = r.Party
		}
		if other != "" {
			p, err := Get(x, other)
			if err != nil {
				return nil, err
			}
			view.OtherCode, view.OtherName = p.Code, p.Name
		}
		out = append(out, view)
	}
	return out, nil
}

type requestID struct{ ID string }

var requestsAbout = gate.NewQuery[requestID]("party.requests", `SELECT a.id FROM {approval a}
	WHERE a.target = $1 AND a.kind = 'party' ORDER BY a.created_at DESC, a.id DESC LIMIT 200`)

// asked are the latest requests about a partner, verified, by the id of the
// record that wrote them last.
func asked(x *gate.Tx, id string) ([]approval.Request, error) {
	ids, err := requestsAbout.Rows(x, id)
	if err != nil {
		return nil, err
	}
	var out []approval.Request
	for _, r := range ids {
		q, err := approval.Get(x, r.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

func waiting(x *gate.Tx, id string) ([]Waiting, error) {
	list, err := asked(x, id)
	if err != nil {
		return nil, err
	}
	var out []Waiting
	for _, r := range list {
		if r.State != approval.Open || !x.Now().Before(r.LapsesAt) {
			continue
		}
		changes, err := approval.Changes(r.Before, r.After)
		if err != nil {
			return nil, err
		}
		out = append(out, Waiting{r.ID, r.Op, r.Requester, r.CreatedAt, changes})
	}
	return out, nil
}
