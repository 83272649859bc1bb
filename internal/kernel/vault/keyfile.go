package vault

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

const (
	rootFile  = "root.key"
	classFile = "class.keys"
	logFile   = "log.key"

	keyFileMode  = 0o400
	keyPlaceMode = 0o700
	keyFileLimit = 1 << 20 // bytes; 15,000 class keys
)

func keyFiles() []string { return []string{rootFile, classFile, logFile} }

// keyFile is the text format of all three files:
//
//	sekisho-key 1 class.keys
//	ring 0123456789abcdef          the ring's public id, the same in all three
//	made 2026-11-20T03:04:05Z
//	key <name> <value>             one or more; names are unique
//	sum <SHA-256 of all above, hex>
//
// The sum finds damage; what protects wrapped keys from a writer is their AEAD.
type keyFile struct {
	name string
	ring string
	made time.Time
	keys []keyLine
}

type keyLine struct{ name, value string }

func (f keyFile) encode() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "sekisho-key 1 %s\nring %s\nmade %s\n", f.name, f.ring, f.made.UTC().Format(time.RFC3339))
	for _, k := range f.keys {
		fmt.Fprintf(&b, "key %s %s\n", k.name, k.value)
	}
	sum := sha256.Sum256([]byte(b.String()))
	fmt.Fprintf(&b, "sum %x\n", sum)
	return []byte(b.String())
}

var errKeyFile = errors.New("vault: not a whole key file")

// parseKeyFile reads exactly what encode writes and nothing else. Its error
// carries no byte of the input.
func parseKeyFile(name string, b []byte) (keyFile, error) {
	f := keyFile{name: name}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 6 || lines[0] != "sekisho-key 1 "+name {
		return f, errKeyFile
	}
	ring, okRing := strings.CutPrefix(lines[1], "ring ")
	made, okMade := strings.CutPrefix(lines[2], "made ")
	t, err := time.Parse(time.RFC3339, made)
	if !okRing || !okMade || err != nil {
		return f, errKeyFile
	}
	f.ring, f.made = ring, t
	seen := map[string]bool{}
	for _, l := range lines[3 : len(lines)-2] {
		w := strings.Split(l, " ")
		if len(w) != 3 || w[0] != "key" || w[1] == "" || w[2] == "" || seen[w[1]] {
			return f, errKeyFile
		}
		seen[w[1]] = true
		f.keys = append(f.keys, keyLine{w[1], w[2]})
	}
	// Writing it again and comparing proves the sum and every other byte.
	if len(f.keys) == 0 || string(f.encode()) != string(b) {
		return f, errKeyFile
	}
	return f, nil
}

func (f keyFile) value(name string) string {
	for _, k := range f.keys {
		if k.name == name {
			return k.value
		}
	}
	return ""
}

// bytes decodes a value of exactly n bytes, or of any length when n is 0.
func (f keyFile) bytes(name string, n int) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(f.value(name))
	if err != nil || len(b) == 0 || n > 0 && len(b) != n {
		return nil, errKeyFile
	}
	return b, nil
}

// checkPlace tells a place without keys from half a ring, and refuses a
// directory others can enter.
func checkPlace(dir string) error {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noKeys(dir)
	case err != nil:
		return unreadable(dir, err)
	case !st.IsDir():
		return noKeys(dir)
	case machine.Others(st.Mode()) != 0:
		return fault.Unavailable("vault.dir_open", "dir", dir)
	}
	var gone []string
	for _, n := range keyFiles() {
		_, err := os.Stat(filepath.Join(dir, n))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			gone = append(gone, n)
		case err != nil:
			return unreadable(filepath.Join(dir, n), err)
		}
	}
	switch len(gone) {
	case 0:
		return nil
	case len(keyFiles()):
		return noKeys(dir)
	}
	return missing(dir, gone[0])
}

func unreadable(path string, err error) error {
	return fault.Unavailable("vault.unreadable", "file", path).Because(err)
}

func readKeyFile(dir, name string) (keyFile, error) {
	path := filepath.Join(dir, name)
	b, err := machine.ReadSecret(path, keyFileLimit)
	switch {
	case errors.Is(err, machine.ErrKind):
		return keyFile{}, altered(dir, name)
	case errors.Is(err, machine.ErrOthers):
		return keyFile{}, fault.Unavailable("vault.file_open", "file", path)
	case err != nil:
		return keyFile{}, unreadable(path, err)
	}
	f, err := parseKeyFile(name, b)
	if err != nil {
		return keyFile{}, altered(dir, name)
	}
	return f, nil
}

// writeKeyFile writes a new file, durable before it returns; an existing file
// is never touched.
func writeKeyFile(path string, f keyFile) error {
	fd, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, keyFileMode)
	if err != nil {
		return err
	}
	_, err = fd.Write(f.encode())
	if err == nil {
		err = fd.Sync()
	}
	if e := fd.Close(); err == nil {
		err = e
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func encodeKey(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func shortHex(b []byte) string { return hex.EncodeToString(b[:8]) }
