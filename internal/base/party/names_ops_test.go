package party_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// namesOptions are the options with the index beside the register.
func namesOptions(t *testing.T, n *party.Index) gatetest.Options {
	o := options(t)
	rows, err := os.ReadFile("../../app/matrix/party_names.txt")
	if err != nil {
		t.Fatal(err)
	}
	o.Modules = []gate.Module{party.Module, n.Module, approval.Module, stageModule}
	o.Matrix += "\n" + string(rows)
	p, err := gatetest.Policy(o)
	if err != nil {
		t.Fatal(err)
	}
	known, system := o.Resolve, gatetest.Resolve(p)
	o.Resolve = func(x *gate.Tx, op gate.Info) (gate.Actor, error) {
		if x.Credential().Kind() == gate.CredSystem {
			a, err := system(x, op)
			a.Roles = []string{"system"}
			return a, err
		}
		return known(x, op)
	}
	return o
}

// follow keeps the index current until the test ends.
func follow(t *testing.T, w *gatetest.World, n *party.Index) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { n.Run(ctx, w.G, gate.System("names"), slog.New(slog.DiscardHandler)); close(done) }()
	t.Cleanup(func() { stop(); <-done })
}

// eachNamed runs f on both engines, each with an index of its own.
func eachNamed(t *testing.T, f func(t *testing.T, w world, n *party.Index)) {
	for engine, dsn := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": pgtest.DSN} {
		t.Run(engine, func(t *testing.T) {
			n := party.NewIndex()
			f(t, world{gatetest.Open(t, namesOptions(t, n), dsn(t)), t}, n)
		})
	}
}

// found waits until a person finds exactly these codes.
func (w world) found(n *party.Index, who, q string, want ...string) {
	w.t.Helper()
	var got []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = []string{}
		out := do(w, who, n.Search, party.SearchIn{Q: q})
		for _, r := range out.Rows {
			got = append(got, r.Code)
		}
		slices.Sort(got)
		if !out.Filling && fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
	}
	w.t.Errorf("%s finds %v by %q, want %v", who, got, q, want)
}

func TestSearchGoesAsFarAsTheScope(t *testing.T) {
	eachNamed(t, func(t *testing.T, w world, n *party.Index) {
		w.partner("1", "株式会社青葉製作所")
		other := do(w, "chief", party.Create, party.CreateIn{Code: "2", Name: "青葉運輸", Kana: "あおばウンユ", Terms: monthEnd, Owner: "suzuki", Department: "west"})
		if out := do(w, "keiri", n.Search, party.SearchIn{Q: "青葉"}); !out.Filling || len(out.Rows) != 0 {
			t.Error("not yet filled", out)
		}
		follow(t, w.World, n)
		w.found(n, "keiri", "青葉", "1", "2")
		w.found(n, "audit", "青葉", "1", "2")
		w.found(n, "sato", "青葉", "1")
		w.found(n, "suzuki", "青葉", "2")
		w.found(n, "clara", "青葉", "1")
		w.found(n, "west", "青葉", "2")
		do(w, "west", party.Assign, party.AssignIn{ID: other.ID, Person: "sato"})
		w.found(n, "sato", "青葉", "1", "2")
		do(w, "west", party.Unassign, party.AssignIn{ID: other.ID, Person: "sato"})
		w.found(n, "sato", "青葉", "1")
		do(w, "west", party.HandOver, party.HandOverIn{ID: other.ID, Owner: "sato", Department: "east"})
		w.found(n, "suzuki", "青葉")
		w.found(n, "clara", "青葉", "1", "2")
		w.found(n, "west", "青葉")
		for _, who := range []string{"root", "hr", "witness"} {
			fails(w, who, n.Search, party.SearchIn{Q: "青葉"}, fault.KindDenied, "policy.role_never")
		}
		fails(w, "keiri", party.IndexOp, party.IndexIn{}, fault.KindDenied, "policy.role_never")
		fails(w, "keiri", n.Search, party.SearchIn{}, fault.KindInvalid, "gate.required")
	})
}

func TestSearchFindsWhatIsNewAndRenamed(t *testing.T) {
	eachNamed(t, func(t *testing.T, w world, n *party.Index) {
		p := w.partner("0101", "株式会社髙橋商店")
		follow(t, w.World, n)
		for _, q := range []string{"高橋", "髙橋", "橋商", "０１０１", "101", "商店", "株式会社 高橋"} {
			w.found(n, "sato", q, "0101")
		}
		w.found(n, "sato", "たかはし")
		do(w, "sato", party.Update, party.UpdateIn{ID: p.ID, Version: 1, Kana: "タカハシショウテン"})
		for _, q := range []string{"たかはし", "ﾀｶﾊｼ", "タカ", "はし", "しょうてん"} {
			w.found(n, "sato", q, "0101")
		}
		agreed(w, "sato", "east", party.Update, party.UpdateIn{ID: p.ID, Version: 2, Name: "東北計器株式会社"})
		w.found(n, "sato", "計器", "0101")
		w.found(n, "sato", "高橋商")
		w.partner("0102", "東北印刷")
		w.found(n, "sato", "東北", "0101", "0102")
		w.found(n, "sato", "ない名前")
		if out := do(w, "sato", n.Search, party.SearchIn{Q: "東北", Limit: 1}); len(out.Rows) != 1 || !out.More {
			t.Error(out)
		}
	})
}

// What an import has written is found once it is published, and no more once it is undone.
func TestSearchSeesOnlyVisibleRuns(t *testing.T) {
	eachNamed(t, func(t *testing.T, w world, n *party.Index) {
		follow(t, w.World, n)
		do(w, "keiri", stagePut, stageIn{Run: "r1", Rows: []stageRow{{Code: "7", Name: "取込商事", Owner: "sato"}, {Code: "8", Name: "取込運輸", Owner: "suzuki"}}})
		w.partner("9", "取込でない会社")
		w.found(n, "keiri", "取込", "9")
		do(w, "keiri", stagePublish, stageIn{Run: "r1"})
		w.found(n, "keiri", "取込", "7", "8", "9")
		w.found(n, "sato", "取込", "7", "9")
		do(w, "keiri", stageUndo, stageIn{Run: "r1"})
		w.found(n, "keiri", "取込", "9")
	})
}
