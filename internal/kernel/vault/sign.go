package vault

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"io"

	"golang.org/x/mod/sumdb/note"

	"sekisho/internal/kernel/fault"
)

// LogSigner signs the log's checkpoints (C2SP signed note, Ed25519); its name
// is the origin given to Create.
func (r *Ring) LogSigner() note.Signer { return r.signer }

// LogVerifier is the public half as a note verifier key,
// "<origin>+<hash>+<key>": what auditors and witnesses are given.
func (r *Ring) LogVerifier() string { return r.verifier }

const (
	logPrivate = "private"
	logPublic  = "public"
)

func newLog(origin string, rand io.Reader) ([]keyLine, error) {
	seed := make([]byte, keySize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fault.Failed(err)
	}
	skey, vkey, err := note.GenerateKey(bytes.NewReader(seed), origin)
	if err != nil {
		return nil, fault.Failed(err)
	}
	if _, err := note.NewVerifier(vkey); err != nil {
		return nil, fault.Invalid("vault.origin")
	}
	return []keyLine{{logPrivate, skey}, {logPublic, vkey}}, nil
}

func openLog(dir, ring string) (note.Signer, string, error) {
	f, err := readKeyFile(dir, logFile)
	if err != nil {
		return nil, "", err
	}
	if f.ring != ring {
		return nil, "", mixed(dir, logFile)
	}
	s, err1 := note.NewSigner(f.value(logPrivate))
	v, err2 := note.NewVerifier(f.value(logPublic))
	if err1 != nil || err2 != nil || len(f.keys) != 2 || s.Name() != v.Name() || s.KeyHash() != v.KeyHash() {
		return nil, "", altered(dir, logFile)
	}
	return s, f.value(logPublic), nil
}

// VerifyEd25519 verifies a signature (RFC 8032) by a raw 32-byte public key;
// a key or signature of another length is simply not valid.
func VerifyEd25519(public, msg, sig []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, msg, sig)
}

// NewClientKey makes the Ed25519 pair of an API client. The private half is the
// 32-byte seed of RFC 8032 in standard base64; it is shown once and never kept.
func NewClientKey() (public []byte, private Secret) {
	seed := Random(ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	return key.Public().(ed25519.PublicKey), NewSecret(base64.StdEncoding.EncodeToString(seed))
}

// SignEd25519 signs as an API client does, with the private half NewClientKey
// gave. Invalid "vault.client_key" if it is not one.
func SignEd25519(private Secret, msg []byte) ([]byte, error) {
	seed, err := base64.StdEncoding.Strict().DecodeString(private.Reveal())
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fault.Invalid("vault.client_key")
	}
	return ed25519.Sign(ed25519.NewKeyFromSeed(seed), msg), nil
}
