//go:build torture

package torture

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestKill kills the server at every step of import, issue, render, confirm,
// approve, hold, claim and send, a thousand times in one long life of a house,
// and lets the examiner compare what was answered with what is there (R-01,
//
func TestKill(t *testing.T) {
	each(t, func(h *house) {
		k := newBook()
		began := time.Now()
		total := setting("POINTS", 1200) / len(engines)
		// Rounds, because a package waits a minute before it is sent: while those
		// of a round wait, files are imported.
		rounds := max(1, total/150)
		for r := range rounds {
			h.round(k, total*(r+1)/rounds-total*r/rounds)
			h.examine(k)
		}
		h.figures(k, time.Since(began))
	})
}

// share is how many of a round's points fall to a step.
func share(points, percent int) int { return max(1, (points*percent+50)/100) }

// round is one pass through the main job.
func (h *house) round(k *book, points int) {
	h.freshen()
	h.goods(k, points)
	list := h.paper(k, points)
	h.words(k, list, points)
	h.countdown(k, list, share(points, 2))
	h.claims(k, share(points, 10))
	h.sends(k, points)
}

// freshen signs everybody in anew: a session that is killed every second is
// never seen as used, and ends after half an hour.
func (h *house) freshen() {
	h.up()
	for _, p := range h.cast {
		if slices.Contains([]string{"accounting", "controller"}, p.Roles[0]) {
			h.must(h.troupe.SignIn(bg, p))
		}
	}
}

// goods kills at taking files over.
func (h *house) goods(k *book, points int) {
	answer, done := h.measure(h.start(k, h.newLoad(k, 600)))
	for _, pt := range append(h.spread(nil, answer, share(points, 3)), h.spread(answer, done, share(points, 7))...) {
		h.strike(k, h.start(k, h.newLoad(k, 600)), pt)
		for _, l := range k.runs {
			h.whole(k, l)
		}
	}
}

// paper kills at issuing and rendering, and then has enough rendered invoices
// for the packages of this round: the jobs of killed servers are leased to them
// for two minutes, so these are others.
func (h *house) paper(k *book, points int) []*parcel {
	answer, done := h.measure(h.issue(h.newBill(k)))
	for _, pt := range append(h.spread(nil, answer, share(points, 8)), h.spread(answer, done, share(points, 8))...) {
		h.strike(k, h.issue(h.newBill(k)), pt)
	}
	var list []*parcel
	for range max(8, share(points, 40)) {
		b := h.newBill(k)
		h.through(h.issue(b))
		list = append(list, h.newParcel(k, b))
	}
	h.until(time.Minute, "new invoices are not rendered", func() bool {
		return !slices.ContainsFunc(list, func(p *parcel) bool { return h.bill(p.bill.id).State != "ready" })
	})
	return list
}

// words kills at preparing, confirming, approving and taking back.
func (h *house) words(k *book, list []*parcel, points int) {
	for _, s := range []struct {
		act     func(*parcel) blow
		percent int
	}{{h.prepare, 3}, {h.confirm, 6}, {h.approve, 8}} {
		answer, _ := h.measure(s.act(list[0]))
		pts := h.spread(nil, answer, min(share(points, s.percent), len(list)-1))
		for i, p := range list[1:] {
			if i < len(pts) {
				h.strike(k, s.act(p), pts[i])
			} else {
				h.through(s.act(p))
			}
		}
	}
	n := min(share(points, 4), len(list)/4)
	answer, _ := h.measure(h.cancel(list[len(list)-1]))
	for i, pt := range h.spread(nil, answer, n) {
		h.strike(k, h.cancel(list[len(list)-2-i]), pt)
	}
}

// until waits for something to be so, asking a server that runs.
func (h *house) until(within time.Duration, what string, so func() bool) {
	h.t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%s: %s after %v%s", h.engine, what, within, h.tail())
		}
	}
}

var printing sync.Mutex

// figures prints what the whole of it came to.
func (h *house) figures(k *book, took time.Duration) {
	printing.Lock()
	defer printing.Unlock()
	steps := []string{}
	for s := range k.steps {
		steps = append(steps, s)
	}
	points, window := 0, 0
	defer k.last()
	for _, s := range sorted(steps) {
		note("kill", h.engine, s, "%s", k.steps[s])
		points += k.steps[s].points
	}
	for g := nowhere; g < stages; g++ {
		if n := k.at[g]; n > 0 {
			note("kill", h.engine, "send: "+g.String(), "%d points", n)
			points += n
			if g.window() {
				window += n
			}
		}
	}
	note("kill", h.engine, "send: the relay hung up after the dot", "%d mails, beside these points", k.dropped)
	note("kill", h.engine, "took", "%v, %.2f s a point", took.Round(time.Second), took.Seconds()/float64(points))
	total := setting("POINTS", 1200) / len(engines)
	want(h.t, points >= total*5/6, "kill", h.engine, "points", fmt.Sprintf("≥ %d", total*5/6), "%d", points)
	want(h.t, window >= total/6, "kill", h.engine, "points between DATA and the final reply", fmt.Sprintf("≥ %d", total/6), "%d", window)
}
