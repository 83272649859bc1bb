//go:build bench

package bench

import (
	"fmt"
	"log/slog"
	"runtime"
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
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"
)

// TestBatch sends a hundred and a thousand invoices by attachment to a local
// relay: prepared, checked, agreed to once and handed over.
func TestBatch(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := func() string {
				if engine == "sqlite" {
					return ""
				}
				return pgtest.DSN(t)
			}
			h := &house{t: t, engine: engine}
			few := h.batch(dsn(), 100)
			many := h.batch(dsn(), 1000)
			h.want(many.rate() >= 50, "batch of 1,000: %.0f/s prepared, checked and handed over (want ≥ 50/s; planned and checked in %v, handed over in %v)",
				many.rate(), many.checked.Round(time.Millisecond), many.sent.Round(time.Millisecond))
			h.want(many.each() <= 3*few.each()/2, "one of 1,000 takes %v, one of 100 %v (want ≤ 1.5 times)", many.each().Round(10*time.Microsecond), few.each().Round(10*time.Microsecond))
			h.want(many.heap <= 64, "memory of the batch of 1,000: %d MB more at its greatest (want ≤ 64)", many.heap)
		})
	}
}

type batchRun struct {
	n             int
	checked, sent time.Duration
	heap          int64 // MB
}

func (r batchRun) each() time.Duration { return (r.checked + r.sent) / time.Duration(r.n) }
func (r batchRun) rate() float64       { return float64(r.n) / (r.checked + r.sent).Seconds() }

type plantDoc struct {
	Doc document.Document `json:"-"`
}

type plantNone struct{}

var plantOp = gate.New(gate.Op[plantDoc, plantNone]{Name: "plant.run", Mode: gate.Write,
	Target: func(*gate.Tx, plantDoc) (gate.Target, error) { return gate.Target{Kind: "plant", ID: "x"}, nil },
	Do:     func(x *gate.Tx, in plantDoc) (plantNone, error) { return plantNone{}, document.Archive(x, &in.Doc) }})

// batch makes a company of n partners with one invoice each, and sends them.
func (h *house) batch(dsn string, n int) batchRun {
	h.t.Helper()
	d, err := dispatch.New(dispatch.Settings{Hold: time.Millisecond, From: dispatch.Sender{Address: "billing@hokuto-supply.co.jp"}})
	if err != nil {
		h.t.Fatal(err)
	}
	b := batch.New(d, batch.Settings{})
	w := gatetest.Open(h.t, gatetest.Options{Clock: time.Now, Request: batch.Keep, Modules: []gate.Module{jobs.Module, approval.Module, org.Module, party.Module,
		document.Module, d.Module, b.Module, {Name: "plant", Ops: []gate.Any{plantOp}}}}, dsn)
	s := &batchHouse{house: h, w: w, b: b, clerk: gatetest.Boss("clerk"), second: gatetest.Boss("second")}
	s.people(n)
	tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: h.t.TempDir(), Now: time.Now})
	if err != nil {
		h.t.Fatal(err)
	}
	defer tr.Close()
	mail := &dispatch.Worker{Gate: w.G, As: gate.System("dispatch"), Blobs: w.Blobs, Holder: "node", Log: slog.New(slog.DiscardHandler), Parallel: 8,
		Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "mail.hokuto-supply.co.jp"}}
	out := batchRun{n: n}
	before := heap()
	began := time.Now()
	id := s.rehearsed()
	out.checked, out.heap = time.Since(began), heap()-before
	s.agree(id)
	began = time.Now()
	s.sent(id, mail)
	out.sent, out.heap = time.Since(began), max(out.heap, heap()-before)
	if got := len(tr.List()); got != n {
		h.t.Fatalf("the relay has %d of %d", got, n)
	}
	return out
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) >> 20
}

type batchHouse struct {
	*house
	w             *gatetest.World
	b             *batch.House
	clerk, second gate.Credential
}

func perform[In, Out any](s *batchHouse, u *gate.UseCase[In, Out], in In) Out {
	s.t.Helper()
	out, err := gate.Run(bg, s.w.G, s.clerk, u, in)
	if err != nil {
		s.t.Fatalf("%s: %v", u.Name(), err)
	}
	return out
}

// agreed has what was asked for approved.
func (s *batchHouse) agreed(asked error) {
	s.t.Helper()
	f := fault.Of(asked)
	if f == nil || f.Kind != fault.KindPending {
		s.t.Fatal(asked)
	}
	for i := 0; i+1 < len(f.Args); i += 2 {
		if f.Args[i] != "request" {
			continue
		}
		r, err := gate.Run(bg, s.w.G, s.second, approval.Show, approval.ByID{ID: f.Args[i+1].(string)})
		if err == nil {
			_, err = gate.Run(bg, s.w.G, s.second, approval.Approve, approval.ApproveIn{ID: r.ID, Digest: r.Digest})
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// people registers n partners, each with a verified address and an invoice.
func (s *batchHouse) people(n int) {
	perform(s, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001",
		Address: "札幌市中央区北一条西1-1", Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}})
	x, y, z := []rune("青北東西南海山谷金銀"), []rune("木水火土石竹松梅桜桃"), []rune("製紙鉄運薬米布電光機")
	for i := range n {
		name := fmt.Sprintf("株式会社%c%c%c工業", x[i/100%10], y[i/10%10], z[i%10])
		p := perform(s, party.Create, party.CreateIn{Code: fmt.Sprintf("%06d", 1000+i), Name: name, Honorific: "御中",
			Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}})
		v := perform(s, party.PointPropose, party.ProposeIn{Party: p.ID, Address: fmt.Sprintf("keiri@partner%04d.co.jp", i), Label: "経理"})
		_, err := gate.Run(bg, s.w.G, s.clerk, party.PointVerify, party.VerifyIn{ID: v.ID, Version: v.Version, How: "phone", Reason: "代表電話で確認"})
		s.agreed(err)
		s.invoice(p, i)
	}
}

func (s *batchHouse) invoice(p party.Party, i int) {
	amount, number := money.Yen(11_000+110*i), fmt.Sprintf("INV-2026-%05d", i)
	f := pdf.New(pdf.Meta{Title: "請求書", Created: gatetest.Start})
	page := f.AddPage()
	for n, l := range []string{"請求書 " + number, p.Name + " 御中", "ご請求金額 ¥" + amount.String(), "北斗サプライ株式会社 登録番号 T1234567890123"} {
		page.Text(20*pdf.MM, (30+pdf.Length(n)*8)*pdf.MM, l, pdf.Style{Size: pdf.Pt(11)})
	}
	raw, err := f.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	digest, err := s.w.Blobs.Put(bg, raw)
	if err != nil {
		s.t.Fatal(err)
	}
	perform(s, plantOp, plantDoc{document.Document{Kind: document.Invoice, Direction: document.Issued, Party: p.ID, Number: number, Amount: amount,
		Date: civil.Of(time.Now()), Name: number + ".pdf", Media: "application/pdf", Digest: digest.String(), Size: int64(len(raw))}})
}

// rehearsed plans and checks everything.
func (s *batchHouse) rehearsed() string {
	p := perform(s, s.b.Plan, batch.PlanIn{Subject: "ご請求書の送付（{請求書番号}）", Body: "{取引先}\nいつもお世話になっております。\n請求書（{請求金額}）を添付します。"})
	work := &jobs.Worker{Gate: s.w.G, Parallel: 2, Log: slog.New(slog.DiscardHandler)}
	for {
		did, _, err := work.Once(bg)
		if err != nil {
			s.t.Fatal(err)
		}
		if did == 0 {
			break
		}
	}
	if now := perform(s, batch.Show, batch.ByID{ID: p.ID}); now.State != batch.Rehearsed || now.Aside > 0 {
		s.t.Fatalf("%+v", now.Batch)
	}
	return p.ID
}

// agree ticks everything and has the plan approved, once.
func (s *batchHouse) agree(id string) {
	r := perform(s, batch.Review, batch.ByID{ID: id})
	in := batch.ConfirmIn{ID: id, Digest: r.Digest}
	for _, l := range r.Lines {
		for _, t := range l.Ticks {
			in.Ticks = append(in.Ticks, t.Tick)
		}
	}
	perform(s, batch.Confirm, in)
	_, err := gate.Run(bg, s.w.G, s.clerk, s.b.Release, batch.ReleaseIn{ID: id, Digest: r.Digest})
	s.agreed(err)
	time.Sleep(10 * time.Millisecond) // the countdown of this house
}

// sent lets the plan go to its end.
func (s *batchHouse) sent(id string, mail *dispatch.Worker) {
	plans := &batch.Worker{Gate: s.w.G, As: gate.System("batch"), House: s.b, Log: slog.New(slog.DiscardHandler)}
	for range 100 {
		if _, err := plans.Once(bg); err != nil {
			s.t.Fatal(err)
		}
		if now := perform(s, batch.Show, batch.ByID{ID: id}); now.State == batch.Done {
			return
		}
		if _, _, err := mail.Once(bg); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("the plan does not end")
}
