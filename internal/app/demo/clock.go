package demo

import (
	"sync"
	"time"
)

// Time is the demo's clock. While the past is being made it stands still but
// for what is let pass; afterwards it runs, behind the machine's by a reserve
// that the story uses up instead of waiting. It is ahead of the machine's only by
// what a person skipped, and never goes back.
type Time struct {
	mu      sync.Mutex
	machine func() time.Time
	still   bool
	at      time.Time     // while it stands still
	behind  time.Duration // while it runs
}

// RealTime is a clock that runs with the machine's.
func RealTime(machine func() time.Time) *Time { return &Time{machine: machine} }

// Now gives the time. A still clock lets a millisecond pass, so that times differ.
func (c *Time) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.still {
		return c.machine().Add(-c.behind)
	}
	c.at = c.at.Add(time.Millisecond)
	return c.at
}

// Pass lets d pass: from the reserve as far as it goes, else by waiting.
func (c *Time) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.still {
		c.at = c.at.Add(d)
		return
	}
	saved := min(d, c.behind)
	c.behind -= saved
	time.Sleep(d - saved)
}

// until moves a still clock forward to t; it never goes back.
func (c *Time) until(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.at) {
		c.at = t
	}
}

// run lets a still clock run, behind the machine's by reserve.
func (c *Time) run(reserve time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.still, c.behind = false, reserve
}

// CatchUp gives up what is left of the reserve: the codes of an authenticator
// are good from here on. A clock that is ahead stays so.
func (c *Time) CatchUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind = min(c.behind, 0)
}

// ahead is how far a running clock is before the machine's.
func (c *Time) ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(-c.behind, 0)
}

// Hasty is a clock that moves a running one instead of waiting.
func Hasty(c *Time) Clock { return hasty{c} }

// hasty is a clock that skips what others wait for.
type hasty struct{ *Time }

// Pass skips d.
func (c hasty) Pass(d time.Duration) { c.Skip(d) }

// Skip moves a running clock forward at once: "5分すすめる", and tests.
func (c *Time) Skip(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind -= d
}
