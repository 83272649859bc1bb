package app_test

import (
	"context"
	"sync"
	"testing"

	"sekisho/internal/app/apptest"
)

// BenchmarkRead32 is the cheapest read of a signed-in person by 32 clients:
// who asks, the decision, and the durable record.
func BenchmarkRead32(b *testing.B) {
	w := apptest.Open(b, "")
	p := w.Of("accounting", 0)
	w.Do(b, p, "identity.me", struct{}{}, nil)
	for _, op := range []string{"org.department_list", "identity.me"} {
		b.Run(op, func(b *testing.B) {
			work := make(chan struct{}, 64)
			var wg sync.WaitGroup
			for range 32 {
				wg.Go(func() {
					for range work {
						if _, err := w.Troupe.Door.Do(context.Background(), p.Token(), op, []byte("{}")); err != nil {
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
}
