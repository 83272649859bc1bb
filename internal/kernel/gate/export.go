package gate

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/machine"
)

const (
	exportPage = 500
	// A hole in the numbers is written as empty records, so that what follows
	// keeps its number; one leaf with a forged number must not fill the disk.
	exportHole = 1 << 20
)

// Export writes the sealed log, as of one snapshot, into a new folder in the
// format of decisions 002 and 030: vkey, leaves, hashes, checkpoints. Payloads stay sealed. What
// is stored is written as it is, damaged or not: judging is the verifier's task.
// Under its name the folder appears whole or not at all, and only after a record
// of the export is durable. progress, which may be nil, hears of every page.
// Faults: Refused "export.exists"; Unavailable "export.write" and of the database.
func (g *Gate) Export(ctx context.Context, dir string, progress func(what string, done int64)) error {
	if progress == nil {
		progress = func(string, int64) {}
	}
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return fault.Unavailable("export.write", "dir", dir).Because(err)
		}
		return fault.Refused("export.exists", "dir", dir)
	}
	var p *fs.PathError
	var l *os.LinkError
	err := g.export(ctx, dir, progress)
	if errors.As(err, &p) || errors.As(err, &l) {
		return fault.Unavailable("export.write", "dir", dir).Because(err)
	}
	return trouble(err)
}

func (g *Gate) export(ctx context.Context, dir string, progress func(string, int64)) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".unfinished-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // after the rename nothing has this name
	t, err := g.db.Begin(ctx, db.ReadOnly)
	if err != nil {
		return err
	}
	defer t.Rollback()
	e := exporter{ctx: ctx, t: t, tick: progress}
	for _, part := range []struct {
		name string
		body func(*bufio.Writer) error
	}{
		{"vkey", func(w *bufio.Writer) error { _, err := w.WriteString(g.ring.LogVerifier() + "\n"); return err }},
		{"leaves", e.leaves},
		{"hashes", e.hashes},
		{"checkpoints", e.checkpoints},
	} {
		if err := writeFile(filepath.Join(tmp, part.name), part.body); err != nil {
			return err
		}
	}
	t.Rollback()
	if err := g.recordExport(ctx, e.next); err != nil {
		return err
	}
	if err := errors.Join(machine.SyncDir(tmp), os.Rename(tmp, dir)); err != nil {
		return err
	}
	return machine.SyncDir(filepath.Dir(dir))
}

// recordExport leaves a record that the log, up to size, was taken out.
func (g *Gate) recordExport(ctx context.Context, size int64) error {
	r := g.blank(System("export"), "audit.export")
	r.Outcome, r.Kind, r.Target = audit.OK, "log", fmt.Sprint(size)
	body, err := r.Encode()
	if err == nil {
		err = g.access.put(ctx, pending{id: r.ID, at: r.At, body: body, payload: []byte{}, marks: []byte{}})
	}
	if err != nil {
		return fault.Unavailable("gate.no_record").Because(err)
	}
	return nil
}

// exporter streams the log out of one snapshot.
type exporter struct {
	ctx  context.Context
	t    *db.Tx
	next int64 // the leaf to write next
	tick func(what string, done int64)
}

func (e *exporter) leaves(w *bufio.Writer) error {
	for {
		n, err := e.leafPage(w)
		if err != nil {
			return err
		}
		e.tick("leaves", e.next)
		if n < exportPage {
			return nil
		}
	}
}

func (e *exporter) leafPage(w *bufio.Writer) (n int, err error) {
	rows, err := e.t.Query(e.ctx, `SELECT leaf, body, payload, marks FROM audit_log WHERE leaf >= $1 ORDER BY leaf LIMIT $2`, e.next, exportPage)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var leaf int64
		var body, payload, marks []byte
		if err := rows.Scan(&leaf, &body, &payload, &marks); err != nil {
			return n, err
		}
		if leaf-e.next > exportHole {
			return n, fault.Refused("export.hole", "leaf", e.next, "next", leaf)
		}
		for ; e.next < leaf; e.next++ {
			if err := fields(w, nil, nil, nil); err != nil {
				return n, err
			}
		}
		if err := fields(w, body, payload, marks); err != nil {
			return n, err
		}
		e.next++
	}
	return n, rows.Err()
}

// hashes writes the leaf hashes as they were signed, out of the tiles: with them
// an altered leaf is named, not only the checkpoints around it.
func (e *exporter) hashes(w *bufio.Writer) error {
	for n := int64(0); n*tileWidth < e.next; n++ {
		raw, err := one[[]byte](e.ctx, e.t, `SELECT hashes FROM audit_tile WHERE level = 0 AND n = $1`, n)
		if err == nil {
			_, err = w.Write(raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) checkpoints(w *bufio.Writer) error {
	after, n := int64(-1), exportPage
	for n == exportPage {
		rows, err := e.t.Query(e.ctx, `SELECT size, note FROM audit_checkpoint WHERE size > $1 ORDER BY size LIMIT $2`, after, exportPage)
		if err != nil {
			return err
		}
		for n = 0; err == nil && rows.Next(); n++ {
			var note []byte
			if err = rows.Scan(&after, &note); err == nil {
				err = fields(w, note)
			}
		}
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return err
		}
		e.tick("checkpoints", after)
	}
	return nil
}

// fields writes each as its length (unsigned LEB128) and its bytes.
func fields(w *bufio.Writer, list ...[]byte) error {
	for _, f := range list {
		var head [binary.MaxVarintLen64]byte
		if _, err := w.Write(binary.AppendUvarint(head[:0], uint64(len(f)))); err != nil {
			return err
		}
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, body func(*bufio.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	if err = body(w); err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	return errors.Join(err, f.Close())
}
