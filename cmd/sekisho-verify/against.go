package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// compare asks whether the first records of the export in dir are those of the
// older one, whose report is given. It recomputes: the root of as many leaves
// must be the same. Only if it is not, the records are held side by side to find
// the first that differs.
func compare(older, dir string, was report, now *report) error {
	if was.leaves <= now.leaves && was.root == now.rootAt {
		return nil
	}
	n, err := firstDifference(filepath.Join(older, "leaves"), filepath.Join(dir, "leaves"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // said already
	} else if err != nil {
		return err
	}
	d := damage{n, n, "differs", 0}
	if n == now.leaves { // all there are fit, but the older export has more
		d = damage{n, was.leaves - 1, "shorter", 0}
	}
	now.damages = append([]damage{d}, now.damages...)
	return nil
}

// firstDifference is the number of the first record that is not the same in
// both files, or of the first that one of them does not have.
func firstDifference(a, b string) (n int64, err error) {
	fa, err := openFields(a)
	if err != nil {
		return 0, err
	}
	defer fa.close()
	fb, err := openFields(b)
	if err != nil {
		return 0, err
	}
	defer fb.close()
	var la, lb leaf
	for ; ; n++ {
		for _, err := range []error{la.read(fa), lb.read(fb)} {
			var f flaw
			if errors.Is(err, io.EOF) || errors.As(err, &f) {
				return n, nil
			} else if err != nil {
				return n, err
			}
		}
		if !bytes.Equal(la.body, lb.body) {
			return n, nil
		}
	}
}
