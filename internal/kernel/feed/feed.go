// Package feed gives what was sealed, in leaf order, to whoever follows:
// caches, watchers, webhooks. The bell may be lost; the leaf number is the
// truth, so a follower that was away continues where it stood.
package feed

import (
	"context"
	"time"

	"sekisho/internal/kernel/gate"
)

const (
	page = 500
	look = time.Second // for records sealed by another node
)

// Follow calls f for every sealed record from leaf on, one after another, until
// ctx ends or f fails.
func Follow(ctx context.Context, g *gate.Gate, leaf int64, f func(gate.Entry) error) error {
	bell := make(chan struct{}, 1)
	g.OnSealed(func(int64) {
		select {
		case bell <- struct{}{}:
		default:
		}
	})
	for {
		es, err := g.Entries(ctx, leaf, page)
		if err != nil {
			return err
		}
		for _, e := range es {
			if err := f(e); err != nil {
				return err
			}
			leaf = e.Leaf + 1
		}
		if len(es) == page {
			continue
		}
		timer := time.NewTimer(look)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-bell:
		case <-timer.C:
		}
		timer.Stop()
	}
}
