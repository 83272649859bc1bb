package main

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// fields reads a file of fields: each is its length, an unsigned LEB128 number
// in its shortest form, and that many bytes. No length is believed beyond the
// bytes that are left in the file.
type fields struct {
	f    *os.File
	r    *bufio.Reader
	left int64
}

const (
	flawCut    = flaw("file_cut")    // the file ends inside a field
	flawLength = flaw("file_length") // no such length can stand here
)

func openFields(path string) (*fields, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fields{f: f, r: bufio.NewReaderSize(f, 1<<18), left: st.Size()}, nil
}

func (f *fields) close() { _ = f.f.Close() } // only read

// next reads a field into buf's room; io.EOF where the file ends between fields.
func (f *fields) next(buf []byte) ([]byte, error) {
	if f.left == 0 {
		return buf[:0], io.EOF
	}
	n, err := f.length()
	if err != nil {
		return buf[:0], err
	}
	if n > uint64(f.left) {
		return buf[:0], flawCut
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	f.left -= int64(n)
	if _, err := io.ReadFull(f.r, buf); err != nil {
		return buf[:0], cut(err)
	}
	return buf, nil
}

func (f *fields) length() (n uint64, err error) {
	for shift := 0; ; shift += 7 {
		if f.left == 0 {
			return 0, flawCut
		}
		b, err := f.r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		f.left--
		if shift == 63 && b > 1 || shift > 0 && b == 0 {
			return 0, flawLength // over 64 bits, or longer than need be
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, nil
		}
	}
}

// cut is for a file that became shorter while it was read.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return flawCut
	}
	return err
}

// leaf is one record of the export: three fields. Its room is used again.
type leaf struct{ body, payload, marks []byte }

// read gives io.EOF where the file ends between records.
func (l *leaf) read(f *fields) (err error) {
	if l.body, err = f.next(l.body); err != nil {
		return err
	}
	for _, part := range []*[]byte{&l.payload, &l.marks} {
		if *part, err = f.next(*part); errors.Is(err, io.EOF) {
			return flawCut
		} else if err != nil {
			return err
		}
	}
	return nil
}
