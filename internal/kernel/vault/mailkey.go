package vault

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// MailAlgorithm is how a mail is signed, as DKIM names it.
type MailAlgorithm string

// The algorithms: RSA is what every receiver knows (RFC 6376, RFC 8301), Ed25519
// stands beside it (RFC 8463).
const (
	MailRSA     MailAlgorithm = "rsa-sha256"
	MailEd25519 MailAlgorithm = "ed25519-sha256"
)

// rsaBits is what RFC 8301 wants at least, and what still fits a DNS answer.
const rsaBits = 2048

const mailKeyPEM = "PRIVATE KEY"

var errMailKey = errors.New("vault: not a key that mail is signed with: PKCS#8 in PEM, RSA of 2048 to 4096 bits or Ed25519")

// MailKey signs outgoing mail (DKIM の鍵). Its private half is in the file only.
type MailKey struct{ key crypto.Signer }

// NewMailKey makes a key.
func NewMailKey(a MailAlgorithm) (MailKey, error) {
	switch a {
	case MailRSA:
		k, err := rsa.GenerateKey(rand.Reader, rsaBits)
		return MailKey{k}, err
	case MailEd25519:
		return MailKey{ed25519.NewKeyFromSeed(Random(ed25519.SeedSize))}, nil
	}
	return MailKey{}, errMailKey
}

// ParseMailKey reads what PEM writes, and the same from openssl. Its error
// carries no byte of the input.
func ParseMailKey(b []byte) (MailKey, error) {
	p, rest := pem.Decode(b)
	if p == nil || p.Type != mailKeyPEM || len(rest) > 0 {
		return MailKey{}, errMailKey
	}
	k, err := x509.ParsePKCS8PrivateKey(p.Bytes)
	if err != nil {
		return MailKey{}, errMailKey
	}
	switch k := k.(type) {
	case *rsa.PrivateKey:
		if n := k.N.BitLen(); n >= rsaBits && n <= 2*rsaBits {
			return MailKey{k}, nil
		}
	case ed25519.PrivateKey:
		return MailKey{k}, nil
	}
	return MailKey{}, errMailKey
}

// PEM writes the key for its file.
func (k MailKey) PEM() (Secret, error) {
	b, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: mailKeyPEM, Bytes: b}))), nil
}

// Algorithm is how it signs.
func (k MailKey) Algorithm() MailAlgorithm {
	if _, ok := k.key.(ed25519.PrivateKey); ok {
		return MailEd25519
	}
	return MailRSA
}

// Public is the public half in the form DNS wants: the whole
// SubjectPublicKeyInfo of RSA, the bare 32 octets of Ed25519 (RFC 8463, section 4).
func (k MailKey) Public() ([]byte, error) {
	if p, ok := k.key.Public().(ed25519.PublicKey); ok {
		return p, nil
	}
	return x509.MarshalPKIXPublicKey(k.key.Public())
}

// Sign signs a SHA-256 digest. The same digest gives the same signature: neither
// RSASSA-PKCS1-v1_5 nor Ed25519 needs chance.
func (k MailKey) Sign(digest [32]byte) ([]byte, error) {
	if k.Algorithm() == MailEd25519 { // which takes the digest for its message (RFC 8463, section 3)
		return k.key.Sign(nil, digest[:], crypto.Hash(0))
	}
	return k.key.Sign(nil, digest[:], crypto.SHA256)
}
