package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"

	"sekisho/internal/kernel/fault"
)

// Pair is a new pair of keys for backups: the public key is for the server, the
// identity for a person, who keeps it anywhere but there.
type Pair struct {
	Recipient string
	identity  string
}

// NewPair makes one that also withstands quantum computers (age's hybrid of
// ML-KEM-768 and X25519).
func NewPair() (Pair, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return Pair{}, fault.Failed(err)
	}
	return Pair{id.Recipient().String(), id.String()}, nil
}

// Save writes the identity into a new file only its owner can read. Refused
// "backup.file_taken" if there is one already.
func (p Pair) Save(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.Refused("backup.file_taken", "file", path)
	}
	if err != nil {
		return cannotWrite(path, err)
	}
	_, err = fmt.Fprintf(f, "# Sekisho: opens backups. Keep it away from the server. / 控えを開く鍵です。サーバーに置かないでください。\n# public key: %s\n%s\n", p.Recipient, p.identity)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return cannotWrite(path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

// Recipients are the public keys generations are encrypted for.
type Recipients struct {
	list []age.Recipient
	IDs  []string // short fingerprints, for records and for people to compare
}

// LoadRecipients reads the server's file of public keys. Without the file there
// are none, which is no fault. Invalid "backup.recipients" when it cannot be
// read as keys, "backup.private_key" when a private one is in it.
func LoadRecipients(path string) (Recipients, error) {
	var r Recipients
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fault.Unavailable("backup.cannot_read", "file", path).Because(err)
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.HasPrefix(strings.ToUpper(line), "AGE-SECRET-KEY") {
			return r, fault.Invalid("backup.private_key", "file", path)
		}
		sum := sha256.Sum256([]byte(line))
		r.IDs = append(r.IDs, hex.EncodeToString(sum[:8]))
	}
	if len(r.IDs) == 0 {
		return r, nil
	}
	if r.list, err = age.ParseRecipients(bytes.NewReader(b)); err == nil {
		_, err = age.Encrypt(new(bytes.Buffer), r.list...) // old and new kinds do not mix
	}
	if err != nil || len(r.list) != len(r.IDs) {
		return r, fault.Invalid("backup.recipients", "file", path).Because(err)
	}
	return r, nil
}

// Identities are private keys, any one of which opens a generation.
type Identities []age.Identity

// LoadIdentities reads the files with private keys a restore is given.
func LoadIdentities(paths []string) (Identities, error) {
	var out Identities
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return nil, fault.Unavailable("backup.cannot_read", "file", p).Because(err)
		}
		list, err := age.ParseIdentities(f)
		_ = f.Close()
		if err != nil {
			return nil, fault.Invalid("backup.identity", "file", p) // the cause may hold a part of the key
		}
		out = append(out, list...)
	}
	return out, nil
}
