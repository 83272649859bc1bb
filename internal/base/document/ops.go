package document

import (
	"context"
	"slices"
	"time"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
)

// Module is document's part of the product.
var Module = gate.Module{Name: "document", Schema: schema,
	Ops:    []gate.Any{Upload, Show, History, Contents, Verify, Search},
	Tables: []gate.AnyTable{documents}}

// ByID names a document.
type ByID struct {
	ID string `json:"id" required:"true"`
}

// one is the target of a single document. One whose class is above the actor's
// clearance looks like one that is not there.
func one(x *gate.Tx, in ByID) (gate.Target, error) {
	d, err := documents.Get(x, in.ID)
	if err == nil && d.Clearance() > x.Actor().Clearance {
		err = fault.NotFound()
	}
	return d.target(), err
}

func (d Document) target() gate.Target {
	return gate.Target{Kind: "document", ID: d.ID, Owner: d.Owner, Department: d.Department, Subject: d.Party, Class: d.Clearance()}
}

// UploadIn is a file that came in, or that shall go out as an attachment.
type UploadIn struct {
	Name       string     `json:"name" required:"true" max:"255"`
	Content    []byte     `json:"content" required:"true"`
	Kind       string     `json:"kind" required:"true" enum:"invoice,quote,order,delivery,receipt,contract,credit,attachment,other"`
	Direction  Direction  `json:"direction" required:"true" enum:"received,internal"` // issued ones are made, not uploaded
	Party      string     `json:"party"`
	Number     string     `json:"number" max:"60"`
	Amount     money.Yen  `json:"amount"`
	Date       civil.Date `json:"date"` // today if none
	Class      string     `json:"class" enum:"internal,confidential,personal"`
	Department string     `json:"department"` // one of the actor's; the first of them if empty
	Former     string     `json:"former"`     // the document this one corrects
	Reason     string     `json:"reason" text:"multiline"`
}

func (in UploadIn) department(x *gate.Tx) string {
	if mine := x.Actor().Departments; in.Department == "" && len(mine) > 0 {
		return mine[0]
	}
	return in.Department
}

// filed is what the first half of an upload has found out.
type filed struct {
	digest blob.Digest
	media  string
}

// Upload archives a file (取込み). A corrected one names the former; both stay.
var Upload = gate.New(gate.Op[UploadIn, Document]{
	Name: "document.upload", Mode: gate.Write,
	Alone: func(in UploadIn) []string {
		if in.Former == "" {
			return nil
		}
		return []string{"document/" + in.Former}
	},
	Target: func(x *gate.Tx, in UploadIn) (gate.Target, error) {
		if in.Former != "" {
			return one(x, ByID{in.Former})
		}
		return gate.Target{Kind: "document", ID: "new", Owner: x.Actor().Person, Department: in.department(x), Subject: in.Party}, nil
	},
	Work: func(x *gate.Tx, in UploadIn) (func(context.Context) (any, error), error) {
		blobs := x.Blobs()
		return func(ctx context.Context) (any, error) { return file(ctx, blobs, in) }, nil
	},
	Do: upload,
})

// file checks a file's name and content, and stores the bytes.
func file(ctx context.Context, blobs *blob.Store, in UploadIn) (filed, error) {
	var f filed
	if err := jp.FileName(in.Name); err != nil {
		return f, fault.Of(err).At("name")
	}
	if len(in.Content) == 0 {
		return f, fault.Invalid("document.empty").At("content")
	}
	if len(in.Content) > MaxSize {
		return f, fault.Invalid("document.too_large", "max", MaxSize>>20).At("content")
	}
	doc, err := extract.Text(ctx, in.Name, in.Content, extract.DefaultLimits())
	if err != nil {
		return f, fault.Unavailable("blob.stopped").Because(err)
	}
	if f.media, err = mediaOf(in.Name, doc); err != nil {
		return f, err
	}
	// What a partner has sent is kept as it came; what may go out must be still.
	if (doc.Active || doc.Embedded) && in.Direction != Received {
		return f, fault.Refused("document.active").At("content")
	}
	f.digest, err = blobs.Put(ctx, in.Content)
	return f, err
}

func upload(x *gate.Tx, in UploadIn) (Document, error) {
	f := gate.Worked[filed](x)
	d := Document{Kind: in.Kind, Direction: in.Direction, Party: in.Party, Number: in.Number, Amount: in.Amount, Date: in.Date, Name: in.Name,
		Media: f.media, Digest: f.digest.String(), Size: int64(len(in.Content)), Class: in.Class, Department: in.department(x)}
	if !x.Scope().All && d.Department != "" && !slices.Contains(x.Actor().Departments, d.Department) {
		return d, fault.Invalid("document.department").At("department")
	}
	if in.Former == "" {
		return d, Archive(x, &d)
	}
	former, err := documents.Get(x, in.Former)
	switch {
	case err != nil:
		return d, err
	case former.Latter != "":
		return d, fault.Conflict("document.corrected").At("former")
	case former.Direction != d.Direction || former.Kind != d.Kind || former.Party != d.Party || d.Clearance() < former.Clearance():
		return d, fault.Invalid("document.other_former").At("former")
	case len([]rune(in.Reason)) < 4:
		return d, fault.Invalid("gate.reason").At("reason")
	}
	d.Former, d.Reason, d.Owner, d.Department = former.ID, in.Reason, former.Owner, former.Department
	if d.Class == "" {
		d.Class = former.Class
	}
	if err := Archive(x, &d); err != nil {
		return d, err
	}
	former.Latter = d.ID
	return d, documents.Update(x, &former)
}

// Show gives what is known of a document.
var Show = gate.New(gate.Op[ByID, Document]{Name: "document.show", Mode: gate.Read, Target: one,
	Do: func(x *gate.Tx, in ByID) (Document, error) { return documents.Get(x, in.ID) }})

// Rows are documents.
type Rows struct {
	Rows []Document `json:"rows"`
}

// maxVersions bounds the walk through a document's versions.
const maxVersions = 100

// History gives all versions of a document, the first one first (訂正の履歴).
var History = gate.New(gate.Op[ByID, Rows]{Name: "document.history", Mode: gate.Read, Target: one,
	Do: func(x *gate.Tx, in ByID) (Rows, error) {
		d, err := documents.Get(x, in.ID)
		for n := 0; err == nil && d.Former != "" && n < maxVersions; n++ {
			d, err = documents.Get(x, d.Former)
		}
		all := []Document{d}
		for err == nil && d.Latter != "" && len(all) < maxVersions {
			d, err = documents.Get(x, d.Latter)
			all = append(all, d)
		}
		all = slices.DeleteFunc(all, func(d Document) bool { return d.Clearance() > x.Actor().Clearance })
		return Rows{all}, err
	}})

// Content is a file's bytes, leaving the archive.
type Content struct {
	ID      string `json:"id" class:"internal"`
	Name    string `json:"name" class:"confidential"`
	Media   string `json:"media" class:"internal"`
	Digest  string `json:"digest" class:"internal"`
	Content []byte `json:"content" class:"confidential"` // the target holds a higher class of the document against the clearance
}

// Contents gives a document's bytes, proved to be the ones archived; the record
// names the document. It is a Write because it marks that they were given out.
var Contents = gate.New(gate.Op[ByID, Content]{Name: "document.content", Mode: gate.Write, Target: one, Work: read,
	Do: func(x *gate.Tx, in ByID) (Content, error) {
		if err := Give(x, in.ID, "document.content"); err != nil {
			return Content{}, err
		}
		d, err := documents.Get(x, in.ID)
		return Content{d.ID, d.Name, d.Media, d.Digest, gate.Worked[[]byte](x)}, err
	}})

// read reads the bytes outside the transaction; their digest never changes.
func read(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
	d, err := documents.Get(x, in.ID)
	if err != nil {
		return nil, err
	}
	digest, err := blob.ParseDigest(d.Digest)
	blobs := x.Blobs()
	return func(ctx context.Context) (any, error) { return blobs.Get(ctx, digest) }, err
}

// Verified is what verifying found; bytes that differ are a fault instead.
type Verified struct {
	ID        string    `json:"id" class:"internal"`
	Digest    string    `json:"digest" class:"internal"` // recomputed over the stored bytes
	Size      int64     `json:"size" class:"internal"`
	CheckedAt time.Time `json:"checked_at" class:"internal"`
}

// Verify recomputes the digest over the stored bytes. Altered bytes are
// fault.Failed "blob.altered", missing ones "blob.missing".
var Verify = gate.New(gate.Op[ByID, Verified]{Name: "document.verify", Mode: gate.Read, Target: one, Work: read,
	Do: func(x *gate.Tx, in ByID) (Verified, error) {
		d, err := documents.Get(x, in.ID)
		b := gate.Worked[[]byte](x)
		return Verified{d.ID, blob.Sum(b).String(), int64(len(b)), x.Now()}, err
	}})
