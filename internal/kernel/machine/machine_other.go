//go:build !linux

package machine

import "os"

// SyncAll flushes the whole file system where the system can: elsewhere only
// the file itself.
func SyncAll(f *os.File) error { return f.Sync() }

// Forget does nothing where there is no such advice.
func Forget(*os.File) {}
