package invoice_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/trade/invoice"

	"github.com/emersion/go-message"
)

const uketori = "https://uketori.hokuto-supply.example.jp"

// posting is a company that sends its invoices by link.
type posting struct {
	world
	d      *dispatch.Gate
	worker *dispatch.Worker
	trap   *trap.Trap
	point  party.DeliveryPoint
}

func eachPosting(t *testing.T, f func(t *testing.T, w posting)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			f(t, openPosting(t, dsn))
		})
	}
}

func openPosting(t *testing.T, dsn string) posting {
	t.Helper()
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.example.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := optionsBy(t, d)
	nobody, err := os.ReadFile(filepath.Join("..", "..", "app", "matrix", "share.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(nobody), "\n") {
		if strings.HasSuffix(l, "nobody=all") {
			o.Matrix += l + "\n"
		}
	}
	o.Request, o.Outside = dispatch.Keep, uketori
	w := posting{world: prepared(gatetest.Open(t, o, dsn), t), d: d}
	w.Clock.Pass(48 * time.Hour) // a working day
	if w.trap, err = trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: w.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.trap.Close() })
	w.worker = &dispatch.Worker{Gate: w.G, As: gate.System("dispatch"), Blobs: w.Blobs, Holder: "node1", From: dispatch.Sender{Address: "billing@hokuto-supply.example.jp"},
		Log: slog.New(slog.DiscardHandler), Relay: dispatch.Relay{Host: "localhost", Port: w.trap.Port(), Mode: dispatch.StartTLS, ExtraRoots: w.trap.PEM(), Hello: "localhost"}}
	w.point = run(w.world, boss, party.PointPropose, party.ProposeIn{Party: w.ids["p1"], Address: "keiri@aoba-shokai.example.jp", Label: "経理"})
	_, err = gate.Run(bg, w.G, boss, party.PointVerify, party.VerifyIn{ID: w.point.ID, Version: w.point.Version, How: "phone", Reason: "代表電話で確認"})
	w.agree(err)
	return w
}

func (w posting) agree(asked error) {
	w.t.Helper()
	w.wants(asked, fault.KindPending, "")
	a := fault.Of(asked).Args
	for i := 0; i+1 < len(a); i += 2 {
		if a[i] == "request" {
			other := gatetest.Boss("second")
			r := run(w.world, other, approval.Show, approval.ByID{ID: a[i+1].(string)})
			run(w.world, other, approval.Approve, approval.ApproveIn{ID: r.ID, Digest: r.Digest})
		}
	}
}

// sent sends invoices by one link.
func (w posting) sent(list ...invoice.Shown) dispatch.Shown {
	w.t.Helper()
	in := dispatch.PrepareIn{Party: w.ids["p1"], Subject: "ご請求書の送付", Body: "株式会社青葉商会 御中\nリンクからお受け取りください。", Purpose: dispatch.ForInvoice,
		Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.point.Address}}}
	for _, s := range list {
		in.Documents = append(in.Documents, s.Document)
	}
	s := run(w.world, boss, w.d.Prepare, in)
	c := run(w.world, boss, w.d.Check, dispatch.ByID{ID: s.ID})
	if c.State != dispatch.Checked {
		w.t.Fatalf("%s: %+v", c.State, c.Findings)
	}
	var ticks []string
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	run(w.world, boss, dispatch.ConfirmOp, dispatch.ConfirmIn{ID: s.ID, Digest: c.Digest, Ticks: ticks})
	if _, err := gate.Run(bg, w.G, boss, w.d.Release, dispatch.ReleaseIn{ID: s.ID, Digest: c.Digest}); err != nil {
		w.agree(err)
	}
	w.Clock.Pass(dispatch.DefaultHold + time.Second)
	if _, _, err := w.worker.Once(bg); err != nil {
		w.t.Fatal(err)
	}
	if s = run(w.world, boss, dispatch.Show, dispatch.ByID{ID: s.ID}); s.Channel != dispatch.Link || s.State != dispatch.Handed {
		w.t.Fatal(s.Channel, s.State, s.Reason)
	}
	return s
}

var recipient = gate.Nobody(netip.MustParseAddr("198.51.100.7"))

// last finds something in the mail that came last.
func (w posting) last(what string) []string {
	w.t.Helper()
	all := w.trap.List()
	_, raw, err := w.trap.Get(all[len(all)-1].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	m := regexp.MustCompile(what).FindStringSubmatch(body(w.t, raw))
	if m == nil {
		w.t.Fatal("the mail has no ", what)
	}
	return m[1:]
}

func (w posting) voids(s invoice.Shown) (invoice.Shown, error) {
	return gate.Run(bg, w.G, boss, invoice.VoidReissue, invoice.VoidIn{ID: s.ID, Reason: "部署名の誤り"})
}

// A link that nobody opened gave nothing out: the invoice is voided, and the link
// with it, in one press.
func TestSM09_VoidKillsALinkNobodyOpened(t *testing.T) {
	eachPosting(t, func(t *testing.T, w posting) {
		old := w.ready("p1")
		s := w.sent(old)
		at := w.last(`/s/([a-z2-7]{16})#([A-Za-z0-9_-]{43})`)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		// Who has but the link sees a name and a subject.
		_, err := gate.Run(bg, w.G, recipient, share.Open, share.OpenIn{Locator: at[0], Secret: at[1]})
		must(err)
		fresh, err := w.voids(old)
		must(err)
		if l := run(w.world, boss, share.Of, share.OfIn{Package: s.ID}).Links[0]; l.WithdrawnAt.IsZero() || l.WithdrawnBy != "b" || l.Reason != "部署名の誤り" || !l.OpenedAt.IsZero() {
			t.Fatalf("%+v", l)
		}
		_, err = gate.Run(bg, w.G, recipient, share.Open, share.OpenIn{Locator: at[0], Secret: at[1]})
		w.wants(err, fault.KindRefused, "dispatch.link_gone")
		w.work()
		fresh = w.show(fresh.ID)
		if d := w.document(old.Document); d.Standing != document.Void || d.GivenHow != document.Never || fresh.Number != "INV-2026-000002" {
			t.Fatalf("%+v %s", d, fresh.Number)
		}
		// The new one goes out by a link of its own, is opened, and is not voided any more.
		w.sent(fresh)
		at = w.last(`/s/([a-z2-7]{16})#([A-Za-z0-9_-]{43})`)
		o, err := gate.Run(bg, w.G, recipient, share.Open, share.OpenIn{Locator: at[0], Secret: at[1]})
		must(err)
		_, err = gate.Run(bg, w.G, recipient, share.Code, share.CodeIn{Locator: at[0], Ticket: o.Ticket})
		must(err)
		_, _, err = w.worker.Notices(bg)
		must(err)
		_, err = gate.Run(bg, w.G, recipient, share.Verify, share.VerifyIn{Locator: at[0], Ticket: o.Ticket, Code: w.last(`(?m)^\s+(\d{6})\s*$`)[0]})
		must(err)
		_, err = w.voids(fresh)
		w.wants(err, fault.KindRefused, "invoice.given_by_link")
		if l := w.show(fresh.ID); l.Standing != invoice.InForce {
			t.Fatalf("%+v", l.Invoice)
		}
	})
}

// A link that was withdrawn before does not stand in the way; one that leads to
// other invoices too is withdrawn by hand first.
func TestSM09_VoidAfterTheLinkWasWithdrawn(t *testing.T) {
	eachPosting(t, func(t *testing.T, w posting) {
		one, two := w.ready("p1"), w.ready("p1")
		s := w.sent(one, two)
		_, err := w.voids(one)
		w.wants(err, fault.KindRefused, "share.holds_others")
		if h := w.show(one.ID); h.Standing != invoice.InForce {
			t.Fatalf("%+v", h.Invoice)
		}
		l := run(w.world, boss, share.Of, share.OfIn{Package: s.ID}).Links[0]
		run(w.world, boss, share.Withdraw, share.WithdrawIn{ID: l.ID, Reason: "出し直します"})
		if _, err := w.voids(one); err != nil {
			t.Fatal(err)
		}
		if h := w.show(two.ID); h.Standing != invoice.InForce || w.document(two.Document).GivenHow != document.Never {
			t.Fatalf("%+v", h.Invoice)
		}
	})
}

// body is the text of a mail that has one part.
func body(t testing.TB, raw []byte) string {
	t.Helper()
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
