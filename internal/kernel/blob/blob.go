// Package blob keeps files encrypted and named by content in a local folder
// (ファイル保管).
//
// A file is asked for by the SHA-256 of its bytes. On disk its name is a keyed
// code of that digest, so that a stolen folder does not tell which known files
// are in it, and its length is padded (package vault). The layout:
//
//	<dir>/a/b/ab…   "SKB1", the file's own data key wrapped by the class key
//	                of kind blob (65 bytes), the sealed bytes
//	<dir>/tmp/      files being written; what a crash left is swept by Open
//
// The data key stands nowhere else: deleting the file erases it.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

// Limit is the largest file kept, in bytes (64 MiB).
const Limit = 64 << 20

const (
	magic      = "SKB1"
	headerSize = len(magic) + 65 // the wrapped data key
	tmpDir     = "tmp"
	tmpMaxAge  = time.Hour
	hexDigits  = "0123456789abcdef"
)

// Digest is the SHA-256 of a file's bytes and names the file.
type Digest [sha256.Size]byte

// Sum is the digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// String is the digest in 64 hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDigest reads.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}

// ParseDigest reads 64 lower-case hex digits; anything else is Invalid
// "blob.digest".
func ParseDigest(s string) (Digest, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != sha256.Size || hex.EncodeToString(b) != s {
		return Digest{}, fault.Invalid("blob.digest")
	}
	return Digest(b), nil
}

// Store is one folder of blobs. It is safe for concurrent use, also by several
// processes.
type Store struct {
	dir  string
	ring *vault.Ring
}

// Open makes the folder if it is not there, and removes files that a crashed
// write left more than an hour before now. Faults are Unavailable.
func Open(dir string, ring *vault.Ring, now time.Time) (*Store, error) {
	s := &Store{dir: dir, ring: ring}
	if err := s.prepare(); err != nil {
		return nil, s.cannotWrite(err)
	}
	if err := s.sweep(now); err != nil {
		return nil, s.cannotWrite(err)
	}
	return s, nil
}

// prepare makes all 256 folders at once, so that writing a file never has to
// make one durable.
func (s *Store) prepare() error {
	if err := os.MkdirAll(filepath.Join(s.dir, tmpDir), 0o700); err != nil {
		return err
	}
	for _, a := range hexDigits {
		upper := filepath.Join(s.dir, string(a))
		made, err := mkdir(upper)
		if err != nil {
			return err
		}
		for _, b := range hexDigits {
			m, err := mkdir(filepath.Join(upper, string(b)))
			if err != nil {
				return err
			}
			made = made || m
		}
		if made {
			if err := machine.SyncDir(upper); err != nil {
				return err
			}
		}
	}
	return errors.Join(machine.SyncDir(s.dir), machine.SyncDir(filepath.Dir(filepath.Clean(s.dir))))
}

func mkdir(dir string) (made bool, err error) {
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

func (s *Store) sweep(now time.Time) error {
	left, err := os.ReadDir(filepath.Join(s.dir, tmpDir))
	if err != nil {
		return err
	}
	for _, e := range left {
		st, err := e.Info()
		if err != nil || now.Sub(st.ModTime()) <= tmpMaxAge {
			continue // gone meanwhile, or another process is writing it
		}
		if err := os.Remove(filepath.Join(s.dir, tmpDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// name is the keyed code of a digest: the file's name, and its disposal unit.
func (s *Store) name(d Digest) string {
	return hex.EncodeToString(s.ring.MAC("blob name", d[:]))
}

func (s *Store) leaf(name string) string { return filepath.Join(s.dir, name[:1], name[1:2]) }

func (s *Store) path(name string) string { return filepath.Join(s.leaf(name), name) }

func aad(name string) []byte { return vault.AAD("blob", name) }

// Get reads a file and proves that it has the digest. A file that is not there
// is NotFound "blob.missing", one that was altered Failed "blob.altered"; wrong
// bytes are never given.
func (s *Store) Get(ctx context.Context, d Digest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, stopped(err)
	}
	b, err := s.read(s.name(d))
	if err != nil {
		return nil, err
	}
	if Sum(b) != d {
		return nil, altered(s.name(d), errDigest)
	}
	return b, nil
}

var (
	errShape  = errors.New("blob: not a file of this store")
	errDigest = errors.New("blob: the bytes have another digest")
)

// read opens the file of that name; its bytes prove to be the ones sealed
// under the name.
func (s *Store) read(name string) ([]byte, error) {
	path := s.path(name)
	st, err := os.Stat(path)
	if err == nil && (!st.Mode().IsRegular() || st.Size() > 2*Limit) {
		return nil, altered(name, errShape)
	}
	if err != nil {
		return nil, cannotRead(name, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	if len(raw) < headerSize || string(raw[:len(magic)]) != magic {
		return nil, altered(name, errShape)
	}
	key, err := s.ring.OpenDataKey(vault.KindBlob, name, raw[len(magic):headerSize])
	if fault.Is(err, fault.KindUnavailable) {
		return nil, err // the ring lacks the year's class key: the file may be sound
	}
	if err != nil {
		return nil, altered(name, err)
	}
	b, err := key.Open(aad(name), raw[headerSize:])
	if err != nil {
		return nil, altered(name, err)
	}
	return b, nil
}

// Has tells whether a file of that digest is there, without reading it.
func (s *Store) Has(d Digest) (bool, error) {
	_, err := os.Stat(s.path(s.name(d)))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, cannotRead(s.name(d), err)
}

// Delete erases a file together with its data key, durably; that it is not
// there is no fault, so that an erasure can be repeated.
func (s *Store) Delete(ctx context.Context, d Digest) error {
	if err := ctx.Err(); err != nil {
		return stopped(err)
	}
	name := s.name(d)
	if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.cannotWrite(err)
	}
	if err := machine.SyncDir(s.leaf(name)); err != nil {
		return s.cannotWrite(err)
	}
	return nil
}

// Entry is what Walk finds: a sound file's digest and length, or the fault of
// one that is not.
type Entry struct {
	Name   string // on disk
	Digest Digest
	Size   int // bytes of the content
	Err    error
}

// Walk reads every file in order of name and proves it, for fsck. An error of
// fn ends it.
func (s *Store) Walk(ctx context.Context, fn func(Entry) error) error {
	for _, a := range hexDigits {
		for _, b := range hexDigits {
			if err := s.walkLeaf(ctx, filepath.Join(s.dir, string(a), string(b)), fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) walkLeaf(ctx context.Context, leaf string, fn func(Entry) error) error {
	files, err := os.ReadDir(leaf)
	if err != nil {
		return cannotRead(leaf, err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return stopped(err)
		}
		e := s.entry(leaf, f.Name())
		if fault.Is(e.Err, fault.KindNotFound) {
			continue // deleted since the folder was read
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) entry(leaf, name string) Entry {
	e := Entry{Name: name}
	if len(name) != 2*sha256.Size || s.leaf(name) != leaf {
		e.Err = altered(name, errShape)
		return e
	}
	b, err := s.read(name)
	if err != nil {
		e.Err = err
		return e
	}
	e.Digest, e.Size = Sum(b), len(b)
	if s.name(e.Digest) != name {
		e.Err = altered(name, errDigest)
	}
	return e
}

func altered(name string, cause error) error {
	return &fault.Error{Kind: fault.KindFailed, Key: "blob.altered", Args: []any{"file", name}, Cause: cause}
}

func cannotRead(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{Kind: fault.KindNotFound, Key: "blob.missing", Args: []any{"file", name}}
	}
	return fault.Unavailable("blob.cannot_read", "file", name).Because(err)
}

func (s *Store) cannotWrite(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Unavailable("blob.full", "dir", s.dir).Because(err)
	}
	return fault.Unavailable("blob.cannot_write", "dir", s.dir).Because(err)
}

func stopped(err error) error {
	return fault.Unavailable("blob.stopped").Because(fmt.Errorf("blob: %w", err))
}
