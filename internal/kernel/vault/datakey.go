package vault

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

const (
	dataKeysHeld = 10_000
	wrappedSize  = headerSize + aeadSize + keySize
)

// Key is the data key of one disposal unit (廃棄単位: a partner with its
// contacts, a fiscal year of documents, a blob). Who deletes its wrapped form
// erases everything sealed under it.
type Key struct {
	aead cipher.AEAD
	id   uint32
}

// Format hides the key from every log.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "vault.Key(%08x)", k.id) }

func newKey(b []byte) *Key {
	// A fingerprint, so that the wrong key is seen as such; it tells nothing
	// about 256 random bits.
	sum := sha256.Sum256(append([]byte("sekisho/1/data key id\x00"), b...))
	return &Key{aead: newAEAD(b), id: binary.BigEndian.Uint32(sum[:])}
}

// Seal encrypts plain bound to aad; the length is padded.
func (k *Key) Seal(aad, plain []byte) []byte {
	return seal(k.aead, formatData, k.id, aad, plain)
}

// Open decrypts what Seal gave for the same key and aad; anything else is
// Failed "vault.broken".
func (k *Key) Open(aad, sealed []byte) ([]byte, error) {
	id, err := header(formatData, sealed)
	if err != nil {
		return nil, err
	}
	if id != k.id {
		return nil, broken(errOtherKey)
	}
	return unseal(k.aead, aad, sealed)
}

var errOtherKey = fmt.Errorf("vault: sealed under another data key")

// NewDataKey makes the data key of a unit and gives it beside its wrapped form
// (65 bytes, bound to kind and unit), which the caller stores.
func (r *Ring) NewDataKey(kind Kind, unit string) (key *Key, wrapped []byte, err error) {
	c, err := r.class(kind)
	if err != nil {
		return nil, nil, err
	}
	b := Random(keySize)
	out := make([]byte, headerSize, wrappedSize)
	out[0] = formatWrap
	binary.BigEndian.PutUint32(out[1:], uint32(c.newest))
	return newKey(b), c.aeads[c.newest].Seal(out, nil, b, wrapAAD(kind, unit, out)), nil
}

// DataKey opens a wrapped data key of that kind and unit and keeps it among
// the 10,000 last used.
func (r *Ring) DataKey(kind Kind, unit string, wrapped []byte) (*Key, error) {
	if len(wrapped) != wrappedSize {
		return nil, broken(errShort)
	}
	at := cacheKey{kind, unit, [wrappedSize]byte(wrapped)}
	if k := r.dataKeys.get(at); k != nil {
		return k, nil
	}
	k, err := r.OpenDataKey(kind, unit, wrapped)
	if err != nil {
		return nil, err
	}
	r.dataKeys.put(at, k)
	return k, nil
}

// OpenDataKey is DataKey without keeping the key: for units used once.
func (r *Ring) OpenDataKey(kind Kind, unit string, wrapped []byte) (*Key, error) {
	a, err := r.classKeyFor(kind, formatWrap, wrapped)
	if err != nil {
		return nil, err
	}
	b, err := a.Open(nil, nil, wrapped[headerSize:], wrapAAD(kind, unit, wrapped[:headerSize]))
	if err != nil {
		return nil, broken(err)
	}
	if len(b) != keySize {
		return nil, broken(errShort)
	}
	return newKey(b), nil
}

// Forget drops an unwrapped data key from memory: the last step of an erasure
// after its wrapped form is gone.
func (r *Ring) Forget(kind Kind, unit string, wrapped []byte) {
	if len(wrapped) == wrappedSize {
		r.dataKeys.drop(cacheKey{kind, unit, [wrappedSize]byte(wrapped)})
	}
}

func wrapAAD(kind Kind, unit string, head []byte) []byte {
	return AAD("data key", string(kind), unit, string(head))
}
