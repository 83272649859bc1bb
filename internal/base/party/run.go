package party

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
)

// RunState is the state of an import run.
type RunState string

const (
	Staged  RunState = "staged"  // being written; nobody sees it
	Visible RunState = "visible" // part of the register
	Undone  RunState = "undone"  // taken back; nobody sees it
)

// Run is what the register knows of an import run; its id is the run's.
type Run struct {
	gate.Row
	State  RunState `json:"state" col:"state" class:"internal,plain"`
	Points int64    `json:"points" col:"points" class:"internal,plain"` // addresses it brought
	Quiet  int64    `json:"quiet" col:"quiet" class:"internal,plain"`   // those among them about which nothing is strange
	Digest string   `json:"digest" col:"digest" class:"internal,plain"` // of the quiet list, chained slice by slice
	Seed   string   `json:"-" col:"seed" class:"internal,plain"`        // of the sample; drawn when the list could no longer change
	Held   bool     `json:"held" col:"held" class:"internal,plain"`     // something was built on it: it cannot be undone
}

// Verification is two persons' agreement to a run's quiet list; its id is the
// run's. A run of 100,000 addresses is verified by this one row: no commit may
// take so long as to rewrite them all.
type Verification struct {
	gate.Row
	Digest     string     `json:"digest" col:"digest" class:"internal,plain"`
	Quiet      int64      `json:"quiet" col:"quiet" class:"internal,plain"`
	AskedBy    string     `json:"asked_by" col:"asked_by" class:"internal,plain"`
	VerifiedOn civil.Date `json:"verified_on" col:"verified_on" class:"internal,plain"`
}

var (
	runs          = gate.NewTable[Run]("party_run", gate.Unscoped(), gate.Cached())
	verifications = gate.NewTable[Verification]("party_batch_verification", gate.Unscoped())
)

// PublishLock is what an op that creates a partner or calls Publish must be
// Alone on: under it codes are compared with those in the register.
const PublishLock = "party.publish"

// visible lists what the column run may hold in rows that count: "" and every
// visible run. There are as many as there were imports, so the list is short;
// it is read as verified rows, because it decides what counts.
func visible(x *gate.Tx) ([]string, error) {
	list, err := runs.Find(x, gate.Eq("state", Visible))
	if err != nil {
		return nil, err
	}
	out := make([]string, 1, len(list)+1)
	for _, r := range list {
		out = append(out, r.ID)
	}
	return out, nil
}

// only keeps the rows that count. Rows of one partner or address are filtered
// here, those of a page of partners by SQL.
func only[T any](x *gate.Tx, list []T, run func(T) string) ([]T, error) {
	out := list[:0]
	for _, r := range list {
		switch err := seen(x, run(r)); {
		case err == nil:
			out = append(out, r)
		case !fault.Is(err, fault.KindNotFound):
			return nil, err
		}
	}
	return out, nil
}

// seen is NotFound for a row of a run that is not visible.
func seen(x *gate.Tx, run string) error {
	if run == "" {
		return nil
	}
	r, err := runs.Get(x, run)
	if err == nil && r.State != Visible {
		err = fault.NotFound()
	}
	return err
}

// Hold says that something now refers to a partner, so that the import run that
// brought it can no longer be undone. Modules call it when they first write
// down what is to last, such as an issued invoice.
func Hold(x *gate.Tx, party string) error {
	p, err := Get(x, party)
	if err != nil {
		return err
	}
	return hold(x, p.Run)
}

func hold(x *gate.Tx, run string) error {
	if run == "" {
		return nil
	}
	r, err := runs.Get(x, run)
	if err != nil || r.Held {
		return err
	}
	r.Held = true
	return runs.Update(x, &r)
}

// MaxSlice is the most rows of one kind a slice of an import may have: what one
// commit writes well within 250 ms.
const MaxSlice = 500

// StageInsert writes one slice of an import. Nobody sees the rows before
// Publish, so they can be written in many short commits: visibility is not a
// property of the rows but of one row in party_run, and every read of this
// package asks for it. (A flag in each row would take one commit that rewrites
// them all, and a crash in the middle of many would show half a file.)
//
// Ids given beforehand are kept; contacts and points name the id of their
// partner, which is in this run or in the register. The points must have gone
// through SortPoints together with all other points of the file: one that has
// not counts as strange. Faults name the row and field; nothing of the slice is
// written then.
func StageInsert(x *gate.Tx, run string, ps []Party, cs []Contact, ds []DeliveryPoint) error {
	if len(ps) > MaxSlice || len(cs) > MaxSlice || len(ds) > MaxSlice {
		return fault.Limited("gate.too_many", "field", "rows", "max", MaxSlice)
	}
	r, err := open(x, run)
	if err != nil {
		return err
	}
	if err := prepare(run, ps, cs, ds); err != nil {
		return err
	}
	if err := free(x, ps); err != nil {
		return err
	}
	if err := number(x, &r, ds); err != nil {
		return err
	}
	if err := parties.InsertMany(x, ps); err != nil {
		return err
	}
	if err := contacts.InsertMany(x, cs); err != nil {
		return err
	}
	if err := points.InsertMany(x, ds); err != nil {
		return err
	}
	for _, p := range ps {
		if p.Owner == "" {
			continue
		}
		if err := gate.Assign(x, p.Owner, p.ID); err != nil {
			return err
		}
	}
	return runs.Update(x, &r)
}

// open finds the run to write into, or begins it.
func open(x *gate.Tx, id string) (Run, error) {
	r, err := runs.Get(x, id)
	if fault.Is(err, fault.KindNotFound) {
		r = Run{State: Staged}
		r.ID = id
		return r, runs.Insert(x, &r)
	}
	if err == nil && r.State != Staged {
		err = fault.Refused("party.run_closed")
	}
	return r, err
}

// prepare normalises a slice and sets what an import may not choose.
func prepare(run string, ps []Party, cs []Contact, ds []DeliveryPoint) error {
	f := &faults{}
	for i := range ps {
		f.at = fmt.Sprintf("parties[%d].", i)
		ps[i].normalise(f)
		ps[i].Run, ps[i].State = run, Active
	}
	for i := range cs {
		f.at = fmt.Sprintf("contacts[%d].", i)
		cs[i].normalise(f)
		cs[i].Run = run
	}
	for i := range ds {
		f.at = fmt.Sprintf("points[%d].", i)
		d := &ds[i]
		d.normalise(f)
		d.Run, d.State, d.Origin = run, Proposed, Import
		d.Slot, d.Replaces, d.VerifiedBy, d.How, d.QuietNo = "", "", "", "", 0
		d.VerifiedOn, d.RetiredOn = civil.Date{}, civil.Date{}
	}
	return f.err()
}

// free refuses codes that are in the register already.
func free(x *gate.Tx, ps []Party) error {
	vis, err := visible(x)
	if err != nil || len(ps) == 0 {
		return err
	}
	codes := make([]string, len(ps))
	for i, p := range ps {
		codes[i] = p.Code
	}
	taken, err := parties.Find(x, gate.In("code", codes), gate.In("run", vis))
	if err != nil || len(taken) == 0 {
		return err
	}
	return fault.Refused("party.code_taken", "code", taken[0].Code).At("code")
}

// number gives the quiet points of a slice their places in the run's list, and
// binds the list's digest to everything they say. The digest stays right for
// good, because no point ever changes its address.
func number(x *gate.Tx, r *Run, ds []DeliveryPoint) error {
	type line struct{ ID, Party, Contact, Channel, Address, Label, Max string }
	var quiet []line
	for i := range ds {
		d := &ds[i]
		if d.ID == "" {
			d.ID = x.NewID()
		}
		r.Points++
		if d.Findings == nil {
			d.Findings = []Finding{{Kind: FindUnsorted}}
		}
		if len(d.Findings) > 0 {
			continue
		}
		r.Quiet++
		d.QuietNo = r.Quiet
		quiet = append(quiet, line{d.ID, d.Party, d.Contact, d.Channel, d.Address, d.Label, d.MaxClass.String()})
	}
	if len(quiet) == 0 {
		return nil
	}
	b, err := json.Marshal(struct {
		Before string
		Lines  []line
	}{r.Digest, quiet}, json.Deterministic(true))
	r.Digest = audit.Hash(b)
	return err
}

var collisions = gate.NewQuery[struct{ Code string }]("party.collisions", `SELECT s.code FROM {party s}
	JOIN {party v} ON v.code = s.code AND v.run <> s.run
	WHERE s.run = $1 AND (v.run = '' OR v.run IN (SELECT r.id FROM {party_run r} WHERE r.state = 'visible'))
	ORDER BY s.code LIMIT 1`)

// Publish makes a run part of the register by one small commit. The caller's op
// is Alone on PublishLock. A code that came into the register since the slice
// was staged is refused; nothing has changed then.
func Publish(x *gate.Tx, run string) error {
	r, err := runs.Get(x, run)
	if err != nil {
		return err
	}
	if r.State != Staged {
		return fault.Refused("party.run_closed")
	}
	taken, err := collisions.Rows(x, run)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return fault.Refused("party.code_taken", "code", taken[0].Code).At("code")
	}
	r.State, r.Seed = Visible, x.NewID()
	return runs.Update(x, &r)
}

// UndoRun hides a run again. It is refused once something was built on it:
// a change by hand, a verification, or what another module said with Hold. The
// rows stay, hidden; their codes are free again.
func UndoRun(x *gate.Tx, run string) error {
	r, err := runs.Get(x, run)
	switch {
	case err != nil:
		return err
	case r.State == Undone:
		return fault.Refused("party.run_closed")
	case r.Held:
		return fault.Refused("party.run_held")
	}
	r.State = Undone
	return runs.Update(x, &r)
}

// KnownAddresses are all addresses in use, for SortPoints. It reads the whole
// register, so it belongs into an op's Work, never into a write.
func KnownAddresses(x *gate.Tx) ([]Proposal, error) {
	const slice = 1000
	var out []Proposal
	for after := ""; ; {
		list, err := AllDeliveryPoints(x, after, slice)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			a, err := mailaddr.Parse(p.Address)
			if err != nil {
				return nil, fmt.Errorf("party: point %s: %w", p.ID, err)
			}
			out = append(out, Proposal{p.Party, a, p.Verified()})
		}
		if len(list) < slice {
			return out, nil
		}
		after = list[len(list)-1].ID
	}
}

// SortPoints says in each point of an import what is strange about its address,
// compared with the register and with all others of the file, which is why it
// takes the whole file at once. Points whose address cannot be read are left to
// StageInsert, which refuses them.
func SortPoints(known []Proposal, ds []DeliveryPoint) {
	var at []int
	var ps []Proposal
	for i, d := range ds {
		if a, err := mailaddr.Parse(d.Address); err == nil {
			at, ps = append(at, i), append(ps, Proposal{d.Party, a, false})
		}
	}
	for i, f := range SortAddresses(known, ps) {
		ds[at[i]].Findings = f
	}
}
