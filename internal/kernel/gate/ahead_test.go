package gate_test

import (
	"testing"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// Look asks for a card and, if wanted, for all cards of its owner.
type Look struct {
	ID   string `json:"id" required:"true"`
	More bool   `json:"more"`
}

var (
	// peer reads a card and the card that this one names.
	peer = gate.New(gate.Op[Look, Card]{Name: "card.peer", Mode: gate.Read,
		Target: func(x *gate.Tx, in Look) (gate.Target, error) { return target("card")(x, ByID{in.ID}) },
		Do: func(x *gate.Tx, in Look) (Card, error) {
			c, err := cards.Get(x, in.ID)
			if err != nil || c.Party == "" {
				return c, err
			}
			if in.More {
				list, err := cards.Find(x, gate.Eq("owner_id", c.Owner))
				if err != nil {
					return c, err
				}
				c.Yen = int64(len(list))
				return c, nil
			}
			return cards.Get(x, c.Party)
		}})
	// again writes a card and reads it and its peer once more.
	again = gate.New(gate.Op[Look, Card]{Name: "card.again", Mode: gate.Write,
		Target: func(x *gate.Tx, in Look) (gate.Target, error) { return target("card")(x, ByID{in.ID}) },
		Do: func(x *gate.Tx, in Look) (Card, error) {
			list, err := cards.Find(x, gate.Eq("owner_id", "o"))
			if err != nil {
				return Card{}, err
			}
			for i := range list {
				list[i].Yen++
			}
			if err := cards.UpdateMany(x, list); err != nil {
				return Card{}, err
			}
			c, err := cards.Get(x, in.ID)
			if err != nil {
				return c, err
			}
			return cards.Get(x, c.Party)
		}})
)

func aheadOptions() gatetest.Options {
	m := module
	m.Ops = append([]gate.Any{peer, again}, module.Ops...)
	return gatetest.Options{Modules: []gate.Module{m}, Matrix: matrix + "card.peer: boss=all\ncard.again: boss=all\n"}
}

// What an op asked for before is asked for together the next time. That never
// decides what a row says: the database does, in the op's own transaction.
func TestForesightNeverDecides(t *testing.T) {
	gatetest.Each(t, aheadOptions(), func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		make := func(name, party string) Card {
			return gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "o", Party: party, Name: name}))
		}
		b, c := make("b", ""), make("c", "")
		a := make("a", b.ID)
		look := func(id string) string {
			return gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, peer, Look{ID: id})).Name
		}
		for range 10 {
			if got := look(a.ID); got != "b" {
				t.Fatal(got)
			}
		}
		if n, once := gate.Outlook(w.G, "card.peer"); w.DSN != "" && (n != 2 || !once) {
			t.Fatalf("foresees %d rows, once %v: want both rows in one question", n, once)
		}
		if got := look(make("d", c.ID).ID); got != "c" {
			t.Fatal(got)
		}
		if got := look(c.ID); got != "c" { // names no other
			t.Fatal(got)
		}
		_, err := gate.Run(bg, w.G, boss, peer, Look{ID: "nobody"})
		wants(t, err, fault.KindNotFound, "")
		// One that asks for more than was foreseen sees everything in one transaction.
		if got := gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, peer, Look{ID: a.ID, More: true})); got.Name != "a" || got.Yen != 4 {
			t.Fatal(got)
		}
		if _, once := gate.Outlook(w.G, "card.peer"); once {
			t.Fatal("an op that asked more is still trusted with one question")
		}
		for i := range 5 { // what was foreseen and is then written is not read as it was
			got := gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, again, Look{ID: a.ID}))
			if got.ID != b.ID || got.Yen != int64(i+1) || got.Version != int64(i+2) {
				t.Fatalf("round %d: %+v", i, got)
			}
		}
		gate.Tamper(t, w.G, `UPDATE card SET yen = 99 WHERE id = $1`, b.ID)
		_, err = gate.Run(bg, w.G, boss, peer, Look{ID: a.ID})
		wants(t, err, fault.KindFailed, "gate.tampered")
		gate.Tamper(t, w.G, `DELETE FROM card WHERE id = $1`, b.ID)
		_, err = gate.Run(bg, w.G, boss, peer, Look{ID: a.ID})
		wants(t, err, fault.KindNotFound, "")
	})
}
