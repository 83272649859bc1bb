//go:build torture

package torture

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEdits edits packages at the very moment in which they are approved, and in
// which they are sent: whatever wins, nothing leaves whose digest is not the one
// that the second person saw.
func TestEdits(t *testing.T) {
	each(t, func(h *house) {
		h.freshen()
		k := newBook()
		n := setting("EDITS", 500)
		h.editsAgainst(k, "approve", n, h.approved)
		h.editsAgainst(k, "send", n, h.dueSoon)
		h.rest(k)
		v := h.look(k)
		f := &findings{}
		f.sending(k, v)
		f.gaps = append(f.gaps, h.proof()...)
		none(h.t, "edits", h.engine, "sent other than approved", append(f.foreign, f.doubled...))
		none(h.t, "edits", h.engine, "lost or damaged", append(f.lost, append(f.hidden, f.gaps...)...))
	})
}

const packages = 10 // that share the edits

// editsAgainst prepares packages, brings each to where the race begins, and lets
// many people edit it while the other side of the race runs.
func (h *house) editsAgainst(k *book, what string, edits int, other func(p *parcel, i int) (race func(), at time.Time)) {
	var list []*parcel
	for range packages {
		b := h.newBill(k)
		h.through(h.issue(b))
		list = append(list, h.newParcel(k, b))
	}
	for _, p := range list {
		h.until(time.Minute, "an invoice is not rendered", func() bool { return h.bill(p.bill.id).State == "ready" })
		h.through(h.prepare(p))
		h.through(h.confirm(p))
	}
	var won, refused atomic.Int64
	var all sync.WaitGroup
	for i, p := range list {
		race, at := other(p, i)
		all.Go(func() { h.edit(p, edits/packages, i%2 == 1, race, at, &won, &refused) })
		if what == "approve" { // one after the other: else all of them only wait for each other
			all.Wait()
		}
	}
	all.Wait()
	sent, back := 0, 0
	h.until(3*time.Minute, "packages stay on their way", func() bool {
		sent, back = 0, 0
		for _, p := range list {
			switch s := h.parcel(p.id); s.State {
			case "prepared", "rejected", "awaiting_approval":
				back++
				p.released = false
			case "handed_over":
				sent++
				p.released = true
			}
		}
		return sent+back == len(list)
	})
	note("edits", h.engine, "against "+what, "%d edits, %d accepted, %d refused; of %d packages %d were sent as approved, %d went back",
		won.Load()+refused.Load(), won.Load(), refused.Load(), len(list), sent, back)
	want(h.t, won.Load()+refused.Load() >= int64(edits), "edits", h.engine, "concurrent edits against "+what, fmt.Sprintf("≥ %d", edits), "%d", won.Load()+refused.Load())
}

// approved is the other side of the first race: the second person agrees to
// what they have seen, a little earlier before the edits from package to package.
func (h *house) approved(p *parcel, i int) (func(), time.Time) {
	w := h.approve(p)
	return func() {
		_ = h.troupe.Act(bg, w.by, w.op, w.in, nil) // refused when an edit came first
	}, time.Now().Add(time.Duration(i) * 15 * time.Millisecond)
}

// dueSoon is the other side of the second: the worker, when the countdown ends.
// It sends one package after the other, so the edits begin later from package to
// package, too.
func (h *house) dueSoon(p *parcel, i int) (func(), time.Time) {
	h.through(h.approve(p))
	at, err := time.Parse(time.RFC3339Nano, h.parcel(p.id).HeldUntil)
	h.must(err)
	return func() {}, at.Add(time.Duration(i-2) * 150 * time.Millisecond)
}

// edit lets n people change p at once, within a tenth of a second from a moment
// on. They have it open since before; with fresh, half of them look just then
// (what is held can still be changed, and goes back).
func (h *house) edit(p *parcel, n int, fresh bool, race func(), at time.Time, won, refused *atomic.Int64) {
	token := h.of("accounting", 0).Token()
	open, err := h.show(token, p.id)
	h.must(err)
	var all sync.WaitGroup
	all.Go(race)
	for i := range n {
		token := h.of("accounting", i).Token()
		all.Go(func() {
			time.Sleep(time.Until(at) + rand.N(100*time.Millisecond))
			s, err := open, error(nil)
			if fresh && i%2 == 1 {
				s, err = h.show(token, p.id)
			}
			if err == nil {
				_, err = h.post(token, "dispatch.edit", m{"id": p.id, "version": s.Version, "subject": s.Subject,
					"body": letter(p.bill.to, p.mark) + fmt.Sprintf("追伸 %d\n", i), "documents": []string{s.Attachments[0].Document}})
			}
			if err == nil {
				won.Add(1)
			} else {
				refused.Add(1)
			}
		})
	}
	all.Wait()
}
