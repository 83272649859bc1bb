package watch_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekisho/internal/assure/watch"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

var (
	bg     = context.Background()
	one    = gatetest.Boss("one")
	two    = gatetest.Boss("two")
	server = gate.System("watch")
	from   = dispatch.Sender{Address: "billing@hokuto-supply.co.jp"}
)

type world struct {
	*gatetest.World
	t      *testing.T
	trap   *trap.Trap
	worker *dispatch.Worker
}

func each(t *testing.T, f func(w *world)) {
	d, err := dispatch.New(dispatch.Settings{From: from})
	if err != nil {
		t.Fatal(err)
	}
	o := gatetest.Options{Request: dispatch.Keep, Modules: []gate.Module{approval.Module, org.Module, party.Module, document.Module, d.Module, watch.Module}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: g.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		f(&world{World: g, t: t, trap: tr, worker: &dispatch.Worker{Gate: g.G, As: server, Blobs: g.Blobs, From: from, Log: slog.New(slog.DiscardHandler),
			Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "mail.hokuto-supply.co.jp"}}})
	})
}

func run[In, Out any](w *world, as gate.Credential, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := gate.Run(bg, w.G, as, u, in)
	if err != nil {
		w.t.Fatalf("%s: %v", u.Name(), err)
	}
	return out
}

func wants(t *testing.T, err error, k fault.Kind, key string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Kind != k || key != "" && f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

// agree lets a second person approve what err says is pending.
func (w *world) agree(err error, as gate.Credential) error {
	w.t.Helper()
	wants(w.t, err, fault.KindPending, "")
	id := ""
	for i, a := range fault.Of(err).Args {
		if a == "request" {
			id = fmt.Sprint(fault.Of(err).Args[i+1])
		}
	}
	r := run(w, as, approval.Show, approval.ByID{ID: id})
	_, err = gate.Run(bg, w.G, as, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
	return err
}

func (w *world) address(purpose, mail string) string {
	w.t.Helper()
	a := run(w, one, dispatch.NoticePropose, dispatch.NoticeProposeIn{Address: mail, Purpose: purpose, Label: "情報システム課"})
	_, err := gate.Run(bg, w.G, one, dispatch.NoticeConfirm, dispatch.NoticeAddressIn{ID: a.ID, Reason: "電話で確かめました"})
	if err := w.agree(err, two); err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// mails sends what is due and gives all that lies in the trap.
func (w *world) mails() [][]byte {
	w.t.Helper()
	if _, _, err := w.worker.Notices(bg); err != nil {
		w.t.Fatal(err)
	}
	var out [][]byte
	for _, m := range w.trap.List() {
		_, b, err := w.trap.Get(m.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func (w *world) raise(what, subject string) watch.Alarm {
	w.t.Helper()
	return run(w, server, watch.Raise, watch.RaiseIn{What: what, Kind: "party", Subject: subject, Leaf: 7})
}

// The same alarm counts up and is mailed once an hour; one that somebody looks
// after once a day.
func TestAlarmsAreCountedAndMailed(t *testing.T) {
	each(t, func(w *world) {
		if a := w.raise("verify.row_altered", "P1"); a.Mails != 0 || a.Count != 1 || !a.Tampering || len(w.mails()) != 0 {
			w.t.Fatalf("nobody to tell: %+v", a)
		}
		w.address("alarm", "a@hokuto-supply.co.jp")
		w.address("alarm", "b@hokuto-supply.co.jp")
		if a := w.raise("verify.row_altered", "P1"); a.Mails != 2 || a.Count != 2 || len(w.mails()) != 2 {
			w.t.Fatalf("%+v", a)
		}
		a := w.raise("verify.row_altered", "P1")
		if a.Count != 3 || len(w.mails()) != 2 {
			w.t.Fatalf("%+v", a)
		}
		w.raise("verify.row_altered", "P2")
		w.raise("verify.row_removed", "P1")
		if n := len(w.mails()); n != 6 {
			w.t.Fatal(n)
		}
		w.Clock.Pass(time.Hour)
		if a := w.raise("verify.row_altered", "P1"); a.Mails != 4 || len(w.mails()) != 8 {
			w.t.Fatalf("%+v", a)
		}
		run(w, one, watch.Acknowledge, watch.SettleIn{ID: a.ID, Reason: "調査を始めました"})
		_, err := gate.Run(bg, w.G, two, watch.Acknowledge, watch.SettleIn{ID: a.ID, Reason: "調査を始めました"})
		wants(w.t, err, fault.KindRefused, "watch.acknowledged")
		w.Clock.Pass(2 * time.Hour)
		if got := w.raise("verify.row_altered", "P1"); got.ID != a.ID || got.Count != 5 || len(w.mails()) != 8 {
			w.t.Fatalf("%+v", got)
		}
		w.Clock.Pass(24 * time.Hour)
		if w.raise("verify.row_altered", "P1"); len(w.mails()) != 10 {
			w.t.Fatal("an acknowledged alarm is never mailed again")
		}
		l := run(w, one, watch.List, watch.ListIn{State: watch.Acknowledged})
		if len(l.Rows) != 1 || l.Rows[0].Ja != "party の行 P1 が Sekisho の外で書き換えられています（記録 7 の後）。" || !strings.HasPrefix(l.Rows[0].En, "Row P1 of party") {
			w.t.Fatalf("%+v", l)
		}
	})
}

// Many alarms at once do not become as many mails.
func TestAFloodOfAlarmsIsNotAFloodOfMails(t *testing.T) {
	each(t, func(w *world) {
		w.address("alarm", "a@hokuto-supply.co.jp")
		for i := range 50 {
			w.raise("verify.row_altered", fmt.Sprintf("P%d", i))
		}
		if n := len(w.mails()); n != 21 {
			w.t.Fatal(n, "mails")
		}
		if l := run(w, one, watch.List, watch.ListIn{Limit: 200}); len(l.Rows) != 51 {
			w.t.Fatal(len(l.Rows), "alarms")
		}
	})
}

// An alarm about tampering is closed by two people, any other by one.
func TestAlarmsAreClosedByPeople(t *testing.T) {
	each(t, func(w *world) {
		a, b := w.raise("verify.row_altered", "P1"), w.raise(watch.DiskLow, "data")
		in := watch.SettleIn{ID: a.ID, Reason: "復元した後の確認が済みました"}
		_, err := gate.Run(bg, w.G, one, watch.Close, in)
		if w.agree(err, one) == nil {
			w.t.Fatal("one person closed it alone")
		}
		w.raise("verify.row_altered", "P1") // seen again: what was asked for is not what stands
		if w.agree(err, two) == nil {
			w.t.Fatal("closed although it was seen again")
		}
		_, err = gate.Run(bg, w.G, one, watch.Close, in)
		if err := w.agree(err, two); err != nil {
			w.t.Fatal(err)
		}
		_, err = gate.Run(bg, w.G, one, watch.Close, in)
		wants(w.t, err, fault.KindRefused, "watch.closed")
		_, err = gate.Run(bg, w.G, one, watch.Acknowledge, in)
		wants(w.t, err, fault.KindRefused, "watch.closed")
		if got := w.raise("verify.row_altered", "P1"); got.ID == a.ID || got.Count != 1 {
			w.t.Fatalf("a closed alarm went on: %+v", got)
		}
		if got := run(w, one, watch.Close, watch.SettleIn{ID: b.ID, Reason: "空きを増やしました"}); got.State != watch.Closed || got.ApprovedBy != "" {
			w.t.Fatalf("%+v", got)
		}
		_, err = gate.Run(bg, w.G, one, watch.Close, watch.SettleIn{ID: "nobody", Reason: "空きを増やしました"})
		wants(w.t, err, fault.KindNotFound, "")
		_, err = gate.Run(bg, w.G, one, watch.Acknowledge, watch.SettleIn{ID: a.ID})
		wants(w.t, err, fault.KindInvalid, "")
		for _, bad := range []watch.RaiseIn{{What: "no.such_key", Kind: "x"}, {Kind: "x"}, {What: "verify.tile"}, {What: "verify.tile", Kind: "x", Subject: strings.Repeat("x", 201)}} {
			_, err := gate.Run(bg, w.G, server, watch.Raise, bad)
			wants(w.t, err, fault.KindInvalid, "")
		}
	})
}

// Machine mail that does not arrive is an alarm itself.
func TestMachineMailThatIsRefusedIsAnAlarm(t *testing.T) {
	each(t, func(w *world) {
		id := w.address("checkpoint", "witness@example.com")
		w.seal()
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550})
		run(w, server, watch.Mail, watch.MailIn{Day: civil.Of(w.Clock.Now())})
		w.mails()
		w.trap.Break(trap.Fault{})
		w.address("alarm", "a@hokuto-supply.co.jp")
		if out := run(w, server, watch.Look, struct{}{}); out.Raised != 1 || len(w.mails()) != 1 {
			w.t.Fatal(out)
		}
		if l := run(w, one, watch.List, watch.ListIn{}); len(l.Rows) != 1 || l.Rows[0].Alarm.What != watch.MailFailed || l.Rows[0].Alarm.Subject != id {
			w.t.Fatalf("%+v", l)
		}
		w.Clock.Pass(25 * time.Hour)
		if out := run(w, server, watch.Look, struct{}{}); out.Raised != 0 {
			w.t.Fatal(out)
		}
	})
}

func (w *world) seal() {
	w.t.Helper()
	if err := w.G.Seal(bg); err != nil {
		w.t.Fatal(err)
	}
}

// noteOf reads the signed note out of a mail: in its body, and attached.
func noteOf(t *testing.T, raw []byte) (body, attached string) {
	t.Helper()
	var parts []string
	for _, p := range bytes.Split(raw, []byte("\r\n\r\n"))[2:] {
		b64, _, _ := bytes.Cut(p, []byte("\r\n--"))
		b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(b64), "\r\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(b))
	}
	if len(parts) != 2 {
		t.Fatal(len(parts), "parts")
	}
	body, _, _ = strings.Cut(strings.ReplaceAll(parts[0], "\r\n", "\n"), "\n----\n")
	return body, parts[1]
}

// The signed checkpoint arrives outside every day, also while all sending is
// stopped, and verifies with the log's public key alone.
func TestC59_TheDailyCheckpointArrivesAndVerifies(t *testing.T) {
	each(t, func(w *world) {
		day := civil.Of(w.Clock.Now())
		w.address("alarm", "a@hokuto-supply.co.jp")
		w.seal()
		if out := run(w, server, watch.Mail, watch.MailIn{Day: day}); out.Done {
			w.t.Fatal("done without an address")
		}
		id := w.address("checkpoint", "witness@example.com")
		run(w, one, dispatch.StopAll, dispatch.StopIn{Reason: "誤送信の疑いがあるため"})
		w.seal()
		size := gatetest.Must[int64](w.t)(w.G.LogSize(bg))
		out := run(w, server, watch.Mail, watch.MailIn{Day: day})
		if !out.Done || out.Checkpoint.Size < size-1 || len(out.Checkpoint.Addresses) != 1 || out.Checkpoint.Addresses[0] != id || out.Checkpoint.Missed != 0 {
			w.t.Fatalf("%+v", out)
		}
		m := w.mails()
		if len(m) != 1 || w.trap.List()[0].To[0] != "witness@example.com" {
			w.t.Fatal(len(m))
		}
		body, attached := noteOf(w.t, m[0])
		if body != attached {
			w.t.Fatalf("%q and %q", body, attached)
		}
		v := gatetest.Must[note.Verifier](w.t)(note.NewVerifier(w.Ring.LogVerifier()))
		c := gatetest.Must[audit.Checkpoint](w.t)(audit.ParseCheckpoint([]byte(attached), "sekisho.test", v))
		if c.Size != out.Checkpoint.Size || base64.StdEncoding.EncodeToString(c.Root[:]) != out.Checkpoint.Root {
			w.t.Fatal(c)
		}
		// Once a day; days without a server are made up by one mail.
		if again := run(w, server, watch.Mail, watch.MailIn{Day: day}); again.Checkpoint.ID != out.Checkpoint.ID || len(w.mails()) != 1 {
			w.t.Fatal("twice on one day")
		}
		w.Clock.Pass(4 * 24 * time.Hour)
		out = run(w, server, watch.Mail, watch.MailIn{Day: day.AddDays(4)})
		if out.Checkpoint.Missed != 3 || len(w.mails()) != 2 {
			w.t.Fatalf("%+v", out)
		}
		p := run(w, one, watch.Mailed, watch.MailedIn{Limit: 1})
		q := run(w, one, watch.Mailed, watch.MailedIn{Limit: 1, After: p.Next})
		if len(p.Rows) != 1 || p.Rows[0].Day != day.AddDays(4) || len(q.Rows) != 1 || q.Rows[0].Day != day || q.Next != "" {
			w.t.Fatalf("%+v %+v", p, q)
		}
	})
}
