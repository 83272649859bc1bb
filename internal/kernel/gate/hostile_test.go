package gate_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
)

// Pin is a row of a cached table, as people and sessions are.
type Pin struct {
	gate.Row
	Role string `json:"role" col:"role" class:"internal,plain"`
}

var pins = gate.NewTable[Pin]("card_pin", gate.Unscoped(), gate.Cached())

func pinTarget[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "pin", ID: "*"}, nil
}

var (
	pinPut = gate.New(gate.Op[Pin, Pin]{Name: "card.pin", Mode: gate.Write, Target: pinTarget[Pin],
		Do: func(x *gate.Tx, in Pin) (Pin, error) { return in, pins.Insert(x, &in) }})
	pinShow = gate.New(gate.Op[ByID, Pin]{Name: "card.pin_show", Mode: gate.Read, Target: pinTarget[ByID],
		Do: func(x *gate.Tx, in ByID) (Pin, error) { return pins.Get(x, in.ID) }})
	// caller reads through another op.
	caller = gate.New(gate.Op[ByID, Card]{Name: "card.caller", Mode: gate.Read, Target: pinTarget[ByID],
		Do: func(x *gate.Tx, in ByID) (Card, error) { return gate.Call(x, show, in) }})
	// stopper's called op refuses and wants that kept.
	stopper = gate.New(gate.Op[Put, Card]{Name: "card.stopper", Mode: gate.Write, Target: pinTarget[Put],
		Do: func(x *gate.Tx, in Put) (Card, error) { return gate.Call(x, put, in) }})
	panics = gate.New(gate.Op[ByID, Pin]{Name: "card.panics", Mode: gate.Write, Target: pinTarget[ByID],
		Work: func(*gate.Tx, ByID) (func(context.Context) (any, error), error) {
			return func(context.Context) (any, error) { panic("planted-" + "secret") }, nil
		},
		Do: func(*gate.Tx, ByID) (Pin, error) { return Pin{}, nil }})
)

func hostileOptions() gatetest.Options {
	m := module
	m.Ops = append([]gate.Any{pinPut, pinShow, caller, stopper, panics}, module.Ops...)
	m.Tables = append([]gate.AnyTable{pins}, module.Tables...)
	return gatetest.Options{Modules: []gate.Module{m}, Matrix: matrix}
}

func hostile(t *testing.T, f func(t *testing.T, w *gatetest.World)) {
	gatetest.Each(t, hostileOptions(), f)
}

// beside opens another gate over the same data: a second node, or a command
// beside the server.
func beside(t *testing.T, w *gatetest.World, change func(*gate.Config)) *gate.Gate {
	t.Helper()
	o := hostileOptions()
	p, err := gatetest.Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	c := gate.Config{DSN: w.DSN, Dir: filepath.Join(w.Dir, "data"), Ring: w.Ring, Blobs: w.Blobs, Origin: "sekisho.test", Policy: p,
		Modules: o.Modules, Resolve: gatetest.Resolve(p), Clock: w.Clock.Now, Log: slog.New(slog.DiscardHandler),
		Request: func(*gate.Tx, gate.Ask) (string, error) { return "", nil }}
	change(&c)
	g, err := gate.Open(bg, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func last(t *testing.T, w *gatetest.World, n int) []gate.Entry {
	t.Helper()
	all := size(t, w)
	es, err := w.G.Entries(bg, all-int64(n), n)
	if err != nil || len(es) != n {
		t.Fatal(len(es), err)
	}
	return es
}

// A database administrator without keys puts another row's MAC onto a cached
// row: that must not turn the one into the other.
func TestS20_AMACBelongsToItsOwnRow(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		for _, p := range []Pin{{Row: gate.Row{ID: "boss"}, Role: "admin"}, {Row: gate.Row{ID: "mallory"}, Role: "none"}} {
			gatetest.Must[Pin](t)(gate.Run(bg, w.G, gatetest.Boss("b"), pinPut, p))
			gatetest.Must[Pin](t)(gate.Run(bg, w.G, gatetest.Boss("b"), pinShow, ByID{p.ID})) // both are in the cache now
		}
		gate.Tamper(t, w.G, `UPDATE card_pin SET mac = (SELECT b.mac FROM card_pin b WHERE b.id = 'boss') WHERE id = 'mallory'`)
		_, err := gate.Run(bg, w.G, gatetest.Boss("b"), pinShow, ByID{"mallory"})
		wants(t, err, fault.KindFailed, "gate.tampered")
	})
}

// An assignment that was not made through Sekisho lets nobody in.
func TestC59_AForgedAssignmentDecidesNothing(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Party: "p1", Name: "n"}))
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "assign", Party: "p1", Name: "real"}))
		gatetest.Must[Card](t)(gate.Run(bg, w.G, person("real", "x", "rep"), show, ByID{c.ID}))
		gate.Tamper(t, w.G, `INSERT INTO gate_assignment SELECT 'forged', version, created_at, updated_at, record, mac, 'mallory', subject FROM gate_assignment`)
		_, err := gate.Run(bg, w.G, person("mallory", "x", "rep"), show, ByID{c.ID})
		wants(t, err, fault.KindFailed, "gate.tampered")
	})
}

// A write that the commit itself refuses leaves a record that says nothing of
// rows: else verify would cry over an honest home.
func TestARefusedCommitLeavesAnHonestRecord(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		size(t, w)
		_, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{ID: c.ID, Owner: "o", Name: "again"})
		wants(t, err, fault.KindConflict, "gate.taken")
		r := last(t, w, 1)[0].Record
		if r.Outcome != audit.Conflict || r.Written != 0 || r.Marks != "" || r.PayloadSHA != "" {
			t.Fatalf("%+v", r)
		}
		if v := verify(t, w); len(v.Damages) != 0 {
			t.Fatalf("%+v", v.Damages)
		}
	})
}

// A record names the classes that left in the clear, for whom they left.
func TestC58_RecordsNameTheClassesThatLeft(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "s1", Dept: "east", Name: "n", Mail: "a@x.jp"}))
		size(t, w)
		for who, want := range map[string]string{"sales": "confidential personal", "clerk": ""} {
			for _, f := range []func() error{
				func() error { _, err := gate.Run(bg, w.G, person("s1", "east", who), show, ByID{c.ID}); return err },
				func() error {
					_, err := w.G.JSON(bg, person("s1", "east", who), "card.list", nil)
					return err
				},
			} {
				if err := f(); err != nil {
					t.Fatal(err)
				}
				if r := last(t, w, 1)[0].Record; r.Op == "card.put" || r.Unmasked != want {
					t.Fatalf("%s %s: %q left, want %q", who, r.Op, r.Unmasked, want)
				}
			}
		}
	})
}

func TestCalledOpsLeaveTheirOwnRecord(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		size(t, w)
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), caller, ByID{c.ID}))
		es := last(t, w, 2)
		if es[0].Record.Op != "card.show" || es[1].Record.Op != "card.caller" || es[0].Record.Parent != es[1].Record.ID {
			t.Fatal(es[0].Record, es[1].Record)
		}
		// A called op's refusal is the caller's, and nothing of either is kept.
		_, err := gate.Run(bg, w.G, gatetest.Boss("b"), stopper, Put{Owner: "o", Name: "kept", Yen: 13})
		wants(t, err, fault.KindRefused, "gate.taken")
		if p := gatetest.Must[Cards](t)(gate.Run(bg, w.G, gatetest.Boss("b"), list, Ask{})); len(p.Rows) != 1 {
			t.Fatal("what the called op wrote stayed")
		}
	})
}

func TestAPanicOutsideTheTransactionLeavesARecord(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		_, err := gate.Run(bg, w.G, gatetest.Boss("b"), panics, ByID{"x"})
		wants(t, err, fault.KindFailed, "")
		if r := last(t, w, 1)[0].Record; r.Op != "card.panics" || r.Outcome != audit.Failed {
			t.Fatal(r)
		}
	})
}

// A program's token changes every quarter of an hour; what it repeats with the
// next one still happens once.
func TestIdempotencyOutlivesAClientsToken(t *testing.T) {
	o := hostileOptions()
	p, err := gatetest.Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	inner := gatetest.Resolve(p)
	o.Resolve = func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		if x.Credential().Kind() == gate.CredClient {
			return gate.Actor{Via: policy.ViaClient, Person: "owner", Roles: []string{"boss"}, Clearance: policy.Secret}, nil
		}
		return inner(x, op)
	}
	gatetest.Each(t, o, func(t *testing.T, w *gatetest.World) {
		var first Card
		for i, token := range []string{"t1", "t2"} {
			c := gate.Client(token, w2ip)
			c.Idem = "k"
			got := gatetest.Must[Card](t)(gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "n"}))
			size(t, w)
			if i == 0 {
				first = got
			} else if got.ID != first.ID {
				t.Fatal("it happened twice")
			}
		}
		if r := last(t, w, 1)[0].Record; r.Rule != "idempotency" || r.Written != 0 {
			t.Fatal(r)
		}
		// An answer moved onto another key by a database administrator is not given out.
		c := gate.Client("t3", w2ip)
		c.Idem = "other"
		gatetest.Must[Card](t)(gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "n", Yen: 5}))
		gate.Tamper(t, w.G, `UPDATE gate_idem SET answer = (SELECT a.answer FROM gate_idem a ORDER BY a.at LIMIT 1)`)
		if _, err := gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "n", Yen: 5}); fault.Of(err) == nil {
			t.Fatal("another key's answer")
		}
	})
}

// The same key at the same moment: it happens once, and all get its answer.
func TestIdempotencyAtTheSameMoment(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		for round := range 5 {
			got := make(chan string, 8)
			for range 8 {
				go func() {
					c := gatetest.Boss("b")
					c.Idem = fmt.Sprint("k", round)
					out, err := gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "n"})
					got <- fmt.Sprint(out.ID, err)
				}()
			}
			seen := map[string]bool{}
			for range 8 {
				seen[<-got] = true
			}
			if len(seen) != 1 {
				t.Fatal(seen)
			}
		}
		if p := gatetest.Must[Cards](t)(gate.Run(bg, w.G, gatetest.Boss("b"), list, Ask{})); len(p.Rows) != 5 {
			t.Fatal(len(p.Rows))
		}
	})
}

// What an administrator of the database can change without keys, beside rows.
func TestC59_R20_TamperingBesideTheRows(t *testing.T) {
	for _, a := range []struct{ name, want, sql string }{
		{"a tile", "verify.tile", `UPDATE audit_tile SET hashes = (SELECT t.hashes FROM audit_tile t WHERE t.level = 0 AND t.n = 0) WHERE level = 0 AND n = 1`},
		{"a tile too many", "verify.tile", `INSERT INTO audit_tile SELECT 0, 9, t.hashes FROM audit_tile t WHERE t.level = 0 AND t.n = 1`},
		{"a data key away", "verify.key_missing", `DELETE FROM gate_data_key WHERE unit = (SELECT k.unit FROM gate_data_key k ORDER BY k.unit LIMIT 1)`},
		{"another's data key", "verify.key_missing", `UPDATE gate_data_key SET wrapped = (SELECT k.wrapped FROM gate_data_key k ORDER BY k.unit LIMIT 1)`},
		{"a record before the first", "verify.leaf_altered", `INSERT INTO audit_log SELECT -1, 'forged', at, 'someone', op, outcome, kind, target, body, payload, marks FROM audit_log WHERE leaf = 0`},
		{"a checkpoint ahead", "verify.log_cut", `INSERT INTO audit_checkpoint SELECT 9999, at, note FROM audit_checkpoint WHERE size = 1`},
	} {
		t.Run(a.name, func(t *testing.T) {
			hostile(t, func(t *testing.T, w *gatetest.World) {
				gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
				size(t, w)
				for i := range 270 {
					gatetest.Must[Cards](t)(gate.Run(bg, w.G, gatetest.Boss("b"), list, Ask{Limit: 1 + i%3}))
				}
				gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
				size(t, w)
				if v := verify(t, w); len(v.Damages) != 0 {
					t.Fatal(v.Damages)
				}
				w.G.PauseSealing()
				if n := gate.Tamper(t, w.G, a.sql); n == 0 {
					t.Fatal("nothing was changed")
				}
				found := fmt.Sprint(verify(t, w).Damages)
				for _, d := range verify(t, w).Damages {
					if d.Key == a.want {
						return
					}
				}
				t.Fatal(found)
			})
		})
	}
}

// Our signature never gets under a tree that somebody else made.
func TestC59_NothingIsSignedOverAChangedTree(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		put1 := func() { gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"})) }
		put1()
		put1()
		n := size(t, w)
		gate.Tamper(t, w.G, `CREATE TABLE was AS SELECT * FROM audit_tile`)
		gate.Tamper(t, w.G, `UPDATE audit_tile SET hashes = (SELECT l.body FROM audit_log l WHERE 1 = 0) WHERE 1 = 0`)
		gate.Tamper(t, w.G, `DELETE FROM audit_tile`)
		put1()
		wants(t, w.G.Seal(bg), fault.KindUnavailable, "gate.log_changed")
		if got, err := w.G.LogSize(bg); err != nil || got != n {
			t.Fatal("something was sealed", got, err)
		}
		gate.Tamper(t, w.G, `INSERT INTO audit_tile SELECT * FROM was`)
		gate.Tamper(t, w.G, `DROP TABLE was`)
		if got := size(t, w); got != n+1 {
			t.Fatal("what waited is not sealed", got)
		}
		if v := verify(t, w); len(v.Damages) != 0 {
			t.Fatal(v.Damages)
		}
	})
}

// A pending record copied under another number has a valid MAC; it must not
// stop the sealing, nor stand in the log twice, also when it comes back later.
func TestACopiedRecordStopsNothing(t *testing.T) {
	hostile(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		gate.Tamper(t, w.G, `CREATE TABLE old AS SELECT * FROM audit_pending`)
		gate.Tamper(t, w.G, `INSERT INTO audit_pending SELECT n + 1, id, at, body, payload, marks, mac FROM old`)
		if n := size(t, w); n != 1 {
			t.Fatal(n)
		}
		gate.Tamper(t, w.G, `INSERT INTO audit_pending SELECT * FROM old`)
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		if n := size(t, w); n != 2 {
			t.Fatal(n)
		}
		gate.Tamper(t, w.G, `DROP TABLE old`)
		if v := verify(t, w); len(v.Damages) != 0 || v.Pending != 0 {
			t.Fatal(v)
		}
	})
}

var w2ip = netip.MustParseAddr("192.0.2.7")
