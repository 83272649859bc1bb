//go:build torture

package torture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/gatetest/pgtest"
)

// cutting is where a connection is cut.
type cutting int

const (
	before   cutting = iota // the n-th message is not passed on
	after                   // it is, and its answer is lost
	afterAll                // the same, counting only messages that end a batch: all of it is done
	cuttings
)

// proxy stands between the server and PostgreSQL and cuts a connection at the
// n-th message: before it is passed on, or after, so that it is done and its
// answer lost.
type proxy struct {
	ln net.Listener
	to string

	mu   sync.Mutex
	left int // messages until the cut; 0: none is wanted
	how  cutting
	fell bool
}

func newProxy(t testing.TB, to string) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	p := &proxy{ln: ln, to: to}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// arm wants the n-th message from now on cut off.
func (p *proxy) arm(n int, how cutting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.how, p.fell = n, how, false
}

// off tells whether the cut was made, and wants none any more.
func (p *proxy) off() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = 0
	return p.fell
}

// used is how many of n messages have come since arm.
func (p *proxy) used(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n -= p.left
	p.left = 0
	return n
}

// next counts a message; cut says whether its connection ends here, pass whether
// it is still passed on.
func (p *proxy) next(kind byte) (cut, pass bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 || p.how == afterAll && kind != 'S' && kind != 'Q' {
		return false, true
	}
	p.left--
	p.fell = p.fell || p.left == 0
	return p.left == 0, p.left > 0 || p.how != before
}

func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	d, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer d.Close()
	go func() {
		_, _ = io.Copy(c, d)
		c.Close()
	}()
	r := bufio.NewReader(c)
	for first := true; ; first = false {
		head := make([]byte, 5) // type and length; the first message has no type
		if first {
			head = head[:4]
		}
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		cut, pass := false, true
		if !first {
			cut, pass = p.next(head[0])
		}
		if !pass {
			return
		}
		if _, err := d.Write(append(head, body...)); err != nil {
			return
		}
		if cut {
			time.Sleep(20 * time.Millisecond) // the database does it, and its answer is lost
			return
		}
	}
}

// TestConnectionCut cuts the connection to PostgreSQL at every message of an op:
// each request is done wholly or not at all, and asking again under the same key
// gives the first answer.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, dsn.Host)
	dsn.Host = p.ln.Addr().String()
	h := newHouse(t, "postgres", dsn.String(), t.TempDir())
	h.freshen()
	k := newBook()
	k.part = "cut"
	most := setting("CUTS", 100) // of each op
	cut, done, undone := 0, 0, 0
	answers := map[string]int{}
	for _, op := range []func() blow{
		func() blow { return h.issue(h.newBill(k)) },
		func() blow { return h.start(k, h.newLoad(k, 300)) },
	} {
		total := [cuttings]int{}
		for how := range cuttings {
			w := op()
			p.arm(1<<30, how)
			h.act(w, h.key())
			total[how] = p.used(1 << 30)
			w.there()
		}
		for i := range most {
			how := cutting(i) % cuttings
			_, place := math.Modf(float64(i/int(cuttings)) * math.Phi)
			n := 1 + int(place*float64(total[how]))
			w := op()
			key := h.key()
			h.until(30*time.Second, "nobody can work again", func() bool { return h.alive(w.by.Token()) })
			p.arm(n, how)
			err := h.troupe.Act(withKey(key), w.by, w.op, w.in, w.out)
			if !p.off() {
				continue
			}
			cut++
			answers[map[bool]string{true: "ok", false: code(err)}[err == nil]]++
			there := false
			h.until(30*time.Second, "nobody can work again", func() bool { return h.alive(w.by.Token()) })
			there = w.there()
			if err == nil && !there {
				k.lost = append(k.lost, fmt.Sprintf("%s cut at message %d was answered and is not there", w.op, n))
			}
			if err == nil {
				continue
			}
			if there {
				done++
			} else {
				undone++
			}
			h.again(w, key)
		}
	}
	note("cut", h.engine, "connection cut", "%d times; not answered: %d had been done, %d not; answers: %v", cut, done, undone, answers)
	want(t, cut >= most, "cut", h.engine, "cuts that hit", fmt.Sprintf("≥ %d", most), "%d", cut)
	none(t, "cut", h.engine, "refused without a sentence", unspoken(answers))
	h.examine(k)
	k.last()
}

// again asks a second time.
func (h *house) again(w blow, key string) {
	h.t.Helper()
	h.until(30*time.Second, w.op+" is not answered the second time", func() bool {
		return h.troupe.Act(withKey(key), w.by, w.op, w.in, w.out) == nil
	})
	if !w.there() {
		h.t.Fatalf("%s: %s was answered the second time and is not there", h.engine, w.op)
	}
}

// unspoken are answers that say nothing to a person.
func unspoken(answers map[string]int) (bad []string) {
	for code, n := range answers {
		if code == "" || code == "gate.failed" {
			bad = append(bad, fmt.Sprintf("%q %d times", code, n))
		}
	}
	return bad
}
