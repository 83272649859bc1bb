package vault

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// Create makes the keys of a new company in dir, which must hold no key file.
// origin names the company's log (C2SP checkpoint origin, e.g.
// "sekisho.example.co.jp/log"; no spaces, no "+"). The first class keys are for
// the JST year of now. Keys come from rand; nonces always from the system.
func Create(dir, origin string, now time.Time, rand io.Reader) (err error) {
	files, err := newRing(origin, now, rand)
	if err != nil {
		return err
	}
	if err := prepare(dir); err != nil {
		return err
	}
	var made []string
	defer func() {
		if err == nil {
			return
		}
		for _, p := range made {
			_ = os.Remove(p) // half a ring is worth nothing
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := writeKeyFile(path, f); err != nil {
			return cannotWrite(path, err)
		}
		made = append(made, path)
	}
	if err := errors.Join(machine.SyncDir(dir), machine.SyncDir(filepath.Dir(filepath.Clean(dir)))); err != nil {
		return cannotWrite(dir, err)
	}
	return nil
}

// prepare makes the directory, or takes an existing one that is closed to
// others and has no key in it.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, keyPlaceMode); err != nil {
		return cannotWrite(dir, err)
	}
	st, err := os.Stat(dir)
	if err != nil {
		return cannotWrite(dir, err)
	}
	if machine.Others(st.Mode()) != 0 {
		return fault.Unavailable("vault.dir_open", "dir", dir)
	}
	for _, n := range keyFiles() {
		path := filepath.Join(dir, n)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fault.Refused("vault.keys_exist", "file", path)
		}
	}
	return nil
}

func cannotWrite(path string, err error) error {
	return fault.Unavailable("vault.cannot_write", "file", path).Because(err)
}

func newRing(origin string, now time.Time, rand io.Reader) ([]keyFile, error) {
	root, key := make([]byte, keySize), make([]byte, keySize)
	for _, b := range [][]byte{root, key} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, fault.Failed(err)
		}
	}
	id := ringID(key)
	p := &fileProvider{ring: id, aead: newAEAD(root)}
	wrapped, err := p.Wrap(ringLabel, key)
	if err != nil {
		return nil, fault.Failed(err)
	}
	classes := []keyLine{{ringLabel, encodeKey(wrapped)}}
	year := now.In(time.FixedZone("JST", 9*60*60)).Year()
	for _, k := range kinds() {
		l, err := newClassLine(p, k, firstOf(year), rand)
		if err != nil {
			return nil, err
		}
		classes = append(classes, l)
	}
	logs, err := newLog(origin, rand)
	if err != nil {
		return nil, err
	}
	return []keyFile{
		{rootFile, id, now, []keyLine{{"root", encodeKey(root)}}},
		{classFile, id, now, classes},
		{logFile, id, now, logs},
	}, nil
}

// newClassLine makes one class key and wraps it under its label.
func newClassLine(p Provider, k Kind, v version, rand io.Reader) (keyLine, error) {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(rand, key); err != nil {
		return keyLine{}, fault.Failed(err)
	}
	label := classLabel(k, v)
	w, err := p.Wrap(label, key)
	if err != nil {
		return keyLine{}, fault.Failed(err)
	}
	return keyLine{label, encodeKey(w)}, nil
}

// EnsureYear adds class keys for a civil year (JST) newer than all there are,
// and tells whether it did: then the key directory must be copied to its safe
// place again. The server calls it at start; nothing else adds keys. Several
// processes may call it at once.
func (r *Ring) EnsureYear(year int) (added bool, err error) {
	r.growing.Lock()
	defer r.growing.Unlock()
	if year > lastYear {
		return false, fault.Unavailable("vault.year", "year", strconv.Itoa(year))
	}
	if r.classes.Load().covers(year) {
		return false, nil
	}
	unlock, err := lockDir(r.dir)
	if err != nil {
		return false, cannotWrite(r.dir, err)
	}
	defer unlock()
	f, err := readKeyFile(r.dir, classFile) // another process may have been faster
	if err != nil {
		return false, err
	}
	c, _, err := unwrapClasses(r.dir, r.provider, f)
	if err != nil {
		return false, err
	}
	if !c.covers(year) {
		if c, err = r.addYear(f, year); err != nil {
			return false, err
		}
		added = true
	}
	r.classes.Store(c)
	return added, nil
}

// addYear makes the new file durable before any of its keys is used: a key
// lost in a crash would take with it what it had sealed.
func (r *Ring) addYear(f keyFile, year int) (*class, error) {
	for _, k := range kinds() {
		l, err := newClassLine(r.provider, k, firstOf(year), systemRandom{})
		if err != nil {
			return nil, err
		}
		f.keys = append(f.keys, l)
	}
	path := filepath.Join(r.dir, classFile)
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, cannotWrite(tmp, err)
	}
	if err := writeKeyFile(tmp, f); err != nil {
		return nil, cannotWrite(tmp, err)
	}
	if err := machine.Replace(tmp, path); err != nil {
		return nil, cannotWrite(path, err)
	}
	if err := machine.SyncDir(r.dir); err != nil {
		return nil, cannotWrite(path, err)
	}
	c, _, err := unwrapClasses(r.dir, r.provider, f)
	return c, err
}

// lockDir holds an advisory lock on the directory until the returned function
// is called.
func lockDir(dir string) (func(), error) {
	d, err := machine.OpenToLock(dir)
	if err != nil {
		return nil, err
	}
	if err := machine.Lock(d, true); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return func() { _ = d.Close() }, nil // closing releases the lock
}
