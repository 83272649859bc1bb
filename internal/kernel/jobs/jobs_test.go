package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
)

type in struct {
	Mode string `json:"mode"`
}
type out struct{}

// calls counts runs per mode, for one world.
type calls struct{ ok, flaky, refuse atomic.Int64 }

func world(c *calls) []gate.Module {
	target := func(*gate.Tx, in) (gate.Target, error) { return gate.Target{Kind: "toy", ID: "1"}, nil }
	work := gate.New(gate.Op[in, out]{Name: "toy.work", Mode: gate.Write, Target: target,
		Do: func(x *gate.Tx, i in) (out, error) {
			switch i.Mode {
			case "ok":
				c.ok.Add(1)
			case "flaky":
				if c.flaky.Add(1) < 3 {
					return out{}, errors.New("try me again")
				}
			case "refuse":
				c.refuse.Add(1)
				return out{}, fault.Refused("gate.taken", "table", "toy")
			}
			if x.Actor().Person != "alice" {
				return out{}, errors.New("not for its requester: " + x.Actor().Person)
			}
			return out{}, nil
		}})
	ask := gate.New(gate.Op[in, out]{Name: "toy.ask", Mode: gate.Write, Target: target,
		Do: func(x *gate.Tx, i in) (out, error) {
			_, err := jobs.Enqueue(x, work, i)
			if i.Mode == "rollback" {
				return out{}, errors.New("no")
			}
			return out{}, err
		}})
	return []gate.Module{jobs.Module, {Name: "toy", Ops: []gate.Any{work, ask}}}
}

func TestJobsRunForTheirRequesterUntilDone(t *testing.T) {
	var c calls
	gatetest.Each(t, gatetest.Options{Modules: world(&c)}, func(t *testing.T, w *gatetest.World) {
		c = calls{}
		ctx := context.Background()
		for _, m := range []string{"ok", "flaky", "refuse", "rollback"} {
			if _, err := w.G.JSON(ctx, gatetest.Person{ID: "alice", Roles: []string{"boss"}}.As(), "toy.ask", []byte(`{"mode":"`+m+`"}`)); (err != nil) != (m == "rollback") {
				t.Fatal(m, err)
			}
		}
		wk := &jobs.Worker{Gate: w.G, Parallel: 2, Log: slog.New(slog.DiscardHandler)}
		for range 20 {
			n, _, err := wk.Once(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				w.Clock.Pass(time.Minute)
			}
		}
		if c.ok.Load() != 1 || c.flaky.Load() != 3 || c.refuse.Load() != 1 {
			t.Fatal(c.ok.Load(), c.flaky.Load(), c.refuse.Load())
		}
	})
}

func TestALostWorkerLosesNothing(t *testing.T) {
	var c calls
	gatetest.Each(t, gatetest.Options{Modules: world(&c)}, func(t *testing.T, w *gatetest.World) {
		c = calls{}
		ctx := context.Background()
		if _, err := w.G.JSON(ctx, gatetest.Person{ID: "alice", Roles: []string{"boss"}}.As(), "toy.ask", []byte(`{"mode":"ok"}`)); err != nil {
			t.Fatal(err)
		}
		// A worker claims and dies.
		if _, err := w.G.JSON(ctx, gate.System("jobs"), "job.claim", []byte(`{"limit":5}`)); err != nil {
			t.Fatal(err)
		}
		wk := &jobs.Worker{Gate: w.G, Parallel: 1, Log: slog.New(slog.DiscardHandler)}
		n, next, err := wk.Once(ctx)
		if n != 0 || err != nil {
			t.Fatal("a leased job ran twice", n, err)
		}
		if in := next.Sub(w.Clock.Now()); in <= time.Minute || in > 2*time.Minute { // a worker that has nothing else to do looks again then
			t.Fatal("a lost job is looked for in", in)
		}
		w.Clock.Pass(3 * time.Minute)
		if n, _, err := wk.Once(ctx); n != 1 || err != nil || c.ok.Load() != 1 {
			t.Fatal("a lost job did not run again", n, err, c.ok.Load())
		}
	})
}

// A job whose lease is renewed in time belongs to nobody else.
func TestARenewedLeaseIsKept(t *testing.T) {
	var c calls
	gatetest.Each(t, gatetest.Options{Modules: world(&c)}, func(t *testing.T, w *gatetest.World) {
		ctx := context.Background()
		if _, err := w.G.JSON(ctx, gatetest.Person{ID: "alice", Roles: []string{"boss"}}.As(), "toy.ask", []byte(`{"mode":"ok"}`)); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Jobs []struct {
				ID string `json:"id"`
			} `json:"jobs"`
		}
		out, err := w.G.JSON(ctx, gate.System("jobs"), "job.claim", []byte(`{"limit":5}`))
		if err != nil || json.Unmarshal(out, &got) != nil || len(got.Jobs) != 1 {
			t.Fatal(string(out), err)
		}
		wk := &jobs.Worker{Gate: w.G, Parallel: 1, Log: slog.New(slog.DiscardHandler)}
		for range 5 {
			w.Clock.Pass(90 * time.Second)
			if _, err := w.G.JSON(ctx, gate.System("jobs"), "job.renew", []byte(`{"ids":["`+got.Jobs[0].ID+`"]}`)); err != nil {
				t.Fatal(err)
			}
			if n, _, err := wk.Once(ctx); n != 0 || err != nil {
				t.Fatal("a kept job ran elsewhere", n, err)
			}
		}
	})
}

// One job is shown to whom it is, and to nobody else.
func TestShowingOneJob(t *testing.T) {
	var c calls
	gatetest.Each(t, gatetest.Options{Modules: world(&c)}, func(t *testing.T, w *gatetest.World) {
		ctx := context.Background()
		alice := gatetest.Person{ID: "alice", Roles: []string{"boss"}}.As()
		if _, err := w.G.JSON(ctx, alice, "toy.ask", []byte(`{"mode":"ok"}`)); err != nil {
			t.Fatal(err)
		}
		list, err := gate.Run(ctx, w.G, alice, jobs.List, jobs.ListIn{})
		if err != nil || len(list.Jobs) != 1 {
			t.Fatal(list, err)
		}
		id := jobs.ByID{ID: list.Jobs[0].ID}
		j, err := gate.Run(ctx, w.G, alice, jobs.Show, id)
		if err != nil || j.Op != "toy.work" || j.State != jobs.Waiting {
			t.Fatal(j, err)
		}
		if _, err := gate.Run(ctx, w.G, alice, jobs.Show, jobs.ByID{ID: "none"}); !fault.Is(err, fault.KindNotFound) {
			t.Error(err)
		}
		if _, err := gate.Run(ctx, w.G, gate.Nobody(netip.MustParseAddr("192.0.2.1")), jobs.Show, id); err == nil {
			t.Error("a stranger sees a job")
		}
	})
}
