package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// Provider keeps the root key and uses it for the ring: a file here, a separate
// keeper process, HashiCorp Vault or a KMS elsewhere. label is bound to the
// wrapped bytes, so that no wrapped key passes for another.
type Provider interface {
	// Wrap seals a key under the root key.
	Wrap(label string, key []byte) ([]byte, error)
	// Unwrap opens what Wrap gave; any alteration or another label is an error.
	Unwrap(label string, wrapped []byte) ([]byte, error)
}

// fileProvider has the root key in memory, read from root.key.
type fileProvider struct {
	ring string
	aead cipher.AEAD
}

func openRoot(dir string) (*fileProvider, error) {
	f, err := readKeyFile(dir, rootFile)
	if err != nil {
		return nil, err
	}
	key, err := f.bytes("root", keySize)
	if err != nil || len(f.keys) != 1 {
		return nil, altered(dir, rootFile)
	}
	return &fileProvider{ring: f.ring, aead: newAEAD(key)}, nil
}

func (p *fileProvider) Wrap(label string, key []byte) ([]byte, error) {
	return p.aead.Seal(nil, nil, key, AAD("wrap", p.ring, label)), nil
}

func (p *fileProvider) Unwrap(label string, wrapped []byte) ([]byte, error) {
	return p.aead.Open(nil, nil, wrapped, AAD("wrap", p.ring, label))
}

// Format hides the key from every log.
func (p *fileProvider) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "vault.file(%s)", p.ring) }

const keySize = 32 // bytes: AES-256, HMAC-SHA256, Ed25519 seed

// newAEAD is AES-256-GCM whose Seal draws a random 96-bit nonce and puts it
// before the ciphertext (NIST SP 800-38D §8.2.2). Safe for concurrent use.
func newAEAD(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic("vault: " + err.Error()) // only for a length that no caller has
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		panic("vault: " + err.Error())
	}
	return a
}
