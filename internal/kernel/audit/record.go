// Package audit is the evidence: what a record is, the Merkle tree over all
// records (RFC 6962), signed checkpoints (C2SP tlog-checkpoint), proofs, and
// the exported form that anyone can verify without our keys.
//
// It holds no data itself: package gate writes and seals the records. What is
// hashed is always the stored bytes, never JSON encoded again.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"
)

// Outcome is the way out a use case took.
type Outcome string

const (
	OK       Outcome = "ok"
	Invalid  Outcome = "invalid"
	NotFound Outcome = "not_found"
	Denied   Outcome = "denied"
	Refused  Outcome = "refused"
	Pending  Outcome = "pending"
	Conflict Outcome = "conflict"
	Limited  Outcome = "limited"
	Failed   Outcome = "failed"
)

// Record is what one use case leaves. Its JSON is the leaf of the tree;
// personal values lie in the payload, of which only the hash stands here, so
// they can be erased without breaking the proof.
type Record struct {
	Format     int     `json:"v"`  // 1
	ID         string  `json:"id"` // random; the leaf number is the only order
	At         int64   `json:"at"` // µs since 1970, UTC
	Via        string  `json:"via"`
	Person     string  `json:"person,omitempty"`
	Session    string  `json:"session,omitempty"`
	From       string  `json:"from,omitempty"` // network address
	Op         string  `json:"op"`
	Outcome    Outcome `json:"outcome"`
	Reason     string  `json:"reason,omitempty"` // text key
	Rule       string  `json:"rule,omitempty"`   // which rule decided
	Kind       string  `json:"kind,omitempty"`
	Target     string  `json:"target,omitempty"`
	Parent     string  `json:"parent,omitempty"`   // the record of the op that called this one
	Marks      string  `json:"marks,omitempty"`    // Merkle root over the rows written
	Written    int     `json:"written,omitempty"`  // how many
	Seen       []Seen  `json:"seen,omitempty"`     // rows whose fields left
	Unmasked   string  `json:"unmasked,omitempty"` // classes above internal that left in the clear
	Samples    int     `json:"samples,omitempty"`  // more of the same kind in that minute
	PayloadSHA string  `json:"payload,omitempty"`  // SHA-256 of the stored payload, base64
	Demo       bool    `json:"demo,omitempty"`
}

// Seen names rows of one table, their ids packed.
type Seen struct {
	Table string `json:"t"`
	Count int    `json:"n"`
	IDs   string `json:"ids,omitempty"` // base64 of ids of 16 bytes each
	Root  string `json:"sha,omitempty"` // for more than SeenInline rows: SHA-256 of the packed ids, which lie in the marks
}

// SeenInline is how many rows of one table a record names inside its leaf.
const SeenInline = 500

// Mark is one row as one record left it; Version -1 means deleted.
type Mark struct {
	Table   string
	ID      string
	Version int64
	MAC     []byte // 32 bytes, nil when deleted
}

// Hash is a SHA-256 in base64, as records hold it.
func Hash(b []byte) string {
	h := sha256.Sum256(b)
	return base64.RawStdEncoding.EncodeToString(h[:])
}

// Encode gives the leaf's bytes.
func (r Record) Encode() ([]byte, error) { return json.Marshal(r, json.Deterministic(true)) }

// Parse reads a leaf.
func Parse(leaf []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(leaf, &r, json.RejectUnknownMembers(true))
	if err == nil && r.Format != 1 {
		err = fmt.Errorf("audit: record format %d is unknown", r.Format)
	}
	return r, err
}

// EncodeMarks packs marks; each is length-prefixed, so the packing is one to one.
func EncodeMarks(ms []Mark) []byte {
	var b bytes.Buffer
	for _, m := range ms {
		b.Write(m.encode())
	}
	return b.Bytes()
}

func (m Mark) encode() []byte {
	var b []byte
	for _, s := range []string{m.Table, m.ID} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(b, m.Version)
	b = binary.AppendUvarint(b, uint64(len(m.MAC)))
	return append(b, m.MAC...)
}

var errMarks = errors.New("audit: marks cannot be read")

// DecodeMarks unpacks marks.
func DecodeMarks(b []byte) ([]Mark, error) {
	var out []Mark
	take := func() ([]byte, bool) {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, false
		}
		v := b[k : k+int(n)]
		b = b[k+int(n):]
		return v, true
	}
	for len(b) > 0 {
		var m Mark
		t, ok1 := take()
		id, ok2 := take()
		if !ok1 || !ok2 {
			return nil, errMarks
		}
		v, k := binary.Varint(b)
		if k <= 0 {
			return nil, errMarks
		}
		b = b[k:]
		mac, ok := take()
		if !ok {
			return nil, errMarks
		}
		m.Table, m.ID, m.Version = string(t), string(id), v
		if len(mac) > 0 {
			m.MAC = bytes.Clone(mac)
		}
		out = append(out, m)
	}
	return out, nil
}

// MarksRoot is the RFC 6962 root over the marks, "" for none.
func MarksRoot(ms []Mark) string {
	if len(ms) == 0 {
		return ""
	}
	hs := make([]tlog.Hash, len(ms))
	for i, m := range ms {
		hs[i] = tlog.RecordHash(m.encode())
	}
	h := Root(hs)
	return base64.RawStdEncoding.EncodeToString(h[:])
}

// Root is MTH of RFC 6962 §2.1 over leaf hashes.
func Root(hs []tlog.Hash) tlog.Hash {
	if len(hs) == 1 {
		return hs[0]
	}
	k := 1
	for k*2 < len(hs) {
		k *= 2
	}
	return tlog.NodeHash(Root(hs[:k]), Root(hs[k:]))
}
