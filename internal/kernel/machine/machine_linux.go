package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncAll flushes the whole file system an open file lies on.
func SyncAll(f *os.File) error { return unix.Syncfs(int(f.Fd())) }

// Forget lets go of what memory holds of a file, so that it is really read again.
func Forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
