package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"sekisho/internal/kernel/fault"
)

// Params are the costs of argon2id (RFC 9106).
type Params struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// PasswordFloor is the least a server may use: 19 MiB, 2 passes, 1 thread
// (OWASP Password Storage Cheat Sheet).
func PasswordFloor() Params { return Params{MemoryKiB: 19 * 1024, Passes: 2, Threads: 1} }

const (
	saltSize    = 16
	queueLength = 64
	// What a stored hash may ask of the server, so that an altered row cannot
	// exhaust it.
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxThreads   = 16
)

// Passwords hashes and verifies passwords, a few at a time. Every password
// goes through the ring's pepper first: a stolen database alone cannot be
// searched. The caller normalises (NFKC) before.
type Passwords struct {
	pepper *macKey
	params Params
	slots  chan struct{} // running
	places chan struct{} // running and waiting
}

// Passwords gives a hasher that runs at most parallel (cores) hashes at once
// and lets 64 more wait.
func (r *Ring) Passwords(p Params, parallel int) *Passwords {
	parallel = max(1, parallel)
	return &Passwords{
		pepper: r.mac("pepper"),
		params: p,
		slots:  make(chan struct{}, parallel),
		places: make(chan struct{}, parallel+queueLength),
	}
}

// Hash gives the PHC string of a new password. Limited "vault.busy" when too
// many wait.
func (p *Passwords) Hash(ctx context.Context, password Secret) (string, error) {
	h := phc{Params: p.params, salt: Random(saltSize)}
	sum, err := p.run(ctx, h, password)
	if err != nil {
		return "", err
	}
	h.sum = sum
	return h.String(), nil
}

// Verify tells whether password belongs to stored, and whether stored should
// be replaced because the parameters have changed since. An empty stored, for
// a person who is not there, costs the same time and is never ok.
func (p *Passwords) Verify(ctx context.Context, stored string, password Secret) (ok, rehash bool, err error) {
	if stored == "" {
		_, err := p.run(ctx, phc{Params: p.params, salt: make([]byte, saltSize)}, password)
		return false, false, err
	}
	h, err := parsePHC(stored)
	if err != nil {
		return false, false, fault.Failed(err)
	}
	sum, err := p.run(ctx, h, password)
	if err != nil {
		return false, false, err
	}
	return Equal(sum, h.sum), h.Params != p.params, nil
}

func (p *Passwords) run(ctx context.Context, h phc, password Secret) ([]byte, error) {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return nil, fault.Limited("vault.busy")
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, fault.Unavailable("vault.gave_up").Because(ctx.Err())
	}
	peppered := p.pepper.sum(nil, []byte(password.Reveal()))
	return argon2.IDKey(peppered[:], h.salt, h.Passes, h.MemoryKiB, h.Threads, keySize), nil
}

// phc is a hash in the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>, base64 without padding.
type phc struct {
	Params
	salt, sum []byte
}

func (h phc) String() string {
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.MemoryKiB, h.Passes, h.Threads, e.EncodeToString(h.salt), e.EncodeToString(h.sum))
}

var errPHC = errors.New("vault: stored password hash is malformed")

// parsePHC reads exactly what String writes, within the limits.
func parsePHC(s string) (phc, error) {
	var h phc
	w := strings.Split(s, "$")
	if len(w) != 6 {
		return h, errPHC
	}
	if _, err := fmt.Sscanf(w[3], "m=%d,t=%d,p=%d", &h.MemoryKiB, &h.Passes, &h.Threads); err != nil {
		return h, errPHC
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(w[4])
	h.sum, err2 = base64.RawStdEncoding.Strict().DecodeString(w[5])
	if err1 != nil || err2 != nil || len(h.salt) < saltSize || len(h.salt) > 64 || len(h.sum) != keySize || h.String() != s {
		return h, errPHC
	}
	if h.MemoryKiB < 8 || h.MemoryKiB > maxMemoryKiB || h.Passes < 1 || h.Passes > maxPasses || h.Threads < 1 || h.Threads > maxThreads {
		return h, errPHC
	}
	return h, nil
}
