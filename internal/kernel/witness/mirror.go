// Package witness keeps a copy of the log's leaf hashes where the log's keeper
// cannot reach them (証人). What was once mirrored cannot be taken back: a log
// that was rebuilt, cut or put back no longer fits, and the mirror tells which
// records and rows are concerned.
//
// A mirror is a folder:
//
//	hashes      32 bytes per leaf, from leaf 0: RFC 6962 leaf hashes
//	names       two fields per leaf (length as unsigned LEB128, bytes): the
//	            record's id, and for writes its marks as package audit packs them
//	checkpoint  the C2SP signed note over what is above; what reaches beyond its
//	            size is unfinished and does not count
//	vkey        the log's verifier key, pinned at first use
//	seen        when the log was looked at last, JSON
//	alarm       the first thing that did not fit, JSON; a person has to look
//
// The feed that a house gives out is a mirror itself, made of its database, and
// its first three files are those of every mirror, byte for byte as far as both
// reach. It holds hashes, codes and random ids; no name, address or amount.
package witness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// The files of a mirror.
const (
	HashesFile     = "hashes"
	NamesFile      = "names"
	CheckpointFile = "checkpoint"
	keyFile        = "vkey"
	seenFile       = "seen"
	alarmFile      = "alarm"
	lockFile       = "lock"
)

// Leaf is what a mirror keeps of one record.
type Leaf struct {
	Hash  tlog.Hash
	ID    string // of the record
	Marks []byte // rows it wrote, as audit.EncodeMarks packs them
}

// Log is where a mirror grows from: a signed note, and the leaves between two
// sizes in order. namesAt is where the names of leaf from begin in a mirror.
type Log struct {
	Checkpoint func(ctx context.Context) ([]byte, error)
	Leaves     func(ctx context.Context, from, to, namesAt int64, add func(Leaf) error) error
}

// Mirror is one open folder.
type Mirror struct {
	dir   string
	vkey  string
	key   note.Verifier
	tree  audit.Replay
	names int64  // bytes of names that count
	note  []byte // the checkpoint; nil: nothing mirrored yet
	lock  *os.File
}

// Open opens a mirror for growing, or makes it. The log's verifier key is
// pinned at first use and may be left out afterwards. All of it is read and
// proven; what a crash left unfinished is cut off. Faults: Refused
// "witness.no_key", "witness.other_key", "witness.harmed", "witness.busy";
// Unavailable "witness.write".
func Open(dir, vkey string) (*Mirror, error) {
	m := &Mirror{dir: dir}
	err := m.prepare(vkey)
	if err == nil {
		err = m.load()
	}
	if err == nil {
		err = m.cut()
	}
	if err != nil {
		_ = m.Close()
		return nil, m.trouble(err)
	}
	return m, nil
}

// Read opens a mirror only to compare with it, also while a witness grows it.
func Read(dir string) (*Mirror, error) {
	m := &Mirror{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Refused("witness.no_mirror", "dir", dir)
	}
	if err == nil {
		err = m.pin(string(b))
	}
	if err == nil {
		err = m.load()
	}
	return m, m.trouble(err)
}

// trouble says what the system's faults mean to a person.
func (m *Mirror) trouble(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	return fault.Unavailable("witness.write", "dir", m.dir).Because(err)
}

func (m *Mirror) path(name string) string { return filepath.Join(m.dir, name) }

func (m *Mirror) pin(vkey string) (err error) {
	m.vkey = strings.TrimSpace(vkey)
	if m.key, err = note.NewVerifier(m.vkey); err != nil {
		return fault.Invalid("witness.key_form").Because(err)
	}
	return nil
}

func (m *Mirror) prepare(vkey string) (err error) {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	if m.lock, err = os.OpenFile(m.path(lockFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := machine.Lock(m.lock, false); err != nil {
		return fault.Refused("witness.busy", "dir", m.dir).Because(err)
	}
	vkey = strings.TrimSpace(vkey)
	pinned, err := os.ReadFile(m.path(keyFile))
	switch {
	case err == nil && vkey != "" && strings.TrimSpace(string(pinned)) != vkey:
		return fault.Refused("witness.other_key", "dir", m.dir)
	case err == nil:
		return m.pin(string(pinned))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case vkey == "":
		return fault.Refused("witness.no_key", "dir", m.dir)
	}
	if _, err := os.Lstat(m.path(CheckpointFile)); err == nil { // a mirror whose key was taken away is not pinned anew
		return fault.Refused("witness.harmed", "dir", m.dir, "file", keyFile)
	}
	if err := m.pin(vkey); err != nil {
		return err
	}
	return m.replace(keyFile, []byte(vkey+"\n"))
}

// load proves what is there.
func (m *Mirror) load() error {
	b, err := os.ReadFile(m.path(CheckpointFile))
	harmed := func(file string, cause error) error {
		return fault.Refused("witness.harmed", "dir", m.dir, "file", file).Because(cause)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(m.path(seenFile)); err == nil { // it had looked: what is there is evidence, not a beginning
			return harmed(CheckpointFile, nil)
		}
		return nil
	} else if err != nil {
		return err
	}
	c, err := audit.ParseCheckpoint(b, m.key.Name(), m.key)
	if err != nil {
		return harmed(CheckpointFile, err)
	}
	n := int64(0)
	err = m.Hashes(0, c.Size, func(_ int64, h tlog.Hash) error { m.tree.AddHash(h); return nil })
	if err != nil || m.tree.Root() != c.Root {
		return harmed(HashesFile, err)
	}
	err = m.Names(0, c.Size, func(_ int64, id string, marks []byte) error {
		n += nameSize(id, marks)
		return nil
	})
	if err != nil {
		return harmed(NamesFile, err)
	}
	m.names, m.note = n, b
	return nil
}

// cut takes away what was being written when the power went.
func (m *Mirror) cut() error {
	for file, size := range map[string]int64{HashesFile: m.tree.Size() * tlog.HashSize, NamesFile: m.names} {
		st, err := os.Stat(m.path(file))
		if errors.Is(err, fs.ErrNotExist) && size == 0 {
			continue
		}
		if err == nil && st.Size() > size {
			err = os.Truncate(m.path(file), size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close lets another process have the mirror.
func (m *Mirror) Close() error {
	if m.lock == nil {
		return nil
	}
	return m.lock.Close()
}

// Size is how many leaves are mirrored.
func (m *Mirror) Size() int64 { return m.tree.Size() }

// Root is the root over them.
func (m *Mirror) Root() tlog.Hash { return m.tree.Root() }

// Key is the pinned verifier key.
func (m *Mirror) Key() string { return m.vkey }

// Hashes gives the leaf hashes in [from, to) in order.
func (m *Mirror) Hashes(from, to int64, f func(leaf int64, h tlog.Hash) error) error {
	if from >= to {
		return nil
	}
	file, err := os.Open(m.path(HashesFile))
	if err != nil {
		return err
	}
	defer file.Close()
	return hashes(io.NewSectionReader(file, from*tlog.HashSize, (to-from)*tlog.HashSize), from, to, f)
}

func hashes(r io.Reader, from, to int64, f func(leaf int64, h tlog.Hash) error) error {
	b := bufio.NewReaderSize(r, 1<<16)
	for i := from; i < to; i++ {
		var h tlog.Hash
		if _, err := io.ReadFull(b, h[:]); err != nil {
			return cut(err)
		}
		if err := f(i, h); err != nil {
			return err
		}
	}
	return nil
}

// Names gives ids and marks of the leaves in [from, to) in order.
func (m *Mirror) Names(from, to int64, f func(leaf int64, id string, marks []byte) error) error {
	if from >= to {
		return nil
	}
	file, err := os.Open(m.path(NamesFile))
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<16)
	for i := range to {
		id, marks, err := readName(r)
		if err != nil {
			return err
		}
		if i < from {
			continue
		}
		if err := f(i, id, marks); err != nil {
			return err
		}
	}
	return nil
}

var errCut = errors.New("witness: a file ends too early")

// cut is for files that end before they should.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// name packs the names of one leaf.
func name(id string, marks []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(id)))
	b = append(b, id...)
	b = binary.AppendUvarint(b, uint64(len(marks)))
	return append(b, marks...)
}

func nameSize(id string, marks []byte) int64 {
	size := func(n int) int64 {
		var b [binary.MaxVarintLen64]byte
		return int64(binary.PutUvarint(b[:], uint64(n)) + n)
	}
	return size(len(id)) + size(len(marks))
}

const fieldMax = 1 << 30

func readName(r *bufio.Reader) (id string, marks []byte, err error) {
	field := func() ([]byte, error) {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, cut(err)
		}
		if n > fieldMax {
			return nil, errors.New("witness: a length cannot be right")
		}
		if n <= 1<<16 {
			b := make([]byte, n)
			_, err := io.ReadFull(r, b)
			return b, cut(err)
		}
		var b bytes.Buffer // grows with what is really there
		if _, err := io.CopyN(&b, r, int64(n)); err != nil {
			return nil, cut(err)
		}
		return b.Bytes(), nil
	}
	i, err := field()
	if err == nil {
		marks, err = field()
	}
	return string(i), marks, err
}
