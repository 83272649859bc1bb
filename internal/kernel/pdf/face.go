package pdf

import (
	_ "embed" // the two fonts
	"fmt"
	"sync"
	"unicode"
)

//go:embed fonts/BIZUDGothic-Regular.ttf
var bizUDGothic string

//go:embed fonts/VL-Gothic-Regular.ttf
var vlGothic string

// faces are the fonts in the order they are asked for a glyph. They are read
// once per process and lie in the program file itself: no heap, no start-up.
//
// BIZ UDGothic has JIS X 0213 and fixed-width digits, so columns align; VL
// Gothic adds 3,050 kanji to it, among them 𠮷 (U+20BB7).
var faces = sync.OnceValue(func() []*face {
	base, err := parseFace("BIZUDGothic-Regular", bizUDGothic)
	if err != nil {
		panic(err) // the program file is damaged: nothing can be printed
	}
	rare, err := parseFace("VL-Gothic-Regular", vlGothic)
	if err != nil {
		panic(err)
	}
	return []*face{base, rare}
})

// face is one TrueType font (ISO/IEC 14496-22), read in place.
type face struct {
	name   string
	head   string
	hhea   string
	maxp   string
	hmtx   string
	loca   string
	glyf   string
	groups string // of cmap format 12: start, end, first glyph, each 32 bits

	unitsPerEm int
	numGlyphs  int
	numHMetric int
}

func u16(s string, at int) int { return int(s[at])<<8 | int(s[at+1]) }
func i16(s string, at int) int { return int(int16(u16(s, at))) }
func u32(s string, at int) int { return u16(s, at)<<16 | u16(s, at+2) }

// parseFace reads the tables we draw from. It is given the two embedded fonts
// only, which its test walks glyph by glyph, so it checks what they are and
// not what a hostile font could be.
func parseFace(name, data string) (*face, error) {
	tables := map[string]string{}
	for i := range u16(data, 4) {
		e := 12 + 16*i
		at, n := u32(data, e+8), u32(data, e+12)
		tables[data[e:e+4]] = data[at : at+n]
	}
	f := &face{
		name: name, head: tables["head"], hhea: tables["hhea"], maxp: tables["maxp"],
		hmtx: tables["hmtx"], loca: tables["loca"], glyf: tables["glyf"],
	}
	for _, t := range []string{f.head, f.hhea, f.maxp, f.hmtx, f.loca, f.glyf, tables["cmap"]} {
		if t == "" {
			return nil, fmt.Errorf("pdf: font %s lacks a table", name)
		}
	}
	f.unitsPerEm = u16(f.head, 18)
	f.numGlyphs = u16(f.maxp, 4)
	f.numHMetric = u16(f.hhea, 34)
	if u16(f.head, 50) != 1 {
		return nil, fmt.Errorf("pdf: font %s: loca is not of 32 bits", name)
	}
	cmap := tables["cmap"]
	for i := range u16(cmap, 2) {
		sub := cmap[u32(cmap, 4+8*i+4):]
		if u16(sub, 0) == 12 {
			f.groups = sub[16 : 16+12*u32(sub, 12)]
			return f, nil
		}
	}
	return nil, fmt.Errorf("pdf: font %s has no cmap of format 12", name)
}

// glyph finds the glyph of r; 0 if the font has none. A glyph without outline
// counts only for a space: what would be drawn blank is missing.
func (f *face) glyph(r rune) int {
	lo, hi := 0, len(f.groups)/12
	for lo < hi {
		mid := (lo + hi) / 2
		switch at := 12 * mid; {
		case int(r) < u32(f.groups, at):
			hi = mid
		case int(r) > u32(f.groups, at+4):
			lo = mid + 1
		default:
			g := u32(f.groups, at+8) + int(r) - u32(f.groups, at)
			if f.outline(g) == "" && !unicode.IsSpace(r) {
				return 0
			}
			return g
		}
	}
	return 0
}

// advance is the width of glyph g in thousandths of the font size.
func (f *face) advance(g int) int {
	w := u16(f.hmtx, 4*min(g, f.numHMetric-1))
	return (w*1000 + f.unitsPerEm/2) / f.unitsPerEm
}

// outline gives the glyf entry of glyph g, "" if it draws nothing.
func (f *face) outline(g int) string {
	return f.glyf[u32(f.loca, 4*g):u32(f.loca, 4*g+4)]
}

// place is where a rune was found.
type place struct {
	face, glyph int
	advance     int // thousandths of the font size
}

// find gives the first face that draws r; ok is false if none does.
func find(r rune) (p place, ok bool) {
	for i, f := range faces() {
		if g := f.glyph(r); g != 0 {
			return place{i, g, f.advance(g)}, true
		}
	}
	return place{}, false
}
