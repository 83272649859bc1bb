package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// damage is one thing found wrong. Leaf is the first record concerned, -1 if it
// is about none; last the last one it may be, the same as leaf if it is certain.
type damage struct {
	leaf, last int64
	what       flaw
	note       int // which checkpoint it is about, from 1; 0: none
}

// report is what is known of one export.
type report struct {
	leaves, checkpoints, rows int64
	witnessed                 int64 // leaves compared with a witness's
	root                      hash  // of all leaves
	rootAt                    hash  // of the first so many leaves that were asked for
	damages                   []damage
	more                      int // damages beyond damagesMax
}

const damagesMax = 1000

func (r *report) damage(d damage) {
	if len(r.damages) < damagesMax {
		r.damages = append(r.damages, d)
	} else {
		r.more++
	}
}

// check reads the export in dir and compares everything in it with everything
// else and with k. An error means that it could not be read; what is wrong with
// what was read stands in the report. The root at size at is kept (-1: none);
// tick, which may be nil, hears of every record; witness, which may be "", is a
// mirror to compare with.
func check(dir string, k key, at int64, witness string, tick func(int64)) (report, error) {
	w := walk{key: k}
	if witness != "" {
		var err error
		if w.mirror, err = w.openMirror(witness); err != nil {
			return w.report, err
		}
	}
	if err := w.vkey(filepath.Join(dir, "vkey")); err != nil {
		return w.report, err
	}
	leaves, err := w.part(dir, "leaves", "no_leaves")
	if err != nil {
		return w.report, err
	}
	defer leaves.close()
	if w.notes, err = w.part(dir, "checkpoints", "no_checkpoints"); err != nil {
		return w.report, err
	}
	defer w.notes.close()
	if w.hashes, err = openHashes(filepath.Join(dir, "hashes")); err != nil {
		return w.report, err
	}
	defer w.hashes.close()
	if err := w.run(leaves, at, tick); err != nil {
		return w.report, err
	}
	slices.SortStableFunc(w.damages, func(a, b damage) int { return int(min(max(a.leaf-b.leaf, -1), 1)) })
	return w.report, nil
}

// part opens a file of the export; one that is not there is damage, and empty.
func (r *report) part(dir, name string, missing flaw) (*fields, error) {
	f, err := openFields(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		r.damage(damage{-1, -1, missing, 0})
		return &fields{}, nil
	}
	return f, err
}

// walk goes through leaves and checkpoints side by side.
type walk struct {
	report
	key    key
	tree   tree
	notes  *fields
	note   []byte
	count  int         // of checkpoints read
	next   *checkpoint // the next to compare; nil: there is none
	last   int64       // size of the last one taken
	proven int64       // leaves below it are under a signed root that fits
	broken bool        // a root did not fit: no later one can
	months months
	hashes *hashes // as they were signed; nil: not in this export
	mirror *mirror // nil: none was given
}

// vkey compares the key in the folder with the pinned one: only the latter counts.
func (w *walk) vkey(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		w.damage(damage{-1, -1, "no_vkey", 0})
		return nil
	} else if err != nil {
		return err
	}
	k, err := parseKey(strings.TrimSuffix(string(b), "\n"))
	switch {
	case err != nil:
		w.damage(damage{-1, -1, "vkey_form", 0})
	case k.name != w.key.name || !bytes.Equal(k.public, w.key.public):
		w.damage(damage{-1, -1, "vkey_other", 0})
	}
	return nil
}

func (w *walk) run(leaves *fields, at int64, tick func(int64)) error {
	if err := w.advance(); err != nil {
		return err
	}
	var l leaf
	for {
		if w.tree.size == at {
			w.rootAt = w.tree.root()
		}
		err := l.read(leaves)
		var f flaw
		if errors.As(err, &f) {
			w.damage(damage{w.tree.size, w.tree.size, f, 0})
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil {
			break
		}
		w.leaf(l)
		if err := w.mirror.compare(&w.report, w.tree.size, l.body); err != nil {
			return err
		}
		h, err := w.signed(l.body)
		if err != nil {
			return err
		}
		w.tree.addHash(h)
		if err := w.compare(); err != nil {
			return err
		}
		if tick != nil {
			tick(w.tree.size)
		}
	}
	w.leaves, w.root = w.tree.size, w.tree.root()
	w.months.end(&w.report)
	w.mirror.end(&w.report, w.leaves)
	if w.hashes != nil && (w.hashes.left > 0 || w.hashes.odd) {
		w.damage(damage{-1, -1, "hashes_more", 0})
	}
	return w.end()
}

// leaf checks what hangs on a record.
func (w *walk) leaf(l leaf) {
	n := w.tree.size
	found := func(f flaw) {
		if f != "" {
			w.damage(damage{n, n, f, 0})
		}
	}
	if len(l.body) == 0 { // the exporter keeps the place of a record that is gone
		found("leaf_missing")
		return
	}
	r, err := parseRecord(l.body)
	var f flaw
	if errors.As(err, &f) {
		found(f)
		return
	}
	w.months.turn(r)
	if f := r.payloadFlaw(l.payload); f == "payload_gone" {
		w.months.gone(damage{n, n, f, 0})
	} else {
		found(f)
	}
	rows, f := r.marksFlaw(l.marks)
	found(f)
	w.rows += rows
}

// compare holds the tree against the checkpoint of its size.
func (w *walk) compare() error {
	if w.next == nil || w.next.size != w.tree.size {
		return nil
	}
	switch {
	case w.broken:
	case w.next.root == w.tree.root():
		w.proven = w.tree.size
		w.checkpoints++
	default:
		w.broken = true
		w.damage(damage{w.proven, w.tree.size - 1, "root", w.count})
	}
	return w.advance()
}

// advance reads the next checkpoint that is signed and stands in order.
func (w *walk) advance() (err error) {
	for w.next = nil; ; {
		if w.note, err = w.notes.next(w.note); errors.Is(err, io.EOF) {
			return nil
		}
		w.count++
		var f flaw
		if errors.As(err, &f) {
			w.damage(damage{-1, -1, "note_cut", w.count})
			return nil
		} else if err != nil {
			return err
		}
		c, err := w.key.open(w.note)
		switch {
		case errors.As(err, &f):
			w.damage(damage{-1, -1, f, w.count})
		case c.size <= w.last:
			w.damage(damage{-1, -1, "note_order", w.count})
		default:
			w.last, w.next = c.size, &c
			return nil
		}
	}
}

// end asks whether leaves and checkpoints end at the same record.
func (w *walk) end() error {
	reach := w.tree.size
	for w.next != nil {
		reach = w.next.size
		if err := w.advance(); err != nil {
			return err
		}
	}
	switch {
	case reach > w.tree.size:
		w.damage(damage{w.tree.size, reach - 1, "leaves_short", 0})
	case w.last == 0:
		w.damage(damage{-1, -1, "nothing_signed", 0})
	case w.last < w.tree.size:
		w.damage(damage{w.last, w.tree.size - 1, "leaves_unsigned", 0})
	}
	return nil
}
