package bundle

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
)

// perSlice is how many documents one commit writes: each takes up to three
// statements, so that a commit stays well under 250 ms.
const perSlice = 40

// SliceIn names the first entry to write.
type SliceIn struct {
	Run  string `json:"run" required:"true"`
	From int64  `json:"from"`
}

// Progress is how far a run is.
type Progress struct {
	Run   string `json:"run" class:"internal"`
	State State  `json:"state" class:"internal"`
	Done  int64  `json:"done" class:"internal"`
	Total int64  `json:"total" class:"internal"`
}

func (r Run) progress() Progress { return Progress{r.ID, r.State, r.Done, r.Entries} }

// sliced is what Work hands to Do: entries with the bytes made of them.
type sliced struct {
	entries []planned
	digests []blob.Digest // of the documents among them, zero else
	sizes   []int64
	why     string // text key: why the bytes could not be made
}

// Slice cuts the documents of one slice out of their files and writes them under
// the run. One that is not the next has been written: a job may run twice.
var Slice = newSlice()

// newSlice exists because a slice calls for the next one.
func newSlice() (self *gate.UseCase[SliceIn, Progress]) {
	self = gate.New(gate.Op[SliceIn, Progress]{
		Name: "bundle.slice", Mode: gate.Write,
		Alone:  func(in SliceIn) []string { return []string{lock(in.Run)} },
		Target: func(x *gate.Tx, in SliceIn) (gate.Target, error) { return about(x, in.Run) },
		Work:   cutSlice,
		Do: func(x *gate.Tx, in SliceIn) (Progress, error) {
			r, err := runs.Get(x, in.Run)
			w := gate.Worked[*sliced](x)
			if err != nil || w == nil || !r.wants(in.From) {
				return r.progress(), err
			}
			if w.why != "" {
				r.State, r.Reason = Blocked, w.why
				return r.progress(), runs.Update(x, &r)
			}
			if err := r.write(x, w); err != nil {
				return r.progress(), err
			}
			r.Done += int64(len(w.entries))
			if r.Done >= r.Entries {
				r.State = Ready
			} else if _, err = jobs.Enqueue(x, self, SliceIn{r.ID, r.Done}); err != nil {
				return r.progress(), err
			}
			return r.progress(), runs.Update(x, &r)
		},
	})
	return self
}

func (r Run) wants(from int64) bool { return r.State == Staging && r.Done == from && from < r.Entries }

func cutSlice(x *gate.Tx, in SliceIn) (func(context.Context) (any, error), error) {
	r, err := runs.Get(x, in.Run)
	if err != nil || !r.wants(in.From) {
		return nil, err
	}
	plan, err := blob.ParseDigest(r.Plan)
	store := x.Blobs()
	return func(ctx context.Context) (any, error) {
		b, err := store.Get(ctx, plan)
		if err != nil {
			return nil, err
		}
		var all []planned
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, err
		}
		all = all[in.From:min(int(in.From)+perSlice, len(all))]
		return r.cut(ctx, store, all)
	}, err
}

// cut makes and keeps the bytes of the documents among the entries.
func (r Run) cut(ctx context.Context, store *blob.Store, entries []planned) (*sliced, error) {
	out := &sliced{entries: entries, digests: make([]blob.Digest, len(entries)), sizes: make([]int64, len(entries))}
	for from := 0; from < len(entries); { // those of one file together
		to := from + 1
		if entries[from].Doc == nil {
			from = to
			continue
		}
		source := entries[from].Doc.Source
		for to < len(entries) && entries[to].Doc != nil && entries[to].Doc.Source == source {
			to++
		}
		var parts [][]int
		for _, e := range entries[from:to] {
			parts = append(parts, e.Doc.Pages)
		}
		first := from
		why, err := r.split(ctx, store, source, entries[from].Doc.Whole, parts, func(i int, d blob.Digest, size int64) {
			out.digests[first+i], out.sizes[first+i] = d, size
		})
		if err != nil || why != "" {
			out.why = why
			return out, err
		}
		from = to
	}
	return out, nil
}

// split makes documents of pages of one file. One that is the whole of its file
// is that file, byte for byte.
func (r Run) split(ctx context.Context, store *blob.Store, source int, whole bool, parts [][]int, made func(int, blob.Digest, int64)) (string, error) {
	src := r.Files[source]
	d, err := blob.ParseDigest(src.Digest)
	if err != nil || whole {
		made(0, d, src.Size)
		return "", err
	}
	b, err := store.Get(ctx, d)
	if err != nil {
		return "", err
	}
	why, err := extract.Split(ctx, b, limits(), parts, func(i int, pdf []byte) error {
		d, err := store.Put(ctx, pdf)
		made(i, d, int64(len(pdf)))
		return err
	})
	if why != "" {
		why = "bundle.unsplit"
	}
	return why, err
}

// write writes one slice.
func (r Run) write(x *gate.Tx, w *sliced) error {
	var docs []Item
	var left []RestRow
	for i, e := range w.entries {
		no := r.Done + int64(i)
		if e.Rest != nil {
			p := e.Rest
			left = append(left, RestRow{Run: r.ID, No: no, Source: int64(p.Source), Page: int64(p.Page), Like: int64(p.Like), Said: p.Said,
				MarkNo: int64(p.Mark.No), MarkOf: int64(p.Mark.Of), Line: p.Line, Why: p.Why})
			continue
		}
		d := e.Doc
		docs = append(docs, Item{Run: r.ID, No: no, Source: int64(d.Source), Pages: d.Pages, Whole: d.Whole, Digest: w.digests[i].String(), Size: w.sizes[i],
			Said: d.Said, Lacks: d.Lacks, Line: d.Line, Listed: true})
	}
	texts := map[int64]string{}
	for i, e := range w.entries {
		if e.Doc != nil {
			texts[r.Done+int64(i)] = e.Doc.Text
		}
	}
	j, err := r.judge(x, docs)
	if err != nil {
		return err
	}
	for i := range docs {
		if err := j.item(x, &docs[i], texts[docs[i].No]); err != nil {
			return err
		}
	}
	if len(docs) > 0 {
		if err := items.InsertMany(x, docs); err != nil {
			return err
		}
	}
	if len(left) == 0 {
		return nil
	}
	return rests.InsertMany(x, left)
}

// judge is what the documents of one slice are compared with.
type judge struct {
	listed  bool
	own     string
	numbers map[string]bool // in the archive, upper case
}

func (r Run) judge(x *gate.Tx, docs []Item) (judge, error) {
	j := judge{listed: r.ListDigest != "", numbers: map[string]bool{}}
	issuer, err := org.Issuer(x)
	if err != nil && !fault.Is(err, fault.KindRefused) { // refused: not entered yet
		return j, err
	}
	j.own = string(issuer.RegistrationNumber)
	var numbers []string
	for _, d := range docs {
		for _, n := range append(slices.Clone(d.Said.Numbers), d.Chosen.Number) {
			if n != "" {
				numbers = append(numbers, n)
			}
		}
	}
	named, err := document.Named(x, numbers, nil)
	for _, d := range named {
		if d.Direction == document.Issued {
			j.numbers[strings.ToUpper(d.Number)] = true
		}
	}
	return j, err
}

// item judges one document and says in it what was found.
func (j judge) item(x *gate.Tx, i *Item, text string) error {
	c := Case{Said: i.Said, Text: text, Pages: i.Lacks, Line: i.Line, Listed: j.listed, Own: j.own, Chosen: i.Chosen}
	code := i.Said.code()
	if code == "" {
		code = i.Line.Code
	}
	var err error
	switch {
	case i.Chosen.Party != "":
		c.Partner, err = party.Get(x, i.Chosen.Party)
	case code != "":
		c.Partner, err = party.ByCode(x, code)
	}
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return err
	}
	number := i.Said.number()
	if i.Chosen.Number != "" {
		number = i.Chosen.Number
	}
	c.Taken = number != "" && j.numbers[strings.ToUpper(number)]
	v := Judge(c)
	i.Code, i.Party, i.Number, i.Date, i.Amount, i.Findings = code, c.Partner.ID, v.Number, v.Date, v.Amount, v.Findings
	i.State = Fits
	if len(v.Findings) > 0 {
		i.State = Open
	}
	return nil
}
