package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
)

var key = bytes.Repeat([]byte{7}, 32)

func open(t *testing.T) *DB {
	d, err := Open(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "a home#1 ?50%"), Key: key, Cache: os.Getenv("SEKISHO_TEST_CACHE")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func exec(t *testing.T, d *DB, q string, args ...any) {
	t.Helper()
	x, err := d.Begin(t.Context(), Write)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Exec(t.Context(), d.DDL(q), args...); err != nil {
		t.Fatal(err)
	}
	if err := x.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Nothing on disk is readable: not the file, not the WAL, not a copy.
func TestC72_LiteFilesAreEncryptedWhole(t *testing.T) {
	d := open(t)
	const canary = "PLANTED-CANARY-株式会社北斗"
	exec(t, d, `CREATE TABLE t (id TEXT PRIMARY KEY, b BOOLEAN NOT NULL)`)
	exec(t, d, `INSERT INTO t VALUES ($1, $2)`, canary, true)
	dst := filepath.Join(t.TempDir(), "copy of it.db")
	if err := d.Copy(t.Context(), dst, bytes.Repeat([]byte{9}, 32)); err != nil {
		t.Fatal(err)
	}
	files := []string{dst}
	found, _ := filepath.Glob(filepath.Join(d.cfg.Dir, "*"))
	for _, f := range append(files, found...) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		if bytes.Contains(b, []byte("CANARY")) || bytes.HasPrefix(b, []byte("SQLite format")) {
			t.Errorf("%s is readable", filepath.Base(f))
		}
	}
	other, err := connect(t.Context(), dst, bytes.Repeat([]byte{9}, 32), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	var got string
	if err := other.c.QueryRowContext(t.Context(), `SELECT id FROM t`).Scan(&got); err != nil || got != canary {
		t.Fatal(got, err)
	}
	if bad, err := Open(t.Context(), Config{Dir: d.cfg.Dir, Key: bytes.Repeat([]byte{8}, 32)}); err == nil {
		bad.Close()
		t.Fatal("another key opened it")
	} else if Trouble(err) != "key" {
		t.Fatal(err)
	}
}

func TestStatements(t *testing.T) {
	got := Statements("CREATE TABLE a (\n  x TEXT NOT NULL -- why; not\n);\nCREATE INDEX i ON a(x);\n-- end\n")
	if len(got) != 2 || got[0] != "CREATE TABLE a (\n  x TEXT NOT NULL\n)" || got[1] != "CREATE INDEX i ON a(x)" {
		t.Fatalf("%q", got)
	}
	d := &DB{Lite: true}
	if s := d.DDL(got[0]); s != "CREATE TABLE a (\n  x TEXT NOT NULL\n) STRICT" {
		t.Fatal(s)
	}
	if s := d.DDL(got[1]); s != "CREATE INDEX i ON a(x)" {
		t.Fatal(s)
	}
}

// What a full disk looks like from the engine; the second is what ncruces makes
// of ENOSPC below an encrypted file (seen on a full tmpfs).
func TestR12_AFullDiskIsCalledFull(t *testing.T) {
	for err, want := range map[error]string{
		sqlite3.FULL: "full", sqlite3.IOERR_WRITE: "full", fmt.Errorf("a: %w", syscall.ENOSPC): "full",
		sqlite3.IOERR_READ: "gone", sqlite3.NOTADB: "key", context.DeadlineExceeded: "slow",
		errors.Join(errLost, context.Canceled): "", errors.Join(errLost, errors.New("EOF")): "gone", errors.New("other"): "",
	} {
		if got := Trouble(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestReadersDoNotWrite(t *testing.T) {
	d := open(t)
	exec(t, d, `CREATE TABLE t (id TEXT PRIMARY KEY)`)
	x, err := d.Begin(t.Context(), ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Rollback()
	if _, err := x.Exec(t.Context(), `INSERT INTO t VALUES ('a')`); err == nil {
		t.Fatal("a reader wrote")
	}
}

func TestAccessFileDoesNotWaitForTheWriter(t *testing.T) {
	d := open(t)
	w, err := d.Begin(t.Context(), Write)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Rollback()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	a, err := d.BeginAccess(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Exec(ctx, `INSERT INTO audit_pending VALUES (1, 'a', 1, x'01', x'02', x'', x'03')`); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := d.EachAccess(ctx, func(x *Tx) error {
		rows, err := x.Query(ctx, `SELECT id FROM audit_pending`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			n++
		}
		return rows.Err()
	}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}
