package gate_test

import (
	"context"
	"testing"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

type gates struct{ in, on chan struct{} }

type gatesKey struct{}

// slow writes and then waits, inside its transaction, until told to go on.
var slow = gate.New(gate.Op[Put, Card]{Name: "slow.put", Mode: gate.Write,
	Target: func(*gate.Tx, Put) (gate.Target, error) { return gate.Target{Kind: "card", ID: "new"}, nil },
	Do: func(x *gate.Tx, in Put) (Card, error) {
		// Assignments are touched by nobody else here, so the two transactions do
		// not conflict; the second one sends the first to the database.
		for _, subject := range []string{"p1", "p2"} {
			if err := gate.Assign(x, in.Owner, subject); err != nil {
				return Card{}, err
			}
		}
		g := x.Context().Value(gatesKey{}).(gates)
		close(g.in)
		<-g.on
		return Card{}, nil
	}})

// Two interleaved transactions, the older committed last: a sealer that polled
// a sequence would lose its record. Both are sealed, and the numbers are dense.
func TestC58_OlderTransactionCommittedLastIsSealed(t *testing.T) {
	mods := []gate.Module{module, {Name: "slow", Ops: []gate.Any{slow}}}
	w := gatetest.Open(t, gatetest.Options{Modules: mods, Matrix: matrix}, pgtest.DSN(t))
	w.G.PauseSealing()
	g := gates{make(chan struct{}), make(chan struct{})}
	older := make(chan error)
	go func() {
		_, err := gate.Run(context.WithValue(bg, gatesKey{}, g), w.G, gatetest.Boss("older"), slow, Put{Owner: "o", Name: "older"})
		older <- err
	}()
	<-g.in
	gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("younger"), put, Put{Owner: "o", Name: "younger"}))
	if n := size(t, w); n != 1 {
		t.Fatal("the younger one is not sealed alone", n)
	}
	close(g.on)
	if err := <-older; err != nil {
		t.Fatal(err)
	}
	if n := size(t, w); n != 2 {
		t.Fatal("the older one was lost", n)
	}
	es, err := w.G.Entries(bg, 0, 10)
	if err != nil || es[0].Record.Person != "younger" || es[1].Record.Person != "older" || es[1].Leaf != 1 {
		t.Fatal(es, err)
	}
	if r := verify(t, w); len(r.Damages) != 0 {
		t.Fatalf("%+v", r)
	}
}
