package gate_test

import (
	"fmt"
	"testing"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// What the tests of the log's months need of a module "record".

type Segments struct {
	List []gate.Segment `json:"list"`
}

var segments = gate.New(gate.Op[Ask, Segments]{Name: "record.segments", Mode: gate.List,
	Target: func(*gate.Tx, Ask) (gate.Target, error) { return gate.Target{Kind: "segment", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ Ask) (Segments, error) {
		list, err := gate.LogSegments(x)
		return Segments{list}, err
	}})

var expire = gate.New(gate.Op[ByID, Card]{Name: gate.ExpireOp, Mode: gate.Write,
	Target: func(_ *gate.Tx, in ByID) (gate.Target, error) { return gate.Target{Kind: "segment", ID: in.ID}, nil },
	Do:     func(*gate.Tx, ByID) (Card, error) { return Card{}, nil }})

var recordModule = gate.Module{Name: "record", Ops: []gate.Any{segments, expire}}

func eachLog(t *testing.T, f func(t *testing.T, w *gatetest.World)) {
	gatetest.Each(t, gatetest.Options{Modules: []gate.Module{module, recordModule}, Matrix: matrix}, f)
}

// stateTables are what a database administrator would put back.
func stateTables() []string {
	return []string{"card", "gate_meta", "gate_data_key", "gate_assignment", "audit_pending", "audit_log", "audit_tile", "audit_checkpoint", "audit_segment"}
}

// keepState copies the whole database beside itself; putBack puts it back.
func keepState(t *testing.T, w *gatetest.World, name string) {
	t.Helper()
	var list []string
	for _, table := range stateTables() {
		list = append(list, fmt.Sprintf("DROP TABLE IF EXISTS keep_%s_%s", name, table),
			fmt.Sprintf("CREATE TABLE keep_%s_%s AS SELECT * FROM %s", name, table, table))
	}
	gate.Tampers(t, w.G, list...)
}

func putBack(t *testing.T, w *gatetest.World, name string) {
	t.Helper()
	var list []string
	for _, table := range stateTables() {
		list = append(list, "DELETE FROM "+table, fmt.Sprintf("INSERT INTO %s SELECT * FROM keep_%s_%s", table, name, table))
	}
	gate.Tampers(t, w.G, list...)
}
