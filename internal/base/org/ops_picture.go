package org

import (
	"bytes"
	"context"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/pdf"
)

// PictureIn is a PNG for the head of documents. It is in every one of them, so
// it has to be small.
type PictureIn struct {
	Content []byte `json:"content" required:"true" max:"1048576"`
}

// PictureOut names it as the profile does.
type PictureOut struct {
	Digest string `json:"digest" class:"internal"`
}

// PictureAdd keeps a logo or seal (ロゴ・角印). It is on no document before
// org.issuer_update names it.
var PictureAdd = gate.New(gate.Op[PictureIn, PictureOut]{
	Name: "org.picture_add", Mode: gate.Write,
	Target: func(x *gate.Tx, _ PictureIn) (gate.Target, error) { return issuerTarget(x), nil },
	Work: func(x *gate.Tx, in PictureIn) (func(context.Context) (any, error), error) {
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			if _, err := pdf.DecodePNG(in.Content); err != nil {
				return nil, fault.Of(err).At("content")
			}
			return store.Put(ctx, in.Content)
		}, nil
	},
	Do: func(x *gate.Tx, _ PictureIn) (PictureOut, error) {
		d := gate.Worked[blob.Digest](x).String()
		x.Note("file", d)
		return PictureOut{d}, nil
	},
})

// PictureShowIn asks for one of the two pictures of the own company.
type PictureShowIn struct {
	Which string `json:"which" required:"true" enum:"logo,seal"`
}

// PictureShowOut is it.
type PictureShowOut struct {
	Content []byte `json:"content" class:"internal"` // PNG
}

// PictureShow gives the logo or seal that documents have now.
var PictureShow = gate.New(gate.Op[PictureShowIn, PictureShowOut]{
	Name: "org.picture_show", Mode: gate.Read,
	Target: func(x *gate.Tx, _ PictureShowIn) (gate.Target, error) { return issuerTarget(x), nil },
	Work: func(x *gate.Tx, in PictureShowIn) (func(context.Context) (any, error), error) {
		c, err := Issuer(x)
		if err != nil {
			return nil, err
		}
		name := map[string]string{"logo": c.Logo, "seal": c.Seal}[in.Which]
		if name == "" {
			return nil, fault.NotFound()
		}
		d, err := blob.ParseDigest(name)
		store := x.Blobs()
		return func(ctx context.Context) (any, error) {
			b, err := store.Get(ctx, d)
			if err == nil && !bytes.HasPrefix(b, []byte("\x89PNG\r\n")) {
				err = fault.NotFound() // the profile names a file that is no picture: it is not for everybody
			}
			return b, err
		}, err
	},
	Do: func(x *gate.Tx, _ PictureShowIn) (PictureShowOut, error) {
		return PictureShowOut{gate.Worked[[]byte](x)}, nil
	},
})
