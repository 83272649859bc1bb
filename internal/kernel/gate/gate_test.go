package gate_test

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

//go:embed testdata/schema/*.sql
var files embed.FS

func sub() fs.FS { s, _ := fs.Sub(files, "testdata"); return s }

// Card is the test module's only table.
type Card struct {
	gate.Row
	Owner string `json:"owner" col:"owner_id" class:"internal,plain"`
	Dept  string `json:"dept" col:"department_id" class:"internal,plain"`
	Party string `json:"party" col:"party_id" class:"internal,plain"`
	Yen   int64  `json:"yen" col:"yen" class:"internal,plain"`
	Name  string `json:"name" col:"name" class:"personal"`
	Mail  string `json:"mail" col:"mail" class:"personal,exact"`
	Lines []Line `json:"lines" col:"lines" class:"confidential"`
	Open  bool   `json:"open" col:"is_open" class:"internal,plain"`
}

type Line struct {
	Text string `json:"text"`
	Yen  int64  `json:"yen"`
}

var cards = gate.NewTable[Card]("card", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "card", "id"))

type Put struct {
	ID    string `json:"id"`
	Owner string `json:"owner" required:"true"`
	Dept  string `json:"dept"`
	Party string `json:"party"`
	Yen   int64  `json:"yen"`
	Name  string `json:"name" required:"true" max:"20"`
	Mail  string `json:"mail"`
	Kind  string `json:"kind" enum:"a,b"`
	Note  string `json:"note" text:"multiline"`
}

type ByID struct {
	ID string `json:"id" required:"true"`
}

type Cards struct {
	Rows []Card `json:"rows"`
	Next string `json:"next" class:"internal"`
}

type Ask struct {
	After  string `json:"after"`
	Yen    int64  `json:"yen"`
	Mail   string `json:"mail"`
	Filter bool   `json:"filter"`
	Limit  int    `json:"limit"`
}

func target(kind string) func(x *gate.Tx, in ByID) (gate.Target, error) {
	return func(x *gate.Tx, in ByID) (gate.Target, error) {
		c, err := cards.Get(x, in.ID)
		return gate.Target{Kind: kind, ID: in.ID, Owner: c.Owner, Department: c.Dept, Subject: c.Party, Class: policy.Personal}, err
	}
}

var put = gate.New(gate.Op[Put, Card]{
	Name: "card.put", Mode: gate.Write,
	Target: func(x *gate.Tx, in Put) (gate.Target, error) {
		return gate.Target{Kind: "card", ID: "new", Owner: x.Actor().Person, Department: in.Dept}, nil
	},
	Do: func(x *gate.Tx, in Put) (Card, error) {
		c := Card{Owner: in.Owner, Dept: in.Dept, Party: in.Party, Yen: in.Yen, Name: in.Name, Mail: in.Mail, Lines: []Line{{in.Note, in.Yen}}, Open: true}
		c.ID = in.ID
		if in.Yen == 13 {
			if err := cards.Insert(x, &c); err != nil {
				return c, err
			}
			return c, gate.Refused(x, fault.Refused("gate.taken", "table", "card"))
		}
		if in.Party != "" && in.Owner == "assign" {
			return c, gate.Assign(x, in.Name, in.Party)
		}
		err := cards.Insert(x, &c)
		if err == nil && in.Yen == 14 {
			return c, errors.New("boom")
		}
		return c, err
	},
})

type Raise struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	By      int64  `json:"by"`
	Reason  string `json:"reason"`
}

var raise = gate.New(gate.Op[Raise, Card]{
	Name: "card.raise", Mode: gate.Write, Needs: gate.Needs{Reason: true, StepUp: true},
	Target: func(x *gate.Tx, in Raise) (gate.Target, error) { return target("card")(x, ByID{in.ID}) },
	Do: func(x *gate.Tx, in Raise) (Card, error) {
		c, err := cards.Get(x, in.ID)
		if err != nil {
			return c, err
		}
		if in.Version != 0 {
			c.Version = in.Version
		}
		c.Yen += in.By
		return c, cards.Update(x, &c)
	},
})

var show = gate.New(gate.Op[ByID, Card]{Name: "card.show", Mode: gate.Read, Target: target("card"),
	Do: func(x *gate.Tx, in ByID) (Card, error) { return cards.Get(x, in.ID) }})

var list = gate.New(gate.Op[Ask, Cards]{Name: "card.list", Mode: gate.List,
	Target: func(*gate.Tx, Ask) (gate.Target, error) { return gate.Target{Kind: "card", ID: "*"}, nil },
	Do: func(x *gate.Tx, in Ask) (Cards, error) {
		q := gate.PageQuery{By: "yen", Desc: true, After: in.After, Limit: in.Limit}
		if in.Filter {
			q.Where = append(q.Where, gate.Eq("yen", in.Yen))
		}
		if in.Mail != "" {
			q.Where = append(q.Where, gate.Eq("mail", in.Mail))
		}
		p, err := cards.Page(x, q)
		return Cards{p.Rows, p.Next}, err
	}})

type Sum struct {
	Yen int64 `json:"yen" class:"confidential"`
	N   int64 `json:"n" class:"internal"`
}

type sumRow struct{ Yen, N int64 }

var sumQuery = gate.NewQuery[sumRow]("card.sum", `WITH big AS (SELECT c.yen FROM {card c} WHERE c.yen >= $1)
	SELECT CAST(COALESCE(SUM(b.yen), 0) AS BIGINT), COUNT(*) FROM big AS b`)

var sum = gate.New(gate.Op[struct{}, Sum]{Name: "card.sum", Mode: gate.List,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) { return gate.Target{Kind: "card", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ struct{}) (Sum, error) {
		r, err := sumQuery.Rows(x, int64(0))
		if err != nil {
			return Sum{}, err
		}
		return Sum{r[0].Yen, r[0].N}, nil
	}})

var module = gate.Module{Name: "card", Schema: sub(), Ops: []gate.Any{put, raise, show, list, sum},
	Tables: []gate.AnyTable{cards}, Queries: []gate.AnyQuery{sumQuery}}

const matrix = `
role sales clearance=personal
role clerk clearance=internal
role auditor clearance=internal
role rep clearance=personal
card.put: sales=own clerk=own boss=all
card.raise: sales=department boss=all
card.show: sales=own clerk=department rep=assigned boss=all
card.list: sales=own clerk=department rep=assigned boss=all auditor=assigned
card.sum: sales=own clerk=department boss=all auditor=assigned
`

func each(t *testing.T, f func(t *testing.T, w *gatetest.World)) {
	gatetest.Each(t, gatetest.Options{Modules: []gate.Module{module}, Matrix: matrix}, f)
}

func person(id, dept string, roles ...string) gate.Credential {
	return gatetest.Person{ID: id, Roles: roles, Departments: []string{dept}, StepUp: true}.As()
}

var bg = context.Background()

func wants(t *testing.T, err error, k fault.Kind, key string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || (key != "" && f.Key != key) {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

func TestRoundTripAndScope(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "s1", Dept: "east", Party: "p1", Yen: 100, Name: "髙橋𠮷", Mail: "a@x.jp", Note: "一行\n二行"}))
		gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "s2", Dept: "west", Party: "p2", Yen: 200, Name: "阿部", Mail: "b@x.jp"}))
		got := gatetest.Must[Card](t)(gate.Run(bg, w.G, person("s1", "east", "sales"), show, ByID{c.ID}))
		if got.Name != "髙橋𠮷" || got.Mail != "a@x.jp" || got.Lines[0].Text != "一行\n二行" || !got.Open || got.Version != 1 || !got.CreatedAt.Equal(c.CreatedAt) {
			t.Fatalf("%+v", got)
		}
		_, err := gate.Run(bg, w.G, person("s2", "west", "sales"), show, ByID{c.ID})
		wants(t, err, fault.KindNotFound, "fault.not_found")
		other := fault.Of(err)
		_, err = gate.Run(bg, w.G, person("s2", "west", "sales"), show, ByID{"nothing"})
		wants(t, err, fault.KindNotFound, other.Key) // not there looks like not yours
		_, err = gate.Run(bg, w.G, person("x", "west", "auditor"), show, ByID{c.ID})
		wants(t, err, fault.KindDenied, "policy.role_never")
		_, err = gate.Run(bg, w.G, gate.Nobody(netip.MustParseAddr("192.0.2.1")), show, ByID{c.ID})
		wants(t, err, fault.KindDenied, "gate.sign_in")

		masked := gatetest.Must[Card](t)(gate.Run(bg, w.G, person("k", "east", "clerk"), show, ByID{c.ID}))
		if masked.Name != "" || masked.Mail != "" || masked.Lines != nil || masked.Yen != 100 {
			t.Fatalf("a field above the clearance left: %+v", masked)
		}
		j, err := w.G.JSON(bg, person("k", "east", "clerk"), "card.show", []byte(`{"id":"`+c.ID+`"}`))
		if err != nil || !strings.Contains(string(j), `"name":{"masked":"personal"}`) || strings.Contains(string(j), "髙橋") {
			t.Fatal(string(j), err)
		}
	})
}

func TestListsAreNarrowed(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		for i := range 25 {
			gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: fmt.Sprint("s", i%2), Dept: []string{"east", "west", "north"}[i%3], Party: fmt.Sprint("p", i%5), Yen: int64(100 + i/2), Name: "n", Mail: fmt.Sprintf("m%d@x.jp", i)}))
		}
		gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "assign", Party: "p3", Name: "aud"}))
		count := func(c gate.Credential, want int) {
			t.Helper()
			n, after, seen := 0, "", map[string]bool{}
			last := int64(1 << 60)
			for {
				p, err := gate.Run(bg, w.G, c, list, Ask{After: after, Limit: 4})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Rows {
					if seen[r.ID] || r.Yen > last {
						t.Fatal("doubled or out of order", r.ID, r.Yen, last)
					}
					seen[r.ID], last = true, r.Yen
					n++
				}
				if after = p.Next; after == "" {
					break
				}
			}
			s := gatetest.Must[Sum](t)(gate.Run(bg, w.G, c, sum, struct{}{}))
			if n != want || s.N != int64(want) {
				t.Fatalf("list %d, sum %d, want %d", n, s.N, want)
			}
		}
		count(boss, 25)
		count(person("s1", "east", "sales"), 12)
		count(person("s1", "east", "clerk"), 9)
		count(person("aud", "x", "auditor"), 5)
		count(person("nobody", "x", "auditor"), 0)
		count(person("s1", "east", "sales", "clerk"), 17) // union: own 12 + east 9 − both 4
		p := gatetest.Must[Cards](t)(gate.Run(bg, w.G, boss, list, Ask{Mail: "m7@x.jp"}))
		if len(p.Rows) != 1 || p.Rows[0].Mail != "m7@x.jp" {
			t.Fatal("exact index", p)
		}
		_, err := gate.Run(bg, w.G, boss, list, Ask{After: "###"})
		wants(t, err, fault.KindInvalid, "gate.cursor")
		// Whoever may not see a field cannot find out about it by asking for it.
		_, err = gate.Run(bg, w.G, person("s1", "east", "clerk"), list, Ask{Mail: "m7@x.jp"})
		wants(t, err, fault.KindDenied, "gate.filter_class")
	})
}

func TestWritesNeedVersionReasonAndStepUp(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "s1", Dept: "east", Yen: 1, Name: "n"}))
		_, err := gate.Run(bg, w.G, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1})
		wants(t, err, fault.KindInvalid, "gate.reason")
		weak := gatetest.Person{ID: "s1", Roles: []string{"sales"}, Departments: []string{"east"}}.As()
		_, err = gate.Run(bg, w.G, weak, raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"})
		wants(t, err, fault.KindStepUp, "")
		r := gatetest.Must[Card](t)(gate.Run(bg, w.G, person("s1", "east", "sales"), raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"}))
		if r.Version != 2 || r.Yen != 2 {
			t.Fatal(r)
		}
		_, err = gate.Run(bg, w.G, person("s1", "east", "sales"), raise, Raise{ID: c.ID, Version: 1, By: 1, Reason: "値上げのため"})
		wants(t, err, fault.KindConflict, "gate.conflict")
		_, err = gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{ID: c.ID, Owner: "x", Name: "dup"})
		wants(t, err, fault.KindConflict, "gate.taken")
	})
}

func TestEveryWayOutLeavesARecord(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		before := size(t, w)
		step := func(name string, want string, f func() error) {
			t.Helper()
			err := f()
			if err != nil && want == "ok" {
				t.Fatal(name, err)
			}
			if n := size(t, w); n != before+1 {
				t.Fatalf("%s left %d records", name, n-before)
			}
			before++
			entries, err := w.G.Entries(bg, before-1, 1)
			if err != nil || string(entries[0].Record.Outcome) != want {
				t.Fatal(name, entries, err)
			}
		}
		var c Card
		step("ok", "ok", func() (err error) { c, err = gate.Run(bg, w.G, boss, put, Put{Owner: "o", Name: "n"}); return })
		step("read", "ok", func() error { _, err := gate.Run(bg, w.G, boss, show, ByID{c.ID}); return err })
		step("list", "ok", func() error { _, err := gate.Run(bg, w.G, boss, list, Ask{}); return err })
		step("invalid", "invalid", func() error { _, err := gate.Run(bg, w.G, boss, put, Put{}); return err })
		step("bad json", "invalid", func() error { _, err := w.G.JSON(bg, boss, "card.put", []byte(`{"Owner":"x"}`)); return err })
		step("unknown op", "not_found", func() error { _, err := w.G.JSON(bg, boss, "card.nothing", nil); return err })
		step("not found", "not_found", func() error { _, err := gate.Run(bg, w.G, boss, show, ByID{"x"}); return err })
		step("denied", "denied", func() error {
			_, err := gate.Run(bg, w.G, person("a", "", "auditor"), put, Put{Owner: "o", Name: "n"})
			return err
		})
		step("refused", "refused", func() error {
			_, err := gate.Run(bg, w.G, boss, put, Put{Owner: "o", Name: "kept", Yen: 13})
			return err
		})
		step("failed", "failed", func() error {
			_, err := gate.Run(bg, w.G, boss, put, Put{Owner: "o", Name: "gone", Yen: 14})
			return err
		})
		p := gatetest.Must[Cards](t)(gate.Run(bg, w.G, boss, list, Ask{}))
		if len(p.Rows) != 2 {
			t.Fatal("a refusal keeps what it wrote, a failure keeps nothing", p.Rows)
		}
	})
}

func size(t *testing.T, w *gatetest.World) int64 {
	t.Helper()
	if err := w.G.Seal(bg); err != nil {
		t.Fatal(err)
	}
	n, err := w.G.LogSize(bg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIdempotencyKey(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Boss("b")
		c.Idem = "k1"
		a := gatetest.Must[Card](t)(gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "n"}))
		b := gatetest.Must[Card](t)(gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "n"}))
		if a.ID != b.ID {
			t.Fatal("it happened twice")
		}
		_, err := gate.Run(bg, w.G, c, put, Put{Owner: "o", Name: "other"})
		wants(t, err, fault.KindRefused, "gate.idem_other")
		d := gatetest.Boss("someone else")
		d.Idem = "k1"
		if e := gatetest.Must[Card](t)(gate.Run(bg, w.G, d, put, Put{Owner: "o", Name: "n"})); e.ID == a.ID {
			t.Fatal("another's key gave this one's answer")
		}
	})
}

func TestConcurrentWritesLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		var wg sync.WaitGroup
		errs := make(chan error, 40)
		for range 8 {
			wg.Go(func() {
				for range 5 {
					_, err := gate.Run(bg, w.G, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1, Reason: "同時更新"})
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		ok := int64(0)
		for err := range errs {
			if err == nil {
				ok++
			} else if !fault.Is(err, fault.KindConflict) {
				t.Fatal(err)
			}
		}
		got := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), show, ByID{c.ID}))
		if got.Yen != ok || ok == 0 {
			t.Fatal("lost updates", got.Yen, ok)
		}
	})
}

func TestNoWayRound(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		if _, err := cards.Get(&gate.Tx{}, "x"); err == nil {
			t.Fatal("a forged Tx worked")
		}
		leak := gate.New(gate.Op[ByID, Card]{Name: "card.show", Mode: gate.Read, Target: target("card"),
			Do: func(x *gate.Tx, in ByID) (Card, error) { return cards.Get(x, in.ID) }})
		if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), leak, ByID{"x"}); err == nil || fault.Of(err).Kind != fault.KindFailed {
			t.Fatal("an unregistered op ran", err)
		}
	})
}

func TestTimeIsInjected(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		w.Clock.Pass(24 * time.Hour)
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		if d := c.CreatedAt.Sub(gatetest.Start); d < 24*time.Hour || d > 25*time.Hour {
			t.Fatal(c.CreatedAt)
		}
	})
}
