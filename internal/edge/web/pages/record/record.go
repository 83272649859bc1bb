// Package record are the pages of the operation records (操作記録): searching,
// one record whole, and how well the log is proved.
package record

import (
	"embed"
	"slices"
	"strconv"
	"strings"

	"sekisho/internal/assure/record"
	"sekisho/internal/base/identity"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "record", Files: files, Routes: []page.Route{
	{At: "GET /records", Do: search},
	{At: "GET /records/mine", Do: mine},
	{At: "GET /records/verify", Do: verify},
	{At: "GET /records/{leaf}", Do: show},
}}

// listed is a page of records with the filters it was found by.
type listed struct {
	Mine     bool
	Rows     []record.Line
	Next     string
	People   []choice
	Ops      []group
	Outcomes []string
	Kinds    []string
	Sweep    *record.Integrity // nil: not for this reader
	State    string            // of it
}

type choice struct{ Value, Word string }

type group struct {
	Word string
	Ops  []choice
}

var (
	outcomes = []string{"ok", "invalid", "not_found", "denied", "refused", "pending", "conflict", "limited", "failed"}
	kinds    = []string{"invoice", "party", "party_run", "document", "bundle", "dispatch", "dispatch_rule", "dispatch_watched", "batch", "intro", "share", "paper", "optin", "notice", "notice_address", "approval", "approval_delegation", "approval_decision", "approval_emergency", "drill", "drill_decoy", "incident", "alarm", "identity", "identity_search", "org_issuer", "org_department", "org_series", "org_holiday", "intake", "record", "segment", "log", "table", "feed", "witness", "state", "job", "backup"}
)

func search(q *page.Req) (page.Answer, error) {
	d := listed{Outcomes: outcomes, Kinds: kinds, People: people(q), Ops: ops(q)}
	a := page.Answer{Template: "record/list", Title: q.T("web.record.title"), Data: &d}
	in, err := query(q)
	if err != nil {
		return q.Again(err, a)
	}
	var met []string
	in.Person = q.Query("person")
	out, err := page.Run(q, record.Search, in)
	if err != nil {
		return q.Again(err, a)
	}
	d.Rows, d.Next = out.Records, next(out.Before)
	for _, r := range d.Rows {
		met = append(met, r.Person)
	}
	q.Meet(met...)
	if i, err := page.Run(q, record.ShowIntegrity, record.None{}); err == nil {
		d.Sweep, d.State = &i, State(i)
	}
	return a, nil
}

func mine(q *page.Req) (page.Answer, error) {
	d := listed{Mine: true, Outcomes: outcomes, Kinds: kinds, Ops: ops(q)}
	a := page.Answer{Template: "record/list", Title: q.T("web.record.mine"), Data: &d}
	in, err := query(q)
	if err != nil {
		return q.Again(err, a)
	}
	out, err := page.Run(q, record.Mine, in)
	if err != nil {
		return q.Again(err, a)
	}
	d.Rows, d.Next = out.Records, next(out.Before)
	return a, nil
}

func next(before int64) string {
	if before == 0 {
		return ""
	}
	return strconv.FormatInt(before, 10)
}

// query reads the filters of the address.
func query(q *page.Req) (record.Query, error) {
	in := record.Query{ID: strings.TrimSpace(q.Query("id")), Op: q.Query("op"), Outcome: q.Query("outcome"), Kind: q.Query("kind"),
		Target: strings.TrimSpace(q.Query("target")), Before: q.Int("after")}
	from, err := q.Date("from")
	if err != nil {
		return in, err
	}
	to, err := q.Date("to")
	if err != nil {
		return in, err
	}
	if !from.IsZero() {
		in.From = from.Start()
	}
	if !to.IsZero() {
		in.To = to.AddDays(1).Start()
	}
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		return in, fault.Invalid("document.range").At("to")
	}
	return in, nil
}

// peoplePages bounds the list of people in the filter.
const peoplePages = 5

// people are those the reader may see, for the filter.
func people(q *page.Req) []choice {
	out := []choice{{"system", q.Person("system")}}
	for after, n := "", 0; n < peoplePages; n++ {
		list, err := page.Run(q, identity.People, identity.PeopleIn{After: after, Limit: 200})
		if err != nil {
			break // a record can be looked for without
		}
		for _, p := range list.Rows {
			out = append(out, choice{p.ID, p.Name})
		}
		if after = list.Next; after == "" {
			break
		}
	}
	slices.SortFunc(out[1:], func(a, b choice) int { return strings.Compare(a.Word+a.Value, b.Word+b.Value) })
	return out
}

// ops are all acts there are, by what they are about.
func ops(q *page.Req) []group {
	var out []group
	for _, i := range q.House.Gate.Ops() {
		module, _, _ := strings.Cut(i.Name, ".")
		word := page.Word(q.Lang, "web.record.module", module)
		if len(out) == 0 || out[len(out)-1].Word != word {
			out = append(out, group{Word: word})
		}
		g := &out[len(out)-1]
		g.Ops = append(g.Ops, choice{i.Name, q.T("op." + i.Name)})
	}
	return out
}

func show(q *page.Req) (page.Answer, error) {
	leaf, err := strconv.ParseInt(q.PathValue("leaf"), 10, 64)
	if err != nil || leaf < 0 {
		return page.Answer{}, fault.NotFound()
	}
	d, err := page.Run(q, record.Show, record.Leaf{Leaf: leaf})
	if err != nil {
		return page.Answer{}, err
	}
	q.Meet(d.Line.Person)
	return q.Show("record/show", q.T("web.record.one", "leaf", leaf), opened(q, d))
}

// verified is the state of the proof.
type verified struct {
	record.Integrity
	State    string // of the sentence: clean, never, damaged
	Segments []month
	Flaws    []flaw
}

// month is a closed month with how many records it holds.
type month struct {
	gate.Segment
	Records int64
}

// flaw is one damage with its sentence.
type flaw struct {
	gate.Damage
	Said string
}

func verify(q *page.Req) (page.Answer, error) {
	i, err := page.Run(q, record.ShowIntegrity, record.None{})
	if err != nil {
		return page.Answer{}, err
	}
	d := verified{Integrity: i, State: State(i)}
	for _, f := range i.Found {
		d.Flaws = append(d.Flaws, flaw{f, q.T(f.Key, "table", f.Table, "id", f.ID, "leaf", f.Leaf, "last", f.Last)})
	}
	if q.Can(record.Segments.Name()) {
		list, err := page.Run(q, record.Segments, record.None{})
		if err != nil {
			return page.Answer{}, err
		}
		for _, s := range list.Segments {
			d.Segments = append(d.Segments, month{s, s.Size - s.First})
		}
		slices.Reverse(d.Segments)
	}
	return q.Show("record/verify", q.T("web.record.verify"), d)
}

// State is what the last round says of the log: clean, never or damaged.
func State(i record.Integrity) string {
	switch {
	case i.SweptAt.IsZero():
		return "never"
	case i.Damaged > 0:
		return "damaged"
	}
	return "clean"
}
