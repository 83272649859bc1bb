package gate

import (
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
)

// Observe has every op that ends told to f, with the way out it took and how
// long that was; an op called by another is part of that one. f must not block.
func (g *Gate) Observe(f func(op, outcome string, took time.Duration)) { g.observer.Store(&f) }

func way(err error) audit.Outcome {
	if err == nil {
		return audit.OK
	}
	return outcomeOf(fault.Of(err).Kind)
}
