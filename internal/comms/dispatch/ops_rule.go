package dispatch

import (
	"strconv"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// Setting is one value of one rule from a day on. Settings are never changed and
// never deleted: together they are the history.
type Setting struct {
	gate.Row
	Rule     string     `col:"rule" class:"internal,plain"`
	Value    int64      `col:"value" class:"internal,plain"`
	From     civil.Date `col:"from_on" class:"internal,plain"`
	Reason   string     `col:"reason" class:"internal,seal"`
	Person   string     `col:"person" class:"internal,plain"`
	Approver string     `col:"approver" class:"internal,plain"` // the second person, "" where none was needed
	Weakens  bool       `col:"weakens" class:"internal,plain"`
}

var settings = gate.NewTable[Setting]("dispatch_rule", gate.Unscoped())

// rulesLock is what setting a rule is alone on.
const rulesLock = "dispatch/rules"

// rulesNow gives the settings there are and the rules of today.
func rulesNow(x *gate.Tx) ([]Setting, Rules, error) {
	rows, err := settings.Find(x)
	return rows, rulesOn(rows, civil.Of(x.Now())), err
}

func aboutRules[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "dispatch_rule", ID: "*"}, nil
}

// RuleShown is one rule as people read it.
type RuleShown struct {
	Rule     string      `json:"rule" class:"internal"`
	Value    string      `json:"value" class:"internal"` // as RuleSet takes it
	Unit     string      `json:"unit" class:"internal"`
	Default  string      `json:"default" class:"internal"` // where nobody has set it
	Least    string      `json:"least" class:"internal"`
	Most     string      `json:"most" class:"internal"`
	Stronger string      `json:"stronger" class:"internal"` // which way it gets stronger: more or less
	Weakened bool        `json:"weakened" class:"internal"` // it asks less than by default
	Ja       string      `json:"ja" class:"internal"`       // what it means, with its value
	En       string      `json:"en" class:"internal"`
	History  []RuleEntry `json:"history"` // of its settings, the last made first; those to come as well
}

// RuleEntry is one setting of a rule.
type RuleEntry struct {
	Value    string     `json:"value" class:"internal"`
	From     civil.Date `json:"from" class:"internal"`
	Reason   string     `json:"reason" class:"internal"`
	Person   string     `json:"person" class:"internal"`
	Approver string     `json:"approver" class:"internal"`
	Weakens  bool       `json:"weakens" class:"internal"`
	SetAt    time.Time  `json:"set_at" class:"internal"`
}

// RulesOut are all rules as they are today.
type RulesOut struct {
	Version string      `json:"version" class:"internal"` // "v3"
	Rules   []RuleShown `json:"rules"`
}

func (r Rules) name() string { return "v" + strconv.FormatInt(r.Version, 10) }

// ruleListOp shows every rule of sending with its history (送付のルール).
func (g *Gate) ruleListOp() *gate.UseCase[struct{}, RulesOut] {
	return gate.New(gate.Op[struct{}, RulesOut]{
		Name: "dispatch.rule_list", Mode: gate.Read, Target: aboutRules[struct{}],
		Do: func(x *gate.Tx, _ struct{}) (RulesOut, error) {
			rows, now, err := rulesNow(x)
			out := RulesOut{Version: now.name()}
			for _, d := range definitions(g.settings.Hold) {
				out.Rules = append(out.Rules, d.shown(rows, now))
			}
			return out, err
		},
	})
}

func (d rule) shown(rows []Setting, now Rules) RuleShown {
	v, ok := now.values[d.name]
	if !ok {
		v = d.value
	}
	s := RuleShown{Rule: d.name, Value: d.text(v), Unit: string(d.unit), Default: d.text(d.value), Least: d.text(d.least), Most: d.text(d.most),
		Stronger: map[bool]string{true: "more", false: "less"}[d.more], Weakened: d.stronger(d.value, v), Ja: d.sentence(text.JA, v), En: d.sentence(text.EN, v)}
	for _, r := range inOrder(rows) {
		if r.Rule == d.name {
			s.History = append([]RuleEntry{{d.text(r.Value), r.From, r.Reason, r.Person, r.Approver, r.Weakens, r.CreatedAt}}, s.History...)
		}
	}
	return s
}

// sentence says what the rule means at a value.
func (d rule) sentence(l text.Lang, v int64) string {
	var value any = d.text(v)
	switch d.unit {
	case inYen:
		value = money.Yen(v).String()
	case inClass:
		value = fault.Word("dispatch.class." + d.text(v))
	case inAsk:
		value = fault.Word("dispatch.ask." + d.text(v))
	}
	return text.T(l, "dispatch.rule."+d.name, "value", value)
}

// RuleIn sets one rule.
type RuleIn struct {
	Rule   string     `json:"rule" required:"true" enum:"second_amount,second_class,ask_first_time,ask_free_mail,ask_new_domain,ask_changed,ask_unreadable,ask_duplicate,changed_days,ask_correction,ask_uploaded,ask_untold,once_hours,ask_register,hold_minutes,tick_minutes,check_minutes,most_recipients,hours_from,hours_until,habit_percent,hold_quick,review_months,class_link,class_mail,class_zip,class_post,class_fax"`
	Value  string     `json:"value" required:"true" max:"20"`
	From   civil.Date `json:"from"` // today if empty
	Reason string     `json:"reason" text:"multiline"`
}

// ruleView is what a second person sees of a rule.
type ruleView struct {
	Rule  string     `json:"rule"`
	Value string     `json:"value"`
	Ja    string     `json:"ja"`
	En    string     `json:"en"`
	From  civil.Date `json:"from"`
}

// ruleSetOp sets a rule from a day on. Making it stronger is one authorised
// person's act; making it weaker, on any day, takes a second person.
func (g *Gate) ruleSetOp() *gate.UseCase[RuleIn, RuleShown] {
	return gate.New(gate.Op[RuleIn, RuleShown]{
		Name: "dispatch.rule_set", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
		Alone:  func(RuleIn) []string { return []string{rulesLock} },
		Target: aboutRules[RuleIn],
		FourEyes: func(x *gate.Tx, in RuleIn) (gate.Second, error) {
			c, err := g.setting(x, in)
			if err != nil {
				return gate.Second{}, err
			}
			was, ok := rulesOn(c.rows, c.new.From).values[in.Rule]
			if !ok {
				was = c.rule.value
			}
			var d canon // the settings made so far are part of it: whatever is set meanwhile voids the request
			d.text(in.Rule, in.Value, in.From.String())
			d.number(int64(len(c.rows)))
			view := func(v int64, from civil.Date) ruleView {
				return ruleView{in.Rule, c.rule.text(v), c.rule.sentence(text.JA, v), c.rule.sentence(text.EN, v), from}
			}
			return gate.Second{Needed: c.new.Weakens, Digest: d.b, Class: policy.Internal, Silent: "stronger",
				Before: view(was, civil.Date{}), After: view(c.new.Value, in.From)}, nil
		},
		Do: func(x *gate.Tx, in RuleIn) (RuleShown, error) {
			c, err := g.setting(x, in)
			if err != nil {
				return RuleShown{}, err
			}
			c.new.Reason, c.new.Person, c.new.Approver = in.Reason, x.Actor().Person, x.ApprovedBy()
			if err := settings.Insert(x, &c.new); err != nil {
				return RuleShown{}, err
			}
			rows, now, err := rulesNow(x)
			x.Note("rules", now.name())
			return c.rule.shown(rows, now), err
		},
	})
}

// set is a setting to be with what there is.
type set struct {
	rule rule
	rows []Setting
	new  Setting
}

func (g *Gate) setting(x *gate.Tx, in RuleIn) (set, error) {
	d, ok := definition(in.Rule, g.settings.Hold)
	if !ok {
		return set{}, fault.NotFound()
	}
	v, err := d.parse(in.Value)
	if err != nil {
		return set{}, err
	}
	day := civil.Of(x.Now())
	from := in.From
	switch {
	case from.IsZero():
		from = day
	case from.Before(day):
		return set{}, fault.Invalid("dispatch.rule_past").At("from")
	}
	rows, err := settings.Find(x)
	if err != nil {
		return set{}, err
	}
	weakens, same := d.effect(rows, from, v)
	if same {
		return set{}, fault.Invalid("dispatch.rule_same").At("value")
	}
	return set{d, rows, Setting{Rule: d.name, Value: v, From: from, Weakens: weakens}}, nil
}
