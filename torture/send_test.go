//go:build torture

package torture

import (
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// countdown kills while packages are held: none of them may leave early, and
// the countdown may not begin anew. It returns when all of them are due, with
// the server dead.
func (h *house) countdown(k *book, list []*parcel, kills int) {
	h.up()
	first, last := time.Time{}, time.Time{}
	until := map[*parcel]string{}
	for _, p := range list {
		s := h.parcel(p.id)
		if s.State != "held" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, s.HeldUntil)
		h.must(err)
		until[p] = s.HeldUntil
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	before := len(h.sink.taken())
	for range kills {
		if time.Until(first) < 3*time.Second {
			break
		}
		h.up()
		time.Sleep(50 * time.Millisecond)
		h.kill()
		k.tally("hold: counting down").points++
		k.tally("hold: counting down").there++
	}
	if time.Until(first) > 2*time.Second {
		h.up()
		for p, was := range until {
			if s := h.parcel(p.id); s.State != "held" || s.HeldUntil != was {
				k.lost = append(k.lost, fmt.Sprintf("%s was held until %s and is %s until %s", p.mark, was, s.State, s.HeldUntil))
			}
		}
		if n := len(h.sink.taken()); n != before && time.Until(first) > 0 {
			k.early = append(k.early, fmt.Sprintf("%d messages left during the countdown", n-before))
		}
	}
	h.kill()
	time.Sleep(time.Until(last) + 100*time.Millisecond)
}

// claims kills between the start of a server that has something due and its
// connection to the relay: at every call from recovering on.
func (h *house) claims(k *book, n int) {
	h.kill()
	var met atomic.Int32
	h.sink.on(func(_ *talk, g stage) bool { // at the latest here, so that nothing is used up
		if g == connected {
			met.Add(1)
			h.shoot()
		}
		return g == connected
	})
	defer h.sink.on(nil)
	counted := h.measureStart()
	for _, pt := range h.spread(nil, counted, n) {
		met.Store(0)
		b := h.spawnArmed(pt)
		if !h.died(10 * time.Second) {
			h.t.Fatalf("%s: nothing was claimed%s", h.engine, h.tail())
		}
		b.off()
		if met.Load() > 0 {
			k.at[connected]++
		} else {
			k.tally("start, recover, claim").points++
			k.tally("start, recover, claim").absent++
		}
	}
}

// spawnArmed starts the server with the blade at its throat from its first call on.
func (h *house) spawnArmed(pt point) *blade {
	h.spawn("sh", "-c", `kill -STOP $$; exec "$0" serve --home "$1"`, sekisho, h.home)
	h.stopped()
	b := h.arm(pt)
	h.must(h.srv.cmd.Process.Signal(syscall.SIGCONT))
	return b
}

// measureStart counts the calls from the start to the relay.
func (h *house) measureStart() map[string]int {
	h.spawn("sh", "-c", `kill -STOP $$; exec "$0" serve --home "$1"`, sekisho, h.home)
	h.stopped()
	b := h.watch()
	h.must(h.srv.cmd.Process.Signal(syscall.SIGCONT))
	if !h.died(20 * time.Second) {
		h.t.Fatalf("%s: nothing was claimed%s", h.engine, h.tail())
	}
	b.off()
	counted, err := b.counted()
	h.must(err)
	return counted
}

// shot is a kill at a stage of the dialogue with the relay.
type shot struct {
	at    stage
	after time.Duration
	hang  bool // the relay hangs up without a word
}

// shots are those of a round, most of them in the window.
func shots(points int) []shot {
	var out []shot
	add := func(percent int, kinds ...shot) {
		for i := range share(points, percent) {
			out = append(out, kinds[i%len(kinds)])
		}
	}
	add(6, shot{at: hello}, shot{at: envelope}, shot{at: receiver}, shot{at: asked})
	add(4, shot{at: begun}, shot{at: begun, hang: true})
	add(5, shot{at: body}, shot{at: body, after: 500 * time.Microsecond}, shot{at: body, hang: true})
	var mark []shot // the mark takes a few milliseconds: all through it
	for i := range 12 {
		mark = append(mark, shot{at: full, after: time.Duration(i) * 400 * time.Microsecond})
	}
	add(10, mark...)
	add(8, shot{at: dot}, shot{at: dot, hang: true}, shot{at: dot, after: time.Millisecond, hang: true})
	add(5, shot{at: replied}, shot{at: replied, after: time.Millisecond}, shot{at: replied, after: 2 * time.Millisecond}, shot{at: replied, after: 4 * time.Millisecond})
	return out
}

// sends kills in the dialogue, one life a shot: most of them with one mail on its
// way at a time, some with as many as the server sends together.
func (h *house) sends(k *book, points int) {
	list := shots(points)
	slices.SortStableFunc(list, func(a, b shot) int { return int(a.after - b.after) }) // mixed, so that the stages take turns
	defer h.sink.turns.Store(false)
	for i, s := range list {
		h.sink.turns.Store(i%6 != 5)
		if !h.shoot1(k, s) {
			note("kill", h.engine, "send", "the packages were used up; %d shots came to nothing", len(list)-i)
			break
		}
	}
	h.sink.turns.Store(false)
	h.drops(k, share(points, 3))
}

// shoot1 is one life that ends at one stage; false if nothing is sent any more.
func (h *house) shoot1(k *book, s shot) bool {
	fired := make(chan stage, 1)
	fire := func(w *talk) {
		at := stage(w.at.Load())
		h.shoot()
		select {
		case fired <- at:
		default:
		}
	}
	var once atomic.Bool
	h.sink.on(func(w *talk, g stage) bool {
		if g != s.at || once.Swap(true) {
			return false
		}
		if s.after > 0 {
			time.AfterFunc(s.after, func() { fire(w) })
		} else {
			fire(w)
		}
		return s.hang
	})
	defer h.sink.on(nil)
	h.spawn(sekisho, "serve", "--home", h.home)
	select {
	case g := <-fired:
		k.at[g]++
		<-h.srv.dead
		return true
	case <-time.After(75 * time.Second): // a relay that hung up rests for a minute
		h.kill()
		return false
	}
}

// drops lets the relay hang up after the dot, while the server lives: what came
// of these mails nobody knows. The relay then rests for a minute.
func (h *house) drops(k *book, n int) {
	var dropped atomic.Int32
	h.sink.on(func(_ *talk, g stage) bool {
		hang := g == dot && int(dropped.Load()) < n
		if hang {
			dropped.Add(1)
		}
		return hang
	})
	defer h.sink.on(nil)
	h.spawn(sekisho, "serve", "--home", h.home)
	for end := time.Now().Add(20 * time.Second); int(dropped.Load()) < n && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
	time.Sleep(50 * time.Millisecond)
	k.dropped += int(dropped.Load())
	h.kill()
}

// stopped waits until the shell before the server has stopped itself.
func (h *house) stopped() {
	h.until(10*time.Second, "the shell did not stop", func() bool { return h.procState() == 'T' })
}
