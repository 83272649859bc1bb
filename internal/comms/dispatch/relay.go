package dispatch

import (
	"context"
	"net"
	"strconv"
	"time"

	"sekisho/internal/comms/dispatch/internal/smtp"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Relay is the mail server that takes our mail on; its fields are described in
// the internal package. RelayMode is the type of one of them.
type (
	Relay     = smtp.Relay
	RelayMode = smtp.Mode
	RelayAuth = smtp.Auth
)

// How the connection to the relay is encrypted.
const (
	StartTLS = smtp.StartTLS
	TLS      = smtp.TLS
	Plain    = smtp.Plain
)

// RelayName is what a relay is called in items, records and lists.
func RelayName(r Relay) string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// Probe connects to a relay as sending does, signs in and leaves again. It
// gives the encryption agreed on, or a fault that says what is wrong.
func Probe(ctx context.Context, r Relay) (string, error) {
	o := smtp.Probe(ctx, r)
	if o.Key != "" {
		return o.TLS, fault.Unavailable(o.Key, o.Args...).Because(o.Cause)
	}
	return o.TLS, nil
}

// RelayHealth is how a relay has been doing; its id is its name. While it rests
// nothing is given to it.
type RelayHealth struct {
	gate.Row
	Failures   int64     `json:"failures" col:"failures" class:"internal,plain"` // in a row
	RestsUntil time.Time `json:"rests_until" col:"rests_until" class:"internal,plain"`
	Reason     string    `json:"reason" col:"reason" class:"internal,plain"` // key of the last failure's sentence, "" if there was none since
	ChangedAt  time.Time `json:"changed_at" col:"changed_at" class:"internal,plain"`
}

// restAfter is how long a relay is left alone after its n-th failure in a row,
// n from 1. It is shorter than the time between two tries of one mail, so that
// what waits is tried as soon as a relay is back.
func restAfter(n int64) time.Duration {
	steps := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute}
	return steps[min(max(n, 1), int64(len(steps)))-1]
}

// relayRests is the key of what is said of a mail that no relay was there for.
const relayRests = "dispatch.relay_rests"

// RelayIn says how a relay did.
type RelayIn struct {
	Relay  string `json:"relay" required:"true"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
}

// RelayOp keeps that a relay failed, or works again. Workers that fail at the
// same time count as one failure.
var RelayOp = gate.New(gate.Op[RelayIn, RelayHealth]{
	Name: "dispatch.relay_health", Mode: gate.Write, Target: system[RelayIn],
	Alone: func(in RelayIn) []string { return []string{"dispatch/relay/" + in.Relay} },
	Do: func(x *gate.Tx, in RelayIn) (RelayHealth, error) {
		h, err := relays.Get(x, in.Relay)
		fresh := fault.Is(err, fault.KindNotFound)
		if err != nil && !fresh {
			return h, err
		}
		h.ID = in.Relay
		switch {
		case in.OK:
			h.Failures, h.RestsUntil, h.Reason = 0, time.Time{}, ""
		case x.Now().Before(h.RestsUntil):
			return h, nil
		default:
			h.Failures++
			h.RestsUntil, h.Reason = x.Now().Add(restAfter(h.Failures)), in.Reason
		}
		h.ChangedAt = x.Now()
		if fresh {
			return h, relays.Insert(x, &h)
		}
		return h, relays.Update(x, &h)
	},
})

// RelaysOut lists the relays there have been, and whether all sending is stopped.
type RelaysOut struct {
	Rows []RelayHealth `json:"rows"`
	Stop Switch        `json:"stop"` // zero if it never was
}

// Relays shows how the relays are doing, and the emergency stop.
var Relays = gate.New(gate.Op[struct{}, RelaysOut]{
	Name: "dispatch.relays", Mode: gate.List, Target: system[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (RelaysOut, error) {
		list, err := relays.Find(x)
		if err != nil {
			return RelaysOut{}, err
		}
		s, _, err := switchRow(x)
		return RelaysOut{list, s}, err
	},
})
