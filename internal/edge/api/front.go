package api

import (
	"net/http"
	"net/netip"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Front is what stands before the gate, for the pages: they go past the same
// limits as the API, counted together.
type Front struct{ s *server }

// Source is the address a request comes from.
func (f Front) Source(r *http.Request) netip.Addr { return f.s.source(r) }

// Agent is the request's User-Agent, fit for a record.
func (f Front) Agent(r *http.Request) string { return agent(r.UserAgent()) }

// Lang is the reader's language by the request's headers.
func (f Front) Lang(r *http.Request) string { return string(f.s.lang(r)) }

// Secure tells whether the reader's browser came over TLS.
func (f Front) Secure(r *http.Request) bool { return f.s.secure(r) }

// Admit counts an op and waits for its place at the gate; done gives the place
// back. What is turned away leaves a record.
func (f Front) Admit(r *http.Request, c gate.Credential, op string) (done func(), err error) {
	turned := func(why *fault.Error) error { return f.s.cfg.Gate.Turned(r.Context(), c, op, why) }
	if forAnybody(op) {
		if why := f.s.lim.byAnybody(c.IP); why != nil {
			return nil, turned(why)
		}
	}
	if why := f.s.lim.byCredential(c.Secret()); why != nil {
		return nil, turned(why)
	}
	done, why := f.s.lim.place(r.Context(), f.s.lim.running)
	if why != nil {
		return nil, turned(why)
	}
	return done, nil
}

// Large waits for one of a few places for bodies that are kept in memory.
func (f Front) Large(r *http.Request) (done func(), err error) {
	done, why := f.s.lim.place(r.Context(), f.s.lim.large)
	if why != nil {
		return nil, why
	}
	return done, nil
}

// Status is the HTTP status of a fault.
func Status(f *fault.Error) int { return status(f) }
