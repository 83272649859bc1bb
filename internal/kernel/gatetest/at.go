package gatetest

import (
	"context"
	"testing"

	"sekisho/internal/kernel/gate"
)

// At opens a gate of the same keys over other data: a restored copy. Its modules
// are the world's unless others are given.
func (w *World) At(t testing.TB, dir, dsn string, modules ...gate.Module) *gate.Gate {
	t.Helper()
	cfg := w.cfg
	cfg.Dir, cfg.DSN = dir, dsn
	if len(modules) > 0 {
		cfg.Modules = modules
	}
	g, err := gate.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}
