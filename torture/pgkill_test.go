//go:build torture

package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/app/demo"
)

// TestDatabaseKilled kills PostgreSQL's server while people write, and starts it
// again: what was answered is there, and what was not is settled by asking again
// under the same Idempotency-Key.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t, nil)
	h := newHouse(t, "postgres", c.dsn(), t.TempDir())
	h.freshen()
	l := &ledger{h: h, got: map[string]string{}}
	kills := setting("PGKILLS", 20)
	began := time.Now()
	var recover []time.Duration
	for range kills {
		stop := make(chan struct{})
		var all sync.WaitGroup
		for i := range 8 {
			token := h.of("accounting", i).Token()
			all.Go(func() { l.write(token, stop) })
		}
		time.Sleep(300*time.Millisecond + rand.N(300*time.Millisecond))
		c.kill()
		time.Sleep(rand.N(200 * time.Millisecond))
		close(stop)
		all.Wait()
		c.start()
		up := time.Now()
		l.settle()
		recover = append(recover, time.Since(up))
	}
	slices.Sort(recover)
	part := "database killed"
	lost, doubled := l.compare()
	note("pgkill", h.engine, part, "%d times in %v; %d answered at once, %d not; of these %d had been done, %d not",
		kills, time.Since(began).Round(time.Second), l.acked, l.done+l.undone, l.done, l.undone)
	want(t, l.acked > kills && l.done+l.undone > 0, "pgkill", h.engine, part+": answered, and not answered", "both", "%d, %d", l.acked, l.done+l.undone)
	none(t, "pgkill", h.engine, part+": lost", lost)
	none(t, "pgkill", h.engine, part+": doubled", doubled)
	none(t, "pgkill", h.engine, part+": refused without a sentence", l.silent)
	note("pgkill", h.engine, part+": works again after the database", "the slowest in %v", recover[len(recover)-1].Round(time.Millisecond))
	none(t, "pgkill", h.engine, part+": damage to the log or to a row", h.proof())
}

// ledger is what many people have asked for, and what was answered.
type ledger struct {
	h      *house
	mu     sync.Mutex
	acked  int
	open   []request
	got    map[string]string // by mark: the id that was answered
	silent []string
	done   int // of what was not answered: done all the same
	undone int
}

type request struct{ mark, key, token string }

// write drafts until it is stopped or not answered; then it waits for the end.
func (l *ledger) write(token string, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		l.mu.Lock()
		a := request{l.h.mark(), l.h.key(), token}
		l.mu.Unlock()
		id, err := l.ask(a)
		l.mu.Lock()
		if err == nil {
			l.acked++
			l.got[a.mark] = id
			l.mu.Unlock()
			continue
		}
		l.open = append(l.open, a)
		if s, ok := err.(*demo.Stop); ok && (s.Code == "" || s.Code == "gate.failed" || len(s.Detail) < 20) {
			l.silent = append(l.silent, why(err))
		}
		l.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *ledger) ask(a request) (id string, err error) {
	raw, err := l.h.postKey(a.token, a.key, "invoice.draft", draft(l.h.to[0], a.mark, 1))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(raw), `"id":"`)
	id, _, _ = strings.Cut(rest, `"`)
	return id, nil
}

// settle asks again for all that was not answered.
func (l *ledger) settle() {
	l.h.ready()
	there := l.marks()
	for _, a := range l.open {
		if len(there[a.mark]) > 0 {
			l.done++
		} else {
			l.undone++
		}
		var id string
		l.h.until(30*time.Second, "a request is still not answered", func() (ok bool) {
			var err error
			id, err = l.ask(a)
			return err == nil
		})
		l.got[a.mark] = id
	}
	l.open = nil
}

// marks gives the drafts that bear each mark.
func (l *ledger) marks() map[string][]string {
	out := map[string][]string{}
	for _, s := range pages[billState](l.h, l.h.of("accounting", 0), "invoice.list", m{"state": "draft"}, "invoices") {
		if _, mark, ok := strings.Cut(s.Subject, "TORTURE-"); ok {
			out["TORTURE-"+mark] = append(out["TORTURE-"+mark], s.ID)
		}
	}
	return out
}

// compare finds what was answered and is not there, and what is there twice.
func (l *ledger) compare() (lost, doubled []string) {
	there := l.marks()
	for mark, id := range l.got {
		switch list := there[mark]; {
		case len(list) == 0:
			lost = append(lost, mark)
		case len(list) > 1:
			doubled = append(doubled, mark)
		case list[0] != id:
			lost = append(lost, fmt.Sprintf("%s was answered as %s and is %s", mark, id, list[0]))
		}
	}
	for mark := range there {
		if l.got[mark] == "" {
			doubled = append(doubled, mark+" was never asked for")
		}
	}
	return lost, doubled
}
