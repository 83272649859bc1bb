package gate_test

import (
	"testing"
	"testing/fstest"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// Leaf is a row as an older version wrote it; LeafV2 has a column more.
type (
	Leaf struct {
		gate.Row
		Name string `json:"name" col:"name" class:"internal,plain"`
	}
	LeafV2 struct {
		gate.Row
		Name string `json:"name" col:"name" class:"internal,plain"`
		Seen string `json:"seen" col:"seen" class:"internal,plain" since:"2"`
	}
)

var (
	leaves   = gate.NewTable[Leaf]("leaf")
	leavesV2 = gate.NewTable[LeafV2]("leaf")
)

type leafIn struct {
	ID   string `json:"id"`
	Seen string `json:"seen"`
}

func leafTarget(*gate.Tx, leafIn) (gate.Target, error) {
	return gate.Target{Kind: "leaf", ID: "x"}, nil
}

var (
	leafOld = gate.New(gate.Op[leafIn, Leaf]{Name: "leaf.old", Mode: gate.Write, Target: leafTarget,
		Do: func(x *gate.Tx, _ leafIn) (Leaf, error) {
			l := Leaf{Name: "a"}
			return l, leaves.Insert(x, &l)
		}})
	leafShow = gate.New(gate.Op[leafIn, LeafV2]{Name: "leaf.show", Mode: gate.Read, Target: leafTarget,
		Do: func(x *gate.Tx, in leafIn) (LeafV2, error) { return leavesV2.Get(x, in.ID) }})
	leafSet = gate.New(gate.Op[leafIn, LeafV2]{Name: "leaf.set", Mode: gate.Write, Target: leafTarget,
		Do: func(x *gate.Tx, in leafIn) (LeafV2, error) {
			l, err := leavesV2.Get(x, in.ID)
			if err != nil {
				return l, err
			}
			l.Seen = in.Seen
			return l, leavesV2.Update(x, &l)
		}})
)

// The MAC of an old row does not cover a column that came later, so whatever
// stands there must not count.
func TestC59_AColumnNoMACCoversSaysNothing(t *testing.T) {
	schema := fstest.MapFS{"schema/001_leaf.sql": {Data: []byte(`CREATE TABLE leaf (id TEXT PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL,
		updated_at BIGINT NOT NULL, record TEXT NOT NULL, mac BYTEA NOT NULL, name TEXT NOT NULL, seen TEXT NOT NULL DEFAULT 'planted');`)}}
	o := gatetest.Options{Modules: []gate.Module{{Name: "leaf", Schema: schema, Ops: []gate.Any{leafOld, leafShow, leafSet}, Tables: []gate.AnyTable{leavesV2}}}}
	gatetest.Each(t, o, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		row := gatetest.Must[LeafV2](t)
		id := gatetest.Must[Leaf](t)(gate.Run(bg, w.G, boss, leafOld, leafIn{})).ID
		if l := row(gate.Run(bg, w.G, boss, leafShow, leafIn{ID: id})); l.Name != "a" || l.Seen != "" {
			t.Fatalf("%+v", l)
		}
		row(gate.Run(bg, w.G, boss, leafSet, leafIn{ID: id, Seen: "by the gate"}))
		if l := row(gate.Run(bg, w.G, boss, leafShow, leafIn{ID: id})); l.Seen != "by the gate" || l.Version != 2 {
			t.Fatalf("%+v", l)
		}
	})
}
