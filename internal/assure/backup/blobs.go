package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// batch is how many files are made durable at once: one flush of the file
// system instead of one a file.
const batch = 256

// batchBytes is how many bytes of them at most.
const batchBytes = 64 << 20

// taken says what blobs did.
type taken struct {
	files, bytes, bad int64
	gone              []string // erased since they were listed
}

// blobs copies the archive's files a target does not have yet. Those that do not
// open are copied as they are, and counted. All are durable, and read back,
// before it returns; its fault ends the place.
func (p *place) blobs(ctx context.Context, from *blob.Store, list []blob.File) (out taken) {
	if p.err != nil {
		return out
	}
	have, err := blob.List(ctx, p.path(blobFolder))
	if err != nil {
		_ = p.fail(err)
		return out
	}
	there := map[string]int64{}
	for _, f := range have {
		there[f.Name] = f.Size
	}
	c := &copier{place: p}
	for _, f := range list {
		if was, ok := there[f.Name]; ok && was == f.Size {
			continue
		} else if ok && p.AppendOnly {
			err = fault.Refused("backup.copy_damaged", "file", p.path(blobFolder, blob.Path(f.Name)))
		} else {
			err = c.take(ctx, from, f, &out)
		}
		if p.fail(err) != nil {
			return out
		}
	}
	_ = p.fail(c.flush())
	return out
}

func (c *copier) take(ctx context.Context, from *blob.Store, f blob.File, out *taken) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := from.Raw(f.Name)
	if fault.Is(err, fault.KindNotFound) {
		out.gone = append(out.gone, f.Name)
		return nil
	}
	if err != nil {
		return err
	}
	if from.Prove(f.Name) != nil {
		out.bad++
	}
	out.files, out.bytes = out.files+1, out.bytes+int64(len(raw))
	return c.add(f.Name, raw)
}

// copier collects files that were written but not made durable.
type copier struct {
	*place
	files []copied
	size  int
}

type copied struct {
	name, path string
	sum        [sha256.Size]byte
}

func (c *copier) add(name string, raw []byte) error {
	final := c.path(blobFolder, blob.Path(name))
	if err := os.MkdirAll(filepath.Dir(final), 0o700); err != nil {
		return err
	}
	path := final
	if !c.AppendOnly {
		path += partial
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash left it
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	c.files, c.size = append(c.files, copied{name, path, sha256.Sum256(raw)}), c.size+len(raw)
	if len(c.files) < batch && c.size < batchBytes {
		return nil
	}
	return c.flush()
}

// flush makes all of them durable, reads each back and gives it its name.
func (c *copier) flush() error {
	if len(c.files) == 0 {
		return nil
	}
	if err := c.syncAll(); err != nil {
		return err
	}
	for _, f := range c.files {
		if err := f.confirm(); err != nil {
			return err
		}
		if final := c.path(blobFolder, blob.Path(f.name)); final != f.path {
			if err := os.Rename(f.path, final); err != nil {
				return err
			}
		}
	}
	c.files, c.size = nil, 0
	return c.syncAll()
}

// syncAll flushes the file system of the target.
func (c *copier) syncAll() error {
	d, err := os.Open(c.Dir)
	if err != nil {
		return err
	}
	return errors.Join(machine.SyncAll(d), d.Close())
}

func (f copied) confirm() error {
	r, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer r.Close()
	machine.Forget(r)
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), f.sum[:]) {
		return fault.Unavailable("backup.not_confirmed", "dir", f.path)
	}
	return nil
}

// packNames gives names of files as their 32 bytes each.
func packNames(list []blob.File) []byte {
	out := make([]byte, 0, 32*len(list))
	for _, f := range list {
		b, _ := hex.DecodeString(f.Name) // blob.List gives nothing else
		out = append(out, b...)
	}
	return out
}

// unpackNames is the other way; false if it is no such list.
func unpackNames(b []byte) ([]string, bool) {
	var out []string
	for ; len(b) >= 32; b = b[32:] {
		out = append(out, hex.EncodeToString(b[:32]))
	}
	return out, len(b) == 0
}

// Pruned says what went.
type Pruned struct {
	Generations []string
	Blobs       int
}

// prune removes the generations the rule does not keep, and the archive's files
// none of the others needs. A sum goes first: what is half removed is no
// generation any more.
func (p *place) prune(ctx context.Context, k Keep) (Pruned, error) {
	var out Pruned
	list, err := p.Generations()
	if err != nil {
		return out, err
	}
	kept := k.Kept(list)
	for _, g := range list {
		if kept[g.Name] {
			continue
		}
		for _, s := range []string{suffixSum, "", suffixNames} {
			if err := os.Remove(p.path(folder, g.Name+s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return out, cannotWrite(p.Dir, err)
			}
		}
		out.Generations = append(out.Generations, g.Name)
	}
	if len(out.Generations) == 0 {
		return out, nil
	}
	out.Blobs, err = p.pruneBlobs(ctx, kept)
	return out, err
}

func (p *place) pruneBlobs(ctx context.Context, kept map[string]bool) (n int, err error) {
	needed := map[string]bool{}
	for g := range kept {
		b, err := os.ReadFile(p.path(folder, g+suffixNames))
		names, ok := unpackNames(b)
		if err != nil || !ok { // what it needs is not known: nothing goes
			return 0, fault.Unavailable("backup.cannot_read", "file", p.path(folder, g+suffixNames)).Because(err)
		}
		for _, n := range names {
			needed[n] = true
		}
	}
	have, err := blob.List(ctx, p.path(blobFolder))
	if err != nil {
		return 0, err
	}
	for _, f := range have {
		if needed[f.Name] {
			continue
		}
		if err := os.Remove(p.path(blobFolder, blob.Path(f.Name))); err != nil {
			return n, cannotWrite(p.Dir, err)
		}
		n++
	}
	return n, nil
}
