//go:build torture

package torture

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

// The clock cannot be moved for one process from outside (a static program asks
// the kernel itself), so these parts run the whole house in this process, with
// the time it is given.

const (
	hour = time.Hour
	year = 365*24*time.Hour + 6*time.Hour
)

// TestClock lets the clock jump by an hour and by ten years, forward and back,
// and past the end of a month and a year.
func TestClock(t *testing.T) {
	inside(t, func(h *house) {
		h.tokens()
		k := newBook()
		h.jumps(k)
		h.yearsEnd()
		h.sightOf(k, "clock")
		h.must(h.app.Gate.Seal(bg))
		rep, err := h.app.Gate.Verify(bg, nil)
		h.must(err)
		var bad []string
		for _, d := range rep.Damages {
			bad = append(bad, fmt.Sprint(d))
		}
		none(t, "clock", h.engine, "damage to the log or to a row after all jumps", bad)
	})
}

// alive tells whether a session is let in.
func (h *house) alive(token string) bool {
	_, err := h.post(token, "identity.me", m{})
	return err == nil
}

// tokens signs a person in, lets the session end by itself, and turns the clock
// back: what is over stays over, and nothing lives longer than it was given.
func (h *house) tokens() {
	var gained []string
	p := h.of("auditor", 0)
	for _, by := range []time.Duration{hour, 10 * year} {
		h.must(h.troupe.SignIn(bg, p))
		token := p.Token()
		h.clock.Pass(31 * time.Minute) // idle for longer than half an hour
		if h.alive(token) {
			h.t.Fatal("a session outlived its idle time")
		}
		h.clock.Pass(-by)
		h.tick()
		for passed := time.Duration(0); passed <= 13*hour; passed += 20 * time.Minute {
			if h.alive(token) {
				gained = append(gained, fmt.Sprintf("an ended session lived again %v after the clock had gone back by %v", passed, by))
				break
			}
			h.clock.Pass(20 * time.Minute)
		}
		h.clock.Pass(by)
		h.tick()
		h.must(h.troupe.SignIn(bg, p))
		token = p.Token()
		h.clock.Pass(-by) // a session in use
		h.tick()
		if h.alive(token) {
			gained = append(gained, fmt.Sprintf("a session in use lived on when the clock had gone back by %v", by))
		}
		h.clock.Pass(by)
		h.tick()
		h.must(h.troupe.SignIn(bg, p))
		token = p.Token()
		h.clock.Pass(by) // forward: over, if that is longer than it may idle
		h.tick()
		if h.alive(token) {
			gained = append(gained, fmt.Sprintf("a session lived on when the clock had gone forward by %v", by))
		}
		h.clock.Pass(-by)
		h.tick()
		if h.alive(token) {
			gained = append(gained, fmt.Sprintf("a session lived again when the clock had gone forward by %v and back", by))
		}
	}
	none(h.t, "clock", h.engine, "tokens that gained life", gained)
}

// tick is what the server does by itself every minute.
func (h *house) tick() { h.app.Minute(bg) }

// worker is the one that sends, in this process.
func (h *house) worker() *dispatch.Worker {
	list, err := app.Relays(h.app.Config)
	h.must(err)
	return &dispatch.Worker{Gate: h.app.Gate, As: gate.System("dispatch"), Blobs: h.app.Blobs, Relay: list[0], Holder: "torture", Parallel: 4, Log: h.app.Log}
}

// rendered gives an invoice that can be packed.
func (h *house) rendered(k *book) *bill {
	b := h.newBill(k)
	h.through(h.issue(b))
	h.turnJobs()
	return b
}

// pass does what the server does by itself: what was left, jobs and sendings.
func (h *house) pass(w *dispatch.Worker) {
	h.turnJobs()
	_, err := gate.Run(bg, h.app.Gate, w.As, dispatch.Recover, dispatch.RecoverIn{})
	h.must(err)
	_, _, err = w.Once(bg)
	h.must(err)
}

// jumps sends while the clock jumps, with a relay that is away at the wrong
// moment: each package leaves once, and none waits for a year that was a mistake.
func (h *house) jumps(k *book) {
	w := h.worker()
	for _, by := range []time.Duration{hour, -hour, 10 * year, -10 * year} {
		plain := h.held(k, h.rendered(k))
		h.clock.Pass(by)
		h.pass(w)
		h.clock.Pass(-by)
		h.pass(w)
		deferred := h.held(k, h.rendered(k))
		h.sink.close()
		h.clock.Pass(2 * time.Minute)
		h.clock.Pass(by)
		h.pass(w) // at the wrong time, and in vain
		h.clock.Pass(-by)
		h.sink.open()
		late := 0
		for ; late < 3*24 && slices.ContainsFunc([]*parcel{plain, deferred}, func(p *parcel) bool { return h.parcel(p.id).State != "handed_over" }); late++ {
			h.clock.Pass(hour)
			h.pass(w)
		}
		for _, p := range []*parcel{plain, deferred} {
			s := h.parcel(p.id)
			want(h.t, s.State == "handed_over", "clock", h.engine, fmt.Sprintf("clock jumps by %v and back: sent", by), "handed_over", "%s after %d h", s.State, late)
		}
	}
}

// yearsEnd issues around midnight of the last day of a year and of a month: the
// number belongs to the day that is printed.
func (h *house) yearsEnd() {
	var odd []string
	books := h.of("accounting", 0)
	for _, day := range []string{"2038-12-31", "2039-02-28"} {
		last := civil.MustParse(day)
		h.clock.set(last.AddDays(1).Start().Add(-700 * time.Millisecond))
		for i := range 6 { // the clock lets a millisecond pass at each look
			today := civil.Of(h.clock.Now())
			d := draft(h.to[0], h.mark(), 1)
			d["date"] = today
			d["lines"].([]m)[0]["date"] = today
			var made billState
			h.do(books, "invoice.draft", d, &made)
			err := h.troupe.Act(bg, books, "invoice.issue", m{"id": made.ID, "version": made.Version}, &made)
			if code(err) != "" { // the day had changed between the two
				odd = append(odd, why(err))
				continue
			}
			if want := fmt.Sprintf("INV-%04d-", today.Year()); made.Number[:9] != want {
				odd = append(odd, fmt.Sprintf("%s on %s", made.Number, today))
			}
			if i%2 == 1 {
				h.clock.Pass(300 * time.Millisecond)
			}
		}
	}
	none(h.t, "clock", h.engine, "numbers of another year than their day", odd)
	f := &findings{}
	f.numbers(h)
	none(h.t, "clock", h.engine, "number gaps", f.gaps)
}

// sightOf compares what left with what was asked.
func (h *house) sightOf(k *book, part string) {
	f := &findings{}
	f.sending(k, h.look(k))
	none(h.t, part, h.engine, "lost", f.lost)
	none(h.t, part, h.engine, "doubled", append(f.doubled, f.foreign...))
}
