//go:build unix

// Package machine is what differs between operating systems: locks on files,
// rights to files, room on disks. Windows is compiled, not run.
package machine

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Lock holds an advisory lock on an open file or folder until it is closed;
// without wait it fails when somebody else has it.
func Lock(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	return syscall.Flock(int(f.Fd()), how)
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Replace gives a file the name of another, which it takes the place of.
func Replace(from, to string) error { return os.Rename(from, to) }

// OpenToLock opens what stands for a folder when it is locked.
func OpenToLock(dir string) (*os.File, error) { return os.Open(dir) }

// Free is the room on dir's disk for whoever is not root.
func Free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// SameDisk tells whether two places lie on one file system.
func SameDisk(a, b string) (bool, error) {
	var x, y syscall.Stat_t
	if err := errors.Join(syscall.Stat(a, &x), syscall.Stat(b, &y)); err != nil {
		return false, err
	}
	return x.Dev == y.Dev, nil
}

// Others are the rights a file's mode gives to accounts that do not own it.
func Others(m fs.FileMode) fs.FileMode { return m.Perm() & 0o077 }
