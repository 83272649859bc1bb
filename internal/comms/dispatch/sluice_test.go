package dispatch

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// sluice stands between a worker and its relay and lets the water through, or not.
type sluice struct {
	t  *testing.T
	to string // the relay's address

	listener net.Listener
	mu       sync.Mutex
	stops    int           // so many of the next connections stand still
	open     chan struct{} // until this is closed
	swallow  atomic.Int64  // after so many octets to the relay, its next word is lost and the line breaks; 0: never
}

func (s *sluice) listen() {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.listener = l
	s.t.Cleanup(func() { l.Close(); s.goOn() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
}

func (s *sluice) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// stopAfter lets the next n connections stand still until goOn.
func (s *sluice) stopAfter(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops, s.open = n, make(chan struct{})
}

func (s *sluice) goOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		close(s.open)
		s.open = nil
	}
}

func (s *sluice) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	wait := s.open
	if s.stops == 0 {
		wait = nil
	} else {
		s.stops--
	}
	s.mu.Unlock()
	if wait != nil {
		<-wait
	}
	r, err := net.DialTimeout("tcp", s.to, 5*time.Second)
	if err != nil {
		return
	}
	defer r.Close()
	var up atomic.Int64
	go func() {
		io.Copy(io.MultiWriter(r, counter{&up}), c)
		r.(*net.TCPConn).CloseWrite()
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := r.Read(b)
		if err != nil {
			return
		}
		if most := s.swallow.Load(); most > 0 && up.Load() > most {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// TestOneThatHangsKeepsNoOtherFromGoing: with two places, a stalled dialogue
// holds one of them only.
func TestOneThatHangsKeepsNoOtherFromGoing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		hung := &sluice{t: t, to: w.trap.Addr()}
		hung.listen()
		slow := *w.worker
		slow.Relay.Port, slow.Parallel = hung.port(), 2
		a, b := w.single("INV-1"), w.single("INV-2")
		w.hold(a)
		hung.stopAfter(1) // the first connection stands still
		w.Clock.Pass(DefaultHold)
		w.hold(b)
		w.Clock.Pass(DefaultHold)
		done := make(chan error)
		go func() { _, _, err := slow.Once(bg); done <- err }()
		for end := time.Now().Add(20 * time.Second); w.show(a).State != Handed && w.show(b).State != Handed && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		if got := []State{w.show(a).State, w.show(b).State}; !slices.Contains(got, Handed) || !slices.Contains(got, Claimed) {
			t.Fatal(got)
		}
		hung.goOn()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		w.state(a, Handed)
		w.state(b, Handed)
	})
}

// TestR05_AWorkerStoppedPastItsLeaseCannotSend: it wakes with all data written
// and the dot to come; by then another has the mail.
func TestR05_AWorkerStoppedPastItsLeaseCannotSend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		hung := &sluice{t: t, to: w.trap.Addr()}
		hung.listen()
		old := *w.worker
		old.Holder, old.Relay.Port = "node2", hung.port()
		s := w.single("INV-1")
		w.hold(s)
		hung.stopAfter(1)
		w.Clock.Pass(DefaultHold)
		done := make(chan error)
		go func() { _, _, err := old.Once(bg); done <- err }()
		for end := time.Now().Add(20 * time.Second); w.show(s).State != Claimed && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		w.state(s, Claimed)
		w.Clock.Pass(lease)
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{}); err != nil {
			t.Fatal(err)
		}
		if w.send() != 1 {
			t.Fatal("nobody took over")
		}
		w.state(s, Handed)
		hung.goOn()
		if err := <-done; !fault.Is(err, fault.KindRefused) {
			t.Fatal(err)
		}
		got := w.state(s, Handed).Recipients[0]
		if n := arrived(t, w.trap); n[got.MessageID] != 1 || got.Holder != "node1" || got.Attempts != 2 {
			t.Fatalf("%v %+v", n, got)
		}
	})
}

// TestR05_AnOldClaimCannotMark: while the next one is under way, too.
func TestR05_AnOldClaimCannotMark(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.hold(w.single("INV-1"))
		old := w.claim()
		w.Clock.Pass(lease)
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{}); err != nil {
			t.Fatal(err)
		}
		now := w.claim()
		wants(t, w.mark(old), fault.KindRefused, "dispatch.lease_lost")
		if err := w.mark(now); err != nil || now.Fence != old.Fence+1 || now.MessageID != old.MessageID {
			t.Fatal(err, now.Fence, old.Fence)
		}
	})
}

// TestOneUnknownKeepsNoOtherRecipientFromGoing: also when the register has
// changed meanwhile, so that the package is checked again.
func TestOneUnknownKeepsNoOtherRecipientFromGoing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.good("INV-1")
		w.hold(s)
		if err := w.mark(w.claim()); err != nil {
			t.Fatal(err)
		}
		if _, err := gate.Run(bg, w.G, server, Recover, RecoverIn{Holder: "node1"}); err != nil {
			t.Fatal(err)
		}
		w.state(s, Unknown, Unknown, Held)
		w.point(w.akat, "keiri@akatsuki-unyu.co.jp")
		if w.send() != 1 {
			t.Fatal("the other recipient was forgotten")
		}
		w.state(s, Unknown, Unknown, Handed)
	})
}
