package extract

import "bytes"

// entry says where an object lies (§7.5.4, §7.5.8): at an offset, or as number
// index of an object stream.
type entry struct {
	free   bool
	offset int
	stream int // number of the object stream; 0 for none
}

// file is a PDF opened for reading objects.
type file struct {
	b       []byte
	bud     *budget
	xref    map[int]entry
	trailer dict
	objects map[int]any // read before
	reading map[int]bool
	packed  map[int]*objStream
	fonts   map[ref]*font
}

// objStream is a decoded object stream: where each of its objects begins.
type objStream struct {
	data []byte
	at   map[int]int
}

func openPDF(bud *budget, b []byte) *file {
	f := &file{b: b, bud: bud, xref: map[int]entry{}, objects: map[int]any{}, reading: map[int]bool{}, packed: map[int]*objStream{},
		fonts: map[ref]*font{}}
	tail := b[max(0, len(b)-2048):]
	i := bytes.LastIndex(tail, []byte("startxref"))
	if i < 0 {
		stop(Damaged)
	}
	l := f.lexer(len(b) - len(tail) + i + len("startxref"))
	f.loadXref(int(f.number(l.next(0))))
	return f
}

func (f *file) lexer(pos int) *lexer {
	if pos < 0 || pos >= len(f.b) {
		stop(Damaged)
	}
	return &lexer{b: f.b, pos: pos, cost: f.bud.value}
}

// number insists on a number.
func (f *file) number(v any) float64 {
	n, ok := v.(float64)
	if !ok {
		stop(Damaged)
	}
	return n
}

// loadXref reads the cross-reference sections from the newest, at pos, to the
// oldest. What a newer one says about an object stands.
func (f *file) loadXref(pos int) {
	seen := map[int]bool{}
	for more := true; more; {
		if seen[pos] {
			stop(Damaged)
		}
		seen[pos] = true
		t := f.xrefSection(pos)
		if f.trailer == nil {
			f.trailer = t
		}
		if t["Encrypt"] != nil {
			stop(Encrypted)
		}
		if at, ok := t["XRefStm"].(float64); ok { // a hybrid file, §7.5.8.4
			f.xrefStream(f.lexer(int(at)))
		}
		var prev float64
		if prev, more = t["Prev"].(float64); more {
			pos = int(prev)
		}
	}
}

func (f *file) xrefSection(pos int) dict {
	l := f.lexer(pos)
	at := l.pos
	if l.next(0) != op("xref") {
		l.pos = at
		return f.xrefStream(l)
	}
	for {
		first := l.next(0)
		if first == op("trailer") {
			d, ok := l.next(0).(dict)
			if !ok {
				stop(Damaged)
			}
			return d
		}
		num, n := int(f.number(first)), int(f.number(l.next(0)))
		for i := range max(n, 0) {
			offset, _ := f.number(l.next(0)), f.number(l.next(0))
			switch l.next(0) {
			case op("n"):
				f.put(num+i, entry{offset: int(offset), free: offset == 0})
			case op("f"):
				f.put(num+i, entry{free: true})
			default:
				stop(Damaged)
			}
		}
	}
}

func (f *file) put(num int, e entry) {
	if _, newer := f.xref[num]; !newer {
		f.xref[num] = e
	}
}

// xrefStream reads a cross-reference stream (§7.5.8) and gives its dictionary.
func (f *file) xrefStream(l *lexer) dict {
	f.number(l.next(0))
	s, ok := f.indirect(l).(*stream)
	if !ok || s.dict["Type"] != name("XRef") {
		stop(Damaged)
	}
	var w [3]int
	widths, _ := s.dict["W"].(array)
	if len(widths) < 3 {
		stop(Damaged)
	}
	for i := range w {
		if w[i] = int(f.number(widths[i])); w[i] < 0 || w[i] > 8 {
			stop(Damaged)
		}
	}
	index, ok := s.dict["Index"].(array)
	if !ok {
		index = array{float64(0), f.number(s.dict["Size"])}
	}
	data := f.decode(s)
	row := w[0] + w[1] + w[2]
	for i := 0; i+1 < len(index) && row > 0; i += 2 {
		num, n := int(f.number(index[i])), int(f.number(index[i+1]))
		for ; n > 0 && len(data) >= row; n-- {
			f.bud.value()
			f.putPacked(num, data, w)
			num, data = num+1, data[row:]
		}
	}
	return s.dict
}

func (f *file) putPacked(num int, row []byte, w [3]int) {
	kind := 1
	if w[0] > 0 {
		kind = bigEndian(row[:w[0]])
	}
	second := bigEndian(row[w[0] : w[0]+w[1]])
	switch kind {
	case 0:
		f.put(num, entry{free: true})
	case 1:
		f.put(num, entry{offset: second, free: second == 0})
	case 2:
		f.put(num, entry{stream: second, free: second == 0})
	}
}

func bigEndian(b []byte) int {
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n
}

// object gives object num, nil if there is none. An object asked for while it is
// being read is nil too, which ends every circle.
func (f *file) object(num int) any {
	if v, ok := f.objects[num]; ok {
		return v
	}
	e, ok := f.xref[num]
	if !ok || e.free || f.reading[num] {
		return nil
	}
	f.reading[num] = true
	defer delete(f.reading, num)
	var v any
	if e.stream != 0 {
		v = f.fromStream(e.stream, num)
	} else {
		l := f.lexer(e.offset)
		if l.next(0) != float64(num) {
			stop(Damaged)
		}
		v = f.indirect(l)
	}
	f.objects[num] = v
	return v
}

// indirect reads what follows the number of an indirect object: its generation,
// "obj" and the value.
func (f *file) indirect(l *lexer) any {
	f.number(l.next(0))
	if l.next(0) != op("obj") {
		stop(Damaged)
	}
	v := l.next(0)
	at := l.pos
	switch l.next(0) {
	case op("stream"):
		d, ok := v.(dict)
		if !ok {
			stop(Damaged)
		}
		return &stream{d, f.streamBytes(l, d)}
	case op("endobj"):
		return v
	}
	// "5 0 R endobj": the object is only a reference
	l.pos = at
	gen, ok := l.next(0).(float64)
	num, ok2 := v.(float64)
	if ok && ok2 && l.next(0) == op("R") {
		return ref{int(num), int(gen)}
	}
	stop(Damaged)
	return nil
}

// streamBytes gives the bytes after "stream" (§7.3.8.1). A wrong Length, which
// readers forgive, is replaced by the distance to "endstream".
func (f *file) streamBytes(l *lexer, d dict) []byte {
	rest := f.b[l.pos:]
	rest = bytes.TrimPrefix(rest, []byte("\r"))
	rest = bytes.TrimPrefix(rest, []byte("\n"))
	if n, ok := f.resolve(d["Length"]).(float64); ok && n >= 0 && int(n) <= len(rest) {
		after := bytes.TrimLeft(rest[int(n):min(len(rest), int(n)+16)], "\r\n ")
		if startsWith(after, "endstream") {
			return rest[:int(n)]
		}
	}
	n := bytes.Index(rest, []byte("endstream"))
	if n < 0 {
		stop(Damaged)
	}
	f.bud.decode(n) // looking for it costs as much as decoding
	return rest[:n]
}

// fromStream reads object num out of the object stream container (§7.5.7).
func (f *file) fromStream(container, num int) any {
	o := f.packed[container]
	if o == nil {
		if f.xref[container].stream != 0 {
			stop(Damaged)
		}
		s, ok := f.object(container).(*stream)
		if !ok {
			stop(Damaged)
		}
		o = &objStream{data: f.decode(s), at: map[int]int{}}
		first := int(f.number(f.resolve(s.dict["First"])))
		l := &lexer{b: o.data, cost: f.bud.value}
		for range int(f.number(f.resolve(s.dict["N"]))) {
			n, at := int(f.number(l.next(0))), int(f.number(l.next(0)))
			o.at[n] = first + at
		}
		f.packed[container] = o
	}
	at, ok := o.at[num]
	if !ok {
		return nil
	}
	if at < 0 || at > len(o.data) {
		stop(Damaged)
	}
	l := &lexer{b: o.data, pos: at, cost: f.bud.value}
	v := l.next(0)
	if n, ok := v.(float64); ok { // perhaps a bare reference
		if gen, ok := l.next(0).(float64); ok && l.next(0) == op("R") {
			return ref{int(n), int(gen)}
		}
	}
	return v
}

// resolve follows references.
func (f *file) resolve(v any) any {
	for range 16 {
		r, ok := v.(ref)
		if !ok {
			return v
		}
		v = f.object(r.num)
	}
	return nil
}

func (f *file) dict(v any) dict {
	switch v := f.resolve(v).(type) {
	case dict:
		return v
	case *stream:
		return v.dict
	}
	return nil
}

func (f *file) array(v any) array    { a, _ := f.resolve(v).(array); return a }
func (f *file) stream(v any) *stream { s, _ := f.resolve(v).(*stream); return s }
func (f *file) name(v any) name      { n, _ := f.resolve(v).(name); return n }
func (f *file) float(v any) float64  { n, _ := f.resolve(v).(float64); return n }
