package sending

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

// sheet is one package as its page shows it.
type sheet struct {
	dispatch.Shown
	Partner   party.Shown
	Check     dispatch.CheckedOut
	Running   dispatch.RunningOut
	Rules     dispatch.RulesOut
	Applied   []string // the rules that have a say, in words
	People    map[string]string
	Sizes     map[string]int64 // of documents, by id
	Bounces   []dispatch.BounceNote
	Total     money.Yen
	Left      int // seconds until it goes
	HoldWords string
	HoldQuick bool        // it is counted in seconds: not about money, and nothing unusual
	Shared    share.OfOut // what became of its links

	Stops, Open, Match []card
	Counts             [3]int // stops, things left to look at, things that agree
	Whole              string // the one tick of a quiet package
}

func show(q *page.Req) (page.Answer, error) { return sheetOf(q, q.PathValue("id"), nil) }

// sheetOf loads a package and picks its page: what is before it, or what became
// of it. given are the ticks that were set when the form is shown again.
func sheetOf(q *page.Req, id string, given []string) (page.Answer, error) {
	var d sheet
	var err error
	if d.Shown, err = page.Run(q, dispatch.Show, dispatch.ByID{ID: id}); err != nil {
		return page.Answer{}, err
	}
	if d.Check, err = page.Run(q, dispatch.CheckedOp, dispatch.ByID{ID: id}); err != nil {
		return page.Answer{}, err
	}
	if err := d.beside(q); err != nil {
		return page.Answer{}, err
	}
	d.Left = max(int(d.HeldUntil.Sub(q.House.Gate.Now()).Seconds())+1, 0)
	d.sort(q.Lang, given)
	name := "sending/result"
	if d.Before() {
		name = "sending/check"
	}
	return q.Show(name, q.T("web.sending.title"), d, "check.js")
}

// beside loads what stands around the package.
func (d *sheet) beside(q *page.Req) error {
	err := d.linked(q)
	if err != nil {
		return err
	}
	if q.Can("party.show") {
		if d.Partner, err = page.Run(q, party.ShowOp, party.ByID{ID: d.Party}); err != nil && !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindDenied) {
			return err
		}
	}
	if d.Running, err = page.Run(q, dispatch.RunningOp, struct{}{}); err != nil {
		return err
	}
	if d.Rules, err = page.Named[dispatch.RulesOut](q, "dispatch.rule_list", struct{}{}); err != nil {
		return err
	}
	hold := dispatch.RuleHold
	if d.HoldQuick = d.Check.Friction == dispatch.Quiet && d.Purpose != dispatch.ForInvoice; d.HoldQuick {
		hold = dispatch.RuleHoldQuick
	}
	for _, r := range d.Rules.Rules {
		if slices.Contains(d.Check.Applied, r.Rule) && r.Rule != dispatch.RuleHold || r.Rule == hold {
			d.Applied = append(d.Applied, said(q.Lang, r))
		}
		if r.Rule == hold {
			d.HoldWords = r.Value
		}
	}
	if q.Can("dispatch.bounces") && !d.Before() {
		out, err := page.Run(q, dispatch.BouncesOp, dispatch.ByID{ID: d.ID})
		if err != nil {
			return err
		}
		d.Bounces = out.Rows
	}
	d.Sizes = map[string]int64{}
	for _, f := range d.Attachments {
		d.Total += f.Amount
		doc, err := page.Run(q, document.Show, document.ByID{ID: f.Document})
		if err != nil && !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindDenied) {
			return err
		}
		d.Sizes[f.Document] = doc.Size
	}
	people := []string{d.Owner, d.ConfirmedBy, d.Check.Person, d.Running.Person}
	for _, i := range d.Recipients {
		people = append(people, i.ResolvedBy, i.AttendedBy)
	}
	d.People, err = page.Names(q, people...)
	return err
}

// said is a rule in the reader's language.
func said(l text.Lang, r dispatch.RuleShown) string {
	if l == text.JA {
		return r.Ja
	}
	return r.En
}

// Before tells whether it is still on this side of the gate.
func (d sheet) Before() bool {
	return slices.Contains([]dispatch.State{dispatch.Prepared, dispatch.Stopped, dispatch.Checked, dispatch.Confirmed, dispatch.Awaiting,
		dispatch.Approved, dispatch.Rejected}, d.State)
}

// In tells whether it is in one of these states.
func (d sheet) In(states ...string) bool { return slices.Contains(states, string(d.State)) }

// Has tells whether any recipient is in one of these states.
func (d sheet) Has(states ...string) bool {
	return slices.ContainsFunc(d.Recipients, func(i dispatch.Item) bool { return slices.Contains(states, string(i.State)) })
}

// Mine tells whether the reader can go on with it: the ticks were given to them.
func (d sheet) Mine() bool { return len(d.Check.Ticks) > 0 }

// Over tells whether the ticks of a check are good no more.
func (d sheet) Over(now time.Time) bool {
	return d.State == dispatch.Checked && !now.Before(d.Check.ExpiresAt)
}

// WantsReason tells whether whoever approves must be told why.
func (d sheet) WantsReason() bool {
	return dispatch.WantsReason(d.Check.Findings)
}

// Second tells whether a second person will be asked.
func (d sheet) Second() bool { return d.Check.Friction == dispatch.Second }

// Quiet tells whether nothing is to be looked at singly.
func (d sheet) Quiet() bool { return d.Check.Friction == dispatch.Quiet }

// Addresses are those of one kind, as they stand in the mail.
func (d sheet) Addresses(kind string) string {
	var out []string
	for _, i := range d.Recipients {
		if i.Kind == kind {
			out = append(out, cmp.Or(i.Address, i.Proposed))
		}
	}
	return strings.Join(out, ", ")
}

// Label is what the register calls a delivery point.
func (d sheet) Label(point string) string {
	for _, p := range d.Partner.Points {
		if p.ID == point {
			return p.Label
		}
	}
	return ""
}

// Kinds are those of relations that can explain another partner's name.
func (sheet) Kinds() []string { return []string{"ship_to", "drop_ship", "branch", "group", "maker"} }

// Next is the card to look at next, "" if there is none.
func (d sheet) Next() string {
	for _, c := range d.Stops {
		return c.ID
	}
	for _, c := range d.Open {
		if c.waits() {
			return c.ID
		}
	}
	return ""
}

// waits tells whether a tick of the card is not set.
func (c card) waits() bool {
	if c.Tick.Value != "" && !c.Tick.Set {
		return true
	}
	return slices.ContainsFunc(c.Findings, func(f found) bool { return f.Box.Value != "" && !f.Box.Set })
}

// Agreeing are all findings that say that something agrees.
func (d sheet) Agreeing() []found {
	var out []found
	for _, c := range slices.Concat(d.Stops, d.Open, d.Match) {
		for _, f := range c.Findings {
			if f.Level == dispatch.Match {
				out = append(out, f)
			}
		}
	}
	return out
}
