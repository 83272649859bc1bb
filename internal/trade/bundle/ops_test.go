package bundle_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/bundle"
)

// month is a bundle of 300 pages over 287 invoices: eleven of two pages, one
// double page, and the second pages of two invoices swapped.
func month(t testing.TB) []byte {
	var texts []string
	at := map[int]int{} // invoice → place of its second page
	for i := 1; i <= 287; i++ {
		of := 1
		if i%24 == 0 || i == 10 {
			of = 2
		}
		for no := 1; no <= of; no++ {
			if no == 2 {
				at[i] = len(texts)
			}
			texts = append(texts, sheet(i, no, of))
		}
		if i == 100 {
			texts = append(texts, sheet(i, 1, 1))
		}
	}
	texts[at[48]], texts[at[120]] = texts[at[120]], texts[at[48]]
	if len(texts) != 300 {
		t.Fatal("the bundle has", len(texts), "pages")
	}
	return paper(t, texts...)
}

func found(i bundle.Item) string {
	var keys []string
	for _, f := range i.Findings {
		keys = append(keys, strings.TrimPrefix(f.Key, "bundle.found."))
	}
	return strings.Join(keys, " ")
}

func TestSM38_AMonthsBundle(t *testing.T) {
	each(t, 287, func(t *testing.T, w world) {
		raw := month(t)
		r := w.take(bundle.UploadIn{Files: []bundle.File{file("10月請求書.pdf", raw)}})
		if r.State != bundle.Ready || r.Documents != 287 || r.Pages != 300 {
			t.Fatalf("%+v", r)
		}
		w.everyPageOnce(r.ID, 300)
		left := w.rest(r.ID)
		var why []string
		for _, l := range left {
			why = append(why, strings.TrimPrefix(l.Why, "bundle.rest.")+" "+l.Said.Numbers[0])
		}
		if got := strings.Join(why, ", "); got != "stray INV-2026-0120, doubled INV-2026-0100, stray INV-2026-0048" {
			t.Fatal("leftovers:", got)
		}
		open := w.items(r.ID, bundle.Open)
		if len(open) != 2 || found(open[0]) != "page_missing" || found(open[1]) != "page_missing" || open[0].Findings[0].Read != "2/2" {
			t.Fatalf("open: %+v", open)
		}
		all := bundle.PublishIn{Run: r.ID, Count: 287, Total: month287()}
		wants(w, "bundle.open", bundle.Publish, all)
		wants(w, "bundle.unpublished", bundle.Documents, bundle.ByRun{Run: r.ID})

		// A page goes back where its own number says, and nowhere else.
		wants(w, "bundle.not_its_page", bundle.Place, bundle.PlaceIn{Run: r.ID, Item: open[0].ID, Version: open[0].Version, Rest: left[0].ID})
		for i, l := range []bundle.RestRow{left[2], left[0]} {
			got := run(w, bundle.Place, bundle.PlaceIn{Run: r.ID, Item: open[i].ID, Version: open[i].Version, Rest: l.ID})
			if got.State != bundle.Fits || len(got.Pages) != 2 {
				t.Fatalf("placed: %+v", got)
			}
		}
		wants(w, "bundle.unsettled", bundle.Publish, all)
		run(w, bundle.Settle, bundle.SettleIn{Run: r.ID, Rest: left[1].ID, Version: left[1].Version, Reason: "二重に印刷されたため"})
		wants(w, "bundle.totals", bundle.Publish, bundle.PublishIn{Run: r.ID, Count: 286, Total: all.Total})
		wants(w, "bundle.totals", bundle.Publish, bundle.PublishIn{Run: r.ID, Count: 287, Total: all.Total - 1})
		run(w, bundle.Publish, all)
		w.work()
		w.everyPageOnce(r.ID, 300)
		w.published(r.ID, raw)
		wants(w, "bundle.archived", bundle.Undo, bundle.UndoIn{Run: r.ID, Reason: "やり直すため"})
		wants(w, "bundle.again", bundle.Upload, bundle.UploadIn{Files: []bundle.File{file("もう一度.pdf", raw)}})
	})
}

func month287() money.Yen {
	var sum money.Yen
	for i := 1; i <= 287; i++ {
		sum += money.Yen(amount(i))
	}
	return sum
}

// everyPageOnce holds that each page is in one document or a leftover.
func (w world) everyPageOnce(id string, want int) {
	w.t.Helper()
	seen := map[string]int{}
	for _, i := range w.items(id, "") {
		for _, p := range i.Pages {
			seen[fmt.Sprint(i.Source, "/", p)]++
		}
	}
	for _, l := range w.rest(id) {
		if l.Page > 0 && l.Settled != bundle.Placed {
			seen[fmt.Sprint(l.Source, "/", l.Page)]++
		}
	}
	for p, n := range seen {
		if n != 1 {
			w.t.Errorf("page %s stands %d times", p, n)
		}
	}
	if len(seen) != want {
		w.t.Errorf("%d pages of %d", len(seen), want)
	}
}

// published holds that all documents are archived as they should be, and lead
// back to the bundle.
func (w world) published(id string, raw []byte) {
	w.t.Helper()
	list := run(w, bundle.Documents, bundle.ByRun{Run: id}).Rows
	if len(list) != 287 {
		w.t.Fatal(len(list), "documents")
	}
	ids := map[string]bool{}
	for n, i := range list {
		ids[i.ID] = true
		if i.Number != number(n+1) || int(i.Amount) != amount(n+1) {
			w.t.Fatalf("%+v", i)
		}
	}
	if len(ids) != 287 {
		w.t.Fatal("documents are doubled")
	}
	for _, n := range []int{1, 48, 100, 120} {
		d := run(w, document.Show, document.ByID{ID: list[n-1].ID})
		tr := run(w, bundle.Trace, bundle.TraceIn{Document: d.ID})
		if d.Kind != document.Invoice || d.Direction != document.Issued || d.Number != number(n) || d.Date.String() != "2026-10-31" || d.Class != "confidential" {
			w.t.Fatalf("%+v", d)
		}
		if i := run(w, bundle.ItemOp, bundle.ByItem{Item: tr.Item}); i.Party != d.Party || i.Code != code(n) {
			w.t.Fatal("of another partner", i.Code)
		}
		c := run(w, document.Contents, document.ByID{ID: d.ID})
		doc, err := extract.Text(bg, c.Name, c.Content, extract.DefaultLimits())
		if err != nil || doc.Unreadable != "" || !strings.Contains(doc.Pages[0], company(n)) {
			w.t.Fatal(doc.Unreadable, doc.Pages)
		}
		for _, p := range doc.Pages {
			if !strings.Contains(p, number(n)) {
				w.t.Error("a page of another went along", p)
			}
		}
		if tr.Digest != blob.Sum(raw).String() || len(tr.Pages) != len(doc.Pages) {
			w.t.Fatalf("%+v", tr)
		}
		if whole := run(w, document.Contents, document.ByID{ID: tr.Origin}); !bytes.Equal(whole.Content, raw) {
			w.t.Error("the bundle itself is not archived as it came")
		}
	}
}

func csv(rows ...string) []bundle.File {
	return []bundle.File{file("請求一覧.csv", []byte("得意先コード,得意先名,請求番号,請求日,前回請求残高,今回請求額\r\n"+strings.Join(rows, "\r\n")+"\r\n"))}
}

func row(i int) string {
	return fmt.Sprintf("%s,%s,%s,2026/10/31,99999,\"%s\"", code(i), company(i), number(i), money.Yen(amount(i)))
}

func TestSM38_PapersAndListThatDisagree(t *testing.T) {
	each(t, 8, func(t *testing.T, w world) {
		var files []bundle.File
		for i := 1; i <= 6; i++ {
			files = append(files, file(fmt.Sprintf("%d.pdf", i), paper(t, sheet(i, 1, 1))))
		}
		list := csv(row(1), strings.Replace(row(2), "10,022", "10,023", 1), strings.Replace(row(3), code(3), code(4), 1),
			strings.Replace(row(4), "10/31", "10/30", 1), strings.Replace(row(5), "0005", "0055", 1), row(8))
		r := w.take(bundle.UploadIn{Files: files, List: list})
		want := []string{"", "amount_list", "code_list", "date_list", "number_list", "list_none"}
		docs := w.items(r.ID, "")
		for i, d := range docs {
			if got := found(d); got != want[i] {
				t.Errorf("document %d: %q, want %q", i+1, got, want[i])
			}
			if !d.Whole || d.Digest != blob.Sum(files[i].Content).String() {
				t.Error("the bytes are not the original ones", i)
			}
		}
		if f := docs[1].Findings[0]; f.Read != "10,022" || f.List != "10,023" {
			t.Errorf("not side by side: %+v", f)
		}
		decide := func(i int, in bundle.DecideIn) bundle.DecideIn {
			in.Run, in.Item, in.Version, in.Reason = r.ID, docs[i].ID, docs[i].Version, "原本を確かめたため"
			return in
		}
		// What the paper does not bear cannot be put into its mouth, and what it does never differs from the list.
		wants(w, "bundle.not_in_paper", bundle.Decide, decide(1, bundle.DecideIn{Amount: 10_023}))
		wants(w, "bundle.not_in_paper", bundle.Decide, decide(4, bundle.DecideIn{Number: "INV-2026-0055"}))
		wants(w, "bundle.not_in_paper", bundle.Decide, decide(3, bundle.DecideIn{Date: docs[3].Line.Date.AddDays(-1)}))
		wants(w, "bundle.no_partner", bundle.Decide, decide(2, bundle.DecideIn{Code: "Z999"}))
		wants(w, "bundle.decide_nothing", bundle.Decide, decide(3, bundle.DecideIn{}))
		if got := run(w, bundle.Decide, decide(1, bundle.DecideIn{Amount: 10_022})); found(got) != "amount_list" {
			t.Fatal("an amount against the list passed", found(got))
		}
		wants(w, "bundle.changed", bundle.Decide, decide(1, bundle.DecideIn{Amount: 10_022}))
		if got := run(w, bundle.Decide, decide(2, bundle.DecideIn{Code: code(3)})); got.State != bundle.Fits || got.Decided != "alice" {
			t.Fatalf("%+v", got)
		}
		if got := run(w, bundle.Decide, decide(3, bundle.DecideIn{Date: docs[3].Line.Date})); got.State != bundle.Fits || got.Date.String() != "2026-10-30" {
			t.Fatalf("%+v", got)
		}
		for _, i := range []int{1, 4, 5} {
			d := run(w, bundle.ItemOp, bundle.ByItem{Item: docs[i].ID})
			run(w, bundle.Reject, bundle.RejectIn{Run: r.ID, Item: d.ID, Version: d.Version, Listed: i == 1, Reason: "一覧と合わないため"})
		}
		left := w.rest(r.ID)
		if len(left) != 1 || left[0].Why != "bundle.rest.line" || left[0].Line.Number != number(8) {
			t.Fatalf("a line without a document is not named: %+v", left)
		}
		run(w, bundle.Settle, bundle.SettleIn{Run: r.ID, Rest: left[0].ID, Version: left[0].Version, Reason: "郵送するため"})
		c := run(w, bundle.Show, bundle.ByRun{Run: r.ID}).Counts
		if c.Fits.Count != 3 || c.Rejected.Count != 3 || c.Control != c.List || c.List.Count != 6 {
			t.Fatalf("%+v", c)
		}
		run(w, bundle.Publish, bundle.PublishIn{Run: r.ID, Count: c.List.Count, Total: c.List.Total})
		w.work()
		if n := len(run(w, bundle.Documents, bundle.ByRun{Run: r.ID}).Rows); n != 3 {
			t.Fatal(n, "documents")
		}
		// The same papers once more: their numbers are taken.
		again := w.take(bundle.UploadIn{Files: files[:1], Again: true})
		if d := w.items(again.ID, "")[0]; found(d) != "number_taken" {
			t.Fatal("a doubled number passed:", found(d))
		}
		if p := run(w, bundle.Undo, bundle.UndoIn{Run: again.ID, Reason: "二重のため"}); p.State != bundle.Undone {
			t.Fatal(p)
		}
		wants(w, "bundle.not_ready", bundle.Publish, bundle.PublishIn{Run: again.ID, Count: 1, Total: 1})
	})
}

// Two bundles with the same number: whoever is published second is blocked, not
// doubled, and goes on when the document was left out.
func TestSM38_ANumberTakenMeanwhile(t *testing.T) {
	each(t, 3, func(t *testing.T, w world) {
		a := w.take(bundle.UploadIn{Files: []bundle.File{file("a.pdf", paper(t, sheet(1, 1, 1), sheet(2, 1, 1)))}})
		b := w.take(bundle.UploadIn{Files: []bundle.File{file("b.pdf", paper(t, sheet(2, 1, 1), sheet(3, 1, 1)))}})
		run(w, bundle.Publish, bundle.PublishIn{Run: a.ID, Count: 2, Total: money.Yen(amount(1) + amount(2))})
		run(w, bundle.Publish, bundle.PublishIn{Run: b.ID, Count: 2, Total: money.Yen(amount(2) + amount(3))})
		w.work()
		states := map[bundle.State]string{}
		for _, id := range []string{a.ID, b.ID} {
			states[run(w, bundle.Show, bundle.ByRun{Run: id}).State] = id
		}
		blocked := states[bundle.Blocked]
		if states[bundle.Published] == "" || blocked == "" {
			t.Fatal(states)
		}
		d := w.items(blocked, bundle.Open)[0]
		if found(d) != "number_taken" || d.Number != number(2) {
			t.Fatalf("%+v", d)
		}
		run(w, bundle.Reject, bundle.RejectIn{Run: blocked, Item: d.ID, Version: d.Version, Listed: true, Reason: "もう一方の束で保管したため"})
		c := run(w, bundle.Show, bundle.ByRun{Run: blocked}).Counts.Control
		run(w, bundle.Publish, bundle.PublishIn{Run: blocked, Count: c.Count, Total: c.Total})
		w.work()
		if s := run(w, bundle.Show, bundle.ByRun{Run: blocked}); s.State != bundle.Published {
			t.Fatal(s.State)
		}
		named := run(w, document.Search, document.SearchIn{Number: number(2)}).Rows
		if len(named) != 1 {
			t.Fatal("number 2 is archived", len(named), "times")
		}
	})
}

func packed(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(entries); i += 2 {
		f, err := z.Create(entries[i])
		if err == nil {
			_, err = f.Write([]byte(entries[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSM38_AZIPOfPapers(t *testing.T) {
	each(t, 2, func(t *testing.T, w world) {
		one, two := paper(t, sheet(1, 1, 1)), paper(t, sheet(2, 1, 2), sheet(2, 2, 2))
		raw := packed(t, "10月/", "", "10月/一.pdf", string(one), "10月/二.pdf", string(two), "__MACOSX/._x", "x")
		r := w.take(bundle.UploadIn{Files: []bundle.File{file("10月.zip", raw)}})
		docs := w.items(r.ID, bundle.Fits)
		if len(docs) != 2 || !docs[1].Whole || docs[1].Digest != blob.Sum(two).String() || len(docs[1].Pages) != 2 {
			t.Fatalf("%+v", docs)
		}
		run(w, bundle.Publish, bundle.PublishIn{Run: r.ID, Count: 2, Total: money.Yen(amount(1) + amount(2))})
		w.work()
		s := run(w, bundle.Show, bundle.ByRun{Run: r.ID})
		kept := slices.IndexFunc(s.Files, func(f bundle.Source) bool { return f.Name == "10月.zip" })
		if kept < 0 || s.Files[kept].Document == "" || s.Files[0].Inside != kept+1 {
			t.Fatalf("the ZIP is not archived: %+v", s.Files)
		}
		if c := run(w, document.Contents, document.ByID{ID: s.Files[kept].Document}); !bytes.Equal(c.Content, raw) {
			t.Error("not as it came")
		}
	})
}

func TestSM38_FilesThatAreRefused(t *testing.T) {
	each(t, 1, func(t *testing.T, w world) {
		good := string(paper(t, sheet(1, 1, 1)))
		var bomb bytes.Buffer
		z := zip.NewWriter(&bomb)
		f, _ := z.Create("b.pdf")
		_, _ = f.Write([]byte("%PDF-"))
		zeros := make([]byte, 1<<20)
		for range 80 {
			_, _ = f.Write(zeros)
		}
		_ = z.Close()
		locked := packed(t, "a.pdf", good)
		for i := 0; i+4 < len(locked); i++ { // the mark of encryption in both headers
			if string(locked[i:i+4]) == "PK\x03\x04" {
				locked[i+6] |= 1
			}
			if string(locked[i:i+4]) == "PK\x01\x02" {
				locked[i+8] |= 1
			}
		}
		script := withScript(t, good)
		for name, c := range map[string]struct {
			files []bundle.File
			key   string
		}{
			"climbing":      {[]bundle.File{file("a.zip", packed(t, "../a.pdf", good))}, "bundle.zip_path"},
			"root":          {[]bundle.File{file("a.zip", packed(t, "/a.pdf", good))}, "bundle.zip_path"},
			"backslash":     {[]bundle.File{file("a.zip", packed(t, `a\b.pdf`, good))}, "bundle.zip_path"},
			"RTLO":          {[]bundle.File{file("a.zip", packed(t, "請求\u202efdp.exe.pdf", good))}, "bundle.zip_path"},
			"RTLO outside":  {[]bundle.File{file("請求\u202efdp.pdf", []byte(good))}, "jp.text_bidi"},
			"twice":         {[]bundle.File{file("a.zip", packed(t, "x/a.pdf", good, "y/Ａ.PDF", good))}, "bundle.name_twice"},
			"program":       {[]bundle.File{file("a.zip", packed(t, "a.pdf", good, "b.exe", "MZ"))}, "bundle.not_pdf"},
			"no PDF inside": {[]bundle.File{file("a.pdf", []byte("hello"))}, "bundle.not_pdf"},
			"ZIP in ZIP":    {[]bundle.File{file("a.zip", packed(t, "b.zip", string(packed(t, "a.pdf", good))))}, "bundle.not_pdf"},
			"bomb":          {[]bundle.File{file("a.zip", bomb.Bytes())}, "bundle.zip_bomb"},
			"locked":        {[]bundle.File{file("a.zip", locked)}, "bundle.zip_locked"},
			"cut ZIP":       {[]bundle.File{file("a.zip", locked[:len(locked)/2])}, "bundle.zip_damaged"},
			"empty ZIP":     {[]bundle.File{file("a.zip", packed(t, "x/", ""))}, "bundle.files"},
			"cut PDF":       {[]bundle.File{file("a.pdf", []byte(good[:len(good)/2]))}, "bundle.damaged"},
			"script":        {[]bundle.File{file("a.pdf", []byte(script))}, "bundle.active"},
			"encrypted":     {[]bundle.File{file("a.pdf", []byte(strings.Replace(good, "/Root", "/Encrypt 1 0 R/Root", 1)))}, "bundle.encrypted"},
		} {
			t.Run(name, func(t *testing.T) { wants(world{w.World, t}, c.key, bundle.Upload, bundle.UploadIn{Files: c.files}) })
		}
		pdf := []bundle.File{file("a.pdf", []byte(good))}
		for name, c := range map[string]struct{ list, key string }{
			"no headings":  {"1,2,3\n4,5,6\n", "bundle.list_columns"},
			"bad amount":   {"請求番号,請求金額\nA-1,1.5\n", "bundle.list_line"},
			"bad date":     {"請求番号,請求日,請求金額\nA-1,2026/13/1,5\n", "bundle.list_line"},
			"open quote":   {"請求番号,請求金額\n\"A-1,100\nA-2,100\n", "bundle.list_line"},
			"twice":        {"請求番号,請求金額\nA-1,100\nA-1,200\n", "bundle.list_twice"},
			"empty":        {" ", "intake.empty"},
			"hidden signs": {"請求番号,請求金額\nA\u202e1,100\n", "bundle.list_line"},
		} {
			t.Run(name, func(t *testing.T) {
				wants(world{w.World, t}, c.key, bundle.Upload, bundle.UploadIn{Files: pdf, List: []bundle.File{file("l.csv", []byte(c.list))}})
			})
		}
	})
}

// withScript appends an update with a script to a PDF.
func withScript(t testing.TB, good string) string {
	t.Helper()
	root := regexp.MustCompile(`/Root \d+ 0 R`).FindString(good)
	prev := regexp.MustCompile(`startxref\s+(\d+)`).FindStringSubmatch(good)
	if root == "" || prev == nil {
		t.Fatal("no PDF to append to")
	}
	out := good + "\n"
	object := len(out)
	out += "999 0 obj\n<</S/JavaScript/JS(x)>>\nendobj\n"
	xref := len(out)
	return out + fmt.Sprintf("xref\n999 1\n%010d 00000 n \ntrailer\n<</Size 1000%s/Prev %s>>\nstartxref\n%d\n%%%%EOF\n", object, root, prev[1], xref)
}
