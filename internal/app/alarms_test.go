package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
)

// mailbox is a trap with the relay that leads to it.
func mailbox(t *testing.T, w *apptest.World) (*trap.Trap, *dispatch.Relay) {
	t.Helper()
	tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr, &dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "localhost"}
}

// agree lets another person approve what was asked for.
func agree(t *testing.T, w *apptest.World, by, second *demo.Person, op string, in map[string]string) {
	t.Helper()
	var s *demo.Stop
	if err := w.Troupe.Act(context.Background(), by, op, in, nil); !errors.As(err, &s) || s.Request == "" {
		t.Fatal(op, err)
	}
	var seen struct {
		Digest string `json:"digest"`
	}
	w.Do(t, second, "approval.show", map[string]string{"id": s.Request}, &seen)
	w.Do(t, second, "approval.approve", map[string]string{"id": s.Request, "digest": seen.Digest}, nil)
}

func notify(t *testing.T, w *apptest.World, purpose, address string) {
	t.Helper()
	var a struct {
		ID string `json:"id"`
	}
	w.Do(t, w.Of("admin", 0), "dispatch.notice_propose", map[string]string{"address": address, "purpose": purpose, "label": "情報システム課"}, &a)
	agree(t, w, w.Of("admin", 0), w.Of("security", 0), "dispatch.notice_confirm", map[string]string{"id": a.ID, "reason": "本人に電話で確かめました"})
}

// arrive waits until the trap has n mails to an address.
func arrive(t *testing.T, tr *trap.Trap, to string, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := 0
		for _, m := range tr.List() {
			if strings.Contains(m.To[0], to) {
				got++
			}
		}
		if got == n {
			return
		}
		if got > n || time.Now().After(end) {
			t.Fatalf("%d mails to %s, want %d", got, to, n)
		}
	}
}

type alarmList struct {
	Rows []struct {
		Alarm struct {
			ID    string `json:"id"`
			What  string `json:"what"`
			State string `json:"state"`
		} `json:"alarm"`
	} `json:"rows"`
}

// What the house notices by itself reaches people by mail: the running server,
// its own watch, the relay; also while all sending is stopped.
func TestA09_AlarmsArrive(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx, a := context.Background(), w.App
		tr, relay := mailbox(t, w)
		notify(t, w, "alarm", "alarm@hokuto-supply.example.jp")
		notify(t, w, "checkpoint", "witness@example.com")
		w.Do(t, w.Of("security", 0), "dispatch.stop_all", map[string]string{"reason": "誤送信の疑いがあるため"}, nil)
		if err := a.Gate.Seal(ctx); err != nil {
			t.Fatal(err)
		}
		stop, err := a.StartWith(ctx, relay)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		arrive(t, tr, "witness@example.com", 1) // made up at the start
		a.Alarm("verify.row_altered", "party", "P1", 7)
		a.Alarm("verify.row_altered", "party", "P1", 7)
		arrive(t, tr, "alarm@hokuto", 1)
		watch, now := a.Watcher(), time.Now()
		watch.Free = func() (int64, error) { return 1<<31 - 1, nil }
		watch.Round(ctx, now)
		watch.Round(ctx, now.Add(time.Minute))
		arrive(t, tr, "alarm@hokuto", 2)
		var l alarmList
		w.Do(t, w.Of("auditor", 0), "watch.list", map[string]string{"state": "open"}, &l)
		if len(l.Rows) != 2 || l.Rows[0].Alarm.What != "watch.disk_low" || l.Rows[1].Alarm.What != "verify.row_altered" {
			t.Fatalf("%+v", l)
		}
		arrive(t, tr, "witness@example.com", 1)
		// An alarm about tampering is closed by two, never by an auditor or a seller.
		in := map[string]string{"id": l.Rows[1].Alarm.ID, "reason": "原因を確かめて復元しました"}
		for _, role := range []string{"auditor", "sales", "accounting", "hr", "custodian"} {
			var s *demo.Stop
			if err := w.Troupe.Act(ctx, w.Of(role, 0), "watch.close", in, nil); !errors.As(err, &s) || !strings.HasPrefix(s.Code, "policy.") {
				t.Error(role, err)
			}
		}
		agree(t, w, w.Of("admin", 0), w.Of("security", 0), "watch.close", in)
		w.Do(t, w.Of("admin", 0), "watch.close", map[string]string{"id": l.Rows[0].Alarm.ID, "reason": "ディスクを増やしました"}, nil)
	})
}

// An alarm that came while nobody could write it down is kept at the end.
func TestAlarmsAreKeptWhenTheHouseCloses(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		w.App.Alarm("verify.row_altered", "party", "P\n1\xff", -1)
		w.Reopen(t)
		var l alarmList
		w.Do(t, w.Of("security", 0), "watch.list", nil, &l)
		if len(l.Rows) != 1 || l.Rows[0].Alarm.State != "open" {
			t.Fatalf("%+v", l)
		}
		for range 2000 { // never blocks
			w.App.Alarm("verify.tile", "log", "x", 1)
		}
		w.Reopen(t)
	})
}

func TestWatchSettings(t *testing.T) {
	home := t.TempDir()
	for value, ok := range map[string]bool{"07:00": true, "23:59": true, "24:00": false, "": false, "7am": false} {
		if err := os.WriteFile(filepath.Join(home, app.ConfigFile), []byte("[watch]\ncheckpoint_at = \""+value+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := app.LoadConfig(home); (err == nil) != ok || ok && c.Watch.At() < 7*time.Hour {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// A backup that fails, and one that stays undone, reach people.
func TestA09_AFailedBackupArrives(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx := context.Background()
		tr, relay := mailbox(t, w)
		notify(t, w, "alarm", "alarm@hokuto-supply.example.jp")
		if err := os.WriteFile(filepath.Join(w.Home, "backup-recipients.txt"), []byte("age1nobody\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		stop, err := w.App.StartWith(ctx, relay)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		arrive(t, tr, "alarm@hokuto", 1) // the schedule's first try
		w.Pass(2 * time.Hour)
		watch := w.App.Watcher()
		watch.Round(ctx, time.Now())
		watch.Round(ctx, time.Now().Add(15*time.Minute))
		arrive(t, tr, "alarm@hokuto", 2)
		var l alarmList
		w.Do(t, w.Of("admin", 0), "watch.list", nil, &l)
		if len(l.Rows) != 2 || l.Rows[0].Alarm.What != "backup.no_copy" || l.Rows[1].Alarm.What != "backup.recipients" {
			t.Fatalf("%+v", l)
		}
	})
}
