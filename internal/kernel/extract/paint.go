package extract

import (
	"bytes"
	"math"
	"strings"
)

// matrix is [a b c d e f] of §8.3.3.
type matrix [6]float64

var identity = matrix{1, 0, 0, 1, 0, 0}

// times applies m, then n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

func absf(x float64) float64 { return math.Abs(x) }

// state is the graphics state as far as text needs it (§8.4, §9.3).
type state struct {
	ctm                       matrix
	font                      *font
	size, char, word, leading float64
	stretch, rise             float64
}

const (
	maxForms  = 16  // forms inside forms
	maxStates = 256 // q without Q
)

// painter goes through the content of one page and writes its text.
type painter struct {
	f   *file
	out strings.Builder

	glyphs, missing int     // spaces not counted
	drawn           bool    // something visible: glyphs, paths, pictures
	pictures        float64 // area under pictures

	penX, penY float64 // where the last glyph ended, in page space
	started    bool
}

// run is one content stream being run.
type run struct {
	*painter
	resources dict
	depth     int
	st        state
	saved     []state
	tm, line  matrix
	args      []any
}

// run interprets a content stream (§7.8.2) under ctm.
func (p *painter) run(content []byte, resources dict, ctm matrix, depth int) {
	if depth > maxForms {
		stop(Damaged)
	}
	r := &run{painter: p, resources: resources, depth: depth, tm: identity, line: identity}
	r.st = state{ctm: ctm, stretch: 1}
	l := &lexer{b: content, cost: p.f.bud.step}
	for {
		switch v := l.next(0).(type) {
		case eof:
			return
		case op:
			if v == "BI" {
				r.inlineImage(l)
			} else {
				r.do(v)
			}
			r.args = r.args[:0]
		default:
			if len(r.args) < 64 {
				r.args = append(r.args, v)
			}
		}
	}
}

func (r *run) num(i int) float64 {
	if i < len(r.args) {
		n, _ := r.args[i].(float64)
		return n
	}
	return 0
}

func (r *run) matrix() matrix {
	return matrix{r.num(0), r.num(1), r.num(2), r.num(3), r.num(4), r.num(5)}
}

func (r *run) last() any {
	if len(r.args) == 0 {
		return nil
	}
	return r.args[len(r.args)-1]
}

// do carries out one operator (Annex A).
func (r *run) do(o op) {
	switch o {
	case "q":
		if len(r.saved) >= maxStates {
			stop(Unsupported)
		}
		r.saved = append(r.saved, r.st)
	case "Q":
		if n := len(r.saved); n > 0 {
			r.st, r.saved = r.saved[n-1], r.saved[:n-1]
		}
	case "cm":
		r.st.ctm = r.matrix().times(r.st.ctm)
	case "gs":
		r.extState()
	case "Do":
		r.xobject()
	case "f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "sh":
		r.drawn = true
	default:
		r.doText(o)
	}
}

func (r *run) doText(o op) {
	switch o {
	case "BT":
		r.tm, r.line = identity, identity
	case "Tf":
		n, _ := r.args0().(name)
		r.setFont(r.f.dict(r.resources["Font"])[n], r.num(1))
	case "Tc":
		r.st.char = r.num(0)
	case "Tw":
		r.st.word = r.num(0)
	case "Tz":
		r.st.stretch = r.num(0) / 100
	case "TL":
		r.st.leading = r.num(0)
	case "Ts":
		r.st.rise = r.num(0)
	case "Td":
		r.move(r.num(0), r.num(1))
	case "TD":
		r.st.leading = -r.num(1)
		r.move(r.num(0), r.num(1))
	case "Tm":
		r.line = r.matrix()
		r.tm = r.line
	case "T*":
		r.move(0, -r.st.leading)
	case "Tj":
		r.show(r.last())
	case "'":
		r.move(0, -r.st.leading)
		r.show(r.last())
	case "\"":
		r.st.word, r.st.char = r.num(0), r.num(1)
		r.move(0, -r.st.leading)
		r.show(r.last())
	case "TJ":
		r.showAll()
	}
}

func (r *run) args0() any {
	if len(r.args) == 0 {
		return nil
	}
	return r.args[0]
}

func (r *run) move(x, y float64) {
	r.line = matrix{1, 0, 0, 1, x, y}.times(r.line)
	r.tm = r.line
}

func (r *run) setFont(v any, size float64) {
	r.st.size = size
	key, isRef := v.(ref)
	if isRef && r.f.fonts[key] != nil {
		r.st.font = r.f.fonts[key]
		return
	}
	r.st.font = r.f.newFont(v)
	if isRef {
		r.f.fonts[key] = r.st.font
	}
}

// extState takes the font, if any, of a graphics state dictionary.
func (r *run) extState() {
	n, _ := r.last().(name)
	if a := r.f.array(r.f.dict(r.f.dict(r.resources["ExtGState"])[n])["Font"]); len(a) == 2 {
		r.setFont(a[0], r.f.float(a[1]))
	}
}

func (r *run) xobject() {
	n, _ := r.last().(name)
	s := r.f.stream(r.f.dict(r.resources["XObject"])[n])
	if s == nil {
		return
	}
	switch r.f.name(s.dict["Subtype"]) {
	case "Form":
		r.form(s, r.resources, r.st.ctm, r.depth+1)
	case "Image":
		r.picture(r.st.ctm)
	}
}

// form runs a form XObject (§8.10) with its own resources, or those around it.
func (p *painter) form(s *stream, around dict, ctm matrix, depth int) {
	if m := p.f.array(s.dict["Matrix"]); len(m) == 6 {
		var own matrix
		for i := range own {
			own[i] = p.f.float(m[i])
		}
		ctm = own.times(ctm)
	}
	if own := p.f.dict(s.dict["Resources"]); own != nil {
		around = own
	}
	p.run(p.f.decode(s), around, ctm, depth)
}

// picture notes an image, which fills the unit square of ctm.
func (p *painter) picture(ctm matrix) {
	p.drawn = true
	p.pictures += absf(ctm[0]*ctm[3] - ctm[1]*ctm[2])
}

// inlineImage skips to the EI that ends the image (§8.9.7).
func (r *run) inlineImage(l *lexer) {
	for v := l.next(0); v != op("ID"); v = l.next(0) {
		if v == (eof{}) {
			return
		}
	}
	r.picture(r.st.ctm)
	for {
		i := bytes.Index(l.b[l.pos:], []byte("EI"))
		if i < 0 {
			l.pos = len(l.b)
			return
		}
		before, after := l.pos+i-1, l.pos+i+2
		l.pos = after
		if isSpace(l.b[before]) && (after == len(l.b) || isSpace(l.b[after])) {
			return
		}
	}
}

func (r *run) showAll() {
	list, _ := r.last().(array)
	for _, v := range list {
		if n, ok := v.(float64); ok {
			r.advance(-n / 1000 * r.st.size)
		} else {
			r.show(v)
		}
	}
}

// advance moves along the line by d units of text space.
func (r *run) advance(d float64) {
	step := matrix{1, 0, 0, 1, d * r.st.stretch, 0}
	if r.st.font != nil && r.st.font.vertical {
		step = matrix{1, 0, 0, 1, 0, d}
	}
	r.tm = step.times(r.tm)
}

// show writes a shown string. Text without a font is text nobody can know.
func (r *run) show(v any) {
	s, _ := v.(str)
	if s == "" {
		return
	}
	if r.st.font == nil {
		r.st.font = &font{simple: new([256]string), scale: 0.001}
	}
	r.drawn = true
	r.gap()
	for len(s) > 0 {
		r.f.bud.step()
		g := r.st.font.next(s)
		s = s[g.bytes:]
		r.put(g)
		d := g.width*r.st.size + r.st.char
		if r.st.font.vertical {
			d = -r.st.size + r.st.char
		}
		if g.space {
			d += r.st.word
		}
		r.advance(d)
	}
	m := r.textMatrix()
	r.penX, r.penY, r.started = m[4], m[5], true
}

func (r *run) put(g glyph) {
	s := g.text
	if s == "" {
		s = "\ufffd"
		r.missing++
	}
	if strings.TrimSpace(s) != "" {
		r.glyphs++
	}
	r.f.bud.write(len(s))
	r.out.WriteString(s)
}

func (r *run) textMatrix() matrix {
	return matrix{r.st.stretch, 0, 0, 1, 0, r.st.rise}.times(r.tm).times(r.st.ctm)
}

// gap writes a newline or a space when what comes next does not follow on what
// was written last.
func (r *run) gap() {
	if !r.started {
		return
	}
	m := r.textMatrix()
	dx, dy := m[4]-r.penX, m[5]-r.penY
	em := math.Hypot(m[2], m[3]) * absf(r.st.size)
	width := math.Hypot(m[0], m[1])
	if !(em > 0 && width > 0) {
		return
	}
	along := (dx*m[0] + dy*m[1]) / width / em
	across := (dy*m[0] - dx*m[1]) / width / em
	if r.st.font.vertical {
		along, across = -across, along
	}
	switch {
	case absf(across) > 0.5 || along < -1:
		r.out.WriteByte('\n')
	case absf(along) > 0.15:
		r.out.WriteByte(' ')
	}
}
