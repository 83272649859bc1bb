package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// place is a target while a generation is being written to it. Its first fault
// ends its part, and no other's.
type place struct {
	Target
	f    *os.File // the age file, being written
	err  error
	made []string // of this run and not finished: removed if it fails
}

func (p *place) path(parts ...string) string {
	return filepath.Join(append([]string{p.Dir}, parts...)...)
}

func (p *place) fail(err error) error {
	if p.err == nil && err != nil {
		p.err = cannotWrite(p.Dir, err)
	}
	return p.err
}

// cannotWrite is the fault of a place that takes nothing.
func cannotWrite(where string, err error) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Unavailable("backup.full", "dir", where).Because(err)
	}
	return fault.Unavailable("backup.cannot_write", "dir", where).Because(err)
}

// prepare looks for the folder. One on another machine is never made: where a
// share is not mounted, its empty mount point must not be taken for it.
func (p *place) prepare() error {
	if p.Name == Local {
		if err := os.MkdirAll(p.Dir, 0o700); err != nil {
			return p.fail(err)
		}
	}
	if st, err := os.Stat(p.Dir); err != nil || !st.IsDir() {
		return p.fail(fault.Unavailable("backup.target_missing", "dir", p.Dir).Because(err))
	}
	for _, d := range []string{folder, blobFolder} {
		if err := os.Mkdir(p.path(d), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return p.fail(err)
		}
	}
	return nil
}

const partial = ".partial"

// begin makes the age file: under another name until it is whole, unless names
// can never change there.
func (p *place) begin(name string) error {
	path := p.path(folder, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return p.fail(fault.Refused("backup.file_taken", "file", path).Because(err))
	}
	if !p.AppendOnly {
		path += partial
	}
	var err error
	if p.f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return p.fail(err)
	}
	p.made = append(p.made, path)
	return nil
}

// fan writes to every place that still works, and hashes.
type fan struct {
	places []*place
	sum    hash.Hash
	size   int64
}

var errNoPlace = errors.New("backup: no target is left")

func (f *fan) Write(b []byte) (int, error) {
	n := 0
	for _, p := range f.places {
		if p.err != nil {
			continue
		}
		if _, err := p.f.Write(b); err != nil {
			_ = p.fail(err)
			continue
		}
		n++
	}
	if n == 0 {
		return 0, errNoPlace
	}
	f.sum.Write(b)
	f.size += int64(len(b))
	return len(b), nil
}

// finish makes the generation durable, reads it back as it lies there, and gives
// it its name; its sum comes last and makes it a generation.
func (p *place) finish(ctx context.Context, name string, digest []byte, names []byte) error {
	if p.err != nil {
		return p.err
	}
	if err := p.confirm(ctx, digest); err != nil {
		return p.fail(err)
	}
	whole := p.path(folder, name)
	if err := p.small(whole+suffixNames, names); err != nil {
		return p.fail(err)
	}
	if !p.AppendOnly {
		if err := os.Rename(whole+partial, whole); err != nil {
			return p.fail(err)
		}
		p.made = append(p.made, whole)
	}
	line := fmt.Sprintf("%x  %s\n", digest, name)
	if err := p.small(whole+suffixSum, []byte(line)); err != nil {
		return p.fail(err)
	}
	return p.fail(machine.SyncDir(p.path(folder)))
}

// confirm reads the age file back. What this machine holds of it in memory is
// let go first, so that it is really read.
func (p *place) confirm(ctx context.Context, digest []byte) error {
	if err := p.f.Sync(); err != nil {
		return err
	}
	machine.Forget(p.f)
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	got, err := sumOf(ctx, p.f)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, digest) {
		return fault.Unavailable("backup.not_confirmed", "dir", p.Dir)
	}
	err = p.f.Close()
	p.f = nil
	return err
}

func sumOf(ctx context.Context, r io.Reader) ([]byte, error) {
	h := sha256.New()
	b := make([]byte, 1<<20)
	for {
		n, err := r.Read(b)
		h.Write(b[:n])
		if errors.Is(err, io.EOF) {
			return h.Sum(nil), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
}

// small writes a small file, durable.
func (p *place) small(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	p.made = append(p.made, path)
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// giveUp takes away what a failed run left, where something can be taken away;
// elsewhere it lies there without a sum, and is no generation.
func (p *place) giveUp() {
	if p.f != nil {
		_ = p.f.Close()
	}
	if p.AppendOnly || p.err == nil {
		return
	}
	for _, m := range slices.Backward(p.made) {
		_ = os.Remove(m)
	}
}

// Generations lists the whole ones that lie in a target's folder, oldest first.
// Unavailable "backup.target_missing" when the folder is not there.
func (t Target) Generations() ([]Generation, error) {
	if _, err := os.Lstat(t.Dir); t.Name == Local && errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the first run makes it
	}
	if st, err := os.Stat(t.Dir); err != nil || !st.IsDir() {
		return nil, fault.Unavailable("backup.target_missing", "dir", t.Dir).Because(err)
	}
	list, err := os.ReadDir(filepath.Join(t.Dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Unavailable("backup.cannot_read", "file", t.Dir).Because(err)
	}
	var out []Generation
	for _, e := range list {
		name, ok := strings.CutSuffix(e.Name(), suffixSum)
		if !ok || !generation.MatchString(name) {
			continue
		}
		sum, err1 := e.Info()
		file, err2 := os.Stat(filepath.Join(t.Dir, folder, name))
		if err1 != nil || err2 != nil || !file.Mode().IsRegular() {
			continue
		}
		out = append(out, Generation{name, sum.ModTime().UTC(), file.Size()})
	}
	slices.SortFunc(out, func(a, b Generation) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Sum is the SHA-256 a generation had when it was made, as its sum file says.
func (t Target) Sum(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(t.Dir, folder, name+suffixSum))
	if err != nil {
		return nil, err
	}
	word, _, _ := strings.Cut(string(b), " ")
	return hex.DecodeString(word)
}

// SameDisk tells whether a target lies on the file system of dir: then one
// disk that is lost takes both.
func (t Target) SameDisk(dir string) bool {
	same, err := machine.SameDisk(t.Dir, dir)
	return err == nil && same
}

// leftover is how old an unfinished file must be to be taken away: nobody is
// writing it any more.
const leftover = 24 * time.Hour

// sweep takes away what a crash left.
func (p *place) sweep(now time.Time) {
	if p.AppendOnly {
		return
	}
	list, err := os.ReadDir(p.path(folder))
	if err != nil {
		return
	}
	for _, e := range list {
		st, err := e.Info()
		if err != nil || now.Sub(st.ModTime()) < leftover {
			continue
		}
		name := e.Name()
		whole := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, suffixNames), suffixSum), partial)
		if _, err := os.Lstat(p.path(folder, whole+suffixSum)); errors.Is(err, fs.ErrNotExist) && generation.MatchString(whole) {
			_ = os.Remove(p.path(folder, name))
		}
	}
}
