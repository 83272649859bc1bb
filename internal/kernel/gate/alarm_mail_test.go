package gate_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/assure/watch"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// alarmWorld is a gate with the watch and the outer gate on it, and a trap at
// the end of its line.
type alarmWorld struct {
	*gatetest.World
	told   []gate.Alarm
	trap   *trap.Trap
	worker *dispatch.Worker
}

// eachWatched stands here, and not with the watch, because only this package's
// tests can write rows as a database administrator does.
func eachWatched(t *testing.T, f func(t *testing.T, w *alarmWorld)) {
	from := dispatch.Sender{Address: "billing@hokuto-supply.co.jp"}
	d := gatetest.Must[*dispatch.Gate](t)(dispatch.New(dispatch.Settings{From: from}))
	var now *alarmWorld // of the engine being tested
	o := gatetest.Options{Matrix: matrix, Request: dispatch.Keep, Alarm: func(a gate.Alarm) { now.told = append(now.told, a) },
		Modules: []gate.Module{module, recordModule, approval.Module, org.Module, party.Module, document.Module, d.Module, watch.Module}}
	now = &alarmWorld{}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		tr := gatetest.Must[*trap.Trap](t)(trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: g.Clock.Now}))
		t.Cleanup(func() { tr.Close() })
		now = &alarmWorld{World: g, trap: tr, worker: &dispatch.Worker{Gate: g.G, As: gate.System("dispatch"), Blobs: g.Blobs, From: from, Log: slog.New(slog.DiscardHandler),
			Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "mail.hokuto-supply.co.jp"}}}
		f(t, now)
	})
}

// address makes a confirmed address for machine mail.
func (w *alarmWorld) address(t *testing.T, purpose, mail string) {
	t.Helper()
	one, two := gatetest.Boss("one"), gatetest.Boss("two")
	a := gatetest.Must[dispatch.NoticeAddress](t)(gate.Run(bg, w.G, one, dispatch.NoticePropose, dispatch.NoticeProposeIn{Address: mail, Purpose: purpose, Label: "情報システム課"}))
	_, err := gate.Run(bg, w.G, one, dispatch.NoticeConfirm, dispatch.NoticeAddressIn{ID: a.ID, Reason: "電話で確かめました"})
	wants(t, err, fault.KindPending, "")
	id := ""
	for i, v := range fault.Of(err).Args {
		if v == "request" {
			id = fmt.Sprint(fault.Of(err).Args[i+1])
		}
	}
	r := gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, two, approval.Show, approval.ByID{ID: id}))
	if _, err := gate.Run(bg, w.G, two, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest}); err != nil {
		t.Fatal(err)
	}
}

// parts sends what is due and gives the decoded parts of the nth mail.
func (w *alarmWorld) parts(t *testing.T, n int) (to string, texts []string) {
	t.Helper()
	if _, _, err := w.worker.Notices(bg); err != nil {
		t.Fatal(err)
	}
	list := w.trap.List()
	if len(list) != n {
		t.Fatalf("%d mails, want %d", len(list), n)
	}
	_, raw, err := w.trap.Get(list[n-1].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range bytes.Split(raw, []byte("\r\n\r\n"))[1:] {
		b64, _, _ := bytes.Cut(p, []byte("\r\n--"))
		if b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(b64), "\r\n", "")); err == nil && len(b) > 0 {
			texts = append(texts, string(b))
		}
	}
	return list[n-1].To[0], texts
}

// Somebody edits a row in the database: the round finds it, an alarm stands, and
// the mail that names the row lies in the box of whoever is to look.
func TestA09_C59_AMailArrivesWhenARowIsTamperedWith(t *testing.T) {
	eachWatched(t, func(t *testing.T, w *alarmWorld) {
		w.address(t, "alarm", "alarm@hokuto-supply.co.jp")
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "東北機械製作所", Yen: 118_800}))
		size(t, w.World)
		if s := gatetest.Must[gate.Sweep](t)(w.G.Sweep(bg, 1)); len(s.Damages) != 0 || len(w.told) != 0 {
			t.Fatalf("%+v", s)
		}
		if n := gate.Tamper(t, w.G, `UPDATE card SET yen = 999 WHERE id = $1`, c.ID); n != 1 {
			t.Fatal(n)
		}
		if s := gatetest.Must[gate.Sweep](t)(w.G.Sweep(bg, 1)); len(s.Damages) != 1 {
			t.Fatalf("%+v", s)
		}
		if want := (gate.Alarm{Key: "verify.row_altered", Kind: "card", Subject: c.ID, Leaf: w.told[0].Leaf}); len(w.told) != 1 || w.told[0] != want {
			t.Fatalf("%+v", w.told)
		}
		for _, a := range w.told {
			in := watch.RaiseIn{What: a.Key, Kind: a.Kind, Subject: a.Subject, Leaf: a.Leaf}
			if got := gatetest.Must[watch.Alarm](t)(gate.Run(bg, w.G, gate.System("watch"), watch.Raise, in)); !got.Tampering || got.State != watch.Open {
				t.Fatalf("%+v", got)
			}
		}
		to, texts := w.parts(t, 1)
		if to != "alarm@hokuto-supply.co.jp" || len(texts) != 1 {
			t.Fatal(to, texts)
		}
		for _, want := range []string{"card の行 " + c.ID, "Row " + c.ID + " of card"} {
			if !strings.Contains(texts[0], want) {
				t.Errorf("%q is not in %s", want, texts[0])
			}
		}
		for _, never := range []string{"東北", "118", "999", "://"} {
			if strings.Contains(texts[0], never) {
				t.Errorf("%q is in %s", never, texts[0])
			}
		}
	})
}

// The mailed checkpoint is all that an outsider needs, beside the public key, to
// see with the second implementation that the log was rebuilt.
func TestC59_TheMailedCheckpointConvictsARewrittenLog(t *testing.T) {
	bin := buildSecond(t)
	eachWatched(t, func(t *testing.T, w *alarmWorld) {
		w.address(t, "checkpoint", "witness@example.com")
		size(t, w.World)
		older := export(t, w.World)
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n", Yen: 5}))
		size(t, w.World)
		gatetest.Must[watch.MailOut](t)(gate.Run(bg, w.G, gate.System("watch"), watch.Mail, watch.MailIn{Day: civil.Of(w.Clock.Now())}))
		to, texts := w.parts(t, 1)
		if to != "witness@example.com" || len(texts) != 2 {
			t.Fatal(to, texts)
		}
		size(t, w.World)
		key, dir := w.Ring.LogVerifier(), export(t, w.World)
		rebuilt := takeApart(t, dir) // as whoever has the keys can make it
		rebuilt.leaves[2][0] = bytes.Replace(rebuilt.leaves[2][0], []byte(`"via":"`), []byte(`"via":"x`), 1)
		rebuilt.resign(t, w.Ring.LogSigner())
		for i, text := range texts { // the body with its words, and the attachment
			file := filepath.Join(t.TempDir(), "checkpoint.txt")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			bin.wants(t, fmt.Sprint("part ", i), 0, "mailed checkpoint was signed over are there unchanged", "--key", key, "--note", file, dir)
			forged := strings.Replace(text, "sekisho.test\n", "sekisho.test\n9", 1)
			forged = strings.Replace(forged, "sekisho.test\r\n", "sekisho.test\r\n9", 1)
			if err := os.WriteFile(file+".forged", []byte(forged), 0o600); err != nil {
				t.Fatal(err)
			}
			bin.wants(t, "forged", 1, "signature does not fit", "--key", key, "--note", file+".forged", dir)
			bin.wants(t, "rebuilt", 1, "the past was rewritten", "--key", key, "--note", file, rebuilt.write(t))
			bin.wants(t, "an older log", 1, "is missing", "--key", key, "--note", file, older)
		}
	})
}
