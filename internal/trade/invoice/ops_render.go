package invoice

import (
	"context"
	"strings"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/trade/invoice/sheet"
)

// media is the media type of a rendered invoice.
const media = "application/pdf"

// rendered is a PDF that lies in the blob store.
type rendered struct {
	digest blob.Digest
	size   int
	class  policy.Class
}

// Render makes the PDF of an issued invoice outside of any transaction, archives
// it and binds it: from then on the invoice is ready, and is never rendered
// again. It is run as a job, and again after a crash: the same snapshot gives
// the same bytes, and one that is ready stays as it is.
var Render = gate.New(gate.Op[ByID, Invoice]{
	Name: "invoice.render", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Work: func(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
		h, err := Get(x, in.ID)
		if err != nil || h.State != Issued {
			return nil, err // Do answers for the other states
		}
		_, p, err := frozen(x, h)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (any, error) { return p.render(ctx, x.Blobs()) }, nil
	},
	Do: func(x *gate.Tx, in ByID) (Invoice, error) {
		h, err := Get(x, in.ID)
		switch {
		case err != nil || h.State == Ready:
			return h, err
		case h.State == Opening:
			return h, unchanged(h)
		case h.State != Issued:
			return h, fault.Refused("invoice.not_issued")
		}
		r := gate.Worked[rendered](x)
		if r.size == 0 {
			return h, fault.Conflict("gate.conflict") // issued just now, after Work had looked
		}
		return h, bind(x, &h, r)
	},
})

func (p printed) render(ctx context.Context, blobs *blob.Store) (rendered, error) {
	s := p.Sheet
	for _, picture := range []struct {
		digest string
		into   *[]byte
	}{{p.Logo, &s.Logo}, {p.Seal, &s.Seal}} {
		if picture.digest == "" {
			continue
		}
		d, err := blob.ParseDigest(picture.digest)
		if err != nil {
			return rendered{}, err
		}
		if *picture.into, err = blobs.Get(ctx, d); err != nil {
			return rendered{}, err
		}
	}
	b, err := sheet.Render(s)
	if err != nil {
		return rendered{}, err
	}
	r := rendered{size: len(b), class: policy.Confidential}
	if s.Partner.Contact != "" {
		r.class = policy.Personal
	}
	r.digest, err = blobs.Put(ctx, b)
	return r, err
}

// bind archives the bytes and makes the invoice ready.
func bind(x *gate.Tx, h *Invoice, r rendered) error {
	l, err := linkOf(x, h.ID)
	if err != nil {
		return err
	}
	d := document.Document{
		Kind: document.Invoice, Direction: document.Issued, Party: h.Party, Number: h.Number, Amount: max(h.Amount, -h.Amount), Date: h.Date,
		// A number may hold a slash, a file's name may not.
		Name:  word(h.fileName(l), "number", strings.ReplaceAll(h.Number, "/", "-")),
		Media: media, Digest: r.digest.String(), Size: int64(r.size), Class: r.class.String(), Due: h.Due,
		Owner: h.Owner, Department: h.Department,
	}
	if h.Kind != Regular { // its amount is archived as it is printed, without a sign; nothing of it is to be paid
		d.Kind, d.Due = document.Credit, civil.Date{}
	}
	if l != nil && (l.Relation == Corrects || l.Relation == Reissues) {
		err = document.Replace(x, &d, l.old.Document, l.Reason)
	} else {
		err = document.Archive(x, &d)
	}
	if err != nil {
		return err
	}
	h.State, h.Document = Ready, d.ID
	return invoices.Update(x, h)
}

// fileName is the word for the PDF's name.
func (h Invoice) fileName(l *linked) string {
	switch {
	case h.Kind != Regular:
		return "file_name." + string(h.Kind)
	case l != nil && l.Relation == Corrects:
		return "file_name.corrected"
	}
	return "file_name"
}

// File is a rendered invoice.
type File struct {
	Document string `json:"document" class:"internal"` // its id in the archive
	Name     string `json:"name" class:"internal"`
	Media    string `json:"media" class:"internal"`
	Digest   string `json:"digest" class:"internal"`
	Content  []byte `json:"content" class:"confidential"` // PDF gives none to whom its class is too high
}

// PDF gives the bytes of an invoice that is ready, and marks that they were given out.
var PDF = gate.New(gate.Op[ByID, File]{
	Name: "invoice.pdf", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Work: func(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
		d, err := archived(x, in.ID)
		if err != nil {
			return nil, err
		}
		digest, err := blob.ParseDigest(d.Digest)
		return func(ctx context.Context) (any, error) { return x.Blobs().Get(ctx, digest) }, err
	},
	Do: func(x *gate.Tx, in ByID) (File, error) {
		d, err := archived(x, in.ID)
		if err == nil {
			err = document.Give(x, d.ID, "invoice.pdf")
		}
		return File{d.ID, d.Name, d.Media, d.Digest, gate.Worked[[]byte](x)}, err
	},
})

// archived is the document of an invoice, if it is ready and its class is not
// above the actor's clearance: a PDF cannot be masked field by field.
func archived(x *gate.Tx, id string) (document.Document, error) {
	h, err := Get(x, id)
	switch {
	case err != nil:
		return document.Document{}, err
	case h.State == Issued:
		return document.Document{}, fault.Refused("invoice.rendering", "number", h.Number)
	case h.State != Ready:
		return document.Document{}, fault.Refused("invoice.no_pdf")
	}
	d, err := document.Get(x, h.Document)
	if err != nil {
		return d, err
	}
	class, err := policy.ParseClass(d.Class)
	if err == nil && class > x.Actor().Clearance {
		err = fault.Denied("invoice.pdf_class")
	}
	return d, err
}

// lostAfter is when an invoice that is still not rendered counts as forgotten;
// it is longer than a job goes on trying.
const lostAfter = time.Hour

// Requeued counts the renderings asked for again.
type Requeued struct {
	Count int `json:"count" class:"internal"`
}

// StaleRenders asks again for renderings whose job was lost or given up, such
// as those of a person who left in between; up to 100 at once.
var StaleRenders = gate.New(gate.Op[struct{}, Requeued]{
	Name: "invoice.stale_renders", Mode: gate.Write,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) { return gate.Target{Kind: "invoice", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ struct{}) (Requeued, error) {
		p, err := invoices.Page(x, gate.PageQuery{By: "date", Limit: 100,
			Where: []gate.Cond{gate.Eq("state", Issued), gate.Le("queued_at", x.Now().Add(-lostAfter))}})
		if err != nil {
			return Requeued{}, err
		}
		for i := range p.Rows {
			if _, err := jobs.Enqueue(x, Render, ByID{p.Rows[i].ID}); err != nil {
				return Requeued{}, err
			}
			p.Rows[i].Queued = x.Now()
		}
		return Requeued{len(p.Rows)}, invoices.UpdateMany(x, p.Rows)
	},
})
