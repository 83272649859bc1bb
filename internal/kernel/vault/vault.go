// Package vault is the only place of cryptographic primitives: the key ring,
// sealing, row MACs, the exact index, passwords, one-time codes, signatures
// and random numbers (鍵と暗号).
//
// The tree of keys; AES-256-GCM and HMAC-SHA256 unless said otherwise:
//
//	root key            file root.key, or another Provider; wraps what is below
//	 ├─ ring key        HKDF-SHA256 gives row, idx/…, mac/…, pepper, db, id
//	 └─ class key       one per Kind and year, in the file class.keys
//	     ├─ fields      Ring.Seal, Ring.Open
//	     └─ data key    one per disposal unit, stored wrapped beside its data
//	log key             file log.key: Ed25519, signs checkpoints
//
// A ring is made by Create only. Open never makes keys: a file that is missing,
// altered, readable by others or of another ring is refused with a sentence.
// Random nonces allow 2³² seals per key; a class key lives one year.
package vault

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"sekisho/internal/kernel/fault"
)

// Kind is the purpose a class key serves; no two kinds share a key (鍵の区分).
type Kind string

const (
	KindPersonal     Kind = "personal"     // 個人データ
	KindConfidential Kind = "confidential" // 社外秘
	KindSecret       Kind = "secret"       // 極秘
	KindAudit        Kind = "audit"        // payloads of records
	KindBlob         Kind = "blob"         // stored files
)

func kinds() []Kind {
	return []Kind{KindPersonal, KindConfidential, KindSecret, KindAudit, KindBlob}
}

// Ring holds the unwrapped keys of one company. It is safe for concurrent use
// and prints as its public id only.
type Ring struct {
	dir      string
	provider Provider
	id       string
	key      []byte                // the ring key
	classes  atomic.Pointer[class] // replaced whole by EnsureYear
	growing  sync.Mutex
	macs     sync.Map // label → *macKey
	dataKeys *lru
	signer   note.Signer
	verifier string
}

// Open reads the key ring in dir. Every fault is Unavailable and says which
// file is wrong and what to do; nothing is ever created or mended.
func Open(dir string) (*Ring, error) {
	if err := checkPlace(dir); err != nil {
		return nil, err
	}
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	return open(dir, root, root.ring)
}

func open(dir string, p Provider, id string) (*Ring, error) {
	cf, err := readKeyFile(dir, classFile)
	if err != nil {
		return nil, err
	}
	if cf.ring != id {
		return nil, mixed(dir, classFile)
	}
	r := &Ring{dir: dir, provider: p, id: id, dataKeys: newLRU(dataKeysHeld)}
	c, key, err := unwrapClasses(dir, p, cf)
	if err != nil {
		return nil, err
	}
	r.key = key
	r.classes.Store(c)
	if ringID(key) != id {
		return nil, mixed(dir, classFile)
	}
	if r.signer, r.verifier, err = openLog(dir, id); err != nil {
		return nil, err
	}
	return r, nil
}

// KeyID is a short public fingerprint of the ring, 16 hex digits. A database
// keeps it, so that it is never opened with another ring.
func (r *Ring) KeyID() string { return r.id }

// DBKey is the 32-byte key of the database file.
func (r *Ring) DBKey() []byte { return derive(r.key, "db") }

// Format prints the public id whatever the verb, so that no log shows a key.
func (r *Ring) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "vault.Ring(%s)", r.id) }

// The faults of key files name the path; the sentences say what to do.

func noKeys(dir string) error { return fault.Unavailable("vault.no_keys", "dir", dir) }

func keyFault(key, dir, name string) *fault.Error {
	return fault.Unavailable(key, "file", filepath.Join(dir, name))
}

func missing(dir, name string) error { return keyFault("vault.key_missing", dir, name) }
func altered(dir, name string) error { return keyFault("vault.key_altered", dir, name) }
func mixed(dir, name string) error   { return keyFault("vault.key_mixed", dir, name) }

// broken is the fault of sealed data that does not open. It never says why in
// words of the data; cause is for the operator's log.
func broken(cause error) error {
	return &fault.Error{Kind: fault.KindFailed, Key: "vault.broken", Cause: cause}
}
