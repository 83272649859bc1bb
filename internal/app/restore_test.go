package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/assure/backup"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// drill is a house with mail under way, two targets, and a key of one person.
type drill struct {
	*apptest.World
	trap     *trap.Trap
	sender   dispatch.Worker
	identity string
	keeper   *backup.Keeper
	waiting  demo.Sending // held when the copy is made
	asked    demo.Sending // somebody had been asked, or it was confirmed
	gone     demo.Sending // sent before
}

func newDrill(t *testing.T, dsn string) *drill {
	t.Helper()
	d := &drill{World: apptest.Open(t, dsn)}
	var err error
	if d.trap, err = trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: d.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.trap.Close() })
	d.sender = dispatch.Worker{Gate: d.App.Gate, As: gate.System("dispatch"), Blobs: d.App.Blobs, Relay: d.relay(), Holder: "old", Log: d.App.Log}
	dir := t.TempDir()
	pair, err := backup.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	d.identity = filepath.Join(dir, "person.key")
	if err := pair.Save(d.identity); err != nil {
		t.Fatal(err)
	}
	d.keeper = d.App.Keeper()
	d.keeper.Recipients, d.keeper.Remote = filepath.Join(dir, "recipients"), filepath.Join(dir, "remote")
	if err := errors.Join(os.WriteFile(d.keeper.Recipients, []byte(pair.Recipient), 0o600), os.Mkdir(d.keeper.Remote, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.mail(t)
	return d
}

func (d *drill) relay() dispatch.Relay {
	return dispatch.Relay{Host: "localhost", Port: d.trap.Port(), Mode: dispatch.StartTLS, ExtraRoots: d.trap.PEM(), Hello: "localhost"}
}

func (d *drill) send(t *testing.T) {
	t.Helper()
	d.Pass(11 * time.Minute)
	if _, _, err := d.sender.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// mail sends one package, and brings two more as far as they are to be.
func (d *drill) mail(t *testing.T) {
	t.Helper()
	book, ctl := d.Of("accounting", 0), d.Of("controller", 0)
	var dept, p struct {
		ID string `json:"id"`
	}
	var point struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	d.Do(t, d.Of("admin", 0), "org.department_create", m{"code": "DRL", "name": "営業第九課"}, &dept)
	d.Do(t, ctl, "org.issuer_update", m{"name": "北斗サプライ株式会社", "postal_code": "060-0001", "address": "札幌市中央区北一条西1-1", "fiscal_start": 4, "rounding": "floor"}, nil)
	d.Do(t, book, "party.create", m{"code": "000777", "name": "株式会社みどり産業", "kana": "ミドリサンギョウ",
		"terms": m{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}, "department": dept.ID}, &p)
	d.Do(t, book, "party.point_propose", m{"party": p.ID, "address": "keiri@midori-sangyo.example.jp", "label": "経理"}, &point)
	if err := d.Troupe.Together(context.Background(), book, ctl, "party.point_verify", m{"id": point.ID, "version": point.Version, "how": "phone", "reason": "電話で確認しました"}); err != nil {
		t.Fatal(err)
	}
	for i, s := range []*demo.Sending{&d.gone, &d.waiting, &d.asked} {
		d.Do(t, book, "dispatch.prepare", demo.Package{Party: p.ID, Recipients: []demo.Recipient{{Kind: "to", Address: "keiri@midori-sangyo.example.jp"}},
			Subject: fmt.Sprintf("年末のご挨拶 %d", i), Body: fmt.Sprintf("株式会社みどり産業 御中\n\nいつもお世話になっております。%d\n", i), Documents: []string{}, Purpose: "notice"}, s)
		d.release(t, book, ctl, s, i < 2)
		if i == 0 {
			d.send(t)
		}
	}
	if d.gone.State != "held" && d.gone.State != "handed_over" || d.waiting.State != "held" || len(d.trap.List()) != 1 {
		t.Fatalf("%s %s, %d mails", d.gone.State, d.waiting.State, len(d.trap.List()))
	}
}

// release takes a package to the hold, or stops before it.
func (d *drill) release(t *testing.T, asks, agrees *demo.Person, s *demo.Sending, whole bool) {
	t.Helper()
	var c demo.Check
	d.Do(t, asks, "dispatch.check", m{"id": s.ID}, &c)
	ticks := []string{}
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	d.Do(t, asks, "dispatch.confirm", m{"id": s.ID, "digest": c.Digest, "ticks": ticks}, nil)
	if whole {
		err := d.Troupe.Act(context.Background(), asks, "dispatch.release", m{"id": s.ID, "digest": c.Digest}, nil)
		var stop *demo.Stop
		if errors.As(err, &stop) && stop.Request != "" {
			err = d.Troupe.Approve(context.Background(), agrees, stop.Request)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d.Do(t, asks, "dispatch.show", m{"id": s.ID}, s)
}

func (d *drill) restore(t *testing.T, home, dsn string) (app.Restored, error) {
	t.Helper()
	return app.Restore(context.Background(), app.RestoreOptions{From: d.keeper.Remote, Identities: []string{d.identity}, Home: home,
		Keys: filepath.Join(d.Home, "keys"), DSN: dsn, Clock: d.Clock.Now, Log: d.App.Log, Tell: func(string, ...any) {}})
}

// open opens the restored house with the same people and clock.
func (d *drill) open(t *testing.T, home string) *apptest.World {
	t.Helper()
	n := &apptest.World{Clock: d.Clock, Home: home, Cast: d.Cast, Troupe: &demo.Troupe{Clock: d.Clock}}
	n.Reopen(t)
	t.Cleanup(func() { n.App.Close() })
	return n
}

// CD-25, M23, R-31: the newest generation comes back whole, on either engine
// from either; nothing leaves it, not even what was waiting to be sent; two people
// open it, and still nothing is sent that may have been sent before.
func TestR31_RestoreDrill(t *testing.T) {
	for _, c := range []struct{ from, to string }{{"sqlite", "sqlite"}, {"postgres", "postgres"}, {"sqlite", "postgres"}, {"postgres", "sqlite"}} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			dsn := map[string]func() string{"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.DSN(t) }}
			d := newDrill(t, dsn[c.from]())
			o, err := d.keeper.Run(context.Background(), "command")
			if err != nil || o.Sentence() != nil {
				t.Fatal(err, o.Sentence())
			}
			d.send(t) // after the copy was made: the danger
			if len(d.trap.List()) != 2 {
				t.Fatal("the old house did not send", len(d.trap.List()))
			}
			home, to := filepath.Join(t.TempDir(), "new"), dsn[c.to]()
			began := time.Now()
			r, err := d.restore(t, home, to)
			took := time.Since(began)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Report.Damages) > 0 || !r.SameLog || r.Manifest.Dump.Rows != o.Run.Rows || r.Manifest.Dump.LogRoot != o.Run.LogRoot ||
				int64(r.Files) != o.Run.Blobs || r.Seal.Unknown != 1 || r.Seal.Voided != 1 {
				t.Fatalf("%+v", r)
			}
			t.Logf("R-31: restored in %v (RTO), %v behind (RPO), %d rows, %d records, %d files", took.Round(time.Millisecond),
				d.Clock.Now().Sub(r.Manifest.Made).Round(time.Second), r.Manifest.Dump.Rows, r.Manifest.Dump.LogSize, r.Files)
			if _, err := d.restore(t, home, ""); fault.Of(err).Key != "backup.home_taken" {
				t.Fatal("restored over a house", err)
			}
			d.livesSealed(t, home)
		})
	}
}

func (d *drill) livesSealed(t *testing.T, home string) {
	t.Helper()
	n := d.open(t, home)
	d.sendsNothing(t, n)
	for _, w := range []struct{ id, state, reason string }{{d.gone.ID, "handed_over", ""}, {d.waiting.ID, "unknown", "dispatch.unknown_restored"}, {d.asked.ID, "prepared", "dispatch.restored"}} {
		var got struct {
			State      string `json:"state"`
			Reason     string `json:"reason"`
			Recipients []struct {
				State     string `json:"state"`
				Reason    string `json:"reason"`
				MessageID string `json:"message_id"`
			} `json:"recipients"`
		}
		n.Do(t, n.Of("accounting", 0), "dispatch.show", m{"id": w.id}, &got)
		if got.State != w.state || w.state == "unknown" && (got.Recipients[0].MessageID == "" || got.Recipients[0].Reason != w.reason) || w.state == "prepared" && got.Reason != w.reason {
			t.Fatalf("%+v, want %+v", got, w)
		}
	}
	// It survives restarts, and the file being taken away.
	if err := os.Remove(filepath.Join(home, app.SealFile)); err != nil {
		t.Fatal(err)
	}
	n.Reopen(t)
	d.sendsNothing(t, n)
	if err := os.WriteFile(filepath.Join(home, app.SealFile), []byte("r1 x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.opens(t, n)
	n.Reopen(t)
	if n.App.Sealed() {
		t.Fatal("sealed again")
	}
	if _, err := os.Stat(filepath.Join(home, app.SealFile)); err == nil {
		t.Fatal("the file stays")
	}
	if rep, err := n.App.Gate.Verify(context.Background(), nil); err != nil || len(rep.Damages) > 0 {
		t.Fatalf("%+v %v", rep, err)
	}
}

// sendsNothing lets the house work with a relay that takes anything, by itself
// and by force.
func (d *drill) sendsNothing(t *testing.T, n *apptest.World) {
	t.Helper()
	if !n.App.Sealed() {
		t.Fatal("not sealed")
	}
	before := len(d.trap.List())
	relay := d.relay()
	stop, err := n.App.StartWith(context.Background(), &relay)
	if err != nil {
		t.Fatal(err)
	}
	d.Pass(48 * time.Hour)
	time.Sleep(1500 * time.Millisecond)
	stop()
	w := dispatch.Worker{Gate: n.App.Gate, As: gate.System("dispatch"), Blobs: n.App.Blobs, Relay: relay, Holder: "new", Log: slog.New(slog.DiscardHandler)}
	if got, _, err := w.Once(context.Background()); got != 0 || err != nil {
		t.Fatal("a worker found something to send", got, err)
	}
	if len(d.trap.List()) != before {
		t.Fatal("a restored house has sent mail")
	}
}

// opens lets one person try, and two people do it, while the house is running.
func (d *drill) opens(t *testing.T, n *apptest.World) {
	t.Helper()
	ctx := context.Background()
	relay := d.relay()
	n.Reopen(t) // takes over the seal of the file
	stop, err := n.App.StartWith(ctx, &relay)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	asks, in := n.Of("controller", 0), m{"reason": "元の家は止め、この家を本番にします"}
	err = n.Troupe.Act(ctx, asks, "backup.unseal", in, nil)
	var s *demo.Stop
	if !errors.As(err, &s) || s.Request == "" || !n.App.Sealed() {
		t.Fatal("one person opened it", err)
	}
	request := s.Request
	if err := n.Troupe.Approve(ctx, asks, request); err == nil {
		t.Fatal("who asked has agreed")
	}
	for _, role := range []string{"sales", "accounting", "auditor"} {
		if err := n.Troupe.Act(ctx, n.Of(role, 0), "backup.unseal", in, nil); !errors.As(err, &s) || s.Code != "policy.role_never" {
			t.Fatal(role, err)
		}
	}
	if err := n.Troupe.Approve(ctx, n.Of("controller", 1), request); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); n.App.Sealed(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("two people opened it, and it stays sealed")
		}
	}
	before := len(d.trap.List())
	time.Sleep(500 * time.Millisecond)
	if len(d.trap.List()) != before {
		t.Fatal("what may have been sent before was sent again")
	}
	if err := n.Troupe.Act(ctx, asks, "backup.unseal", in, nil); !errors.As(err, &s) || s.Code != "backup.not_sealed" {
		t.Fatal("there is nothing to open any more")
	}
}

// whatever is wrong is said before the new home exists.
func TestR30_ARefusedRestoreWritesNothing(t *testing.T) {
	d := newDrill(t, "")
	o, err := d.keeper.Run(context.Background(), "command")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.keeper.Remote, "generations", o.Run.Generation)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "new")
	for i := range 40 {
		b := append([]byte(nil), whole...)
		b[(len(b)/41)*(i+1)] ^= 1 << (i % 8)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := d.restore(t, home, "")
		if !fault.Is(err, fault.KindRefused) {
			t.Fatal("a damaged generation was restored", err)
		}
		if _, err := os.Lstat(home); err == nil {
			t.Fatal("something was written")
		}
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.restore(t, home, ""); err != nil {
		t.Fatal("the sound one is refused", err)
	}
}
