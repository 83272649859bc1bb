package dispatch

import (
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// theSwitch is the id of the one row.
const theSwitch = "all"

func switchRow(x *gate.Tx) (Switch, bool, error) {
	s, err := switches.Get(x, theSwitch)
	if fault.Is(err, fault.KindNotFound) {
		return Switch{}, false, nil
	}
	return s, err == nil, err
}

// running is fault.Refused while all sending is stopped.
func running(x *gate.Tx) error {
	s, _, err := switchRow(x)
	if err == nil && s.Stopped {
		err = fault.Refused("dispatch.stopped_all")
	}
	return err
}

// StopIn says why.
type StopIn struct {
	Reason string `json:"reason" required:"true" text:"multiline"`
}

func everything(*gate.Tx, StopIn) (gate.Target, error) {
	return gate.Target{Kind: "dispatch", ID: "*"}, nil
}

func setSwitch(x *gate.Tx, stopped bool, reason string) (Switch, error) {
	s, there, err := switchRow(x)
	if err != nil {
		return s, err
	}
	s.Stopped, s.Person, s.Reason = stopped, x.Actor().Person, reason
	if there {
		return s, switches.Update(x, &s)
	}
	s.ID = theSwitch
	return s, switches.Insert(x, &s)
}

// StopAll stops all sending at once (緊急停止): nothing is claimed any more, and
// what was claimed but not marked stops before its last dot.
var StopAll = gate.New(gate.Op[StopIn, Switch]{
	Name: "dispatch.stop_all", Mode: gate.Write, Needs: gate.Needs{Reason: true}, Target: everything,
	Do: func(x *gate.Tx, in StopIn) (Switch, error) { return setSwitch(x, true, in.Reason) },
})

// StartAll ends the emergency stop. It weakens a control, so a second person
// agrees.
var StartAll = gate.New(gate.Op[StopIn, Switch]{
	Name: "dispatch.start_all", Mode: gate.Write, Needs: gate.Needs{Reason: true, StepUp: true}, Target: everything,
	FourEyes: func(x *gate.Tx, _ StopIn) (gate.Second, error) {
		s, _, err := switchRow(x)
		if err == nil && !s.Stopped {
			err = fault.Refused("dispatch.not_stopped")
		}
		return gate.Second{Needed: true, Digest: []byte(s.Record), Class: policy.Internal, Before: map[string]any{"stopped": true, "reason": s.Reason}, After: map[string]any{"stopped": false}}, err
	},
	Do: func(x *gate.Tx, in StopIn) (Switch, error) {
		x.AfterCommit(func() { gate.Ring(x, bell) })
		return setSwitch(x, false, in.Reason)
	},
})
