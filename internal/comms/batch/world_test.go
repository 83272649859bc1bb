package batch_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"
)

var (
	bg     = context.Background()
	clerk  = gatetest.Boss("clerk")
	second = gatetest.Boss("second")
	server = gate.System("batch")
)

// world is a company whose invoices are issued, a trap for its mail, and workers.
type world struct {
	*gatetest.World
	t     testing.TB
	d     *dispatch.Gate
	h     *batch.House
	trap  *trap.Trap
	mail  *dispatch.Worker
	plans *batch.Worker
	parts []party.Party
}

// plantIn archives an issued invoice, as trade/invoice does when it has rendered it.
type plantIn struct {
	Doc document.Document `json:"-"`
}

type plantOut struct {
	ID string `json:"id" class:"internal"`
}

var plant = gate.New(gate.Op[plantIn, plantOut]{Name: "plant.run", Mode: gate.Write,
	Target: func(*gate.Tx, plantIn) (gate.Target, error) { return gate.Target{Kind: "plant", ID: "x"}, nil },
	Do: func(x *gate.Tx, in plantIn) (plantOut, error) {
		err := document.Archive(x, &in.Doc)
		return plantOut{in.Doc.ID}, err
	}})

const pauseOfTests = time.Minute

func each(t *testing.T, partners int, f func(t *testing.T, w *world)) {
	t.Helper()
	eachBy(t, "", partners, f)
}

// eachBy is each of a company with a portal at an origin.
func eachBy(t *testing.T, portal string, partners int, f func(t *testing.T, w *world)) {
	t.Helper()
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	h := batch.New(d, batch.Settings{Pause: pauseOfTests})
	o := gatetest.Options{Request: batch.Keep, Outside: portal, Modules: []gate.Module{jobs.Module, approval.Module, org.Module, party.Module, document.Module, d.Module, h.Module,
		{Name: "plant", Ops: []gate.Any{plant}}}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) { f(t, populate(t, d, h, g, partners)) })
}

func populate(t testing.TB, d *dispatch.Gate, h *batch.House, g *gatetest.World, partners int) *world {
	t.Helper()
	w := &world{World: g, t: t, d: d, h: h}
	g.Clock.Pass(48 * time.Hour) // a working day
	tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: g.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	w.trap = tr
	quiet := slog.New(slog.DiscardHandler)
	w.mail = &dispatch.Worker{Gate: g.G, As: gate.System("dispatch"), Blobs: g.Blobs, Holder: "node1", Log: quiet, Parallel: 4,
		Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "mail.hokuto-supply.co.jp"}}
	w.plans = &batch.Worker{Gate: g.G, As: server, House: h, Log: quiet}
	must(w, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001",
		Address: "札幌市中央区北一条西1-1", Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}})
	for n := range partners {
		w.partner(n)
	}
	return w
}

// nameless is a partner without any address.
func (w *world) nameless(n int) party.Party {
	w.t.Helper()
	return must(w, party.Create, party.CreateIn{Code: fmt.Sprintf("%06d", 100+n), Name: name(n), Honorific: "御中",
		Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}})
}

// bare is a partner with one verified address and no invoice.
func (w *world) bare(n int) party.Party {
	w.t.Helper()
	p := w.nameless(n)
	w.parts = append(w.parts, p)
	w.point(p, address(n))
	return p
}

// partner has an invoice that was issued today.
func (w *world) partner(n int) {
	w.t.Helper()
	p := w.bare(n)
	w.invoice(p, number(n), money.Yen(11_000+110*n), p.Name, civil.Date{})
}

func number(n int) string { return fmt.Sprintf("INV-2026-%04d", n) }

func name(n int) string {
	a, b, c := []rune("青北東西南海山谷金銀"), []rune("木水火土石竹松梅桜桃"), []rune("製紙鉄運薬米布電光機")
	return fmt.Sprintf("株式会社%c%c%c工業", a[n/100%10], b[n/10%10], c[n%10])
}

func address(n int) string { return fmt.Sprintf("keiri@partner%03d.co.jp", n) }

func (w *world) point(p party.Party, address string) {
	w.t.Helper()
	d := must(w, party.PointPropose, party.ProposeIn{Party: p.ID, Address: address, Label: "経理"})
	_, err := gate.Run(bg, w.G, clerk, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: "phone", Reason: "代表電話で確認"})
	w.approve(err)
}

// invoice archives one that names the partner said in it; due may be unknown.
func (w *world) invoice(p party.Party, number string, amount money.Yen, named string, due civil.Date) string {
	w.t.Helper()
	d := pdf.New(pdf.Meta{Title: "請求書", Created: gatetest.Start})
	page := d.AddPage()
	for i, l := range []string{"請求書 " + number, named + " 御中", "ご請求金額 ¥" + amount.String(), "北斗サプライ株式会社 登録番号 T1234567890123"} {
		page.Text(20*pdf.MM, (30+pdf.Length(i)*8)*pdf.MM, l, pdf.Style{Size: pdf.Pt(11)})
	}
	raw, err := d.Bytes()
	if err != nil {
		w.t.Fatal(err)
	}
	digest, err := w.Blobs.Put(bg, raw)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(w, plant, plantIn{document.Document{Kind: document.Invoice, Direction: document.Issued, Party: p.ID, Number: number, Amount: amount,
		Date: civil.Of(w.Clock.Now()), Due: due, Name: "請求書" + number + ".pdf", Media: "application/pdf", Digest: digest.String(), Size: int64(len(raw))}}).ID
}

func must[In, Out any](w *world, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := gate.Run(bg, w.G, clerk, u, in)
	if err != nil {
		w.t.Fatalf("%s: %v", u.Name(), err)
	}
	return out
}

func wants(t testing.TB, err error, k fault.Kind, key string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || key != "" && f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

func fails[In, Out any](w *world, key string, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, clerk, u, in)
	if f := fault.Of(err); f == nil || f.Key != key {
		w.t.Fatalf("want %s, got %v", key, err)
	}
}

func request(err error) string {
	a := fault.Of(err).Args
	for i := 0; i+1 < len(a); i += 2 {
		if a[i] == "request" {
			return a[i+1].(string)
		}
	}
	return ""
}

func (w *world) decide(id string, as gate.Credential) error {
	r, err := gate.Run(bg, w.G, as, approval.Show, approval.ByID{ID: id})
	if err != nil {
		return err
	}
	_, err = gate.Run(bg, w.G, as, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
	return err
}

// approve has what was asked for agreed to.
func (w *world) approve(asked error) {
	w.t.Helper()
	wants(w.t, asked, fault.KindPending, "")
	if err := w.decide(request(asked), second); err != nil {
		w.t.Fatal(err)
	}
}

// work runs jobs until none is due, at most n rounds.
func (w *world) work(n int) {
	w.t.Helper()
	jobs := &jobs.Worker{Gate: w.G, Parallel: 2, Log: slog.New(slog.DiscardHandler)}
	for range n {
		did, _, err := jobs.Once(bg)
		if err != nil {
			w.t.Fatal(err)
		}
		if did == 0 {
			return
		}
	}
}

// words of the plans of tests.
const (
	subject = "ご請求書の送付（{請求書番号}）"
	body    = "{取引先}\nいつもお世話になっております。\n{発行日}発行の請求書（{請求金額}）を添付します。"
)

// rehearsed plans all there is and rehearses it.
func (w *world) rehearsed() batch.Shown {
	w.t.Helper()
	b := must(w, w.h.Plan, batch.PlanIn{Subject: subject, Body: body})
	w.work(500)
	return w.is(b.ID, batch.Rehearsed)
}

func (w *world) show(id string) batch.Shown {
	w.t.Helper()
	return must(w, batch.Show, batch.ByID{ID: id})
}

func (w *world) is(id string, s batch.State) batch.Shown {
	w.t.Helper()
	b := w.show(id)
	if b.State != s {
		w.t.Fatalf("the plan is %s (%s), want %s", b.State, b.Reason, s)
	}
	return b
}

func all(r batch.ReviewOut) []string {
	var out []string
	for _, l := range r.Lines {
		for _, t := range l.Ticks {
			out = append(out, t.Tick)
		}
	}
	return out
}

// confirmed ticks everything.
func (w *world) confirmed(id string) batch.ReviewOut {
	w.t.Helper()
	r := must(w, batch.Review, batch.ByID{ID: id})
	must(w, batch.Confirm, batch.ConfirmIn{ID: id, Digest: r.Digest, Ticks: all(r)})
	return r
}

// ask asks for the release and gives the pending request.
func (w *world) ask(id string, at time.Time) error {
	w.t.Helper()
	r := w.confirmed(id)
	_, err := gate.Run(bg, w.G, clerk, w.h.Release, batch.ReleaseIn{ID: id, Digest: r.Digest, SendAt: at})
	wants(w.t, err, fault.KindPending, "gate.pending")
	return err
}

// agreed brings a plan to where it waits for its time.
func (w *world) agreed() batch.Shown {
	w.t.Helper()
	b := w.rehearsed()
	w.approve(w.ask(b.ID, time.Time{}))
	return w.is(b.ID, batch.Scheduled)
}

func (w *world) advance() {
	w.t.Helper()
	if _, err := w.plans.Once(bg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) send() {
	w.t.Helper()
	if _, _, err := w.mail.Once(bg); err != nil {
		w.t.Fatal(err)
	}
}

// stage lets the stage that is next go, and the mail with it.
func (w *world) stage() {
	w.t.Helper()
	w.Clock.Pass(pauseOfTests + time.Second)
	w.advance()
	w.send()
	w.advance()
}

// toEnd sends a plan to its end.
func (w *world) toEnd(id string) batch.Shown {
	w.t.Helper()
	w.Clock.Pass(dispatch.DefaultHold)
	for range 12 {
		if b := w.show(id); b.State != batch.Scheduled && b.State != batch.Sending {
			return b
		}
		w.stage()
	}
	return w.show(id)
}

// got are the addresses of what the relay took, each as often as it came.
func (w *world) got() map[string]int {
	out := map[string]int{}
	for _, m := range w.trap.List() {
		for _, to := range m.To {
			out[strings.ToLower(to)]++
		}
	}
	return out
}
