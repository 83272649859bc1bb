package pdf

import (
	"encoding/binary"
	"sort"
)

// subset collects what one document draws of one face. Every rune has a slot
// (a glyph number of the subset) of its own, even where two runes share a
// glyph, so that copying and searching give back the very rune written.
type subset struct {
	face   *face
	slots  map[rune]int
	runes  []rune // by slot; slot 0 is .notdef
	glyphs []int  // by slot, in the numbers of face
}

func newSubset(f *face) *subset {
	return &subset{face: f, slots: map[rune]int{}, runes: []rune{0}, glyphs: []int{0}}
}

// slot gives the subset's glyph number of r, drawn by glyph g.
func (s *subset) slot(r rune, g int) int {
	n, ok := s.slots[r]
	if !ok {
		n = len(s.runes)
		s.slots[r] = n
		s.runes = append(s.runes, r)
		s.glyphs = append(s.glyphs, g)
	}
	return n
}

// program writes a TrueType font of the drawn glyphs only. Hinting is left
// out: it would need the whole font program and serves low-resolution screens.
func (s *subset) program() []byte {
	glyphs := append([]int(nil), s.glyphs...) // grows by the parts of composites
	var glyf, loca, hmtx []byte
	for i := 0; i < len(glyphs); i++ {
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		glyf = s.appendOutline(glyf, s.face.outline(glyphs[i]), &glyphs)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		hmtx = s.appendMetric(hmtx, glyphs[i])
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))

	head := []byte(s.face.head)
	clear(head[8:12]) // checkSumAdjustment: PDF readers do not look at it
	hhea := []byte(s.face.hhea)
	binary.BigEndian.PutUint16(hhea[34:], uint16(len(glyphs)))
	maxp := []byte(s.face.maxp)
	binary.BigEndian.PutUint16(maxp[4:], uint16(len(glyphs)))
	return assemble(map[string][]byte{
		"glyf": glyf, "head": head, "hhea": hhea, "hmtx": hmtx, "loca": loca, "maxp": maxp,
	})
}

func (s *subset) appendMetric(hmtx []byte, g int) []byte {
	f := s.face
	hmtx = append(hmtx, f.hmtx[4*min(g, f.numHMetric-1):][:2]...)
	if g < f.numHMetric {
		return append(hmtx, f.hmtx[4*g+2:][:2]...)
	}
	return append(hmtx, f.hmtx[4*f.numHMetric+2*(g-f.numHMetric):][:2]...)
}

// appendOutline copies one glyf entry without its instructions; the parts of a
// composite get slots at the end of glyphs.
func (s *subset) appendOutline(to []byte, o string, glyphs *[]int) []byte {
	if o == "" {
		return to
	}
	if contours := i16(o, 0); contours >= 0 {
		n := 10 + 2*contours
		to = append(to, o[:n]...)
		to = append(to, 0, 0)
		return append(to, o[n+2+u16(o, n):]...)
	}
	const (
		wideArgs    = 0x0001
		oneScale    = 0x0008
		more        = 0x0020
		twoScales   = 0x0040
		twoByTwo    = 0x0080
		hasProgram  = 0x0100
		flagsAndNum = 4
	)
	to = append(to, o[:10]...)
	for at := 10; ; {
		flags, part := u16(o, at), u16(o, at+2)
		n := flagsAndNum + 2
		if flags&wideArgs != 0 {
			n += 2
		}
		switch {
		case flags&oneScale != 0:
			n += 2
		case flags&twoScales != 0:
			n += 4
		case flags&twoByTwo != 0:
			n += 8
		}
		to = binary.BigEndian.AppendUint16(to, uint16(flags&^hasProgram))
		to = binary.BigEndian.AppendUint16(to, uint16(len(*glyphs)))
		to = append(to, o[at+flagsAndNum:at+n]...)
		*glyphs = append(*glyphs, part)
		at += n
		if flags&more == 0 {
			return to
		}
	}
}

// assemble joins tables into a font file, in the order of their tags.
func assemble(tables map[string][]byte) []byte {
	tags := make([]string, 0, len(tables))
	for t := range tables {
		tags = append(tags, t)
	}
	sort.Strings(tags)
	power, exp := 1, 0 // searchRange of ISO/IEC 14496-22 4.5.1
	for power*2 <= len(tags) {
		power, exp = power*2, exp+1
	}
	out := []byte{0, 1, 0, 0}
	for _, v := range []int{len(tags), power * 16, exp, (len(tags) - power) * 16} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	at := len(out) + 16*len(tags)
	for _, t := range tags {
		out = append(out, t...)
		out = binary.BigEndian.AppendUint32(out, tableSum(tables[t]))
		out = binary.BigEndian.AppendUint32(out, uint32(at))
		out = binary.BigEndian.AppendUint32(out, uint32(len(tables[t])))
		at += (len(tables[t]) + 3) &^ 3
	}
	for _, t := range tags {
		out = append(out, tables[t]...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	return out
}

func tableSum(b []byte) (sum uint32) {
	for ; len(b) >= 4; b = b[4:] {
		sum += binary.BigEndian.Uint32(b)
	}
	var rest [4]byte
	copy(rest[:], b)
	return sum + binary.BigEndian.Uint32(rest[:])
}
