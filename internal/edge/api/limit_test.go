package api

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
)

// In any stretch of time nobody gets more than the burst and what flowed in
// since, whoever waits as long as told gets one, and memory is bounded.
func TestS21_BucketsHoldTheirRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{PerSecond: rapid.Float64Range(0.1, 50).Draw(t, "rate"), Burst: float64(rapid.IntRange(1, 20).Draw(t, "burst"))}
		b := newBuckets[int](r, 5)
		start := time.Unix(1_000_000, 0)
		now, got := start, map[int]float64{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			k := rapid.IntRange(1, 3).Draw(t, "key")
			wait := b.take(k, now)
			if wait == 0 {
				got[k]++
			} else if now = now.Add(wait + time.Millisecond); b.take(k, now) != 0 {
				t.Fatal("waited in vain", wait)
			} else {
				got[k]++
			}
			flowed := now.Sub(start).Seconds() * r.PerSecond
			if got[k] > r.Burst+flowed+0.001 {
				t.Fatal(got[k], "of", r.Burst+flowed)
			}
		}
		for k := range 1000 {
			b.take(k+10, now)
		}
		if len(b.all) > 6 {
			t.Fatal("buckets", len(b.all))
		}
	})
}

func TestManySourcesShareWhatIsLeft(t *testing.T) {
	b := newBuckets[int](Rate{PerSecond: 1, Burst: 2}, 3)
	now := time.Unix(1_000_000, 0)
	ok := 0
	for k := 1; k <= 100; k++ {
		if b.take(k, now) == 0 {
			ok++
		}
	}
	if ok != 3+2 {
		t.Fatal("newcomers beyond the table got", ok-3)
	}
	if now = now.Add(2 * time.Second); b.take(500, now) != 0 || len(b.all) != 1 {
		t.Fatal("full buckets were not forgotten", len(b.all))
	}
}

func TestSourcePrefix(t *testing.T) {
	for ip, want := range map[string]string{"192.0.2.77": "192.0.2.0/24", "2001:db8:aaaa:bbbb::1": "2001:db8:aaaa::/48"} {
		if p := prefix(netip.MustParseAddr(ip)); p.String() != want {
			t.Error(ip, p)
		}
	}
	if prefix(netip.Addr{}).IsValid() {
		t.Error("no address has a prefix")
	}
}

func TestPlacesAreFewAndTheQueueIsShort(t *testing.T) {
	l := Standard()
	l.Running, l.Waiting, l.Wait = 1, 1, 20*time.Millisecond
	lim := newLimiter(l, time.Now)
	if _, f := lim.place(t.Context(), lim.running); f != nil {
		t.Fatal(f)
	}
	began := time.Now()
	if _, f := lim.place(t.Context(), lim.running); f == nil || time.Since(began) < l.Wait || status(f) != 503 || retryAfter(f) != "1" {
		t.Fatal("waited not long enough", f)
	}

	l.Wait = time.Hour
	lim = newLimiter(l, time.Now)
	done, f := lim.place(t.Context(), lim.running)
	if f != nil {
		t.Fatal(f)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, f := lim.place(gone, lim.running); f == nil || f.Kind != fault.KindUnavailable {
		t.Fatal("waits for a caller who is gone", f)
	}
	next := make(chan *fault.Error)
	go func() {
		free, f := lim.place(context.Background(), lim.running)
		if next <- f; f == nil {
			free()
		}
	}()
	for len(lim.waiting) == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, f := lim.place(t.Context(), lim.running); f == nil {
		t.Fatal("a full queue does not refuse at once")
	}
	done()
	if f := <-next; f != nil {
		t.Fatal("a place given back is not given on", f)
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "192.0.2.1:80", "[::1]:80", "::1", "fe80::1%eth0", "[::1", "a]", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := address(s)
		if ok && (!a.IsValid() || a.Zone() != "" || a.Is4In6()) {
			t.Fatal(a)
		}
		if again, ok2 := address(a.String()); ok && (!ok2 || again != a) {
			t.Fatal(a, again)
		}
	})
}

func FuzzAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (X11)\r\n\x00\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		a := agent(s)
		if len(a) > maxAgent || agent(a) != a {
			t.Fatalf("%q", a)
		}
		for _, c := range a {
			if c < ' ' || c == 0x7f || c == '\u202e' {
				t.Fatalf("%q", a)
			}
		}
	})
}
