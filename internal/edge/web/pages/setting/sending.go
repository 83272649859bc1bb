package setting

import (
	"slices"
	"strconv"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// says is what a rule means, in the reader's language.
func says(q *page.Req, r dispatch.RuleShown) string {
	if q.Lang == text.JA {
		return r.Ja
	}
	return r.En
}

// sentence is a rule as a page shows it.
type sentence struct {
	dispatch.RuleShown
	Says string
	Next *dispatch.RuleEntry // the newest of those to come
}

// rules are they.
type rules struct {
	Version string
	Rows    []sentence
}

func loadRules(q *page.Req) (rules, error) {
	out, err := page.Run(q, q.House.Dispatch.RuleList, struct{}{})
	r := rules{Version: out.Version}
	for _, s := range out.Rules {
		one := sentence{RuleShown: s, Says: says(q, s)}
		if i := slices.IndexFunc(s.History, func(e dispatch.RuleEntry) bool { return e.From.After(q.Today()) }); i >= 0 {
			one.Next = &s.History[i]
		}
		r.Rows = append(r.Rows, one)
	}
	return r, err
}

func rulesPage(q *page.Req) (page.Answer, error) {
	r, err := loadRules(q)
	return page.Answer{Template: "setting/rules", Title: q.T("web.setting.rules"), Data: r}, err
}

// one is a rule with its history and the form that sets it.
type one struct {
	sentence
	Choices []string // "": a number is typed
	Typed   string
	From    string
	People  map[string]string
}

func rulePage(q *page.Req) (page.Answer, error) {
	all, err := loadRules(q)
	if err != nil {
		return page.Answer{}, err
	}
	i := slices.IndexFunc(all.Rows, func(s sentence) bool { return s.Rule == q.PathValue("rule") })
	if i < 0 {
		return page.Answer{}, fault.NotFound()
	}
	o := one{sentence: all.Rows[i], Typed: all.Rows[i].Value, From: page.Date(q.Today()), People: map[string]string{}}
	switch o.Unit {
	case "ask":
		if o.Choices = []string{"ticks", "second"}; o.Least == "quiet" {
			o.Choices = append([]string{"quiet"}, o.Choices...)
		}
		if o.Most == "stop" {
			o.Choices = append(o.Choices, "stop")
		}
	case "class":
		o.Choices = []string{"public", "internal", "confidential", "personal", "secret"}
	}
	if q.Form.Has("value") {
		o.Typed, o.From = q.Form.Get("value"), q.Form.Get("from")
	}
	for _, h := range o.History {
		for _, id := range []string{h.Person, h.Approver} {
			if _, known := o.People[id]; !known {
				o.People[id] = called(q, id)
			}
		}
	}
	return page.Answer{Template: "setting/rule", Title: o.Says, Data: o}, nil
}

func rule(q *page.Req) (page.Answer, error) {
	from, err := q.Date("from")
	name := q.PathValue("rule")
	if err == nil {
		value := q.Form.Get("value")
		if y, bad := q.Yen("value"); bad == nil && value != "" { // 1,000,000 and full width are fine
			value = strconv.FormatInt(int64(y), 10)
		}
		_, err = page.Run(q, q.House.Dispatch.RuleSet, dispatch.RuleIn{Rule: name, Value: value, From: from, Reason: q.Form.Get("reason")})
	}
	return back(q, err, "rules", "web.done.rule_set", rulePage)
}

// lines is how the relays are doing.
type lines struct {
	dispatch.RelaysOut
	By      string // who stopped everything
	Bounces []dispatch.Tally
}

func relaysPage(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, dispatch.Relays, struct{}{})
	if err != nil {
		return page.Answer{}, err
	}
	l := lines{RelaysOut: out, By: called(q, out.Stop.Person)}
	if q.Can("dispatch.bounce_counts") {
		counts, err := page.Run(q, dispatch.TalliesOp, struct{}{})
		if err != nil {
			return page.Answer{}, err
		}
		l.Bounces = counts.Rows
	}
	return page.Answer{Template: "setting/relays", Title: q.T("web.setting.relays"), Data: l}, nil
}

func stopAll(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, dispatch.StopAll, dispatch.StopIn{Reason: q.Form.Get("reason")})
	return back(q, err, "relays", "web.done.stopped_all", relaysPage)
}

func startAll(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, dispatch.StartAll, dispatch.StopIn{Reason: q.Form.Get("reason")})
	return back(q, err, "relays", "web.done.saved", relaysPage)
}

// notices are the addresses of machine mail.
type notices struct {
	dispatch.NoticeAddressList
	At string // the form under way: "confirm-ID", "retire-ID"
}

func noticesPage(q *page.Req) (page.Answer, error) { return noticesAt("")(q) }

func noticesAt(at string) func(*page.Req) (page.Answer, error) {
	return func(q *page.Req) (page.Answer, error) {
		out, err := page.Run(q, dispatch.NoticeAddresses, dispatch.NoticePage{After: q.Query("after"), Limit: 100})
		return page.Answer{Template: "setting/notices", Title: q.T("web.setting.notices"), Data: notices{out, at}}, err
	}
}

func propose(q *page.Req) (page.Answer, error) {
	f := q.Form
	_, err := page.Run(q, dispatch.NoticePropose, dispatch.NoticeProposeIn{Address: f.Get("address"), Purpose: f.Get("purpose"), Label: f.Get("label")})
	return back(q, err, "notices", "web.done.notice_proposed", noticesAt("new"))
}

func about(q *page.Req) dispatch.NoticeAddressIn {
	return dispatch.NoticeAddressIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")}
}

func confirm(q *page.Req) (page.Answer, error) {
	in := about(q)
	_, err := page.Run(q, dispatch.NoticeConfirm, in)
	return back(q, err, "notices", "web.done.saved", noticesAt("confirm-"+in.ID))
}

func retire(q *page.Req) (page.Answer, error) {
	in := about(q)
	_, err := page.Run(q, dispatch.NoticeRetire, in)
	return back(q, err, "notices", "web.done.notice_retired", noticesAt("retire-"+in.ID))
}

func test(q *page.Req) (page.Answer, error) {
	_, err := page.Run(q, dispatch.NoticeTest, dispatch.ByID{ID: q.PathValue("id")})
	return back(q, err, "notices", "web.done.notice_test", noticesPage)
}
