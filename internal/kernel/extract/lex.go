package extract

import (
	"bytes"
	"strconv"
)

// The values of PDF (ISO 32000-1 §7.3): nil, bool, float64, str, name, array,
// dict, *stream and ref; op is any other word, eof the end.
type (
	str    string
	name   string
	op     string
	array  []any
	dict   map[name]any
	ref    struct{ num, gen int }
	eof    struct{}
	stream struct {
		dict dict
		raw  []byte // still encoded; a part of the file
	}
)

// maxNesting is how deep arrays and dictionaries may lie in each other.
const maxNesting = 64

// lexer reads values from b.
type lexer struct {
	b    []byte
	pos  int
	cost func() // called for each value
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelim(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

func (l *lexer) skipSpace() {
	for ; l.pos < len(l.b); l.pos++ {
		if c := l.b[l.pos]; c == '%' {
			for l.pos < len(l.b) && l.b[l.pos] != '\n' && l.b[l.pos] != '\r' {
				l.pos++
			}
			l.pos--
		} else if !isSpace(c) {
			return
		}
	}
}

// next reads one value. References come as two numbers and op("R"); items folds them.
func (l *lexer) next(depth int) any {
	l.cost()
	if depth > maxNesting {
		stop(Damaged)
	}
	l.skipSpace()
	if l.pos >= len(l.b) {
		return eof{}
	}
	c := l.b[l.pos]
	l.pos++
	switch {
	case c == '/':
		return l.name()
	case c == '(':
		return l.literal()
	case c == '[':
		return array(l.items("]", depth+1))
	case c == '<' && l.pos < len(l.b) && l.b[l.pos] == '<':
		l.pos++
		return toDict(l.items(">>", depth+1))
	case c == '<':
		return l.hex()
	case c == '>' && l.pos < len(l.b) && l.b[l.pos] == '>':
		l.pos++
		return op(">>")
	case isDelim(c):
		return op(c)
	}
	l.pos--
	return l.word()
}

// items reads values up to the word end and folds references.
func (l *lexer) items(end op, depth int) []any {
	var vs []any
	for {
		v := l.next(depth)
		switch v {
		case end:
			return vs
		case eof{}, op("endobj"):
			stop(Damaged)
		case op("R"):
			if n := len(vs); n >= 2 {
				num, ok1 := vs[n-2].(float64)
				gen, ok2 := vs[n-1].(float64)
				if ok1 && ok2 {
					vs, v = vs[:n-2], ref{int(num), int(gen)}
				}
			}
		}
		vs = append(vs, v)
	}
}

func toDict(vs []any) dict {
	d := make(dict, len(vs)/2)
	for i := 0; i+1 < len(vs); i += 2 {
		k, ok := vs[i].(name)
		if !ok {
			stop(Damaged)
		}
		d[k] = vs[i+1]
	}
	return d
}

// word reads a number, true, false, null or an operator.
func (l *lexer) word() any {
	start := l.pos
	for l.pos < len(l.b) && !isSpace(l.b[l.pos]) && !isDelim(l.b[l.pos]) {
		l.pos++
	}
	w := l.b[start:l.pos]
	if c := w[0]; c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
		if f, err := strconv.ParseFloat(string(w), 64); err == nil && f > -1e15 && f < 1e15 {
			return f
		}
		return float64(0) // readers take a malformed number for zero
	}
	switch s := string(w); s {
	case "true", "false":
		return s == "true"
	case "null":
		return nil
	default:
		return op(s)
	}
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (l *lexer) name() name {
	var n []byte
	for l.pos < len(l.b) && !isSpace(l.b[l.pos]) && !isDelim(l.b[l.pos]) {
		c := l.b[l.pos]
		l.pos++
		if c == '#' && l.pos+1 < len(l.b) && unhex(l.b[l.pos]) >= 0 && unhex(l.b[l.pos+1]) >= 0 {
			c = byte(unhex(l.b[l.pos])<<4 | unhex(l.b[l.pos+1]))
			l.pos += 2
		}
		n = append(n, c)
	}
	return name(n)
}

func (l *lexer) hex() str {
	var out []byte
	half, have := 0, false
	for ; l.pos < len(l.b); l.pos++ {
		c := l.b[l.pos]
		if c == '>' {
			l.pos++
			if have {
				out = append(out, byte(half<<4))
			}
			return str(out)
		}
		n := unhex(c)
		switch {
		case n < 0:
		case have:
			out, have = append(out, byte(half<<4|n)), false
		default:
			half, have = n, true
		}
	}
	stop(Damaged)
	return ""
}

// literal reads a string in parentheses (§7.3.4.2).
func (l *lexer) literal() str {
	var out []byte
	for open := 1; l.pos < len(l.b); {
		c := l.b[l.pos]
		l.pos++
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return str(out)
			}
		case '\\':
			out = l.escape(out)
			continue
		case '\r':
			if l.pos < len(l.b) && l.b[l.pos] == '\n' {
				l.pos++
			}
			c = '\n'
		}
		out = append(out, c)
	}
	stop(Damaged)
	return ""
}

func (l *lexer) escape(out []byte) []byte {
	if l.pos >= len(l.b) {
		return out
	}
	c := l.b[l.pos]
	l.pos++
	switch c {
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case '\r':
		if l.pos < len(l.b) && l.b[l.pos] == '\n' {
			l.pos++
		}
		return out
	case '\n':
		return out
	}
	if c < '0' || c > '7' {
		return append(out, c)
	}
	n := int(c - '0')
	for i := 0; i < 2 && l.pos < len(l.b) && l.b[l.pos] >= '0' && l.b[l.pos] <= '7'; i++ {
		n = n<<3 | int(l.b[l.pos]-'0')
		l.pos++
	}
	return append(out, byte(n))
}
