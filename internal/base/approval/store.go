package approval

import (
	"embed"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Request is an op that waits for a second person (承認申請).
type Request struct {
	gate.Row
	Op         string    `json:"op" col:"op" class:"internal,plain"`
	Kind       string    `json:"kind" col:"kind" class:"internal,plain"`     // of what it is about
	Target     string    `json:"target" col:"target" class:"internal,plain"` // id of what it is about
	Department string    `json:"department" col:"department_id" class:"internal,plain"`
	Class      int64     `json:"class" col:"class" class:"internal,plain"` // policy.Class of what it shows
	Requester  string    `json:"requester" col:"requester" class:"internal,plain"`
	Reason     string    `json:"reason" col:"reason" class:"confidential"`
	Digest     string    `json:"digest" col:"digest" class:"internal,plain"` // hex
	State      State     `json:"state" col:"state" class:"internal,plain"`
	LapsesAt   time.Time `json:"lapses_at" col:"lapses_at" class:"internal,plain"`
	DecidedBy  string    `json:"decided_by" col:"decided_by" class:"internal,plain"`
	DecidedAt  time.Time `json:"decided_at" col:"decided_at" class:"internal,plain"`
	Comment    string    `json:"comment" col:"comment" class:"confidential"`
	Error      string    `json:"error" col:"error" class:"internal,plain"` // text key: why it is void

	// Slot is unique: the same ask of the same person stands open only once.
	Slot string `json:"-" col:"slot" class:"internal,plain"`
	// Input may hold anything, so it is of the class that never leaves, not
	// even into the log's payload.
	Input  []byte `json:"-" col:"input" class:"secret"`
	Before []byte `json:"-" col:"before_json" class:"personal"`
	After  []byte `json:"-" col:"after_json" class:"personal"`

	Guise     string `json:"-" col:"guise" class:"internal,plain" since:"2"`             // of a drill: the op it looks like
	ShownTo   string `json:"-" col:"shown_to" class:"internal,plain" since:"2"`          // of a drill: the one person who sees it
	Took      int64  `json:"took_ms" col:"took_ms" class:"internal,plain" since:"2"`     // from opening to approving
	Hasty     bool   `json:"hasty" col:"hasty" class:"internal,plain" since:"2"`         // faster than anybody reads
	Emergency bool   `json:"emergency" col:"emergency" class:"internal,plain" since:"2"` // two others agreed in an emergency
}

// Delegation lets another person decide in one's place for some days (代理承認).
type Delegation struct {
	gate.Row
	From      string     `json:"from" col:"from_person" class:"internal,plain"`
	To        string     `json:"to" col:"to_person" class:"internal,plain"`
	FromDate  civil.Date `json:"from_date" col:"from_date" class:"internal,plain"`
	UntilDate civil.Date `json:"until_date" col:"until_date" class:"internal,plain"` // last day
	Reason    string     `json:"reason" col:"reason" class:"confidential"`
	Ended     bool       `json:"ended" col:"ended" class:"internal,plain"` // before its last day
}

func (d Delegation) covers(day civil.Date) bool {
	return !d.Ended && !day.Before(d.FromDate) && !day.After(d.UntilDate)
}

var (
	requests    = gate.NewTable[Request]("approval", gate.Scoped("requester", "department_id", ""), gate.Unit(vault.KindPersonal, "approval", "id"))
	delegations = gate.NewTable[Delegation]("approval_delegation", gate.Unscoped())
)

// Keep stores what somebody asked for until a second person decides, and gives
// the request's id; it is gate.Config.Request. The same ask of the same person
// that is still open is not stored again.
func Keep(x *gate.Tx, a gate.Ask) (string, error) {
	r := Request{Op: a.Op, Kind: a.Kind, Target: a.ID, Department: a.Department, Class: int64(a.Class), Requester: x.Actor().Person, Reason: a.Reason,
		Digest: hex.EncodeToString(a.Digest), State: Open, LapsesAt: x.Now().Add(LapseAfter), Input: a.Input, Before: a.Before, After: a.After}
	r.Slot = r.Requester + "/" + r.Digest
	if r.Reason == "" {
		var in struct {
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal(a.Input, &in); err == nil {
			r.Reason = in.Reason
		}
	}
	same, err := requests.Find(x, gate.Eq("slot", r.Slot))
	if err != nil {
		return "", err
	}
	if len(same) > 0 && x.Now().Before(same[0].LapsesAt) {
		return same[0].ID, nil
	}
	if len(same) > 0 {
		if err := settle(x, &same[0], Lapsed); err != nil {
			return "", err
		}
	}
	err = requests.Insert(x, &r)
	return r.ID, err
}

// settle ends a request.
func settle(x *gate.Tx, r *Request, s State) error {
	r.State, r.Slot, r.DecidedAt = s, r.ID, x.Now()
	return requests.Update(x, r)
}

// Get loads a request; NotFound when there is none.
func Get(x *gate.Tx, id string) (Request, error) { return requests.Get(x, id) }

// tied tells whether two people are tied by delegation, in either direction and
// through whomever, on any day since the request was made: ending a delegation
// does not untie them for what was asked while it held.
func tied(x *gate.Tx, r Request, approver string) (bool, error) {
	all, err := delegations.Find(x, gate.Ge("until_date", civil.Of(r.CreatedAt)), gate.Le("from_date", civil.Of(x.Now())))
	if err != nil {
		return false, err
	}
	ds := all[:0]
	for _, d := range all {
		if !d.Ended || d.UpdatedAt.After(r.CreatedAt) {
			ds = append(ds, d)
		}
	}
	return chained(ds, r.Requester, approver) || chained(ds, approver, r.Requester), nil
}

// decidable loads an open request; one that nobody answered in time lapses here
// and now, which is kept.
func decidable(x *gate.Tx, id string) (Request, error) {
	r, err := requests.Get(x, id)
	if err != nil {
		return r, err
	}
	if r.State == Open && !x.Now().Before(r.LapsesAt) {
		if err := settle(x, &r, Lapsed); err != nil {
			return r, err
		}
		return r, gate.Refused(x, fault.Refused("approval.lapsed"))
	}
	if r.State != Open {
		return r, fault.Refused("approval.not_open")
	}
	return r, nil
}
