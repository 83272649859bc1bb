package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
)

// systemRandom reads the system's generator, which never fails (crypto/rand).
type systemRandom struct{}

func (systemRandom) Read(b []byte) (int, error) { return rand.Read(b) }

// Random gives n unpredictable bytes.
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the process rather
	return b
}

// NewToken gives a bearer token of 256 bits in base64url, 43 characters. The
// database keeps HashToken of it only.
func NewToken() string { return base64.RawURLEncoding.EncodeToString(Random(32)) }

// HashToken is SHA-256, which suffices for tokens that cannot be guessed.
func HashToken(token []byte) []byte {
	s := sha256.Sum256(token)
	return s[:]
}

// HashTokenHex is HashToken of a token as a column keeps it, in hex.
func HashTokenHex(token string) string { return hex.EncodeToString(HashToken([]byte(token))) }

// Equal compares in a time that depends on the lengths only.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
