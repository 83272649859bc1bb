package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"sekisho/internal/kernel/fault"
)

// MaxPixels bounds a picture: 300 dpi over a third of an A4 page, and a
// decoder that cannot be made to fill the memory.
const MaxPixels = 2_000_000

// Image is a picture ready to be drawn. It may serve several documents.
type Image struct {
	Width, Height int    // pixels
	colours       []byte // RGB, compressed
	alpha         []byte // compressed; nil if fully opaque
}

// DecodePNG reads a PNG picture (a logo, a 角印). It is fault.Invalid if b is
// none, or one of more than MaxPixels.
func DecodePNG(b []byte) (*Image, error) {
	cfg, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fault.Invalid("pdf.bad_image").Because(err)
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width > MaxPixels/cfg.Height {
		return nil, fault.Invalid("pdf.large_image", "width", cfg.Width, "height", cfg.Height, "max", MaxPixels/10000)
	}
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fault.Invalid("pdf.bad_image").Because(err)
	}
	z := newZip()
	colours, alpha, opaque := planes(src)
	img := &Image{Width: cfg.Width, Height: cfg.Height, colours: deflate(z, colours)}
	if !opaque {
		img.alpha = deflate(z, alpha)
	}
	return img, nil
}

// planes parts a picture into RGB and alpha of 8 bits.
func planes(src image.Image) (colours, alpha []byte, opaque bool) {
	b := src.Bounds()
	colours = make([]byte, 0, 3*b.Dx()*b.Dy())
	alpha = make([]byte, 0, b.Dx()*b.Dy())
	opaque = true
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := pixel(src, x, y)
			colours = append(colours, c.R, c.G, c.B)
			alpha = append(alpha, c.A)
			opaque = opaque && c.A == 255
		}
	}
	return colours, alpha, opaque
}

// pixel spares the two kinds of picture that logos come in the slow way round.
func pixel(src image.Image, x, y int) color.NRGBA {
	switch src := src.(type) {
	case *image.NRGBA:
		return src.NRGBAAt(x, y)
	case *image.RGBA: // of the PNG decoder: always opaque
		c := src.RGBAAt(x, y)
		return color.NRGBA{R: c.R, G: c.G, B: c.B, A: 255}
	}
	return color.NRGBAModel.Convert(src.At(x, y)).(color.NRGBA)
}

// newZip is quick rather than tight: an invoice is 7 % larger for two thirds of the time.
func newZip() *zlib.Writer {
	z, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return z
}

// image writes the picture's one or two objects.
func (w *writer) image(img *Image) int {
	size := fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8", img.Width, img.Height)
	mask := ""
	if img.alpha != nil {
		mask = fmt.Sprintf("/SMask %d 0 R", w.packed(size+"/ColorSpace/DeviceGray", img.alpha))
	}
	return w.packed(size+"/ColorSpace/DeviceRGB"+mask, img.colours)
}
