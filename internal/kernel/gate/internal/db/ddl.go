package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Schema texts use five column types (TEXT, BIGINT, BOOLEAN, BYTEA, DATE) and
// no NULL; DDL spells them for the engine. DATE is an ISO text, which sorts
// by itself. PostgreSQL compares text by bytes, as SQLite does.
var types = regexp.MustCompile(`\b(TEXT|BIGINT|BOOLEAN|BYTEA|DATE)\b`)

var (
	liteTypes = map[string]string{"TEXT": "TEXT", "BIGINT": "INTEGER", "BOOLEAN": "INTEGER", "BYTEA": "BLOB", "DATE": "TEXT"}
	pgTypes   = map[string]string{"TEXT": `TEXT COLLATE "C"`, "BIGINT": "BIGINT", "BOOLEAN": "BOOLEAN", "BYTEA": "BYTEA", "DATE": `TEXT COLLATE "C"`}
)

// A table of small rows may end with WITHOUT ROWID: on SQLite it is then one
// tree instead of two, half the pages of a commit. PostgreSQL has no such word.
const withoutRowid = "WITHOUT ROWID"

// DDL spells one statement for the engine.
func (d *DB) DDL(stmt string) string {
	m := pgTypes
	if d.Lite {
		m = liteTypes
	}
	s := types.ReplaceAllStringFunc(stmt, func(w string) string { return m[w] })
	body, clustered := strings.CutSuffix(s, withoutRowid)
	switch {
	case !d.Lite:
		return body
	case clustered:
		return body + "STRICT, " + withoutRowid
	case strings.HasPrefix(strings.ToUpper(s), "CREATE TABLE"):
		return s + " STRICT"
	}
	return s
}

// Statements splits a schema text at the semicolons that end a line.
func Statements(text string) []string {
	var out []string
	var b strings.Builder
	for _, line := range strings.Split(text, "\n") {
		code, _, _ := strings.Cut(line, "--")
		code = strings.TrimRight(code, " \t")
		if strings.TrimSpace(code) == "" {
			continue
		}
		end := strings.HasSuffix(code, ";")
		b.WriteString(strings.TrimSuffix(code, ";"))
		b.WriteByte('\n')
		if end {
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	if s := strings.TrimSpace(b.String()); s != "" {
		out = append(out, s)
	}
	return out
}

// Schema is a module's migrations: schema/NNN_name.sql, forward only.
type Schema struct {
	Module string
	Files  fs.FS
}

const migrationTable = `CREATE TABLE IF NOT EXISTS gate_migration (
	module TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (module, name)
)`

// ErrNewer means that the database was written by a newer Sekisho.
var ErrNewer = errors.New("db: the database was written by a newer version")

// Migrate applies what is missing, in one transaction, under a lock. A file
// that was applied may never change: its checksum is kept and compared.
func (d *DB) Migrate(ctx context.Context, now time.Time, schemas []Schema) error {
	t, err := d.Begin(ctx, Write, "gate.migrate")
	if err != nil {
		return err
	}
	defer t.Rollback()
	if _, err := t.Exec(ctx, d.DDL(migrationTable)); err != nil {
		return err
	}
	done, err := applied(ctx, t)
	if err != nil {
		return err
	}
	for _, s := range schemas {
		if err := d.apply(ctx, t, now, s, done); err != nil {
			return err
		}
	}
	for k := range done {
		return fmt.Errorf("%w: it has %s, which this one does not know", ErrNewer, k)
	}
	return t.Commit()
}

func applied(ctx context.Context, t *Tx) (map[string]string, error) {
	rows, err := t.Query(ctx, `SELECT module, name, sha256 FROM gate_migration ORDER BY module, name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	done := map[string]string{}
	for rows.Next() {
		var m, n, h string
		if err := rows.Scan(&m, &n, &h); err != nil {
			return nil, err
		}
		done[m+"/"+n] = h
	}
	return done, rows.Err()
}

func (d *DB) apply(ctx context.Context, t *Tx, now time.Time, s Schema, done map[string]string) error {
	return d.migrations(s, func(n, key, sum, text string) error {
		if old, ok := done[key]; ok {
			if old != sum {
				return fmt.Errorf("db: %s was changed after it had been applied", key)
			}
			delete(done, key)
			return nil
		}
		return d.applyOne(ctx, t, now, s.Module, n, key, sum, text)
	})
}

// Names are the keys of a module's migrations, in order.
func (s Schema) Names() []string {
	names, err := fs.Glob(s.Files, "schema/*.sql")
	if err != nil {
		return nil // the pattern is well formed
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = s.Module + "/" + n
	}
	return names
}

// migrations gives every migration of a module in order: its file, its key
// "module/file", its checksum and its text.
func (d *DB) migrations(s Schema, f func(n, key, sum, text string) error) error {
	names, err := fs.Glob(s.Files, "schema/*.sql")
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, n := range names {
		b, err := fs.ReadFile(s.Files, n)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		if err := f(n, s.Module+"/"+n, hex.EncodeToString(sum[:]), string(b)); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) applyOne(ctx context.Context, t *Tx, now time.Time, module, n, key, sum, text string) error {
	for _, stmt := range Statements(text) {
		if _, err := t.Exec(ctx, d.DDL(stmt)); err != nil {
			return fmt.Errorf("db: %s: %w\n%s", key, err, stmt)
		}
	}
	_, err := t.Exec(ctx, `INSERT INTO gate_migration(module, name, sha256, at) VALUES ($1, $2, $3, $4)`, module, n, sum, now.UnixMicro())
	return err
}
