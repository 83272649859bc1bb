package share_test

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"

	"github.com/emersion/go-message"
)

const portal = "https://uketori.hokuto-supply.example.jp"

var (
	bg       = context.Background()
	boss     = gatetest.Boss("sender")
	approver = gatetest.Boss("second")
	nobody   = gate.Nobody(netip.MustParseAddr("198.51.100.7"))
)

type archiveIn struct {
	Party  string     `json:"party"`
	Number string     `json:"number"`
	Kind   string     `json:"kind"`
	Digest string     `json:"digest"`
	Size   int64      `json:"size"`
	Amount money.Yen  `json:"amount"`
	Due    civil.Date `json:"due"`
}

var archive = gate.New(gate.Op[archiveIn, document.Document]{Name: "paper.archive", Mode: gate.Write,
	Target: func(*gate.Tx, archiveIn) (gate.Target, error) { return gate.Target{Kind: "paper", ID: "x"}, nil },
	Do: func(x *gate.Tx, in archiveIn) (document.Document, error) {
		d := document.Document{Kind: in.Kind, Direction: document.Issued, Party: in.Party, Number: in.Number, Amount: in.Amount, Date: civil.MustParse("2026-11-20"), Due: in.Due,
			Name: in.Number + ".pdf", Media: "application/pdf", Digest: in.Digest, Size: in.Size}
		return d, document.Archive(x, &d)
	}})

type world struct {
	*gatetest.World
	t      *testing.T
	d      *dispatch.Gate
	worker *dispatch.Worker
	mails  string
	party  party.Party
	point  party.DeliveryPoint
	pdf    []byte
}

// rights gives the ops of recipients to nobody, as the product does.
func rights(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../app/matrix/share.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := "role nobody clearance=public\n"
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasSuffix(l, "nobody=all") {
			out += l + "\n"
		}
	}
	return out
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.example.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	o := gatetest.Options{Request: dispatch.Keep, Outside: portal, Matrix: rights(t), Modules: []gate.Module{approval.Module, org.Module, party.Module, document.Module, d.Module, share.Module,
		{Name: "paper", Ops: []gate.Any{archive, revoke}}}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := &world{World: g, t: t, d: d, mails: t.TempDir()}
		g.Clock.Pass(48 * time.Hour)
		tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: w.mails, Now: g.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		w.worker = &dispatch.Worker{Gate: g.G, As: gate.System("dispatch"), Blobs: g.Blobs, Holder: "node1", From: dispatch.Sender{Name: "北斗サプライ", Address: "billing@hokuto-supply.example.jp"},
			Log: slog.New(slog.DiscardHandler), Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "localhost"}}
		must(w, boss, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001", Address: "札幌市中央区北一条西1-1",
			Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}})
		w.party = must(w, boss, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所", Department: "east",
			Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}})
		w.point = must(w, boss, party.PointPropose, party.ProposeIn{Party: w.party.ID, Address: "keiri@tohoku-kikai.example.jp", Label: "経理"})
		agreed(w, party.PointVerify, party.VerifyIn{ID: w.point.ID, Version: w.point.Version, How: "phone", Reason: "代表電話で確認"})
		f(t, w)
	})
}

func run[In, Out any](w *world, c gate.Credential, u *gate.UseCase[In, Out], in In) (Out, error) {
	return gate.Run(bg, w.G, c, u, in)
}

func must[In, Out any](w *world, c gate.Credential, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := run(w, c, u, in)
	if err != nil {
		w.t.Fatalf("%s: %v", u.Name(), err)
	}
	return out
}

func agreed[In, Out any](w *world, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := run(w, boss, u, in)
	wants(w.t, err, fault.KindPending, "")
	approve(w, err)
}

func approve(w *world, pending error) {
	w.t.Helper()
	id := ""
	a := fault.Of(pending).Args
	for i := 0; i+1 < len(a); i += 2 {
		if a[i] == "request" {
			id = a[i+1].(string)
		}
	}
	r := must(w, approver, approval.Show, approval.ByID{ID: id})
	must(w, approver, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
}

func wants(t testing.TB, err error, k fault.Kind, key string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || key != "" && f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

// paper archives a PDF of ours.
func (w *world) paper(kind, number string) string {
	w.t.Helper()
	return w.paperDue(kind, number, civil.Date{})
}

// paperDue archives one that says when it is to be paid.
func (w *world) paperDue(kind, number string, due civil.Date) string {
	w.t.Helper()
	d := pdf.New(pdf.Meta{Title: "請求書", Created: gatetest.Start})
	p := d.AddPage()
	for i, l := range []string{"請求書 " + number, "株式会社東北機械製作所 御中", "ご請求金額 ¥118,800", "北斗サプライ株式会社 登録番号 T1234567890123"} {
		p.Text(20*pdf.MM, (30+pdf.Length(i)*8)*pdf.MM, l, pdf.Style{Size: pdf.Pt(11)})
	}
	b, err := d.Bytes()
	if err != nil {
		w.t.Fatal(err)
	}
	digest, err := w.Blobs.Put(bg, b)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pdf = b
	return must(w, boss, archive, archiveIn{w.party.ID, number, kind, digest.String(), int64(len(b)), 118_800, due}).ID
}

// sends prepares, checks, approves and sends a package with a document.
func (w *world) sends(kind, number string) dispatch.Shown {
	w.t.Helper()
	purpose := map[string]dispatch.Purpose{document.Invoice: dispatch.ForInvoice}[kind]
	if purpose == "" {
		purpose = dispatch.ForQuote
	}
	return w.sendsAll(purpose, "ご請求書 "+number, w.paper(kind, number))
}

// sendsAll sends several documents in one package.
func (w *world) sendsAll(purpose dispatch.Purpose, subject string, docs ...string) dispatch.Shown {
	w.t.Helper()
	s := must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.party.ID, Subject: subject, Body: "株式会社東北機械製作所 御中\nお送りします。", Purpose: purpose,
		Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.point.Address}}, Documents: docs})
	return w.released(s)
}

func (w *world) released(s dispatch.Shown) dispatch.Shown {
	w.t.Helper()
	w.approved(s)
	w.Clock.Pass(dispatch.DefaultHold + time.Second)
	if _, _, err := w.worker.Once(bg); err != nil {
		w.t.Fatal(err)
	}
	return must(w, boss, dispatch.Show, dispatch.ByID{ID: s.ID})
}

// approved checks, confirms and approves a package, which then waits.
func (w *world) approved(s dispatch.Shown) {
	w.t.Helper()
	c := must(w, boss, w.d.Check, dispatch.ByID{ID: s.ID})
	if c.State != dispatch.Checked {
		w.t.Fatalf("%s: %+v", c.State, c.Findings)
	}
	var ticks []string
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	must(w, boss, dispatch.ConfirmOp, dispatch.ConfirmIn{ID: s.ID, Digest: c.Digest, Ticks: ticks})
	if _, err := run(w, boss, w.d.Release, dispatch.ReleaseIn{ID: s.ID, Digest: c.Digest}); fault.Is(err, fault.KindPending) {
		approve(w, err)
	} else if err != nil {
		w.t.Fatal(err)
	}
}

// mail is the text and the number of attachments of the last trapped mail.
func (w *world) mail() (string, int) {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.mails, "*.eml"))
	if err != nil || len(names) == 0 {
		w.t.Fatal("no mail", err)
	}
	slices.Sort(names)
	f, err := os.Open(names[len(names)-1])
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	e, err := message.Read(f)
	if err != nil {
		w.t.Fatal(err)
	}
	text, files := "", 0
	err = e.Walk(func(_ []int, p *message.Entity, err error) error {
		if err != nil {
			return err
		}
		media, _, _ := p.Header.ContentType()
		switch {
		case strings.HasPrefix(media, "multipart/"):
		case media == "text/plain":
			var b strings.Builder
			buf := make([]byte, 64<<10)
			for {
				n, err := p.Body.Read(buf)
				b.Write(buf[:n])
				if err != nil {
					break
				}
			}
			text += b.String()
		default:
			files++
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return text, files
}

var (
	linkIn = regexp.MustCompile(regexp.QuoteMeta(portal) + `/s/([a-z2-7]{16})#([A-Za-z0-9_-]{43})`)
	codeIn = regexp.MustCompile(`(?m)^\s+(\d{6})\s*$`)
)

// link is the locator and the secret of the last mail.
func (w *world) link() (string, string) {
	w.t.Helper()
	text, _ := w.mail()
	m := linkIn.FindStringSubmatch(text)
	if m == nil {
		w.t.Fatal("no link in: ", text)
	}
	return m[1], m[2]
}

// code is the code of the mail that goes out now.
func (w *world) code() string {
	w.t.Helper()
	if n, _, err := w.worker.Notices(bg); err != nil || n != 1 {
		w.t.Fatal("machine mails sent: ", n, err)
	}
	text, _ := w.mail()
	m := codeIn.FindStringSubmatch(text)
	if m == nil {
		w.t.Fatal("no code in: ", text)
	}
	return m[1]
}

// enters opens a link and proves it, and gives the browser's cookie.
func (w *world) enters(locator, secret string) string {
	w.t.Helper()
	o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
	must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
	return must(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: o.Ticket, Code: w.code()}).Device
}
