package page

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
)

const (
	streamEvery   = time.Second     // between two looks, at first
	streamSlow    = 5 * time.Second // … and at last: every look leaves a record
	streamFor     = 2 * time.Minute // then the browser comes again, if it is still there
	streamWrite   = 10 * time.Second
	streamsPerson = 4
	streamsAll    = 200
)

// streams counts those that are open.
type streams struct {
	mu  sync.Mutex
	by  map[string]int
	all int
}

func (s *streams) open(person string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= streamsAll || s.by[person] >= streamsPerson {
		return false
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.all++
	s.by[person]++
	return true
}

func (s *streams) close(person string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.by[person]--; s.by[person] == 0 {
		delete(s.by, person)
	}
}

// Events streams what look gives (server-sent events) until it says that it was
// the last, or the reader may look no more. The first look decides about the
// answer's status.
func (q *Req) Events(look func() (event any, last bool, err error)) (Answer, error) {
	now, last, err := look()
	if err != nil {
		return Answer{}, err
	}
	person := q.Me.Person.ID
	return Answer{Stream: func(w http.ResponseWriter) error {
		if !q.House.streams.open(person) {
			w.WriteHeader(http.StatusTooManyRequests)
			return fault.Limited("api.rate", "seconds", int(streamFor.Seconds()))
		}
		defer q.House.streams.close(person)
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // a proxy in between passes on at once
		out := http.NewResponseController(w)
		wait, end := streamEvery, time.Now().Add(streamFor)
		for {
			if err := send(w, out, now); err != nil || last || time.Now().After(end) {
				return err
			}
			select {
			case <-q.Context().Done():
				return nil
			case <-time.After(wait):
			}
			wait = min(wait+wait/4, streamSlow)
			if now, last, err = look(); err != nil {
				return err
			}
		}
	}}, nil
}

func send(w http.ResponseWriter, out *http.ResponseController, event any) error {
	b, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if err := out.SetWriteDeadline(time.Now().Add(streamSlow + streamWrite)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "data: %s\n\n", b); err != nil {
		return err
	}
	return out.Flush()
}
