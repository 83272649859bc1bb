package gate_test

import (
	"testing"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// Which asks for pins by id, or by role if there is none.
type Which struct {
	IDs  []string `json:"ids"`
	Role string   `json:"role"`
}

// Pins are the answer.
type Pins struct {
	Rows []Pin `json:"rows"`
}

var (
	pinMany = gate.New(gate.Op[Which, Pins]{Name: "card.pin_many", Mode: gate.Read, Target: pinTarget[Which],
		Do: func(x *gate.Tx, in Which) (Pins, error) {
			if len(in.IDs) == 0 {
				list, err := pins.Find(x, gate.Eq("role", in.Role))
				return Pins{list}, err
			}
			var out Pins
			for _, id := range in.IDs {
				p, err := pins.Get(x, id)
				if err != nil {
					return out, err
				}
				out.Rows = append(out.Rows, p)
			}
			return out, nil
		}})
	// pinChange looks again after it wrote.
	pinChange = gate.New(gate.Op[Pin, Pin]{Name: "card.pin_change", Mode: gate.Write, Target: pinTarget[Pin],
		Do: func(x *gate.Tx, in Pin) (Pin, error) {
			p, err := pins.Get(x, in.ID)
			if err != nil {
				return p, err
			}
			if in.Role == "" {
				if err := pins.Delete(x, p.ID); err != nil {
					return p, err
				}
				return pins.Get(x, p.ID)
			}
			p.Role = in.Role
			if err := pins.Update(x, &p); err != nil {
				return p, err
			}
			list, err := pins.Find(x, gate.Eq("role", in.Role))
			if err != nil {
				return p, err
			}
			return list[0], nil
		}})
	// stale writes one row, and another as if it still were of version 1.
	stale = gate.New(gate.Op[Pin, Pin]{Name: "card.pin_stale", Mode: gate.Write, Target: pinTarget[Pin],
		Do: func(x *gate.Tx, in Pin) (Pin, error) {
			if err := pins.Insert(x, &Pin{Role: "beside"}); err != nil {
				return in, err
			}
			p, err := pins.Get(x, in.ID)
			if err != nil {
				return in, err
			}
			p.Version = 1
			return p, pins.UpdateMany(x, []Pin{p})
		}})
)

func usualOptions() gatetest.Options {
	m := module
	m.Ops = append([]gate.Any{pinPut, pinShow, pinMany, pinChange, stale}, module.Ops...)
	m.Tables = append([]gate.AnyTable{pins}, module.Tables...)
	return gatetest.Options{Modules: []gate.Module{m}, Matrix: matrix}
}

// What is kept of cached rows, and which of them are asked for together, never
// decides what a row says: the database does, each time.
func TestCachedRowsAreAskedAnew(t *testing.T) {
	gatetest.Each(t, usualOptions(), func(t *testing.T, w *gatetest.World) {
		boss, other := gatetest.Boss("b"), gatetest.Boss("c")
		for _, id := range []string{"p1", "p2"} {
			gatetest.Must[Pin](t)(gate.Run(bg, w.G, other, pinPut, Pin{Row: gate.Row{ID: id}, Role: "r"}))
		}
		roles := func() string {
			got := gatetest.Must[Pins](t)(gate.Run(bg, w.G, boss, pinMany, Which{IDs: []string{"p1", "p2"}})).Rows
			return got[0].Role + got[1].Role
		}
		for range 3 { // the second time they are asked for in one statement
			if got := roles(); got != "rr" {
				t.Fatal(got)
			}
		}
		if got := gatetest.Must[Pins](t)(gate.Run(bg, w.G, boss, pinMany, Which{Role: "r"})); len(got.Rows) != 2 {
			t.Fatal(got)
		}
		if got := gatetest.Must[Pin](t)(gate.Run(bg, w.G, other, pinChange, Pin{Row: gate.Row{ID: "p2"}, Role: "s"})); got.Role != "s" || got.Version != 2 {
			t.Fatal(got)
		}
		if got := roles(); got != "rs" {
			t.Fatal(got)
		}
		if got := gatetest.Must[Pins](t)(gate.Run(bg, w.G, boss, pinMany, Which{Role: "r"})); len(got.Rows) != 1 {
			t.Fatal(got)
		}
		_, err := gate.Run(bg, w.G, boss, pinChange, Pin{Row: gate.Row{ID: "p2"}}) // deleted, then looked for
		wants(t, err, fault.KindNotFound, "")
		gate.Tamper(t, w.G, `UPDATE card_pin SET role = 'admin' WHERE id = 'p1'`)
		if got := roles(); got != "rs" { // what stands under a MAC that was kept is what was verified
			t.Fatal(got)
		}
		gate.Tamper(t, w.G, `DELETE FROM card_pin WHERE id = 'p1'`)
		_, err = gate.Run(bg, w.G, boss, pinMany, Which{IDs: []string{"p1", "p2"}})
		wants(t, err, fault.KindNotFound, "")
	})
}

// An update whose row is of another version by now ends the whole op, although
// its answer is read only behind the commit.
func TestAStaleUpdateKeepsNothing(t *testing.T) {
	gatetest.Each(t, usualOptions(), func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		for _, p := range []Pin{{Row: gate.Row{ID: "p1"}, Role: "r"}} {
			gatetest.Must[Pin](t)(gate.Run(bg, w.G, boss, pinPut, p))
		}
		gatetest.Must[Pin](t)(gate.Run(bg, w.G, boss, pinChange, Pin{Row: gate.Row{ID: "p1"}, Role: "s"}))
		_, err := gate.Run(bg, w.G, boss, stale, Pin{Row: gate.Row{ID: "p1"}})
		wants(t, err, fault.KindConflict, "gate.conflict")
		if got := gatetest.Must[Pins](t)(gate.Run(bg, w.G, boss, pinMany, Which{Role: "beside"})); len(got.Rows) != 0 {
			t.Fatal(got)
		}
	})
}

// Without its data key a row cannot be opened.
func TestARowWithoutItsDataKeyDoesNotOpen(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Party: "p1", Name: "n", Mail: "a@x.jp"}))
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), show, ByID{c.ID}))
		gate.Tamper(t, w.G, `DELETE FROM gate_data_key`)
		_, err := gate.Run(bg, w.G, gatetest.Boss("b"), show, ByID{c.ID})
		wants(t, err, fault.KindFailed, "gate.tampered")
		_, err = gate.Run(bg, w.G, gatetest.Boss("b"), list, Ask{})
		wants(t, err, fault.KindFailed, "gate.tampered")
	})
}
