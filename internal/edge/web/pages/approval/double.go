package approval

import (
	"net/url"

	"sekisho/internal/base/approval"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
)

// urgent are the requests the reader may stand in for.
func urgent(q *page.Req) (page.Answer, error) {
	var d listed
	var err error
	if d.ListOut, err = page.Run(q, approval.Urgent, approval.ListIn{After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	people := []string{}
	for _, r := range d.Rows {
		people = append(people, r.Requester)
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	d.about()
	return q.Show("approval/urgent", q.T("web.approval.urgent"), d)
}

// standing is a request as one who may stand in for its approver sees it.
type standing struct {
	asked
	Exception approval.Exception
}

func urgentShow(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, approval.UrgentShow, approval.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	d := standing{asked{Shown: out.Shown}, out.Exception}
	if d.People, err = page.Names(q, d.Requester, out.Exception.First, out.Exception.Second); err != nil {
		return page.Answer{}, err
	}
	if err := d.fill(q); err != nil {
		return page.Answer{}, err
	}
	return q.Show("approval/standin", q.T("web.approval.urgent_one"), d)
}

func emergency(q *page.Req) (page.Answer, error) {
	in := approval.EmergencyIn{ID: q.PathValue("id"), Digest: q.Form.Get("digest"), Reason: q.Form.Get("reason")}
	e, err := page.Run(q, approval.Emergency, in)
	if err != nil {
		a, bad := urgentShow(q)
		if bad != nil {
			return page.Answer{}, err
		}
		return q.Again(err, a)
	}
	done := "web.done.emergency_" + string(e.State)
	return q.Go("/emergencies/"+url.PathEscape(in.ID), done)
}

// reviewed are emergencies with names.
type reviewed struct {
	approval.ReviewsOut
	Open   bool
	At     string // the one whose form was sent
	People map[string]string
}

func reviews(q *page.Req) (page.Answer, error) {
	d := reviewed{Open: q.Query("all") == "", At: q.PathValue("id")}
	var err error
	if d.ReviewsOut, err = page.Run(q, approval.Reviews, approval.ReviewsIn{Open: d.Open, After: q.Query("after")}); err != nil {
		return page.Answer{}, err
	}
	people := []string{}
	for _, r := range d.Rows {
		people = append(people, r.Requester, r.First, r.Second, r.Reviewer)
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	return q.Show("approval/reviews", q.T("web.approval.reviews"), d)
}

// review says what a usual approver thinks of it. What was not right goes on as an
// incident of the sending.
func review(q *page.Req) (page.Answer, error) {
	in := approval.ReviewIn{ID: q.PathValue("id"), Verdict: approval.EmergencyState(q.Form.Get("verdict")), Reason: q.Form.Get("reason")}
	e, err := page.Run(q, approval.Review, in)
	if err != nil {
		a, bad := reviews(q)
		if bad != nil {
			return page.Answer{}, err
		}
		return q.Again(err, a)
	}
	if e.State == approval.Flagged && e.Op == releaseOp && q.Can("dispatch.show") {
		return q.Go("/sendings/"+url.PathEscape(e.Target), "web.done.emergency_flagged")
	}
	return q.Go("/reviews", "web.done.emergency_reviewed")
}

// speed is how fast who approved, month by month.
type speed struct {
	approval.HasteOut
	Chart  page.Chart
	People map[string]string
}

// speedMonths is how far back the figures go.
const speedMonths = 12

func haste(q *page.Req) (page.Answer, error) {
	first := q.Today().AddDays(1 - q.Today().Day()).AddMonths(1 - speedMonths)
	var d speed
	var err error
	if d.HasteOut, err = page.Run(q, approval.Haste, civil.Months{From: first.YearMonth(), To: q.Today().YearMonth()}); err != nil {
		return page.Answer{}, err
	}
	d.Chart = page.Chart{Kind: "bars", Title: q.T("web.approval.speed"), Unit: q.T("web.near.unit"), Names: [2]string{q.T("web.approval.approved_n"), q.T("web.approval.hasty_n")}}
	people := []string{}
	for m := first; !m.After(q.Today()); m = m.AddMonths(1) {
		p := page.Point{Label: q.T("web.near.label", "m", int(m.Month()))}
		for _, r := range d.Rows {
			if r.Month == m.YearMonth() {
				p.A, p.B, people = p.A+r.Approved, p.B+r.Hasty, append(people, r.Person)
			}
		}
		d.Chart.Rows = append(d.Chart.Rows, p)
	}
	if d.People, err = page.Names(q, people...); err != nil {
		return page.Answer{}, err
	}
	return q.Show("approval/speed", q.T("web.approval.speed"), d)
}
