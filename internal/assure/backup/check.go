package backup

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// Source is a generation to be restored.
type Source struct {
	Path  string // the age file
	Blobs string // folder of the archive's files
}

// Find takes the path of a generation, or of a target's folder, whose newest
// generation it then is. Refused "backup.none_there", "backup.no_generation".
func Find(from string) (Source, error) {
	st, err := os.Stat(from)
	if err != nil {
		return Source{}, fault.Unavailable("backup.cannot_read", "file", from).Because(err)
	}
	if !st.IsDir() {
		dir := filepath.Dir(filepath.Dir(from))
		return Source{from, filepath.Join(dir, blobFolder)}, nil
	}
	if filepath.Base(from) == folder {
		from = filepath.Dir(from)
	}
	list, err := Target{Dir: from}.Generations()
	if err != nil {
		return Source{}, err
	}
	if len(list) == 0 {
		return Source{}, fault.Refused("backup.none_there", "dir", from)
	}
	newest := list[len(list)-1].Name
	return Source{filepath.Join(from, folder, newest), filepath.Join(from, blobFolder)}, nil
}

// read goes through a generation once; f is given its dump.
func (s Source) read(ids Identities, ring *vault.Ring, f func(dump io.Reader) error) (Manifest, error) {
	file, err := os.Open(s.Path)
	if err != nil {
		return Manifest{}, fault.Unavailable("backup.cannot_read", "file", s.Path).Because(err)
	}
	defer file.Close()
	r, err := open(file, ids)
	if err != nil {
		return Manifest{}, err
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return Manifest{}, damagedOr(err)
	}
	if err := f(z); err != nil {
		return Manifest{}, err
	}
	return r.manifest(ring)
}

// Check reads the whole generation and proves it, before anything is written
// anywhere: age's code of every part, the ring and its keys, the manifest and
// its chunks, the rows and the log's root counted again, and its name, which
// another generation does not have.
func (s Source) Check(ids Identities, ring *vault.Ring) (Manifest, error) {
	var found gate.Dumped
	m, err := s.read(ids, ring, func(dump io.Reader) (err error) {
		if found, err = gate.CheckDump(dump); err != nil {
			return damagedOr(err)
		}
		return nil
	})
	switch {
	case err != nil:
		return m, err
	case !found.Same(m.Dump) || len(m.Chunks)%sha256.Size != 0 || len(m.Blobs)%32 != 0:
		return m, damaged(errors.New("backup: the dump is not the one of the manifest"))
	case filepath.Base(s.Path) != m.Generation:
		return m, fault.Refused("backup.swapped", "file", filepath.Base(s.Path), "generation", m.Generation)
	}
	return m, nil
}

// CheckFiles proves every file of the archive that a generation needs, and
// names those that are missing or damaged.
func (s Source) CheckFiles(ctx context.Context, m Manifest, ring *vault.Ring) (bad []string, err error) {
	store := blob.View(s.Blobs, ring)
	names, _ := unpackNames(m.Blobs)
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return bad, err
		}
		if store.Prove(n) != nil {
			bad = append(bad, n)
		}
	}
	return bad, nil
}

// Load fills an empty database with a generation that was checked. Should the
// file have changed since, the error says so, and what was loaded is not to be
// used.
func (s Source) Load(ctx context.Context, ids Identities, m Manifest, cfg gate.LoadConfig) error {
	again, err := s.read(ids, cfg.Ring, func(dump io.Reader) error {
		return gate.LoadDump(ctx, cfg, dump, m.Dump, nil)
	})
	if err == nil && !bytes.Equal(again.Chunks, m.Chunks) {
		err = damaged(errors.New("backup: the file has changed since it was checked"))
	}
	return err
}

// CopyFiles puts the archive's files of a generation into the data folder of a
// new house, but for those in without.
func (s Source) CopyFiles(ctx context.Context, m Manifest, ring *vault.Ring, data string, without []string) (n int, err error) {
	skip := map[string]bool{}
	for _, w := range without {
		skip[w] = true
	}
	from := blob.View(s.Blobs, ring)
	c := &copier{place: &place{Target: Target{Dir: data}}}
	names, _ := unpackNames(m.Blobs)
	for _, name := range names {
		if skip[name] {
			continue
		}
		raw, err := from.Raw(name)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.add(name, raw)
		}
		if err != nil {
			return n, cannotWrite(data, err)
		}
		n++
	}
	if err := c.flush(); err != nil {
		return n, cannotWrite(data, err)
	}
	return n, nil
}
