package demo

import (
	"slices"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// stop is an attempt as the page shows it.
type stop struct {
	Name   string
	Number int
	Tried  *demo.Attempt
	Said   []string // the house's own sentences
	Before string
	After  string
}

type tourData struct {
	Stops []stop
	Tried int
}

func tour(q *page.Req) (page.Answer, error) {
	var d tourData
	tried := q.House.Demo.Tried()
	for n, name := range demo.Attempts() {
		s := stop{Name: name, Number: n + 1}
		if a, ok := tried[name]; ok {
			d.Tried++
			s.Tried, s.Before, s.After = &a, state(q, a.Before), state(q, a.After)
			for _, m := range a.Stops {
				s.Said = append(s.Said, said(q.Lang, m))
			}
		}
		d.Stops = append(d.Stops, s)
	}
	return show(q, "tour", "web.demo.tour", d)
}

func state(q *page.Req, s string) string {
	if s == "" {
		return ""
	}
	return q.T("dispatch.state." + s)
}

func said(l text.Lang, m demo.Said) string {
	s := text.T(l, m.Key, m.Args...)
	if m.Reason != "" {
		s += " " + text.T(l, m.Reason, m.Args...)
	}
	return s
}

func try(q *page.Req) (page.Answer, error) {
	which := []string{q.Form.Get("name")}
	switch {
	case which[0] == "all":
		which = demo.Attempts()
	case !slices.Contains(demo.Attempts(), which[0]):
		return page.Answer{}, fault.NotFound()
	}
	for _, name := range which {
		if err := q.House.Demo.Try(q.Context(), name); err != nil {
			return page.Answer{}, err
		}
	}
	at := ""
	if len(which) == 1 {
		at = "#" + which[0]
	}
	return q.Go("/demo/tour"+at, "web.done.demo_tried")
}
