package feed_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sekisho/internal/kernel/feed"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

type in struct {
	N int `json:"n"`
}

type out struct{}

var errEnough = errors.New("enough")

// A follower sees every record once, in leaf order, also those sealed while it
// was away, and continues where it stood.
func TestFollowersSeeEveryLeafInOrder(t *testing.T) {
	say := gate.New(gate.Op[in, out]{Name: "toy.say", Mode: gate.Write,
		Target: func(_ *gate.Tx, i in) (gate.Target, error) { return gate.Target{Kind: "toy", ID: fmt.Sprint(i.N)}, nil },
		Do:     func(*gate.Tx, in) (out, error) { return out{}, nil }})
	gatetest.Each(t, gatetest.Options{Modules: []gate.Module{{Name: "toy", Ops: []gate.Any{say}}}}, func(t *testing.T, w *gatetest.World) {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		run := func(from, to int) {
			for n := from; n < to; n++ {
				if _, err := gate.Run(ctx, w.G, gatetest.Boss("b"), say, in{n}); err != nil {
					t.Error(err)
				}
			}
		}
		run(0, 20)
		next := int64(0)
		follow := func(until int64) {
			if err := feed.Follow(ctx, w.G, next, func(e gate.Entry) error {
				if e.Leaf != next {
					t.Fatal("out of order", e.Leaf, next)
				}
				if next++; next == until {
					return errEnough
				}
				return nil
			}); !errors.Is(err, errEnough) {
				t.Fatal(err)
			}
		}
		follow(10)
		go run(20, 40)
		follow(40)
	})
}
