//go:build bench

package gate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

type Fill struct {
	From int `json:"from"`
	N    int `json:"n"`
}

var fill = gate.New(gate.Op[Fill, Sum]{Name: "card.fill", Mode: gate.Write,
	Target: func(*gate.Tx, Fill) (gate.Target, error) { return gate.Target{Kind: "card", ID: "*"}, nil },
	Do: func(x *gate.Tx, in Fill) (Sum, error) {
		r := rand.New(rand.NewPCG(1, uint64(in.From)))
		rows := make([]Card, in.N)
		for i := range rows {
			rows[i] = Card{Owner: fmt.Sprint("s", r.IntN(200)), Dept: fmt.Sprint("d", r.IntN(20)), Party: fmt.Sprint("p", r.IntN(10_000)), Yen: int64(r.IntN(5_000_000)), Name: "株式会社サンプル", Mail: ""}
			rows[i].ID = x.NewID()
		}
		return Sum{}, cards.InsertMany(x, rows)
	}})

func TestMillion(t *testing.T) {
	mods := []gate.Module{{Name: "card", Schema: sub(), Ops: []gate.Any{put, raise, show, list, sum, fill}, Tables: []gate.AnyTable{cards}, Queries: []gate.AnyQuery{sumQuery}}}
	o := gatetest.Options{Modules: mods, Matrix: matrix}
	for _, dsn := range []string{"", "pg"} {
		if dsn != "" {
			dsn = pgtest.DSN(t)
		}
		w := gatetest.Open(t, o, dsn)
		w.G.PauseSealing()
		began := time.Now()
		const n = 1_000_000
		for i := 0; i < n; i += 2000 {
			if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), fill, Fill{i, 2000}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 150 {
			gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "assign", Party: fmt.Sprint("p", i), Name: "aud"}))
		}
		t.Logf("filled in %v", time.Since(began))
		who := map[string]gate.Credential{"all": gatetest.Boss("b"), "own": person("s1", "d1", "sales"), "dept": person("s1", "d1", "clerk"), "assigned": person("aud", "d1", "auditor"),
			"all three": person("aud", "d1", "auditor", "clerk", "sales")}
		for name, c := range who {
			for _, q := range []struct {
				n  string
				in Ask
			}{{"no filter", Ask{}}, {"amount", Ask{Filter: true, Yen: 1234}}, {"no such amount", Ask{Filter: true, Yen: 77_000_000}}} {
				var ds []time.Duration
				for range 20 {
					b := time.Now()
					if _, err := gate.Run(bg, w.G, c, list, q.in); err != nil {
						t.Error(name, q.n, err)
						break
					}
					ds = append(ds, time.Since(b))
				}
				slices.Sort(ds)
				if len(ds) == 20 {
					t.Logf("%-8s %-10s %-15s p50 %v max %v", w.G.Where()[:6], name, q.n, ds[10], ds[19])
				}
			}
		}
	}
}
