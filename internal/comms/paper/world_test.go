package paper_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/paper"
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
	boss   = gatetest.Boss("sender")
	second = gatetest.Boss("second")
)

type archiveIn struct {
	Party  string    `json:"party"`
	Number string    `json:"number"`
	Media  string    `json:"media"`
	Digest string    `json:"digest"`
	Size   int64     `json:"size"`
	Amount money.Yen `json:"amount"`
}

var archive = gate.New(gate.Op[archiveIn, document.Document]{Name: "shelf.archive", Mode: gate.Write,
	Target: func(*gate.Tx, archiveIn) (gate.Target, error) { return gate.Target{Kind: "shelf", ID: "x"}, nil },
	Do: func(x *gate.Tx, in archiveIn) (document.Document, error) {
		ext := map[string]string{"application/pdf": ".pdf", "text/csv": ".csv"}[in.Media]
		d := document.Document{Kind: document.Invoice, Direction: document.Issued, Party: in.Party, Number: in.Number, Amount: in.Amount, Date: civil.MustParse("2026-11-20"),
			Name: in.Number + ext, Media: in.Media, Digest: in.Digest, Size: in.Size}
		return d, document.Archive(x, &d)
	}})

type world struct {
	*gatetest.World
	t            *testing.T
	d            *dispatch.Gate
	worker       *dispatch.Worker
	mails        string
	tohoku, akat party.Party
	post         []party.PaperPoint // of tohoku, of akat
}

func each(t *testing.T, s dispatch.Settings, f func(t *testing.T, w *world)) {
	s.From = dispatch.Sender{Address: "billing@hokuto-supply.example.jp"}
	d, err := dispatch.New(s)
	if err != nil {
		t.Fatal(err)
	}
	o := gatetest.Options{Request: dispatch.Keep, Modules: []gate.Module{jobs.Module, approval.Module, org.Module, party.Module, document.Module, d.Module, paper.Module,
		{Name: "shelf", Ops: []gate.Any{archive}}}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := &world{World: g, t: t, d: d, mails: t.TempDir()}
		g.Clock.Pass(48 * time.Hour)
		tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: w.mails, Now: g.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		w.worker = &dispatch.Worker{Gate: g.G, As: gate.System("dispatch"), Blobs: g.Blobs, Holder: "node1", Log: slog.New(slog.DiscardHandler),
			From:  dispatch.Sender{Name: "北斗サプライ", Address: "billing@hokuto-supply.example.jp"},
			Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "localhost"}}
		must(w, boss, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001",
			Address: "札幌市中央区北一条西1-1", Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}})
		term := civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}
		w.tohoku = must(w, boss, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所", Phone: "022-111-2222", Department: "east", Terms: term})
		w.akat = must(w, boss, party.Create, party.CreateIn{Code: "AK-2002", Name: "有限会社あかつき運輸", Phone: "011-222-3333", Department: "east", Terms: term})
		w.post = []party.PaperPoint{
			w.address(party.PaperIn{Party: w.tohoku.ID, Channel: "post", PostalCode: "9800811", Address: "宮城県仙台市青葉区一番町1-2-3", Building: "東北ビル4階", Section: "経理部"}),
			w.address(party.PaperIn{Party: w.akat.ID, Channel: "post", PostalCode: "〒060-0042", Address: "北海道札幌市中央区大通西5-6", Person: "赤月 一郎"})}
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

func refused[In, Out any](w *world, c gate.Credential, key string, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := run(w, c, u, in)
	if f := fault.Of(err); f == nil || f.Key != key {
		w.t.Fatalf("%s: want %s, got %v", u.Name(), key, err)
	}
}

func agreed[In, Out any](w *world, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := run(w, boss, u, in)
	w.approve(err)
}

func (w *world) approve(pending error) {
	w.t.Helper()
	f := fault.Of(pending)
	if f == nil || f.Kind != fault.KindPending {
		w.t.Fatalf("not pending: %v", pending)
	}
	id := ""
	for i := 0; i+1 < len(f.Args); i += 2 {
		if f.Args[i] == "request" {
			id = f.Args[i+1].(string)
		}
	}
	r := must(w, second, approval.Show, approval.ByID{ID: id})
	must(w, second, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
}

func (w *world) address(in party.PaperIn) party.PaperPoint {
	w.t.Helper()
	p := must(w, boss, party.PaperPropose, in)
	agreed(w, party.PaperVerify, party.PaperVerifyIn{ID: p.ID, Version: p.Version, How: "letter", Reason: "契約書の住所と照合"})
	for _, s := range must(w, boss, party.Papers, party.PapersIn{Party: in.Party}).Rows {
		if s.ID == p.ID {
			return s.PaperPoint
		}
	}
	w.t.Fatal("lost")
	return p
}

// bill archives an invoice of so many pages.
func (w *world) bill(p party.Party, number string, pages int, media string) string {
	w.t.Helper()
	b := []byte("請求,1\n")
	if media == "application/pdf" {
		d := pdf.New(pdf.Meta{Title: "請求書", Created: gatetest.Start})
		for range pages {
			page := d.AddPage()
			for i, l := range []string{"請求書 " + number, p.Name + " 御中", "ご請求金額 ¥118,800", "北斗サプライ株式会社 登録番号 T1234567890123"} {
				page.Text(20*pdf.MM, (30+pdf.Length(i)*8)*pdf.MM, l, pdf.Style{Size: pdf.Pt(11)})
			}
		}
		var err error
		if b, err = d.Bytes(); err != nil {
			w.t.Fatal(err)
		}
	}
	digest, err := w.Blobs.Put(bg, b)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(w, boss, archive, archiveIn{p.ID, number, media, digest.String(), int64(len(b)), 118_800}).ID
}

func (w *world) prepare(p party.Party, channel, to string, docs ...string) dispatch.Shown {
	w.t.Helper()
	return must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: p.ID, Channel: channel, Subject: "ご請求書の送付", Body: p.Name + " 御中\nお送りします。\nよろしくお願いいたします。",
		Purpose: dispatch.ForInvoice, Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: to}}, Documents: docs})
}

// stops checks a package and wants a stop.
func (w *world) stops(s dispatch.Shown, key string) {
	w.t.Helper()
	c := must(w, boss, w.d.Check, dispatch.ByID{ID: s.ID})
	for _, f := range c.Findings {
		if f.Key == key && f.Level == dispatch.Halt {
			return
		}
	}
	w.t.Fatalf("no %s: %s %+v", key, c.State, c.Findings)
}

// release checks, ticks, lets go, and waits until it is due.
func (w *world) release(s dispatch.Shown) {
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
		w.approve(err)
	} else if err != nil {
		w.t.Fatal(err)
	}
	w.Clock.Pass(dispatch.DefaultHold + time.Second)
}

func (w *world) state(s dispatch.Shown) dispatch.State {
	w.t.Helper()
	return must(w, boss, dispatch.Show, dispatch.ByID{ID: s.ID}).State
}

// made makes a run with its PDF.
func (w *world) made(channel string) paper.Shown {
	w.t.Helper()
	m := must(w, boss, paper.RunMake, paper.WaitingIn{Channel: channel})
	must(w, boss, paper.Render, paper.ByID{ID: m.ID})
	return must(w, boss, paper.Show, paper.ByID{ID: m.ID})
}

var footer = regexp.MustCompile(`([2-9A-Z]{4}-[2-9A-Z]{4})\s+(\d+)/(\d+)`)

// printed reads the run's PDF with another program: the text of each page, and its code.
func (w *world) printed(run string) (texts, codes []string) {
	w.t.Helper()
	f := must(w, boss, paper.Print, paper.ByID{ID: run})
	name := filepath.Join(w.t.TempDir(), "run.pdf")
	if err := os.WriteFile(name, f.Content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	if out, err := exec.Command("qpdf", "--check", name).CombinedOutput(); err != nil {
		w.t.Fatalf("qpdf: %v\n%s", err, out)
	}
	out, err := exec.Command("pdftotext", "-layout", name, "-").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	texts = strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
	for i, p := range texts {
		m := footer.FindStringSubmatch(p)
		if m == nil {
			w.t.Fatalf("page %d has no code: %s", i+1, p)
		}
		codes = append(codes, m[1])
	}
	return texts, codes
}
