package demo

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"sekisho/internal/kernel/fault"
)

// People are the demo's people with what they sign in with.
func (h *House) People() []Place { return h.Card.People }

// Enter gives what a person signs in with: the code is one that was not used
// yet, for which the demo's clock skips up to half a minute.
func (h *House) Enter(login string) (password, code string, err error) {
	h.acting.Lock()
	defer h.acting.Unlock()
	for _, p := range h.cast {
		if p.Login == login {
			code, err = h.troupe().code(p)
			return p.Password, code, err
		}
	}
	return "", "", fault.NotFound()
}

// troupe acts at the gate itself, and skips what others wait for.
func (h *House) troupe() *Troupe {
	return &Troupe{Door: Inside{h.App.Gate}, Clock: Hasty(h.Clock)}
}

// Step is how far Forward goes.
const Step = 5 * time.Minute

// Forward moves the demo's clock and lets the house do what is due then.
// The card remembers it: a clock that was opened again must not go back.
func (h *House) Forward(ctx context.Context) error {
	h.acting.Lock()
	defer h.acting.Unlock()
	h.Clock.Skip(Step)
	if _, err := h.Work(ctx); err != nil {
		return err
	}
	return h.keepTime()
}

func (h *House) keepTime() error {
	h.Card.Ahead = int64(h.Clock.ahead().Round(time.Second) / time.Second)
	return h.Card.save(h.home)
}

// Erase has the demo erased: whoever serves it stops when Erased is closed, and
// Close removes its folder.
func (h *House) Erase() { h.erase.Do(func() { close(h.erased) }) }

// Erased is closed once somebody has asked for the end of the demo.
func (h *House) Erased() <-chan struct{} { return h.erased }

// remove deletes the home of an erased demo, and nothing that bears no mark of one.
func (h *House) remove() error {
	select {
	case <-h.erased:
	default:
		return nil
	}
	if _, err := os.Stat(filepath.Join(h.home, "DEMO")); err != nil {
		return err
	}
	return os.RemoveAll(h.home)
}

// pause waits a little for the house's own workers.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}
