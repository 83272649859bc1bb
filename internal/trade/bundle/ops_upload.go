package bundle

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/trade/intake"
)

// Module is bundle's part of the product. It needs modules party, org, document
// and job beside it.
var Module = gate.Module{Name: "bundle", Schema: schema,
	Ops:     []gate.Any{Upload, Slice, Show, List, Items, ItemOp, Leftovers, Decide, Reject, Place, Settle, Publish, ArchiveOp, Undo, Documents, Trace},
	Tables:  []gate.AnyTable{runs, items, rests},
	Queries: []gate.AnyQuery{tallies, unsettled}}

// UploadIn is what the other program made.
type UploadIn struct {
	Files    []File          `json:"files" required:"true" max:"200"` // PDFs and ZIPs of PDFs
	List     []File          `json:"list" max:"1"`                    // 請求一覧 as CSV
	Encoding intake.Encoding `json:"encoding" enum:"utf-8,cp932"`     // of the list; told by the content if empty
	Again    bool            `json:"again"`                           // yes, although the same files came before
}

// planned is a document or a leftover, to be written; exactly one is set.
type planned struct {
	Doc  *plannedDoc  `json:"doc"`
	Rest *plannedRest `json:"rest"`
}

type plannedDoc struct {
	Source int       `json:"source"`
	Pages  []int     `json:"pages"`
	Whole  bool      `json:"whole"`
	Text   string    `json:"text"`
	Said   Said      `json:"said"`
	Lacks  []Finding `json:"lacks"`
	Line   Line      `json:"line"`
}

type plannedRest struct {
	Source int    `json:"source"`
	Page   int    `json:"page"`
	Like   int    `json:"like"`
	Said   Said   `json:"said"`
	Mark   Mark   `json:"mark"`
	Line   Line   `json:"line"`
	Why    string `json:"why"`
}

// missingLine is a line of the list for which there is no document.
const missingLine = "bundle.rest.line"

// Upload reads files of another program, page by page, parts them into documents
// and leftovers, and keeps them; a job then writes the documents in slices.
var Upload = gate.New(gate.Op[UploadIn, Run]{
	Name: "bundle.upload", Mode: gate.Write,
	Alone: func(in UploadIn) []string { return []string{"bundle.file/" + digestOf(in.Files)} },
	Target: func(x *gate.Tx, in UploadIn) (gate.Target, error) {
		return gate.Target{Kind: "bundle", ID: "new", Owner: x.Actor().Person, Class: policy.Confidential}, nil
	},
	Work: func(x *gate.Tx, in UploadIn) (func(context.Context) (any, error), error) {
		store := x.Blobs()
		return func(ctx context.Context) (any, error) { return take(ctx, store, in) }, nil
	},
	Do: func(x *gate.Tx, in UploadIn) (Run, error) {
		r := gate.Worked[Run](x)
		x.Note("file", r.Digest)
		if err := again(x, in, r.Digest); err != nil {
			return r, err
		}
		r.State, r.Owner = Staging, x.Actor().Person
		if err := runs.Insert(x, &r); err != nil {
			return r, err
		}
		_, err := jobs.Enqueue(x, Slice, SliceIn{r.ID, 0})
		return r, err
	},
})

// digestOf names a set of files by their content.
func digestOf(files []File) string {
	var all strings.Builder
	for _, f := range files {
		all.WriteString(blob.Sum(f.Content).String())
	}
	return blob.Sum([]byte(all.String())).String()
}

// again refuses files that came before, until it is confirmed.
func again(x *gate.Tx, in UploadIn, digest string) error {
	if in.Again {
		return nil
	}
	list, err := runs.Find(x, gate.Eq("digest", digest), gate.Ne("state", Undone))
	if err != nil || len(list) == 0 {
		return err
	}
	return fault.Refused("bundle.again", "date", civil.Of(list[0].CreatedAt), "name", list[0].Name).At("again")
}

// take reads an upload and keeps its bytes and what is to be written of it.
func take(ctx context.Context, store *blob.Store, in UploadIn) (Run, error) {
	var r Run
	files, err := unpack(in.Files)
	if err != nil {
		return r, err
	}
	var lines []Line
	if len(in.List) > 0 {
		if err := jp.FileName(in.List[0].Name); err != nil {
			return r, fault.Of(err).At("list")
		}
		if lines, err = ReadList(in.List[0].Content, in.Encoding); err != nil {
			return r, err
		}
	}
	pages, counts, err := read(ctx, files)
	if err != nil {
		return r, err
	}
	groups, rest := Divide(pages)
	plan := arrange(groups, rest, lines, counts)
	r = Run{Name: in.Files[0].Name, Digest: digestOf(in.Files), Pages: int64(len(pages)), Documents: int64(len(groups)), Entries: int64(len(plan))}
	if err := r.keep(ctx, store, in, files, counts); err != nil {
		return r, err
	}
	for _, l := range lines {
		r.ListCount++
		r.ListTotal += l.Amount
	}
	if err := r.ListTotal.Check(); err != nil {
		return r, fault.Of(err).At("list")
	}
	b, err := json.Marshal(plan)
	if err != nil {
		return r, err
	}
	d, err := store.Put(ctx, b)
	r.Plan = d.String()
	return r, err
}

// keep stores the bytes of all files as they came.
func (r *Run) keep(ctx context.Context, store *blob.Store, in UploadIn, files []pdf, counts []int) error {
	add := func(f File, pages, inside int) error {
		d, err := store.Put(ctx, f.Content)
		r.Files = append(r.Files, Source{Name: f.Name, Digest: d.String(), Size: int64(len(f.Content)), Pages: pages, Inside: inside})
		return err
	}
	zips := map[int]int{} // place in the upload → place in Files, from 1
	for i, f := range files {
		if err := add(f.File, counts[i], 0); err != nil {
			return err
		}
	}
	for i, f := range files {
		if f.inside < 0 {
			continue
		}
		if zips[f.inside] == 0 {
			if err := add(in.Files[f.inside], 0, 0); err != nil {
				return err
			}
			zips[f.inside] = len(r.Files)
		}
		r.Files[i].Inside = zips[f.inside]
	}
	if len(in.List) == 0 {
		return nil
	}
	d, err := store.Put(ctx, in.List[0].Content)
	r.ListName, r.ListDigest = in.List[0].Name, d.String()
	return err
}

// arrange lays out what is to be written: documents, then leftovers, then lines
// of the list without a document.
func arrange(groups []Group, rest []Rest, lines []Line, counts []int) []planned {
	var out []planned
	of, without := match(groups, lines)
	for i, g := range groups {
		d := &plannedDoc{Source: g.Pages[0].Source, Said: g.Said, Lacks: g.Findings, Line: of[i]}
		d.Pages, d.Text = g.pages()
		d.Whole = len(d.Pages) == counts[d.Source]
		out = append(out, planned{Doc: d})
	}
	for _, r := range rest {
		out = append(out, planned{Rest: &plannedRest{Source: r.Page.Source, Page: r.Page.No, Like: r.Like, Said: r.Page.Said, Mark: r.Page.Mark, Why: r.Why}})
	}
	for _, l := range without {
		out = append(out, planned{Rest: &plannedRest{Line: l, Why: missingLine}})
	}
	return out
}

// pages are the numbers of a document's pages, and all its text.
func (g Group) pages() (numbers []int, text string) {
	var b strings.Builder
	for _, p := range g.Pages {
		numbers = append(numbers, p.No)
		b.WriteString(p.Text)
		b.WriteByte('\n')
	}
	return numbers, b.String()
}
