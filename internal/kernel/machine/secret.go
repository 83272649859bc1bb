package machine

import (
	"errors"
	"io"
	"os"
)

// What is wrong with a file of secrets, beside what the system says.
var (
	ErrOthers = errors.New("machine: other accounts may read the file")
	ErrKind   = errors.New("machine: no plain file, or too large")
)

// ReadSecret reads a file of secrets of at most limit bytes. It opens first and
// asks the open file for its mode, so that what is checked is what is read.
// Errors: ErrOthers, ErrKind, or the system's.
func ReadSecret(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular() || st.Size() > limit:
		return nil, ErrKind
	case Others(st.Mode()) != 0:
		return nil, ErrOthers
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
