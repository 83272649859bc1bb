package extract

import "unicode"

// font says what the bytes of a shown string mean and how wide they are.
type font struct {
	simple    *[256]string // one-byte fonts: text by code; nil for composite fonts
	encoding  predefined   // composite fonts: where codes end, and perhaps their text
	codeSpace *cmap        // composite fonts with an own CMap
	toUnicode *cmap        // what the file says codes mean; goes before all else
	widths    map[uint32]float64
	missing   float64 // width of codes not in widths
	scale     float64 // of widths, to units of the font size
	vertical  bool
}

// glyph is one code of a shown string.
type glyph struct {
	text  string // "" if nobody can know
	width float64
	bytes int
	space bool // a one-byte code 32, which word spacing widens
}

func (f *file) newFont(v any) *font {
	d := f.dict(v)
	t := &font{scale: 0.001, missing: 500, widths: map[uint32]float64{}}
	if s := f.stream(d["ToUnicode"]); s != nil {
		t.toUnicode = f.readCMap(s)
	}
	if f.name(d["Subtype"]) == "Type0" {
		f.composite(t, d)
	} else {
		f.simpleFont(t, d)
	}
	return t
}

func (f *file) composite(t *font, d dict) {
	if s := f.stream(d["Encoding"]); s != nil {
		t.codeSpace = f.readCMap(s)
		t.vertical = f.float(s.dict["WMode"]) == 1
	} else {
		n := f.name(d["Encoding"])
		t.encoding = predefinedCMap(n)
		t.vertical = len(n) > 1 && n[len(n)-2:] == "-V" || n == "V"
	}
	descendants := f.array(d["DescendantFonts"])
	if len(descendants) == 0 {
		return
	}
	cid := f.dict(descendants[0])
	t.missing = 1000
	if w, ok := f.resolve(cid["DW"]).(float64); ok {
		t.missing = w
	}
	if t.encoding.decoder == nil { // else widths go by glyph numbers we do not know
		f.cidWidths(t, f.array(cid["W"]))
	}
}

// cidWidths reads "first [w w w]" and "first last w" (§9.7.4.3).
func (f *file) cidWidths(t *font, w array) {
	for len(w) >= 2 {
		first := uint32(f.float(w[0]))
		if list, ok := f.resolve(w[1]).(array); ok {
			for i, v := range list {
				f.bud.value()
				t.widths[first+uint32(i)] = f.float(v)
			}
			w = w[2:]
			continue
		}
		if len(w) < 3 {
			return
		}
		last, width := uint32(f.float(w[1])), f.float(w[2])
		for c := uint64(first); c <= uint64(last); c++ {
			f.bud.value()
			t.widths[uint32(c)] = width
		}
		w = w[3:]
	}
}

func (f *file) simpleFont(t *font, d dict) {
	first := uint32(f.float(d["FirstChar"]))
	for i, v := range f.array(d["Widths"]) {
		f.bud.value()
		t.widths[first+uint32(i)] = f.float(v)
	}
	descriptor := f.dict(d["FontDescriptor"])
	if w := f.float(descriptor["MissingWidth"]); w > 0 {
		t.missing = w
	}
	if m := f.array(d["FontMatrix"]); len(m) == 6 { // Type 3
		t.scale = f.float(m[0])
	}
	const symbolic = 4
	embedded := descriptor["FontFile"] != nil || descriptor["FontFile2"] != nil || descriptor["FontFile3"] != nil
	if base := f.name(d["BaseFont"]); !embedded && (base == "Symbol" || base == "ZapfDingbats") {
		t.simple = symbols()
		return
	}
	known := f.name(d["Subtype"]) != "Type3" && (!embedded || int(f.float(descriptor["Flags"]))&symbolic == 0)
	t.simple = f.simpleTable(d["Encoding"], known)
}

// symbols is the table of the two standard fonts without letters: private
// characters, as symbol fonts declare them.
func symbols() *[256]string {
	var t [256]string
	for c := firstSymbol; c <= lastSymbol; c++ {
		t[c&0xff] = string(c)
	}
	return &t
}

// Symbol fonts (bullets, ticks, arrows) declare these private characters; they
// are no letters that a name could hide in.
const (
	firstSymbol = '\uf020'
	lastSymbol  = '\uf0ff'
)

// simpleTable reads an Encoding (§9.6.6). known says that the font follows
// StandardEncoding where nothing else is said.
func (f *file) simpleTable(v any, known bool) *[256]string {
	var t [256]string
	switch e := f.resolve(v).(type) {
	case name:
		t = simpleEncoding(e)
	case dict:
		if base := f.name(e["BaseEncoding"]); base != "" || known {
			t = simpleEncoding(base)
		}
		at := 0
		for _, v := range f.array(e["Differences"]) {
			switch v := f.resolve(v).(type) {
			case float64:
				at = int(v)
			case name:
				if at >= 0 && at < len(t) {
					t[at] = glyphText(string(v))
				}
				at++
			}
		}
	default:
		if known {
			t = simpleEncoding("")
		}
	}
	return &t
}

// next reads the first glyph of s, which is not empty.
func (t *font) next(s str) glyph {
	n := 1
	switch {
	case t.simple != nil:
	case t.codeSpace != nil:
		n = t.codeSpace.length(s)
	default:
		n = t.encoding.length(s)
	}
	n = min(n, len(s))
	c := code(s[:n])
	g := glyph{bytes: n, space: n == 1 && c == ' ', width: t.missing}
	if w, ok := t.widths[c]; ok {
		g.width = w
	} else if n == 1 && t.encoding.decoder != nil {
		g.width = 500 // a half-width character of a font with full-width ones
	}
	g.width *= t.scale
	g.text = t.text(c, s[:n])
	return g
}

func (t *font) text(c uint32, code str) string {
	s := ""
	if t.toUnicode != nil {
		s = t.toUnicode.text[c]
	}
	if !meansSomething(s) && t.simple != nil {
		s = t.simple[c]
	} else if !meansSomething(s) && t.codeSpace == nil {
		s = t.encoding.text(code)
	}
	if !meansSomething(s) {
		return ""
	}
	return s
}

// meansSomething refuses texts by which producers say that they do not know:
// nothing, U+0000, U+FFFD and private characters other than symbols.
func meansSomething(s string) bool {
	for _, r := range s {
		if r == 0 || r == unicode.ReplacementChar || unicode.Is(unicode.Co, r) && (r < firstSymbol || r > lastSymbol) {
			return false
		}
	}
	return s != ""
}
