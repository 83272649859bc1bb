package batch

import (
	"fmt"
	"slices"
	"strings"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
)

// How much one commit does: far below the 250 ms a write may hold the database.
const (
	prepareAtOnce  = 10
	rehearseAtOnce = 10
	docsAtOnce     = 80
)

// UnsentIn asks what was issued and not sent, between two dates.
type UnsentIn struct {
	From civil.Date `json:"from"`
	To   civil.Date `json:"to"`
}

// UnsentDoc is one such document.
type UnsentDoc struct {
	ID     string    `json:"id" class:"internal"`
	Party  string    `json:"party" class:"internal"`
	Number string    `json:"number" class:"internal"`
	Amount money.Yen `json:"amount" class:"confidential"`
	Date   string    `json:"date" class:"internal"`
}

// UnsentOut are the first of them, by partner.
type UnsentOut struct {
	Rows []UnsentDoc `json:"rows"`
	More bool        `json:"more" class:"internal"` // there are more than are shown
}

const unsentShown = 500

// Unsent lists issued invoices that went nowhere yet and are in no other plan
// (発行済み・未送付).
var Unsent = gate.New(gate.Op[UnsentIn, UnsentOut]{
	Name: "batch.unsent", Mode: gate.List, Target: every[UnsentIn],
	Do: func(x *gate.Tx, in UnsentIn) (UnsentOut, error) {
		from, to := bounds(in.From, in.To)
		rows, err := unsent.Rows(x, "", from, to, unsentShown+1)
		out := UnsentOut{More: len(rows) > unsentShown}
		for _, r := range rows[:min(len(rows), unsentShown)] {
			out.Rows = append(out.Rows, UnsentDoc{r.ID, r.Party, r.Number, money.Yen(r.Amount), r.Date})
		}
		return out, err
	},
})

// bounds spells a period as the database compares it, open where nothing is given.
func bounds(from, to civil.Date) (string, string) {
	a, b := "0001-01-01", "9999-12-31"
	if !from.IsZero() {
		a = from.String()
	}
	if !to.IsZero() {
		b = to.String()
	}
	return a, b
}

// PlanIn is a plan to be: all unsent invoices of a period, or those named.
type PlanIn struct {
	From      civil.Date `json:"from"`
	To        civil.Date `json:"to"`
	Documents []string   `json:"documents" max:"500"`
	Subject   string     `json:"subject" required:"true"`
	Body      string     `json:"body" required:"true" text:"multiline"`
}

func (h *House) planOp() *gate.UseCase[PlanIn, Batch] {
	return gate.New(gate.Op[PlanIn, Batch]{
		Name: "batch.plan", Mode: gate.Write, Target: every[PlanIn],
		Do: func(x *gate.Tx, in PlanIn) (Batch, error) {
			b := Batch{Owner: x.Actor().Person, State: Preparing, From: in.From, To: in.To, Subject: in.Subject, Body: in.Body}
			for _, t := range []struct{ field, text string }{{"subject", in.Subject}, {"body", in.Body}} {
				if err := checkTemplate(t.field, t.text); err != nil {
					return b, err
				}
			}
			if err := b.choose(x, in.Documents); err != nil {
				return b, err
			}
			if !b.From.IsZero() && !b.To.IsZero() && b.To.Before(b.From) {
				return b, fault.Invalid("batch.period").At("to")
			}
			from, to := bounds(b.From, b.To)
			first, err := unsent.Rows(x, "", from, to, 1)
			if err == nil && len(first) == 0 {
				err = fault.Refused("batch.nothing")
			}
			if err != nil {
				return b, err
			}
			if err := batches.Insert(x, &b); err != nil {
				return b, err
			}
			_, err = jobs.Enqueue(x, h.prepare, PrepareSliceIn{b.ID, ""})
			return b, err
		},
	})
}

// choose narrows a plan to documents, which lie within their own dates.
func (b *Batch) choose(x *gate.Tx, ids []string) error {
	for _, id := range ids {
		d, err := document.Get(x, id)
		if err != nil {
			return err
		}
		if b.From.IsZero() || d.Date.Before(b.From) {
			b.From = d.Date
		}
		if b.To.IsZero() || d.Date.After(b.To) {
			b.To = d.Date
		}
		b.Only = append(b.Only, id)
	}
	slices.Sort(b.Only)
	b.Only = slices.Compact(b.Only)
	return nil
}

// PrepareSliceIn names the slice to prepare: the partners after one.
type PrepareSliceIn struct {
	ID    string `json:"id" required:"true"`
	After string `json:"after"`
}

// prepareSliceOp makes packages for the next partners and calls for the next
// slice. One that is not the next has been made, or is no longer wanted: nothing
// happens, so a job may run twice.
func (h *House) prepareSliceOp() (self *gate.UseCase[PrepareSliceIn, Batch]) {
	self = gate.New(gate.Op[PrepareSliceIn, Batch]{
		Name: "batch.prepare_slice", Mode: gate.Write,
		Alone:  func(in PrepareSliceIn) []string { return lock(in.ID) },
		Target: func(x *gate.Tx, in PrepareSliceIn) (gate.Target, error) { return about(x, in.ID) },
		Do: func(x *gate.Tx, in PrepareSliceIn) (Batch, error) {
			b, err := batches.Get(x, in.ID)
			if err != nil || b.State != Preparing || b.Cursor != in.After {
				return b, err
			}
			groups, more, err := b.next(x)
			if err != nil {
				return b, err
			}
			for _, g := range groups {
				if err := h.prepareOne(x, &b, g); err != nil {
					return b, err
				}
			}
			if !more {
				return b, h.toRehearsal(x, &b)
			}
			if err := batches.Update(x, &b); err != nil {
				return b, err
			}
			_, err = jobs.Enqueue(x, self, PrepareSliceIn{b.ID, b.Cursor})
			return b, err
		},
	})
	return self
}

// next are the documents of the next partners, and whether there are more.
func (b *Batch) next(x *gate.Tx) (groups [][]docRow, more bool, err error) {
	from, to := bounds(b.From, b.To)
	rows, err := unsent.Rows(x, b.Cursor, from, to, docsAtOnce)
	if err != nil || len(rows) == 0 {
		return nil, false, err
	}
	last := rows[len(rows)-1].Party
	more = len(rows) == docsAtOnce
	if more && rows[0].Party != last { // the last partner's may be cut off
		rows = slices.DeleteFunc(rows, func(r docRow) bool { return r.Party == last })
	}
	for len(rows) > 0 && len(groups) < prepareAtOnce {
		n := slices.IndexFunc(rows, func(r docRow) bool { return r.Party != rows[0].Party })
		if n < 0 {
			n = len(rows)
		}
		group := rows[:n:n]
		b.Cursor = rows[0].Party
		if rows = rows[n:]; len(b.Only) > 0 {
			group = slices.DeleteFunc(group, func(r docRow) bool { _, in := slices.BinarySearch(b.Only, r.ID); return !in })
		}
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	return groups, more || len(rows) > 0, nil
}

// prepareOne makes the package of one partner, or says why there is none.
func (h *House) prepareOne(x *gate.Tx, b *Batch, docs []docRow) error {
	p, err := party.Get(x, docs[0].Party)
	if err != nil {
		return err
	}
	i := Item{Batch: b.ID, Place: b.Planned, Party: p.ID, Code: p.Code, Name: p.Name, Files: int64(len(docs)), State: Made}
	b.Planned++
	fill := filling{partner: strings.TrimSpace(p.Name + " " + p.Honorific), date: day(docs[0].Date)}
	in := dispatch.PrepareIn{Party: p.ID, Purpose: dispatch.ForInvoice, Batch: b.ID}
	var numbers []string
	for _, d := range docs {
		i.Amount += money.Yen(d.Amount)
		if d.Number != "" {
			numbers = append(numbers, d.Number)
		}
		in.Documents = append(in.Documents, d.ID)
	}
	fill.number, fill.amount = strings.Join(numbers, "、"), i.Amount.String()+"円"
	if err := i.compare(x, docs[0].Date); err != nil {
		return err
	}
	if in.Recipients, err = recipients(x, p.ID); err != nil {
		return err
	}
	for _, r := range in.Recipients {
		i.Recipients = append(i.Recipients, r.Address)
	}
	var subject, body bool
	in.Subject, subject = fill.fill(b.Subject)
	in.Body, body = fill.fill(b.Body)
	switch {
	case len(in.Recipients) == 0:
		i.Reason = "batch.no_address"
	case len(docs) > mostFiles || len(in.Recipients) > mostFiles:
		i.Reason = "batch.too_many"
	case !subject || !body || len([]rune(in.Subject)) > subjectMax:
		i.Reason = "batch.unfilled"
	}
	if i.Reason != "" {
		i.State = Aside
		return items.Insert(x, &i)
	}
	s, err := gate.Call(x, h.d.Prepare, in)
	if err != nil {
		return err
	}
	i.Sending = s.ID
	return items.Insert(x, &i)
}

// subjectMax keeps what was put in from making a subject nobody can read.
const subjectMax = 200

func day(s string) string {
	d, err := civil.Parse(s)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d年%d月%d日", d.Year(), d.Month(), d.Day())
}

// compare puts what was issued to the partner a month before beside it.
func (i *Item) compare(x *gate.Tx, date string) error {
	d, err := civil.Parse(date)
	if err != nil {
		return err
	}
	from, to := monthBefore(d)
	was, err := billed.Rows(x, i.Party, from.String(), to.String())
	if err != nil {
		return err
	}
	r, err := dispatch.RulesNow(x)
	if len(was) > 0 {
		i.Prior = money.Yen(was[0].Sum)
	}
	i.Change = changeOf(i.Amount, i.Prior, len(was) > 0, r.Habit())
	return err
}

// monthBefore is the calendar month before the one of d.
func monthBefore(d civil.Date) (from, to civil.Date) {
	first := d.AddDays(1 - d.Day())
	to = first.AddDays(-1)
	return to.AddDays(1 - to.Day()), to
}

// recipients are the verified addresses where the partner's last invoice went, or
// all there are.
func recipients(x *gate.Tx, id string) ([]dispatch.Proposal, error) {
	list, err := party.DeliveryPoints(x, id)
	if err != nil {
		return nil, err
	}
	last, err := lastPoints.Rows(x, id)
	if err != nil {
		return nil, err
	}
	var all, again []dispatch.Proposal
	for _, p := range list {
		if !p.Verified() || p.Channel != dispatch.Mail {
			continue
		}
		all = append(all, dispatch.Proposal{Kind: dispatch.To, Address: p.Address})
		for _, l := range last {
			if l.Point == p.ID {
				again = append(again, dispatch.Proposal{Kind: l.Kind, Address: p.Address})
			}
		}
	}
	if slices.ContainsFunc(again, func(r dispatch.Proposal) bool { return r.Kind == dispatch.To }) {
		return again, nil
	}
	return all, nil
}
