package portal

import (
	"net/netip"
	"sync"
	"time"
)

// Links that are not there, tried from one network: after guessMost in guessFor
// nothing is answered to it for the rest of that time, and an alarm is raised.
const (
	guessMost = 40
	guessFor  = time.Hour
	guessKeep = 10_000 // networks remembered
)

type guess struct {
	n     int
	since time.Time
}

// guesses counts misses by network.
type guesses struct {
	mu  sync.Mutex
	all map[netip.Prefix]guess
}

func network(ip netip.Addr) netip.Prefix {
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, _ := ip.Prefix(bits) // the zero Addr gives the zero Prefix
	return p
}

func (g *guesses) many(ip netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.all[network(ip)]
	return was.n >= guessMost && now.Sub(was.since) < guessFor
}

// miss counts one, and tells whether it was the one too many.
func (g *guesses) miss(ip netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, known := g.all[network(ip)]
	if !known && len(g.all) >= guessKeep || g.all == nil {
		g.all = map[netip.Prefix]guess{}
	}
	if now.Sub(was.since) >= guessFor {
		was = guess{since: now}
	}
	was.n++
	g.all[network(ip)] = was
	return was.n == guessMost
}
