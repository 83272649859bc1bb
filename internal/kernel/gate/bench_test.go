package gate_test

import (
	"sync"
	"testing"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

func engines(b *testing.B, f func(b *testing.B, w *gatetest.World)) {
	o := gatetest.Options{Modules: []gate.Module{module}, Matrix: matrix}
	b.Run("sqlite", func(b *testing.B) { w := gatetest.Open(b, o, ""); w.G.PauseSealing(); f(b, w) })
	b.Run("postgres", func(b *testing.B) { f(b, gatetest.Open(b, o, pgtest.DSN(b))) })
}

func BenchmarkCreate(b *testing.B) {
	engines(b, func(b *testing.B, w *gatetest.World) {
		for b.Loop() {
			if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n", Yen: 1, Mail: "a@x.jp"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	engines(b, func(b *testing.B, w *gatetest.World) {
		c, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n", Yen: 1, Mail: "a@x.jp"})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRead32 is 32 clients reading, each read with its durable record.
func BenchmarkRead32(b *testing.B) {
	engines(b, func(b *testing.B, w *gatetest.World) {
		c, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n", Yen: 1, Mail: "a@x.jp"})
		if err != nil {
			b.Fatal(err)
		}
		work := make(chan struct{}, 64)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range work {
					if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), show, ByID{c.ID}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for b.Loop() {
			work <- struct{}{}
		}
		close(work)
		wg.Wait()
	})
}
