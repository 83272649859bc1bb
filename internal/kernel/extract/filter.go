package extract

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"errors"
	"io"
)

// decode undoes the filters of s (§7.4). Only those that producers use for text
// are known; the others hold pictures, which nobody asks for.
func (f *file) decode(s *stream) []byte {
	filters, params := f.list(s.dict["Filter"]), f.list(s.dict["DecodeParms"])
	if len(filters) > 8 {
		stop(Damaged)
	}
	b := s.raw
	for i, v := range filters {
		var parms dict
		if i < len(params) {
			parms = f.dict(params[i])
		}
		switch f.name(v) {
		case "FlateDecode", "Fl":
			b = f.predict(f.inflate(b), parms)
		case "ASCII85Decode", "A85":
			b = f.ascii85(b)
		case "ASCIIHexDecode", "AHx":
			l := &lexer{b: append(bytes.Clone(b), '>'), cost: f.bud.value}
			b = []byte(l.hex())
		case "RunLengthDecode", "RL":
			b = f.runLength(b)
		default:
			stop(Unsupported)
		}
	}
	if len(filters) == 0 {
		f.bud.decode(len(b))
	}
	return b
}

// list gives the elements of an array, or the one value in its place.
func (f *file) list(v any) array {
	switch v := f.resolve(v).(type) {
	case nil:
		return nil
	case array:
		return v
	default:
		return array{v}
	}
}

// inflate stops at the budget, whatever a stream would grow to. A wrong checksum
// behind complete data is forgiven, as every reader does.
func (f *file) inflate(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		stop(Damaged)
	}
	var out bytes.Buffer
	for {
		n, err := io.CopyN(&out, z, 64<<10)
		f.bud.decode(int(n))
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, zlib.ErrChecksum):
			return out.Bytes()
		case err != nil:
			stop(Damaged)
		}
	}
}

func (f *file) ascii85(b []byte) []byte {
	b = bytes.TrimSpace(b)
	b = bytes.TrimPrefix(b, []byte("<~"))
	if i := bytes.IndexByte(b, '~'); i >= 0 {
		b = b[:i]
	}
	f.bud.decode(4 * len(b)) // "z" stands for four bytes
	out, err := io.ReadAll(ascii85.NewDecoder(bytes.NewReader(b)))
	if err != nil {
		stop(Damaged)
	}
	return out
}

func (f *file) runLength(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b) && b[i] != 128; {
		n := int(b[i])
		i++
		switch {
		case n < 128 && i+n < len(b):
			out = append(out, b[i:i+n+1]...)
			f.bud.decode(n + 1)
			i += n + 1
		case n > 128 && i < len(b):
			out = append(out, bytes.Repeat(b[i:i+1], 257-n)...)
			f.bud.decode(257 - n)
			i++
		default:
			stop(Damaged)
		}
	}
	return out
}

// predict undoes the PNG predictors (§7.4.4.4), in place.
func (f *file) predict(b []byte, parms dict) []byte {
	p := int(f.float(parms["Predictor"]))
	if p < 2 {
		return b
	}
	get := func(k name, missing float64) int {
		if v := f.float(parms[k]); v > 0 {
			missing = v
		}
		return int(missing)
	}
	colors, bits, columns := get("Colors", 1), get("BitsPerComponent", 8), get("Columns", 1)
	if p < 10 || colors > 32 || bits > 16 || columns > 1<<20 {
		stop(Unsupported)
	}
	bpp := max(1, colors*bits/8)
	row := (colors*bits*columns + 7) / 8
	prev := make([]byte, row)
	out := b[:0]
	for len(b) > 0 {
		line := b[1:min(len(b), row+1)]
		unfilter(b[0], line, prev, bpp)
		b = b[len(line)+1:]
		out = append(out, line...) // the write stays behind the reading
		prev = out[len(out)-len(line):]
	}
	return out
}

// unfilter is the reverse of one PNG row filter (RFC 2083 §6).
func unfilter(kind byte, line, prev []byte, bpp int) {
	for i := range line {
		var left, up, corner int
		if i >= bpp {
			left = int(line[i-bpp])
		}
		if i < len(prev) {
			up = int(prev[i])
		}
		if i >= bpp && i-bpp < len(prev) {
			corner = int(prev[i-bpp])
		}
		switch kind {
		case 1:
			line[i] += byte(left)
		case 2:
			line[i] += byte(up)
		case 3:
			line[i] += byte((left + up) / 2)
		case 4:
			line[i] += byte(paeth(left, up, corner))
		}
	}
}

func paeth(a, b, c int) int {
	pa, pb, pc := abs(b-c), abs(a-c), abs(a+b-2*c)
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func abs(n int) int { return max(n, -n) }
