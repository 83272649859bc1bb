package party

import (
	"slices"
	"strconv"
	"strings"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/intro"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// shown is the page of one partner.
type shown struct {
	party.Shown
	Events     []event
	Earlier    int64 // for the page of history before; 0: there is none
	People     map[string]string
	Department string
	Contact    map[string]string // names by id
	Waiting    []waiting
	Proposed   []point
	Verified   []point
	Retired    []point
	Left       []party.Contact
	Here       []party.Contact
	Imported   bool
	Papers     []party.PaperShown // in use
	Told       intro.OfOut
	Protection party.Protection // zero if no exception is in force
}

// point is an address with what is strange about it in words.
type point struct {
	party.DeliveryPoint
	Found    []string
	Replaced string // the address it is to replace
}

// waiting is a request with what it would change in words.
type waiting struct {
	party.Waiting
	Lines []line
}

// event is one thing that happened, with what it changed in words.
type event struct {
	party.Event
	Lines []line
}

// line is one value before and after.
type line struct{ Label, Before, After string }

const perHistory = 60

func show(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	s, err := page.Run(q, party.ShowOp, party.ByID{ID: id})
	if err != nil {
		return page.Answer{}, err
	}
	before, _ := strconv.ParseInt(q.Query("before"), 10, 64)
	h, err := page.Run(q, party.History, party.HistoryIn{ID: id, Before: before, Limit: perHistory})
	if err != nil {
		return page.Answer{}, err
	}
	d := shown{Shown: s, Earlier: h.Next, Contact: map[string]string{}, Imported: s.Party.Run != ""}
	if d.People, err = page.Names(q, named(s, h.Rows)...); err != nil {
		return page.Answer{}, err
	}
	where, _, err := departments(q)
	if err != nil {
		return page.Answer{}, err
	}
	d.Department = where[s.Party.Department]
	w := wording{q, d.People, where}
	for _, p := range s.Pending {
		d.Waiting = append(d.Waiting, waiting{p, w.lines(family(p.Op), p.Changes)})
	}
	for _, e := range h.Rows {
		if e.Op == "approval.approve" || len(e.Changes) == 0 && e.Outcome != "pending" && e.Outcome != "refused" {
			continue
		}
		d.Events = append(d.Events, event{e, w.lines("", e.Changes)})
	}
	d.sort(q)
	if err := d.papers(q); err != nil {
		return page.Answer{}, err
	}
	if err := d.told(q); err != nil {
		return page.Answer{}, err
	}
	return q.Show("party/show", s.Party.Name, d)
}

// sort puts what belongs to the partner where it is shown.
func (d *shown) sort(q *page.Req) {
	for _, c := range d.Contacts {
		d.Contact[c.ID] = c.Name
		if c.Left.IsZero() {
			d.Here = append(d.Here, c)
		} else {
			d.Left = append(d.Left, c)
		}
	}
	for _, p := range d.Points {
		v := point{DeliveryPoint: p}
		for _, f := range p.Findings {
			v.Found = append(v.Found, finding(q, f))
		}
		for _, o := range d.Points {
			if p.Replaces != "" && o.ID == p.Replaces {
				v.Replaced = o.Address
			}
		}
		switch p.State {
		case party.Verified:
			d.Verified = append(d.Verified, v)
		case party.Proposed:
			d.Proposed = append(d.Proposed, v)
		default:
			d.Retired = append(d.Retired, v)
		}
	}
}

// named are all people whose names the page shows.
func named(s party.Shown, h []party.Event) []string {
	ids := []string{s.Party.Owner}
	for _, p := range s.Points {
		ids = append(ids, p.VerifiedBy)
	}
	for _, a := range s.Accounts {
		ids = append(ids, a.ConfirmedBy)
	}
	for _, w := range s.Pending {
		ids = append(ids, w.Requester)
	}
	for _, e := range h {
		ids = append(ids, e.Person, e.ApprovedBy)
		for _, c := range e.Changes {
			if person(c.Field) {
				ids = append(ids, c.Before, c.After)
			}
		}
	}
	return ids
}

func person(field string) bool {
	return slices.Contains([]string{"party.owner_id", "gate_assignment.person"}, field)
}

// family is the table the values of a request stand in.
func family(op string) string {
	switch op {
	case "party.point_verify":
		return "party_point."
	case "party.account_propose":
		return "party_account."
	case "party.relation_add":
		return "party_relation."
	}
	return "party."
}

// wording says changes in words.
type wording struct {
	q      *page.Req
	people map[string]string
	where  map[string]string
}

// lines are the changes a reader can do something with: those whose column has
// a name. Ids, versions and what only the program knows are left out.
func (w wording) lines(family string, changes []approval.Change) []line {
	var out []line
	for _, c := range changes {
		field := family + c.Field
		if field, _, _ = strings.Cut(field, "["); !text.Has("web.partner.col_" + field) {
			continue
		}
		l := line{page.Word(w.q.Lang, "web.partner.col", field), w.value(field, c.Before), w.value(field, c.After)}
		if l.Before != l.After {
			out = append(out, l)
		}
	}
	return out
}

// value is a stored value as people say it.
func (w wording) value(field, v string) string {
	col := field[strings.LastIndexByte(field, '.')+1:]
	switch {
	case v == "":
		return ""
	case person(field):
		if n := w.people[v]; n != "" {
			return n
		}
	case col == "department_id":
		if n := w.where[v]; n != "" {
			return n
		}
	case col == "max_class":
		if n, err := strconv.Atoi(v); err == nil {
			v = policy.Class(n).String()
		}
		return page.Word(w.q.Lang, "web.partner.class", v)
	case strings.HasSuffix(col, "_how") || col == "how":
		return page.Word(w.q.Lang, "web.partner.how", v)
	case col == "state":
		return page.Word(w.q.Lang, "web.partner.state", v)
	case col == "shift":
		return page.Word(w.q.Lang, "web.partner.shift", v)
	case field == "party_account.kind":
		return page.Word(w.q.Lang, "web.partner.account", v)
	case field == "party_relation.kind":
		return page.Word(w.q.Lang, "web.partner.relation", v)
	case (col == "close" || col == "pay_day") && v == "31":
		return w.q.T("web.partner.last_day")
	}
	return v
}
