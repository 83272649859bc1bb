package dispatch

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/policy"
)

// Friction is what a sending asks of people: it follows the risk.
type Friction string

// The three, each with all of the one before.
const (
	Quiet  Friction = "quiet"  // nothing to look at: one tick over the whole package
	Ticks  Friction = "ticks"  // unusual: one tick per recipient, attachment and caution
	Second Friction = "second" // strange, or a rule says so: a second person as well
)

// ruleOf is the rule that says what a finding asks, "" if none does: then the
// check itself has said it, and nobody can set it.
func ruleOf(key string) string {
	return map[string]string{"first_time": RuleFirstTime, "free_mail": RuleFreeMail, "new_domain": RuleNewDomain,
		"changed_point": RuleChanged, "changed_account": RuleChanged, "unreadable": RuleUnreadable, "pictures": RuleUnreadable,
		"sent_before": RuleDuplicate, "correction": RuleCorrection, "untold": RuleUntold, "uploaded": RuleUploaded, "field_address": RuleRegister, "field_terms": RuleRegister, "field_order": RuleRegister}[strings.TrimPrefix(key, "dispatch.found.")]
}

// judge gives the findings with what the rules make of each, and what they ask
// together. It is a pure function: the same rules and findings ask the same.
func judge(r Rules, fs []Finding) ([]Finding, Friction) {
	out, ask := slices.Clone(fs), Quiet
	for i, f := range out {
		if f.Level == Match && f.Second { // nothing strange, but a rule says so
			ask = Second
		}
		if f.Level != Caution {
			continue
		}
		if name := ruleOf(f.Key); name != "" {
			out[i].Second = r.of(name) == asksSecond
			if r.of(name) == asksStop {
				out[i].Level = Halt
				continue
			}
		}
		if ask == Quiet {
			ask = Ticks
		}
		if out[i].Second {
			ask = Second
		}
	}
	return out, ask
}

// ruled are the checks that look at nothing but the rules.
func ruled() []func(Facts) []Finding {
	return append([]func(Facts) []Finding{classAsks, registerChanged, fewRecipients, transportFits, printable, protectionStands}, doubleChecks()...)
}

// classAsks: from a class on, a second person approves.
func classAsks(f Facts) []Finding {
	if f.Class < f.Rules.Class() || f.Class >= policy.Secret { // that is stopped
		return nil
	}
	return []Finding{caution(ItemPackage, "class_second", true)}
}

// registerChanged: the first sending after a change of addresses or accounts, and
// every one for some days, is looked at by a second person (SM-43): a letter about a changed account is how
// money is stolen.
func registerChanged(f Facts) []Finding {
	var out []Finding
	if f.Changed.Point != "" {
		c := caution(ItemPackage, "changed_point", true)
		c.Shown = f.Changed.Point
		out = append(out, c)
	}
	if f.Changed.Account {
		out = append(out, caution(ItemPackage, "changed_account", true))
	}
	return out
}

// fewRecipients: a mail to many is a list, not a letter (SM-32).
func fewRecipients(f Facts) []Finding {
	if len(f.Recipients) <= f.Rules.Recipients() {
		return nil
	}
	s := stop(ItemPackage, "many_recipients", WayRemove, WaySplit)
	return []Finding{s}
}

// ChangedFact is what was changed in the register since anything was last sent
// to the partner, or in the last days (RuleChangedDays).
type ChangedFact struct {
	Point   string // an address put into use or out of it
	Account bool   // 口座
}
