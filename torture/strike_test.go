//go:build torture

package torture

import (
	"errors"
	"fmt"
	"time"

	"sekisho/internal/app/demo"
)

// blow is one act during which the server is killed.
type blow struct {
	step  string // what an unanswered act counts as
	later string // what counts as when the answer came first: the work that it set off; "" if there is none
	by    *demo.Person
	op    string
	in    any
	out   any
	there func() bool // whether the effect is there; asked at a server that runs
	done  func() bool // whether the work set off is done
}

// tally counts the points of one step, and what was found at them.
type tally struct{ points, acked, there, absent int }

func (a *tally) String() string {
	return fmt.Sprintf("%d points: answered %d, done but not answered %d, not done %d", a.points, a.acked, a.there, a.absent)
}

// book is what an examiner outside would know: what was asked, and what was
// answered. Everything in it is compared with the house at the end.
type book struct {
	part    string
	steps   map[string]*tally
	at      map[stage]int
	lost    []string // answered, and not there
	bills   []*bill
	parcels []*parcel
	runs    []*load
	partial []string // an import seen half
	early   []string // left before its time
	dropped int      // mails whose relay hung up after the dot
	last    func()   // prints the verdict of the last examination
}

func newBook() *book { return &book{part: "kill", steps: map[string]*tally{}, at: map[stage]int{}} }

func (b *book) tally(step string) *tally {
	if b.steps[step] == nil {
		b.steps[step] = &tally{}
	}
	return b.steps[step]
}

// key gives a fresh Idempotency-Key.
func (h *house) key() string { h.keys++; return fmt.Sprintf("torture-%d", h.keys) }

// act runs a blow's act under a key. answered is false when the server died
// before its answer; any refusal ends the test.
func (h *house) act(w blow, key string) (answered bool) {
	h.t.Helper()
	err := h.troupe.Act(withKey(key), w.by, w.op, w.in, w.out)
	var s *demo.Stop
	if errors.As(err, &s) {
		h.t.Fatalf("%s: %s %s: %s%s", h.engine, w.by.Login, w.op, why(err), h.tail())
	}
	return err == nil
}

// strike lets the server die at pt during w, starts it again and asks again
// under the same key, as a client does. Once answered, the work that was set off
// goes on until the blow falls or it is done; then the server is killed anyway.
func (h *house) strike(k *book, w blow, pt point) {
	h.t.Helper()
	h.up()
	key := h.key()
	b := h.arm(pt)
	answered := h.act(w, key)
	if answered && w.done != nil {
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && !h.died(50*time.Millisecond); {
		}
	}
	if !answered && !h.died(5*time.Second) {
		h.t.Fatalf("%s: %s was not answered by a server that lives%s", h.engine, w.op, h.tail())
	}
	h.kill()
	b.off()
	h.up()
	a := k.tally(w.step)
	if answered && w.later != "" {
		a = k.tally(w.later)
	}
	a.points++
	there := w.there()
	switch {
	case answered && !there:
		k.lost = append(k.lost, fmt.Sprintf("%s at %s was answered and is not there", w.op, pt))
	case answered && w.later == "":
		a.acked++
	case answered && w.done():
		a.there++
	case answered:
		a.absent++
	case there:
		a.there++
	default:
		a.absent++
	}
	if !answered && !h.act(w, key) {
		h.t.Fatalf("%s: %s was not answered the second time%s", h.engine, w.op, h.tail())
	}
	if !w.there() {
		k.lost = append(k.lost, fmt.Sprintf("%s at %s was answered the second time and is not there", w.op, pt))
	}
}

// measure runs a blow's act unharmed, and counts the calls until its answer and
// until the work that it set off is done.
func (h *house) measure(w blow) (answer, done map[string]int) {
	h.t.Helper()
	h.up()
	b := h.watch()
	if !h.act(w, h.key()) {
		h.t.Fatalf("%s: %s was not answered%s", h.engine, w.op, h.tail())
	}
	answer, err := b.counted()
	h.must(err)
	if w.done != nil {
		time.Sleep(700 * time.Millisecond) // asking would be counted, too
	}
	b.off()
	done, err = b.counted()
	h.must(err)
	if !w.there() {
		h.t.Fatalf("%s: %s was answered and is not there%s", h.engine, w.op, h.tail())
	}
	return answer, done
}
