package document_test

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

// A test module that archives what it has issued.
//
//go:embed testdata/schema/*.sql
var files embed.FS

func sub() fs.FS { s, _ := fs.Sub(files, "testdata"); return s }

type Paper struct{ gate.Row }

var papers = gate.NewTable[Paper]("paper", gate.Unscoped())

type Issue struct {
	Party  string     `json:"party"`
	Number string     `json:"number"`
	Amount money.Yen  `json:"amount"`
	Date   civil.Date `json:"date"`
	Dept   string     `json:"dept"`
	Class  string     `json:"class"`
	Text   string     `json:"text"`
}

var issue = gate.New(gate.Op[Issue, document.Document]{
	Name: "paper.issue", Mode: gate.Write,
	Target: func(*gate.Tx, Issue) (gate.Target, error) { return gate.Target{Kind: "paper", ID: "new"}, nil },
	Work: func(x *gate.Tx, in Issue) (func(context.Context) (any, error), error) {
		blobs := x.Blobs()
		return func(ctx context.Context) (any, error) { return blobs.Put(ctx, []byte(in.Text)) }, nil
	},
	Do: func(x *gate.Tx, in Issue) (document.Document, error) {
		d := document.Document{Kind: document.Invoice, Direction: document.Issued, Party: in.Party, Number: in.Number, Amount: in.Amount, Date: in.Date,
			Name: "請求書.txt", Media: "text/plain", Digest: gate.Worked[blob.Digest](x).String(), Size: int64(len(in.Text)), Department: in.Dept, Class: in.Class}
		err := document.Archive(x, &d)
		return d, err
	},
})

const matrix = `
role sales clearance=personal
role clerk clearance=personal
role auditor clearance=confidential
document.upload: boss=all sales=own clerk=department
document.show: boss=all sales=own clerk=department auditor=all
document.history: boss=all sales=own clerk=department auditor=all
document.content: boss=all sales=own clerk=department auditor=all
document.search: boss=all sales=own clerk=department auditor=all
`

func each(t *testing.T, f func(t *testing.T, w *gatetest.World)) {
	gatetest.Each(t, gatetest.Options{Matrix: matrix, Modules: []gate.Module{org.Module, document.Module,
		{Name: "paper", Schema: sub(), Ops: []gate.Any{issue, earlier}, Tables: []gate.AnyTable{papers}}}}, f)
}

var (
	bg   = context.Background()
	boss = gatetest.Boss("boss")
	day  = civil.MustParse
)

func person(id, dept, role string) gate.Credential {
	return gatetest.Person{ID: id, Roles: []string{role}, Departments: []string{dept}}.As()
}

func wants(t *testing.T, err error, k fault.Kind, key string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

var doc = func(t *testing.T) func(document.Document, error) document.Document {
	return gatetest.Must[document.Document](t)
}

func upload(w *gatetest.World, who gate.Credential, in document.UploadIn) (document.Document, error) {
	if in.Name == "" {
		in.Name = "受領請求書.csv"
	}
	if in.Content == nil {
		in.Content = []byte("品名,金額\nねじ,1100\n")
	}
	if in.Kind == "" {
		in.Kind = document.Invoice
	}
	if in.Direction == "" {
		in.Direction = document.Received
	}
	return gate.Run(bg, w.G, who, document.Upload, in)
}

func content(w *gatetest.World, who gate.Credential, id string) (document.Content, error) {
	return gate.Run(bg, w.G, who, document.Contents, document.ByID{ID: id})
}

func TestIR62_UploadKeepsTheBytes(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		body := []byte("\xef\xbb\xbf品名,金額\r\nねじ,1100\r\n")
		d := doc(t)(upload(w, person("s1", "east", "sales"), document.UploadIn{Content: body, Party: "p1", Number: "A-1", Amount: 1100}))
		if d.Owner != "s1" || d.Department != "east" || d.Media != "text/csv" || d.Class != "confidential" || d.Date != day("2026-11-22") ||
			d.Digest != blob.Sum(body).String() || d.Size != int64(len(body)) {
			t.Fatalf("%+v", d)
		}
		c := gatetest.Must[document.Content](t)(content(w, person("s1", "east", "sales"), d.ID))
		if !bytes.Equal(c.Content, body) || c.Name != "受領請求書.csv" {
			t.Fatal("other bytes came back")
		}
		v := gatetest.Must[document.Verified](t)(gate.Run(bg, w.G, boss, document.Verify, document.ByID{ID: d.ID}))
		if v.Digest != d.Digest || v.Size != d.Size {
			t.Fatal(v)
		}
	})
}

func TestIR62_TheRecordNamesWhatLeft(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		d := doc(t)(upload(w, boss, document.UploadIn{}))
		gatetest.Must[document.Content](t)(content(w, boss, d.ID))
		if err := w.G.Seal(bg); err != nil {
			t.Fatal(err)
		}
		entries, err := w.G.Entries(bg, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			r := e.Record
			if r.Op == "document.content" && r.Target == d.ID && r.Kind == "document" && r.Person == "boss" && r.Unmasked == "confidential" {
				return
			}
		}
		t.Fatalf("%+v", entries)
	})
}

// What has the mark was given out, and what has none was not: the first time is
// kept, and looking at what is known of a document is not giving it out.
func TestC28_GivenOutLeavesItsMark(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		clerk := person("s1", "east", "sales")
		d := doc(t)(upload(w, clerk, document.UploadIn{}))
		show := func() document.Document {
			return doc(t)(gate.Run(bg, w.G, boss, document.Show, document.ByID{ID: d.ID}))
		}
		if _, err := gate.Run(bg, w.G, boss, document.Verify, document.ByID{ID: d.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := content(w, person("s2", "west", "sales"), d.ID); !fault.Is(err, fault.KindNotFound) {
			t.Fatal(err)
		}
		if got := show(); got.GivenHow != document.Never || got.GivenBy != "" || !got.GivenAt.IsZero() || got.Version != 1 {
			t.Fatalf("%+v", got)
		}
		gatetest.Must[document.Content](t)(content(w, clerk, d.ID))
		first := show()
		if first.GivenHow != "document.content" || first.GivenBy != "s1" || first.GivenAt.IsZero() {
			t.Fatalf("%+v", first)
		}
		gatetest.Must[document.Content](t)(content(w, boss, d.ID))
		if again := show(); again.GivenBy != "s1" || again.Version != first.Version {
			t.Fatalf("%+v", again)
		}
	})
}

// oldDocument is a row as it was written before standing and giving were kept.
type oldDocument struct {
	gate.Row
	Kind        string             `json:"kind" col:"kind" class:"internal,plain"`
	Direction   document.Direction `json:"direction" col:"direction" class:"internal,plain"`
	Party       string             `json:"party" col:"party_id" class:"internal,plain"`
	Number      string             `json:"number" col:"number" class:"internal,plain"`
	Amount      money.Yen          `json:"amount" col:"amount" class:"confidential,plain"`
	Date        civil.Date         `json:"date" col:"doc_date" class:"internal,plain"`
	Name        string             `json:"name" col:"name" class:"confidential,label"`
	Media       string             `json:"media" col:"media" class:"internal,plain"`
	Digest      string             `json:"digest" col:"digest" class:"internal,exact"`
	Size        int64              `json:"size" col:"size" class:"internal,plain"`
	Class       string             `json:"class" col:"class" class:"internal,plain"`
	RetainUntil civil.Date         `json:"retain_until" col:"retain_until" class:"internal,plain"`
	Owner       string             `json:"owner" col:"owner_id" class:"internal,plain"`
	Department  string             `json:"department" col:"department_id" class:"internal,plain"`
	Former      string             `json:"former" col:"former_id" class:"internal,plain"`
	Latter      string             `json:"latter" col:"latter_id" class:"internal,plain"`
	Reason      string             `json:"reason" col:"reason" class:"confidential"`
}

var oldDocuments = gate.NewTable[oldDocument]("document")

// earlier archives as the version before did.
var earlier = gate.New(gate.Op[Issue, document.Document]{Name: "paper.earlier", Mode: gate.Write,
	Target: func(*gate.Tx, Issue) (gate.Target, error) { return gate.Target{Kind: "paper", ID: "new"}, nil },
	Do: func(x *gate.Tx, in Issue) (document.Document, error) {
		d := oldDocument{Kind: document.Invoice, Direction: document.Issued, Party: in.Party, Number: in.Number, Date: in.Date, Name: "請求書.txt", Media: "text/plain",
			Digest: blob.Sum([]byte(in.Text)).String(), Size: int64(len(in.Text)), Class: "confidential"}
		err := oldDocuments.Insert(x, &d)
		return document.Document{Row: d.Row}, err
	}})

// Of a document that is older than the mark nobody can say that it was never given
// out, and giving it out now does not hide that.
func TestC28_OlderDocumentsCountAsGiven(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		id := doc(t)(gate.Run(bg, w.G, boss, earlier, Issue{Party: "p1", Number: "INV-1", Date: day("2026-10-31"), Text: "請求書"})).ID
		if _, err := w.Blobs.Put(bg, []byte("請求書")); err != nil {
			t.Fatal(err)
		}
		gatetest.Must[document.Content](t)(content(w, boss, id))
		d := doc(t)(gate.Run(bg, w.G, boss, document.Show, document.ByID{ID: id}))
		if d.GivenHow != document.Unknown || d.GivenBy != "" || d.Number != "INV-1" || d.Standing != document.InForce {
			t.Fatalf("%+v", d)
		}
	})
}

func TestIR62_AlteredBytesAreNeverGiven(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		d := doc(t)(upload(w, boss, document.UploadIn{}))
		n := 0
		err := filepath.WalkDir(filepath.Join(w.Dir, "blobs"), func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			n++
			b[len(b)-20] ^= 1
			return os.WriteFile(p, b, 0o600)
		})
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		_, err = gate.Run(bg, w.G, boss, document.Verify, document.ByID{ID: d.ID})
		wants(t, err, fault.KindFailed, "blob.altered")
		_, err = content(w, boss, d.ID)
		wants(t, err, fault.KindFailed, "blob.altered")
	})
}

func TestC27_FileHygiene(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		for _, c := range []struct {
			in  document.UploadIn
			key string
		}{
			{document.UploadIn{Name: "../a.csv"}, "jp.file_char"},
			{document.UploadIn{Name: "請求書\u202evsc.exe"}, "jp.text_bidi"},
			{document.UploadIn{Name: "CON.csv"}, "jp.file_device"},
			{document.UploadIn{Name: ".csv"}, "jp.file_ends"},
			{document.UploadIn{Name: "a.exe", Content: []byte("MZ")}, "document.type"},
			{document.UploadIn{Name: "a.pdf"}, "document.mismatch"},
			{document.UploadIn{Name: "a.csv", Content: make([]byte, document.MaxSize+1)}, "document.too_large"},
			{document.UploadIn{Content: []byte{}}, "document.empty"},
			{document.UploadIn{Kind: "letter"}, "gate.enum"},
			{document.UploadIn{Direction: "issued"}, "gate.enum"},
			{document.UploadIn{Class: "secret"}, "gate.enum"},
			{document.UploadIn{Amount: money.MaxYen + 1}, "money.too_large"},
		} {
			_, err := upload(w, boss, c.in)
			wants(t, err, fault.KindInvalid, c.key)
		}
		for _, in := range []string{`{"name":"a.csv","content":"!!"}`, `{"name":"a.csv","Content":""}`, `{"name":"a.csv","path":"x"}`} {
			if _, err := w.G.JSON(bg, boss, "document.upload", []byte(in)); !fault.Is(err, fault.KindInvalid) {
				t.Error(in, err)
			}
		}
		none := gatetest.Must[document.Found](t)(gate.Run(bg, w.G, boss, document.Search, document.SearchIn{From: day("2000-01-01")}))
		if len(none.Rows) != 0 {
			t.Fatal("bad input left something", none.Rows)
		}
	})
}

// What a partner has sent is kept as it came, but a PDF that acts may not go out.
func TestC27_ActiveFilesDoNotGoOut(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		in := document.UploadIn{Name: "a.pdf", Content: activePDF(), Direction: document.Internal, Kind: document.Attachment}
		_, err := upload(w, boss, in)
		wants(t, err, fault.KindRefused, "document.active")
		in.Direction = document.Received
		doc(t)(upload(w, boss, in))
	})
}

// activePDF is an empty page that runs a script when it is opened.
func activePDF() []byte {
	b := bytes.NewBufferString("%PDF-1.4\n")
	var at []int
	for _, o := range []string{"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert)>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"} {
		at = append(at, b.Len())
		fmt.Fprintf(b, "%d 0 obj%sendobj\n", len(at), o)
	}
	start := b.Len()
	fmt.Fprintf(b, "xref\n0 4\n%010d 65535 f \n", 0)
	for _, p := range at {
		fmt.Fprintf(b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(b, "trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

func TestIR62_CorrectedVersionsAreLinked(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		s1 := person("s1", "east", "sales")
		first := doc(t)(upload(w, s1, document.UploadIn{Party: "p1", Number: "A-1", Amount: 1100}))
		fix := document.UploadIn{Party: "p1", Number: "A-1", Amount: 1200, Former: first.ID, Reason: "先方の訂正版を受領"}
		for _, c := range []struct {
			spoil func(*document.UploadIn)
			kind  fault.Kind
			key   string
		}{
			{func(in *document.UploadIn) { in.Reason = "" }, fault.KindInvalid, "gate.reason"},
			{func(in *document.UploadIn) { in.Party = "p2" }, fault.KindInvalid, "document.other_former"},
			{func(in *document.UploadIn) { in.Direction = document.Internal }, fault.KindInvalid, "document.other_former"},
			{func(in *document.UploadIn) { in.Class = "internal" }, fault.KindInvalid, "document.other_former"},
			{func(in *document.UploadIn) { in.Former = "nothing" }, fault.KindNotFound, "fault.not_found"},
		} {
			in := fix
			c.spoil(&in)
			_, err := upload(w, s1, in)
			wants(t, err, c.kind, c.key)
		}
		_, err := upload(w, person("s2", "east", "sales"), fix)
		wants(t, err, fault.KindNotFound, "fault.not_found")
		second := doc(t)(upload(w, s1, fix))
		_, err = upload(w, s1, fix)
		wants(t, err, fault.KindConflict, "document.corrected")
		fix.Former, fix.Amount = second.ID, 1300
		third := doc(t)(upload(w, s1, fix))
		for _, from := range []document.Document{first, second, third} {
			h := gatetest.Must[document.Rows](t)(gate.Run(bg, w.G, s1, document.History, document.ByID{ID: from.ID})).Rows
			if len(h) != 3 || h[0].ID != first.ID || h[1].ID != second.ID || h[2].ID != third.ID || h[1].Reason == "" || h[0].Latter != second.ID || h[2].Former != second.ID {
				t.Fatalf("%+v", h)
			}
		}
		if got := gatetest.Must[document.Document](t)(gate.Run(bg, w.G, s1, document.Show, document.ByID{ID: first.ID})); got.Amount != 1100 || got.Digest != first.Digest {
			t.Fatal("the former was changed", got)
		}
		if found := search(t, w, s1, document.SearchIn{Party: "p1"}); !slices.Equal(found, []string{third.ID}) {
			t.Fatal("only the version that holds", found)
		}
		if found := search(t, w, s1, document.SearchIn{Party: "p1", Corrected: true}); len(found) != 3 {
			t.Fatal(found)
		}
	})
}

func search(t *testing.T, w *gatetest.World, who gate.Credential, in document.SearchIn) []string {
	t.Helper()
	ids := []string{}
	for {
		f := gatetest.Must[document.Found](t)(gate.Run(bg, w.G, who, document.Search, in))
		for _, r := range f.Rows {
			ids = append(ids, r.ID)
		}
		if in.After = f.Next; f.Next == "" {
			return ids
		}
	}
}

// Every combination of conditions finds exactly the planted documents that fulfil it.
func TestIR62_SearchByAnyCombination(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		var all []document.Document
		for i := range 36 {
			all = append(all, doc(t)(gate.Run(bg, w.G, boss, issue, Issue{Party: fmt.Sprint("p", i%3), Number: fmt.Sprint("N-", i%6), Dept: []string{"east", "west"}[i%2],
				Amount: money.Yen(i%4) * 50_000, Date: day("2026-10-30").AddDays(i % 5), Text: fmt.Sprint("本文", i)})))
		}
		type pick struct {
			set  func(*document.SearchIn)
			fits func(document.Document) bool
		}
		none := pick{func(*document.SearchIn) {}, func(document.Document) bool { return true }}
		a, b := day("2026-10-31"), day("2026-11-02")
		dates := []pick{none,
			{func(in *document.SearchIn) { in.From, in.To = a, a }, func(d document.Document) bool { return d.Date == a }},
			{func(in *document.SearchIn) { in.From, in.To = a, b }, func(d document.Document) bool { return !d.Date.Before(a) && !d.Date.After(b) }},
			{func(in *document.SearchIn) { in.To = a }, func(d document.Document) bool { return !d.Date.After(a) }}}
		amounts := []pick{none,
			{func(in *document.SearchIn) { in.AmountFrom, in.AmountTo = 50_000, 100_000 }, func(d document.Document) bool { return d.Amount >= 50_000 && d.Amount <= 100_000 }},
			{func(in *document.SearchIn) { in.AmountFrom, in.AmountTo = 150_000, 150_000 }, func(d document.Document) bool { return d.Amount == 150_000 }},
			{func(in *document.SearchIn) { in.AmountFrom = 100_000 }, func(d document.Document) bool { return d.Amount >= 100_000 }},
			{func(in *document.SearchIn) { in.NoAmount = true }, func(d document.Document) bool { return d.Amount == 0 }},
			{func(in *document.SearchIn) { in.AmountFrom, in.AmountTo = 7, 7 }, func(document.Document) bool { return false }}}
		parties := []pick{none, {func(in *document.SearchIn) { in.Party = "p1" }, func(d document.Document) bool { return d.Party == "p1" }}}
		numbers := []pick{none, {func(in *document.SearchIn) { in.Number = "N-4" }, func(d document.Document) bool { return d.Number == "N-4" }}}
		clerk := person("k", "west", "clerk")
		for i, d := range dates {
			for j, m := range amounts {
				for k, p := range parties {
					for l, n := range numbers {
						in := document.SearchIn{Limit: 7, Kind: document.Invoice}
						for _, c := range []pick{d, m, p, n} {
							c.set(&in)
						}
						for _, who := range []gate.Credential{boss, clerk} {
							var want []string
							for _, r := range all {
								if d.fits(r) && m.fits(r) && p.fits(r) && n.fits(r) && (who != clerk || r.Department == "west") {
									want = append(want, r.ID)
								}
							}
							got := search(t, w, who, in)
							slices.Sort(got)
							slices.Sort(want)
							if !slices.Equal(got, want) {
								t.Fatalf("%d %d %d %d: %d found, %d wanted", i, j, k, l, len(got), len(want))
							}
						}
					}
				}
			}
		}
		for in, key := range map[string]string{`{}`: "document.no_condition", `{"partner":"p1"}`: "gate.json_unknown", `{"from":"2026-11-31"}`: "gate.json_type",
			`{"from":"2026-11-02","to":"2026-11-01"}`: "document.range", `{"amount_from":1.5}`: "gate.json_type", `{"kind":"x"}`: "gate.enum"} {
			_, err := w.G.JSON(bg, boss, "document.search", []byte(in))
			wants(t, err, fault.KindInvalid, key)
		}
	})
}

func TestIR62_RetentionFollowsTheCompany(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		make := func() civil.Date {
			t.Helper()
			return doc(t)(gate.Run(bg, w.G, boss, issue, Issue{Date: day("2026-11-22"), Text: "x", Amount: 1})).RetainUntil
		}
		// Before the company is entered: the latest end its year can have (2027-10-31,
		// to be declared by 2028-01-04), kept longest.
		if got := make(); got != day("2038-04-04") {
			t.Fatal(got)
		}
		p := org.Profile{Name: "北斗", PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, KeepYears: 7, Rounding: money.Floor}
		gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: p}))
		if got := make(); got != day("2034-05-31") {
			t.Fatal(got)
		}
	})
}

func TestC12_ScopeAndClass(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		d := doc(t)(upload(w, person("s1", "east", "sales"), document.UploadIn{Class: "personal", Party: "p1"}))
		auditor := person("a", "", "auditor")
		for _, who := range []gate.Credential{person("s2", "east", "sales"), person("k", "west", "clerk"), auditor} {
			_, err := content(w, who, d.ID)
			wants(t, err, fault.KindNotFound, "fault.not_found")
			_, err = gate.Run(bg, w.G, who, document.Show, document.ByID{ID: d.ID})
			wants(t, err, fault.KindNotFound, "fault.not_found")
			if found := search(t, w, who, document.SearchIn{Party: "p1"}); len(found) != 0 {
				t.Fatal(found)
			}
		}
		if found := search(t, w, person("k", "east", "clerk"), document.SearchIn{Party: "p1"}); len(found) != 1 {
			t.Fatal("the department's own", found)
		}
		_, err := upload(w, auditor, document.UploadIn{})
		wants(t, err, fault.KindDenied, "policy.role_never")
		_, err = upload(w, person("s1", "east", "sales"), document.UploadIn{Department: "west"})
		wants(t, err, fault.KindInvalid, "document.department")
		_, err = upload(w, person("k", "east", "clerk"), document.UploadIn{Department: "west"})
		wants(t, err, fault.KindNotFound, "fault.not_found")
		_, err = gate.Run(bg, w.G, boss, issue, Issue{Text: "x", Class: "internal"})
		wants(t, err, fault.KindInvalid, "document.class")
	})
}

// The name of a file and the digest lie sealed.
func TestC05_NamesLieSealed(t *testing.T) {
	how := strings.Join(gate.Storage([]gate.Module{document.Module}), "\n")
	for _, want := range []string{"document.name confidential seal", "document.digest internal seal+exact", "document.reason confidential seal", "document.amount confidential plain"} {
		if !strings.Contains(how, want) {
			t.Error(want)
		}
	}
}
