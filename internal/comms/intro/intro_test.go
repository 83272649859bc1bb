package intro_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/intro"
	"sekisho/internal/comms/paper"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/pdf"
)

const portal = "https://uketori.hokuto-supply.example.jp"

var (
	bg     = context.Background()
	boss   = gatetest.Boss("sender")
	second = gatetest.Boss("second")
)

type archiveIn struct {
	Party  string `json:"party"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

var archive = gate.New(gate.Op[archiveIn, document.Document]{Name: "shelf.archive", Mode: gate.Write,
	Target: func(*gate.Tx, archiveIn) (gate.Target, error) { return gate.Target{Kind: "shelf", ID: "x"}, nil },
	Do: func(x *gate.Tx, in archiveIn) (document.Document, error) {
		d := document.Document{Kind: document.Invoice, Direction: document.Issued, Party: in.Party, Number: "R-1", Amount: 118_800, Date: civil.MustParse("2026-11-20"),
			Name: "R-1.pdf", Media: "application/pdf", Digest: in.Digest, Size: in.Size}
		return d, document.Archive(x, &d)
	}})

type world struct {
	*gatetest.World
	t              *testing.T
	d              *dispatch.Gate
	h              *intro.House
	worker         *dispatch.Worker
	mails          string
	tohoku, akat   party.Party
	tohokuP, akatP party.DeliveryPoint
}

func each(t *testing.T, origin string, f func(t *testing.T, w *world)) {
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.example.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	h := intro.New(d)
	o := gatetest.Options{Request: dispatch.Keep, Outside: origin, Modules: []gate.Module{jobs.Module, approval.Module, org.Module, party.Module, document.Module, d.Module, paper.Module,
		h.Module, {Name: "shelf", Ops: []gate.Any{archive}}}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := &world{World: g, t: t, d: d, h: h, mails: t.TempDir()}
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
		w.tohoku = must(w, boss, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所", Department: "east", Terms: term,
			PostalCode: "980-0811", Address: "宮城県仙台市青葉区一番町1-2-3", Honorific: "御中"})
		w.akat = must(w, boss, party.Create, party.CreateIn{Code: "AK-2002", Name: "有限会社あかつき運輸", Department: "east", Terms: term,
			PostalCode: "060-0042", Address: "北海道札幌市中央区大通西5-6", Honorific: "御中"})
		w.tohokuP, w.akatP = w.point(w.tohoku, "keiri@tohoku-kikai.example.jp"), w.point(w.akat, "info@akatsuki-unyu.example.jp")
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

func refused[In, Out any](w *world, key string, u *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	_, err := run(w, boss, u, in)
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

func (w *world) point(p party.Party, address string) party.DeliveryPoint {
	w.t.Helper()
	d := must(w, boss, party.PointPropose, party.ProposeIn{Party: p.ID, Address: address, Label: "経理"})
	agreed(w, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: "phone", Reason: "代表電話で確認"})
	return d
}

// invoice prepares an invoice by link.
func (w *world) invoice() dispatch.Shown {
	w.t.Helper()
	d := pdf.New(pdf.Meta{Title: "請求書", Created: gatetest.Start})
	p := d.AddPage()
	for i, l := range []string{"請求書 R-1", w.tohoku.Name + " 御中", "ご請求金額 ¥118,800", "北斗サプライ株式会社 登録番号 T1234567890123"} {
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
	doc := must(w, boss, archive, archiveIn{w.tohoku.ID, digest.String(), int64(len(b))})
	return must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.tohoku.ID, Subject: "ご請求書の送付", Body: w.tohoku.Name + " 御中\nお送りします。", Purpose: dispatch.ForInvoice,
		Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.tohokuP.Address}}, Documents: []string{doc.ID}})
}

// untold gives the finding about the letter that is missing, nil if there is none.
func (w *world) untold(id string) *dispatch.Finding {
	w.t.Helper()
	c := must(w, boss, w.d.Check, dispatch.ByID{ID: id})
	i := slices.IndexFunc(c.Findings, func(f dispatch.Finding) bool { return f.Key == "dispatch.found.untold" })
	if i < 0 {
		return nil
	}
	return &c.Findings[i]
}

// release checks, ticks, has it approved and sends it.
func (w *world) release(id string) {
	w.t.Helper()
	c := must(w, boss, w.d.Check, dispatch.ByID{ID: id})
	for _, f := range c.Findings {
		if f.Level == dispatch.Halt || f.Level == dispatch.Caution && f.Key != "dispatch.found.first_time" && f.Key != "dispatch.found.untold" {
			w.t.Fatalf("%+v", f)
		}
	}
	var ticks []string
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	must(w, boss, dispatch.ConfirmOp, dispatch.ConfirmIn{ID: id, Digest: c.Digest, Ticks: ticks})
	if _, err := run(w, boss, w.d.Release, dispatch.ReleaseIn{ID: id, Digest: c.Digest}); fault.Is(err, fault.KindPending) {
		w.approve(err)
	} else if err != nil {
		w.t.Fatal(err)
	}
	w.Clock.Pass(dispatch.DefaultHold + time.Second)
	if _, _, err := w.worker.Once(bg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) state(p party.Party) dispatch.ToldState {
	w.t.Helper()
	return must(w, boss, intro.Of, intro.OfIn{Party: p.ID}).Now.State
}

// text reads a PDF with another program, a page each.
func (w *world) text(b []byte) []string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "letter.pdf")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		w.t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", name, "-").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

// The first link to a partner that was not told asks; the letter goes through the
// outer gate like any other mail, and once it left, nothing asks any more.
func TestLetterBeforeTheFirstLink(t *testing.T) {
	each(t, portal, func(t *testing.T, w *world) {
		s := w.invoice()
		f := w.untold(s.ID)
		if f == nil || f.Level != dispatch.Caution || f.Second || !slices.Contains(f.Ways, dispatch.WayIntroduce) || len(f.Steps) != 1 || f.Steps[0].Op != w.h.Prepare.Name() {
			t.Fatalf("%+v", f)
		}
		done := must(w, boss, w.h.Prepare, intro.PrepareIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellMail})
		if len(done.Made) != 1 || len(done.Left) != 0 || w.state(w.tohoku) != dispatch.Telling {
			t.Fatalf("%+v", done)
		}
		if f := w.untold(s.ID); f == nil || f.Reason != "dispatch.found.untold_telling" {
			t.Fatalf("%+v", f)
		}
		twice := must(w, boss, w.h.Prepare, intro.PrepareIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellMail})
		if len(twice.Made) != 0 || len(twice.Left) != 1 || twice.Left[0].Why != "intro.already" {
			t.Fatalf("%+v", twice)
		}
		w.release(done.Made[0].Sending)
		if w.state(w.tohoku) != dispatch.ToldSure || w.untold(s.ID) != nil {
			t.Fatal("the letter that left does not count")
		}
		names, err := filepath.Glob(filepath.Join(w.mails, "*"))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		sent := must(w, boss, dispatch.Show, dispatch.ByID{ID: done.Made[0].Sending})
		for _, want := range []string{"株式会社東北機械製作所 御中", portal + "/", "billing@hokuto-supply.example.jp", "011-999-0000", "6桁の確認コードだけ", "郵送"} {
			if !strings.Contains(sent.Body, want) {
				t.Errorf("the letter does not say %q", want)
			}
		}
		if sent.Channel != dispatch.Mail || len(sent.Attachments) != 0 {
			t.Errorf("%s with %d files", sent.Channel, len(sent.Attachments))
		}
	})
}

// A letter that was taken back tells nobody; what was noted by a person does, and
// a link that left is not the first any more.
func TestWhoWasToldIsKept(t *testing.T) {
	each(t, portal, func(t *testing.T, w *world) {
		done := must(w, boss, w.h.Prepare, intro.PrepareIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellMail})
		must(w, boss, dispatch.CancelOp, dispatch.CancelIn{ID: done.Made[0].Sending, Reason: "書き直す"})
		if w.state(w.tohoku) != dispatch.Untold {
			t.Fatal("a letter that was taken back counts")
		}
		refused(w, "gate.reason", intro.Note, intro.NoteIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellPhone})
		refused(w, "intro.future", intro.Note, intro.NoteIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellPhone, Reason: "電話で説明した", On: civil.MustParse("2030-01-01")})
		refused(w, "gate.enum", intro.Note, intro.NoteIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellMail, Reason: "送ったはず"})
		must(w, boss, intro.Note, intro.NoteIn{Parties: []string{w.tohoku.ID, w.akat.ID}, Way: dispatch.TellPhone, Reason: "経理の方に電話で説明", On: civil.MustParse("2026-11-01")})
		l := must(w, boss, intro.List, intro.ListIn{State: dispatch.ToldSure})
		if len(l.Rows) != 2 || l.Rows[0].Now.Last.Way != dispatch.TellPhone || l.Rows[0].Now.Last.On.String() != "2026-11-01" || l.Rows[0].Now.Last.Person == "" {
			t.Fatalf("%+v", l.Rows)
		}
		if l := must(w, boss, intro.List, intro.ListIn{State: dispatch.Untold}); len(l.Rows) != 0 {
			t.Fatalf("%+v", l.Rows)
		}
		s := w.invoice()
		if w.untold(s.ID) != nil {
			t.Fatal("asks although the partner was told")
		}
	})
}

func TestOnlyTheFirstLinkAsks(t *testing.T) {
	each(t, portal, func(t *testing.T, w *world) {
		s := w.invoice()
		if w.untold(s.ID) == nil {
			t.Fatal("does not ask")
		}
		w.release(s.ID)
		again := must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.tohoku.ID, Subject: "ご請求書の再送", Body: w.tohoku.Name + " 御中\nお送りします。", Purpose: dispatch.ForInvoice,
			Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.tohokuP.Address}}, Documents: []string{s.Attachments[0].Document}})
		if w.untold(again.ID) != nil {
			t.Fatal("asks about the second link")
		}
	})
}

// The rule is the company's: it can be a stop, or be silent with a second person.
func TestRuleOfTheLetter(t *testing.T) {
	each(t, portal, func(t *testing.T, w *world) {
		s := w.invoice()
		must(w, boss, w.d.RuleSet, dispatch.RuleIn{Rule: dispatch.RuleUntold, Value: "stop", Reason: "案内を先にする"})
		if f := w.untold(s.ID); f == nil || f.Level != dispatch.Halt {
			t.Fatalf("%+v", f)
		}
		_, err := run(w, boss, w.d.RuleSet, dispatch.RuleIn{Rule: dispatch.RuleUntold, Value: "quiet", Reason: "案内は営業が済ませた"})
		w.approve(err)
		if w.untold(s.ID) != nil {
			t.Fatal("asks although the rule is silent")
		}
	})
}

// Letters are printed together in envelope order, each on one sheet with its own
// address; printing alone is no telling.
func TestLettersArePrintedInEnvelopeOrder(t *testing.T) {
	each(t, portal, func(t *testing.T, w *world) {
		both := []string{w.tohoku.ID, w.akat.ID}
		out := must(w, boss, w.h.Print, intro.PrintIn{Parties: both})
		pages := w.text(out.Content)
		if len(pages) != 2 || out.Letters != 2 {
			t.Fatalf("%d pages", len(pages))
		}
		for i, want := range [][]string{{"〒060-0042", "有限会社あかつき運輸 御中"}, {"〒980-0811", "株式会社東北機械製作所 御中"}} {
			for _, s := range append(want, portal+"/", "billing@hokuto-supply.example.jp", "011-999-0000") {
				if !strings.Contains(pages[i], s) {
					t.Errorf("page %d does not have %q:\n%s", i+1, s, pages[i])
				}
			}
		}
		if strings.Contains(pages[0], "東北機械") {
			t.Error("another partner stands on the sheet")
		}
		if w.state(w.akat) != dispatch.Telling || w.untold(w.invoice().ID) == nil {
			t.Error("printed is not told")
		}
		must(w, boss, w.h.Print, intro.PrintIn{Parties: both}) // the printer jammed
		must(w, boss, intro.Note, intro.NoteIn{Parties: both, Way: dispatch.TellPaper, Reason: "本日投函"})
		if w.state(w.akat) != dispatch.ToldSure {
			t.Error("posted is told")
		}
		refused(w, "intro.none_printed", w.h.Print, intro.PrintIn{Parties: both})
		refused(w, "intro.doubled", w.h.Print, intro.PrintIn{Parties: []string{w.akat.ID, w.akat.ID}})
		refused(w, "fault.not_found", w.h.Print, intro.PrintIn{Parties: []string{"nobody"}})
	})
}

// By post the letter is a document of its own, and goes by a print run.
func TestLetterByPost(t *testing.T) {
	each(t, portal, func(t *testing.T, w *world) {
		left := must(w, boss, w.h.Prepare, intro.PrepareIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellPost})
		if len(left.Left) != 1 || left.Left[0].Why != "intro.no_postal" {
			t.Fatalf("%+v", left)
		}
		p := must(w, boss, party.PaperPropose, party.PaperIn{Party: w.tohoku.ID, Channel: "post", PostalCode: "9800811", Address: "宮城県仙台市青葉区一番町1-2-3", Section: "経理部"})
		agreed(w, party.PaperVerify, party.PaperVerifyIn{ID: p.ID, Version: p.Version, How: "letter", Reason: "契約書の住所と照合"})
		done := must(w, boss, w.h.Prepare, intro.PrepareIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellPost})
		if len(done.Made) != 1 {
			t.Fatalf("%+v", done)
		}
		w.release(done.Made[0].Sending)
		if list := must(w, boss, paper.Waiting, paper.WaitingIn{Channel: party.Post}); len(list.Rows) != 1 || list.Rows[0].Party != w.tohoku.ID {
			t.Fatalf("%+v", list)
		}
		if w.state(w.tohoku) != dispatch.Telling {
			t.Fatal("not posted yet")
		}
	})
}

func TestLettersNeedAPortalAndAPhone(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		refused(w, "intro.no_portal", w.h.Print, intro.PrintIn{Parties: []string{w.tohoku.ID}})
		refused(w, "intro.no_portal", w.h.Prepare, intro.PrepareIn{Parties: []string{w.tohoku.ID}, Way: dispatch.TellMail})
	})
	each(t, portal, func(t *testing.T, w *world) {
		agreed(w, party.ChoiceSet, party.ChoiceIn{Party: w.akat.ID, Way: party.ByAttachment, SaidBy: "総務", Proof: "電話"})
		out := must(w, boss, w.h.Prepare, intro.PrepareIn{Parties: []string{w.akat.ID}, Way: dispatch.TellMail})
		if len(out.Left) != 1 || out.Left[0].Why != "intro.not_by_link" {
			t.Fatalf("%+v", out)
		}
		if l := must(w, boss, intro.List, intro.ListIn{}); len(l.Rows) != 1 || l.Rows[0].Party != w.tohoku.ID {
			t.Fatalf("%+v", l.Rows)
		}
		refused(w, "fault.not_found", intro.Tell, intro.TellIn{Party: w.tohoku.ID, Way: dispatch.TellMail, Package: "none"})
		refused(w, "fault.not_found", intro.Tell, intro.TellIn{Party: w.tohoku.ID, Way: dispatch.TellMail, Package: w.invoice().ID})
	})
}
