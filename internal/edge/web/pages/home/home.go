// Package home is the first page after signing in: what is to be done today, the
// figures behind it, and how the house is protected.
package home

import (
	"embed"
	"time"

	"sekisho/internal/assure/state"
	"sekisho/internal/assure/watch"
	"sekisho/internal/base/approval"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/trade/invoice"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "home", Files: files, Routes: []page.Route{
	{At: "GET /{$}", Open: true, Do: show},
	{At: "GET /figures", Do: figures},
}}

// Task is one kind of thing that waits for the reader.
type Task struct {
	Key, Level, Icon, To string
	N                    int
	More                 bool // N and more
}

// Home is the page.
type Home struct {
	Tasks    []Task
	Week     []Task // what this closing still wants
	Stopped  int64  // mis-sendings stopped this month; -1: not for this reader
	Closing  civil.Date
	DaysLeft int
	State    []Guard
	Figures  bool
}

// Guard is one line of how the house is protected.
type Guard struct {
	Key, Level string
	Args       []any
}

func show(q *page.Req) (page.Answer, error) {
	if !q.In() {
		return page.Answer{To: map[bool]string{true: "/demo", false: "/signin"}[q.House.Demo != nil]}, nil
	}
	if next := q.Unfinished(); next != "" {
		return page.Answer{To: next}, nil
	}
	today := q.Today()
	h := Home{Stopped: -1, Closing: today.EndOfMonth(), DaysLeft: today.DaysUntil(today.EndOfMonth()), Figures: q.Can("invoice.summary")}
	for _, w := range waiting() {
		if !q.Can(w.op) {
			continue
		}
		n, next, err := w.count(q)
		if err != nil {
			return page.Answer{}, err
		}
		if n > 0 {
			h.Tasks = append(h.Tasks, Task{w.key, w.level, w.icon, w.to, n, next != ""})
		}
	}
	if q.Can("dispatch.near_misses") {
		m, err := page.Run(q, dispatch.NearMisses, dispatch.NearIn{From: today.AddDays(1 - today.Day()), To: today, Limit: 1})
		if err != nil {
			return page.Answer{}, err
		}
		h.Stopped = m.Total
	}
	if err := h.closing(q); err != nil {
		return page.Answer{}, err
	}
	s, err := page.Run(q, state.Show, struct{}{})
	if err != nil {
		return page.Answer{}, err
	}
	h.State = guards(s, q.House.Gate.Now())
	return q.Show("home/home", q.T("web.nav.home"), h)
}

// closing counts what has to be issued and sent until the closing day, for whom
// bills: drafts dated up to it, and sendings that have not begun to go.
func (h *Home) closing(q *page.Req) error {
	if !q.Can("invoice.draft") {
		return nil
	}
	add := func(key, to string, n int, next string) {
		if n > 0 {
			h.Week = append(h.Week, Task{Key: key, To: to, N: n, More: next != ""})
		}
	}
	drafts, err := page.Run(q, invoice.List, invoice.Filter{State: invoice.Drafted, To: h.Closing, Limit: 200})
	if err != nil {
		return err
	}
	add("drafts", "/invoices?state=draft&to="+h.Closing.String(), len(drafts.Invoices), drafts.Next)
	if !q.Can("dispatch.list") {
		return nil
	}
	for _, s := range []dispatch.State{dispatch.Stopped, dispatch.Prepared, dispatch.Awaiting} {
		out, err := page.Run(q, dispatch.List, dispatch.ListIn{State: s, Limit: 200})
		if err != nil {
			return err
		}
		add(string(s), "/sendings?state="+string(s), len(out.Rows), out.Next)
	}
	return nil
}

type wait struct {
	op, key, level, icon, to string
	count                    func(*page.Req) (n int, next string, err error)
}

// waiting are the kinds of things that can wait, the most urgent first.
func waiting() []wait {
	return []wait{
		{"watch.list", "alarms", "blk", "bell", "/alarms", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, watch.List, watch.ListIn{State: watch.Open})
			return len(o.Rows), o.Next, err
		}},
		{"dispatch.list", "stopped", "blk", "stop", "/sendings?state=stopped", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, dispatch.List, dispatch.ListIn{State: dispatch.Stopped})
			return len(o.Rows), o.Next, err
		}},
		{"dispatch.unknown", "unknown", "blk", "help", "/sendings/unknown", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, dispatch.UnknownOp, dispatch.UnknownIn{})
			return len(o.Rows), o.Next, err
		}},
		{"share.words", "words", "blk", "help", "/sendings/words", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, share.WordList, share.WordsIn{})
			return len(o.Rows), o.Next, err
		}},
		{"approval.list", "approvals", "wrn", "check", "/approvals", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, approval.List, approval.ListIn{})
			return len(o.Rows), o.Next, err
		}},
		{"approval.review", "reviews", "wrn", "eye", "/reviews", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, approval.Reviews, approval.ReviewsIn{Open: true})
			return len(o.Rows), o.Next, err
		}},
		{"approval.urgent", "urgent", "wrn", "warn", "/emergencies", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, approval.Urgent, approval.ListIn{})
			return len(o.Rows), o.Next, err
		}},
		{"dispatch.list", "checked", "", "send", "/sendings?state=prepared", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, dispatch.List, dispatch.ListIn{State: dispatch.Prepared})
			return len(o.Rows), o.Next, err
		}},
		{"invoice.draft", "drafts", "", "invoice", "/invoices?state=draft", func(q *page.Req) (int, string, error) {
			o, err := page.Run(q, invoice.List, invoice.Filter{State: invoice.Drafted})
			return len(o.Invoices), o.Next, err
		}},
	}
}

const (
	sweptWithin  = 26 * time.Hour // a round is made every day
	backedWithin = 26 * time.Hour
	sealedWithin = time.Minute
)

// guards are the lines, each with what it rests on.
func guards(s state.State, now time.Time) []Guard {
	level := func(good bool) string { return map[bool]string{true: "ok", false: "wrn"}[good] }
	out := []Guard{{"factors", level(s.Enrolled == s.People), []any{"n", s.Enrolled, "all", s.People}}}
	switch {
	case s.Damaged > 0:
		out = append(out, Guard{"log_damaged", "blk", []any{"n", s.Damaged}})
	case s.SweptAt.IsZero():
		out = append(out, Guard{"log_new", level(now.Sub(s.SealedAt) < sealedWithin), []any{"n", s.Records}})
	default:
		out = append(out, Guard{"log", level(now.Sub(s.SweptAt) < sweptWithin), []any{"n", s.Records, "at", page.When(s.SweptAt)}})
	}
	if s.BackupAt.IsZero() {
		out = append(out, Guard{"no_backup", "wrn", nil})
	} else {
		out = append(out, Guard{"backup", level(now.Sub(s.BackupAt) < backedWithin), []any{"at", page.When(s.BackupAt)}})
	}
	switch {
	case s.Complaints > 0:
		out = append(out, Guard{"witness_complains", "blk", nil})
	case s.Witnesses == 0:
		out = append(out, Guard{"no_witness", "wrn", nil})
	default:
		out = append(out, Guard{"witness", "ok", []any{"n", s.Witnesses}})
	}
	if s.Alarms > 0 {
		out = append(out, Guard{"alarms", "blk", []any{"n", s.Alarms}})
	}
	return out
}
