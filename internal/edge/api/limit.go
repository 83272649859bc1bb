package api

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"sekisho/internal/kernel/fault"
)

// Rate is a token bucket: Burst at once, then PerSecond.
type Rate struct {
	PerSecond float64
	Burst     float64
}

// Limits are all the bounds that stand before the gate, in one place.
type Limits struct {
	Source     Rate // requests of one source prefix (IPv4 /24, IPv6 /48)
	Credential Rate // requests with one token
	Anybody    Rate // sign-in, set-up and client tokens, of one source prefix
	Keys       int  // buckets remembered of each kind; beyond, newcomers share one

	Running int           // ops at the gate at once
	Waiting int           // requests that may wait for a place there …
	Wait    time.Duration // … for this long

	Body      int64 // bytes of a request's body
	SmallBody int64 // bytes of a body that anybody may send, and that need no place among Large
	Large     int   // bodies above SmallBody in memory at once

	Header      int // bytes of the request line and headers
	Connections int // open at once

	ReadHeader time.Duration // from the first byte to the end of the headers
	Read       time.Duration // … to the end of the body
	Write      time.Duration // … to the end of the answer
	Idle       time.Duration // between two requests of a connection
	Drain      time.Duration // for requests in flight when the server stops
}

// Standard are the limits of the product.
func Standard() Limits {
	return Limits{
		Source:     Rate{PerSecond: 200, Burst: 1000},
		Credential: Rate{PerSecond: 100, Burst: 500},
		Anybody:    Rate{PerSecond: 1, Burst: 60},
		Keys:       10_000,

		Running: 64, Waiting: 256, Wait: 2 * time.Second,

		Body: 32 << 20, SmallBody: 64 << 10, Large: 8,

		Header: 16 << 10, Connections: 2048,

		ReadHeader: 10 * time.Second,
		Read:       90 * time.Second,
		Write:      150 * time.Second,
		Idle:       120 * time.Second,
		Drain:      10 * time.Second,
	}
}

// forAnybody tells which ops are there for people who have not signed in, and
// so are what a guesser would call.
func forAnybody(op string) bool {
	switch op {
	case "identity.signin", "identity.setup", "identity.client_token",
		"share.open", "share.code", "share.verify", "share.show", "share.file", "share.month", "share.write", "share.renew", "incident.not_ours", "invoice.shared", "invoice.account":
		return true
	}
	return false
}

// buckets are token buckets by key, at most max of them.
type buckets[K comparable] struct {
	rate Rate
	max  int

	mu    sync.Mutex
	all   map[K]bucket
	swept time.Time
}

type bucket struct {
	level float64
	at    time.Time
}

func newBuckets[K comparable](r Rate, max int) *buckets[K] {
	return &buckets[K]{rate: r, max: max, all: map[K]bucket{}}
}

// take takes one token of k. If there is none it tells how long until one.
func (b *buckets[K]) take(k K, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, known := b.all[k]
	if !known {
		if len(b.all) >= b.max {
			b.sweep(now)
		}
		if len(b.all) >= b.max {
			k = *new(K) // many sources at once: newcomers share one bucket, memory stays bounded
			was, known = b.all[k]
		}
	}
	if !known {
		was = bucket{b.rate.Burst, now}
	}
	level := b.level(was, now)
	if level < 1 {
		return 1 + time.Duration((1-level)/b.rate.PerSecond*float64(time.Second)) // never 0, which means taken
	}
	b.all[k] = bucket{level - 1, now}
	return 0
}

func (b *buckets[K]) level(was bucket, now time.Time) float64 {
	passed := max(0, now.Sub(was.at).Seconds())
	return min(b.rate.Burst, was.level+passed*b.rate.PerSecond)
}

// sweep forgets buckets that are full again, at most once a second.
func (b *buckets[K]) sweep(now time.Time) {
	if now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	for k, was := range b.all {
		if b.level(was, now) >= b.rate.Burst {
			delete(b.all, k)
		}
	}
}

// limiter holds what is counted and what is bounded.
type limiter struct {
	Limits
	now        func() time.Time
	seed       maphash.Seed
	source     *buckets[netip.Prefix]
	anybody    *buckets[netip.Prefix]
	credential *buckets[uint64] // keyed hash of the token, so that no token lies in memory for long
	running    chan struct{}
	waiting    chan struct{}
	large      chan struct{}
}

func newLimiter(l Limits, now func() time.Time) *limiter {
	return &limiter{Limits: l, now: now, seed: maphash.MakeSeed(),
		source:     newBuckets[netip.Prefix](l.Source, l.Keys),
		anybody:    newBuckets[netip.Prefix](l.Anybody, l.Keys),
		credential: newBuckets[uint64](l.Credential, l.Keys),
		running:    make(chan struct{}, l.Running),
		waiting:    make(chan struct{}, l.Waiting),
		large:      make(chan struct{}, l.Large)}
}

// prefix is the network a source is counted with: one office, one home.
func prefix(ip netip.Addr) netip.Prefix {
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, _ := ip.Prefix(bits) // the zero Addr gives the zero Prefix
	return p
}

func (l *limiter) bySource(ip netip.Addr) *fault.Error {
	return tooMany(l.source.take(prefix(ip), l.now()))
}

func (l *limiter) byAnybody(ip netip.Addr) *fault.Error {
	return tooMany(l.anybody.take(prefix(ip), l.now()))
}

func (l *limiter) byCredential(token string) *fault.Error {
	if token == "" {
		return nil // its source is counted
	}
	return tooMany(l.credential.take(maphash.String(l.seed, token), l.now()))
}

func tooMany(wait time.Duration) *fault.Error {
	if wait == 0 {
		return nil
	}
	return fault.Limited("api.rate", "seconds", seconds(wait))
}

// seconds rounds up, and is never 0.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// place waits, not long, for a place in slots; done gives it back.
func (l *limiter) place(ctx context.Context, slots chan struct{}) (done func(), busy *fault.Error) {
	done = func() { <-slots }
	select {
	case slots <- struct{}{}:
		return done, nil
	default:
	}
	busy = fault.Unavailable("api.busy", "seconds", seconds(l.Wait))
	select {
	case l.waiting <- struct{}{}:
		defer func() { <-l.waiting }()
	default:
		return nil, busy
	}
	t := time.NewTimer(l.Wait)
	defer t.Stop()
	select {
	case slots <- struct{}{}:
		return done, nil
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, busy
}
