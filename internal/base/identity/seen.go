package identity

import (
	"sync"
	"time"
)

// Seen remembers which sessions were used since the last Touch, so that
// reading does not write, and how late it has been. app makes one, gives it to
// NewResolve and hands what Take gives to the op identity.touch about once a
// minute.
type Seen struct {
	mu     sync.Mutex
	at     map[string]time.Time
	latest time.Time
}

// slack is by how much a clock may be set back, as clocks are that follow
// others, before it counts as having gone back.
const slack = time.Minute

// WentBack tells whether the clock is behind a time it has shown already, by
// how much, and takes the present for the latest from then on. Sessions must
// then end: some may have been over already. It is to be asked once a minute.
func (s *Seen) WentBack(now time.Time) (by time.Duration, back bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by = s.latest.Sub(now); by > slack {
		s.latest = now
		return by, true
	}
	s.latest = later(s.latest, now)
	return 0, false
}

// Late says that it has been so late already.
func (s *Seen) Late(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = later(s.latest, at)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// NewSeen is empty.
func NewSeen() *Seen { return &Seen{at: map[string]time.Time{}} }

// Len is how many sessions were used since the last Take.
func (s *Seen) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

func (s *Seen) saw(session string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[session] = now
	s.latest = later(s.latest, now)
}

// last is when a session was used on this node since the last Take; else zero.
func (s *Seen) last(session string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[session]
}

// TouchMax is how many sessions one Touch takes.
const TouchMax = 500

// Take removes and gives up to TouchMax sessions; call it until it gives none.
func (s *Seen) Take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id := range s.at {
		if len(out) == TouchMax {
			break
		}
		out = append(out, id)
		delete(s.at, id)
	}
	return out
}
