package identity

import (
	"sync"
	"time"
)

// Seen remembers which sessions were used since the last Touch, so that
// reading does not write. app makes one, gives it to NewResolve and hands what
// Take gives to the op identity.touch about once a minute.
type Seen struct {
	mu sync.Mutex
	at map[string]time.Time
}

// NewSeen is empty.
func NewSeen() *Seen { return &Seen{at: map[string]time.Time{}} }

func (s *Seen) saw(session string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[session] = now
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
