package gate

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate/internal/db"
)

const tileWidth = 256

// tree is the log's tree as tiles of 256 hashes: level 0 holds leaf hashes,
// each further level the roots of full tiles below. Only the right edge is
// loaded to append.
type tree struct {
	edge  []tile // by level: the unfinished tile
	dirty []tile // finished while appending
}

type tile struct {
	level, n int64
	hashes   []tlog.Hash
}

func loadTree(ctx context.Context, t *db.Tx) (*tree, error) {
	tr := &tree{}
	for level := int64(0); ; level++ {
		rows, err := t.Query(ctx, `SELECT n, hashes FROM audit_tile WHERE level = $1 ORDER BY n DESC LIMIT 1`, level)
		if err != nil {
			return nil, err
		}
		last := tile{level: level, n: -1}
		var raw []byte
		if rows.Next() {
			err = rows.Scan(&last.n, &raw)
		}
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		if last.n < 0 {
			return tr, nil
		}
		last.hashes = splitHashes(raw)
		if len(last.hashes) == tileWidth {
			last = tile{level: level, n: last.n + 1}
		}
		tr.edge = append(tr.edge, last)
	}
}

func (e tile) bytes() []byte {
	var b bytes.Buffer
	for _, h := range e.hashes {
		b.Write(h[:])
	}
	return b.Bytes()
}

func splitHashes(raw []byte) []tlog.Hash {
	hs := make([]tlog.Hash, len(raw)/tlog.HashSize)
	for i := range hs {
		copy(hs[i][:], raw[i*tlog.HashSize:])
	}
	return hs
}

func (tr *tree) size() int64 {
	if len(tr.edge) == 0 {
		return 0
	}
	return tr.edge[0].n*tileWidth + int64(len(tr.edge[0].hashes))
}

func (tr *tree) add(h tlog.Hash) {
	for level := 0; ; level++ {
		if level == len(tr.edge) {
			tr.edge = append(tr.edge, tile{level: int64(level)})
		}
		e := &tr.edge[level]
		e.hashes = append(e.hashes, h)
		if len(e.hashes) < tileWidth {
			return
		}
		tr.dirty = append(tr.dirty, *e)
		h = audit.Root(e.hashes)
		*e = tile{level: e.level, n: e.n + 1}
	}
}

func (tr *tree) store(ctx context.Context, t *db.Tx) error {
	for _, e := range append(tr.dirty, tr.edge...) {
		if len(e.hashes) == 0 {
			continue
		}
		if _, err := t.Exec(ctx, `INSERT INTO audit_tile(level, n, hashes) VALUES ($1, $2, $3)
			ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`, e.level, e.n, e.bytes()); err != nil {
			return err
		}
	}
	return nil
}

// root of the whole tree: the unfinished tiles, smallest level last.
func (tr *tree) root() (tlog.Hash, error) {
	var h tlog.Hash
	have := false
	for _, e := range tr.edge { // level 0 is the rightmost part of the tree
		for k := len(e.hashes); k > 0; {
			// The rightmost complete subtree of this tile's remaining hashes.
			w := k & -k
			part := audit.Root(e.hashes[k-w : k])
			if have {
				h = tlog.NodeHash(part, h)
			} else {
				h, have = part, true
			}
			k -= w
		}
	}
	if !have {
		return h, errors.New("gate: the tree is empty")
	}
	return h, nil
}
