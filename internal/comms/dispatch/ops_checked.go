package dispatch

import (
	"strings"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/gate"
)

// CheckedOut is what the last check of a package found, as it stands.
type CheckedOut struct {
	CheckOut
	Person  string    `json:"person" class:"internal"` // who checked, "" if the package was not checked as it is
	At      time.Time `json:"at" class:"internal"`
	Applied []string  `json:"applied" class:"internal"` // rules of sending that had a say, by name
}

// CheckedOp shows the last check again (直近のチェックの結果): a page that is opened
// anew judges nothing anew. The ticks are for whoever checked, while they are
// good; nobody else sees any.
var CheckedOp = gate.New(gate.Op[ByID, CheckedOut]{
	Name: "dispatch.checked", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (CheckedOut, error) {
		b, err := load(x, in.ID)
		if err != nil {
			return CheckedOut{}, err
		}
		out := CheckedOut{CheckOut: CheckOut{State: b.State, Digest: b.Digest}}
		if b.Check == "" {
			return out, nil
		}
		c, err := checked.Get(x, b.Check)
		if err != nil {
			return out, err
		}
		p, err := party.Get(x, b.Party)
		if err != nil {
			return out, err
		}
		out.Person, out.At, out.ExpiresAt, out.Friction, out.Rules = c.Person, c.CreatedAt, c.ExpiresAt, c.ask(), Rules{Version: c.Rules}.name()
		out.Findings, out.Applied = b.steps(standing{version: p.Version}, c.Findings), applied(c.Findings)
		if b.State == Checked && !c.Used && c.Person == x.Actor().Person && x.Now().Before(c.ExpiresAt) {
			out.Ticks = ticks(x, b, c)
		}
		return out, nil
	},
})

// applied are the rules that had a say in findings, each once; those of the
// countdown and of the ticks always have.
func applied(fs []Finding) []string {
	names := []string{RuleHold, RuleTicks}
	other := map[string][]string{"big_amount": {RuleAmount}, "big_usual": {RuleAmount}, "class_second": {RuleClass}, "many_recipients": {RuleRecipients},
		"unusual_hour": {RuleFrom, RuleUntil}, "amount_high": {RuleHabit}, "amount_low": {RuleHabit}}
	for _, f := range fs {
		if name := ruleOf(f.Key); name != "" && f.Level != Match {
			names = once(names, name)
		}
		for _, name := range other[strings.TrimPrefix(f.Key, "dispatch.found.")] {
			names = once(names, name)
		}
	}
	return names
}

// RunningOut tells whether anything is sent at all.
type RunningOut struct {
	Stopped bool      `json:"stopped" class:"internal"`
	Person  string    `json:"person" class:"internal"` // who stopped or started it last
	At      time.Time `json:"at" class:"internal"`
	Reason  string    `json:"reason" class:"confidential"`
	Restore bool      `json:"restore" class:"internal"` // a restoring has stopped it, not a person
}

// RunningOp shows the emergency stop (緊急停止の状態).
var RunningOp = gate.New(gate.Op[struct{}, RunningOut]{
	Name: "dispatch.running", Mode: gate.Read, Target: system[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (RunningOut, error) {
		s, there, err := switchRow(x)
		if !there {
			return RunningOut{}, err
		}
		return RunningOut{s.Stopped, s.Person, s.UpdatedAt, s.Reason, strings.HasPrefix(s.Reason, restoredBy(""))}, err
	},
})
