package vault

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// derive gives the 32-byte key of a label (HKDF-SHA256, RFC 5869). A label that
// changes makes every stored value of it unreadable: the golden test guards them.
func derive(key []byte, label string) []byte {
	k, err := hkdf.Key(sha256.New, key, nil, "sekisho/1/"+label, keySize)
	if err != nil {
		panic("vault: " + err.Error()) // only for lengths that no caller has
	}
	return k
}

func ringID(key []byte) string { return shortHex(derive(key, "id")) }

// macKey is HMAC-SHA256 (RFC 2104) under one derived key, with its key schedule
// done once.
type macKey struct{ pool sync.Pool }

func (r *Ring) mac(label string) *macKey {
	if k, ok := r.macs.Load(label); ok {
		return k.(*macKey)
	}
	key := derive(r.key, label)
	k := &macKey{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
	got, _ := r.macs.LoadOrStore(label, k)
	return got.(*macKey)
}

// sum covers every part with its length before it.
func (k *macKey) sum(first []byte, parts ...[]byte) (out [32]byte) {
	h := k.pool.Get().(hash.Hash)
	defer k.pool.Put(h)
	h.Reset()
	h.Write(first)
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

// RowMAC is the integrity code of a row: table, id, version and all columns in
// the order that format stands for. The caller stores the format beside it.
func (r *Ring) RowMAC(format byte, msg ...[]byte) [32]byte {
	return r.mac("row").sum([]byte{format}, msg...)
}

// Index is the keyed exact index of a normalised value: 16 bytes, equal for
// equal values of one column ("table.column") and unrelated between columns.
// Only for values hard to guess from a list: mail address, phone, account
// number, T番号; never for names or prefectures.
func (r *Ring) Index(column string, value []byte) []byte {
	s := r.mac("idx/"+column).sum(nil, value)
	return s[:16]
}

// MAC is a code over parts for one purpose ("tick", "recovery code", …), 32
// bytes. Purposes are constants of the code: each keeps a key in memory.
func (r *Ring) MAC(purpose string, parts ...[]byte) []byte {
	s := r.mac("mac/"+purpose).sum(nil, parts...)
	return s[:]
}
