// Package intro are the pages of letters of introduction (案内状): who was told
// that documents come by link, and the letters for those who were not.
package intro

import (
	"embed"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/intro"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "intro", Files: files, Routes: []page.Route{
	{At: "GET /introductions", Do: list},
	{At: "POST /introductions", Do: act},
}}

// The acts that the buttons of the list name, beside the ways of sending.
const (
	doPrint = "print"
	doNote  = "note"
)

// listed is the list, with what came of the last act.
type listed struct {
	intro.ListOut
	State  string
	States []dispatch.ToldState
	Ways   []dispatch.TellWay
	Chosen map[string]bool
	Done   intro.Done
}

// Refused tells whether letters were left out.
func (d listed) Refused() bool { return len(d.Done.Left) > 0 }

func load(q *page.Req) (*listed, page.Answer, error) {
	d := &listed{State: q.Query("state"), Chosen: map[string]bool{}, States: []dispatch.ToldState{dispatch.Untold, dispatch.Telling, dispatch.ToldSure},
		Ways: []dispatch.TellWay{dispatch.TellPhone, dispatch.TellVisit, dispatch.TellPaper, dispatch.TellOther}}
	for _, id := range q.Form["party"] {
		d.Chosen[id] = true
	}
	a := page.Answer{Template: "intro/list", Title: q.T("web.nav.introductions"), Data: d}
	var err error
	d.ListOut, err = page.Run(q, intro.List, intro.ListIn{State: dispatch.ToldState(d.State), After: q.Query("after"), Limit: 50})
	var met []string
	for _, r := range d.Rows {
		met = append(met, r.Now.Last.Person)
	}
	q.Meet(met...)
	return d, a, err
}

func list(q *page.Req) (page.Answer, error) {
	_, a, err := load(q)
	if err != nil {
		return q.Again(err, a)
	}
	return a, nil
}

// act tells those who were marked, by the way of the button that was pressed.
func act(q *page.Req) (page.Answer, error) {
	parties := q.Form["party"]
	if len(parties) == 0 {
		return again(q, fault.Invalid("web.intro.none_chosen").At("party"))
	}
	switch do := q.Form.Get("do"); do {
	case doPrint:
		out, err := page.Named[intro.Printed](q, "intro.print", intro.PrintIn{Parties: parties})
		if err != nil {
			return again(q, err)
		}
		return page.Answer{Bytes: out.Content, Media: "application/pdf", Name: out.Name}, nil
	case doNote:
		on, err := q.Date("told_on")
		if err == nil {
			_, err = page.Run(q, intro.Note, intro.NoteIn{Parties: parties, Way: dispatch.TellWay(q.Form.Get("way")), On: on, Reason: q.Form.Get("reason")})
		}
		if err != nil {
			return again(q, err)
		}
		return q.Go("/introductions", "web.done.told")
	default:
		return send(q, parties, dispatch.TellWay(do))
	}
}

// send prepares letters. Where all could be, the list says so; else it is shown
// with those that could not.
func send(q *page.Req, parties []string, way dispatch.TellWay) (page.Answer, error) {
	out, err := page.Named[intro.Done](q, dispatch.WayIntroduce, intro.PrepareIn{Parties: parties, Way: way})
	switch {
	case err != nil:
		return again(q, err)
	case len(out.Left) > 0:
		d, a, err := load(q)
		d.Done = out
		return a, err
	case len(out.Made) == 1:
		return q.Go("/sendings/"+out.Made[0].Sending, "web.done.letter_made")
	}
	return q.Go("/introductions?state="+string(dispatch.Telling), "web.done.letters_made")
}

// again shows the list with what went wrong and what was marked.
func again(q *page.Req, err error) (page.Answer, error) {
	_, a, bad := load(q)
	if bad != nil {
		return a, bad
	}
	return q.Again(err, a)
}
