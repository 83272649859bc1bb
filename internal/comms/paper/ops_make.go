package paper

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/policy"
)

// Module has print runs.
var Module = gate.Module{Name: "paper", Schema: schema,
	Ops:    []gate.Any{Waiting, RunMake, Render, List, Show, Print, Enclose, Dial, PostOp, TakeOut, LayoutShow, LayoutSet, TestPage},
	Tables: []gate.AnyTable{runs, envelopes, sheets, layouts}}

// mostEnvelopes is how many a run has.
const mostEnvelopes = 100

// all is the target of an op about every run.
func all[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "paper", ID: "*", Class: policy.Personal}, nil
}

// ByID names a run or an envelope.
type ByID struct {
	ID string `json:"id" required:"true"`
}

// oneRun is the target of an op about a run, whose envelopes are many partners'.
func oneRun(x *gate.Tx, in ByID) (gate.Target, error) {
	_, err := runs.Get(x, in.ID)
	return gate.Target{Kind: "paper", ID: in.ID, Class: policy.Personal}, err
}

// WaitingIn names a channel.
type WaitingIn struct {
	Channel string `json:"channel" required:"true" enum:"post,fax"`
}

// WaitingItem is an envelope that waits to be printed.
type WaitingItem struct {
	Package string   `json:"package" class:"internal"`
	Item    string   `json:"item" class:"internal"`
	Party   string   `json:"party" class:"internal"`
	Subject string   `json:"subject" class:"personal"`
	Block   []string `json:"block" class:"personal"`
	Number  string   `json:"number" class:"personal"`
	Files   int      `json:"files" class:"internal"`
}

// WaitingOut lists them in envelope order.
type WaitingOut struct {
	Rows []WaitingItem `json:"rows"`
}

// Waiting lists what is held, due and to be printed (印刷待ち).
var Waiting = gate.New(gate.Op[WaitingIn, WaitingOut]{
	Name: "paper.waiting", Mode: gate.Read, Target: all[WaitingIn],
	Do: func(x *gate.Tx, in WaitingIn) (WaitingOut, error) {
		list, err := due(x, in.Channel)
		var out WaitingOut
		for _, j := range list {
			out.Rows = append(out.Rows, WaitingItem{j.Package, j.Item, j.Party, j.Subject, j.Point.Block(), j.Point.Number, len(j.Files)})
		}
		return out, err
	},
})

// due gives what is due in the order of the envelopes: by postal code, as a
// window's run is handed to the post, then by partner.
func due(x *gate.Tx, channel string) ([]dispatch.PaperJob, error) {
	list, err := dispatch.PaperDue(x, channel, mostEnvelopes)
	slices.SortStableFunc(list, func(a, b dispatch.PaperJob) int {
		return cmp.Or(cmp.Compare(a.Point.PostalCode, b.Point.PostalCode), cmp.Compare(a.Party, b.Party), cmp.Compare(a.Item, b.Item))
	})
	return list, err
}

// counted is a candidate with the pages of its letter and of each document.
type counted struct {
	digest string
	pages  []int
}

// MadeOut is the run and what could not come into it.
type MadeOut struct {
	Run
	Left []string `json:"left" class:"internal"` // packages that had changed since they were approved
}

// RunMake gathers what is held and due into a print run (印刷の束を作る), each
// compared with the register once more. Its PDF is made by a job.
var RunMake = gate.New(gate.Op[WaitingIn, MadeOut]{
	Name: "paper.run_make", Mode: gate.Write, Target: all[WaitingIn],
	Alone: func(in WaitingIn) []string { return []string{"paper/" + in.Channel} },
	Work: func(x *gate.Tx, in WaitingIn) (func(context.Context) (any, error), error) {
		list, err := due(x, in.Channel)
		if err != nil {
			return nil, err
		}
		covers, err := letters(x, list)
		return func(ctx context.Context) (any, error) { return count(ctx, x.Blobs(), list, covers) }, err
	},
	Do: func(x *gate.Tx, in WaitingIn) (MadeOut, error) {
		list, err := due(x, in.Channel)
		if err != nil {
			return MadeOut{}, err
		}
		if len(list) == 0 {
			return MadeOut{}, fault.Refused("paper.nothing_due")
		}
		out := MadeOut{Run: Run{Channel: in.Channel, Person: x.Actor().Person, State: Making}}
		out.ID = x.NewID()
		read := gate.Worked[map[string]counted](x)
		for _, j := range list {
			c, ok := read[j.Item]
			if !ok || c.digest != j.Digest {
				continue // held since Work looked: the next run's
			}
			if err := out.take(x, j, c); err != nil {
				return out, err
			}
		}
		if out.Envelopes == 0 {
			if len(out.Left) > 0 {
				return out, gate.Refused(x, fault.Refused("paper.all_changed"))
			}
			return out, fault.Conflict("gate.conflict")
		}
		if err := runs.Insert(x, &out.Run); err != nil {
			return out, err
		}
		_, err = jobs.Enqueue(x, Render, ByID{out.ID})
		return out, err
	},
})

// take claims one envelope into the run.
func (r *MadeOut) take(x *gate.Tx, j dispatch.PaperJob, c counted) error {
	got, why, err := dispatch.PaperClaim(x, j.Package, j.Item, r.ID)
	if err != nil {
		return err
	}
	if why != nil {
		r.Left = append(r.Left, j.Package)
		return nil
	}
	e := Envelope{Run: r.ID, Place: r.Envelopes + 1, Package: j.Package, Item: j.Item, Fence: got.Fence, Party: j.Party, Owner: j.Owner,
		Department: j.Department, Block: j.Point.Block(), Number: j.Point.Number, State: Printed}
	e.ID = x.NewID()
	for n, pages := range c.pages {
		document := ""
		if n > 0 {
			document = j.Files[n-1].Document
		}
		for range pages {
			e.Sheets++
			s := Sheet{Run: r.ID, Envelope: e.ID, Place: e.Sheets, Document: document}
			s.Code = code(x.Ring().MAC("sheet code", []byte(r.ID), []byte(e.ID), []byte(strconv.FormatInt(s.Place, 10))))
			if err := sheets.Insert(x, &s); err != nil {
				return err
			}
		}
	}
	r.Envelopes++
	r.Sheets += e.Sheets
	return envelopes.Insert(x, &e)
}

// letters makes the cover letters of envelopes.
func letters(x *gate.Tx, list []dispatch.PaperJob) ([]cover, error) {
	issuer, err := org.Issuer(x)
	if fault.Is(err, fault.KindRefused) { // not entered yet: the sender's name is in the package
		issuer, err = org.Company{}, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := layout(x)
	var out []cover
	for _, j := range list {
		c := cover{Block: j.Point.Block(), From: j.From, Subject: j.Subject, Body: j.Body, On: civil.Of(x.Now()), Left: l.Left, Top: l.Top}
		if j.Channel == party.Fax {
			c.Number = j.Point.Number
		}
		for _, s := range []string{"〒" + issuer.PostalCode + " " + issuer.Address, "TEL " + issuer.Phone} {
			if issuer.Address != "" {
				c.FromMore = append(c.FromMore, s)
			}
		}
		for _, f := range j.Files {
			c.Files = append(c.Files, f.Name)
		}
		out = append(out, c)
	}
	return out, err
}

func count(ctx context.Context, blobs *blob.Store, list []dispatch.PaperJob, covers []cover) (map[string]counted, error) {
	out := map[string]counted{}
	for i, j := range list {
		_, n, err := covers[i].letter()
		if err != nil {
			return nil, err
		}
		c := counted{digest: j.Digest, pages: []int{n}}
		for _, f := range j.Files {
			b, err := fetch(ctx, blobs, f.Digest)
			if err != nil {
				return nil, err
			}
			if n, err = pages(b); err != nil {
				return nil, fault.Refused("paper.cannot_print", "name", f.Name).Because(err)
			}
			c.pages = append(c.pages, n)
		}
		out[j.Item] = c
	}
	return out, nil
}

// bound is the PDF of a run in the blob store.
type bound struct {
	digest string
	size   int64
}

// Render makes the PDF of a run, outside of any transaction; it is run as a job,
// and what is ready stays as it is.
var Render = gate.New(gate.Op[ByID, Run]{
	Name: "paper.render", Mode: gate.Write, Target: oneRun,
	Work: func(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
		r, err := runs.Get(x, in.ID)
		if err != nil || r.State != Making {
			return nil, err
		}
		list, err := inOrder(x, r.ID)
		if err != nil {
			return nil, err
		}
		var js []dispatch.PaperJob
		var foot []stamped
		for _, e := range list {
			j, err := dispatch.PaperOf(x, e.Package, e.Item)
			if err != nil {
				return nil, err
			}
			js = append(js, j)
			own, err := sheetsOf(x, e.ID)
			if err != nil {
				return nil, err
			}
			for _, s := range own {
				foot = append(foot, stamped{s.Code, fmt.Sprintf("%d/%d", s.Place, e.Sheets)})
			}
		}
		covers, err := letters(x, js)
		for i := range covers {
			covers[i].On = civil.Of(r.CreatedAt)
		}
		return func(ctx context.Context) (any, error) { return whole(ctx, x.Blobs(), js, covers, foot) }, err
	},
	Do: func(x *gate.Tx, in ByID) (Run, error) {
		r, err := runs.Get(x, in.ID)
		if err != nil || r.State != Making {
			return r, err
		}
		b := gate.Worked[bound](x)
		r.State, r.PDF, r.Size = Ready, b.digest, b.size
		return r, runs.Update(x, &r)
	},
})

func whole(ctx context.Context, blobs *blob.Store, list []dispatch.PaperJob, covers []cover, foot []stamped) (bound, error) {
	var parts [][]byte
	for i, j := range list {
		b, _, err := covers[i].letter()
		if err != nil {
			return bound{}, err
		}
		parts = append(parts, b)
		for _, f := range j.Files {
			if b, err = fetch(ctx, blobs, f.Digest); err != nil {
				return bound{}, err
			}
			parts = append(parts, b)
		}
	}
	b, err := bind(parts, foot)
	if err != nil {
		return bound{}, err
	}
	d, err := blobs.Put(ctx, b)
	return bound{d.String(), int64(len(b))}, err
}

// inOrder are the envelopes of a run.
func inOrder(x *gate.Tx, run string) ([]Envelope, error) {
	list, err := envelopes.Find(x, gate.Eq("run_id", run))
	slices.SortFunc(list, func(a, b Envelope) int { return cmp.Compare(a.Place, b.Place) })
	return list, err
}

func sheetsOf(x *gate.Tx, envelope string) ([]Sheet, error) {
	list, err := sheets.Find(x, gate.Eq("envelope_id", envelope))
	slices.SortFunc(list, func(a, b Sheet) int { return cmp.Compare(a.Place, b.Place) })
	return list, err
}

// ListIn asks for a page.
type ListIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// ListOut is one page of runs, newest first.
type ListOut struct {
	Rows []Run  `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// List pages through the print runs.
var List = gate.New(gate.Op[ListIn, ListOut]{
	Name: "paper.list", Mode: gate.List, Target: all[ListIn],
	Do: func(x *gate.Tx, in ListIn) (ListOut, error) {
		p, err := runs.Page(x, gate.PageQuery{By: "created_at", Desc: true, After: in.After, Limit: in.Limit})
		return ListOut{p.Rows, p.Next}, err
	},
})

// Shown is a run with its envelopes.
type Shown struct {
	Run
	List []Envelope `json:"list"`
}

// Show gives a run with its envelopes in order.
var Show = gate.New(gate.Op[ByID, Shown]{
	Name: "paper.show", Mode: gate.Read, Target: oneRun,
	Do: func(x *gate.Tx, in ByID) (Shown, error) {
		r, err := runs.Get(x, in.ID)
		if err != nil {
			return Shown{}, err
		}
		list, err := inOrder(x, r.ID)
		return Shown{r, list}, err
	},
})

// File is a PDF to be printed.
type File struct {
	Name    string `json:"name" class:"internal"`
	Digest  string `json:"digest" class:"internal"`
	Content []byte `json:"content" class:"personal"`
}

// Print gives the PDF of a run, and counts how often it was given.
var Print = gate.New(gate.Op[ByID, File]{
	Name: "paper.print", Mode: gate.Write, Target: oneRun,
	Work: func(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
		r, err := runs.Get(x, in.ID)
		if err == nil && r.PDF == "" {
			err = fault.Refused("paper.making")
		}
		return func(ctx context.Context) (any, error) { return fetch(ctx, x.Blobs(), r.PDF) }, err
	},
	Do: func(x *gate.Tx, in ByID) (File, error) {
		r, err := runs.Get(x, in.ID)
		if err != nil {
			return File{}, err
		}
		r.Prints++
		return File{"print-" + r.ID[len(r.ID)-6:] + ".pdf", r.PDF, gate.Worked[[]byte](x)}, runs.Update(x, &r)
	},
})
