package identity

import (
	"encoding/hex"
	"net/netip"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// limit says how failures of one kind slow the next attempt: the first free
// ones cost nothing, then the wait doubles from one second to most. One failure
// is forgiven every leak, so that nobody is shut out for good.
type limit struct {
	purpose    string
	free       int64
	most, leak time.Duration
}

// Guessing one account from one place is slowed hard, since its owner comes
// from another or knows the password. A place as a whole is slowed gently: a
// company may sit behind one address. Codes are counted per person, and only
// after the right password: whoever gets there without the code has stolen it.
func pairLimit() limit  { return limit{"pair", 5, 15 * time.Minute, time.Hour} }
func placeLimit() limit { return limit{"place", 30, time.Minute, time.Minute} }
func codeLimit() limit  { return limit{"code", 10, time.Minute, time.Hour} }

func (l limit) after(fails int64) time.Duration {
	if fails < l.free {
		return 0
	}
	return min(time.Second<<min(fails-l.free, 20), l.most)
}

// failed counts a failure at now on top of those not forgiven yet.
func (l limit) failed(t Throttle, now time.Time) Throttle {
	if t.FreeAt.Before(now) {
		t.FreeAt = now
	}
	t.FreeAt = t.FreeAt.Add(l.leak)
	t.Fails, t.LastAt = int64((t.FreeAt.Sub(now)+l.leak-1)/l.leak), now
	return t
}

// source is the network somebody comes from: /24 of IPv4, /56 of IPv6.
func source(ip netip.Addr) string {
	if !ip.IsValid() {
		return "local"
	}
	bits := 56
	if ip = ip.Unmap(); ip.Is4() {
		bits = 24
	}
	p, _ := ip.Prefix(bits) // fails for more bits than there are only
	return p.String()
}

// bucket is one counter.
type bucket struct {
	limit
	id string
}

func bucketOf(x *gate.Tx, l limit, key ...string) bucket {
	parts := [][]byte{[]byte(l.purpose)}
	for _, k := range key {
		parts = append(parts, []byte(k))
	}
	return bucket{l, hex.EncodeToString(x.Ring().MAC("sign-in throttle", parts...)[:16])}
}

// signInBuckets count whether or not such a login exists.
func signInBuckets(x *gate.Tx, login string) []bucket {
	from := source(x.Credential().IP)
	return []bucket{bucketOf(x, pairLimit(), login, from), bucketOf(x, placeLimit(), from)}
}

func codeBucket(x *gate.Tx, person string) bucket { return bucketOf(x, codeLimit(), person) }

// wait is how long the next attempt has to wait; zero: come in.
func (b bucket) wait(x *gate.Tx) (time.Duration, error) {
	t, ok, err := maybe(throttles.Get(x, b.id))
	if err != nil || !ok {
		return 0, err
	}
	return max(0, t.LastAt.Add(b.after(t.Fails)).Sub(x.Now())), nil
}

// fail counts one failure.
func (b bucket) fail(x *gate.Tx) error {
	t, ok, err := maybe(throttles.Get(x, b.id))
	if err != nil {
		return err
	}
	t = b.failed(t, x.Now())
	if ok {
		return throttles.UpdateMany(x, []Throttle{t})
	}
	t.ID = b.id
	return throttles.InsertMany(x, []Throttle{t})
}

// clear forgets: the right person came in.
func (b bucket) clear(x *gate.Tx) error {
	_, ok, err := maybe(throttles.Get(x, b.id))
	if err != nil || !ok {
		return err
	}
	return throttles.Delete(x, b.id)
}

// mayTry is Limited while any of the buckets is closed.
func mayTry(x *gate.Tx, bs ...bucket) error {
	for _, b := range bs {
		w, err := b.wait(x)
		if err != nil {
			return err
		}
		if w > 0 {
			return fault.Limited("identity.slow_down", "seconds", int(w/time.Second)+1)
		}
	}
	return nil
}

// fails counts in all buckets and gives the refusal that keeps the counts.
func fails(x *gate.Tx, why *fault.Error, bs ...bucket) error {
	for _, b := range bs {
		if err := b.fail(x); err != nil {
			return err
		}
	}
	return gate.Refused(x, why)
}
