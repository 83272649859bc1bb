package dispatch

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
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/policy"
)

var bg = context.Background()

// world is a company with two partners, a trap for its mail and a worker.
type world struct {
	*gatetest.World
	t            *testing.T
	d            *Gate
	trap         *trap.Trap
	worker       *Worker
	tohoku, akat party.Party
	points       []party.DeliveryPoint // of tohoku
	other        party.DeliveryPoint   // of akat
	issued       money.Yen             // what the next invoice has more than the first
}

var (
	sender   = gatetest.Boss("sender")
	approver = gatetest.Boss("second")
	server   = gate.System("dispatch")
)

// plantIn changes rows behind the back of the ops, as no op of the product can.
type plantIn struct {
	What string   `json:"what"`
	ID   string   `json:"id"`
	Doc  plantDoc `json:"doc"`
}

type plantDoc struct {
	Party  string    `json:"party"`
	Number string    `json:"number"`
	Amount money.Yen `json:"amount"`
	Name   string    `json:"name"`
	Media  string    `json:"media"`
	Digest string    `json:"digest"`
	Size   int64     `json:"size"`
}

type plantOut struct {
	ID string `json:"id" class:"internal"`
}

var plant = gate.New(gate.Op[plantIn, plantOut]{Name: "plant.run", Mode: gate.Write,
	Target: func(*gate.Tx, plantIn) (gate.Target, error) { return gate.Target{Kind: "plant", ID: "x"}, nil },
	Do: func(x *gate.Tx, in plantIn) (plantOut, error) {
		if in.What == "invoice" {
			d := document.Document{Kind: document.Invoice, Direction: document.Issued, Party: in.Doc.Party, Number: in.Doc.Number,
				Amount: in.Doc.Amount, Date: civil.MustParse("2026-11-20"), Name: in.Doc.Name, Media: in.Doc.Media, Digest: in.Doc.Digest, Size: in.Doc.Size}
			err := document.Archive(x, &d)
			return plantOut{d.ID}, err
		}
		switch in.What {
		case "publish":
			return plantOut{in.ID}, party.Publish(x, in.ID)
		case "undo":
			return plantOut{in.ID}, party.UndoRun(x, in.ID)
		case "partner", "point":
			return staged(x, in)
		case "relate":
			_, err := party.Relate(x, party.RelationIn{Party: in.Doc.Party, Other: in.ID, Kind: party.Group, Reason: "一人で"})
			return plantOut{in.ID}, err
		case "bounce":
			list, err := items.Find(x, gate.Eq("point_id", in.ID), gate.Eq("state", Handed))
			for i := range list {
				list[i].State = Bounced
			}
			if err == nil {
				err = items.UpdateMany(x, list)
			}
			return plantOut{in.ID}, err
		}
		b, err := load(x, in.ID)
		if err != nil {
			return plantOut{}, err
		}
		return plantOut{b.ID}, tamper(x, b, in.What)
	}})

// staged writes one row of an import run: a partner with a person and their
// address, or a delivery point of a partner.
func staged(x *gate.Tx, in plantIn) (plantOut, error) {
	d := party.DeliveryPoint{Party: in.Doc.Party, Address: in.Doc.Name, MaxClass: policy.Confidential}
	d.ID = x.NewID()
	if in.What == "point" {
		return plantOut{d.ID}, party.StageInsert(x, in.ID, nil, nil, []party.DeliveryPoint{d})
	}
	p := party.Party{Code: in.Doc.Number, Name: "株式会社みなと製紙", Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}}
	p.ID = x.NewID()
	c := party.Contact{Party: p.ID, Name: "港 一郎", Mail: in.Doc.Name}
	return plantOut{p.ID}, party.StageInsert(x, in.ID, []party.Party{p}, []party.Contact{c}, nil)
}

// tamper changes one thing of a package and nothing else.
func tamper(x *gate.Tx, b bundle, what string) error {
	switch what {
	case "subject":
		b.Subject += "。"
	case "body":
		b.Body += "。"
	case "sender":
		b.FromAddress = "other@hokuto-supply.co.jp"
	case "purpose":
		b.Purpose = ForNotice
	case "class":
		b.Class = "internal"
	case "digest":
		b.Digest = strings.Repeat("0", 64)
	case "many recipients":
		for n := range int64(150) {
			i := b.items[0]
			i.Row, i.Place = gate.Row{}, n+1
			if err := items.Insert(x, &i); err != nil {
				return err
			}
		}
		return nil
	case "due now":
		b.items[0].NotBefore = x.Now()
	case "proposed":
		b.items[0].Proposed = "evil@example.com"
	case "kind":
		b.items[len(b.items)-1].Kind = To
	case "file name":
		b.files[0].Name = "x.pdf"
		return files.Update(x, &b.files[0])
	case "file digest":
		b.files[0].Digest = strings.Repeat("0", 64)
		return files.Update(x, &b.files[0])
	case "amount":
		b.files[0].Amount++
		return files.Update(x, &b.files[0])
	case "sender that cannot send":
		b.FromAddress = "none"
		s, err := stand(x, b, nil)
		if err != nil {
			return err
		}
		b.Digest = s.Digest()
		c, err := checked.Get(x, b.Check)
		if err != nil {
			return err
		}
		c.Digest = b.Digest
		if err := checked.Update(x, &c); err != nil {
			return err
		}
	case "remove file":
		return files.Delete(x, b.files[0].ID)
	case "remove recipient":
		return items.Delete(x, b.items[1].ID)
	default:
		return fmt.Errorf("plant: %s", what)
	}
	return b.save(x)
}

func options(d *Gate) gatetest.Options {
	return gatetest.Options{Request: Keep, Modules: []gate.Module{approval.Module, org.Module, party.Module, document.Module, d.Module,
		{Name: "plant", Ops: []gate.Any{plant, plantLog}}}}
}

// each runs f in a fresh world on both engines.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	d, err := New(Settings{From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	gatetest.Each(t, options(d), func(t *testing.T, g *gatetest.World) { f(t, populate(t, d, g)) })
}

// toWorkday is from the beginning of every test world to a working day.
const toWorkday = 48 * time.Hour

func populate(t *testing.T, d *Gate, g *gatetest.World) *world {
	t.Helper()
	w := &world{World: g, t: t, d: d}
	g.Clock.Pass(toWorkday)
	tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: g.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	w.trap = tr
	w.worker = &Worker{Gate: g.G, As: server, Blobs: g.Blobs, Holder: "node1", From: Sender{"", "billing@hokuto-supply.co.jp"}, Log: slog.New(slog.DiscardHandler),
		Relay: Relay{Host: "localhost", Port: tr.Port(), Mode: StartTLS, ExtraRoots: tr.PEM(), Hello: "mail.hokuto-supply.co.jp"}}
	p := org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001", Address: "札幌市中央区北一条西1-1",
		Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}
	must(w, org.IssuerUpdate, org.IssuerIn{Profile: p})
	term := civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}
	w.tohoku = must(w, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所", RegistrationNumber: "T7000012050002", Phone: "022-111-2222", Department: "east", Terms: term})
	w.akat = must(w, party.Create, party.CreateIn{Code: "AK-2002", Name: "有限会社あかつき運輸", RegistrationNumber: "T9000012050003", Phone: "011-222-3333", Department: "east", Terms: term})
	w.points = []party.DeliveryPoint{w.point(w.tohoku, "keiri@tohoku-kikai.co.jp"), w.point(w.tohoku, "soumu@tohoku-kikai.co.jp")}
	w.other = w.point(w.akat, "info@akatsuki-unyu.co.jp")
	return w
}

func must[In, Out any](w *world, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := gate.Run(bg, w.G, sender, u, in)
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

// agreed runs an op that needs a second person, and has it approved.
func agreed[In, Out any](w *world, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, sender, u, in)
	wants(w.t, err, fault.KindPending, "")
	if err := w.approve(request(err), approver); err != nil {
		w.t.Fatal(err)
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

func (w *world) approve(id string, as gate.Credential) error {
	r, err := gate.Run(bg, w.G, as, approval.Show, approval.ByID{ID: id})
	if err != nil {
		return err
	}
	_, err = gate.Run(bg, w.G, as, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
	return err
}

func (w *world) point(p party.Party, address string) party.DeliveryPoint {
	w.t.Helper()
	d := must(w, party.PointPropose, party.ProposeIn{Party: p.ID, Address: address, Label: "経理"})
	agreed(w, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: "phone", Reason: "代表電話で確認"})
	return d
}

// page is a real PDF of one page with these lines.
func page(t testing.TB, lines ...string) []byte { return pageTitled(t, "請求書", lines...) }

// pageTitled is page with a title inside.
func pageTitled(t testing.TB, title string, lines ...string) []byte {
	t.Helper()
	d := pdf.New(pdf.Meta{Title: title, Created: gatetest.Start})
	p := d.AddPage()
	for i, l := range lines {
		p.Text(20*pdf.MM, (30+pdf.Length(i)*8)*pdf.MM, l, pdf.Style{Size: pdf.Pt(11)})
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// invoice archives an issued invoice of ours to a partner.
func (w *world) invoice(p party.Party, number string, amount money.Yen, content []byte) string {
	w.t.Helper()
	digest, err := w.Blobs.Put(bg, content)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(w, plant, plantIn{What: "invoice", Doc: plantDoc{p.ID, number, amount, "請求書" + number + ".pdf", "application/pdf", digest.String(), int64(len(content))}}).ID
}

// goodInvoice is one of an amount of its own, near those of the others.
func (w *world) goodInvoice(number string) string {
	amount := 118_800 + w.issued
	w.issued += 110
	return w.invoice(w.tohoku, number, amount, page(w.t, "請求書 "+number, "株式会社東北機械製作所 御中", "ご請求金額 ¥"+amount.String(), "北斗サプライ株式会社 登録番号 T1234567890123"))
}

// prepared is a package about which nothing is wrong, unless in says otherwise.
func (w *world) prepare(change func(*PrepareIn)) Shown {
	w.t.Helper()
	in := PrepareIn{Party: w.tohoku.ID, Subject: "ご請求書の送付", Body: "株式会社東北機械製作所 御中\n請求書を添付します。", Purpose: ForInvoice,
		Recipients: []Proposal{{To, "keiri@tohoku-kikai.co.jp"}, {Cc, "soumu@tohoku-kikai.co.jp"}}}
	change(&in)
	if len(in.Documents) == 0 { // there is nothing to bill with
		in.Purpose = ForNotice
	}
	return must(w, w.d.Prepare, in)
}

func (w *world) good(number string) Shown {
	doc := w.goodInvoice(number)
	return w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
}

func (w *world) check(s Shown) CheckOut {
	w.t.Helper()
	return must(w, w.d.Check, ByID{s.ID})
}

func all(c CheckOut) []string {
	var out []string
	for _, k := range c.Ticks {
		out = append(out, k.Tick)
	}
	return out
}

func (w *world) confirm(s Shown) CheckOut {
	w.t.Helper()
	c := w.check(s)
	if c.State != Checked {
		w.t.Fatalf("not checked: %+v", c.Findings)
	}
	must(w, ConfirmOp, ConfirmIn{s.ID, c.Digest, all(c)})
	return c
}

// ask asks for the release and gives the request.
func (w *world) ask(s Shown) (CheckOut, string) {
	w.t.Helper()
	c := w.confirm(s)
	_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest})
	wants(w.t, err, fault.KindPending, "gate.pending")
	return c, request(err)
}

func (w *world) hold(s Shown) CheckOut {
	w.t.Helper()
	c := w.confirm(s)
	_, err := gate.Run(bg, w.G, sender, w.d.Release, ReleaseIn{ID: s.ID, Digest: c.Digest})
	if c.Friction != Second && err == nil {
		return c
	}
	wants(w.t, err, fault.KindPending, "gate.pending")
	if err := w.approve(request(err), approver); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// send lets the countdown pass and the worker work.
func (w *world) send() int {
	w.t.Helper()
	w.Clock.Pass(DefaultHold + time.Second)
	n, _, err := w.worker.Once(bg)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) show(s Shown) Shown {
	w.t.Helper()
	return must(w, Show, ByID{s.ID})
}

func (w *world) state(s Shown, want State, items ...State) Shown {
	w.t.Helper()
	got := w.show(s)
	if got.State != want {
		w.t.Fatalf("state %s (%s), want %s", got.State, got.Reason, want)
	}
	for i, st := range items {
		if got.Recipients[i].State != st {
			w.t.Fatalf("recipient %d is %s (%s), want %s", i, got.Recipients[i].State, got.Recipients[i].Reason, st)
		}
	}
	return got
}

func (w *world) finds(c CheckOut, key string, level Level) Finding {
	w.t.Helper()
	for _, f := range c.Findings {
		if f.Key == "dispatch.found."+key {
			if f.Level != level {
				w.t.Fatalf("%s is %s", key, f.Level)
			}
			return f
		}
	}
	w.t.Fatalf("%s was not found: %+v", key, c.Findings)
	return Finding{}
}

// pdfWithoutText shows a frame and says nothing, as a scan does.
func pdfWithoutText(t testing.TB) []byte {
	t.Helper()
	d := pdf.New(pdf.Meta{Title: "scan", Created: gatetest.Start})
	d.AddPage().Frame(20*pdf.MM, 20*pdf.MM, 100*pdf.MM, 100*pdf.MM, pdf.MM)
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
