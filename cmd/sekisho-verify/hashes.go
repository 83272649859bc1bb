package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// hashes reads a file of leaf hashes, 32 bytes each: of an export, as they were
// signed, or of a witness's mirror.
type hashes struct {
	f    *os.File
	r    *bufio.Reader
	left int64 // whole hashes not read yet
	odd  bool  // bytes after the last whole one
}

// openHashes gives nil if there is no such file.
func openHashes(path string) (*hashes, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &hashes{f: f, r: bufio.NewReaderSize(f, 1<<16), left: st.Size() / sha256.Size, odd: st.Size()%sha256.Size != 0}, nil
}

func (h *hashes) close() {
	if h != nil {
		_ = h.f.Close()
	}
}

// next gives false where there is none more.
func (h *hashes) next() (out hash, ok bool, err error) {
	if h == nil || h.left == 0 {
		return out, false, nil
	}
	h.left--
	_, err = io.ReadFull(h.r, out[:])
	return out, err == nil, err
}

// signed is the hash to put into the tree for a leaf: the one in the export's
// file of hashes, so that one altered leaf is named and does not spoil the roots;
// if the file lies, no signed root fits.
func (w *walk) signed(leaf []byte) (hash, error) {
	own := leafHash(leaf)
	h, ok, err := w.hashes.next()
	if !ok {
		return own, err
	}
	if h != own && len(leaf) > 0 {
		w.damage(damage{w.tree.size, w.tree.size, "leaf_altered", 0})
	}
	return h, nil
}

// mirror is what a witness has of this log.
type mirror struct {
	list *hashes
	size int64  // leaves that count
	odd  damage // a run of leaves that are not the mirrored ones
}

// openMirror proves a mirror: its hashes must give the root of its checkpoint,
// and the pinned key must have signed that.
func (w *walk) openMirror(dir string) (*mirror, error) {
	note, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return nil, err
	}
	c, err := w.key.open(note)
	var f flaw
	if errors.As(err, &f) {
		w.damage(damage{-1, -1, "witness_key", 0})
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	list, err := openHashes(filepath.Join(dir, "hashes"))
	if err != nil {
		return nil, err
	}
	defer list.close()
	var t tree
	for t.size < c.size {
		h, ok, err := list.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		t.addHash(h)
	}
	if t.size != c.size || t.root() != c.root {
		w.damage(damage{-1, -1, "witness_harmed", 0})
		return nil, nil
	}
	again, err := openHashes(filepath.Join(dir, "hashes"))
	return &mirror{list: again, size: c.size, odd: damage{leaf: -1}}, err
}

// compare holds a leaf against the mirrored one.
func (m *mirror) compare(r *report, n int64, leaf []byte) error {
	if m == nil || n >= m.size {
		return nil
	}
	h, ok, err := m.list.next()
	if err != nil || !ok {
		return err
	}
	if h == leafHash(leaf) {
		m.flush(r)
		return nil
	}
	if m.odd.leaf < 0 {
		m.odd = damage{n, n, "witness_differs", 0}
	}
	m.odd.last = n
	return nil
}

func (m *mirror) flush(r *report) {
	if m.odd.leaf >= 0 {
		r.damage(m.odd)
		m.odd = damage{leaf: -1}
	}
}

// end hears how many leaves there are.
func (m *mirror) end(r *report, leaves int64) {
	if m == nil {
		return
	}
	m.flush(r)
	r.witnessed = min(m.size, leaves)
	if m.size > leaves {
		r.damage(damage{leaves, m.size - 1, "witness_shorter", 0})
	}
	m.list.close()
}
