package extract

import (
	"slices"
	"unicode/utf16"
)

// cmap is a character map read from a stream (§9.7.5, §9.10.3).
type cmap struct {
	codes []codeRange       // which byte sequences are codes
	text  map[uint32]string // code → text
}

type codeRange struct {
	n      int // bytes
	lo, hi uint32
}

// readCMap reads the parts of a CMap program that say where codes end and which
// text they stand for. Everything else in it concerns glyphs.
func (f *file) readCMap(s *stream) *cmap {
	m := &cmap{text: map[uint32]string{}}
	l := &lexer{b: f.decode(s), cost: f.bud.step}
	var args []any
	for {
		switch v := l.next(0).(type) {
		case eof:
			return m
		case op:
			switch v {
			case "endcodespacerange":
				m.addCodes(args)
			case "endbfchar":
				m.addChars(f.bud, args)
			case "endbfrange":
				m.addRanges(f.bud, args)
			}
			args = args[:0]
		default:
			f.bud.value()
			args = append(args, v)
		}
	}
}

func (m *cmap) addCodes(args []any) {
	for pair := range slices.Chunk(args, 2) {
		if lo, ok := pair[0].(str); ok && len(pair) == 2 && len(lo) > 0 && len(lo) <= 4 {
			if hi, ok := pair[1].(str); ok && len(hi) == len(lo) {
				m.codes = append(m.codes, codeRange{len(lo), code(lo), code(hi)})
			}
		}
	}
}

func (m *cmap) addChars(bud *budget, args []any) {
	for pair := range slices.Chunk(args, 2) {
		if from, ok := pair[0].(str); ok && len(pair) == 2 {
			if to, ok := pair[1].(str); ok {
				bud.value()
				m.text[code(from)] = utf16Text(to)
			}
		}
	}
}

func (m *cmap) addRanges(bud *budget, args []any) {
	for three := range slices.Chunk(args, 3) {
		if len(three) < 3 {
			return
		}
		lo, ok1 := three[0].(str)
		hi, ok2 := three[1].(str)
		if !ok1 || !ok2 {
			continue
		}
		first, last := code(lo), code(hi)
		switch to := three[2].(type) {
		case array:
			for i, v := range to {
				if s, ok := v.(str); ok && uint64(first)+uint64(i) <= uint64(last) {
					bud.value()
					m.text[first+uint32(i)] = utf16Text(s)
				}
			}
		case str:
			m.addRun(bud, first, last, to)
		}
	}
}

// addRun maps the codes first to last to texts whose last character counts up.
func (m *cmap) addRun(bud *budget, first, last uint32, to str) {
	text := []rune(utf16Text(to))
	if len(text) == 0 {
		return
	}
	for c := uint64(first); c <= uint64(last); c++ {
		bud.value()
		m.text[uint32(c)] = string(text)
		text[len(text)-1]++
	}
}

// length gives the bytes of the first code of s, by the code space.
func (m *cmap) length(s str) int {
	for n := 1; n <= 4 && n <= len(s); n++ {
		c := code(s[:n])
		for _, r := range m.codes {
			if r.n == n && r.lo <= c && c <= r.hi {
				return n
			}
		}
	}
	if len(m.codes) == 0 {
		return 2
	}
	return m.codes[0].n
}

// code is a byte sequence as a number; of more than four bytes the last four.
func code(s str) uint32 {
	var n uint32
	for i := range len(s) {
		n = n<<8 | uint32(s[i])
	}
	return n
}

// utf16Text reads UTF-16BE; one lone byte is taken for its own number.
func utf16Text(s str) string {
	if len(s) == 1 {
		return string(rune(s[0]))
	}
	u := make([]uint16, len(s)/2)
	for i := range u {
		u[i] = uint16(s[2*i])<<8 | uint16(s[2*i+1])
	}
	return string(utf16.Decode(u))
}
