package witness

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// Fork is what does not fit: the log no longer is what was mirrored. Nothing of
// it was taken over.
type Fork struct {
	Key  string // "witness.shorter", "witness.rewritten", "witness.unproven", "witness.forged"
	Have int64  // leaves mirrored
	Size int64  // leaves the log's new checkpoint names; -1: it cannot be read
	Leaf int64  // the first leaf that differs; -1: not known
	Note []byte // the checkpoint that does not fit: signed, it is evidence
}

// Error gives the key.
func (f *Fork) Error() string { return f.Key }

// Fault is the sentence for a person.
func (f *Fork) Fault() *fault.Error {
	return fault.Refused(f.Key, "have", f.Have, "size", f.Size, "leaf", f.Leaf)
}

// From is the log of a feed or of another mirror.
func (p *Place) From() Log {
	return Log{
		Checkpoint: func(ctx context.Context) ([]byte, error) { return p.small(ctx, CheckpointFile) },
		Leaves: func(ctx context.Context, from, to, namesAt int64, add func(Leaf) error) error {
			hr, nr := p.open(ctx, HashesFile, from*tlog.HashSize), p.open(ctx, NamesFile, namesAt)
			defer hr.close()
			defer nr.close()
			names := bufio.NewReaderSize(nr, 1<<16)
			return hashes(hr, from, to, func(_ int64, h tlog.Hash) error {
				id, marks, err := readName(names)
				if err != nil {
					return err
				}
				return add(Leaf{h, id, marks})
			})
		},
	}
}

// Grow takes over what is new in l, if it continues what is mirrored, and says
// how many leaves that were. A *Fork if it does not; fault Unavailable
// "witness.unread" if l cannot be read now.
func (m *Mirror) Grow(ctx context.Context, l Log) (int64, error) {
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return 0, unread(err)
	}
	have := m.tree.Size()
	if len(signed) == 0 && have == 0 { // a log without a record
		return 0, nil
	}
	c, err := audit.ParseCheckpoint(signed, m.key.Name(), m.key)
	fork := func(key string, size, leaf int64) error {
		return &Fork{Key: key, Have: have, Size: size, Leaf: leaf, Note: signed}
	}
	switch {
	case err != nil:
		return 0, fork("witness.forged", -1, -1)
	case c.Size < have:
		return 0, fork("witness.shorter", c.Size, c.Size)
	case c.Size == have && c.Root != m.tree.Root() && have > 0:
		return 0, fork("witness.rewritten", c.Size, m.differs(ctx, l))
	case c.Size == have:
		return 0, nil
	}
	tree, names, err := m.append(ctx, l, c.Size)
	if err == nil && tree.Root() != c.Root {
		if at := m.differs(ctx, l); at >= 0 {
			err = fork("witness.rewritten", c.Size, at)
		} else {
			err = fork("witness.unproven", c.Size, -1)
		}
	}
	if err != nil {
		return 0, errors.Join(err, m.cut())
	}
	if err := m.replace(CheckpointFile, signed); err != nil {
		return 0, m.trouble(err)
	}
	m.tree, m.names, m.note = tree, names, signed
	return c.Size - have, nil
}

func unread(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.Unavailable("witness.unread").Because(err)
}

// append writes leaves behind what counts, durably, without making them count.
func (m *Mirror) append(ctx context.Context, l Log, size int64) (tree audit.Replay, names int64, err error) {
	tree, names = m.tree.Clone(), m.names
	var files [2]*os.File
	var w [2]*bufio.Writer
	for i, at := range []struct {
		name string
		from int64
	}{{HashesFile, tree.Size() * tlog.HashSize}, {NamesFile, names}} {
		if files[i], err = os.OpenFile(m.path(at.name), os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
			defer files[i].Close()
			_, err = files[i].Seek(at.from, io.SeekStart)
		}
		if err != nil {
			return tree, names, m.trouble(err)
		}
		w[i] = bufio.NewWriterSize(files[i], 1<<16)
	}
	var writing error
	err = l.Leaves(ctx, m.tree.Size(), size, m.names, func(f Leaf) error {
		tree.AddHash(f.Hash)
		n := name(f.ID, f.Marks)
		names += int64(len(n))
		_, e1 := w[0].Write(f.Hash[:])
		_, e2 := w[1].Write(n)
		writing = errors.Join(e1, e2)
		return writing
	})
	switch {
	case writing != nil:
		return tree, names, m.trouble(writing)
	case err != nil:
		return tree, names, unread(err)
	case tree.Size() != size:
		return tree, names, unread(errCut)
	}
	return tree, names, m.trouble(errors.Join(w[0].Flush(), w[1].Flush(), files[0].Sync(), files[1].Sync()))
}

var errDiffers = errors.New("witness: differs")

// differs is the first mirrored leaf that l has otherwise; -1 if there is none
// or it cannot be told.
func (m *Mirror) differs(ctx context.Context, l Log) int64 {
	file, err := os.Open(m.path(HashesFile))
	if err != nil {
		return -1
	}
	defer file.Close()
	ours := bufio.NewReaderSize(file, 1<<16)
	at, i := int64(-1), int64(0)
	_ = l.Leaves(ctx, 0, m.tree.Size(), 0, func(f Leaf) error {
		var h tlog.Hash
		if _, err := io.ReadFull(ours, h[:]); err != nil {
			return err
		}
		if h != f.Hash {
			at = i
			return errDiffers
		}
		i++
		return nil
	})
	return at
}

// Seen is when a witness looked, and what it has.
type Seen struct {
	At   time.Time `json:"at"`
	Size int64     `json:"size"`
}

// Look notes that the log was looked at and fitted.
func (m *Mirror) Look(now time.Time) error {
	b, err := json.Marshal(Seen{now.UTC().Truncate(time.Second), m.tree.Size()})
	if err == nil {
		err = m.replace(seenFile, append(b, '\n'))
	}
	return m.trouble(err)
}

// Alarm is the first thing that did not fit, with both checkpoints: signed by
// one key, they cannot both be honest.
type Alarm struct {
	At   time.Time `json:"at"`
	Key  string    `json:"key"`
	Have int64     `json:"have"`
	Size int64     `json:"size"`
	Leaf int64     `json:"leaf"`
	Ours string    `json:"ours"`
	New  string    `json:"new"`
}

// Raise keeps a fork for good; the first one stays.
func (m *Mirror) Raise(now time.Time, f *Fork) error {
	if _, err := os.Lstat(m.path(alarmFile)); err == nil {
		return nil
	}
	b, err := json.Marshal(Alarm{now.UTC().Truncate(time.Second), f.Key, f.Have, f.Size, f.Leaf, string(m.note), string(f.Note)})
	if err == nil {
		err = m.replace(alarmFile, append(b, '\n'))
	}
	return m.trouble(err)
}

// State is what a witness says of itself.
type State struct {
	Checkpoint []byte // nil: nothing mirrored yet
	Seen       Seen
	Alarm      *Alarm
}

// State reads what the witness at p says, without proving its hashes. Fault
// Unavailable "witness.unread".
func (p *Place) State(ctx context.Context) (State, error) {
	var s State
	var err error
	if s.Checkpoint, err = p.small(ctx, CheckpointFile); errors.Is(err, errNone) {
		s.Checkpoint = nil
	} else if err != nil {
		return s, unread(err)
	}
	for file, into := range map[string]any{seenFile: &s.Seen, alarmFile: &s.Alarm} {
		b, err := p.small(ctx, file)
		if errors.Is(err, errNone) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			return s, unread(err)
		}
	}
	return s, nil
}

// replace puts a small file in place whole, durably.
func (m *Mirror) replace(file string, b []byte) error {
	tmp := m.path("." + file + ".new")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = machine.Replace(tmp, m.path(file))
	}
	if err != nil {
		return err
	}
	return machine.SyncDir(m.dir)
}
