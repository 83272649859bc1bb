package main

import "crypto/sha256"

// hash is a node of a Merkle tree of RFC 6962.
type hash = [sha256.Size]byte

// leafHash is SHA-256(0x00 ‖ leaf), RFC 6962 §2.1.
func leafHash(leaf []byte) (out hash) {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	h.Sum(out[:0])
	return out
}

// nodeHash is SHA-256(0x01 ‖ left ‖ right).
func nodeHash(left, right hash) hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// tree grows leaf by leaf. It keeps only the roots of the complete subtrees, one
// for each bit set in size, the largest first.
type tree struct {
	size  int64
	roots []hash
}

func (t *tree) add(leaf []byte) { t.addHash(leafHash(leaf)) }

func (t *tree) addHash(h hash) {
	for n := t.size; n&1 == 1; n >>= 1 { // each carry of size+1 joins two subtrees
		last := len(t.roots) - 1
		h = nodeHash(t.roots[last], h)
		t.roots = t.roots[:last]
	}
	t.roots = append(t.roots, h)
	t.size++
}

// root is MTH of what was added; of nothing it is SHA-256 of the empty string.
func (t *tree) root() hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.roots) - 1
	h := t.roots[last]
	for i := last - 1; i >= 0; i-- {
		h = nodeHash(t.roots[i], h)
	}
	return h
}
