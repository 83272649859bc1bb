package postlog

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Position is how far a log was read: in the file that begins with the octets
// Head stands for, up to At. It survives the file's being renamed or copied.
type Position struct {
	Head     string // SHA-256 of the first HeadSize octets, hex; "" before anything was read
	HeadSize int64
	At       int64 // octets read, always at the end of a line
}

const (
	headMost = 512     // octets a file is known by; its first line at least
	chunk    = 1 << 20 // octets read at once
	farBack  = 256 << 20
)

// Tail is a log file with its rotated predecessors.
type Tail struct {
	Path string
	Pos  Position
}

// Read gives the next lines, at most about a chunk of them, without their ends.
// gap tells that what was written before them is lost to us: the file read last
// is gone. more tells that there is more to read at once.
func (t *Tail) Read() (lines []string, gap, more bool, err error) {
	if t.Pos.HeadSize > 0 {
		same, err := t.same(t.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, false, err
		}
		if !same {
			return t.turn()
		}
	}
	lines, err = t.read(t.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // just rotated, nothing written yet
	}
	return lines, false, len(lines) > 0, err
}

// turn reads on in the rotated files: to the end of the one read last, and then
// from the beginning of the next younger one.
func (t *Tail) turn() (lines []string, gap, more bool, err error) {
	files, err := t.rotated()
	if err != nil {
		return nil, false, false, err
	}
	at := slices.IndexFunc(files, func(f string) bool { same, err := t.same(f); return err == nil && same })
	if at >= 0 {
		if lines, err = t.read(files[at]); err != nil || len(lines) > 0 {
			return lines, false, true, err
		}
		files = files[at+1:]
	} else {
		files = nil
	}
	for _, next := range append(files, t.Path) {
		if _, err := os.Stat(next); errors.Is(err, fs.ErrNotExist) {
			return nil, false, false, nil // renamed, and the new one is not there yet
		}
		t.Pos = Position{}
		if lines, err = t.read(next); err != nil || t.Pos.HeadSize > 0 {
			break // an empty one is passed over
		}
	}
	return lines, at < 0, true, err
}

// same tells whether the file begins as the one read last, and is as long as
// what was read of it.
func (t *Tail) same(path string) (bool, error) {
	f, err := open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	h := sha256.New()
	if n, err := io.CopyN(h, f, t.Pos.HeadSize); n < t.Pos.HeadSize {
		if err == io.EOF {
			err = nil
		}
		return false, err
	}
	if hex.EncodeToString(h.Sum(nil)) != t.Pos.Head {
		return false, nil
	}
	if plain, ok := f.(*os.File); ok {
		st, err := plain.Stat()
		return err == nil && st.Size() >= t.Pos.At, err
	}
	rest := t.Pos.At - t.Pos.HeadSize
	n, err := io.CopyN(io.Discard, f, rest)
	if err == io.EOF {
		err = nil
	}
	return n == rest, err
}

// read gives the whole lines after the position and moves it.
func (t *Tail) read(path string) ([]string, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if t.Pos.HeadSize == 0 {
		if err := t.begin(path, f); err != nil || t.Pos.HeadSize == 0 {
			return nil, err
		}
		f.Close()
		if f, err = open(path); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	if s, ok := f.(io.Seeker); ok {
		_, err = s.Seek(t.Pos.At, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, t.Pos.At)
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, chunk))
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	if end == 0 && len(b) == chunk {
		end = len(b) // no line of Postfix: passed over
	}
	t.Pos.At += int64(end)
	if end == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(b[:end]), "\n"), "\n"), nil
}

// begin takes a new file's head. Of a huge one only the last part is read.
func (t *Tail) begin(path string, f io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(f, headMost))
	if err != nil {
		return err
	}
	if i := bytes.IndexByte(b, '\n'); i < 0 && len(b) < headMost {
		return nil // its first line is not whole yet
	}
	sum := sha256.Sum256(b)
	t.Pos = Position{Head: hex.EncodeToString(sum[:]), HeadSize: int64(len(b))}
	if st, err := os.Stat(path); err == nil && st.Size() > farBack && !strings.HasSuffix(path, ".gz") {
		t.Pos.At = st.Size() - farBack
	}
	return nil
}

var rotation = regexp.MustCompile(`^[.-](\d{1,14})(?:\.gz)?$`)

// rotated lists the predecessors of the log, oldest first: mail.log.2.gz,
// mail.log.1, or mail.log-20261121.
func (t *Tail) rotated() ([]string, error) {
	dir, base := filepath.Split(t.Path)
	if dir == "" {
		dir = "."
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	order := map[string]int{}
	for _, e := range list {
		rest, ok := strings.CutPrefix(e.Name(), base)
		m := rotation.FindStringSubmatch(rest)
		if !ok || m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if len(m[1]) < 8 { // a count: the higher the older; else a date
			n = -n
		}
		p := filepath.Join(dir, e.Name())
		order[p] = n
		files = append(files, p)
	}
	slices.SortFunc(files, func(a, b string) int { return order[a] - order[b] })
	return files, nil
}

type zipped struct {
	*gzip.Reader
	f *os.File
}

func (z zipped) Close() error { return z.f.Close() }

func open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return zipped{z, f}, nil
}
