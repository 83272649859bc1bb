package dispatch

import (
	"cmp"
	"slices"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// RuleUntold is what the first link to a partner asks that was not told of links.
const RuleUntold = "ask_untold"

// TellWay is how a partner is told that documents come by link (案内の方法).
type TellWay string

// The ways.
const (
	TellMail  TellWay = "mail"  // 案内状 as a mail: a sending
	TellPost  TellWay = "post"  // 案内状 in an envelope: a sending, too
	TellPrint TellWay = "print" // printed; whether it was posted, nobody has said yet
	TellPaper TellWay = "paper" // the printed one was posted or handed over
	TellPhone TellWay = "phone"
	TellVisit TellWay = "visit"
	TellOther TellWay = "other"
)

// Told is one telling of a partner. Rows are never changed: a sending says
// itself what became of it.
type Told struct {
	gate.Row
	Party   string     `json:"party" col:"party_id" class:"internal,plain"`
	Way     TellWay    `json:"way" col:"way" class:"internal,plain"`
	Package string     `json:"package" col:"package_id" class:"internal,plain"` // the sending, "" if it is none
	On      civil.Date `json:"told_on" col:"told_on" class:"internal,plain"`    // of a sending: when it was prepared
	Person  string     `json:"person" col:"person" class:"internal,plain"`
	Reason  string     `json:"reason" col:"reason" class:"confidential"` // how one knows, of what was noted by a person
}

var tellings = gate.NewTable[Told]("dispatch_told", gate.Unscoped(), gate.Unit(vault.KindPersonal, "party", "party_id"))

// ToldState is whether a partner knows of links (案内済み／未案内).
type ToldState string

// The states.
const (
	Untold   ToldState = "untold"
	Telling  ToldState = "telling"  // a letter is on its way, or printed
	ToldSure ToldState = "told"     // 案内済み
	toldLost ToldState = "returned" // of one letter: it will not arrive
)

// Introduction is how far the telling of a partner got.
type Introduction struct {
	State ToldState `json:"state" class:"internal"`
	Last  Told      `json:"last"` // what the state rests on; zero if there is nothing
}

// Tell keeps that a partner is told.
func Tell(x *gate.Tx, t *Told) error {
	t.Person = x.Actor().Person
	if t.On.IsZero() {
		t.On = civil.Of(x.Now())
	}
	return tellings.Insert(x, t)
}

// Tellings are all of a partner, latest first.
func Tellings(x *gate.Tx, partner string) ([]Told, error) {
	list, err := tellings.Find(x, gate.Eq("party_id", partner))
	slices.SortFunc(list, func(a, b Told) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID)) })
	return list, err
}

// Introduced tells whether a partner knows that documents come by link.
func Introduced(x *gate.Tx, partner string) (Introduction, error) {
	list, err := Tellings(x, partner)
	out := Introduction{State: Untold}
	for _, t := range list {
		s, err := t.state(x)
		if err != nil {
			return out, err
		}
		if s == ToldSure {
			return Introduction{s, t}, nil
		}
		if s == Telling && out.State == Untold {
			out = Introduction{s, t}
		}
	}
	return out, err
}

// state of one telling; the day of a letter that arrived is when it left.
func (t *Told) state(x *gate.Tx) (ToldState, error) {
	switch {
	case t.Way == TellPrint:
		return Telling, nil
	case t.Package == "":
		return ToldSure, nil
	}
	list, err := items.Find(x, gate.Eq("package_id", t.Package))
	states := make([]State, len(list))
	for i, r := range list {
		states[i] = r.State
		if slices.Contains(reached(), r.State) {
			t.On = civil.Of(r.SettledAt)
		}
	}
	return toldBy(states), err
}

// reached are the states of a letter that was read, for all we know.
func reached() []State { return []State{Handed, Delivered, Opened} }

// toldBy is what the recipients of a letter say: one of them is enough.
func toldBy(states []State) ToldState {
	switch {
	case slices.ContainsFunc(states, func(s State) bool { return slices.Contains(reached(), s) }):
		return ToldSure
	case slices.ContainsFunc(states, func(s State) bool { return !slices.Contains([]State{Bounced, Refused, Recalled, Cancelled}, s) }):
		return Telling
	}
	return toldLost
}

// linkedBefore counts the links that a partner has got in other packages.
var linkedBefore = gate.NewQuery[int64Row]("dispatch.linked_before", `SELECT COUNT(*) FROM {dispatch_link l} JOIN {dispatch_item i} ON i.id = l.item_id
	WHERE l.party_id = $1 AND l.package_id <> $2 AND i.state IN ('handed_over', 'delivered', 'opened', 'recalled')`)

// introduced adds whether the first link to a partner comes out of the blue.
func (s *standing) introduced(x *gate.Tx, b bundle) error {
	if !s.facts.Linked {
		return nil
	}
	before, err := linkedBefore.Rows(x, b.Party, b.ID)
	if err != nil || before[0].N > 0 {
		return err
	}
	now, err := Introduced(x, b.Party)
	if now.State != ToldSure {
		s.facts.Untold = now.State
	}
	return err
}

// untoldAsks: whoever was never told of links takes the first one for a fraud, or
// throws it away.
func untoldAsks(f Facts) []Finding {
	if f.Untold == "" || f.Rules.of(RuleUntold) == asksNothing {
		return nil
	}
	c := caution(ItemPackage, "untold", false)
	c.Shown, c.Ways = f.Party.Name, []string{WayIntroduce}
	if f.Untold == Telling {
		c.Reason, c.Ways = "dispatch.found.untold_telling", nil
	}
	return []Finding{c}
}

// ByLink tells whether a partner's files go by link, where there is a portal.
func ByLink(c party.Choice) bool { return c.Way == "" || c.Way == party.ByLink }
