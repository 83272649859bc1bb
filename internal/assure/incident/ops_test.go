package incident_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/assure/incident"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/pdf"
	"sekisho/internal/kernel/policy"
)

var (
	bg       = context.Background()
	boss     = gatetest.Boss("sender")
	approver = gatetest.Boss("second")
	server   = gate.System("dispatch")
)

type world struct {
	*gatetest.World
	t     *testing.T
	d     *dispatch.Gate
	party party.Party
}

type archiveIn struct {
	Party  string `json:"party"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	Class  string `json:"class"`
}

// archive files a document of ours as invoice does.
var archive = gate.New(gate.Op[archiveIn, document.Document]{Name: "paper.archive", Mode: gate.Write,
	Target: func(*gate.Tx, archiveIn) (gate.Target, error) { return gate.Target{Kind: "paper", ID: "x"}, nil },
	Do: func(x *gate.Tx, in archiveIn) (document.Document, error) {
		d := document.Document{Kind: document.Invoice, Direction: document.Issued, Party: in.Party, Number: "INV-1", Amount: 118_800,
			Date: civil.MustParse("2026-11-20"), Name: "請求書INV-1.pdf", Media: "application/pdf", Digest: in.Digest, Size: in.Size, Class: in.Class}
		err := document.Archive(x, &d)
		return d, err
	}})

func each(t *testing.T, f func(t *testing.T, w *world)) {
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.co.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	var matrix strings.Builder
	for _, name := range []string{"00_roles.txt", "dispatch.txt", "incident.txt"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "app", "matrix", name))
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			l = strings.TrimSpace(l)
			if strings.HasPrefix(l, "dispatch.") || strings.HasPrefix(l, "incident.") {
				l += " boss=all"
			}
			matrix.WriteString(l + "\n")
		}
	}
	o := gatetest.Options{Request: dispatch.Keep, Matrix: matrix.String(), Modules: []gate.Module{approval.Module, org.Module, party.Module, document.Module, d.Module,
		incident.Module, {Name: "paper", Ops: []gate.Any{archive}}}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := &world{World: g, t: t, d: d}
		run(w, boss, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", RegistrationNumber: "T1234567890123", PostalCode: "060-0001",
			Address: "札幌市中央区北一条西1-1", Phone: "011-999-0000", FiscalStart: 4, Rounding: "floor"}})
		w.party = run(w, boss, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所", Department: "east",
			Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}})
		for _, a := range []string{"keiri@tohoku-kikai.co.jp", "soumu@tohoku-kikai.co.jp"} {
			p := run(w, boss, party.PointPropose, party.ProposeIn{Party: w.party.ID, Address: a, Label: "経理", MaxClass: "personal"})
			agreed(w, party.PointVerify, party.VerifyIn{ID: p.ID, Version: p.Version, How: "phone", Reason: "代表電話で確認"})
		}
		f(t, w)
	})
}

func run[In, Out any](w *world, c gate.Credential, op *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := gate.Run(bg, w.G, c, op, in)
	if err != nil {
		w.t.Fatalf("%s: %v", op.Name(), err)
	}
	return out
}

func refused[In, Out any](w *world, c gate.Credential, op *gate.UseCase[In, Out], in In, k fault.Kind, key string) *fault.Error {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, c, op, in)
	f := fault.Of(err)
	if f == nil || f.Kind != k || key != "" && f.Key != key {
		w.t.Fatalf("want %s %s, got %v", k, key, err)
	}
	return f
}

// agreed runs an op of two people, and has the second agree.
func agreed[In, Out any](w *world, op *gate.UseCase[In, Out], in In) {
	w.t.Helper()
	f := refused(w, boss, op, in, fault.KindPending, "")
	id := f.Args[slices.Index(f.Args, any("request"))+1].(string)
	r := run(w, approver, approval.Show, approval.ByID{ID: id})
	run(w, approver, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
}

// held is a package to two recipients with a document of a class, in its hold.
func (w *world) held(class string) dispatch.Shown {
	w.t.Helper()
	paper := pdf.New(pdf.Meta{Title: "請求書", Created: gatetest.Start})
	page := paper.AddPage()
	for i, l := range []string{"請求書 INV-1", "株式会社東北機械製作所 御中", "ご請求金額 ¥118,800", class} {
		page.Text(20*pdf.MM, (30+pdf.Length(i)*8)*pdf.MM, l, pdf.Style{Size: pdf.Pt(11)})
	}
	raw, err := paper.Bytes()
	if err != nil {
		w.t.Fatal(err)
	}
	digest, err := w.Blobs.Put(bg, raw)
	if err != nil {
		w.t.Fatal(err)
	}
	if class == policy.Personal.String() { // this company lets it go by attachment
		agreed(w, w.d.RuleSet, dispatch.RuleIn{Rule: dispatch.RuleClassMail, Value: class, Reason: "医療機関あてに添付で送るため"})
	}
	doc := run(w, boss, archive, archiveIn{w.party.ID, digest.String(), int64(len(raw)), class})
	s := run(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.party.ID, Subject: "ご請求書の送付", Body: "株式会社東北機械製作所 御中\n請求書を添付します。",
		Purpose: dispatch.ForInvoice, Documents: []string{doc.ID},
		Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: "keiri@tohoku-kikai.co.jp"}, {Kind: dispatch.Cc, Address: "soumu@tohoku-kikai.co.jp"}}})
	c := run(w, boss, w.d.Check, dispatch.ByID{ID: s.ID})
	var ticks []string
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	run(w, boss, dispatch.ConfirmOp, dispatch.ConfirmIn{ID: s.ID, Digest: c.Digest, Ticks: ticks})
	agreed(w, w.d.Release, dispatch.ReleaseIn{ID: s.ID, Digest: c.Digest})
	return s
}

// sent sends one recipient with an outcome, as the worker does.
func (w *world) sent(outcome string) dispatch.Job {
	w.t.Helper()
	w.Clock.Pass(dispatch.DefaultHold + time.Second)
	due := run(w, server, dispatch.Due, dispatch.DueIn{})
	j := run(w, server, dispatch.ClaimOp, dispatch.ClaimIn{Item: due.Items[0].Item, Package: due.Items[0].Package, Holder: "node1"})
	run(w, server, dispatch.Mark, dispatch.MarkIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Bytes: strings.Repeat("a", 64)})
	run(w, server, dispatch.OutcomeOp, dispatch.OutcomeIn{Item: j.Item, Package: j.Package, Fence: j.Fence, Kind: outcome, Reason: "smtp.accepted", Relay: "mail", QueueID: "4XyZ1"})
	return j
}

// J3 (8): noticed later, one press stops the rest, marks what has left, and writes
// the facts down.
func TestSM36_OnePressReportsAMisSend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.held("personal")
		j := w.sent("handed_over")
		in := incident.ReportIn{Package: s.ID, Cause: "wrong_recipient", Reason: "別の会社の担当者に送りました", ShouldBe: "青葉商会あて"}
		i := run(w, boss, incident.Report, in)
		if i.State != incident.Open || i.Level != incident.Actual || i.Party != w.party.ID || i.Package != s.ID || i.Reporter != "sender" || i.Owner != "sender" ||
			i.Known != civil.MustParse("2026-11-22") || i.PromptBy != civil.MustParse("2026-11-26") || i.FinalBy != civil.MustParse("2026-12-21") || i.Persons != 1 || !i.Exact {
			t.Fatalf("%+v", i)
		}
		for _, r := range i.Facts.Recipients {
			was, is := dispatch.Held, dispatch.Cancelled
			if r.Item == j.Item {
				was, is = dispatch.Handed, dispatch.Recalled
			}
			if r.Was != was || r.State != is || !strings.HasSuffix(r.Address, "@tohoku-kikai.co.jp") || (r.QueueID == "4XyZ1") != (r.Item == j.Item) || r.MarkedAt.IsZero() != (r.Item != j.Item) {
				t.Fatalf("%+v", r)
			}
		}
		if d := i.Facts.Documents; len(i.Facts.Recipients) != 2 || len(d) != 1 || d[0].Number != "INV-1" || d[0].Class != "personal" || len(d[0].Digest) != 64 || i.Facts.Subject != s.Subject {
			t.Fatalf("%+v", i.Facts)
		}
		if len(i.Timeline) != 1 || i.Timeline[0].Kind != incident.Reported || len(i.Now) != 2 {
			t.Fatalf("%+v", i)
		}
		w.Clock.Pass(100 * time.Hour)
		if due := run(w, server, dispatch.Due, dispatch.DueIn{}); len(due.Items) != 0 {
			t.Fatal("there is still something to send")
		}
		// The press again belongs to the same incident; whoever knew first starts the clock.
		in.Known = civil.MustParse("2026-11-20")
		again := run(w, boss, incident.Report, in)
		if again.ID != i.ID || again.PromptBy != civil.MustParse("2026-11-24") || len(again.Timeline) != 2 || again.Facts.Recipients[0] != i.Facts.Recipients[0] {
			t.Fatalf("%+v", again)
		}
		in.Known = civil.MustParse("2026-12-31")
		refused(w, boss, incident.Report, in, fault.KindInvalid, "incident.future")
		run(w, boss, incident.AddNote, incident.NoteIn{ID: i.ID, Words: "先方に電話し、削除を依頼した"})
		got := run(w, boss, incident.Show, incident.ByID{ID: i.ID})
		if n := len(got.Timeline); n != 3 || got.Timeline[n-1].Words != "先方に電話し、削除を依頼した" || got.Timeline[n-1].Person != "sender" {
			t.Fatalf("%+v", got.Timeline)
		}
	})
}

// Two people decide; until then the document goes to nobody.
func TestSM36_TwoPeopleDecideAndThenItIsFree(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.held("confidential")
		j := w.sent("unknown")
		i := run(w, boss, incident.Report, incident.ReportIn{Package: s.ID, Cause: "wrong_document", Reason: "添付を取り違えました"})
		if i.Level != incident.Possible || i.Persons != 0 || !i.Exact || i.Facts.Recipients[0].Was != dispatch.Unknown {
			t.Fatalf("%+v", i)
		}
		other := run(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.party.ID, Subject: "ご請求書の送付", Body: "請求書を添付します。", Purpose: dispatch.ForInvoice,
			Documents: []string{s.Attachments[0].Document}, Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: "keiri@tohoku-kikai.co.jp"}}})
		frozen := func() bool {
			c := run(w, boss, w.d.Check, dispatch.ByID{ID: other.ID})
			return slices.ContainsFunc(c.Findings, func(f dispatch.Finding) bool {
				return f.Key == "dispatch.found.frozen_file" && f.Level == dispatch.Halt
			})
		}
		if !frozen() {
			t.Fatal("the document is free before anybody decided")
		}
		end := incident.CloseIn{ID: i.ID, Version: i.Version, Outcome: incident.Recovered, Reason: "開封前に削除されたことを確認"}
		refused(w, boss, incident.Close, end, fault.KindRefused, "dispatch.undecided")
		run(w, boss, dispatch.Resolve, dispatch.ResolveIn{Package: s.ID, Item: j.Item, As: dispatch.Handed, Evidence: "先方が受信を確認", Reason: "電話で確認したため"})
		late := end
		late.Version++
		refused(w, boss, incident.Close, late, fault.KindConflict, "")
		agreed(w, incident.Close, end)
		got := run(w, boss, incident.Show, incident.ByID{ID: i.ID})
		if got.State != incident.Closed || got.Outcome != incident.Recovered || got.Timeline[len(got.Timeline)-1].Kind != incident.Decided || got.Now[0].State != dispatch.Recalled {
			t.Fatalf("%+v", got)
		}
		if frozen() {
			t.Fatal("decided, and still frozen")
		}
		refused(w, boss, incident.Close, end, fault.KindRefused, "incident.closed")
		run(w, boss, incident.AddNote, incident.NoteIn{ID: i.ID, Words: "削除証明書を受領"})
		if l := run(w, boss, incident.List, incident.ListIn{State: incident.Open}); len(l.Rows) != 0 {
			t.Fatalf("%+v", l)
		}
		// Reported anew it is another incident.
		if n := run(w, boss, incident.Report, incident.ReportIn{Package: s.ID, Cause: "other", Reason: "転送先でも見つかった"}); n.ID == i.ID || n.Level != incident.Actual || !frozen() {
			t.Fatalf("%+v", n)
		}
	})
}

func TestSM36_WhoMayReportAndRead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.held("personal")
		as := func(id, dept, role string) gate.Credential {
			return gatetest.Person{ID: id, Roles: []string{role}, Departments: []string{dept}, StepUp: true}.As()
		}
		in := incident.ReportIn{Package: s.ID, Cause: "duplicate", Reason: "二重に送りました"}
		for role, k := range map[string]fault.Kind{"admin": fault.KindDenied, "auditor": fault.KindDenied, "security": fault.KindDenied, "sales": fault.KindNotFound, "clerk": fault.KindNotFound} {
			refused(w, as("x", "west", role), incident.Report, in, k, "")
		}
		refused(w, boss, incident.Report, incident.ReportIn{Package: "none", Cause: "other", Reason: "二重に送りました"}, fault.KindNotFound, "")
		i := run(w, as("x", "east", "clerk"), incident.Report, in) // still held: nothing has left
		if i.Level != incident.Near || i.Facts.Recipients[0].State != dispatch.Cancelled {
			t.Fatalf("%+v", i)
		}
		for _, c := range []struct {
			who   gate.Credential
			sees  bool
			facts bool
		}{
			{as("x", "east", "clerk"), true, true}, {as("x", "west", "manager"), false, false}, {as("x", "west", "controller"), true, true},
			{as("sender", "east", "sales"), true, true}, {as("x", "east", "sales"), false, false}, {as("x", "", "auditor"), true, false}, {as("x", "", "security"), true, false},
		} {
			got, err := gate.Run(bg, w.G, c.who, incident.Show, incident.ByID{ID: i.ID})
			if (err == nil) != c.sees || err == nil && (got.Reason != "") != c.facts || err == nil && (len(got.Facts.Recipients) > 0) != c.facts || err == nil && got.PromptBy != i.PromptBy {
				t.Errorf("%s: %v %+v", c.who.Secret(), err, got)
			}
			if l := run(w, c.who, incident.List, incident.ListIn{}); (len(l.Rows) == 1) != c.sees {
				t.Errorf("%s lists %d", c.who.Secret(), len(l.Rows))
			}
		}
		refused(w, as("x", "", "auditor"), incident.AddNote, incident.NoteIn{ID: i.ID, Words: "確認した"}, fault.KindDenied, "")
		refused(w, as("x", "east", "clerk"), incident.Close, incident.CloseIn{ID: i.ID, Version: i.Version, Outcome: incident.NoLeak, Reason: "未送信のため"}, fault.KindDenied, "")
		refused(w, as("x", "", "security"), incident.Close, incident.CloseIn{ID: i.ID, Version: i.Version, Outcome: incident.NoLeak, Reason: "未送信のため"}, fault.KindPending, "")
	})
}
