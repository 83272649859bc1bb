// Package alarm are the pages of alarms (警報) and of the checkpoints that are
// mailed to outside every day.
package alarm

import (
	"embed"

	"sekisho/internal/assure/watch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/text"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "alarm", Files: files, Routes: []page.Route{
	{At: "GET /alarms", Do: list},
	{At: "GET /alarms/mailed", Do: mailed},
	{At: "GET /alarms/{id}", Do: show},
	{At: "POST /alarms/{id}/acknowledge", Do: acknowledge},
	{At: "POST /alarms/{id}/close", Do: settle},
}}

// listed is a page of alarms of one state.
type listed struct {
	State  string // "all": of any
	States []string
	Rows   []line
	Next   string
}

type line struct {
	watch.Alarm
	Said string
}

func said(q *page.Req, l watch.Line) line {
	if q.Lang == text.EN {
		return line{l.Alarm, l.En}
	}
	return line{l.Alarm, l.Ja}
}

// list shows open alarms first: those of other states are asked for.
func list(q *page.Req) (page.Answer, error) {
	d := listed{State: q.Query("state"), States: []string{string(watch.Open), string(watch.Acknowledged), string(watch.Closed), "all"}}
	if d.State == "" {
		d.State = string(watch.Open)
	}
	in := watch.ListIn{State: watch.State(d.State), After: q.Query("after"), Limit: 50}
	if d.State == "all" {
		in.State = ""
	}
	a := page.Answer{Template: "alarm/list", Title: q.T("web.nav.alarms"), Data: &d}
	out, err := page.Run(q, watch.List, in)
	if err != nil {
		return q.Again(err, a)
	}
	for _, l := range out.Rows {
		d.Rows = append(d.Rows, said(q, l))
	}
	d.Next = out.Next
	return a, nil
}

func show(q *page.Req) (page.Answer, error) {
	l, err := page.Run(q, watch.Show, watch.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	q.Meet(l.Alarm.AcknowledgedBy, l.Alarm.ClosedBy, l.Alarm.ApprovedBy)
	return q.Show("alarm/show", q.T("web.alarm.one"), said(q, l))
}

func mailed(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, watch.Mailed, watch.MailedIn{After: q.Query("after"), Limit: 50})
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("alarm/mailed", q.T("web.alarm.mailed"), out)
}

func settleIn(q *page.Req) watch.SettleIn {
	return watch.SettleIn{ID: q.PathValue("id"), Reason: q.Form.Get("reason")}
}

func acknowledge(q *page.Req) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return a, err
	}
	if _, err := page.Run(q, watch.Acknowledge, settleIn(q)); err != nil {
		return q.Again(err, a)
	}
	return q.Go("/alarms/"+q.PathValue("id"), "web.done.alarm_seen")
}

func settle(q *page.Req) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return a, err
	}
	if _, err := page.Run(q, watch.Close, settleIn(q)); err != nil {
		return q.Again(err, a)
	}
	return q.Go("/alarms/"+q.PathValue("id"), "web.done.alarm_closed")
}
