package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"sekisho/internal/kernel/vault"
)

// A backup keeps files as they lie here, sealed under the same ring, in folders
// of the same layout. It moves them by their names on disk and never opens them.

// File is one stored file as a backup sees it.
type File struct {
	Name string // on disk: a keyed code, in 64 hex digits
	Size int64  // on disk
}

// View is a store that is only read: a backup's folder. Nothing is made or
// swept in it.
func View(dir string, ring *vault.Ring) *Store { return &Store{dir: dir, ring: ring} }

// IsName tells whether s can be the name of a stored file.
func IsName(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}

// Path is where a stored file lies, below the store's folder.
func Path(name string) string { return filepath.Join(name[:1], name[1:2], name) }

// Files lists what is stored, in order of name, without reading it.
func (s *Store) Files(ctx context.Context) ([]File, error) { return List(ctx, s.dir) }

// List is Files of a folder that has a store's layout. A part of it that is not
// there holds nothing.
func List(ctx context.Context, dir string) (out []File, err error) {
	for _, a := range hexDigits {
		for _, b := range hexDigits {
			if err := ctx.Err(); err != nil {
				return nil, stopped(err)
			}
			leaf := filepath.Join(dir, string(a), string(b))
			files, err := os.ReadDir(leaf)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, cannotRead(leaf, err)
			}
			for _, f := range files {
				st, err := f.Info()
				if errors.Is(err, fs.ErrNotExist) {
					continue // erased since the folder was read
				}
				if err != nil {
					return nil, cannotRead(f.Name(), err)
				}
				if IsName(f.Name()) && st.Mode().IsRegular() {
					out = append(out, File{f.Name(), st.Size()})
				}
			}
		}
	}
	return out, nil
}

// Prove reads a file by its name on disk and proves that it is the one sealed
// under that name, whole: NotFound "blob.missing", Failed "blob.altered".
func (s *Store) Prove(name string) error {
	if !IsName(name) {
		return altered(name, errShape)
	}
	return s.entry(s.leaf(name), name).Err
}

// Raw reads a file as it lies on disk, sealed.
func (s *Store) Raw(name string) ([]byte, error) {
	if !IsName(name) {
		return nil, altered(name, errShape)
	}
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		return nil, cannotRead(name, err)
	}
	return b, nil
}
