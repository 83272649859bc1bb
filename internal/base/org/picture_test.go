package org_test

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"sekisho/internal/base/org"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// A picture is kept before anybody prints it, and shown once the profile names it.
func TestLogoAndSeal(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 40))); err != nil {
			t.Fatal(err)
		}
		p := profile()
		gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: p}))
		seal := func() (org.PictureShowOut, error) {
			return gate.Run(bg, w.G, boss, org.PictureShow, org.PictureShowIn{Which: "seal"})
		}
		p.Seal = gatetest.Must[org.PictureOut](t)(gate.Run(bg, w.G, boss, org.PictureAdd, org.PictureIn{Content: b.Bytes()})).Digest
		if _, err := seal(); !fault.Is(err, fault.KindNotFound) {
			t.Error("shown before it is the company's", err)
		}
		gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: p, Version: 1}))
		if got := gatetest.Must[org.PictureShowOut](t)(seal()); !bytes.Equal(got.Content, b.Bytes()) {
			t.Error("another picture came back")
		}
		for in, key := range map[string]string{"": "pdf.bad_image", "%PDF-1.7": "pdf.bad_image", b.String()[:50]: "pdf.bad_image", strings.Repeat("x", 1<<20+1): "gate.too_large"} {
			_, err := gate.Run(bg, w.G, boss, org.PictureAdd, org.PictureIn{Content: []byte(in)})
			wants(t, err, fault.KindInvalid, key)
		}
	})
}
