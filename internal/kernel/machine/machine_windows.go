// Package machine is what differs between operating systems: locks on files,
// rights to files, room on disks. Windows is compiled, not run.
package machine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// Lock holds a lock on an open file until it is closed; without wait it fails
// when somebody else has it.
func Lock(f *os.File, wait bool) error {
	var how uint32 = windows.LOCKFILE_EXCLUSIVE_LOCK
	if !wait {
		how |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, new(windows.Overlapped))
}

// SyncDir does nothing: a folder cannot be flushed here, NTFS keeps its names in
// a journal.
func SyncDir(string) error { return nil }

// Replace gives a file the name of another, which it takes the place of. One
// that may only be read could not be replaced.
func Replace(from, to string) error {
	if err := os.Chmod(to, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}

// OpenToLock opens what stands for a folder when it is locked: a file in it,
// since a folder cannot be.
func OpenToLock(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
}

// Free is the room on dir's disk for this account.
func Free(dir string) (int64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(p, &free, nil, nil)
	return int64(free), err
}

// SameDisk tells whether two places lie on one volume.
func SameDisk(a, b string) (bool, error) {
	a, err := filepath.Abs(a)
	if err != nil {
		return false, err
	}
	b, err = filepath.Abs(b)
	return strings.EqualFold(filepath.VolumeName(a), filepath.VolumeName(b)), err
}

// Others are no rights, whatever the mode: here rights are lists of accounts, and
// Go makes the mode up from the read-only flag alone (0666 or 0444), so that it
// says nothing about who may read. Who may is settled on the folder of the home,
// whose files inherit its list.
func Others(fs.FileMode) fs.FileMode { return 0 }
