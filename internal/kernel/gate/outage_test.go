package gate_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// A command beside the server, or a second node: one log, dense, nothing lost,
// nothing doubled, whoever seals; and each side notices what vanishes of its own.
func TestR20_TwoGatesOneLog(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		other := beside(t, w, func(*gate.Config) {})
		var wg sync.WaitGroup
		for _, g := range []*gate.Gate{w.G, other} {
			for range 3 {
				wg.Go(func() {
					for range 15 {
						if _, err := gate.Run(bg, g, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}); err != nil {
							t.Error(err)
						}
						if _, err := gate.Run(bg, g, gatetest.Boss("b"), list, Ask{Limit: 1}); err != nil {
							t.Error(err)
						}
						_ = g.SealOwn(bg)
					}
				})
			}
		}
		wg.Wait()
		seal := func() int64 {
			t.Helper()
			var n int64
			for range 100 {
				if err := errors.Join(w.G.SealOwn(bg), other.SealOwn(bg)); err != nil {
					t.Fatal(err)
				}
				var err error
				if n, err = w.G.LogSize(bg); err != nil {
					t.Fatal(err)
				}
				if n >= 180 {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			return n
		}
		if n := seal(); n != 180 {
			t.Fatal("records", n)
		}
		if v := verify(t, w); len(v.Damages) != 0 || v.Leaves != 180 {
			t.Fatal(v)
		}
		es, err := w.G.Entries(bg, 0, 200)
		if err != nil || slices.ContainsFunc(es, func(e gate.Entry) bool { return e.Record.Op == "audit.alarm" }) {
			t.Fatal("a false alarm", err)
		}
		// The lease of who has just sealed holds; the other one looks after its own.
		for _, g := range []*gate.Gate{w.G, other} {
			w.G.PauseSealing()
			other.PauseSealing()
			c := gatetest.Must[Card](t)(gate.Run(bg, g, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
			gate.Tamper(t, w.G, `DELETE FROM audit_pending WHERE id = (SELECT record FROM card WHERE id = $1)`, c.ID)
		}
		time.Sleep(10 * time.Millisecond)
		for range 3 {
			_ = errors.Join(w.G.SealOwn(bg), other.SealOwn(bg))
		}
		n, err := w.G.LogSize(bg)
		if err != nil {
			t.Fatal(err)
		}
		es, err = w.G.Entries(bg, 180, int(n))
		alarms := 0
		for _, e := range es {
			if e.Record.Op == "audit.alarm" && e.Record.Reason == "audit.vanished" {
				alarms++
			}
		}
		if alarms != 2 || err != nil {
			t.Fatal("alarms", alarms, err)
		}
	})
}

// A lease that nobody can have taken does not stop the sealing for good.
func TestAForgedLeaseDoesNotHold(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		size(t, w)
		gate.Tamper(t, w.G, `UPDATE audit_sealer SET holder = 'nobody', until = $1`, time.Now().Add(24*time.Hour).UnixMicro())
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		if n := size(t, w); n != 1 {
			t.Fatal(n)
		}
	})
}

// Disk full: a sentence that says so, nothing half-done, and work goes on by
// itself once there is room. (The engine's own limit stands for the disk's.)
func TestR12_DiskFullOnSQLite(t *testing.T) {
	w := gatetest.Open(t, hostileOptions(), "")
	w.G.PauseSealing()
	gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
	size(t, w)
	gate.Tamper(t, w.G, `PRAGMA max_page_count = 1`) // as many as there are now
	var ok int
	var err error
	for range 200 {
		if _, err = gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n", Note: fmt.Sprintf("%01000d", ok)}); err != nil {
			break
		}
		ok++
	}
	wants(t, err, fault.KindUnavailable, "gate.db_full")
	p := gatetest.Must[Cards](t)(gate.Run(bg, w.G, gatetest.Boss("b"), list, Ask{Limit: 200}))
	if len(p.Rows) != ok+1 {
		t.Fatal("half a write stayed", len(p.Rows), ok)
	}
	gate.Tamper(t, w.G, `PRAGMA max_page_count = 1000000`)
	gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "after"}))
	size(t, w)
	if v := verify(t, w); len(v.Damages) != 0 || v.Pending != 0 {
		t.Fatal(v)
	}
	if err := w.G.Ping(bg); err != nil {
		t.Fatal(err)
	}
}

// relay stands between the gate and PostgreSQL, to take it away and give it back.
type relay struct {
	l    net.Listener
	to   string
	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

func newRelay(t *testing.T, dsn string) (*relay, string) {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l, to: u.Host}
	t.Cleanup(func() { l.Close() })
	go r.serve()
	u.Host = l.Addr().String()
	return r, u.String()
}

func (r *relay) serve() {
	for {
		c, err := r.l.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		if r.cut {
			c.Close()
		} else if d, err := net.Dial("tcp", r.to); err != nil {
			c.Close()
		} else {
			r.open = append(r.open, c, d)
			for _, p := range [][2]net.Conn{{c, d}, {d, c}} {
				go func() { io.Copy(p[0], p[1]); p[0].Close(); p[1].Close() }()
			}
		}
		r.mu.Unlock()
	}
}

func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	for _, c := range r.open {
		c.Close()
	}
	r.open = nil
}

// The database goes away in the middle of work and comes back: every answer in
// between is a sentence, every write that was answered is there, none is there
// that was not, and work resumes by itself.
func TestR07_DatabaseGoneAndBack(t *testing.T) {
	r, dsn := newRelay(t, pgtest.DSN(t))
	w := gatetest.Open(t, hostileOptions(), dsn)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done, failed := 0, map[string]int{}
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"})
				mu.Lock()
				if err == nil {
					done++
				} else {
					f := fault.Of(err)
					failed[string(f.Kind)+" "+f.Key]++
				}
				mu.Unlock()
			}
		})
	}
	for range 3 {
		time.Sleep(150 * time.Millisecond)
		r.set(true)
		time.Sleep(100 * time.Millisecond)
		r.set(false)
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	wg.Wait()
	for k := range failed {
		if k != "unavailable gate.db_gone" && k != "unavailable gate.no_record" {
			t.Errorf("%s: %d times", k, failed[k])
		}
	}
	if done == 0 || len(failed) == 0 {
		t.Fatal("nothing was tested", done, failed)
	}
	gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "after"}))
	size(t, w)
	v := verify(t, w)
	// Where the line broke during COMMIT the answer is not known: at most one a worker and cut.
	if len(v.Damages) != 0 || v.Pending != 0 || v.Rows < int64(done)+1 || v.Rows > int64(done)+1+12 {
		t.Fatalf("%d answered, %d rows; %+v", done+1, v.Rows, v)
	}
	if err := w.G.Ping(bg); err != nil {
		t.Fatal(err)
	}
	t.Log(done, failed)
}

// What is asked while the database is away gets the right sentence at once.
func TestR07_GoneIsCalledGone(t *testing.T) {
	r, dsn := newRelay(t, pgtest.DSN(t))
	w := gatetest.Open(t, hostileOptions(), dsn)
	for range 3 {
		if err := w.G.Ping(bg); err != nil {
			t.Fatal(err)
		}
		r.set(true)
		for range 3 { // first on a connection that was cut, then without any
			wants(t, w.G.Ping(bg), fault.KindUnavailable, "gate.db_gone")
		}
		r.set(false)
	}
	for range 50 { // connections that were cut a moment ago are found out one by one
		if w.G.Seal(bg) == nil {
			return
		}
	}
	t.Fatal("work does not resume")
}

// The store's reserve: outsiders first, then lists, then all but stopping.
func TestTheReserveIsKeptForStopping(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		for _, s := range []struct {
			free                        int64
			outsider, list, read, vital bool // let in
		}{
			{1000, true, true, true, true},
			{999, false, true, true, true},
			{499, false, false, true, true},
			{249, false, false, false, true},
			{0, false, false, false, true},
		} {
			g := beside(t, w, func(c *gate.Config) {
				c.Reserve = gate.Reserve{Bytes: 1000, Vital: []string{"card.put"}, Free: func() (int64, error) { return s.free, nil }}
			})
			check := func(what string, want bool, err error) {
				t.Helper()
				f := fault.Of(err)
				if turned := f != nil && f.Kind == fault.KindUnavailable && f.Key == "gate.reserve"; turned == want {
					t.Errorf("%d free: %s: %v", s.free, what, err)
				}
			}
			_, err := gate.Run(bg, g, gate.Nobody(netip.MustParseAddr("192.0.2.1")), show, ByID{c.ID})
			check("outsider", s.outsider, err)
			_, err = g.JSON(bg, gatetest.Boss("b"), "card.list", nil)
			check("list", s.list, err)
			_, err = g.JSON(bg, gatetest.Boss("b"), "card.list", []byte(`{"no`))
			check("list badly asked", s.list, err)
			_, err = gate.Run(bg, g, gatetest.Boss("b"), show, ByID{c.ID})
			check("read", s.read, err)
			_, err = gate.Run(bg, g, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"})
			check("write", s.read, err)
			_, err = gate.Run(bg, g, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"})
			check("vital", s.vital, err)
			_, err = gate.Run(bg, g, gate.System("rounds"), show, ByID{c.ID})
			check("the server itself", true, err)
		}
	})
}
