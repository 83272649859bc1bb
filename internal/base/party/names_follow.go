package party

import (
	"context"
	"log/slog"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/feed"
	"sekisho/internal/kernel/gate"
)

// Run fills the index and then follows the log, until ctx ends. When the
// database is away it waits and goes on where it stood.
func (n *Index) Run(ctx context.Context, g *gate.Gate, as gate.Credential, log *slog.Logger) {
	f := follower{n: n, g: g, as: as, leaf: -1}
	for ctx.Err() == nil {
		if err := f.run(ctx); err != nil && ctx.Err() == nil {
			log.Error("the index of names pauses", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
		}
	}
}

// follower is where the filling and following stand.
type follower struct {
	n     *Index
	g     *gate.Gate
	as    gate.Credential
	leaf  int64 // of the log, the next to look at; -1: not begun
	after string
}

func (f *follower) run(ctx context.Context) error {
	if f.leaf < 0 {
		// Whatever is written from here on is looked at again, so nothing that
		// changes during the filling is missed.
		size, err := f.g.LogSize(ctx)
		if err != nil {
			return err
		}
		f.leaf = size
	}
	for !f.n.Filled() {
		out, err := gate.Run(ctx, f.g, f.as, IndexOp, IndexIn{After: f.after})
		if err != nil {
			return err
		}
		f.n.put(out.Rows)
		if f.after = out.Next; f.after == "" {
			f.n.mu.Lock()
			f.n.filled = true
			f.n.mu.Unlock()
		}
	}
	return feed.Follow(ctx, f.g, f.leaf, func(e gate.Entry) error {
		if err := f.changed(ctx, e); err != nil {
			return err
		}
		f.leaf = e.Leaf + 1
		return nil
	})
}

// changed reads the partners anew that a record wrote.
func (f *follower) changed(ctx context.Context, e gate.Entry) error {
	if e.Record.Written == 0 {
		return nil
	}
	marks, err := audit.DecodeMarks(e.Marks)
	if err != nil {
		return err
	}
	var ids []string
	for _, m := range marks {
		if m.Table == "party" {
			ids = append(ids, m.ID)
		}
	}
	for len(ids) > 0 {
		some := ids[:min(len(ids), maxNames)]
		ids = ids[len(some):]
		out, err := gate.Run(ctx, f.g, f.as, IndexOp, IndexIn{IDs: some})
		if err != nil {
			return err
		}
		f.n.remove(some)
		f.n.put(out.Rows)
	}
	return nil
}
