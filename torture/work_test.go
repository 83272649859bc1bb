//go:build torture

package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/civil"
	"time"
)

// bill is an invoice as the examiner's book knows it.
type bill struct {
	mark, id string
	to       partner
	issued   bool // the server said so, the first or the second time
	number   string
}

type billState struct {
	ID       string `json:"id"`
	Version  int64  `json:"version"`
	State    string `json:"state"`
	Number   string `json:"number"`
	Subject  string `json:"subject"`
	Amount   int64  `json:"amount"`
	Document string `json:"document"`
	Run      string `json:"run"`
}

// parcel is a package as the examiner's book knows it.
type parcel struct {
	mark, id, address string
	bill              *bill
	asks, agrees      *demo.Person
	request           string
	approved          string // digest of the package as the approver saw it
	released          bool   // the server said that it is on its way
	cancelled         bool   // or that it was taken back in time
}

type parcelState struct {
	ID          string           `json:"id"`
	Version     int64            `json:"version"`
	State       string           `json:"state"`
	Reason      string           `json:"reason"` // why it went back
	Digest      string           `json:"digest"`
	Subject     string           `json:"subject"`
	HeldUntil   string           `json:"held_until"`
	Recipients  []recipientState `json:"recipients"`
	Attachments []struct {
		Document string `json:"document"`
	} `json:"attachments"`
}

type recipientState struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	MessageID string `json:"message_id"`
	Bytes     string `json:"bytes_digest"`
}

// load is an import as the examiner's book knows it: all of its invoices are of
// one partner whom nothing else is imported for.
type load struct {
	id      string
	to      partner
	rows    int
	started bool
}

func (h *house) bill(id string) (s billState) {
	h.do(h.of("accounting", 0), "invoice.show", m{"id": id}, &s)
	return s
}

func (h *house) parcel(id string) (s parcelState) {
	h.do(h.of("accounting", 0), "dispatch.show", m{"id": id}, &s)
	return s
}

// newBill drafts an invoice.
func (h *house) newBill(k *book) *bill {
	b := &bill{mark: h.mark(), to: h.to[h.marks%len(h.to)]}
	var made billState
	h.do(h.of("accounting", 0), "invoice.draft", draft(b.to, b.mark, 3), &made)
	b.id = made.ID
	k.bills = append(k.bills, b)
	return b
}

// issue is the act of issuing b; what it sets off is the rendering.
func (h *house) issue(b *bill) blow {
	var made billState
	return blow{step: "issue", later: "render", by: h.of("accounting", 0), op: "invoice.issue",
		in: m{"id": b.id, "version": h.bill(b.id).Version}, out: &made,
		there: func() bool {
			s := h.bill(b.id)
			b.issued = b.issued || made.Number != ""
			if made.Number != "" {
				b.number = made.Number
			}
			return s.State != "draft" && (b.number == "" || s.Number == b.number)
		},
		done: func() bool { return h.bill(b.id).State == "ready" }}
}

// issued issues b unharmed.
func (h *house) issued(b *bill) {
	h.up()
	w := h.issue(b)
	if !h.act(w, h.key()) || !w.there() {
		h.t.Fatalf("%s: invoice %s was not issued%s", h.engine, b.mark, h.tail())
	}
}

// newParcel is a package to be, for a rendered invoice.
func (h *house) newParcel(k *book, b *bill) *parcel {
	n := len(k.parcels)
	p := &parcel{mark: b.mark, bill: b, address: b.to.Address, asks: h.of("accounting", 0), agrees: h.of("controller", n)}
	k.parcels = append(k.parcels, p)
	return p
}

// prepare is the act of preparing p.
func (h *house) prepare(p *parcel) blow {
	s := h.bill(p.bill.id)
	var made parcelState
	return blow{step: "prepare", by: p.asks, op: "dispatch.prepare", out: &made,
		in: m{"party": p.bill.to.ID, "recipients": []m{{"kind": "to", "address": p.address}}, "subject": "ご請求書の送付 " + p.mark,
			"body": letter(p.bill.to, p.mark), "documents": []string{s.Document}, "purpose": "invoice"},
		there: func() bool {
			if made.ID != "" {
				p.id = made.ID
				return h.parcel(p.id).Subject == "ご請求書の送付 "+p.mark
			}
			return len(h.parcelsOf(p.mark)) > 0
		}}
}

// parcelsOf are the packages that bear a mark.
func (h *house) parcelsOf(mark string) (ids []string) {
	for _, s := range pages[parcelState](h, h.of("accounting", 0), "dispatch.list", m{}, "rows") {
		if strings.HasSuffix(s.Subject, mark) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

type checkState struct {
	State    string            `json:"state"`
	Digest   string            `json:"digest"`
	Findings []json.RawMessage `json:"findings"`
	Ticks    []struct {
		Tick string `json:"tick"`
	} `json:"ticks"`
}

// confirm checks p and is the act of giving every tick back.
func (h *house) confirm(p *parcel) blow {
	var c checkState
	h.do(p.asks, "dispatch.check", m{"id": p.id}, &c)
	if c.State != "checked" {
		h.t.Fatalf("%s: package %s is %s: %s", h.engine, p.mark, c.State, c.Findings)
	}
	ticks := []string{}
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	return blow{step: "confirm", by: p.asks, op: "dispatch.confirm", in: m{"id": p.id, "digest": c.Digest, "ticks": ticks},
		there: func() bool { return h.parcel(p.id).State == "confirmed" }}
}

// ask asks for the release of a confirmed package, and lets the second person
// look at it.
func (h *house) ask(p *parcel) {
	h.up()
	err := h.troupe.Act(bg, p.asks, "dispatch.release", m{"id": p.id, "digest": h.parcel(p.id).Digest}, nil)
	var s *demo.Stop
	if !errors.As(err, &s) || s.Request == "" {
		h.t.Fatalf("%s: the release of %s asked nobody: %v", h.engine, p.mark, err)
	}
	p.request = s.Request
}

// approve asks for the release and is the act of the second person.
func (h *house) approve(p *parcel) blow {
	h.ask(p)
	var seen struct {
		Digest string `json:"digest"`
		After  string `json:"after"`
	}
	h.do(p.agrees, "approval.show", m{"id": p.request}, &seen)
	var after struct {
		Digest string `json:"digest"`
	}
	h.must(json.Unmarshal([]byte(seen.After), &after))
	p.approved = after.Digest
	return blow{step: "approve", by: p.agrees, op: "approval.approve", in: m{"id": p.request, "digest": seen.Digest},
		there: func() bool {
			s := h.parcel(p.id)
			p.released = s.State == "held" || s.State == "claimed" || s.State == "handed_over" || s.State == "unknown"
			return p.released && s.Digest == p.approved
		}}
}

// cancel is the act of taking p back while it is held.
func (h *house) cancel(p *parcel) blow {
	return blow{step: "hold", by: p.asks, op: "dispatch.cancel", in: m{"id": p.id, "reason": "本文の日付を直すため"},
		there: func() bool {
			p.cancelled = h.parcel(p.id).State == "cancelled"
			return p.cancelled
		}}
}

// through runs a blow's act unharmed.
func (h *house) through(w blow) {
	h.t.Helper()
	h.up()
	if !h.act(w, h.key()) || !w.there() {
		h.t.Fatalf("%s: %s did not work%s", h.engine, w.op, h.tail())
	}
}

// held brings a package as far as its countdown, unharmed.
func (h *house) held(k *book, b *bill) *parcel {
	p := h.newParcel(k, b)
	h.through(h.prepare(p))
	h.through(h.confirm(p))
	h.through(h.approve(p))
	return p
}

// newLoad uploads a file of open invoices for a new partner.
func (h *house) newLoad(k *book, rows int) *load {
	h.up()
	l := &load{rows: rows}
	var made partner
	mark := h.mark()
	code := strings.TrimPrefix(mark, "TORTURE-")
	h.do(h.of("accounting", 1), "party.create", m{"code": "T" + code, "name": "株式会社見本" + code,
		"terms": m{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}}, &made)
	l.to = partner{ID: made.ID, Code: "T" + code}
	var text strings.Builder
	text.WriteString("得意先コード,請求番号,請求日,支払期限,金額\r\n")
	day := civil.Of(time.Now())
	for i := range rows {
		fmt.Fprintf(&text, "%s,OLD-%s-%05d,%s,%s,%d\r\n", l.to.Code, code, i, day.AddDays(-20), day.AddDays(20), 1000+i)
	}
	var up struct {
		ID string `json:"id"`
	}
	h.do(h.of("accounting", 1), "intake.upload", m{"kind": "open_invoices", "name": mark + ".csv", "content": []byte(text.String())}, &up)
	l.id = up.ID
	k.runs = append(k.runs, l)
	return l
}

// seen is how many rows of an import anybody can see.
func (h *house) seen(l *load) int {
	return len(pages[billState](h, h.of("accounting", 0), "invoice.list", m{"party": l.to.ID}, "invoices"))
}

func (h *house) runState(l *load) string {
	var s struct {
		State string `json:"state"`
	}
	h.do(h.of("accounting", 1), "intake.show", m{"run": l.id}, &s)
	return s.State
}

// start is the act of taking a file over; what it sets off is the writing.
func (h *house) start(k *book, l *load) blow {
	by := h.of("accounting", 1)
	return blow{step: "import: start", later: "import: rows", by: by, op: "intake.start", in: m{"run": l.id, "expect": h.totals(by, l.id)},
		there: func() bool {
			l.started = h.runState(l) != "uploaded"
			h.whole(k, l)
			return l.started
		},
		done: func() bool { return h.runState(l) == "published" }}
}

// whole looks whether an import is seen wholly or not at all.
func (h *house) whole(k *book, l *load) {
	before := h.runState(l)
	switch n := h.seen(l); {
	case n != 0 && n != l.rows:
		k.partial = append(k.partial, fmt.Sprintf("%s: %d of %d rows", l.to.Code, n, l.rows))
	case n == 0 && before == "published":
		k.partial = append(k.partial, l.to.Code+" is published and not to be seen")
	}
}
