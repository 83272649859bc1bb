package gate_test

import (
	"context"
	"testing"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// An op whose Work looks at what its first run has changed gives its first
// answer to a client that asks again, as any other op: a crash before the
// answer must not turn what was done into a refusal.
func TestIdempotencyKeyComesBeforeWork(t *testing.T) {
	once := gate.New(gate.Op[ByID, Card]{Name: "card.once", Mode: gate.Write, Target: target("card"),
		Work: func(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
			c, err := cards.Get(x, in.ID)
			if err == nil && c.Yen != 0 {
				err = fault.Refused("gate.taken", "table", "card")
			}
			return func(context.Context) (any, error) { return nil, nil }, err
		},
		Do: func(x *gate.Tx, in ByID) (Card, error) {
			c, err := cards.Get(x, in.ID)
			if err != nil {
				return c, err
			}
			c.Yen++
			return c, cards.Update(x, &c)
		}})
	mod := module
	mod.Ops = append([]gate.Any{once}, module.Ops...)
	gatetest.Each(t, gatetest.Options{Modules: []gate.Module{mod}, Matrix: matrix}, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		by := gatetest.Boss("b")
		by.Idem = "k1"
		first := gatetest.Must[Card](t)(gate.Run(bg, w.G, by, once, ByID{c.ID}))
		if again := gatetest.Must[Card](t)(gate.Run(bg, w.G, by, once, ByID{c.ID})); again.Version != first.Version || again.Yen != 1 {
			t.Fatal("another answer, or it happened twice", again)
		}
		other := gatetest.Boss("b")
		other.Idem = "k2"
		_, err := gate.Run(bg, w.G, other, once, ByID{c.ID})
		wants(t, err, fault.KindRefused, "gate.taken")
		_, err = gate.Run(bg, w.G, by, once, ByID{"other"})
		wants(t, err, fault.KindRefused, "gate.idem_other")
	})
}
