package mailsign

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

// Dir is the folder of the DKIM keys inside that of the keys. Like the keys, no
// backup takes it along: a lost DKIM key is made anew and published.
const Dir = "dkim"

const (
	fileMode = 0o600
	dirMode  = 0o700
	ending   = ".pem"
	fileMax  = 64 << 10
)

var selector = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$`)

// IsSelector tells whether a key may have this name.
func IsSelector(s string) bool { return selector.MatchString(s) }

// NewKeys makes a pair of keys in the folder of the keys, "<name>r" for RSA and
// "<name>e" for Ed25519. Keys that are there are never touched.
func NewKeys(keys, name string) ([]Key, error) {
	if !IsSelector(name) {
		return nil, fault.Invalid("mailsign.selector", "selector", name)
	}
	dir := filepath.Join(keys, Dir)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fault.Unavailable("mailsign.file", "file", dir).Because(err)
	}
	pair := []Key{{Selector: name + "r"}, {Selector: name + "e"}}
	for _, k := range pair {
		if _, err := os.Lstat(k.file(keys)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Refused("mailsign.exists", "selector", k.Selector)
		}
	}
	for i, a := range []vault.MailAlgorithm{vault.MailRSA, vault.MailEd25519} {
		var err error
		if pair[i].key, err = vault.NewMailKey(a); err == nil {
			err = pair[i].write(keys)
		}
		if err != nil {
			return nil, fault.Unavailable("mailsign.file", "file", pair[i].file(keys)).Because(err)
		}
	}
	return pair, machine.SyncDir(dir)
}

func (k Key) file(keys string) string { return filepath.Join(keys, Dir, k.Selector+ending) }

func (k Key) write(keys string) error {
	text, err := k.key.PEM()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(k.file(keys), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.Reveal())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(k.file(keys)))
	}
	return nil
}

// LoadKey reads a key by its selector. A file that others may read is refused.
func LoadKey(keys, name string) (Key, error) {
	k := Key{Selector: name}
	if !IsSelector(name) {
		return k, fault.Invalid("mailsign.selector", "selector", name)
	}
	b, err := secretFile(k.file(keys))
	if errors.Is(err, fs.ErrNotExist) {
		return k, fault.Unavailable("mailsign.none", "selector", name, "file", k.file(keys))
	}
	if err != nil {
		return k, err
	}
	if k.key, err = vault.ParseMailKey(b); err != nil {
		return k, fault.Unavailable("mailsign.damaged", "file", k.file(keys)).Because(err)
	}
	return k, nil
}

// LoadKeys reads several.
func LoadKeys(keys string, selectors []string) ([]Key, error) {
	var out []Key
	for _, s := range selectors {
		k, err := LoadKey(keys, s)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// Selectors names all keys there are, by name.
func Selectors(keys string) ([]string, error) {
	list, err := os.ReadDir(filepath.Join(keys, Dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Unavailable("mailsign.file", "file", filepath.Join(keys, Dir)).Because(err)
	}
	var out []string
	for _, e := range list {
		if s, ok := strings.CutSuffix(e.Name(), ending); ok && IsSelector(s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out, nil
}

// Remove deletes a key that signs no longer.
func Remove(keys, name string) error {
	if _, err := LoadKey(keys, name); err != nil && fault.Of(err).Key != "mailsign.damaged" {
		return err
	}
	file := Key{Selector: name}.file(keys)
	if err := os.Remove(file); err != nil {
		return fault.Unavailable("mailsign.file", "file", file).Because(err)
	}
	return nil
}

// publicFile reads a file anybody may read.
func publicFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Unavailable("mailsign.file", "file", path).Because(err)
	}
	return b, nil
}

func secretFile(path string) ([]byte, error) {
	b, err := machine.ReadSecret(path, fileMax)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return b, err
	case errors.Is(err, machine.ErrKind):
		return nil, fault.Unavailable("mailsign.damaged", "file", path)
	case errors.Is(err, machine.ErrOthers):
		return nil, fault.Unavailable("mailsign.file_open", "file", path)
	}
	return nil, fault.Unavailable("mailsign.file", "file", path).Because(err)
}
