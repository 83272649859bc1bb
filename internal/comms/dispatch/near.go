package dispatch

import (
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// NearKind is what kept a package from going wrong.
type NearKind string

// The kinds.
const (
	NearStop   NearKind = "stop"   // a check stopped it
	NearCancel NearKind = "cancel" // a person took it back while it was held
	NearReject NearKind = "reject" // its approver refused it
	NearRecall NearKind = "recall" // it had left and was called back
)

// Near is one event that nearly was a mis-send (ヒヤリハット). It is written in the
// transaction of what it tells of, so its record is that event's.
type Near struct {
	gate.Row
	Package    string     `json:"package" col:"package_id" class:"internal,plain"`
	Party      string     `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string     `json:"owner" col:"owner_id" class:"internal,plain"`
	Department string     `json:"department" col:"department_id" class:"internal,plain"`
	Kind       NearKind   `json:"kind" col:"kind" class:"internal,plain"`
	Cause      string     `json:"cause" col:"cause" class:"internal,plain"` // key of a sentence: the finding's, or what the person did
	Day        civil.Date `json:"day" col:"day" class:"internal,plain"`
	Month      string     `json:"month" col:"month" class:"internal,plain"` // "2026-11"
	Slot       string     `json:"-" col:"slot" class:"internal,plain"`
	Amount     money.Yen  `json:"amount" col:"amount" class:"confidential,plain" since:"2"` // that its documents claimed
}

var nears = gate.NewTable[Near]("dispatch_near", gate.Scoped("owner_id", "department_id", ""))

// nearMiss counts an event once per cause. what tells two events of one package
// apart: the same stop found again in an unchanged package is the same event.
func nearMiss(x *gate.Tx, s Sending, k NearKind, what string, causes ...string) error {
	day := civil.Of(x.Now())
	for _, cause := range causes {
		var c canon
		c.text(s.ID, string(k), what, cause)
		slot := blob.Sum(c.b).String()
		if had, err := nears.Has(x, gate.Eq("slot", slot)); err != nil {
			return err
		} else if had {
			continue
		}
		amount, err := claimed(x, s.ID)
		if err != nil {
			return err
		}
		n := Near{Package: s.ID, Party: s.Party, Owner: s.Owner, Department: s.Department, Kind: k, Cause: cause, Day: day, Month: day.YearMonth(), Slot: slot, Amount: amount}
		if err := nears.Insert(x, &n); err != nil {
			return err
		}
	}
	return nil
}

// claimed is what the documents of a package claim together.
func claimed(x *gate.Tx, id string) (sum money.Yen, err error) {
	list, err := files.Find(x, gate.Eq("package_id", id))
	for _, f := range list {
		sum += f.Amount
	}
	return sum, err
}

// content names what was checked: the package, with the proposals that are no
// recipients of it (yet).
func (s standing) content() string {
	var c canon
	c.b = s.Canonical()
	for _, r := range s.facts.Recipients {
		c.text(r.Kind, r.Proposed, r.Point)
	}
	return blob.Sum(c.b).String()
}

// halts are the keys of what stops, each once.
func halts(fs []Finding) []string {
	var keys []string
	for _, f := range fs {
		if f.Level == Halt {
			keys = once(keys, f.Key)
		}
	}
	return keys
}

// NearIn asks for the events of some days, both included.
type NearIn struct {
	From  civil.Date `json:"from" required:"true"`
	To    civil.Date `json:"to" required:"true"`
	After string     `json:"after" max:"500"`
	Limit int        `json:"limit"`
}

// Validate refuses a range that holds nothing.
func (in NearIn) Validate() error {
	if in.To.Before(in.From) {
		return fault.Invalid("dispatch.near.range").At("to")
	}
	return nil
}

// NearCount is how often one cause came in one month.
type NearCount struct {
	Month string   `json:"month" class:"internal"`
	Kind  NearKind `json:"kind" class:"internal"`
	Cause string   `json:"cause" class:"internal"`
	Count int64    `json:"count" class:"internal"`
}

// NearEvent is one of them, with the record that tells the rest.
type NearEvent struct {
	Near
	RecordID string `json:"record" class:"internal"`
}

// NearOut are the counts of all days asked for, and a page of the events. One
// sending may be stopped for several causes: Packages, Companies and Amount count
// it once, and leave out what had left and was called back.
type NearOut struct {
	Total     int64     `json:"total" class:"internal"`
	Packages  int64     `json:"packages" class:"internal"`
	Companies int64     `json:"companies" class:"internal"`
	Amount    money.Yen `json:"amount" class:"confidential"`
	Own       bool      `json:"own" class:"internal"` // only of what whoever asks prepared

	Counts []NearCount `json:"counts"`
	Events []NearEvent `json:"events"`
	Next   string      `json:"next" class:"internal"`
}

type nearSum struct{ Packages, Companies, Amount int64 }

var nearSums = gate.NewQuery[nearSum]("dispatch.near_sums", `SELECT COUNT(*), COUNT(DISTINCT n.party_id), CAST(COALESCE(SUM(n.amount), 0) AS BIGINT) FROM {dispatch_near n}
	WHERE n.id IN (SELECT MIN(m.id) FROM {dispatch_near m} WHERE m.day >= $1 AND m.day <= $2 AND m.kind <> 'recall' GROUP BY m.package_id)`)

var nearCounts = gate.NewQuery[NearCount]("dispatch.near_counts", `SELECT n.month, n.kind, n.cause, COUNT(*) FROM {dispatch_near n}
	WHERE n.day >= $1 AND n.day <= $2 GROUP BY n.month, n.kind, n.cause ORDER BY n.month, n.kind, n.cause`)

// NearMisses counts what was kept from going wrong, by cause and month, and names
// the events (ヒヤリハット集計). It shows ids, kinds and times only.
var NearMisses = gate.New(gate.Op[NearIn, NearOut]{
	Name: "dispatch.near_misses", Mode: gate.List, Target: system[NearIn],
	Do: func(x *gate.Tx, in NearIn) (NearOut, error) {
		out := NearOut{Events: []NearEvent{}, Own: x.Scope().OneOwn()}
		var err error
		if out.Counts, err = nearCounts.Rows(x, in.From, in.To); err != nil {
			return out, err
		}
		for _, c := range out.Counts {
			out.Total += c.Count
		}
		sums, err := nearSums.Rows(x, in.From, in.To)
		if err != nil {
			return out, err
		}
		out.Packages, out.Companies, out.Amount = sums[0].Packages, sums[0].Companies, money.Yen(sums[0].Amount)
		p, err := nears.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Ge("day", in.From), gate.Le("day", in.To)}, By: "day", Desc: true, After: in.After, Limit: in.Limit})
		for _, n := range p.Rows {
			out.Events = append(out.Events, NearEvent{n, n.Record})
		}
		out.Next = p.Next
		return out, err
	},
})
