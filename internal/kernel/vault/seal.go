package vault

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"sekisho/internal/kernel/fault"
)

// Sealed bytes begin with one byte of format and four of key id, both bound
// into the associated data; then nonce (12), ciphertext, tag (16).
const (
	formatClass byte = 1 // under a class key; the id is its version
	formatWrap  byte = 2 // a data key under a class key
	formatData  byte = 3 // under a data key; the id is its fingerprint

	headerSize = 1 + 4
	aeadSize   = 12 + 16
)

var (
	errShort   = errors.New("vault: sealed bytes are too short or of another format")
	errPadding = errors.New("vault: padding is wrong")
)

// AAD is the canonical spelling of what sealed bytes are bound to (table,
// column, row id, …): every part with its length before it, so that no two
// lists of parts are spelled alike.
func AAD(parts ...string) []byte {
	n := 0
	for _, p := range parts {
		n += 4 + len(p)
	}
	b := make([]byte, 0, n)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// Seal encrypts plain under the newest class key of kind, bound to aad. The
// length is padded, so that short fields look alike.
func (r *Ring) Seal(kind Kind, aad, plain []byte) ([]byte, error) {
	k, err := r.class(kind)
	if err != nil {
		return nil, err
	}
	return seal(k.aeads[k.newest], formatClass, uint32(k.newest), aad, plain), nil
}

// Open decrypts what Seal gave for the same kind and aad; anything else is a
// fault (Failed "vault.broken", or Unavailable "vault.class_key_missing" when
// the ring lacks the key's year).
func (r *Ring) Open(kind Kind, aad, sealed []byte) ([]byte, error) {
	a, err := r.classKeyFor(kind, formatClass, sealed)
	if err != nil {
		return nil, err
	}
	return unseal(a, aad, sealed)
}

func (r *Ring) class(kind Kind) (*classKeys, error) {
	k := r.classes.Load().of[kind]
	if k == nil {
		return nil, fault.Failed(fmt.Errorf("vault: unknown kind %q", kind))
	}
	return k, nil
}

// classKeyFor finds the class key that sealed bytes name in their header.
func (r *Ring) classKeyFor(kind Kind, format byte, sealed []byte) (cipher.AEAD, error) {
	k, err := r.class(kind)
	if err != nil {
		return nil, err
	}
	id, err := header(format, sealed)
	if err != nil {
		return nil, err
	}
	a := k.aeads[version(id)]
	if a == nil {
		return nil, fault.Unavailable("vault.class_key_missing", "key", classLabel(kind, version(id)))
	}
	return a, nil
}

func header(format byte, sealed []byte) (id uint32, err error) {
	if len(sealed) < headerSize+aeadSize || sealed[0] != format {
		return 0, broken(errShort)
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}

func seal(a cipher.AEAD, format byte, id uint32, aad, plain []byte) []byte {
	n := padded(len(plain))
	out := make([]byte, headerSize, headerSize+n+aeadSize)
	out[0] = format
	binary.BigEndian.PutUint32(out[1:], id)
	work := make([]byte, n+headerSize+len(aad)) // padded plaintext, then associated data
	copy(work, plain)
	work[len(plain)] = padMark
	copy(work[n:], out)
	copy(work[n+headerSize:], aad)
	return a.Seal(out, nil, work[:n], work[n:])
}

func unseal(a cipher.AEAD, aad, sealed []byte) ([]byte, error) {
	ad := make([]byte, headerSize+len(aad))
	copy(ad, sealed[:headerSize])
	copy(ad[headerSize:], aad)
	b, err := a.Open(nil, nil, sealed[headerSize:], ad)
	if err != nil {
		return nil, broken(err)
	}
	i := len(b) - 1
	for i >= 0 && b[i] == 0 {
		i--
	}
	if i < 0 || b[i] != padMark || padded(i) != len(b) {
		return nil, broken(errPadding)
	}
	return b[:i:i], nil
}

const padMark = 0x80 // then zeros: ISO/IEC 7816-4

// padded is the length n bytes take with their mark: steps of 16 up to 64, of
// 32 up to 1,024, then of a 16th to a 32nd of the length, so that a file's size
// does not name it either.
func padded(n int) int {
	n++
	step := 16
	if n > 64 {
		step = max(32, 1<<(bits.Len(uint(n-1))-5))
	}
	return (n + step - 1) / step * step
}
