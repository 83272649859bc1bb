package audit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is the state of the log at one moment.
type Checkpoint struct {
	Origin string // names the log: the company's home
	Size   int64  // number of leaves
	Root   tlog.Hash
}

// Sign gives the checkpoint as a C2SP signed note.
func (c Checkpoint) Sign(s note.Signer) ([]byte, error) {
	body := log.Checkpoint{Origin: c.Origin, Size: uint64(c.Size), Hash: c.Root[:]}.Marshal()
	return note.Sign(&note.Note{Text: string(body)}, s)
}

// ParseCheckpoint reads a signed note and refuses it without a signature of v.
func ParseCheckpoint(b []byte, origin string, v note.Verifier) (Checkpoint, error) {
	c, _, _, err := log.ParseCheckpoint(b, origin, v)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("audit: checkpoint: %w", err)
	}
	if len(c.Hash) != tlog.HashSize {
		return Checkpoint{}, errors.New("audit: checkpoint: root is not 32 bytes")
	}
	out := Checkpoint{Origin: c.Origin, Size: int64(c.Size)}
	copy(out.Root[:], c.Hash)
	return out, nil
}

// Replay is a tree grown leaf by leaf that remembers only its right edge
// (at most 64 hashes), for verifying a log of any length.
type Replay struct {
	size int64
	edge []tlog.Hash // roots of the complete subtrees, largest first
	span []int64
}

// Add appends a leaf.
func (r *Replay) Add(leaf []byte) { r.AddHash(tlog.RecordHash(leaf)) }

// AddHash appends a leaf of which only the hash is known.
func (r *Replay) AddHash(h tlog.Hash) {
	n := int64(1)
	for len(r.span) > 0 && r.span[len(r.span)-1] == n {
		h = tlog.NodeHash(r.edge[len(r.edge)-1], h)
		r.edge, r.span = r.edge[:len(r.edge)-1], r.span[:len(r.span)-1]
		n *= 2
	}
	r.edge, r.span = append(r.edge, h), append(r.span, n)
	r.size++
}

// Clone is the same tree, to be grown on its own.
func (r *Replay) Clone() Replay {
	return Replay{size: r.size, edge: slices.Clone(r.edge), span: slices.Clone(r.span)}
}

// Size is the number of leaves.
func (r *Replay) Size() int64 { return r.size }

// Root is the tree's root so far; of an empty tree the zero hash.
func (r *Replay) Root() tlog.Hash {
	if r.size == 0 {
		return tlog.Hash{}
	}
	h := r.edge[len(r.edge)-1]
	for i := len(r.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(r.edge[i], h)
	}
	return h
}
