package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/intake"
	"sekisho/internal/trade/invoice"
)

var bg = context.Background()

var options = gatetest.Options{Request: approval.Keep,
	Modules: []gate.Module{jobs.Module, org.Module, party.Module, document.Module, approval.Module, invoice.Module, intake.Module}}

type world struct {
	*gatetest.World
	t testing.TB
}

var usual = civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}

var alice = gatetest.Boss("alice")

func each(t *testing.T, f func(t *testing.T, w world)) {
	gatetest.Each(t, options, func(t *testing.T, w *gatetest.World) { f(t, world{w, t}) })
}

func run[In, Out any](w world, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	return gatetest.Must[Out](w.t)(gate.Run(bg, w.G, alice, u, in))
}

// wants runs an op that must end in a fault with that key.
func wants[In, Out any](w world, key string, u *gate.UseCase[In, Out], in In) *fault.Error {
	w.t.Helper()
	_, err := gate.Run(bg, w.G, alice, u, in)
	f := fault.Of(err)
	if f == nil || f.Key != key {
		w.t.Fatalf("want %s, got %v", key, err)
	}
	return f
}

func (w world) worker() *jobs.Worker {
	return &jobs.Worker{Gate: w.G, Parallel: 2, Log: slog.New(slog.DiscardHandler)}
}

// work runs jobs until none is due, at most n rounds.
func (w world) work(n int) {
	w.t.Helper()
	for range n {
		did, _, err := w.worker().Once(bg)
		if err != nil {
			w.t.Fatal(err)
		}
		if did == 0 {
			return
		}
	}
}

func (w world) upload(k intake.Kind, content []byte) intake.UploadOut {
	w.t.Helper()
	return run(w, intake.Upload, intake.UploadIn{Kind: k, Name: "得意先一覧.csv", Content: content})
}

// begin uploads and starts, confirming the totals of the preview.
func (w world) begin(k intake.Kind, content []byte) string {
	w.t.Helper()
	id := w.upload(k, content).ID
	p := run(w, intake.PreviewOp, intake.PreviewIn{Run: id})
	run(w, intake.Start, intake.StartIn{Run: id, SkipBad: true, Expect: intake.Expect{Rows: p.Totals.Accepted, Total: p.Totals.Total}})
	return id
}

func (w world) show(id string) intake.ShowOut {
	w.t.Helper()
	return run(w, intake.Show, intake.ByRun{Run: id})
}

// partners counts those a person sees, page by page.
func partners(w world) (n int, first party.Item, err error) {
	after := ""
	for {
		p, err := gate.Run(bg, w.G, alice, party.List, party.ListIn{After: after, Limit: 200})
		if err != nil {
			return 0, first, err
		}
		if n == 0 && len(p.Rows) > 0 {
			first = p.Rows[0]
		}
		if n += len(p.Rows); p.Next == "" {
			return n, first, nil
		}
		after = p.Next
	}
}

func (w world) count(want int) party.Item {
	w.t.Helper()
	n, first, err := partners(w)
	if err != nil || n != want {
		w.t.Fatalf("%d partners are seen, want %d: %v", n, want, err)
	}
	return first
}

func sample(t testing.TB, name string) []byte {
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// file makes a file of n partners with a contact and an address of its own each.
func file(n int) []byte {
	var b bytes.Buffer
	b.WriteString("得意先コード,会社名,締日,支払サイト,担当者名,メールアドレス,住所1,電話番号,フリガナ\n")
	for i := range n {
		site := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)}) // no two alike
		fmt.Fprintf(&b, "%06d,株式会社第%d商事,末,翌月末,担当%d,keiri@%x.co.jp,東京都千代田区%d,03-1234-5678,ダイ\n", i, i, i, site[:8], i)
	}
	return b.Bytes()
}

func TestSamplesOfBothEncodingsBecomePartners(t *testing.T) {
	for _, name := range []string{"partners_utf8.csv", "partners_cp932.csv"} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w world) { samplesBecomePartners(w, sample(t, name)) })
		})
	}
}

func samplesBecomePartners(w world, content []byte) {
	t := w.t
	id := w.begin(intake.Partners, content)
	w.count(0)
	w.work(20)
	if s := w.show(id); s.State != intake.Published || s.Done != s.Slices || s.Totals.Accepted != 4 || s.Verification.Addresses != 3 || s.Verification.Verified != 0 {
		t.Fatalf("%+v", s)
	}
	first := w.count(3)
	if first.Code != "000123" || first.Name != "株式会社青葉商店" {
		t.Fatal(first)
	}
	p := run(w, party.ShowOp, party.ByID{ID: first.ID})
	if len(p.Contacts) != 2 || len(p.Points) != 2 || p.Points[0].Origin != party.Import || p.Points[0].State != party.Proposed {
		t.Fatalf("%+v", p)
	}
	for kind, row := range map[string]string{"party": first.ID, "contact": p.Contacts[1].ID, "point": p.Points[1].ID} {
		tr := run(w, intake.Trace, intake.TraceIn{Kind: kind, ID: row})
		if tr.Run != id || tr.Name != "得意先一覧.csv" || tr.Line != 2 && tr.Line != 3 || len(tr.Digest) != 64 {
			t.Fatal(kind, tr)
		}
	}
	wants(w, "fault.not_found", intake.Trace, intake.TraceIn{Kind: "party", ID: p.Contacts[0].ID})
}

func TestPreviewShowsTotalsAndErrorsAndWritesNothing(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		body := "得意先コード,会社名,備考\n1,い,x\n2\n3,=う,y\n1,い,z\n4,え\u202eお,\n"
		up := w.upload(intake.Partners, []byte(body))
		if up.Rows != 4 || up.BadLines != 1 || len(up.Headings) != 3 || up.State != intake.Uploaded {
			t.Fatalf("%+v", up)
		}
		p := run(w, intake.PreviewOp, intake.PreviewIn{Run: up.ID})
		if p.Totals.Rows != 5 || p.Totals.Accepted != 2 || p.Totals.Refused != 3 || p.Totals.New != 2 || len(p.Rows) != 2 || p.Rows[1].Line != 4 || p.Notes != 2 {
			t.Fatalf("%+v", p)
		}
		e := run(w, intake.Errors, intake.ErrorsIn{Run: up.ID})
		if e.Count != 5 || e.Next != 0 || e.Issues[len(e.Issues)-1].Line != 6 || strings.ContainsRune(e.Issues[4].Value, '\u202e') {
			t.Fatalf("%+v", e)
		}
		f := run(w, intake.ErrorsFile, intake.ErrorsFileIn{Run: up.ID})
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(f.Content, []byte("\ufeff")))).ReadAll()
		if err != nil || len(rows) != 6 || rows[0][0] != "行" || !slices.ContainsFunc(rows, func(r []string) bool { return r[3] == "'=う" && r[4] == "注意" }) {
			t.Fatal(rows, err)
		}
		run(w, intake.Start, intake.StartIn{Run: up.ID, SkipBad: true, DryRun: true, Expect: intake.Expect{Rows: 2}})
		w.work(3)
		if s := w.show(up.ID); s.State != intake.Uploaded || s.Version != 1 {
			t.Fatalf("a dry run wrote: %+v", s)
		}
		w.count(0)
		m := run(w, intake.PreviewOp, intake.PreviewIn{Run: up.ID, Mapping: []intake.Column{{Column: 1, Field: intake.Code}, {Column: 3, Field: intake.Name}}})
		if m.Rows[0].Cells[1].Value != "x" {
			t.Fatalf("the adjusted mapping was not used: %+v", m)
		}
	})
}

func TestWhatIsNotConfirmedIsNotBegun(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		up := w.upload(intake.Partners, []byte("得意先コード,会社名\n1,い\n2,\n"))
		in := intake.StartIn{Run: up.ID, Expect: intake.Expect{Rows: 1}}
		wants(w, "intake.bad_rows", intake.Start, in)
		in.SkipBad = true
		in.Expect.Rows = 2
		wants(w, "intake.totals", intake.Start, in)
		in.Expect = intake.Expect{Rows: 1, Total: 1}
		wants(w, "intake.totals", intake.Start, in)
		in.Mapping = []intake.Column{{Column: 1, Field: intake.Code}}
		wants(w, "intake.not_mapped.name", intake.Start, in)
		in.Mapping, in.Expect.Total = nil, 0
		wants(w, "fault.not_found", intake.Start, intake.StartIn{Run: "nothing"})
		if s := w.show(up.ID); s.State != intake.Uploaded || s.Slices != 0 {
			t.Fatal(s)
		}
		run(w, intake.Start, in)
		wants(w, "intake.begun", intake.Start, in)
		wants(w, "intake.begun", intake.PreviewOp, intake.PreviewIn{Run: up.ID})
		wants(w, "intake.nothing", intake.Start, intake.StartIn{Run: w.upload(intake.Partners, []byte("得意先コード,会社名\n2,\n")).ID, SkipBad: true})

		content := []byte("得意先コード,会社名\n1,い\n2,\n")
		wants(w, "intake.again", intake.Upload, intake.UploadIn{Kind: intake.Partners, Name: "a.csv", Content: content})
		run(w, intake.Upload, intake.UploadIn{Kind: intake.Partners, Name: "a.csv", Content: content, Again: true})
		wants(w, "intake.workbook", intake.Upload, intake.UploadIn{Kind: intake.Partners, Name: "a.csv", Content: []byte("PK\x03\x04")})
		wants(w, "jp.file_char", intake.Upload, intake.UploadIn{Kind: intake.Partners, Name: "../a.csv", Content: content, Again: true})
	})
}

func TestReadersSeeNoneOrAll(t *testing.T) {
	const n = 3000
	each(t, func(t *testing.T, w world) {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		seen := make([]map[int]int, 3)
		for i := range seen {
			seen[i] = map[int]int{}
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					// One page is one snapshot; the whole list is many of them.
					p, err := gate.Run(bg, w.G, alice, party.List, party.ListIn{Limit: 200})
					if err != nil {
						t.Error(err)
						return
					}
					seen[i][len(p.Rows)]++
				}
			})
		}
		id := w.begin(intake.Partners, file(n))
		w.work(100)
		time.Sleep(50 * time.Millisecond)
		close(stop)
		wg.Wait()
		s := w.show(id)
		if s.State != intake.Published || s.Slices < n*3/250 || s.Verification.Addresses != n {
			t.Fatalf("%+v", s)
		}
		for _, m := range seen {
			if m[0] == 0 || m[200] == 0 || len(m) != 2 {
				t.Fatal("a reader saw a part, or never looked", m)
			}
		}
		w.count(n)
	})
}

func TestStopResumeAndUndo(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		id := w.begin(intake.Partners, file(700))
		w.work(3)
		if p := run(w, intake.Stop, intake.ByRun{Run: id}); p.State != intake.Stopped || p.Done == 0 || p.Done == p.Total {
			t.Fatal(p)
		}
		w.work(5)
		half := w.show(id)
		if half.State != intake.Stopped {
			t.Fatal(half.State)
		}
		wants(w, "intake.not_running", intake.Stop, intake.ByRun{Run: id})
		w.count(0)
		run(w, intake.Resume, intake.ByRun{Run: id})
		run(w, intake.Resume, intake.ByRun{Run: id}) // a second chain of jobs does no harm
		w.work(30)
		w.count(700)
		wants(w, "intake.not_running", intake.Resume, intake.ByRun{Run: id})
		wants(w, "gate.reason", intake.Undo, intake.UndoIn{Run: id, Reason: " "})
		run(w, intake.Undo, intake.UndoIn{Run: id, Reason: "別の会社のファイルだった"})
		w.count(0)
		wants(w, "intake.undone", intake.Undo, intake.UndoIn{Run: id, Reason: "もう一度"})

		again := w.begin(intake.Partners, file(700)) // the codes are free again, and no confirmation is asked
		w.work(3)
		run(w, intake.Undo, intake.UndoIn{Run: again, Reason: "途中で取り消し"})
		w.work(10)
		if s := w.show(again); s.State != intake.Undone {
			t.Fatal(s.State)
		}
		w.count(0)
	})
}

func TestAKilledImportGoesOn(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		id := w.begin(intake.Partners, file(700))
		w.work(2)
		if _, err := w.G.JSON(bg, gate.System("jobs"), "job.claim", []byte(`{"limit":5}`)); err != nil { // a worker takes the next slice and dies
			t.Fatal(err)
		}
		w.Reopen(t)
		w.work(5)
		if s := w.show(id); s.State != intake.Staging || s.Done != 1 {
			t.Fatalf("%+v", s)
		}
		w.count(0)
		w.Clock.Pass(5 * time.Minute)
		w.work(30)
		if s := w.show(id); s.State != intake.Published {
			t.Fatalf("%+v", s)
		}
		w.count(700)
	})
}

func TestACodeTakenMeanwhileBlocksPublishing(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		id := w.begin(intake.Partners, file(150))
		w.work(3) // the plan and both slices; publishing waits
		if s := w.show(id); s.Done != s.Slices || s.State != intake.Staging {
			t.Fatalf("%+v", s.Run)
		}
		run(w, party.Create, party.CreateIn{Code: "000123", Name: "先に登録", Terms: usual})
		w.work(5)
		s := w.show(id)
		if s.State != intake.Blocked || s.Reason != "intake.collisions" || len(s.Blocks) != 1 || s.Blocks[0].Value != "000123" || s.Blocks[0].Line != 125 {
			t.Fatalf("%+v", s)
		}
		w.count(1)
		run(w, intake.Resume, intake.ByRun{Run: id})
		w.work(5)
		if s := w.show(id); s.State != intake.Blocked {
			t.Fatal(s.State)
		}
		run(w, intake.Undo, intake.UndoIn{Run: id, Reason: "登録済み"})
		p := run(w, intake.PreviewOp, intake.PreviewIn{Run: w.upload(intake.Partners, file(150)).ID})
		if p.Totals.Existing != 1 || p.Totals.New != 149 || p.Issues[0].Key != "intake.exists" || p.Issues[0].Line != 125 {
			t.Fatalf("%+v", p.Totals)
		}
	})
}

func TestOpenInvoicesNameRegisteredPartners(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		from := w.begin(intake.Partners, sample(t, "partners_utf8.csv"))
		w.work(10)
		body := append(bytes.TrimRight(sample(t, "invoices_cp932.csv"), "\r\n"), []byte("\r\n999,INV-9,2026/10/1,,5,\r\n000123,INV-001,2026/10/1,,5,\r\n")...)
		up := w.upload(intake.OpenInvoices, body)
		p := run(w, intake.PreviewOp, intake.PreviewIn{Run: up.ID})
		if p.Totals.Accepted != 3 || p.Totals.Refused != 2 || p.Totals.Total != 1_118_700 || p.Totals.Existing != 2 || p.Totals.Months[0].Month != "2026-10" {
			t.Fatalf("%+v", p.Totals)
		}
		run(w, intake.Start, intake.StartIn{Run: up.ID, SkipBad: true, Expect: intake.Expect{Rows: 3, Total: money.Yen(1_118_700)}})
		wants(w, "intake.used", intake.Undo, intake.UndoIn{Run: from, Reason: "請求が使っている"})
		w.work(10)
		list := run(w, invoice.List, invoice.Filter{})
		if s := w.show(up.ID); s.State != intake.Published || len(list.Invoices) != 3 {
			t.Fatalf("%+v %+v", s, list)
		}
		for _, i := range list.Invoices {
			tr := run(w, intake.Trace, intake.TraceIn{Kind: "invoice", ID: i.ID})
			if tr.Run != up.ID || i.Number != fmt.Sprintf("INV-%03d", tr.Line-3) {
				t.Fatal(i.Number, tr)
			}
		}
		twice := run(w, intake.PreviewOp, intake.PreviewIn{Run: w.again(intake.OpenInvoices, body)})
		if twice.Totals.Accepted != 0 || twice.Issues[0].Key != "intake.number_exists" {
			t.Fatalf("%+v", twice)
		}
		run(w, intake.Undo, intake.UndoIn{Run: up.ID, Reason: "やり直し"})
		if list := run(w, invoice.List, invoice.Filter{}); len(list.Invoices) != 0 {
			t.Fatal(list)
		}
		run(w, intake.Undo, intake.UndoIn{Run: from, Reason: "やり直し"})
		w.count(0)
	})
}

func TestOfTwoRunsWithOneNumberTheSecondIsBlocked(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.begin(intake.Partners, sample(t, "partners_utf8.csv"))
		w.work(10)
		head := "得意先コード,請求番号,請求日,金額\n"
		both := []string{w.begin(intake.OpenInvoices, []byte(head+"000123,N-1,2026/10/1,5\n")), w.begin(intake.OpenInvoices, []byte(head+"000123,N-0,2026/10/1,5\n000123,N-1,2026/10/1,7\n"))}
		w.work(20)
		var published, blocked []intake.ShowOut
		for _, id := range both {
			switch s := w.show(id); s.State {
			case intake.Published:
				published = append(published, s)
			case intake.Blocked:
				blocked = append(blocked, s)
			}
		}
		if len(published) != 1 || len(blocked) != 1 || blocked[0].Reason != "intake.collisions" || blocked[0].Blocks[0].Value != "N-1" {
			t.Fatalf("%+v %+v", published, blocked)
		}
		if l := run(w, invoice.List, invoice.Filter{}); len(l.Invoices) != published[0].Totals.Accepted {
			t.Fatalf("a part of the blocked run is seen: %+v", l)
		}
	})
}

func TestARegisterThatChangedAfterConfirmingBlocks(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		id := w.begin(intake.Partners, file(3))
		run(w, party.Create, party.CreateIn{Code: "000001", Name: "先に登録", Terms: usual})
		w.work(5)
		if s := w.show(id); s.State != intake.Blocked || s.Reason != "intake.changed" || s.Slices != 0 {
			t.Fatalf("%+v", s.Run)
		}
		wants(w, "intake.not_written", intake.Publish, intake.ByRun{Run: id})
		run(w, intake.Resume, intake.ByRun{Run: id})
		w.work(5)
		if s := w.show(id); s.State != intake.Blocked {
			t.Fatalf("%+v", s.Run)
		}
		run(w, intake.Undo, intake.UndoIn{Run: id, Reason: "登録が変わった"})
		w.work(5)
		w.count(1)
	})
}

func (w world) again(k intake.Kind, content []byte) string {
	return run(w, intake.Upload, intake.UploadIn{Kind: k, Name: "a.csv", Content: content, Again: true}).ID
}

func TestRunsAreListedToThoseWhoMay(t *testing.T) {
	o := options
	m, err := os.ReadFile("../../app/matrix/intake.txt")
	if err != nil {
		t.Fatal(err)
	}
	o.Matrix = "role accounting clearance=personal\nrole controller clearance=personal\nrole auditor clearance=confidential\nrole sales clearance=personal\n" + string(m)
	gatetest.Each(t, o, func(t *testing.T, w *gatetest.World) {
		as := func(id, role string) gate.Credential { return gatetest.Person{ID: id, Roles: []string{role}}.As() }
		up, err := gate.Run(bg, w.G, as("a", "accounting"), intake.Upload, intake.UploadIn{Kind: intake.Partners, Name: "a.csv", Content: []byte("コード,会社名\n1,い\n2\n")})
		if err != nil {
			t.Fatal(err)
		}
		e, err := gate.Run(bg, w.G, as("x", "auditor"), intake.Errors, intake.ErrorsIn{Run: up.ID})
		if err != nil || e.Count != 2 || e.Issues[0].Value != "" {
			t.Fatal("the auditor sees lines, no personal values", e, err)
		}
		for _, role := range []string{"auditor", "sales"} {
			if _, err := gate.Run(bg, w.G, as("x", role), intake.Start, intake.StartIn{Run: up.ID}); !fault.Is(err, fault.KindDenied) {
				t.Fatal(role, err)
			}
		}
		if _, err := gate.Run(bg, w.G, as("b", "accounting"), intake.Undo, intake.UndoIn{Run: up.ID, Reason: "他人の取り込み"}); !fault.Is(err, fault.KindNotFound) {
			t.Fatal(err)
		}
		l, err := gate.Run(bg, w.G, as("x", "auditor"), intake.List, intake.ListIn{})
		if err != nil || len(l.Rows) != 1 {
			t.Fatal(l, err)
		}
	})
}
