package app_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/witness"
)

// The whole house: rounds are kept and shown, a witness over HTTP fits, fsck is
// quiet, and what somebody opened to others is named.
func TestC60_C83_TheHouseIsWatchedOver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx, a := context.Background(), w.App
		for range 3 {
			if err := a.Sweep(ctx, 1); err != nil {
				t.Fatal(err)
			}
			w.Pass(time.Hour)
		}
		var seen struct {
			Size      int64         `json:"size"`
			SweptAt   time.Time     `json:"swept_at"`
			CleanAt   time.Time     `json:"clean_at"`
			Damaged   int64         `json:"damaged"`
			Found     []gate.Damage `json:"found"`
			Witnesses []struct {
				Size    int64  `json:"size"`
				Problem string `json:"problem"`
			} `json:"witnesses"`
		}
		w.Do(t, w.Of("security", 0), "record.integrity", nil, &seen)
		if seen.Damaged != 0 || seen.SweptAt.IsZero() || !seen.SweptAt.Equal(seen.CleanAt) || len(seen.Witnesses) != 0 {
			t.Fatalf("%+v", seen)
		}
		var s *demo.Stop
		for _, role := range []string{"sales", "accounting", "hr"} {
			if err := w.Troupe.Act(ctx, w.Of(role, 0), "record.integrity", nil, nil); !errors.As(err, &s) || !strings.HasPrefix(s.Code, "policy.") {
				t.Error(role, err)
			}
		}
		dir := watched(t, a)
		a.Config.Witness.Mirrors = []string{dir}
		i, err := a.Integrity(ctx)
		if err != nil || len(i.Witnesses) != 1 || i.Witnesses[0].Problem != "" || i.Witnesses[0].Size == 0 {
			t.Fatalf("%+v %v", i, err)
		}
		m, err := witness.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if r := gatetest.Must[gate.Report](t)(a.Gate.VerifyAgainst(ctx, m, nil)); len(r.Damages) != 0 || r.Witnessed != m.Size() {
			t.Fatalf("%+v", r)
		}
		rep := gatetest.Must[gate.FsckReport](t)(a.Fsck(ctx, nil))
		if len(rep.Damages) != 0 || rep.Opened < 30 {
			t.Fatalf("%+v", rep)
		}
		if n := gatetest.Must[int](t)(a.Upgrade(ctx)); n != 0 {
			t.Fatal(n)
		}
		key := filepath.Join(w.Home, "keys", "root.key")
		if err := os.Chmod(key, 0o622); err != nil {
			t.Fatal(err)
		}
		rep = gatetest.Must[gate.FsckReport](t)(a.Fsck(ctx, nil))
		if !slices.Contains(rep.Damages, gate.Damage{Key: "fsck.open", Table: "file", ID: key, Leaf: -1}) {
			t.Fatalf("%+v", rep.Damages)
		}
		if err := os.Chmod(key, 0o400); err != nil {
			t.Fatal(err)
		}
	})
}

// watched lets a witness look at the house through its listener.
func watched(t *testing.T, a *app.App) (dir string) {
	t.Helper()
	feed, err := witness.Open(a.FeedDir(), a.Ring.LogVerifier())
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	if err := a.Gate.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Grow(context.Background(), a.Gate.Feed()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api.New(api.Config{Gate: a.Gate, Log: a.Log, Feed: a.FeedDir()}))
	defer srv.Close()
	p, err := witness.At(srv.URL+"/witness", "")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	m, err := witness.Open(dir, a.Ring.LogVerifier())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if n, err := m.Grow(context.Background(), p.From()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if err := m.Look(a.Gate.Now()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A month of the log loses its contents only when its time has come, and only
// by two people.
func TestC59_ContentsOfTheLogGoByTwoPeopleAfterTheirTime(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx, guard := context.Background(), w.Of("security", 0)
		if err := w.App.Gate.Seal(ctx); err != nil { // what waits would be sealed into a later month
			t.Fatal(err)
		}
		for range 2 {
			w.Pass(40 * 24 * time.Hour)
			w.Do(t, guard, "record.segments", nil, nil)
			if err := w.App.Gate.Seal(ctx); err != nil {
				t.Fatal(err)
			}
		}
		var list struct {
			Segments []gate.Segment `json:"segments"`
		}
		w.Do(t, guard, "record.segments", nil, &list)
		if len(list.Segments) < 2 || list.Segments[0].Month != "2026-11" {
			t.Fatalf("%+v", list)
		}
		stop := func(p *demo.Person, month string) *demo.Stop {
			var s *demo.Stop
			err := w.Troupe.Act(ctx, p, "record.expire", map[string]string{"month": month, "reason": "保存期限が過ぎたため"}, nil)
			if !errors.As(err, &s) {
				t.Fatal(err)
			}
			return s
		}
		for month, code := range map[string]string{"2026-11": "record.kept", "2030-01": "record.not_closed"} {
			if s := stop(guard, month); s.Code != code {
				t.Fatal(month, s)
			}
		}
		w.Pass(12 * 366 * 24 * time.Hour)
		w.Reopen(t)
		if s := stop(w.Of("admin", 0), "2026-11"); !strings.HasPrefix(s.Code, "policy.") {
			t.Fatal(s)
		}
		s := stop(guard, "2026-11")
		if s.Request == "" {
			t.Fatal(s)
		}
		if n := gatetest.Must[int64](t)(w.App.Gate.Expire(ctx)); n != 0 {
			t.Fatal("one person was enough", n)
		}
		second := w.Of("controller", 0)
		var seen struct {
			Digest string `json:"digest"`
		}
		w.Do(t, second, "approval.show", map[string]string{"id": s.Request}, &seen)
		w.Do(t, second, "approval.approve", map[string]string{"id": s.Request, "digest": seen.Digest}, nil)
		if err := w.App.Gate.Seal(ctx); err != nil {
			t.Fatal(err)
		}
		n := gatetest.Must[int64](t)(w.App.Gate.Expire(ctx))
		r := gatetest.Must[gate.Report](t)(w.App.Gate.Verify(ctx, nil))
		if n == 0 || len(r.Damages) != 0 {
			t.Fatalf("%d %+v", n, r)
		}
		w.Do(t, guard, "record.segments", nil, &list)
		if !list.Segments[0].Expired || list.Segments[1].Expired {
			t.Fatalf("%+v", list)
		}
	})
}

// Every damage that can be told has its sentence.
func TestEveryDamageHasItsSentence(t *testing.T) {
	named, key := map[string]bool{}, regexp.MustCompile(`"((?:verify|fsck|witness)\.[a-z_]+)"`)
	for _, pattern := range []string{"../kernel/gate/*.go", "../kernel/witness/*.go", "*.go"} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range key.FindAllSubmatch(b, -1) {
				named[string(m[1])] = true
			}
		}
	}
	delete(named, "witness.mirrors") // a setting
	if len(named) < 40 {
		t.Fatal("only", len(named))
	}
	for key := range named {
		if !text.Has(key) {
			t.Errorf("%s has no sentence", key)
		}
	}
}
