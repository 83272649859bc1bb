package blob

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

// writers is how many files of a batch are made durable at once: file systems
// join the flushes of several into one.
const writers = 4

// Put keeps b, durable before it returns, and gives its digest. Keeping the
// same bytes again changes nothing, and heals a file that was altered. Invalid
// "blob.too_large"; Unavailable "blob.full" when the disk is.
func (s *Store) Put(ctx context.Context, b []byte) (Digest, error) {
	ds, err := s.PutAll(ctx, [][]byte{b})
	if err != nil {
		return Digest{}, err
	}
	return ds[0], nil
}

// PutAll keeps many files and gives their digests in order. All are durable
// when it returns; on a fault some may have been kept, which harms nothing and
// lets the caller repeat the whole.
func (s *Store) PutAll(ctx context.Context, files [][]byte) ([]Digest, error) {
	ds := make([]Digest, len(files))
	leaves := map[string]bool{}
	for i, b := range files {
		if len(b) > Limit {
			return nil, fault.Invalid("blob.too_large", "mib", Limit>>20)
		}
		ds[i] = Sum(b)
		leaves[s.leaf(s.name(ds[i]))] = true
	}
	errs := make([]error, len(files))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(writers, len(files)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = s.keep(ctx, ds[i], files[i])
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	// A folder is flushed also for a file found there: who wrote it may have
	// died before doing so.
	for l := range leaves {
		if err := machine.SyncDir(l); err != nil {
			return nil, s.cannotWrite(err)
		}
	}
	return ds, nil
}

// keep writes one file under its name; its entry in the folder is not yet
// durable.
func (s *Store) keep(ctx context.Context, d Digest, b []byte) error {
	if _, err := s.Get(ctx, d); err == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return stopped(err)
	}
	name := s.name(d)
	key, wrapped, err := s.ring.NewDataKey(vault.KindBlob, name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Join(s.dir, tmpDir), "put-*")
	if err != nil {
		return s.cannotWrite(err)
	}
	err = write(f, []byte(magic), wrapped, key.Seal(aad(name), b))
	if err == nil {
		err = os.Rename(f.Name(), s.path(name))
	}
	if err != nil {
		return s.cannotWrite(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// write fills, flushes and closes f.
func write(f *os.File, parts ...[]byte) error {
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
}
